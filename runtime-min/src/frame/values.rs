//! The values of a frame: bits from a record or from where the frame map says, with the types that the
//! commit point's site has.

use super::{
    FrameValues, SlotValue,
    materialise::local_types,
    record::FrameRecord,
    registers::{Registers, Stack},
};
use crate::{HeapType, Module, Val, ValType, store::StoreInner, types::slots};
use alloc::{vec, vec::Vec};
use wamr_aot_loader::format::framemap::{Location, MappedFrame, SiteView, Slot};

/// What is known of a slot.
#[derive(Clone, Copy)]
enum Bits {
    /// Nothing will read it.
    Dead,
    /// It cannot be found.
    Lost,
    /// It holds this.
    Known(u64),
}

/// A frame's slots before they are values.
struct Slots {
    locals: Vec<Bits>,
    /// Types of the operands, and their slots.
    operand_types: Vec<ValType>,
    operands: Vec<Bits>,
}

impl Slots {
    /// The slots of a site: what it shows is lost until it is found, other locals are dead.
    fn new(site: &SiteView<'_>, local_slots: usize) -> Self {
        let mut locals = vec![Bits::Dead; local_slots];
        for slot in site.locals() {
            if let Some(local) = locals.get_mut(slot as usize) {
                *local = Bits::Lost;
            }
        }
        let operand_types: Vec<_> = site.operands().collect();
        Slots {
            locals,
            operands: vec![Bits::Lost; slots(&operand_types)],
            operand_types,
        }
    }

    fn at(&mut self, slot: Slot) -> Option<&mut Bits> {
        match slot {
            Slot::Local(slot) => self.locals.get_mut(slot as usize),
            Slot::Operand { slot, .. } => self.operands.get_mut(slot as usize),
        }
    }

    fn values(&self, store: &mut StoreInner, locals: &[ValType]) -> FrameValues {
        FrameValues {
            locals: typed(store, locals, &self.locals),
            operands: typed(store, &self.operand_types, &self.operands),
        }
    }
}

/// The values of types that stand in slots.
fn typed(store: &mut StoreInner, types: &[ValType], slots: &[Bits]) -> Vec<SlotValue> {
    let mut slots = slots.iter().copied();
    let mut next = || slots.next().unwrap_or(Bits::Lost);
    let mut values = Vec::with_capacity(types.len());
    for ty in types {
        let first = next();
        let second = if ty.slots() == 2 {
            next()
        } else {
            Bits::Known(0)
        };
        values.push(match (first, second) {
            (Bits::Known(first), Bits::Known(second)) => value(store, *ty, [first, second]),
            (Bits::Dead, _) | (_, Bits::Dead) => SlotValue::Dead,
            _ => SlotValue::Unavailable,
        });
    }
    values
}

/// A value of a type. A reference to a function or an exception is shown only if the store knows it, whatever stands there.
fn value(store: &mut StoreInner, ty: ValType, bits: [u64; 2]) -> SlotValue {
    let bits = match ty {
        // Reference slots are pointer-sized.
        ValType::Ref(_) => [bits[0] as usize as u64, 0],
        _ => bits,
    };
    let address = bits[0] as usize;
    let known = match ty {
        ValType::Ref(_) if address == 0 => true,
        ValType::Ref(ty) => match ty.heap.top() {
            HeapType::Exn => store.exceptions.header(address).is_some(),
            HeapType::Extern => true,
            _ => store.is_func_ref(address),
        },
        _ => true,
    };
    if !known {
        return SlotValue::Unavailable;
    }
    // SAFETY: a function reference is the store's.
    SlotValue::Value(unsafe { Val::from_slots(store, ty, bits) })
}

/// The values of a record at a commit point. `None` if they are not available.
///
/// # Safety
///
/// The record is intact, of an instance of `module`, and its code keeps values in it.
pub(super) unsafe fn of_record(
    store: &mut StoreInner,
    module: &Module,
    record: *const FrameRecord,
    site: &SiteView<'_>,
) -> Option<FrameValues> {
    if !site.is_available {
        return None;
    }
    // SAFETY: as the caller promises.
    let (func_index, sp) = unsafe { ((*record).func_index, (*record).sp) };
    let types = local_types(module, func_index);
    let local_slots = slots(&types);
    // Less where the code had no values to show at this place; then there need not be slots either.
    let operand_slots = (sp as usize).checked_sub(local_slots)?;
    let defined = func_index.checked_sub(module.imported_functions())?;
    let room = module.frames().get(defined)?.max_operand_slots as usize;
    let operand_slots = operand_slots.min(room);
    // SAFETY: the record has slots for every local and for so many operands.
    let slot = |slot: usize| unsafe { FrameRecord::slot(record, slot) };
    let mut found = Slots::new(site, local_slots);
    for shown in site.slots() {
        let number = match shown {
            Slot::Local(slot) => slot as usize,
            Slot::Operand { slot, .. } if (slot as usize) < operand_slots => {
                local_slots + slot as usize
            }
            Slot::Operand { .. } => continue,
        };
        if let Some(bits) = found.at(shown) {
            *bits = Bits::Known(slot(number));
        }
    }
    Some(found.values(store, &types))
}

/// The values of a mapped frame of a function; `None` if they are not available.
pub(super) fn of_map(
    store: &mut StoreInner,
    module: &Module,
    func_index: u32,
    frame: &MappedFrame<'_>,
    registers: &Registers,
    stack: Stack,
) -> Option<FrameValues> {
    if !frame.site.is_available {
        return None;
    }
    let types = local_types(module, func_index);
    let mut found = Slots::new(&frame.site, slots(&types));
    for (slot, location) in frame.values()? {
        let bits = match location {
            Location::Constant(value) => Some(value.cast_unsigned()),
            Location::Register(register) => registers.get(register),
            Location::Memory { register, offset } => registers
                .address(register, offset)
                .and_then(|address| stack.slot(address)),
            Location::Unavailable => None,
        };
        if let (Some(place), Some(bits)) = (found.at(slot), bits) {
            *place = Bits::Known(bits);
        }
    }
    Some(found.values(store, &types))
}
