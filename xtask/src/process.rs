//! Running other programs, with errors that show the command line.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The command as one could type it.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| {
        let word = word.to_string_lossy();
        if !word.is_empty()
            && !word.contains(|c: char| c.is_whitespace() || "'\"$&|;<>()*".contains(c))
        {
            word.into_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Runs with the terminal's own input and output.
///
/// # Errors
/// The program cannot be started, or ends other than with 0.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", describe(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", describe(command));
    }
    Ok(())
}

/// Prints the command, then runs it.
///
/// # Errors
/// As [`run`].
pub fn show_and_run(command: &mut Command) -> Result<()> {
    println!("$ {}", describe(command));
    run(command)
}

/// Runs without a word unless it fails; returns what it wrote to standard output.
///
/// # Errors
/// As [`run`], with all that the program wrote; or output that is not UTF-8.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{}`", describe(command)))?;
    if !output.status.success() {
        bail!(
            "`{}` failed: {}\n{}{}",
            describe(command),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("output of `{}`", describe(command)))
}
