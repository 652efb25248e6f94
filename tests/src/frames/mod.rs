//! The frame checker: frames of compiled code against those of the reference interpreter.
//!
//! A [`Case`] is a module and calls of its exports. The interpreter runs them and keeps each commit point
//! that can be seen from outside (calls of host functions, traps, polls); compiled code runs them and
//! shows its frames at the same places; [`compare`] holds one against the other.
//!
//! ```text
//!  generate ──► case ──┬──► expected  (interpreter)  ──► log of points ──┐
//!  or a .wat           └──► compiled  (for each way)  ──► events      ──┴──► compare ──► mismatch
//! ```
//!
//! What [`compiled`] does needs no LLVM: the program `frames-run` does it on another machine.

pub mod compiled;
pub mod host;
pub mod wasi;

#[cfg(feature = "compiler")]
mod check;
#[cfg(feature = "compiler")]
pub mod compare;
#[cfg(feature = "compiler")]
pub mod expected;
#[cfg(feature = "compiler")]
pub mod generate;

#[cfg(feature = "compiler")]
pub use check::{Case, Counts, Machine, STEPS, Way, check, check_on};

/// Commit points of a case that are compared.
pub const POINTS: usize = 2_000;
