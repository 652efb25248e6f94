//! Functions and offsets of an interrupted thread, for a profiler's signal handler.

use super::{lines::lines, walk::Walk};
use crate::{Module, arch, host};

/// A frame as a signal handler sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RawFrame {
    /// The module, as [`Module::id`](crate::Module::id) names it.
    pub module: usize,
    /// Index in the module's function index space, imports included.
    pub func_index: u32,
    /// Byte offset of the instruction from the start of the WebAssembly module, 0 if it is not known.
    pub ip: u32,
}

/// Writes the frames of the compiled code that runs on this thread to `out`, youngest first, and
/// returns how many there were, at most as many as there is room for. Where the host runs, these are
/// its callers' frames; if no compiled code does, there are none.
///
/// Takes no lock and allocates nothing. Frames of what cannot be unwound are left out: of a C function
/// that compiled code has called, where it has a frame of its own.
///
/// # Safety
///
/// Called in a signal handler, with the context that it was given, on the thread that was interrupted.
pub unsafe fn sample(context: *const libc::ucontext_t, out: &mut [RawFrame]) -> usize {
    let exec = host::current_exec();
    if exec.is_null() {
        return 0;
    }
    // SAFETY: the context is this thread's, which is interrupted: its code does not go on. A module whose
    // code is on the stack is loaded.
    let walk = unsafe {
        let saved = arch::Saved::of_context(context);
        let (pc, sp) = (arch::context_pc(context), arch::context_sp(context));
        Walk::from_interruption(exec, &saved, pc, sp, |pc| Module::at(pc))
    };
    let mut room = out.iter_mut();
    let mut count = 0;
    for activation in walk {
        let Some(function) = activation.function() else {
            continue;
        };
        for line in lines(&activation.module, function, activation.offset) {
            let Some(frame) = room.next() else {
                return count;
            };
            *frame = RawFrame {
                module: activation.module.id(),
                func_index: line.func_index,
                ip: line.ip.unwrap_or(0),
            };
            count += 1;
        }
    }
    count
}
