//! What a description has to obey, so that no reader of it has to check again: every index is in
//! range, every constant expression well-typed, every limit and every segment within its bounds.
//!
//! Takes time in proportion to the section's length (times its logarithm for searches), and no
//! memory.

use super::subtyping::{type_head, types};
use super::view::{ElementView, Imported, ModuleView, SegmentModeView};
use crate::error::{Refused, TableError};
use crate::format::{
    const_expr::{self, ConstExprView},
    types::{
        ExportKind, GlobalType, HeapType, ImportKind, Limits, MemoryType, RefType, TableType,
        ValType,
    },
    wire::Reader,
};

pub(super) fn bad_byte(
    reader: &Reader<'_>,
    offset: usize,
    what: &'static str,
    found: u8,
) -> Refused {
    reader.fail_at(offset, TableError::Byte { what, found })
}

pub(super) fn start(reader: &Reader<'_>, flag: u32, function: u32) -> Result<Option<u32>, Refused> {
    match (flag, function) {
        (0, 0) => Ok(None),
        (1, function) => Ok(Some(function)),
        _ => Err(reader.fail_at(0, TableError::StartFlag { flag, function })),
    }
}

pub(super) fn reference_type(reader: &mut Reader<'_>) -> Result<ValType, Refused> {
    let start = reader.offset();
    let ty = ValType::decode(reader)?;
    if ty.is_reference() {
        Ok(ty)
    } else {
        Err(bad_byte(reader, start, "a reference type", ty.byte()))
    }
}

pub(super) fn page_size(reader: &mut Reader<'_>) -> Result<u8, Refused> {
    let start = reader.offset();
    let what = "the binary logarithm of a page size (0 or 16)";
    match reader.u8(what)? {
        log2 @ (0 | 16) => Ok(log2),
        found => Err(bad_byte(reader, start, what, found)),
    }
}

pub(super) fn limits(reader: &mut Reader<'_>) -> Result<Limits, Refused> {
    let flags = reader.flags("limits' flags", 7)?;
    let start = reader.offset();
    let min = reader.uleb64("a minimum")?;
    let max = if flags & 1 != 0 {
        Some(reader.uleb64("a maximum")?)
    } else {
        None
    };
    if max.is_some_and(|max| max < min) {
        return Err(reader.fail_at(start, TableError::LimitsOrder));
    }
    Ok(Limits {
        min,
        max,
        is_64: flags & 4 != 0,
        shared: flags & 2 != 0,
    })
}

fn limits_within(at: &Reader<'_>, limits: &Limits, limit: u64) -> Result<(), Refused> {
    let largest = limits.max.unwrap_or(limits.min).max(limits.min);
    if largest > limit {
        let found = largest;
        return Err(at.fail(TableError::LimitsRange { found, limit }));
    }
    Ok(())
}

fn table_limits(at: &Reader<'_>, ty: &TableType) -> Result<(), Refused> {
    let limit = if ty.limits.is_64 {
        u64::MAX
    } else {
        u64::from(u32::MAX)
    };
    limits_within(at, &ty.limits, limit)
}

fn memory_limits(at: &Reader<'_>, ty: &MemoryType) -> Result<(), Refused> {
    // Number of pages that addresses reach; with pages of one byte the last cannot be counted.
    let address_bits = if ty.limits.is_64 { 64 } else { 32 };
    let limit = match address_bits - u32::from(ty.page_size_log2) {
        64 => u64::MAX,
        32 if ty.page_size_log2 == 0 => u64::from(u32::MAX),
        bits => 1 << bits,
    };
    limits_within(at, &ty.limits, limit)?;
    if ty.limits.shared && ty.limits.max.is_none() {
        return Err(at.fail(TableError::SharedWithoutMaximum));
    }
    Ok(())
}

pub(super) fn index(
    at: &Reader<'_>,
    what: &'static str,
    found: u32,
    limit: u32,
) -> Result<(), Refused> {
    if found < limit {
        Ok(())
    } else {
        Err(at.fail(TableError::Index { what, found, limit }))
    }
}

/// Does the type that a reference's type names exist?
pub(super) fn val_type(at: &Reader<'_>, ty: ValType, types: u32) -> Result<(), Refused> {
    match ty {
        ValType::Ref(RefType {
            heap: HeapType::Concrete(found),
            ..
        }) => index(at, "a reference's type", found, types),
        _ => Ok(()),
    }
}

