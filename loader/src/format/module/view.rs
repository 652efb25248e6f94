//! The description as the loader and the runtime read it: borrowed, checked once, then without
//! errors.

use super::check;
use crate::error::{Error, Refusal, Refused};
use crate::format::{
    const_expr::ConstExprView,
    list::{List, Numbers, Record, Records},
    section,
    types::{ExportKind, GlobalType, ImportKind, MemoryType, TableType, ValType},
    wire::Reader,
};
use crate::layout::InstanceCounts;

/// Type of a function.
#[derive(Clone, Copy, Debug)]
pub struct FuncTypeView<'a> {
    params: ValTypes<'a>,
    results: ValTypes<'a>,
}

impl<'a> FuncTypeView<'a> {
    /// Parameters.
    pub fn params(&self) -> ValTypes<'a> {
        self.params
    }

    /// Results.
    pub fn results(&self) -> ValTypes<'a> {
        self.results
    }
}

/// A type of the module.
#[derive(Clone, Copy, Debug)]
pub struct SubTypeView<'a> {
    head: TypeHead,
    func: FuncTypeView<'a>,
}

impl<'a> SubTypeView<'a> {
    /// What functions of the type take and return.
    pub fn func(&self) -> FuncTypeView<'a> {
        self.func
    }

    /// Index of the super type that it declares.
    pub fn supertype(&self) -> Option<u32> {
        self.head.supertype
    }

    /// Can no type declare it as its super type?
    pub fn is_final(&self) -> bool {
        self.head.is_final
    }

    /// Is it the last one of its recursion group?
    pub fn ends_group(&self) -> bool {
        self.head.ends_group
    }
}

/// What a type's record begins with: all but the types of parameters and results, so that it is read in a time
/// that does not depend on how many there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct TypeHead {
    pub supertype: Option<u32>,
    pub is_final: bool,
    pub ends_group: bool,
    pub params: u32,
    pub results: u32,
}

impl TypeHead {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Refused> {
        let flags = reader.flags("a type's flags", 7)?;
        let supertype = if flags & 2 != 0 {
            Some(reader.uleb32("a super type")?)
        } else {
            None
        };
        Ok(TypeHead {
            supertype,
            is_final: flags & 1 == 0,
            ends_group: flags & 4 == 0,
            params: reader.uleb32("a number of parameters")?,
            results: reader.uleb32("a number of results")?,
        })
    }
}

/// Types that follow each other.
#[derive(Clone, Copy, Debug)]
pub struct ValTypes<'a> {
    reader: Reader<'a>,
    left: u32,
}

impl Iterator for ValTypes<'_> {
    type Item = ValType;

    fn next(&mut self) -> Option<ValType> {
        self.left = self.left.checked_sub(1)?;
        // Only checked bytes get here.
        Some(ValType::decode(&mut self.reader).unwrap_or(ValType::I32))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.left as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for ValTypes<'_> {}

/// An import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportView<'a> {
    /// Name of the module that it is imported from.
    pub module: &'a str,
    /// Its name there.
    pub name: &'a str,
    /// What it is.
    pub kind: ImportKind,
}

/// A table of the module's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableView<'a> {
    /// Its type.
    pub ty: TableType,
    /// First value of the elements; null without.
    pub init: Option<ConstExprView<'a>>,
}

/// A global of the module's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalView<'a> {
    /// Its type.
    pub ty: GlobalType,
    /// Its first value.
    pub init: ConstExprView<'a>,
}

/// An export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportView<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: ExportKind,
    /// Index in the index space of the kind, imports included.
    pub index: u32,
}

/// When a segment is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentModeView<'a> {
    /// By `memory.init` or `table.init`.
    Passive,
    /// Copied into a table or memory when the module is instantiated.
    Active {
        /// Which table or memory.
        index: u32,
        /// Where.
        offset: ConstExprView<'a>,
    },
    /// Never; declares functions that are referred to. Elements only.
    Declared,
}

