//! The mapped strategy: nothing is stored. Each call at a commit point carries an operand bundle
//! `deopt` with the number of its site and the values that the site shows; LLVM's stack maps say where
//! the values are at each return address.
//!
//! Inlining a call joins the bundles, the caller's first, so that inlined frames stay.
//!
//! LLVM's register allocator takes no vectors in bundles, and a vector outlives few calls in a register. So a
//! `v128` has a home on the stack, stored to where it changed, and the bundle has the home's address.

use std::collections::BTreeMap;

use inkwell::values::{BasicValueEnum, IntValue, PointerValue};
use wamr_aot_loader::format::module::ValType;

use super::slots::{SlotMemory, widen};
use super::{Current, Place, Shown};
use crate::error::Result;
use crate::translate::{Region, Unit};

/// The frame of the function being translated.
pub struct MappedFrame<'ctx> {
    /// Values go to memory, and bundles hold its address only: for functions of very many locals, and
    /// for those in which LLVM's register allocator would give up.
    in_memory: bool,
    memory: Option<SlotMemory<'ctx>>,
    /// The homes of vectors, by their first slots.
    homes: BTreeMap<u32, PointerValue<'ctx>>,
}

impl<'ctx> MappedFrame<'ctx> {
    /// A frame with its values in registers and wherever LLVM spills them, or in memory.
    pub fn new(in_memory: bool) -> Self {
        MappedFrame {
            in_memory,
            memory: None,
            homes: BTreeMap::new(),
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
            let (locals, operands) = shown.site.slots.split_at(shown.locals.len());
            for (slot, index) in locals.iter().zip(&shown.locals) {
                let local = &place.locals[*index];
                let ty = place.unit.types.value(local.ty);
                let load = || place.builder.build_load(ty, local.place, "");
                values.push(if slot.ty == ValType::V128 {
                    let home = self.home(place, slot.slot)?;
                    if !current.has_local(*index) {
                        store(place, home, load()?)?;
                    }
                    home.into()
                } else {
                    widen(place, load()?)?
                });
            }
            for (position, (slot, operand)) in operands.iter().zip(shown.operands).enumerate() {
                values.push(if slot.ty == ValType::V128 {
                    let home = self.home(place, slot.slot)?;
                    if !current.has_operand(position) {
                        store(place, home, operand.value)?;
                    }
                    home.into()
                } else {
                    // The register allocator gives up on what is narrower than a register.
                    widen(place, operand.value)?
                });
            }
            current.set_shown(&shown.locals, shown.operands.len());
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

    /// The home of the vector whose first slot this is.
    fn home(&mut self, place: &Place<'_, 'ctx, '_>, slot: u32) -> Result<PointerValue<'ctx>> {
        if let Some(home) = self.homes.get(&slot) {
            return Ok(*home);
        }
        let home = place.entry.build_alloca(place.unit.types.v128, "home")?;
        self.homes.insert(slot, home);
        Ok(home)
    }

    /// Settles the size of the memory.
    pub fn finish(&mut self, unit: &Unit<'ctx, '_>, slots: u32) {
        if let Some(memory) = &self.memory {
            memory.settle(unit, slots, 0);
        }
    }
}

fn store<'ctx>(
    place: &Place<'_, 'ctx, '_>,
    home: PointerValue<'ctx>,
    vector: BasicValueEnum<'ctx>,
) -> Result<()> {
    let store = place.builder.build_store(home, vector)?;
    place.unit.tag(store, Region::Frame);
    Ok(())
}
