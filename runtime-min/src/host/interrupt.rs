//! Stopping compiled code from another thread.
//!
//! A request is a flag of the store's exec state. Code that polls sees it at its next poll, and the
//! exits of host functions see it on the way back; all other code is met by a signal, whose handler lets the thread go on where traps land. Then whoever entered the code
//! gets the trap `interrupted`, as if an instruction had trapped.
//!
//! # Why landing from a signal is sound
//!
//! The handler lands only if the thread's exec env says that compiled code runs (`in_wasm`) and the
//! program counter is inside a loaded object. Else it does nothing, and the signal is sent again until
//! the request is gone. So, where the signal may arrive:
//!
//! * **Compiled functions.** They hold no lock and own nothing that would have to be dropped; what they
//!   leave half done is what any trap may leave half done: stores to memories, globals and tables, each
//!   a value of its own. The landing takes nothing from the wasm stack, so its state (prologue, epilogue,
//!   red zone) does not matter. Frame records on it go with it: who entered sets the chain back.
//! * **Enter thunks.** The slots may have been written to in part; after a trap nobody reads them. If the
//!   function has returned already, its results are lost, as if the signal had come a moment earlier.
//! * **Host thunks and the loader's stubs.** Before the exit nothing has happened, after it all has.
//! * **`wamr_enter`.** Not in an object. Its stores to `host_sp` and `exit_sp` are therefore both done, or
//!   both undone, when a landing reads them.
//! * **Exit trampolines and host functions.** Not in an object. While the host runs `exit_sp` is set too.
//!   So nothing of Rust or C is ever jumped out of.
//! * **Leaf builtins**, C functions on the wasm stack: not in an object. They end soon.
//! * **`wamr_trap`, the landing, and handlers of hardware traps**: not in an object. So a trap on its way
//!   is never overtaken by a second one, and its cause and registers stay together.
//! * **Nested entries.** `host_sp` is that of the innermost, where any trap of the running code lands. The
//!   host function in between sees an error; if it swallows it, the next signal stops the outer code.
//! * **Several stores on one thread.** The handler looks at the innermost entry's store only. The request
//!   of an outer one waits until its own code runs again.
//! * **A thread that is gone, or its number's next owner.** A request is never sent without the lock that
//!   the store's end takes. Should a store be leaked, a foreign thread is signalled at worst: its handler
//!   finds no request and does nothing.

use super::{code_ranges, signals, thread};
use crate::{Store, arch, exec_env::ExecState, poll};
use core::{
    ffi::c_int,
    mem::MaybeUninit,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
    time::Duration,
};
use std::sync::{Arc, Mutex, MutexGuard, Once};
use wamr_aot_loader::trap::TrapCause;

/// Ignored where nobody handles it, and of little use for anything else.
const SIGNAL: c_int = libc::SIGURG;

/// The time between the first two signals of a request; it doubles up to `LONGEST`.
const SHORTEST: Duration = Duration::from_micros(500);
const LONGEST: Duration = Duration::from_millis(2);

/// Stops a store's code from any thread.
#[derive(Clone)]
pub struct InterruptHandle(Arc<Target>);

/// What a store shares with its handles.
pub(crate) struct Target {
    /// The system's number of the store's thread. Stores do not change threads.
    thread: libc::pid_t,
    /// The same thread, to be unparked if it waits in a shared memory.
    waker: std::thread::Thread,
    exec: Mutex<Option<Exec>>,
}

/// The exec state of a store that lives.
struct Exec {
    state: NonNull<ExecState>,
    /// Is a thread sending signals?
    is_sending: bool,
}

// SAFETY: other threads touch the exec state's request, poll words and `host_sp` only, all as atomics, and
// only under the lock which the store takes before it frees the state.
unsafe impl Send for Exec {}

impl Store {
    /// A handle with which other threads can stop this store's code.
    pub fn interrupt_handle(&mut self) -> InterruptHandle {
        install();
        let inner = self.inner_mut();
        let exec = inner.exec();
        let target = inner.interrupts.get_or_insert_with(|| {
            Arc::new(Target {
                // SAFETY: the call has no requirements.
                thread: unsafe { libc::gettid() },
                waker: std::thread::current(),
                exec: Mutex::new(NonNull::new(exec).map(|state| Exec {
                    state,
                    is_sending: false,
                })),
            })
        });
        InterruptHandle(target.clone())
    }
}

