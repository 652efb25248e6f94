//! Keeps arithmetic from handing out a signalling NaN.
//!
//! WebAssembly's arithmetic returns quiet NaNs. LLVM folds `x * 1`, `x / 1`, `x - 0`, `x + -0` and
//! `demote(promote x)` to `x`, and `x * -1` to `-x`, which leaves a signalling NaN as it is.
//! `llvm.canonicalize`, one instruction on 64-bit targets, is not folded away.
//!
//! Where the target rounds by a sequence of instructions, a NaN goes past them as it is.

use inkwell::values::{
    BasicValue, CallSiteValue, FloatValue, FunctionValue, InstructionOpcode, InstructionValue,
    Operand,
};

use crate::error::{Error, Result};
use crate::translate::Unit;

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
            let operand =
                folded_operand(instruction).or_else(|| rounded_operand(unit, instruction));
            if let Some(operand) = operand
                && let Some(value) = float_operand(instruction, operand)
            {
                let quiet = canonicalize(unit, instruction, value)?;
                instruction.set_operand(operand, quiet.as_basic_value_enum());
            }
        }
    }
    Ok(())
}

/// The operand that LLVM would put in the place of the instruction.
fn folded_operand(instruction: InstructionValue<'_>) -> Option<u32> {
    let constant = |index| {
        float_operand(instruction, index)?
            .get_constant()
            .map(|(value, _)| value)
    };
    match instruction.get_opcode() {
        InstructionOpcode::FMul => match (constant(0), constant(1)) {
            (_, Some(factor)) if factor.abs() == 1.0 => Some(0),
            (Some(factor), _) if factor.abs() == 1.0 => Some(1),
            _ => None,
        },
        InstructionOpcode::FDiv => constant(1)
            .filter(|divisor| divisor.abs() == 1.0)
            .map(|_| 0),
        InstructionOpcode::FAdd | InstructionOpcode::FSub => match (constant(0), constant(1)) {
            (_, Some(0.0)) => Some(0),
            (Some(0.0), _) => Some(1),
            _ => None,
        },
        InstructionOpcode::FPTrunc => {
            let inner = float_operand(instruction, 0)?.as_instruction_value()?;
            (inner.get_opcode() == InstructionOpcode::FPExt).then_some(0)
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

fn float_operand(instruction: InstructionValue<'_>, index: u32) -> Option<FloatValue<'_>> {
    match instruction.get_operand(index)? {
        Operand::Value(value) if value.is_float_value() => Some(value.into_float_value()),
        _ => None,
    }
}

fn canonicalize<'ctx>(
    unit: &Unit<'ctx, '_>,
    before: InstructionValue<'ctx>,
    value: FloatValue<'ctx>,
) -> Result<FloatValue<'ctx>> {
    let intrinsic = inkwell::intrinsics::Intrinsic::find("llvm.canonicalize")
        .and_then(|intrinsic| intrinsic.get_declaration(&unit.llvm, &[value.get_type().into()]))
        .ok_or_else(|| Error::Llvm("no intrinsic llvm.canonicalize".into()))?;
    let builder = unit.context.create_builder();
    builder.position_before(&before);
    let call = builder.build_call(intrinsic, &[value.into()], "")?;
    call.try_as_basic_value()
        .basic()
        .map(|value| value.into_float_value())
        .ok_or_else(|| Error::Llvm("canonicalize has no result".into()))
}
