//! What can be wrong inside a table.

use crate::format::types::ValType;
use core::fmt;

/// What is wrong inside a table. [`super::Error::Table`] says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum TableError {
    /// The table ends too early.
    #[error("ends in the middle of {what}")]
    Truncated {
        /// What was being read.
        what: &'static str,
    },
    /// A LEB128 number is longer than it needs to be, or too large for its type.
    #[error("{what} is not a canonical LEB128 number of its type")]
    Leb128 {
        /// What was being read.
        what: &'static str,
    },
    /// Bytes follow the end.
    #[error("{found} bytes follow the end of {what}")]
    TrailingBytes {
        /// What had ended.
        what: &'static str,
        /// How many.
        found: usize,
    },
    /// The offsets of a record list do not ascend from 0.
    #[error("offset {index} of {what} does not ascend from 0")]
    ListOffsets {
        /// Which list.
        what: &'static str,
        /// Which offset.
        index: u32,
    },
    /// A list has another length than it should have.
    #[error("expected {expected} {what}, found {found}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// The number there should be.
        expected: u32,
        /// The number there is.
        found: u32,
    },
    /// A byte has no meaning where it stands.
    #[error("{found:#04x} is not {what}")]
    Byte {
        /// What the byte should be.
        what: &'static str,
        /// The byte.
        found: u8,
    },
    /// A string is not UTF-8.
    #[error("{what} is not UTF-8")]
    Utf8 {
        /// What the string is.
        what: &'static str,
    },
    /// An index beyond the end of what it indexes.
    #[error("{what} has index {found}, but there are {limit}")]
    Index {
        /// What refers to it.
        what: &'static str,
        /// The index.
        found: u32,
        /// How many there are.
        limit: u32,
    },
    /// Imports and own items together are more than 32 bits can number.
    #[error("the {what} index space has more than 2^32 - 1 entries")]
    IndexSpace {
        /// Which index space.
        what: &'static str,
    },
    /// A list that has to be in order is not, or lists something twice.
    #[error("the {what} order is wrong at position {position}")]
    Order {
        /// Which order.
        what: &'static str,
        /// Where.
        position: u32,
    },
    /// Something stands twice.
    #[error("{what} stands twice")]
    Twice {
        /// What.
        what: &'static str,
    },
    /// A maximum is less than the minimum.
    #[error("the maximum is less than the minimum")]
    LimitsOrder,
    /// A table or memory is larger than its indices reach.
    #[error("a limit of {found} is more than {limit}")]
    LimitsRange {
        /// The limit's value.
        found: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// A shared memory has no maximum.
    #[error("a shared memory needs a maximum")]
    SharedWithoutMaximum,
    /// The start function's fields contradict each other.
    #[error("start flag {flag} with function {function}: expected 0 with 0, or 1")]
    StartFlag {
        /// The flag.
        flag: u32,
        /// The function.
        function: u32,
    },
    /// The start function has parameters or results.
    #[error("start function {found} has parameters or results")]
    StartType {
        /// Index of the function.
        found: u32,
    },
    /// The type of a tag has results.
    #[error("type {found} of a tag has results")]
    TagType {
        /// Index of the type.
        found: u32,
    },
    /// The recursion group of the last types goes on behind them.
    #[error("the recursion group that begins with type {first} goes on behind the last type")]
    OpenGroup {
        /// Its first type.
        first: u32,
    },
    /// A type declares a super type that is final.
    #[error("super type {found} is final")]
    FinalSuperType {
        /// Index of the super type.
        found: u32,
    },
    /// A type has too many types above it.
    #[error(
        "a type has more than {} super types above it",
        crate::format::module::MAX_SUBTYPING_DEPTH
    )]
    SubtypingDepth,
    /// The parameters and results of a type do not match its super type's.
    #[error("type {of} does not match its super type {found}")]
    SuperType {
        /// Index of the super type.
        found: u32,
        /// Index of the type.
        of: u32,
    },
    /// An element segment has another type than its table.
    #[error("an element segment of type {found} for a table of type {expected}")]
    ElementType {
        /// Type of the table.
        expected: ValType,
        /// Type of the segment.
        found: ValType,
    },
    /// A table of references that cannot be null has no first value.
    #[error("a table of references that cannot be null has no first value")]
    TableWithoutValue,
    /// A data segment lies outside `.wamr.data`.
    #[error(
        "a data segment at {offset} of {length} bytes, but there are {available} bytes of data"
    )]
    DataRange {
        /// The segment's offset.
        offset: u64,
        /// Its length.
        length: u64,
        /// Length of `.wamr.data`.
        available: u64,
    },
    /// An instruction that a constant expression cannot have.
    #[error("opcode {found:#04x} in a constant expression")]
    ConstOpcode {
        /// The opcode's first byte.
        found: u8,
    },
    /// A constant expression reads a global that does not exist, is not visible there or can
    /// change.
    #[error("a constant expression reads global {found}, which is not a visible constant")]
    ConstGlobal {
        /// Index of the global.
        found: u32,
    },
    /// A constant expression refers to a function that has no reference in the instance.
    #[error("a constant expression refers to function {found}, which has no reference")]
    ConstFunction {
        /// Index of the function.
        found: u32,
    },
    /// A constant expression has values of other types than it needs.
    #[error("a constant expression needs {expected}, found {}", Found(.found))]
    ConstType {
        /// The type needed.
        expected: ValType,
        /// The type on the stack, if there is a value.
        found: Option<ValType>,
    },
    /// A constant expression leaves more than one value.
    #[error("a constant expression leaves {found} values too many")]
    ConstStackLeft {
        /// How many too many.
        found: usize,
    },
    /// A constant expression puts too many values on its stack.
    #[error(
        "a constant expression has more than {} values on its stack",
        crate::format::const_expr::MAX_STACK
    )]
    ConstStackFull,
    /// A function has more locals than can be numbered.
    #[error("the locals are more than 32 bits can number")]
    TooManyLocals,
    /// The bodies of the functions do not ascend in the WebAssembly module.
    #[error("the body of defined function {function} at {found} does not follow its predecessor's")]
    BodyOrder {
        /// Its index, imports not counted.
        function: u32,
        /// Its offset.
        found: u32,
    },
    /// A row of the trap table does not follow its predecessor, or leaves 32 bits.
    #[error("a row of the trap table does not ascend or leaves 32 bits")]
    TrapRow,
    /// An anchor of the trap table disagrees with the rows.
    #[error("anchor {anchor} of a trap record stands behind no row that it agrees with")]
    TrapAnchor {
        /// Its number in the record.
        anchor: usize,
    },
    /// A row lies behind the end of its code.
    #[error("code offset {found} in code of {code_size} bytes")]
    CodeOffset {
        /// The row's code offset.
        found: u32,
        /// Size of the code.
        code_size: u32,
    },
    /// A slot of a site leaves 32 bits.
    #[error("a slot of a site leaves 32 bits")]
    SiteSlot,
    /// A site of the frame map has a value without a meaning.
    #[error("site {index} of the frame map is malformed")]
    Site {
        /// Its number.
        index: u32,
    },
    /// A block of sites does not start where its predecessor ends.
    #[error("block {block} of the frame map's sites does not follow its predecessor")]
    SiteBlock {
        /// Its number.
        block: u32,
    },
    /// The sites of the frame map do not ascend.
    #[error("the site at {ip:#x} does not follow its predecessor in the frame map")]
    SiteOrder {
        /// Its instruction's offset.
        ip: u32,
    },
    /// Return offsets do not ascend, leave 32 bits, or are not what the index of the blocks says.
    #[error(
        "a return offset of the frame map does not ascend, leaves 32 bits or is not its block's"
    )]
    ReturnOffset,
    /// The number of a frame's site leaves 32 bits.
    #[error("the number of a frame's site leaves 32 bits")]
    FrameChain,
    /// A function has an entry in the frame map without a record.
    #[error("an entry of the frame map has no records")]
    EmptyEntry,
    /// Two tables give a function different code sizes.
    #[error("code of {found} bytes, the frame table says {expected}")]
    CodeSize {
        /// Size in the frame table.
        expected: u32,
        /// Size here.
        found: u32,
    },
    /// An operation of the unwind table leads out of 32 bits, saves more registers than a row can
    /// have, or stands where it may not.
    #[error("an unwind operation is out of place or out of range")]
    UnwindRow,
    /// A pattern of the unwind table is longer than it may be.
    #[error("an unwind pattern of {found} bytes, more than {limit}")]
    UnwindPattern {
        /// The largest allowed.
        limit: usize,
        /// Its length.
        found: usize,
    },
}

/// Words for a value that may be missing.
struct Found<'a>(&'a Option<ValType>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ty) => ty.fmt(f),
            None => f.write_str("an empty stack"),
        }
    }
}
