//! Why an object was refused: one variant a cause, with what was expected and what was found.

mod name;
mod refusal;
mod table;

pub use name::Name;
pub(crate) use refusal::{Refusal, Refused};
pub use table::TableError;

use crate::format::target::{Machine, TargetAbi};
use crate::link::MemoryError;
use crate::relocate::RelocationError;
use core::fmt;

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

/// The name of a relocation type, or its number.
struct RelocationType(Machine, u32);

impl fmt::Display for RelocationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match crate::relocate::type_name(self.0, self.1) {
            Some(name) => f.write_str(name),
            None => write!(f, "of type {}", self.1),
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
    #[error("header: {field} {found} is unknown; known:{known}")]
    HeaderValue {
        /// Which field.
        field: &'static str,
        /// The values that have a meaning, each after a blank.
        known: &'static str,
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
    #[error(
        "the object requires format features {unknown:#x}, which this runtime does not know; known: {known:#x}"
    )]
    RequiredFeatures {
        /// The bits that this build knows.
        known: u64,
        /// The unknown bits.
        unknown: u64,
    },
    /// The module uses WebAssembly features that this build does not know.
    #[error(
        "the module uses WebAssembly features {unknown:#x}, which this runtime does not know; known: {known:#x}"
    )]
    WasmFeatures {
        /// The bits that this build knows.
        known: u64,
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
    /// The header says something else of frames or polls than the tables.
    #[error("header: {field} is {found}, by {table} it is {expected}")]
    HeaderTables {
        /// Which field.
        field: &'static str,
        /// The table.
        table: &'static str,
        /// What the table is for.
        expected: &'static str,
        /// What the header says.
        found: &'static str,
    },
    /// The address table has the wrong size.
    #[error(".wamr.code has {found} bytes, expected {expected}")]
    CodeTable {
        /// Size in bytes: an address for each defined function, two for each type, and one more.
        expected: u64,
        /// Size of the section.
        found: u64,
    },
    /// The order does not list the entries that have code.
    #[error(".wamr.order lists {found} entries, but {expected} have code")]
    OrderLength {
        /// How many entries have code.
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
    /// The code uses a builtin that this runtime does not provide for its target.
    #[error("builtin {name} is not provided by this runtime")]
    BuiltinNotProvided {
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
    #[error("section {section}, offset {offset:#x}: relocation {}: {error}", RelocationType(*.machine, *.ty))]
    Relocation {
        /// The object's machine.
        machine: Machine,
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
    /// A function's or thunk's code is not inside one code section.
    #[error("entry {entry} of .wamr.code at {address:#x} is not inside a code section")]
    CodePlace {
        /// Its index among the code entries.
        entry: u32,
        /// Its address.
        address: u64,
    },
    /// The addresses do not ascend as the order says, or entries overlap.
    #[error(
        "entry {entry} of .wamr.code at {address:#x} overlaps its predecessor or is out of order"
    )]
    CodeOrder {
        /// Its index among the code entries.
        entry: u32,
        /// Its address.
        address: u64,
    },
    /// Functions or thunks without code have addresses.
    #[error("{found} entries of .wamr.code have an address, but {expected} have code")]
    AddressCount {
        /// How many have code.
        expected: u32,
        /// How many have an address.
        found: usize,
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
