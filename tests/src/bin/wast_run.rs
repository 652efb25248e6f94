//! The target side of the script runner: executes a script file made by `wast`.

use std::io::Write;
use std::process::ExitCode;

use wamr_runtime_min::{Module, StoreConfig};
use wamr_tests::wast::execute::{self, RunError};
use wamr_tests::wast::protocol::Counts;
use wamr_tests::wast::script::Script;

const USAGE: &str = "usage: wast-run [--progress] SCRIPT

Executes a script file made by `wast --keep-scripts`. Prints a line for each directive that fails or
is skipped, and a summary at the end. Exits with 1 if a directive failed.

  --progress   print the index of each command before it runs";

fn main() -> ExitCode {
    let mut progress = false;
    let mut path = None;
    for argument in std::env::args_os().skip(1) {
        match argument.to_str() {
            Some("--progress") => progress = true,
            Some("--help") => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ if path.is_none() => path = Some(argument),
            _ => path = None,
        }
    }
    let Some(path) = path else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let script = match std::fs::read(&path) {
        Ok(bytes) => Script::decode(&bytes).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let result = script
        .map_err(|error| format!("{}: {error}", path.display()))
        .and_then(|script| run(&script, progress).map_err(|error| error.to_string()));
    match result {
        Ok(counts) if counts.failed == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("wast-run: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(script: &Script, progress: bool) -> Result<Counts, RunError> {
    let mut out = std::io::stdout();
    execute::run(
        script,
        StoreConfig::default(),
        &Module::load,
        progress,
        |line| {
            // Standard output is written line by line, so that nothing is lost if the process dies.
            writeln!(out, "{line}").map_err(|_| std::fmt::Error)
        },
    )
}
