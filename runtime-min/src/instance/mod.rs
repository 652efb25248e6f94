//! Instances of modules.

mod block;
mod const_expr;
mod instantiate;
mod segments;

pub(crate) use instantiate::instantiate;

use crate::{
    Error, ExternType, Func, Global, Memory, Module, Store, Table, Tag,
    exception::TagData,
    exec_env::{CalleeContext, FuncRef, RuntimeContext, Shared},
    func::FuncData,
    store::StoreInner,
    types::ModuleTypes,
    value::StoreId,
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use block::Block;
use wamr_aot_loader::{
    format::module::{ExportKind, ExportView},
    trap::TrapCause,
};

/// Something that can be imported and exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A memory.
    Memory(Memory),
    /// A table.
    Table(Table),
    /// A global.
    Global(Global),
    /// An exception's tag.
    Tag(Tag),
}

impl Extern {
    /// The type of what it stands for. The limits of a memory or table start with its current size, as
    /// imports are matched.
    ///
    /// # Panics
    ///
    /// It belongs to another store.
    pub fn ty(&self, store: &Store) -> ExternType {
        match self {
            Extern::Func(func) => ExternType::Func(func.ty(store)),
            Extern::Memory(memory) => {
                ExternType::Memory(store.inner().memory(*memory).current_type())
            }
            Extern::Table(table) => ExternType::Table(store.inner().table(*table).current_type()),
            Extern::Global(global) => ExternType::Global(global.ty(store)),
            Extern::Tag(tag) => ExternType::Tag(tag.ty(store)),
        }
    }

    /// The store that it belongs to.
    pub(crate) fn store(&self) -> StoreId {
        match self {
            Extern::Func(func) => func.store,
            Extern::Memory(memory) => memory.store,
            Extern::Table(table) => table.store,
            Extern::Global(global) => global.store,
            Extern::Tag(tag) => tag.store,
        }
    }
}

impl From<Func> for Extern {
    fn from(func: Func) -> Self {
        Extern::Func(func)
    }
}

impl From<Memory> for Extern {
    fn from(memory: Memory) -> Self {
        Extern::Memory(memory)
    }
}

impl From<Table> for Extern {
    fn from(table: Table) -> Self {
        Extern::Table(table)
    }
}

impl From<Global> for Extern {
    fn from(global: Global) -> Self {
        Extern::Global(global)
    }
}

impl From<Tag> for Extern {
    fn from(tag: Tag) -> Self {
        Extern::Tag(tag)
    }
}

/// Handle of an instance. It lives as long as its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// An instance of a store. Everything is named by its position in the store's lists.
pub(crate) struct InstanceData {
    pub module: Module,
    /// The store's numbers of the module's types.
    types: ModuleTypes,
    block: Block,
    /// What the callee context points to.
    _runtime: Shared<RuntimeContext>,
    memories: Vec<u32>,
    tables: Vec<u32>,
    globals: Vec<u32>,
    tags: Vec<u32>,
    imported_funcs: Vec<u32>,
    /// The module's own functions that have a handle, by function index.
    funcs: BTreeMap<u32, u32>,
    /// The memory that is exported as `memory`, which host functions ask for on each call.
    default_memory: Option<u32>,
    /// References of each element segment; none once it is dropped.
    pub elements: Vec<Box<[usize]>>,
    /// Which data segments are dropped.
    pub dropped_data: Vec<bool>,
}

impl InstanceData {
    /// The callee context of the instance's functions.
    pub fn context(&self) -> *mut CalleeContext {
        self.block.context()
    }

    /// Position in the store of a memory of the instance.
    pub fn memory(&self, index: u32) -> Result<u32, TrapCause> {
        let memory = self.memories.get(index as usize).copied();
        memory.ok_or(TrapCause::MemoryOutOfBounds)
    }

    /// Position in the store of a table of the instance.
    pub fn table(&self, index: u32) -> Result<u32, TrapCause> {
        let table = self.tables.get(index as usize).copied();
        table.ok_or(TrapCause::TableOutOfBounds)
    }