impl InterruptHandle {
    /// Stops the store's code: the call from outside that is running, or the next one, traps with
    /// [`TrapCause::Interrupted`]. Returns at once; does nothing if the store is gone.
    ///
    /// Code compiled with `--enable-safepoints` stops at its next poll at the latest, all other code at
    /// any instruction. The host is not stopped: a host function runs to its end, though a system call in
    /// which it waits may return with `EINTR`. Host functions that the store's code has been called from
    /// get the trap as an error; the request stays until the outermost call has ended with it.
    pub fn interrupt(&self) {
        let mut exec = self.0.lock();
        let Some(exec) = exec.as_mut() else {
            return;
        };
        // SAFETY: the state lives as long as it is found under the lock.
        unsafe { request(exec.state.as_ptr()) };
        self.0.waker.unpark();
        if exec.is_sending {
            return;
        }
        let target = self.0.clone();
        let sender = std::thread::Builder::new().name("wasm interrupt".into());
        // If there are no more threads, code that polls still stops.
        exec.is_sending = sender.spawn(move || send(&target)).is_ok();
    }

    /// Takes back a request that has not stopped anything so far.
    pub fn cancel(&self) {
        if let Some(exec) = self.0.lock().as_ref() {
            // SAFETY: as in `interrupt`.
            unsafe { withdraw(exec.state.as_ptr()) };
        }
    }
}

impl core::fmt::Debug for InterruptHandle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InterruptHandle")
            .field("thread", &self.0.thread)
            .finish_non_exhaustive()
    }
}

impl Target {
    fn lock(&self) -> MutexGuard<'_, Option<Exec>> {
        self.exec
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The store ends.
    pub fn close(&self) {
        *self.lock() = None;
    }
}

/// # Safety
///
/// The exec state lives. So it is for the functions below.
unsafe fn request(exec: *mut ExecState) {
    // SAFETY: as the caller promises; the poll words are changed through atomics only.
    unsafe {
        (*exec).interrupt.store(true, Ordering::SeqCst);
        poll::ask(exec);
    }
}

unsafe fn withdraw(exec: *mut ExecState) {
    // SAFETY: as the caller promises. A poll finds out by itself that there is no request, and resets the
    // words.
    unsafe { (*exec).interrupt.store(false, Ordering::SeqCst) };
}

/// Sends signals until the request is gone.
fn send(target: &Target) {
    let mut pause = SHORTEST;
    loop {
        {
            let mut exec = target.lock();
            let Some(found) = exec.as_mut() else {
                return;
            };
            let state = found.state.as_ptr();
            // SAFETY: the state lives as long as it is found under the lock; `host_sp` is one aligned word
            // that trampolines write at once.
            let (is_requested, is_entered) = unsafe {
                let host_sp = AtomicUsize::from_ptr(&raw mut (*state).env.host_sp);
                (
                    (*state).interrupt.load(Ordering::SeqCst),
                    host_sp.load(Ordering::Relaxed) != 0,
                )
            };
            if !is_requested {
                found.is_sending = false;
                return;
            }
            // Else the next entry finds the request.
            if is_entered {
                // SAFETY: the handler is installed, and harmless on whatever thread it runs.
                unsafe {
                    libc::syscall(libc::SYS_tgkill, libc::getpid(), target.thread, SIGNAL);
                }
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST);
    }
}

/// Has somebody asked the code that runs on this thread to stop? For host functions that wait.
pub(crate) fn is_requested() -> bool {
    let exec = thread::current();
    // SAFETY: the exec env of a thread is valid.
    !exec.is_null() && unsafe { (*exec).interrupt.load(Ordering::SeqCst) }
}

/// The handler that was there before.
static mut PREVIOUS: MaybeUninit<libc::sigaction> = MaybeUninit::uninit();
/// `PREVIOUS`, once it has been written.
static INSTALLED: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: `PREVIOUS` is written once, before the handler that reads it is installed.
        unsafe {
            let previous = (&raw mut PREVIOUS).cast::<libc::sigaction>();
            if libc::sigaction(SIGNAL, ptr::null(), previous) != 0 {
                return;
            }
            INSTALLED.store(previous, Ordering::Release);
            let mut action: libc::sigaction = core::mem::zeroed();
            action.sa_sigaction = handle as *const () as usize;
            // Without SA_RESTART: a host function that waits in the system shall notice.
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(SIGNAL, &raw const action, ptr::null_mut());
        }
    });
}

unsafe extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system calls the handler with valid structures; the exec env of a thread is valid.
    unsafe {
        if (*info).si_code != libc::SI_TKILL || (*info).si_pid() != libc::getpid() {
            let previous = INSTALLED.load(Ordering::Acquire);
            if !previous.is_null() {
                signals::call_previous(&*previous, signal, info, context);
            }
            return;
        }
        let exec = thread::current();
        let registers = context.cast::<libc::ucontext_t>();
        if !exec.is_null()
            && (*exec).interrupt.load(Ordering::SeqCst)
            && (*exec).env.in_wasm()
            && code_ranges::contains(arch::context_pc(registers))
        {
            signals::trap(exec, TrapCause::Interrupted, registers);
        }
    }
}
