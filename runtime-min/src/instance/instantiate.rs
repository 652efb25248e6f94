//! Instantiation, in the order of the specification (2.0, section 4.5.4): everything is allocated,
//! globals get their values, then tables; then the active segments are copied in order, then the start
//! function runs. A segment or start function that traps leaves what was written before it, so the
//! instance stays in the store even if nobody gets a handle.

use super::{Block, Instance, InstanceData, const_expr};
use crate::{
    Error, Extern, Module, Store, Trap,
    exec_env::{CalleeContext, FuncRef, HostContext, MemoryEntry, RuntimeContext, Shared},
    func::FuncKind,
    global::{Cell, GlobalData},
    memory::{GUARD_PAGES, MemoryData},
    poll,
    store::{StoreInner, index},
    table::TableData,
    types::ModuleTypes,
};
use alloc::{boxed::Box, collections::BTreeMap, vec, vec::Vec};
use wamr_aot_loader::format::module::{ExportKind, SegmentModeView};

const DAMAGED: Error = Error::Unsupported("this module");

/// Makes an instance. `types` are the store's numbers of the module's types; `imports` are of the types that the
/// module asks for, in its order, and of this store.
pub(crate) fn instantiate(
    store: &mut Store,
    module: &Module,
    types: ModuleTypes,
    imports: &[Extern],
) -> Result<Instance, Error> {
    let inner = store.inner_mut();
    let instance = allocate(inner, module, types, imports)?;
    fill_func_refs(inner, instance.index)?;
    initialize_globals(inner, instance.index)?;
    initialize_tables(inner, instance.index)?;
    initialize_elements(inner, instance.index)?;
    for export in module.view().exports().iter() {
        if export.kind == ExportKind::Func {
            inner.instance_func(instance.index, export.index)?;
        }
    }
    copy_elements(inner, instance.index)?;
    copy_data(inner, instance.index)?;
    if let Some(start) = module.view().start() {
        let start = inner.instance_func(instance.index, start)?;
        start.call(store, &[])?;
    }
    Ok(instance)
}

/// Everything that there may be no room for comes first; what then follows cannot fail half-way.
fn allocate(
    store: &mut StoreInner,
    module: &Module,
    types: ModuleTypes,
    imports: &[Extern],
) -> Result<Instance, Error> {
    let view = module.view();
    let block = Block::new(module.instance_layout())?;
    let mut memories = Vec::new();
    for ty in view.memories().iter() {
        memories.push(MemoryData::new(ty, store.config.max_memory_pages)?);
    }
    let mut tables = Vec::new();
    for table in view.tables().iter() {
        tables.push(TableData::new(
            types.table(table.ty),
            0,
            store.config.max_table_elements,
        )?);
    }
    let instance = Instance {
        store: store.id(),
        index: index(store.instances.len()),
    };
    // SAFETY: the store's exec state is valid.
    let older = unsafe { poll::youngest_instance(store.exec()) };
    let runtime = Shared::new(RuntimeContext::Instance {
        index: instance.index,
        older,
    });
    // SAFETY: the block starts with a callee context.
    unsafe {
        block.context().write(CalleeContext {
            exec_env: store.exec(),
            runtime: runtime.as_ptr(),
            poll_word: 0,
            padding: 0,
        });
    }
    let mut data = InstanceData {
        module: module.clone(),
        types,
        block,
        _runtime: runtime,
        memories: Vec::new(),
        tables: Vec::new(),
        globals: Vec::new(),
        tags: Vec::new(),
        imported_funcs: Vec::new(),
        funcs: BTreeMap::new(),
        default_memory: None,
        elements: Vec::new(),
        dropped_data: vec![false; view.data().len() as usize],
    };
    for import in imports {
        match import {
            Extern::Func(func) => data.imported_funcs.push(func.index),
            Extern::Memory(memory) => data.memories.push(memory.index),
            Extern::Table(table) => data.tables.push(table.index),
            Extern::Global(global) => data.globals.push(global.index),
            Extern::Tag(tag) => data.tags.push(tag.index),
        }
    }
    for ty in view.tags().iter() {
        let ty = store.types.get(data.types.number(ty)).ok_or(DAMAGED)?;
        let ty = ty.clone();
        data.tags.push(store.add_tag(ty).index);
    }
    for memory in memories {
        data.memories.push(store.add_memory(memory).index);
    }
    data.default_memory = view
        .export("memory")
        .filter(|export| export.kind == ExportKind::Memory)
        .and_then(|export| data.memories.get(export.index as usize).copied());
    for table in tables {
        data.tables.push(store.add_table(table).index);
    }
    store.add_module(module, &data.types);
    fill_arrays(store, &data)?;
    let context = data.context();
    store.instances.push(data);
    // SAFETY: the instance is the store's from now on, and lives as long. Its runtime data names the one before it.
    unsafe { poll::add_instance(store.exec(), context) };
    Ok(instance)
}

