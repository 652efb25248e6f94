//! Pairs of floats for which the target has no operation.
//!
//! LLVM's vectoriser makes one `llvm.canonicalize` of a `<2 x float>` of two of a `float`. Instruction selection for x86-64 widens
//! all other operations on such pairs, and crashes at this one (LLVM 22). So it is widened here.

use inkwell::types::VectorType;
use inkwell::values::{
    AnyValueEnum, BasicValue, BasicValueEnum, BasicValueUse, InstructionValue, Operand,
};

use super::quiet::canonicalize;
use crate::error::{Error, Result};
use crate::translate::Unit;

/// Makes operations on four floats of those on two.
pub fn widen_pairs(unit: &Unit<'_, '_>) -> Result<()> {
    let Some(of_pairs) = unit.llvm.get_function("llvm.canonicalize.v2f32") else {
        return Ok(());
    };
    let first = of_pairs
        .as_global_value()
        .as_pointer_value()
        .get_first_use();
    let calls: Vec<_> = std::iter::successors(first, |each| each.get_next_use())
        .filter_map(|each: BasicValueUse<'_>| match each.get_user() {
            AnyValueEnum::VectorValue(call) => call.as_instruction(),
            _ => None,
        })
        .collect();
    for call in calls {
        widen(unit, call)?;
    }
    Ok(())
}

fn widen<'ctx>(unit: &Unit<'ctx, '_>, call: InstructionValue<'ctx>) -> Result<()> {
    let Some(Operand::Value(BasicValueEnum::VectorValue(pair))) = call.get_operand(0) else {
        return Err(Error::Llvm("llvm.canonicalize of no vector".into()));
    };
    let index = unit.context.i32_type();
    let lanes = |count: u64| -> Vec<_> {
        (0..count)
            .map(|lane| index.const_int(lane, false))
            .collect()
    };
    let builder = unit.context.create_builder();
    builder.position_before(&call);
    let any = pair.get_type().get_poison();
    // Lanes 2 and 3 are the first two of what is undefined.
    let four = builder.build_shuffle_vector(pair, any, VectorType::const_vector(&lanes(4)), "")?;
    let quiet = canonicalize(unit, call, four.into())?.into_vector_value();
    let any = quiet.get_type().get_poison();
    let two = builder.build_shuffle_vector(quiet, any, VectorType::const_vector(&lanes(2)), "")?;
    if let Some(two) = two.as_instruction() {
        call.replace_all_uses_with(&two);
        call.erase_from_basic_block();
    }
    Ok(())
}
