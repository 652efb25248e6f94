//! Keeps arithmetic from handing out a signalling NaN.
//!
//! WebAssembly's arithmetic returns quiet NaNs. LLVM folds `x * 1`, `x / 1`, `x - 0`, `x + -0` and
//! `demote(promote x)` to `x`, and `x * -1` to `-x`, which leaves a signalling NaN as it is.
//! `llvm.canonicalize`, one instruction on 64-bit targets, is not folded away. The same goes for vectors of
//! such constants. Where a function widens `f32` to `f64` rather than an instruction, it is that function
//! that leaves a signalling NaN as it is.
//!
//! Where the target rounds by a sequence of instructions, a NaN goes past them as it is.

use inkwell::types::BasicTypeEnum;
use inkwell::values::{
    BasicValueEnum, CallSiteValue, FunctionValue, InstructionOpcode, InstructionValue, Operand,
};

use super::keep::as_instruction;
use crate::error::{Error, Result};
use crate::translate::{Unit, float_constant};

/// Rewrites the operations of every function of the unit that would be folded to an operand.
pub fn keep_nans_quiet(unit: &Unit<'_, '_>) -> Result<()> {
    for function in unit.llvm.get_functions() {
        if function.count_basic_blocks() > 0 {
            keep_in_function(unit, function)?;
        }
    }
    Ok(())
}

fn keep_in_function<'ctx>(unit: &Unit<'ctx, '_>, function: FunctionValue<'ctx>) -> Result<()> {
    for block in function.get_basic_block_iter() {
        for instruction in block.get_instructions() {
            let widens =
                unit.config.float_library && instruction.get_opcode() == InstructionOpcode::FPExt;
            let operand = if widens {
                Some(0)
            } else {
                folded_operand(instruction).or_else(|| rounded_operand(unit, instruction))
            };
            if let Some(operand) = operand
                && let Some(value) = float_operand(instruction, operand)
            {
                let quiet = canonicalize(unit, instruction, value)?;
                instruction.set_operand(operand, quiet);
            }
        }
    }
    Ok(())
}

/// The operand that LLVM would put in the place of the instruction.
fn folded_operand(instruction: InstructionValue<'_>) -> Option<u32> {
    let is_constant = |index, holds: fn(f64) -> bool| {
        float_operand(instruction, index)
            .and_then(lanes)
            .is_some_and(|lanes| lanes.into_iter().all(holds))
    };
    // One operand is such a constant, and the other is what is left.
    let is_one: fn(f64) -> bool = |number| number.abs() == 1.0;
    let is_zero: fn(f64) -> bool = |number| number == 0.0;
    match instruction.get_opcode() {
        InstructionOpcode::FMul if is_constant(1, is_one) => Some(0),
        InstructionOpcode::FMul if is_constant(0, is_one) => Some(1),
        InstructionOpcode::FDiv if is_constant(1, is_one) => Some(0),
        InstructionOpcode::FAdd | InstructionOpcode::FSub if is_constant(1, is_zero) => Some(0),
        InstructionOpcode::FAdd | InstructionOpcode::FSub if is_constant(0, is_zero) => Some(1),
        InstructionOpcode::FPTrunc => {
            let inner = behind_casts(float_operand(instruction, 0)?);
            (as_instruction(inner)?.get_opcode() == InstructionOpcode::FPExt).then_some(0)
        }
        _ => None,
    }
}

/// The operand of a rounding which may hand on a signalling NaN.
fn rounded_operand(unit: &Unit<'_, '_>, instruction: InstructionValue<'_>) -> Option<u32> {
    const ROUNDINGS: [&str; 4] = [
        "llvm.ceil.",
        "llvm.floor.",
        "llvm.trunc.",
        "llvm.roundeven.",
    ];
    let types = unit.config.rounds_by_sequence;
    if types.is_empty() || instruction.get_opcode() != InstructionOpcode::Call {
        return None;
    }
    let callee = CallSiteValue::try_from(instruction)
        .ok()?
        .get_called_fn_value()?;
    let name = callee.get_name().to_str().ok()?;
    let ty = ROUNDINGS
        .iter()
        .find_map(|rounding| name.strip_prefix(rounding))?;
    types.contains(&ty).then_some(0)
}

