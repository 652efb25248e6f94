//! `.wamr.handlers`: where exceptions go that reach a call, for every defined function.
//!
//! ```text
//! record list: clause lists | record list: functions
//!
//! clause list:  ULEB clauses*, at least one
//! function:     call sites*, by ascending offset
//! call site:    ULEB bytes from the end of the one before, or the function's start, to its start
//!               | ULEB length in bytes | ULEB offset of the landing pad in the function's code
//!               | ULEB clause list
//! ```
//!
//! A clause is 0 where every exception is caught, else the index of a tag plus one. A call site covers the
//! calls whose last byte lies in it; elsewhere an exception passes through. The landing pad gets the
//! exception as LLVM's exception pointer. It tells by itself which of its clauses applies, and may pass
//! the exception on: so the clauses say which exceptions *may* be caught, and all others pass through.
//!
//! What C++ has in `.gcc_except_table` (Itanium C++ ABI: exception handling), without its types.

use super::{frames::FramesView, list::List, section, wire::Reader};
use crate::error::{Error, Refusal, Refused, TableError};

/// The table. The default has no handlers.
#[derive(Clone, Copy, Debug, Default)]
pub struct HandlersView<'a> {
    clauses: List<'a>,
    functions: List<'a>,
}

/// What handles exceptions at a call.
#[derive(Clone, Copy, Debug)]
pub struct Handler<'a> {
    /// Offset of the landing pad in the function's code, in bytes.
    pub landing_pad: u32,
    clauses: Reader<'a>,
}

/// Which exceptions a clause catches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// Those of the module's tag with this index.
    Tag(u32),
    /// All.
    All,
}

impl<'a> Handler<'a> {
    /// What it may catch.
    pub fn clauses(&self) -> impl Iterator<Item = Clause> + use<'a> {
        let mut reader = self.clauses;
        core::iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            clause(&mut reader).ok()
        })
    }
}

fn clause(reader: &mut Reader<'_>) -> Result<Clause, Refused> {
    let number = reader.uleb32("a clause")?;
    Ok(match number.checked_sub(1) {
        Some(tag) => Clause::Tag(tag),
        None => Clause::All,
    })
}

/// A call site as the table has it.
struct Site {
    start: u32,
    end: u32,
    landing_pad: u32,
    clauses: u32,
}

impl Site {
    fn decode(reader: &mut Reader<'_>, previous_end: u32) -> Result<Site, Refused> {
        let at = reader.offset();
        let what = "a call site";
        let too_large = TableError::Leb128 { what };
        let start = previous_end.checked_add(reader.uleb32(what)?);
        let start = start.ok_or_else(|| reader.fail_at(at, too_large))?;
        let end = start.checked_add(reader.uleb32(what)?);
        Ok(Site {
            start,
            end: end.ok_or_else(|| reader.fail_at(at, too_large))?,
            landing_pad: reader.uleb32("a landing pad")?,
            clauses: reader.uleb32("a clause list")?,
        })
    }
}

impl<'a> HandlersView<'a> {
    /// Reads and checks the table of an object with these functions and `tags` tags, imports included.
    pub fn parse(bytes: &'a [u8], frames: &FramesView<'_>, tags: u32) -> Result<Self, Error> {
        Refusal::explain_table(section::HANDLERS, |refusal| {
            Self::check(bytes, frames, tags, refusal)
        })?;
        Ok(Self::assume(bytes))
    }

    /// As [`HandlersView::parse`].
    #[inline(never)]
    pub(crate) fn check(
        bytes: &[u8],
        frames: &FramesView<'_>,
        tags: u32,
        refusal: &Refusal,
    ) -> Result<(), Refused> {
        let mut reader = Reader::check(bytes, refusal);
        let view = HandlersView {
            clauses: List::parse(&mut reader, WHAT)?,
            functions: List::parse(&mut reader, WHAT)?,
        };
        reader.finish(WHAT)?;
        if view.functions.len() != frames.len() {
            return Err(reader.fail_at(
                0,
                TableError::Count {
                    what: "functions with handlers",
                    expected: frames.len(),
                    found: view.functions.len(),
                },
            ));
        }
        for list in 0..view.clauses.len() {
            if let Some(reader) = view.clauses.reader(list) {
                check_clauses(reader, tags)?;
            }
        }
        for function in 0..view.functions.len() {
            if let (Some(reader), Some(frame)) =
                (view.functions.reader(function), frames.get(function))
            {
                check_sites(reader, frame.code_size, view.clauses.len())?;
            }
        }
        Ok(())
    }

