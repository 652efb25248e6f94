//! A frame as the walker shows it: one activation of a function, as WebAssembly has it.

use crate::{Instance, Module, Val};
use alloc::vec::Vec;
use core::fmt;
use wamr_aot_loader::format::header::CaptureLevel;

/// One activation of a function. Owns what it shows: it stays as it was when the frame was read,
/// whatever the program does then.
#[derive(Clone, Debug)]
pub struct FrameView {
    pub(super) module: Module,
    pub(super) instance: Option<Instance>,
    pub(super) func_index: u32,
    pub(super) ip: Option<u32>,
    pub(super) ip_is_exact: bool,
    pub(super) values: Option<FrameValues>,
}

impl FrameView {
    /// The module of the function.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The instance that the function runs in, as far as it is known: frame records name it; without
    /// records it is known if the module has only one instance in the store.
    pub fn instance(&self) -> Option<Instance> {
        self.instance
    }

    /// Index in the module's function index space, imports included.
    pub fn func_index(&self) -> u32 {
        self.func_index
    }

    /// The function's name, if the object has it.
    pub fn name(&self) -> Option<&str> {
        self.module.function_name(self.func_index)
    }

    /// The name of one of the function's parameters or locals, if the object has it.
    pub fn local_name(&self, local: u32) -> Option<&str> {
        self.module.local_name(self.func_index, local)
    }

    /// Byte offset of the instruction from the start of the WebAssembly module, if it is known: of the
    /// call that has not returned, the poll that is waited at, or the instruction that trapped.
    pub fn ip(&self) -> Option<u32> {
        self.ip
    }

    /// Is `ip` the very instruction? Not where the hardware found the trap of an access or of the stack
    /// in code that LLVM was free to move: there it is the nearest instruction that is known. The
    /// function is right in any case.
    pub fn ip_is_exact(&self) -> bool {
        self.ip_is_exact
    }

    /// Parameters, locals and operands; `None` where the object's frames do not carry them, or not at
    /// this place. What is shown is never that of another moment.
    pub fn values(&self) -> Option<&FrameValues> {
        self.values.as_ref()
    }

    /// As [`FrameView::values`], for who cannot do without.
    ///
    /// # Errors
    ///
    /// There are none; the error says what to compile with, or that nothing helps.
    pub fn require_values(&self) -> Result<&FrameValues, NoValues> {
        self.values().ok_or_else(|| {
            let level = self.module.capture_level();
            if !level.contains(CaptureLevel::VALUES) {
                NoValues::Level
            } else if !self.ip_is_exact {
                NoValues::Interrupted
            } else {
                NoValues::Place
            }
        })
    }
}

/// Why a frame shows no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoValues {
    /// The object's frames carry none.
    #[error("the object's frames carry no values: compile it with `--enable-aot-stack-frame`")]
    Level,
    /// The code was interrupted in an access or where the stack ends.
    #[error(
        "values are not available where the hardware finds a trap: compile with `--bounds-checks=1`"
    )]
    Interrupted,
    /// The compiler keeps none at this place.
    #[error("values are not available at this place")]
    Place,
}

/// The line of the frame in a call stack dump, without its number: `0x0158 - name`.
impl fmt::Display for FrameView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x} - ", self.ip.unwrap_or(0))?;
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "$f{}", self.func_index),
        }
    }
}

/// The values of a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameValues {
    /// Parameters and locals, by index.
    pub locals: Vec<SlotValue>,
    /// The operand stack, the bottom first: at a call what lies below its arguments, at a trap what was
    /// there before the instruction, at a poll what is there.
    pub operands: Vec<SlotValue>,
}

/// What a frame shows of a local or operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotValue {
    /// Its value.
    Value(Val),
    /// The rest of the function cannot read it, so its value was not kept.
    Dead,
    /// It may be read later, but its value or its type cannot be found.
    Unavailable,
}

impl SlotValue {
    /// The value, if it is shown.
    pub fn value(&self) -> Option<Val> {
        match self {
            SlotValue::Value(value) => Some(*value),
            SlotValue::Dead | SlotValue::Unavailable => None,
        }
    }
}
