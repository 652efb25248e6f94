//! Why an object was refused: one variant a cause, with what was expected and what was found.

use crate::format::target::{Machine, TargetAbi};
use crate::format::types::ValType;
use crate::link::MemoryError;
use crate::relocate::RelocationError;
use core::fmt;

/// What is wrong inside a table. [`Error::Table`] says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// An element segment has another type than its table.
    #[error("an element segment of type {found} for a table of type {expected}")]
    ElementType {
        /// Type of the table.
        expected: ValType,
        /// Type of the segment.
        found: ValType,
    },
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
    /// A constant expression reads a global that does not exist, is not visible there or can change.
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
    /// A row of the trap table does not follow its predecessor, or leaves 32 bits.
    #[error("a row of the trap table does not ascend or leaves 32 bits")]
    TrapRow,
    /// A row of the trap table lies behind its function's end.
    #[error("code offset {found} in a function of {code_size} bytes")]
    CodeOffset {
        /// The row's code offset.
        found: u32,
        /// Size of the function's code.
        code_size: u32,
    },
}

/// Feature names, each after a blank.
struct Features(Machine, u64);

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in crate::cpu::names_of(self.0, self.1) {
            write!(f, " {name}")?;
        }
        match self.1 & !crate::cpu::known_bits(self.0) {
            0 => Ok(()),
            unknown => write!(f, " and unknown ones ({unknown:#x})"),
        }
    }
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

