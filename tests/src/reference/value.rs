//! Values.

use serde::{Deserialize, Serialize};
#[cfg(feature = "compiler")]
use wasmparser::{AbstractHeapType, HeapType, ValType};

/// A value. Floats are their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// 32-bit integer.
    I32(u32),
    /// 64-bit integer.
    I64(u64),
    /// Bits of a 32-bit float.
    F32(u32),
    /// Bits of a 64-bit float.
    F64(u64),
    /// Vector, lane 0 in the low bits.
    V128(u128),
    /// Reference to a function of the store; `None` is null.
    Func(Option<usize>),
    /// Reference to something of the host's, by its number; `None` is null.
    Extern(Option<u64>),
    /// Reference to an exception of the store; `None` is null.
    Exn(Option<usize>),
}

#[cfg(feature = "compiler")]
impl Value {
    /// The zero or null of a type.
    pub fn default_of(ty: ValType) -> Value {
        match ty {
            ValType::I32 => Value::I32(0),
            ValType::I64 => Value::I64(0),
            ValType::F32 => Value::F32(0),
            ValType::F64 => Value::F64(0),
            ValType::V128 => Value::V128(0),
            ValType::Ref(ty) => Value::null(ty.heap_type()),
        }
    }

    /// The null of a heap type.
    pub fn null(ty: HeapType) -> Value {
        use AbstractHeapType::{Exn, Extern, NoExn, NoExtern};
        match ty {
            HeapType::Abstract {
                ty: Extern | NoExtern,
                ..
            } => Value::Extern(None),
            HeapType::Abstract {
                ty: Exn | NoExn, ..
            } => Value::Exn(None),
            _ => Value::Func(None),
        }
    }

    /// The type.
    pub fn ty(self) -> ValType {
        match self {
            Value::I32(_) => ValType::I32,
            Value::I64(_) => ValType::I64,
            Value::F32(_) => ValType::F32,
            Value::F64(_) => ValType::F64,
            Value::V128(_) => ValType::V128,
            Value::Func(_) => ValType::FUNCREF,
            Value::Extern(_) => ValType::EXTERNREF,
            Value::Exn(_) => ValType::EXNREF,
        }
    }
}

impl Value {
    /// Is it a null reference?
    pub fn is_null(self) -> bool {
        matches!(
            self,
            Value::Func(None) | Value::Extern(None) | Value::Exn(None)
        )
    }

    /// Equal, where NaNs are equal to each other: which bits an operation's NaN has is not determined. So are
    /// exceptions, whose references compiled code counts in another way.
    pub fn is_same(self, other: Value) -> bool {
        match (self, other) {
            (Value::F32(a), Value::F32(b)) => {
                a == b || (f32::from_bits(a).is_nan() && f32::from_bits(b).is_nan())
            }
            (Value::F64(a), Value::F64(b)) => {
                a == b || (f64::from_bits(a).is_nan() && f64::from_bits(b).is_nan())
            }
            (Value::Exn(a), Value::Exn(b)) => a.is_some() == b.is_some(),
            (a, b) => a == b,
        }
    }
}
