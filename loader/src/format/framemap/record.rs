//! Frames at return addresses, and where their values are.

use super::location::{self, Location};
use super::site::{SiteView, Sites, Slot, Slots};
use super::{FrameMapView, RECORDS_PER_BLOCK};
use crate::error::{Refused, TableError};
use crate::format::wire::Reader;

/// The frames at a return address.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    /// Offset of the return address from the function's start.
    pub return_offset: u32,
    /// Number of frames, at least 1: the function's own and those of inlined calls.
    pub frame_count: u32,
    sites: Sites<'a>,
    stack_pointer: u8,
    chain: Chain<'a>,
    locations: Reader<'a>,
}

/// A frame at a return address.
#[derive(Clone, Copy, Debug)]
pub struct MappedFrame<'a> {
    /// The commit point that it stands at.
    pub site: SiteView<'a>,
    form: Form,
    locations: Reader<'a>,
    stack_pointer: u8,
}

/// How the locations of a frame are written.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// Each.
    Each,
    /// In memory, in the order of the slots.
    Home {
        register: u8,
        offset: i32,
        /// Slots of parameters and locals.
        locals: u32,
    },
    /// There are none.
    NoValues,
}

impl Form {
    fn read(reader: &mut Reader<'_>, site: &SiteView<'_>) -> Result<Self, Refused> {
        if !site.is_available {
            return Ok(Form::NoValues);
        }
        if site.slot_count == 0 {
            return Ok(Form::Each);
        }
        let mut ahead = *reader;
        let form = match ahead.u8("a location")? {
            location::NO_VALUES => Form::NoValues,
            location::HOME => {
                let register = ahead.u8("a register")?;
                let offset = location::memory_offset(&mut ahead)?;
                let locals = ahead.uleb32("a number of slots")?;
                Form::Home {
                    register,
                    offset,
                    locals,
                }
            }
            _ => return Ok(Form::Each),
        };
        *reader = ahead;
        Ok(form)
    }
}

impl<'a> MappedFrame<'a> {
    /// Are the values available? Only where the site shows values at all.
    pub fn has_values(&self) -> bool {
        !matches!(self.form, Form::NoValues)
    }

    /// The slots that the site shows, in the order of [`SiteView::slots`], with their locations.
    /// `None`: values are not available.
    pub fn values(&self) -> Option<Values<'a>> {
        self.has_values().then_some(Values {
            slots: self.site.slots(),
            form: self.form,
            locations: self.locations,
            stack_pointer: self.stack_pointer,
        })
    }
}

/// Slots with their locations; see [`MappedFrame::values`].
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    slots: Slots<'a>,
    form: Form,
    locations: Reader<'a>,
    stack_pointer: u8,
}

impl Iterator for Values<'_> {
    type Item = (Slot, Location);

    fn next(&mut self) -> Option<Self::Item> {
        let slot = self.slots.next()?;
        let location = match self.form {
            Form::Each => location::read(&mut self.locations, self.stack_pointer).ok()?,
            Form::Home {
                register,
                offset,
                locals,
            } => {
                let number = match slot {
                    Slot::Local(slot) => slot,
                    Slot::Operand { slot, .. } => locals.saturating_add(slot),
                };
                let place = number
                    .checked_mul(8)
                    .and_then(|distance| i32::try_from(distance).ok())
                    .and_then(|distance| offset.checked_add(distance));
                match place {
                    Some(offset) => Location::Memory { register, offset },
                    None => Location::Unavailable,
                }
            }
            Form::NoValues => return None,
        };
        Some((slot, location))
    }
}

impl<'a> RecordView<'a> {
    /// The frames, outermost first: a caller before what was inlined into it.
    pub fn frames(&self) -> impl Iterator<Item = MappedFrame<'a>> + use<'a> {
        let mut rest = *self;
        core::iter::from_fn(move || rest.step().ok().flatten())
    }

