//! ELF as it stands in the file: headers, symbols and relocations through goblin's plain
//! structures, in one form for both widths, every offset checked.
//!
//! <https://gabi.xinuos.com/>

use crate::error::{Error, Refusal, Refused};
use crate::format::target::Machine;
use crate::layout::PointerWidth;
use crate::word::{self, SignedWord, Word, wide, word};
use goblin::{elf32, elf64};
use plain::Plain;

/// `e_flags` of RISC-V: the float ABI (soft 0, single 2, double 4, quad 6) and the embedded base
/// ISA (8).
pub(crate) const RISCV_ABI_FLAGS: u32 = 0xe;

/// Size of the ELF header.
pub(crate) const fn header_size(width: PointerWidth) -> usize {
    match width {
        PointerWidth::Four => elf32::header::SIZEOF_EHDR,
        PointerWidth::Eight => elf64::header::SIZEOF_EHDR,
    }
}

/// A section header.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SectionHeader {
    /// Offset in the section name table.
    pub name: u32,
    pub ty: u32,
    pub flags: Word,
    pub offset: Word,
    pub size: Word,
    pub link: u32,
    pub info: u32,
    pub align: Word,
    pub entry_size: Word,
}

/// A symbol.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Symbol {
    /// Offset in the symbol name table.
    pub name: u32,
    pub info: u8,
    pub section: u16,
    pub value: Word,
    pub size: Word,
}

impl Symbol {
    pub fn ty(&self) -> u8 {
        self.info & 0xf
    }

    pub fn binding(&self) -> u8 {
        self.info >> 4
    }

    /// Not defined in the object?
    pub fn is_undefined(&self) -> bool {
        u32::from(self.section) == elf64::section_header::SHN_UNDEF
    }
}

/// A relocation with its addend.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rela {
    pub offset: Word,
    pub symbol: u32,
    pub ty: u32,
    pub addend: SignedWord,
}

/// Fills a plain structure from the start of `bytes`.
fn plain<T: Plain + Default>(bytes: &[u8]) -> Option<T> {
    let mut value = T::default();
    value.copy_from_bytes(bytes).ok()?;
    Some(value)
}

/// Entry `index` of a table of entries of `size` bytes.
fn entry(table: &[u8], index: u32, size: usize) -> Option<&[u8]> {
    let start = usize::try_from(index).ok()?.checked_mul(size)?;
    table.get(start..start.checked_add(size)?)
}

/// Reads the ELF class (pointer width) from the identification; everything else needs it.
pub(crate) fn class(bytes: &[u8], refusal: &Refusal) -> Result<PointerWidth, Refused> {
    match bytes.get(..elf64::header::SELFMAG) {
        Some(magic) if magic == elf64::header::ELFMAG => {}
        _ => return Err(refusal.note(Error::ElfMagic)),
    }
    match bytes.get(elf64::header::EI_CLASS) {
        Some(&elf64::header::ELFCLASS32) => Ok(PointerWidth::Four),
        Some(&elf64::header::ELFCLASS64) => Ok(PointerWidth::Eight),
        found => Err(refusal.note(Error::ElfHeader {
            field: "class",
            expected: elf64::header::ELFCLASS64.into(),
            found: found.copied().unwrap_or(0).into(),
        })),
    }
}

/// The ELF file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elf<'a> {
    bytes: &'a [u8],
    width: PointerWidth,
    section_table: &'a [u8],
    section_count: u32,
    names: &'a [u8],
    pub names_section: u32,
    pub section_table_offset: Word,
    pub flags: u32,
}

