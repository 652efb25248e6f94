//! Loaded numbers that become an index after a mask or the like.
//!
//! Code generation would make `and (zext load)` of an index `zext (and load)`, because the new `zext` costs nothing as a part of
//! the load. But then it decides about the load's location, and has none. So that is done here, with a location.

use std::collections::HashMap;

use inkwell::llvm_sys::prelude::LLVMValueRef;
use inkwell::types::IntType;
use inkwell::values::{
    AsValueRef, BasicValueEnum, InstructionOpcode, InstructionValue, IntValue, Operand,
};

use super::keep::as_instruction;
use super::locations::{location, set_location};
use crate::error::Result;
use crate::translate::Unit;

/// Makes `op (zext load)` of `zext (op load)`, where bits above do not change the result; any number of such operators. `false`
/// if it is something else.
pub(super) fn widen<'ctx>(
    unit: &Unit<'ctx, '_>,
    extension: InstructionValue<'ctx>,
    loads: &HashMap<LLVMValueRef, InstructionValue<'ctx>>,
) -> Result<bool> {
    use InstructionOpcode as O;
    let first_operand = |instruction: InstructionValue<'ctx>| match instruction.get_operand(0) {
        Some(Operand::Value(value)) => Some(value),
        _ => None,
    };
    let mut operators = Vec::new();
    let mut source = first_operand(extension).and_then(as_instruction);
    let (base, load) = loop {
        let Some(instruction) = source else {
            return Ok(false);
        };
        if let Some(load) = loads.get(&instruction.as_value_ref()) {
            break (instruction, *load);
        }
        let constant = match instruction.get_operand(1) {
            Some(Operand::Value(BasicValueEnum::IntValue(value))) => {
                value.get_zero_extended_constant()
            }
            _ => None,
        };
        let (O::And | O::Or | O::Xor | O::LShr, Some(constant)) =
            (instruction.get_opcode(), constant)
        else {
            return Ok(false);
        };
        operators.push((instruction, constant));
        source = first_operand(instruction).and_then(as_instruction);
    };
    let narrow = match base.get_opcode() {
        O::Load => IntValue::try_from(base).ok(),
        O::ZExt => match first_operand(base) {
            Some(BasicValueEnum::IntValue(value)) => Some(value),
            _ => None,
        },
        _ => None,
    };
    let (Some(narrow), Ok(ty), false) = (
        narrow,
        IntType::try_from(extension.get_type()),
        operators.is_empty(),
    ) else {
        return Ok(false);
    };
    let builder = unit.context.create_builder();
    let place = |at: InstructionValue<'ctx>, from: InstructionValue<'ctx>| {
        if let Some(next) = at.get_next_instruction() {
            builder.position_before(&next);
        }
        builder.unset_current_debug_location();
        location(from)
    };
    let located = |value: IntValue<'ctx>, location| {
        if let Some(instruction) = value.as_instruction() {
            set_location(instruction, location);
        }
        value
    };
    let at = place(base, load);
    let mut wide = located(builder.build_int_z_extend(narrow, ty, "")?, at);
    for (operator, constant) in operators.into_iter().rev() {
        let at = place(operator, operator);
        let constant = ty.const_int(constant, false);
        let result = match operator.get_opcode() {
            O::And => builder.build_and(wide, constant, ""),
            O::Or => builder.build_or(wide, constant, ""),
            O::Xor => builder.build_xor(wide, constant, ""),
            _ => builder.build_right_shift(wide, constant, false, ""),
        };
        wide = located(result?, at);
        // Whatever else it is used for.
        let narrow_type = IntType::try_from(operator.get_type());
        if let Ok(narrow_type) = narrow_type
            && let Some(cut) =
                located(builder.build_int_truncate(wide, narrow_type, "")?, at).as_instruction()
        {
            operator.replace_all_uses_with(&cut);
            operator.erase_from_basic_block();
        }
    }
    if let Some(wide) = wide.as_instruction() {
        let cut = first_operand(extension).and_then(as_instruction);
        extension.replace_all_uses_with(&wide);
        extension.erase_from_basic_block();
        if let Some(cut) = cut.filter(|cut| cut.get_first_use().is_none()) {
            cut.erase_from_basic_block();
        }
    }
    Ok(true)
}
