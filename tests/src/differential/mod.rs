//! Differential fuzzing: generated modules on compiled code and on a second engine, the interpreter wasmi.
//!
//! ```text
//!  seed ──► generate ──► program ──┬──► here   (compiler, runtime) ──► observed ──┐
//!                                  └──► there  (wasmi)             ──► observed ──┴──► compare ──► difference
//! ```
//!
//! Everything is compared that WebAssembly determines: how instantiation and each call end, results bit by bit, the calls of host
//! functions with their arguments, and at the end memories, globals and tables. The same seed always gives the same program.

mod compare;
pub mod generate;
mod here;
mod there;

use wamrc_rs::Options;

use crate::reference::Value;

/// A module, how to compile it and what to do with it.
#[derive(Clone, Debug)]
pub struct Program {
    /// The binary module. Each import is called `host` and its number; the global [`generate::FUEL`] is exported.
    pub wasm: Vec<u8>,
    /// Options for the compiler.
    pub options: Options,
    /// Exports to call, in this order, on one instance. Each begins with the same fuel.
    pub calls: Vec<(String, Vec<Value>)>,
}

/// How instantiation or a call ended: with results, or with a trap's cause in the specification's words.
pub type End = Result<Vec<Value>, &'static str>;

/// What a program did, as far as WebAssembly determines it. References to functions are only told from null: they are
/// function 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Instantiation, and then each call.
    pub ends: Vec<End>,
    /// Calls of host functions: the import's index, and the arguments. The first [`HOST_CALLS`].
    pub host_calls: Vec<(usize, Vec<Value>)>,
    /// Exported memories, here and below by name: name, length in bytes, contents without the zeros at the end.
    pub memories: Vec<(String, usize, Vec<u8>)>,
    /// Exported globals.
    pub globals: Vec<(String, Value)>,
    /// Exported tables, and which of their elements are not null.
    pub tables: Vec<(String, Vec<bool>)>,
}

/// Calls of host functions that are compared.
pub const HOST_CALLS: usize = 1_000;

/// Bytes that each memory may have. All engines refuse to grow beyond it.
const MEMORY_LIMIT: usize = 2 << 20;

/// Elements that each table may have.
const TABLE_LIMIT: usize = 2_000;

/// The cause of a trap that depends on the engine's resources.
const EXHAUSTED: &str = "call stack exhausted";

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No difference.
    Same {
        /// Calls of exports.
        calls: u64,
        /// Of these, how many trapped.
        traps: u64,
        /// Calls of host functions.
        host_calls: u64,
    },
    /// An engine came to the end of its stack, so what follows is not determined.
    Skipped,
}

/// Runs a program on both engines.
///
/// # Errors
/// Says what differs, or which engine refuses the module.
pub fn check(program: &Program) -> Result<Verdict, String> {
    let here = here::run(program).map_err(|error| format!("here: {error}"))?;
    let there = there::run(program).map_err(|error| format!("wasmi: {error}"))?;
    if here.is_exhausted() || there.is_exhausted() {
        return Ok(Verdict::Skipped);
    }
    compare::compare(&here, &there)?;
    Ok(Verdict::Same {
        calls: here.ends.len().saturating_sub(1) as u64,
        traps: here.ends.iter().filter(|end| end.is_err()).count() as u64,
        host_calls: here.host_calls.len() as u64,
    })
}

impl Observed {
    fn is_exhausted(&self) -> bool {
        self.ends.contains(&Err(EXHAUSTED))
    }

    fn host_call(&mut self, import: usize, arguments: &[Value]) {
        if self.host_calls.len() < HOST_CALLS {
            self.host_calls.push((import, arguments.to_vec()));
        }
    }

    fn memory(&mut self, name: &str, contents: &[u8]) {
        let used = contents.iter().rposition(|byte| *byte != 0);
        let used = &contents[..used.map_or(0, |last| last + 1)];
        self.memories
            .push((name.to_owned(), contents.len(), used.to_vec()));
    }
}
