//! Real programs do the same natively and through the toolchain: their output, their exit code, and the files they write.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::builder::Builder;
use crate::clang::Target;
use crate::measure;
use crate::programs::{DIRECTORY, Invocation, Program};
use crate::workspace;

/// The name under which a sandboxed program sees the folder it may use.
const GUEST_DIRECTORY: &str = "/work";

/// What can be seen of a run from outside.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// As a shell shows it: 128 and the number of the signal that ended the program.
    exit_code: Option<i32>,
    stdout: String,
    /// Content of the folder that the program could write to.
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// A program with what its native build does.
#[derive(Debug)]
pub struct Reference {
    program: &'static Program,
    /// The program as WebAssembly.
    pub wasm: PathBuf,
    outcomes: Vec<Outcome>,
}

impl Reference {
    /// Builds a program and runs its checks natively.
    ///
    /// # Errors
    /// It does not build, or cannot be run.
    pub fn new(builder: &Builder, program: &'static Program) -> Result<Self> {
        let native = builder.build(program, Target::Native)?;
        let wasm = builder.build(program, Target::Wasm)?;
        let outcome = |check| {
            outcome(check, |folder| {
                (Command::new(&native), folder.display().to_string())
            })
        };
        Ok(Reference {
            program,
            wasm,
            outcomes: program.checks.iter().map(outcome).collect::<Result<_>>()?,
        })
    }

    /// Runs the checks of a compiled build, and compares. `iwasm` makes the command of the runtime, without arguments.
    ///
    /// # Errors
    /// Says what differs.
    pub fn compare(&self, aot: &Path, iwasm: impl Fn() -> Command) -> Result<()> {
        for (check, expected) in self.program.checks.iter().zip(&self.outcomes) {
            let found = outcome(check, |folder| {
                let mut iwasm = iwasm();
                iwasm
                    .arg(format!("--map-dir={GUEST_DIRECTORY}::{}", folder.display()))
                    .arg(aot);
                (iwasm, GUEST_DIRECTORY.to_owned())
            })?;
            compare(expected, &found)
                .with_context(|| format!("{} {:?}", self.program.name, check.arguments))?;
        }
        Ok(())
    }
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
        exit_code: run
            .status
            .code()
            .or_else(|| run.status.signal().map(|signal| 128 + signal)),
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
