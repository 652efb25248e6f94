//! Memory on the stack that holds a frame's slots.

use inkwell::values::{BasicValue, BasicValueEnum, InstructionValue, PointerValue};
use wamr_aot_loader::layout::SLOT_SIZE;

use super::{Current, Place, Shown};
use crate::error::{Error, Result};
use crate::translate::{Region, Unit};

/// An area on the stack with the slots of a frame in it. Its size is settled at the end, when the
/// deepest commit point is known.
#[derive(Clone, Copy)]
pub struct SlotMemory<'ctx> {
    /// Where it starts.
    pub start: PointerValue<'ctx>,
    allocation: InstructionValue<'ctx>,
    /// Bytes ahead of the first slot.
    header: u32,
}

impl<'ctx> SlotMemory<'ctx> {
    /// Allocates it, with so many bytes ahead of the slots.
    pub fn new(place: &Place<'_, 'ctx, '_>, name: &str, header: u32) -> Result<Self> {
        let types = &place.unit.types;
        let start =
            (place.entry).build_array_alloca(types.i8, types.i32.const_int(1, false), name)?;
        let allocation = start
            .as_instruction_value()
            .ok_or_else(|| Error::Llvm("a stack slot that is no instruction".into()))?;
        let _ = allocation.set_alignment(16);
        Ok(SlotMemory {
            start,
            allocation,
            header,
        })
    }

    /// Stores those values of a commit point that the memory does not hold yet.
    pub fn store_stale(
        &self,
        place: &Place<'_, 'ctx, '_>,
        shown: &Shown<'_, 'ctx>,
        current: &Current,
    ) -> Result<()> {
        let (locals, operands) = shown.site.slots.split_at(shown.locals.len());
        for (slot, index) in locals.iter().zip(&shown.locals) {
            if !current.has_local(*index) {
                let local = &place.locals[*index];
                let ty = place.unit.types.value(local.ty);
                let value = place.builder.build_load(ty, local.place, "")?;
                self.store(place, slot.slot, value)?;
            }
        }
        for (position, (slot, operand)) in operands.iter().zip(shown.operands).enumerate() {
            if !current.has_operand(position) {
                self.store(place, slot.slot, widen(place, operand.value)?)?;
            }
        }
        Ok(())
    }

    fn store(
        &self,
        place: &Place<'_, 'ctx, '_>,
        slot: u32,
        value: BasicValueEnum<'ctx>,
    ) -> Result<()> {
        let offset = u64::from(self.header) + u64::from(slot) * u64::from(SLOT_SIZE);
        let address = place.unit.offset(place.builder, self.start, offset)?;
        let store = place.builder.build_store(address, value)?;
        let _ = store.set_alignment(SLOT_SIZE);
        place.unit.tag(store, Region::Frame);
        Ok(())
    }

    /// Settles the size: so many slots, and `rest` bytes behind them.
    pub fn settle(&self, unit: &Unit<'ctx, '_>, slots: u32, rest: u32) {
        let size = self.header + slots * SLOT_SIZE + rest;
        let size = unit.types.i32.const_int(u64::from(size), false);
        self.allocation.set_operand(0, size.as_basic_value_enum());
    }
}

/// An operand as its slot holds it: where a reader does not know its type, it finds zeros above a
/// value that is narrower than a slot.
pub fn widen<'ctx>(
    place: &Place<'_, 'ctx, '_>,
    value: BasicValueEnum<'ctx>,
) -> Result<BasicValueEnum<'ctx>> {
    let types = &place.unit.types;
    let bits = match value {
        BasicValueEnum::IntValue(value) if value.get_type() == types.i32 => value,
        BasicValueEnum::FloatValue(value) if value.get_type() == types.f32 => place
            .builder
            .build_bit_cast(value, types.i32, "")?
            .into_int_value(),
        BasicValueEnum::PointerValue(value) if types.isize == types.i32 => {
            place.builder.build_ptr_to_int(value, types.i32, "")?
        }
        value => return Ok(value),
    };
    Ok(place
        .builder
        .build_int_z_extend(bits, types.i64, "")?
        .into())
}
