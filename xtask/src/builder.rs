//! Builds [`Program`]s natively, to WebAssembly, and on to `.aot`, and keeps what was built under `target/programs`.
//!
//! Every file there is named by a hash of all that went into it: sources, flags, versions of the compilers. So nothing is
//! ever out of date, and several processes can build at the same time; a file appears whole or not at all.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::clang::{Clang, Target};
use crate::programs::{Package, Program};
use crate::tools::Tools;
use crate::{process, sources, workspace};

/// Optimisation of both the native and the WebAssembly build.
const OPTIMIZE: &str = "-O3";

/// Bytes of stack for the C code in linear memory; wasm-ld would give 64 KiB.
const WASM_STACK: u32 = 1 << 20;

/// One C source with everything that decides about its object file.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The file.
    pub source: PathBuf,
    /// Flags besides the target's.
    pub flags: Vec<String>,
    /// Hash of all that goes in.
    key: String,
}

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
    /// The C compiler's, with its words.
    pub fn build(&self, program: &Program, target: Target) -> Result<PathBuf> {
        let units = self.units(program, target)?;
        let mut link: Vec<String> = match target {
            Target::Native => vec!["-lm".into()],
            // Function names stay, for call stacks; the C library's debug information goes.
            Target::Wasm => vec![
                "-Wl,--strip-debug".into(),
                "-Wl,--stack-first".into(),
                format!("-Wl,-z,stack-size={WASM_STACK}"),
            ],
        };
        if target == Target::Wasm {
            link.extend(
                program
                    .wasm_libraries
                    .iter()
                    .map(|&library| library.to_owned()),
            );
        }
        let mut key = Key::new(&self.clang, target, &link);
        units.iter().for_each(|unit| key.text(&unit.key));
        let name = format!("{}-{}.{}", program.name, key.finish(), target.file_name());
        self.made(&name, |out| {
            let objects = self.compile(&units, target)?;
            let mut command = self.clang.command(target);
            process::capture(command.arg("-o").arg(out).args(objects).args(&link)).map(drop)
        })
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
        let mut key = Key(Sha256::new());
        key.file(&tools.wamrc)?;
        key.file(wasm)?;
        (program.aot_flags.iter().chain(flags)).for_each(|flag| key.text(flag));
        self.made(&format!("{}-{}.aot", program.name, key.finish()), |out| {
            process::capture(&mut tools.compile_program(program, wasm, out, flags)).map(drop)
        })
    }

    /// The sources of a program: ours first, then its package's.
    ///
    /// # Errors
    /// A source cannot be read, or a pattern matches none.
    pub fn units(&self, program: &Program, target: Target) -> Result<Vec<Unit>> {
        let ours = workspace::programs();
        let mut flags = vec![
            OPTIMIZE.to_owned(),
            format!("-I{}", ours.join("common").display()),
        ];
        if target == Target::Wasm {
            flags.extend(program.wasm_flags.iter().map(|&flag| flag.to_owned()));
        }
        let mut headers = vec![ours.join("common")];
        let mut units = Vec::new();
        if let Some(package) = program.package {
            let root = self.package_root(package)?;
            let mut upstream = vec![OPTIMIZE.to_owned(), "-w".to_owned()];
            if target == Target::Wasm {
                upstream.extend(program.wasm_flags.iter().map(|&flag| flag.to_owned()));
            }
            let mut shared = Vec::new();
            if let Some(overlay) = package.overlay {
                headers.push(ours.join(overlay));
                shared.push(format!("-I{}", ours.join(overlay).display()));
            }
            shared.extend(
                package
                    .includes
                    .iter()
                    .map(|folder| format!("-I{}", root.join(folder).display())),
            );
            shared.extend(package.flags.iter().map(|&flag| flag.to_owned()));
            upstream.extend(shared.iter().cloned());
            flags.extend(shared);
            let overlay = &headers[1..];
            for source in matching(&root, package.sources)? {
                let mut key = Key::new(&self.clang, target, &upstream);
                // The version stands for the content: a published package never changes.
                key.text(&format!(
                    "{} {} {}",
                    package.name,
                    package.version,
                    source.display()
                ));
                overlay.iter().try_for_each(|folder| key.folder(folder))?;
                units.push(Unit {
                    source,
                    flags: upstream.clone(),
                    key: key.finish(),
                });
            }
        }
        let source = ours.join(program.main);
        let mut key = Key::new(&self.clang, target, &flags);
        key.file(&source)?;
        headers.iter().try_for_each(|folder| key.folder(folder))?;
        units.insert(
            0,
            Unit {
                source,
                flags,
                key: key.finish(),
            },
        );
        Ok(units)
    }

    /// The command that compiles one source.
    pub fn compile_command(&self, unit: &Unit, target: Target, out: &Path) -> Command {
        let mut command = self.clang.command(target);
        command
            .args(&unit.flags)
            .arg("-c")
            .arg(&unit.source)
            .arg("-o")
            .arg(out);
        command
    }

    fn package_root(&self, package: &Package) -> Result<PathBuf> {
        let folder = self.packages.get(package.name);
        Ok(folder
            .with_context(|| format!("{} was not fetched", package.name))?
            .join(package.root))
    }

    /// Compiles on all processors.
    fn compile(&self, units: &[Unit], target: Target) -> Result<Vec<PathBuf>> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(vec![None; units.len()]);
        let worker = || -> Result<()> {
            while let Some((index, unit)) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                units.get(index).map(|unit| (index, unit))
            } {
                let object = self.made(&format!("objects/{}.o", unit.key), |out| {
                    process::capture(&mut self.compile_command(unit, target, out)).map(drop)
                })?;
                if let Ok(mut done) = done.lock() {
                    done[index] = Some(object);
                }
            }
            Ok(())
        };
        let workers = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(units.len());
        thread::scope(|scope| {
            let handles: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
            handles.into_iter().try_for_each(|handle| {
                handle
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })?;
        let done = done
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        done.into_iter()
            .map(|object| object.context("an object was not compiled"))
            .collect()
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

/// The hash that a file in the cache is named by.
struct Key(Sha256);

impl Key {
    fn new(clang: &Clang, target: Target, flags: &[String]) -> Self {
        let mut key = Self(Sha256::new());
        key.text(clang.version());
        clang
            .target_flags(target)
            .iter()
            .chain(flags)
            .for_each(|flag| key.text(flag));
        key
    }

    /// With its length ahead, so that no two lists of texts look alike.
    fn text(&mut self, text: &str) {
        self.0.update(text.len().to_le_bytes());
        self.0.update(text);
    }

    fn file(&mut self, path: &Path) -> Result<()> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.0.update(bytes.len().to_le_bytes());
        self.0.update(bytes);
        Ok(())
    }

    /// Every header in it.
    fn folder(&mut self, folder: &Path) -> Result<()> {
        matching(folder, &["*.h"])?
            .iter()
            .try_for_each(|header| self.file(header))
    }

    fn finish(self) -> String {
        self.0
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Files below `root` that the patterns stand for, in order of names; a `*` in a file's name stands for anything.
fn matching(root: &Path, patterns: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for pattern in patterns {
        let Some((before, after)) = pattern.split_once('*') else {
            found.push(root.join(pattern));
            continue;
        };
        let (folder, prefix) = before.rsplit_once('/').unwrap_or(("", before));
        let folder = root.join(folder);
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.len() >= prefix.len() + after.len()
                && name.starts_with(prefix)
                && name.ends_with(after)
            {
                names.push(name);
            }
        }
        ensure!(
            !names.is_empty(),
            "no file is like {pattern} in {}",
            root.display()
        );
        names.sort_unstable();
        found.extend(names.into_iter().map(|name| folder.join(name)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_file_names_in_order() -> Result<()> {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("lib"))?;
        for name in ["lib/b.c", "lib/a.c", "lib/a.h", "lib/.c"] {
            fs::write(folder.path().join(name), "")?;
        }
        let names = |patterns| -> Result<Vec<String>> {
            let found = matching(folder.path(), patterns)?;
            Ok(found
                .iter()
                .map(|path| {
                    path.strip_prefix(folder.path())
                        .unwrap_or(path)
                        .display()
                        .to_string()
                })
                .collect())
        };
        assert_eq!(names(&["lib/*.c"])?, ["lib/.c", "lib/a.c", "lib/b.c"]);
        assert_eq!(
            names(&["lib/a*.h", "elsewhere.c"])?,
            ["lib/a.h", "elsewhere.c"]
        );
        assert!(names(&["lib/*.rs"]).is_err());
        Ok(())
    }
}
