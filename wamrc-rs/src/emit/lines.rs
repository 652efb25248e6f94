//! Line tables of LLVM's objects, whose lines are offsets in the WebAssembly module.

use gimli::{DebugLine, DebugLineOffset, LittleEndian};
use object::read::Object;
use wamr_aot_loader::format::traps::TrapRow;

use super::dwarf::CodeSpace;
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

/// Reads the line table of a unit.
pub(super) fn read(file: &object::File<'_>, space: &CodeSpace, out: &mut LineRows) -> Result<()> {
    let data = space.read(file, ".debug_line")?;
    let address_size = if file.is_64() { 8 } else { 4 };
    let table = DebugLine::new(&data, LittleEndian);
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
            let Some((section, offset)) = space.place(row.address()) else {
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
