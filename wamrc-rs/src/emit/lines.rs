//! Line tables of LLVM's objects, whose lines are offsets in the WebAssembly module.

use std::collections::HashMap;

use gimli::{DebugLine, DebugLineOffset, EndianSlice, LittleEndian, Relocate, RelocateReader};
use object::read::{Object, ObjectSection, ObjectSymbol, RelocationTarget};
use object::{RelocationKind, SectionIndex};
use wamr_aot_loader::format::traps::TrapRow;

use super::internal;
use crate::error::Result;

/// From where on an instruction holds, in a section of the merged object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    section: usize,
    offset: u64,
    /// Orders a sequence's end before another's start at the same place.
    is_start: bool,
    wasm_offset: u32,
}

/// Rows of all units.
#[derive(Clone, Debug, Default)]
pub(super) struct LineRows {
    rows: Vec<Row>,
}

impl LineRows {
    /// Sorts the rows, once all are there.
    pub fn finish(mut self) -> Self {
        // Stable: of several rows for one place the last counts.
        self.rows
            .sort_by_key(|row| (row.section, row.offset, row.is_start));
        self
    }

    /// Rows of the function of `size` bytes at `offset` of a section, counted from its start.
    pub fn function(&self, section: usize, offset: u64, size: u64) -> Result<Vec<TrapRow>> {
        let place = |row: &Row| (row.section, row.offset);
        let after = self
            .rows
            .partition_point(|row| place(row) <= (section, offset));
        let end = self
            .rows
            .partition_point(|row| place(row) < (section, offset + size));
        let mut rows: Vec<TrapRow> = Vec::new();
        let first = self.rows[..after]
            .last()
            .filter(|row| row.section == section);
        let inside = self.rows.get(after..end).unwrap_or_default();
        for row in first.into_iter().chain(inside) {
            let code_offset = u32::try_from(row.offset.saturating_sub(offset)).map_err(internal)?;
            if rows
                .last()
                .is_some_and(|last| last.code_offset == code_offset)
            {
                rows.pop();
            }
            let wasm_offset = row.wasm_offset;
            if rows.last().map_or(0, |last| last.wasm_offset) != wasm_offset {
                rows.push(TrapRow {
                    code_offset,
                    wasm_offset,
                    caller: None,
                });
            }
        }
        Ok(rows)
    }
}

/// Addresses that stand for sections: each section of code gets a range of its own.
#[derive(Debug)]
struct Addresses {
    /// Section of the unit, first address, number in the merged object; by ascending address.
    starts: Vec<(SectionIndex, u64, usize)>,
    /// Resolved relocations of the line table, by offset.
    relocations: HashMap<usize, u64>,
}

impl Relocate for &Addresses {
    fn relocate_address(&self, offset: usize, value: u64) -> gimli::Result<u64> {
        Ok(self.relocations.get(&offset).copied().unwrap_or(value))
    }

    fn relocate_offset(&self, _offset: usize, value: usize) -> gimli::Result<usize> {
        // Offsets of strings: no names are read here.
        Ok(value)
    }
}

impl Addresses {
    /// The place that an address stands for.
    fn place(&self, address: u64) -> Option<(usize, u64)> {
        let after = self
            .starts
            .partition_point(|(_, start, _)| *start <= address);
        let (_, start, section) = self.starts[..after].last()?;
        Some((*section, address - start))
    }
}

/// Reads the line table of a unit. `places` maps its sections of code to those of the merged object.
pub(super) fn read<'data>(
    file: &object::File<'data>,
    section: &object::Section<'data, '_>,
    places: &HashMap<SectionIndex, usize>,
    out: &mut LineRows,
) -> Result<()> {
    let mut addresses = Addresses {
        starts: Vec::new(),
        relocations: HashMap::new(),
    };
    // Not from 0, which could be taken for an address that is not there.
    let mut next = 0x1000;
    for code in file.sections() {
        if let Some(place) = places.get(&code.index()) {
            addresses.starts.push((code.index(), next, *place));
            // An end of sequence is an address too: one byte between the sections keeps it apart.
            next += code.size() + 1;
        }
    }
    for (offset, relocation) in section.relocations() {
        let at = usize::try_from(offset).map_err(internal)?;
        let RelocationTarget::Symbol(index) = relocation.target() else {
            continue;
        };
        let symbol = file.symbol_by_index(index).map_err(internal)?;
        let start = addresses
            .starts
            .iter()
            .find(|(code, ..)| Some(*code) == symbol.section_index())
            .map(|(_, start, _)| *start);
        // Others refer to strings.
        let Some(start) = start else { continue };
        if relocation.kind() != RelocationKind::Absolute {
            return Err(internal(format!(
                "line table: relocation {:?} at {offset:#x}",
                relocation.flags()
            )));
        }
        let addend = relocation.addend();
        let value = start
            .wrapping_add(symbol.address())
            .wrapping_add_signed(addend);
        addresses.relocations.insert(at, value);
    }

    let data = section.data().map_err(internal)?;
    let address_size = if file.is_64() { 8 } else { 4 };
    let reader = RelocateReader::new(EndianSlice::new(data, LittleEndian), &addresses);
    let table = DebugLine::from(reader);
    let mut offset = 0;
    while offset < data.len() {
        let program = table
            .program(DebugLineOffset(offset), address_size, None, None)
            .map_err(|error| internal(format!("line table at {offset:#x}: {error}")))?;
        let header = program.header();
        offset = header
            .unit_length()
            .checked_add(usize::from(header.format().initial_length_size()))
            .and_then(|length| length.checked_add(offset))
            .ok_or_else(|| internal("line table: a length overflows"))?;
        let mut rows = program.rows();
        while let Some((_, row)) = rows
            .next_row()
            .map_err(|error| internal(format!("line table: {error}")))?
        {
            let Some((section, offset)) = addresses.place(row.address()) else {
                return Err(internal(format!(
                    "line table: no code at {:#x}",
                    row.address()
                )));
            };
            let is_start = !row.end_sequence();
            let line = row.line().filter(|_| is_start).map_or(0, u64::from);
            let wasm_offset = u32::try_from(line).map_err(internal)?;
            out.rows.push(Row {
                section,
                offset,
                is_start,
                wasm_offset,
            });
        }
    }
    Ok(())
}
