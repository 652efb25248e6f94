//! The calling convention, and the exec env and instance as compiled code sees them.
//!
//! | | |
//! |---|---|
//! | internal calls | `fastcc (callee context, [results pointer], parameters…) -> first result` |
//! | arguments beyond the registers | on the stack; of functions that are called through references or tail-called, in the exec env's argument slots |
//! | results | none or one natively; of two or more the first natively, the others in 8-byte slots at the results pointer |
//! | tail calls | `musttail`, with the caller's results pointer |
//! | enter thunk | C, `(code, callee context, slots)`: arguments and results in 8-byte slots |
//! | trap thunk | `preserve_allcc (callee context, cause, ip)`: raises a trap; callers may leave what their frames show in nearly all registers |
//! | poll thunk | `preserve_allcc (callee context)`: calls the runtime, and keeps nearly all registers; on RISC-V `preserve_mostcc` |
//! | host thunk | internal; spills its arguments to slots and calls the runtime |
//!
//! Layouts come from the loader's list; nothing here knows an offset.

mod signature;
mod thunk;

pub use signature::{
    ArgumentRegisters, FAST_CALL, ParamPlace, Passing, Signature, slot_count, slots_of,
};
pub use thunk::{
    ColdThunk, PRESERVE_ALL, PRESERVE_MOST, emit_cold_thunk, emit_enter_thunk, emit_host_thunk,
};

/// Symbol of the code of a function of the function index space.
pub fn function_symbol(function: u32) -> String {
    format!("wamr.f{function}")
}

/// The function whose code has a symbol.
pub fn function_of_symbol(symbol: &str) -> Option<u32> {
    symbol.strip_prefix("wamr.f")?.parse().ok()
}

/// The function that LLVM's exception tables would name as the one that reads them.
pub const PERSONALITY_SYMBOL: &str = "wamr_personality";

/// What stands for a tag in LLVM's exception tables.
pub fn tag_symbol(tag: u32) -> String {
    format!("wamr.tag.{tag}")
}

/// The tag that a symbol stands for.
pub fn tag_of_symbol(symbol: &str) -> Option<u32> {
    symbol.strip_prefix("wamr.tag.")?.parse().ok()
}

/// Symbol of the enter thunk of a type.
pub fn enter_thunk_symbol(ty: u32) -> String {
    format!("wamr.enter.{ty}")
}

/// Symbol of the host thunk of a type.
pub fn host_thunk_symbol(ty: u32) -> String {
    format!("wamr.host.{ty}")
}
