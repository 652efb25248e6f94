//! From LLVM's exception tables to `.wamr.handlers`.
//!
//! `.gcc_except_table` holds a table a function (a *language-specific data area*, Itanium C++ ABI, "Exception
//! handling tables"), and `.eh_frame` says which is whose. What stands for types there are the symbols of
//! tags, in all but large code each through a pointer in `.data` that its relocation names.

use std::collections::HashMap;

use gimli::{EndianSlice, LittleEndian, Reader, constants};
use object::read::{Object as _, ObjectSection, ObjectSymbol, RelocationTarget};
use object::{SectionIndex, SymbolIndex};
use wamr_aot_loader::format::handlers::{CallSite, Clause, HandlersWriter};

use super::internal;
use super::merge::Definition;
use crate::abi::tag_of_symbol;
use crate::error::Result;

/// The section that LLVM writes.
pub(super) const SECTION: &str = ".gcc_except_table";

/// Call sites of all units' functions, by section of the merged object and offset in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Handlers {
    functions: HashMap<(usize, u64), Vec<CallSite>>,
}

impl Handlers {
    /// Takes the call sites of the function at a place, whose table stands at an offset of a unit's section.
    pub fn add(&mut self, place: (usize, u64), tables: &Tables<'_>, offset: u64) -> Result<()> {
        let sites = tables.read(offset)?;
        if !sites.is_empty() {
            self.functions.insert(place, sites);
        }
        Ok(())
    }

    /// `.wamr.handlers` for the functions.
    pub fn encode(&self, functions: &[Option<Definition>]) -> Vec<u8> {
        let mut writer = HandlersWriter::new();
        for function in functions {
            let place = function.map(|code| (code.section, code.offset));
            let sites = place.and_then(|place| self.functions.get(&place));
            writer.push(sites.map_or(&[], Vec::as_slice));
        }
        writer.finish()
    }
}

/// A unit's tables.
pub(super) struct Tables<'data> {
    bytes: &'data [u8],
    /// Tags by the offset of what stands for them in the section.
    tags: HashMap<u64, u32>,
    /// Size of a pointer.
    pointer: u64,
}

impl<'data> Tables<'data> {
    /// The tables of a unit, if it has any.
    pub fn new(file: &object::File<'data>) -> Result<Option<Self>> {
        let Some(section) = file.section_by_name(SECTION) else {
            return Ok(None);
        };
        let mut tags = HashMap::new();
        let mut pointers: HashMap<(SectionIndex, u64), SymbolIndex> = HashMap::new();
        for section in file.sections() {
            if section.name().is_ok_and(|name| name.starts_with(".data")) {
                for (offset, relocation) in section.relocations() {
                    if let RelocationTarget::Symbol(symbol) = relocation.target() {
                        pointers.insert((section.index(), offset), symbol);
                    }
                }
            }
        }
        for (offset, relocation) in section.relocations() {
            let RelocationTarget::Symbol(index) = relocation.target() else {
                continue;
            };
            let symbol = file.symbol_by_index(index).map_err(internal)?;
            // Large code names tags directly.
            if let Some(tag) = symbol.name().ok().and_then(tag_of_symbol) {
                tags.insert(offset, tag);
                continue;
            }
            let address = symbol.address().wrapping_add_signed(relocation.addend());
            let pointer = symbol.section_index().map(|section| (section, address));
            // RISC-V subtracts the place by a second relocation, of a label in the table itself.
            let Some(tag) = pointer.and_then(|pointer| pointers.get(&pointer)) else {
                continue;
            };
            let tag = file.symbol_by_index(*tag).map_err(internal)?;
            let tag = tag.name().ok().and_then(tag_of_symbol);
            tags.insert(
                offset,
                tag.ok_or_else(|| wrong("what is caught is no tag"))?,
            );
        }
        Ok(Some(Tables {
            bytes: section.data().map_err(internal)?,
            pointer: if file.is_64() { 8 } else { 4 },
            tags,
        }))
    }

