//! `demo`: from a fresh clone to a real program running.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use xtask::builder::Builder;
use xtask::clang::Target;
use xtask::measure::{self, Run};
use xtask::programs::{self, Program};
use xtask::progress::step;
use xtask::setup::{Mode, Need};
use xtask::tools::Tools;
use xtask::{process, workspace};

/// Lines of `inspect` that are shown.
const INSPECTED: usize = 40;

/// Exit code of a program that trapped.
const TRAPPED: i32 = 134;

/// Build the toolchain, compile SQLite with it and run queries; then make a program trap and show its call stack
///
/// The files stay in `target/demo`, and each command line is printed, so that you can go on from there.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

pub fn run(_: &Arguments) -> Result<()> {
    xtask::setup::ensure(&[Need::Linker, Need::Llvm, Need::WasmClang], Mode::Install)?;

    heading("The toolchain");
    process::show_and_run(&mut Tools::build_command())?;
    let demo = Demo::new()?;

    heading("SQLite, from C to WebAssembly to machine code");
    let sqlite = programs::find("sqlite").context("sqlite is one of the programs")?;
    let wasm = demo.wasm(sqlite)?;
    let aot = demo.aot(&wasm, &[])?;

    heading("What is in the object");
    demo.inspect(&aot)?;

    heading("SQLite runs");
    let script = Path::new("tests/programs/sqlite/tour.sql");
    let mut iwasm = demo.command(&demo.tools.iwasm);
    iwasm.arg(&aot);
    println!("$ {} < {}", process::describe(&iwasm), script.display());
    let run = measure::run(
        &mut iwasm,
        Some(File::open(workspace::root().join(script))?),
    )?;
    show(&run);
    ensure!(run.status.success(), "SQLite ended with {}", run.status);

    heading("A mistake, and the way that led to it");
    let wasm = demo.wasm(&programs::TRAP)?;
    let aot = demo.aot(&wasm, &["--enable-dump-call-stack"])?;
    let mut iwasm = demo.command(&demo.tools.iwasm);
    iwasm.arg(&aot);
    println!("$ {}", process::describe(&iwasm));
    let run = measure::run(&mut iwasm, None)?;
    show(&run);
    if run.status.code() != Some(TRAPPED) {
        bail!(
            "the program should have trapped, with exit code {TRAPPED}; it ended with {}",
            run.status
        );
    }
    println!("\nThe files are in {}.", demo.folder.display());
    Ok(())
}

struct Demo {
    tools: Tools,
    builder: Builder,
    /// Relative to the checkout where it lies within.
    folder: PathBuf,
}

impl Demo {
    fn new() -> Result<Self> {
        let builder = step("Fetching the programs' C sources", |_| Builder::new())?;
        let folder = short(&workspace::target()?.join("demo"));
        fs::create_dir_all(workspace::root().join(&folder))?;
        let tools = Tools::locate()?;
        Ok(Self {
            tools: Tools {
                wamrc: short(&tools.wamrc),
                iwasm: short(&tools.iwasm),
            },
            builder,
            folder,
        })
    }

    /// Runs in the checkout's folder, so that the command lines that are shown are short.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(workspace::root());
        command
    }

    fn wasm(&self, program: &Program) -> Result<PathBuf> {
        let built = step(
            &format!("Compiling {} to WebAssembly with clang", program.name),
            |_| self.builder.build(program, Target::Wasm),
        )?;
        let wasm = self.folder.join(format!("{}.wasm", program.name));
        fs::copy(built, workspace::root().join(&wasm))?;
        Ok(wasm)
    }

    fn aot(&self, wasm: &Path, flags: &[&str]) -> Result<PathBuf> {
        let aot = wasm.with_extension("aot");
        let mut wamrc = self.command(&self.tools.wamrc);
        wamrc.args(flags).arg("-o").arg(&aot).arg(wasm);
        println!("$ {}", process::describe(&wamrc));
        step("Compiling WebAssembly to machine code", |_| {
            process::capture(&mut wamrc)
        })?;
        let size = |path| fs::metadata(workspace::root().join(path)).map(|data| data.len() / 1024);
        println!(
            "{} KiB of WebAssembly, {} KiB of object",
            size(wasm)?,
            size(&aot)?
        );
        Ok(aot)
    }

    fn inspect(&self, aot: &Path) -> Result<()> {
        let mut inspect = self.command(&self.tools.wamrc);
        inspect.arg("inspect").arg(aot);
        println!("$ {}", process::describe(&inspect));
        let text = process::capture(&mut inspect)?;
        let lines: Vec<&str> = text.lines().collect();
        lines
            .iter()
            .take(INSPECTED)
            .for_each(|line| println!("{line}"));
        if lines.len() > INSPECTED {
            println!("... and {} more lines", lines.len() - INSPECTED);
        }
        Ok(())
    }
}

fn heading(text: &str) {
    println!("\n=== {text} ===\n");
}

fn show(run: &Run) {
    print!(
        "{}{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
    println!("[{}]", run.status);
}

/// As seen from the checkout's folder.
fn short(path: &Path) -> PathBuf {
    match path.strip_prefix(workspace::root()) {
        // A program's name without a slash would be looked for in $PATH.
        Ok(inside) => Path::new(".").join(inside),
        Err(_) => path.to_owned(),
    }
}
