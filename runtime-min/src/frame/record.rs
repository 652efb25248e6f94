//! The frame record of the explicit strategy; see `layout::frame`.

use crate::exec_env::CalleeContext;
use core::mem::offset_of;
use wamr_aot_loader::layout::{self, PointerWidth};

/// One activation of a function. Compiled code writes it on its stack.
#[repr(C)]
pub(crate) struct FrameRecord {
    pub prev_frame: *const FrameRecord,
    pub instance: *const CalleeContext,
    pub frame_ref: *const u8,
    pub func_index: u32,
    pub ip: u32,
    pub sp: u32,
    reserved: u32,
    pub lp: Slots,
}

/// Where the slots start.
#[repr(C, align(8))]
pub(crate) struct Slots([u64; 0]);

macro_rules! assert_offsets {
    ($($field:ident),*) => {
        $( const _: () = assert!(offset_of!(FrameRecord, $field) == layout::frame::$field(PointerWidth::HOST) as usize); )*
    };
}

assert_offsets!(
    prev_frame, instance, frame_ref, func_index, ip, sp, reserved, lp
);

impl FrameRecord {
    /// A slot of the record. Slots that were never committed hold anything.
    ///
    /// # Safety
    ///
    /// The record is intact and has this slot.
    pub unsafe fn slot(record: *const FrameRecord, index: usize) -> u64 {
        // SAFETY: as the caller promises. The stack is ordinary memory that compiled code wrote; the
        // read is volatile so that nothing is concluded from who wrote it when.
        unsafe {
            record
                .byte_add(offset_of!(FrameRecord, lp))
                .cast::<u64>()
                .add(index)
                .read_volatile()
        }
    }

    /// Does a slot hold a reference, as the record's flags have it?
    ///
    /// # Safety
    ///
    /// As for [`FrameRecord::slot`].
    pub unsafe fn is_reference(record: *const FrameRecord, index: usize) -> bool {
        // SAFETY: as the caller promises; flags, where there are any, are there for every slot.
        unsafe {
            let flags = (*record).frame_ref;
            !flags.is_null() && flags.add(index).read_volatile() != 0
        }
    }
}

/// Records from the youngest to the oldest.
///
/// # Safety
///
/// The chain is intact as long as the iterator is used.
pub(crate) unsafe fn walk(
    youngest: *const FrameRecord,
) -> impl Iterator<Item = *const FrameRecord> {
    let mut next = youngest;
    core::iter::from_fn(move || {
        if next.is_null() {
            return None;
        }
        let record = next;
        // SAFETY: as the caller promises.
        next = unsafe { (*record).prev_frame };
        Some(record)
    })
}