    /// As [`HandlersView::parse`], for bytes that were checked before. Takes the same short time for any
    /// table.
    pub(crate) fn assume(bytes: &'a [u8]) -> Self {
        let mut reader = Reader::new(bytes);
        HandlersView {
            clauses: List::assume(&mut reader, WHAT).unwrap_or_default(),
            functions: List::assume(&mut reader, WHAT).unwrap_or_default(),
        }
    }

    /// What handles exceptions that come out of the call whose last byte stands at `code_offset` of a
    /// defined function. Takes time in proportion to the function's call sites.
    pub fn lookup(&self, function: u32, code_offset: u32) -> Option<Handler<'a>> {
        let mut reader = self.functions.reader(function)?;
        let mut end = 0;
        while !reader.is_empty() {
            let site = Site::decode(&mut reader, end).ok()?;
            if code_offset < site.start {
                return None;
            }
            if code_offset < site.end {
                return Some(Handler {
                    landing_pad: site.landing_pad,
                    clauses: self.clauses.reader(site.clauses)?,
                });
            }
            end = site.end;
        }
        None
    }

    /// Number of call sites of a function.
    pub fn call_sites(&self, function: u32) -> usize {
        let mut reader = self.functions.reader(function);
        core::iter::from_fn(|| {
            let reader = reader.as_mut().filter(|reader| !reader.is_empty())?;
            Site::decode(reader, 0).ok()
        })
        .count()
    }
}

fn check_clauses(mut reader: Reader<'_>, tags: u32) -> Result<(), Refused> {
    loop {
        let at = reader.offset();
        if let Clause::Tag(found) = clause(&mut reader)?
            && found >= tags
        {
            let what = "a clause's tag";
            let limit = tags;
            return Err(reader.fail_at(at, TableError::Index { what, found, limit }));
        }
        if reader.is_empty() {
            return Ok(());
        }
    }
}

fn check_sites(mut reader: Reader<'_>, code_size: u32, lists: u32) -> Result<(), Refused> {
    let mut end = 0;
    while !reader.is_empty() {
        let at = reader.offset();
        let site = Site::decode(&mut reader, end)?;
        let limits = [
            (
                "the end of a call site",
                site.end,
                code_size.saturating_add(1),
            ),
            ("a landing pad", site.landing_pad, code_size),
            ("a clause list", site.clauses, lists),
        ];
        for (what, found, limit) in limits {
            if found >= limit {
                return Err(reader.fail_at(at, TableError::Index { what, found, limit }));
            }
        }
        end = site.end;
    }
    Ok(())
}

const WHAT: &str = "the handlers";

#[cfg(any(feature = "write", test))]
mod write {
    use super::Clause;
    use crate::format::{list::ListWriter, wire::write};
    use alloc::{collections::BTreeMap, vec::Vec};

    /// Calls whose exceptions go to one landing pad.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CallSite {
        /// Offset of the first byte in the function's code.
        pub start: u32,
        /// Offset behind the last byte.
        pub end: u32,
        /// Offset of the landing pad.
        pub landing_pad: u32,
        /// What the landing pad may catch; at least one.
        pub clauses: Vec<Clause>,
    }

    /// Builds the table; [`HandlersWriter::push`] once for each defined function, by index.
    #[derive(Clone, Debug, Default)]
    pub struct HandlersWriter {
        functions: ListWriter,
        /// Lists by their clauses, numbered in the order of their first use.
        lists: BTreeMap<Vec<u64>, u64>,
    }

    impl HandlersWriter {
        /// An empty table.
        pub fn new() -> Self {
            Self::default()
        }

        /// Appends the next function's call sites, which ascend and do not overlap.
        pub fn push(&mut self, sites: &[CallSite]) {
            let lists = &mut self.lists;
            self.functions.push(|out| {
                let mut end = 0;
                for site in sites {
                    let clauses = site.clauses.iter().map(|clause| match clause {
                        Clause::All => 0,
                        Clause::Tag(tag) => u64::from(*tag) + 1,
                    });
                    let next = lists.len() as u64;
                    let list = *lists.entry(clauses.collect()).or_insert(next);
                    write::uleb(out, u64::from(site.start.saturating_sub(end)));
                    write::uleb(out, u64::from(site.end.saturating_sub(site.start)));
                    write::uleb(out, u64::from(site.landing_pad));
                    write::uleb(out, list);
                    end = site.end;
                }
            });
        }

        /// The table's encoding.
        pub fn finish(self) -> Vec<u8> {
            let mut lists: Vec<_> = self.lists.into_iter().collect();
            lists.sort_by_key(|(_, number)| *number);
            let mut clauses = ListWriter::new();
            for (list, _) in lists {
                clauses.push(|out| {
                    for clause in list {
                        write::uleb(out, clause);
                    }
                });
            }
            let mut out = Vec::new();
            clauses.finish_into(&mut out);
            self.functions.finish_into(&mut out);
            out
        }
    }
}

