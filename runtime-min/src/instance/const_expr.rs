//! Evaluation of constant expressions: the loader has checked their types.

use super::InstanceData;
use crate::{Error, store::StoreInner};
use alloc::vec::Vec;
use wamr_aot_loader::format::const_expr::{ConstExprView, ConstOp};

const DAMAGED: Error = Error::Unsupported("this constant expression");

/// The value, in slots; references as compiled code has them.
pub(super) fn evaluate(
    store: &StoreInner,
    instance: &InstanceData,
    expression: ConstExprView<'_>,
) -> Result<[u64; 2], Error> {
    let mut stack: Vec<[u64; 2]> = Vec::new();
    for op in expression.ops() {
        let value = match op {
            ConstOp::I32Const(value) => [u64::from(value.cast_unsigned()), 0],
            ConstOp::I64Const(value) => [value.cast_unsigned(), 0],
            ConstOp::F32Const(bits) => [u64::from(bits), 0],
            ConstOp::F64Const(bits) => [bits, 0],
            // Low half first.
            ConstOp::V128Const(value) => [value as u64, (value >> 64) as u64],
            ConstOp::RefNull(_) => [0, 0],
            ConstOp::GlobalGet(index) => {
                let global = instance.globals.get(index as usize).ok_or(DAMAGED)?;
                store.globals.get(*global as usize).ok_or(DAMAGED)?.read()
            }
            ConstOp::RefFunc(index) => {
                let slot = instance.module.view().func_ref_slot(index).ok_or(DAMAGED)?;
                [instance.block.func_ref(slot) as u64, 0]
            }
            ConstOp::I32Add => binary32(&mut stack, u32::wrapping_add)?,
            ConstOp::I32Sub => binary32(&mut stack, u32::wrapping_sub)?,
            ConstOp::I32Mul => binary32(&mut stack, u32::wrapping_mul)?,
            ConstOp::I64Add => binary64(&mut stack, u64::wrapping_add)?,
            ConstOp::I64Sub => binary64(&mut stack, u64::wrapping_sub)?,
            ConstOp::I64Mul => binary64(&mut stack, u64::wrapping_mul)?,
        };
        stack.push(value);
    }
    stack.pop().ok_or(DAMAGED)
}

fn operands(stack: &mut Vec<[u64; 2]>) -> Result<(u64, u64), Error> {
    let [right, _] = stack.pop().ok_or(DAMAGED)?;
    let [left, _] = stack.pop().ok_or(DAMAGED)?;
    Ok((left, right))
}

fn binary64(stack: &mut Vec<[u64; 2]>, operation: fn(u64, u64) -> u64) -> Result<[u64; 2], Error> {
    let (left, right) = operands(stack)?;
    Ok([operation(left, right), 0])
}

fn binary32(stack: &mut Vec<[u64; 2]>, operation: fn(u32, u32) -> u32) -> Result<[u64; 2], Error> {
    let (left, right) = operands(stack)?;
    // An i32 is the low half of its slot.
    Ok([u64::from(operation(left as u32, right as u32)), 0])
}
