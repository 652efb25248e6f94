//! The explicit strategy: a record in memory for each activation, linked from the exec env.
//!
//! The record is pushed once, at the entry of functions that contain calls; values are stored ahead
//! of a call where they changed since they were last stored. A function without calls needs no record
//! until it traps or polls: the cold path makes one there.
//!
//! LLVM knows of no reader of a record but calls. Yet a load of linear memory may trap, and then a
//! record of an inlined function may be there in part, or not at all, or still: readers take no record
//! of the machine frame that trapped, and the functions in it from the trap table.

use std::rc::Rc;

use inkwell::values::{BasicValue, BasicValueEnum, PointerValue};
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::layout::{REFERENCE_FLAG_SIZE, SLOT_SIZE, exec_env, frame};

use super::slots::SlotMemory;
use super::{Current, Place, Shown, SiteKind};
use crate::abi::slots_of;
use crate::error::Result;
use crate::options::CallStackFeatures;
use crate::translate::{Region, Unit};

/// The record of the function being translated.
pub struct ExplicitFrame<'ctx> {
    function_index: u32,
    features: CallStackFeatures,
    /// Every activation has a record, from its entry to its return.
    pushed: bool,
    /// A poll was committed, whose call comes next.
    polls: bool,
    record: Option<Record<'ctx>>,
    has_references: bool,
    /// First slot of each local.
    local_slots: Rc<[u32]>,
}

#[derive(Clone, Copy)]
struct Record<'ctx> {
    memory: SlotMemory<'ctx>,
    /// The caller's record.
    prev: Option<BasicValueEnum<'ctx>>,
    /// Address of the reference flags, settled with the size.
    flags: Option<PointerValue<'ctx>>,
}

impl<'ctx> ExplicitFrame<'ctx> {
    /// The frame of a function.
    pub fn new(
        unit: &Unit<'ctx, '_>,
        function_index: u32,
        features: CallStackFeatures,
        local_slots: Rc<[u32]>,
    ) -> Self {
        let scan = unit
            .module
            .defined_index(function_index)
            .map(|defined| &unit.module.scans[defined]);
        ExplicitFrame {
            function_index,
            features,
            pushed: scan.is_some_and(|scan| scan.has_calls),
            polls: false,
            record: None,
            has_references: features.values && scan.is_some_and(|scan| scan.has_references),
            local_slots,
        }
    }

    /// Does every activation have a record?
    pub fn is_pushed(&self) -> bool {
        self.pushed
    }

    /// Pushes the record where every activation has one.
    pub fn enter(&mut self, place: &Place<'_, 'ctx, '_>) -> Result<()> {
        if self.pushed {
            self.push(place)
        } else {
            Ok(())
        }
    }

