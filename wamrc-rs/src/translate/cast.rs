//! Types of references at run time: what indirect calls check, `ref.test`, `ref.cast`, and branches on them.

use inkwell::IntPredicate;
use inkwell::values::{BasicValueEnum, IntValue, PointerValue};
use wamr_aot_loader::format::module::{HeapType, RefType, ValType};
use wamr_aot_loader::layout::{canonical_type, func_ref};
use wamr_aot_loader::trap::TrapCause;

use super::function::{FunctionTranslator, Operand};
use crate::error::Result;
use crate::module::{heap_type, ref_type};

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// Is the function that a reference other than null stands for of another type than `ty`, and of none of its sub
    /// types?
    ///
    /// A final type has no sub types, so that two addresses tell. Any other type stands in the list of its sub
    /// types' super types at the position that is the number of its own ones.
    pub(super) fn has_other_type(
        &self,
        reference: PointerValue<'ctx>,
        ty: u32,
    ) -> Result<IntValue<'ctx>> {
        let width = self.unit.config.width;
        let (ptr, isize) = (self.unit.types.ptr, self.unit.types.isize);
        let found = self.load_invariant(ptr, reference, u64::from(func_ref::ty(width)), "type")?;
        let found = found.into_pointer_value();
        let expected =
            self.load_invariant(ptr, self.instance, self.unit.layout.ty(ty), "expected_type")?;
        let expected = expected.into_pointer_value();
        let differs = self
            .builder
            .build_int_compare(IntPredicate::NE, found, expected, "")?;
        if self.unit.module.info.types[ty as usize].is_final {
            return Ok(differs);
        }
        let position = u64::from(self.unit.module.subtyping_depth(ty));
        let equal = self.here()?;
        let [sub_type, super_type, known] =
            ["sub_type", "super_type", "type_known"].map(|name| self.new_block(name));
        self.builder
            .build_conditional_branch(differs, sub_type, known)?;

        self.builder.position_at_end(sub_type);
        let depth = u64::from(canonical_type::depth(width));
        let depth = self.load_invariant(isize, found, depth, "depth")?;
        let is_short = self.builder.build_int_compare(
            IntPredicate::ULE,
            depth.into_int_value(),
            isize.const_int(position, false),
            "",
        )?;
        self.builder
            .build_conditional_branch(is_short, known, super_type)?;

        self.builder.position_at_end(super_type);
        let place = u64::from(canonical_type::supertypes(width));
        let place = place + position * u64::from(width.bytes());
        let above = self.load_invariant(ptr, found, place, "super_type")?;
        let is_other = self.builder.build_int_compare(
            IntPredicate::NE,
            above.into_pointer_value(),
            expected,
            "",
        )?;
        self.builder.build_unconditional_branch(known)?;

        self.builder.position_at_end(known);
        let bool = self.unit.context.bool_type();
        let result = self.builder.build_phi(bool, "other_type")?;
        result.add_incoming(&[
            (&bool.const_zero(), equal),
            (&bool.const_all_ones(), sub_type),
            (&is_other, super_type),
        ]);
        Ok(result.as_basic_value().into_int_value())
    }

    /// Is a reference of the type?
    fn is_of_type(
        &self,
        reference: PointerValue<'ctx>,
        RefType { nullable, heap }: RefType,
    ) -> Result<IntValue<'ctx>> {
        let bool = self.unit.context.bool_type();
        let when_null = bool.const_int(u64::from(nullable), false);
        let is_null = self.builder.build_is_null(reference, "")?;
        let HeapType::Concrete(ty) = heap else {
            // Validation has seen to the kind; then all but null is of the top type, and only null of the bottom.
            let otherwise = bool.const_int(u64::from(!heap.is_bottom()), false);
            let select: BasicValueEnum<'ctx> = self
                .builder
                .build_select(is_null, when_null, otherwise, "")?;
            return Ok(select.into_int_value());
        };
        let here = self.here()?;
        let [there, known] = ["there", "tested"].map(|name| self.new_block(name));
        self.builder
            .build_conditional_branch(is_null, known, there)?;
        self.builder.position_at_end(there);
        let other = self.has_other_type(reference, ty)?;
        let is_it = self.builder.build_not(other, "")?;
        let there = self.here()?;
        self.builder.build_unconditional_branch(known)?;
        self.builder.position_at_end(known);
        let result = self.builder.build_phi(bool, "")?;
        result.add_incoming(&[(&when_null, here), (&is_it, there)]);
        Ok(result.as_basic_value().into_int_value())
    }

    /// The operand of `ref.test` and `ref.cast`, and the type that they name.
    fn pop_tested(
        &mut self,
        heap: wasmparser::HeapType,
        nullable: bool,
    ) -> Result<(Operand<'ctx>, RefType)> {
        let heap = heap_type(heap, u64::from(self.ip))?;
        Ok((self.pop_operand()?, RefType { nullable, heap }))
    }

    pub(super) fn ref_test(&mut self, heap: wasmparser::HeapType, nullable: bool) -> Result<()> {
        let (operand, ty) = self.pop_tested(heap, nullable)?;
        let is_it = self.is_of_type(operand.value.into_pointer_value(), ty)?;
        self.push_bool(is_it)
    }

    /// Traps if the reference is of another type.
    pub(super) fn ref_cast(&mut self, heap: wasmparser::HeapType, nullable: bool) -> Result<()> {
        let (operand, ty) = self.pop_tested(heap, nullable)?;
        let is_it = self.is_of_type(operand.value.into_pointer_value(), ty)?;
        let is_not = self.builder.build_not(is_it, "")?;
        self.trap_if(is_not, TrapCause::CastFailure)?;
        self.push(ValType::Ref(ty), operand.value);
        Ok(())
    }

    /// Branches with the reference on top if it is of type `to` (`br_on_cast`), or if it is not (`br_on_cast_fail`);
    /// otherwise it stays.
    pub(super) fn br_on_cast(
        &mut self,
        depth: u32,
        (from, to): (wasmparser::RefType, wasmparser::RefType),
        on_failure: bool,
    ) -> Result<()> {
        let ip = u64::from(self.ip);
        let rest = ref_type(wasmparser::RefType::difference(from, to), ip)?;
        let (to, heap) = (ref_type(to, ip)?, heap_type(to.heap_type(), ip)?);
        let nullable = to.has_default();
        let operand = self.pop_operand()?;
        let reference = operand.value.into_pointer_value();
        let is_it = self.is_of_type(reference, RefType { nullable, heap })?;
        // The value stays where it was, so its frame slot, if current, stays current.
        self.stack.push(operand);
        if on_failure {
            let is_not = self.builder.build_not(is_it, "")?;
            self.branch_if(is_not, depth)?;
        } else {
            self.branch_if(is_it, depth)?;
        }
        if let Some(operand) = self.stack.last_mut() {
            operand.ty = if on_failure { to } else { rest };
        }
        Ok(())
    }
}
