//! What is measured of a run: a flame graph, a table of functions, names for Linux perf.

use crate::cli::Options;
use crate::failure::Failure;
use crate::log::Log;
use inferno::flamegraph;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use wamr_runtime_min::host::profile::{FunctionTime, Profile, Profiler, perf_map, symbol};
use wamr_runtime_min::{Instance, Module, Store};

/// A file name that ends so gets folded stacks instead of a picture of them.
const FOLDED: &str = "folded";

/// Samples a run, if anything asks for it.
pub struct Measurement {
    profiler: Option<Profiler>,
    /// Where the flame graph goes.
    output: Option<(PathBuf, File)>,
}

impl Measurement {
    /// Starts it. Objects that count their calls are sampled for the table in any case.
    pub fn start(options: &Options, module: &Module, log: Log) -> Result<Self, Failure> {
        if options.perf_map {
            let path = perf_map(&[module])
                .map_err(|error| Failure::new(format!("names for perf: {error}")))?;
            log.detail(|| format!("names for perf are in {}", path.display()));
        }
        let output = match &options.profile_out {
            Some(path) => {
                let file = File::create(path).map_err(|error| Failure::file(path, error))?;
                Some((path.clone(), file))
            }
            None => None,
        };
        let profiler = (output.is_some() || module.counts_calls())
            .then(Profiler::start)
            .transpose()
            .map_err(|error| Failure::new(format!("the profiler: {error}")))?;
        Ok(Measurement { profiler, output })
    }

    /// Ends it: writes the flame graph, and prints the table if the object counts its calls.
    pub fn finish(self, store: &Store, instance: Instance) -> Result<(), Failure> {
        let Some(profiler) = self.profiler else {
            return Ok(());
        };
        let profile = profiler.stop();
        let module = instance.module(store);
        if module.counts_calls() {
            // There is nobody to tell that standard error is gone.
            let _ = io::stderr().write_all(table(&profile, store, instance).as_bytes());
        }
        if let Some((path, file)) = self.output {
            write_profile(&profile, module, &path, file)
                .map_err(|error| Failure::file(&path, error))?;
        }
        Ok(())
    }
}

/// Writes the flame graph, or the folded stacks.
fn write_profile(profile: &Profile, module: &Module, path: &Path, file: File) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    let mut lines = profile.folded(&[module]);
    if path
        .extension()
        .is_some_and(|extension| extension == FOLDED)
    {
        for line in lines {
            writeln!(file, "{line}")?;
        }
        return file.flush();
    }
    if lines.is_empty() {
        // A graph of nothing is an error to inferno.
        lines.push("(too short for samples) 1".into());
    }
    let mut options = flamegraph::Options::default();
    options.title = match module.name() {
        Some(name) => format!("{name}: CPU time"),
        None => "CPU time".into(),
    };
    options.count_name = "µs".into();
    // The same function has the same colour in every graph.
    options.hash = true;
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut file)
        .map_err(io::Error::other)?;
    file.flush()
}

/// Calls and times of each function that was called, by its own time.
fn table(profile: &Profile, store: &Store, instance: Instance) -> String {
    let module = instance.module(store);
    let times = profile.times(module);
    let mut rows: Vec<(u32, u64, FunctionTime)> = (0..module.functions())
        .filter_map(|function| {
            let calls = instance.calls(store, function)?;
            let time = times.get(&function).copied().unwrap_or_default();
            (calls > 0 || !time.total.is_zero()).then_some((function, calls, time))
        })
        .collect();
    rows.sort_by(|(a, a_calls, a_time), (b, b_calls, b_time)| {
        let key = |time: &FunctionTime, calls: &u64| (time.own, time.total, *calls);
        key(b_time, b_calls)
            .cmp(&key(a_time, a_calls))
            .then(a.cmp(b))
    });
    let sampled: Duration = profile.stacks().iter().map(|stack| stack.time).sum();
    let mut text = format!(
        "Profile: calls are counted; times are CPU time in ms, from {} samples in {} ms\n\
         {:>15} {:>12} {:>12} {:>12}  function\n",
        profile.samples(),
        millis(sampled),
        "calls",
        "total",
        "self",
        "children",
    );
    for (function, calls, time) in rows {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{calls:>15} {:>12} {:>12} {:>12}  {}",
            millis(time.total),
            millis(time.own),
            millis(time.total.saturating_sub(time.own)),
            symbol(Some(module), function),
        );
    }
    if profile.cut() > 0 {
        let cut = profile.cut();
        let _ = writeln!(
            text,
            "({cut} stacks were too deep: their oldest functions lack time)"
        );
    }
    if !profile.dropped().is_zero() {
        let lost = millis(profile.dropped());
        let _ = writeln!(
            text,
            "({lost} ms lack, for there were too many different stacks)"
        );
    }
    text
}

/// Milliseconds with one decimal.
fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}
