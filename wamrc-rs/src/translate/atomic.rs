//! Atomic operators of the threads proposal.
//!
//! All are sequentially consistent, the only order that the proposal has, on shared and unshared memories
//! alike. An address that is not a multiple of the access's size traps; that is checked ahead of the
//! access, whose own check may be a guard page.
//!
//! **Accesses that are not atomic** are ordinary loads and stores of LLVM's, of shared memories too. LLVM's atomic
//! `unordered` ones need aligned addresses, which WebAssembly does not promise, and would be calls of functions. What an
//! ordinary load yields in a race is undefined in LLVM's model, but LLVM finds no race: it sees the code of one
//! thread. It makes no store that the program has not, reads no value again where it may have changed, and moves
//! nothing across an atomic access. Where a target has no unaligned accesses (RISC-V without an operating
//! system) an access is made of bytes, and so may tear even if it is aligned.

use inkwell::types::IntType;
use inkwell::values::{BasicValue, InstructionValue, IntValue, PointerValue};
use inkwell::{AtomicOrdering, AtomicRMWBinOp as Rmw, IntPredicate};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::module::ValType::{self, I32, I64};
use wamr_aot_loader::trap::TrapCause;
use wasmparser::{MemArg, Operator as O};

use super::function::FunctionTranslator;
use super::memory::memory_index;
use crate::error::Result;

const ORDER: AtomicOrdering = AtomicOrdering::SequentiallyConsistent;

/// An operator's type, and how many bits of it are in memory. The others are zero.
#[derive(Clone, Copy)]
struct Width(ValType, u32);

impl Width {
    fn whole(ty: ValType) -> Self {
        Width(ty, if ty == I64 { 64 } else { 32 })
    }

