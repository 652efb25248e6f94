//! The description as the compiler fills it, and its encoding.

use super::{ExportKind, GlobalType, ImportKind, Limits, MemoryType, TableType, ValType};
use crate::format::{
    list::{ListWriter, write_numbers},
    wire::write,
};
use alloc::{string::String, vec::Vec};

/// A constant expression: the module's own bytes, `end` included.
pub type ConstExpr = Vec<u8>;

/// Type of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FuncType {
    /// Parameters.
    pub params: Vec<ValType>,
    /// Results.
    pub results: Vec<ValType>,
}

/// A type of the module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubType {
    /// What functions of the type take and return.
    pub func: FuncType,
    /// Index of the super type that it declares.
    pub supertype: Option<u32>,
    /// Can no type declare it as its super type?
    pub is_final: bool,
    /// Is it the last one of its recursion group?
    pub ends_group: bool,
}

impl From<FuncType> for SubType {
    /// The type that the text format has as `(type (func …))`: final, without a super type, in a recursion group
    /// of its own.
    fn from(func: FuncType) -> Self {
        SubType {
            func,
            supertype: None,
            is_final: true,
            ends_group: true,
        }
    }
}

/// An import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Name of the module that it is imported from.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// What it is.
    pub kind: ImportKind,
}

/// A table of the module's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its type.
    pub ty: TableType,
    /// First value of the elements; null without.
    pub init: Option<ConstExpr>,
}

/// A global of the module's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// Its type.
    pub ty: GlobalType,
    /// Its first value.
    pub init: ConstExpr,
}

/// An export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ExportKind,
    /// Index in the index space of the kind, imports included.
    pub index: u32,
}

/// When a segment is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentMode {
    /// By `memory.init` or `table.init`.
    Passive,
    /// Copied into a table or memory when the module is instantiated.
    Active {
        /// Which table or memory.
        index: u32,
        /// Where.
        offset: ConstExpr,
    },
    /// Never; declares functions that are referred to. Elements only.
    Declared,
}

/// An element segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// When it is used.
    pub mode: SegmentMode,
    /// Type of its items, a reference type.
    pub ty: ValType,
    /// The items. A function index is written as `ref.func i; end`.
    pub items: Vec<ConstExpr>,
}

/// A data segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// When it is used.
    pub mode: SegmentMode,
    /// Offset in `.wamr.data`.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

/// What the runtime has to know of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleInfo {
    /// Types.
    pub types: Vec<SubType>,
    /// Imports.
    pub imports: Vec<Import>,
    /// Type indices of the defined functions.
    pub functions: Vec<u32>,
    /// Tables of its own.
    pub tables: Vec<Table>,
    /// Memories of its own.
    pub memories: Vec<MemoryType>,
    /// Globals of its own.
    pub globals: Vec<Global>,
    /// Type indices of the tags of its own; those types have no results.
    pub tags: Vec<u32>,
    /// Exports; the names differ from each other.
    pub exports: Vec<Export>,
    /// The function that instantiation calls.
    pub start: Option<u32>,
    /// Element segments.
    pub elements: Vec<Element>,
    /// Data segments.
    pub data: Vec<Data>,
    /// Ascending indices (imports included in the numbering) of the defined functions that have a
    /// function reference in the instance.
    pub func_refs: Vec<u32>,
}

impl ModuleInfo {
    /// The encoding of `.wamr.module`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write::u32(&mut out, u32::from(self.start.is_some()));
        write::u32(&mut out, self.start.unwrap_or(0));
        records(&mut out, &self.types, sub_type);
        records(&mut out, &self.imports, import);
        write_numbers(&mut out, &self.functions);
        records(&mut out, &self.tables, table);
        records(&mut out, &self.memories, memory_type);
        records(&mut out, &self.globals, global);
        write_numbers(&mut out, &self.tags);
        records(&mut out, &self.exports, export);
        records(&mut out, &self.elements, element);
        records(&mut out, &self.data, data);
        write_numbers(&mut out, &self.func_refs);
        let mut order: Vec<(ExportKind, u32)> = self
            .imports
            .iter()
            .zip(0..)
            .map(|(import, index)| (import.kind.export_kind(), index))
            .collect();
        order.sort_by_key(|(kind, index)| (*kind as u8, *index));
        let order: Vec<u32> = order.into_iter().map(|(_, index)| index).collect();
        write_numbers(&mut out, &order);
        let mut order: Vec<(&str, u32)> = self
            .exports
            .iter()
            .zip(0..)
            .map(|(export, index)| (export.name.as_str(), index))
            .collect();
        order.sort_unstable();
        let order: Vec<u32> = order.into_iter().map(|(_, index)| index).collect();
        write_numbers(&mut out, &order);
        out
    }
}

