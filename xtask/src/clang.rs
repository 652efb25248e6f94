//! The C compiler for both sides: native code to compare with, and WebAssembly to feed to our compiler.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process;
use crate::programs::Language;

/// Makes clang link as `clang++` does.
pub const CXX_DRIVER: &str = "--driver-mode=g++";

/// Major version of clang and LLVM that everything here is built with.
pub const VERSION: &str = "22";

/// For what a C program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The machine that we run on.
    Native,
    /// WebAssembly with WASI preview 1.
    Wasm,
}

impl Target {
    /// The name of what is built, without its folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Target::Native => "native",
            Target::Wasm => "wasm",
        }
    }
}

/// A clang of the right version.
#[derive(Clone, Debug)]
pub struct Clang {
    path: PathBuf,
    /// First line of `--version`.
    version: String,
}

impl Clang {
    /// Looks for clang: `$WASM_CC` if set, else `clang-22`, LLVM's own folder, and `clang`.
    pub fn find() -> Option<Self> {
        if let Some(chosen) = std::env::var_os("WASM_CC") {
            return Self::probe(Path::new(&chosen));
        }
        let ours = crate::setup::llvm_prefix().join("bin/clang");
        [Path::new("clang-22"), &ours, Path::new("clang")]
            .into_iter()
            .find_map(Self::probe)
    }

    /// As [`Clang::find`], or an error that says what to do.
    ///
    /// # Errors
    /// There is none.
    pub fn require() -> Result<Self> {
        Self::find().context("no clang 22 here: run `cargo xtask setup`")
    }

    fn probe(path: &Path) -> Option<Self> {
        let output = Command::new(path)
            .arg("--version")
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let version = String::from_utf8_lossy(&output.stdout)
            .lines()
            .next()?
            .to_owned();
        version
            .contains(&format!("version {VERSION}."))
            .then(|| Self {
                path: path.to_owned(),
                version,
            })
    }

    /// The program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What `--version` begins with.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Flags that choose the target, for compiling and linking.
    pub fn target_flags(&self, target: Target) -> Vec<String> {
        if target == Target::Native {
            return Vec::new();
        }
        // Debian's C library lies under the older name of the target, which clang calls deprecated.
        let mut flags = vec![
            "--target=wasm32-wasi".to_owned(),
            "-Wno-deprecated".to_owned(),
        ];
        if let Ok(sysroot) = std::env::var("WASI_SYSROOT") {
            flags.push(format!("--sysroot={sysroot}"));
        }
        flags
    }

    /// The compiler with its target chosen.
    pub fn command(&self, target: Target) -> Command {
        let mut command = Command::new(&self.path);
        command.args(self.target_flags(target));
        command
    }

    /// Whether a program can be compiled and linked: the proof that headers, C library, builtins and linker are there.
    ///
    /// # Errors
    /// What the compiler said.
    pub fn try_link(&self, language: Language, target: Target) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut command = self.command(target);
        let (name, text) = if language == Language::Cxx {
            command.arg(CXX_DRIVER);
            (
                "probe.cpp",
                "#include <cstddef>\n#include <new>\nint main(int argc, char **) { delete[] new int[std::size_t(argc)]; }\n",
            )
        } else {
            (
                "probe.c",
                "#include <stdio.h>\nint main(int argc, char **argv) { (void)argv; return printf(\"%Lf\", (long double)argc) < 0; }\n",
            )
        };
        let source = folder.path().join(name);
        std::fs::write(&source, text)?;
        process::capture(
            command
                .arg("-O1")
                .arg(source)
                .arg("-o")
                .arg(folder.path().join("probe")),
        )
        .map(drop)
    }
}
