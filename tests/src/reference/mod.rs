//! A reference interpreter: WebAssembly 2.0, of whose vectors as much as frames need, several memories,
//! 64-bit memories and tables and wide arithmetic, one operator after the other.
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

pub mod control;
pub mod execute;
pub mod instantiate;
pub mod memory;
pub mod module;
pub mod numeric;
pub mod observe;
pub mod script;
pub mod store;
pub mod table;
pub mod thread;
pub mod value;
pub mod vector;

pub use module::Module;
pub use observe::{FrameState, Log, Observer, PointKind};
pub use store::{ExternValue, HostFunction, Store};
pub use thread::Stop;
pub use value::Value;
