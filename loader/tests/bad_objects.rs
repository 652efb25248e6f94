//! A table of bad objects, each with the error it has to be refused with.
//!
//! Every object is the good one with one thing wrong; its length and hash are right unless they are what is wrong.

mod support;

use object::elf;
use support::patch::{self, Field, HEADER};
use support::{
    BUILTINS, CODE, Parts, Rela, Section, Sym, good, host, i32_const, limits, load, ref_func,
};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::error::{Error, TableError};
use wamr_aot_loader::format::header::{self, MemoryModel};
use wamr_aot_loader::format::list::write_numbers;
use wamr_aot_loader::format::module::{
    Data, Element, Export, ExportKind, Global, GlobalType, Import, ImportKind, MemoryType,
    SegmentMode, TableType, ValType,
};
use wamr_aot_loader::format::section;
use wamr_aot_loader::format::target::{Machine, TargetAbi};
use wamr_aot_loader::format::traps::TrapRow;
use wamr_aot_loader::layout::{CONSTANTS, PointerWidth, abi_hash};
use wamr_aot_loader::relocate::RelocationError;
use wamr_aot_loader::{Host, Object};

/// A name, the object, and whether an error is the right one.
type Case = (&'static str, Vec<u8>, fn(&Error) -> bool);

macro_rules! case {
    ($name:expr, $bytes:expr, $pattern:pat $(if $guard:expr)?) => {
        ($name, $bytes, (|error| matches!(error, $pattern $(if $guard)?)) as fn(&Error) -> bool)
    };
}

/// The good object with a change to its parts.
fn with(change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let mut parts = good();
    change(&mut parts);
    parts.sealed()
}

/// The good object with a change to its bytes, then with length and hash made right again.
fn patched(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = good().sealed();
    change(&mut bytes);
    patch::reseal(&mut bytes);
    bytes
}

/// The good object with bytes of its header changed.
fn header_field(offset: usize, field: &[u8]) -> Vec<u8> {
    patched(|bytes| patch::set(bytes, HEADER + offset, field))
}

/// The good object with a field of a section header changed.
fn section_field(name: &str, field: Field, value: u64) -> Vec<u8> {
    patched(|bytes| patch::set_section(bytes, name, field, value))
}

/// The good object with a field of a section header added to.
fn section_field_plus(name: &str, field: Field, value: i64) -> Vec<u8> {
    patched(|bytes| {
        let old = patch::get_section(bytes, name, field);
        patch::set_section(bytes, name, field, old.wrapping_add_signed(value));
    })
}

/// The good object with bytes of a symbol changed.
fn symbol_field(name: &str, offset: usize, field: &[u8]) -> Vec<u8> {
    patched(|bytes| {
        let at = patch::symbol(bytes, name);
        patch::set(bytes, at + offset, field);
    })
}

/// The good object with other relocations for `.text.0`.
fn relocations(relocations: &[Rela]) -> Vec<u8> {
    with(|parts| parts.section(".text.0").relocations = relocations.to_vec())
}

/// The good object with bytes of a relocation of `.text.0` changed.
fn relocation_field(offset: usize, field: &[u8]) -> Vec<u8> {
    patched(|bytes| {
        let at = patch::entry(bytes, ".rela.text.0", 0, 24);
        patch::set(bytes, at + offset, field);
    })
}

fn global_init(ty: ValType, init: &[u8]) -> Vec<u8> {
    with(|parts| {
        parts.module.globals[1] = Global {
            ty: GlobalType { ty, mutable: false },
            init: init.to_vec(),
        }
    })
}

fn raw_table(name: &'static str, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let bytes = good().build();
    let start = patch::get_section(&bytes, name, Field::Offset) as usize;
    let size = patch::get_section(&bytes, name, Field::Size) as usize;
    let mut table = bytes[start..start + size].to_vec();
    change(&mut table);
    with(|parts| {
        parts.raw.insert(name, table);
    })
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    write_numbers(&mut out, numbers);
    out
}

/// Offset of the layout constant with this name in the header.
fn constant_offset(name: &str) -> usize {
    let index = CONSTANTS.iter().position(|constant| constant.name == name);
    header::CONSTANTS_OFFSET + 4 * index.unwrap()
}

/// Offset of what follows the constants in the header.
const TAIL: usize = header::CONSTANTS_OFFSET + 4 * CONSTANTS.len();

fn container() -> Vec<Case> {
    let file = good().sealed();
    let end = file.len();
    let cut = |length: usize| file[..length].to_vec();
    vec![
        case!("empty file", vec![], Error::ElfMagic),
        case!("three bytes", cut(3), Error::ElfMagic),
        case!(
            "a wasm module",
            b"\0asm\x01\0\0\0".to_vec(),
            Error::ElfMagic
        ),
        case!(
            "nothing behind the ELF magic",
            cut(4),
            Error::ElfHeader {
                field: "class",
                found: 0,
                ..
            }
        ),
        case!(
            "cut in the ELF header",
            cut(40),
            Error::Table {
                section: section::HEADER,
                offset: 0,
                error: TableError::Truncated { .. }
            }
        ),
        case!(
            "cut in the header",
            cut(64 + 100),
            Error::Table {
                section: section::HEADER,
                error: TableError::Truncated { .. },
                ..
            }
        ),
        case!(
            "cut behind the header",
            cut(64 + header::SIZE),
            Error::TotalLength { .. }
        ),
        case!("last byte missing", cut(end - 1), Error::TotalLength { .. }),
        case!(
            "one byte too many",
            [&file[..], &[0]].concat(),
            Error::TotalLength { expected, found } if *found == *expected + 1
        ),
        case!(
            "a byte of the code changed",
            {
                let mut bytes = file.clone();
                let code = patch::get_section(&bytes, ".text.0", Field::Offset) as usize;
                bytes[code] ^= 1;
                bytes
            },
            Error::ContentHash
        ),
        case!(
            "the content hash changed",
            {
                let mut bytes = file.clone();
                bytes[HEADER + header::CONTENT_HASH_OFFSET] ^= 1;
                bytes
            },
            Error::ContentHash
        ),
        case!(
            "ELF class 32",
            patched(|bytes| bytes[4] = 1),
            // There the header would start at 52.
            Error::Magic
        ),
        case!(
            "ELF class 3",
            patched(|bytes| bytes[4] = 3),
            Error::ElfHeader {
                field: "class",
                found: 3,
                ..
            }
        ),
        case!(
            "big-endian ELF",
            patched(|bytes| bytes[5] = 2),
            Error::ElfHeader {
                field: "endianness",
                expected: 1,
                found: 2
            }
        ),
        case!(
            "ELF version",
            patched(|bytes| bytes[6] = 2),
            Error::ElfHeader {
                field: "version",
                expected: 1,
                found: 2
            }
        ),
        case!(
            "an executable",
            patched(|bytes| bytes[16] = 2),
            Error::ElfHeader {
                field: "type",
                expected: 1,
                found: 2
            }
        ),
        case!(
            "ELF machine other than the header's",
            patched(|bytes| bytes[18] = 183),
            Error::ElfHeader {
                field: "machine",
                expected: 62,
                found: 183
            }
        ),
        case!(
            "ELF header size",
            patched(|bytes| bytes[52] = 63),
            Error::ElfHeader {
                field: "header size",
                expected: 64,
                found: 63
            }
        ),
        case!(
            "section header size",
            patched(|bytes| bytes[58] = 63),
            Error::ElfHeader {
                field: "section header size",
                expected: 64,
                found: 63
            }
        ),
        case!(
            "no section headers",
            patched(|bytes| patch::set(bytes, 60, &[0, 0])),
            Error::ElfSectionCount { found: 0 }
        ),
        case!(
            "too many section headers",
            patched(|bytes| patch::set(bytes, 60, &[0, 0x40])),
            Error::ElfSectionTable { count: 0x4000, .. }
        ),
        case!(
            "section headers behind the end",
            patched(|bytes| patch::set(bytes, 40, &u64::MAX.to_le_bytes())),
            Error::ElfSectionTable {
                offset: u64::MAX,
                ..
            }
        ),
        case!(
            "section names in no section",
            patched(|bytes| patch::set(bytes, 62, &[0, 0])),
            Error::ElfNames { section: 0 }
        ),
        case!(
            "section names in a section of code",
            patched(|bytes| {
                let index = patch::section(bytes, ".text.0") as u16;
                patch::set(bytes, 62, &index.to_le_bytes());
            }),
            Error::ElfNames { .. }
        ),
    ]
}

fn header_cases() -> Vec<Case> {
    vec![
        case!("magic", header_field(1, b"W"), Error::Magic),
        case!(
            "version 0",
            header_field(8, &[0]),
            Error::FormatVersion {
                expected: 1,
                found: 0
            }
        ),
        case!(
            "version 2",
            header_field(8, &[2]),
            Error::FormatVersion {
                expected: 1,
                found: 2
            }
        ),
        case!(
            "header size",
            header_field(12, &(header::SIZE as u32 - 1).to_le_bytes()),
            Error::HeaderSize { expected, found }
                if *expected == header::SIZE && *found as usize == header::SIZE - 1
        ),
        case!(
            "total length",
            {
                let mut bytes = good().sealed();
                bytes[HEADER + header::TOTAL_LENGTH_OFFSET] ^= 1;
                patch::rehash(&mut bytes);
                bytes
            },
            Error::TotalLength { .. }
        ),
        case!(
            "unknown required feature",
            header_field(120, &[2]),
            Error::RequiredFeatures { unknown: 2 }
        ),
        case!(
            "unknown machine",
            header_field(136, &[40]),
            Error::HeaderValue {
                field: "machine",
                found: 40
            }
        ),
        case!(
            "other machine",
            header_field(136, &[183]),
            Error::Machine {
                expected: Machine::X86_64,
                found: Machine::Aarch64
            }
        ),
        case!(
            "unknown pointer width",
            header_field(138, &[16]),
            Error::HeaderValue {
                field: "pointer width",
                found: 16
            }
        ),
        case!(
            "other pointer width",
            header_field(138, &[4]),
            Error::PointerWidth {
                expected: 8,
                found: 4
            }
        ),
        case!(
            "big-endian",
            header_field(139, &[2]),
            Error::HeaderValue {
                field: "endianness",
                found: 2
            }
        ),
        case!(
            "unknown ABI",
            header_field(140, &[99]),
            Error::HeaderValue {
                field: "ABI",
                found: 99
            }
        ),
        case!(
            "other ABI",
            header_field(140, &[5]),
            Error::Abi {
                expected: TargetAbi::SystemV,
                found: TargetAbi::Lp64d
            }
        ),
        case!(
            "missing CPU feature",
            header_field(145, &[1]),
            Error::CpuFeatures { missing: 0x100, .. }
        ),
        case!(
            "ABI hash",
            header_field(152, &[0; 8]),
            Error::AbiHash { expected, found: 0 } if *expected == abi_hash(PointerWidth::Eight)
        ),
        case!(
            "one constant more",
            header_field(160, &(CONSTANTS.len() as u32 + 1).to_le_bytes()),
            Error::ConstantCount { expected, found }
                if *expected == CONSTANTS.len() && *found as usize == expected + 1
        ),
        case!(
            "frame.lp",
            header_field(constant_offset("frame.lp"), &[56]),
            Error::Constant {
                name: "frame.lp",
                expected: 40,
                found: 56
            }
        ),
        case!(
            "last constant",
            header_field(TAIL - 4, &[1]),
            Error::Constant {
                name: "stack.reserve",
                found: 0x10001,
                ..
            }
        ),
        case!(
            "frame strategy",
            header_field(TAIL, &[3]),
            Error::HeaderValue {
                field: "frame strategy",
                found: 3
            }
        ),
        case!(
            "capture level",
            header_field(TAIL + 1, &[32]),
            Error::HeaderValue {
                field: "capture level",
                found: 32
            }
        ),
        case!(
            "poll kind",
            header_field(TAIL + 2, &[1]),
            Error::HeaderValue {
                field: "poll kind",
                found: 1
            }
        ),
        case!(
            "memory model",
            header_field(TAIL + 3, &[2]),
            Error::HeaderValue {
                field: "memory model",
                found: 2
            }
        ),
        case!(
            "unknown WebAssembly feature",
            header_field(TAIL + 11, &[0x80]),
            Error::WasmFeatures { unknown } if *unknown == 1 << 63
        ),
        case!(
            "one function more",
            header_field(TAIL + 12, &[4]),
            Error::HeaderCount {
                what: "defined functions",
                expected: 3,
                found: 4
            }
        ),
        case!(
            "one type less",
            header_field(TAIL + 16, &[1]),
            Error::HeaderCount {
                what: "types",
                expected: 2,
                found: 1
            }
        ),
        case!(
            "one imported function more",
            header_field(TAIL + 20, &[2]),
            Error::HeaderCount {
                what: "imported functions",
                expected: 1,
                found: 2
            }
        ),
        case!(
            "image size",
            header_field(TAIL + 24, &[1]),
            Error::ImageSize {
                expected: 8192,
                found: 8193
            }
        ),
    ]
}

fn section_cases() -> Vec<Case> {
    let extra = |name, flags| {
        with(|parts| {
            parts.sections.push(Section {
                name,
                bytes: vec![0; 8],
                flags,
                align: 1,
                relocations: vec![],
            })
        })
    };
    vec![
        case!(
            "section behind the end",
            section_field(".text.0", Field::Offset, 1 << 20),
            Error::SectionOutOfFile {
                offset: 0x10_0000,
                ..
            }
        ),
        case!(
            "section larger than the file",
            section_field(".rodata.0", Field::Size, u64::MAX),
            Error::SectionOutOfFile { size: u64::MAX, .. }
        ),
        case!(
            "sections overlap",
            section_field_plus(".rodata.0", Field::Offset, -8),
            Error::SectionsOverlap { .. }
        ),
        case!(
            "section over the ELF header",
            section_field(".wamr.data", Field::Offset, 8),
            Error::SectionsOverlap { .. }
        ),
        case!(
            "relocations over code",
            patched(|bytes| {
                let code = patch::get_section(bytes, ".wamr.data", Field::Offset);
                patch::set_section(bytes, ".rela.text.0", Field::Offset, code);
            }),
            Error::SectionsOverlap { .. }
        ),
        case!(
            "section over the section headers",
            patched(|bytes| {
                let table = patch::section_header(bytes, 0) as u64;
                let start = patch::get_section(bytes, ".shstrtab", Field::Offset);
                patch::set_section(bytes, ".shstrtab", Field::Size, 8 + table - start);
                // The table has to end with NUL for this to be found.
                bytes[table as usize + 7] = 0;
            }),
            Error::SectionsOverlap { second: 0, .. }
        ),
        case!(
            "unknown section",
            extra(".data", 3),
            Error::UnknownSection { .. }
        ),
        case!(
            "unknown table",
            extra(".wamr.extra", 2),
            Error::UnknownSection { .. }
        ),
        case!(
            "name that only starts well",
            extra(".textual", CODE),
            Error::UnknownSection { .. }
        ),
        case!(
            "unknown section type",
            section_field(".text.0", Field::Type, 8),
            Error::UnknownSection { ty: 8, .. }
        ),
        case!(
            "relocations without addends",
            section_field(".rela.text.0", Field::Type, 9),
            Error::UnknownSection { ty: 9, .. }
        ),
        case!(
            "writable code",
            section_field(".text.0", Field::Flags, 7),
            Error::SectionFlags {
                found: 7,
                required: 6,
                ..
            }
        ),
        case!(
            "code that is not executable",
            section_field(".text.1", Field::Flags, 2),
            Error::SectionFlags {
                found: 2,
                required: 6,
                ..
            }
        ),
        case!(
            "thread-local constants",
            section_field(".rodata.0", Field::Flags, 0x402),
            Error::SectionFlags { found: 0x402, .. }
        ),
        case!(
            "executable constants",
            section_field(".rodata.0", Field::Flags, 6),
            Error::SectionFlags { found: 6, .. }
        ),
        case!(
            "table that is not allocated",
            section_field(section::MODULE, Field::Flags, 0),
            Error::SectionFlags {
                found: 0,
                required: 2,
                ..
            }
        ),
        case!(
            "allocated custom section",
            extra(".wamr.custom.x", 2),
            Error::SectionFlags { found: 2, .. }
        ),
        case!(
            "alignment of three",
            section_field(".text.0", Field::Align, 3),
            Error::SectionAlignment { found: 3, .. }
        ),
        case!(
            "alignment of two pages",
            section_field(".text.0", Field::Align, 8192),
            Error::SectionAlignment { found: 8192, .. }
        ),
        case!(
            "name outside the name table",
            section_field(".text.0", Field::Name, 1 << 20),
            Error::SectionName {
                offset: 0x10_0000,
                ..
            }
        ),
        case!(
            "name table that does not end",
            patched(|bytes| {
                let offset = patch::get_section(bytes, ".shstrtab", Field::Offset);
                let size = patch::get_section(bytes, ".shstrtab", Field::Size);
                bytes[(offset + size) as usize - 1] = b'x';
            }),
            Error::StringTable { .. }
        ),
        case!(
            "no address table",
            with(|parts| parts.without.push(section::CODE)),
            Error::SectionMissing {
                name: section::CODE
            }
        ),
        case!(
            "no module",
            with(|parts| parts.without.push(section::MODULE)),
            Error::SectionMissing {
                name: section::MODULE
            }
        ),
        case!(
            "two address tables",
            patched(|bytes| {
                let name = patch::get_section(bytes, section::CODE, Field::Name);
                patch::set_section(bytes, section::ORDER, Field::Name, name);
            }),
            Error::SectionTwice {
                name: section::CODE,
                ..
            }
        ),
        case!(
            "header section elsewhere",
            section_field_plus(section::HEADER, Field::Size, -4),
            Error::HeaderPlace { .. }
        ),
    ]
}

fn symbol_cases() -> Vec<Case> {
    let undefined = |name| {
        with(|parts| {
            parts.symbols.push(Sym {
                name,
                section: "",
                value: 0,
                size: 0,
                global: true,
            })
        })
    };
    vec![
        case!(
            "undefined symbol",
            undefined("malloc"),
            Error::UndefinedSymbol { name } if name.as_bytes() == b"malloc"
        ),
        case!(
            "undefined symbol that starts like a builtin",
            undefined("memcpy_s"),
            Error::UndefinedSymbol { .. }
        ),
        case!(
            "local undefined symbol",
            symbol_field("memcpy", 4, &[0]),
            Error::UndefinedSymbol { .. }
        ),
        case!(
            "builtin that is not listed",
            undefined("memset"),
            Error::BuiltinNotListed { name: "memset" }
        ),
        case!(
            "unknown builtin",
            raw_table(section::BUILTINS, |table| {
                let end = table.len();
                table[end - 1] = b'z';
            }),
            Error::UnknownBuiltin { name } if name.as_bytes() == b"memcpz"
        ),
        case!(
            "builtin with another signature",
            raw_table(section::BUILTINS, |table| table[4 * 4] ^= 1),
            Error::BuiltinSignature {
                name: "wamr_trap",
                expected,
                found,
            } if expected ^ 1 == *found
        ),
        case!(
            "builtin listed twice",
            with(|parts| parts.builtins.push(BuiltinId::Trap)),
            Error::Table {
                section: section::BUILTINS,
                error: TableError::Twice { .. },
                ..
            }
        ),
        case!(
            "symbol behind its section",
            with(|parts| parts.symbol("f1").value = 12),
            Error::SymbolOutOfSection { value: 12, .. }
        ),
        case!(
            "symbol longer than its section",
            with(|parts| parts.symbol("f1").size = 12),
            Error::SymbolOutOfSection { size: 12, .. }
        ),
        case!(
            "symbol whose end wraps around",
            symbol_field("f1", 16, &u64::MAX.to_le_bytes()),
            Error::SymbolOutOfSection { size: u64::MAX, .. }
        ),
        case!(
            "symbol in no section",
            symbol_field("f1", 6, &[99]),
            Error::SymbolOutOfSection { section: 99, .. }
        ),
        case!(
            "absolute symbol",
            symbol_field("f1", 6, &[0xf1, 0xff]),
            Error::SymbolKind {
                section: 0xfff1,
                ..
            }
        ),
        case!(
            "common symbol",
            symbol_field("f1", 6, &[0xf2, 0xff]),
            Error::SymbolKind {
                section: 0xfff2,
                ..
            }
        ),
        case!(
            "thread-local symbol",
            symbol_field("f1", 4, &[0x16]),
            Error::SymbolKind { ty: 6, .. }
        ),
        case!(
            "indirect function",
            symbol_field("f1", 4, &[0x1a]),
            Error::SymbolKind { ty: 10, .. }
        ),
        case!(
            "weak symbol",
            symbol_field("f1", 4, &[0x20]),
            Error::SymbolKind { binding: 2, .. }
        ),
        case!(
            "symbol name outside the name table",
            symbol_field("f1", 0, &[0xff; 4]),
            Error::SymbolName {
                offset: u32::MAX,
                ..
            }
        ),
        case!(
            "symbol table with odd entries",
            section_field(".symtab", Field::EntrySize, 16),
            Error::EntrySize {
                expected: 24,
                found: 16,
                ..
            }
        ),
        case!(
            "symbol table that ends in an entry",
            section_field_plus(".symtab", Field::Size, -1),
            Error::EntrySize { .. }
        ),
        case!(
            "symbol table without names",
            section_field(".symtab", Field::Link, 1),
            Error::SymbolTable { .. }
        ),
    ]
}

fn relocation_cases() -> Vec<Case> {
    const PC32: u32 = elf::R_X86_64_PC32.0;
    let far = |ty, symbol, addend| relocations(&[(1, symbol, ty, addend)]);
    vec![
        case!(
            "unknown relocation",
            far(200, "f1", 0),
            Error::Relocation {
                ty: 200,
                error: RelocationError::Unknown,
                ..
            }
        ),
        case!(
            "thread-local relocation",
            far(elf::R_X86_64_TPOFF32.0, "f1", 0),
            Error::Relocation {
                error: RelocationError::Unknown,
                ..
            }
        ),
        case!(
            "relocation outside its section",
            relocations(&[(20, "f1", PC32, 0)]),
            Error::Relocation {
                offset: 20,
                error: RelocationError::Place,
                ..
            }
        ),
        case!(
            "relocation whose end wraps around",
            relocation_field(0, &u64::MAX.to_le_bytes()),
            Error::Relocation {
                offset: u64::MAX,
                error: RelocationError::Place,
                ..
            }
        ),
        case!(
            "value out of range",
            far(PC32, "f1", 1 << 31),
            Error::Relocation {
                error: RelocationError::Range { bits: 32, .. },
                ..
            }
        ),
        case!(
            "absolute address in 32 bits",
            far(elf::R_X86_64_32S.0, "f1", 0),
            Error::Relocation {
                error: RelocationError::Range { bits: 32, .. },
                ..
            }
        ),
        case!(
            "offset table entry of a function of the module",
            far(elf::R_X86_64_GOTPCREL.0, "f1", -4),
            Error::Relocation {
                error: RelocationError::Got,
                ..
            }
        ),
        case!(
            "relocation without a symbol",
            relocation_field(12, &[0; 4]),
            Error::Relocation {
                error: RelocationError::Symbol { symbol: 0 },
                ..
            }
        ),
        case!(
            "relocation with a symbol that is not there",
            relocation_field(12, &[0xff; 4]),
            Error::Relocation {
                error: RelocationError::Symbol { symbol: u32::MAX },
                ..
            }
        ),
        case!(
            "symbol in a section that is not loaded",
            with(|parts| {
                parts.symbol("constant").section = ".eh_frame";
            }),
            Error::Relocation {
                error: RelocationError::Symbol { .. },
                ..
            }
        ),
        case!(
            "relocations for another section",
            section_field_plus(".rela.text.0", Field::Info, 1),
            Error::RelocationSection { .. }
        ),
        case!(
            "relocations with other symbols",
            section_field_plus(".rela.text.0", Field::Link, 1),
            Error::RelocationSection { .. }
        ),
        case!(
            "relocations with odd entries",
            section_field(".rela.text.0", Field::EntrySize, 8),
            Error::EntrySize {
                expected: 24,
                found: 8,
                ..
            }
        ),
        case!(
            "relocated custom section",
            with(|parts| {
                parts.sections.push(Section {
                    name: ".wamr.custom.x",
                    bytes: vec![0; 8],
                    flags: 0,
                    align: 1,
                    relocations: vec![(0, "f0", elf::R_X86_64_64.0, 0)],
                })
            }),
            Error::RelocationTarget { .. }
        ),
        case!(
            "address of a constant in the address table",
            with(|parts| parts.addresses[1] = "constant"),
            Error::Relocation {
                error: RelocationError::AddressTable,
                ..
            }
        ),
        case!(
            "address of a builtin in the address table",
            with(|parts| parts.addresses[3] = "memcpy"),
            Error::Relocation {
                error: RelocationError::AddressTable,
                ..
            }
        ),
        case!(
            "narrow address in the address table",
            with(|parts| parts.address_relocations = Some(vec![(0, "f0", PC32, 0)])),
            Error::Relocation {
                error: RelocationError::AddressTable,
                ..
            }
        ),
        case!(
            "askew address in the address table",
            with(|parts| {
                parts.address_relocations = Some(vec![(4, "f0", elf::R_X86_64_64.0, 0)])
            }),
            Error::Relocation {
                error: RelocationError::AddressTable,
                ..
            }
        ),
    ]
}

fn address_cases() -> Vec<Case> {
    let address = |index: u64, symbol, addend| {
        let mut all: Vec<Rela> = vec![
            (0, "f0", elf::R_X86_64_64.0, 0),
            (8, "f1", elf::R_X86_64_64.0, 0),
        ];
        all.retain(|rela| rela.0 != index * 8);
        all.push((index * 8, symbol, elf::R_X86_64_64.0, addend));
        with(|parts| parts.address_relocations = Some(all))
    };
    vec![
        case!(
            "address table too short",
            with(|parts| {
                parts.addresses.pop();
            }),
            Error::CodeTable {
                expected: 56,
                found: 48
            }
        ),
        case!(
            "functions out of order",
            with(|parts| parts.order = vec![1, 0]),
            Error::FunctionOrder { function: 0, .. }
        ),
        case!(
            "function twice in the order",
            with(|parts| parts.order = vec![0, 0]),
            Error::FunctionOrder { function: 0, .. }
        ),
        case!(
            "function without code in the order",
            with(|parts| parts.order = vec![0, 2]),
            Error::FunctionPlace {
                function: 2,
                address: 0
            }
        ),
        case!(
            "order too short",
            with(|parts| parts.order = vec![0]),
            Error::OrderLength {
                expected: 2,
                found: 1
            }
        ),
        case!(
            "order of a function that is not there",
            with(|parts| parts.order = vec![0, 3]),
            Error::Table {
                section: section::ORDER,
                offset: 8,
                error: TableError::Index {
                    found: 3,
                    limit: 3,
                    ..
                },
            }
        ),
        case!(
            "bytes behind the order",
            with(|parts| {
                let bytes = [numbers(&[0, 1]), vec![0]].concat();
                parts.raw.insert(section::ORDER, bytes);
            }),
            Error::Table {
                section: section::ORDER,
                error: TableError::TrailingBytes { found: 1, .. },
                ..
            }
        ),
        case!(
            "functions overlap",
            address(1, "f0", 17),
            Error::FunctionOrder { function: 1, .. }
        ),
        case!(
            "function over the end of its section",
            with(|parts| parts.frames[0].code_size = 24),
            Error::FunctionPlace { function: 0, .. }
        ),
        case!(
            "function before the image",
            address(0, "f0", -1),
            Error::FunctionPlace { function: 0, .. }
        ),
        case!(
            "function in the constants",
            address(1, "f1", 4096),
            Error::FunctionPlace { function: 1, .. }
        ),
        case!(
            "address of a function without code",
            with(|parts| parts.addresses[2] = "enter0"),
            Error::AddressCount {
                expected: 2,
                found: 3
            }
        ),
        case!(
            "thunk in the constants",
            address(3, "f0", 4096),
            Error::ThunkPlace { thunk: 3, .. }
        ),
        case!(
            "thunk that is a plain number",
            raw_table(section::CODE, |table| table[5 * 8] = 1),
            Error::ThunkPlace {
                thunk: 5,
                address: 1
            }
        ),
    ]
}

/// Errors in `.wamr.module`.
macro_rules! module_case {
    ($name:expr, $bytes:expr, $pattern:pat) => {
        case!(
            $name,
            $bytes,
            Error::Table {
                section: section::MODULE,
                error: $pattern,
                ..
            }
        )
    };
}

fn module_cases() -> Vec<Case> {
    let import = |kind| {
        with(|parts| {
            parts.module.imports.push(Import {
                module: "a".into(),
                name: "b".into(),
                kind,
            });
        })
    };
    let memory = |change: fn(&mut MemoryType)| with(|parts| change(&mut parts.module.memories[0]));
    let export = |name: &str, kind, index| {
        let name = name.to_owned();
        with(|parts| parts.module.exports.push(Export { name, kind, index }))
    };
    let element = |table, ty, items: Vec<Vec<u8>>| {
        with(|parts| {
            parts.module.elements.push(Element {
                mode: SegmentMode::Active {
                    index: table,
                    offset: i32_const(0),
                },
                ty,
                items,
            })
        })
    };
    let data = |mode, offset, length| {
        with(|parts| {
            parts.module.data.push(Data {
                mode,
                offset,
                length,
            })
        })
    };
    vec![
        module_case!(
            "module that ends early",
            raw_table(section::MODULE, |table| table.truncate(40)),
            TableError::Truncated { .. }
        ),
        module_case!(
            "bytes behind the module",
            raw_table(section::MODULE, |table| table.push(0)),
            TableError::TrailingBytes { found: 1, .. }
        ),
        module_case!(
            "start flag",
            raw_table(section::MODULE, |table| table[0] = 2),
            TableError::StartFlag { flag: 2, .. }
        ),
        module_case!(
            "offsets of a list",
            // u32 has start, u32 start, u32 count, then the types' offsets.
            raw_table(section::MODULE, |table| table[12] = 1),
            TableError::ListOffsets { index: 0, .. }
        ),
        module_case!(
            "value type",
            // The types' records follow three offsets.
            raw_table(section::MODULE, |table| table[12 + 12 + 1] = 0x55),
            TableError::Byte {
                what: "a value type",
                found: 0x55
            }
        ),
        module_case!(
            "name that is not UTF-8",
            raw_table(section::MODULE, |table| {
                let at = table.windows(6).position(|bytes| bytes == b"offset");
                table[at.unwrap()] = 0xff;
            }),
            TableError::Utf8 { .. }
        ),
        module_case!(
            "type of an import",
            import(ImportKind::Func(2)),
            TableError::Index {
                found: 2,
                limit: 2,
                ..
            }
        ),
        module_case!(
            "limits of an imported table",
            import(ImportKind::Table(TableType {
                element: ValType::FuncRef,
                limits: limits(1 << 32, None),
            })),
            TableError::LimitsRange { .. }
        ),
        module_case!(
            "table of numbers",
            import(ImportKind::Table(TableType {
                element: ValType::I32,
                limits: limits(1, None),
            })),
            TableError::Byte { found: 0x7f, .. }
        ),
        module_case!(
            "type of a function",
            with(|parts| parts.module.functions[2] = 7),
            TableError::Index {
                found: 7,
                limit: 2,
                ..
            }
        ),
        module_case!(
            "memory of more than 4 GiB",
            memory(|memory| memory.limits = limits(65537, None)),
            TableError::LimitsRange {
                found: 65537,
                limit: 65536
            }
        ),
        module_case!(
            "maximum below the minimum",
            memory(|memory| memory.limits = limits(2, Some(1))),
            TableError::LimitsOrder
        ),
        module_case!(
            "page size",
            memory(|memory| memory.page_size_log2 = 12),
            TableError::Byte { found: 12, .. }
        ),
        module_case!(
            "shared memory without a maximum",
            memory(|memory| {
                memory.limits.max = None;
                memory.limits.shared = true;
            }),
            TableError::SharedWithoutMaximum
        ),
        module_case!(
            "constant of another type",
            global_init(ValType::I64, &i32_const(1)),
            TableError::ConstType {
                expected: ValType::I64,
                found: Some(ValType::I32)
            }
        ),
        module_case!(
            "empty constant expression",
            global_init(ValType::I64, &[0x0b]),
            TableError::ConstType { found: None, .. }
        ),
        module_case!(
            "constant expression without an end",
            global_init(ValType::I32, &[0x41, 1]),
            TableError::Truncated { .. }
        ),
        module_case!(
            "bytes behind a constant expression",
            global_init(ValType::I32, &[0x41, 1, 0x0b, 0x0b]),
            TableError::TrailingBytes { found: 1, .. }
        ),
        module_case!(
            "two values",
            global_init(ValType::I32, &[0x41, 1, 0x41, 1, 0x0b]),
            TableError::ConstStackLeft { found: 1 }
        ),
        module_case!(
            "operand missing",
            global_init(ValType::I32, &[0x41, 1, 0x6a, 0x0b]),
            TableError::ConstType { found: None, .. }
        ),
        module_case!(
            "opcode in a constant expression",
            global_init(ValType::I32, &[0x41, 1, 0x67, 0x0b]),
            TableError::ConstOpcode { found: 0x67 }
        ),
        module_case!(
            "constant too large",
            global_init(ValType::I32, &[0x41, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b]),
            TableError::Leb128 { .. }
        ),
        module_case!(
            "deep constant expression",
            global_init(
                ValType::I32,
                &[&[0x41, 1].repeat(257)[..], &[0x6a; 256], &[0x0b]].concat()
            ),
            TableError::ConstStackFull
        ),
        module_case!(
            "global that can change",
            global_init(ValType::I64, &[0x23, 1, 0x0b]),
            TableError::ConstGlobal { found: 1 }
        ),
        module_case!(
            "global that comes later",
            global_init(ValType::I32, &[0x23, 2, 0x0b]),
            TableError::ConstGlobal { found: 2 }
        ),
        module_case!(
            "function without a reference",
            global_init(ValType::FuncRef, &ref_func(2)),
            TableError::ConstFunction { found: 2 }
        ),
        module_case!(
            "function that is not there",
            global_init(ValType::FuncRef, &ref_func(100)),
            TableError::ConstFunction { found: 100 }
        ),
        module_case!(
            "index of an export",
            export("x", ExportKind::Memory, 1),
            TableError::Index {
                found: 1,
                limit: 1,
                ..
            }
        ),
        module_case!(
            "export twice",
            export("run", ExportKind::Func, 1),
            TableError::Order { what: "export", .. }
        ),
        module_case!(
            "export order",
            // The last number.
            raw_table(section::MODULE, |table| {
                let end = table.len();
                table[end - 4] = 1;
            }),
            TableError::Order { what: "export", .. }
        ),
        module_case!(
            "export order of an export that is not there",
            raw_table(section::MODULE, |table| {
                let end = table.len();
                table[end - 4] = 3;
            }),
            TableError::Index {
                found: 3,
                limit: 3,
                ..
            }
        ),
        module_case!(
            "import order",
            // Count and three numbers of the export order, before them two of the import order.
            raw_table(section::MODULE, |table| {
                let end = table.len();
                table[end - 16 - 8] ^= 1;
            }),
            TableError::Order { what: "import", .. }
        ),
        module_case!(
            "start function with parameters",
            with(|parts| parts.module.start = Some(1)),
            TableError::StartType { found: 1 }
        ),
        module_case!(
            "start function that is not there",
            with(|parts| parts.module.start = Some(4)),
            TableError::Index {
                found: 4,
                limit: 4,
                ..
            }
        ),
        module_case!(
            "function reference of an import",
            with(|parts| parts.module.func_refs = vec![0, 1, 3]),
            TableError::Order {
                what: "function reference",
                position: 0
            }
        ),
        module_case!(
            "function references out of order",
            with(|parts| parts.module.func_refs = vec![3, 1]),
            TableError::Order { position: 1, .. }
        ),
        module_case!(
            "function reference that is not there",
            with(|parts| parts.module.func_refs = vec![1, 3, 4]),
            TableError::Index {
                found: 4,
                limit: 4,
                ..
            }
        ),
        module_case!(
            "elements for a table that is not there",
            element(1, ValType::FuncRef, vec![]),
            TableError::Index {
                found: 1,
                limit: 1,
                ..
            }
        ),
        module_case!(
            "elements of another type",
            element(0, ValType::ExternRef, vec![]),
            TableError::ElementType {
                expected: ValType::FuncRef,
                found: ValType::ExternRef
            }
        ),
        module_case!(
            "item of another type",
            element(0, ValType::FuncRef, vec![vec![0xd0, 0x6f, 0x0b]]),
            TableError::ConstType { .. }
        ),
        module_case!(
            "heap type",
            element(0, ValType::FuncRef, vec![vec![0xd0, 0x7f, 0x0b]]),
            TableError::Byte { found: 0x7f, .. }
        ),
        module_case!(
            "data for a memory that is not there",
            data(
                SegmentMode::Active {
                    index: 1,
                    offset: i32_const(0)
                },
                0,
                0
            ),
            TableError::Index {
                found: 1,
                limit: 1,
                ..
            }
        ),
        module_case!(
            "data at an i64",
            data(
                SegmentMode::Active {
                    index: 0,
                    offset: vec![0x42, 0, 0x0b]
                },
                0,
                0
            ),
            TableError::ConstType { .. }
        ),
        module_case!(
            "data outside .wamr.data",
            data(SegmentMode::Passive, 5, 5),
            TableError::DataRange {
                offset: 5,
                length: 5,
                available: 9
            }
        ),
        module_case!(
            "data whose end wraps around",
            data(SegmentMode::Passive, u64::MAX, 2),
            TableError::DataRange { .. }
        ),
        module_case!(
            "declared data",
            data(SegmentMode::Declared, 0, 0),
            TableError::Byte { found: 2, .. }
        ),
    ]
}

fn table_cases() -> Vec<Case> {
    let rows = |rows: &[(u32, u32)]| {
        let rows = rows.iter().map(|(code_offset, wasm_offset)| TrapRow {
            code_offset: *code_offset,
            wasm_offset: *wasm_offset,
        });
        let rows = rows.collect();
        with(|parts| parts.traps[0] = rows)
    };
    vec![
        case!(
            "frame missing",
            raw_table(section::FRAMES, |table| table.clear()),
            Error::Table {
                section: section::FRAMES,
                error: TableError::Truncated { .. },
                ..
            }
        ),
        case!(
            "one frame too few",
            with(|parts| {
                parts.frames.pop();
            }),
            Error::Table {
                section: section::FRAMES,
                error: TableError::Count {
                    expected: 3,
                    found: 2,
                    ..
                },
                ..
            }
        ),
        case!(
            "frame flags",
            // Count and four offsets, then the code size of one byte.
            raw_table(section::FRAMES, |table| table[21] = 4),
            Error::Table {
                section: section::FRAMES,
                error: TableError::Byte { found: 4, .. },
                ..
            }
        ),
        case!(
            "too many locals",
            with(|parts| parts.frames[0].locals = vec![(1 << 31, ValType::V128)]),
            Error::Table {
                section: section::FRAMES,
                error: TableError::TooManyLocals,
                ..
            }
        ),
        case!(
            "overlong number",
            // The code size of the first frame, 18, becomes 0x80 0x00.
            raw_table(section::FRAMES, |table| {
                table[20] = 0x80;
                table[21] = 0;
            }),
            Error::Table {
                section: section::FRAMES,
                error: TableError::Leb128 { .. },
                ..
            }
        ),
        case!(
            "one trap record too many",
            with(|parts| parts.traps.push(vec![])),
            Error::Table {
                section: section::TRAPS,
                error: TableError::Count {
                    expected: 3,
                    found: 4,
                    ..
                },
                ..
            }
        ),
        case!(
            "trap behind its function",
            rows(&[(18, 1)]),
            Error::Table {
                section: section::TRAPS,
                error: TableError::CodeOffset {
                    found: 18,
                    code_size: 18
                },
                ..
            }
        ),
        case!(
            "trap rows that stand still",
            // Count and four offsets, a row of 1 + 2 bytes, then the next row's delta.
            raw_table(section::TRAPS, |table| table[23] = 0),
            Error::Table {
                section: section::TRAPS,
                error: TableError::TrapRow,
                ..
            }
        ),
        case!(
            "wasm offset below zero",
            raw_table(section::TRAPS, |table| table[22] = 0x7f),
            Error::Table {
                section: section::TRAPS,
                error: TableError::TrapRow,
                ..
            }
        ),
        case!(
            "one name too few",
            with(|parts| parts.names.as_mut().unwrap().0.truncate(3)),
            Error::Table {
                section: section::NAMES,
                error: TableError::Count {
                    expected: 4,
                    found: 3,
                    ..
                },
                ..
            }
        ),
        case!(
            "function name that is not UTF-8",
            raw_table(section::NAMES, |table| {
                let at = table.windows(4).position(|bytes| bytes == b"host");
                table[at.unwrap()] = 0x80;
            }),
            Error::Table {
                section: section::NAMES,
                error: TableError::Utf8 { .. },
                ..
            }
        ),
        case!(
            "module name that ends early",
            raw_table(section::NAMES, |table| {
                table.pop();
            }),
            Error::Table {
                section: section::NAMES,
                error: TableError::Truncated { .. },
                ..
            }
        ),
    ]
}

#[test]
fn every_bad_object_is_refused_for_the_right_reason() {
    assert!(load(&good().sealed()).is_ok());
    let groups = [
        container(),
        header_cases(),
        section_cases(),
        symbol_cases(),
        relocation_cases(),
        address_cases(),
        module_cases(),
        table_cases(),
    ];
    let cases: Vec<Case> = groups.into_iter().flatten().collect();
    let mut wrong = Vec::new();
    for (name, bytes, is_expected) in &cases {
        match load(bytes) {
            Ok(_) => wrong.push(format!("{name}: accepted")),
            Err(error) if is_expected(&error) => {}
            Err(error) => wrong.push(format!("{name}: {error} ({error:?})")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() >= 60, "{} cases", cases.len());
    println!("{} bad objects", cases.len());
}

#[test]
fn an_object_that_needs_guard_pages_is_refused_without_them() {
    let mut bytes = good().sealed();
    let bare = Host {
        guard_pages: false,
        ..host()
    };
    assert_eq!(Object::parse(&bytes, &bare).err(), Some(Error::GuardPages));
    bytes[HEADER + TAIL + 3] = MemoryModel::Checks.byte();
    patch::reseal(&mut bytes);
    assert!(Object::parse(&bytes, &bare).is_ok());
}

#[test]
fn unknown_optional_features_are_passed_over() {
    assert!(load(&header_field(128, &[0xff; 8])).is_ok());
}

#[test]
fn errors_say_what_where_expected_and_found() {
    let cases: &[(Vec<u8>, &str)] = &[
        (
            header_field(constant_offset("frame.lp"), &[56]),
            "layout constant frame.lp: object 56, runtime 40",
        ),
        (
            header_field(145, &[1]),
            "the object uses CPU features that this machine does not have: avx",
        ),
        (
            with(|parts| parts.module.start = Some(1)),
            "section .wamr.module, offset 0x0: start function 1 has parameters or results",
        ),
    ];
    for (bytes, text) in cases {
        assert_eq!(load(bytes).unwrap_err().to_string(), *text);
    }
    assert!(BUILTINS > 0);
}
