//! The specification's test scripts (`.wast`), run through compiler, loader and runtime.
//!
//! The runner has two sides, so that a suite runs as well under an emulator or on a board:
//!
//! ```text
//!  host side (LLVM)                                  target side (no LLVM)
//!  suite ──► translate ──► script file ──► runner ──► execute
//!  which     every module  objects and     a child    the runtime, one
//!  files     compiled      directives      process    outcome a directive
//! ```
//!
//! The host side alone decides about modules that must be refused; everything that runs is decided
//! on the target side. Each directive of a file counts once: passed, failed or skipped, a skip with
//! its reason.

pub mod execute;
pub mod protocol;
pub mod script;
pub mod spectest;
pub mod values;

#[cfg(feature = "compiler")]
pub mod cli;
#[cfg(feature = "compiler")]
pub mod compile;
#[cfg(feature = "compiler")]
pub mod convert;
#[cfg(feature = "compiler")]
pub mod run;
#[cfg(feature = "compiler")]
pub mod suite;
#[cfg(feature = "compiler")]
pub mod translate;