    fn push(&mut self, place: &Place<'_, 'ctx, '_>) -> Result<()> {
        let unit = place.unit;
        let width = unit.config.width;
        let mut record = self.record(place)?;
        let link = current_frame(place)?;
        let prev = place
            .builder
            .build_load(unit.types.ptr, link, "prev_frame")?;
        if let Some(load) = prev.as_instruction_value() {
            unit.tag(load, Region::Frame);
        }
        self.store_field(place, frame::prev_frame(width), prev)?;
        self.store_field(place, frame::instance(width), place.instance.into())?;
        let flags: BasicValueEnum<'ctx> = if self.has_references {
            let flags = self.flags_address(place, &mut record)?;
            // Parameters and locals keep their types; operands follow at each commit.
            for (local, slot) in place.locals.iter().zip(self.local_slots.iter()) {
                self.store_flag(place, flags, *slot, local.ty)?;
            }
            flags.into()
        } else {
            unit.types.ptr.const_null().into()
        };
        self.store_field(place, frame::frame_ref(width), flags)?;
        let index = unit
            .types
            .i32
            .const_int(u64::from(self.function_index), false);
        self.store_field(place, frame::func_index(width), index.into())?;
        let store = place.builder.build_store(link, record.memory.start)?;
        unit.tag(store, Region::Frame);
        record.prev = Some(prev);
        self.record = Some(record);
        Ok(())
    }

    /// Makes the caller's record the current one again: ahead of a return, or behind a poll if its cold path
    /// has made the record.
    pub fn leave(&mut self, place: &Place<'_, 'ctx, '_>) -> Result<()> {
        let polls = std::mem::take(&mut self.polls);
        if self.pushed != polls {
            self.pop(place)
        } else {
            Ok(())
        }
    }

    /// Where an exception lands: the records of what it has left are gone.
    pub fn land(&mut self, place: &Place<'_, 'ctx, '_>) -> Result<()> {
        if self.pushed
            && let Some(record) = &self.record
        {
            let store = (place.builder).build_store(current_frame(place)?, record.memory.start)?;
            place.unit.tag(store, Region::Frame);
        }
        Ok(())
    }

    fn pop(&mut self, place: &Place<'_, 'ctx, '_>) -> Result<()> {
        if let Some(prev) = self.record.and_then(|record| record.prev) {
            let store = place.builder.build_store(current_frame(place)?, prev)?;
            place.unit.tag(store, Region::Frame);
        }
        Ok(())
    }

    /// Stores what changed, ahead of a call.
    pub fn commit_call(
        &mut self,
        place: &Place<'_, 'ctx, '_>,
        shown: &Shown<'_, 'ctx>,
        current: &mut Current,
    ) -> Result<()> {
        if !self.pushed {
            return Ok(());
        }
        self.commit(place, shown, current)?;
        current.set_shown(&shown.locals, shown.operands.len());
        Ok(())
    }

    /// Shows the frame on the cold path of a trap or poll, where there may be no record yet.
    pub fn commit_cold(
        &mut self,
        place: &Place<'_, 'ctx, '_>,
        shown: &Shown<'_, 'ctx>,
        current: &Current,
    ) -> Result<()> {
        let is_poll = shown.site.kind == SiteKind::Poll;
        let makes_record = !self.pushed && (shown.site.available || is_poll);
        if makes_record {
            self.push(place)?;
        }
        if self.pushed || makes_record {
            self.commit(place, shown, current)?;
        }
        // A trap ends here, but a poll goes on, and leaves its frame behind the call.
        self.polls = is_poll;
        Ok(())
    }

    fn commit(
        &mut self,
        place: &Place<'_, 'ctx, '_>,
        shown: &Shown<'_, 'ctx>,
        current: &Current,
    ) -> Result<()> {
        let unit = place.unit;
        let width = unit.config.width;
        let site = &shown.site;
        // Values are those of the commit point whose offset stands beside them.
        if self.features.ip || self.features.values {
            let ip = unit.types.i32.const_int(u64::from(site.ip), false);
            self.store_field(place, frame::ip(width), ip.into())?;
        }
        if !self.features.values {
            return Ok(());
        }
        let mut record = self.record(place)?;
        record.memory.store_stale(place, shown, current)?;
        if self.has_references && !shown.operands.is_empty() {
            let flags = self.flags_address(place, &mut record)?;
            let operands = site.slots.iter().filter(|slot| slot.is_operand);
            for operand in operands {
                self.store_flag(place, flags, operand.slot, operand.ty)?;
            }
        }
        self.record = Some(record);
        // No slot is valid where no values are available.
        let slots = if site.available {
            self.local_slot_count(place) + site.operand_slots
        } else {
            0
        };
        let slots = unit.types.i32.const_int(u64::from(slots), false);
        self.store_field(place, frame::sp(width), slots.into())
    }

    fn local_slot_count(&self, place: &Place<'_, 'ctx, '_>) -> u32 {
        match (self.local_slots.last(), place.locals.last()) {
            (Some(slot), Some(local)) => slot + slots_of(local.ty),
            _ => 0,
        }
    }

    /// The record's memory, made at its first use.
    fn record(&mut self, place: &Place<'_, 'ctx, '_>) -> Result<Record<'ctx>> {
        if let Some(record) = &self.record {
            return Ok(*record);
        }
        let record = Record {
            memory: SlotMemory::new(place, "frame", frame::lp(place.unit.config.width))?,
            prev: None,
            flags: None,
        };
        self.record = Some(record);
        Ok(record)
    }

    /// Address of the reference flags, which stand after the last slot: known when all commits are.
    fn flags_address(
        &self,
        place: &Place<'_, 'ctx, '_>,
        record: &mut Record<'ctx>,
    ) -> Result<PointerValue<'ctx>> {
        if let Some(address) = record.flags {
            return Ok(address);
        }
        let types = &place.unit.types;
        // The offset is settled in `finish`; a constant expression would be folded away here.
        // SAFETY: the final offset lies within the record.
        let address = unsafe {
            place.entry.build_in_bounds_gep(
                types.i8,
                record.memory.start,
                &[types.i32.const_int(1, false)],
                "frame_ref",
            )?
        };
        record.flags = Some(address);
        Ok(address)
    }

    fn store_flag(
        &self,
        place: &Place<'_, 'ctx, '_>,
        flags: PointerValue<'ctx>,
        slot: u32,
        ty: ValType,
    ) -> Result<()> {
        let is_reference = ty.is_reference();
        let i8 = place.unit.types.i8;
        for i in 0..slots_of(ty) {
            let offset = u64::from((slot + i) * REFERENCE_FLAG_SIZE);
            let address = place.unit.offset(place.builder, flags, offset)?;
            let flag = i8.const_int(u64::from(is_reference), false);
            let store = place.builder.build_store(address, flag)?;
            place.unit.tag(store, Region::Frame);
        }
        Ok(())
    }

    fn store_field(
        &mut self,
        place: &Place<'_, 'ctx, '_>,
        offset: u32,
        value: BasicValueEnum<'ctx>,
    ) -> Result<()> {
        let start = self.record(place)?.memory.start;
        let address = place.unit.offset(place.builder, start, u64::from(offset))?;
        let store = place.builder.build_store(address, value)?;
        place.unit.tag(store, Region::Frame);
        Ok(())
    }

    /// Gives the record its size, and the reference flags their place.
    pub fn finish(&mut self, unit: &Unit<'ctx, '_>, slots: u32) {
        let Some(record) = &self.record else { return };
        let slots = if self.features.values { slots } else { 0 };
        let flags = if self.has_references {
            slots * REFERENCE_FLAG_SIZE
        } else {
            0
        };
        record.memory.settle(unit, slots, flags);
        if let Some(address) = record
            .flags
            .and_then(|address| address.as_instruction_value())
        {
            let offset = frame::lp(unit.config.width) + slots * SLOT_SIZE;
            let offset = unit.types.i32.const_int(u64::from(offset), false);
            address.set_operand(1, offset.as_basic_value_enum());
        }
    }
}

/// Address of the exec env's link to the youngest record.
fn current_frame<'ctx>(place: &Place<'_, 'ctx, '_>) -> Result<PointerValue<'ctx>> {
    let offset = u64::from(exec_env::current_frame(place.unit.config.width));
    place.unit.offset(place.builder, place.exec_env, offset)
}
