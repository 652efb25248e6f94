//! Polls: compiled code that was asked to calls the runtime at function entries and loops, where its
//! frames are whole. Only objects compiled with `--enable-safepoints` do.

use crate::{
    FrameView, Store,
    exec_env::{CalleeContext, ExecState, Pending, RuntimeContext},
    frame, platform,
    store::StoreInner,
};
use alloc::{boxed::Box, vec::Vec};
use core::{
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};
use wamr_aot_loader::trap::TrapCause;

/// Looks at the frames of code that polls, youngest first.
pub(crate) type Observer = Box<dyn FnMut(&[FrameView])>;

impl Store {
    /// Calls `observer` at each poll of the store's code, with the frames there, youngest first.
    ///
    /// It is for whoever wants to see a program step by step: code calls the runtime at each of its polls.
    pub fn on_poll(&mut self, observer: impl FnMut(&[FrameView]) + 'static) {
        let inner = self.inner_mut();
        inner.poll_observer = Some(Box::new(observer));
        // SAFETY: the exec state is valid.
        unsafe { ask(inner.exec()) };
    }
}

/// What a poll asks for.
///
/// # Safety
///
/// The exec state's code is stopped in the exit of a poll. Nothing borrows from its store.
pub(crate) unsafe fn poll(exec: *mut ExecState) -> Result<(), TrapCause> {
    // SAFETY: as the caller promises.
    unsafe {
        let mut store: NonNull<StoreInner> = (*exec).store;
        if store.as_ref().poll_observer.is_none() {
            // Who asks for something says so where it is looked at below, and then asks. So what comes too late for
            // this poll makes the code come to the next one.
            set_words(exec, false);
        }
        #[cfg(feature = "std")]
        platform::stop::wait_at_poll(exec, || frames(exec));
        if (*exec).interrupt.load(Ordering::SeqCst) {
            // It stays until the outermost call has ended.
            ask(exec);
            // The trap's first frame is that of the poll.
            (*exec).is_at_poll = true;
            return Err(TrapCause::Interrupted);
        }
        // Taken, so that nothing of the store is borrowed while it runs.
        let Some(mut observer) = store.as_mut().poll_observer.take() else {
            return Ok(());
        };
        let frames = frames(exec);
        let result: Result<(), Pending> = platform::catch(|| {
            observer(&frames);
            Ok(())
        });
        store.as_mut().poll_observer = Some(observer);
        result.map_err(|pending| {
            (*exec).pending = Some(pending);
            TrapCause::HostError
        })
    }
}

/// The frames at a poll.
///
/// # Safety
///
/// As for [`poll`].
unsafe fn frames(exec: *mut ExecState) -> Vec<FrameView> {
    // SAFETY: as the caller promises.
    unsafe {
        let mut store: NonNull<StoreInner> = (*exec).store;
        (*exec).is_at_poll = true;
        let frames = frame::of_callers(store.as_mut());
        (*exec).is_at_poll = false;
        frames
    }
}

/// Asks the store's code to call the runtime at its next poll. Any thread may.
///
/// # Safety
///
/// The exec state is valid, and its store's instances are. So it is for the functions below.
pub(crate) unsafe fn ask(exec: *mut ExecState) {
    // SAFETY: as the caller promises.
    unsafe { set_words(exec, true) };
}

/// Sets the poll words of all instances, and what that of the next one starts with.
unsafe fn set_words(exec: *mut ExecState, asked: bool) {
    // SAFETY: as the caller promises. An instance stands in the chain from when it is complete to the
    // store's end, and its runtime data never changes.
    unsafe {
        (*exec).poll_asked.store(asked, Ordering::SeqCst);
        let mut context = (*exec).youngest_instance.load(Ordering::SeqCst);
        while !context.is_null() {
            poll_word(context).store(asked.into(), Ordering::SeqCst);
            context = match *(*context).runtime {
                RuntimeContext::Instance { older, .. } => older,
                RuntimeContext::Host(_) => break,
            };
        }
    }
}

/// The context of the store's youngest instance, or null.
pub(crate) unsafe fn youngest_instance(exec: *mut ExecState) -> *mut CalleeContext {
    // SAFETY: as the caller promises.
    unsafe { (*exec).youngest_instance.load(Ordering::SeqCst) }
}

/// Lets a new instance be asked too. Its runtime data names the one that was the youngest so far.
pub(crate) unsafe fn add_instance(exec: *mut ExecState, context: *mut CalleeContext) {
    // SAFETY: as the caller promises. Who asks meanwhile either finds the instance, or is found here.
    unsafe {
        (*exec).youngest_instance.store(context, Ordering::SeqCst);
        if (*exec).poll_asked.load(Ordering::SeqCst) {
            poll_word(context).store(1, Ordering::SeqCst);
        }
    }
}

/// The poll word of an instance, which other threads change too.
unsafe fn poll_word<'a>(context: *mut CalleeContext) -> &'a AtomicU32 {
    // SAFETY: as the caller promises; the field is aligned, and Rust changes it through atomics only.
    unsafe { AtomicU32::from_ptr(&raw mut (*context).poll_word) }
}
