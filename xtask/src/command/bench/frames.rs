//! `bench frames`: what frames cost, in time and in size.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use xtask::builder::Builder;
use xtask::clang::Target;
use xtask::measure::{self, geometric_mean};
use xtask::programs::Program;
use xtask::progress::step;
use xtask::setup::{Mode, Need, ensure as set_up};
use xtask::tools::Tools;
use xtask::{process, workspace};

/// Programs that are left out unless asked for: others of their kind are in.
const LEFT_OUT: [&str; 2] = ["zlib", "lua"];

/// A way to keep frames.
struct Way {
    name: &'static str,
    flags: &'static [&'static str],
}

/// All, the yardstick first.
const WAYS: [Way; 5] = [
    Way {
        name: "none",
        flags: &[],
    },
    Way {
        name: "ip only",
        flags: &[
            "--enable-dump-call-stack",
            "--call-stack-features=func-idx,ip",
        ],
    },
    Way {
        name: "explicit",
        flags: &["--enable-aot-stack-frame", "--frame-strategy=explicit"],
    },
    Way {
        name: "mapped",
        flags: &["--enable-aot-stack-frame", "--frame-strategy=mapped"],
    },
    Way {
        name: "mapped+polls",
        flags: &[
            "--enable-aot-stack-frame",
            "--frame-strategy=mapped",
            "--enable-safepoints",
        ],
    },
];

/// Bytes of an object.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    code: u64,
    /// The frame map and the unwind table, which also objects without frames have.
    tables: u64,
}

/// What came out for one program and one way.
struct Outcome {
    sizes: Sizes,
    /// User time of each round.
    times: Vec<Duration>,
}

/// What came out for one program, by way: `None` if it failed.
struct Row {
    program: &'static Program,
    outcomes: Vec<Option<Outcome>>,
}

