//! Traps: why compiled code stopped, and where.

mod enter;

pub(crate) use enter::enter;

use crate::frame::FrameView;
use alloc::vec::Vec;
use core::fmt;
pub use wamr_aot_loader::trap::TrapCause;

/// Compiled code stopped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trap {
    /// Why.
    pub cause: TrapCause,
    /// The call stack, youngest first.
    pub(crate) frames: Vec<FrameView>,
    /// How many more, older, frames there were than `StoreConfig::max_trap_frames`.
    pub omitted_frames: usize,
}

impl Trap {
    /// A trap to return from a host function; the call stack is added on the way out.
    pub fn new(cause: TrapCause) -> Trap {
        Trap {
            cause,
            frames: Vec::new(),
            omitted_frames: 0,
        }
    }

    /// The call stack when the trap was raised, youngest frame first, as far as the objects' frames tell
    /// it.
    pub fn frames(&self) -> &[FrameView] {
        &self.frames
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl core::error::Error for Trap {}