    fn step(&mut self) -> Result<Option<MappedFrame<'a>>, Refused> {
        let start = self.chain.reader.offset();
        let Some(index) = self.chain.step()? else {
            return Ok(None);
        };
        let Some(site) = self.sites.get(index) else {
            return Err(self.chain.reader.fail_at(
                start,
                TableError::Index {
                    what: "a frame's site",
                    found: index,
                    limit: self.sites.len(),
                },
            ));
        };
        let form = Form::read(&mut self.locations, &site)?;
        let frame = MappedFrame {
            site,
            form,
            locations: self.locations,
            stack_pointer: self.stack_pointer,
        };
        if matches!(form, Form::Each) {
            for _ in 0..site.slot_count {
                location::read(&mut self.locations, self.stack_pointer)?;
            }
        }
        Ok(Some(frame))
    }

    /// Fails unless it can be read whole.
    fn check(&self) -> Result<(), Refused> {
        let mut rest = *self;
        // A step reads the locations of a frame, unless they are in memory: those need no check.
        while rest.step()?.is_some() {}
        rest.locations.finish("locations")
    }
}

/// A walk over the sites of a record's frames.
#[derive(Clone, Copy, Debug)]
struct Chain<'a> {
    reader: Reader<'a>,
    /// Sites that the next numbers count from: of an outermost frame, and of others.
    outer: u32,
    inner: u32,
    is_first: bool,
    is_over: bool,
}

impl Chain<'_> {
    fn step(&mut self) -> Result<Option<u32>, Refused> {
        if self.is_over {
            return Ok(None);
        }
        let start = self.reader.offset();
        let number = self.reader.uleb64("a frame")?;
        let zigzag = number >> 1;
        let delta = i64::try_from(zigzag >> 1).unwrap_or(i64::MAX);
        let delta = if zigzag & 1 == 0 { delta } else { !delta };
        let previous = if self.is_first {
            &mut self.outer
        } else {
            &mut self.inner
        };
        let site = i64::from(*previous)
            .checked_add(delta)
            .and_then(|site| u32::try_from(site).ok())
            .ok_or_else(|| self.reader.fail_at(start, TableError::FrameChain))?;
        *previous = site;
        self.is_first = false;
        self.is_over = number & 1 == 0;
        Ok(Some(site))
    }
}

/// A walk over the records of a block.
struct Walk<'a> {
    map: FrameMapView<'a>,
    reader: Reader<'a>,
    left: u32,
    return_offset: u32,
    outer: u32,
    inner: u32,
}

impl<'a> Walk<'a> {
    fn step(&mut self) -> Result<Option<RecordView<'a>>, Refused> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        let start = self.reader.offset();
        let delta = self.reader.uleb32("a return offset")?;
        self.return_offset = match self.return_offset.checked_add(delta) {
            Some(offset) if delta != 0 => offset,
            _ => return Err(self.reader.fail_at(start, TableError::ReturnOffset)),
        };
        self.left = left;
        let chain = Chain {
            reader: self.reader,
            outer: self.outer,
            inner: self.inner,
            is_first: true,
            is_over: false,
        };
        let mut end = chain;
        let mut frame_count = 0u32;
        while end.step()?.is_some() {
            frame_count = frame_count.saturating_add(1);
        }
        (self.reader, self.outer, self.inner) = (end.reader, end.outer, end.inner);
        let length = self.reader.uleb32("locations")?;
        let base = self.reader.offset();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let locations = self.reader.bytes(length, "locations")?;
        Ok(Some(RecordView {
            return_offset: self.return_offset,
            frame_count,
            sites: self.map.sites,
            stack_pointer: self.map.stack_pointer,
            chain,
            locations: self.reader.at(locations, base),
        }))
    }
}

/// A block of a function's records.
struct Block<'a> {
    /// Its bytes and, if it is the last, nothing behind them.
    reader: Reader<'a>,
    /// Return offset that the first record's counts from.
    base: u32,
    /// The last return offset in it, if it is not the last block.
    last: Option<u32>,
    count: u32,
}

