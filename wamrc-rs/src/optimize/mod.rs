//! From functions to machine code: code generation units, pass pipelines, threads.
//!
//! The module is cut into units by size alone, so that the output does not depend on the number of
//! threads. Each unit is translated, optimised and compiled in an LLVM context of its own.

mod cold;
mod failures;
mod keep;
mod locations;
mod pairs;
mod partition;
mod quiet;
mod tail_calls;
mod widen;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use inkwell::OptimizationLevel;
use inkwell::context::Context;
use inkwell::module::Linkage;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{FileType, TargetMachine};

use failures::Failures;
pub use partition::{Plan, partition};

use crate::abi::{self, ColdThunk};
use crate::error::{Error, Result};
use crate::frame::{FrameFacts, SiteInfo};
use crate::module::Module;
use crate::options::{FrameStrategy, OutputFormat};
use crate::target::{Architecture, Target};
use crate::translate::{Config, Unit, translate_function};

/// What a unit became.
#[derive(Clone, Debug, Default)]
pub struct CompiledUnit {
    /// ELF object, IR or assembly, by the output format.
    pub bytes: Vec<u8>,
    /// Facts of the functions that the unit defines, by their index among the module's own.
    pub frames: Vec<(usize, FrameFacts)>,
    /// Commit points of the unit's functions.
    pub sites: Vec<SiteInfo>,
}

/// Compiles all units of a plan on up to `threads` threads.
///
/// # Errors
/// The error of the first unit, in the order of the plan, that failed.
pub fn compile_units(
    module: &Module<'_>,
    config: &Config,
    target: &Target,
    plan: &Plan,
    (opt_level, format, threads): (u8, OutputFormat, usize),
) -> Result<Vec<CompiledUnit>> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<CompiledUnit>>>> =
        plan.units.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(place) = done.get(index) else { break };
            let how = (opt_level, format);
            let result = compile_unit(module, config, target, plan, index, how);
            if let Ok(mut place) = place.lock() {
                *place = Some(result);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(plan.units.len()) {
            scope.spawn(work);
        }
        work();
    });
    done.into_iter()
        .map(|unit| {
            unit.into_inner().ok().flatten().unwrap_or_else(|| {
                Err(Error::Llvm(
                    "a code generation thread stopped without a result".into(),
                ))
            })
        })
        .collect()
}

/// Attempts to compile a unit before every function's values go to memory.
const ATTEMPTS: usize = 6;

fn compile_unit(
    module: &Module<'_>,
    config: &Config,
    target: &Target,
    plan: &Plan,
    index: usize,
    how: (u8, OutputFormat),
) -> Result<CompiledUnit> {
    // LLVM's register allocator gives up on some functions with values in operand bundles. Those are
    // compiled again with their values in memory.
    let mut in_memory = BTreeSet::new();
    for attempt in 1.. {
        let context = Context::create();
        let failures = Failures::watch(&context);
        let name = format!("unit{index}");
        let unit = Unit::new(&context, module, config, &name, in_memory.clone());
        let compiled = compile_once(&unit, target, plan, index, how)?;
        let failed = failures.functions()?;
        if failed.is_empty() {
            return Ok(compiled);
        }
        let before = in_memory.len();
        in_memory.extend(failed);
        if attempt >= ATTEMPTS || in_memory.len() == before {
            let all = 0..module.bodies.len();
            in_memory.extend(all.map(|defined| module.function_index(defined)));
            if in_memory.len() == before {
                break;
            }
        }
    }
    Err(Error::Llvm(
        "ran out of registers with all frames in memory".into(),
    ))
}

