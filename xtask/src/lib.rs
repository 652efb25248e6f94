//! What the commands of `cargo xtask` and the tests share: the machine's set-up, the real programs that the
//! toolchain is tried on, and how those are fetched, built and measured.
//!
//! Architecture invariant: nothing here links LLVM or the compiler, so that `cargo xtask` builds in seconds on a machine
//! that has nothing but Rust. The toolchain's own binaries are built and called as a user would.

pub mod builder;
pub mod clang;
pub mod machine;
pub mod measure;
pub mod outcome;
pub mod packages;
pub mod process;
pub mod programs;
pub mod progress;
pub mod rust;
pub mod setup;
pub mod sources;
pub mod tools;
pub mod workspace;
