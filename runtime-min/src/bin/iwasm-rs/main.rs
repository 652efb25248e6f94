//! `iwasm-rs`: runs a compiled WebAssembly program.

mod cli;
mod failure;
mod float;
mod log;
mod profile;
mod run;
mod values;

use clap::Parser as _;
use cli::Cli;
use std::io::Write as _;

fn main() {
    let cli = Cli::parse();
    let code = match cli.check() {
        Ok(cli::Action::Run(options)) => match run::run(&options) {
            Ok(code) => code,
            Err(failure) => failure.report(),
        },
        Ok(cli::Action::Completion(shell)) => print(&cli::completion(shell)),
        Ok(cli::Action::ManPage) => match cli::man_page() {
            Ok(page) => print(&page),
            Err(error) => failure::Failure::output(&error).report(),
        },
        Err(error) => error.exit(),
    };
    // Not by returning: nothing that is left needs to be taken down in order, and only this takes
    // exit codes that do not fit 8 bits on systems that have them.
    std::process::exit(code.cast_signed());
}

/// Writes to standard output. A reader that has gone away wanted no more.
fn print(bytes: &[u8]) -> u32 {
    let mut output = std::io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Ok(()) => 0,
        Err(error) => failure::Failure::output(&error).report(),
    }
}
