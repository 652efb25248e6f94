//! Commit points: which slots of a frame are shown there.

use super::{MAX_CHANGES, SITES_PER_BLOCK};
use crate::error::{Refused, TableError};
use crate::format::{types::ValType, wire::Reader};
use core::ops::Range;

/// What kind of commit point a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SiteKind {
    /// A call; shown are the operands below its arguments.
    Call = 0,
    /// An explicit trap; shown are the operands before the instruction.
    Trap = 1,
    /// A poll at a function's entry or a loop's header.
    Poll = 2,
}

impl SiteKind {
    fn from_bits(bits: u64) -> Option<SiteKind> {
        match bits {
            0 => Some(SiteKind::Call),
            1 => Some(SiteKind::Trap),
            2 => Some(SiteKind::Poll),
            _ => None,
        }
    }

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            SiteKind::Call => "call",
            SiteKind::Trap => "trap",
            SiteKind::Poll => "poll",
        }
    }
}

/// A slot of 8 bytes that a site shows. A `v128` shows two, the low half first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Of a parameter or local: its number in the frame. The types are the function's.
    Local(u32),
    /// Of an operand.
    Operand {
        /// Counted from the bottom of the operand stack: the frame's number minus those of the
        /// parameters and locals.
        slot: u32,
        /// Type of the operand.
        ty: ValType,
        /// The high half of a `v128`?
        is_high: bool,
    },
}

/// How a site tells what it shows.
pub(super) const NO_VALUES: u64 = 0;
pub(super) const CHANGE: u64 = 1;
#[cfg(any(feature = "write", test))]
pub(super) const SET: u64 = 2;
pub(super) const LIST: u64 = 3;

/// A set of slots that are less than [`super::NARROW_SLOTS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Narrow([u32; 8]);

impl Narrow {
    /// Changes the state of a slot; fails if it is too large.
    fn toggle(&mut self, slot: u32) -> Option<()> {
        let word = self.0.get_mut(usize::try_from(slot / 32).ok()?)?;
        *word ^= 1 << (slot % 32);
        Some(())
    }

    /// The set that these bytes encode; fails if they are too many.
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut set = Narrow::default();
        let mut words = [0; 32];
        words.get_mut(..bytes.len())?.copy_from_slice(bytes);
        for (word, bytes) in set.0.iter_mut().zip(words.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Some(set)
    }

    fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The least slot, which is taken out.
    fn take_first(&mut self) -> Option<u32> {
        for (word, first) in self.0.iter_mut().zip((0..).step_by(32)) {
            if *word != 0 {
                let bit = word.trailing_zeros();
                *word &= word.wrapping_sub(1);
                return Some(first + bit);
            }
        }
        None
    }
}

/// Ascending slots, each written as the distance to its predecessor.
#[derive(Clone, Copy, Debug)]
struct Distances<'a> {
    reader: Reader<'a>,
    left: u32,
    next: Option<u32>,
}

impl<'a> Distances<'a> {
    fn new(reader: Reader<'a>, count: u32) -> Self {
        Distances {
            reader,
            left: count,
            next: Some(0),
        }
    }

    fn step(&mut self) -> Result<Option<u32>, Refused> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        let start = self.reader.offset();
        let distance = self.reader.uleb32("a slot")?;
        let slot = self.next.and_then(|next| next.checked_add(distance));
        let slot = slot.ok_or_else(|| self.reader.fail_at(start, TableError::SiteSlot))?;
        self.left = left;
        self.next = slot.checked_add(1);
        Ok(Some(slot))
    }
}

#[derive(Clone, Copy, Debug)]
enum Locals<'a> {
    Narrow(Narrow),
    Wide(Distances<'a>),
}

impl Locals<'_> {
    fn next(&mut self) -> Option<u32> {
        match self {
            Locals::Narrow(set) => set.take_first(),
            Locals::Wide(slots) => slots.step().ok()?,
        }
    }
}

/// A commit point.
#[derive(Clone, Copy, Debug)]
pub struct SiteView<'a> {
    /// Its number, in the order of (ip, kind).
    pub index: u32,
    /// Offset of the instruction in the module.
    pub ip: u32,
    /// Its kind.
    pub kind: SiteKind,
    /// Are values shown? Else there are no slots.
    pub is_available: bool,
    /// Slots that the operands take: all of those below some height are shown.
    pub operand_slots: u32,
    /// Slots that are shown.
    pub slot_count: u32,
    locals: Locals<'a>,
    operands: &'a [u8],
}

