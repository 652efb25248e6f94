//! Polls: compiled code that was asked to calls the runtime at function entries and loops, where its
//! frames are whole. Only objects compiled with `--enable-safepoints` do.

use crate::{
    FrameView, Store,
    exec_env::{ExecState, Pending},
    frame, platform,
    store::StoreInner,
};
use alloc::boxed::Box;
use core::{mem::take, ptr::NonNull};
use wamr_aot_loader::trap::TrapCause;

/// Looks at the frames of code that polls, youngest first.
pub(crate) type Observer = Box<dyn FnMut(&[FrameView])>;

impl Store {
    /// Calls `observer` at each poll of the store's code, with the frames there, youngest first. As long
    /// as a store has an observer, polls do not interrupt it.
    ///
    /// It is for whoever wants to see a program step by step: code calls the runtime at each of its polls.
    pub fn on_poll(&mut self, observer: impl FnMut(&[FrameView]) + 'static) {
        let inner = self.inner_mut();
        inner.poll_observer = Some(Box::new(observer));
        // SAFETY: the exec state is valid, and no code of the store runs.
        unsafe { (*inner.exec()).env.poll_word = 1 };
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
        // Taken, so that nothing of the store is borrowed while it runs.
        let Some(mut observer) = store.as_mut().poll_observer.take() else {
            if take(&mut (*exec).env.poll_word) == 0 {
                return Ok(());
            }
            // The trap's first frame is that of the poll.
            (*exec).is_at_poll = true;
            return Err(TrapCause::Interrupted);
        };
        (*exec).is_at_poll = true;
        let frames = frame::of_callers(store.as_mut());
        (*exec).is_at_poll = false;
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
