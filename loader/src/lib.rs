//! The `.aot` object format: its one definition, validation, relocation and linking.
//!
//! `no_std`, and no allocator is needed to validate and link.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(feature = "write", test))]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod builtins;
pub mod cpu;
mod elf;
pub mod error;
pub mod format;
pub mod layout;
pub mod link;
pub mod object;
pub mod relocate;
pub mod trap;

pub use error::Error;
pub use format::header::Host;
pub use link::{CodeMemory, Image, MemoryError};
pub use object::Object;
