//! Tests of the whole toolchain.
