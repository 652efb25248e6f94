//! `.wamr.traps`: which wasm instruction a machine instruction comes from, through which inlined
//! calls.
//!
//! A record list (see [`super::list`]) with a record a defined function:
//!
//! ```text
//! ULEB n | n × (SLEB wasm-offset delta, ULEB caller)
//! | ULEB k | k × (u32 code offset, u32 wasm offset, u32 caller, u32 position) | rows
//! row:  ULEB (code-offset delta × 2 + c) | SLEB wasm-offset delta | ULEB caller, if c is 1
//! ```
//!
//! The *call sites* are calls that were inlined: the call's wasm offset, and the site that the code
//! around that call was inlined at itself (its number + 1; 0 for none). A site follows the one that
//! it names.
//!
//! Code offsets count from the function's start and ascend strictly (the first row may have offset
//! 0); wasm offsets count from the start of the module, 0 for unknown. A row holds from its code
//! offset to the next row's. Its caller (site number + 1; 0 for none) is its predecessor's unless
//! `c` is 1. All deltas and the caller start from 0, wasm offsets of sites and of rows apart.
//!
//! The *anchors* make looking up fast in large functions: each says where in the rows' bytes the
//! row behind another stands, and what the other row says. They ascend.
//!
//! Where the instruction is not known, but the function is (code that several instructions share),
//! the offset is that of the function's body, where no instruction is: see
//! [`FramesView::is_body`].

use super::{frames::FramesView, list::List, section, wire::Reader};
use crate::error::{Error, Refusal, Refused, TableError};

/// One row, decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrapRow {
    /// Machine offset from the function's start.
    pub code_offset: u32,
    /// Offset of the instruction from the start of the module; 0 for unknown.
    pub wasm_offset: u32,
    /// Number of the call site that the instruction was inlined at.
    pub caller: Option<u32>,
}

/// A call that was inlined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallSite {
    /// Offset of the call instruction from the start of the module.
    pub wasm_offset: u32,
    /// Number of the call site that the call was inlined at itself; less than its own number.
    pub caller: Option<u32>,
}

/// What a machine instruction comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Offset of the wasm instruction from the start of the module, or of a body if only the
    /// function is known (see [`FramesView::is_body`]).
    pub wasm_offset: u32,
    caller: Option<u32>,
    sites: Sites<'a>,
}

impl<'a> Origin<'a> {
    /// Offsets of the inlined calls that lead to the instruction, innermost first. The last one is
    /// in the function that the code belongs to. None, if the instruction is in that function.
    pub fn callers(&self) -> impl Iterator<Item = u32> + use<'a> {
        let sites = self.sites;
        let site = move |caller: Option<u32>| sites.get(caller?);
        core::iter::successors(site(self.caller), move |inner| site(inner.caller))
            .map(|site| site.wasm_offset)
    }
}

/// The table.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrapsView<'a>(List<'a>);

impl<'a> TrapsView<'a> {
    /// Reads and checks the table; its code offsets must lie inside the functions.
    pub fn parse(bytes: &'a [u8], frames: &FramesView<'_>) -> Result<Self, Error> {
        Refusal::explain_table(section::TRAPS, |refusal| {
            Self::check(bytes, frames, refusal)
        })?;
        Ok(Self::assume(bytes))
    }

