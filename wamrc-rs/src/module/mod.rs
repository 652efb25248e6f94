//! What wasmparser said about a module, in the terms that translation needs.
//!
//! The tables that end up in the object (types, imports, …) are the object format's own
//! [`ModuleInfo`]; beside them stand the function bodies and facts about how they use the module.

mod cycles;
mod features;
mod hints;
mod names;
mod parse;
mod scan;

use std::collections::{BTreeMap, BTreeSet};

use wamr_aot_loader::format::module::{FuncType, GlobalType, MemoryType, ModuleInfo, TableType};
use wamr_aot_loader::layout::InstanceCounts;
use wasmparser::FunctionBody;

pub use cycles::polls_at_entry;
pub use names::Names;
pub use parse::parse;
pub(crate) use parse::{heap_type, ref_type, val_type};
pub use scan::{Scan, is_commit_call};

/// A validated module.
#[derive(Debug)]
pub struct Module<'a> {
    /// The tables of the object.
    pub info: ModuleInfo,
    /// Bytes of all data segments, one after the other.
    pub data: Vec<u8>,
    /// Bodies of the module's own functions.
    pub bodies: Vec<FunctionBody<'a>>,
    /// What each body does that matters beyond it, in the order of `bodies`.
    pub scans: Vec<Scan>,
    /// Names of functions, and of the module.
    pub names: Names,
    /// Custom sections: name and bytes.
    pub custom_sections: Vec<(&'a str, &'a [u8])>,
    /// Branch hints by the offset of their instruction in the module: is the condition likely to hold?
    pub branch_hints: BTreeMap<u32, bool>,
    /// What is wrong with the module and does not keep it from being compiled.
    pub warnings: Vec<String>,
    /// Features that the module needs beyond the MVP, as bits of the object's header.
    pub features_used: u64,
    /// Types of all memories, imported ones first.
    pub memories: Vec<MemoryType>,
    /// Types of all tables, imported ones first.
    pub tables: Vec<TableType>,
    /// Types of all globals, imported ones first.
    pub globals: Vec<GlobalType>,
    /// Lengths of the tables that can never grow: own ones whose limits say so, or that are not
    /// exported and not grown by the module's code.
    pub fixed_tables: BTreeMap<u32, u64>,
    /// Type indices of all tags, imported ones first.
    pub tags: Vec<u32>,
    /// Some function handles exceptions.
    pub has_handlers: bool,
    /// Number of imported globals.
    pub imported_globals: u32,
    imported_functions: Vec<u32>,
    func_ref_slots: BTreeMap<u32, u32>,
    tail_called: BTreeSet<u32>,
}

impl Module<'_> {
    /// Number of imported functions: the function index space starts with them.
    pub fn imported_function_count(&self) -> u32 {
        self.imported_functions.len() as u32
    }

    /// Number of functions, imported ones included.
    pub fn function_count(&self) -> u32 {
        self.imported_function_count() + self.info.functions.len() as u32
    }

    /// Type index of a function of the function index space.
    pub fn function_type_index(&self, function: u32) -> u32 {
        match self.imported_functions.get(function as usize) {
            Some(ty) => *ty,
            None => self.info.functions[(function - self.imported_function_count()) as usize],
        }
    }

    /// Type of a function of the function index space.
    pub fn function_type(&self, function: u32) -> &FuncType {
        self.ty(self.function_type_index(function))
    }

    /// What functions of a type take and return.
    pub fn ty(&self, index: u32) -> &FuncType {
        &self.info.types[index as usize].func
    }

    /// Number of super types that a type has, its super type's included; 63 at most.
    pub fn subtyping_depth(&self, index: u32) -> u32 {
        let supertype = |ty: &u32| self.info.types[*ty as usize].supertype;
        std::iter::successors(Some(index), supertype)
            .skip(1)
            .count() as u32
    }

    /// Type of a tag: its parameters are the exception's values.
    pub fn tag_type(&self, tag: u32) -> &FuncType {
        self.ty(self.tags[tag as usize])
    }

    /// Index of an own function among the module's own functions; `None` for an import.
    pub fn defined_index(&self, function: u32) -> Option<usize> {
        function
            .checked_sub(self.imported_function_count())
            .map(|index| index as usize)
    }

    /// Function index of the module's own function `defined`.
    pub fn function_index(&self, defined: usize) -> u32 {
        self.imported_function_count() + defined as u32
    }

    /// Slot of the function's `func_ref` in the instance, where it has one: every import has, and the
    /// own functions that something can refer to.
    pub fn func_ref_slot(&self, function: u32) -> Option<u32> {
        if function < self.imported_function_count() {
            Some(function)
        } else {
            self.func_ref_slots.get(&function).copied()
        }
    }

    /// Does the function take arguments beyond the registers in memory that outlives its caller's frame?
    /// So it is where a caller may not know which function it calls, or may be replaced by it.
    pub fn passes_in_memory(&self, function: u32) -> bool {
        self.func_ref_slot(function).is_some() || self.tail_called.contains(&function)
    }

    /// The counts that decide the layout of the module's instances, without call counters.
    pub fn instance_counts(&self) -> InstanceCounts {
        InstanceCounts {
            memories: self.memories.len() as u32,
            tables: self.tables.len() as u32,
            types: self.info.types.len() as u32,
            tags: self.tags.len() as u32,
            func_refs: self.imported_function_count() + self.info.func_refs.len() as u32,
            globals: self.globals.len() as u32,
            call_counters: 0,
        }
    }
}