    /// Position in the store of a tag of the instance.
    pub fn tag(&self, index: u32) -> Option<u32> {
        self.tags.get(index as usize).copied()
    }

    /// What compiled code compares a tag of the instance by.
    pub fn tag_identity(&self, index: u32) -> Option<*const TagData> {
        // SAFETY: the block has an identity for each tag, written when the instance was made.
        (self.tag(index).is_some()).then(|| unsafe { self.block.tag(index).read() })
    }

    /// Bytes of a data segment; none once it is dropped.
    pub fn data_segment(&self, index: u32) -> &[u8] {
        if self.dropped_data.get(index as usize) != Some(&false) {
            return &[];
        }
        let bytes = self.module.view().data().get(index).and_then(|segment| {
            let start = usize::try_from(segment.offset).ok()?;
            let end = start.checked_add(usize::try_from(segment.length).ok()?)?;
            self.module.data().get(start..end)
        });
        bytes.unwrap_or(&[])
    }

    /// A memory of the store has moved.
    pub fn memory_moved(&self, memory: u32, base: *mut u8) {
        for (index, known) in (0..).zip(&self.memories) {
            if *known == memory {
                // SAFETY: the instance has an entry for each of its memories, and no code of the store
                // runs now.
                unsafe { (*self.block.memory(index)).base = base };
            }
        }
    }

    /// Number of function references in the instance.
    fn func_ref_count(&self) -> u32 {
        self.module.view().instance_counts().func_refs
    }

    /// Is there a function reference at this address in the instance?
    pub fn has_func_ref(&self, address: usize) -> bool {
        self.block
            .func_ref_slot(address, self.func_ref_count())
            .is_some()
    }

    /// Index of the instance's function that a reference stands for, by the reference's place or else
    /// by its code.
    pub fn function_of_ref(&self, address: usize, code: usize) -> Option<u32> {
        let imported = self.module.imported_functions();
        let own = self
            .block
            .func_ref_slot(address, self.func_ref_count())
            .and_then(|slot| slot.checked_sub(imported));
        match own {
            Some(own) => self.module.view().func_refs().get(own),
            None => Some(imported + self.module.function_at(code)?),
        }
    }
}

impl StoreInner {
    /// The handle of an instance's function, imports included in the numbering.
    pub fn instance_func(&mut self, instance: u32, function: u32) -> Result<Func, Error> {
        const MISSING: Error = Error::Unsupported("a function without code");
        let store = self.id();
        let data = self
            .instances
            .get(instance as usize)
            .ok_or(Error::WrongStore)?;
        if let Some(index) = data.imported_funcs.get(function as usize) {
            return Ok(Func {
                store,
                index: *index,
            });
        }
        if let Some(index) = data.funcs.get(&function) {
            return Ok(Func {
                store,
                index: *index,
            });
        }
        let module = &data.module;
        let defined = function
            .checked_sub(module.imported_functions())
            .ok_or(MISSING)?;
        let ty = module.view().function_type_index(function).ok_or(MISSING)?;
        let code = module.function_code(defined).ok_or(MISSING)?;
        let enter_thunk = module.enter_thunk(ty).ok_or(MISSING)?;
        let ty = self
            .types
            .get(data.types.number(ty))
            .ok_or(MISSING)?
            .clone();
        let func_ref = FuncRef {
            code,
            context: data.block.context(),
            ty: ty.address(),
        };
        let func = self.add_func(FuncData::wasm(func_ref, ty, enter_thunk));
        if let Some(data) = self.instances.get_mut(instance as usize) {
            data.funcs.insert(function, func.index);
        }
        Ok(func)
    }

    /// The instance of a handle; panics if it is another store's.
    fn instance(&self, instance: Instance) -> &InstanceData {
        match self.instances.get(instance.index as usize) {
            Some(data) if instance.store == self.id() => data,
            _ => panic!("the instance is of another store"),
        }
    }