/// An element segment.
#[derive(Clone, Copy, Debug)]
pub struct ElementView<'a> {
    /// When it is used.
    pub mode: SegmentModeView<'a>,
    /// Type of its items, a reference type.
    pub ty: ValType,
    count: u32,
    items: Reader<'a>,
}

impl<'a> ElementView<'a> {
    /// Number of items.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// No items?
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The items.
    pub fn items(&self) -> impl Iterator<Item = ConstExprView<'a>> + use<'a> {
        let mut reader = self.items;
        (0..self.count).map_while(move |_| ConstExprView::decode(&mut reader).ok())
    }

    pub(super) fn item_reader(&self) -> Reader<'a> {
        self.items
    }
}

/// A data segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataView<'a> {
    /// When it is used.
    pub mode: SegmentModeView<'a>,
    /// Offset in `.wamr.data`.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

/// Numbers of imports, by [`ExportKind`].
pub(crate) type Imported = [u32; ExportKind::ALL.len()];

/// What the runtime has to know of a module.
///
/// Index spaces (functions, tables, memories, globals, tags) start with the imports.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModuleView<'a> {
    pub(super) start: Option<u32>,
    pub(super) types: Records<'a, SubTypeView<'a>>,
    pub(super) imports: Records<'a, ImportView<'a>>,
    pub(super) functions: Numbers<'a>,
    pub(super) tables: Records<'a, TableView<'a>>,
    pub(super) memories: Records<'a, MemoryType>,
    pub(super) globals: Records<'a, GlobalView<'a>>,
    pub(super) tags: Numbers<'a>,
    pub(super) exports: Records<'a, ExportView<'a>>,
    pub(super) elements: Records<'a, ElementView<'a>>,
    pub(super) data: Records<'a, DataView<'a>>,
    pub(super) func_refs: Numbers<'a>,
    pub(super) import_order: Numbers<'a>,
    pub(super) export_order: Numbers<'a>,
    /// Numbers of imports of each kind.
    pub(super) imported: Imported,
}

impl<'a> ModuleView<'a> {
    /// Reads and checks the section. `data_length` is the length of `.wamr.data`.
    pub fn parse(bytes: &'a [u8], data_length: u64) -> Result<Self, Error> {
        let check = |refusal: &_| Ok(ModuleView::check(bytes, data_length, refusal)?.imported);
        let imported = Refusal::explain_table(section::MODULE, check)?;
        Ok(Self::assume(bytes, imported))
    }

    /// As [`ModuleView::parse`].
    pub(crate) fn check(
        bytes: &'a [u8],
        data_length: u64,
        refusal: &'a Refusal,
    ) -> Result<Self, Refused> {
        let reader = Reader::check(bytes, refusal);
        let mut module = ModuleView::default();
        module.read(reader, List::parse)?;
        check::check(&mut module, &reader, data_length)?;
        Ok(module)
    }

    /// As [`ModuleView::parse`], for bytes that were checked before and have these numbers of
    /// imports.
    pub(crate) fn assume(bytes: &'a [u8], imported: Imported) -> Self {
        let mut module = ModuleView {
            imported,
            ..ModuleView::default()
        };
        // What cannot be read stays empty.
        let _ = module.read(Reader::new(bytes), List::assume);
        module
    }

    /// Reads where everything is.
    fn read(
        &mut self,
        mut reader: Reader<'a>,
        list: fn(&mut Reader<'a>, &'static str) -> Result<List<'a>, Refused>,
    ) -> Result<(), Refused> {
        let r = &mut reader;
        let has_start = r.u32("the start flag")?;
        let start = r.u32("the start function")?;
        self.start = check::start(r, has_start, start)?;
        self.types = Records::new(list(r, "the types")?);
        self.imports = Records::new(list(r, "the imports")?);
        self.functions = Numbers::parse(r, "the functions")?;
        self.tables = Records::new(list(r, "the tables")?);
        self.memories = Records::new(list(r, "the memories")?);
        self.globals = Records::new(list(r, "the globals")?);
        self.tags = Numbers::parse(r, "the tags")?;
        self.exports = Records::new(list(r, "the exports")?);
        self.elements = Records::new(list(r, "the elements")?);
        self.data = Records::new(list(r, "the data segments")?);
        self.func_refs = Numbers::parse(r, "the function references")?;
        self.import_order = Numbers::parse(r, "the import order")?;
        self.export_order = Numbers::parse(r, "the export order")?;
        reader.finish("the module")
    }

