//! Programs in C that use the operating system through WASI: files, directories, clocks, waiting, ways to end. Their output is
//! what a C programmer expects, and is written down next to them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use xtask::clang::{Clang, Target};
use xtask::process;
use xtask::tools::{Frames, Tools};
use xtask::workspace;

/// One run of a program.
#[derive(Clone, Copy)]
struct Run<'a> {
    options: &'a [&'a str],
    arguments: &'a [&'a str],
    stdin: &'a str,
    exit_code: i32,
    stdout: &'a str,
    /// Must be part of standard error.
    stderr: &'a str,
}

const PLAIN: Run<'static> = Run {
    options: &[],
    arguments: &[],
    stdin: "",
    exit_code: 0,
    stdout: "",
    stderr: "",
};

#[test]
fn arguments_environment_and_streams() -> Result<()> {
    each(
        "arguments",
        |_| Ok(()),
        |_| {
            vec![Run {
                options: &["--env=A=1", "--env=HOME=/h="],
                arguments: &["one", "two words", "", "--help"],
                stdin: "42 word rest\nof it",
                stdout: include_str!("../programs/wasi/arguments.txt"),
                stderr: "on standard error\n",
                ..PLAIN
            }]
        },
    )
}

#[test]
fn ways_to_end() -> Result<()> {
    each(
        "exit_code",
        |_| Ok(()),
        |_| {
            let run = |arguments, exit_code, stdout, stderr| Run {
                arguments,
                exit_code,
                stdout,
                stderr,
                ..PLAIN
            };
            vec![
                run(&["return", "0"], 0, "return 0\ngoodbye\n", ""),
                run(&["return", "3"], 3, "return 3\ngoodbye\n", ""),
                run(&["exit", "255"], 255, "exit 255\ngoodbye\n", ""),
                run(&["deep", "5"], 5, "deep 5\ngoodbye\n", ""),
                run(&["quick", "6"], 6, "quick 6\n", ""),
                run(&["abort"], 134, "abort 0\n", "Exception: unreachable\n"),
            ]
        },
    )
}

#[test]
fn files_through_the_c_library() -> Result<()> {
    in_folder("files", include_str!("../programs/wasi/files.txt"), 0)
}

#[test]
fn directories_and_names() -> Result<()> {
    in_folder(
        "directories",
        include_str!("../programs/wasi/directories.txt"),
        0,
    )
}

#[test]
fn clocks_sleep_poll_and_random_numbers() -> Result<()> {
    each(
        "clocks",
        |_| Ok(()),
        |_| {
            vec![Run {
                stdin: "line\n",
                stdout: include_str!("../programs/wasi/clocks.txt"),
                ..PLAIN
            }]
        },
    )
}

/// The program ends by raising SIGTERM.
#[test]
fn wasi_functions_without_a_c_library_between() -> Result<()> {
    in_folder(
        "calls",
        include_str!("../programs/wasi/calls.txt"),
        128 + 15,
    )
}

#[test]
fn nothing_outside_the_given_directory_is_reached() -> Result<()> {
    each(
        "sandbox",
        |folder| {
            fs::write(folder.join("outside"), "outside")?;
            std::os::unix::fs::symlink("/etc/passwd", folder.join("given/planted"))?;
            Ok(())
        },
        |given| {
            vec![Run {
                options: given,
                arguments: &["/work"],
                stdout: include_str!("../programs/wasi/sandbox.txt"),
                ..PLAIN
            }]
        },
    )
}

/// The program says nothing if it cannot get into its directory.
#[test]
fn without_a_directory_there_are_no_files() -> Result<()> {
    each(
        "sandbox",
        |_| Ok(()),
        |_| {
            let run = |argument| Run {
                arguments: argument,
                exit_code: 1,
                ..PLAIN
            };
            vec![run(&["/work"]), run(&["."]), run(&["/"])]
        },
    )
}

/// Runs a program with a fresh folder as `/work`, which is its argument too.
fn in_folder(name: &str, stdout: &str, exit_code: i32) -> Result<()> {
    each(
        name,
        |_| Ok(()),
        |given| {
            vec![Run {
                options: given,
                arguments: &["/work"],
                exit_code,
                stdout,
                ..PLAIN
            }]
        },
    )
}

/// Does runs of a program, without frames and with explicit ones. `prepare` gets a folder in which `given` exists; `runs` gets
/// the option that gives the program that folder as `/work`.
fn each<'a>(
    name: &str,
    prepare: impl Fn(&Path) -> Result<()>,
    runs: impl for<'b> Fn(&'b [&'b str]) -> Vec<Run<'b>> + 'a,
) -> Result<()> {
    let (tools, clang) = tools()?;
    let folder = tempfile::tempdir()?;
    let wasm = folder.path().join(format!("{name}.wasm"));
    let source = workspace::programs().join("wasi").join(format!("{name}.c"));
    process::capture(
        clang
            .command(Target::Wasm)
            .args(["-O2", "-Wall", "-o"])
            .args([&wasm, &source]),
    )?;
    for frames in Frames::ALL {
        let folder = tempfile::tempdir()?;
        let given = folder.path().join("given");
        fs::create_dir(&given)?;
        prepare(folder.path())?;
        let aot = folder.path().join(format!("{name}.aot"));
        process::capture(&mut tools.compile(&wasm, &aot, frames.flags()))?;
        let option = format!("--map-dir=/work::{}", given.display());
        for run in runs(&[&option]) {
            check(&tools.iwasm, &aot, run)
                .with_context(|| format!("{name} {:?}, frames {}", run.arguments, frames.name()))?;
        }
    }
    Ok(())
}

fn check(iwasm: &Path, aot: &Path, run: Run<'_>) -> Result<()> {
    let mut command = Command::new(iwasm);
    command.args(run.options).arg(aot).args(run.arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        std::io::Write::write_all(&mut stdin, run.stdin.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(run.exit_code) && stdout == run.stdout,
        "expected exit code {} and\n{}\nfound {} and\n{stdout}\nstandard error:\n{stderr}",
        run.exit_code,
        run.stdout,
        output.status
    );
    ensure!(
        stderr.contains(run.stderr),
        "expected on standard error:\n{}\nfound:\n{stderr}",
        run.stderr
    );
    Ok(())
}

/// The binaries and the C compiler, made once for all tests of this process.
fn tools() -> Result<&'static (Tools, Clang)> {
    static TOOLS: OnceLock<Result<(Tools, Clang), String>> = OnceLock::new();
    let made = TOOLS.get_or_init(|| {
        let make = || -> Result<_> { Ok((Tools::build()?, Clang::require()?)) };
        make().map_err(|error| format!("{error:#}"))
    });
    match made {
        Ok(made) => Ok(made),
        Err(error) => bail!("{error}"),
    }
}