impl<'a> Elf<'a> {
    /// Checks the ELF header and finds the section headers.
    pub fn parse(
        bytes: &'a [u8],
        width: PointerWidth,
        machine: Machine,
        refusal: &Refusal,
    ) -> Result<Self, Refused> {
        if class(bytes, refusal)? != width {
            return Err(refusal.note(Error::ElfHeader {
                field: "class",
                expected: u64::from(width.bytes() / 4),
                found: u64::from(3 - width.bytes() / 4),
            }));
        }
        let header = read_header(bytes, width).ok_or_else(|| refusal.note(Error::ElfTruncated))?;
        let field = |field, expected: u64, found: u64| {
            if expected == found {
                Ok(())
            } else {
                Err(refusal.note(Error::ElfHeader {
                    field,
                    expected,
                    found,
                }))
            }
        };
        let ident = |index: usize| u64::from(bytes.get(index).copied().unwrap_or(0));
        field(
            "endianness",
            elf64::header::ELFDATA2LSB.into(),
            ident(elf64::header::EI_DATA),
        )?;
        field(
            "version",
            elf64::header::EV_CURRENT.into(),
            ident(elf64::header::EI_VERSION),
        )?;
        field("type", elf64::header::ET_REL.into(), header.ty.into())?;
        field("machine", machine.elf().into(), header.machine.into())?;
        field(
            "header size",
            size_u64(header_size(width)),
            header.header_size.into(),
        )?;
        let entry_size = section_header_size(width);
        field(
            "section header size",
            size_u64(entry_size),
            header.section_entry_size.into(),
        )?;
        if header.section_count == 0
            || u32::from(header.section_count) >= elf64::section_header::SHN_LORESERVE
        {
            return Err(refusal.note(Error::ElfSectionCount {
                found: header.section_count,
            }));
        }
        let table_size = usize::from(header.section_count).checked_mul(entry_size);
        let section_table = table_size
            .and_then(|size| range(bytes, header.section_table, word::size(size)))
            .ok_or_else(|| {
                refusal.note(Error::ElfSectionTable {
                    offset: wide(header.section_table),
                    count: header.section_count,
                    file: size_u64(bytes.len()),
                })
            })?;
        let mut elf = Elf {
            bytes,
            width,
            section_table,
            section_count: header.section_count.into(),
            names: &[],
            names_section: header.names_section.into(),
            section_table_offset: header.section_table,
            flags: header.flags,
        };
        let names = elf.section(elf.names_section).filter(|section| {
            elf.names_section != 0 && section.ty == elf64::section_header::SHT_STRTAB
        });
        let names = names.ok_or_else(|| {
            refusal.note(Error::ElfNames {
                section: elf.names_section,
            })
        })?;
        elf.names = elf.strings(elf.names_section, &names, refusal)?;
        Ok(elf)
    }

    /// Number of section headers; the first is empty.
    pub fn section_count(&self) -> u32 {
        self.section_count
    }

    pub fn section_table_size(&self) -> Word {
        word::size(self.section_table.len())
    }

    /// Section header `index`.
    pub fn section(&self, index: u32) -> Option<SectionHeader> {
        macro_rules! read {
            ($elf:ident) => {{
                let size = section_header_size(self.width);
                let raw: $elf::section_header::SectionHeader =
                    plain(entry(self.section_table, index, size)?)?;
                SectionHeader {
                    name: u32::from_le(raw.sh_name),
                    ty: u32::from_le(raw.sh_type),
                    flags: word(raw.sh_flags.to_le()),
                    offset: word(raw.sh_offset.to_le()),
                    size: word(raw.sh_size.to_le()),
                    link: u32::from_le(raw.sh_link),
                    info: u32::from_le(raw.sh_info),
                    align: word(raw.sh_addralign.to_le()),
                    entry_size: word(raw.sh_entsize.to_le()),
                }
            }};
        }
        Some(match self.width.only() {
            PointerWidth::Four => read!(elf32),
            PointerWidth::Eight => read!(elf64),
        })
    }

    /// All sections but the empty first.
    pub fn sections(&self) -> impl Iterator<Item = (u32, SectionHeader)> + use<'a> {
        let elf = *self;
        (1..self.section_count).filter_map(move |index| Some((index, elf.section(index)?)))
    }

    /// The bytes of a section, if they are in the file.
    pub fn bytes(&self, section: &SectionHeader) -> Option<&'a [u8]> {
        range(self.bytes, section.offset, section.size)
    }

    /// The bytes of a section, which have to be in the file.
    pub fn data(
        &self,
        index: u32,
        section: &SectionHeader,
        refusal: &Refusal,
    ) -> Result<&'a [u8], Refused> {
        self.bytes(section).ok_or_else(|| {
            refusal.note(Error::SectionOutOfFile {
                section: index,
                offset: wide(section.offset),
                size: wide(section.size),
                file: size_u64(self.bytes.len()),
            })
        })
    }

    /// The bytes of a string table, which has to end with NUL.
    pub fn strings(
        &self,
        index: u32,
        section: &SectionHeader,
        refusal: &Refusal,
    ) -> Result<&'a [u8], Refused> {
        let bytes = self.data(index, section, refusal)?;
        match bytes.last() {
            Some(0) => Ok(bytes),
            _ => Err(refusal.note(Error::StringTable { section: index })),
        }
    }

    /// A section's name and all that follows it in the name table; the name ends with the first
    /// NUL.
    pub fn name(&self, section: &SectionHeader) -> Option<&'a [u8]> {
        let rest = self.names.get(usize::try_from(section.name).ok()?..)?;
        (!rest.is_empty()).then_some(rest)
    }
}

