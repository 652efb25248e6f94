//! The explicit strategy: a record in memory for each activation, linked from the exec env.
//!
//! The record is pushed once, at the entry of functions that contain calls; values are stored ahead
//! of a call where they changed since they were last stored. A function without calls needs no record
//! until it traps: the cold path makes one there.

use std::rc::Rc;

use inkwell::values::{BasicValue, BasicValueEnum, InstructionValue, PointerValue};
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::layout::{REFERENCE_FLAG_SIZE, SLOT_SIZE, exec_env, frame};

use super::{Current, FrameFacts, Site, local_slots};
use crate::abi::slots_of;
use crate::error::Result;
use crate::options::CallStackFeatures;
use crate::translate::{Operand, Region, Unit};

/// The record of the function being translated.
pub struct ExplicitFrame<'ctx> {
    function_index: u32,
    features: CallStackFeatures,
    /// Every activation has a record, from its entry to its return.
    pushed: bool,
    record: Option<Record<'ctx>>,
    has_references: bool,
    max_operand_slots: u32,
    /// Values that cold paths may still store. Traps are many and locals may be, and their product
    /// must not decide how long a compilation takes.
    trap_budget: usize,
}

/// Values that the cold paths of a function may store at least, and per byte of its body.
const TRAP_BUDGET: (usize, usize) = (1024, 1);

#[derive(Clone)]
struct Record<'ctx> {
    place: PointerValue<'ctx>,
    /// The stack slot's size, settled when the deepest commit point is known.
    allocation: InstructionValue<'ctx>,
    /// The caller's record.
    prev: Option<BasicValueEnum<'ctx>>,
    /// First slot of each local.
    local_slots: Rc<[u32]>,
    /// Slots of all locals.
    locals: u32,
    /// Address of the reference flags, settled with the size.
    flags: Option<PointerValue<'ctx>>,
}

impl<'ctx> ExplicitFrame<'ctx> {
    /// The frame of a function.
    pub fn new(unit: &Unit<'ctx, '_>, function_index: u32, features: CallStackFeatures) -> Self {
        let scan = unit
            .module
            .defined_index(function_index)
            .map(|defined| &unit.module.scans[defined]);
        ExplicitFrame {
            function_index,
            features,
            pushed: scan.is_some_and(|scan| scan.has_calls),
            record: None,
            has_references: features.values && scan.is_some_and(|scan| scan.has_references),
            max_operand_slots: 0,
            trap_budget: TRAP_BUDGET.0 + scan.map_or(0, |scan| scan.size * TRAP_BUDGET.1),
        }
    }

    /// Pushes the record where every activation has one.
    pub fn enter(&mut self, site: &Site<'_, 'ctx, '_>) -> Result<()> {
        if self.pushed { self.push(site) } else { Ok(()) }
    }

