//! The tests that run on an emulated machine: the specification's suite, the frame checker and real programs, each compiled here
//! and executed there.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use xtask::builder::Builder;
use xtask::machine::{Binaries, Machine};
use xtask::outcome::Reference;
use xtask::programs::{self, Language, Program};
use xtask::rust::{HOSTED, Library};
use xtask::setup::{Mode, Need, ensure};
use xtask::tools::{Frames, Tools};
use xtask::{process, workspace};

use super::parts::Parts;
use super::wast::SUITES;

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What shows within a minute or two that a machine's own code works: its doors, relocations, traps, unwinding.
    Sample,
    /// Everything, at both ends of optimisation, with frames in every way.
    All,
}

/// Files of the suite that exercise what differs between machines.
const SAMPLE: [&str; 12] = [
    "spec:v2/call.wast",
    "spec:v2/call_indirect.wast",
    "spec:v2/br_table.wast",
    "spec:v2/conversions.wast",
    "spec:v2/f32.wast",
    "spec:v2/float_misc.wast",
    "spec:v2/func.wast",
    "spec:v2/imports.wast",
    "spec:v2/linking.wast",
    "spec:v2/memory_trap.wast",
    "spec:v2/table_copy.wast",
    "spec:v2/traps.wast",
];

/// Seconds that one script may take: an emulator is slow, and the machine may be busy.
const TIMEOUT: &str = "600";

impl Scope {
    fn levels(self) -> &'static [u8] {
        match self {
            Scope::Sample => &[3],
            Scope::All => &[3, 0],
        }
    }

    fn scripts(self) -> &'static [&'static str] {
        match self {
            Scope::Sample => &SAMPLE,
            Scope::All => &SUITES,
        }
    }

    /// Not those in Go: its runtime takes the compiler half a minute, each time.
    fn programs(self) -> impl Iterator<Item = &'static Program> {
        programs::PROGRAMS.iter().filter(move |program| match self {
            Scope::Sample => program.name == "lua",
            Scope::All => program.language() != Language::Go,
        })
    }

    /// What they are built with.
    fn needs(self) -> &'static [Need] {
        match self {
            Scope::Sample => &[Need::WasmClang],
            Scope::All => &[
                Need::WasmClang,
                Need::WasmCxx,
                Need::LlvmSources,
                Need::RustSources,
            ],
        }
    }

    /// Generated modules whose frames are checked, in each of several ways.
    fn modules(self) -> u32 {
        match self {
            Scope::Sample => 10,
            Scope::All => 100,
        }
    }
}

/// Installs and builds what runs here.
///
/// # Errors
/// Something cannot be installed or built.
pub fn prepare() -> Result<()> {
    ensure(&[Need::Linker, Need::Llvm], Mode::Install)?;
    let mut cargo = workspace::cargo("build");
    cargo.args(["--quiet", "-p", "wamrc-rs", "-p", "wamr-tests"]);
    process::run(cargo.args([
        "--bin",
        "wamrc-rs",
        "--bin",
        "wast",
        "--bin",
        "check-frames",
    ]))
}

/// Runs the tests for a machine, after [`prepare`].
pub fn run(machine: &Machine, library: Option<Library>, scope: Scope, parts: &mut Parts) {
    let mut built = None;
    parts.run(&format!("{}: runtime and runners", machine.name), || {
        ensure(&[machine.need], Mode::Install)?;
        ensure(scope.needs(), Mode::Install)?;
        let library = library.map_or_else(|| Library::find(machine.triple, HOSTED), Ok)?;
        built = Some(machine.build_with(library)?);
        Ok(())
    });
    let Some(binaries) = built else {
        return;
    };
    let emulation = Emulation { machine, binaries };
    for &level in scope.levels() {
        for frames in Frames::ALL {
            let name = |what: &str| {
                let frames = frames.name();
                format!("{}: {what} at level {level}, frames {frames}", machine.name)
            };
            parts.run(&name("suite"), || {
                emulation.wast(level, frames, None, scope.scripts())
            });
            parts.run(&name("real programs"), || {
                emulation.programs(level, frames, scope)
            });
        }
    }
    let features = machine.more_features;
    parts.run(&format!("{}: suite with {features}", machine.name), || {
        emulation.wast(3, Frames::Mapped, Some(features), scope.scripts())
    });
    for more in [&[][..], &["--guard"], &["--polls"]] {
        let name = format!(
            "{}: frames of generated modules {}",
            machine.name,
            more.join(" ")
        );
        parts.run(name.trim_end(), || emulation.frames(scope.modules(), more));
    }
}

/// A program that runs here, as [`prepare`] builds it.
fn debug(name: &str) -> Result<PathBuf> {
    Ok(workspace::target()?.join("debug").join(name))
}

/// A machine with what was built for it.
struct Emulation<'m> {
    machine: &'m Machine,
    binaries: Binaries,
}

impl Emulation<'_> {
    /// Runs a program of ours whose other side runs on the machine.
    fn two_sided(&self, program: &str, features: Option<&str>) -> Result<Command> {
        let mut command = Command::new(debug(program)?);
        command.args(["--target", self.machine.name]);
        let prefix = self.machine.prefix(features.map(|_| self.machine.full_cpu));
        command.args(["--runner", &prefix.join(" ")]);
        if let Some(features) = features {
            command.arg(format!("--cpu-features={features}"));
        }
        Ok(command)
    }

    fn wast(
        &self,
        level: u8,
        frames: Frames,
        features: Option<&str>,
        scripts: &[&str],
    ) -> Result<()> {
        let mut wast = self.two_sided("wast", features)?;
        wast.arg("--wast-run").arg(&self.binaries.wast_run);
        wast.args(["--opt-level", &level.to_string(), "--frames", frames.name()]);
        // The sample has none of them.
        if features.is_some() && scripts == SUITES && !self.machine.emulator_is_sound()? {
            for script in self.machine.too_much {
                println!("NOT RUN, since it ends this emulator: {script}");
                wast.args(["--except", script]);
            }
        }
        process::run(wast.args(["--timeout", TIMEOUT]).args(scripts))
    }

    /// Explicit and mapped frames, at levels 0 and 3.
    fn frames(&self, modules: u32, more: &[&str]) -> Result<()> {
        let mut check = self.two_sided("check-frames", None)?;
        check.arg("--frames-run").arg(&self.binaries.frames_run);
        // Behind the seeds of `cargo test`. In 203 values are in a register that always is 0.
        check.args(["--start", "200", "--count", &modules.to_string()]);
        process::run(check.args(more))
    }

    fn programs(&self, level: u8, frames: Frames, scope: Scope) -> Result<()> {
        let builder = Builder::new()?;
        let tools = Tools {
            wamrc: debug("wamrc-rs")?,
            iwasm: self.binaries.iwasm.clone(),
        };
        let mut flags = vec![
            format!("--target={}", self.machine.name),
            format!("--opt-level={level}"),
        ];
        flags.extend(frames.flags().iter().map(|&flag| flag.to_owned()));
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let mut compared = 0;
        for program in scope.programs() {
            let reference = Reference::new(&builder, program)?;
            let aot = builder.aot(&tools, program, &reference.wasm, &flags)?;
            reference
                .compare(&aot, || self.machine.command(&tools.iwasm))
                .with_context(|| format!("after {compared} programs"))?;
            compared += 1;
        }
        println!("{compared} programs do what their native builds do");
        Ok(())
    }
}
