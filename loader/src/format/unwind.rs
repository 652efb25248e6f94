//! `.wamr.unwind`: how to get from a place in the code to its caller, for every code entry (function
//! or thunk).
//!
//! What `.eh_frame` says, in a form that a signal handler can read: found at once, without an
//! allocator, at a cost bounded by one entry's record. Entries are those of `.wamr.code`: defined
//! functions, enter thunks, host thunks, the trap thunk, the poll thunk.
//!
//! ```text
//! u8 code unit (1, 2, 4) | u8 stack unit (4, 8)
//! | u8 CFA register | SLEB CFA offset | ULEB n | n × (u8 register, SLEB offset)   the row at an entry
//! | record list: patterns | record list: entries
//!
//! entry:   nothing for no code, else  ULEB code size | operations
//! pattern: operations, at most 64 bytes, without PATTERN
//! ```
//!
//! The CFA (canonical frame address, DWARF 5, 6.4) is the value of the stack pointer before the
//! call. Registers have the numbers that each psABI gives them for DWARF. Offsets are in bytes:
//! CFA offsets are added to the CFA register, a saved register stands at its offset from the CFA.
//! Registers that are not saved still have the caller's value, or are the callee's to spoil; the
//! return address is where the row says, or in the link register.
//!
//! An operation is a byte `kkkaaaaa` and its operands: it first advances by `a` code units (31: by
//! 31 + the ULEB that follows), then changes the row from there on:
//!
//! | kind | operands | change |
//! |---|---|---|
//! | 0 PUSH | | CFA offset + stack unit |
//! | 1 POP | | CFA offset − stack unit |
//! | 2 PATTERN | ULEB pattern | what the pattern's operations do |
//! | 3 OFFSET | SLEB | sets the CFA offset |
//! | 4 CFA | u8, SLEB | sets CFA register and offset; the row is known |
//! | 5 SAVE | u8, SLEB | the register is saved at that offset from the CFA |
//! | 6 RETURN | | the row is as it was at the last MARK |
//! | 7 OTHER | u8 = 0 UNSAVE, u8 | the register is not saved |
//! | | u8 = 1 MARK | RETURN comes back to this row |
//! | | u8 = 2 UNKNOWN | nothing is known from here on, nothing is saved |
//! | | u8 = 3 ENTRY | the row is as at the entry |

#[cfg(test)]
mod tests;
mod walk;
#[cfg(any(feature = "write", test))]
mod write;

use super::{frames::FramesView, list::List, section, wire::Reader};
use crate::error::{Error, Refusal, Refused, TableError};
use walk::Walk;

#[cfg(any(feature = "write", test))]
pub use write::{CodeUnwind, UnwindWriter};

/// Registers that a row can say are saved. The most that there are in practice are fewer: those that AArch64's thunks of cold paths
/// keep beside what the psABI preserves, 7 general and 24 of vectors, and the frame record.
pub const MAX_SAVED: usize = 40;

/// Longest pattern in bytes. So the work that an entry asks for is in proportion to its record.
pub const MAX_PATTERN: usize = 64;

/// How to get from a place in the code to its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnwindRow {
    /// DWARF number of the register that the CFA is computed from.
    pub cfa_register: u8,
    /// What to add to it to get the CFA, in bytes.
    pub cfa_offset: i32,
    count: u8,
    /// Registers, ascending, and their offsets; zeros behind `count`. (In two arrays a row is copied as bytes are.)
    registers: [u8; MAX_SAVED],
    offsets: [i32; MAX_SAVED],
}

impl Default for UnwindRow {
    fn default() -> Self {
        UnwindRow::new(0, 0)
    }
}

impl UnwindRow {
    /// A row that saves nothing.
    pub fn new(cfa_register: u8, cfa_offset: i32) -> Self {
        UnwindRow {
            cfa_register,
            cfa_offset,
            count: 0,
            registers: [0; MAX_SAVED],
            offsets: [0; MAX_SAVED],
        }
    }

