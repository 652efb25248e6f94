//! Names of the sections of an object.
//!
//! | section | holds | flags |
//! |---|---|---|
//! | [`HEADER`] | [`super::header`]; its bytes follow the ELF header | `ALLOC` |
//! | [`MODULE`] | [`super::module`] | `ALLOC` |
//! | [`DATA`] | the bytes of the data segments | `ALLOC` |
//! | [`CODE`] | addresses: defined functions, enter thunks, host thunks, trap thunk, poll thunk | `ALLOC` |
//! | [`FRAMES`] | [`super::frames`] | `ALLOC` |
//! | [`TRAPS`] | [`super::traps`] | `ALLOC` |
//! | [`ORDER`] | [`super::order`] | `ALLOC` |
//! | [`UNWIND`] | [`super::unwind`] | `ALLOC` |
//! | [`HANDLERS`] | [`super::handlers`]; optional | `ALLOC` |
//! | [`FRAMEMAP`] | [`super::framemap`]; optional | `ALLOC` |
//! | [`BUILTINS`] | [`super::builtins_table`] | `ALLOC` |
//! | [`NAMES`] | [`super::names`]; optional | `ALLOC` |
//! | [`LINKED`] | [`super::linked`], for static linkers; optional | `ALLOC` |
//! | [`CUSTOM_PREFIX`]`<name>` | a custom section of the module; optional | none |
//! | `.text*`, `.ltext*` | code | `ALLOC`, `EXECINSTR` |
//! | `.rodata*`, `.lrodata*`, `.data.rel.ro*` | constants and jump tables of the code | `ALLOC` |
//!
//! So that a loader can check an object in one pass and without memory of its own:
//!
//! - sections stand in the file in the order of their headers: contents among themselves,
//!   relocations among themselves, symbol and string tables among themselves;
//! - the header of a section's relocations (`SHT_RELA`) follows the section's;
//! - code sections stand in the order of [`ORDER`]'s entries;
//! - for RISC-V, relocations are sorted by offset, and one place has at most four.
//!
//! Sections of the debugger and of the tool chain (`.eh_frame`, `.debug_*`, `.comment`, …) may
//! stand beside them; the loader passes over them.
//!
//! [`CODE`] holds pointer-sized absolute addresses, each with a relocation: one for each defined
//! function (0 where the function has no code of its own), one enter thunk for each type, one host
//! thunk for each type, the trap thunk and the poll thunk (0 where none is needed).

/// The header.
pub const HEADER: &str = ".wamr.header";
/// The module's description.
pub const MODULE: &str = ".wamr.module";
/// Bytes of the data segments.
pub const DATA: &str = ".wamr.data";
/// Addresses of functions and thunks.
pub const CODE: &str = ".wamr.code";
/// Frame shapes of the defined functions.
pub const FRAMES: &str = ".wamr.frames";
/// What frames show at commit points, and where.
pub const FRAMEMAP: &str = ".wamr.framemap";
/// Machine offset to wasm offset, for each defined function.
pub const TRAPS: &str = ".wamr.traps";
/// Code entries by address.
pub const ORDER: &str = ".wamr.order";
/// How to get from a place in the code to its caller.
pub const UNWIND: &str = ".wamr.unwind";
/// Where exceptions go that reach a call.
pub const HANDLERS: &str = ".wamr.handlers";
/// Builtins that the code uses.
pub const BUILTINS: &str = ".wamr.builtins";
/// Function names.
pub const NAMES: &str = ".wamr.names";
/// Where the other tables are, for static linkers.
pub const LINKED: &str = ".wamr.linked";
/// What the name of a kept custom section starts with.
pub const CUSTOM_PREFIX: &str = ".wamr.custom.";

/// The sections that every object has.
pub const REQUIRED: &[&str] = &[
    HEADER, MODULE, DATA, CODE, FRAMES, TRAPS, ORDER, UNWIND, BUILTINS,
];
