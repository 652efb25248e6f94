//! `bare-metal`: firmware for machines without an operating system, in an emulator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use xtask::progress::step;
use xtask::rust::{BARE, Library};
use xtask::setup::{Mode, Need, ensure, llvm_prefix};
use xtask::{process, workspace};

use super::wast;

/// Run compiled WebAssembly on machines without an operating system
///
/// Builds firmware of the loader and the runtime's core, for QEMU's `virt` boards. One program carries objects and loads them, one
/// is linked with them. Both call, are called back, grow memory and trap, and compare everything, call stacks with values included.
///
/// Prints how large the parts are.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Targets [default: all]
    #[arg(value_name = "TARGET", value_parser = triples())]
    targets: Vec<String>,

    /// Also run test scripts there: files, folders, or suites of the specification such as spec:v2 or spec:v2/call.wast
    #[arg(long, value_name = "PATH", num_args = 1..)]
    wast: Vec<String>,

    /// Optimisation level of the compiler for the scripts, 0 to 3
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=3))]
    opt_level: u8,

    /// Compile the standard library from Debian's sources even if there is rustup
    #[arg(long)]
    build_std: bool,
}

/// Run a program on an emulated board
///
/// Its serial line is the standard output, its exit code that of this command.
#[derive(Debug, clap::Args)]
pub struct EmulateArguments {
    /// The board
    #[arg(value_name = "TARGET", value_parser = triples())]
    target: String,

    /// The program, an ELF file
    program: PathBuf,

    /// A script for the program `script`, as `wast --keep-scripts` makes them
    script: Option<PathBuf>,

    /// Without meaning: the program always says how far it is
    #[arg(long, hide = true)]
    progress: bool,
}

pub fn emulate(arguments: &EmulateArguments) -> Result<()> {
    let target = TARGETS
        .iter()
        .find(|target| target.triple == arguments.target)
        .context("no such target")?;
    let mut command = target.emulator(&arguments.program)?;
    if let Some(script) = &arguments.script {
        // The emulator splits at single commas.
        let file = script
            .to_str()
            .context("the path is no text")?
            .replace(',', ",,");
        let device = format!("loader,file={file},addr={},force-raw=on", target.script);
        command.args(["-device", &device]);
    }
    // Only returns if the emulator cannot be started.
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    Err(error).with_context(|| format!("cannot start `{}`", process::describe(&command)))
}

/// A board.
struct Target {
    /// Rust's name.
    triple: &'static str,
    /// How to compile for it.
    compiler: &'static [&'static str],
    /// Frame strategies that it has.
    strategies: &'static [&'static str],
    /// How to call the emulator; the program comes behind.
    emulator: &'static [&'static str],
    /// Where the emulator puts scripts.
    script: &'static str,
    /// Flags for Rust's compiler.
    flags: &'static str,
    /// Most bytes of code that the loader may have in a program that loads objects, and in one that is linked with
    /// them; a bit more than it has.
    loader_limits: Option<[u64; 2]>,
}

/// The linker makes calls as short as they can be. LLVM has this feature for long, but rustc warns that it may be
/// called something else one day.
const RELAX: &str = "-Ctarget-feature=+relax";

const TARGETS: &[Target] = &[
    Target {
        triple: "riscv32imac-unknown-none-elf",
        compiler: &["--target=riscv32-unknown-none-elf", "--target-abi=ilp32"],
        strategies: &["explicit"],
        emulator: &["qemu-system-riscv32", "-machine", "virt", "-bios", "none"],
        script: "0xc0000000",
        flags: RELAX,
        loader_limits: Some([44 << 10, 30 << 10]),
    },
    Target {
        triple: "riscv64gc-unknown-none-elf",
        compiler: &["--target=riscv64-unknown-none-elf"],
        strategies: &["explicit", "mapped"],
        emulator: &["qemu-system-riscv64", "-machine", "virt", "-bios", "none"],
        script: "0xc0000000",
        flags: RELAX,
        loader_limits: None,
    },
    Target {
        triple: "aarch64-unknown-none",
        compiler: &["--target=aarch64-unknown-none-elf"],
        strategies: &["explicit", "mapped"],
        emulator: &[
            "qemu-system-aarch64",
            "-machine",
            "virt",
            "-cpu",
            "cortex-a53",
            "-semihosting",
        ],
        script: "0x80000000",
        flags: "",
        loader_limits: None,
    },
];

/// What all boards have: memory for scripts, and the serial line as standard output.
const BOARD: &[&str] = &[
    "-m",
    "1088M",
    "-nic",
    "none",
    "-display",
    "none",
    "-monitor",
    "none",
    "-serial",
    "stdio",
    "-no-reboot",
    "-kernel",
];

/// What the firmware's module prints.
const GREETING: &str = "hello from WebAssembly";