    /// Types.
    pub fn types(&self) -> Records<'a, SubTypeView<'a>> {
        self.types
    }

    /// What the record of a type begins with, whether the type was checked or not; `None` if there is none.
    pub(super) fn type_head(&self, ty: u32) -> Option<Result<TypeHead, Refused>> {
        Some(TypeHead::decode(&mut self.types.list().reader(ty)?))
    }

    /// Imports.
    pub fn imports(&self) -> Records<'a, ImportView<'a>> {
        self.imports
    }

    /// Type indices of the defined functions.
    pub fn functions(&self) -> Numbers<'a> {
        self.functions
    }

    /// Tables of its own.
    pub fn tables(&self) -> Records<'a, TableView<'a>> {
        self.tables
    }

    /// Memories of its own.
    pub fn memories(&self) -> Records<'a, MemoryType> {
        self.memories
    }

    /// Globals of its own.
    pub fn globals(&self) -> Records<'a, GlobalView<'a>> {
        self.globals
    }

    /// Type indices of the tags of its own.
    pub fn tags(&self) -> Numbers<'a> {
        self.tags
    }

    /// Exports, in the module's order.
    pub fn exports(&self) -> Records<'a, ExportView<'a>> {
        self.exports
    }

    /// The function that instantiation calls.
    pub fn start(&self) -> Option<u32> {
        self.start
    }

    /// Element segments.
    pub fn elements(&self) -> Records<'a, ElementView<'a>> {
        self.elements
    }

    /// Data segments.
    pub fn data(&self) -> Records<'a, DataView<'a>> {
        self.data
    }

    /// Ascending indices (imports included in the numbering) of the defined functions that have a
    /// function reference in the instance.
    pub fn func_refs(&self) -> Numbers<'a> {
        self.func_refs
    }

    /// Number of imports of a kind.
    pub fn imported(&self, kind: ExportKind) -> u32 {
        let [func, table, memory, global, tag] = self.imported;
        match kind {
            ExportKind::Func => func,
            ExportKind::Table => table,
            ExportKind::Memory => memory,
            ExportKind::Global => global,
            ExportKind::Tag => tag,
        }
    }

    pub(crate) fn all_imported(&self) -> Imported {
        self.imported
    }

    /// Number of things in the index space of a kind, imports included.
    pub fn count(&self, kind: ExportKind) -> u32 {
        let own = match kind {
            ExportKind::Func => self.functions.len(),
            ExportKind::Table => self.tables.len(),
            ExportKind::Memory => self.memories.len(),
            ExportKind::Global => self.globals.len(),
            ExportKind::Tag => self.tags.len(),
        };
        self.imported(kind).saturating_add(own)
    }

    /// Number of the import (in [`ModuleView::imports`]) that stands at `index` of the index space
    /// of a kind.
    pub fn import_of(&self, kind: ExportKind, index: u32) -> Option<u32> {
        if index >= self.imported(kind) {
            return None;
        }
        let before: u32 = self.imported.iter().take(usize::from(kind as u8)).sum();
        self.import_order.get(before.checked_add(index)?)
    }

    fn import_kind(&self, kind: ExportKind, index: u32) -> Option<ImportKind> {
        let import = self.import_of(kind, index)?;
        let mut reader = self.imports.list().reader(import)?;
        // The names are passed over without looking at them, so that the cost does not depend on
        // their length.
        reader.counted_bytes("").ok()?;
        reader.counted_bytes("").ok()?;
        import_kind(&mut reader).ok()
    }

    /// Type index of a function, imports included in the numbering.
    pub fn function_type_index(&self, function: u32) -> Option<u32> {
        match function.checked_sub(self.imported(ExportKind::Func)) {
            Some(defined) => self.functions.get(defined),
            None => match self.import_kind(ExportKind::Func, function)? {
                ImportKind::Func(ty) => Some(ty),
                _ => None,
            },
        }
    }

    /// Type of a function, imports included in the numbering.
    pub fn function_type(&self, function: u32) -> Option<FuncTypeView<'a>> {
        Some(self.types.get(self.function_type_index(function)?)?.func)
    }

    /// Type of a table, imports included in the numbering.
    pub fn table_type(&self, table: u32) -> Option<TableType> {
        match table.checked_sub(self.imported(ExportKind::Table)) {
            Some(own) => table_type(&mut self.tables.list().reader(own)?).ok(),
            None => match self.import_kind(ExportKind::Table, table)? {
                ImportKind::Table(ty) => Some(ty),
                _ => None,
            },
        }
    }

    /// Type of a memory, imports included in the numbering.
    pub fn memory_type(&self, memory: u32) -> Option<MemoryType> {
        match memory.checked_sub(self.imported(ExportKind::Memory)) {
            Some(own) => self.memories.get(own),
            None => match self.import_kind(ExportKind::Memory, memory)? {
                ImportKind::Memory(ty) => Some(ty),
                _ => None,
            },
        }
    }

    /// Type of a global, imports included in the numbering.
    pub fn global_type(&self, global: u32) -> Option<GlobalType> {
        match global.checked_sub(self.imported(ExportKind::Global)) {
            Some(own) => global_type(&mut self.globals.list().reader(own)?).ok(),
            None => match self.import_kind(ExportKind::Global, global)? {
                ImportKind::Global(ty) => Some(ty),
                _ => None,
            },
        }
    }

    /// Type index of a tag, imports included in the numbering.
    pub fn tag_type_index(&self, tag: u32) -> Option<u32> {
        match tag.checked_sub(self.imported(ExportKind::Tag)) {
            Some(own) => self.tags.get(own),
            None => match self.import_kind(ExportKind::Tag, tag)? {
                ImportKind::Tag(ty) => Some(ty),
                _ => None,
            },
        }
    }

    /// The export with this name.
    pub fn export(&self, name: &str) -> Option<ExportView<'a>> {
        let (mut low, mut high) = (0, self.export_order.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let export = self.exports.get(self.export_order.get(middle)?)?;
            match export.name.cmp(name) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
                core::cmp::Ordering::Equal => return Some(export),
            }
        }
        None
    }

    /// Slot of a function's reference in the instance's array; `None` if the function has none.
    pub fn func_ref_slot(&self, function: u32) -> Option<u32> {
        let imported = self.imported(ExportKind::Func);
        if function < imported {
            return Some(function);
        }
        imported.checked_add(self.func_refs.position(function)?)
    }

    /// The counts that decide the layout of instances, without call counters: those are the header's to
    /// tell.
    pub fn instance_counts(&self) -> InstanceCounts {
        InstanceCounts {
            memories: self.count(ExportKind::Memory),
            tables: self.count(ExportKind::Table),
            types: self.types.len(),
            tags: self.count(ExportKind::Tag),
            func_refs: self
                .imported(ExportKind::Func)
                .saturating_add(self.func_refs.len()),
            globals: self.count(ExportKind::Global),
            call_counters: 0,
        }
    }
}

