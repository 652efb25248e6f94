//! What needs an operating system. The core reaches it through the few names that `bare` has too.

#[cfg(target_pointer_width = "64")]
pub(crate) mod reservation;
#[cfg(target_pointer_width = "64")]
pub mod shared_memory;

pub(crate) mod code_memory;
pub(crate) mod code_ranges;
pub mod interrupt;
mod leaf;
mod mapping;
pub mod profile;
pub(crate) mod signals;
mod stack;
pub mod stop;
mod thread;
pub mod wasi;

pub(crate) use leaf::*;
pub(crate) use stack::{DEFAULT_STACK_SIZE, StackMemory};
pub(crate) use thread::{Entry, current as current_exec};

use crate::Error;
use crate::exec_env::Pending;

/// Runs a host function. A panic is caught here, so that it does not meet a trampoline; it goes on when
/// the trap that it becomes has landed.
pub(crate) fn catch(function: impl FnOnce() -> Result<(), Error>) -> Result<(), Pending> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(function)) {
        Ok(result) => result.map_err(Pending::Error),
        Err(payload) => Err(Pending::Panic(payload)),
    }
}

/// Lets a caught panic go on.
pub(crate) fn resume(payload: Box<dyn core::any::Any + Send>) -> ! {
    std::panic::resume_unwind(payload)
}

/// Ends the process: a rule was broken on which memory safety rests.
pub(crate) fn abort(message: &str) -> ! {
    eprintln!("wamr-runtime-min: {message}");
    std::process::abort()
}

fn system(what: &'static str) -> impl Fn(rustix::io::Errno) -> Error {
    move |errno| Error::System {
        what,
        error: errno.into(),
    }
}
