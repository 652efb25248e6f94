//! Tests of the whole toolchain: the script runner for the specification's suite, the reference
//! interpreter with which frames are checked, and what the tests of programs and command lines share.

pub mod frames;
pub mod reference;
#[cfg(feature = "compiler")]
pub mod runner;
pub mod wast;
