//! Walking over an entry's operations.

use super::{UnwindRow, UnwindView};
use crate::error::{Refused, TableError};
use crate::format::{list::List, wire::Reader};

/// What an operation does, without its advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Push,
    Pop,
    Pattern(u32),
    Offset(i32),
    Cfa(u8, i32),
    Save(u8, i32),
    Return,
    Unsave(u8),
    Mark,
    Unknown,
    Entry,
}

/// Bits of an operation's first byte that advance.
pub(super) const ADVANCE_BITS: u32 = 5;
/// The advance that says that more follows.
pub(super) const LONG_ADVANCE: u8 = (1 << ADVANCE_BITS) - 1;

/// A signed offset.
pub(super) fn offset(reader: &mut Reader<'_>) -> Result<i32, Refused> {
    let start = reader.offset();
    let what = "an offset";
    let value = reader.sleb(32, what)?;
    i32::try_from(value).map_err(|_| reader.fail_at(start, TableError::Leb128 { what }))
}

/// Reads an operation: its advance in code units, and what it does.
fn read(reader: &mut Reader<'_>) -> Result<(u32, Op), Refused> {
    let start = reader.offset();
    let first = reader.u8("an unwind operation")?;
    let mut advance = u32::from(first & LONG_ADVANCE);
    if advance == LONG_ADVANCE.into() {
        let more = reader.uleb32("an advance")?;
        advance = advance
            .checked_add(more)
            .ok_or_else(|| reader.fail_at(start, TableError::UnwindRow))?;
    }
    let op = match first >> ADVANCE_BITS {
        0 => Op::Push,
        1 => Op::Pop,
        2 => Op::Pattern(reader.uleb32("a pattern")?),
        3 => Op::Offset(offset(reader)?),
        4 => Op::Cfa(reader.u8("a register")?, offset(reader)?),
        5 => Op::Save(reader.u8("a register")?, offset(reader)?),
        6 => Op::Return,
        _ => {
            let what = "an unwind operation";
            match reader.u8(what)? {
                0 => Op::Unsave(reader.u8("a register")?),
                1 => Op::Mark,
                2 => Op::Unknown,
                3 => Op::Entry,
                found => return Err(reader.fail_at(start, TableError::Byte { what, found })),
            }
        }
    };
    Ok((advance, op))
}

/// A row, or nothing known.
#[derive(Clone, Copy, Debug)]
struct State {
    row: UnwindRow,
    known: bool,
}

/// An operation that was read and not yet carried out.
#[derive(Clone, Copy, Debug)]
struct Pending {
    op: Op,
    /// Offset of its first byte, for errors.
    at: usize,
}

/// A walk over an entry's operations.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    code_unit: u32,
    stack_unit: i32,
    patterns: List<'a>,
    code_size: u32,
    entry: Reader<'a>,
    pattern: Option<Reader<'a>>,
    /// Code offset that the next operation, if one is pending, takes effect at.
    next: u32,
    pending: Option<Pending>,
    /// Code offset that the state holds from.
    position: u32,
    state: State,
    mark: State,
    first: State,
}

/// Size of an entry's code, which its record starts with.
pub(super) fn code_size(entry: &mut Reader<'_>) -> Result<u32, Refused> {
    if entry.is_empty() {
        return Ok(0);
    }
    let start = entry.offset();
    match entry.uleb32("a code size")? {
        // An entry without code has an empty record.
        0 => Err(entry.fail_at(start, TableError::UnwindRow)),
        size => Ok(size),
    }
}

impl<'a> Walk<'a> {
    /// Starts at the first byte of the code of an entry, whose record is `entry`.
    pub fn new(view: &UnwindView<'a>, mut entry: Reader<'a>) -> Result<Self, Refused> {
        let code_size = code_size(&mut entry)?;
        let mut first = view.first;
        let state = State {
            row: super::entry_row(&mut first)?,
            known: true,
        };
        Ok(Walk {
            code_unit: view.code_unit,
            stack_unit: view.stack_unit,
            patterns: view.patterns,
            code_size,
            entry,
            pattern: None,
            next: 0,
            pending: None,
            position: 0,
            state,
            mark: state,
            first: state,
        })
    }

