//! Runs ahead-of-time compiled WebAssembly.
#![cfg_attr(not(feature = "std"), no_std)]
