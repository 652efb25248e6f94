//! Bulk memory operations: checked inline, then LLVM's own block operations.

use inkwell::IntPredicate;
use inkwell::values::{InstructionValue, IntValue, PointerValue};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::trap::TrapCause;

use super::function::FunctionTranslator;
use super::unit::Region;
use crate::error::Result;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    pub(super) fn memory_fill(&mut self, memory: u32) -> Result<()> {
        let length = self.pop_int()?;
        let byte = self.pop_int()?;
        let start = self.pop_int()?;
        self.set_location();
        let place = self.checked_range(memory, start, length)?;
        let byte = self
            .builder
            .build_int_truncate(byte, self.unit.types.i8, "")?;
        let length = self.pointer_sized(length)?;
        let fill = self.builder.build_memset(place, 1, byte, length)?;
        self.tag_block_operation(fill);
        Ok(())
    }

    pub(super) fn memory_copy(&mut self, destination: u32, source: u32) -> Result<()> {
        let length = self.pop_int()?;
        let from = self.pop_int()?;
        let to = self.pop_int()?;
        self.set_location();
        let to = self.checked_range(destination, to, length)?;
        let from = self.checked_range(source, from, length)?;
        let length = self.pointer_sized(length)?;
        let copy = self.builder.build_memmove(to, 1, from, 1, length)?;
        self.tag_block_operation(copy);
        Ok(())
    }

    pub(super) fn memory_init(&mut self, memory: u32, segment: u32) -> Result<()> {
        self.commit_call(3)?;
        let length = self.pop()?;
        let from = self.pop()?;
        let to = self.pop_wide()?;
        let (memory, segment) = (self.index_constant(memory), self.index_constant(segment));
        self.call_builtin(
            BuiltinId::MemoryInit,
            &[
                self.instance.into(),
                memory.into(),
                segment.into(),
                to.into(),
                from.into(),
                length.into(),
            ],
        )?;
        Ok(())
    }

    pub(super) fn data_drop(&mut self, segment: u32) -> Result<()> {
        self.commit_call(0)?;
        let segment = self.index_constant(segment);
        self.call_builtin(BuiltinId::DataDrop, &[self.instance.into(), segment.into()])?;
        Ok(())
    }

    /// Traps unless `start .. start + length` lies in the memory; its address.
    fn checked_range(
        &mut self,
        memory: u32,
        start: IntValue<'ctx>,
        length: IntValue<'ctx>,
    ) -> Result<PointerValue<'ctx>> {
        let size = self.memory_length(memory)?;
        let (start, size) = self.same_width(start, size)?;
        let (length, size) = self.same_width(length, size)?;
        let outside = if self.indices_are_narrow(memory) {
            let end = self.builder.build_int_add(start, length, "")?;
            self.builder
                .build_int_compare(IntPredicate::UGT, end, size, "")?
        } else {
            let behind = self
                .builder
                .build_int_compare(IntPredicate::UGT, start, size, "")?;
            // Where this wraps, the first comparison has found out.
            let rest = self.builder.build_int_sub(size, start, "")?;
            let longer = self
                .builder
                .build_int_compare(IntPredicate::UGT, length, rest, "")?;
            self.builder.build_or(behind, longer, "")?
        };
        self.trap_if(outside, TrapCause::MemoryOutOfBounds)?;
        let base = self.memory_base(memory)?;
        self.memory_pointer(base, start)
    }

    fn pop_wide(&mut self) -> Result<IntValue<'ctx>> {
        let value = self.pop_int()?;
        self.extend(value, self.unit.types.i64)
    }

    fn tag_block_operation(&self, operation: PointerValue<'ctx>) {
        // inkwell types the call of a void intrinsic as a pointer.
        // SAFETY: the value is the call instruction that was just built.
        let call =
            unsafe { InstructionValue::new(inkwell::values::AsValueRef::as_value_ref(&operation)) };
        self.unit.tag(call, Region::Memory);
    }
}
