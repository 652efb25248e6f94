//! Other machines than the one that we run on: Linux on AArch64 and on RISC-V 64, emulated by qemu's user mode.
//!
//! The compiler runs here and makes objects for them; the runtime is built for them and runs under the emulator.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::rust::{HOSTED, Library};
use crate::setup::{Mode, Need, ensure};

/// A machine.
#[derive(Debug)]
pub struct Machine {
    /// Its name, also as `wamrc-rs --target` has it.
    pub name: &'static str,
    /// Rust's name of it.
    pub triple: &'static str,
    /// The prefix of GNU's tools for it, and the folder of its C library below `/usr`.
    gnu: &'static str,
    /// CPU features that are tried beyond the target's base, in the compiler's form.
    pub more_features: &'static str,
    /// The emulator's CPU that has them.
    pub full_cpu: &'static str,
    /// One that has none of them.
    pub small_cpu: &'static str,
    /// What running it takes.
    pub need: Need,
    /// Scripts of the suite that end an older emulator (see [`Machine::emulator_is_sound`]) when they are compiled for the full CPU.
    pub too_much: &'static [&'static str],
}

/// Since this version of qemu at the latest, it runs all scripts. In 7.2 an assertion of its own fails where it translates `vfncvt.rtz`.
const SOUND: u32 = 10;

/// All of them.
pub static MACHINES: [Machine; 2] = [
    Machine {
        name: "aarch64",
        triple: "aarch64-unknown-linux-gnu",
        gnu: "aarch64-linux-gnu",
        more_features: "+lse,+dotprod,+fullfp16",
        full_cpu: "max",
        small_cpu: "cortex-a53",
        need: Need::Aarch64,
        too_much: &[],
    },
    Machine {
        name: "riscv64",
        triple: "riscv64gc-unknown-linux-gnu",
        gnu: "riscv64-linux-gnu",
        more_features: "+v,+zba,+zbb",
        full_cpu: "rv64,v=true",
        small_cpu: "sifive-u54",
        need: Need::Riscv64,
        too_much: &["spec:simd/simd_i32x4_trunc_sat_f64x2.wast"],
    },
];

/// What is built for a machine.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// The runtime's command line.
    pub iwasm: PathBuf,
    /// The target side of the script runner.
    pub wast_run: PathBuf,
    /// The target side of the frame checker.
    pub frames_run: PathBuf,
}

impl Machine {
    /// The machine of that name.
    pub fn find(name: &str) -> Option<&'static Machine> {
        MACHINES.iter().find(|machine| machine.name == name)
    }

    /// The machine that Rust calls so.
    pub fn of_triple(triple: &str) -> Option<&'static Machine> {
        MACHINES.iter().find(|machine| machine.triple == triple)
    }

    /// The linker, which is a C compiler.
    pub fn linker(&self) -> String {
        format!("{}-gcc", self.gnu)
    }

    /// The emulator's program.
    pub fn emulator(&self) -> String {
        format!("qemu-{}", self.name)
    }

    /// Is it one that runs all scripts?
    ///
    /// # Errors
    /// It does not say its version.
    pub fn emulator_is_sound(&self) -> Result<bool> {
        let text = process::capture(Command::new(self.emulator()).arg("--version"))?;
        let version = text
            .split_once("version ")
            .and_then(|(_, version)| version.split('.').next())
            .and_then(|major| major.parse::<u32>().ok());
        let version = version.with_context(|| format!("no version in {text:?}"))?;
        Ok(version >= SOUND)
    }

    /// The words that run a program of the machine on this one, on a CPU of the emulator or on its usual one.
    pub fn prefix(&self, cpu: Option<&str>) -> Vec<String> {
        let mut words = vec![
            self.emulator(),
            "-L".to_owned(),
            format!("/usr/{}", self.gnu),
        ];
        words.extend(
            cpu.into_iter()
                .flat_map(|cpu| ["-cpu".to_owned(), cpu.to_owned()]),
        );
        words
    }

    /// A command that runs a program of the machine.
    pub fn command(&self, program: &Path) -> Command {
        let prefix = self.prefix(None);
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).arg(program);
        command
    }

    /// Builds what runs on the machine, for development: what is tested, with its assertions. Without output unless it fails.
    ///
    /// # Errors
    /// The build fails, or something that it needs cannot be installed.
    pub fn build(&self) -> Result<Binaries> {
        ensure(&[self.need], Mode::Install)?;
        self.build_with(Library::find(self.triple, HOSTED)?)
    }

    /// As [`Machine::build`], with the standard library from this source.
    ///
    /// # Errors
    /// As there.
    pub fn build_with(&self, library: Library) -> Result<Binaries> {
        let mut runtime = library.cargo(self.triple)?;
        process::capture(runtime.args(["-p", "wamr-runtime-min", "--bin", "iwasm-rs"]))?;
        let mut runners = library.cargo(self.triple)?;
        runners.args(["-p", "wamr-tests", "--no-default-features"]);
        process::capture(runners.args(["--bin", "wast-run", "--bin", "frames-run"]))?;
        let folder = library.folder()?.join(self.triple).join("debug");
        Ok(Binaries {
            iwasm: folder.join("iwasm-rs"),
            wast_run: folder.join("wast-run"),
            frames_run: folder.join("frames-run"),
        })
    }
}
