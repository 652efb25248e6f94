//! Runs ahead-of-time compiled WebAssembly.
//!
//! The core is `no_std` with `alloc`; the feature `std` (default) adds what needs an operating
//! system: code memory through `mmap`, memories with guard pages, stacks, signals, WASI.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use wamr_runtime_min::{Linker, Module, Store, StoreConfig};
//!
//! let mut store = Store::new(StoreConfig::default())?;
//! let module = Module::load(&std::fs::read("add.aot")?)?;
//! let mut linker = Linker::new();
//! linker.func_wrap("env", "log", |x: i32| println!("{x}"))?;
//! let instance = linker.instantiate(&mut store, &module)?;
//! let add = instance.get_func(&store, "add").ok_or("no such export")?;
//! let add = add.typed::<(i32, i32), i32>(&store)?;
//! assert_eq!(add.call(&mut store, (1, 2))?, 3);
//! # Ok(())
//! # }
//! ```
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod arch;
mod arithmetic;
#[cfg(not(feature = "std"))]
mod bare;
mod builtins;
pub mod error;
pub mod exception;
mod exec_env;
pub mod frame;
pub mod func;
pub mod global;
#[cfg(feature = "std")]
pub mod host;
pub mod instance;
pub mod linker;
pub mod memory;
pub mod module;
mod poll;
mod static_code;
pub mod store;
pub mod table;
pub mod trap;
pub mod types;
pub mod value;

#[cfg(not(feature = "std"))]
use bare as platform;
#[cfg(not(feature = "std"))]
pub use bare::flush_instructions;
#[cfg(feature = "std")]
use host as platform;
#[cfg(all(feature = "std", target_pointer_width = "64"))]
pub use host::shared_memory::SharedMemory;
#[cfg(feature = "std")]
pub use host::{interrupt::InterruptHandle, stop::StopGroup, wasi};

pub use error::{Error, LinkError, LoadError};
pub use exception::{Exception, ExnRef, Tag};
pub use frame::{FrameValues, FrameView, SlotValue};
pub use func::{Caller, Func, HostResults, IntoFunc, TypedFunc, WasmParams, WasmResults, WasmType};
pub use global::Global;
pub use instance::{Extern, Instance};
pub use linker::Linker;
pub use memory::Memory;
pub use module::Module;
pub use static_code::{Protect, StaticCode};
pub use store::{Store, StoreConfig};
pub use table::Table;
pub use trap::{Trap, TrapCause};
pub use types::{
    ExternType, FuncType, GlobalType, HeapType, Limits, MemoryType, RefType, TableType, ValType,
};
pub use value::{ExternRef, Val};
pub use wamr_aot_loader::format::linked::LinkedObject;
pub use wamr_aot_loader::link::{CodeMemory, MemoryError};