    /// What an export of an instance stands for. Handles of exported functions are made when the
    /// instance is.
    fn exported(&self, instance: &InstanceData, export: &ExportView<'_>) -> Option<Extern> {
        let store = self.id();
        let at = export.index as usize;
        Some(match export.kind {
            ExportKind::Func => Extern::Func(Func {
                store,
                index: *instance
                    .imported_funcs
                    .get(at)
                    .or_else(|| instance.funcs.get(&export.index))?,
            }),
            ExportKind::Table => Extern::Table(Table {
                store,
                index: *instance.tables.get(at)?,
            }),
            ExportKind::Memory => Extern::Memory(Memory {
                store,
                index: *instance.memories.get(at)?,
            }),
            ExportKind::Tag => Extern::Tag(Tag {
                store,
                index: instance.tag(export.index)?,
            }),
            ExportKind::Global => Extern::Global(Global {
                store,
                index: *instance.globals.get(at)?,
            }),
        })
    }
}

/// The methods panic if the instance is of another store.
impl Instance {
    /// The export with this name.
    pub fn export(&self, store: &Store, name: &str) -> Option<Extern> {
        let inner = store.inner();
        let instance = inner.instance(*self);
        inner.exported(instance, &instance.module.view().export(name)?)
    }

    /// Every export, in the module's order.
    pub fn exports<'s>(&self, store: &'s Store) -> impl Iterator<Item = (&'s str, Extern)> + 's {
        let inner = store.inner();
        let instance = inner.instance(*self);
        let exports = instance.module.view().exports();
        exports
            .iter()
            .filter_map(move |export| Some((export.name, inner.exported(instance, &export)?)))
    }

    /// The memory that the instance exports as `memory`; as [`Instance::get_memory`], but faster.
    pub(crate) fn default_memory(&self, store: &Store) -> Option<Memory> {
        let inner = store.inner();
        let index = inner.instance(*self).default_memory?;
        Some(Memory {
            store: inner.id(),
            index,
        })
    }

    /// The module that it is an instance of.
    pub fn module<'s>(&self, store: &'s Store) -> &'s Module {
        &store.inner().instance(*self).module
    }

    /// How often a function has been entered, imports included in the numbering; `None` for functions of
    /// other modules, and if the code does not count its calls.
    ///
    /// Exact after a call has returned, in host functions, and after a trap that the code found by itself.
    /// Where the hardware found it, calls of inlined functions shortly before may be missing.
    pub fn calls(&self, store: &Store, function: u32) -> Option<u64> {
        let instance = store.inner().instance(*self);
        let defined = function.checked_sub(instance.module.imported_functions())?;
        // SAFETY: the instance has this counter. Code that would change it does not run while the host does.
        (defined < instance.module.call_counters())
            .then(|| unsafe { instance.block.call_counter(defined).read() })
    }

    /// The exported function with this name.
    pub fn get_func(&self, store: &Store, name: &str) -> Option<Func> {
        match self.export(store, name)? {
            Extern::Func(func) => Some(func),
            _ => None,
        }
    }

    /// The exported memory with this name.
    pub fn get_memory(&self, store: &Store, name: &str) -> Option<Memory> {
        match self.export(store, name)? {
            Extern::Memory(memory) => Some(memory),
            _ => None,
        }
    }

    /// The exported table with this name.
    pub fn get_table(&self, store: &Store, name: &str) -> Option<Table> {
        match self.export(store, name)? {
            Extern::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The exported tag with this name.
    pub fn get_tag(&self, store: &Store, name: &str) -> Option<Tag> {
        match self.export(store, name)? {
            Extern::Tag(tag) => Some(tag),
            _ => None,
        }
    }

    /// The exported global with this name.
    pub fn get_global(&self, store: &Store, name: &str) -> Option<Global> {
        match self.export(store, name)? {
            Extern::Global(global) => Some(global),
            _ => None,
        }
    }
}
