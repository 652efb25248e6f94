//! The command `wamrc-rs`.

mod cli;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use serde::Serialize;
use wamrc_rs::{inspect, target};

use self::cli::{Cli, Command, Compile};

/// Why the program ends without success.
enum Failure {
    /// The arguments are wrong: exit code 2.
    Usage(String),
    /// What was asked for cannot be done: exit code 1.
    Failed(String),
}

impl From<wamrc_rs::Error> for Failure {
    fn from(error: wamrc_rs::Error) -> Self {
        Failure::Failed(error.to_string())
    }
}

fn main() -> ExitCode {
    // wamrc's one option with a single dash and more than a letter.
    let arguments = std::env::args_os().map(|argument| {
        if argument == "-sgx" {
            "--sgx".into()
        } else {
            argument
        }
    });
    let cli = Cli::parse_from(arguments);
    target::exit_on_fatal_errors();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => Cli::command()
            .error(ErrorKind::ArgumentConflict, message)
            .exit(),
        Err(Failure::Failed(message)) => {
            eprintln!("wamrc-rs: error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        None => compile(&cli.compile),
        Some(Command::Inspect { file, json, frames }) => {
            let bytes = read(file)?;
            let failed = |error| Failure::Failed(format!("{}: {error}", file.display()));
            if *frames {
                show(&inspect::FramesReport::new(&bytes).map_err(failed)?, *json)
            } else {
                show(&inspect::Report::new(&bytes).map_err(failed)?, *json)
            }
        }
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "wamrc-rs", &mut script);
            print(&script)
        }
        Some(Command::Man) => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut page)
                .map_err(|error| Failure::Failed(error.to_string()))?;
            print(&page)
        }
    }
}

/// Prints a report.
fn show(report: &(impl fmt::Display + Serialize), json: bool) -> Result<(), Failure> {
    if json {
        let text = serde_json::to_string_pretty(report)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        print(format!("{text}\n").as_bytes())
    } else {
        print(report.to_string().as_bytes())
    }
}

fn compile(arguments: &Compile) -> Result<(), Failure> {
    if let Some(text) = help(arguments)? {
        return print(text.as_bytes());
    }
    let options = arguments.options().map_err(Failure::Usage)?;
    let (Some(input), Some(output)) = (&arguments.input, &arguments.output) else {
        return Err(Failure::Usage(match arguments.input {
            None => "no input: name a WebAssembly module, or `-` for standard input".into(),
            Some(_) => "no output: name a file with `-o`, or `-o -` for standard output".into(),
        }));
    };
    let log = |level: u8, message: &dyn Fn() -> String| {
        if arguments.verbose >= level {
            eprintln!("wamrc-rs: {}", message());
        }
    };
    for note in arguments.compatibility.notes() {
        log(3, &|| note.clone());
    }
    target::set_llvm_options(&arguments.llvm_options())?;
    if arguments.verbose >= 3 {
        let target = target::Target::new(&options.target)?;
        log(3, &|| format!("target {target}"));
    }

    let wasm = read(input)?;
    if wasm.starts_with(b"\x7fELF") {
        return Err(Failure::Failed(format!(
            "{}: expected a WebAssembly module, found an ELF object (`wamrc-rs inspect` shows it)",
            input.display()
        )));
    }
    let start = Instant::now();
    let compiled = wamrc_rs::compile(&wasm, &options)
        .map_err(|error| Failure::Failed(format!("{}: {error}", input.display())))?;
    for warning in &compiled.warnings {
        log(1, &|| format!("warning: {}: {warning}", input.display()));
    }
    log(3, &|| {
        let milliseconds = start.elapsed().as_millis();
        format!(
            "{} bytes in, {} bytes out, {milliseconds} ms",
            wasm.len(),
            compiled.bytes.len()
        )
    });
    write(output, &compiled.bytes)
}

/// What was asked for in place of a compilation, if anything.
fn help(arguments: &Compile) -> Result<Option<String>, Failure> {
    let options = arguments.target_options();
    let is_help = |value: &Option<String>| value.as_deref() == Some("help");
    Ok(Some(if arguments.llvm_version {
        let (major, minor, patch) = inkwell::support::get_llvm_version();
        format!("LLVM {major}.{minor}.{patch}\n")
    } else if is_help(&options.target) {
        target::target_help()
    } else if is_help(&options.abi) {
        target::abi_help(&options)?
    } else if is_help(&options.cpu) {
        target::cpu_help(&options)?
    } else if matches!(options.features.as_deref(), Some("+help" | "help")) {
        target::feature_help(&options)?
    } else {
        return Ok(None);
    }))
}

fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = if is_standard(path) {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    bytes.map_err(|error| Failure::Failed(format!("cannot read {}: {error}", path.display())))
}

/// Writes to standard output; that nobody reads it any more is no error.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Failed(format!(
            "cannot write to standard output: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Writes the output file, so that it is there complete or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if is_standard(path) {
        return print(bytes);
    }
    write_file(path, bytes)
        .map_err(|error| Failure::Failed(format!("cannot write {}: {error}", path.display())))
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Through symbolic links, and into devices and pipes: those must not be replaced by a file.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return File::options().write(true).open(&path)?.write_all(bytes);
    }
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What any new file gets; the umask takes away from it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.prefix(".wamrc-rs-").tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.persist(&path)?;
    Ok(())
}
