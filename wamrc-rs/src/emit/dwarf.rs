//! Sections of a unit that DWARF readers read: with relocations carried out in an address space that
//! stands for the unit's code.

use std::collections::HashMap;

use object::read::{Object, ObjectSection, ObjectSymbol, RelocationTarget};
use object::{Architecture, RelocationFlags, RelocationKind, SectionIndex, elf};

use super::{handlers, internal};
use crate::error::Result;

/// Addresses that stand for a unit's sections of code: each gets a range of its own.
#[derive(Debug)]
pub(super) struct CodeSpace {
    /// Section of the unit, first address, number in the merged object; by ascending address.
    starts: Vec<(SectionIndex, u64, usize)>,
    /// Address of `.eh_frame`, which holds addresses relative to its own.
    eh_frame: u64,
    /// Address of the exception tables, and their section.
    exception_tables: (u64, Option<SectionIndex>),
}

impl CodeSpace {
    /// `places` maps the unit's sections of code to those of the merged object.
    pub fn new(file: &object::File<'_>, places: &HashMap<SectionIndex, usize>) -> Self {
        let mut starts = Vec::new();
        // Not from 0, which could be taken for an address that is not there.
        let mut next = 0x1000;
        for code in file.sections() {
            if let Some(place) = places.get(&code.index()) {
                starts.push((code.index(), next, *place));
                // An end of sequence is an address too: one byte between the sections keeps it apart.
                next += code.size() + 1;
            }
        }
        let eh_frame = next.next_multiple_of(8);
        let size = |name: &str| Some(file.section_by_name(name)?.size());
        let tables = file.section_by_name(handlers::SECTION);
        CodeSpace {
            starts,
            eh_frame,
            exception_tables: (
                eh_frame + size(".eh_frame").unwrap_or(0),
                tables.map(|section| section.index()),
            ),
        }
    }

    /// Address of `.eh_frame`.
    pub fn eh_frame(&self) -> u64 {
        self.eh_frame
    }

    /// Address of the exception tables.
    pub fn exception_tables(&self) -> u64 {
        self.exception_tables.0
    }

    /// The section of the merged object, and the offset in it, that an address stands for.
    pub fn place(&self, address: u64) -> Option<(usize, u64)> {
        let after = self
            .starts
            .partition_point(|(_, start, _)| *start <= address);
        let (_, start, section) = self.starts[..after].last()?;
        Some((*section, address - start))
    }

    /// Address of the start of a section; sections of debug information start at 0.
    fn start(&self, section: Option<SectionIndex>) -> u64 {
        if section.is_some() && section == self.exception_tables.1 {
            return self.exception_tables.0;
        }
        let mut starts = self.starts.iter();
        let start = starts.find(|(code, ..)| Some(*code) == section);
        start.map_or(0, |(_, start, _)| *start)
    }

    /// Bytes of a section with its relocations carried out; none if the unit does not have it.
    pub fn read(&self, file: &object::File<'_>, name: &str) -> Result<Vec<u8>> {
        let Some(section) = file.section_by_name(name) else {
            return Ok(Vec::new());
        };
        let mut bytes = section.data().map_err(internal)?.to_vec();
        let base = if name == ".eh_frame" {
            self.eh_frame
        } else {
            0
        };
        for (offset, relocation) in section.relocations() {
            let wrong = || {
                let flags = relocation.flags();
                internal(format!("{name}: relocation {flags:?} at {offset:#x}"))
            };
            let RelocationTarget::Symbol(index) = relocation.target() else {
                return Err(wrong());
            };
            let symbol = file.symbol_by_index(index).map_err(internal)?;
            let target = self
                .start(symbol.section_index())
                .wrapping_add(symbol.address())
                .wrapping_add_signed(relocation.addend());
            let kind = match (file.architecture(), relocation.flags()) {
                // `object` has no words for these.
                (Architecture::X86_64, RelocationFlags::Elf { r_type })
                    if r_type == elf::R_X86_64_PC64 =>
                {
                    (RelocationKind::Relative, 64)
                }
                (
                    Architecture::Riscv32 | Architecture::Riscv64,
                    RelocationFlags::Elf { r_type },
                ) if r_type == elf::R_RISCV_32_PCREL => (RelocationKind::Relative, 32),
                _ => (relocation.kind(), relocation.size()),
            };
            let relative = target.wrapping_sub(base.wrapping_add(offset));
            let (value, size) = match kind {
                (RelocationKind::Absolute, 32) => (target, 4),
                (RelocationKind::Absolute, 64) => (target, 8),
                (RelocationKind::Relative, 32) => (relative, 4),
                (RelocationKind::Relative, 64) => (relative, 8),
                _ => return Err(wrong()),
            };
            let start = usize::try_from(offset).map_err(internal)?;
            let field = start
                .checked_add(size)
                .and_then(|end| bytes.get_mut(start..end))
                .ok_or_else(wrong)?;
            // The low bytes: addresses of code are small, and so are their differences.
            field.copy_from_slice(&value.to_le_bytes()[..size]);
        }
        Ok(bytes)
    }
}
