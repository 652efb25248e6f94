//! What is in an object, for people and for programs: `wamrc-rs inspect`.
//!
//! Everything is read through the loader's readers; the ELF container through `object`, since the loader
//! has no use for the names and sizes of sections that it passes over. An object for another target,
//! or one whose layouts differ from this build's, is shown as well.

mod frames;
mod read;
mod text;

use serde::Serialize;

pub use frames::FramesReport;

use crate::error::Result;

/// All that there is to know of an object.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The header.
    pub header: HeaderReport,
    /// Why the loader of this build would refuse the object even on the machine that it is for.
    pub problem: Option<String>,
    /// The sections, in the order of the file.
    pub sections: Vec<SectionReport>,
    /// The module's name.
    pub name: Option<String>,
    /// Function types, as `(i32, i64) -> f64`.
    pub types: Vec<String>,
    /// The imports.
    pub imports: Vec<ImportReport>,
    /// The functions that the module defines.
    pub functions: Vec<FunctionReport>,
    /// All tables, imported ones first.
    pub tables: Vec<String>,
    /// All memories, imported ones first.
    pub memories: Vec<String>,
    /// All globals, imported ones first.
    pub globals: Vec<String>,
    /// What the exceptions of all tags hold, imported ones first.
    pub tags: Vec<String>,
    /// The exports.
    pub exports: Vec<ExportReport>,
    /// Index of the start function.
    pub start: Option<u32>,
    /// Element segments.
    pub elements: Vec<String>,
    /// Data segments.
    pub data: Vec<String>,
    /// What the code calls in the runtime.
    pub builtins: Vec<&'static str>,
}

/// The header's fields.
#[derive(Clone, Debug, Serialize)]
pub struct HeaderReport {
    /// Version of the format.
    pub format_version: u32,
    /// Length of the whole file in bytes.
    pub total_length: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub content_hash: String,
    /// Whether there is a signature.
    pub signed: bool,
    /// Features that a loader must know, as bits.
    pub required_features: u64,
    /// Features that a loader may pass over, as bits.
    pub optional_features: u64,
    /// Instruction set.
    pub machine: &'static str,
    /// Width of a pointer in bytes.
    pub pointer_width: u32,
    /// Byte order.
    pub endianness: &'static str,
    /// Calling convention and data model.
    pub abi: &'static str,
    /// CPU features that the code may use, beyond the base of the machine.
    pub cpu_features: Vec<&'static str>,
    /// Hash over all layouts, in hexadecimal.
    pub abi_hash: String,
    /// The layout constants.
    pub layout: Vec<ConstantReport>,
    /// How frames are kept observable.
    pub frame_strategy: &'static str,
    /// What frames carry.
    pub capture: Vec<&'static str>,
    /// How code polls.
    pub poll: &'static str,
    /// What keeps accesses inside linear memory.
    pub memory_model: &'static str,
    /// WebAssembly features that the module uses.
    pub wasm_features: Vec<&'static str>,
    /// Number of functions that the module defines.
    pub defined_functions: u32,
    /// Number of types.
    pub types: u32,
    /// Number of imported functions.
    pub imported_functions: u32,
    /// Bytes of code memory wanted.
    pub image_size: u64,
    /// SHA-256 of the source module, in hexadecimal.
    pub source_hash: String,
    /// What wrote the object.
    pub producer: String,
}

/// A layout constant.
#[derive(Clone, Debug, Serialize)]
pub struct ConstantReport {
    /// `structure.field`, or `structure.size`.
    pub name: &'static str,
    /// The object's value, in bytes.
    pub value: u32,
    /// This build's value, where it is another.
    pub expected: Option<u32>,
}

/// A section.
#[derive(Clone, Debug, Serialize)]
pub struct SectionReport {
    /// Its name.
    pub name: String,
    /// Offset in the file.
    pub offset: u64,
    /// Size in bytes.
    pub size: u64,
    /// Number of its relocations.
    pub relocations: usize,
    /// Is it part of what is loaded?
    pub allocated: bool,
    /// Does it hold code?
    pub code: bool,
}

/// An import.
#[derive(Clone, Debug, Serialize)]
pub struct ImportReport {
    /// Name of the module that it comes from.
    pub module: String,
    /// Name in that module.
    pub name: String,
    /// `func`, `table`, `memory`, `global` or `tag`.
    pub kind: &'static str,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
}

/// An export.
#[derive(Clone, Debug, Serialize)]
pub struct ExportReport {
    /// Its name.
    pub name: String,
    /// `func`, `table`, `memory`, `global` or `tag`.
    pub kind: &'static str,
    /// Index of what it is.
    pub index: u32,
}

/// A function that the module defines.
#[derive(Clone, Debug, Serialize)]
pub struct FunctionReport {
    /// Index in the function index space, imports included.
    pub index: u32,
    /// Its name.
    pub name: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
    /// Size of its machine code in bytes; 0 if it has none of its own.
    pub code_size: u32,
    /// Its frame.
    pub frame: FrameReport,
    /// Number of rows of its trap table.
    pub trap_rows: usize,
    /// Number of calls that were inlined into it, as its trap table knows them.
    pub inlined_calls: usize,
    /// Number of stretches of its code whose exceptions it handles.
    pub handled_calls: usize,
    /// Number of rows of its unwind table.
    pub unwind_rows: usize,
}

/// A function's frame.
#[derive(Clone, Debug, Serialize)]
pub struct FrameReport {
    /// It is kept in memory.
    pub record: bool,
    /// A slot may hold a reference.
    pub references: bool,
    /// Locals after the parameters, as runs: `3 x i32`.
    pub locals: Vec<String>,
    /// Largest depth of the operand stack, in slots.
    pub max_operand_slots: u32,
}

impl Report {
    /// Reads an object.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Object`] says what is wrong with it, and where.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        read::report(bytes)
    }
}
