//! Which sections an object may have, and what each is for.

use crate::elf::{Elf, SectionHeader};
use crate::error::{Error, Name, Refusal, Refused};
use crate::format::{section, target::Machine};
use crate::word::{Word, wide, word};
use goblin::elf64::section_header::{
    SHF_ALLOC, SHF_COMPRESSED, SHF_EXCLUDE, SHF_EXECINSTR, SHF_INFO_LINK, SHF_LINK_ORDER,
    SHF_MERGE, SHF_STRINGS, SHF_WRITE, SHT_GROUP, SHT_NOBITS, SHT_NULL, SHT_PROGBITS, SHT_REL,
    SHT_RELA, SHT_STRTAB, SHT_SYMTAB, SHT_SYMTAB_SHNDX,
};

/// `SHF_X86_64_LARGE`: a section of the large code model, which goblin does not name.
const SHF_X86_64_LARGE: u32 = 0x1000_0000;

/// A table of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Header,
    Module,
    Data,
    Code,
    Frames,
    Traps,
    Order,
    Unwind,
    Handlers,
    FrameMap,
    Builtins,
    Names,
}

impl Table {
    pub const ALL: [Table; 12] = [
        Table::Header,
        Table::Module,
        Table::Data,
        Table::Code,
        Table::Frames,
        Table::Traps,
        Table::Order,
        Table::Unwind,
        Table::Handlers,
        Table::FrameMap,
        Table::Builtins,
        Table::Names,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Table::Header => section::HEADER,
            Table::Module => section::MODULE,
            Table::Data => section::DATA,
            Table::Code => section::CODE,
            Table::Frames => section::FRAMES,
            Table::Traps => section::TRAPS,
            Table::Order => section::ORDER,
            Table::Unwind => section::UNWIND,
            Table::Handlers => section::HANDLERS,
            Table::FrameMap => section::FRAMEMAP,
            Table::Builtins => section::BUILTINS,
            Table::Names => section::NAMES,
        }
    }
}

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Machine code.
    Code,
    /// Constants of the code.
    ReadOnly,
    /// One of our tables.
    Table(Table),
    /// A custom section of the module.
    Custom,
    /// For debuggers and tools; not loaded.
    Ignored,
    Relocations,
    Symbols,
    Strings,
}

impl Role {
    /// Is the section copied into code memory?
    pub fn is_loaded(self) -> bool {
        matches!(self, Role::Code | Role::ReadOnly | Role::Table(_))
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Role::Code => "code",
            Role::ReadOnly => "constants",
            Role::Table(_) => "table",
            Role::Custom => "custom",
            Role::Ignored => "not loaded",
            Role::Relocations => "relocations",
            Role::Symbols => "symbols",
            Role::Strings => "strings",
        }
    }
}

const CODE_PREFIXES: &[&str] = &[".text", ".ltext"];
const CONSTANT_PREFIXES: &[&str] = &[".rodata", ".lrodata", ".srodata", ".data.rel.ro"];
const IGNORED_PREFIXES: &[&str] = &[
    ".eh_frame",
    ".debug_",
    ".note",
    ".comment",
    ".llvm",
    ".riscv.attributes",
    ".ARM.attributes",
    ".gnu",
];

/// Does `rest`, a name and what follows it in the name table, start with `prefix` and then end or
/// go on with a dot?
fn is_family(rest: &[u8], prefix: &str) -> bool {
    matches!(rest.strip_prefix(prefix.as_bytes()), Some([0 | b'.', ..]))
}

fn is_exactly(rest: &[u8], name: &str) -> bool {
    matches!(rest.strip_prefix(name.as_bytes()), Some([0, ..]))
}

/// A name, from itself and all that follows it in the name table, cut to what errors keep. Looks at
/// a bounded number of bytes, however long the name is.
pub(crate) fn short_name(rest: &[u8]) -> Name {
    let start = rest.get(..Name::CAPACITY + 1).unwrap_or(rest);
    let end = start.iter().position(|byte| *byte == 0);
    Name::new(start.get(..end.unwrap_or(start.len())).unwrap_or(start))
}

/// What a section is for, by its name alone if its type is an ordinary one.
fn role(rest: &[u8], ty: u32) -> Option<Role> {
    match ty {
        SHT_RELA => return Some(Role::Relocations),
        SHT_SYMTAB => return Some(Role::Symbols),
        SHT_STRTAB => return Some(Role::Strings),
        SHT_NULL | SHT_NOBITS | SHT_REL | SHT_GROUP | SHT_SYMTAB_SHNDX => return None,
        _ => {}
    }
    let role = if CODE_PREFIXES.iter().any(|prefix| is_family(rest, prefix)) {
        Role::Code
    } else if CONSTANT_PREFIXES
        .iter()
        .any(|prefix| is_family(rest, prefix))
    {
        Role::ReadOnly
    } else if let Some(table) = Table::ALL
        .into_iter()
        .find(|table| is_exactly(rest, table.name()))
    {
        Role::Table(table)
    } else if rest.starts_with(section::CUSTOM_PREFIX.as_bytes()) {
        Role::Custom
    } else if is_exactly(rest, section::LINKED) {
        Role::Ignored
    } else if IGNORED_PREFIXES
        .iter()
        .any(|prefix| rest.starts_with(prefix.as_bytes()))
    {
        return Some(Role::Ignored);
    } else {
        return None;
    };
    (ty == SHT_PROGBITS).then_some(role)
}

