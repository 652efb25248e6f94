//! Building Rust packages for other machines, with or without rustup.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::machine::Machine;
use crate::setup::{Mode, Need, SYSTEM_RUSTC, ensure};
use crate::{process, workspace};

/// Where a target's standard library comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// rustup has it.
    Rustup,
    /// cargo compiles these parts of it, from the sources of Debian's packages.
    Sources(&'static str),
}

/// What there is of the standard library with an operating system.
pub const HOSTED: &str = "std,panic_abort";
/// And without one.
pub const BARE: &str = "core,alloc";

impl Library {
    /// rustup's if it has the target or can get it, else the sources' `parts`; installs those if they are missing.
    ///
    /// # Errors
    /// Neither is to be had.
    pub fn find(triple: &str, parts: &'static str) -> Result<Self> {
        if rustup_has(triple) {
            return Ok(Library::Rustup);
        }
        Self::from_sources(parts)
    }

    /// The sources' `parts`, whatever rustup has.
    ///
    /// # Errors
    /// They cannot be installed.
    pub fn from_sources(parts: &'static str) -> Result<Self> {
        ensure(&[Need::RustSources], Mode::Install)?;
        Ok(Library::Sources(parts))
    }

    /// The cargo command that builds something for the target.
    ///
    /// # Errors
    /// The target directory is unknown.
    pub fn cargo(self, triple: &str) -> Result<Command> {
        let mut cargo = workspace::cargo("build");
        cargo.args(["--target", triple]);
        if let Library::Sources(parts) = self {
            // Debian's compiler is a stable one; building the library is an unstable option of cargo.
            cargo.arg(format!("-Zbuild-std={parts}"));
            cargo
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", SYSTEM_RUSTC)
                // A wrapper may be for the other compiler.
                .env_remove("RUSTC_WRAPPER");
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
            Library::Sources(_) => target.join("build-std"),
        })
    }
}

/// Whether rustup has the target's library, after trying to get it.
fn rustup_has(triple: &str) -> bool {
    let mut rustup = Command::new("rustup");
    rustup
        .current_dir(workspace::root())
        .args(["target", "list", "--installed"]);
    match process::capture(&mut rustup) {
        Ok(installed) if installed.lines().any(|line| line == triple) => true,
        Ok(_) => {
            let mut add = Command::new("rustup");
            add.current_dir(workspace::root())
                .args(["target", "add", triple])
                .stdin(Stdio::null());
            process::show_and_run(&mut add).is_ok()
        }
        Err(_) => false,
    }
}