/// Is there a type for the tag, one without results?
fn tag(at: &Reader<'_>, ty: u32, module: &ModuleView<'_>) -> Result<(), Refused> {
    index(at, "a tag's type", ty, module.types.len())?;
    match type_head(at, ty, module)?.results {
        0 => Ok(()),
        _ => Err(at.fail(TableError::TagType { found: ty })),
    }
}

/// Counts the imports of each kind.
pub(super) fn count_imports(module: &ModuleView<'_>) -> Result<Imported, Refused> {
    let mut counts = Imported::default();
    module.imports.check("an import", |_, import, _| {
        if let Some(count) = counts.get_mut(usize::from(import.kind.export_kind() as u8)) {
            // There are fewer than 2³² imports.
            *count = count.saturating_add(1);
        }
        Ok(())
    })?;
    Ok(counts)
}

/// Checks everything, and fills in the numbers of imports.
#[inline(never)]
pub(super) fn check(
    module: &mut ModuleView<'_>,
    start: &Reader<'_>,
    data_length: u64,
) -> Result<(), Refused> {
    types(module)?;
    module.imported = count_imports(module)?;
    let module = &*module;
    // Number lists have no records; their errors name the section's start.
    for (own, kind) in [
        (module.functions.len(), ExportKind::Func),
        (module.tables.len(), ExportKind::Table),
        (module.memories.len(), ExportKind::Memory),
        (module.globals.len(), ExportKind::Global),
        (module.tags.len(), ExportKind::Tag),
    ] {
        if module.imported(kind).checked_add(own).is_none() {
            return Err(start.fail(TableError::IndexSpace { what: kind.name() }));
        }
    }
    imports(module, start)?;
    for ty in module.functions.iter() {
        index(start, "a function's type", ty, module.types.len())?;
    }
    for ty in module.tags.iter() {
        tag(start, ty, module)?;
    }
    func_refs(module, start)?;
    own_items(module)?;
    module.exports.check("an export", |_, export, at| {
        index(at, "an export", export.index, module.count(export.kind))
    })?;
    export_order(module, start)?;
    start_function(module, start)?;
    segments(module, data_length)
}

/// Imports are sound, and import order lists them by kind, and those of a kind in their order.
fn imports(module: &ModuleView<'_>, start: &Reader<'_>) -> Result<(), Refused> {
    if module.import_order.len() != module.imports.len() {
        return Err(start.fail(TableError::Count {
            what: "numbers in the import order",
            expected: module.imports.len(),
            found: module.import_order.len(),
        }));
    }
    // Where the next import of each kind has to stand.
    let mut next = Imported::default();
    let mut before = 0u32;
    for (next, count) in next.iter_mut().zip(module.imported) {
        *next = before;
        before = before.saturating_add(count);
    }
    module.imports.check("an import", |number, import, at| {
        match import.kind {
            ImportKind::Func(ty) => index(at, "an import's type", ty, module.types.len()),
            ImportKind::Table(ty) => {
                val_type(at, ty.element, module.types.len())?;
                table_limits(at, &ty)
            }
            ImportKind::Memory(ty) => memory_limits(at, &ty),
            ImportKind::Global(ty) => val_type(at, ty.ty, module.types.len()),
            ImportKind::Tag(ty) => tag(at, ty, module),
        }?;
        let kind = usize::from(import.kind.export_kind() as u8);
        let Some(position) = next.get_mut(kind) else {
            return Ok(());
        };
        if module.import_order.get(*position) != Some(number) {
            return Err(start.fail(TableError::Order {
                what: "import",
                position: *position,
            }));
        }
        *position = position.saturating_add(1);
        Ok(())
    })
}

/// Export order lists each export once, by strictly ascending name.
fn export_order(module: &ModuleView<'_>, at: &Reader<'_>) -> Result<(), Refused> {
    let order = module.export_order;
    if order.len() != module.exports.len() {
        return Err(at.fail(TableError::Count {
            what: "numbers in the export order",
            expected: module.exports.len(),
            found: order.len(),
        }));
    }
    let mut previous = None;
    for (number, position) in order.iter().zip(0..) {
        index(
            at,
            "an export in the export order",
            number,
            module.exports.len(),
        )?;
        let name = module.exports.get(number).map(|export| export.name);
        if position > 0 && previous >= name {
            return Err(at.fail(TableError::Order {
                what: "export",
                position,
            }));
        }
        previous = name;
    }
    Ok(())
}

fn func_refs(module: &ModuleView<'_>, at: &Reader<'_>) -> Result<(), Refused> {
    let imported = module.imported(ExportKind::Func);
    let mut least = imported;
    for (function, position) in module.func_refs.iter().zip(0..) {
        index(
            at,
            "a function reference",
            function,
            module.count(ExportKind::Func),
        )?;
        if function < least {
            let what = "function reference";
            return Err(at.fail(TableError::Order { what, position }));
        }
        least = function.saturating_add(1);
    }
    Ok(())
}