fn types<'a>(reader: &mut Reader<'a>, count: u32) -> Result<ValTypes<'a>, Refused> {
    let types = ValTypes {
        reader: *reader,
        left: count,
    };
    // Each takes a byte at least, so a count that lies ends with the bytes.
    for _ in 0..count {
        ValType::decode(reader)?;
    }
    Ok(types)
}

impl<'a> Record<'a> for SubTypeView<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        let head = TypeHead::decode(reader)?;
        let func = FuncTypeView {
            params: types(reader, head.params)?,
            results: types(reader, head.results)?,
        };
        Ok(SubTypeView { head, func })
    }
}

fn table_type(reader: &mut Reader<'_>) -> Result<TableType, Refused> {
    Ok(TableType {
        element: check::reference_type(reader)?,
        limits: check::limits(reader)?,
    })
}

fn memory_type(reader: &mut Reader<'_>) -> Result<MemoryType, Refused> {
    Ok(MemoryType {
        page_size_log2: check::page_size(reader)?,
        limits: check::limits(reader)?,
    })
}

fn global_type(reader: &mut Reader<'_>) -> Result<GlobalType, Refused> {
    Ok(GlobalType {
        ty: ValType::decode(reader)?,
        mutable: reader.flags("mutability", 1)? != 0,
    })
}

