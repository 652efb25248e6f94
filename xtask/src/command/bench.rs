//! `bench`: how fast compiled programs run, beside native code and wasmtime.

mod frames;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use xtask::builder::Builder;
use xtask::clang::Target;
use xtask::measure::{self, geometric_mean, median};
use xtask::programs::{PROGRAMS, Program};
use xtask::progress::step;
use xtask::setup::{Mode, Need, ensure as set_up, wasmtime};
use xtask::tools::{Frames, Tools};
use xtask::{process, workspace};

/// The program whose native compile time is measured too.
const COMPILED: &str = "sqlite";

/// Measure programs, and the cost of calls between host and WebAssembly
///
/// Programs: each is built natively (clang -O3), through our toolchain without frames and with mapped ones, and by wasmtime
/// from the same .wasm. They run in turns (native, ours, wasmtime, native, ...); what counts is the median of the processor time
/// in user mode, loading included. Outputs must be the same as the native build's.
///
/// Frames: the same programs through our toolchain, with frames kept in every way, as ratios to none; with the sizes of code
/// and tables.
///
/// Calls: nanoseconds for a call into WebAssembly, out of it, and inside.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to measure [default: programs and calls]
    what: Option<What>,

    /// How often each program runs
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Only these programs
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = names())]
    only: Vec<String>,

    /// Leave wasmtime out
    #[arg(long)]
    no_wasmtime: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Run time, compile time and size of real programs
    Programs,
    /// What frames cost
    Frames,
    /// The cost of calls
    Calls,
}

/// The programs that can be measured.
fn measured() -> impl Iterator<Item = &'static Program> {
    PROGRAMS.iter().filter(|program| !program.bench.is_empty())
}

fn names() -> clap::builder::PossibleValuesParser {
    measured()
        .map(|program| clap::builder::PossibleValue::new(program.name).help(program.about))
        .collect::<Vec<_>>()
        .into()
}

pub fn run(arguments: &Arguments) -> Result<()> {
    set_up(&[Need::Linker, Need::Llvm], Mode::Install)?;
    match arguments.what {
        Some(What::Programs) => programs(arguments),
        Some(What::Calls) => calls(),
        Some(What::Frames) => {
            let is_chosen = !arguments.only.is_empty();
            frames::run(&chosen(arguments), is_chosen, arguments.rounds)
        }
        None => {
            programs(arguments)?;
            calls()
        }
    }
}

/// The programs that are asked for.
fn chosen(arguments: &Arguments) -> Vec<&'static Program> {
    let is_asked_for = |program: &&Program| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == program.name)
    };
    measured().filter(is_asked_for).collect()
}

fn calls() -> Result<()> {
    println!("\n== calls");
    process::run(workspace::cargo("build").args([
        "--quiet",
        "--release",
        "-p",
        "wamr-tests",
        "--bin",
        "call-cost",
    ]))?;
    process::run(&mut Command::new(
        workspace::target()?.join("release/call-cost"),
    ))
}

/// One way to run a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contender {
    Native,
    Ours(Frames),
    Wasmtime,
}

impl Contender {
    /// All, the yardstick first.
    const ALL: [Contender; 4] = [
        Contender::Native,
        Contender::Ours(Frames::None),
        Contender::Ours(Frames::Mapped),
        Contender::Wasmtime,
    ];

    fn name(self) -> &'static str {
        match self {
            Contender::Native => "native",
            Contender::Ours(Frames::None) => "aot",
            Contender::Ours(Frames::Explicit) => "aot+records",
            Contender::Ours(Frames::Mapped) => "aot+frames",
            Contender::Wasmtime => "wasmtime",
        }
    }
}

/// A program that is ready to be run by one contender.
struct Prepared {
    /// Program and arguments, but for those of the measured program itself.
    line: Vec<PathBuf>,
    /// Wall and user time that it took to compile the `.wasm`.
    compiled: Option<(Duration, Duration)>,
    /// Of what was compiled, in bytes.
    size: u64,
}

/// What came out for one program.
struct Row {
    program: &'static Program,
    wasm_size: u64,
    /// By contender: `None` if it failed.
    results: Vec<Option<(Prepared, Duration)>>,
    /// Largest over smallest time of the same thing, minus one: how much the machine was disturbed.
    spread: f64,
}