    /// Size of the code; 0 for none.
    pub fn code_size(&self) -> u32 {
        self.code_size
    }

    /// Code offset that the row holds from.
    pub fn position(&self) -> u32 {
        self.position
    }

    /// The row, if it is known.
    pub fn row(&self) -> Option<UnwindRow> {
        self.state.known.then_some(self.state.row)
    }

    /// Carries out the next operation if it takes effect at `limit` or before. `false` if there is
    /// none.
    pub fn step(&mut self, limit: u32) -> Result<bool, Refused> {
        self.fetch()?;
        match self.pending {
            Some(pending) if self.next <= limit => {
                self.pending = None;
                self.position = self.next;
                self.apply(pending.op)
                    .ok_or_else(|| self.entry.fail_at(pending.at, TableError::UnwindRow))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Goes on to where the next operation takes effect. `false` if there is none.
    pub fn advance(&mut self) -> bool {
        let there = self.pending.is_some();
        if there {
            self.position = self.next;
        }
        there
    }

    /// Reads the next operation, unless one is pending.
    fn fetch(&mut self) -> Result<(), Refused> {
        while self.pending.is_none() {
            let in_pattern = self.pattern.as_mut().filter(|pattern| !pattern.is_empty());
            let is_nested = in_pattern.is_some();
            let reader = match in_pattern {
                Some(pattern) => pattern,
                None if self.entry.is_empty() => return Ok(()),
                None => &mut self.entry,
            };
            let at = reader.offset();
            let (advance, op) = read(reader)?;
            self.next = advance
                .checked_mul(self.code_unit)
                .and_then(|advance| self.next.checked_add(advance))
                .ok_or_else(|| self.entry.fail_at(at, TableError::UnwindRow))?;
            if self.next >= self.code_size {
                let error = TableError::CodeOffset {
                    found: self.next,
                    code_size: self.code_size,
                };
                return Err(self.entry.fail_at(at, error));
            }
            match op {
                Op::Pattern(_) if is_nested => {
                    return Err(self.entry.fail_at(at, TableError::UnwindRow));
                }
                Op::Pattern(found) => {
                    let pattern = self.patterns.reader(found).ok_or_else(|| {
                        let error = TableError::Index {
                            what: "an unwind record",
                            found,
                            limit: self.patterns.len(),
                        };
                        self.entry.fail_at(at, error)
                    })?;
                    self.pattern = Some(pattern);
                }
                op => self.pending = Some(Pending { op, at }),
            }
        }
        Ok(())
    }

    /// `None` if numbers get too large, or too many registers are saved.
    fn apply(&mut self, op: Op) -> Option<()> {
        let State { row, known } = &mut self.state;
        match op {
            Op::Push => row.cfa_offset = row.cfa_offset.checked_add(self.stack_unit)?,
            Op::Pop => row.cfa_offset = row.cfa_offset.checked_sub(self.stack_unit)?,
            // Taken apart when it is fetched.
            Op::Pattern(_) => {}
            Op::Offset(offset) => row.cfa_offset = offset,
            Op::Cfa(register, offset) => {
                row.cfa_register = register;
                row.cfa_offset = offset;
                *known = true;
            }
            Op::Save(register, offset) => return row.save(register, offset).then_some(()),
            Op::Unsave(register) => row.unsave(register),
            Op::Return => self.state = self.mark,
            Op::Mark => self.mark = self.state,
            Op::Entry => self.state = self.first,
            Op::Unknown => {
                self.state = State {
                    row: UnwindRow::default(),
                    known: false,
                }
            }
        }
        Some(())
    }
}
