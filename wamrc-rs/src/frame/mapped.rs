//! The mapped strategy: nothing is stored. Each call at a commit point carries an operand bundle
//! `deopt` with the number of its site and the values that the site shows; LLVM's stack maps say where
//! the values are at each return address.
//!
//! Inlining a call joins the bundles, the caller's first, so that inlined frames stay.

use inkwell::values::{BasicValueEnum, IntValue};

use super::slots::{SlotMemory, widen};
use super::{Current, Place, Shown};
use crate::error::Result;
use crate::translate::Unit;

/// The frame of the function being translated.
pub struct MappedFrame<'ctx> {
    /// Values go to memory, and bundles hold its address only: for functions of very many locals, and
    /// for those in which LLVM's register allocator would give up.
    in_memory: bool,
    memory: Option<SlotMemory<'ctx>>,
}

impl<'ctx> MappedFrame<'ctx> {
    /// A frame with its values in registers and wherever LLVM spills them, or in memory.
    pub fn new(in_memory: bool) -> Self {
        MappedFrame {
            in_memory,
            memory: None,
        }
    }

    /// The operands of the bundle of a call at a commit point.
    pub fn commit(
        &mut self,
        place: &Place<'_, 'ctx, '_>,
        mut shown: Shown<'_, 'ctx>,
        current: &mut Current,
    ) -> Result<Vec<BasicValueEnum<'ctx>>> {
        let mut values = Vec::with_capacity(1 + shown.site.slots.len());
        if self.in_memory && shown.site.available {
            let memory = match self.memory {
                Some(memory) => memory,
                None => *self.memory.insert(SlotMemory::new(place, "slots", 0)?),
            };
            memory.store_stale(place, &shown, current)?;
            current.set_shown(&shown.locals, shown.operands.len());
            values.push(memory.start.into());
        } else {
            for index in &shown.locals {
                let local = &place.locals[*index];
                let ty = place.unit.types.value(local.ty);
                let value = place.builder.build_load(ty, local.place, "")?;
                push(place, &mut values, value)?;
            }
            for operand in shown.operands {
                push(place, &mut values, operand.value)?;
            }
        }
        shown.site.in_memory = self.in_memory && shown.site.available;
        let id: IntValue<'ctx> = place
            .unit
            .types
            .i64
            .const_int(place.unit.add_site(shown.site), false);
        values.insert(0, id.into());
        Ok(values)
    }

    /// Settles the size of the memory.
    pub fn finish(&mut self, unit: &Unit<'ctx, '_>, slots: u32) {
        if let Some(memory) = &self.memory {
            memory.settle(unit, slots, 0);
        }
    }
}

/// Adds a value to a bundle. LLVM's register allocator gives up on operands that are narrower than a
/// register, so they are widened; a vector becomes two numbers.
fn push<'ctx>(
    place: &Place<'_, 'ctx, '_>,
    values: &mut Vec<BasicValueEnum<'ctx>>,
    value: BasicValueEnum<'ctx>,
) -> Result<()> {
    let types = &place.unit.types;
    if let BasicValueEnum::IntValue(vector) = value
        && vector.get_type() == types.i128
    {
        let shift = types.i128.const_int(64, false);
        let high = place.builder.build_right_shift(vector, shift, false, "")?;
        for half in [vector, high] {
            let half = place.builder.build_int_truncate(half, types.i64, "")?;
            values.push(half.into());
        }
        return Ok(());
    }
    values.push(widen(place, value)?);
    Ok(())
}
