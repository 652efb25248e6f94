//! cargo-fuzz, built below the target directory, and the compiler that it is used with.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::Mode;
use crate::{process, workspace};

/// Version of cargo-fuzz.
const VERSION: &str = "0.13.2";

fn folder() -> Result<PathBuf> {
    Ok(workspace::target()?.join(format!("tools/cargo-fuzz-{VERSION}")))
}

/// The folder of the binary, for `$PATH`.
///
/// # Errors
/// The target directory is unknown.
pub fn binaries() -> Result<PathBuf> {
    Ok(folder()?.join("bin"))
}

pub(super) fn missing() -> Option<String> {
    let path = match binaries() {
        Ok(folder) => folder.join("cargo-fuzz"),
        Err(error) => return Some(error.to_string()),
    };
    (!path.exists()).then(|| format!("no {}", path.display()))
}

pub(super) fn install(mode: Mode) -> Result<()> {
    let mut cargo = workspace::cargo("install");
    cargo
        .args(["--quiet", "--locked", "cargo-fuzz", "--version", VERSION])
        .arg("--root")
        .arg(folder()?);
    if mode == Mode::DryRun {
        println!("would run: {}", process::describe(&cargo));
        return Ok(());
    }
    process::show_and_run(&mut cargo)
}

/// A compiler that knows the flags for fuzzing and sanitizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// rustup's nightly toolchain.
    Nightly,
    /// The compiler that runs us, told to accept unstable flags. It has no sanitizers' runtimes.
    Stable,
}

impl Compiler {
    /// The one to use here.
    pub fn find() -> Self {
        let nightly = Command::new("rustup")
            .args(["run", "nightly", "rustc", "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match nightly {
            Ok(status) if status.success() => Compiler::Nightly,
            _ => Compiler::Stable,
        }
    }

    /// A `cargo` command with this compiler.
    pub fn cargo(self) -> Command {
        match self {
            Compiler::Nightly => {
                let mut rustup = Command::new("rustup");
                rustup.args(["run", "nightly", "cargo"]);
                rustup.current_dir(workspace::root());
                // Those of the cargo that runs us would win over rustup's choice.
                for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
                    rustup.env_remove(variable);
                }
                rustup
            }
            Compiler::Stable => {
                let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
                let mut cargo = Command::new(cargo);
                cargo
                    .current_dir(workspace::root())
                    .env("RUSTC_BOOTSTRAP", "1");
                cargo
            }
        }
    }
}
