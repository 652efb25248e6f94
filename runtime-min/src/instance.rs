//! Instances of modules.

use crate::{ExternType, Func, Global, Memory, Module, Store, Table};

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
}

impl Extern {
    /// The type of what it stands for.
    ///
    /// # Panics
    ///
    /// It belongs to another store.
    pub fn ty(&self, store: &Store) -> ExternType {
        let _ = store;
        todo!()
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

/// Handle of an instance. It lives as long as its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

impl Instance {
    /// The export with this name.
    pub fn export(&self, store: &Store, name: &str) -> Option<Extern> {
        let _ = (store, name);
        todo!()
    }

    /// Every export, in the module's order.
    pub fn exports<'s>(&self, store: &'s Store) -> impl Iterator<Item = (&'s str, Extern)> + 's {
        let _ = store;
        core::iter::empty()
    }

    /// The module that it is an instance of.
    pub fn module<'s>(&self, store: &'s Store) -> &'s Module {
        let _ = store;
        todo!()
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

    /// The exported global with this name.
    pub fn get_global(&self, store: &Store, name: &str) -> Option<Global> {
        match self.export(store, name)? {
            Extern::Global(global) => Some(global),
            _ => None,
        }
    }
}
