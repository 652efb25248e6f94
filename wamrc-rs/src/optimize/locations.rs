//! Locations of accesses of linear memory, made right after optimisation.
//!
//! x86-64 has no need to load a value before it computes with it: `load` and `add` become one `add`
//! with an address, and LLVM gives that the location of the `add`. A trap would then be reported where
//! the value is used instead of where it is read, and if the load was inlined, its function would be
//! missing in the chain of calls. The `add` itself cannot trap, so its own location is of no use to
//! anyone who looks at a trap: it may as well be the load's.
//!
//! An access that lost its location, as one that was hoisted did, would seem to be where the instruction
//! ahead of it is. It gets a location that says no offset.

use std::collections::HashMap;
use std::ptr::null_mut;

use inkwell::llvm_sys::core::{LLVMGetNumOperands, LLVMGetOperand};
use inkwell::llvm_sys::debuginfo::{
    LLVMDIBuilderCreateDebugLocation, LLVMDILocationGetInlinedAt, LLVMDILocationGetScope,
    LLVMGetSubprogram, LLVMInstructionGetDebugLoc, LLVMInstructionSetDebugLoc,
};
use inkwell::llvm_sys::prelude::{LLVMMetadataRef, LLVMValueRef};
use inkwell::values::{
    AsValueRef, BasicValueEnum, FunctionValue, InstructionOpcode, InstructionValue, Operand,
};

use super::keep::{as_instruction, is_intrinsic, is_pure_intrinsic, use_value};
use super::widen::widen;
use crate::error::Result;
use crate::translate::Unit;

/// Moves locations in every function that the unit holds; the last step before code generation.
pub fn locate_folded_loads(unit: &Unit<'_, '_>) -> Result<()> {
    for function in unit.llvm.get_functions() {
        if function.count_basic_blocks() > 0 {
            locate_in_function(unit, function)?;
        }
    }
    Ok(())
}

