//! The frame record of the explicit strategy; see `layout::frame`.

use super::registers::Stack;
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
}

/// The chain of records, youngest first.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    stack: Stack,
    next: *const FrameRecord,
}

impl Chain {
    /// The chain that starts with a record, or null.
    pub fn new(stack: Stack, youngest: *const FrameRecord) -> Self {
        Chain {
            stack,
            next: youngest,
        }
    }

    /// The next record, if there is one, and it lies on the stack at least at `from` and below `to`.
    pub fn peek(&self, from: usize, to: usize) -> Option<*const FrameRecord> {
        let address = self.next as usize;
        let is_record = self.stack.contains(address, size_of::<FrameRecord>())
            && address.is_multiple_of(align_of::<FrameRecord>());
        (is_record && (from..to).contains(&address)).then_some(self.next)
    }

    /// As [`Chain::peek`], and goes on behind it.
    pub fn take(&mut self, from: usize, to: usize) -> Option<*const FrameRecord> {
        let record = self.peek(from, to)?;
        // SAFETY: on the stack; if it is no record, neither is what the link is, and that is checked when
        // it is looked at.
        self.next = unsafe { (&raw const (*record).prev_frame).read_volatile() };
        Some(record)
    }

    /// Passes over the records below an address, of which any may be whole or not: the chain ends if
    /// they do not lead out.
    pub fn leave(&mut self, from: usize, to: usize) {
        // Each is there once, if they are records.
        let most = to.saturating_sub(from) / size_of::<FrameRecord>();
        for _ in 0..most {
            if self.take(from, to).is_none() {
                break;
            }
        }
        if (self.next as usize) < to {
            self.end();
        }
    }

    /// The first record that has not been taken, wherever it is; null at the end.
    pub fn youngest(&self) -> *const FrameRecord {
        self.next
    }

    /// Nothing more can be said.
    pub fn end(&mut self) {
        self.next = core::ptr::null();
    }
}
