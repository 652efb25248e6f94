//! The `.aot` object format, a file a table: the byte layout in the module's comment, writer and
//! reader side by side.
//!
//! An object is an ELF relocatable file. All tables are little-endian and need no alignment.
//! Writers are there with the feature `write`; readers need no allocator, check everything once and
//! then hand out borrowed views.

pub mod builtins_table;
pub mod const_expr;
pub mod framemap;
pub mod frames;
pub mod handlers;
pub mod header;
pub mod linked;
pub mod list;
pub mod module;
pub mod names;
pub mod order;
pub(crate) mod seal;
pub mod section;
pub mod target;
pub mod traps;
pub mod types;
pub mod unwind;
pub(crate) mod wire;

#[cfg(any(feature = "write", test))]
pub use seal::seal;
