//! A case, the ways to compile it, and their check.

use std::fmt;
use std::io::Write;

use anyhow::{Result, bail};

use wamrc_rs::options::TargetOptions;
use wamrc_rs::options::supported_features;
use wamrc_rs::{CallStackFeatures, FrameOptions, FrameStrategy, Options};

use super::compiled::{self, Found, Job};
use super::{compare, expected, host};
use crate::reference::{Module, Value};
use crate::runner::Runner;

/// What is run.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name, for messages.
    pub name: String,
    /// The binary module. Its function imports may have any name and type; see [`host`].
    pub wasm: Vec<u8>,
    /// Exports to call, in this order, on one instance. References to functions are function indices.
    pub calls: Vec<(String, Vec<Value>)>,
    /// Standard input of a program that imports WASI.
    pub input: Vec<u8>,
    /// Calls of the host ahead of the first commit point that is compared.
    pub skip: u64,
    /// Steps that the interpreter may take.
    pub steps: u64,
    /// Is a prefix of the run enough, as far as the interpreter gets? Else the case is skipped if it takes more steps.
    pub is_prefix: bool,
}

/// Steps that a case may take usually; a generated module takes far fewer.
pub const STEPS: u64 = 3_000_000;

impl Case {
    /// A module whose exported functions are all called, in order, except those that are there for
    /// their index (`f0`) or for the host. Integers among the arguments are small, references null.
    ///
    /// # Errors
    /// The module is invalid.
    pub fn of_exports(name: &str, wasm: Vec<u8>) -> Result<Case, String> {
        let module =
            Module::decode(&wasm, supported_features()).map_err(|error| error.to_string())?;
        let mut calls = Vec::new();
        for (export, kind, index) in &module.exports {
            let is_index = export
                .strip_prefix('f')
                .is_some_and(|rest| rest.parse::<u32>().is_ok());
            if *kind != wasmparser::ExternalKind::Func || is_index || *export == host::REENTRY {
                continue;
            }
            let params = module.function_type(*index).params().iter();
            let arguments = params.enumerate().map(|(number, ty)| match ty {
                wasmparser::ValType::I32 => Value::I32(number as u32 + 3),
                wasmparser::ValType::I64 => Value::I64(number as u64 + 5),
                ty => Value::default_of(*ty),
            });
            calls.push(((*export).to_owned(), arguments.collect()));
        }
        Ok(Case {
            name: name.to_owned(),
            wasm,
            calls,
            input: Vec::new(),
            skip: 0,
            steps: STEPS,
            is_prefix: false,
        })
    }

    /// A program, with a standard input; of its run, a prefix behind so many calls of the host.
    pub fn program(name: &str, wasm: Vec<u8>, input: &[u8], skip: u64) -> Case {
        Case {
            name: name.to_owned(),
            wasm,
            calls: vec![("_start".to_owned(), Vec::new())],
            input: input.to_vec(),
            skip,
            steps: 20_000_000,
            is_prefix: true,
        }
    }
}

/// A way to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The strategy: explicit or mapped.
    pub strategy: FrameStrategy,
    /// Optimisation level.
    pub opt_level: u8,
    /// Accesses of memory are checked explicitly, so that their traps show values.
    pub checks: bool,
    /// Traps are exact where guard pages find them. Else a load that the optimiser finds useless need not trap there.
    pub strict: bool,
    /// Dead values are shown, too.
    pub all: bool,
    /// Functions and loops poll.
    pub polls: bool,
}

impl Way {
    /// Explicit checks, live values, no polls.
    pub const fn new(strategy: FrameStrategy, opt_level: u8) -> Way {
        Way {
            strategy,
            opt_level,
            checks: true,
            strict: false,
            all: false,
            polls: false,
        }
    }

