//! `diff-fuzz`: generated modules on compiled code and on a second engine.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use wamr_tests::differential::{Counts, Kind, Program, Verdict, check, generate};
use wamr_tests::runner::Runner;

/// Run generated modules here and on a second engine, and compare all that they do
///
/// Half of them are for wasmi. The others have exceptions or atomics, and the second engine is the reference interpreter.
///
/// The same seed always gives the same module, options and arguments. Batches of seeds run in processes of their own, so that a crash or a
/// hang is a difference like any other.
#[derive(Debug, Parser)]
struct Arguments {
    /// First seed
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// Number of modules [default with --seconds: no limit, without: 1000]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Start nothing new after so many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Processes at a time [default: one per processor]
    #[arg(short, long, value_name = "N")]
    jobs: Option<usize>,
    /// Stop after this many differences
    #[arg(long, default_value_t = 10)]
    failures: usize,
    /// Where modules that differ are written [default: the folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Print the module of the first seed, its options and its calls, and end
    #[arg(long)]
    print: bool,
    /// Run the seeds in this process, and say what happens on lines that a program reads
    #[arg(long, hide = true)]
    batch: bool,
}

/// Seeds of a process.
const BATCH: u64 = 50;

/// How long a batch may take. A module takes a few hundredths of a second, but the machine may have more urgent work.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Stack of a batch's thread: the compiler recurses, and wasmi.
const STACK: usize = 64 << 20;

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.print {
        let program = generate::program(arguments.start).map_err(anyhow::Error::msg)?;
        print!("{}", text(&program)?);
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.batch {
        let seeds = arguments.start..arguments.start + count(&arguments);
        let thread = std::thread::Builder::new().stack_size(STACK);
        let batch = thread.spawn(|| seeds.for_each(run_one))?;
        return Ok(match batch.join() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        });
    }
    let total = campaign(&arguments)?;
    for (kind, same) in total.same.iter().filter(|(_, same)| same.modules > 0) {
        println!("{kind:?}: {same}");
    }
    println!(
        "{} modules: {} the same, {} not comparable, {} different",
        total.modules,
        total.same.iter().map(|(_, same)| same.modules).sum::<u64>(),
        total.skipped,
        total.different
    );
    Ok(ExitCode::from(u8::from(total.different > 0)))
}

/// Number of modules to run, unless time ends it.
fn count(arguments: &Arguments) -> u64 {
    let without = match arguments.seconds {
        Some(_) => u64::MAX - arguments.start,
        None => 1_000,
    };
    arguments.count.unwrap_or(without)
}

/// Runs a seed and prints two lines: before and after.
fn run_one(seed: u64) {
    println!("seed {seed}");
    let result = catch_unwind(|| generate::program(seed).and_then(|program| check(&program)));
    match result {
        Ok(Ok(Verdict::Same(counts))) => println!("same {}", counts.line()),
        Ok(Ok(Verdict::Skipped)) => println!("skipped"),
        Ok(Err(text)) => println!("different {}", text.replace('\n', " / ")),
        Err(_) => println!("different panicked"),
    }
}

/// What a campaign has seen.
#[derive(Debug)]
struct Total {
    /// The next seed that no process has.
    next: u64,
    modules: u64,
    /// What those did that showed no difference.
    same: [(Kind, Counts); Kind::ALL.len()],
    skipped: u64,
    different: usize,
}

fn campaign(arguments: &Arguments) -> Result<Total> {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.unwrap_or_else(processors).max(1);
    let runner = Runner {
        prefix: Vec::new(),
        program: std::env::current_exe().context("where is this program?")?,
        timeout: TIMEOUT,
    };
    let folder = match &arguments.output {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir(),
    };
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let (began, limit) = (Instant::now(), count(arguments));
    let total = Mutex::new(Total {
        next: arguments.start,
        modules: 0,
        same: Kind::ALL.map(|kind| (kind, Counts::default())),
        skipped: 0,
        different: 0,
    });
    let work = || -> Result<()> {
        loop {
            let (start, count) = {
                let mut total = lock(&total);
                let done = total.next - arguments.start;
                let late = arguments
                    .seconds
                    .is_some_and(|seconds| began.elapsed().as_secs() >= seconds);
                if done >= limit || late || total.different >= arguments.failures {
                    return Ok(());
                }
                let count = BATCH.min(limit - done);
                total.next += count;
                (total.next - count, count)
            };
            batch(&runner, &folder, start, count, &total)?;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker
                .join()
                .map_err(|_| anyhow::anyhow!("a worker panicked"))??;
        }
        anyhow::Ok(())
    })?;
    Ok(total
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner()))
}

fn lock(total: &Mutex<Total>) -> std::sync::MutexGuard<'_, Total> {
    total
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs seeds in processes: a second one, if the first dies before the end.
fn batch(
    runner: &Runner,
    folder: &Path,
    mut start: u64,
    count: u64,
    total: &Mutex<Total>,
) -> Result<()> {
    let end = start + count;
    while start < end {
        let (first, many) = (start.to_string(), (end - start).to_string());
        let words = ["--batch", "--start", &first, "--count", &many];
        let ended = runner.run(&words.map(AsRef::as_ref))?;
        let output = String::from_utf8_lossy(&ended.output);
        let mut lines = output.lines();
        while let Some(line) = lines.next() {
            let seed: u64 = line.strip_prefix("seed ").context("a seed")?.parse()?;
            start = seed + 1;
            let result = lines.next().unwrap_or_default();
            let (kind, rest) = result.split_once(' ').unwrap_or((result, ""));
            let mut total = lock(total);
            total.modules += 1;
            match kind {
                "same" => {
                    let counts: Counts = rest.parse().map_err(anyhow::Error::msg)?;
                    let kinds = total.same.iter_mut();
                    for (_, same) in kinds.filter(|(kind, _)| *kind == Kind::of_seed(seed)) {
                        *same += counts;
                    }
                }
                "skipped" => total.skipped += 1,
                "different" => total.different(seed, rest, folder)?,
                _ => total.different(seed, &format!("{}: {}", ended.end, ended.errors), folder)?,
            }
        }
        if output.is_empty() {
            anyhow::bail!("a batch said nothing: {}; {}", ended.end, ended.errors);
        }
    }
    Ok(())
}

impl Total {
    /// Says what differs, and how to see it again.
    fn different(&mut self, seed: u64, what: &str, folder: &Path) -> Result<()> {
        self.different += 1;
        println!("DIFFERENCE seed {seed}: {what}");
        // The generator may be what fails.
        let program = catch_unwind(AssertUnwindSafe(|| generate::program(seed)));
        if let Ok(Ok(program)) = program {
            let path = folder.join(format!("difference-{seed}.wat"));
            std::fs::write(&path, text(&program)?).with_context(|| path.display().to_string())?;
            println!("  module: {}", path.display());
            println!("  options: {}", generate::command_line(&program.options));
        }
        println!("  again: cargo run -p wamr-tests --bin diff-fuzz -- --start {seed} --count 1");
        Ok(())
    }
}

/// The module as text, with options and calls as comments.
fn text(program: &Program) -> Result<String> {
    let mut text = format!(";; {}\n", generate::command_line(&program.options));
    for (name, arguments) in &program.calls {
        writeln!(text, ";; {name:?} {arguments:x?}")?;
    }
    for act in &program.acts {
        writeln!(text, ";; the host: {act:x?}")?;
    }
    text += &wasmprinter::print_bytes(&program.wasm)?;
    Ok(text)
}
