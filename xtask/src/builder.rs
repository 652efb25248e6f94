//! Builds [`Program`]s natively, to WebAssembly, and on to `.aot`, and keeps what was built under `target/programs`.
//!
//! Every file there is named by a hash of all that went into it: sources, flags, versions of the compilers. So nothing is
//! ever out of date, and several processes can build at the same time; a file appears whole or not at all.

mod c;
mod go;
mod key;
mod rust;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::clang::{Clang, Target};
use crate::programs::{Language, Program};
use crate::tools::Tools;
use crate::{process, sources, workspace};

pub use c::Unit;
use key::Key;

/// See the module.
#[derive(Clone, Debug)]
pub struct Builder {
    clang: Clang,
    packages: HashMap<&'static str, PathBuf>,
    cache: PathBuf,
}

impl Builder {
    /// Looks for the compiler and fetches the sources.
    ///
    /// # Errors
    /// There is no clang, or a source cannot be had.
    pub fn new() -> Result<Self> {
        let cache = workspace::target()?.join("programs");
        fs::create_dir_all(cache.join("objects"))?;
        Ok(Self {
            clang: Clang::require()?,
            packages: sources::fetch()?,
            cache,
        })
    }

    /// The C compiler in use.
    pub fn clang(&self) -> &Clang {
        &self.clang
    }

    /// An executable of the program, or its `.wasm`.
    ///
    /// # Errors
    /// The compiler's, with its words; or it is not here.
    pub fn build(&self, program: &Program, target: Target) -> Result<PathBuf> {
        match program.language() {
            Language::C | Language::Cxx => self.build_c(program, target),
            Language::Go => self.build_go(program, target),
            Language::Rust => self.build_rust(program, target),
        }
        .with_context(|| format!("building {} ({})", program.name, target.file_name()))
    }

    /// The `.aot` of a program's `.wasm`, by the compiler at `tools` with these flags and the program's own.
    ///
    /// # Errors
    /// Our compiler's, with its words.
    pub fn aot(
        &self,
        tools: &Tools,
        program: &Program,
        wasm: &Path,
        flags: &[&str],
    ) -> Result<PathBuf> {
        let mut key = Key::default();
        key.file(&tools.wamrc)?;
        key.file(wasm)?;
        (program.aot_flags.iter().chain(flags)).for_each(|flag| key.text(flag));
        self.made(&format!("{}-{}.aot", program.name, key.finish()), |out| {
            process::capture(&mut tools.compile_program(program, wasm, out, flags)).map(drop)
        })
    }

    /// The file of that name in the cache; made by `make`, which is given another name to write to, unless it is there.
    fn made(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let path = self.cache.join(name);
        if !path.exists() {
            let folder = path.parent().context("a file in the cache has a folder")?;
            let scratch = tempfile::Builder::new()
                .prefix("making-")
                .tempdir_in(folder)?;
            let file_name = path.file_name().context("a file in the cache has a name")?;
            let out = scratch.path().join(file_name);
            make(&out)?;
            fs::rename(&out, &path).with_context(|| format!("cannot keep {}", path.display()))?;
        }
        Ok(path)
    }
}

/// The source of the tag that exceptions of C++ and Rust have; clang assembles it when it links.
fn exception_tag() -> PathBuf {
    workspace::programs().join("common/exception_tag.s")
}

impl Tools {
    /// The command that compiles a `.wasm` to a `.aot`.
    pub fn compile(&self, wasm: &Path, out: &Path, flags: &[&str]) -> Command {
        let mut command = Command::new(&self.wamrc);
        command.args(flags).arg("-o").arg(out).arg(wasm);
        command
    }

    /// As [`Tools::compile`], with the flags that the program needs.
    pub fn compile_program(
        &self,
        program: &Program,
        wasm: &Path,
        out: &Path,
        flags: &[&str],
    ) -> Command {
        self.compile(wasm, out, &[program.aot_flags, flags].concat())
    }
}