fn start_function(module: &ModuleView<'_>, at: &Reader<'_>) -> Result<(), Refused> {
    let Some(start) = module.start else {
        return Ok(());
    };
    index(
        at,
        "the start function",
        start,
        module.count(ExportKind::Func),
    )?;
    match module.function_type(start) {
        Some(ty) if ty.params().len() == 0 && ty.results().len() == 0 => Ok(()),
        _ => Err(at.fail(TableError::StartType { found: start })),
    }
}

/// What an expression may refer to: the first `globals` globals, and functions with a reference.
struct Context<'m, 'a> {
    module: &'m ModuleView<'a>,
    globals: u32,
}

impl const_expr::Context for Context<'_, '_> {
    fn global(&self, index: u32) -> Option<GlobalType> {
        if index < self.globals {
            self.module.global_type(index)
        } else {
            None
        }
    }

    fn referable(&self, function: u32) -> bool {
        self.module.func_ref_slot(function).is_some()
    }
}

fn expression(
    at: &Reader<'_>,
    expression: ConstExprView<'_>,
    expected: ValType,
    module: &ModuleView<'_>,
    globals: u32,
) -> Result<(), Refused> {
    let context = Context { module, globals };
    const_expr::check(at, expression, expected, &context)
}

fn own_items(module: &ModuleView<'_>) -> Result<(), Refused> {
    let imported = module.imported(ExportKind::Global);
    module.tables.check("a table", |_, table, at| {
        val_type(at, table.ty.element, module.types.len())?;
        table_limits(at, &table.ty)?;
        match table.init {
            // Tables come before the module's own globals.
            Some(init) => expression(at, init, table.ty.element, module, imported),
            None if table.ty.element.has_default() => Ok(()),
            None => Err(at.fail(TableError::TableWithoutValue)),
        }
    })?;
    module
        .memories
        .check("a memory", |_, ty, at| memory_limits(at, &ty))?;
    module.globals.check("a global", |number, global, at| {
        val_type(at, global.ty.ty, module.types.len())?;
        let visible = imported.saturating_add(number);
        expression(at, global.init, global.ty.ty, module, visible)
    })
}

/// Type of an index into a table or memory.
fn address_type(limits: Limits) -> ValType {
    if limits.is_64 {
        ValType::I64
    } else {
        ValType::I32
    }
}

fn segments(module: &ModuleView<'_>, data_length: u64) -> Result<(), Refused> {
    let globals = module.count(ExportKind::Global);
    module
        .elements
        .check("an element segment", |_, element, at| {
            val_type(at, element.ty, module.types.len())?;
            if let SegmentModeView::Active {
                index: table,
                offset,
            } = element.mode
            {
                index(
                    at,
                    "a segment's table",
                    table,
                    module.count(ExportKind::Table),
                )?;
                let Some(ty) = module.table_type(table) else {
                    return Ok(());
                };
                if !element.ty.may_be(ty.element) {
                    return Err(at.fail(TableError::ElementType {
                        expected: ty.element,
                        found: element.ty,
                    }));
                }
                expression(at, offset, address_type(ty.limits), module, globals)?;
            }
            items(module, &element, globals)
        })?;
    module.data.check("a data segment", |_, data, at| {
        match data.mode {
            SegmentModeView::Active {
                index: memory,
                offset,
            } => {
                index(
                    at,
                    "a segment's memory",
                    memory,
                    module.count(ExportKind::Memory),
                )?;
                let Some(ty) = module.memory_type(memory) else {
                    return Ok(());
                };
                expression(at, offset, address_type(ty.limits), module, globals)?;
            }
            SegmentModeView::Passive => {}
            SegmentModeView::Declared => {
                return Err(bad_byte(at, at.offset(), "a data segment's mode", 2));
            }
        }
        let end = data.offset.checked_add(data.length);
        if end.is_none_or(|end| end > data_length) {
            return Err(at.fail(TableError::DataRange {
                offset: data.offset,
                length: data.length,
                available: data_length,
            }));
        }
        Ok(())
    })
}

fn items(module: &ModuleView<'_>, element: &ElementView<'_>, globals: u32) -> Result<(), Refused> {
    let mut reader = element.item_reader();
    for _ in 0..element.len() {
        let item = ConstExprView::decode(&mut reader)?;
        expression(&reader, item, element.ty, module, globals)?;
    }
    reader.finish("an element segment")
}
