//! `cross`: builds for other machines, and tests under an emulator.

use anyhow::Result;
use clap::builder::{PossibleValue, PossibleValuesParser};
use xtask::machine::Machine;
use xtask::process;
use xtask::progress::step;
use xtask::rust::{BARE, HOSTED, Library};
use xtask::setup::{Mode, ensure};

use super::emulated::{self, Scope};
use super::parts::Parts;

/// Build for other machines, and run the tests on them under an emulator
///
/// The compiler runs here and makes objects for all of these; what is built for the machine itself is the loader and the runtime.
/// For AArch64 and RISC-V 64 Linux the specification's suite, real programs and the frame checker then run under qemu's user
/// mode. For machines without an operating system there is only the build.
///
/// Rust's standard library for the target comes from rustup where that is installed; else it is compiled from the sources of
/// Debian's packages rustc-web and rust-web-src.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Targets: aarch64, riscv64, or a target of Rust's [default: all]
    #[arg(long = "target", value_name = "TARGET", value_parser = names(), hide_possible_values = true)]
    targets: Vec<String>,

    /// Print the targets and what is built for each
    #[arg(long)]
    list: bool,

    /// Build, and run nothing
    #[arg(long, conflicts_with = "sample")]
    build: bool,

    /// Run only the sample that `cargo xtask test` runs, not everything
    #[arg(long)]
    sample: bool,

    /// Compile the standard library from Debian's sources even if there is rustup
    #[arg(long)]
    build_std: bool,
}

/// A machine, or an operating system on it.
struct Target {
    triple: &'static str,
    /// Parts of the standard library, for building them.
    library: &'static str,
}

/// What is built where there is an operating system.
const HOSTED_PART: &str = "runtime and the tests' runners";

/// What is built where there is none: the loader, which needs no allocator, and the runtime's core.
const BARE_PARTS: [(&str, &[&str]); 2] = [
    ("loader", &["-p", "wamr-aot-loader", "--lib"]),
    (
        "runtime core",
        &["-p", "wamr-runtime-min", "--lib", "--no-default-features"],
    ),
];

const TARGETS: &[Target] = &[
    Target {
        triple: "x86_64-unknown-none",
        library: BARE,
    },
    Target {
        triple: "aarch64-unknown-linux-gnu",
        library: HOSTED,
    },
    Target {
        triple: "aarch64-unknown-none",
        library: BARE,
    },
    Target {
        triple: "riscv64gc-unknown-linux-gnu",
        library: HOSTED,
    },
    Target {
        triple: "riscv64imac-unknown-none-elf",
        library: BARE,
    },
    Target {
        triple: "riscv32imac-unknown-none-elf",
        library: BARE,
    },
];

impl Target {
    /// The machine that it can be run on here.
    fn machine(&self) -> Option<&'static Machine> {
        Machine::of_triple(self.triple)
    }

    fn library(&self, build_std: bool) -> Result<Library> {
        if build_std {
            Library::from_sources(self.library)
        } else {
            Library::find(self.triple, self.library)
        }
    }
}

/// The triples; a machine that we can emulate may be called by its name.
fn names() -> PossibleValuesParser {
    let names = TARGETS.iter().map(|target| {
        let value = PossibleValue::new(target.triple);
        match target.machine() {
            Some(machine) => value.alias(machine.name),
            None => value,
        }
    });
    names.collect::<Vec<_>>().into()
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let is_named = |target: &Target| {
        let machine = target.machine().map(|machine| machine.name);
        let mut names = arguments.targets.iter().map(String::as_str);
        names.any(|name| name == target.triple || Some(name) == machine)
    };
    let targets: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| arguments.targets.is_empty() || is_named(target))
        .collect();
    if arguments.list {
        for target in targets {
            let parts = match target.machine() {
                Some(_) => vec![HOSTED_PART],
                None => BARE_PARTS.iter().map(|(name, _)| *name).collect(),
            };
            println!("{:30} {}", target.triple, parts.join(", "));
        }
        return Ok(());
    }
    build(&targets, arguments.build_std)?;
    if arguments.build {
        return Ok(());
    }
    let scope = if arguments.sample {
        Scope::Sample
    } else {
        Scope::All
    };
    let machines: Vec<_> = targets
        .into_iter()
        .filter_map(|target| Some((target, target.machine()?)))
        .collect();
    if machines.is_empty() {
        return Ok(());
    }
    let mut parts = Parts::default();
    emulated::prepare()?;
    for (target, machine) in machines {
        emulated::run(
            machine,
            Some(target.library(arguments.build_std)?),
            scope,
            &mut parts,
        );
    }
    parts.finish()
}

/// Builds for the targets: what has no operating system for release, the rest for its tests.
fn build(targets: &[&Target], build_std: bool) -> Result<()> {
    let mut failed = Vec::new();
    for target in targets {
        let library = target.library(build_std)?;
        let mut build = |what: &str, work: &dyn Fn() -> Result<()>| {
            if let Err(error) = step(&format!("{}, {what}", target.triple), |_| work()) {
                println!("{error:#}");
                failed.push(format!("{what} for {}", target.triple));
            }
        };
        if let Some(machine) = target.machine() {
            ensure(&[machine.need], Mode::Install)?;
            build(HOSTED_PART, &|| machine.build_with(library).map(drop));
            continue;
        }
        for (name, arguments) in BARE_PARTS {
            build(name, &|| {
                let mut cargo = library.cargo(target.triple)?;
                process::capture(cargo.arg("--release").args(arguments)).map(drop)
            });
        }
    }
    anyhow::ensure!(failed.is_empty(), "not built: {}", failed.join(", "));
    Ok(())
}