    /// Saved registers: DWARF number and offset from the CFA in bytes, by ascending number.
    pub fn saved(&self) -> impl Iterator<Item = (u8, i32)> + '_ {
        let entries = self.registers.iter().zip(&self.offsets);
        let entries = entries.take(self.count.into());
        entries.map(|(register, offset)| (*register, *offset))
    }

    /// Where a register is saved, as an offset from the CFA; `None` if it is not.
    pub fn saved_at(&self, register: u8) -> Option<i32> {
        Some(self.saved().find(|(saved, _)| *saved == register)?.1)
    }

    /// Says that a register is saved. `false` if there are too many.
    #[must_use]
    pub fn save(&mut self, register: u8, offset: i32) -> bool {
        self.unsave(register);
        let count = usize::from(self.count);
        let position = self.saved().take_while(|saved| saved.0 < register).count();
        let (Some(registers), Some(offsets)) = (
            self.registers.get_mut(position..=count),
            self.offsets.get_mut(position..=count),
        ) else {
            return false;
        };
        insert(registers, register);
        insert(offsets, offset);
        self.count += 1;
        true
    }

    /// Says that a register is not saved.
    pub fn unsave(&mut self, register: u8) {
        let count = usize::from(self.count);
        let Some(position) = self.saved().position(|saved| saved.0 == register) else {
            return;
        };
        if let (Some(registers), Some(offsets)) = (
            self.registers.get_mut(position..count),
            self.offsets.get_mut(position..count),
        ) {
            remove(registers);
            remove(offsets);
            self.count -= 1;
        }
    }
}

/// Puts a value at the start; the last one goes.
fn insert<T: Copy>(values: &mut [T], value: T) {
    let mut next = value;
    for place in values {
        next = core::mem::replace(place, next);
    }
}

/// Takes the value at the start away; a zero comes at the end.
fn remove<T: Copy + Default>(values: &mut [T]) {
    let mut next = T::default();
    for place in values.iter_mut().rev() {
        next = core::mem::replace(place, next);
    }
}

/// The table.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnwindView<'a> {
    code_unit: u32,
    stack_unit: i32,
    /// The row at an entry, and what follows it.
    first: Reader<'a>,
    patterns: List<'a>,
    entries: List<'a>,
}

impl<'a> UnwindView<'a> {
    /// Reads and checks the table of an object with `entries` code entries. Functions have the code
    /// sizes that `frames` says.
    pub fn parse(bytes: &'a [u8], frames: &FramesView<'_>, entries: u32) -> Result<Self, Error> {
        Refusal::explain_table(section::UNWIND, |refusal| {
            UnwindView::check(bytes, frames, entries, refusal).map(drop)
        })?;
        Ok(Self::assume(bytes))
    }

    /// As [`UnwindView::parse`].
    #[inline(never)]
    pub(crate) fn check(
        bytes: &'a [u8],
        frames: &FramesView<'_>,
        entries: u32,
        refusal: &'a Refusal,
    ) -> Result<Self, Refused> {
        let mut reader = Reader::check(bytes, refusal);
        let view = Self::head(&mut reader)?;
        let patterns = List::parse(&mut reader, WHAT)?;
        let view = UnwindView {
            patterns,
            entries: List::parse(&mut reader, WHAT)?,
            ..view
        };
        reader.finish(WHAT)?;
        if view.len() != entries {
            return Err(reader.fail_at(
                0,
                TableError::Count {
                    what: "unwind records",
                    expected: entries,
                    found: view.len(),
                },
            ));
        }
        for pattern in 0..patterns.len() {
            if let Some(reader) = patterns.reader(pattern)
                && reader.remaining() > MAX_PATTERN
            {
                return Err(reader.fail(TableError::UnwindPattern {
                    limit: MAX_PATTERN,
                    found: reader.remaining(),
                }));
            }
        }
        for entry in 0..entries {
            let Some(record) = view.entries.reader(entry) else {
                break;
            };
            let mut walk = Walk::new(&view, record)?;
            let expected = frames.get(entry).map(|frame| frame.code_size);
            if let Some(expected) = expected
                && expected != walk.code_size()
            {
                return Err(record.fail(TableError::CodeSize {
                    expected,
                    found: walk.code_size(),
                }));
            }
            while walk.step(u32::MAX)? {}
        }
        Ok(view)
    }