fn value_operand(instruction: InstructionValue<'_>, index: u32) -> Option<BasicValueEnum<'_>> {
    instruction.get_operand(index).and_then(Operand::value)
}

/// An operand that is a float or a vector of floats.
fn float_operand(instruction: InstructionValue<'_>, index: u32) -> Option<BasicValueEnum<'_>> {
    let value = value_operand(instruction, index)?;
    let lane = match value.get_type() {
        BasicTypeEnum::VectorType(vector) => vector.get_element_type(),
        scalar => scalar,
    };
    lane.is_float_type().then_some(value)
}

/// The numbers of a constant, a scalar or a vector, or of one that is the same in all lanes.
fn lanes(value: BasicValueEnum<'_>) -> Option<Vec<f64>> {
    match value {
        BasicValueEnum::FloatValue(value) => Some(vec![float_constant(value)?]),
        BasicValueEnum::VectorValue(vector) if vector.is_null() => Some(vec![0.0]),
        BasicValueEnum::VectorValue(vector) if vector.is_constant_data_vector() => {
            (0..vector.get_type().get_size())
                .map(|lane| match vector.get_element_as_constant(lane) {
                    BasicValueEnum::FloatValue(lane) => float_constant(lane),
                    _ => None,
                })
                .collect()
        }
        BasicValueEnum::VectorValue(vector) => {
            let instruction = vector.as_instruction()?;
            match instruction.get_opcode() {
                // What was a local is a constant now, and its cast is still there.
                InstructionOpcode::BitCast => {
                    let inner = behind_casts(value_operand(instruction, 0)?);
                    if inner.get_type() == vector.get_type().into() {
                        return lanes(inner);
                    }
                    constant_lanes(inner, vector.get_type().get_size())
                }
                // Translation shuffles one lane of floats only to repeat it.
                InstructionOpcode::ShuffleVector => {
                    let single = as_instruction(value_operand(instruction, 0)?)?;
                    let is_insert = single.get_opcode() == InstructionOpcode::InsertElement;
                    match value_operand(single, 1)? {
                        BasicValueEnum::FloatValue(lane) if is_insert => {
                            Some(vec![float_constant(lane)?])
                        }
                        _ => None,
                    }
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The floats in the bits of a constant `<2 x i64>`, which is what vectors are between operators.
fn constant_lanes(value: BasicValueEnum<'_>, count: u32) -> Option<Vec<f64>> {
    let BasicValueEnum::VectorValue(vector) = value else {
        return None;
    };
    if vector.is_null() {
        return Some(vec![0.0]);
    }
    if !vector.is_constant_data_vector() {
        return None;
    }
    let mut numbers = Vec::new();
    for half in 0..2 {
        let BasicValueEnum::IntValue(half) = vector.get_element_as_constant(half) else {
            return None;
        };
        let bits = half.get_zero_extended_constant()?;
        if count == 2 {
            numbers.push(f64::from_bits(bits));
        } else {
            let [low, high] = [bits as u32, (bits >> 32) as u32].map(f32::from_bits);
            numbers.extend([f64::from(low), f64::from(high)]);
        }
    }
    Some(numbers)
}

/// The value of which this is the bits.
fn behind_casts(mut value: BasicValueEnum<'_>) -> BasicValueEnum<'_> {
    while let Some(cast) = as_instruction(value)
        && cast.get_opcode() == InstructionOpcode::BitCast
        && let Some(Operand::Value(inner)) = cast.get_operand(0)
    {
        value = inner;
    }
    value
}

/// The value with its NaNs quiet, computed ahead of an instruction.
pub(super) fn canonicalize<'ctx>(
    unit: &Unit<'ctx, '_>,
    before: InstructionValue<'ctx>,
    value: BasicValueEnum<'ctx>,
) -> Result<BasicValueEnum<'ctx>> {
    let intrinsic = inkwell::intrinsics::Intrinsic::find("llvm.canonicalize")
        .and_then(|intrinsic| intrinsic.get_declaration(&unit.llvm, &[value.get_type()]))
        .ok_or_else(|| Error::Llvm("no intrinsic llvm.canonicalize".into()))?;
    let builder = unit.context.create_builder();
    builder.position_before(&before);
    let call = builder.build_call(intrinsic, &[value.into()], "")?;
    call.try_as_basic_value()
        .basic()
        .ok_or_else(|| Error::Llvm("canonicalize has no result".into()))
}
