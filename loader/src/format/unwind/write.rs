//! Writing the table.

use super::walk::{ADVANCE_BITS, LONG_ADVANCE, Op};
use super::{MAX_PATTERN, UnwindRow};
use crate::format::{list::ListWriter, wire::write};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// How to unwind from the code of one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeUnwind {
    /// Size of the code in bytes; 0 for none.
    pub code_size: u32,
    /// Rows with the code offset that each holds from, ascending and below the code size, multiples
    /// of the code unit; `None` where nothing is known. Before the first one holds the row at
    /// entries.
    pub rows: Vec<(u32, Option<UnwindRow>)>,
}

/// An operation with its advance in code units.
type Step = (u32, Op);

/// Builds the table; [`UnwindWriter::push`] once for each code entry, by index.
#[derive(Clone, Debug)]
pub struct UnwindWriter {
    code_unit: u8,
    stack_unit: u8,
    first: UnwindRow,
    entries: Vec<(u32, Vec<Step>)>,
}

impl UnwindWriter {
    /// An empty table.
    ///
    /// `code_unit` is what the lengths of all instructions are multiples of (1, 2 or 4 bytes),
    /// `stack_unit` the size of a pushed register (4 or 8 bytes), `first` the row at entries.
    pub fn new(code_unit: u8, stack_unit: u8, first: UnwindRow) -> Self {
        UnwindWriter {
            code_unit,
            stack_unit,
            first,
            entries: Vec::new(),
        }
    }

    /// Appends the next entry.
    pub fn push(&mut self, code: &CodeUnwind) {
        let mut steps = Vec::new();
        let mut current = Some(self.first);
        let mut mark = Some(self.first);
        let mut position = 0;
        for (index, (offset, row)) in code.rows.iter().enumerate() {
            if *row == current {
                continue;
            }
            let unit = u32::from(self.code_unit).max(1);
            let advance = offset.saturating_sub(position) / unit;
            let start = steps.len();
            if *row == mark {
                steps.push((0, Op::Return));
            } else if *row == Some(self.first) {
                steps.push((0, Op::Entry));
            } else {
                self.change(current, *row, &mut steps);
                let rest = code.rows.get(index + 1..).unwrap_or_default();
                // Only rows that come back after another one are worth it.
                if rest.iter().skip(1).any(|(_, later)| later == row) && row.is_some() {
                    steps.push((0, Op::Mark));
                    mark = *row;
                }
            }
            if let Some(step) = steps.get_mut(start) {
                step.0 = advance;
            }
            current = *row;
            position = *offset;
        }
        self.entries.push((code.code_size, steps));
    }

    /// The operations from one row to another.
    fn change(&self, from: Option<UnwindRow>, to: Option<UnwindRow>, steps: &mut Vec<Step>) {
        let Some(to) = to else {
            steps.push((0, Op::Unknown));
            return;
        };
        let is_known = from.is_some();
        let from = from.unwrap_or_default();
        let unit = i64::from(self.stack_unit);
        let change = i64::from(to.cfa_offset) - i64::from(from.cfa_offset);
        if !is_known || from.cfa_register != to.cfa_register {
            steps.push((0, Op::Cfa(to.cfa_register, to.cfa_offset)));
        } else if change == unit {
            steps.push((0, Op::Push));
        } else if change == -unit {
            steps.push((0, Op::Pop));
        } else if change != 0 {
            steps.push((0, Op::Offset(to.cfa_offset)));
        }
        for (register, _) in from.saved() {
            if to.saved_at(register).is_none() {
                steps.push((0, Op::Unsave(register)));
            }
        }
        for (register, offset) in to.saved() {
            if from.saved_at(register) != Some(offset) {
                steps.push((0, Op::Save(register, offset)));
            }
        }
    }

