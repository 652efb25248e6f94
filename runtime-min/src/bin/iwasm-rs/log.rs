//! What -v asks to be told.

use std::io::Write as _;

/// What is loaded, and how long it takes.
pub const DETAILS: u8 = 3;

/// Calls to WASI, values in call stacks.
pub const CALLS: u8 = 4;

/// Says things on standard error, up to a level.
#[derive(Clone, Copy, Debug)]
pub struct Log(pub u8);

impl Log {
    /// A line for those who asked for details. The text is made only for them.
    pub fn detail<T: core::fmt::Display>(self, text: impl FnOnce() -> T) {
        if self.0 >= DETAILS {
            // There is nobody to tell that standard error is gone.
            let _ = writeln!(std::io::stderr(), "iwasm-rs: {}", text());
        }
    }
}
