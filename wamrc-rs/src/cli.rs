//! The command line: wamrc's options, with wamrc's names and meanings.
//!
//! Help, completions and the manual page are made from the definitions here and in [`compatibility`].

pub mod compatibility;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::linked;
use wamrc_rs::options::supported_features;
use wamrc_rs::{
    CallStackFeatures, FrameOptions, FrameStrategy, Options, OutputFormat, TargetOptions,
};
use wasmparser::WasmFeatures;

use self::compatibility::Compatibility;

/// Compiles WebAssembly modules ahead of time, into relocatable ELF objects (.aot) that a small loader
/// can check, link and run.
#[derive(Debug, Parser)]
#[command(name = "wamrc-rs", version, args_conflicts_with_subcommands = true)]
#[command(override_usage = "wamrc-rs [OPTIONS] -o OUT IN\n       wamrc-rs <COMMAND>")]
#[command(after_help = "Exit codes: 0 success, 1 the module could not be compiled, 2 wrong usage.")]
pub struct Cli {
    /// What to do instead of compiling.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to compile, and how.
    #[command(flatten)]
    pub compile: Compile,
}

/// What the program does beside compiling.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows what is in an object: header, sections, functions, imports, exports, frames
    Inspect {
        /// The object; `-` for standard input
        #[arg(value_name = "FILE.aot")]
        file: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// What each function's frames show at its commit points, and where the values are, instead
        #[arg(long)]
        frames: bool,
    },
    /// Prints a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints the manual page
    Man,
}

/// A compilation.
#[derive(Args, Debug)]
pub struct Compile {
    /// The module, binary or text; `-` for standard input
    #[arg(value_name = "IN")]
    pub input: Option<PathBuf>,

    /// Output file; `-` for standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,

    /// What to write
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub format: Format,

    /// Number of code generation threads; the output does not depend on it [default: one per processor]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,

    /// How much to say: 0 nothing but errors … 5 everything; -v alone is 3
    #[arg(short, long, value_name = "N", num_args = 0..=1, require_equals = true)]
    #[arg(
        default_missing_value = "3",
        default_value_t = 2,
        hide_default_value = true
    )]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=5))]
    pub verbose: u8,

    /// Prints the version of LLVM
    #[arg(long)]
    pub llvm_version: bool,

    /// Options about the machine.
    #[command(flatten)]
    pub target: TargetArguments,

    /// Options about the code.
    #[command(flatten)]
    pub code: Code,

    /// Options about frames.
    #[command(flatten)]
    pub frames: Frames,

    /// Options for profilers.
    #[command(flatten)]
    pub profiling: Profiling,

    /// Options about what else is in the object.
    #[command(flatten)]
    pub object: ObjectArguments,

    /// wamrc's options that mean nothing here.
    #[command(flatten)]
    pub compatibility: Compatibility,
}

/// What to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The loadable object
    #[default]
    Aot,
    /// The code as a plain ELF object, without the loader's tables
    Object,
    /// LLVM's IR, not optimised
    LlvmirUnopt,
    /// LLVM's IR, optimised
    LlvmirOpt,
    /// Assembly
    Asm,
}

/// The machine to compile for.
#[derive(Args, Debug)]
#[command(next_help_heading = "Target")]
pub struct TargetArguments {
    /// Architecture or triple; `help` lists them [default: this machine]
    #[arg(long, value_name = "ARCH")]
    pub target: Option<String>,

    /// ABI; `help` lists those of the target
    #[arg(long, value_name = "ABI")]
    pub target_abi: Option<String>,

    /// CPU, `native` for this machine's; `help` lists those of the target [default: generic]
    #[arg(long, value_name = "CPU")]
    pub cpu: Option<String>,

    /// CPU features to add and to take away; `+help` lists those of the target
    #[arg(long, value_name = "+A,-B", allow_hyphen_values = true)]
    pub cpu_features: Option<String>,

    /// Code model: 0 large, 1 medium, 2 kernel, 3 small
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=3))]
    pub size_level: Option<u8>,
}

