//! `.wamr.framemap`: what frames show at commit points, and where the values are.
//!
//! A *site* is a commit point, known by its instruction's offset in the module and its kind. It says
//! which slots of the frame are shown there, and depends on the module and the options alone. For
//! code with mapped frames a *record* says, for a return address, which sites the frames stand at
//! (more than one where functions were inlined), and where each slot's value is.
//!
//! ```text
//! u8 stack pointer | sites | records
//! sites:   u32 count | blocks × (u32 ip, u32 start) | u32 length | bytes
//! records: a record list (see [`super::list`]), empty, or with an entry a defined function
//! ```
//!
//! The stack pointer is a DWARF register number. `blocks` is the number of sites, divided by
//! [`SITES_PER_BLOCK`] and rounded up; a block's first site has the ip, and its bytes start there.
//! Sites ascend strictly by ip, then kind. A site is
//!
//! ```text
//! ULEB ip delta × 16 + kind × 4 + form
//! unless the form is 0: ULEB count × 2 + has operands | locals
//! if it has operands:   ULEB slots | ULEB count | count × u8 type
//! ```
//!
//! Form 0 shows no values. Others differ in how they tell the slots of parameters and locals that
//! are shown. A `v128` has two.
//!
//! | form | locals |
//! |---|---|
//! | 1, change | `count` slots, at most [`MAX_CHANGES`], whose state is another than at the block's preceding site of form 1 or 2; at first none is shown |
//! | 2, set | `count` bytes of a set, at most 32: slot *s* is bit *s* mod 8 of byte *s* / 8 |
//! | 3, list | ULEB length in bytes, `count` slots |
//!
//! Slots ascend and are ULEB numbers: the first as it is, each further one minus its predecessor
//! minus 1. In forms 1 and 2 they are less than [`NARROW_SLOTS`].
//!
//! The entry of a function, empty or
//!
//! ```text
//! ULEB count | for each block but the last: ULEB return offset delta, ULEB bytes | bytes
//! ```
//!
//! has blocks of [`RECORDS_PER_BLOCK`] records by ascending return offset. The numbers ahead of the
//! bytes are, for the block and all before it, what adds up to the last return offset in it, and to
//! where the next one's bytes begin. A record is
//!
//! ```text
//! ULEB return offset delta | chain | ULEB length of locations | locations
//! ```
//!
//! The chain has a number a frame, outermost first: ULEB zigzag(site delta) × 2 + another follows.
//! The delta is to the outermost frame's site in the preceding record of the block; of frames that
//! are not outermost, to the last such frame in the block. Then come the locations, for each frame
//! one a slot in the order of [`SiteView::slots`]; see [`Location`] for their encoding. In place of
//! a frame's first one there may be `0xc5`: it shows no values; or `0xc4`, u8 register, SLEB offset,
//! ULEB locals: all are in memory, each at 8 × its slot from there, the operands' slots
//! counted from the number of locals' slots.

mod location;
mod record;
mod site;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "write", test))]
mod write;

pub use location::Location;
pub use record::{MappedFrame, RecordView, Values};
pub use site::{SiteKind, SiteView, Slot, Slots};
#[cfg(any(feature = "write", test))]
pub use write::{FrameValues, Record, RecordFrame, Site, encode};

use super::{frames::FramesView, list::List, section, wire::Reader};
use crate::error::{Error, Refusal, Refused, TableError};
use crate::word::Word;
use site::Sites;

/// Sites in a block.
pub const SITES_PER_BLOCK: u32 = 32;
/// Records in a block.
pub const RECORDS_PER_BLOCK: u32 = 16;
/// Slots that a site can tell in a set are less than this.
pub const NARROW_SLOTS: u32 = 256;
/// Slots that may change from site to site. It bounds what finding a site costs.
pub const MAX_CHANGES: u32 = 16;

