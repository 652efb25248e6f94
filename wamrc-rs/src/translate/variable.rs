//! Locals and globals.

use inkwell::values::{BasicValue, BasicValueEnum, PointerValue};
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::layout::GLOBAL_SIZE;
use wasmparser::{BinaryReader, ConstExpr, Operator};

use super::function::FunctionTranslator;
use super::unit::Region;
use crate::error::Result;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    pub(super) fn local_get(&mut self, index: u32) -> Result<()> {
        let local = self.locals[index as usize];
        let value = self
            .builder
            .build_load(self.unit.types.value(local.ty), local.place, "")?;
        self.push(local.ty, value);
        Ok(())
    }

    pub(super) fn local_set(&mut self, index: u32) -> Result<()> {
        let value = self.pop()?;
        self.builder
            .build_store(self.locals[index as usize].place, value)?;
        self.frames.local_changed(index);
        Ok(())
    }

    pub(super) fn local_tee(&mut self, index: u32) -> Result<()> {
        let operand = self.pop_operand()?;
        self.builder
            .build_store(self.locals[index as usize].place, operand.value)?;
        self.frames.local_changed(index);
        // The value stays where it was, so its frame slot, if current, stays current.
        self.stack.push(operand);
        Ok(())
    }

    pub(super) fn global_get(&mut self, index: u32) -> Result<()> {
        let ty = self.unit.module.globals[index as usize];
        let llvm = self.unit.types.value(ty.ty);
        if let Some(constant) = self.constant_global(index) {
            self.push(ty.ty, constant);
            return Ok(());
        }
        let place = self.global_place(index)?;
        let value = self.builder.build_load(llvm, place, "")?;
        if let Some(load) = value.as_instruction_value() {
            self.unit.tag(load, Region::Instance);
            let _ = load.set_alignment(global_alignment(ty.ty));
            if !ty.mutable {
                self.unit.mark_invariant(load);
            }
        }
        self.push(ty.ty, value);
        Ok(())
    }

    pub(super) fn global_set(&mut self, index: u32) -> Result<()> {
        let ty = self.unit.module.globals[index as usize];
        let value = self.pop()?;
        let place = self.global_place(index)?;
        let store = self.builder.build_store(place, value)?;
        self.unit.tag(store, Region::Instance);
        let _ = store.set_alignment(global_alignment(ty.ty));
        self.keep_store_in_order(store);
        Ok(())
    }

    fn global_place(&mut self, index: u32) -> Result<PointerValue<'ctx>> {
        let offset = self.unit.layout.global(index);
        if index < self.unit.module.imported_globals {
            Ok(self
                .load_invariant(self.unit.types.ptr, self.instance, offset, "global")?
                .into_pointer_value())
        } else {
            self.unit.offset(&self.builder, self.instance, offset)
        }
    }

    /// The value of an own global that is immutable and initialised with a plain number.
    fn constant_global(&self, index: u32) -> Option<BasicValueEnum<'ctx>> {
        let own = index.checked_sub(self.unit.module.imported_globals)?;
        let global = &self.unit.module.info.globals[own as usize];
        if global.ty.mutable {
            return None;
        }
        let expr = ConstExpr::new(BinaryReader::new(&global.init, 0));
        let mut operators = expr.get_operators_reader();
        let value = self.constant(&operators.read().ok()?)?;
        matches!(operators.read(), Ok(Operator::End)).then_some(value)
    }
}

/// Alignment of a global's cell for a value of type `ty`: cells are aligned to their size.
fn global_alignment(ty: ValType) -> u32 {
    if ty == ValType::V128 { GLOBAL_SIZE } else { 8 }
}
