//! The commands, one module each: its arguments, and `run`.

pub mod bench;
pub mod cross;
pub mod demo;
pub mod emulated;
pub mod parts;
pub mod setup;
pub mod test;
pub mod wast;
