//! What the core needs of its surroundings where there is no operating system; the counterpart of `host`.

use crate::{
    Error,
    exec_env::{ExecState, Pending},
};
use alloc::alloc::{Layout, alloc, dealloc};
use core::ops::Range;
use wamr_aot_loader::trap::TrapCause;

pub(crate) const DEFAULT_STACK_SIZE: usize = 64 << 10;

/// Alignment of a stack.
const STACK_ALIGN: usize = 16;

/// A stack for compiled code: on the heap, or the embedder's.
pub(crate) struct StackMemory {
    start: *mut u8,
    length: usize,
    on_heap: Option<Layout>,
}

impl StackMemory {
    /// A stack of `size` bytes.
    pub fn new(size: usize) -> Result<Self, Error> {
        let layout = Layout::from_size_align(size.max(1), STACK_ALIGN)
            .map_err(|_| Error::Resource("the stack"))?;
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            return Err(Error::Resource("the stack"));
        }
        Ok(StackMemory {
            start,
            length: layout.size(),
            on_heap: Some(layout),
        })
    }

    /// A stack in memory of the embedder's.
    pub fn from_static(stack: &'static mut [u8]) -> Self {
        StackMemory {
            start: stack.as_mut_ptr(),
            length: stack.len(),
            on_heap: None,
        }
    }

    /// Lowest address.
    pub fn limit(&self) -> usize {
        self.start as usize
    }

    /// One past the highest address.
    pub fn top(&self) -> usize {
        self.start as usize + self.length
    }

    /// Nothing faults.
    pub fn guard(&self) -> Range<usize> {
        0..0
    }
}

impl Drop for StackMemory {
    fn drop(&mut self) {
        if let Some(layout) = self.on_heap {
            // SAFETY: allocated in `new` with this layout.
            unsafe { dealloc(self.start, layout) };
        }
    }
}

/// A thread inside compiled code. Nothing has to be prepared, and how much of the host's stack is left
/// only the embedder knows.
pub(crate) struct Entry;

impl Entry {
    pub fn new(_exec: *mut ExecState) -> Result<Self, TrapCause> {
        Ok(Entry)
    }
}

/// Runs a host function. A panic ends in the panic handler; where that unwinds, the exit's `extern "C"`
/// stops it.
pub(crate) fn catch(function: impl FnOnce() -> Result<(), Error>) -> Result<(), Pending> {
    function().map_err(Pending::Error)
}

/// A rule was broken on which memory safety rests. The unwinding of this panic is stopped by the exit's
/// `extern "C"`.
pub(crate) fn abort(message: &str) -> ! {
    panic!("{message}")
}

/// Makes code that was just written visible to the processor's instruction fetch: what a
/// [`CodeMemory`](crate::CodeMemory) does when it publishes.
pub fn flush_instructions(code: &[u8]) {
    crate::arch::flush_instructions(code.as_ptr() as usize, code.len());
}

unsafe extern "C" {
    pub(crate) fn memcpy(destination: *mut u8, source: *const u8, length: usize) -> *mut u8;
    pub(crate) fn memmove(destination: *mut u8, source: *const u8, length: usize) -> *mut u8;
    pub(crate) fn memset(destination: *mut u8, byte: i32, length: usize) -> *mut u8;
}

macro_rules! rounding {
    ($($name:ident: $type:ty = $function:path;)*) => {
        $(
            // Under its own name for code that is linked statically.
            #[unsafe(no_mangle)]
            pub(crate) extern "C" fn $name(x: $type) -> $type {
                crate::arithmetic::quieted(x, $function)
            }
        )*
    };
}

rounding! {
    ceil: f64 = libm::ceil;
    ceilf: f32 = libm::ceilf;
    floor: f64 = libm::floor;
    floorf: f32 = libm::floorf;
    trunc: f64 = libm::trunc;
    truncf: f32 = libm::truncf;
    roundeven: f64 = libm::roundeven;
    roundevenf: f32 = libm::roundevenf;
    rint: f64 = libm::roundeven;
    rintf: f32 = libm::roundevenf;
    nearbyint: f64 = libm::roundeven;
    nearbyintf: f32 = libm::roundevenf;
}