/// How code is generated.
#[derive(Args, Debug)]
#[command(next_help_heading = "Code")]
pub struct Code {
    /// Optimisation level, 0 to 3
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=3))]
    pub opt_level: u8,

    /// Check accesses of linear memory in the code (1), or leave it to guard pages (0) [default: guard
    /// pages where the target has them and the memory is a 32-bit one]
    #[arg(long, value_name = "0|1", value_parser = zero_or_one())]
    pub bounds_checks: Option<bool>,

    /// Check the native stack in the code (1), or leave it to guard pages (0)
    #[arg(long, value_name = "0|1", value_parser = zero_or_one())]
    pub stack_bounds_checks: Option<bool>,

    /// Traps, memories, globals and tables are exact to the last access, at some cost
    #[arg(long)]
    pub strict_traps: bool,

    /// Refuse modules that use bulk memory operations
    #[arg(long)]
    pub disable_bulk_memory: bool,

    /// Refuse modules that use reference types
    #[arg(long)]
    pub disable_ref_types: bool,

    /// Refuse modules that use typed function references, recursion groups or sub types
    #[arg(long)]
    pub disable_function_references: bool,

    /// Refuse modules that use tail calls
    #[arg(long)]
    pub disable_tail_call: bool,

    /// Refuse modules with more than one memory
    #[arg(long)]
    pub disable_multi_memory: bool,

    /// Refuse memories and tables that are indexed with i64
    #[arg(long)]
    pub disable_memory64: bool,

    /// Refuse modules that use exceptions
    #[arg(long)]
    pub disable_exceptions: bool,

    /// Accept exceptions as compilers wrote them before they were standard (try, catch, delegate, rethrow)
    #[arg(long)]
    pub enable_legacy_exceptions: bool,

    /// Refuse modules with shared memories or atomic operations
    #[arg(long)]
    pub disable_threads: bool,

    /// Accept memories whose pages are one byte
    #[arg(long)]
    pub enable_custom_page_sizes: bool,

    /// Accept 128-bit sums, differences and products of i64 (i64.add128, i64.mul_wide_s, ...)
    #[arg(long)]
    pub enable_wide_arithmetic: bool,

    /// Refuse modules that use vectors (SIMD), relaxed ones too
    #[arg(long)]
    pub disable_simd: bool,

    /// Refuse modules that use relaxed SIMD, whose results depend on the target
    #[arg(long)]
    pub disable_relaxed_simd: bool,

    /// Compile switches without jump tables
    #[arg(long)]
    pub disable_llvm_jump_tables: bool,

    /// An option of LLVM's own; may be repeated
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub mllvm: Vec<String>,
}

/// How frames stay observable.
#[derive(Args, Debug)]
#[command(next_help_heading = "Frames")]
pub struct Frames {
    /// Keep parameters, locals and operands observable while the program runs
    #[arg(long, value_name = "live|all", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "live", value_parser = ["live", "all"])]
    pub enable_aot_stack_frame: Option<String>,

    /// Keep functions and instruction offsets observable, for call stacks
    #[arg(long)]
    pub enable_dump_call_stack: bool,

    /// What frames show, of `func-idx`, `ip`, `trap-ip`, `values` and `bounds-checks`; nothing if empty
    #[arg(long, value_name = "LIST", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_parser = parse_call_stack_features)]
    pub call_stack_features: Option<CallStackFeatures>,

    /// Keep frames in tables that say where values are, or in records in memory [default: mapped on 64-bit
    /// targets, explicit on others]
    #[arg(long, value_name = "STRATEGY")]
    pub frame_strategy: Option<Strategy>,

    /// Poll at function entries and loops, so that the program can be stopped there with its frames intact
    #[arg(long)]
    pub enable_safepoints: bool,
}

/// How frames are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// Tables say where values are; running code pays next to nothing
    Mapped,
    /// Records in memory, linked from the thread's state
    Explicit,
}

/// What helps profilers.
#[derive(Args, Debug)]
#[command(next_help_heading = "Profiling")]
pub struct Profiling {
    /// Count the calls of each function; at the end iwasm-rs prints a table of calls and times
    #[arg(long)]
    pub enable_perf_profiling: bool,

    /// Keep frame pointers, so that Linux perf can follow them (see iwasm-rs --perf-map)
    #[arg(long)]
    pub enable_linux_perf: bool,
}

/// What else is in the object.
#[derive(Args, Debug)]
#[command(next_help_heading = "Object")]
pub struct ObjectArguments {
    /// Leave function names out
    #[arg(long)]
    pub strip: bool,

    /// Custom sections to copy; a backslash in a name stands for a space
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub emit_custom_sections: Vec<String>,

    /// Symbol by which a program finds the object if it is linked into it (ld), rather than loaded
    #[arg(long, value_name = "SYMBOL", default_value = linked::SYMBOL, value_parser = parse_symbol)]
    pub linked_symbol: String,

