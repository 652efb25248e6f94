//! Programs in Rust whose panics unwind. rustup's standard library for WebAssembly does not let them, so one is compiled.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::key::Key;
use super::{Builder, exception_tag};
use crate::clang::Target;
use crate::programs::Program;
use crate::rust::{Compiler, Library, UNWINDING};
use crate::{process, workspace};

/// Rust's name for [`Target::Wasm`].
const TRIPLE: &str = "wasm32-wasip1";

/// Between the words of `$CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// Flags of everything, the standard library included.
const UNWIND: &[&str] = &["-Cpanic=unwind", "-Ctarget-feature=+exception-handling"];

impl Builder {
    /// The package around the source has one program, of the folder's name, and no dependencies. The program's flags are rustc's, for
    /// the program itself; its link-time optimisation makes them decide about the standard library's code as well.
    pub(super) fn build_rust(&self, program: &Program, target: Target) -> Result<PathBuf> {
        let compiler = Compiler::with_sources()
            .context("no sources of Rust's library here: run `cargo xtask setup rust`")?;
        let source = workspace::programs().join(program.main);
        let package = (source.parent().and_then(Path::parent))
            .context("a package's source is in a folder of its own")?;
        let package_name = package.file_name().context("a package has a name")?;
        let manifest = package.join("Cargo.toml");
        let (shared, own) = match target {
            Target::Native => (&[][..], Vec::new()),
            Target::Wasm => {
                let mut own = self.rust_link_flags();
                own.extend(program.wasm_flags.iter().map(|&flag| flag.to_owned()));
                (UNWIND, own)
            }
        };
        let mut key = Key::new(&self.clang, target, &own);
        key.text(&compiler.version()?);
        shared.iter().for_each(|flag| key.text(flag));
        key.file(&manifest)?;
        key.file(&source)?;
        key.file(&exception_tag())?;
        let name = format!("{}-{}.{}", program.name, key.finish(), target.file_name());
        self.made(&name, |out| {
            let library = Library::Sources(UNWINDING, compiler);
            let folder = library.folder()?;
            // What is built next in that folder has the same name.
            let lock = File::create(self.cache.join("rust.lock"))?;
            lock.lock()?;
            let (mut cargo, folder) = match target {
                Target::Native => {
                    let mut cargo = workspace::cargo("rustc");
                    compiler.set(&mut cargo);
                    cargo.arg("--target-dir").arg(&folder);
                    (cargo, folder)
                }
                Target::Wasm => (library.subcommand("rustc", TRIPLE)?, folder.join(TRIPLE)),
            };
            cargo
                .args(["--release", "--locked", "--manifest-path"])
                .arg(&manifest)
                .env("CARGO_ENCODED_RUSTFLAGS", shared.join(SEPARATOR))
                .arg("--")
                .args(own);
            process::capture(&mut cargo)?;
            let mut built = folder.join("release").join(package_name);
            if target == Target::Wasm {
                built.set_extension("wasm");
            }
            fs::copy(&built, out).with_context(|| format!("cannot copy {}", built.display()))?;
            Ok(())
        })
    }

    /// clang links, since it knows the C library of the C programs.
    fn rust_link_flags(&self) -> Vec<String> {
        let mut flags = vec![
            "-Clink-self-contained=no".to_owned(),
            "-Clinker-flavor=wasm-lld-cc".to_owned(),
            "-Zunstable-options".to_owned(),
            format!("-Clinker={}", self.clang.path().display()),
            format!("-Clink-arg={}", exception_tag().display()),
        ];
        // These come after rustc's own.
        let target = self.clang.target_flags(Target::Wasm);
        flags.extend(target.iter().map(|flag| format!("-Clink-arg={flag}")));
        flags
    }
}
