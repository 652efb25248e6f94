//! The process: ending it, signals to itself, giving way to others.

use super::WasiCtx;
use super::errno::Errno;
use super::guest_memory::GuestMemory;

/// A program ended itself with this exit code. It travels as the host error of the call that
/// `proc_exit` (or a deadly `proc_raise`) ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(
    /// 0 means success. For a signal, 128 and its number, as shells show it.
    pub u32,
);

impl core::fmt::Display for Exit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the program exited with code {}", self.0)
    }
}

impl core::error::Error for Exit {}

/// What a signal does to a program that cannot catch any: nothing, as in `signal` 0 and those that
/// are ignored by default, or the end. Numbers are WASI's.
fn default_action(signal: u32) -> Result<Option<Exit>, Errno> {
    match signal {
        // none, chld, cont, urg, winch
        0 | 16 | 17 | 22 | 27 => Ok(None),
        // stop, tstp, ttin, ttou: nobody is there to continue the program.
        18..=21 => Err(Errno::NotSup),
        // hup to term, xcpu to prof, poll to sys
        1..=15 | 23..=26 | 28..=30 => Ok(Some(Exit(128 + signal))),
        _ => Err(Errno::Inval),
    }
}

impl WasiCtx {
    /// Ends the program.
    pub fn proc_exit(&self, code: u32) -> Exit {
        Exit(code)
    }

    /// Sends the program a signal. It has no handlers in preview 1, so a signal is ignored or
    /// ends it, by its default action.
    pub fn proc_raise(&self, signal: u32) -> Result<Option<Exit>, Errno> {
        default_action(signal)
    }

    /// Lets other threads of the host run.
    pub fn sched_yield(&self, _memory: &mut GuestMemory<'_>) -> Result<(), Errno> {
        std::thread::yield_now();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_default_action() {
        for (signal, expected) in [
            (0, Ok(None)),
            (6, Ok(Some(Exit(134)))),
            (15, Ok(Some(Exit(143)))),
            (16, Ok(None)),
            (18, Err(Errno::NotSup)),
            (30, Ok(Some(Exit(158)))),
            (31, Err(Errno::Inval)),
            (u32::MAX, Err(Errno::Inval)),
        ] {
            assert_eq!(default_action(signal), expected, "signal {signal}");
        }
    }
}
