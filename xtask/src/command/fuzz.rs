//! `fuzz`: objects that somebody has tampered with, and generated modules on two engines.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use xtask::setup::fuzz::{Compiler, binaries};
use xtask::setup::{Mode, Need, ensure};
use xtask::{process, workspace};

/// Fuzz targets, as in `tests/fuzz`.
const TARGETS: [&str; 3] = ["parse", "relocate", "link"];

/// The target that is no fuzz target of libFuzzer's: generated modules here and on a second engine.
const DIFFERENTIAL: &str = "diff";

/// Longest input: a recipe for a bad object is short.
const MAX_LENGTH: &str = "-max_len=600";

/// Tamper with objects, or compare what generated modules do here and on a second engine
///
/// `parse`, `relocate` and `link`: libFuzzer changes good objects for every machine, compiled on the spot, and the loader parses, links and reads what comes
/// out. What it finds is written to `tests/fuzz/artifacts`. Inputs that reach something new are kept below the target directory; the
/// smallest set that reaches all of it is in `tests/fuzz/corpus`, which an ordinary test runs too.
///
/// `diff`: modules by wasm-smith run here, compiled in ways that change from one to the next, and on a second engine: wasmi or, for exceptions and
/// atomics, the tests' own reference interpreter. Results, traps, exceptions, memories, globals and tables must be the same. What differs is printed with its seed and written below the target directory.
///
/// Uses rustup's nightly toolchain if there is one.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Fuzz targets [default: all, one after the other]
    #[arg(value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new([TARGETS[0], TARGETS[1], TARGETS[2], DIFFERENTIAL]))]
    targets: Vec<String>,

    /// Stop each target after so many inputs or modules
    #[arg(long, value_name = "N")]
    runs: Option<u64>,

    /// Stop each target after so many seconds [default without --runs: 60]
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,

    /// First seed of `diff` [default: other ones each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Write the smallest set of inputs that reaches all that was reached so far to tests/fuzz/corpus
    #[arg(long)]
    update_corpus: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let mut targets: Vec<&str> = if arguments.targets.is_empty() {
        TARGETS.into_iter().chain([DIFFERENTIAL]).collect()
    } else {
        arguments.targets.iter().map(String::as_str).collect()
    };
    let mut limits = Vec::new();
    limits.extend(arguments.runs.map(|runs| format!("-runs={runs}")));
    let seconds = arguments.seconds.or(match arguments.runs {
        Some(_) => None,
        None => Some(60),
    });
    limits.extend(seconds.map(|seconds| format!("-max_total_time={seconds}")));
    if targets.contains(&DIFFERENTIAL) {
        targets.retain(|target| *target != DIFFERENTIAL);
        ensure(&[Need::Linker, Need::Llvm], Mode::Install)?;
        let seed = match arguments.seed {
            Some(seed) => seed,
            // Far apart, so that two runs do not meet.
            None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() << 20,
        };
        differential(seed, arguments.runs, seconds)?;
    }
    if targets.is_empty() {
        return Ok(());
    }
    let fuzzer = Fuzzer::prepare()?;
    for target in &targets {
        fuzzer.run(target, &limits)?;
    }
    if arguments.update_corpus {
        for target in &targets {
            fuzzer.update_corpus(target)?;
        }
    }
    Ok(())
}

/// Generated modules on both engines, from a seed on.
pub fn differential(seed: u64, runs: Option<u64>, seconds: Option<u64>) -> Result<()> {
    let mut cargo = workspace::cargo("run");
    cargo.args(["--quiet", "-p", "wamr-tests", "--bin", "diff-fuzz", "--"]);
    cargo.arg(format!("--start={seed}"));
    cargo.args(runs.map(|runs| format!("--count={runs}")));
    cargo.args(seconds.map(|seconds| format!("--seconds={seconds}")));
    cargo
        .arg("--output")
        .arg(workspace::target()?.join("fuzz/differences"));
    process::show_and_run(&mut cargo)
}