/// Measures these programs, `rounds` times each.
pub fn run(programs: &[&'static Program], chosen: bool, rounds: u32) -> Result<()> {
    set_up(&[Need::WasmClang], Mode::Install)?;
    process::run(Tools::build_command().arg("--quiet"))?;
    let bench = Bench {
        tools: Tools::locate()?,
        builder: step("Fetching the programs' C sources", |_| Builder::new())?,
        folder: workspace::target()?.join("bench-frames"),
        rounds,
    };
    fs::create_dir_all(&bench.folder)?;
    let mut failures = Vec::new();
    let mut rows = Vec::new();
    for program in programs {
        if !chosen && LEFT_OUT.contains(&program.name) {
            continue;
        }
        rows.push(step(&format!("Measuring {}", program.name), |step| {
            bench.row(program, &mut failures, &|detail| step.at(detail))
        })?);
    }
    print_times(&rows, rounds);
    print_sizes(&rows);
    if !failures.is_empty() {
        bail!("{} failed:\n{}", failures.len(), failures.join("\n"));
    }
    Ok(())
}

struct Bench {
    tools: Tools,
    builder: Builder,
    folder: PathBuf,
    rounds: u32,
}

impl Bench {
    /// Builds and measures one program. What goes wrong in one way goes into `failures`; the others go on.
    fn row(
        &self,
        program: &'static Program,
        failures: &mut Vec<String>,
        at: &dyn Fn(&str),
    ) -> Result<Row> {
        at("C to WebAssembly");
        let wasm = self.builder.build(program, Target::Wasm)?;
        let mut fail = |way: &Way, error: anyhow::Error| {
            failures.push(format!("{}, {}: {error:#}", program.name, way.name));
        };
        let object = |index: usize| self.folder.join(format!("{}-{index}.aot", program.name));
        let mut outcomes = Vec::new();
        for (index, way) in WAYS.iter().enumerate() {
            at(&format!("compiling, {}", way.name));
            let sizes = self.compile(program, &wasm, &object(index), way.flags);
            outcomes.push(match sizes {
                Ok(sizes) => Some(Outcome {
                    sizes,
                    times: Vec::new(),
                }),
                Err(error) => {
                    fail(way, error);
                    None
                }
            });
        }
        let mut expected = None;
        for round in 0..self.rounds {
            for turn in 0..WAYS.len() {
                // Each round starts with another way, so that none always follows the same one.
                let index = (turn + usize::try_from(round)?) % WAYS.len();
                let (way, outcome) = (&WAYS[index], &mut outcomes[index]);
                let Some(measured) = outcome else { continue };
                at(&format!(
                    "round {} of {}, {}",
                    round + 1,
                    self.rounds,
                    way.name
                ));
                match self.once(program, &object(index), &mut expected) {
                    Ok(time) => measured.times.push(time),
                    Err(error) => {
                        fail(way, error);
                        *outcome = None;
                    }
                }
            }
        }
        Ok(Row { program, outcomes })
    }

    fn compile(&self, program: &Program, wasm: &Path, aot: &Path, flags: &[&str]) -> Result<Sizes> {
        process::capture(&mut self.tools.compile_program(program, wasm, aot, flags))?;
        let mut inspect = Command::new(&self.tools.wamrc);
        let report = process::capture(inspect.args(["inspect", "--json"]).arg(aot))?;
        sizes(&report)
    }

    /// One run; `expected` is the first run's output.
    fn once(
        &self,
        program: &Program,
        aot: &Path,
        expected: &mut Option<Vec<u8>>,
    ) -> Result<Duration> {
        let mut command = Command::new(&self.tools.iwasm);
        command.arg(aot).args(program.bench);
        let run = measure::run(&mut command, None)?;
        let time = run.user;
        let output = run.output(&process::describe(&command))?;
        let expected = expected.get_or_insert_with(|| output.clone());
        ensure!(output == *expected, "the output is another than before");
        Ok(time)
    }
}

/// Sizes from the report of `wamrc-rs inspect --json`.
fn sizes(report: &str) -> Result<Sizes> {
    let report: serde_json::Value = serde_json::from_str(report)?;
    let sections = report["sections"].as_array().context("no sections")?;
    let mut sizes = Sizes::default();
    for section in sections {
        let size = section["size"].as_u64().context("a section has no size")?;
        if section["code"] == true {
            sizes.code += size;
        }
        if section["name"] == ".wamr.framemap" || section["name"] == ".wamr.unwind" {
            sizes.tables += size;
        }
    }
    Ok(sizes)
}

/// The middle of the ratios of two ways' times in the same rounds: what disturbs the machine for longer disturbs both.
fn paired(outcome: &Outcome, yardstick: &Outcome) -> f64 {
    let pairs = outcome.times.iter().zip(&yardstick.times);
    let mut ratios: Vec<f64> = pairs
        .map(|(time, yardstick)| time.as_secs_f64() / yardstick.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let middle = ratios.len() / 2;
    match (ratios.len() % 2, ratios.get(middle)) {
        (_, None) => f64::NAN,
        (0, Some(upper)) => (ratios[middle - 1] + upper) / 2.0,
        (_, Some(middle)) => *middle,
    }
}

/// Largest over smallest time of one way, minus one.
fn spread(row: &Row) -> f64 {
    row.outcomes
        .iter()
        .flatten()
        .filter_map(|outcome| Some((outcome.times.iter().min()?, outcome.times.iter().max()?)))
        .map(|(least, most)| most.as_secs_f64() / least.as_secs_f64() - 1.0)
        .fold(0.0, f64::max)
}

/// Prints a table of a ratio for each program and way but the first, with means and worst cases.
fn print_ratios(rows: &[Row], first: &str, ratio: impl Fn(&Outcome, &Outcome) -> f64, tail: bool) {
    print!("{:14} {first:>10}", "program");
    WAYS[1..].iter().for_each(|way| print!(" {:>12}", way.name));
    println!("{}", if tail { "   spread" } else { "" });
    let mut ratios = vec![Vec::new(); WAYS.len()];
    for row in rows {
        let Some(yardstick) = row.outcomes.first().and_then(Option::as_ref) else {
            println!("{:14} {:>10}", row.program.name, "failed");
            continue;
        };
        let value = match tail {
            true => format!("{:.3}", measure::median(&yardstick.times).as_secs_f64()),
            false => (yardstick.sizes.code / 1024).to_string(),
        };
        print!("{:14} {value:>10}", row.program.name);
        for (index, outcome) in row.outcomes.iter().enumerate().skip(1) {
            match outcome {
                Some(outcome) => {
                    let ratio = ratio(outcome, yardstick);
                    ratios[index].push(ratio);
                    print!(" {ratio:12.3}");
                }
                None => print!(" {:>12}", "failed"),
            }
        }
        match tail {
            true => println!(" {:7.1}%", spread(row) * 100.0),
            false => println!(),
        }
    }
    print!("{:25}", "geometric mean");
    let means = ratios[1..].iter().map(|ratios| geometric_mean(ratios));
    means.for_each(|mean| print!(" {mean:12.3}"));
    print!("\n{:25}", "worst");
    for ratios in &ratios[1..] {
        print!(" {:12.3}", ratios.iter().copied().fold(0.0, f64::max));
    }
    println!();
}

fn print_times(rows: &[Row], rounds: u32) {
    println!("\nRun time, as a ratio to no frames (user time, median of {rounds} paired ratios)");
    print_ratios(rows, "none s", paired, true);
}

// Sizes are far below what a float holds exactly.
#[expect(clippy::cast_precision_loss)]
fn print_sizes(rows: &[Row]) {
    println!("\nMachine code, as a ratio to no frames");
    print_ratios(
        rows,
        "none KiB",
        |outcome, yardstick| outcome.sizes.code as f64 / yardstick.sizes.code as f64,
        false,
    );
    println!("\nFrame map and unwind table, as a ratio to the same object's code");
    print_ratios(
        rows,
        "none KiB",
        |outcome, _| outcome.sizes.tables as f64 / outcome.sizes.code as f64,
        false,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(times: &[u64]) -> Outcome {
        Outcome {
            sizes: Sizes::default(),
            times: times.iter().copied().map(Duration::from_secs).collect(),
        }
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let yardstick = outcome(&[10, 20, 40]);
        assert!((paired(&outcome(&[20, 40, 80]), &yardstick) - 2.0).abs() < 1e-12);
        assert!((paired(&outcome(&[10, 60]), &yardstick) - 2.0).abs() < 1e-12);
        assert!(paired(&outcome(&[]), &yardstick).is_nan());
    }

    #[test]
    fn sizes_are_those_of_code_and_tables() -> Result<()> {
        let report = r#"{"sections": [
            {"name": ".text.0", "size": 100, "code": true},
            {"name": ".text.1", "size": 20, "code": true},
            {"name": ".wamr.framemap", "size": 30, "code": false},
            {"name": ".wamr.unwind", "size": 4, "code": false},
            {"name": ".wamr.traps", "size": 9, "code": false}]}"#;
        let sizes = sizes(report)?;
        assert_eq!((sizes.code, sizes.tables), (120, 34));
        Ok(())
    }
}
