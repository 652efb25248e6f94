//! Values that cross between the host and WebAssembly, and the 8-byte slots that they cross in.
//!
//! In a slot an `i32` or `f32` is in the low half, the rest zero; a `v128` takes two slots, low half
//! first; a reference is pointer-sized, null is zero.

use crate::{
    Error, ExnRef, Func, HeapType, RefType, Store, ValType, exec_env::FuncRef, store::StoreInner,
};
use alloc::{collections::BTreeMap, vec::Vec};

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
    /// Reference to an exception; `None` is null.
    ExnRef(Option<ExnRef>),
}

impl Val {
    /// The value's type; of a reference the most general one of its kind.
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FUNCREF,
            Val::ExternRef(_) => ValType::EXTERNREF,
            Val::ExnRef(_) => ValType::EXNREF,
        }
    }

    /// May the value be where one of type `ty` of the store is asked for?
    pub(crate) fn is(&self, store: &StoreInner, ty: ValType) -> bool {
        match (self, ty) {
            (Val::FuncRef(None), ValType::Ref(ty)) => is_null_of(ty, HeapType::Func),
            (Val::ExternRef(None), ValType::Ref(ty)) => is_null_of(ty, HeapType::Extern),
            (Val::ExnRef(None), ValType::Ref(ty)) => is_null_of(ty, HeapType::Exn),
            (Val::FuncRef(Some(func)), ValType::Ref(ty)) => match ty.heap {
                HeapType::Concrete(number) => {
                    (store.func(*func)).is_ok_and(|func| store.types.is_subtype(&func.ty, number))
                }
                heap => heap == HeapType::Func,
            },
            (Val::ExternRef(Some(_)), ValType::Ref(ty)) => ty.heap == HeapType::Extern,
            (Val::ExnRef(Some(_)), ValType::Ref(ty)) => ty.heap == HeapType::Exn,
            _ => self.ty() == ty,
        }
    }

    /// The zero or null of a type; null also where the type has none.
    pub fn default_of(ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(0),
            ValType::Ref(ty) => match ty.heap.top() {
                HeapType::Extern => Val::ExternRef(None),
                HeapType::Exn => Val::ExnRef(None),
                _ => Val::FuncRef(None),
            },
        }
    }

    /// The value in its slots; the second one is used by a `v128` only.
    pub(crate) fn to_slots(self, store: &StoreInner) -> Result<[u64; 2], Error> {
        Ok(match self {
            Val::I32(value) => [u64::from(value.cast_unsigned()), 0],
            Val::I64(value) => [value.cast_unsigned(), 0],
            Val::F32(bits) => [u64::from(bits), 0],
            Val::F64(bits) => [bits, 0],
            Val::V128(value) => [low(value), low(value >> 64)],
            Val::FuncRef(_) | Val::ExternRef(_) | Val::ExnRef(_) => {
                [self.to_reference(store)? as u64, 0]
            }
        })
    }

    /// A reference as compiled code has it; 0 for anything else.
    pub(crate) fn to_reference(self, store: &StoreInner) -> Result<usize, Error> {
        match self {
            Val::FuncRef(Some(func)) => Ok(store.func(func)?.func_ref() as usize),
            Val::ExternRef(Some(reference)) => store.externs.handle(store.id(), reference),
            Val::ExnRef(Some(reference)) => store.exceptions.pinned(store.id(), reference),
            _ => Ok(0),
        }
    }

    /// The value of a type that stands in slots.
    ///
    /// # Safety
    ///
    /// A funcref in the slots comes from compiled code or from this store.
    pub(crate) unsafe fn from_slots(store: &mut StoreInner, ty: ValType, slots: [u64; 2]) -> Val {
        let [first, second] = slots;
        match ty {
            ValType::I32 => Val::I32((first as u32).cast_signed()),
            ValType::I64 => Val::I64(first.cast_signed()),
            ValType::F32 => Val::F32(first as u32),
            ValType::F64 => Val::F64(first),
            ValType::V128 => Val::V128(u128::from(first) | u128::from(second) << 64),
            ValType::Ref(ty) if ty.heap.top() == HeapType::Extern => {
                Val::ExternRef(store.externs.reference(store.id(), first as usize))
            }
            ValType::Ref(ty) if ty.heap.top() == HeapType::Exn => {
                Val::ExnRef(store.exceptions.pin(store.id(), first as usize))
            }
            ValType::Ref(_) => {
                // SAFETY: as the caller promises.
                Val::FuncRef(unsafe { store.func_of_ref(first as usize as *const FuncRef) })
            }
        }
    }
}

/// Is null, of this kind of reference, of the type?
fn is_null_of(ty: RefType, kind: HeapType) -> bool {
    ty.nullable && ty.heap.top() == kind
}

/// The low half of a `v128`.
fn low(value: u128) -> u64 {
    value as u64
}

/// A reference to something of the host's, named by a number of the host's choice. Two references of
/// one store are equal if and only if their numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExternRef {
    store: StoreId,
    index: u32,
}

/// Number of a store, different for every store of the process.
pub(crate) type StoreId = usize;

impl ExternRef {
    /// A reference to what the host calls `data`.
    ///
    /// # Panics
    ///
    /// The store has 2³² different references already.
    pub fn new(store: &mut Store, data: u64) -> ExternRef {
        let inner = store.inner_mut();
        let index = inner.externs.insert(data);
        ExternRef {
            store: inner.id(),
            index,
        }
    }

    /// The number that the reference was made of; `None` if it is of another store.
    pub fn data(&self, store: &Store) -> Option<u64> {
        let inner = store.inner();
        if self.store != inner.id() {
            return None;
        }
        inner.externs.data.get(self.index as usize).copied()
    }
}

/// The external references of a store. Compiled code has their index plus one.
#[derive(Default)]
pub(crate) struct ExternRefs {
    data: Vec<u64>,
    indices: BTreeMap<u64, u32>,
}

impl ExternRefs {
    fn insert(&mut self, data: u64) -> u32 {
        if let Some(index) = self.indices.get(&data) {
            return *index;
        }
        let index = crate::store::index(self.data.len());
        self.data.push(data);
        self.indices.insert(data, index);
        index
    }

    pub fn handle(&self, store: StoreId, reference: ExternRef) -> Result<usize, Error> {
        if reference.store == store {
            Ok(reference.index as usize + 1)
        } else {
            Err(Error::WrongStore)
        }
    }

    /// The reference with this handle; `None` for null. A handle that was never given out, as a stale
    /// slot of a frame may hold it, is null too.
    pub fn reference(&self, store: StoreId, handle: usize) -> Option<ExternRef> {
        let index = handle
            .checked_sub(1)
            .filter(|index| *index < self.data.len())?;
        Some(ExternRef {
            store,
            index: u32::try_from(index).ok()?,
        })
    }
}
