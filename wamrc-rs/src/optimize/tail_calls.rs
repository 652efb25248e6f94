//! Tail calls that are sure to jump.
//!
//! LLVM guarantees that a `musttail` call jumps, in every convention and on every target: else code generation
//! fails. What it asks for is that all arguments are in registers, which the calling convention sees to
//! (`abi::Passing::Memory`), and, outside `tailcc`, that caller and callee have the same prototype. The
//! latter is a rule of the verifier's alone; nothing behind it depends on that where no argument is on the
//! stack. `tailcc` itself is no way out: RISC-V does not have it, and on x86-64 every ordinary call of such a function pays for
//! it (`ret 8`).
//!
//! So translation marks tail calls as `tail`, for the verifier and for whoever reads IR; they are `musttail` from
//! here to code generation, and nothing else is `tail` before.

use inkwell::values::{CallSiteValue, InstructionOpcode, LLVMTailCallKind};

use crate::translate::Unit;

/// Makes all `tail` calls `musttail`. Ahead of optimisation, which must not part a call from its return.
pub fn require(unit: &Unit<'_, '_>) {
    change(
        unit,
        LLVMTailCallKind::LLVMTailCallKindTail,
        LLVMTailCallKind::LLVMTailCallKindMustTail,
    );
}

/// Undoes [`require`], for IR that others are to read.
pub fn relax(unit: &Unit<'_, '_>) {
    change(
        unit,
        LLVMTailCallKind::LLVMTailCallKindMustTail,
        LLVMTailCallKind::LLVMTailCallKindTail,
    );
}

fn change(unit: &Unit<'_, '_>, from: LLVMTailCallKind, to: LLVMTailCallKind) {
    for function in unit.llvm.get_functions() {
        for block in function.get_basic_block_iter() {
            // A tail call stands ahead of the return.
            let call = block
                .get_terminator()
                .and_then(|terminator| terminator.get_previous_instruction())
                .filter(|instruction| instruction.get_opcode() == InstructionOpcode::Call);
            if let Some(Ok(call)) = call.map(CallSiteValue::try_from)
                && call.get_tail_call_kind() == from
            {
                call.set_tail_call_kind(to);
            }
        }
    }
}
