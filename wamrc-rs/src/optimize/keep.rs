//! Keeps what a guard-page access may do beyond its result.
//!
//! To LLVM a load that may fault is an ordinary load: where nothing uses its value it vanishes, and
//! with it the trap that WebAssembly demands. So after translation every load of linear memory whose
//! value reaches no effect is made volatile, and the result of every call that reaches none is given a
//! use without code, so that a callee which only loads does not vanish either. An argument is an effect only if
//! the callee makes one of it: LLVM drops what no function reads.

use std::collections::{HashMap, HashSet};

use inkwell::basic_block::BasicBlock;
use inkwell::intrinsics::Intrinsic;
use inkwell::llvm_sys::prelude::LLVMValueRef;
use inkwell::types::AnyTypeEnum;
use inkwell::values::{
    AsValueRef, BasicMetadataValueEnum, BasicValueEnum, CallSiteValue, FunctionValue,
    InstructionOpcode, InstructionValue, Operand,
};

use crate::error::{Error, Result};
use crate::translate::{TRAP_BLOCK, Unit};

/// Keeps the unused accesses of every function that the unit holds.
pub fn keep_unused_accesses(unit: &Unit<'_, '_>) -> Result<()> {
    let bodies: Vec<_> = (unit.llvm.get_functions())
        .filter(|function| function.count_basic_blocks() > 0)
        .collect();
    let effects = Effects::find(&bodies);
    for function in bodies {
        keep_in_function(unit, function, &effects)?;
    }
    Ok(())
}

/// Passes over all functions that look for parameters which reach an effect. Those that are not found to by then
/// count as if they did not: no trap is lost, and a value is kept that need not be.
const PASSES: usize = 8;

/// The parameters that reach an effect, of the functions whose bodies LLVM sees.
struct Effects(HashMap<LLVMValueRef, Vec<bool>>);

impl Effects {
    fn find(bodies: &[FunctionValue<'_>]) -> Self {
        let none = |function: &FunctionValue<'_>| {
            let params = function.count_params() as usize;
            (function.as_value_ref(), vec![false; params])
        };
        let mut effects = Effects(bodies.iter().map(none).collect());
        for _ in 0..PASSES {
            let mut has_changed = false;
            for function in bodies {
                let known = effects.0.get(&function.as_value_ref());
                if known.is_none_or(|known| known.iter().all(|reaches| *reaches)) {
                    continue;
                }
                let used = values_that_reach_an_effect(*function, &effects);
                let found: Vec<bool> = (function.get_param_iter())
                    .map(|param| used.contains(&param.as_value_ref()))
                    .collect();
                has_changed |= known != Some(&found);
                effects.0.insert(function.as_value_ref(), found);
            }
            if !has_changed {
                break;
            }
        }
        effects
    }

    /// Is it an effect to be passed as this argument?
    fn of_argument(&self, call: CallSiteValue<'_>, index: u32) -> bool {
        call.get_called_fn_value()
            .and_then(|callee| self.0.get(&callee.as_value_ref()))
            .and_then(|params| params.get(index as usize))
            .is_none_or(|reaches| *reaches)
    }
}