    /// The table's encoding.
    pub fn finish(self) -> Vec<u8> {
        let patterns = self.patterns();
        let mut out = Vec::new();
        out.push(self.code_unit);
        out.push(self.stack_unit);
        out.push(self.first.cfa_register);
        write::sleb(&mut out, self.first.cfa_offset.into());
        write::uleb(&mut out, u64::from(self.first.count));
        for (register, offset) in self.first.saved() {
            out.push(register);
            write::sleb(&mut out, offset.into());
        }
        let mut list = ListWriter::new();
        let mut numbered: Vec<_> = patterns.iter().collect();
        numbered.sort_by_key(|(_, number)| **number);
        for (pattern, _) in numbered {
            list.push(|out| out.extend_from_slice(pattern));
        }
        list.finish_into(&mut out);

        let mut list = ListWriter::new();
        for (code_size, steps) in &self.entries {
            list.push(|out| {
                if *code_size == 0 {
                    return;
                }
                write::uleb(out, u64::from(*code_size));
                for run in runs(steps) {
                    let advance = run.first().map_or(0, |step| step.0);
                    match patterns.get(&encode_run(run)) {
                        Some(number) => encode(out, advance, Op::Pattern(*number)),
                        None => run
                            .iter()
                            .for_each(|(advance, op)| encode(out, *advance, *op)),
                    }
                }
            });
        }
        list.finish_into(&mut out);
        out
    }

    /// Runs of operations that are worth a pattern, numbered from the most frequent one on.
    fn patterns(&self) -> BTreeMap<Vec<u8>, u32> {
        let mut counts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for (_, steps) in self.entries.iter().filter(|entry| entry.0 != 0) {
            for run in runs(steps) {
                *counts.entry(encode_run(run)).or_default() += 1;
            }
        }
        // A pattern costs its bytes and an offset once, and two bytes a use.
        let mut chosen: Vec<_> = counts
            .into_iter()
            .filter(|(bytes, count)| {
                bytes.len() <= MAX_PATTERN && count * bytes.len() > bytes.len() + 4 + count * 2
            })
            .collect();
        chosen.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        (0..)
            .zip(chosen)
            .map(|(number, (bytes, _))| (bytes, number))
            .collect()
    }
}

/// Cuts operations into runs that other entries may have too: at long advances, and around what
/// makes the stack frame as large as this entry needs it.
fn runs(steps: &[Step]) -> impl Iterator<Item = &[Step]> {
    let is_size = |step: &Step| matches!(step.1, Op::Offset(_));
    steps.chunk_by(move |a, b| {
        let is_near = b.0 < LONG_ADVANCE.into();
        // The size of the frame is followed by where registers are saved, at the same place. (The
        // same operation in an epilogue undoes it, and pops follow.)
        let ends_size = is_size(a) && b.0 == 0;
        let starts_size = is_size(b);
        is_near && !ends_size && !starts_size
    })
}

/// A run's encoding, but for the first advance.
fn encode_run(run: &[Step]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, (advance, op)) in run.iter().enumerate() {
        encode(&mut out, if index == 0 { 0 } else { *advance }, *op);
    }
    out
}

fn encode(out: &mut Vec<u8>, advance: u32, op: Op) {
    let kind: u8 = match op {
        Op::Push => 0,
        Op::Pop => 1,
        Op::Pattern(_) => 2,
        Op::Offset(_) => 3,
        Op::Cfa(..) => 4,
        Op::Save(..) => 5,
        Op::Return => 6,
        Op::Unsave(_) | Op::Mark | Op::Unknown | Op::Entry => 7,
    };
    let short = u8::try_from(advance).unwrap_or(u8::MAX).min(LONG_ADVANCE);
    out.push(kind << ADVANCE_BITS | short);
    if short == LONG_ADVANCE {
        write::uleb(out, u64::from(advance - u32::from(LONG_ADVANCE)));
    }
    match op {
        Op::Push | Op::Pop | Op::Return => {}
        Op::Pattern(pattern) => write::uleb(out, pattern.into()),
        Op::Offset(offset) => write::sleb(out, offset.into()),
        Op::Cfa(register, offset) | Op::Save(register, offset) => {
            out.push(register);
            write::sleb(out, offset.into());
        }
        Op::Unsave(register) => out.extend([0, register]),
        Op::Mark => out.push(1),
        Op::Unknown => out.push(2),
        Op::Entry => out.push(3),
    }
}