fn programs(arguments: &Arguments) -> Result<()> {
    set_up(&[Need::WasmClang], Mode::Install)?;
    let mut contenders = Contender::ALL.to_vec();
    if arguments.no_wasmtime {
        contenders.retain(|&contender| contender != Contender::Wasmtime);
    } else {
        set_up(&[Need::Wasmtime], Mode::Install)?;
    }
    process::run(Tools::build_command().arg("--quiet"))?;
    let bench = Bench {
        tools: Tools::locate()?,
        builder: step("Fetching the programs' C sources", |_| Builder::new())?,
        folder: workspace::target()?.join("bench"),
        contenders,
        rounds: arguments.rounds,
    };
    fs::create_dir_all(&bench.folder)?;

    let mut failures = Vec::new();
    let mut rows = Vec::new();
    for program in chosen(arguments) {
        rows.push(step(&format!("Measuring {}", program.name), |step| {
            bench.row(program, &mut failures, &|detail| step.at(detail))
        })?);
    }
    bench.print_times(&rows);
    bench.print_compilation(&rows);
    if rows.iter().any(|row| row.program.name == COMPILED) {
        bench.print_native_compilation()?;
    }
    if !failures.is_empty() {
        bail!("{} failed:\n{}", failures.len(), failures.join("\n"));
    }
    Ok(())
}

struct Bench {
    tools: Tools,
    builder: Builder,
    folder: PathBuf,
    contenders: Vec<Contender>,
    rounds: u32,
}

impl Bench {
    /// Builds and measures one program. What a contender does wrong goes into `failures`; the others go on.
    fn row(
        &self,
        program: &'static Program,
        failures: &mut Vec<String>,
        at: &dyn Fn(&str),
    ) -> Result<Row> {
        at("C to WebAssembly");
        let wasm = self.builder.build(program, Target::Wasm)?;
        let mut prepared = Vec::new();
        for &contender in &self.contenders {
            at(&format!("compiling, {}", contender.name()));
            prepared.push(match self.prepare(program, contender, &wasm) {
                Ok(ready) => Some(ready),
                Err(error) => {
                    failures.push(format!("{}, {}: {error:#}", program.name, contender.name()));
                    None
                }
            });
        }
        let mut times = vec![Vec::new(); prepared.len()];
        let mut expected = None;
        for round in 1..=self.rounds {
            for (index, contender) in self.contenders.iter().enumerate() {
                let Some(ready) = &prepared[index] else {
                    continue;
                };
                at(&format!(
                    "round {round} of {}, {}",
                    self.rounds,
                    contender.name()
                ));
                match self.once(program, ready, &mut expected) {
                    Ok(time) => times[index].push(time),
                    Err(error) => {
                        failures.push(format!("{}, {}: {error:#}", program.name, contender.name()));
                        prepared[index] = None;
                    }
                }
            }
        }
        let spread = times
            .iter()
            .filter_map(|times| Some((times.iter().min()?, times.iter().max()?)));
        let spread = spread
            .map(|(least, most)| most.as_secs_f64() / least.as_secs_f64() - 1.0)
            .fold(0.0, f64::max);
        let results = prepared
            .into_iter()
            .zip(&times)
            .map(|(ready, times)| Some((ready?, median(times))))
            .collect();
        Ok(Row {
            program,
            wasm_size: fs::metadata(&wasm)?.len(),
            results,
            spread,
        })
    }

    fn prepare(&self, program: &Program, contender: Contender, wasm: &PathBuf) -> Result<Prepared> {
        let size = |path: &PathBuf| fs::metadata(path).map(|data| data.len());
        let compile = |mut command: Command| -> Result<(Duration, Duration)> {
            let run = measure::run(&mut command, None)?;
            let times = (run.wall, run.user);
            run.output(&process::describe(&command))?;
            Ok(times)
        };
        match contender {
            Contender::Native => {
                let path = self.builder.build(program, Target::Native)?;
                Ok(Prepared {
                    size: size(&path)?,
                    line: vec![path],
                    compiled: None,
                })
            }
            Contender::Ours(frames) => {
                let aot = self
                    .folder
                    .join(format!("{}-{}.aot", program.name, frames.name()));
                let times =
                    compile(
                        self.tools
                            .compile_program(program, wasm, &aot, frames.flags()),
                    )?;
                Ok(Prepared {
                    size: size(&aot)?,
                    line: vec![self.tools.iwasm.clone(), aot],
                    compiled: Some(times),
                })
            }
            Contender::Wasmtime => {
                let binary = wasmtime()?;
                let compiled = self.folder.join(format!("{}.cwasm", program.name));
                let mut command = Command::new(&binary);
                command.arg("compile").arg(wasm).arg("-o").arg(&compiled);
                let times = compile(command)?;
                let line = vec![
                    binary,
                    "run".into(),
                    "--allow-precompiled".into(),
                    compiled.clone(),
                ];
                Ok(Prepared {
                    size: size(&compiled)?,
                    line,
                    compiled: Some(times),
                })
            }
        }
    }

