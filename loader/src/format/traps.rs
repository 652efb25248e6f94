//! `.wamr.traps`: which wasm instruction a machine instruction comes from.
//!
//! A record list (see [`super::list`]) with a record a defined function. A record is a sequence of
//! rows
//!
//! ```text
//! ULEB code-offset delta | SLEB wasm-offset delta
//! ```
//!
//! Code offsets count from the function's start and ascend strictly (the first row may have offset
//! 0); wasm offsets count from the start of the module, 0 for unknown. Both start from 0. A row
//! holds from its code offset to the next row's.

use super::{frames::FramesView, list::List, section, wire::Reader};
use crate::error::{Error, TableError};

/// One row, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapRow {
    /// Machine offset from the function's start.
    pub code_offset: u32,
    /// Offset of the instruction from the start of the module; 0 for unknown.
    pub wasm_offset: u32,
}

/// The table.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrapsView<'a>(List<'a>);

impl<'a> TrapsView<'a> {
    /// Reads and checks the table; its code offsets must lie inside the functions.
    pub fn parse(bytes: &'a [u8], frames: &FramesView<'_>) -> Result<Self, Error> {
        let mut reader = Reader::new(section::TRAPS, bytes);
        let list = List::parse(&mut reader, WHAT)?;
        reader.finish(WHAT)?;
        if list.len() != frames.len() {
            return Err(reader.fail_at(
                0,
                TableError::Count {
                    what: "trap records",
                    expected: frames.len(),
                    found: list.len(),
                },
            ));
        }
        for index in 0..list.len() {
            let Some(record) = list.reader(index) else {
                break;
            };
            let code_size = frames.get(index).map_or(0, |frame| frame.code_size);
            let mut rows = Rows::new(record);
            loop {
                let row_start = rows.reader.offset();
                let Some(row) = rows.step()? else { break };
                if row.code_offset >= code_size {
                    let error = TableError::CodeOffset {
                        found: row.code_offset,
                        code_size,
                    };
                    return Err(rows.reader.fail_at(row_start, error));
                }
            }
        }
        Ok(TrapsView(list))
    }

    /// As [`TrapsView::parse`], for bytes that were checked before.
    pub(crate) fn assume(bytes: &'a [u8]) -> Result<Self, Error> {
        List::assume(&mut Reader::new(section::TRAPS, bytes), WHAT).map(TrapsView)
    }

    /// Number of defined functions.
    pub fn len(&self) -> u32 {
        self.0.len()
    }

    /// No functions?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Rows of a defined function.
    pub fn rows(&self, function: u32) -> impl Iterator<Item = TrapRow> + use<'a> {
        let mut rows = self.0.reader(function).map(Rows::new);
        core::iter::from_fn(move || rows.as_mut()?.step().ok().flatten())
    }

    /// The wasm offset that the machine instruction at `code_offset` of a defined function comes
    /// from, if known.
    ///
    /// For a return address ask for the byte before it: a call may be the last instruction of its
    /// row.
    pub fn lookup(&self, function: u32, code_offset: u32) -> Option<u32> {
        let row = self
            .rows(function)
            .take_while(|row| row.code_offset <= code_offset)
            .last()?;
        (row.wasm_offset != 0).then_some(row.wasm_offset)
    }
}

const WHAT: &str = "the trap table";

/// A walk over a record.
struct Rows<'a> {
    reader: Reader<'a>,
    previous: Option<TrapRow>,
}

impl<'a> Rows<'a> {
    fn new(reader: Reader<'a>) -> Self {
        Rows {
            reader,
            previous: None,
        }
    }

    fn step(&mut self) -> Result<Option<TrapRow>, Error> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let start = self.reader.offset();
        let code_delta = self.reader.uleb32("a code offset")?;
        let wasm_delta = self.reader.sleb(64, "a wasm offset")?;
        let (code, wasm) = match self.previous {
            Some(row) if code_delta != 0 => (row.code_offset, row.wasm_offset),
            Some(_) => return Err(self.reader.fail_at(start, TableError::TrapRow)),
            None => (0, 0),
        };
        let row = code.checked_add(code_delta).and_then(|code_offset| {
            let wasm_offset = i64::from(wasm).checked_add(wasm_delta)?;
            Some(TrapRow {
                code_offset,
                wasm_offset: u32::try_from(wasm_offset).ok()?,
            })
        });
        let row = row.ok_or(self.reader.fail_at(start, TableError::TrapRow))?;
        self.previous = Some(row);
        Ok(Some(row))
    }
}

