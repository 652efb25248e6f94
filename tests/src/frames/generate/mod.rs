//! Generated modules: the same seed always gives the same module.
//!
//! A module is written as text, so that one that shows a bug can be read, cut down and kept. What matters
//! for frames is frequent in them: calls and loops above operands of all types, locals that die and
//! revive, small functions that are inlined, host calls in the middle of expressions, traps of every
//! kind, indirect calls and recursion; in half of the modules exceptions, handlers around calls and host functions. They end: functions that call, and loops without a counter, use up
//! a global's fuel; others are counted.
//!
//! NaNs never become anything but NaNs (they are made canonical before they are stored or
//! reinterpreted), since their bits are not determined.

mod body;
mod exception;
mod expression;
mod module;
mod random;
mod statement;

pub use module::{Text, text};
pub use random::Random;

use super::Case;

/// The module of a seed, as a case.
///
/// # Errors
/// The text is wrong: a bug of the generator.
pub fn case(seed: u64) -> Result<Case, String> {
    let Text { text, calls } = text(seed);
    let wasm = wat::parse_str(&text).map_err(|error| format!("seed {seed}: {error}"))?;
    Ok(Case {
        name: format!("seed {seed}"),
        wasm,
        calls,
        input: Vec::new(),
        skip: 0,
        steps: super::STEPS,
        is_prefix: false,
    })
}
