//! `.wamr.module`: a module's description.
//!
//! ```text
//! u32 has start | u32 start function | types | imports | functions | tables | memories | globals
//! | tags | exports | elements | data | func refs | import order | export order
//! ```
//!
//! Functions and tags (type indices), func refs (ascending function indices) and the orders are number
//! lists, the others record lists (see [`super::list`]). Import order holds the imports' indices,
//! functions first, then tables, memories, globals and tags, so that a number in an index space leads to
//! its import. Export order holds the exports' indices by ascending name (bytewise), so that names
//! are unique and found by binary search.
//!
//! Records:
//!
//! | record | is |
//! |---|---|
//! | type | flags (bit 0 not final, bit 1 has a super type, bit 2 the next type is of the same recursion group), ULEB super type if flagged, ULEB parameter count, ULEB result count, parameter types, result types |
//! | import | string module, string name, kind byte (0 function, 1 table, 2 memory, 3 global, 4 tag), type |
//! | table | table type, 0; or table type, 1, expression |
//! | memory | memory type |
//! | global | global type, expression |
//! | export | string name, kind byte, ULEB index |
//! | element | mode, type, ULEB item count, expressions |
//! | data | mode, ULEB offset in `.wamr.data`, ULEB length |
//!
//! | part | is |
//! |---|---|
//! | string, expression | ULEB length, bytes |
//! | function type, tag type (of an import) | ULEB type index; a tag's has no results |
//! | limits | flags (bit 0 maximum, bit 1 shared, bit 2 64-bit), ULEB minimum, ULEB maximum if flagged |
//! | value type | as in the WebAssembly binary format, in its shortest form; a reference's type index is one of this list; in a type, one of its recursion group's or of those before |
//! | table type | element type, limits |
//! | memory type | binary logarithm of the page size, limits |
//! | global type | type, 1 if mutable |
//! | mode | 0 passive; 1 active, ULEB index, expression; 2 declared |
//!
//! A type's super type is one that stands before it, is not final and has as many parameters and results, with which it
//! may match; at most [`MAX_SUBTYPING_DEPTH`] types are above a type.
//!
//! Only a module's own tables, memories, globals and tags are listed; index spaces start with the
//! imports.

pub use super::types::{
    ExportKind, GlobalType, HeapType, ImportKind, Limits, MemoryType, RefType, TableType, ValType,
};

/// Most super types that a type may have, its super type's included.
/// <https://webassembly.github.io/spec/js-api/#limits>
pub const MAX_SUBTYPING_DEPTH: u32 = 63;

mod check;
#[cfg(any(feature = "write", test))]
mod owned;
mod subtyping;
#[cfg(test)]
mod tests;
mod view;
#[cfg(any(feature = "write", test))]
pub use owned::{
    ConstExpr, Data, Element, Export, FuncType, Global, Import, ModuleInfo, SegmentMode, SubType,
    Table,
};
pub(crate) use view::Imported;
pub use view::{
    DataView, ElementView, ExportView, FuncTypeView, GlobalView, ImportView, ModuleView,
    SegmentModeView, SubTypeView, TableView, ValTypes,
};
