//! `cargo xtask`: everything that a developer or a new user runs.

mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use command::{bare_metal, bench, cross, demo, fuzz, setup, test, wast};

/// Set-up, demo, tests and benchmarks of wamrc-rs.
///
/// Each command first installs the part of the set-up that it needs, with the system's package manager, and prints what it
/// does; `setup --dry-run` shows it ahead of time.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Setup(setup::Arguments),
    Demo(demo::Arguments),
    Test(test::Arguments),
    Wast(wast::Arguments),
    Bench(bench::Arguments),
    Cross(cross::Arguments),
    Fuzz(fuzz::Arguments),
    BareMetal(bare_metal::Arguments),
    #[command(hide = true)]
    Emulate(bare_metal::EmulateArguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Setup(arguments) => setup::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Wast(arguments) => wast::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Cross(arguments) => cross::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::BareMetal(arguments) => bare_metal::run(&arguments),
        Command::Emulate(arguments) => bare_metal::emulate(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
