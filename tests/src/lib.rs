//! Tests of the whole toolchain: the script runner for the specification's suite, the reference
//! interpreter with which frames are checked, and what the tests of programs and command lines share.
#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

// The checker of frames needs an operating system.
#[cfg(feature = "compiler")]
pub mod differential;
#[cfg(not(target_os = "none"))]
pub mod frames;
#[cfg(feature = "hostile")]
pub mod hostile;
#[cfg(not(target_os = "none"))]
pub mod reference;
#[cfg(feature = "compiler")]
pub mod runner;
pub mod wast;
