//! Types of functions and of what modules import and export.

use alloc::boxed::Box;
use core::fmt;

#[path = "../../loader/src/format/types.rs"]
mod loader_types;
pub use loader_types::{GlobalType, Limits, MemoryType, TableType, ValType};

/// Type of a function.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncType {
    /// Parameters, then results.
    types: Box<[u8]>,
    params: usize,
}

impl FuncType {
    /// The type of functions that take `params` and return `results`.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Self {
        let _ = (params.into_iter(), results.into_iter());
        todo!()
    }

    /// Types of the parameters.
    pub fn params(&self) -> impl ExactSizeIterator<Item = ValType> + '_ {
        core::iter::empty()
    }

    /// Types of the results.
    pub fn results(&self) -> impl ExactSizeIterator<Item = ValType> + '_ {
        core::iter::empty()
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

impl fmt::Debug for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Type of an import or an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
}
