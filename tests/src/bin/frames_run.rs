//! The target side of the frame checker: runs a compiled case.

use std::io::Write;
use std::process::ExitCode;

use wamr_tests::frames::compiled::{self, Job};

const USAGE: &str = "usage: frames-run JOB

Runs a compiled case of `check-frames` and writes what was seen of it to standard output, both in a
form that only these two programs know.";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(path), None) = (arguments.next(), arguments.next()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let job = std::fs::read(&path)
        .map_err(|error| error.to_string())
        .and_then(|bytes| postcard::from_bytes::<Job>(&bytes).map_err(|error| error.to_string()));
    let written = match job {
        Ok(job) => postcard::to_allocvec(&compiled::run(&job))
            .map_err(|error| error.to_string())
            .and_then(|bytes| {
                std::io::stdout()
                    .write_all(&bytes)
                    .map_err(|error| error.to_string())
            }),
        Err(error) => Err(format!("{}: {error}", path.display())),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("frames-run: {error}");
            ExitCode::from(2)
        }
    }
}