/// Why an object was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not an object of ours.
    #[error("no object header behind the ELF header: not a WebAssembly object, or damaged")]
    Magic,
    /// Another version of the format.
    #[error("format version {found}, this runtime reads version {expected}")]
    FormatVersion {
        /// The version that this build reads.
        expected: u32,
        /// The object's.
        found: u32,
    },
    /// The header has another size than its version has.
    #[error("header size {found}, expected {expected}")]
    HeaderSize {
        /// Size in bytes.
        expected: usize,
        /// The object's.
        found: u32,
    },
    /// A field of the header has a value without a meaning.
    #[error("header: {found} is not a known {field}")]
    HeaderValue {
        /// Which field.
        field: &'static str,
        /// Its value.
        found: u64,
    },
    /// The file was cut or something follows it.
    #[error("the file has {found} bytes, its header says {expected}")]
    TotalLength {
        /// Length in the header.
        expected: u64,
        /// Length of the file.
        found: u64,
    },
    /// The file's content is not what was sealed.
    #[error("content hash mismatch: the file was changed or damaged")]
    ContentHash,
    /// The object needs a feature of the format that this build does not know.
    #[error("the object requires format features {unknown:#x}, which this runtime does not know")]
    RequiredFeatures {
        /// The unknown bits.
        unknown: u64,
    },
    /// The module uses WebAssembly features that this build does not know.
    #[error("the module uses WebAssembly features {unknown:#x}, which this runtime does not know")]
    WasmFeatures {
        /// The unknown bits.
        unknown: u64,
    },
    /// Code for another machine.
    #[error("the object is for {found}, this machine is {expected}")]
    Machine {
        /// The host's.
        expected: Machine,
        /// The object's.
        found: Machine,
    },
    /// Another pointer width.
    #[error("the object has pointers of {found} bytes, this machine of {expected}")]
    PointerWidth {
        /// The host's, in bytes.
        expected: u32,
        /// The object's, in bytes.
        found: u32,
    },
    /// Another calling convention.
    #[error("the object is for ABI {found}, this runtime for {expected}")]
    Abi {
        /// The host's.
        expected: TargetAbi,
        /// The object's.
        found: TargetAbi,
    },
    /// The code may use CPU features that the host does not have.
    #[error("the object uses CPU features that this machine does not have:{}", Features(*.machine, *.missing))]
    CpuFeatures {
        /// The machine.
        machine: Machine,
        /// What is missing, as bits of [`crate::cpu`].
        missing: u64,
    },
    /// The object was built with more or fewer layout constants.
    #[error("the object has {found} layout constants, this runtime {expected}")]
    ConstantCount {
        /// How many this build has.
        expected: usize,
        /// How many the object has.
        found: u32,
    },
    /// A layout constant differs.
    #[error("layout constant {name}: object {found}, runtime {expected}")]
    Constant {
        /// Which one.
        name: &'static str,
        /// This build's value.
        expected: u32,
        /// The object's value.
        found: u32,
    },
    /// All constants agree, but the rules of the ABI differ.
    #[error("ABI hash: object {found:#018x}, runtime {expected:#018x}")]
    AbiHash {
        /// This build's value.
        expected: u64,
        /// The object's value.
        found: u64,
    },
    /// The object relies on guard pages, and the host has none.
    #[error(
        "the object relies on guard pages, which this runtime does not have: compile with --bounds-checks=1"
    )]
    GuardPages,
    /// A table is damaged.
    #[error("section {section}, offset {offset:#x}: {error}")]
    Table {
        /// The section.
        section: &'static str,
        /// Byte offset in the section.
        offset: usize,
        /// What is wrong there.
        error: TableError,
    },
    /// Not an ELF file.
    #[error("not an ELF file")]
    ElfMagic,
    /// The file ends within the ELF header.
    #[error("the file ends within the ELF header")]
    ElfTruncated,
    /// A field of the ELF header has another value than it should have.
    #[error("ELF header: {field} is {found:#x}, expected {expected:#x}")]
    ElfHeader {
        /// Which field.
        field: &'static str,
        /// The value there should be.
        expected: u64,
        /// The value there is.
        found: u64,
    },
    /// No sections, or more than an ELF header can count.
    #[error("ELF header: {found} sections")]
    ElfSectionCount {
        /// How many.
        found: u16,
    },
    /// The section headers are not in the file.
    #[error("{count} section headers at {offset:#x} in a file of {file} bytes")]
    ElfSectionTable {
        /// Their offset in the file.
        offset: u64,
        /// How many.
        count: u16,
        /// Length of the file.
        file: u64,
    },
    /// The section that should hold the sections' names is none.
    #[error("section {section} cannot hold the names of the sections")]
    ElfNames {
        /// Its index.
        section: u32,
    },
    /// A section is not in the file.
    #[error("section {section}: {size} bytes at {offset:#x} in a file of {file} bytes")]
    SectionOutOfFile {
        /// Its index.
        section: u32,
        /// Its offset in the file.
        offset: u64,
        /// Its size.
        size: u64,
        /// Length of the file.
        file: u64,
    },
    /// Two sections share bytes, or do not follow each other as their headers do.
    #[error(
        "section {second} starts before the end of section {first} (0: ELF or section headers)"
    )]
    SectionsOverlap {
        /// Index of the one, 0 for the ELF header or the section headers.
        first: u32,
        /// Index of the other, 0 for the section headers.
        second: u32,
    },
    /// A string table does not end with NUL.
    #[error("string table {section} does not end with NUL")]
    StringTable {
        /// Its index.
        section: u32,
    },
    /// A section's name is outside the name table.
    #[error("section {section}: name at {offset:#x}, outside the name table")]
    SectionName {
        /// Its index.
        section: u32,
        /// Offset of its name.
        offset: u32,
    },
    /// A section that no object of ours has.
    #[error("section {section}: {name} of type {ty:#x} is unknown")]
    UnknownSection {
        /// Its index.
        section: u32,
        /// Its name.
        name: Name,
        /// Its type.
        ty: u32,
    },
    /// A section has flags that it may not have, or lacks some.
    #[error(
        "section {section}: {name} has flags {found:#x}, needs {required:#x}, may have {allowed:#x}"
    )]
    SectionFlags {
        /// Its index.
        section: u32,
        /// Its name.
        name: Name,
        /// Flags that it has to have.
        required: u64,
        /// Flags that it may have.
        allowed: u64,
        /// Flags that it has.
        found: u64,
    },
    /// An alignment that is no power of two, or larger than a page.
    #[error(
        "section {section}: {name} has alignment {found}; powers of two up to 4096 are possible"
    )]
    SectionAlignment {
        /// Its index.
        section: u32,
        /// Its name.
        name: Name,
        /// The alignment.
        found: u64,
    },
    /// A section that has to be there once is there twice.
    #[error("{name} stands twice, as sections {first} and {second}")]
    SectionTwice {
        /// Its name.
        name: &'static str,
        /// Index of the first.
        first: u32,
        /// Index of the second.
        second: u32,
    },
    /// A section that every object has is not there.
    #[error("there is no section {name}")]
    SectionMissing {
        /// Its name.
        name: &'static str,
    },
    /// The entries of a table of ELF's have the wrong size, or do not fill it.
    #[error(
        "section {section}: entries of {found} bytes in {size} bytes, expected entries of {expected}"
    )]
    EntrySize {
        /// Its index.
        section: u32,
        /// Size of an entry.
        expected: u64,
        /// Size of an entry as the section header has it.
        found: u64,
        /// Size of the section.
        size: u64,
    },
    /// The header's section is not where the header was read from.
    #[error(
        ".wamr.header: {size} bytes at {offset:#x}, expected {expected_size} at {expected_offset:#x}"
    )]
    HeaderPlace {
        /// Where it has to be.
        expected_offset: u64,
        /// Where it is.
        offset: u64,
        /// The size it has to have.
        expected_size: u64,
        /// The size it has.
        size: u64,
    },
    /// The header counts something else than the module's description.
    #[error("header: {found} {what}, but .wamr.module has {expected}")]
    HeaderCount {
        /// What is counted.
        what: &'static str,
        /// How many the description has.
        expected: u32,
        /// How many the header says.
        found: u32,
    },
    /// The address table has the wrong size.
    #[error(".wamr.code has {found} bytes, expected {expected}")]
    CodeTable {
        /// Size in bytes: an address for each defined function and two for each type.
        expected: u64,
        /// Size of the section.
        found: u64,
    },
    /// The order does not list the functions that have code.
    #[error(".wamr.order lists {found} functions, but {expected} have code")]
    OrderLength {
        /// How many functions have code.
        expected: usize,
        /// How many are listed.
        found: u32,
    },
    /// The header's image size is not what linking takes.
    #[error("header: image of {found} bytes, but linking takes {expected}")]
    ImageSize {
        /// Bytes that linking takes.
        expected: u64,
        /// The header's figure.
        found: u64,
    },
    /// The symbol table or its names are not there.
    #[error("section {section}: symbol table without names")]
    SymbolTable {
        /// Index of the symbol table.
        section: u32,
    },
    /// A symbol's name is outside the name table.
    #[error("symbol {symbol}: name at {offset:#x}, outside the name table")]
    SymbolName {
        /// Its index.
        symbol: u32,
        /// Offset of its name.
        offset: u32,
    },
    /// A kind of symbol that no object of ours has.
    #[error(
        "symbol {symbol}: {name} of type {ty}, binding {binding}, section {section:#x} is of no allowed kind"
    )]
    SymbolKind {
        /// Its index.
        symbol: u32,
        /// Its name.
        name: Name,
        /// Its type.
        ty: u8,
        /// Its binding.
        binding: u8,
        /// Its section.
        section: u16,
    },
    /// A symbol is outside its section.
    #[error("symbol {symbol}: {name} with {size} bytes at {value:#x} is outside section {section}")]
    SymbolOutOfSection {
        /// Its index.
        symbol: u32,
        /// Its name.
        name: Name,
        /// Its section.
        section: u32,
        /// Its offset in the section.
        value: u64,
        /// Its size.
        size: u64,
    },
    /// A symbol that is not defined, and not a builtin.
    #[error("undefined symbol {name} is not a builtin")]
    UndefinedSymbol {
        /// Its name.
        name: Name,
    },
    /// The code uses a builtin that the builtin table does not list.
    #[error("builtin {name} is used but not listed in .wamr.builtins")]
    BuiltinNotListed {
        /// Its symbol.
        name: &'static str,
    },
    /// A relocation section does not belong to the section before it, or to the symbol table.
    #[error(
        "relocation section {section} is for section {target} with symbols {symbols}: it has to follow its target and use the symbol table"
    )]
    RelocationSection {
        /// Its index.
        section: u32,
        /// The section it is for.
        target: u32,
        /// The symbols it uses.
        symbols: u32,
    },
    /// Relocations for a section that may not have any.
    #[error("section {section} may not be relocated")]
    RelocationTarget {
        /// Its index.
        section: u32,
    },
    /// A relocation that is not possible.
    #[error("section {section}, offset {offset:#x}: relocation of type {ty}: {error}")]
    Relocation {
        /// Index of the section that is relocated.
        section: u32,
        /// Offset of the place in the section.
        offset: u64,
        /// Type of the relocation.
        ty: u32,
        /// What is wrong.
        error: RelocationError,
    },
    /// The image is larger than code can reach.
    #[error("the image takes {size} bytes, more than 2 GiB")]
    ImageTooLarge {
        /// Its size, or `u64::MAX` if that is larger still.
        size: u64,
    },
    /// Code memory with pages whose size is no power of two.
    #[error("code memory has pages of {found} bytes, which is not a power of two")]
    PageSize {
        /// The size.
        found: u64,
    },
    /// Code memory could not be had or published.
    #[error("code memory: {0}")]
    Memory(#[source] MemoryError),
    /// The code memory is smaller than asked for, not aligned, or outside the target's addresses.
    #[error("code memory at {address:#x} does not have {size} bytes aligned to {align}")]
    MemoryPlace {
        /// Its address.
        address: u64,
        /// The alignment needed.
        align: u64,
        /// The size needed.
        size: u64,
    },
    /// The code memory changed under the loader's hands.
    #[error("section {section} has no place in the image")]
    SectionOutOfImage {
        /// Its index.
        section: u32,
    },
    /// A stub could not be written.
    #[error("stub of builtin {name}: {error}")]
    Stub {
        /// The builtin's symbol.
        name: &'static str,
        /// What is wrong.
        error: RelocationError,
    },
    /// A function's code is not inside one code section, or is empty.
    #[error("defined function {function} at {address:#x} is not inside a code section")]
    FunctionPlace {
        /// Its index, imports not counted.
        function: u32,
        /// Its address.
        address: u64,
    },
    /// The functions' addresses do not ascend as the order says, or functions overlap.
    #[error(
        "defined function {function} at {address:#x} overlaps its predecessor or is out of order"
    )]
    FunctionOrder {
        /// Its index, imports not counted.
        function: u32,
        /// Its address.
        address: u64,
    },
    /// Functions without code have addresses.
    #[error("{found} functions have an address, but {expected} have code")]
    AddressCount {
        /// How many have code.
        expected: u32,
        /// How many have an address.
        found: usize,
    },
    /// A thunk is not code.
    #[error("entry {thunk} of .wamr.code, a thunk, is {address:#x}, which is not code")]
    ThunkPlace {
        /// Its position in the address table.
        thunk: u64,
        /// Its address.
        address: u64,
    },
    /// The object needs a builtin that this build does not have.
    #[error("the object needs the builtin {name}, which this runtime does not have")]
    UnknownBuiltin {
        /// Its symbol.
        name: Name,
    },
    /// The object was built for another signature of a builtin.
    #[error("builtin {name}: object has signature {found:#010x}, runtime has {expected:#010x}")]
    BuiltinSignature {
        /// Its symbol.
        name: &'static str,
        /// Signature hash of this build.
        expected: u32,
        /// Signature hash in the object.
        found: u32,
    },
}

/// A name from the object, cut to what fits: errors carry it without borrowing or allocating.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; Name::CAPACITY],
    length: u8,
    cut: bool,
}

impl Name {
    /// How many bytes of a name are kept.
    pub const CAPACITY: usize = 46;

    /// Keeps the start of `name`.
    pub fn new(name: &[u8]) -> Self {
        let mut bytes = [0; Self::CAPACITY];
        let mut length = 0u8;
        for (to, from) in bytes.iter_mut().zip(name) {
            *to = *from;
            length += 1;
        }
        Name {
            bytes,
            length,
            cut: name.len() > Self::CAPACITY,
        }
    }

    /// The bytes that were kept.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Name::new(name.as_bytes())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())?;
        if self.cut { f.write_str("…") } else { Ok(()) }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
