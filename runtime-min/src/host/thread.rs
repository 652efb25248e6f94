//! What a thread needs before it enters compiled code: a stack for signal handlers, handlers, and enough
//! of its own stack for the host functions that will be called.

use super::{
    mapping::{Mapping, Protection},
    signals,
};
use crate::exec_env::ExecState;
use core::{
    cell::{Cell, OnceCell},
    ops::Range,
    ptr,
};
use wamr_aot_loader::trap::TrapCause;

/// What has to be left of the thread's own stack at an entry, in bytes: room for a host function and
/// what it calls. On small stacks it is a quarter.
const HOST_RESERVE: usize = 256 << 10;
/// Size of the stack for signal handlers. Handlers that were installed earlier run on it too.
const SIGNAL_STACK_SIZE: usize = 64 << 10;

thread_local! {
    /// The exec env whose code runs on this thread, for the signal handler.
    static CURRENT: Cell<*mut ExecState> = const { Cell::new(ptr::null_mut()) };
    /// The lowest address that the stack pointer may have at an entry; 0 before the first one.
    static STACK_LIMIT: Cell<usize> = const { Cell::new(0) };
    static SIGNAL_STACK: OnceCell<SignalStack> = const { OnceCell::new() };
}

/// A thread inside compiled code; leaves it on drop.
pub(crate) struct Entry {
    previous: *mut ExecState,
}

impl Entry {
    /// Prepares the thread.
    ///
    /// # Errors
    ///
    /// Too little is left of the thread's stack.
    #[inline]
    pub fn new(exec: *mut ExecState) -> Result<Self, TrapCause> {
        let mut limit = STACK_LIMIT.get();
        if limit == 0 {
            limit = prepare_thread();
        }
        let here = 0u8;
        if (ptr::from_ref(&here) as usize) < limit {
            return Err(TrapCause::CallStackExhausted);
        }
        Ok(Entry {
            previous: CURRENT.replace(exec),
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        CURRENT.set(self.previous);
    }
}

/// The exec env that the thread is in, or null; for signal handlers.
pub(crate) fn current() -> *mut ExecState {
    CURRENT.try_with(Cell::get).unwrap_or(ptr::null_mut())
}

#[cold]
fn prepare_thread() -> usize {
    signals::install();
    SIGNAL_STACK.with(|stack| {
        stack.get_or_init(SignalStack::install);
    });
    let limit = stack().map_or(1, |stack| {
        let reserve = HOST_RESERVE.min(stack.len() / 4);
        stack.start.saturating_add(reserve).max(1)
    });
    STACK_LIMIT.set(limit);
    limit
}

/// The thread's stack, guard pages not included; `None` if the system does not say.
fn stack() -> Option<Range<usize>> {
    // SAFETY: the attributes are initialised by `pthread_getattr_np`, read, and destroyed.
    unsafe {
        let mut attributes: libc::pthread_attr_t = core::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) != 0 {
            return None;
        }
        let (mut address, mut size, mut guard) = (ptr::null_mut(), 0, 0);
        let known =
            libc::pthread_attr_getstack(&raw const attributes, &raw mut address, &raw mut size)
                == 0
                && libc::pthread_attr_getguardsize(&raw const attributes, &raw mut guard) == 0;
        libc::pthread_attr_destroy(&raw mut attributes);
        // Whether the guard is part of the reported stack differs between C libraries.
        let (start, end) = (address as usize, (address as usize).checked_add(size)?);
        known.then_some(start.checked_add(guard)?..end)
    }
}

/// The thread's stack for signal handlers: its own if that is large enough, else a new one.
struct SignalStack(Option<(Mapping, libc::stack_t)>);

impl SignalStack {
    fn install() -> Self {
        // SAFETY: `sigaltstack` reads and writes the structures given; the new stack is mapped, and is
        // taken out of use before it is unmapped.
        unsafe {
            let mut old: libc::stack_t = core::mem::zeroed();
            if libc::sigaltstack(ptr::null(), &raw mut old) != 0 {
                return SignalStack(None);
            }
            if old.ss_flags & libc::SS_DISABLE == 0 && old.ss_size >= SIGNAL_STACK_SIZE {
                return SignalStack(None);
            }
            let guard = super::mapping::page_size();
            let Ok(mapping) = Mapping::reserve_stack(guard + SIGNAL_STACK_SIZE) else {
                return SignalStack(None);
            };
            if mapping
                .protect(guard..mapping.length(), Protection::ReadWrite)
                .is_err()
            {
                return SignalStack(None);
            }
            let new = libc::stack_t {
                ss_sp: mapping.start().add(guard).cast(),
                ss_flags: 0,
                ss_size: mapping.length() - guard,
            };
            if libc::sigaltstack(&raw const new, ptr::null_mut()) != 0 {
                return SignalStack(None);
            }
            SignalStack(Some((mapping, old)))
        }
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        let Some((mapping, old)) = &self.0 else {
            return;
        };
        // SAFETY: as in `install`. The previous stack goes back only if nobody has changed it since.
        unsafe {
            let mut current: libc::stack_t = core::mem::zeroed();
            let read = libc::sigaltstack(ptr::null(), &raw mut current) == 0;
            if read && mapping.range().contains(&(current.ss_sp as usize)) {
                libc::sigaltstack(old, ptr::null_mut());
            }
        }
    }
}
