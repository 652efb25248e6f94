//! What lives as long as the execution: functions, tables, memories, globals, instances.

use std::rc::Rc;

use wasmparser::ExternalKind;

use super::module::Module;
use super::thread::{Stop, Thread};
use super::types::{DefType, ValType};
use super::value::Value;

/// Size of a page.
pub const PAGE: usize = 65536;

/// A function of the host's: gets its arguments, and may call back.
pub type HostFunction<'m> =
    Rc<dyn Fn(&mut Thread<'_, 'm>, &[Value]) -> Result<Vec<Value>, Stop> + 'm>;

/// A function.
#[derive(Clone)]
pub enum Function<'m> {
    /// Of a module: the instance and the index in its module.
    Wasm {
        /// Position of the instance.
        instance: usize,
        /// Index, imports included.
        index: u32,
        /// Type.
        ty: DefType,
    },
    /// Of the host.
    Host {
        /// Type.
        ty: DefType,
        /// What it does.
        call: HostFunction<'m>,
    },
}

impl Function<'_> {
    /// The type.
    pub fn ty(&self) -> &DefType {
        match self {
            Function::Wasm { ty, .. } | Function::Host { ty, .. } => ty,
        }
    }
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Type of the elements.
    pub ty: ValType,
    /// The elements.
    pub elements: Vec<Value>,
    /// The declared maximum.
    pub maximum: Option<u64>,
    /// Indexed with `i64`.
    pub is_64: bool,
}

/// A memory.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The declared maximum, in pages.
    pub maximum: Option<u64>,
    /// Indexed with `i64`.
    pub is_64: bool,
    /// Size of a page in bytes.
    pub page: usize,
    /// Other threads may have it, too.
    pub is_shared: bool,
}

impl Memory {
    /// Size in pages.
    pub fn pages(&self) -> u64 {
        (self.bytes.len() / self.page) as u64
    }
}

/// A global.
#[derive(Clone, Debug)]
pub struct Global {
    /// Type.
    pub ty: ValType,
    /// May it be set?
    pub mutable: bool,
    /// Its value.
    pub value: Value,
}

/// Something that can be imported and exported, by its position in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExternValue {
    /// A function.
    Func(usize),
    /// A table.
    Table(usize),
    /// A memory.
    Memory(usize),
    /// A global.
    Global(usize),
    /// A tag.
    Tag(usize),
}

/// An instance: positions in the store by the module's indices.
#[derive(Clone, Debug)]
pub struct Instance<'m> {
    /// The module.
    pub module: Rc<Module<'m>>,
    /// Functions.
    pub functions: Vec<usize>,
    /// Tables.
    pub tables: Vec<usize>,
    /// Memories.
    pub memories: Vec<usize>,
    /// Globals.
    pub globals: Vec<usize>,
    /// Tags.
    pub tags: Vec<usize>,
    /// Elements of the segments; none once dropped.
    pub elements: Vec<Vec<Value>>,
    /// Bytes of the segments; none once dropped.
    pub data: Vec<&'m [u8]>,
}

impl Instance<'_> {
    /// What is exported under a name.
    pub fn export(&self, name: &str) -> Option<ExternValue> {
        let (_, kind, index) = self.module.exports.iter().find(|(own, ..)| *own == name)?;
        self.item(*kind, *index)
    }

    /// What has an index.
    pub fn item(&self, kind: ExternalKind, index: u32) -> Option<ExternValue> {
        let index = index as usize;
        match kind {
            ExternalKind::Func => self.functions.get(index).copied().map(ExternValue::Func),
            ExternalKind::Table => self.tables.get(index).copied().map(ExternValue::Table),
            ExternalKind::Memory => self.memories.get(index).copied().map(ExternValue::Memory),
            ExternalKind::Global => self.globals.get(index).copied().map(ExternValue::Global),
            ExternalKind::Tag => self.tags.get(index).copied().map(ExternValue::Tag),
            ExternalKind::FuncExact => None,
        }
    }
}

/// An exception.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Position of its tag.
    pub tag: usize,
    /// What it holds.
    pub values: Vec<Value>,
}

/// How far memories and tables grow, whatever was declared.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a memory.
    pub memory: u64,
    /// Elements of a table.
    pub table: u64,
}

impl Default for Limits {
    /// The limits of WebAssembly's JavaScript interface.
    fn default() -> Self {
        Limits {
            memory: 1 << 32,
            table: 10_000_000,
        }
    }
}

/// The store.
#[derive(Default)]
pub struct Store<'m> {
    /// Limits to growth.
    pub limits: Limits,
    /// Functions.
    pub functions: Vec<Function<'m>>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Memories.
    pub memories: Vec<Memory>,
    /// Globals.
    pub globals: Vec<Global>,
    /// Tags: types of the exceptions' values.
    pub tags: Vec<DefType>,
    /// Every exception that was thrown.
    pub exceptions: Vec<Exception>,
    /// Instances.
    pub instances: Vec<Instance<'m>>,
}

impl<'m> Store<'m> {
    /// Makes an exception, and is what stops an execution that throws it.
    pub fn throw(&mut self, tag: usize, values: Vec<Value>) -> Stop {
        self.exceptions.push(Exception { tag, values });
        Stop::Exception(self.exceptions.len() - 1)
    }

    /// Adds a function of the host's.
    pub fn add_host(
        &mut self,
        ty: DefType,
        call: impl Fn(&mut Thread<'_, 'm>, &[Value]) -> Result<Vec<Value>, Stop> + 'm,
    ) -> usize {
        self.functions.push(Function::Host {
            ty,
            call: Rc::new(call),
        });
        self.functions.len() - 1
    }
}
