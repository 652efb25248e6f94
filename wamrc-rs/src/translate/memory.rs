//! Loads and stores of linear memory.
//!
//! A 32-bit memory with guard pages needs no check: every address that an instruction can form (a
//! 32-bit index plus a 32-bit offset) lies in the reserved address space. Other memories are checked.

use inkwell::IntPredicate;
use inkwell::types::{BasicTypeEnum, IntType};
use inkwell::values::{BasicValue, BasicValueEnum, IntValue, PointerValue};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::module::ValType;
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
        Ok(())
    }

    fn finish_access(&self, memory: u32, access: inkwell::values::InstructionValue<'ctx>) {
        self.unit.tag(access, Region::Memory);
        if self.unit.config.strict_traps && self.memory_is_guarded(memory) {
            // A fault must come where the program has it, and no access may be merged or dropped.
            let _ = access.set_volatile(true);
        }
    }

    /// Address of an access of `size` bytes, checked where guard pages do not.
    fn address(
        &mut self,
        memarg: MemArg,
        index: IntValue<'ctx>,
        size: u64,
    ) -> Result<PointerValue<'ctx>> {
        let types = &self.unit.types;
        let index = self.extend(index, types.i64)?;
        let base = self.memory_base(memory_index(memarg))?;
        if !self.memory_is_guarded(memory_index(memarg)) {
            let outside = self.is_outside(memarg, index, size)?;
            self.trap_if(outside, TrapCause::MemoryOutOfBounds)?;
        }
        let place = self.memory_pointer(base, index)?;
        if memarg.offset == 0 {
            return Ok(place);
        }
        let offset = types.i64.const_int(memarg.offset, false);
        self.memory_pointer(place, offset)
    }

    /// Does an access of `size` bytes at `index` plus the offset end beyond the memory?
    fn is_outside(
        &mut self,
        memarg: MemArg,
        index: IntValue<'ctx>,
        size: u64,
    ) -> Result<IntValue<'ctx>> {
        let i64 = self.unit.types.i64;
        let length = self.memory_length(memory_index(memarg))?;
        let length = self.extend(length, i64)?;
        let Some(reach) = memarg.offset.checked_add(size) else {
            return Ok(self.unit.types.i1.const_all_ones());
        };
        let reach = i64.const_int(reach, false);
        if !self.unit.module.memories[memory_index(memarg) as usize]
            .limits
            .is_64
        {
            // 33 bits at most, so the sum cannot wrap.
            let end = self.builder.build_int_nuw_add(index, reach, "")?;
            return Ok(self
                .builder
                .build_int_compare(IntPredicate::UGT, end, length, "")?);
        }
        let end = self.builder.build_int_add(index, reach, "")?;
        let wraps = self
            .builder
            .build_int_compare(IntPredicate::ULT, end, reach, "")?;
        let beyond = self
            .builder
            .build_int_compare(IntPredicate::UGT, end, length, "")?;
        Ok(self.builder.build_or(wraps, beyond, "")?)
    }

    /// `base` plus a 64-bit number of bytes.
    pub(super) fn memory_pointer(
        &self,
        base: PointerValue<'ctx>,
        bytes: IntValue<'ctx>,
    ) -> Result<PointerValue<'ctx>> {
        let types = &self.unit.types;
        let bytes = self
            .builder
            .build_int_truncate_or_bit_cast(bytes, types.isize, "")?;
        // SAFETY: plain address arithmetic; without `inbounds` it is defined for every value.
        Ok(unsafe { self.builder.build_gep(types.i8, base, &[bytes], "")? })
    }

    pub(super) fn memory_size(&mut self, memory: u32) -> Result<()> {
        let length = self.memory_length(memory)?;
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
fn memory_index(memarg: MemArg) -> u32 {
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
