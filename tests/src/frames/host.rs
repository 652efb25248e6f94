//! What the host functions do, whichever side calls them.
//!
//! Any function can be imported. Its results follow from its name, its arguments and how many calls
//! there were before. Two names are special: `reenter` calls the export `reentry` with its arguments
//! and returns its results, trapping if it traps; `attempt` does the same, but returns what an ordinary
//! host function would if it traps.

use wamr_runtime_min::{HeapType, ValType};

use crate::reference::Value;

/// The export that the host calls back.
pub const REENTRY: &str = "reentry";
/// Calls back; a trap goes on.
pub const REENTER: &str = "reenter";
/// Calls back; a trap ends here.
pub const ATTEMPT: &str = "attempt";

/// Results of an ordinary host function. References to functions are function indices, both here and in
/// the arguments; there are `functions` of them.
pub fn results(
    name: &str,
    calls: u64,
    arguments: &[Value],
    types: &[ValType],
    functions: usize,
) -> Vec<Value> {
    let mut state = calls;
    for byte in name.bytes() {
        state = mix(state, byte.into());
    }
    for argument in arguments {
        state = mix(state, bits(*argument));
    }
    let mut values = Vec::with_capacity(types.len());
    for ty in types {
        state = mix(state, 1);
        values.push(value(*ty, state >> 16, functions));
    }
    values
}

fn mix(state: u64, more: u64) -> u64 {
    (state ^ more)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(29)
}

fn bits(value: Value) -> u64 {
    match value {
        Value::I32(bits) => bits.into(),
        Value::I64(bits) => bits,
        // Which NaN it is differs from one machine to the next.
        Value::F32(bits) if f32::from_bits(bits).is_nan() => 1,
        Value::F64(bits) if f64::from_bits(bits).is_nan() => 1,
        Value::F32(bits) => bits.into(),
        Value::F64(bits) => bits,
        Value::V128(bits) => (bits ^ bits >> 64) as u64,
        Value::Func(index) => index.map_or(0, |index| index as u64 + 1),
        Value::Extern(number) => number.map_or(0, |number| number + 1),
        Value::Exn(exception) => exception.map_or(0, |_| 1),
    }
}

fn value(ty: ValType, random: u64, functions: usize) -> Value {
    match ty {
        ValType::I32 if random.is_multiple_of(3) => Value::I32((random >> 8) as u32),
        ValType::I32 => Value::I32((random >> 8) as u32 % 100),
        ValType::I64 => Value::I64(random),
        ValType::F32 => Value::F32(((random % 1000) as f32 / 8.0).to_bits()),
        ValType::F64 => Value::F64(((random % 100_000) as f64 / 16.0).to_bits()),
        ValType::V128 => Value::V128(u128::from(random) << 64 | u128::from(random.rotate_left(7))),
        ValType::Ref(ty) if ty.heap == HeapType::Extern => {
            Value::Extern(Some(random % 5).filter(|number| *number > 0))
        }
        ValType::Ref(ty) if ty.heap == HeapType::Exn => Value::Exn(None),
        ValType::Ref(_) => {
            Value::Func(Some(random as usize % (functions + 1)).filter(|index| *index < functions))
        }
    }
}
