//! Loads and stores of linear memory.
//!
//! A 32-bit memory with guard pages needs no check: every address that an instruction can form (a
//! 32-bit index plus a 32-bit offset) lies in the reserved address space. Of a 64-bit memory with guard
//! pages it is enough to compare the index with the size of the reserved address space, a constant: the
//! comparison needs nothing from memory, and a second one of the same index vanishes, whatever its
//! offset and whatever was called between. Other memories are checked against their length.

use inkwell::types::{BasicTypeEnum, IntType};
use inkwell::values::{BasicValue, BasicValueEnum, IntValue, PointerValue};
use inkwell::{AtomicOrdering, IntPredicate};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::layout::{MEMORY64_OFFSET_BITS, MEMORY64_REACH_BITS, PointerWidth};
use wamr_aot_loader::trap::TrapCause;
use wasmparser::{MemArg, MemArgTarget};

use super::function::FunctionTranslator;
use super::unit::Region;
use crate::error::Result;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// Loads a whole value.
    pub(super) fn load(&mut self, memarg: MemArg, ty: ValType) -> Result<()> {
        let llvm = self.unit.types.value(ty);
        let value = self.load_memory(memarg, llvm)?;
        self.push(ty, value);
        Ok(())
    }

    /// Loads a narrower integer and extends it.
    pub(super) fn load_narrow(
        &mut self,
        memarg: MemArg,
        narrow: IntType<'ctx>,
        ty: ValType,
        signed: bool,
    ) -> Result<()> {
        let value = self.load_memory(memarg, narrow.into())?.into_int_value();
        let wide = self.unit.types.value(ty).into_int_type();
        let value = if signed {
            self.builder.build_int_s_extend(value, wide, "")?
        } else {
            self.builder.build_int_z_extend(value, wide, "")?
        };
        self.push(ty, value);
        Ok(())
    }

    pub(super) fn load_memory(
        &mut self,
        memarg: MemArg,
        llvm: BasicTypeEnum<'ctx>,
    ) -> Result<BasicValueEnum<'ctx>> {
        let index = self.pop_int()?;
        self.set_location();
        let place = self.address(memarg, index, byte_size(llvm))?;
        let value = self.builder.build_load(llvm, place, "")?;
        if let Some(load) = value.as_instruction_value() {
            // WebAssembly's alignment is a hint that code may break.
            let _ = load.set_alignment(1);
            self.finish_access(memory_index(memarg), load);
        }
        Ok(value)
    }

    /// Stores a whole value.
    pub(super) fn store(&mut self, memarg: MemArg) -> Result<()> {
        let value = self.pop()?;
        self.store_memory(memarg, value)
    }

    /// Stores the low part of an integer.
    pub(super) fn store_narrow(&mut self, memarg: MemArg, narrow: IntType<'ctx>) -> Result<()> {
        let value = self.pop_int()?;
        let value = self.builder.build_int_truncate(value, narrow, "")?;
        self.store_memory(memarg, value.into())
    }

    pub(super) fn store_memory(
        &mut self,
        memarg: MemArg,
        value: BasicValueEnum<'ctx>,
    ) -> Result<()> {
        let index = self.pop_int()?;
        self.set_location();
        let place = self.address(memarg, index, byte_size(value.get_type()))?;
        let store = self.builder.build_store(place, value)?;
        let _ = store.set_alignment(1);
        self.finish_access(memory_index(memarg), store);
        self.keep_store_in_order(store);
        Ok(())
    }

    pub(super) fn finish_access(
        &self,
        memory: u32,
        access: inkwell::values::InstructionValue<'ctx>,
    ) {
        self.unit.tag(access, Region::Memory);
        if self.unit.config.strict_traps && self.memory_is_guarded(memory) {
            // A fault must come where the program has it, and no access may be merged or dropped.
            let _ = access.set_volatile(true);
        }
    }

    /// Address of an access of `size` bytes, checked where guard pages do not.
    pub(super) fn address(
        &mut self,
        memarg: MemArg,
        index: IntValue<'ctx>,
        size: u64,
    ) -> Result<PointerValue<'ctx>> {
        let index = self.at_least_pointer_sized(index)?;
        let base = self.memory_base(memory_index(memarg))?;
        if let Some(outside) = self.is_outside(memarg, index, size)? {
            self.trap_if(outside, TrapCause::MemoryOutOfBounds)?;
        }
        let place = self.memory_pointer(base, index)?;
        if memarg.offset == 0 {
            return Ok(place);
        }
        let offset = self.unit.types.isize.const_int(memarg.offset, false);
        self.memory_pointer(place, offset)
    }

    /// Does an access of `size` bytes at `index` plus the offset end beyond the memory? `None` where guard
    /// pages find out.
    fn is_outside(
        &mut self,
        memarg: MemArg,
        index: IntValue<'ctx>,
        size: u64,
    ) -> Result<Option<IntValue<'ctx>>> {
        let types = &self.unit.types;
        let memory = memory_index(memarg);
        let ty = self.unit.module.memories[memory as usize];
        // From the index to the last byte of the access.
        let last = memarg.offset.checked_add(size - 1);
        if self.memory_is_guarded(memory) {
            if !ty.limits.is_64 {
                return Ok(None);
            }
            if last.is_some_and(|last| last >> MEMORY64_OFFSET_BITS == 0) {
                let reserved = types.i64.const_int(1 << MEMORY64_REACH_BITS, false);
                let outside =
                    self.builder
                        .build_int_compare(IntPredicate::UGE, index, reserved, "")?;
                return Ok(Some(outside));
            }
        }
        let largest = match self.unit.config.width {
            PointerWidth::Four => u64::from(u32::MAX),
            PointerWidth::Eight => u64::MAX,
        };
        let Some(last) = last.filter(|last| *last <= largest) else {
            return Ok(Some(types.i1.const_all_ones()));
        };
        if self.indices_are_narrow(memory) {
            let length = self.memory_length(memory)?;
            // 34 bits at most, so the sum cannot wrap, and LLVM sees which checks follow from others.
            let reach = types.isize.const_int(last + 1, false);
            let end = self.builder.build_int_nuw_add(index, reach, "")?;
            let outside = self
                .builder
                .build_int_compare(IntPredicate::UGT, end, length, "")?;
            return Ok(Some(outside));
        }
        let limit = self.index_limit(memory, last)?;
        let (index, limit) = self.same_width(index, limit)?;
        let outside = self
            .builder
            .build_int_compare(IntPredicate::UGE, index, limit, "")?;
        Ok(Some(outside))
    }

    /// One more than the largest index of which the byte `last` behind it is in the memory, pointer-sized.
    ///
    /// It does not depend on the index, so a loop computes it once, and no sum of an index and an offset can
    /// wrap.
    fn index_limit(&mut self, memory: u32, last: u64) -> Result<IntValue<'ctx>> {
        let length = self.memory_length(memory)?;
        if last == 0 {
            return Ok(length);
        }
        let ty = self.unit.module.memories[memory as usize];
        let never_shorter = u128::from(ty.limits.min) << ty.page_size_log2 >= u128::from(last);
        let isize = self.unit.types.isize;
        let last = isize.const_int(last, false);
        if never_shorter {
            return Ok(self.builder.build_int_nuw_sub(length, last, "")?);
        }
        let limit = self.call_intrinsic(
            "llvm.usub.sat",
            &[isize.into()],
            &[length.into(), last.into()],
        )?;
        Ok(limit.into_int_value())
    }

    /// Zero-extends the narrower of two numbers.
    pub(super) fn same_width(
        &self,
        a: IntValue<'ctx>,
        b: IntValue<'ctx>,
    ) -> Result<(IntValue<'ctx>, IntValue<'ctx>)> {
        let wide = if a.get_type().get_bit_width() > b.get_type().get_bit_width() {
            a.get_type()
        } else {
            b.get_type()
        };
        Ok((self.extend(a, wide)?, self.extend(b, wide)?))
    }

    /// `base` plus a number of bytes, of which the pointer-sized part counts.
    pub(super) fn memory_pointer(
        &self,
        base: PointerValue<'ctx>,
        bytes: IntValue<'ctx>,
    ) -> Result<PointerValue<'ctx>> {
        let bytes = self.pointer_sized(bytes)?;
        // SAFETY: plain address arithmetic; without `inbounds` it is defined for every value.
        Ok(unsafe {
            self.builder
                .build_gep(self.unit.types.i8, base, &[bytes], "")?
        })
    }

    /// Are the memory's indices, and its length, narrower than a pointer?
    pub(super) fn indices_are_narrow(&self, memory: u32) -> bool {
        let is_64 = self.unit.module.memories[memory as usize].limits.is_64;
        self.unit.config.width == PointerWidth::Eight && !is_64
    }

    fn at_least_pointer_sized(&self, value: IntValue<'ctx>) -> Result<IntValue<'ctx>> {
        let isize = self.unit.types.isize;
        if value.get_type().get_bit_width() < isize.get_bit_width() {
            self.extend(value, isize)
        } else {
            Ok(value)
        }
    }

    /// Zero-extends or truncates.
    pub(super) fn pointer_sized(&self, value: IntValue<'ctx>) -> Result<IntValue<'ctx>> {
        let isize = self.unit.types.isize;
        if value.get_type().get_bit_width() > isize.get_bit_width() {
            Ok(self.builder.build_int_truncate(value, isize, "")?)
        } else {
            self.extend(value, isize)
        }
    }

    pub(super) fn memory_size(&mut self, memory: u32) -> Result<()> {
        let length = self.memory_length(memory)?;
        if self.unit.module.memories[memory as usize].limits.shared
            && let Some(load) = length.as_instruction_value()
        {
            let _ = load.set_atomic_ordering(AtomicOrdering::SequentiallyConsistent);
        }
        let shift = u64::from(self.unit.module.memories[memory as usize].page_size_log2);
        let shift = length.get_type().const_int(shift, false);
        let pages = self.builder.build_right_shift(length, shift, false, "")?;
        self.push_memory_number(memory, pages)
    }

    pub(super) fn memory_grow(&mut self, memory: u32) -> Result<()> {
        self.commit_call(1)?;
        let delta = self.pop_int()?;
        let delta = self.extend(delta, self.unit.types.i64)?;
        let index = self.index_constant(memory);
        let old = self
            .call_builtin(
                BuiltinId::MemoryGrow,
                &[self.instance.into(), index.into(), delta.into()],
            )?
            .ok_or_else(|| self.internal("memory_grow has no result"))?;
        self.push_memory_number(memory, old.into_int_value())
    }

    /// Pushes a number of pages in the memory's index type.
    fn push_memory_number(&mut self, memory: u32, number: IntValue<'ctx>) -> Result<()> {
        let types = &self.unit.types;
        let (ty, llvm) = if self.unit.module.memories[memory as usize].limits.is_64 {
            (ValType::I64, types.i64)
        } else {
            (ValType::I32, types.i32)
        };
        let number = self.extend(number, types.i64)?;
        let number = self
            .builder
            .build_int_truncate_or_bit_cast(number, llvm, "")?;
        self.push(ty, number);
        Ok(())
    }
}

/// The memory that an access is of. Arrays are accessed so only with a feature that is not offered.
pub(super) fn memory_index(memarg: MemArg) -> u32 {
    match memarg.target {
        MemArgTarget::Memory(index) | MemArgTarget::Array(index) => index,
    }
}

/// Size in memory of a type that loads and stores use.
fn byte_size(ty: BasicTypeEnum<'_>) -> u64 {
    match ty {
        BasicTypeEnum::IntType(ty) => u64::from(ty.get_bit_width() / 8),
        BasicTypeEnum::FloatType(ty) => u64::from(ty.get_bit_width() / 8),
        // WebAssembly loads numbers and vectors only.
        _ => 16,
    }
}