fn records<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    let mut list = ListWriter::new();
    for item in items {
        list.push(|out| write(out, item));
    }
    list.finish_into(out);
}

fn sub_type(out: &mut Vec<u8>, ty: &SubType) {
    out.push(
        u8::from(!ty.is_final)
            | u8::from(ty.supertype.is_some()) << 1
            | u8::from(!ty.ends_group) << 2,
    );
    if let Some(supertype) = ty.supertype {
        write::uleb(out, u64::from(supertype));
    }
    let ty = &ty.func;
    for types in [&ty.params, &ty.results] {
        write::uleb(out, u64::from(write::length(types.len())));
    }
    for ty in ty.params.iter().chain(&ty.results) {
        ty.encode(out);
    }
}

fn limits(out: &mut Vec<u8>, limits: &Limits) {
    let flags =
        u8::from(limits.max.is_some()) | u8::from(limits.shared) << 1 | u8::from(limits.is_64) << 2;
    out.push(flags);
    write::uleb(out, limits.min);
    if let Some(max) = limits.max {
        write::uleb(out, max);
    }
}

fn table_type(out: &mut Vec<u8>, ty: &TableType) {
    ty.element.encode(out);
    limits(out, &ty.limits);
}

fn memory_type(out: &mut Vec<u8>, ty: &MemoryType) {
    out.push(ty.page_size_log2);
    limits(out, &ty.limits);
}

fn global_type(out: &mut Vec<u8>, ty: &GlobalType) {
    ty.ty.encode(out);
    out.push(u8::from(ty.mutable));
}

fn import(out: &mut Vec<u8>, import: &Import) {
    write::counted_bytes(out, import.module.as_bytes());
    write::counted_bytes(out, import.name.as_bytes());
    match &import.kind {
        ImportKind::Func(ty) => {
            out.push(ExportKind::Func as u8);
            write::uleb(out, u64::from(*ty));
        }
        ImportKind::Table(ty) => {
            out.push(ExportKind::Table as u8);
            table_type(out, ty);
        }
        ImportKind::Memory(ty) => {
            out.push(ExportKind::Memory as u8);
            memory_type(out, ty);
        }
        ImportKind::Global(ty) => {
            out.push(ExportKind::Global as u8);
            global_type(out, ty);
        }
        ImportKind::Tag(ty) => {
            out.push(ExportKind::Tag as u8);
            write::uleb(out, u64::from(*ty));
        }
    }
}

fn table(out: &mut Vec<u8>, table: &Table) {
    table_type(out, &table.ty);
    out.push(u8::from(table.init.is_some()));
    if let Some(init) = &table.init {
        write::counted_bytes(out, init);
    }
}

fn global(out: &mut Vec<u8>, global: &Global) {
    global_type(out, &global.ty);
    write::counted_bytes(out, &global.init);
}

fn export(out: &mut Vec<u8>, export: &Export) {
    write::counted_bytes(out, export.name.as_bytes());
    out.push(export.kind as u8);
    write::uleb(out, u64::from(export.index));
}

fn mode(out: &mut Vec<u8>, mode: &SegmentMode) {
    match mode {
        SegmentMode::Passive => out.push(0),
        SegmentMode::Active { index, offset } => {
            out.push(1);
            write::uleb(out, u64::from(*index));
            write::counted_bytes(out, offset);
        }
        SegmentMode::Declared => out.push(2),
    }
}

fn element(out: &mut Vec<u8>, element: &Element) {
    mode(out, &element.mode);
    element.ty.encode(out);
    write::uleb(out, u64::from(write::length(element.items.len())));
    for item in &element.items {
        write::counted_bytes(out, item);
    }
}

fn data(out: &mut Vec<u8>, data: &Data) {
    mode(out, &data.mode);
    write::uleb(out, data.offset);
    write::uleb(out, data.length);
}