fn keep_in_function<'ctx>(
    unit: &Unit<'ctx, '_>,
    function: FunctionValue<'ctx>,
    effects: &Effects,
) -> Result<()> {
    let used = values_that_reach_an_effect(function, effects);
    for block in function.get_basic_block_iter() {
        let mut next = block.get_first_instruction();
        while let Some(instruction) = next {
            next = instruction.get_next_instruction();
            if used.contains(&instruction.as_value_ref()) {
                continue;
            }
            match instruction.get_opcode() {
                InstructionOpcode::Load if unit.is_memory_access(instruction) => {
                    instruction
                        .set_volatile(true)
                        .map_err(|error| Error::Llvm(error.to_string()))?;
                }
                InstructionOpcode::Invoke => {
                    let after = returned(instruction).and_then(BasicBlock::get_first_instruction);
                    if let Some(after) = after {
                        use_without_code(unit, instruction, after)?;
                    }
                }
                InstructionOpcode::Call if !is_intrinsic(instruction) => {
                    if !matches!(instruction.get_type(), AnyTypeEnum::VoidType(_))
                        && let Some(after) = next
                    {
                        use_without_code(unit, instruction, after)?;
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The instructions whose values some effect depends on: a store, a call, a branch or a result.
///
/// What only frames show is no such effect: a record's store goes where LLVM finds that nobody can look, and
/// an operand bundle with its call when that is inlined; the value goes with them. Nor is a trap: where LLVM
/// sees that a value cannot cause it, the check goes, and the value with it.
fn values_that_reach_an_effect(
    function: FunctionValue<'_>,
    effects: &Effects,
) -> HashSet<LLVMValueRef> {
    let mut used = HashSet::new();
    let mut pending = Vec::new();
    for block in function
        .get_basic_block_iter()
        .filter(|block| !is_trap(*block))
    {
        for instruction in block.get_instructions() {
            let effect = match instruction.get_opcode() {
                InstructionOpcode::Call => !is_pure_intrinsic(instruction),
                InstructionOpcode::Invoke => true,
                InstructionOpcode::Store => !is_store_to_stack(instruction),
                InstructionOpcode::AtomicRMW | InstructionOpcode::AtomicCmpXchg => true,
                _ => instruction.is_terminator() && is_decision(instruction),
            };
            if effect {
                pending.push(instruction);
            }
        }
    }
    while let Some(instruction) = pending.pop() {
        if reads_register(instruction) {
            // Its operand is metadata, which inkwell cannot hand out.
            continue;
        }
        // A call's arguments come first, its operand bundle behind them, the callee last; ahead of that, where
        // it is an `invoke`, both places that it goes on at.
        let count = instruction.get_num_operands();
        let call = call_site(instruction);
        let arguments = call.map_or(count, |call| call.count_arguments());
        for (index, operand) in (0..).zip(instruction.get_operands()) {
            if let Some(call) = call {
                let is_shown = (arguments..count.saturating_sub(1)).contains(&index);
                if is_shown || index < arguments && !effects.of_argument(call, index) {
                    continue;
                }
            }
            if let Some(Operand::Value(value)) = operand
                && used.insert(value.as_value_ref())
                && let Some(instruction) = as_instruction(value)
            {
                pending.push(instruction);
            }
        }
    }
    used
}

/// Whether a store goes to the function's own stack frame. After `mem2reg` those are a frame's slots.
fn is_store_to_stack(store: InstructionValue<'_>) -> bool {
    let mut address = store.get_operand(1);
    while let Some(Operand::Value(value)) = address
        && let Some(instruction) = as_instruction(value)
    {
        match instruction.get_opcode() {
            InstructionOpcode::Alloca => return true,
            InstructionOpcode::GetElementPtr => address = instruction.get_operand(0),
            _ => return false,
        }
    }
    false
}

/// Whether the block only raises a trap.
fn is_trap(block: BasicBlock<'_>) -> bool {
    block
        .get_name()
        .to_bytes()
        .starts_with(TRAP_BLOCK.as_bytes())
}

/// Whether it matters where the terminator goes, or what it returns.
fn is_decision(terminator: InstructionValue<'_>) -> bool {
    let targets = || {
        terminator
            .get_operands()
            .flatten()
            .filter_map(|operand| match operand {
                Operand::Block(block) => Some(block),
                Operand::Value(_) => None,
            })
    };
    if targets().any(is_trap) {
        return false;
    }
    let mut ends = targets().map(end_of_empty_blocks);
    match ends.next() {
        Some(first) => ends.any(|end| end != first),
        None => true,
    }
}

/// The first block from here on that does something, if only to find out where control comes from.
fn end_of_empty_blocks(mut block: BasicBlock<'_>) -> BasicBlock<'_> {
    // A loop of empty blocks has no end.
    for _ in 0..16 {
        let Some(jump) = block.get_first_instruction() else {
            break;
        };
        if jump.get_opcode() != InstructionOpcode::Br || jump.get_num_operands() != 1 {
            break;
        }
        let Some(Operand::Block(target)) = jump.get_operand(0) else {
            break;
        };
        let begins_with_phi = target
            .get_first_instruction()
            .is_some_and(|first| first.get_opcode() == InstructionOpcode::Phi);
        if begins_with_phi {
            break;
        }
        block = target;
    }
    block
}

pub(super) fn as_instruction(value: BasicValueEnum<'_>) -> Option<InstructionValue<'_>> {
    use inkwell::values::BasicValue;
    value.as_instruction_value()
}

fn use_without_code<'ctx>(
    unit: &Unit<'ctx, '_>,
    call: InstructionValue<'ctx>,
    after: InstructionValue<'ctx>,
) -> Result<()> {
    let Some(call_site) = call_site(call) else {
        return Ok(());
    };
    // LLVM cannot see into a call through a pointer, so it cannot remove it.
    if call_site.get_called_fn_value().is_none() {
        return Ok(());
    }
    let Some(result) = call_site.try_as_basic_value().basic() else {
        return Ok(());
    };
    use_value(unit, call, result, after)
}

/// A call, or an `invoke`.
fn call_site(instruction: InstructionValue<'_>) -> Option<CallSiteValue<'_>> {
    match instruction.get_opcode() {
        InstructionOpcode::Invoke => {
            // SAFETY: to LLVM both are calls; inkwell's conversion knows only one of them.
            Some(unsafe { CallSiteValue::new(instruction.as_value_ref()) })
        }
        _ => CallSiteValue::try_from(instruction).ok(),
    }
}

/// Where an `invoke` returns to.
fn returned(invoke: InstructionValue<'_>) -> Option<BasicBlock<'_>> {
    invoke
        .get_operands()
        .flatten()
        .find_map(|operand| match operand {
            Operand::Block(block) => Some(block),
            Operand::Value(_) => None,
        })
}

/// Gives the value of an instruction a use without code.
pub(super) fn use_value<'ctx>(
    unit: &Unit<'ctx, '_>,
    instruction: InstructionValue<'ctx>,
    value: BasicValueEnum<'ctx>,
    after: InstructionValue<'ctx>,
) -> Result<()> {
    let fake_use = Intrinsic::find("llvm.fake.use")
        .and_then(|intrinsic| intrinsic.get_declaration(&unit.llvm, &[]))
        .ok_or_else(|| Error::Llvm("no intrinsic llvm.fake.use".into()))?;
    let builder = unit.context.create_builder();
    builder.position_before(&after);
    if let Some(location) = instruction.get_debug_location() {
        builder.set_current_debug_location(location);
    }
    builder.build_call(fake_use, &[BasicMetadataValueEnum::from(value)], "")?;
    Ok(())
}

fn intrinsic_name(call: InstructionValue<'_>) -> Option<String> {
    let function = CallSiteValue::try_from(call).ok()?.get_called_fn_value()?;
    let name = function.get_name().to_string_lossy();
    name.starts_with("llvm.").then(|| name.into_owned())
}

fn reads_register(instruction: InstructionValue<'_>) -> bool {
    instruction.get_opcode() == InstructionOpcode::Call
        && intrinsic_name(instruction).is_some_and(|name| name.starts_with("llvm.read_register"))
}

pub(super) fn is_intrinsic(call: InstructionValue<'_>) -> bool {
    intrinsic_name(call).is_some()
}

/// An intrinsic that only computes: all that translation uses but the block operations.
pub(super) fn is_pure_intrinsic(call: InstructionValue<'_>) -> bool {
    intrinsic_name(call).is_some_and(|name| !name.starts_with("llvm.mem"))
}
