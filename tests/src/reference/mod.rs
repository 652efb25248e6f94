//! A reference interpreter: WebAssembly 2.0, several memories, 64-bit memories and tables, tail calls, exceptions in both
//! encodings, atomics of a single thread and wide arithmetic, one operator after the other.
//!
//! It is the second opinion about what compiled code computes and, above all, about frames: at each
//! commit point an [`observe::Observer`] gets the stack of all activations as the specification's
//! execution has it. It shares nothing with the compiler but the decoder (wasmparser), and wants to be
//! obviously right rather than fast: an activation is a structure, its operands are a vector of typed
//! values, nothing is analysed ahead but where blocks end.
//!
//! ```text
//!  bytes ──► module ──► store (instances, memories, tables, globals)
//!                         │
//!                         └─ thread: activations, one operator a step ──► observer
//! ```
//!
//! Values and kinds of commit points are all that a machine needs which runs compiled code.

pub mod observe;
pub mod value;

#[cfg(feature = "compiler")]
pub mod atomic;
#[cfg(feature = "compiler")]
pub mod control;
#[cfg(feature = "compiler")]
pub mod exception;
#[cfg(feature = "compiler")]
pub mod execute;
#[cfg(feature = "compiler")]
pub mod instantiate;
#[cfg(feature = "compiler")]
pub mod memory;
#[cfg(feature = "compiler")]
pub mod module;
#[cfg(feature = "compiler")]
pub mod numeric;
#[cfg(feature = "compiler")]
pub mod script;
#[cfg(feature = "compiler")]
pub mod store;
#[cfg(feature = "compiler")]
pub mod table;
#[cfg(feature = "compiler")]
pub mod thread;
#[cfg(feature = "compiler")]
pub mod types;
#[cfg(feature = "compiler")]
pub mod vector;

#[cfg(feature = "compiler")]
pub use module::Module;
pub use observe::{FrameState, Log, Observer, PointKind};
#[cfg(feature = "compiler")]
pub use store::{ExternValue, HostFunction, Store};
#[cfg(feature = "compiler")]
pub use thread::Stop;
pub use value::Value;
