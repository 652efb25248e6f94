//! The `.aot` object format: its one definition, validation, relocation and linking.
//!
//! `no_std`, and no allocator is needed to validate and link.
#![no_std]

#[cfg(any(feature = "write", test))]
extern crate alloc;

pub mod builtins;
pub mod layout;
pub mod trap;
