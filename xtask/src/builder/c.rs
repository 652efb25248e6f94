//! Programs in C and C++, by clang.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result};

use super::key::{Key, matching};
use super::{Builder, exception_tag};
use crate::clang::{CXX_DRIVER, Target};
use crate::packages::{Package, Registry};
use crate::programs::{Language, Program};
use crate::{process, setup, workspace};

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

impl Builder {
    pub(super) fn build_c(&self, program: &Program, target: Target) -> Result<PathBuf> {
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
        let mut assembly = None;
        if program.language() == Language::Cxx {
            link.push(CXX_DRIVER.to_owned());
            assembly = (target == Target::Wasm).then(exception_tag);
        }
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
        assembly.iter().try_for_each(|source| key.file(source))?;
        let name = format!("{}-{}.{}", program.name, key.finish(), target.file_name());
        self.made(&name, |out| {
            let objects = self.compile(&units, target)?;
            let mut command = self.clang.command(target);
            command.arg("-o").arg(out).args(objects);
            process::capture(command.args(&assembly).args(&link)).map(drop)
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
        if program.language() == Language::Cxx {
            flags.push("-std=c++20".to_owned());
        }
        flags.extend(wasm_flags(program, target));
        let mut headers = vec![ours.join("common")];
        let mut units = Vec::new();
        if let Some(package) = program.package {
            headers.extend(package.overlay.map(|overlay| ours.join(overlay)));
            flags.extend(self.package_flags(package)?);
            units.extend(self.package_units(package, program, target)?);
        }
        if target == Target::Wasm {
            for package in program.wasm_packages {
                units.extend(self.package_units(package, program, target)?);
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

    /// The sources of a package, for a program.
    fn package_units(
        &self,
        package: &Package,
        program: &Program,
        target: Target,
    ) -> Result<Vec<Unit>> {
        let mut flags = vec![OPTIMIZE.to_owned(), "-w".to_owned()];
        flags.extend(wasm_flags(program, target));
        flags.extend(self.package_flags(package)?);
        let overlay = package
            .overlay
            .map(|folder| workspace::programs().join(folder));
        let mut units = Vec::new();
        for source in matching(&self.package_root(package)?, package.sources)? {
            let mut key = Key::new(&self.clang, target, &flags);
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
                flags: flags.clone(),
                key: key.finish(),
            });
        }
        Ok(units)
    }

    /// What it takes to compile a package's sources, or to include its headers.
    fn package_flags(&self, package: &Package) -> Result<Vec<String>> {
        let root = self.package_root(package)?;
        let overlay = package
            .overlay
            .map(|folder| workspace::programs().join(folder));
        let folders = overlay
            .into_iter()
            .chain(package.includes.iter().map(|folder| root.join(folder)));
        Ok(folders
            .map(|folder| format!("-I{}", folder.display()))
            .chain(package.flags.iter().map(|&flag| flag.to_owned()))
            .collect())
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
        if package.registry == Registry::Pypi {
            return Ok(setup::llvm_sources()?.join(package.root));
        }
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
}

fn wasm_flags(program: &Program, target: Target) -> impl Iterator<Item = String> {
    let flags = match target {
        Target::Native => &[],
        Target::Wasm => program.wasm_flags,
    };
    flags.iter().map(|&flag| flag.to_owned())
}