fn kind(reader: &mut Reader<'_>) -> Result<ExportKind, Refused> {
    let start = reader.offset();
    let found = reader.u8("a kind")?;
    ExportKind::from_byte(found).ok_or_else(|| check::bad_byte(reader, start, "a kind", found))
}

fn import_kind(reader: &mut Reader<'_>) -> Result<ImportKind, Refused> {
    Ok(match kind(reader)? {
        ExportKind::Func => ImportKind::Func(reader.uleb32("a type index")?),
        ExportKind::Table => ImportKind::Table(table_type(reader)?),
        ExportKind::Memory => ImportKind::Memory(memory_type(reader)?),
        ExportKind::Global => ImportKind::Global(global_type(reader)?),
        ExportKind::Tag => ImportKind::Tag(reader.uleb32("a type index")?),
    })
}

impl<'a> Record<'a> for ImportView<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        Ok(ImportView {
            module: reader.counted_str("a module name")?,
            name: reader.counted_str("an import's name")?,
            kind: import_kind(reader)?,
        })
    }
}

impl<'a> Record<'a> for TableView<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        let ty = table_type(reader)?;
        let has_init = reader.flags("the initial value's flag", 1)? != 0;
        let init = has_init
            .then(|| ConstExprView::decode(reader))
            .transpose()?;
        Ok(TableView { ty, init })
    }
}

impl<'a> Record<'a> for MemoryType {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        memory_type(reader)
    }
}

impl<'a> Record<'a> for GlobalView<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        Ok(GlobalView {
            ty: global_type(reader)?,
            init: ConstExprView::decode(reader)?,
        })
    }
}

impl<'a> Record<'a> for ExportView<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        Ok(ExportView {
            name: reader.counted_str("an export's name")?,
            kind: kind(reader)?,
            index: reader.uleb32("an export's index")?,
        })
    }
}

fn mode<'a>(reader: &mut Reader<'a>) -> Result<SegmentModeView<'a>, Refused> {
    let start = reader.offset();
    let what = "a segment's mode";
    Ok(match reader.u8(what)? {
        0 => SegmentModeView::Passive,
        1 => SegmentModeView::Active {
            index: reader.uleb32("a segment's table or memory")?,
            offset: ConstExprView::decode(reader)?,
        },
        2 => SegmentModeView::Declared,
        found => return Err(check::bad_byte(reader, start, what, found)),
    })
}

impl<'a> Record<'a> for ElementView<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        let mode = mode(reader)?;
        let ty = check::reference_type(reader)?;
        let count = reader.uleb32("a number of items")?;
        let items = *reader;
        // The record's remaining bytes are the items'; `check` walks them.
        reader.bytes(reader.remaining(), "items")?;
        Ok(ElementView {
            mode,
            ty,
            count,
            items,
        })
    }
}

impl<'a> Record<'a> for DataView<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        Ok(DataView {
            mode: mode(reader)?,
            offset: reader.uleb64("a segment's offset in the data")?,
            length: reader.uleb64("a segment's length")?,
        })
    }
}