    /// As [`TrapsView::parse`].
    #[inline(never)]
    pub(crate) fn check(
        bytes: &[u8],
        frames: &FramesView<'_>,
        refusal: &Refusal,
    ) -> Result<(), Refused> {
        let mut reader = Reader::check(bytes, refusal);
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
            let (sites, rest) = Sites::parse(record)?;
            let (anchors, rest) = Anchors::parse(rest)?;
            let mut rows = Rows::new(rest, sites.count);
            let mut reached = 0;
            loop {
                let row_start = rows.reader.offset();
                let Some(row) = rows.step()? else { break };
                let position = rows.reader.offset().saturating_sub(rest.offset());
                if anchors.get(reached) == Some((row, position)) {
                    reached = reached.saturating_add(1);
                }
                if row.code_offset >= code_size {
                    let error = TableError::CodeOffset {
                        found: row.code_offset,
                        code_size,
                    };
                    return Err(rows.reader.fail_at(row_start, error));
                }
            }
            // Each stands behind a row that it agrees with.
            if reached != anchors.0.len() {
                return Err(rest.fail(TableError::TrapAnchor { anchor: reached }));
            }
        }
        Ok(())
    }

    /// As [`TrapsView::parse`], for bytes that were checked before.
    pub(crate) fn assume(bytes: &'a [u8]) -> Self {
        let list = List::assume(&mut Reader::new(bytes), WHAT);
        TrapsView(list.unwrap_or_default())
    }

    /// Number of defined functions.
    pub fn len(&self) -> u32 {
        self.0.len()
    }

    /// No functions?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn record(&self, function: u32) -> Option<(Sites<'a>, Anchors<'a>, Rows<'a>)> {
        let (sites, rest) = Sites::parse(self.0.reader(function)?).ok()?;
        let (anchors, rest) = Anchors::parse(rest).ok()?;
        Some((sites, anchors, Rows::new(rest, sites.count)))
    }

    /// Rows of a defined function.
    pub fn rows(&self, function: u32) -> impl Iterator<Item = TrapRow> + use<'a> {
        let mut rows = self.record(function).map(|(.., rows)| rows);
        core::iter::from_fn(move || rows.as_mut()?.step().ok().flatten())
    }

    /// Inlined calls of a defined function, by number.
    pub fn sites(&self, function: u32) -> impl Iterator<Item = CallSite> + use<'a> {
        let sites = self.record(function).map(|(sites, ..)| sites);
        sites.unwrap_or_default().iter()
    }

    /// What the machine instruction at `code_offset` of a defined function comes from, if known.
    ///
    /// For a return address ask for the byte before it: a call may be the last instruction of its
    /// row.
    pub fn lookup(&self, function: u32, code_offset: u32) -> Option<Origin<'a>> {
        let (sites, anchors, mut rows) = self.record(function)?;
        let mut found = None;
        if let Some((row, position)) = anchors.before(code_offset) {
            rows.reader.bytes(position, WHAT).ok()?;
            rows.previous = Some(row);
            found = Some(row);
        }
        while let Some(row) = rows.step().ok()? {
            if row.code_offset > code_offset {
                break;
            }
            found = Some(row);
        }
        let TrapRow {
            wasm_offset,
            caller,
            ..
        } = found.filter(|row| row.wasm_offset != 0)?;
        Some(Origin {
            wasm_offset,
            caller,
            sites,
        })
    }
}

const WHAT: &str = "the trap table";

/// The call sites of a record.
#[derive(Clone, Copy, Debug, Default)]
struct Sites<'a> {
    count: u32,
    reader: Option<Reader<'a>>,
}

impl<'a> Sites<'a> {
    /// The sites at the start of a record, checked, and a reader of what follows them. An empty
    /// record has none.
    fn parse(mut record: Reader<'a>) -> Result<(Self, Reader<'a>), Refused> {
        if record.is_empty() {
            return Ok((Sites::default(), record));
        }
        let count = record.uleb32("a number of call sites")?;
        let sites = Sites {
            count,
            reader: Some(record),
        };
        let mut previous = 0;
        for number in 0..count {
            previous = site(&mut record, number, previous)?.wasm_offset;
        }
        Ok((sites, record))
    }

    fn iter(self) -> impl Iterator<Item = CallSite> + use<'a> {
        let mut reader = self.reader;
        let mut previous = 0;
        (0..self.count).map_while(move |number| {
            let site = site(reader.as_mut()?, number, previous).ok()?;
            previous = site.wasm_offset;
            Some(site)
        })
    }

    fn get(&self, number: u32) -> Option<CallSite> {
        self.iter().nth(usize::try_from(number).ok()?)
    }
}

/// The anchors of a record.
#[derive(Clone, Copy, Debug, Default)]
struct Anchors<'a>(&'a [[u8; 16]]);

impl<'a> Anchors<'a> {
    /// The anchors behind the sites, and a reader of the rows, which they are not compared with. An
    /// empty record has none.
    fn parse(mut reader: Reader<'a>) -> Result<(Self, Reader<'a>), Refused> {
        if reader.is_empty() {
            return Ok((Anchors::default(), reader));
        }
        let what = "the anchors";
        let count = reader.uleb32(what)?;
        let size = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(16))
            .ok_or_else(|| reader.fail(TableError::Truncated { what }))?;
        let anchors = reader.bytes(size, what)?;
        Ok((Anchors(anchors.as_chunks().0), reader))
    }

    /// A row, and the position behind it in the rows' bytes.
    fn get(&self, index: usize) -> Option<(TrapRow, usize)> {
        let fields = self.0.get(index)?.as_chunks::<4>().0;
        let &[code_offset, wasm_offset, caller, position] = fields.first_chunk::<4>()?;
        let row = TrapRow {
            code_offset: u32::from_le_bytes(code_offset),
            wasm_offset: u32::from_le_bytes(wasm_offset),
            caller: u32::from_le_bytes(caller).checked_sub(1),
        };
        let position = usize::try_from(u32::from_le_bytes(position)).ok()?;
        Some((row, position))
    }

    /// The last one whose row is at `code_offset` or before.
    fn before(&self, code_offset: u32) -> Option<(TrapRow, usize)> {
        let after = self.0.partition_point(|anchor| {
            let start = anchor.first_chunk::<4>();
            start.is_some_and(|start| u32::from_le_bytes(*start) <= code_offset)
        });
        self.get(after.checked_sub(1)?)
    }
}

