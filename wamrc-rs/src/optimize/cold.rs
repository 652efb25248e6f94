//! Computes what only cold calls show where those calls are.
//!
//! The operand bundle of a poll or a trap holds values that were widened for it. LLVM takes such
//! conversions for as good as free and moves them out of loops. There they are not: the converted value of
//! a local needs a register, or a place on the stack, beside the local's own, all through a loop
//! whose poll is hardly ever taken. After optimisation they go back into the cold block.

use inkwell::builder::Builder;
use inkwell::values::{
    AnyValueEnum, BasicValue, CallSiteValue, FunctionValue, InstructionOpcode, InstructionValue,
    IntValue, Operand,
};
use wamr_aot_loader::builtins::BuiltinId;

use super::keep::as_instruction;
use crate::abi::ColdThunk;
use crate::error::{Error, Result};
use crate::translate::Unit;

/// Goes through every function that the unit holds.
pub fn sink_shown_values(unit: &Unit<'_, '_>) -> Result<()> {
    let [trap_thunk, poll_thunk] = ColdThunk::ALL.map(ColdThunk::symbol);
    let cold = [trap_thunk, poll_thunk, BuiltinId::Trap.builtin().symbol]
        .map(|symbol| unit.llvm.get_function(symbol));
    let sinker = Sinker {
        cold,
        builder: unit.context.create_builder(),
    };
    for function in unit.llvm.get_functions() {
        for block in function.get_basic_block_iter() {
            for call in block.get_instructions() {
                sinker.call(call)?;
            }
        }
    }
    Ok(())
}

struct Sinker<'ctx> {
    /// The functions whose calls are cold, as far as the unit calls them.
    cold: [Option<FunctionValue<'ctx>>; 3],
    builder: Builder<'ctx>,
}

impl<'ctx> Sinker<'ctx> {
    /// Sinks what a call's bundle holds, if the call is cold.
    fn call(&self, call: InstructionValue<'ctx>) -> Result<()> {
        let Some(arguments) = self.arguments_of_cold(call) else {
            return Ok(());
        };
        // The bundle's operands are behind the arguments, the callee is last.
        for index in arguments..call.get_num_operands().saturating_sub(1) {
            self.operand(call, index, call)?;
        }
        Ok(())
    }

    /// Sinks the value of an operand of `user`, which is `call` or was sunk to it; then what that is made of.
    fn operand(
        &self,
        mut user: InstructionValue<'ctx>,
        mut index: u32,
        call: InstructionValue<'ctx>,
    ) -> Result<()> {
        let mut ahead = call;
        while let Some(Operand::Value(value)) = user.get_operand(index)
            && let Some(definition) = as_instruction(value)
            && definition.get_parent() != call.get_parent()
            && let Some(source) = source(definition)
            && self.is_only_shown(definition)
        {
            let copy = definition.explicit_clone();
            self.builder.position_before(&ahead);
            match call.get_debug_location() {
                Some(location) => self.builder.set_current_debug_location(location),
                None => self.builder.unset_current_debug_location(),
            }
            self.builder.insert_instruction(&copy, None);
            let value = IntValue::try_from(copy);
            if !value.is_ok_and(|value| user.set_operand(index, value)) {
                return Err(Error::Llvm("an operand cannot be replaced".into()));
            }
            if definition.get_first_use().is_none() {
                definition.erase_from_basic_block();
            }
            (user, index, ahead) = (copy, source, copy);
        }
        Ok(())
    }

    /// Is the value for bundles of cold calls only?
    fn is_only_shown(&self, definition: InstructionValue<'ctx>) -> bool {
        let mut next = definition.get_first_use();
        while let Some(a_use) = next {
            next = a_use.get_next_use();
            let is_cold = match a_use.get_user() {
                AnyValueEnum::InstructionValue(user) => self.arguments_of_cold(user).is_some(),
                _ => false,
            };
            if !is_cold {
                return false;
            }
        }
        true
    }

    /// The number of a call's arguments, if it is a cold one.
    fn arguments_of_cold(&self, call: InstructionValue<'ctx>) -> Option<u32> {
        if call.get_opcode() != InstructionOpcode::Call {
            return None;
        }
        let call = CallSiteValue::try_from(call).ok()?;
        let callee = call.get_called_fn_value();
        let is_cold = callee.is_some() && self.cold.contains(&callee);
        is_cold.then(|| call.count_arguments())
    }
}

/// The only operand of a conversion, or of a computation with a constant, that is no constant.
fn source(definition: InstructionValue<'_>) -> Option<u32> {
    use InstructionOpcode as O;
    if !definition.get_type().is_int_type() {
        return None;
    }
    match definition.get_opcode() {
        O::ZExt | O::SExt | O::Trunc | O::BitCast | O::Freeze => Some(0),
        O::And | O::Or | O::Xor | O::Add | O::Sub | O::Shl | O::LShr | O::AShr => {
            let is_constant = |index| match definition.get_operand(index) {
                Some(Operand::Value(value)) => as_instruction(value).is_none() && value.is_const(),
                _ => false,
            };
            match (is_constant(0), is_constant(1)) {
                (false, true) => Some(0),
                (true, false) => Some(1),
                _ => None,
            }
        }
        _ => None,
    }
}
