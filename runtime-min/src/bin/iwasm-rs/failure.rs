//! How a run can fail, and what the user is told.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use wamr_runtime_min::{Exception, FrameView, SlotValue, Trap, frame::NoValues};

/// Exit code for files that cannot be loaded, functions that cannot be called and the like.
const FAILED: u32 = 1;

/// Exit code of a trap: what a shell shows for SIGABRT.
const TRAPPED: u32 = 134;

/// Why a run ended.
#[derive(Debug)]
pub struct Failure {
    /// What to write to standard error; nothing if it is empty.
    message: String,
    code: u32,
}

impl Failure {
    /// Something that concerns a file.
    pub fn file(path: &Path, cause: impl core::fmt::Display) -> Failure {
        Failure::new(format!("{}: {cause}", path.display()))
    }

    /// Anything else.
    pub fn new(message: impl core::fmt::Display) -> Failure {
        Failure {
            message: format!("iwasm-rs: {message}\n"),
            code: FAILED,
        }
    }

    /// Standard output could not be written. Silent if its reader has gone away.
    pub fn output(error: &std::io::Error) -> Failure {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure {
                message: String::new(),
                code: FAILED,
            };
        }
        Failure::new(format!("standard output: {error}"))
    }

    /// The program trapped. `values`: also show the values of the frames.
    pub fn trap(trap: &Trap, values: bool) -> Failure {
        Failure::stopped(trap, trap.frames(), trap.omitted_frames, values)
    }

    /// The program threw an exception that nothing catches.
    pub fn exception(exception: &Exception, values: bool) -> Failure {
        let omitted = exception.omitted_frames;
        Failure::stopped(exception, exception.frames(), omitted, values)
    }

    fn stopped(
        cause: impl core::fmt::Display,
        frames: &[FrameView],
        omitted: usize,
        values: bool,
    ) -> Failure {
        let mut message = format!("Exception: {cause}\n");
        for (number, frame) in frames.iter().enumerate() {
            // Writing to a string does not fail.
            let _ = writeln!(message, "#{number:02}: {frame}");
            if !values {
                continue;
            }
            if frame.ip().is_some() && !frame.ip_is_exact() {
                let _ = writeln!(message, "      (near this offset)");
            }
            let found = match frame.require_values() {
                Ok(found) => found,
                // Nobody asked for them.
                Err(NoValues::Level) => continue,
                Err(_) => {
                    let _ = writeln!(message, "      (values not available)");
                    continue;
                }
            };
            for (index, local) in (0..).zip(&found.locals) {
                let name = frame.local_name(index);
                let name = name.map_or(String::new(), |name| format!(" ({name})"));
                let _ = writeln!(message, "      local {index}{name}: {}", show(local));
            }
            for (index, operand) in found.operands.iter().enumerate() {
                let _ = writeln!(message, "      operand {index}: {}", show(operand));
            }
        }
        if omitted > 0 {
            let _ = writeln!(message, "({omitted} more)");
        }
        Failure {
            message,
            code: TRAPPED,
        }
    }

    /// Tells the user, and returns the exit code.
    pub fn report(self) -> u32 {
        // There is nobody to tell that standard error is gone.
        let _ = std::io::stderr().write_all(self.message.as_bytes());
        self.code
    }
}

/// A value for a call stack.
fn show(value: &SlotValue) -> String {
    match value {
        SlotValue::Value(value) => crate::values::print(value, None),
        SlotValue::Dead => "(dead)".into(),
        SlotValue::Unavailable => "(not available)".into(),
    }
}