    /// As [`UnwindView::parse`], for bytes that were checked before. Takes the same short time for
    /// any table.
    pub(crate) fn assume(bytes: &'a [u8]) -> Self {
        let mut reader = Reader::new(bytes);
        let view = Self::head(&mut reader).unwrap_or_default();
        UnwindView {
            patterns: List::assume(&mut reader, WHAT).unwrap_or_default(),
            entries: List::assume(&mut reader, WHAT).unwrap_or_default(),
            ..view
        }
    }

    /// What stands in front of the lists.
    fn head(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        let unit = |reader: &mut Reader<'a>, what, allowed: &[u8]| {
            let start = reader.offset();
            let found = reader.u8(what)?;
            if allowed.contains(&found) {
                Ok(found)
            } else {
                Err(reader.fail_at(start, TableError::Byte { what, found }))
            }
        };
        let code_unit = unit(reader, "a code unit", &[1, 2, 4])?;
        let stack_unit = unit(reader, "a stack unit", &[4, 8])?;
        let first = *reader;
        entry_row(reader)?;
        Ok(UnwindView {
            code_unit: code_unit.into(),
            stack_unit: stack_unit.into(),
            first,
            ..Default::default()
        })
    }

    /// Number of code entries.
    pub fn len(&self) -> u32 {
        self.entries.len()
    }

    /// No entries?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn walk(&self, entry: u32) -> Option<Walk<'a>> {
        Walk::new(self, self.entries.reader(entry)?).ok()
    }

    /// Size of an entry's code in bytes; 0 for none.
    pub fn code_size(&self, entry: u32) -> u32 {
        let record = self.entries.reader(entry);
        record.map_or(0, |mut record| walk::code_size(&mut record).unwrap_or(0))
    }

    /// The row that holds when the instruction at `code_offset` of an entry is about to run; `None`
    /// behind its end, or where nothing is known.
    ///
    /// For a return address ask for the byte before it: the call may be the entry's last
    /// instruction.
    pub fn row(&self, entry: u32, code_offset: u32) -> Option<UnwindRow> {
        let mut walk = self.walk(entry)?;
        if code_offset >= walk.code_size() {
            return None;
        }
        while walk.step(code_offset).ok()? {}
        walk.row()
    }

    /// All rows of an entry, each with the code offset that it holds from; `None` where nothing is
    /// known.
    pub fn rows(&self, entry: u32) -> impl Iterator<Item = (u32, Option<UnwindRow>)> + use<'a> {
        let mut walk = self.walk(entry).filter(|walk| walk.code_size() != 0);
        core::iter::from_fn(move || {
            let current = walk.as_mut()?;
            let start = current.position();
            while current.step(start).ok()? {}
            let row = current.row();
            if !current.advance() {
                walk = None;
            }
            Some((start, row))
        })
    }
}

/// Reads the row at an entry.
fn entry_row(reader: &mut Reader<'_>) -> Result<UnwindRow, Refused> {
    let cfa_register = reader.u8("a CFA register")?;
    let mut row = UnwindRow::new(cfa_register, walk::offset(reader)?);
    for _ in 0..reader.uleb32("a number of saved registers")? {
        let start = reader.offset();
        let register = reader.u8("a saved register")?;
        if !row.save(register, walk::offset(reader)?) {
            return Err(reader.fail_at(start, TableError::UnwindRow));
        }
    }
    Ok(row)
}

const WHAT: &str = "the unwind table";
