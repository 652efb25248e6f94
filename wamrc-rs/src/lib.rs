//! Ahead-of-time compiler from WebAssembly to relocatable ELF objects.
//!
//! [`compile`] is the whole pipeline: parse and validate, cut into code generation units, translate
//! and optimise each with LLVM, and make one object of them.

pub mod abi;
pub mod emit;
pub mod error;
pub mod frame;
pub mod inspect;

pub mod module;
pub mod optimize;
pub mod options;
pub mod target;
pub mod translate;

use std::num::NonZeroUsize;

use sha2::{Digest, Sha256};
use wamr_aot_loader::format::header as format;
use wamr_aot_loader::format::target::TargetAbi;
use wamr_aot_loader::layout::PointerWidth;

use module::Module;
use optimize::CompiledUnit;
use target::Target;
use translate::Config;

pub use error::{Error, Result};
pub use options::{
    CallStackFeatures, FrameOptions, FrameStrategy, Options, OutputFormat, TargetOptions,
};

/// What a compilation yields.
#[derive(Clone, Debug)]
pub struct Output {
    /// The bytes of the output file.
    pub bytes: Vec<u8>,
    /// What is wrong with the module and did not keep it from being compiled, a sentence each.
    pub warnings: Vec<String>,
}

/// Compiles a WebAssembly module, binary or text.
///
/// # Errors
/// See [`Error`]: text that cannot be read, an invalid module, something unsupported, a target or
/// options that do not fit, or a failure of LLVM.
pub fn compile(wasm: &[u8], options: &Options) -> Result<Output> {
    let binary = wat::parse_bytes(wasm)?;
    let module = module::parse(&binary, options.features)?;
    let target = Target::new(&options.target)?;
    let config = configure(&module, &target, options)?;

    let single = matches!(
        options.format,
        OutputFormat::LlvmIrUnopt | OutputFormat::LlvmIrOpt | OutputFormat::Asm
    );
    let plan = optimize::partition(&module, single);
    let threads = options
        .threads
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let how = (options.opt_level, options.format, threads);
    let units = optimize::compile_units(&module, &config, &target, &plan, how)?;

    let bytes = match options.format {
        OutputFormat::Aot => {
            let sha256 = Sha256::digest(&binary).into();
            emit::emit(&emit_input(
                &module, &config, &target, options, units, sha256,
            )?)?
        }
        OutputFormat::Object => emit::emit_plain(&objects(units), &target)?,
        OutputFormat::LlvmIrUnopt | OutputFormat::LlvmIrOpt | OutputFormat::Asm => {
            units.into_iter().flat_map(|unit| unit.bytes).collect()
        }
    };
    Ok(Output {
        bytes,
        warnings: module.warnings,
    })
}

fn objects(units: Vec<CompiledUnit>) -> Vec<emit::Unit> {
    units
        .into_iter()
        .map(|unit| emit::Unit {
            object: unit.bytes,
            sites: unit.sites,
        })
        .collect()
}

