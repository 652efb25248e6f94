//! The walker: the frames of compiled code, youngest first, as WebAssembly has them.
//!
//! Whoever asks gets the same view: a host function ([`Caller::frames`](crate::Caller::frames)), who
//! handles a trap ([`Trap::frames`]), and, functions and offsets only, a profiler's signal handler
//! (`sample`).
//!
//! | where code stands | functions | `ip` | values |
//! |---|---|---|---|
//! | at a call, poll or explicit trap | all | exact | as far as the object's frames carry them |
//! | at an access that the hardware found to trap, or where a signal interrupts it | all | approximate, or exact with `--strict-traps` | none of the functions that the machine code is of; those of its callers |
//! | where the stack is used up | all | approximate, or exact at a call of the runtime | as above |

mod capture;
mod lines;
mod materialise;
mod record;
mod registers;
#[cfg(feature = "std")]
mod sample;
#[cfg(feature = "std")]
mod stopped;
mod values;
mod view;
mod walk;

pub use materialise::{Records, materialise};
#[cfg(feature = "std")]
pub use sample::{RawFrame, sample};
#[cfg(feature = "std")]
pub(crate) use stopped::of_stopped;
pub use view::{FrameValues, FrameView, NoValues, SlotValue};

use crate::{Trap, TrapCause, store::StoreInner};
use alloc::vec::Vec;
use capture::{Capture, Stop};

/// Fills in the call stack of a trap that compiled code raised, as the exec state describes it.
///
/// # Safety
///
/// The trap has landed, no code of the store has run since, and `current_frame` is what it left.
pub(crate) unsafe fn capture(store: &mut StoreInner, trap: &mut Trap) {
    let limit = store.config.max_trap_frames;
    // SAFETY: the exec state is valid.
    let stop = unsafe {
        let exec = store.exec();
        match (*exec).env.trap_ip {
            0 if core::mem::take(&mut (*exec).is_at_poll) => Stop::Poll,
            0 if trap.cause == TrapCause::Interrupted => Stop::Interruption,
            0 => Stop::Call,
            ip => Stop::Trap(ip),
        }
    };
    let mut capture = Capture::new(store, stop, limit);
    // SAFETY: as the caller promises.
    unsafe { capture.run(true) };
    (trap.frames, trap.omitted_frames) = (capture.frames, capture.omitted);
}

/// Fills in the call stack of a trap that the host raises: its callers' frames.
///
/// # Safety
///
/// The store's code is stopped in exits.
pub(crate) unsafe fn capture_callers(store: &mut StoreInner, trap: &mut Trap) {
    let limit = store.config.max_trap_frames;
    let mut capture = Capture::new(store, Stop::Call, limit);
    // SAFETY: as the caller promises.
    unsafe { capture.run(false) };
    (trap.frames, trap.omitted_frames) = (capture.frames, capture.omitted);
}

/// The frames of the code that has called the host, or polls.
///
/// # Safety
///
/// The store's code is stopped in exits, or runs not at all.
pub(crate) unsafe fn of_callers(store: &mut StoreInner) -> Vec<FrameView> {
    // SAFETY: the exec state is valid.
    let is_at_poll = unsafe { (*store.exec()).is_at_poll };
    let stop = if is_at_poll { Stop::Poll } else { Stop::Call };
    let mut capture = Capture::new(store, stop, usize::MAX);
    // SAFETY: as the caller promises.
    unsafe { capture.run(false) };
    capture.frames
}