impl<'a> SiteView<'a> {
    /// Fails unless slots and operands are well-formed. `reader` stands behind the site.
    fn check(&self, reader: &Reader<'_>) -> Result<(), Refused> {
        if let Locals::Wide(mut slots) = self.locals {
            while slots.step()?.is_some() {}
            slots.reader.finish("a list of slots")?;
        }
        let mut expected = 0u32;
        for byte in self.operands {
            let (what, found) = ("the type of an operand", *byte);
            let ty = ValType::from_byte(found)
                .ok_or_else(|| reader.fail(TableError::Byte { what, found }))?;
            expected = expected.saturating_add(ty.slots());
        }
        if expected != self.operand_slots {
            let error = TableError::Count {
                what: "operand slots",
                expected,
                found: self.operand_slots,
            };
            return Err(reader.fail(error));
        }
        Ok(())
    }

    /// Slots of parameters and locals that are shown, ascending. Others are dead, if values are
    /// shown at all.
    pub fn locals(&self) -> impl Iterator<Item = u32> + use<'a> {
        let mut locals = self.locals;
        core::iter::from_fn(move || locals.next())
    }

    /// Types of the operands that are shown, from the bottom.
    pub fn operands(&self) -> impl Iterator<Item = ValType> + use<'a> {
        self.operands
            .iter()
            .map_while(|byte| ValType::from_byte(*byte))
    }

    /// All slots that are shown: locals, then operands.
    pub fn slots(&self) -> Slots<'a> {
        Slots {
            locals: self.locals,
            operands: self.operands,
            next: 0,
            high: false,
        }
    }
}

/// The slots that a site shows; see [`SiteView::slots`].
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a> {
    locals: Locals<'a>,
    operands: &'a [u8],
    next: u32,
    high: bool,
}

impl Iterator for Slots<'_> {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        if let Some(slot) = self.locals.next() {
            return Some(Slot::Local(slot));
        }
        let (byte, rest) = self.operands.split_first()?;
        let ty = ValType::from_byte(*byte)?;
        let slot = Slot::Operand {
            slot: self.next,
            ty,
            is_high: self.high,
        };
        self.next = self.next.saturating_add(1);
        self.high = ty.slots() == 2 && !self.high;
        if !self.high {
            self.operands = rest;
        }
        Some(slot)
    }
}

/// All sites.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sites<'a> {
    count: u32,
    /// First ip, start of the bytes.
    blocks: &'a [[u8; 8]],
    /// The bytes of all sites.
    sites: Reader<'a>,
}

const WHAT: &str = "the sites";

impl<'a> Sites<'a> {
    pub fn assume(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        let count = reader.u32(WHAT)?;
        let blocks = usize::try_from(count.div_ceil(SITES_PER_BLOCK))
            .ok()
            .and_then(|blocks| blocks.checked_mul(8));
        let blocks = reader.bytes(blocks.unwrap_or(usize::MAX), WHAT)?;
        let length = usize::try_from(reader.u32(WHAT)?).unwrap_or(usize::MAX);
        let base = reader.offset();
        let bytes = reader.bytes(length, WHAT)?;
        Ok(Sites {
            count,
            blocks: blocks.as_chunks().0,
            sites: reader.at(bytes, base),
        })
    }

    pub fn parse(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        let table = reader.offset();
        let sites = Self::assume(reader)?;
        let mut previous = None;
        let mut end = sites.sites.offset();
        for block in 0..sites.block_count() {
            let mut walk = match sites.walk(block) {
                Some(walk) if walk.reader.offset() == end => walk,
                _ => {
                    let error = TableError::SiteBlock { block };
                    return Err(reader.fail_at(table, error));
                }
            };
            loop {
                let start = walk.reader.offset();
                let Some(site) = walk.step()? else { break };
                site.check(&walk.reader)?;
                let key = Some((site.ip, site.kind));
                if key <= previous {
                    let error = TableError::SiteOrder { ip: site.ip };
                    return Err(walk.reader.fail_at(start, error));
                }
                previous = key;
            }
            end = walk.reader.offset();
        }
        let found = sites
            .sites
            .offset()
            .saturating_add(sites.sites.remaining())
            .saturating_sub(end);
        if found != 0 {
            let error = TableError::TrailingBytes { what: WHAT, found };
            return Err(reader.fail_at(end, error));
        }
        Ok(sites)
    }

    pub fn len(&self) -> u32 {
        self.count
    }

    fn block_count(&self) -> u32 {
        self.count.div_ceil(SITES_PER_BLOCK)
    }

    fn block(&self, block: u32) -> Option<(u32, usize)> {
        let block = self.blocks.get(usize::try_from(block).ok()?)?;
        let [a, b, c, d, e, f, g, h] = *block;
        let start = usize::try_from(u32::from_le_bytes([e, f, g, h])).ok()?;
        Some((u32::from_le_bytes([a, b, c, d]), start))
    }

