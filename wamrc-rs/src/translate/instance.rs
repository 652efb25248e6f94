//! Access to the instance and the exec env from compiled code.

use inkwell::AtomicOrdering;
use inkwell::types::BasicType;
use inkwell::values::{BasicValue, BasicValueEnum, PointerValue};
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::layout::{
    SLOT_SIZE, callee_context, exec_env, memory_definition, memory_entry, table_definition,
};

use super::function::FunctionTranslator;
use super::unit::Region;
use crate::error::Result;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// Loads what never changes while the instance exists.
    pub(super) fn load_invariant<T: BasicType<'ctx>>(
        &self,
        ty: T,
        base: PointerValue<'ctx>,
        offset: u64,
        name: &str,
    ) -> Result<BasicValueEnum<'ctx>> {
        let value = self.load_instance(ty, base, offset, name)?;
        if let Some(load) = value.as_instruction_value() {
            self.unit.mark_invariant(load);
        }
        Ok(value)
    }

    /// Loads a pointer that never changes, to a structure of `size` bytes that is always there.
    fn load_structure(
        &self,
        base: PointerValue<'ctx>,
        offset: u64,
        size: u32,
        name: &str,
    ) -> Result<PointerValue<'ctx>> {
        let value = self.load_invariant(self.unit.types.ptr, base, offset, name)?;
        if let Some(load) = value.as_instruction_value() {
            self.unit.mark_dereferenceable(load, size);
        }
        Ok(value.into_pointer_value())
    }

    /// Loads from an instance or from something it points to.
    pub(super) fn load_instance<T: BasicType<'ctx>>(
        &self,
        ty: T,
        base: PointerValue<'ctx>,
        offset: u64,
        name: &str,
    ) -> Result<BasicValueEnum<'ctx>> {
        let place = self.unit.offset(&self.builder, base, offset)?;
        let value = self.builder.build_load(ty, place, name)?;
        if let Some(load) = value.as_instruction_value() {
            self.unit.tag(load, Region::Instance);
        }
        Ok(value)
    }

    /// The exec env of the instance.
    pub(super) fn exec_env(&mut self) -> Result<PointerValue<'ctx>> {
        if let Some(exec_env) = self.exec_env {
            return Ok(exec_env);
        }
        let width = self.unit.config.width;
        let offset = u64::from(callee_context::exec_env(width));
        let size = exec_env::size(width);
        let exec_env =
            self.at_entry(|this| this.load_structure(this.instance, offset, size, "exec_env"))?;
        self.exec_env = Some(exec_env);
        Ok(exec_env)
    }

    /// Loads a parameter that the caller has put into the exec env's argument slots.
    pub(super) fn load_argument(&mut self, slot: u32, ty: ValType) -> Result<BasicValueEnum<'ctx>> {
        let place = self.argument_place(slot)?;
        let llvm = self.unit.types.value(ty);
        let value = self.builder.build_load(llvm, place, "argument")?;
        if let Some(load) = value.as_instruction_value() {
            let _ = load.set_alignment(SLOT_SIZE);
            self.unit.tag(load, Region::Frame);
        }
        Ok(value)
    }

    /// Puts an argument into the exec env's argument slots.
    pub(super) fn store_argument(&mut self, slot: u32, value: BasicValueEnum<'ctx>) -> Result<()> {
        let place = self.argument_place(slot)?;
        let store = self.builder.build_store(place, value)?;
        let _ = store.set_alignment(SLOT_SIZE);
        self.unit.tag(store, Region::Frame);
        Ok(())
    }

    fn argument_place(&mut self, slot: u32) -> Result<PointerValue<'ctx>> {
        let env = self.exec_env()?;
        let offset = u64::from(exec_env::arguments(self.unit.config.width));
        let place = self.unit.offset(&self.builder, env, offset)?;
        let slots = self
            .builder
            .build_load(self.unit.types.ptr, place, "arguments")?;
        if let Some(load) = slots.as_instruction_value() {
            // Not the region of what it points to: a store to a slot leaves it as it is.
            self.unit.tag(load, Region::Instance);
        }
        let offset = u64::from(slot) * u64::from(SLOT_SIZE);
        self.unit
            .offset(&self.builder, slots.into_pointer_value(), offset)
    }

    /// Adds 1 to the function's call counter, where calls are counted.
    ///
    /// Not atomic: an instance's code runs on one thread at a time. Not volatile either, so that loops
    /// around inlined calls can keep a counter in a register.
    pub(super) fn count_call(&mut self) -> Result<()> {
        let defined = self.unit.module.defined_index(self.function_index);
        let Some(defined) = defined.filter(|_| self.unit.config.count_calls) else {
            return Ok(());
        };
        let defined = u32::try_from(defined).map_err(|_| self.internal("too many functions"))?;
        let unit = self.unit;
        let i64 = unit.types.i64;
        let place = self.unit.layout.call_counter(defined);
        let place = unit.offset(&self.builder, self.instance, place)?;
        let count = self.builder.build_load(i64, place, "calls")?;
        let one = i64.const_int(1, false);
        let sum = self
            .builder
            .build_int_add(count.into_int_value(), one, "")?;
        let store = self.builder.build_store(place, sum)?;
        if let Some(load) = count.as_instruction_value() {
            unit.tag(load, Region::Frame);
        }
        unit.tag(store, Region::Frame);
        Ok(())
    }

    /// The definition of a memory.
    pub(super) fn memory_definition(&mut self, memory: u32) -> Result<PointerValue<'ctx>> {
        let width = self.unit.config.width;
        let offset = self.unit.layout.memory(memory) + u64::from(memory_entry::definition(width));
        self.load_structure(
            self.instance,
            offset,
            memory_definition::size(width),
            "memory",
        )
    }

    /// Start of a memory: loaded once a function where memories cannot move.
    pub(super) fn memory_base(&mut self, memory: u32) -> Result<PointerValue<'ctx>> {
        let width = self.unit.config.width;
        let ptr = self.unit.types.ptr;
        if !self.unit.config.guard_pages {
            let definition = self.memory_definition(memory)?;
            let offset = u64::from(memory_definition::base(width));
            return Ok(self
                .load_instance(ptr, definition, offset, "memory.base")?
                .into_pointer_value());
        }
        if let Some(base) = self.memory_bases.get(&memory) {
            return Ok(*base);
        }
        let offset = self.unit.layout.memory(memory) + u64::from(memory_entry::base(width));
        let base = self.at_entry(|this| {
            let base = this.load_invariant(ptr, this.instance, offset, "memory.base")?;
            // The same pointer; but LLVM cannot hand an access at a constant distance from it to the function's callers
            // (argument promotion), where its trap would be theirs.
            let opaque =
                this.call_intrinsic("llvm.strip.invariant.group", &[ptr.into()], &[base.into()])?;
            Ok(opaque.into_pointer_value())
        })?;
        self.memory_bases.insert(memory, base);
        Ok(base)
    }

    /// Current length of a memory in bytes, pointer-sized.
    pub(super) fn memory_length(&mut self, memory: u32) -> Result<inkwell::values::IntValue<'ctx>> {
        let definition = self.memory_definition(memory)?;
        let offset = u64::from(memory_definition::byte_length(self.unit.config.width));
        let isize = self.unit.types.isize;
        let length = self.load_instance(isize, definition, offset, "memory.length")?;
        if self.unit.module.memories[memory as usize].limits.shared
            && let Some(load) = length.as_instruction_value()
        {
            // Another thread may grow the memory meanwhile. A length that was true once is never too large.
            let _ = load.set_atomic_ordering(AtomicOrdering::Unordered);
        }
        Ok(length.into_int_value())
    }

    /// The definition of a table.
    pub(super) fn table_definition(&mut self, table: u32) -> Result<PointerValue<'ctx>> {
        let offset = self.unit.layout.table(table);
        let size = table_definition::size(self.unit.config.width);
        self.load_structure(self.instance, offset, size, "table")
    }

    /// Current number of elements of a table, pointer-sized.
    pub(super) fn table_length(&mut self, table: u32) -> Result<inkwell::values::IntValue<'ctx>> {
        let isize = self.unit.types.isize;
        if let Some(length) = self.unit.module.fixed_tables.get(&table) {
            return Ok(isize.const_int(*length, false));
        }
        let definition = self.table_definition(table)?;
        let offset = u64::from(table_definition::length(self.unit.config.width));
        Ok(self
            .load_instance(isize, definition, offset, "table.length")?
            .into_int_value())
    }

    /// The array of a table's elements.
    pub(super) fn table_elements(&mut self, table: u32) -> Result<PointerValue<'ctx>> {
        let definition = self.table_definition(table)?;
        let offset = u64::from(table_definition::elements(self.unit.config.width));
        let ptr = self.unit.types.ptr;
        let elements = if self.unit.module.fixed_tables.contains_key(&table) {
            self.load_invariant(ptr, definition, offset, "table.elements")?
        } else {
            self.load_instance(ptr, definition, offset, "table.elements")?
        };
        Ok(elements.into_pointer_value())
    }
}
