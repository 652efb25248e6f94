//! `wast`: WebAssembly test scripts, through the runner of the `tests` crate.

use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum;
use xtask::setup::{Mode, Need, ensure};
use xtask::{process, workspace};

/// The specification's suites for the features that the compiler has.
pub const SUITES: [&str; 17] = [
    "spec:v1",
    "spec:v2",
    "spec:v3",
    "spec:simd",
    "spec:relaxed-simd",
    "spec:extended-const",
    "spec:tail-call",
    "spec:function-references",
    "spec:multi-memory",
    "spec:memory64",
    "spec:custom-page-sizes",
    "spec:threads",
    "spec:wide-arithmetic",
    "spec:annotations",
    "spec:exceptions",
    "spec:legacy-exceptions",
    "spec:gc/type-subtyping.wast",
];

/// Run WebAssembly test scripts (.wast) through compiler, loader and runtime
///
/// Ends with the line `N passed, N failed, N skipped`; names each skip with its reason; fails if a directive does.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "cargo xtask wast [OPTIONS] [PATH]... [-- OTHER OPTIONS]",
    after_help = "After `--`, all options of the runner can be given; `cargo xtask wast -- --help` lists them and the suites."
)]
pub struct Arguments {
    /// Scripts: files, folders, or suites of the specification such as spec:v2 or spec:v2/call.wast
    #[arg(value_name = "PATH", default_values = SUITES)]
    paths: Vec<String>,

    /// Optimisation level of the compiler, 0 to 3
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=3))]
    opt_level: u8,

    /// How frames are kept observable
    #[arg(long, value_enum, default_value_t = Frames::None)]
    frames: Frames,

    /// Options of the runner
    #[arg(last = true, hide = true)]
    others: Vec<String>,
}

/// Frame strategies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Frames {
    /// No frames
    None,
    /// A record in memory for each frame, its values stored ahead of calls and traps
    Explicit,
    /// Tables beside the code that say where values are
    Mapped,
}

impl Frames {
    fn name(self) -> &'static str {
        match self {
            Frames::None => "none",
            Frames::Explicit => "explicit",
            Frames::Mapped => "mapped",
        }
    }
}

/// The part of the set-up that the runner needs.
pub const NEEDS: &[Need] = &[Need::Linker, Need::Llvm];

pub fn run(arguments: &Arguments) -> Result<()> {
    ensure(NEEDS, Mode::Install)?;
    build()?;
    let level = arguments.opt_level.to_string();
    let mut line = vec!["--opt-level", &level, "--frames", arguments.frames.name()];
    line.extend(arguments.others.iter().map(String::as_str));
    line.extend(arguments.paths.iter().map(String::as_str));
    execute(&line)
}

/// Builds both sides of the runner, as `cargo test` does: LLVM does the heavy work, and is optimised in any case.
pub fn build() -> Result<()> {
    let mut cargo = workspace::cargo("build");
    cargo.args([
        "--quiet",
        "-p",
        "wamr-tests",
        "--bin",
        "wast",
        "--bin",
        "wast-run",
    ]);
    process::run(&mut cargo)
}

/// Runs the specification's suites, after [`build`], with one way to compile.
pub fn suites(opt_level: u8, frames: Frames) -> Result<()> {
    let level = opt_level.to_string();
    let mut line = vec!["--opt-level", &level, "--frames", frames.name()];
    line.extend(SUITES);
    execute(&line)
}

/// Calls the runner.
pub fn execute(line: &[&str]) -> Result<()> {
    // The user's paths are relative to where the user is, so the folder is left as it is.
    let mut command = Command::new(workspace::target()?.join("debug/wast"));
    let status = command.args(line).status()?;
    if !status.success() {
        bail!("`wast {}` failed: {status}", line.join(" "));
    }
    Ok(())
}