/// What the object says beside the code.
fn emit_input<'a>(
    module: &'a Module<'_>,
    config: &Config,
    target: &'a Target,
    options: &Options,
    units: Vec<CompiledUnit>,
    source_sha256: [u8; 32],
) -> Result<emit::Input<'a>> {
    let mut functions = Vec::with_capacity(module.bodies.len());
    for (defined, body) in module.bodies.iter().enumerate() {
        let locals = body
            .get_locals_reader()?
            .into_iter()
            .map(|local| {
                local
                    .map_err(Error::from)
                    .and_then(|(count, ty)| Ok((count, module::val_type(ty, body.range().start)?)))
            })
            .collect::<Result<Vec<_>>>()?;
        let symbol = abi::function_symbol(module.function_index(defined));
        functions.push(emit::FunctionInfo {
            symbol,
            // Offsets beyond 32 bits are not told.
            wasm_offset: u32::try_from(body.range().start).unwrap_or(0),
            locals,
            ..Default::default()
        });
    }
    for (defined, facts) in units.iter().flat_map(|unit| &unit.frames) {
        let function = &mut functions[*defined];
        function.has_frame_record = facts.has_record;
        function.has_reference_slots = facts.has_references;
        function.max_operand_slots = facts.max_operand_slots;
    }
    let custom_sections = (module.custom_sections.iter())
        .filter(|(name, _)| options.custom_sections.iter().any(|wanted| wanted == name))
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
        .collect();
    let names = (!options.strip).then(|| emit::Names {
        module: module.names.module.clone(),
        functions: module.names.functions.clone(),
        // Of use only to who shows values.
        locals: if config
            .frames
            .capture_level()
            .contains(format::CaptureLevel::VALUES)
        {
            module.names.locals.clone()
        } else {
            Default::default()
        },
    });
    Ok(emit::Input {
        units: objects(units),
        target,
        module: &module.info,
        data: module.data.clone(),
        functions,
        names,
        frame_strategy: match config.frames.strategy {
            FrameStrategy::None | FrameStrategy::Automatic => format::FrameStrategy::None,
            FrameStrategy::Explicit => format::FrameStrategy::Explicit,
            FrameStrategy::Mapped => format::FrameStrategy::Mapped,
        },
        capture_level: config.frames.capture_level(),
        memory_model: if config.guard_pages {
            format::MemoryModel::Guard
        } else {
            format::MemoryModel::Checks
        },
        strict_traps: config.strict_traps,
        count_calls: config.count_calls,
        has_handlers: module.has_handlers,
        wasm_features: module.features_used,
        source_sha256,
        custom_sections,
        linked_symbol: options.linked_symbol.clone(),
        keep_eh_frame: true,
    })
}

/// What translation needs to know, from the target and the options.
fn configure(module: &Module<'_>, target: &Target, options: &Options) -> Result<Config> {
    let guard_pages = match options.bounds_checks {
        Some(checks) => !checks,
        None => target.has_guard_pages(),
    };
    if guard_pages && !target.has_guard_pages() {
        return Err(Error::Options(format!(
            "--bounds-checks=0 needs a 64-bit target with guard pages; {} has none",
            target.triple()
        )));
    }
    let mut frames = options.frames;
    let can_map = target.width() == PointerWidth::Eight;
    if frames.strategy == FrameStrategy::Automatic {
        frames.strategy = if can_map {
            FrameStrategy::Mapped
        } else {
            FrameStrategy::Explicit
        };
    }
    if frames.strategy == FrameStrategy::Mapped && !can_map {
        return Err(Error::Options(format!(
            "--frame-strategy=mapped needs a 64-bit target; use explicit for {}",
            target.triple()
        )));
    }
    // Threads have to be stoppable together.
    let safepoints =
        options.safepoints || (module.memories.iter()).any(|memory| memory.limits.shared);
    Ok(Config {
        triple: target.triple().to_owned(),
        data_layout: target.data_layout().to_owned(),
        width: target.width(),
        stack_pointer: target.architecture().stack_pointer(),
        argument_registers: target.architecture().argument_registers(),
        vectors: target.vectors(),
        // Elsewhere LLVM's own expansion hands on a signalling NaN, and branches.
        float_minimum: target.architecture() == target::Architecture::Aarch64,
        float_library: matches!(
            target.abi(),
            TargetAbi::Lp64 | TargetAbi::Lp64f | TargetAbi::Ilp32 | TargetAbi::Ilp32f
        ),
        rounds_by_sequence: target.rounds_by_sequence(),
        guard_pages,
        atomic_bits: target.atomic_bits(),
        stack_checks: options
            .stack_bounds_checks
            .unwrap_or(!target.has_guard_pages()),
        strict_traps: options.strict_traps,
        cold_convention: target.cold_convention(),
        // What the convention preserves on RISC-V are not the float registers that calls preserve.
        has_trap_thunk: frames.strategy == FrameStrategy::Mapped
            && matches!(
                target.architecture(),
                target::Architecture::X86_64 | target::Architecture::Aarch64
            ),
        frames,
        safepoints,
        count_calls: options.count_calls,
        frame_pointers: options.frame_pointers,
        polls_at_entry: if safepoints {
            module::polls_at_entry(module)
        } else {
            Vec::new()
        },
    })
}