/// A short run of each target of libFuzzer's, for tests. `Err` says why there is none.
pub fn brief(seconds: u64) -> Result<Result<(), String>> {
    if let Err(error) = ensure(&[Need::Fuzz], Mode::Install) {
        return Ok(Err(format!("{error:#}")));
    }
    let fuzzer = Fuzzer::prepare()?;
    let each = seconds.div_ceil(TARGETS.len() as u64);
    for target in TARGETS {
        fuzzer.run(target, &[format!("-max_total_time={each}")])?;
    }
    Ok(Ok(()))
}

/// All that the fuzz targets need.
struct Fuzzer {
    compiler: Compiler,
    /// Good objects.
    seeds: PathBuf,
    /// A folder a target, of inputs.
    corpus: PathBuf,
}

impl Fuzzer {
    fn prepare() -> Result<Self> {
        ensure(&[Need::Linker, Need::Llvm, Need::Fuzz], Mode::Install)?;
        let folder = workspace::target()?.join("fuzz");
        let fuzzer = Fuzzer {
            compiler: Compiler::find(),
            seeds: folder.join("seeds"),
            corpus: folder.join("corpus"),
        };
        let mut seeds = workspace::cargo("run");
        seeds
            .args(["--quiet", "-p", "wamr-tests", "--bin", "fuzz-seeds", "--"])
            .arg(&fuzzer.seeds);
        process::show_and_run(&mut seeds)?;
        for target in TARGETS {
            fuzzer.unpack(target)?;
        }
        process::show_and_run(&mut fuzzer.cargo_fuzz("build")?)?;
        Ok(fuzzer)
    }

    /// `cargo fuzz`. The loader has no unsafe code, so AddressSanitizer would only make it slower.
    fn cargo_fuzz(&self, subcommand: &str) -> Result<Command> {
        let mut cargo = self.compiler.cargo();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(binaries()?).chain(std::env::split_paths(&path));
        cargo
            .env("PATH", std::env::join_paths(folders)?)
            .env("CARGO_TARGET_DIR", workspace::target()?.join("fuzz-build"))
            .env("WAMR_FUZZ_SEEDS", &self.seeds)
            .args(["fuzz", subcommand, "--fuzz-dir", "tests/fuzz"])
            .args(["--sanitizer", "none"]);
        Ok(cargo)
    }

    fn run(&self, target: &str, limits: &[String]) -> Result<()> {
        let mut cargo = self.cargo_fuzz("run")?;
        cargo.arg(target).arg(self.corpus.join(target)).args([
            "--",
            MAX_LENGTH,
            "-timeout=20",
            "-verbosity=0",
            "-print_final_stats=1",
        ]);
        process::show_and_run(cargo.args(limits))
    }

    /// Adds the committed inputs to those that are there.
    fn unpack(&self, target: &str) -> Result<()> {
        let folder = self.corpus.join(target);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let text = fs::read_to_string(committed(target)).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            let path = folder.join(format!("committed-{number}"));
            let input = from_hex(line).with_context(|| format!("corpus of {target}: {line}"))?;
            fs::write(&path, input).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    fn update_corpus(&self, target: &str) -> Result<()> {
        let all = self.corpus.join(target);
        let smallest = tempfile::tempdir()?;
        let mut cargo = self.cargo_fuzz("run")?;
        cargo.arg(target).arg(smallest.path()).arg(&all);
        process::show_and_run(cargo.args(["--", MAX_LENGTH, "-merge=1", "-verbosity=0"]))?;
        let mut lines: Vec<String> = fs::read_dir(smallest.path())?
            .map(|entry| Ok(to_hex(&fs::read(entry?.path())?)))
            .collect::<Result<_>>()?;
        lines.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        let path = committed(target);
        fs::write(&path, lines.join("\n") + "\n").with_context(|| path.display().to_string())?;
        println!("{}: {} inputs", path.display(), lines.len());
        Ok(())
    }
}

/// The inputs of a target that belong to the project, a line each, in hexadecimal.
fn committed(target: &str) -> PathBuf {
    let folder = workspace::root().join("tests/fuzz/corpus");
    folder.join(format!("{target}.txt"))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.len().is_multiple_of(2).then_some(0..text.len() / 2)?;
    digits
        .map(|index| u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_survive_their_text() {
        for bytes in [&[][..], &[0, 0xff, 0x1a]] {
            assert_eq!(from_hex(&to_hex(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!(to_hex(&[0, 0xff]), "00ff");
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("0g"), None);
    }
}