/// Can there be records? Code for targets of 32 bits has no mapped frames, and a build that knows no other objects
/// need not read them.
const HAS_RECORDS: bool = size_of::<Word>() == 8;

const WHAT: &str = "the frame map";

/// The table.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrameMapView<'a> {
    stack_pointer: u8,
    sites: Sites<'a>,
    records: List<'a>,
}

impl<'a> FrameMapView<'a> {
    /// Reads and checks the table; its return offsets must lie inside the functions.
    ///
    /// Slots of locals are not compared with what a function has: whoever fills a frame passes over
    /// those it does not have.
    pub fn parse(bytes: &'a [u8], frames: &FramesView<'_>) -> Result<Self, Error> {
        Refusal::explain_table(section::FRAMEMAP, |refusal| {
            FrameMapView::check(bytes, frames, refusal).map(drop)
        })?;
        Ok(Self::assume(bytes))
    }

    /// As [`FrameMapView::parse`].
    #[inline(never)]
    pub(crate) fn check(
        bytes: &'a [u8],
        frames: &FramesView<'_>,
        refusal: &'a Refusal,
    ) -> Result<Self, Refused> {
        let mut reader = Reader::check(bytes, refusal);
        let stack_pointer = reader.u8(WHAT)?;
        let sites = Sites::parse(&mut reader)?;
        let start = reader.offset();
        let records = List::parse(&mut reader, WHAT)?;
        reader.finish(WHAT)?;
        let map = FrameMapView {
            stack_pointer,
            sites,
            records,
        };
        let expected = if HAS_RECORDS { frames.len() } else { 0 };
        if !records.is_empty() && records.len() != expected {
            let error = TableError::Count {
                what: "frame map entries",
                expected,
                found: records.len(),
            };
            return Err(reader.fail_at(start, error));
        }
        if !HAS_RECORDS {
            return Ok(map);
        }
        for function in 0..records.len() {
            if let Some(entry) = records.reader(function) {
                let code_size = frames.get(function).map_or(0, |frame| frame.code_size);
                record::check(&map, entry, code_size)?;
            }
        }
        Ok(map)
    }

    /// As [`FrameMapView::parse`], for bytes that were checked before.
    pub(crate) fn assume(bytes: &'a [u8]) -> Self {
        let mut reader = Reader::new(bytes);
        FrameMapView {
            stack_pointer: reader.u8(WHAT).unwrap_or_default(),
            sites: Sites::assume(&mut reader).unwrap_or_default(),
            records: List::assume(&mut reader, WHAT).unwrap_or_default(),
        }
    }

    /// Number of sites.
    pub fn site_count(&self) -> u32 {
        self.sites.len()
    }

    /// The site of an instruction, by its offset in the module and its kind.
    pub fn site(&self, ip: u32, kind: SiteKind) -> Option<SiteView<'a>> {
        self.sites.find(ip, kind)
    }

    /// Sites whose ip is in the range, in their order.
    pub fn sites(
        &self,
        ips: core::ops::Range<u32>,
    ) -> impl Iterator<Item = SiteView<'a>> + use<'a> {
        self.sites.range(ips)
    }

    /// The frames at a return address: its offset from the start of a defined function.
    pub fn lookup(&self, function: u32, return_offset: u32) -> Option<RecordView<'a>> {
        if !HAS_RECORDS {
            return None;
        }
        record::find(self, self.records.reader(function)?, return_offset)
    }

    /// All records of a defined function, by return offset.
    pub fn records(&self, function: u32) -> impl Iterator<Item = RecordView<'a>> + use<'a> {
        let entry = self.records.reader(function);
        record::all(self, entry.filter(|_| HAS_RECORDS))
    }

    /// Has it records of mapped frames?
    pub fn has_records(&self) -> bool {
        HAS_RECORDS && !self.records.is_empty()
    }

    /// DWARF number of the stack pointer.
    pub fn stack_pointer(&self) -> u8 {
        self.stack_pointer
    }
}