    /// One run; `expected` is the first run's output, which is the native one's.
    fn once(
        &self,
        program: &Program,
        ready: &Prepared,
        expected: &mut Option<Vec<u8>>,
    ) -> Result<Duration> {
        let (binary, arguments) = ready.line.split_first().context("an empty command line")?;
        let mut command = Command::new(binary);
        command.args(arguments).args(program.bench);
        let run = measure::run(&mut command, None)?;
        let time = run.user;
        let output = run.output(&process::describe(&command))?;
        let expected = expected.get_or_insert_with(|| output.clone());
        ensure!(
            output == *expected,
            "wrong output\nexpected:\n{}\nfound:\n{}",
            String::from_utf8_lossy(expected),
            String::from_utf8_lossy(&output)
        );
        Ok(time)
    }

    fn print_times(&self, rows: &[Row]) {
        println!(
            "\nRun time, as a ratio to native (user time, median of {}; frames: mapped)",
            self.rounds
        );
        print!("{:14} {:>9}", "program", "native s");
        for contender in &self.contenders[1..] {
            print!(" {:>11}", contender.name());
        }
        println!(" {:>8}", "spread");
        let mut ratios = vec![Vec::new(); self.contenders.len()];
        for row in rows {
            let Some((_, native)) = row.results.first().and_then(Option::as_ref) else {
                continue;
            };
            print!("{:14} {:9.3}", row.program.name, native.as_secs_f64());
            for (index, result) in row.results.iter().enumerate().skip(1) {
                match result {
                    Some((_, time)) => {
                        let ratio = time.as_secs_f64() / native.as_secs_f64();
                        ratios[index].push(ratio);
                        print!(" {ratio:11.3}");
                    }
                    None => print!(" {:>11}", "failed"),
                }
            }
            println!(" {:7.1}%", row.spread * 100.0);
        }
        print!("{:14} {:>9}", "geometric mean", "");
        ratios[1..]
            .iter()
            .for_each(|ratios| print!(" {:11.3}", geometric_mean(ratios)));
        println!();
    }

    fn print_compilation(&self, rows: &[Row]) {
        println!(
            "\nCompiling the .wasm: seconds from start to end (user time), and KiB of the result"
        );
        print!("{:14} {:>9}", "program", ".wasm KiB");
        for contender in &self.contenders[1..] {
            print!(" {:>25}", contender.name());
        }
        println!();
        for row in rows {
            print!("{:14} {:9}", row.program.name, row.wasm_size / 1024);
            for result in row.results.iter().skip(1) {
                let text = match result {
                    Some((
                        Prepared {
                            compiled: Some((wall, user)),
                            size,
                            ..
                        },
                        _,
                    )) => {
                        format!(
                            "{:.2} ({:.2}) {:5}",
                            wall.as_secs_f64(),
                            user.as_secs_f64(),
                            size / 1024
                        )
                    }
                    _ => "-".to_owned(),
                };
                print!(" {text:>25}");
            }
            println!();
        }
    }

    /// What clang takes for the same program's C, on one processor, as it always does.
    fn print_native_compilation(&self) -> Result<()> {
        let program = xtask::programs::find(COMPILED).context("the program is in the list")?;
        let object = self.folder.join("native.o");
        let (mut wall, mut user) = (Duration::ZERO, Duration::ZERO);
        for unit in self.builder.units(program, Target::Native)? {
            let mut command = self.builder.compile_command(&unit, Target::Native, &object);
            let run = measure::run(&mut command, None)?;
            wall += run.wall;
            user += run.user;
            run.output(&process::describe(&command))?;
        }
        println!(
            "\nclang -O3 takes {:.2} s ({:.2} s) for {COMPILED}'s C, natively",
            wall.as_secs_f64(),
            user.as_secs_f64()
        );
        Ok(())
    }
}