    /// Native debug information; reserved
    #[arg(short = 'g', hide = true)]
    pub debug: bool,
}

fn zero_or_one() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["0", "1"]).map(|value| value == "1")
}

/// A name that C and Rust can refer to, and none of a builtin, which would be taken for it.
fn parse_symbol(name: &str) -> Result<String, String> {
    let is_identifier = name
        .bytes()
        .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        && name.starts_with(|first: char| !first.is_ascii_digit());
    if !is_identifier {
        return Err("not a name of letters, digits and underscores".into());
    }
    if BuiltinId::from_symbol(name.as_bytes()).is_some() {
        return Err("a function of the runtime has this name".into());
    }
    Ok(name.to_owned())
}

fn parse_call_stack_features(list: &str) -> Result<CallStackFeatures, String> {
    let mut features = CallStackFeatures {
        ip: false,
        func_index: false,
        trap_ip: false,
        values: false,
    };
    for name in list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        match name {
            "ip" => features.ip = true,
            "func-idx" => features.func_index = true,
            "trap-ip" => features.trap_ip = true,
            "values" => features.values = true,
            // Frames lie on the native stack, which is always guarded: there is nothing to add.
            "bounds-checks" => {}
            _ => {
                return Err(format!(
                    "unknown feature `{name}`; known: func-idx, ip, trap-ip, values, bounds-checks"
                ));
            }
        }
    }
    Ok(features)
}

impl Compile {
    /// The target as the library takes it.
    pub fn target_options(&self) -> TargetOptions {
        TargetOptions {
            target: self.target.target.clone(),
            abi: self.target.target_abi.clone(),
            cpu: self.target.cpu.clone(),
            features: self.target.cpu_features.clone(),
            size_level: self.target.size_level,
        }
    }

    /// All options as the library takes them.
    ///
    /// # Errors
    ///
    /// What is wrong with the usage, beyond what the parser of arguments sees.
    pub fn options(&self) -> Result<Options, String> {
        self.compatibility.refusal().map_or(Ok(()), Err)?;
        if self.object.debug {
            return Err(
                "`-g` is reserved: native debug information is not written yet; call stacks with \
                        names and offsets need no option"
                    .into(),
            );
        }
        Ok(Options {
            target: self.target_options(),
            opt_level: self.code.opt_level,
            bounds_checks: self.code.bounds_checks,
            stack_bounds_checks: self.code.stack_bounds_checks,
            strict_traps: self.code.strict_traps,
            frames: self.frames.options(self.profiling.enable_perf_profiling)?,
            safepoints: self.frames.enable_safepoints,
            count_calls: self.profiling.enable_perf_profiling,
            frame_pointers: self.profiling.enable_linux_perf,
            threads: self.jobs,
            format: match self.format {
                Format::Aot => OutputFormat::Aot,
                Format::Object => OutputFormat::Object,
                Format::LlvmirUnopt => OutputFormat::LlvmIrUnopt,
                Format::LlvmirOpt => OutputFormat::LlvmIrOpt,
                Format::Asm => OutputFormat::Asm,
            },
            strip: self.object.strip,
            custom_sections: self
                .object
                .emit_custom_sections
                .iter()
                .map(|name| name.replace('\\', " "))
                .collect(),
            linked_symbol: self.object.linked_symbol.clone(),
            features: self.features(),
        })
    }

    fn features(&self) -> WasmFeatures {
        let mut features = supported_features();
        if self.code.disable_bulk_memory {
            features -= WasmFeatures::BULK_MEMORY | WasmFeatures::BULK_MEMORY_OPT;
        }
        if self.code.disable_ref_types {
            features -= WasmFeatures::REFERENCE_TYPES
                | WasmFeatures::CALL_INDIRECT_OVERLONG
                | WasmFeatures::FUNCTION_REFERENCES
                | WasmFeatures::GC;
        }
        if self.code.disable_function_references {
            features -= WasmFeatures::FUNCTION_REFERENCES | WasmFeatures::GC;
        }
        if self.code.disable_tail_call {
            features -= WasmFeatures::TAIL_CALL;
        }
        for (given, feature, is_on) in [
            (
                self.code.disable_multi_memory,
                WasmFeatures::MULTI_MEMORY,
                false,
            ),
            (self.code.disable_memory64, WasmFeatures::MEMORY64, false),
            (self.code.disable_threads, WasmFeatures::THREADS, false),
            (
                self.code.disable_exceptions,
                WasmFeatures::EXCEPTIONS,
                false,
            ),
            (
                self.code.enable_legacy_exceptions,
                WasmFeatures::LEGACY_EXCEPTIONS,
                true,
            ),
            (
                self.code.enable_custom_page_sizes,
                WasmFeatures::CUSTOM_PAGE_SIZES,
                true,
            ),
            (
                self.code.enable_wide_arithmetic,
                WasmFeatures::WIDE_ARITHMETIC,
                true,
            ),
        ] {
            if given {
                features.set(feature, is_on);
            }
        }
        if self.code.disable_simd || self.code.disable_relaxed_simd {
            features -= WasmFeatures::RELAXED_SIMD;
        }
        if self.code.disable_simd {
            features -= WasmFeatures::SIMD;
        }
        features
    }