/// A number that counts from 1, with 0 for none; at most `count`.
fn caller(reader: &mut Reader<'_>, count: u32) -> Result<Option<u32>, Refused> {
    let start = reader.offset();
    let found = reader.uleb32("a call site")?;
    if found > count {
        let error = TableError::Index {
            what: "an inlined call",
            found,
            limit: count,
        };
        return Err(reader.fail_at(start, error));
    }
    Ok(found.checked_sub(1))
}

/// Reads a wasm offset as its difference from another.
fn wasm_offset(reader: &mut Reader<'_>, previous: u32) -> Result<u32, Refused> {
    let start = reader.offset();
    let delta = reader.sleb(64, "a wasm offset")?;
    i64::from(previous)
        .checked_add(delta)
        .and_then(|offset| u32::try_from(offset).ok())
        .ok_or_else(|| reader.fail_at(start, TableError::TrapRow))
}

fn site(reader: &mut Reader<'_>, number: u32, previous: u32) -> Result<CallSite, Refused> {
    Ok(CallSite {
        wasm_offset: wasm_offset(reader, previous)?,
        caller: caller(reader, number)?,
    })
}

/// A walk over the rows of a record.
struct Rows<'a> {
    reader: Reader<'a>,
    /// Number of call sites.
    sites: u32,
    previous: Option<TrapRow>,
}

impl<'a> Rows<'a> {
    fn new(reader: Reader<'a>, sites: u32) -> Self {
        Rows {
            reader,
            sites,
            previous: None,
        }
    }

    fn step(&mut self) -> Result<Option<TrapRow>, Refused> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let start = self.reader.offset();
        let first = self.reader.uleb64("a code offset")?;
        let previous = self.previous.unwrap_or_default();
        let code_offset = u32::try_from(first >> 1)
            .ok()
            .filter(|delta| *delta != 0 || self.previous.is_none())
            .and_then(|delta| previous.code_offset.checked_add(delta))
            .ok_or_else(|| self.reader.fail_at(start, TableError::TrapRow))?;
        let row = TrapRow {
            code_offset,
            wasm_offset: wasm_offset(&mut self.reader, previous.wasm_offset)?,
            caller: match first & 1 {
                0 => previous.caller,
                _ => caller(&mut self.reader, self.sites)?,
            },
        };
        self.previous = Some(row);
        Ok(Some(row))
    }
}

#[cfg(any(feature = "write", test))]
mod write {
    use super::{CallSite, TrapRow};
    use crate::format::{list::ListWriter, wire::write};
    use alloc::vec::Vec;

    /// Rows from one anchor to the next.
    const ROWS_PER_ANCHOR: usize = 64;

    /// Builds the table; [`TrapsWriter::push`] once for each defined function, by index.
    #[derive(Clone, Debug, Default)]
    pub struct TrapsWriter(ListWriter);

    impl TrapsWriter {
        /// An empty table.
        pub fn new() -> Self {
            Self::default()
        }

        /// Appends the next function's call sites, each behind the one it names, and its rows, by
        /// ascending code offset. Rows that change nothing are left out; of several rows with one
        /// code offset the last counts.
        pub fn push(&mut self, sites: &[CallSite], rows: &[TrapRow]) {
            self.0.push(|out| {
                if sites.is_empty() && rows.is_empty() {
                    return;
                }
                write::uleb(out, u64::from(write::length(sites.len())));
                let mut previous = 0;
                for site in sites {
                    wasm_offset(out, previous, site.wasm_offset);
                    caller(out, site.caller);
                    previous = site.wasm_offset;
                }
                let mut written = Vec::new();
                let mut anchors = Vec::new();
                let mut count = 0usize;
                let mut previous = TrapRow::default();
                for (i, row) in rows.iter().enumerate() {
                    let replaced = rows
                        .get(i + 1)
                        .is_some_and(|next| next.code_offset <= row.code_offset);
                    let is_same =
                        (row.wasm_offset, row.caller) == (previous.wasm_offset, previous.caller);
                    if replaced || is_same {
                        continue;
                    }
                    let code = row.code_offset.saturating_sub(previous.code_offset);
                    let has_caller = row.caller != previous.caller;
                    write::uleb(&mut written, u64::from(code) << 1 | u64::from(has_caller));
                    wasm_offset(&mut written, previous.wasm_offset, row.wasm_offset);
                    if has_caller {
                        caller(&mut written, row.caller);
                    }
                    previous = *row;
                    count += 1;
                    if count.is_multiple_of(ROWS_PER_ANCHOR) {
                        let caller = row.caller.map_or(0, |site| site.saturating_add(1));
                        let position = write::length(written.len());
                        anchors.push([row.code_offset, row.wasm_offset, caller, position]);
                    }
                }
                write::uleb(out, u64::from(write::length(anchors.len())));
                for field in anchors.into_flattened() {
                    write::u32(out, field);
                }
                out.append(&mut written);
            });
        }

