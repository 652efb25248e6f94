//! Ahead-of-time compiler.