    /// Options for LLVM: the user's, and those that stand for options of ours.
    pub fn llvm_options(&self) -> Vec<String> {
        let mut options = self.code.mllvm.clone();
        if self.code.disable_llvm_jump_tables {
            options.push("-min-jump-table-entries=4294967295".into());
        }
        options
    }
}

impl Frames {
    /// `call_stack`: call stacks are wanted even if these options do not ask for them.
    fn options(&self, call_stack: bool) -> Result<FrameOptions, String> {
        let call_stack = call_stack || self.enable_dump_call_stack;
        let default = match (&self.enable_aot_stack_frame, call_stack) {
            (Some(_), _) => CallStackFeatures::ALL,
            (None, true) => CallStackFeatures::CALL_STACK,
            (None, false)
                if self.call_stack_features.is_some() || self.frame_strategy.is_some() =>
            {
                return Err(
                    "`--call-stack-features` and `--frame-strategy` say what frames show, and \
                            how: they need `--enable-aot-stack-frame` or `--enable-dump-call-stack`"
                        .into(),
                );
            }
            (None, false) => return Ok(FrameOptions::default()),
        };
        Ok(FrameOptions {
            strategy: match self.frame_strategy {
                Some(Strategy::Mapped) => FrameStrategy::Mapped,
                Some(Strategy::Explicit) => FrameStrategy::Explicit,
                None => FrameStrategy::Automatic,
            },
            features: self.call_stack_features.unwrap_or(default),
            all: self.enable_aot_stack_frame.as_deref() == Some("all"),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn options(arguments: &[&str]) -> Result<Options, String> {
        let arguments = ["wamrc-rs"].into_iter().chain(arguments.iter().copied());
        let cli = Cli::try_parse_from(arguments).map_err(|error| error.to_string())?;
        cli.compile.options()
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wamrcs_forms_are_understood() {
        let verbose = |argument| {
            Cli::try_parse_from(["wamrc-rs", argument, "-o", "x", "y"])
                .unwrap()
                .compile
                .verbose
        };
        assert_eq!(
            [verbose("-v=5"), verbose("-v"), verbose("--strip")],
            [5, 3, 2]
        );
        let parsed = options(&[
            "--target=riscv64",
            "--target-abi=lp64d",
            "--cpu=sifive-u74",
            "--cpu-features=-c,+v",
            "--opt-level=1",
            "--size-level=0",
            "--bounds-checks=1",
            "--stack-bounds-checks=0",
            "--format=llvmir-unopt",
            "--emit-custom-sections=a\\b,c",
            "--linked-symbol=sensor_2",
            "--mllvm=-x",
            "-j2",
            "-o",
            "-",
            "-",
        ])
        .unwrap();
        assert_eq!(parsed.target.features.as_deref(), Some("-c,+v"));
        assert_eq!((parsed.opt_level, parsed.target.size_level), (1, Some(0)));
        assert_eq!(
            (parsed.bounds_checks, parsed.stack_bounds_checks),
            (Some(true), Some(false))
        );
        assert_eq!(parsed.format, OutputFormat::LlvmIrUnopt);
        assert_eq!(parsed.custom_sections, ["a b", "c"]);
        assert_eq!(parsed.linked_symbol, "sensor_2");
        for bad in ["", "2", "a-b", "memcpy"] {
            assert!(options(&[&format!("--linked-symbol={bad}"), "a.wasm"]).is_err());
        }
        assert_eq!(parsed.threads.map(NonZeroUsize::get), Some(2));
    }

    #[test]
    fn frame_options() {
        let frames = |arguments: &[&str]| options(arguments).map(|options| options.frames);
        assert_eq!(frames(&[]).unwrap().strategy, FrameStrategy::None);
        assert_eq!(
            frames(&["--enable-aot-stack-frame"]).unwrap().features,
            CallStackFeatures::ALL
        );
        let dump = frames(&["--enable-dump-call-stack"]).unwrap();
        assert_eq!(dump.strategy, FrameStrategy::Automatic);
        assert_eq!(dump.features, CallStackFeatures::CALL_STACK);
        let all = frames(&["--enable-aot-stack-frame=all", "--frame-strategy=explicit"]).unwrap();
        assert_eq!((all.strategy, all.all), (FrameStrategy::Explicit, true));
        let few = frames(&[
            "--enable-dump-call-stack",
            "--call-stack-features=ip,bounds-checks",
        ])
        .unwrap();
        assert!(few.features.ip && !few.features.func_index);
        let none = frames(&["--enable-dump-call-stack", "--call-stack-features="]).unwrap();
        assert!(!none.features.ip);
        for (arguments, expected) in [
            (
                &["--call-stack-features=ip"][..],
                "they need `--enable-aot-stack-frame`",
            ),
            (
                &["--enable-dump-call-stack", "--call-stack-features=pc"],
                "unknown feature `pc`",
            ),
            (
                &["--frame-strategy=mapped"],
                "they need `--enable-aot-stack-frame`",
            ),
        ] {
            let error = frames(arguments).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn feature_switches_take_features_away_and_add_them() {
        let off = options(&[
            "--disable-bulk-memory",
            "--disable-ref-types",
            "--disable-tail-call",
        ])
        .unwrap()
        .features;
        assert!(!off.intersects(
            WasmFeatures::BULK_MEMORY
                | WasmFeatures::REFERENCE_TYPES
                | WasmFeatures::FUNCTION_REFERENCES
                | WasmFeatures::GC
                | WasmFeatures::TAIL_CALL
        ));
        assert!(off.contains(WasmFeatures::MULTI_VALUE | WasmFeatures::MEMORY64));
        let off = options(&["--disable-function-references", "--enable-tail-call"])
            .unwrap()
            .features;
        assert!(!off.intersects(WasmFeatures::FUNCTION_REFERENCES | WasmFeatures::GC));
        assert!(off.contains(WasmFeatures::REFERENCE_TYPES | WasmFeatures::TAIL_CALL));
        let off = options(&["--disable-multi-memory", "--disable-memory64"]);
        let both = WasmFeatures::MULTI_MEMORY | WasmFeatures::MEMORY64;
        assert!(!off.unwrap().features.intersects(both));
        for (switch, is_on) in [
            ("--disable-threads", false),
            ("--enable-multi-thread", true),
        ] {
            let features = options(&[switch]).unwrap().features;
            assert_eq!(features.contains(WasmFeatures::THREADS), is_on, "{switch}");
        }
        let more = WasmFeatures::CUSTOM_PAGE_SIZES | WasmFeatures::WIDE_ARITHMETIC;
        assert!(!options(&[]).unwrap().features.intersects(more));
        let on = options(&["--enable-custom-page-sizes", "--enable-wide-arithmetic"]);
        assert!(on.unwrap().features.contains(more | both));
        let both = WasmFeatures::SIMD | WasmFeatures::RELAXED_SIMD;
        for (switch, left) in [
            ("--enable-simd", both),
            ("--disable-relaxed-simd", WasmFeatures::SIMD),
            ("--disable-simd", WasmFeatures::empty()),
        ] {
            let features = options(&[switch]).unwrap().features;
            assert_eq!(features & both, left, "{switch}");
        }
    }

    #[test]
    fn what_is_not_there_says_so() {
        for (argument, expected) in [
            ("-g", "`-g` is reserved"),
            ("--xip", "`--xip` is not available"),
            ("--native-lib=a.so", "`--native-lib` is not available"),
            (
                "--enable-segue=i32.load",
                "`--enable-segue` is not available",
            ),
            ("--opt-level=4", "4 is not in 0..=3"),
            ("--bounds-checks=2", "[possible values: 0, 1]"),
            ("--nonsense", "unexpected argument '--nonsense'"),
        ] {
            let error = options(&[argument]).unwrap_err();
            assert!(error.contains(expected), "{argument}: {error}");
        }
    }
}