    fn push(&mut self, site: &Site<'_, 'ctx, '_>) -> Result<()> {
        let unit = site.unit;
        let width = unit.config.width;
        let mut record = self.record(site)?;
        let link = current_frame(site)?;
        let prev = site
            .builder
            .build_load(unit.types.ptr, link, "prev_frame")?;
        if let Some(load) = prev.as_instruction_value() {
            unit.tag(load, Region::Frame);
        }
        self.store_field(site, frame::prev_frame(width), prev)?;
        self.store_field(site, frame::instance(width), site.instance.into())?;
        let flags: BasicValueEnum<'ctx> = if self.has_references {
            let flags = self.flags_address(site, &mut record)?;
            // Parameters and locals keep their types; operands follow at each commit.
            for (local, slot) in site.locals.iter().zip(record.local_slots.iter()) {
                self.store_flag(site, flags, *slot, local.ty)?;
            }
            flags.into()
        } else {
            unit.types.ptr.const_null().into()
        };
        self.store_field(site, frame::frame_ref(width), flags)?;
        let index = unit
            .types
            .i32
            .const_int(u64::from(self.function_index), false);
        self.store_field(site, frame::func_index(width), index.into())?;
        let store = site.builder.build_store(link, record.place)?;
        keep(site, store);
        record.prev = Some(prev);
        self.record = Some(record);
        Ok(())
    }

    /// Makes the caller's record the current one again.
    pub fn leave(&mut self, site: &Site<'_, 'ctx, '_>) -> Result<()> {
        let prev = self.record.as_ref().and_then(|record| record.prev);
        if let (true, Some(prev)) = (self.pushed, prev) {
            let store = site.builder.build_store(current_frame(site)?, prev)?;
            keep(site, store);
        }
        Ok(())
    }

    /// Stores what changed, ahead of a call.
    pub fn commit_call(
        &mut self,
        site: &Site<'_, 'ctx, '_>,
        ip: u32,
        operands: &[Operand<'ctx>],
        current: &mut Current,
    ) -> Result<()> {
        if !self.pushed {
            return Ok(());
        }
        self.commit(site, ip, operands, current)?;
        if self.features.values {
            current.set_all(operands.len());
        }
        Ok(())
    }

    /// Shows the values on the cold path of a trap. The trap itself carries the offset.
    pub fn commit_trap(
        &mut self,
        site: &Site<'_, 'ctx, '_>,
        ip: u32,
        operands: &[Operand<'ctx>],
        current: &Current,
    ) -> Result<()> {
        if !self.features.values || !self.features.trap_ip {
            return Ok(());
        }
        let cost = current.stale_locals().count() + operands.len();
        let Some(budget) = self.trap_budget.checked_sub(cost) else {
            // No slot is valid: the values are not available, which is better than stale.
            if self.pushed {
                let none = site.unit.types.i32.const_zero();
                self.store_field(site, frame::sp(site.unit.config.width), none.into())?;
            }
            return Ok(());
        };
        self.trap_budget = budget;
        if !self.pushed {
            self.push(site)?;
        }
        self.commit(site, ip, operands, current)
    }

    fn commit(
        &mut self,
        site: &Site<'_, 'ctx, '_>,
        ip: u32,
        operands: &[Operand<'ctx>],
        current: &Current,
    ) -> Result<()> {
        let unit = site.unit;
        let width = unit.config.width;
        // Values are those of the commit point whose offset stands beside them.
        if self.features.ip || self.features.values {
            self.store_field(
                site,
                frame::ip(width),
                unit.types.i32.const_int(u64::from(ip), false).into(),
            )?;
        }
        if !self.features.values {
            return Ok(());
        }
        let mut record = self.record(site)?;
        for local in current.stale_locals() {
            let slot = record.local_slots[local];
            let local = &site.locals[local];
            let value = site
                .builder
                .build_load(unit.types.value(local.ty), local.place, "")?;
            self.store_slot(site, record.place, slot, value)?;
        }
        let flags = if self.has_references && !operands.is_empty() {
            Some(self.flags_address(site, &mut record)?)
        } else {
            None
        };
        let mut slot = record.locals;
        for (position, operand) in operands.iter().enumerate() {
            if !current.has_operand(position) {
                let value = widen(site, operand.value)?;
                self.store_slot(site, record.place, slot, value)?;
            }
            if let Some(flags) = flags {
                self.store_flag(site, flags, slot, operand.ty)?;
            }
            slot += slots_of(operand.ty);
        }
        self.max_operand_slots = self.max_operand_slots.max(slot - record.locals);
        self.store_field(
            site,
            frame::sp(width),
            unit.types.i32.const_int(u64::from(slot), false).into(),
        )?;
        self.record = Some(record);
        Ok(())
    }

    /// The record's stack slot, made at its first use.
    fn record(&mut self, site: &Site<'_, 'ctx, '_>) -> Result<Record<'ctx>> {
        if let Some(record) = &self.record {
            return Ok(record.clone());
        }
        let types = &site.unit.types;
        let place =
            site.entry
                .build_array_alloca(types.i8, types.i32.const_int(1, false), "frame")?;
        let allocation = place.as_instruction_value().ok_or_else(|| {
            crate::error::Error::Llvm("a stack slot that is no instruction".into())
        })?;
        let _ = allocation.set_alignment(16);
        let (local_slots, locals) = local_slots(site.locals.iter().map(|local| local.ty));
        let record = Record {
            place,
            allocation,
            prev: None,
            local_slots: local_slots.into(),
            locals,
            flags: None,
        };
        self.record = Some(record.clone());
        Ok(record)
    }

    /// Address of the reference flags, which stand after the last slot: known when all commits are.
    fn flags_address(
        &self,
        site: &Site<'_, 'ctx, '_>,
        record: &mut Record<'ctx>,
    ) -> Result<PointerValue<'ctx>> {
        if let Some(address) = record.flags {
            return Ok(address);
        }
        let types = &site.unit.types;
        // The offset is settled in `finish`; a constant expression would be folded away here.
        // SAFETY: the final offset lies within the record.
        let address = unsafe {
            site.entry.build_in_bounds_gep(
                types.i8,
                record.place,
                &[types.i32.const_int(1, false)],
                "frame_ref",
            )?
        };
        record.flags = Some(address);
        Ok(address)
    }

    fn store_flag(
        &self,
        site: &Site<'_, 'ctx, '_>,
        flags: PointerValue<'ctx>,
        slot: u32,
        ty: ValType,
    ) -> Result<()> {
        let is_reference = matches!(ty, ValType::FuncRef | ValType::ExternRef);
        let i8 = site.unit.types.i8;
        for i in 0..slots_of(ty) {
            let place = site.unit.offset(
                site.builder,
                flags,
                u64::from((slot + i) * REFERENCE_FLAG_SIZE),
            )?;
            let store = site
                .builder
                .build_store(place, i8.const_int(u64::from(is_reference), false))?;
            keep(site, store);
        }
        Ok(())
    }

    fn store_slot(
        &self,
        site: &Site<'_, 'ctx, '_>,
        record: PointerValue<'ctx>,
        slot: u32,
        value: BasicValueEnum<'ctx>,
    ) -> Result<()> {
        let offset =
            u64::from(frame::lp(site.unit.config.width)) + u64::from(slot) * u64::from(SLOT_SIZE);
        let place = site.unit.offset(site.builder, record, offset)?;
        let store = site.builder.build_store(place, value)?;
        let _ = store.set_alignment(SLOT_SIZE);
        keep(site, store);
        Ok(())
    }

    fn store_field(
        &mut self,
        site: &Site<'_, 'ctx, '_>,
        offset: u32,
        value: BasicValueEnum<'ctx>,
    ) -> Result<()> {
        let record = self.record(site)?;
        let place = site
            .unit
            .offset(site.builder, record.place, u64::from(offset))?;
        let store = site.builder.build_store(place, value)?;
        keep(site, store);
        Ok(())
    }

    /// Gives the record its size, and the reference flags their place.
    pub fn finish(&mut self, unit: &Unit<'ctx, '_>) -> FrameFacts {
        if let Some(record) = &self.record {
            let slots = record.locals + self.max_operand_slots;
            let values = if self.features.values { slots } else { 0 };
            let flags = frame::lp(unit.config.width) + values * SLOT_SIZE;
            let size = flags
                + if self.has_references {
                    values * REFERENCE_FLAG_SIZE
                } else {
                    0
                };
            record.allocation.set_operand(
                0,
                unit.types
                    .i32
                    .const_int(u64::from(size), false)
                    .as_basic_value_enum(),
            );
            if let Some(address) = record
                .flags
                .and_then(|address| address.as_instruction_value())
            {
                let offset = unit.types.i32.const_int(u64::from(flags), false);
                address.set_operand(1, offset.as_basic_value_enum());
            }
        }
        FrameFacts {
            has_record: self.pushed,
            has_references: self.has_references,
            max_operand_slots: self.max_operand_slots,
        }
    }
}

/// An operand as its slot holds it: readers know the types of locals only, so an operand that is
/// narrower than a slot is zero-extended.
fn widen<'ctx>(
    site: &Site<'_, 'ctx, '_>,
    value: BasicValueEnum<'ctx>,
) -> Result<BasicValueEnum<'ctx>> {
    let types = &site.unit.types;
    let bits = match value {
        BasicValueEnum::IntValue(value) if value.get_type() == types.i32 => value,
        BasicValueEnum::FloatValue(value) if value.get_type() == types.f32 => site
            .builder
            .build_bit_cast(value, types.i32, "")?
            .into_int_value(),
        BasicValueEnum::PointerValue(value) if types.isize == types.i32 => {
            site.builder.build_ptr_to_int(value, types.i32, "")?
        }
        value => return Ok(value),
    };
    Ok(site.builder.build_int_z_extend(bits, types.i64, "")?.into())
}

/// Marks a store to a record or to the link: it stays, and stays in order with the others.
///
/// LLVM knows of no reader of a record but calls. Yet a load of linear memory may trap, and then the
/// chain of records is walked: it must be whole, and no part of it left from before.
fn keep<'ctx>(site: &Site<'_, 'ctx, '_>, store: InstructionValue<'ctx>) {
    site.unit.tag(store, Region::Frame);
    // Stores can be volatile; the error is for instructions that cannot.
    let _ = store.set_volatile(true);
}

/// Address of the exec env's link to the youngest record.
fn current_frame<'ctx>(site: &Site<'_, 'ctx, '_>) -> Result<PointerValue<'ctx>> {
    let offset = u64::from(exec_env::current_frame(site.unit.config.width));
    site.unit.offset(site.builder, site.exec_env, offset)
}
