//! `test`: what must pass before a change is kept; CI runs the very same.

use anyhow::Result;
use xtask::machine::MACHINES;
use xtask::setup::fuzz::Compiler;
use xtask::setup::{Mode, Need, ensure};
use xtask::{process, workspace};

use super::emulated::{self, Scope};
use super::parts::Parts;
use super::wast::{self, Frames};
use super::{bare_metal, fuzz};

/// Test everything: all crates, the specification's suite, real programs, bare machines
///
/// The suite runs at optimisation levels 3 and 0, without frames and with them in every way. Real programs (SQLite, zstd, ...; in C,
/// C++, Rust and Go) are built natively and through the toolchain, and their output is compared. A sample of all this runs on AArch64 and
/// RISC-V 64 under an emulator, and firmware on emulated boards.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Leave out what takes minutes: real programs, emulated machines, and all but one run of the suite
    #[arg(long, conflicts_with = "all")]
    quick: bool,

    /// Run the suite at every optimisation level, on emulated machines all that `cross` runs and all of version 2, and the loader's tests under
    /// AddressSanitizer
    #[arg(long)]
    all: bool,

    /// Compare the frames of so many generated modules with the reference interpreter's, beside the fixed ones
    #[arg(long, value_name = "MODULES", default_value_t = 0)]
    frames: u64,
}

/// Scripts for a 32-bit machine without float registers: where its code differs from that of others.
const BARE_METAL_SCRIPTS: &[&str] = &[
    "spec:v2/bulk.wast",
    "spec:v2/call_indirect.wast",
    "spec:v2/conversions.wast",
    "spec:v2/f32.wast",
    "spec:v2/f64.wast",
    "spec:v2/f64_cmp.wast",
    "spec:v2/fac.wast",
    "spec:v2/float_exprs.wast",
    "spec:v2/i64.wast",
    "spec:v2/memory_grow.wast",
    "spec:v2/memory_trap.wast",
    "spec:v2/table_grow.wast",
];

pub fn run(arguments: &Arguments) -> Result<()> {
    let mut needs = vec![Need::Linker, Need::Llvm, Need::WasmClang, Need::Lld];
    if !arguments.quick {
        needs.extend([
            Need::WasmCxx,
            Need::LlvmSources,
            Need::Go,
            Need::RustSources,
        ]);
    }
    ensure(&needs, Mode::Install)?;
    let mut parts = Parts::default();
    let mut cargo = workspace::cargo("test");
    cargo.args(["--workspace", "--no-fail-fast"]);
    if arguments.quick {
        cargo.args(["--lib", "--bins"]);
    }
    parts.run("tests of all crates", || process::show_and_run(&mut cargo));

    let levels: &[u8] = if arguments.quick {
        &[3]
    } else if arguments.all {
        &[3, 2, 1, 0]
    } else {
        &[3, 0]
    };
    let frames: &[Frames] = if arguments.quick {
        &[Frames::None]
    } else {
        &[Frames::None, Frames::Explicit, Frames::Mapped]
    };
    if parts.run("building the suite's runner", wast::build) {
        for &level in levels {
            for &frames in frames {
                let name = format!("suite at level {level}, frames {frames:?}").to_lowercase();
                parts.run(&name, || wast::suites(level, frames));
            }
        }
    }
    if !arguments.quick {
        // Behind those of `cargo test`, and always the same.
        parts.run("generated modules on two engines", || {
            fuzz::differential(1_000, Some(800), None)
        });
        parts.run_if_possible("fuzzing the loader", || fuzz::brief(30));
        let scripts: &[&str] = if arguments.all {
            &["spec:v1", "spec:v2"]
        } else {
            BARE_METAL_SCRIPTS
        };
        parts.run("machines without an operating system", || {
            bare_metal::test(scripts)
        });
    }
    if arguments.all {
        parts.run_if_possible("loader under AddressSanitizer", sanitize);
    }
    if arguments.frames > 0 {
        parts.run("frames of generated modules", || {
            check_frames(arguments.frames)
        });
    }
    if !arguments.quick && parts.run("building for emulated machines", emulated::prepare) {
        let scope = if arguments.all {
            Scope::All
        } else {
            Scope::Sample
        };
        for machine in &MACHINES {
            emulated::run(machine, None, scope, &mut parts);
        }
    }
    parts.finish()
}

/// Half of the modules with explicit checks of memory, half with guard pages and exact traps; each at levels 0 and 3, with explicit and
/// mapped frames. The seeds of `cargo test` come first and are left out.
fn check_frames(modules: u64) -> Result<()> {
    for (start, count, guard) in [
        (10_000, modules.div_ceil(2), &[][..]),
        (1_000_000, modules / 2, &["--guard", "--strict-traps"]),
    ] {
        let mut cargo = workspace::cargo("run");
        cargo.args(["--quiet", "-p", "wamr-tests", "--bin", "check-frames", "--"]);
        cargo.args([
            "--start",
            &format!("{start}"),
            "--count",
            &format!("{count}"),
        ]);
        cargo.args(guard);
        process::show_and_run(&mut cargo)?;
    }
    Ok(())
}

/// The loader's tests with every access of memory checked. Only nightly toolchains can.
fn sanitize() -> Result<Result<(), String>> {
    let compiler = Compiler::find();
    if compiler != Compiler::Nightly {
        return Ok(Err(
            "there is no nightly toolchain (`rustup toolchain install nightly`)".to_owned(),
        ));
    }
    let mut cargo = compiler.cargo();
    // With a target, so that build scripts and macros are left as they are.
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    cargo
        .args([
            "test",
            "-p",
            "wamr-aot-loader",
            "--tests",
            "--target",
            &host,
        ])
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("CARGO_TARGET_DIR", workspace::target()?.join("sanitize"));
    process::show_and_run(&mut cargo).map(Ok)
}
