//! Differential fuzzing: generated modules on compiled code and on a second engine, an interpreter: wasmi, or what wasmi
//! lacks, our own reference.
//!
//! ```text
//!  seed ──► generate ──► program ──┬──► here                 (compiler, runtime) ──► observed ──┐
//!                                  └──► wasmi or interpreter (by its kind)       ──► observed ──┴──► compare ──► difference
//! ```
//!
//! Everything is compared that WebAssembly determines: how instantiation and each call end, results and exceptions bit by
//! bit, the calls of host functions with their arguments, and at the end memories, globals and tables. The same seed always
//! gives the same program.

mod compare;
mod counts;
pub mod generate;
mod here;
mod interpreter;
mod wasmi;

use wamrc_rs::Options;

use crate::frames::host;
use crate::reference::Value;
pub use counts::Counts;
use wamr_runtime_min::ValType;

/// What a program is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All that wasmi has.
    General,
    /// Exceptions.
    Exceptions,
    /// Exceptions as they were before they became standard.
    LegacyExceptions,
    /// Shared memories and atomics, of a single thread.
    Threads,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [
        Kind::General,
        Kind::Exceptions,
        Kind::LegacyExceptions,
        Kind::Threads,
    ];

    /// Half of the seeds are for wasmi, which is the older engine and knows more.
    pub fn of_seed(seed: u64) -> Kind {
        match seed % 10 {
            1 | 3 | 7 => Kind::Exceptions,
            8 => Kind::LegacyExceptions,
            9 => Kind::Threads,
            _ => Kind::General,
        }
    }

    /// Do its modules throw?
    pub fn throws(self) -> bool {
        matches!(self, Kind::Exceptions | Kind::LegacyExceptions)
    }

    /// The engine that its programs are compared with.
    fn engine(self) -> &'static str {
        match self {
            Kind::General => "wasmi",
            _ => "the reference interpreter",
        }
    }
}

/// A module, how to compile it and what to do with it.
#[derive(Clone, Debug)]
pub struct Program {
    /// What it is made for.
    pub kind: Kind,
    /// The binary module. Each import is called `host` and its number; the global [`generate::FUEL`] is exported, and each
    /// tag by a name that its index follows from ([`generate::tag_name`]).
    pub wasm: Vec<u8>,
    /// Options for the compiler.
    pub options: Options,
    /// Exports to call, in this order, on one instance. Each begins with the same fuel.
    pub calls: Vec<(String, Vec<Value>)>,
    /// What the host's functions do now and then before they return.
    pub acts: Vec<Act>,
}

/// What a function of the host's may do before it returns.
#[derive(Clone, Debug)]
pub enum Act {
    /// Throws an exception of one of the module's tags, and so does not return.
    Throw(u32, Vec<Value>),
    /// Calls an export. If that ends with an exception, it throws it on or not.
    Call {
        /// The export.
        name: String,
        /// Arguments.
        arguments: Vec<Value>,
        /// Is an exception thrown on?
        throws_on: bool,
    },
}

/// Functions of the host's that call back, one inside the other.
const DEPTH: u32 = 3;

impl Program {
    /// What an import does in the call of this number, counted over all imports, while `depth` others have called back.
    fn act(&self, import: usize, number: u64, depth: u32) -> Option<&Act> {
        let import = Value::I32(u32::try_from(import).unwrap_or(u32::MAX));
        let drawn = host::results("act", number, &[import], &[ValType::I64], 0);
        let Some(Value::I64(drawn)) = drawn.first() else {
            return None;
        };
        let choices = 2 * self.acts.len().max(1) as u64;
        let act = self.acts.get((drawn % choices) as usize)?;
        (depth < DEPTH || matches!(act, Act::Throw(..))).then_some(act)
    }
}

/// Results of an import, of these types.
fn results(import: usize, arguments: &[Value], types: &[ValType]) -> Vec<Value> {
    host::results(&import.to_string(), 0, arguments, types, 0)
}

/// How instantiation or a call ended without results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A trap, by its cause in the specification's words.
    Trap(&'static str),
    /// An exception that nothing catches.
    Exception {
        /// Index of its tag in the module, if the module's tags can be asked for: not before the end of instantiation, but
        /// for imported ones.
        tag: Option<usize>,
        /// What it holds.
        values: Vec<Value>,
    },
}

/// How instantiation or a call ended.
pub type End = Result<Vec<Value>, Failure>;

/// What a program did, as far as WebAssembly determines it. References to functions and exceptions are only told from
/// null: they are function 0 and exception 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Instantiation, and then each call.
    pub ends: Vec<End>,
    /// Calls of host functions: the import's index, and the arguments. The first [`HOST_CALLS`]. What the host has got from
    /// an export that it called is there, too, as if it were arguments.
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
    Same(Counts),
    /// An engine came to the end of its stack, so what follows is not determined.
    Skipped,
}

/// Runs a program on both engines.
///
/// # Errors
/// Says what differs, or which engine refuses the module.
pub fn check(program: &Program) -> Result<Verdict, String> {
    let mut here = here::run(program).map_err(|error| format!("here: {error}"))?;
    let engine = program.kind.engine();
    let there = if program.kind == Kind::General {
        wasmi::forget(&mut here);
        wasmi::run(program).map(|observed| (observed, Counts::default()))
    } else {
        interpreter::run(program)
    };
    let (there, mut counts) = there.map_err(|error| format!("{engine}: {error}"))?;
    if here.is_exhausted() || there.is_exhausted() {
        return Ok(Verdict::Skipped);
    }
    compare::compare(&here, &there, engine)?;
    counts.observe(&here);
    Ok(Verdict::Same(counts))
}

impl Observed {
    fn is_exhausted(&self) -> bool {
        self.ends.contains(&Err(Failure::Trap(EXHAUSTED)))
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