    /// The compiler's options.
    pub fn options(&self) -> Options {
        Options {
            opt_level: self.opt_level,
            bounds_checks: Some(self.checks),
            strict_traps: self.strict,
            safepoints: self.polls,
            threads: std::num::NonZeroUsize::new(1),
            frames: FrameOptions {
                strategy: self.strategy,
                features: CallStackFeatures::ALL,
                all: self.all,
            },
            ..Options::default()
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} -O{}", self.strategy, self.opt_level)?;
        for (on, name) in [
            (!self.checks, " guard"),
            (self.strict, " strict"),
            (self.all, " all"),
            (self.polls, " polls"),
        ] {
            if on {
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Commit points.
    pub points: u64,
    /// Of these, traps.
    pub traps: u64,
    /// Of these, polls.
    pub polls: u64,
    /// Frames.
    pub frames: u64,
    /// Values that were shown and right.
    pub values: u64,
    /// Values that were called dead, rightly.
    pub dead: u64,
    /// Frames that were allowed to show no values, and did not.
    pub without_values: u64,
    /// Exceptions that handlers got.
    pub caught: u64,
    /// Cases that take too long for the interpreter.
    pub skipped: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.points += other.points;
        self.traps += other.traps;
        self.polls += other.polls;
        self.frames += other.frames;
        self.values += other.values;
        self.dead += other.dead;
        self.without_values += other.without_values;
        self.caught += other.caught;
        self.skipped += other.skipped;
    }
}

/// Where compiled code runs.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// What it is compiled for.
    pub target: TargetOptions,
    /// Starts `frames-run` there; `None` is this process.
    pub runner: Option<Runner>,
}

impl Machine {
    /// Compiles a case and runs it.
    ///
    /// # Errors
    /// It does not compile, load or instantiate, or fails otherwise than by a trap.
    pub fn run(&self, case: &Case, way: &Way) -> Result<Found, String> {
        let options = Options {
            target: self.target.clone(),
            ..way.options()
        };
        let object = wamrc_rs::compile(&case.wasm, &options).map_err(|error| error.to_string())?;
        let job = Job {
            object: object.bytes,
            calls: case.calls.clone(),
            input: case.input.clone(),
            skip: case.skip,
            is_prefix: case.is_prefix,
            polls: way.polls,
        };
        match &self.runner {
            None => compiled::run(&job),
            Some(runner) => elsewhere(&job, runner).map_err(|error| format!("{error:#}")),
        }
    }
}

/// Has `frames-run` run a case.
fn elsewhere(job: &Job, runner: &Runner) -> Result<Found> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(&postcard::to_allocvec(job)?)?;
    let ended = runner.run(&[file.path().as_os_str()])?;
    match postcard::from_bytes::<Result<Found, String>>(&ended.output) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => bail!(error),
        Err(_) => bail!("the target side: {}; it said: {}", ended.end, ended.errors),
    }
}

/// Runs a case in every way, in this process.
///
/// # Errors
/// Says what differs, and in which way of compiling.
pub fn check(case: &Case, ways: &[Way]) -> Result<Counts, String> {
    check_on(&Machine::default(), case, ways)
}

/// Runs a case in every way.
///
/// # Errors
/// Says what differs, and in which way of compiling.
pub fn check_on(machine: &Machine, case: &Case, ways: &[Way]) -> Result<Counts, String> {
    let mut counts = Counts::default();
    for with_polls in [false, true] {
        let mut ways = ways.iter().filter(|way| with_polls == way.polls).peekable();
        if ways.peek().is_none() {
            continue;
        }
        let Some(expected) = expected::run(case, with_polls)? else {
            counts.skipped += 1;
            continue;
        };
        for way in ways {
            let name = || format!("{} ({way})", case.name);
            let found = machine
                .run(case, way)
                .map_err(|error| format!("{}: {error}", name()))?;
            counts += compare::compare(&expected, &found, way)
                .map_err(|error| format!("{}: {error}", name()))?;
            counts.caught += expected.log.caught;
        }
    }
    Ok(counts)
}