fn locate_in_function<'ctx>(unit: &Unit<'ctx, '_>, function: FunctionValue<'ctx>) -> Result<()> {
    // SAFETY: the function is one of a module that is alive; null is none.
    let subprogram = unsafe { LLVMGetSubprogram(function.as_value_ref()) };
    for block in function.get_basic_block_iter() {
        // The loads of this block, by their values and what these were converted to.
        let mut loads = HashMap::new();
        let mut next = block.get_first_instruction();
        while let Some(instruction) = next {
            next = instruction.get_next_instruction();
            let opcode = instruction.get_opcode();
            if unit.is_memory_access(instruction) && location(instruction).is_null() {
                set_location(instruction, location_in(unit, subprogram, null_mut()));
            }
            match opcode {
                InstructionOpcode::Load if unit.is_memory_access(instruction) => {
                    loads.insert(instruction.as_value_ref(), instruction);
                }
                InstructionOpcode::Store if unit.is_memory_access(instruction) => {
                    locate_store(instruction, &loads);
                }
                _ if may_do_more(instruction) => {}
                InstructionOpcode::ZExt if widen(unit, instruction, &loads)? => {}
                _ => {
                    let used = used_loads(instruction, &loads);
                    locate(unit, instruction, &used)?;
                    if let [load] = used[..]
                        && is_conversion(opcode)
                    {
                        loads.insert(instruction.as_value_ref(), load);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Whether the instruction does more than compute a value or decide where to go on.
fn may_do_more(instruction: InstructionValue<'_>) -> bool {
    match instruction.get_opcode() {
        InstructionOpcode::Call => !is_intrinsic(instruction) || !is_pure_intrinsic(instruction),
        InstructionOpcode::Load
        | InstructionOpcode::Store
        | InstructionOpcode::Phi
        | InstructionOpcode::Alloca
        | InstructionOpcode::AtomicCmpXchg
        | InstructionOpcode::AtomicRMW
        | InstructionOpcode::Fence
        | InstructionOpcode::Invoke => true,
        _ => false,
    }
}

/// Whether the machine may do it while it loads.
fn is_conversion(opcode: InstructionOpcode) -> bool {
    matches!(
        opcode,
        InstructionOpcode::ZExt
            | InstructionOpcode::SExt
            | InstructionOpcode::Trunc
            | InstructionOpcode::BitCast
            | InstructionOpcode::FPExt
            | InstructionOpcode::FPTrunc
            | InstructionOpcode::ShuffleVector
            | InstructionOpcode::InsertElement
            | InstructionOpcode::ExtractElement
    )
}

/// The loads that an instruction uses the values of, each once.
fn used_loads<'ctx>(
    instruction: InstructionValue<'ctx>,
    loads: &HashMap<LLVMValueRef, InstructionValue<'ctx>>,
) -> Vec<InstructionValue<'ctx>> {
    let mut used = Vec::new();
    for load in operands(instruction).filter_map(|value| loads.get(&value)) {
        if !used.contains(load) {
            used.push(*load);
        }
    }
    used
}

/// Gives an instruction the location of the load that may become part of it.
fn locate<'ctx>(
    unit: &Unit<'ctx, '_>,
    instruction: InstructionValue<'ctx>,
    used: &[InstructionValue<'ctx>],
) -> Result<()> {
    match used {
        [] => {}
        [load] => set_location(instruction, location(*load)),
        // Any of them may become part of it: only the function is known.
        [first, rest @ ..] if rest.iter().all(|load| chain(*load) == chain(*first)) => {
            set_location(instruction, location_of_none(unit, *first));
        }
        // None of them may, once they have another use.
        several => {
            for load in several {
                // SAFETY: the value of a load is of a type that values have.
                let value = unsafe { BasicValueEnum::new(load.as_value_ref()) };
                if let Some(after) = load.get_next_instruction() {
                    use_value(unit, *load, value, after)?;
                }
            }
        }
    }
    Ok(())
}

/// A store behind a load of the same address cannot trap if the load did not; the two may become one
/// instruction with what is computed between them.
fn locate_store<'ctx>(
    store: InstructionValue<'ctx>,
    loads: &HashMap<LLVMValueRef, InstructionValue<'ctx>>,
) {
    let stored = store.get_operand(0).and_then(|operand| match operand {
        Operand::Value(value) => as_instruction(value),
        Operand::Block(_) => None,
    });
    let (Some(stored), Some(address)) = (stored, operands(store).nth(1)) else {
        return;
    };
    let of_address = |load: &InstructionValue<'ctx>| operands(*load).next() == Some(address);
    if let Some(load) = used_loads(stored, loads).into_iter().find(of_address) {
        set_location(store, location(load));
    }
}

fn operands(instruction: InstructionValue<'_>) -> impl Iterator<Item = LLVMValueRef> {
    let instruction = instruction.as_value_ref();
    // SAFETY: the instruction is one of a module that is alive. Not through inkwell, which cannot hand
    // out metadata, as some intrinsics have it.
    let count = unsafe { LLVMGetNumOperands(instruction) };
    (0..u32::try_from(count).unwrap_or(0)).map(move |index| {
        // SAFETY: as above; there are `count` operands.
        unsafe { LLVMGetOperand(instruction, index) }
    })
}

pub(super) fn location(instruction: InstructionValue<'_>) -> LLVMMetadataRef {
    // SAFETY: the instruction is one of a module that is alive; null is no location.
    unsafe { LLVMInstructionGetDebugLoc(instruction.as_value_ref()) }
}

pub(super) fn set_location(instruction: InstructionValue<'_>, location: LLVMMetadataRef) {
    if !location.is_null() {
        // SAFETY: both belong to one function of a module that is alive.
        unsafe { LLVMInstructionSetDebugLoc(instruction.as_value_ref(), location) };
    }
}

/// The function that an instruction is of, and the call that it was inlined at.
fn chain(instruction: InstructionValue<'_>) -> (LLVMMetadataRef, LLVMMetadataRef) {
    let location = location(instruction);
    if location.is_null() {
        return (location, location);
    }
    // SAFETY: the location is that of an instruction of a module that is alive.
    unsafe {
        (
            LLVMDILocationGetScope(location),
            LLVMDILocationGetInlinedAt(location),
        )
    }
}

/// A location in the same function as an instruction's that says no offset.
fn location_of_none(unit: &Unit<'_, '_>, instruction: InstructionValue<'_>) -> LLVMMetadataRef {
    let (scope, inlined_at) = chain(instruction);
    location_in(unit, scope, inlined_at)
}

/// A location in a function that says no offset.
fn location_in(
    unit: &Unit<'_, '_>,
    scope: LLVMMetadataRef,
    inlined_at: LLVMMetadataRef,
) -> LLVMMetadataRef {
    if scope.is_null() {
        return scope;
    }
    // SAFETY: scope and call are metadata of this context.
    unsafe { LLVMDIBuilderCreateDebugLocation(unit.context.raw(), 0, 0, scope, inlined_at) }
}
