//! `cross`: builds for other machines.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use xtask::progress::step;
use xtask::setup::{Mode, Need, ensure};
use xtask::{process, workspace};

/// Build for other machines what already runs there
///
/// The compiler makes objects for all of these; what has to be built for the machine itself is the loader and the runtime,
/// here without an operating system.
///
/// Rust's standard library for the target comes from rustup where that is installed; else it is compiled from the sources of
/// Debian's packages rustc-web and rust-web-src.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Targets [default: all]
    #[arg(value_name = "TARGET", value_parser = triples())]
    targets: Vec<String>,

    /// Print the targets and what is built for each
    #[arg(long)]
    list: bool,

    /// Compile the standard library from Debian's sources even if there is rustup
    #[arg(long)]
    build_std: bool,
}

/// A machine, or an operating system on it.
struct Target {
    triple: &'static str,
    /// Parts of the standard library, for building them.
    library: &'static str,
    parts: &'static [Part],
}

/// Something that is built.
#[derive(Clone, Copy)]
enum Part {
    /// The loader: `no_std`, no allocator.
    Loader,
    /// The runtime without an operating system.
    RuntimeCore,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Loader => "loader",
            Part::RuntimeCore => "runtime core",
        }
    }

    fn cargo_arguments(self) -> &'static [&'static str] {
        match self {
            Part::Loader => &["-p", "wamr-aot-loader", "--lib"],
            Part::RuntimeCore => &["-p", "wamr-runtime-min", "--lib", "--no-default-features"],
        }
    }
}

const HOSTED: &str = "std,panic_abort";
const BARE: &str = "core,alloc";

const TARGETS: &[Target] = &[
    Target {
        triple: "x86_64-unknown-none",
        library: BARE,
        parts: &[Part::Loader, Part::RuntimeCore],
    },
    Target {
        triple: "aarch64-unknown-linux-gnu",
        library: HOSTED,
        parts: &[Part::Loader, Part::RuntimeCore],
    },
    Target {
        triple: "aarch64-unknown-none",
        library: BARE,
        parts: &[Part::Loader, Part::RuntimeCore],
    },
    Target {
        triple: "riscv64gc-unknown-linux-gnu",
        library: HOSTED,
        parts: &[Part::Loader, Part::RuntimeCore],
    },
    Target {
        triple: "riscv64imac-unknown-none-elf",
        library: BARE,
        parts: &[Part::Loader, Part::RuntimeCore],
    },
    Target {
        triple: "riscv32imac-unknown-none-elf",
        library: BARE,
        parts: &[Part::Loader, Part::RuntimeCore],
    },
];

fn triples() -> clap::builder::PossibleValuesParser {
    TARGETS
        .iter()
        .map(|target| target.triple)
        .collect::<Vec<_>>()
        .into()
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let wanted = |target: &&Target| {
        arguments.targets.is_empty()
            || arguments
                .targets
                .iter()
                .any(|triple| triple == target.triple)
    };
    let mut failed = Vec::new();
    for target in TARGETS.iter().filter(wanted) {
        if arguments.list {
            let parts: Vec<_> = target.parts.iter().map(|part| part.name()).collect();
            println!("{:30} {}", target.triple, parts.join(", "));
            continue;
        }
        let rust = Rust::for_target(target, arguments.build_std)?;
        for &part in target.parts {
            let built = step(&format!("{}, {}", target.triple, part.name()), |_| {
                rust.build(target, part)
            });
            if let Err(error) = built {
                println!("{error:#}");
                failed.push(format!("{} for {}", part.name(), target.triple));
            }
        }
    }
    if !failed.is_empty() {
        bail!("not built: {}", failed.join(", "));
    }
    Ok(())
}

/// Where the standard library comes from.
enum Rust {
    /// rustup has it.
    Rustup,
    /// cargo compiles it.
    Sources,
}

impl Rust {
    fn for_target(target: &Target, build_std: bool) -> Result<Self> {
        if !build_std && rustup_has(target.triple) {
            return Ok(Rust::Rustup);
        }
        ensure(&[Need::RustSources], Mode::Install)?;
        Ok(Rust::Sources)
    }

    fn build(&self, target: &Target, part: Part) -> Result<()> {
        let mut cargo = workspace::cargo("build");
        cargo
            .args(["--release", "--target", target.triple])
            .args(part.cargo_arguments());
        if matches!(self, Rust::Sources) {
            // Debian's compiler is a stable one; building the library is an unstable option of cargo.
            cargo.arg(format!("-Zbuild-std={}", target.library));
            cargo
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", xtask::setup::SYSTEM_RUSTC);
            // Of the two compilers' results neither is of use to the other.
            cargo
                .arg("--target-dir")
                .arg(workspace::target()?.join("build-std"));
        }
        process::capture(&mut cargo).map(drop)
    }
}

/// Whether rustup has the target's library, after trying to get it.
pub fn rustup_has(triple: &str) -> bool {
    let mut rustup = Command::new("rustup");
    rustup
        .current_dir(workspace::root())
        .args(["target", "list", "--installed"]);
    match process::capture(&mut rustup) {
        Ok(installed) if installed.lines().any(|line| line == triple) => true,
        Ok(_) => {
            let mut add = Command::new("rustup");
            add.current_dir(workspace::root())
                .args(["target", "add", triple])
                .stdin(Stdio::null());
            process::show_and_run(&mut add).is_ok()
        }
        Err(_) => false,
    }
}
