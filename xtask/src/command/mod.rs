//! The commands, one module each: its arguments, and `run`.

pub mod bare_metal;
pub mod bench;
pub mod cross;
pub mod demo;
pub mod emulated;
pub mod fuzz;
pub mod parts;
pub mod setup;
pub mod test;
pub mod wast;
