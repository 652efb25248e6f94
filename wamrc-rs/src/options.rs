//! What the caller of the compiler chooses; the command line fills one of these.

use std::num::NonZeroUsize;

use wamr_aot_loader::format::header::CaptureLevel;
use wasmparser::WasmFeatures;

/// The machine to compile for, as the user names it. Resolved by [`crate::target::Target::new`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetOptions {
    /// wamrc's architecture name (`x86_64`, `aarch64`, `riscv64`, …) or a full triple; the host if absent.
    pub target: Option<String>,
    /// ABI (`gnu`, `lp64d`, …); the target's usual one if absent.
    pub abi: Option<String>,
    /// LLVM's name of the CPU, or `native`/`host`; the target's generic CPU if absent.
    pub cpu: Option<String>,
    /// LLVM features, `+a,-b`.
    pub features: Option<String>,
    /// wamrc's `--size-level`: 3 small code model, 2 kernel, 1 medium, 0 large.
    pub size_level: Option<u8>,
}

/// How frames are kept observable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameStrategy {
    /// Not at all.
    #[default]
    None,
    /// Through records in memory.
    Explicit,
    /// Through maps of where LLVM keeps the values. 64-bit targets only.
    Mapped,
    /// Mapped where the target can, else explicit.
    Automatic,
}

/// What a frame shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallStackFeatures {
    /// Offset of the instruction (`ip`).
    pub ip: bool,
    /// Index of the function (`func-idx`).
    pub func_index: bool,
    /// Offset of the instruction also where a trap is found (`trap-ip`).
    pub trap_ip: bool,
    /// Parameters, locals and operands (`values`).
    pub values: bool,
}

impl CallStackFeatures {
    /// Everything that a frame can show.
    pub const ALL: Self = CallStackFeatures {
        ip: true,
        func_index: true,
        trap_ip: true,
        values: true,
    };
    /// What a call-stack dump needs.
    pub const CALL_STACK: Self = CallStackFeatures {
        values: false,
        ..Self::ALL
    };
}

impl Default for CallStackFeatures {
    fn default() -> Self {
        Self::ALL
    }
}

/// Frame options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameOptions {
    /// The strategy.
    pub strategy: FrameStrategy,
    /// What frames show; without meaning where the strategy is `None`.
    pub features: CallStackFeatures,
    /// Values that the function does not read again are shown too.
    pub all: bool,
}

impl FrameOptions {
    /// What frames carry, as the object's header has it.
    pub fn capture_level(&self) -> CaptureLevel {
        let features = self.features;
        let bits = [
            (features.func_index, CaptureLevel::FUNC_IDX),
            (features.ip, CaptureLevel::IP),
            (features.trap_ip, CaptureLevel::TRAP_IP),
            (features.values, CaptureLevel::VALUES),
        ];
        match self.strategy {
            FrameStrategy::None => CaptureLevel(0),
            _ => CaptureLevel(
                bits.iter()
                    .filter(|(on, _)| *on)
                    .fold(0, |level, (_, bit)| level | bit.0),
            ),
        }
    }
}

/// What the compiler writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    /// The loadable object.
    #[default]
    Aot,
    /// The same code as a plain ELF object, without the tables of the loader.
    Object,
    /// LLVM IR as translated.
    LlvmIrUnopt,
    /// LLVM IR after optimisation.
    LlvmIrOpt,
    /// Assembly.
    Asm,
}

/// All options of a compilation.
#[derive(Clone, Debug)]
pub struct Options {
    /// The machine to compile for.
    pub target: TargetOptions,
    /// 0 to 3.
    pub opt_level: u8,
    /// Explicit bounds checks of linear memory; by default where guard pages cannot do it.
    pub bounds_checks: Option<bool>,
    /// Explicit checks of the native stack; by default where guard pages cannot do it.
    pub stack_bounds_checks: Option<bool>,
    /// Traps, memories, globals and tables are exact to the last access.
    pub strict_traps: bool,
    /// Frames.
    pub frames: FrameOptions,
    /// Functions and loops poll, so that the program can be asked to stop or to show its frames.
    pub safepoints: bool,
    /// Functions count their calls.
    pub count_calls: bool,
    /// Functions keep frame pointers, for profilers that follow those.
    pub frame_pointers: bool,
    /// Code generation threads; by default the machine's.
    pub threads: Option<NonZeroUsize>,
    /// What to write.
    pub format: OutputFormat,
    /// Leaves function names out.
    pub strip: bool,
    /// Names of custom sections to copy.
    pub custom_sections: Vec<String>,
    /// Global symbol by which a program that the object is linked into statically finds it.
    pub linked_symbol: String,
    /// WebAssembly features that modules may use.
    pub features: WasmFeatures,
}

/// WebAssembly features that are on by default: WebAssembly 2.0; of 3.0 relaxed SIMD, extended constant
/// expressions, tail calls, exceptions, typed function references, recursion groups and sub types of functions, several
/// memories, and memories and tables that are indexed with `i64`; and threads (shared memories and atomics), which every
/// engine has. Of garbage collection everything is let through by the validator; what the compiler does not know of it,
/// it refuses by name.
pub fn supported_features() -> WasmFeatures {
    WasmFeatures::MVP
        | WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::CALL_INDIRECT_OVERLONG
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::BULK_MEMORY_OPT
        | WasmFeatures::SIMD
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::FUNCTION_REFERENCES
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::MEMORY64
        | WasmFeatures::GC
        | WasmFeatures::GC_TYPES
        | WasmFeatures::THREADS
}

/// WebAssembly features that this compiler translates, but that are not standard, or not yet, and so off by
/// default.
pub fn optional_features() -> WasmFeatures {
    WasmFeatures::CUSTOM_PAGE_SIZES
        | WasmFeatures::WIDE_ARITHMETIC
        | WasmFeatures::LEGACY_EXCEPTIONS
}

impl Default for Options {
    fn default() -> Self {
        Options {
            target: TargetOptions::default(),
            opt_level: 3,
            bounds_checks: None,
            stack_bounds_checks: None,
            strict_traps: false,
            frames: FrameOptions::default(),
            safepoints: false,
            count_calls: false,
            frame_pointers: false,
            threads: None,
            format: OutputFormat::Aot,
            strip: false,
            custom_sections: Vec::new(),
            linked_symbol: wamr_aot_loader::format::linked::SYMBOL.into(),
            features: supported_features(),
        }
    }
}
