//! The toolchain's own binaries, built for release and called as a user would.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{process, workspace};

/// How a compiled program keeps its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Frames {
    /// Not at all.
    None,
    /// In records in memory.
    Explicit,
    /// In tables beside the code.
    Mapped,
}

impl Frames {
    /// Every way, for tables of cases.
    pub const ALL: [Frames; 3] = [Frames::None, Frames::Explicit, Frames::Mapped];

    /// As on our command lines.
    pub fn name(self) -> &'static str {
        match self {
            Frames::None => "none",
            Frames::Explicit => "explicit",
            Frames::Mapped => "mapped",
        }
    }

    /// The compiler's flags for it.
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Frames::None => &[],
            Frames::Explicit => &["--enable-aot-stack-frame", "--frame-strategy=explicit"],
            Frames::Mapped => &["--enable-aot-stack-frame", "--frame-strategy=mapped"],
        }
    }
}

/// Where the release builds of `wamrc-rs` and `iwasm-rs` are.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The compiler.
    pub wamrc: PathBuf,
    /// The runtime's command line.
    pub iwasm: PathBuf,
}

impl Tools {
    /// Names of the binaries, without their folder. Builds nothing.
    ///
    /// # Errors
    /// The target directory is unknown.
    pub fn locate() -> Result<Self> {
        let folder = workspace::target()?.join("release");
        Ok(Self {
            wamrc: folder.join("wamrc-rs"),
            iwasm: folder.join("iwasm-rs"),
        })
    }

    /// The cargo command that builds both; cargo itself knows when nothing is to be done.
    pub fn build_command() -> Command {
        let mut cargo = workspace::cargo("build");
        cargo.args([
            "--release",
            "-p",
            "wamrc-rs",
            "-p",
            "wamr-runtime-min",
            "--bins",
        ]);
        cargo
    }

    /// Builds both, without output unless it fails.
    ///
    /// # Errors
    /// The build fails.
    pub fn build() -> Result<Self> {
        process::capture(&mut Self::build_command())?;
        Self::locate()
    }
}