impl<'a> Block<'a> {
    fn walk(&self, map: &FrameMapView<'a>) -> Walk<'a> {
        Walk {
            map: *map,
            reader: self.reader,
            left: self.count,
            return_offset: self.base,
            outer: 0,
            inner: 0,
        }
    }
}

/// A walk over the blocks of a function.
struct Blocks<'a> {
    index: Reader<'a>,
    bytes: Reader<'a>,
    base: u32,
    left: u32,
}

impl<'a> Blocks<'a> {
    /// Blocks of a function's entry.
    fn of(entry: Reader<'a>) -> Result<Self, Refused> {
        let mut blocks = Blocks {
            index: entry,
            bytes: entry,
            base: 0,
            left: 0,
        };
        if entry.is_empty() {
            return Ok(blocks);
        }
        blocks.left = blocks.index.uleb32("a number of records")?;
        blocks.bytes = blocks.index;
        for _ in 1..blocks.left.div_ceil(RECORDS_PER_BLOCK) {
            blocks.bytes.uleb32("a return offset")?;
            blocks.bytes.uleb32("a length")?;
        }
        Ok(blocks)
    }

    fn step(&mut self) -> Result<Option<Block<'a>>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        let count = self.left.min(RECORDS_PER_BLOCK);
        self.left = self.left.saturating_sub(count);
        let base = self.base;
        if self.left == 0 {
            let reader = self.bytes;
            let last = None;
            return Ok(Some(Block {
                reader,
                base,
                last,
                count,
            }));
        }
        let start = self.index.offset();
        let delta = self.index.uleb32("a return offset")?;
        let length = self.index.uleb32("a length")?;
        self.base = base
            .checked_add(delta)
            .ok_or_else(|| self.index.fail_at(start, TableError::ReturnOffset))?;
        let at = self.bytes.offset();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = self.bytes.bytes(length, "a block of records")?;
        Ok(Some(Block {
            reader: self.bytes.at(bytes, at),
            base,
            last: Some(self.base),
            count,
        }))
    }
}

/// Checks the entry of a function.
pub(super) fn check(
    map: &FrameMapView<'_>,
    entry: Reader<'_>,
    code_size: u32,
) -> Result<(), Refused> {
    let mut blocks = Blocks::of(entry)?;
    if !entry.is_empty() && blocks.left == 0 {
        return Err(entry.fail(TableError::EmptyEntry));
    }
    while let Some(block) = blocks.step()? {
        let mut walk = block.walk(map);
        loop {
            let start = walk.reader.offset();
            let Some(record) = walk.step()? else { break };
            if record.return_offset > code_size {
                let error = TableError::CodeOffset {
                    found: record.return_offset,
                    code_size,
                };
                return Err(walk.reader.fail_at(start, error));
            }
            record.check()?;
        }
        if block.last.is_some_and(|last| last != walk.return_offset) {
            return Err(walk.reader.fail(TableError::ReturnOffset));
        }
        walk.reader.finish("a block of records")?;
    }
    Ok(())
}

/// The record of a return offset.
pub(super) fn find<'a>(
    map: &FrameMapView<'a>,
    entry: Reader<'a>,
    return_offset: u32,
) -> Option<RecordView<'a>> {
    let mut blocks = Blocks::of(entry).ok()?;
    let block = loop {
        let block = blocks.step().ok()??;
        if block.last.is_none_or(|last| return_offset <= last) {
            break block;
        }
    };
    let mut walk = block.walk(map);
    loop {
        let record = walk.step().ok()??;
        if record.return_offset >= return_offset {
            return (record.return_offset == return_offset).then_some(record);
        }
    }
}

/// All records of a function.
pub(super) fn all<'a>(
    map: &FrameMapView<'a>,
    entry: Option<Reader<'a>>,
) -> impl Iterator<Item = RecordView<'a>> + use<'a> {
    let map = *map;
    let mut blocks = entry.and_then(|entry| Blocks::of(entry).ok());
    core::iter::from_fn(move || blocks.as_mut()?.step().ok().flatten()).flat_map(move |block| {
        let mut walk = block.walk(&map);
        core::iter::from_fn(move || walk.step().ok().flatten())
    })
}