    fn bytes(self) -> u64 {
        u64::from(self.1 / 8)
    }
}

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// Translates an atomic operator, and hands on any other.
    pub(super) fn atomic_operator(&mut self, operator: &O<'_>) -> Result<()> {
        match operator {
            O::AtomicFence { .. } => {
                self.set_location();
                self.builder.build_fence(ORDER, false, "")?;
                Ok(())
            }
            O::MemoryAtomicNotify { memarg } => self.atomic_notify(*memarg),
            O::MemoryAtomicWait32 { memarg } => self.atomic_wait(*memarg, BuiltinId::AtomicWait32),
            O::MemoryAtomicWait64 { memarg } => self.atomic_wait(*memarg, BuiltinId::AtomicWait64),
            O::I32AtomicLoad { memarg } => self.atomic_load(*memarg, Width::whole(I32)),
            O::I32AtomicLoad8U { memarg } => self.atomic_load(*memarg, Width(I32, 8)),
            O::I32AtomicLoad16U { memarg } => self.atomic_load(*memarg, Width(I32, 16)),
            O::I64AtomicLoad { memarg } => self.atomic_load(*memarg, Width::whole(I64)),
            O::I64AtomicLoad8U { memarg } => self.atomic_load(*memarg, Width(I64, 8)),
            O::I64AtomicLoad16U { memarg } => self.atomic_load(*memarg, Width(I64, 16)),
            O::I64AtomicLoad32U { memarg } => self.atomic_load(*memarg, Width(I64, 32)),
            O::I32AtomicStore { memarg } => self.atomic_store(*memarg, Width::whole(I32)),
            O::I32AtomicStore8 { memarg } => self.atomic_store(*memarg, Width(I32, 8)),
            O::I32AtomicStore16 { memarg } => self.atomic_store(*memarg, Width(I32, 16)),
            O::I64AtomicStore { memarg } => self.atomic_store(*memarg, Width::whole(I64)),
            O::I64AtomicStore8 { memarg } => self.atomic_store(*memarg, Width(I64, 8)),
            O::I64AtomicStore16 { memarg } => self.atomic_store(*memarg, Width(I64, 16)),
            O::I64AtomicStore32 { memarg } => self.atomic_store(*memarg, Width(I64, 32)),
            O::I32AtomicRmwAdd { memarg } => self.atomic_rmw(*memarg, Width::whole(I32), Rmw::Add),
            O::I32AtomicRmw8AddU { memarg } => self.atomic_rmw(*memarg, Width(I32, 8), Rmw::Add),
            O::I32AtomicRmw16AddU { memarg } => self.atomic_rmw(*memarg, Width(I32, 16), Rmw::Add),
            O::I64AtomicRmwAdd { memarg } => self.atomic_rmw(*memarg, Width::whole(I64), Rmw::Add),
            O::I64AtomicRmw8AddU { memarg } => self.atomic_rmw(*memarg, Width(I64, 8), Rmw::Add),
            O::I64AtomicRmw16AddU { memarg } => self.atomic_rmw(*memarg, Width(I64, 16), Rmw::Add),
            O::I64AtomicRmw32AddU { memarg } => self.atomic_rmw(*memarg, Width(I64, 32), Rmw::Add),
            O::I32AtomicRmwSub { memarg } => self.atomic_rmw(*memarg, Width::whole(I32), Rmw::Sub),
            O::I32AtomicRmw8SubU { memarg } => self.atomic_rmw(*memarg, Width(I32, 8), Rmw::Sub),
            O::I32AtomicRmw16SubU { memarg } => self.atomic_rmw(*memarg, Width(I32, 16), Rmw::Sub),
            O::I64AtomicRmwSub { memarg } => self.atomic_rmw(*memarg, Width::whole(I64), Rmw::Sub),
            O::I64AtomicRmw8SubU { memarg } => self.atomic_rmw(*memarg, Width(I64, 8), Rmw::Sub),
            O::I64AtomicRmw16SubU { memarg } => self.atomic_rmw(*memarg, Width(I64, 16), Rmw::Sub),
            O::I64AtomicRmw32SubU { memarg } => self.atomic_rmw(*memarg, Width(I64, 32), Rmw::Sub),
            O::I32AtomicRmwAnd { memarg } => self.atomic_rmw(*memarg, Width::whole(I32), Rmw::And),
            O::I32AtomicRmw8AndU { memarg } => self.atomic_rmw(*memarg, Width(I32, 8), Rmw::And),
            O::I32AtomicRmw16AndU { memarg } => self.atomic_rmw(*memarg, Width(I32, 16), Rmw::And),
            O::I64AtomicRmwAnd { memarg } => self.atomic_rmw(*memarg, Width::whole(I64), Rmw::And),
            O::I64AtomicRmw8AndU { memarg } => self.atomic_rmw(*memarg, Width(I64, 8), Rmw::And),
            O::I64AtomicRmw16AndU { memarg } => self.atomic_rmw(*memarg, Width(I64, 16), Rmw::And),
            O::I64AtomicRmw32AndU { memarg } => self.atomic_rmw(*memarg, Width(I64, 32), Rmw::And),
            O::I32AtomicRmwOr { memarg } => self.atomic_rmw(*memarg, Width::whole(I32), Rmw::Or),
            O::I32AtomicRmw8OrU { memarg } => self.atomic_rmw(*memarg, Width(I32, 8), Rmw::Or),
            O::I32AtomicRmw16OrU { memarg } => self.atomic_rmw(*memarg, Width(I32, 16), Rmw::Or),
            O::I64AtomicRmwOr { memarg } => self.atomic_rmw(*memarg, Width::whole(I64), Rmw::Or),
            O::I64AtomicRmw8OrU { memarg } => self.atomic_rmw(*memarg, Width(I64, 8), Rmw::Or),
            O::I64AtomicRmw16OrU { memarg } => self.atomic_rmw(*memarg, Width(I64, 16), Rmw::Or),
            O::I64AtomicRmw32OrU { memarg } => self.atomic_rmw(*memarg, Width(I64, 32), Rmw::Or),
            O::I32AtomicRmwXor { memarg } => self.atomic_rmw(*memarg, Width::whole(I32), Rmw::Xor),
            O::I32AtomicRmw8XorU { memarg } => self.atomic_rmw(*memarg, Width(I32, 8), Rmw::Xor),
            O::I32AtomicRmw16XorU { memarg } => self.atomic_rmw(*memarg, Width(I32, 16), Rmw::Xor),
            O::I64AtomicRmwXor { memarg } => self.atomic_rmw(*memarg, Width::whole(I64), Rmw::Xor),
            O::I64AtomicRmw8XorU { memarg } => self.atomic_rmw(*memarg, Width(I64, 8), Rmw::Xor),
            O::I64AtomicRmw16XorU { memarg } => self.atomic_rmw(*memarg, Width(I64, 16), Rmw::Xor),
            O::I64AtomicRmw32XorU { memarg } => self.atomic_rmw(*memarg, Width(I64, 32), Rmw::Xor),
            O::I32AtomicRmwXchg { memarg } => {
                self.atomic_rmw(*memarg, Width::whole(I32), Rmw::Xchg)
            }
            O::I32AtomicRmw8XchgU { memarg } => self.atomic_rmw(*memarg, Width(I32, 8), Rmw::Xchg),
            O::I32AtomicRmw16XchgU { memarg } => {
                self.atomic_rmw(*memarg, Width(I32, 16), Rmw::Xchg)
            }
            O::I64AtomicRmwXchg { memarg } => {
                self.atomic_rmw(*memarg, Width::whole(I64), Rmw::Xchg)
            }
            O::I64AtomicRmw8XchgU { memarg } => self.atomic_rmw(*memarg, Width(I64, 8), Rmw::Xchg),
            O::I64AtomicRmw16XchgU { memarg } => {
                self.atomic_rmw(*memarg, Width(I64, 16), Rmw::Xchg)
            }
            O::I64AtomicRmw32XchgU { memarg } => {
                self.atomic_rmw(*memarg, Width(I64, 32), Rmw::Xchg)
            }
            O::I32AtomicRmwCmpxchg { memarg } => self.atomic_cmpxchg(*memarg, Width::whole(I32)),
            O::I32AtomicRmw8CmpxchgU { memarg } => self.atomic_cmpxchg(*memarg, Width(I32, 8)),
            O::I32AtomicRmw16CmpxchgU { memarg } => self.atomic_cmpxchg(*memarg, Width(I32, 16)),
            O::I64AtomicRmwCmpxchg { memarg } => self.atomic_cmpxchg(*memarg, Width::whole(I64)),
            O::I64AtomicRmw8CmpxchgU { memarg } => self.atomic_cmpxchg(*memarg, Width(I64, 8)),
            O::I64AtomicRmw16CmpxchgU { memarg } => self.atomic_cmpxchg(*memarg, Width(I64, 16)),
            O::I64AtomicRmw32CmpxchgU { memarg } => self.atomic_cmpxchg(*memarg, Width(I64, 32)),
            other => self.vector_operator(other),
        }
    }

    fn atomic_load(&mut self, memarg: MemArg, width: Width) -> Result<()> {
        let place = self.atomic_place(memarg, width)?;
        let value = self.builder.build_load(self.narrow(width), place, "")?;
        if let Some(load) = value.as_instruction_value() {
            self.finish_atomic(memarg, width, load);
            let _ = load.set_atomic_ordering(ORDER);
        }
        self.push_atomic(width, value.into_int_value())
    }

    fn atomic_store(&mut self, memarg: MemArg, width: Width) -> Result<()> {
        let value = self.pop_narrow(width)?;
        let place = self.atomic_place(memarg, width)?;
        let store = self.builder.build_store(place, value)?;
        self.finish_atomic(memarg, width, store);
        let _ = store.set_atomic_ordering(ORDER);
        Ok(())
    }

    fn atomic_rmw(&mut self, memarg: MemArg, width: Width, operation: Rmw) -> Result<()> {
        let value = self.pop_narrow(width)?;
        let place = self.atomic_place(memarg, width)?;
        let old = self
            .builder
            .build_atomicrmw(operation, place, value, ORDER)?;
        if let Some(access) = old.as_instruction_value() {
            self.finish_atomic(memarg, width, access);
        }
        self.push_atomic(width, old)
    }

    fn atomic_cmpxchg(&mut self, memarg: MemArg, width: Width) -> Result<()> {
        let replacement = self.pop_narrow(width)?;
        let expected = self.pop_narrow(width)?;
        let place = self.atomic_place(memarg, width)?;
        let exchange = self
            .builder
            .build_cmpxchg(place, expected, replacement, ORDER, ORDER)?;
        if let Some(access) = exchange.as_instruction_value() {
            self.finish_atomic(memarg, width, access);
        }
        let old = self
            .builder
            .build_extract_value(exchange, 0, "")?
            .into_int_value();
        self.push_atomic(width, old)
    }

    /// `memory.atomic.notify`: how many were woken.
    fn atomic_notify(&mut self, memarg: MemArg) -> Result<()> {
        self.commit_call(2)?;
        let count = self.pop_int()?;
        let address = self.effective_address(memarg)?;
        let memory = self.index_constant(memory_index(memarg));
        let arguments = [
            self.instance.into(),
            memory.into(),
            address.into(),
            count.into(),
        ];
        let woken = self
            .call_builtin(BuiltinId::AtomicNotify, &arguments)?
            .ok_or_else(|| self.internal("notify has no result"))?;
        self.push(I32, woken);
        Ok(())
    }

    /// `memory.atomic.wait32` and `wait64`: 0 if woken, 1 if another value is there, 2 if the time is over.
    fn atomic_wait(&mut self, memarg: MemArg, builtin: BuiltinId) -> Result<()> {
        self.commit_call(3)?;
        let timeout = self.pop_int()?;
        let expected = self.pop_int()?;
        let address = self.effective_address(memarg)?;
        let memory = self.index_constant(memory_index(memarg));
        let arguments = [
            self.instance.into(),
            memory.into(),
            address.into(),
            expected.into(),
            timeout.into(),
        ];
        let outcome = self
            .call_builtin(builtin, &arguments)?
            .ok_or_else(|| self.internal("wait has no result"))?;
        self.push(I32, outcome);
        Ok(())
    }

    /// Pops the index; index plus offset as 64 bits. A sum beyond them is beyond any memory, and so is the largest number.
    fn effective_address(&mut self, memarg: MemArg) -> Result<IntValue<'ctx>> {
        let i64 = self.unit.types.i64;
        let index = self.pop_int()?;
        let index = self.extend(index, i64)?;
        let offset = i64.const_int(memarg.offset, false);
        let sum = self.call_intrinsic(
            "llvm.uadd.sat",
            &[i64.into()],
            &[index.into(), offset.into()],
        )?;
        Ok(sum.into_int_value())
    }

    /// Pops the index; the address of an access, after all checks.
    fn atomic_place(&mut self, memarg: MemArg, width: Width) -> Result<PointerValue<'ctx>> {
        if self.unit.config.atomic_bits < width.1 {
            return Err(self.unsupported(format!(
                "a {}-bit atomic access, for which the target has no instruction,",
                width.1
            )));
        }
        let index = self.pop_int()?;
        self.set_location();
        if width.bytes() > 1 {
            let ty = index.get_type();
            let offset = ty.const_int(memarg.offset, false);
            let sum = self.builder.build_int_add(index, offset, "")?;
            let mask = ty.const_int(width.bytes() - 1, false);
            let rest = self.builder.build_and(sum, mask, "")?;
            let unaligned =
                self.builder
                    .build_int_compare(IntPredicate::NE, rest, ty.const_zero(), "")?;
            self.trap_if(unaligned, TrapCause::UnalignedAtomic)?;
        }
        self.address(memarg, index, width.bytes())
    }

    fn finish_atomic(&self, memarg: MemArg, width: Width, access: InstructionValue<'ctx>) {
        // Not every instruction that has an alignment lets it be set; those have the natural one anyway.
        let _ = access.set_alignment(width.1 / 8);
        self.finish_access(memory_index(memarg), access);
    }

    fn narrow(&self, width: Width) -> IntType<'ctx> {
        let types = &self.unit.types;
        match width.1 {
            8 => types.i8,
            16 => types.i16,
            32 => types.i32,
            _ => types.i64,
        }
    }

    /// Pops an integer of which the low part goes to memory.
    fn pop_narrow(&mut self, width: Width) -> Result<IntValue<'ctx>> {
        let value = self.pop_int()?;
        let narrow = self.narrow(width);
        Ok(self
            .builder
            .build_int_truncate_or_bit_cast(value, narrow, "")?)
    }

    /// Pushes what was in memory.
    fn push_atomic(&mut self, width: Width, value: IntValue<'ctx>) -> Result<()> {
        let wide = self.unit.types.value(width.0).into_int_type();
        let value = self.extend(value, wide)?;
        self.push(width.0, value);
        Ok(())
    }
}