/// Flags that a section has to have, and those that it may have besides.
fn flags(role: Role, rest: &[u8], machine: Machine) -> (Word, Word) {
    let large = match machine {
        Machine::X86_64 => SHF_X86_64_LARGE,
        _ => 0,
    };
    let (required, optional) = match role {
        Role::Code => (SHF_ALLOC | SHF_EXECINSTR, large),
        // Relocated constants are writable until they are relocated; here they never are.
        Role::ReadOnly if is_family(rest, ".data.rel.ro") => (SHF_ALLOC | SHF_WRITE, large),
        Role::ReadOnly => (SHF_ALLOC, SHF_MERGE | SHF_STRINGS | large),
        Role::Table(_) => (SHF_ALLOC, 0),
        Role::Relocations => (0, SHF_INFO_LINK),
        Role::Custom | Role::Symbols | Role::Strings => (0, 0),
        Role::Ignored => (
            0,
            SHF_ALLOC
                | SHF_MERGE
                | SHF_STRINGS
                | SHF_EXCLUDE
                | SHF_COMPRESSED
                | SHF_LINK_ORDER
                | SHF_INFO_LINK,
        ),
    };
    (word(required), word(required | optional))
}

/// Largest alignment of a loaded section.
pub(crate) const MAX_ALIGN: Word = 4096;

/// A section with its role, checked on its own: name, type, flags, alignment, place in the file.
pub(crate) fn classify(
    elf: &Elf<'_>,
    machine: Machine,
    index: u32,
    header: &SectionHeader,
    refusal: &Refusal,
) -> Result<Role, Refused> {
    let rest = elf.name(header).ok_or_else(|| {
        refusal.note(Error::SectionName {
            section: index,
            offset: header.name,
        })
    })?;
    let role = role(rest, header.ty).ok_or_else(|| {
        refusal.note(Error::UnknownSection {
            section: index,
            name: short_name(rest),
            ty: header.ty,
        })
    })?;
    let (required, allowed) = flags(role, rest, machine);
    if header.flags & required != required || header.flags & !allowed != 0 {
        return Err(refusal.note(Error::SectionFlags {
            section: index,
            name: short_name(rest),
            required: wide(required),
            allowed: wide(allowed),
            found: wide(header.flags),
        }));
    }
    let align_is_possible =
        header.align <= 1 || (header.align.is_power_of_two() && header.align <= MAX_ALIGN);
    if role.is_loaded() && !align_is_possible {
        return Err(refusal.note(Error::SectionAlignment {
            section: index,
            name: short_name(rest),
            found: wide(header.align),
        }));
    }
    elf.data(index, header, refusal)?;
    Ok(role)
}

/// Checks that no two sections share bytes of the file.
///
/// That takes no memory and one pass, because sections stand in the file in the order of their
/// headers: contents among themselves, relocations among themselves, symbols and strings among
/// themselves.
pub(crate) fn check_overlaps(
    elf: &Elf<'_>,
    elf_header_size: Word,
    role: impl Fn(u32, &SectionHeader) -> Result<Role, Refused>,
    refusal: &Refusal,
) -> Result<(), Refused> {
    let group = |role| match role {
        Role::Relocations => 1,
        Role::Symbols | Role::Strings => 2,
        _ => 0,
    };
    let next = |wanted: u8, after: u32| -> Result<Option<(u32, SectionHeader)>, Refused> {
        for index in after..elf.section_count() {
            let Some(header) = elf.section(index) else {
                break;
            };
            if header.size != 0 && group(role(index, &header)?) == wanted {
                return Ok(Some((index, header)));
            }
        }
        Ok(None)
    };
    let mut heads = [next(0, 1)?, next(1, 1)?, next(2, 1)?];
    let mut table = Some((elf.section_table_offset, elf.section_table_size()));
    let mut end = elf_header_size;
    let mut last = 0;
    loop {
        let first = (0u8..)
            .zip(heads.iter())
            .filter_map(|(group, head)| head.map(|(_, header)| (header.offset, group)))
            .min();
        match (first, table) {
            (first, Some((offset, size))) if first.is_none_or(|(first, _)| offset <= first) => {
                if offset < end {
                    return Err(refusal.note(Error::SectionsOverlap {
                        first: last,
                        second: 0,
                    }));
                }
                end = offset.saturating_add(size);
                last = 0;
                table = None;
            }
            (Some((_, group)), _) => {
                let Some(head) = heads.get_mut(usize::from(group)) else {
                    return Ok(());
                };
                let Some((index, header)) = *head else {
                    return Ok(());
                };
                if header.offset < end {
                    return Err(refusal.note(Error::SectionsOverlap {
                        first: last,
                        second: index,
                    }));
                }
                end = header.offset.saturating_add(header.size);
                last = index;
                *head = next(group, index.saturating_add(1))?;
            }
            (None, _) => return Ok(()),
        }
    }
}
