//! Traps: why compiled code stopped, and where.

mod enter;

pub(crate) use enter::enter;

use crate::Val;
use alloc::{string::String, vec::Vec};
use core::fmt;
pub use wamr_aot_loader::trap::TrapCause;

/// Compiled code stopped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trap {
    /// Why.
    pub cause: TrapCause,
    /// The call stack, innermost first, as far as the objects' frames tell it.
    pub frames: Vec<FrameInfo>,
    /// How many more, older, frames there were than `StoreConfig::max_trap_frames`.
    pub omitted_frames: usize,
}

impl Trap {
    /// A trap to return from a host function; the call stack is added on the way out.
    pub fn new(cause: TrapCause) -> Trap {
        Trap {
            cause,
            frames: Vec::new(),
            omitted_frames: 0,
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl core::error::Error for Trap {}

/// One activation of a function.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FrameInfo {
    /// The module's name, if it has one.
    pub module: Option<String>,
    /// Index in the module's function index space, imports included.
    pub func_index: u32,
    /// The function's name, if the object has it.
    pub name: Option<String>,
    /// Offset of the instruction from the start of the WebAssembly module, if it is known.
    pub ip: Option<u32>,
    /// Locals and operands, if the object's frames carry them.
    pub values: Option<FrameValues>,
}

impl FrameInfo {
    pub(crate) fn new(
        module: Option<String>,
        func_index: u32,
        name: Option<String>,
        ip: Option<u32>,
    ) -> Self {
        FrameInfo {
            module,
            func_index,
            name,
            ip,
            values: None,
        }
    }
}

/// The line of the frame in a call stack dump, without its number: `0x0158 - name`.
impl fmt::Display for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x} - ", self.ip.unwrap_or(0))?;
        match &self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "$f{}", self.func_index),
        }
    }
}

/// The values of a frame.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FrameValues {
    /// Parameters and locals by index; `None` for a reference that is no longer live.
    pub locals: Vec<Option<Val>>,
    /// Slots of the operand stack; their types are not recorded.
    pub operands: Vec<u64>,
}
