//! Objects without a compiler: machine code that this test program was built with, copied into an
//! object with the tables that a compiler would write. x86-64 only.
//!
//! The code uses the convention that compiled code has for two integers at most: context in rdi,
//! parameters in rsi and rdx, result in rax. A call of a builtin or of another function of the module
//! is written with [`call_builtin!`] or [`call_function!`]; the builder turns it into a relocation.

#![allow(dead_code)]

mod code;
mod object_file;

pub use code::*;
#[allow(unused_imports)]
pub use object_file::{TestModule, TestSite};

use wamr_aot_loader::format::module::{Limits, ValType};
use wamr_runtime_min::{FuncType, Module, Store, StoreConfig};

/// A store with the default configuration.
pub fn store() -> Store {
    Store::new(StoreConfig::default()).unwrap()
}

/// A loaded object.
pub fn load(module: &TestModule) -> Module {
    Module::load(&module.object()).unwrap()
}

/// The type of functions from `params` to `results`.
pub fn func_type(params: &[ValType], results: &[ValType]) -> FuncType {
    FuncType::new(params.iter().copied(), results.iter().copied())
}

/// Limits of a 32-bit memory or table.
pub fn limits(min: u64, max: Option<u64>) -> Limits {
    Limits {
        min,
        max,
        is_64: false,
        shared: false,
    }
}

/// Number of this process's memory mappings.
pub fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count()
}