        /// The table's encoding.
        pub fn finish(self) -> Vec<u8> {
            let mut out = Vec::new();
            self.0.finish_into(&mut out);
            out
        }
    }

    fn wasm_offset(out: &mut Vec<u8>, previous: u32, offset: u32) {
        write::sleb(out, i64::from(offset) - i64::from(previous));
    }

    fn caller(out: &mut Vec<u8>, site: Option<u32>) {
        write::uleb(out, site.map_or(0, |site| u64::from(site) + 1));
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

    type Function = (Vec<CallSite>, Vec<TrapRow>);

    fn tables(functions: &[Function]) -> (Vec<u8>, Vec<u8>) {
        let mut traps = TrapsWriter::new();
        let mut frames = FramesWriter::new();
        for (sites, rows) in functions {
            traps.push(sites, rows);
            frames.push(&FunctionFrame {
                code_size: u32::MAX,
                ..Default::default()
            });
        }
        (traps.finish(), frames.finish())
    }

    /// Rows by ascending code offset, some with equal ones.
    fn function() -> impl Strategy<Value = Function> {
        let offsets = || {
            prop_oneof![
                0u32..50,
                any::<u32>().prop_map(|offset| offset.min(u32::MAX - 1))
            ]
        };
        let wasm = || prop_oneof![Just(0), 0u32..4, any::<u32>()];
        let sites = prop::collection::vec((wasm(), any::<u32>()), 0..6);
        let rows = || (offsets(), wasm(), any::<u32>());
        // Now and then enough for several anchors.
        let rows = prop_oneof![
            9 => prop::collection::vec(rows(), 0..20),
            1 => prop::collection::vec(rows(), 0..300)
        ];
        (sites, rows).prop_map(|(sites, mut rows)| {
            // A number below `count`, or none.
            let choose = |seed: u32, count: u32| (seed % (count + 1)).checked_sub(1);
            let sites: Vec<_> = (0..)
                .zip(sites)
                .map(|(number, (wasm_offset, seed))| CallSite {
                    wasm_offset,
                    caller: choose(seed, number),
                })
                .collect();
            let count = u32::try_from(sites.len()).unwrap();
            rows.sort_by_key(|row| row.0);
            let rows = rows
                .into_iter()
                .map(|(code_offset, wasm_offset, seed)| TrapRow {
                    code_offset,
                    wasm_offset,
                    caller: choose(seed, count),
                })
                .collect();
            (sites, rows)
        })
    }

    proptest! {
        /// A look-up gives what the rows say: the last row at or before the offset, of equal ones
        /// the last; and the call sites from there on outwards.
        #[test]
        fn round_trip(functions in prop::collection::vec(function(), 0..6), asked: Vec<u32>) {
            let (bytes, frames) = tables(&functions);
            let count = u32::try_from(functions.len()).unwrap();
            let frames = FramesView::parse(&frames, count).unwrap();
            for view in [TrapsView::parse(&bytes, &frames).unwrap(), TrapsView::assume(&bytes)] {
                prop_assert_eq!(view.len(), count);
                for ((sites, rows), function) in functions.iter().zip(0..) {
                    if !rows.is_empty() || !sites.is_empty() {
                        prop_assert_eq!(&view.sites(function).collect::<Vec<_>>(), sites);
                    }
                    let map: BTreeMap<_, _> = rows.iter().map(|row| (row.code_offset, row)).collect();
                    let offsets = map.keys().copied().chain(asked.iter().copied()).chain(0..60);
                    for offset in offsets {
                        let expected = map.range(..=offset).next_back().map(|(_, row)| **row);
                        let expected = expected.filter(|row| row.wasm_offset != 0);
                        let found = view.lookup(function, offset);
                        prop_assert_eq!(
                            found.map(|origin| origin.wasm_offset),
                            expected.map(|row| row.wasm_offset)
                        );
                        let mut chain = Vec::new();
                        let mut next = expected.and_then(|row| row.caller);
                        while let Some(number) = next {
                            chain.push(sites[number as usize].wasm_offset);
                            next = sites[number as usize].caller;
                        }
                        let found = found.map(|origin| origin.callers().collect::<Vec<_>>());
                        prop_assert_eq!(found.unwrap_or_default(), chain);
                    }
                }
            }
        }
    }
}
