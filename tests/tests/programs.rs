//! Real programs in C do the same natively and through the whole toolchain: `wamrc-rs` compiles them, `iwasm-rs` runs them,
//! without frames and with them in every way.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use xtask::builder::Builder;
use xtask::clang::Target;
use xtask::measure;
use xtask::programs::{self, DIRECTORY, Invocation};
use xtask::tools::{Frames, Tools};
use xtask::workspace;

/// The name under which a sandboxed program sees the folder it may use.
const GUEST_DIRECTORY: &str = "/work";

macro_rules! program_tests {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() -> Result<()> {
                same_as_native($name)
            }
        )*

        #[test]
        fn every_program_has_a_test() {
            let tested = [$($name),*];
            for program in programs::PROGRAMS {
                assert!(tested.contains(&program.name), "{} has no test", program.name);
            }
        }
    };
}

program_tests! {
    sqlite: "sqlite",
    zstd: "zstd",
    lz4: "lz4",
    bzip2: "bzip2",
    zlib: "zlib",
    brotli: "brotli",
    lua: "lua",
    kernels: "kernels",
    fannkuch: "fannkuch",
    binary_trees: "binary-trees",
    nbody: "nbody",
    fib: "fib",
    interpreter: "interpreter",
    threaded: "threaded",
    vectors: "vectors",
}

/// What can be seen of a run from outside.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    exit_code: Option<i32>,
    stdout: String,
    /// Content of the folder that the program could write to.
    files: BTreeMap<PathBuf, Vec<u8>>,
}

fn same_as_native(name: &str) -> Result<()> {
    let (tools, builder) = tools()?;
    let program = programs::find(name).context("no such program")?;
    let native = builder.build(program, Target::Native)?;
    let wasm = builder.build(program, Target::Wasm)?;
    let expected: Vec<Outcome> = program
        .checks
        .iter()
        .map(|check| {
            outcome(check, |folder| {
                (Command::new(&native), folder.display().to_string())
            })
        })
        .collect::<Result<_>>()?;
    for frames in Frames::ALL {
        let aot = builder.aot(tools, &wasm, frames.flags())?;
        for (check, expected) in program.checks.iter().zip(&expected) {
            let found = outcome(check, |folder| {
                let mut iwasm = Command::new(&tools.iwasm);
                iwasm
                    .arg(format!("--map-dir={GUEST_DIRECTORY}::{}", folder.display()))
                    .arg(&aot);
                (iwasm, GUEST_DIRECTORY.to_owned())
            })?;
            compare(expected, &found).with_context(|| {
                format!("{name} {:?} with frames {}", check.arguments, frames.name())
            })?;
        }
    }
    Ok(())
}

/// Runs a program in a fresh folder. `command` gives the program and the folder's name as the program knows it.
fn outcome(
    check: &Invocation,
    command: impl FnOnce(&Path) -> (Command, String),
) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let (mut command, name) = command(folder.path());
    command.args(
        check
            .arguments
            .iter()
            .map(|argument| argument.replace(DIRECTORY, &name)),
    );
    let stdin = check
        .stdin
        .map(|file| File::open(workspace::programs().join(file)))
        .transpose()?;
    let run = measure::run(&mut command, stdin)?;
    // What is said about errors has the program's own name in it, so it is shown but not compared.
    eprint!("{}", String::from_utf8_lossy(&run.stderr));
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder.path())? {
        let path = entry?.path();
        files.insert(
            path.file_name().unwrap_or_default().into(),
            fs::read(&path)?,
        );
    }
    Ok(Outcome {
        exit_code: run.status.code(),
        stdout: String::from_utf8(run.stdout).context("the program's output")?,
        files,
    })
}

fn compare(expected: &Outcome, found: &Outcome) -> Result<()> {
    ensure!(
        expected.stdout == found.stdout && expected.exit_code == found.exit_code,
        "natively, exit code {:?}:\n{}\nthrough the toolchain, exit code {:?}:\n{}",
        expected.exit_code,
        expected.stdout,
        found.exit_code,
        found.stdout
    );
    for name in expected.files.keys().chain(found.files.keys()) {
        let sizes = [expected, found].map(|outcome| outcome.files.get(name).map(Vec::len));
        ensure!(
            expected.files.get(name) == found.files.get(name),
            "{} differs: sizes {sizes:?}",
            name.display()
        );
    }
    Ok(())
}

/// The binaries and the sources, made once for all tests of this process.
fn tools() -> Result<&'static (Tools, Builder)> {
    static TOOLS: OnceLock<Result<(Tools, Builder), String>> = OnceLock::new();
    let made = TOOLS.get_or_init(|| {
        let make = || -> Result<_> { Ok((Tools::build()?, Builder::new()?)) };
        make().map_err(|error| format!("{error:#}"))
    });
    match made {
        Ok(made) => Ok(made),
        Err(error) => bail!("{error}"),
    }
}
