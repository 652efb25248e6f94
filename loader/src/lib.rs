//! The `.aot` object format: its one definition, validation, relocation and linking.
//!
//! `no_std`, and no allocator is needed to validate and link.
//!
//! # What holds for any bytes
//!
//! - No panic, and no access outside the file and the code memory: there is no `unsafe` here.
//! - [`Object::parse`] first compares total length and content hash; nothing else is read of a file that
//!   was cut or damaged.
//! - Sections, symbols, relocations and table entries are each looked at a fixed number of times, or found by
//!   bisection: time grows with the file as n log n, however the file was made.
//! - Nothing is allocated but the code memory, once: at most 110 times the file's length and two pages (a page
//!   of padding for each section, a stub for each call), and never more than 2 GiB.
//! - An object that was built for another layout, machine or format is refused, and the error says in which
//!   field, with both values.
//!
//! # Features
//!
//! Without any, the crate knows objects for the machine that it is compiled for, and no others are in the program:
//! RISC-V of 32 bits has neither the relocations of AArch64 nor numbers of 64 bits. With `foreign` it knows all. `write` adds
//! owned tables and their encoders.
//!
//! # What cannot be known
//!
//! Tables are checked so that their readers need not trust them. **Machine code is not**: an object whose hash is right and
//! whose tables are sound can do whatever its process can. The hash finds damage, not malice; the CPU features, poll kind and
//! memory model in the header are what the compiler said. So load what this project's compiler has written, from a
//! source that you trust, or have it signed: the header has room for a signature of 64 bytes (Ed25519, say) of the
//! content hash, which leaves the signature out, so that an object is signed after it was made. To check one, take both from
//! [`Header::of_file`](format::header::Header::of_file); that the hash is the file's, `parse` checks.
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
pub mod word;

pub use error::Error;
pub use format::header::Host;
pub use link::{CodeMemory, Image, MemoryError};
pub use object::Object;
