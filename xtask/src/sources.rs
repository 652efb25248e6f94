//! Sources of the C programs, from packages of crates.io: one scratch manifest names them all at exact versions, and cargo
//! fetches, verifies and caches them as it does any dependency.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::packages::PACKAGES;
use crate::{process, workspace};

/// Folder of each package of [`PACKAGES`], by name. Fetches what is not there yet; afterwards no network is needed.
///
/// # Errors
/// Cargo cannot fetch a package, or the scratch manifest cannot be written.
pub fn fetch() -> Result<HashMap<&'static str, PathBuf>> {
    let scratch = workspace::target()?.join("programs/sources");
    write_if_different(&scratch.join("Cargo.toml"), &manifest())?;
    write_if_different(&scratch.join("lib.rs"), "")?;

    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(&scratch)
        .args(["metadata", "--format-version=1"]);
    let metadata: serde_json::Value = serde_json::from_str(&process::capture(&mut command)?)
        .context("cargo metadata's output")?;
    let found = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    PACKAGES
        .iter()
        .map(|package| {
            let manifest = found
                .iter()
                .find(|entry| entry["name"] == package.name)
                .and_then(|entry| entry["manifest_path"].as_str())
                .with_context(|| format!("cargo did not fetch {}", package.name))?;
            let folder = Path::new(manifest)
                .parent()
                .context("manifest without a folder")?;
            Ok((package.name, folder.to_owned()))
        })
        .collect()
}

fn manifest() -> String {
    // A workspace of its own: the target directory lies inside of ours.
    let mut text = String::from(
        "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [lib]\npath = \"lib.rs\"\n\n[workspace]\n\n[dependencies]\n",
    );
    for package in PACKAGES {
        let _ = writeln!(
            text,
            "{} = {{ version = \"={}\", default-features = false }}",
            package.name, package.version
        );
    }
    text
}

/// Leaves the file's time alone when nothing changes; safe against another process that does the same.
fn write_if_different(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
