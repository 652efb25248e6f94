//! Constant expressions: a module's own bytes, from the first instruction to `end`.
