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
struct Run {
    options: &'static [&'static str],
    /// Whether it gets a fresh folder as `/work`.
    folder: bool,
    arguments: &'static [&'static str],
    stdin: &'static str,
    exit_code: i32,
    stdout: &'static str,
    /// Must be part of standard error.
    stderr: &'static str,
}

const PLAIN: Run = Run {
    options: &[],
    folder: false,
    arguments: &[],
    stdin: "",
    exit_code: 0,
    stdout: "",
    stderr: "",
};

/// The folder's name is also the argument.
const IN_FOLDER: Run = Run {
    folder: true,
    arguments: &["/work"],
    ..PLAIN
};

#[test]
fn arguments_environment_and_streams() -> Result<()> {
    each(
        "arguments",
        &[Run {
            options: &["--env=A=1", "--env=HOME=/h="],
            arguments: &["one", "two words", "", "--help"],
            stdin: "42 word rest\nof it",
            stdout: include_str!("../programs/wasi/arguments.txt"),
            stderr: "on standard error\n",
            ..PLAIN
        }],
    )
}

#[test]
fn ways_to_end() -> Result<()> {
    let run = |arguments, exit_code, stdout, stderr| Run {
        arguments,
        exit_code,
        stdout,
        stderr,
        ..PLAIN
    };
    each(
        "exit_code",
        &[
            run(&["return", "0"], 0, "return 0\ngoodbye\n", ""),
            run(&["return", "3"], 3, "return 3\ngoodbye\n", ""),
            run(&["exit", "255"], 255, "exit 255\ngoodbye\n", ""),
            run(&["deep", "5"], 5, "deep 5\ngoodbye\n", ""),
            run(&["quick", "6"], 6, "quick 6\n", ""),
            run(&["abort"], 134, "abort 0\n", "Exception: unreachable\n"),
        ],
    )
}

#[test]
fn files_through_the_c_library() -> Result<()> {
    let stdout = include_str!("../programs/wasi/files.txt");
    each(
        "files",
        &[Run {
            stdout,
            ..IN_FOLDER
        }],
    )
}

#[test]
fn directories_and_names() -> Result<()> {
    let stdout = include_str!("../programs/wasi/directories.txt");
    each(
        "directories",
        &[Run {
            stdout,
            ..IN_FOLDER
        }],
    )
}

#[test]
fn clocks_sleep_poll_and_random_numbers() -> Result<()> {
    each(
        "clocks",
        &[Run {
            stdin: "line\n",
            stdout: include_str!("../programs/wasi/clocks.txt"),
            ..PLAIN
        }],
    )
}

#[test]
fn wasi_functions_without_a_c_library_between() -> Result<()> {
    each(
        "calls",
        &[Run {
            stdout: include_str!("../programs/wasi/calls.txt"),
            // The program ends by raising SIGTERM.
            exit_code: 128 + 15,
            ..IN_FOLDER
        }],
    )
}

#[test]
fn nothing_outside_the_given_directory_is_reached() -> Result<()> {
    let stdout = include_str!("../programs/wasi/sandbox.txt");
    each(
        "sandbox",
        &[Run {
            stdout,
            ..IN_FOLDER
        }],
    )
}

/// The program says nothing if it cannot get into its directory.
#[test]
fn without_a_directory_there_are_no_files() -> Result<()> {
    let run = |arguments| Run {
        arguments,
        exit_code: 1,
        ..PLAIN
    };
    each("sandbox", &[run(&["/work"]), run(&["."]), run(&["/"])])
}

/// Does runs of a program, without frames and with them in every way.
fn each(name: &str, runs: &[Run]) -> Result<()> {
    let (tools, clang) = tools()?;
    let folder = tempfile::tempdir()?;
    let wasm = folder.path().join(format!("{name}.wasm"));
    let aot = wasm.with_extension("aot");
    let source = workspace::programs().join("wasi").join(format!("{name}.c"));
    let mut compile = clang.command(Target::Wasm);
    process::capture(compile.args(["-O2", "-Wall", "-o"]).args([&wasm, &source]))?;
    for frames in Frames::ALL {
        process::capture(&mut tools.compile(&wasm, &aot, frames.flags()))?;
        for run in runs {
            check(&tools.iwasm, &aot, run)
                .with_context(|| format!("{name} {:?}, frames {}", run.arguments, frames.name()))?;
        }
    }
    Ok(())
}

fn check(iwasm: &Path, aot: &Path, run: &Run) -> Result<()> {
    // What must stay out of reach lies beside the folder.
    let place = tempfile::tempdir()?;
    let folder = place.path().join("folder");
    fs::create_dir(&folder)?;
    fs::write(place.path().join("outside"), "outside")?;
    let mut command = Command::new(iwasm);
    command.args(run.options);
    if run.folder {
        command.arg(format!("--map-dir=/work::{}", folder.display()));
    }
    command.arg(aot).args(run.arguments);
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