/// Writes what compiled code finds memories, tables, types and imported globals through.
fn fill_arrays(store: &mut StoreInner, data: &InstanceData) -> Result<(), Error> {
    for (i, memory) in (0..).zip(&data.memories) {
        let memory = store.memories.get(*memory as usize).ok_or(DAMAGED)?;
        debug_assert!(GUARD_PAGES || memory.reserved().is_empty());
        // SAFETY: the block has an entry for each memory. So it does for the others.
        unsafe {
            data.block.memory(i).write(MemoryEntry {
                base: memory.base(),
                definition: memory.definition(),
            });
        }
    }
    for (i, table) in (0..).zip(&data.tables) {
        let table = store.tables.get(*table as usize).ok_or(DAMAGED)?;
        // SAFETY: as above.
        unsafe { data.block.table(i).write(table.definition()) };
    }
    for (i, global) in (0..).zip(&data.globals) {
        let global = store.globals.get(*global as usize).ok_or(DAMAGED)?;
        // SAFETY: as above; the cell of an imported global holds the address of the owner's.
        unsafe { data.block.global(i).cast::<*mut Cell>().write(global.cell) };
    }
    for (i, tag) in (0..).zip(&data.tags) {
        let tag = store.tags.get(*tag as usize).ok_or(DAMAGED)?;
        // SAFETY: as above.
        unsafe { data.block.tag(i).write(tag.as_ptr()) };
    }
    for (i, number) in (0..).zip(data.types.numbers()) {
        let ty = store.types.get(*number).ok_or(DAMAGED)?;
        // SAFETY: as above.
        unsafe { data.block.ty(i).write(ty.address()) };
    }
    Ok(())
}

fn instance_data(store: &StoreInner, instance: u32) -> Result<&InstanceData, Error> {
    store.instances.get(instance as usize).ok_or(DAMAGED)
}

/// Imported functions first, then the module's own that can be referred to.
fn fill_func_refs(store: &mut StoreInner, instance: u32) -> Result<(), Error> {
    let data = instance_data(store, instance)?;
    let module = data.module.clone();
    let view = module.view();
    let imported = data.imported_funcs.clone();
    for (slot, func) in (0..).zip(imported) {
        let func_ref = import_func_ref(store, instance, slot, func)?;
        let data = instance_data(store, instance)?;
        // SAFETY: the block has a reference for each imported function and each of `func_refs`.
        unsafe { data.block.func_ref(slot).write(func_ref) };
    }
    let data = instance_data(store, instance)?;
    let first = view.imported(ExportKind::Func);
    for (slot, function) in (first..).zip(view.func_refs().iter()) {
        let defined = function.checked_sub(first).ok_or(DAMAGED)?;
        let ty = view.function_type_index(function).ok_or(DAMAGED)?;
        let func_ref = FuncRef {
            code: module.function_code(defined).ok_or(DAMAGED)?,
            context: data.block.context(),
            // SAFETY: `fill_arrays` has written the types.
            ty: unsafe { data.block.ty(ty).read() },
        };
        // SAFETY: as above.
        unsafe { data.block.func_ref(slot).write(func_ref) };
    }
    Ok(())
}