    fn walk(&self, block: u32) -> Option<Walk<'a>> {
        let (ip, start) = self.block(block)?;
        let first = block.checked_mul(SITES_PER_BLOCK)?;
        Some(Walk {
            reader: self.sites.part(start..self.sites.remaining())?,
            index: first,
            end: first.saturating_add(SITES_PER_BLOCK).min(self.count),
            ip,
            shown: Narrow::default(),
        })
    }

    /// Site number `index`.
    pub fn get(&self, index: u32) -> Option<SiteView<'a>> {
        if index >= self.count {
            return None;
        }
        let mut walk = self.walk(index / SITES_PER_BLOCK)?;
        loop {
            let site = walk.step().ok()??;
            if site.index == index {
                return Some(site);
            }
        }
    }

    /// The last block that may hold the first site with an ip. Of the kinds of one ip some may stand at
    /// the end of a block, others at the start of the next.
    fn block_of(&self, ip: u32) -> u32 {
        let behind = self
            .blocks
            .partition_point(|[a, b, c, d, ..]| u32::from_le_bytes([*a, *b, *c, *d]) < ip);
        u32::try_from(behind.saturating_sub(1)).unwrap_or(u32::MAX)
    }

    pub fn find(&self, ip: u32, kind: SiteKind) -> Option<SiteView<'a>> {
        self.range(ip..ip.saturating_add(1))
            .find(|site| site.kind == kind)
    }

    pub fn range(&self, ips: Range<u32>) -> impl Iterator<Item = SiteView<'a>> + use<'a> {
        let sites = *self;
        (sites.block_of(ips.start)..sites.block_count())
            .map_while(move |block| sites.walk(block))
            .flat_map(|mut walk| core::iter::from_fn(move || walk.step().ok().flatten()))
            .skip_while(move |site| site.ip < ips.start)
            .take_while(move |site| site.ip < ips.end)
    }
}

/// A walk over a block.
#[derive(Clone, Copy, Debug)]
struct Walk<'a> {
    reader: Reader<'a>,
    index: u32,
    end: u32,
    ip: u32,
    shown: Narrow,
}

impl<'a> Walk<'a> {
    fn step(&mut self) -> Result<Option<SiteView<'a>>, Refused> {
        let index = self.index;
        if index >= self.end {
            return Ok(None);
        }
        let start = self.reader.offset();
        let reader = self.reader;
        let bad = || reader.fail_at(start, TableError::Site { index });
        let head = self.reader.uleb64("a site")?;
        let delta = u32::try_from(head >> 4).map_err(|_| bad())?;
        let kind = SiteKind::from_bits(head >> 2 & 3).ok_or_else(bad)?;
        let form = head & 3;
        self.ip = self.ip.checked_add(delta).ok_or_else(bad)?;
        self.index = index.saturating_add(1);
        let mut site = SiteView {
            index,
            ip: self.ip,
            kind,
            is_available: form != NO_VALUES,
            operand_slots: 0,
            slot_count: 0,
            locals: Locals::Narrow(Narrow::default()),
            operands: &[],
        };
        if form == NO_VALUES {
            return Ok(Some(site));
        }
        let counts = self.reader.uleb64("a number of slots")?;
        let count = u32::try_from(counts >> 1).map_err(|_| bad())?;
        if form == LIST {
            let start = self.reader.offset();
            let bytes = self.reader.counted_bytes("a list of slots")?;
            let end = self.reader.offset();
            let base = end.saturating_sub(bytes.len()).max(start);
            let reader = self.reader.at(bytes, base);
            site.locals = Locals::Wide(Distances::new(reader, count));
            site.slot_count = count;
        } else {
            if form == CHANGE {
                if count > MAX_CHANGES {
                    return Err(bad());
                }
                let mut slots = Distances::new(self.reader, count);
                while let Some(slot) = slots.step()? {
                    self.shown.toggle(slot).ok_or_else(bad)?;
                }
                self.reader = slots.reader;
            } else {
                let length = usize::try_from(count).map_err(|_| bad())?;
                let bytes = self.reader.bytes(length, "a set of slots")?;
                self.shown = Narrow::of(bytes).ok_or_else(bad)?;
            }
            site.locals = Locals::Narrow(self.shown);
            site.slot_count = self.shown.len();
        }
        if counts & 1 != 0 {
            site.operand_slots = self.reader.uleb32("a number of operand slots")?;
            site.operands = self.reader.counted_bytes("operands")?;
            site.slot_count = site
                .slot_count
                .checked_add(site.operand_slots)
                .ok_or_else(bad)?;
        }
        Ok(Some(site))
    }
}
