//! Polls: compiled code that was asked to calls the runtime at function entries and loops, where its
//! frames are whole. Only objects compiled with `--enable-safepoints` do.

use crate::{
    FrameView, Store,
    exec_env::{ExecState, Pending},
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
        // SAFETY: the exec state is valid, and no code of the store runs.
        unsafe { poll_word(inner.exec()).store(1, Ordering::Relaxed) };
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
        let word = poll_word(exec);
        if store.as_ref().poll_observer.is_none() {
            // Who asks for something says so where it is looked at below, and then sets the word. So what
            // comes too late for this poll makes the code come to the next one.
            word.store(0, Ordering::SeqCst);
        }
        #[cfg(feature = "std")]
        platform::stop::wait_at_poll(exec, || frames(exec));
        if (*exec).interrupt.load(Ordering::SeqCst) {
            // It stays until the outermost call has ended.
            word.store(1, Ordering::SeqCst);
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

/// The poll word, which other threads change too.
///
/// # Safety
///
/// The exec state is valid, and the reference is not used longer.
pub(crate) unsafe fn poll_word<'a>(exec: *mut ExecState) -> &'a AtomicU32 {
    // SAFETY: as the caller promises; the field is aligned, and Rust changes it through atomics only.
    unsafe { AtomicU32::from_ptr(&raw mut (*exec).env.poll_word) }
}
