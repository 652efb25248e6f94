//! From LLVM's objects to ours: code of all units and the loader's tables, in one ELF object.
//!
//! LLVM writes an ELF object for each code generation unit. They are merged as `ld -r` would
//! merge them (`merge`), and the tables of the object format, which need to know where each function
//! ended up, are put in front (`tables`). Stack maps become the frame map (`stackmaps`), unwind tables become
//! unwind rows (`unwind`), exception tables become handlers (`handlers`), line tables and what was inlined become trap tables (`lines`, `inlined`, `traps`). Symbols of
//! functions and thunks become local: several objects can be linked into one image.

mod dwarf;
mod handlers;
mod inlined;
mod lines;
mod merge;
mod section;
mod stackmaps;
mod tables;
mod traps;
mod unwind;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use wamr_aot_loader::format::header::{CaptureLevel, FrameStrategy, MemoryModel};
use wamr_aot_loader::format::module::{ModuleInfo, ValType};

use self::merge::{Binding, Merger};
use crate::error::{Error, Result};
use crate::frame::SiteInfo;
use crate::target::Target;

/// What LLVM made of one code generation unit.
#[derive(Clone, Debug)]
pub struct Unit {
    /// A relocatable ELF object.
    pub object: Vec<u8>,
    /// Commit points of its functions, which the operand bundles in its code refer to by index.
    pub sites: Vec<SiteInfo>,
}

/// What the tables say of one function that the module defines.
#[derive(Clone, Debug, Default)]
pub struct FunctionInfo {
    /// Symbol of its code. Where no unit defines it, the function has no code of its own.
    pub symbol: String,
    /// Offset of its body from the start of the WebAssembly module.
    pub wasm_offset: u32,
    /// It keeps a frame record.
    pub has_frame_record: bool,
    /// A slot of its frame may hold a reference.
    pub has_reference_slots: bool,
    /// Largest depth of its operand stack, in slots.
    pub max_operand_slots: u32,
    /// Its locals after the parameters, as runs of one type.
    pub locals: Vec<(u32, ValType)>,
}

/// Names for call stacks.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The module's name.
    pub module: Option<String>,
    /// Names by function index, imports included.
    pub functions: BTreeMap<u32, String>,
    /// Names of parameters and locals by function index and their own.
    pub locals: BTreeMap<u32, BTreeMap<u32, String>>,
}

/// All that goes into an object.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The code. Functions lie in the object in the order of the units.
    pub units: Vec<Unit>,
    /// The machine that the units were compiled for.
    pub target: &'a Target,
    /// The module's tables.
    pub module: &'a ModuleInfo,
    /// Bytes of the data segments.
    pub data: Vec<u8>,
    /// The functions that the module defines, by index.
    pub functions: Vec<FunctionInfo>,
    /// Names; `None` leaves them out.
    pub names: Option<Names>,
    /// How frames are kept observable.
    pub frame_strategy: FrameStrategy,
    /// What frames carry.
    pub capture_level: CaptureLevel,
    /// What keeps accesses inside linear memory.
    pub memory_model: MemoryModel,
    /// Every access that may trap stands where WebAssembly has it.
    pub strict_traps: bool,
    /// Functions count their calls, in counters of the instance.
    pub count_calls: bool,
    /// Functions handle exceptions.
    pub has_handlers: bool,
    /// WebAssembly features that the module uses, as bits of the header.
    pub wasm_features: u64,
    /// SHA-256 of the source module.
    pub source_sha256: [u8; 32],
    /// Custom sections to keep: name and bytes.
    pub custom_sections: Vec<(String, Vec<u8>)>,
    /// Global symbol by which a program that the object is linked into finds it.
    pub linked_symbol: String,
    /// Keeps the unwind tables, for debuggers and profilers.
    pub keep_eh_frame: bool,
}

/// Makes the object. The same input gives the same bytes.
///
/// # Errors
///
/// [`Error::Emit`] where LLVM's objects hold something that the format has no place for; always a
/// fault of the compiler.
pub fn emit(input: &Input<'_>) -> Result<Vec<u8>> {
    let mut merger = Merger::new(input.target, Binding::Local);
    let reserved = tables::reserve(&mut merger, input);
    for unit in &input.units {
        merger.add(unit, input.keep_eh_frame)?;
    }
    let merged = merger.finish()?;
    tables::fill(merged, &reserved, input)
}

/// Merges the units into a plain ELF object without the loader's tables.
///
/// # Errors
///
/// As [`emit`].
pub fn emit_plain(units: &[Unit], target: &Target) -> Result<Vec<u8>> {
    let mut merger = Merger::new(target, Binding::Kept);
    for unit in units {
        merger.add(unit, true)?;
    }
    merger.finish()?.write()
}

/// An error of the compiler itself, with what it says of the object.
fn internal(text: impl std::fmt::Display) -> Error {
    Error::Emit(text.to_string())
}
