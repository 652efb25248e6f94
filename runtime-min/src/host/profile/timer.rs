//! The timer, and the handler of its signal.

use super::{Profile, stacks::Stacks};
use crate::frame;
use alloc::boxed::Box;
use core::{ffi::c_int, marker::PhantomData, mem, mem::ManuallyDrop, ptr};
use std::io;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

const SIGNAL: c_int = libc::SIGPROF;
/// Nanoseconds between samples.
const PERIOD: libc::c_long = 1_000_000;

/// The thread that is sampled; 0 while none is. Only it looks at `RUNNING`.
static THREAD: AtomicI32 = AtomicI32::new(0);
/// What the handler works on; null while it has nothing to do.
static RUNNING: AtomicPtr<Running> = AtomicPtr::new(ptr::null_mut());

struct Running {
    /// The thread's CPU time at the last sample, in nanoseconds.
    last: u64,
    stacks: Stacks,
}

/// A running timer.
#[derive(Debug)]
pub(super) struct Timer {
    timer: libc::timer_t,
    previous: libc::sigaction,
    running: *mut Running,
    // It has to end on the thread that the signals go to.
    _stays: PhantomData<*const ()>,
}

impl Timer {
    /// Starts it for this thread.
    pub fn start() -> io::Result<Timer> {
        // SAFETY: no arguments, no effects.
        let thread = unsafe { libc::gettid() };
        if THREAD
            .compare_exchange(0, thread, Ordering::AcqRel, Ordering::Relaxed)
            .is_err()
        {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "a profiler is running already",
            ));
        }
        let running = Box::into_raw(Box::new(Running {
            last: thread_time(),
            stacks: Stacks::new(),
        }));
        RUNNING.store(running, Ordering::Release);
        match start(thread) {
            Ok((timer, previous)) => Ok(Timer {
                timer,
                previous,
                running,
                _stays: PhantomData,
            }),
            Err(error) => {
                // SAFETY: made above, and `start` has installed nothing.
                drop(unsafe { release(running) });
                Err(error)
            }
        }
    }

    /// Ends it.
    pub fn stop(self) -> Profile {
        let this = ManuallyDrop::new(self);
        this.end().stacks.into_profile()
    }

    /// Must be called once.
    fn end(&self) -> Box<Running> {
        // SAFETY: the timer was created by `start` and is deleted once. A signal that is still pending is
        // taken away when it is ignored, so that it does not meet the previous action.
        unsafe {
            libc::timer_delete(self.timer);
            let mut ignore: libc::sigaction = mem::zeroed();
            ignore.sa_sigaction = libc::SIG_IGN;
            libc::sigaction(SIGNAL, &raw const ignore, ptr::null_mut());
            libc::sigaction(SIGNAL, &raw const self.previous, ptr::null_mut());
        }
        // SAFETY: made by `start`, and this is the only time.
        unsafe { release(self.running) }
    }
}

/// Takes back what the handler works on.
///
/// # Safety
///
/// Called once for what `start` has made, on the thread that it was made for: its handler is not running
/// now, and others' do not look at it.
unsafe fn release(running: *mut Running) -> Box<Running> {
    RUNNING.store(ptr::null_mut(), Ordering::Release);
    THREAD.store(0, Ordering::Release);
    // SAFETY: as the caller promises; it was made from a box.
    unsafe { Box::from_raw(running) }
}

impl Drop for Timer {
    fn drop(&mut self) {
        drop(self.end());
    }
}

/// Installs the handler and starts the timer; the previous action comes with it.
fn start(thread: libc::pid_t) -> io::Result<(libc::timer_t, libc::sigaction)> {
    // SAFETY: all structures are valid for what the calls read and write; zeros are valid for them. The
    // handler is safe to run at any moment.
    unsafe {
        let mut event: libc::sigevent = mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = SIGNAL;
        event.sigev_notify_thread_id = thread;
        let mut timer: libc::timer_t = mem::zeroed();
        check(libc::timer_create(
            libc::CLOCK_THREAD_CPUTIME_ID,
            &raw mut event,
            &raw mut timer,
        ))?;
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigemptyset(&raw mut action.sa_mask);
        let mut previous: libc::sigaction = mem::zeroed();
        let installed = check(libc::sigaction(
            SIGNAL,
            &raw const action,
            &raw mut previous,
        ));
        let period = libc::timespec {
            tv_sec: 0,
            tv_nsec: PERIOD,
        };
        let times = libc::itimerspec {
            it_interval: period,
            it_value: period,
        };
        let set = || {
            check(libc::timer_settime(
                timer,
                0,
                &raw const times,
                ptr::null_mut(),
            ))
        };
        if let Err(error) = installed.and_then(|()| set()) {
            libc::timer_delete(timer);
            libc::sigaction(SIGNAL, &raw const previous, ptr::null_mut());
            return Err(error);
        }
        Ok((timer, previous))
    }
}

fn check(result: c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// CPU time of this thread in nanoseconds. Safe to ask in a signal handler.
fn thread_time() -> u64 {
    // SAFETY: the call writes to the structure, for which zeros are valid.
    let time = unsafe {
        let mut time: libc::timespec = mem::zeroed();
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time);
        time
    };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

unsafe extern "C" fn handle(_: c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: no arguments, no effects.
    if THREAD.load(Ordering::Acquire) != unsafe { libc::gettid() } {
        // Somebody else's signal.
        return;
    }
    let running = RUNNING.load(Ordering::Acquire);
    if running.is_null() {
        return;
    }
    // SAFETY: what `RUNNING` points to is freed on this thread, after `RUNNING` is cleared, and nobody else
    // looks inside; the signal is blocked while its handler runs. The system calls the handler with this
    // thread's context.
    unsafe {
        let errno = *libc::__errno_location();
        let now = thread_time();
        let time = now.saturating_sub((*running).last);
        (*running).last = now;
        let stacks = &mut (*running).stacks;
        stacks.add(time, |out| frame::sample(context.cast(), out));
        *libc::__errno_location() = errno;
    }
}
