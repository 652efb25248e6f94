//! Tables and references.

use inkwell::IntPredicate;
use inkwell::values::{BasicValue, IntValue, PointerValue};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::module::{HeapType, RefType, ValType};
use wamr_aot_loader::trap::TrapCause;

use super::function::{FunctionTranslator, Operand};
use super::unit::Region;
use crate::error::Result;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    pub(super) fn table_get(&mut self, table: u32) -> Result<()> {
        let index = self.pop_int()?;
        let place = self.element(table, index, TrapCause::TableOutOfBounds)?;
        let value = self.builder.build_load(self.unit.types.ptr, place, "")?;
        if let Some(load) = value.as_instruction_value() {
            self.unit.tag(load, Region::Instance);
        }
        self.push(self.unit.module.tables[table as usize].element, value);
        Ok(())
    }

    pub(super) fn table_set(&mut self, table: u32) -> Result<()> {
        let value = self.pop()?;
        let index = self.pop_int()?;
        let place = self.element(table, index, TrapCause::TableOutOfBounds)?;
        let store = self.builder.build_store(place, value)?;
        self.unit.tag(store, Region::Instance);
        self.keep_store_in_order(store);
        Ok(())
    }

    /// Address of an element, after the check that there is one.
    pub(super) fn element(
        &mut self,
        table: u32,
        index: IntValue<'ctx>,
        cause: TrapCause,
    ) -> Result<PointerValue<'ctx>> {
        let types = &self.unit.types;
        let length = self.table_length(table)?;
        // A 64-bit index on a 32-bit target is compared before it is narrowed.
        let wide = if index.get_type().get_bit_width() > length.get_type().get_bit_width() {
            types.i64
        } else {
            length.get_type()
        };
        let wide_index = self.extend(index, wide)?;
        let wide_length = self.extend(length, wide)?;
        let outside =
            self.builder
                .build_int_compare(IntPredicate::UGE, wide_index, wide_length, "")?;
        self.trap_if(outside, cause)?;
        let index = if wide == types.isize {
            wide_index
        } else {
            self.builder
                .build_int_truncate(wide_index, types.isize, "")?
        };
        let elements = self.table_elements(table)?;
        // SAFETY: the index was checked against the table's length just above.
        Ok(unsafe {
            self.builder
                .build_in_bounds_gep(types.ptr, elements, &[index], "")?
        })
    }

    pub(super) fn table_size(&mut self, table: u32) -> Result<()> {
        let length = self.table_length(table)?;
        self.push_table_number(table, length)
    }

    pub(super) fn table_grow(&mut self, table: u32) -> Result<()> {
        self.commit_call(2)?;
        let delta = self.pop_int()?;
        let delta = self.extend(delta, self.unit.types.i64)?;
        let value = self.pop()?;
        let table_index = self.index_constant(table);
        let old = self
            .call_builtin(
                BuiltinId::TableGrow,
                &[
                    self.instance.into(),
                    table_index.into(),
                    value.into(),
                    delta.into(),
                ],
            )?
            .ok_or_else(|| self.internal("table_grow has no result"))?;
        self.push_table_number(table, old.into_int_value())
    }

    /// Pushes a table's length in the table's index type.
    fn push_table_number(&mut self, table: u32, number: IntValue<'ctx>) -> Result<()> {
        let (ty, llvm) = if self.unit.module.tables[table as usize].limits.is_64 {
            (ValType::I64, self.unit.types.i64)
        } else {
            (ValType::I32, self.unit.types.i32)
        };
        let number =
            self.builder
                .build_int_z_extend_or_bit_cast(number, self.unit.types.i64, "")?;
        let number = self
            .builder
            .build_int_truncate_or_bit_cast(number, llvm, "")?;
        self.push(ty, number);
        Ok(())
    }

    pub(super) fn table_fill(&mut self, table: u32) -> Result<()> {
        self.commit_call(3)?;
        let i64 = self.unit.types.i64;
        let length = self.pop_int()?;
        let length = self.extend(length, i64)?;
        let value = self.pop()?;
        let start = self.pop_int()?;
        let start = self.extend(start, i64)?;
        let table = self.index_constant(table);
        self.call_builtin(
            BuiltinId::TableFill,
            &[
                self.instance.into(),
                table.into(),
                start.into(),
                value.into(),
                length.into(),
            ],
        )?;
        Ok(())
    }

    pub(super) fn table_copy(&mut self, destination: u32, source: u32) -> Result<()> {
        self.commit_call(3)?;
        let i64 = self.unit.types.i64;
        let length = self.pop_int()?;
        let length = self.extend(length, i64)?;
        let from = self.pop_int()?;
        let from = self.extend(from, i64)?;
        let to = self.pop_int()?;
        let to = self.extend(to, i64)?;
        let (destination, source) = (
            self.index_constant(destination),
            self.index_constant(source),
        );
        self.call_builtin(
            BuiltinId::TableCopy,
            &[
                self.instance.into(),
                destination.into(),
                source.into(),
                to.into(),
                from.into(),
                length.into(),
            ],
        )?;
        Ok(())
    }

    pub(super) fn table_init(&mut self, table: u32, segment: u32) -> Result<()> {
        self.commit_call(3)?;
        let length = self.pop()?;
        let from = self.pop()?;
        let to = self.pop_int()?;
        let to = self.extend(to, self.unit.types.i64)?;
        let (table, segment) = (self.index_constant(table), self.index_constant(segment));
        self.call_builtin(
            BuiltinId::TableInit,
            &[
                self.instance.into(),
                table.into(),
                segment.into(),
                to.into(),
                from.into(),
                length.into(),
            ],
        )?;
        Ok(())
    }

    pub(super) fn elem_drop(&mut self, segment: u32) -> Result<()> {
        self.commit_call(0)?;
        let segment = self.index_constant(segment);
        self.call_builtin(BuiltinId::ElemDrop, &[self.instance.into(), segment.into()])?;
        Ok(())
    }

    pub(super) fn ref_null(&mut self, ty: ValType) {
        self.push(ty, self.unit.types.ptr.const_null());
    }

    pub(super) fn ref_is_null(&mut self) -> Result<()> {
        let reference = self.pop()?.into_pointer_value();
        let null = self.builder.build_is_null(reference, "")?;
        self.push_bool(null)
    }

    /// Traps if the reference is null.
    pub(super) fn ref_as_non_null(&mut self) -> Result<()> {
        let operand = self.pop_reference(TrapCause::NullReference)?;
        self.push(non_null(operand.ty), operand.value);
        Ok(())
    }

    /// Pops a reference, and traps with `cause` if it is null.
    pub(super) fn pop_reference(&mut self, cause: TrapCause) -> Result<Operand<'ctx>> {
        let operand = self.pop_operand()?;
        if operand.ty.has_default() {
            let reference = operand.value.into_pointer_value();
            let null = self.builder.build_is_null(reference, "")?;
            self.trap_if(null, cause)?;
        }
        Ok(operand)
    }

    pub(super) fn ref_func(&mut self, function: u32) -> Result<()> {
        let slot = self
            .unit
            .module
            .func_ref_slot(function)
            .ok_or_else(|| self.internal("ref.func of a function without a reference"))?;
        let offset = self.unit.layout.func_ref(slot);
        let reference = self.unit.offset(&self.builder, self.instance, offset)?;
        let ty = RefType::non_null(HeapType::Func);
        self.push(ValType::Ref(ty), reference);
        Ok(())
    }

    /// An index as builtins take it.
    pub(super) fn index_constant(&self, index: u32) -> IntValue<'ctx> {
        self.unit.types.i32.const_int(u64::from(index), false)
    }

    /// Zero-extends to `ty` where the value is narrower.
    pub(super) fn extend(
        &self,
        value: IntValue<'ctx>,
        ty: inkwell::types::IntType<'ctx>,
    ) -> Result<IntValue<'ctx>> {
        if value.get_type() == ty {
            Ok(value)
        } else {
            Ok(self.builder.build_int_z_extend(value, ty, "")?)
        }
    }
}

/// The type without null.
pub(super) fn non_null(ty: ValType) -> ValType {
    match ty {
        ValType::Ref(ty) => ValType::Ref(RefType::non_null(ty.heap)),
        _ => ty,
    }
}
