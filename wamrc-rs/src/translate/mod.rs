//! WebAssembly operators to LLVM IR.
//!
//! One LLVM function a WebAssembly function; operands are SSA values, locals become SSA values in the
//! first pass after translation (`mem2reg`). A file an operator family.

mod atomic;
mod bulk;
mod call;
mod cast;
mod control;
mod convert;
mod debug;
mod exception;
mod function;
mod instance;
mod memory;
mod numeric;
mod operator;
mod poll;
mod simd;
mod table;
mod trap;
mod unit;
mod variable;
mod wide;

pub use function::{Local, Operand, translate_function};
pub(crate) use numeric::float_constant;
pub(crate) use trap::TRAP_BLOCK;
pub use unit::{Config, Region, Types, Unit};