fn compile_once(
    unit: &Unit<'_, '_>,
    target: &Target,
    plan: &Plan,
    index: usize,
    (opt_level, format): (u8, OutputFormat),
) -> Result<CompiledUnit> {
    let config = unit.config;
    let frames = translate_unit(unit, plan, index)?;
    let machine = target.machine(code_generation_level(opt_level, config.frames.strategy))?;

    run_passes(unit, &machine, "function(mem2reg)")?;
    quiet::keep_nans_quiet(unit)?;
    if config.guard_pages && !config.strict_traps {
        keep::keep_unused_accesses(unit)?;
    }
    let finish = |bytes: Vec<u8>| CompiledUnit {
        bytes,
        frames,
        sites: unit.take_sites(),
    };
    if format == OutputFormat::LlvmIrUnopt {
        return Ok(finish(unit.llvm.print_to_string().to_bytes().to_vec()));
    }
    if cfg!(debug_assertions) {
        unit.llvm
            .verify()
            .map_err(|message| Error::Llvm(message.to_string()))?;
    }
    tail_calls::require(unit);
    if opt_level > 0 {
        run_passes(unit, &machine, &format!("default<O{}>", opt_level.min(3)))?;
    }
    if target.architecture() == Architecture::X86_64 {
        pairs::widen_pairs(unit)?;
    }
    if opt_level > 0 && config.frames.strategy == FrameStrategy::Mapped {
        cold::sink_shown_values(unit)?;
    }
    if config.guard_pages {
        locations::locate_folded_loads(unit)?;
    }
    let file_type = match format {
        OutputFormat::LlvmIrOpt => {
            tail_calls::relax(unit);
            return Ok(finish(unit.llvm.print_to_string().to_bytes().to_vec()));
        }
        OutputFormat::Asm => FileType::Assembly,
        _ => FileType::Object,
    };
    let code = machine
        .write_to_memory_buffer(&unit.llvm, file_type)
        .map_err(|message| Error::Llvm(message.to_string()))?;
    let mut bytes = code.as_slice().to_vec();
    if file_type == FileType::Assembly {
        // LLVM's buffer ends with a NUL that is not part of the text.
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
    }
    Ok(finish(bytes))
}

fn translate_unit(
    unit: &Unit<'_, '_>,
    plan: &Plan,
    index: usize,
) -> Result<Vec<(usize, FrameFacts)>> {
    let functions = &plan.units[index];
    let mut frames = Vec::with_capacity(functions.own.len());
    for defined in &functions.own {
        let linkage = if plan.shared[*defined] {
            Linkage::External
        } else {
            Linkage::Internal
        };
        frames.push((*defined, translate_function(unit, *defined, linkage)?));
    }
    for defined in &functions.copies {
        translate_function(unit, *defined, Linkage::AvailableExternally)?;
    }
    if index == 0 {
        for ty in 0..unit.module.info.types.len() as u32 {
            abi::emit_enter_thunk(unit, ty)?;
            abi::emit_host_thunk(unit, ty)?;
        }
        if unit.config.has_trap_thunk {
            abi::emit_cold_thunk(unit, ColdThunk::Trap)?;
        }
        if unit.config.safepoints {
            abi::emit_cold_thunk(unit, ColdThunk::Poll)?;
        }
    }
    unit.debug.finish();
    Ok(frames)
}

fn run_passes(unit: &Unit<'_, '_>, machine: &TargetMachine, passes: &str) -> Result<()> {
    let options = PassBuilderOptions::create();
    options.set_loop_slp_vectorization(true);
    unit.llvm
        .run_passes(passes, machine, options)
        .map_err(|message| Error::Llvm(message.to_string()))
}

/// Stack maps come out right from level `Less` on: below, AArch64 drops operand bundles, and others
/// record registers that the call does not preserve.
fn code_generation_level(opt_level: u8, frames: FrameStrategy) -> OptimizationLevel {
    match opt_level {
        0 if frames != FrameStrategy::Mapped => OptimizationLevel::None,
        0 | 1 => OptimizationLevel::Less,
        2 => OptimizationLevel::Default,
        _ => OptimizationLevel::Aggressive,
    }
}
