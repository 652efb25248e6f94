//! `check-frames`: the frame checker over generated modules, or over given ones.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use wamr_tests::frames::{Case, Counts, Machine, Way, check_on, generate};
use wamr_tests::runner::Runner;
use wamrc_rs::FrameStrategy;

/// Compare the frames of compiled code with those of the reference interpreter
#[derive(Debug, Parser)]
struct Arguments {
    /// Seed of the first generated module
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// Number of generated modules
    #[arg(long, default_value_t = 1000)]
    count: u64,
    /// Optimisation levels
    #[arg(long, value_delimiter = ',', default_value = "0,3")]
    levels: Vec<u8>,
    /// Strategies: explicit, mapped
    #[arg(long, value_delimiter = ',', default_value = "explicit,mapped")]
    strategies: Vec<String>,
    /// Let guard pages find what is out of bounds
    #[arg(long)]
    guard: bool,
    /// Make their traps exact
    #[arg(long, requires = "guard")]
    strict_traps: bool,
    /// Show dead values, too
    #[arg(long)]
    all: bool,
    /// Poll
    #[arg(long)]
    polls: bool,
    /// Print the generated module and end
    #[arg(long)]
    print: bool,
    /// Stop after this many mismatches
    #[arg(long, default_value_t = 10)]
    failures: usize,
    /// A file that always names the seed in work, for when the process dies
    #[arg(long)]
    progress: Option<PathBuf>,
    /// Machine to compile for: an architecture or a triple
    #[arg(long)]
    target: Option<String>,
    /// CPU features to compile for (`+a,-b`)
    #[arg(long, allow_hyphen_values = true)]
    cpu_features: Option<String>,
    /// Command that runs the target side, such as `qemu-riscv64 -L /usr/riscv64-linux-gnu`
    #[arg(long)]
    runner: Option<String>,
    /// The target side's program, for that command [default: frames-run beside this program]
    #[arg(long)]
    frames_run: Option<PathBuf>,
    /// Standard input of programs
    #[arg(long)]
    input: Option<PathBuf>,
    /// Calls of the host that programs make ahead of the first comparison
    #[arg(long, default_value_t = 0)]
    skip: u64,
    /// Run these modules instead: programs of WASI, or else every export is called
    files: Vec<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.print {
        println!("{}", generate::text(arguments.start).text);
        return Ok(ExitCode::SUCCESS);
    }
    let mut machine = Machine::default();
    machine.target.target.clone_from(&arguments.target);
    machine.target.features.clone_from(&arguments.cpu_features);
    if arguments.runner.is_some() || arguments.frames_run.is_some() {
        machine.runner = Some(Runner::new(
            arguments.runner.as_deref(),
            arguments.frames_run.clone(),
            "frames-run",
            Duration::from_secs(600),
        )?);
    }
    let mut ways = Vec::new();
    for strategy in &arguments.strategies {
        let strategy = match strategy.as_str() {
            "explicit" => FrameStrategy::Explicit,
            "mapped" => FrameStrategy::Mapped,
            other => anyhow::bail!("there is no strategy {other}"),
        };
        ways.extend(arguments.levels.iter().map(|level| Way {
            checks: !arguments.guard,
            strict: arguments.strict_traps,
            all: arguments.all,
            polls: arguments.polls,
            ..Way::new(strategy, *level)
        }));
    }
    let mut counts = Counts::default();
    let (mut modules, mut failures) = (0_u64, 0);
    let mut run = |case: Result<Case, String>| {
        let result = case.and_then(|case| {
            catch_unwind(AssertUnwindSafe(|| check_on(&machine, &case, &ways)))
                .unwrap_or_else(|_| Err(format!("{}: panicked", case.name)))
        });
        modules += 1;
        match result {
            Ok(more) => counts += more,
            Err(text) => {
                println!("MISMATCH {text}");
                failures += 1;
            }
        }
        failures < arguments.failures
    };
    if arguments.files.is_empty() {
        for seed in arguments.start..arguments.start + arguments.count {
            if let Some(progress) = &arguments.progress {
                let mut file = std::fs::File::create(progress)?;
                writeln!(file, "{seed}")?;
            }
            if !run(generate::case(seed)) {
                break;
            }
        }
    }
    for path in &arguments.files {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let wasm = wat::parse_bytes(&bytes)?.into_owned();
        let name = path.display().to_string();
        let is_program = wasm
            .windows(22)
            .any(|bytes| bytes == b"wasi_snapshot_preview1");
        let case = if is_program {
            let input = arguments.input.as_ref().map(std::fs::read).transpose()?;
            Ok(Case::program(
                &name,
                wasm,
                &input.unwrap_or_default(),
                arguments.skip,
            ))
        } else {
            Case::of_exports(&name, wasm)
        };
        if !run(case) {
            break;
        }
    }
    println!(
        "{modules} modules in {} ways, {failures} mismatches: {counts:?}",
        ways.len()
    );
    Ok(ExitCode::from(u8::from(failures > 0)))
}
