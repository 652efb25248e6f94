//! Values that cross between the host and WebAssembly.

use crate::{Func, Store, ValType};

/// A WebAssembly value. Floats are their bits, so that NaNs keep their payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Val {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// Bits of a 32-bit float.
    F32(u32),
    /// Bits of a 64-bit float.
    F64(u64),
    /// 128-bit vector, lane 0 in the low bits.
    V128(u128),
    /// Reference to a function; `None` is null.
    FuncRef(Option<Func>),
    /// Reference to something of the host's; `None` is null.
    ExternRef(Option<ExternRef>),
}

impl Val {
    /// The value's type.
    pub fn ty(&self) -> ValType {
        todo!()
    }

    /// The zero or null of a type.
    pub fn default_of(ty: ValType) -> Val {
        let _ = ty;
        todo!()
    }
}

/// A reference to something of the host's, named by a number of the host's choice. Two references of
/// one store are equal if and only if their numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExternRef {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

impl ExternRef {
    /// A reference to what the host calls `data`.
    pub fn new(store: &mut Store, data: u64) -> ExternRef {
        let _ = (store, data);
        todo!()
    }

    /// The number that the reference was made of; `None` if it is of another store.
    pub fn data(&self, store: &Store) -> Option<u64> {
        let _ = store;
        todo!()
    }
}