impl Symbol {
    /// Symbol `index` of a symbol table.
    pub fn read(table: &[u8], width: PointerWidth, index: u32) -> Option<Self> {
        macro_rules! read {
            ($elf:ident) => {{
                let raw: $elf::sym::Sym = plain(entry(table, index, symbol_size(width))?)?;
                Symbol {
                    name: u32::from_le(raw.st_name),
                    info: raw.st_info,
                    section: u16::from_le(raw.st_shndx),
                    value: word(raw.st_value.to_le()),
                    size: word(raw.st_size.to_le()),
                }
            }};
        }
        Some(match width.only() {
            PointerWidth::Four => read!(elf32),
            PointerWidth::Eight => read!(elf64),
        })
    }
}

impl Rela {
    /// Relocation `index` of a relocation section.
    pub fn read(table: &[u8], width: PointerWidth, index: u32) -> Option<Self> {
        macro_rules! read {
            ($elf:ident) => {{
                let raw: $elf::reloc::Rela = plain(entry(table, index, rela_size(width))?)?;
                let info = raw.r_info.to_le();
                Rela {
                    offset: word(raw.r_offset.to_le()),
                    symbol: $elf::reloc::r_sym(info),
                    ty: $elf::reloc::r_type(info),
                    addend: word(i64::from(raw.r_addend.to_le()).cast_unsigned() & wide(Word::MAX))
                        .cast_signed(),
                }
            }};
        }
        Some(match width.only() {
            PointerWidth::Four => read!(elf32),
            PointerWidth::Eight => read!(elf64),
        })
    }
}

/// Size of an entry of the section header table.
pub(crate) const fn section_header_size(width: PointerWidth) -> usize {
    match width.only() {
        PointerWidth::Four => elf32::section_header::SIZEOF_SHDR,
        PointerWidth::Eight => elf64::section_header::SIZEOF_SHDR,
    }
}

/// Size of a symbol.
pub(crate) const fn symbol_size(width: PointerWidth) -> usize {
    match width.only() {
        PointerWidth::Four => elf32::sym::SIZEOF_SYM,
        PointerWidth::Eight => elf64::sym::SIZEOF_SYM,
    }
}

/// Size of a relocation with addend.
pub(crate) const fn rela_size(width: PointerWidth) -> usize {
    match width.only() {
        PointerWidth::Four => size_of::<elf32::reloc::Rela>(),
        PointerWidth::Eight => size_of::<elf64::reloc::Rela>(),
    }
}

/// Lengths in memory fit 64 bits on every machine.
pub(crate) fn size_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// The part of the file at `offset`, `size` bytes long.
fn range(bytes: &[u8], offset: Word, size: Word) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = usize::try_from(offset.checked_add(size)?).ok()?;
    bytes.get(start..end)
}

struct Header {
    ty: u16,
    machine: u16,
    flags: u32,
    section_table: Word,
    header_size: u16,
    section_entry_size: u16,
    section_count: u16,
    names_section: u16,
}

fn read_header(bytes: &[u8], width: PointerWidth) -> Option<Header> {
    macro_rules! read {
        ($elf:ident) => {{
            let raw: $elf::header::Header = plain(bytes)?;
            Header {
                ty: u16::from_le(raw.e_type),
                machine: u16::from_le(raw.e_machine),
                flags: u32::from_le(raw.e_flags),
                section_table: word(raw.e_shoff.to_le()),
                header_size: u16::from_le(raw.e_ehsize),
                section_entry_size: u16::from_le(raw.e_shentsize),
                section_count: u16::from_le(raw.e_shnum),
                names_section: u16::from_le(raw.e_shstrndx),
            }
        }};
    }
    Some(match width.only() {
        PointerWidth::Four => read!(elf32),
        PointerWidth::Eight => read!(elf64),
    })
}