fn triples() -> clap::builder::PossibleValuesParser {
    TARGETS
        .iter()
        .map(|target| target.triple)
        .collect::<Vec<_>>()
        .into()
}

pub fn run(arguments: &Arguments) -> Result<()> {
    prepare(!arguments.wast.is_empty())?;
    let mut failed = Vec::new();
    for target in TARGETS {
        let triple = target.triple;
        if !arguments.targets.is_empty() && !arguments.targets.iter().any(|name| name == triple) {
            continue;
        }
        let result = target.build(arguments.build_std).and_then(|firmware| {
            firmware.check()?;
            for frames in ["none", "explicit"] {
                if !arguments.wast.is_empty() {
                    firmware.scripts(&arguments.wast, arguments.opt_level, frames)?;
                }
            }
            Ok(())
        });
        if let Err(error) = result {
            println!("{error:#}");
            failed.push(triple);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// What `test` runs: every program on every board, and scripts on the smallest one.
pub fn test(scripts: &[&str]) -> Result<()> {
    prepare(true)?;
    let scripts: Vec<String> = scripts.iter().map(|path| (*path).to_owned()).collect();
    for (index, target) in TARGETS.iter().enumerate() {
        let firmware = target.build(false)?;
        firmware.check()?;
        if index == 0 {
            for frames in ["none", "explicit"] {
                firmware.scripts(&scripts, 3, frames)?;
            }
        }
    }
    Ok(())
}

/// Installs and builds what is needed on this side.
fn prepare(scripts: bool) -> Result<()> {
    ensure(
        &[
            Need::Linker,
            Need::Llvm,
            Need::WasmClang,
            Need::BoardEmulators,
        ],
        Mode::Install,
    )?;
    let mut cargo = workspace::cargo("build");
    cargo.args(["--quiet", "-p", "wamrc-rs", "--bins"]);
    process::run(&mut cargo)?;
    if scripts {
        wast::build()?;
    }
    Ok(())
}

/// Programs for a board.
struct Firmware {
    target: &'static Target,
    folder: PathBuf,
}

impl Target {
    /// The command that runs a program.
    fn emulator(&self, program: &Path) -> Result<Command> {
        let [emulator, arguments @ ..] = self.emulator else {
            bail!("no emulator");
        };
        let mut command = Command::new(emulator);
        command
            .args(arguments)
            .args(BOARD)
            .arg(program)
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Compiles the objects, then the programs with them.
    fn build(&'static self, build_std: bool) -> Result<Firmware> {
        let objects = self.objects()?;
        let library = if build_std {
            Library::from_sources(BARE)?
        } else {
            Library::find(self.triple, BARE)?
        };
        step(&format!("{}, firmware", self.triple), |_| {
            let mut cargo = library.cargo(self.triple)?;
            cargo
                .args(["-p", "wamr-firmware", "--profile", "firmware"])
                .env("FIRMWARE_OBJECTS", std::env::join_paths(&objects)?);
            let variable = self.triple.to_uppercase().replace('-', "_");
            if !self.flags.is_empty() {
                cargo.env(format!("CARGO_TARGET_{variable}_RUSTFLAGS"), self.flags);
            }
            if matches!(library, Library::Sources(..)) {
                // Debian's compiler has no linker of its own.
                cargo.env(
                    format!("CARGO_TARGET_{variable}_LINKER"),
                    llvm_prefix().join("bin/ld.lld"),
                );
            }
            process::capture(&mut cargo)?;
            Ok(Firmware {
                target: self,
                folder: library.folder()?.join(self.triple).join("firmware"),
            })
        })
    }

    /// The firmware's module, compiled with each strategy.
    fn objects(&self) -> Result<Vec<PathBuf>> {
        let folder = workspace::target()?.join("bare-metal").join(self.triple);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let mut objects = Vec::new();
        for strategy in self.strategies {
            let symbol = format!("program_{strategy}");
            let object = folder.join(format!("{symbol}.aot"));
            let mut compiler = Command::new(workspace::target()?.join("debug/wamrc-rs"));
            compiler
                .args(self.compiler)
                .arg("--enable-aot-stack-frame")
                .arg(format!("--frame-strategy={strategy}"))
                .arg(format!("--linked-symbol={symbol}"))
                .arg("-o")
                .arg(&object)
                .arg(workspace::root().join("tests/firmware/program.wat"));
            process::capture(&mut compiler)?;
            objects.push(object);
        }
        Ok(objects)
    }
}

impl Firmware {
    /// Runs the programs that check themselves, and tells how large they are.
    fn check(&self) -> Result<()> {
        for (index, name) in ["loaded", "linked"].into_iter().enumerate() {
            let program = self.folder.join(name);
            let output = step(&format!("{}, {name}", self.target.triple), |_| {
                self.emulate(&program)
            })?;
            for strategy in self.target.strategies {
                if !output.contains(&format!("program_{strategy}, {name}")) {
                    bail!("{name} has not run program_{strategy}:\n{output}");
                }
            }
            let greetings = output.lines().filter(|line| *line == GREETING).count();
            if greetings != self.target.strategies.len() {
                bail!("{name} has not printed {GREETING:?} for each object:\n{output}");
            }
            let heap = output.lines().find_map(|line| line.strip_prefix("heap "));
            let heap: u64 = heap.context("no size of the heap")?.trim().parse()?;
            let sizes = Sizes::of(&program)?;
            println!("    {}", sizes.show(heap));
            let loader = sizes.code.get("loader").copied().unwrap_or(0);
            if let Some(limits) = self.target.loader_limits
                && loader > limits[index]
            {
                bail!(
                    "{name}: the loader has {loader} bytes of code, its limit is {}",
                    limits[index]
                );
            }
        }
        Ok(())
    }

    /// Runs a program to its end; what it printed.
    fn emulate(&self, program: &Path) -> Result<String> {
        /// Far more than it takes.
        const LIMIT: Duration = Duration::from_secs(120);
        let mut output = tempfile::NamedTempFile::new()?;
        let mut command = self.target.emulator(program)?;
        command.stdout(output.reopen()?);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start `{}`", process::describe(&command)))?;
        let start = Instant::now();
        let status = loop {
            match child.try_wait()? {
                Some(status) => break Some(status),
                None if start.elapsed() > LIMIT => {
                    child.kill()?;
                    child.wait()?;
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut output, &mut text)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        match status {
            Some(status) if status.success() => Ok(text),
            Some(status) => bail!("`{}`: {status}\n{text}", process::describe(&command)),
            None => bail!(
                "`{}` did not end in {} s\n{text}",
                process::describe(&command),
                LIMIT.as_secs()
            ),
        }
    }

    /// Runs scripts, after [`wast::build`].
    fn scripts(&self, paths: &[String], opt_level: u8, frames: &str) -> Result<()> {
        let target = self.target;
        println!("{}, scripts, frames {frames}", target.triple);
        let this = std::env::current_exe()?;
        let this = this.to_str().context("the path is no text")?;
        let runner = format!("{this} emulate {}", target.triple);
        let program = self.folder.join("script");
        let program = program.to_str().context("the path is no text")?;
        let level = opt_level.to_string();
        let mut line = vec!["--opt-level", &level, "--frames", frames];
        line.extend(["--wast-run", program, "--runner", &runner]);
        line.extend(target.compiler);
        line.extend(paths.iter().map(String::as_str));
        wast::execute(&line)
    }
}

/// Bytes of a program's parts.
struct Sizes {
    /// Code by the crate that it belongs to.
    code: BTreeMap<&'static str, u64>,
    /// Constants.
    constants: u64,
    /// Variables, without stack and heap.
    variables: u64,
}

/// Crates, by what their symbols contain.
const CRATES: &[(&str, &str)] = &[
    ("wamr_aot_loader", "loader"),
    ("wamr_runtime_min", "runtime"),
    ("wamr_firmware", "firmware"),
    ("4bare4main", "firmware"),
];

impl Sizes {
    fn of(program: &Path) -> Result<Sizes> {
        let tool = |name: &str| Command::new(llvm_prefix().join("bin").join(name));
        let mut code = BTreeMap::new();
        let symbols = process::capture(
            tool("llvm-nm")
                .args(["--print-size", "--radix=d"])
                .arg(program),
        )?;
        for line in symbols.lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, size, "t" | "T", name] = fields[..] else {
                continue;
            };
            let part = CRATES.iter().find(|(part, _)| name.contains(part));
            let part = part.map_or("libraries", |(_, part)| part);
            *code.entry(part).or_default() += size.parse::<u64>()?;
        }
        let sections = process::capture(
            tool("llvm-size")
                .args(["--format=sysv", "--radix=10"])
                .arg(program),
        )?;
        let size = |names: &[&str]| -> u64 {
            let lines = sections.lines();
            let fields = lines.filter_map(|line| {
                let mut fields = line.split_whitespace();
                names.contains(&fields.next()?).then(|| fields.next())?
            });
            fields.filter_map(|size| size.parse::<u64>().ok()).sum()
        };
        Ok(Sizes {
            code,
            constants: size(&[".rodata"]),
            variables: size(&[".data", ".bss"]),
        })
    }

    fn show(&self, heap: u64) -> String {
        let code: Vec<String> = self
            .code
            .iter()
            .map(|(part, size)| format!("{part} {size}"))
            .collect();
        format!(
            "bytes of code: {}; constants {}, variables {}, heap at most {heap}",
            code.join(", "),
            self.constants,
            self.variables
        )
    }
}
