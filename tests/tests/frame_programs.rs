//! Frames of real programs are those of the reference interpreter, at every call of the host and every poll of a prefix of their runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use wamr_tests::frames::{Case, Counts, Way, check};
use wamrc_rs::FrameStrategy::{Explicit, Mapped};
use xtask::builder::Builder;
use xtask::clang::Target;
use xtask::programs;

/// Both strategies at both ends of optimisation, with polls; behind so many calls of the host.
fn check_program(name: &str, input: Option<&str>, skip: u64) -> Result<Counts> {
    let program = programs::find(name).context("no such program")?;
    let wasm = fs::read(Builder::new()?.build(program, Target::Wasm)?)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    let input = input
        .map(|input| fs::read(folder.join(input)))
        .transpose()?;
    let case = Case::program(name, wasm, &input.unwrap_or_default(), skip);
    let ways = [(Explicit, 0), (Explicit, 3), (Mapped, 0), (Mapped, 3)];
    let ways = ways.map(|(strategy, level)| Way {
        // As programs are compiled unless one asks for something else; but what a guard page finds is then exact.
        checks: false,
        strict: true,
        polls: true,
        ..Way::new(strategy, level)
    });
    let counts = check(&case, &ways).map_err(anyhow::Error::msg)?;
    println!("{name}: {counts:?}");
    ensure!(counts.skipped == 0, "{counts:?}");
    Ok(counts)
}

#[test]
fn sqlite() -> Result<()> {
    // Behind those that read the script, so amid its queries: twenty functions deep.
    let counts = check_program("sqlite", Some("sqlite/tour.sql"), 12)?;
    ensure!(counts.points > 4_000, "{counts:?}");
    ensure!(counts.frames > 15 * counts.points, "{counts:?}");
    Ok(())
}

macro_rules! program_tests {
    ($($test:ident: $name:literal, $catches:literal;)*) => {
        $(
            #[test]
            fn $test() -> Result<()> {
                let counts = check_program($name, None, 0)?;
                ensure!(counts.points > 4_000, "{counts:?}");
                ensure!((counts.caught > 0) == $catches, "{counts:?}");
                Ok(())
            }
        )*
    };
}

// Their names, and whether they catch exceptions.
program_tests! {
    lua: "lua", false;
    lz4: "lz4", false;
    interpreter: "interpreter", false;
    lua_errors: "lua-errors", true;
    rust_panics: "rust-panics", true;
    cxx_exceptions: "cxx-exceptions", true;
}
