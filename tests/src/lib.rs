//! Tests of the whole toolchain: the script runner for the specification's suite, and what the tests
//! of programs and command lines share.

pub mod wast;
