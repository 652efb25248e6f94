//! The command line of `wast`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use wamrc_rs::options::{optional_features, supported_features};
use wamrc_rs::{FrameOptions, FrameStrategy, Options};

use super::compile::Compiler;
use super::protocol::Counts;
use super::run::{self, Report};
use super::suite::{self, Source};
use super::translate::translate;
use crate::runner::Runner;

/// Runs WebAssembly test scripts (.wast) through compiler, loader and runtime.
///
/// Ends with the line `N passed, N failed, N skipped`; each directive of a script counts once. Exits
/// with 1 if one failed, with 2 if the run could not be done.
#[derive(Debug, Parser)]
#[command(name = "wast", after_help = suite::suite_names())]
pub struct Arguments {
    /// Scripts: files, folders, or suites (see below)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,

    /// Leave out this script of those that the paths name
    #[arg(long, value_name = "SCRIPT")]
    except: Vec<String>,

    /// Optimisation level
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=3))]
    opt_level: u8,

    /// How frames are kept observable
    #[arg(long, value_enum, default_value = "none")]
    frames: Frames,

    /// Explicit checks of linear memory accesses (1) or guard pages (0); the target's default if absent
    #[arg(long, value_name = "0|1", value_parser = parse_switch)]
    bounds_checks: Option<bool>,

    /// Compile so that traps are exact to the last access
    #[arg(long)]
    strict_traps: bool,

    /// Machine to compile for: an architecture or a triple
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,

    /// ABI to compile for
    #[arg(long, value_name = "ABI")]
    target_abi: Option<String>,

    /// CPU to compile for
    #[arg(long, value_name = "CPU")]
    cpu: Option<String>,

    /// CPU features to compile for (`+a,-b`)
    #[arg(long, value_name = "FEATURES", allow_hyphen_values = true)]
    cpu_features: Option<String>,

    /// Command that runs the target side, such as `qemu-riscv64 -L /usr/riscv64-linux-gnu`
    #[arg(long, value_name = "CMD")]
    runner: Option<String>,

    /// The target side's program
    #[arg(
        long,
        value_name = "FILE",
        help = "The target side's program [default: wast-run beside this program]"
    )]
    wast_run: Option<PathBuf>,

    /// Seconds that the target side may take for one script
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,

    /// Scripts that are worked on at the same time [default: the number of processors]
    #[arg(short, long, value_name = "N")]
    jobs: Option<usize>,

    /// Keep the script files with the objects in this folder
    #[arg(long, value_name = "FOLDER")]
    keep_scripts: Option<PathBuf>,

    /// Print every script's counts and time
    #[arg(short, long)]
    verbose: bool,
}

/// Frame strategies by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Frames {
    None,
    Explicit,
    Mapped,
}

fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err("0 or 1".into()),
    }
}

impl Arguments {
    fn options(&self) -> Options {
        let mut options = Options {
            opt_level: self.opt_level,
            bounds_checks: self.bounds_checks,
            strict_traps: self.strict_traps,
            frames: FrameOptions {
                strategy: match self.frames {
                    Frames::None => FrameStrategy::None,
                    Frames::Explicit => FrameStrategy::Explicit,
                    Frames::Mapped => FrameStrategy::Mapped,
                },
                ..FrameOptions::default()
            },
            // The scripts themselves are worked on in parallel.
            threads: std::num::NonZeroUsize::new(1),
            features: supported_features() | optional_features(),
            ..Options::default()
        };
        options.target.target.clone_from(&self.target);
        options.target.abi.clone_from(&self.target_abi);
        options.target.cpu.clone_from(&self.cpu);
        options.target.features.clone_from(&self.cpu_features);
        options
    }

    fn runner(&self) -> Result<Runner> {
        Runner::new(
            self.runner.as_deref(),
            self.wast_run.clone(),
            "wast-run",
            Duration::from_secs(self.timeout),
        )
    }
}

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(counts) => {
            // Nobody reads it if this fails.
            let _ = writeln!(std::io::stdout(), "{counts}");
            if counts.failed == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("wast: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs all scripts, and prints failures and skips as they come.
fn run(arguments: &Arguments) -> Result<Counts> {
    let runner = arguments.runner()?;
    let options = arguments.options();
    let mut sources = Vec::new();
    for path in &arguments.paths {
        sources.extend(suite::sources(path)?);
    }
    for name in &arguments.except {
        let before = sources.len();
        sources.retain(|source| source.name != *name);
        ensure!(
            sources.len() < before,
            "there is no script {name} to leave out"
        );
    }
    let folder = match &arguments.keep_scripts {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            ScriptFolder::Kept(folder.clone())
        }
        None => ScriptFolder::Temporary(tempfile::tempdir()?),
    };
    let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let jobs = arguments
        .jobs
        .unwrap_or_else(processors)
        .clamp(1, sources.len().max(1));
    let next = AtomicUsize::new(0);
    let total = Mutex::new((Counts::default(), None));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(source) = sources.get(index) else {
                        break;
                    };
                    let start = Instant::now();
                    let result =
                        run_script(source, &options, &runner, &folder.path(index, &source.name));
                    let mut total = total
                        .lock()
                        .unwrap_or_else(|poisoned| poisoned.into_inner());
                    match result {
                        Ok(report) => {
                            total.0 += report.counts;
                            let time = arguments.verbose.then(|| start.elapsed());
                            if let Err(error) = print_report(&source.name, &report, time) {
                                total.1.get_or_insert(error.into());
                                break;
                            }
                        }
                        Err(error) => {
                            total.1.get_or_insert(error.context(source.name.clone()));
                            break;
                        }
                    }
                }
            });
        }
    });
    match total
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
    {
        (counts, None) => Ok(counts),
        (_, Some(error)) => Err(error),
    }
}

enum ScriptFolder {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl ScriptFolder {
    /// Path of the script file; the index keeps equal names apart.
    fn path(&self, index: usize, name: &str) -> PathBuf {
        let name: String = name
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || "-_.".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        let folder = match self {
            ScriptFolder::Kept(path) => path,
            ScriptFolder::Temporary(folder) => folder.path(),
        };
        folder.join(format!("{index:03}-{name}.script"))
    }
}

fn run_script(source: &Source, options: &Options, runner: &Runner, path: &Path) -> Result<Report> {
    let mut options = options.clone();
    options.features -= source.without;
    let translation = translate(source, &mut Compiler::new(&options));
    let mut report = Report::default();
    if !translation.script.commands.is_empty() {
        let bytes = translation.script.encode()?;
        std::fs::write(path, bytes).with_context(|| path.display().to_string())?;
        report = run::run(runner, &translation.script, path)?;
    }
    for (line, outcome) in &translation.decided {
        report.add(&source.name, *line, outcome);
    }
    Ok(report)
}

/// Prints a script's failures and skips in one piece; with a time, also its counts.
fn print_report(name: &str, report: &Report, time: Option<Duration>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for failure in &report.failures {
        writeln!(out, "FAIL {failure}")?;
    }
    for skip in &report.skips {
        writeln!(out, "SKIP {skip}")?;
    }
    if let Some(time) = time {
        writeln!(out, "{name}: {} ({time:.1?})", report.counts)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