#[cfg(any(feature = "write", test))]
mod write {
    use super::TrapRow;
    use crate::format::{list::ListWriter, wire::write};
    use alloc::vec::Vec;

    /// Builds the table; [`TrapsWriter::push`] once for each defined function, by index.
    #[derive(Clone, Debug, Default)]
    pub struct TrapsWriter(ListWriter);

    impl TrapsWriter {
        /// An empty table.
        pub fn new() -> Self {
            Self::default()
        }

        /// Appends the next function's rows, by ascending code offset. Rows that change nothing are
        /// left out; of several rows with one code offset the last counts.
        pub fn push(&mut self, rows: &[TrapRow]) {
            self.0.push(|out| {
                let mut previous = TrapRow {
                    code_offset: 0,
                    wasm_offset: 0,
                };
                for (i, row) in rows.iter().enumerate() {
                    let replaced = rows
                        .get(i + 1)
                        .is_some_and(|next| next.code_offset <= row.code_offset);
                    if replaced || row.wasm_offset == previous.wasm_offset {
                        continue;
                    }
                    let code = row.code_offset.saturating_sub(previous.code_offset);
                    write::uleb(out, u64::from(code));
                    let wasm = i64::from(row.wasm_offset) - i64::from(previous.wasm_offset);
                    write::sleb(out, wasm);
                    previous = *row;
                }
            });
        }

        /// The table's encoding.
        pub fn finish(self) -> Vec<u8> {
            let mut out = Vec::new();
            self.0.finish_into(&mut out);
            out
        }
    }
}

#[cfg(any(feature = "write", test))]
pub use write::TrapsWriter;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::frames::{FramesWriter, FunctionFrame};
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn tables(functions: &[Vec<TrapRow>]) -> (Vec<u8>, Vec<u8>) {
        let mut traps = TrapsWriter::new();
        let mut frames = FramesWriter::new();
        for rows in functions {
            traps.push(rows);
            frames.push(&FunctionFrame {
                code_size: u32::MAX,
                ..Default::default()
            });
        }
        (traps.finish(), frames.finish())
    }

    /// Rows by ascending code offset, some with equal ones.
    fn rows() -> impl Strategy<Value = Vec<TrapRow>> {
        let offsets = prop_oneof![
            0u32..50,
            any::<u32>().prop_map(|offset| offset.min(u32::MAX - 1))
        ];
        let wasm = prop_oneof![Just(0), 0u32..4, any::<u32>()];
        prop::collection::vec((offsets, wasm), 0..20).prop_map(|mut rows| {
            rows.sort_by_key(|row| row.0);
            rows.into_iter()
                .map(|(code_offset, wasm_offset)| TrapRow {
                    code_offset,
                    wasm_offset,
                })
                .collect()
        })
    }

    proptest! {
        /// A look-up gives what the rows say: the last row at or before the offset, of equal ones
        /// the last.
        #[test]
        fn round_trip(functions in prop::collection::vec(rows(), 0..6), asked: Vec<u32>) {
            let (bytes, frames) = tables(&functions);
            let count = u32::try_from(functions.len()).unwrap();
            let frames = FramesView::parse(&frames, count).unwrap();
            for view in [TrapsView::parse(&bytes, &frames).unwrap(), TrapsView::assume(&bytes).unwrap()] {
                prop_assert_eq!(view.len(), count);
                for (rows, function) in functions.iter().zip(0..) {
                    let map: BTreeMap<_, _> =
                        rows.iter().map(|row| (row.code_offset, row.wasm_offset)).collect();
                    let offsets = map.keys().copied().chain(asked.iter().copied()).chain(0..60);
                    for offset in offsets {
                        let expected = map.range(..=offset).next_back();
                        let expected = expected.map(|(_, wasm)| *wasm).filter(|wasm| *wasm != 0);
                        prop_assert_eq!(view.lookup(function, offset), expected);
                    }
                }
            }
        }
    }
}