#[cfg(any(feature = "write", test))]
pub use write::{CallSite, HandlersWriter};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::frames::{FramesWriter, FunctionFrame};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const TAGS: u32 = 5;
    const CODE_SIZE: u32 = 1000;

    fn frames(functions: usize) -> Vec<u8> {
        let mut writer = FramesWriter::new();
        for index in 0..functions {
            writer.push(&FunctionFrame {
                wasm_offset: u32::try_from(index).unwrap() + 1,
                code_size: CODE_SIZE,
                has_record: false,
                has_references: false,
                max_operand_slots: 0,
                locals: Vec::new(),
            });
        }
        writer.finish()
    }

    fn sites() -> impl Strategy<Value = Vec<CallSite>> {
        let clause = prop_oneof![Just(Clause::All), (0..TAGS).prop_map(Clause::Tag)];
        let site = (
            0..9u32,
            1..40u32,
            0..CODE_SIZE,
            prop::collection::vec(clause, 1..4),
        );
        prop::collection::vec(site, 0..20).prop_map(|sites| {
            let mut end = 0;
            let place = |(gap, length, landing_pad, clauses)| {
                let start = end + gap;
                end = start + length;
                CallSite {
                    start,
                    end,
                    landing_pad,
                    clauses,
                }
            };
            sites.into_iter().map(place).collect()
        })
    }

    proptest! {
        #[test]
        fn round_trip(functions in prop::collection::vec(sites(), 0..6)) {
            let mut writer = HandlersWriter::new();
            for sites in &functions {
                writer.push(sites);
            }
            let bytes = writer.finish();
            let frames = frames(functions.len());
            let frames = FramesView::parse(&frames, u32::try_from(functions.len()).unwrap()).unwrap();
            for view in [
                HandlersView::parse(&bytes, &frames, TAGS).unwrap(),
                HandlersView::assume(&bytes),
            ] {
                for (sites, function) in functions.iter().zip(0..) {
                    prop_assert_eq!(view.call_sites(function), sites.len());
                    for offset in 0..CODE_SIZE {
                        let expected = sites.iter().find(|site| (site.start..site.end).contains(&offset));
                        let found = view.lookup(function, offset);
                        prop_assert_eq!(
                            found.map(|found| (found.landing_pad, found.clauses().collect())),
                            expected.map(|site| (site.landing_pad, site.clauses.clone()))
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_lies_outside_is_refused() {
        let frames = frames(1);
        let frames = FramesView::parse(&frames, 1).unwrap();
        let good = CallSite {
            start: 990,
            end: CODE_SIZE,
            landing_pad: 999,
            clauses: Vec::from([Clause::Tag(TAGS - 1)]),
        };
        let is_refused = |change: fn(&mut CallSite)| {
            let mut site = good.clone();
            change(&mut site);
            let mut writer = HandlersWriter::new();
            writer.push(&[site]);
            HandlersView::parse(&writer.finish(), &frames, TAGS).is_err()
        };
        assert!(!is_refused(|_| {}));
        assert!(is_refused(|site| site.end = CODE_SIZE + 1));
        assert!(is_refused(|site| site.landing_pad = CODE_SIZE));
        assert!(is_refused(
            |site| site.clauses = Vec::from([Clause::Tag(TAGS)])
        ));
        assert!(is_refused(|site| site.clauses.clear()));
    }
}
