//! Signals that compiled code raises become traps; every other one goes to who handled it before.
//!
//! The handler runs on the thread's signal stack. It reads the exec env of the thread, which the
//! interrupted code cannot be changing in a way that matters here, takes no lock and allocates nothing.

use super::{code_ranges, thread};
use crate::{arch, exec_env::ExecState};
use core::{cell::UnsafeCell, ffi::c_int, mem::MaybeUninit, ptr};
use std::sync::Once;
use wamr_aot_loader::trap::TrapCause;

const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGTRAP, libc::SIGILL];

/// The handlers that were there before, in the order of `SIGNALS`.
struct Previous(UnsafeCell<[MaybeUninit<libc::sigaction>; SIGNALS.len()]>);

// SAFETY: each element is written once, before the handler that reads it is installed.
unsafe impl Sync for Previous {}

static PREVIOUS: Previous = Previous(UnsafeCell::new(
    [const { MaybeUninit::uninit() }; SIGNALS.len()],
));

/// Installs the handlers, once in a process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (i, signal) in SIGNALS.into_iter().enumerate() {
            // SAFETY: the previous action is read into its place before ours can run and look there. Our
            // handler is safe to run at any moment.
            unsafe {
                let previous = (*PREVIOUS.0.get())[i].as_mut_ptr();
                libc::sigaction(signal, ptr::null(), previous);
                let mut action: libc::sigaction = core::mem::zeroed();
                action.sa_sigaction = handle as *const () as usize;
                // A previous handler may leave by a jump, so the signal must not stay blocked.
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
                libc::sigemptyset(&raw mut action.sa_mask);
                libc::sigaction(signal, &raw const action, ptr::null_mut());
            }
        }
    });
}

unsafe extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system calls the handler with valid structures.
    unsafe {
        let exec = thread::current();
        let registers = context.cast::<libc::ucontext_t>();
        #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
        if signal == libc::SIGILL && arch::skip_trial(registers) {
            return;
        }
        if !exec.is_null() && (*info).si_code > 0 {
            let address = (*info).si_addr() as usize;
            if let Some(cause) = trap_cause(exec, signal, address, arch::context_pc(registers)) {
                trap(exec, cause, registers);
                return;
            }
        }
        forward(signal, info, context);
    }
}

/// Lets the interrupted code trap when the handler returns.
///
/// # Safety
///
/// Called in a signal handler with its context; the thread runs compiled code of this exec env.
pub(super) unsafe fn trap(
    exec: *mut ExecState,
    cause: TrapCause,
    registers: *mut libc::ucontext_t,
) {
    // SAFETY: as the caller promises.
    unsafe {
        (*exec).env.trap_cause = cause.code();
        (*exec).env.trap_ip = 0;
        (*exec).env.trap_pc = arch::context_pc(registers);
        (*exec).env.trap_sp = arch::context_sp(registers);
        (*exec).env.trap_fp = arch::context_fp(registers);
        (*exec).trap.saved_at = 0;
        (*exec).trap.saved = arch::Saved::of_context(registers);
        arch::land(registers, exec);
    }
}

/// Why the compiled code of an exec env raised a signal; `None` if it did not.
///
/// # Safety
///
/// `exec` is the current thread's.
unsafe fn trap_cause(
    exec: *mut ExecState,
    signal: c_int,
    address: usize,
    pc: usize,
) -> Option<TrapCause> {
    // SAFETY: as the caller promises. While compiled code runs nobody holds a reference into the exec
    // env or changes its lists.
    unsafe {
        if !(*exec).env.in_wasm() {
            return None;
        }
        match signal {
            libc::SIGSEGV | libc::SIGBUS => {
                // Wherever the code is: in a trampoline, or in a C function that compiled code called.
                if (*exec).stack_guard.contains(&address) {
                    return Some(TrapCause::CallStackExhausted);
                }
                let reservations = &(*exec).reservations;
                reservations
                    .iter()
                    .any(|range| range.contains(&address))
                    .then_some(TrapCause::MemoryOutOfBounds)
            }
            _ => code_ranges::contains(pc).then_some(TrapCause::Unreachable),
        }
    }
}

/// Hands a signal on to who handled it before.
///
/// # Safety
///
/// The arguments are those of a handler.
unsafe fn forward(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(index) = SIGNALS.iter().position(|known| *known == signal) else {
        return;
    };
    // SAFETY: the element was written before the handler was installed. A handler is called with what
    // it was installed for.
    unsafe {
        let previous = (*PREVIOUS.0.get())[index].as_ptr();
        match (*previous).sa_sigaction {
            libc::SIG_DFL => {
                // Back in the faulting instruction, the default action ends the process in a way that
                // its parent understands. A signal that was sent does not come again by itself.
                libc::sigaction(signal, previous, ptr::null_mut());
                if (*info).si_code <= 0 {
                    libc::raise(signal);
                }
            }
            _ => call_previous(&*previous, signal, info, context),
        }
    }
}

/// Calls the handler of an action, if it is one.
///
/// # Safety
///
/// The action was read from the system for this signal; the other arguments are those of a handler.
pub(super) unsafe fn call_previous(
    action: &libc::sigaction,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: a handler is called with what it was installed for.
    unsafe {
        match action.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => {}
            handler if action.sa_flags & libc::SA_SIGINFO != 0 => {
                let handler = core::mem::transmute::<
                    usize,
                    unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void),
                >(handler);
                handler(signal, info, context);
            }
            handler => {
                let handler = core::mem::transmute::<usize, unsafe extern "C" fn(c_int)>(handler);
                handler(signal);
            }
        }
    }
}
