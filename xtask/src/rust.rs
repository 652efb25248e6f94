//! Building Rust packages for other machines, with or without rustup.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::machine::Machine;
use crate::setup::{self, Mode, Need, SYSTEM_RUSTC, ensure};
use crate::{process, workspace};

/// Where a target's standard library comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// rustup has it.
    Rustup,
    /// cargo compiles these parts of it with this compiler, which has the sources.
    Sources(&'static str, Compiler),
}

/// A Rust compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// Of rustup's toolchain: the one that compiled us.
    Rustup,
    /// Of Debian's packages.
    System,
}

/// What there is of the standard library with an operating system.
pub const HOSTED: &str = "std,panic_abort";
/// And without one.
pub const BARE: &str = "core,alloc";
/// And where panics can be caught.
pub const UNWINDING: &str = "std,panic_unwind";

impl Library {
    /// rustup's if it has the target or can get it, else the sources' `parts`; installs those if they are missing.
    ///
    /// # Errors
    /// Neither is to be had.
    pub fn find(triple: &str, parts: &'static str) -> Result<Self> {
        if rustup_has(["target", triple]) || rustup_gets(["target", triple]) {
            return Ok(Library::Rustup);
        }
        Self::from_sources(parts)
    }

    /// The `parts` of Debian's sources, whatever rustup has.
    ///
    /// # Errors
    /// They cannot be installed.
    pub fn from_sources(parts: &'static str) -> Result<Self> {
        ensure(&[Need::SystemRust], Mode::Install)?;
        Ok(Library::Sources(parts, Compiler::System))
    }

    /// The cargo command that builds something for the target.
    ///
    /// # Errors
    /// The target directory is unknown.
    pub fn cargo(self, triple: &str) -> Result<Command> {
        self.subcommand("build", triple)
    }

    /// As [`Library::cargo`], of another command that builds.
    ///
    /// # Errors
    /// As there.
    pub fn subcommand(self, name: &str, triple: &str) -> Result<Command> {
        let mut cargo = workspace::cargo(name);
        cargo.args(["--target", triple]);
        if let Library::Sources(parts, compiler) = self {
            compiler.set(&mut cargo);
            // The compiler is a stable one; building the library is an unstable option of cargo.
            cargo.env("RUSTC_BOOTSTRAP", "1");
            cargo.arg(format!("-Zbuild-std={parts}"));
            cargo.arg("--target-dir").arg(self.folder()?);
        }
        if let Some(machine) = Machine::of_triple(triple) {
            cargo.env(
                format!(
                    "CARGO_TARGET_{}_LINKER",
                    triple.to_uppercase().replace('-', "_")
                ),
                machine.linker(),
            );
        }
        Ok(cargo)
    }

    /// The target directory. Of the two compilers' results neither is of use to the other.
    ///
    /// # Errors
    /// The target directory is unknown.
    pub fn folder(self) -> Result<std::path::PathBuf> {
        let target = workspace::target()?;
        Ok(match self {
            Library::Rustup => target.to_owned(),
            Library::Sources(..) => target.join("build-std"),
        })
    }
}

impl Compiler {
    /// The one here that has its library's sources: rustup's if both do.
    pub fn with_sources() -> Option<Self> {
        if rustup_has(SOURCES) {
            return Some(Compiler::Rustup);
        }
        setup::system_rust_sources()
            .is_ok()
            .then_some(Compiler::System)
    }

    /// Makes cargo use it.
    pub fn set(self, cargo: &mut Command) {
        if self == Compiler::System {
            cargo
                .env("RUSTC", SYSTEM_RUSTC)
                // A wrapper may be for the other compiler.
                .env_remove("RUSTC_WRAPPER");
        }
    }

    /// What `--version` says.
    ///
    /// # Errors
    /// It is not here.
    pub fn version(self) -> Result<String> {
        let rustc = match self {
            Compiler::Rustup => "rustc",
            Compiler::System => SYSTEM_RUSTC,
        };
        process::capture(
            Command::new(rustc)
                .current_dir(workspace::root())
                .arg("--version"),
        )
    }
}

/// rustup's name for the library's sources.
const SOURCES: [&str; 2] = ["component", "rust-src"];

/// Lets rustup get the library's sources; whether it did.
pub fn rustup_gets_sources(mode: Mode) -> bool {
    if !rustup_is_here() {
        return false;
    }
    if mode == Mode::DryRun {
        println!(
            "would run: {}",
            process::describe(&rustup(&[SOURCES[0], "add", SOURCES[1]]))
        );
        return true;
    }
    rustup_gets(SOURCES)
}

/// Whether rustup has something for the toolchain that compiled us: its kind, `target` or `component`, and its name.
fn rustup_has([kind, name]: [&str; 2]) -> bool {
    process::capture(&mut rustup(&[kind, "list", "--installed"]))
        .is_ok_and(|installed| installed.lines().any(|line| line == name))
}

/// Whether there is a rustup.
fn rustup_is_here() -> bool {
    process::capture(&mut rustup(&["--version"])).is_ok()
}

/// Whether rustup is here and can get it.
fn rustup_gets([kind, name]: [&str; 2]) -> bool {
    rustup_is_here()
        && process::show_and_run(rustup(&[kind, "add", name]).stdin(Stdio::null())).is_ok()
}

fn rustup(arguments: &[&str]) -> Command {
    let mut rustup = Command::new("rustup");
    rustup.current_dir(workspace::root()).args(arguments);
    rustup
}