    /// The call sites of the table at an offset, as far as exceptions are handled there.
    fn read(&self, offset: u64) -> Result<Vec<CallSite>> {
        let start = usize::try_from(offset).map_err(internal)?;
        let table = self.bytes.get(start..).ok_or_else(|| wrong("it ends"))?;
        let mut reader = EndianSlice::new(table, LittleEndian);
        let end = |error: gimli::Error| wrong(error);
        // Landing pads count from the function's start.
        if reader.read_u8().map_err(end)? != constants::DW_EH_PE_omit.0 {
            return Err(wrong("landing pads have a base of their own"));
        }
        let type_encoding = constants::DwEhPe(reader.read_u8().map_err(end)?);
        let types = if type_encoding == constants::DW_EH_PE_omit {
            None
        } else {
            let distance = reader.read_uleb128().map_err(end)?;
            let here = reader.offset_from(EndianSlice::new(self.bytes, LittleEndian));
            let types = u64::try_from(here).map_err(internal)?.checked_add(distance);
            Some(Types {
                end: types.ok_or_else(|| wrong("its types are nowhere"))?,
                size: type_size(type_encoding, self.pointer)?,
            })
        };
        let site_encoding = constants::DwEhPe(reader.read_u8().map_err(end)?);
        let length = reader.read_uleb128().map_err(end)?;
        let mut sites = reader
            .split(usize::try_from(length).map_err(internal)?)
            .map_err(end)?;
        let actions = reader;
        let number = |reader: &mut EndianSlice<'_, LittleEndian>| {
            let number = match site_encoding {
                constants::DW_EH_PE_uleb128 => reader.read_uleb128().map_err(end)?,
                constants::DW_EH_PE_udata4 => u64::from(reader.read_u32().map_err(end)?),
                _ => return Err(wrong("its call sites are encoded in a way of their own")),
            };
            u32::try_from(number).map_err(internal)
        };
        let mut found = Vec::new();
        while !sites.is_empty() {
            let start = number(&mut sites)?;
            let length = number(&mut sites)?;
            let landing_pad = number(&mut sites)?;
            let action = sites.read_uleb128().map_err(end)?;
            if landing_pad == 0 {
                continue;
            }
            let clauses = self.clauses(actions, action, types)?;
            if clauses.is_empty() {
                continue;
            }
            found.push(CallSite {
                start,
                end: start
                    .checked_add(length)
                    .ok_or_else(|| wrong("a call site does not end"))?,
                landing_pad,
                clauses,
            });
        }
        Ok(found)
    }

    /// The clauses that a call site's action leads to: 1 plus the offset of the first one's record.
    fn clauses(
        &self,
        actions: EndianSlice<'_, LittleEndian>,
        action: u64,
        types: Option<Types>,
    ) -> Result<Vec<Clause>> {
        let end = |error: gimli::Error| wrong(error);
        let mut clauses = Vec::new();
        let mut at = action.checked_sub(1).map(i64::try_from).transpose();
        // Each record is read once at most, so that a circle would end.
        for _ in 0..=actions.len() {
            let Some(offset) = at.map_err(internal)? else {
                return Ok(clauses);
            };
            let mut record = actions;
            record
                .skip(usize::try_from(offset).map_err(internal)?)
                .map_err(end)?;
            let filter = record.read_sleb128().map_err(end)?;
            let here = record.offset_from(actions);
            let next = record.read_sleb128().map_err(end)?;
            // 0 is a clean-up, which compiled code has none of.
            if filter != 0 {
                clauses.push(self.clause(filter, types)?);
            }
            at = Ok(if next == 0 {
                None
            } else {
                let here = i64::try_from(here).map_err(internal)?;
                Some(here.wrapping_add(next))
            });
        }
        Err(wrong("its actions go round in a circle"))
    }

    /// What the type with a number stands for: they are counted from the end of the types.
    fn clause(&self, filter: i64, types: Option<Types>) -> Result<Clause> {
        let types = types.ok_or_else(|| wrong("it has no types"))?;
        let back = u64::try_from(filter)
            .ok()
            .and_then(|n| n.checked_mul(types.size));
        let place = back.and_then(|back| types.end.checked_sub(back));
        let place = place.ok_or_else(|| wrong("a type is outside"))?;
        Ok(match self.tags.get(&place) {
            Some(tag) => Clause::Tag(*tag),
            // A null pointer, which has no relocation, stands for all.
            None => Clause::All,
        })
    }
}

/// Does a section hold nothing but pointers to tags?
pub(super) fn holds_tags<'data>(
    file: &object::File<'data>,
    section: &object::Section<'data, '_>,
) -> bool {
    let mut pointers = 0;
    for (_, relocation) in section.relocations() {
        let tag = match relocation.target() {
            RelocationTarget::Symbol(symbol) => file.symbol_by_index(symbol).ok(),
            _ => None,
        };
        let name = tag.and_then(|tag| tag.name().ok().map(str::to_owned));
        if name.as_deref().and_then(tag_of_symbol).is_none() {
            return false;
        }
        pointers += 1;
    }
    section.size() == pointers * if file.is_64() { 8 } else { 4 }
}

/// Where a table's types are.
#[derive(Clone, Copy)]
struct Types {
    /// Offset of their end in the section.
    end: u64,
    /// Bytes of each.
    size: u64,
}

fn type_size(encoding: constants::DwEhPe, pointer: u64) -> Result<u64> {
    match encoding.format() {
        constants::DW_EH_PE_absptr => Ok(pointer),
        constants::DW_EH_PE_sdata4 | constants::DW_EH_PE_udata4 => Ok(4),
        constants::DW_EH_PE_sdata8 | constants::DW_EH_PE_udata8 => Ok(8),
        _ => Err(wrong("its types are encoded in a way of their own")),
    }
}

fn wrong(text: impl std::fmt::Display) -> crate::error::Error {
    internal(format!("{SECTION}: {text}"))
}
