//! Programs for machines without an operating system that run compiled WebAssembly, and check that they do:
//! QEMU's `virt` boards, with RISC-V of 32 and 64 bits and AArch64.
//!
//! | program | |
//! |---|---|
//! | `loaded` | carries objects, loads them, runs the checks |
//! | `linked` | is linked with the objects, runs the same checks |
//! | `script` | executes a script of the specification's suite, which the emulator puts into memory |
//!
//! `cargo xtask bare-metal` builds and runs them. On other systems there is nothing in here.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
pub mod board;
#[cfg(target_os = "none")]
pub mod checks;
#[cfg(target_os = "none")]
pub mod code_memory;

/// What the programs say where they cannot run.
pub const ELSEWHERE: &str =
    "this program is for machines without an operating system; run `cargo xtask bare-metal`";
