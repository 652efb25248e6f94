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
mod catch;
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

pub(crate) use catch::find_handler;
pub use materialise::{Records, materialise};
#[cfg(feature = "std")]
pub use sample::{RawFrame, sample};
#[cfg(feature = "std")]
pub(crate) use stopped::of_stopped;
pub use view::{FrameValues, FrameView, NoValues, SlotValue};

use crate::{Exception, Trap, TrapCause, exec_env::ExecState, store::StoreInner};
use alloc::vec::Vec;
use capture::{Capture, Stop};
use record::{Chain, FrameRecord};
use registers::Stack;

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

/// Takes away the records of the activations that lie below a stack pointer.
///
/// # Safety
///
/// The exec state is valid, and its code is stopped in exits.
pub(crate) unsafe fn leave_records(exec: *mut ExecState, sp: usize) {
    // SAFETY: as the caller promises.
    let env = unsafe { &mut (*exec).env };
    let youngest = env.current_frame as *const FrameRecord;
    let mut chain = Chain::new(Stack::new(env), youngest);
    while chain.take(0, sp).is_some() {}
    env.current_frame = chain.youngest() as usize;
}

/// Fills in the call stack of an exception that no code of the innermost entry catches.
///
/// # Safety
///
/// As for [`capture`]; the code that throws has landed by an exit.
pub(crate) unsafe fn capture_exception(store: &mut StoreInner, exception: &mut Exception) {
    let trace = store.exceptions.take_trace(exception.address);
    let limit = store.config.max_trap_frames;
    let mut capture = Capture::new(store, Stop::Call, limit);
    // SAFETY: as the caller promises.
    unsafe { capture.run_behind(&trace) };
    (exception.frames, exception.omitted_frames) = (capture.frames, capture.omitted);
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
