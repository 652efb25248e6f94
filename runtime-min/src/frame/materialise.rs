//! Frames as records in memory, with the layout that the object's header states: for who wants to read
//! the frames of any strategy through one structure.

use super::{FrameView, SlotValue, record::FrameRecord};
use crate::{Error, Module, Store, Val, exec_env::CalleeContext, store::StoreInner, types::slots};
use alloc::{vec, vec::Vec};
use core::{mem::offset_of, ptr};

/// Linked frame records in memory of their own.
///
/// Each is laid out as `wamr_aot_loader::layout::frame` has it. Where a frame has no values, `sp` is 0
/// and there are no slots; a slot without a value is 0, and so is its reference flag.
#[derive(Debug)]
pub struct Records {
    /// The records' memory, youngest last. None is empty.
    memory: Vec<Vec<u64>>,
}

impl Records {
    /// Address of the youngest frame's record, null if there are no frames. The records may be read as
    /// long as this value lives.
    pub fn youngest(&self) -> *const u8 {
        self.memory
            .last()
            .map_or(ptr::null(), |record| record.as_ptr().cast())
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// No frames?
    pub fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }
}

/// Lays out frames of a store, youngest first, as linked records.
///
/// # Errors
///
/// A frame shows a reference of another store.
pub fn materialise(store: &Store, frames: &[FrameView]) -> Result<Records, Error> {
    let mut records = Records {
        memory: Vec::with_capacity(frames.len()),
    };
    for frame in frames.iter().rev() {
        let record = lay_out(store.inner(), frame, records.youngest().cast())?;
        records.memory.push(record);
    }
    Ok(records)
}

/// Slots of a frame and, for each, whether it holds a reference.
fn slots_of(store: &StoreInner, frame: &FrameView) -> Result<Vec<(u64, bool)>, Error> {
    let Some(values) = frame.values() else {
        return Ok(Vec::new());
    };
    let types = local_types(frame.module(), frame.func_index());
    let mut slots = Vec::new();
    for (index, shown) in values.locals.iter().chain(&values.operands).enumerate() {
        let SlotValue::Value(value) = shown else {
            // An operand without a value has an unknown type too; then one slot stands for it.
            let size = types.get(index).map_or(1, |ty| self::slots(&[*ty]));
            slots.extend((0..size).map(|_| (0, false)));
            continue;
        };
        let is_reference = matches!(value, Val::FuncRef(_) | Val::ExternRef(_) | Val::ExnRef(_));
        let [first, second] = value.to_slots(store)?;
        slots.push((first, is_reference));
        if matches!(value, Val::V128(_)) {
            slots.push((second, false));
        }
    }
    Ok(slots)
}

/// Types of parameters and locals.
pub(super) fn local_types(module: &Module, func_index: u32) -> Vec<crate::ValType> {
    let params = module
        .function_type(func_index)
        .map_or(&[][..], |ty| ty.params());
    let layout = func_index
        .checked_sub(module.imported_functions())
        .and_then(|defined| module.frames().get(defined));
    let locals = layout
        .into_iter()
        .flat_map(|layout| layout.locals())
        .flat_map(|(count, ty)| core::iter::repeat_n(ty, count as usize));
    params.iter().copied().chain(locals).collect()
}

fn lay_out(
    store: &StoreInner,
    frame: &FrameView,
    prev_frame: *const FrameRecord,
) -> Result<Vec<u64>, Error> {
    const SLOT: usize = size_of::<u64>();
    const LP: usize = offset_of!(FrameRecord, lp);
    const { assert!(LP.is_multiple_of(SLOT) && LP >= offset_of!(FrameRecord, sp) + 4) };
    let slots = slots_of(store, frame)?;
    let instance = frame
        .instance()
        .and_then(|instance| store.instances.get(instance.index as usize));
    let has_references = slots.iter().any(|(_, is_reference)| *is_reference);
    let flags = if has_references {
        slots.len().div_ceil(SLOT)
    } else {
        0
    };
    let mut memory = vec![0; LP / SLOT + slots.len() + flags];
    for (word, (value, _)) in memory.iter_mut().skip(LP / SLOT).zip(&slots) {
        *word = *value;
    }
    let record: *mut FrameRecord = memory.as_mut_ptr().cast();
    let flags = record
        .wrapping_byte_add(LP + slots.len() * SLOT)
        .cast::<u8>();
    if has_references {
        for (index, (_, is_reference)) in slots.iter().enumerate() {
            // SAFETY: a byte for each slot is behind the slots.
            unsafe { flags.add(index).write(u8::from(*is_reference)) };
        }
    }
    // SAFETY: the memory starts with a record, whose fields lie before the slots, and is aligned as one.
    unsafe {
        (*record).prev_frame = prev_frame;
        (*record).instance = instance.map_or(ptr::null(), |instance| {
            instance.context().cast::<CalleeContext>()
        });
        (*record).frame_ref = if has_references { flags } else { ptr::null() };
        (*record).func_index = frame.func_index();
        (*record).ip = frame.ip().unwrap_or(0);
        (*record).sp = crate::store::index(slots.len());
    }
    Ok(memory)
}
