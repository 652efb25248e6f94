//! Entering compiled code, and what happens when a trap comes back instead of results.

use super::Trap;
use crate::{
    Error, arch,
    exec_env::{CalleeContext, ExecState, Pending},
    frame,
    platform::Entry,
    store::StoreInner,
};
use alloc::boxed::Box;
use core::{ptr::NonNull, sync::atomic::Ordering};
use wamr_aot_loader::trap::TrapCause;

/// Calls compiled code on the store's stack.
///
/// # Errors
///
/// The code trapped, or a host function that it called returned an error. The store is usable either way.
///
/// # Safety
///
/// `thunk`, `code` and `context` belong together and to the store; the slots hold arguments of the
/// code's type and have room for the results. Nothing borrows from the store.
pub(crate) unsafe fn enter(
    store: NonNull<StoreInner>,
    thunk: usize,
    code: usize,
    context: *mut CalleeContext,
    slots: *mut u64,
) -> Result<(), Error> {
    // SAFETY: the store is valid. What is read here is not changed by anybody else meanwhile.
    let exec = unsafe { store.as_ref() }.exec();
    // SAFETY: as above.
    let frame = unsafe { (*exec).env.current_frame };
    // SAFETY: as the caller promises.
    let trapped = match unsafe { run(exec, thunk, code, context, slots) } {
        Ok(trapped) => trapped,
        // SAFETY: nothing borrows from the store, and it runs no code now.
        Err(cause) => return Err(unsafe { refused(store, cause) }.into()),
    };
    if !trapped {
        return Ok(());
    }
    // SAFETY: the trap has landed, so no code of the store runs. The stack is as it left it.
    unsafe {
        let cause = core::mem::take(&mut (*exec).env.trap_cause);
        let pending = (*exec).pending.take();
        #[cfg(feature = "std")]
        if let Some(Pending::Panic(payload)) = pending {
            (*exec).env.current_frame = frame;
            crate::host::resume(payload);
        }
        let error = landed(store, cause, pending);
        (*exec).env.current_frame = frame;
        Err(error)
    }
}

/// Runs the code; has it trapped?
///
/// # Errors
///
/// The thread cannot enter.
///
/// # Safety
///
/// As for [`enter`].
unsafe fn run(
    exec: *mut ExecState,
    thunk: usize,
    code: usize,
    context: *mut CalleeContext,
    slots: *mut u64,
) -> Result<bool, TrapCause> {
    let _entry = Entry::new(exec)?;
    // SAFETY: as the caller promises. Each way in and out is told of.
    unsafe {
        #[cfg(feature = "std")]
        crate::host::stop::enter_code(exec);
        let result = run_entered(exec, thunk, code, context, slots);
        #[cfg(feature = "std")]
        crate::host::stop::leave_code(exec);
        result
    }
}

/// # Safety
///
/// As for [`enter`]; the thread is prepared.
#[inline]
unsafe fn run_entered(
    exec: *mut ExecState,
    thunk: usize,
    code: usize,
    context: *mut CalleeContext,
    slots: *mut u64,
) -> Result<bool, TrapCause> {
    // SAFETY: as the caller promises.
    if unsafe { (*exec).interrupt.load(Ordering::Relaxed) } {
        return Err(TrapCause::Interrupted);
    }
    // SAFETY: as the caller promises.
    Ok(unsafe { arch::wamr_enter(exec, thunk, code, context, slots) } != 0)
}

/// What a trap means for who entered.
///
/// # Safety
///
/// A trap has landed, and the frame records have not been taken away.
unsafe fn landed(mut store: NonNull<StoreInner>, cause: u32, pending: Option<Pending>) -> Error {
    // SAFETY: as the caller promises.
    let inner = unsafe { store.as_mut() };
    let mut trap = match pending {
        // A trap that a host function raises starts here; one that it hands on knows its frames.
        Some(Pending::Error(Error::Trap(trap))) if trap.frames.is_empty() => trap,
        Some(Pending::Error(Error::Exception(mut exception))) => {
            if exception.frames.is_empty() {
                // SAFETY: as the caller promises.
                unsafe { frame::capture_exception(inner, &mut exception) };
            }
            return Error::Exception(exception);
        }
        Some(Pending::Error(error)) => {
            if let Error::Trap(trap) = &error {
                // SAFETY: as the caller promises.
                unsafe { end_interrupt(inner.exec(), trap.cause) };
            }
            return error;
        }
        _ => Box::new(Trap::new(
            // A number that no cause has can only come from damaged code.
            TrapCause::from_code(cause).unwrap_or(TrapCause::Unreachable),
        )),
    };
    // SAFETY: as the caller promises.
    unsafe {
        end_interrupt(inner.exec(), trap.cause);
        frame::capture(inner, &mut trap);
    }
    Error::Trap(trap)
}

/// An interruption has done its work when nothing is left of the store's code on the thread. Until then it
/// stays, so that host functions cannot swallow it.
///
/// # Safety
///
/// The exec state is valid; its innermost entry has ended.
unsafe fn end_interrupt(exec: *mut ExecState, cause: TrapCause) {
    // SAFETY: as the caller promises.
    unsafe {
        if cause == TrapCause::Interrupted && (*exec).env.host_sp == 0 {
            (*exec).interrupt.store(false, Ordering::SeqCst);
        }
    }
}

/// The trap of an entry that did not take place.
///
/// # Safety
///
/// Nothing borrows from the store; it runs no code now.
#[cold]
unsafe fn refused(mut store: NonNull<StoreInner>, cause: TrapCause) -> Trap {
    let mut trap = Trap::new(cause);
    // SAFETY: as the caller promises.
    unsafe { end_interrupt(store.as_ref().exec(), cause) };
    // SAFETY: as the caller promises; the frame records are those of the callers.
    unsafe { frame::capture_callers(store.as_mut(), &mut trap) };
    trap
}
