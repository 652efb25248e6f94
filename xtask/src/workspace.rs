//! Where things are in the checkout.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use crate::process;

/// The top folder of the checkout that this was built from.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The folder of the programs' own sources.
pub fn programs() -> PathBuf {
    root().join("tests/programs")
}

/// A `cargo` command that works on this workspace, with the cargo that runs us.
pub fn cargo(subcommand: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).arg(subcommand);
    cargo
}

/// Cargo's target directory, wherever the user's configuration puts it.
///
/// # Errors
/// `cargo metadata` fails or says nothing about it.
pub fn target() -> Result<&'static Path> {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    if let Some(target) = TARGET.get() {
        return Ok(target);
    }
    let mut command = cargo("metadata");
    command.args(["--no-deps", "--format-version=1"]);
    let metadata: serde_json::Value = serde_json::from_str(&process::capture(&mut command)?)
        .context("cargo metadata's output")?;
    let target = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target directory")?;
    Ok(TARGET.get_or_init(|| target.into()))
}