/// The reference through which an instance calls an imported function: a compiled function's own; for a
/// host function the importing module's host thunk, with a context that knows the caller.
fn import_func_ref(
    store: &mut StoreInner,
    instance: u32,
    import: u32,
    func: u32,
) -> Result<FuncRef, Error> {
    let data = store.funcs.get(func as usize).ok_or(DAMAGED)?;
    // SAFETY: the store's function references are valid.
    let func_ref = unsafe { *data.func_ref() };
    let FuncKind::Host(function) = data.kind.clone() else {
        return Ok(func_ref);
    };
    let module = &instance_data(store, instance)?.module;
    let ty = module.view().function_type_index(import).ok_or(DAMAGED)?;
    let code = module.host_thunk(ty).ok_or(DAMAGED)?;
    let context = store.add_context(RuntimeContext::Host(HostContext {
        func,
        function,
        caller: Some(instance),
    }));
    Ok(FuncRef {
        code,
        context,
        ty: func_ref.ty,
    })
}

/// Each global is there for the expressions of those behind it.
fn initialize_globals(store: &mut StoreInner, instance: u32) -> Result<(), Error> {
    let module = instance_data(store, instance)?.module.clone();
    let view = module.view();
    for (i, global) in (view.imported(ExportKind::Global)..).zip(view.globals().iter()) {
        let data = instance_data(store, instance)?;
        let value = const_expr::evaluate(store, data, global.init)?;
        let ty = data.types.global(global.ty);
        let own = GlobalData::in_instance(ty, data.block.global(i));
        own.write(value);
        let own = store.add_global(own);
        if let Some(data) = store.instances.get_mut(instance as usize) {
            data.globals.push(own.index);
        }
    }
    Ok(())
}

/// Fills the tables that have a first value other than null.
fn initialize_tables(store: &mut StoreInner, instance: u32) -> Result<(), Error> {
    let module = instance_data(store, instance)?.module.clone();
    let view = module.view();
    for (i, table) in (view.imported(ExportKind::Table)..).zip(view.tables().iter()) {
        let Some(init) = table.init else { continue };
        let data = instance_data(store, instance)?;
        let [value, _] = const_expr::evaluate(store, data, init)?;
        let table = data.table(i).map_err(|_| DAMAGED)?;
        let table = store.tables.get_mut(table as usize).ok_or(DAMAGED)?;
        table.elements_mut().fill(reference(value));
    }
    Ok(())
}

/// A reference that stands in a slot.
fn reference(slot: u64) -> usize {
    // Pointer-sized; the rest of the slot is zero.
    slot as usize
}

/// Evaluates the items of all element segments but the declared ones, which nothing can use.
fn initialize_elements(store: &mut StoreInner, instance: u32) -> Result<(), Error> {
    let data = instance_data(store, instance)?;
    let mut elements = Vec::new();
    for segment in data.module.view().elements().iter() {
        let mut items = Vec::new();
        if segment.mode != SegmentModeView::Declared {
            for item in segment.items() {
                items.push(reference(const_expr::evaluate(store, data, item)?[0]));
            }
        }
        elements.push(Box::from(items));
    }
    if let Some(data) = store.instances.get_mut(instance as usize) {
        data.elements = elements;
    }
    Ok(())
}

fn copy_elements(store: &mut StoreInner, instance: u32) -> Result<(), Error> {
    let module = instance_data(store, instance)?.module.clone();
    for (segment, element) in (0..).zip(module.view().elements().iter()) {
        let SegmentModeView::Active { index, offset } = element.mode else {
            continue;
        };
        let [offset, _] = const_expr::evaluate(store, instance_data(store, instance)?, offset)?;
        store
            .table_init(instance, index, segment, offset, 0, element.len())
            .map_err(Trap::new)?;
        store.elem_drop(instance, segment);
    }
    Ok(())
}

fn copy_data(store: &mut StoreInner, instance: u32) -> Result<(), Error> {
    let module = instance_data(store, instance)?.module.clone();
    for (segment, data) in (0..).zip(module.view().data().iter()) {
        let SegmentModeView::Active { index, offset } = data.mode else {
            continue;
        };
        let [offset, _] = const_expr::evaluate(store, instance_data(store, instance)?, offset)?;
        // A module's bytes, and so a segment of it, are shorter than 4 GiB.
        let length = u32::try_from(data.length).map_err(|_| DAMAGED)?;
        store
            .memory_init(instance, index, segment, offset, 0, length)
            .map_err(Trap::new)?;
        store.data_drop(instance, segment);
    }
    Ok(())
}
