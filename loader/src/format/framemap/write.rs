//! Building the table.

use super::location::{self, Location};
use super::{MAX_CHANGES, NARROW_SLOTS, RECORDS_PER_BLOCK, SITES_PER_BLOCK, SiteKind, site};
use crate::format::{list::ListWriter, types::ValType, wire::write};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// A commit point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Offset of the instruction in the module.
    pub ip: u32,
    /// Its kind.
    pub kind: SiteKind,
    /// Are values shown? Else there are no slots.
    pub is_available: bool,
    /// Slots of parameters and locals that are shown, ascending; two for a `v128`.
    pub locals: Vec<u32>,
    /// Types of the operands that are shown, from the bottom.
    pub operands: Vec<ValType>,
}

/// The frames at a return address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Offset of the return address from the function's start.
    pub return_offset: u32,
    /// At least one frame, outermost first.
    pub frames: Vec<RecordFrame>,
}

/// A frame at a return address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFrame {
    /// Number of its site.
    pub site: u32,
    /// Where its values are.
    pub values: FrameValues,
}

/// Where the values of a frame are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameValues {
    /// They are not available.
    None,
    /// A location for each slot that the site shows.
    Each(Vec<Location>),
    /// All in memory: 8 × the number of its slot from a register and an offset.
    Home {
        /// DWARF number of the register.
        register: u8,
        /// In bytes.
        offset: i32,
        /// Slots of the function's parameters and locals.
        locals: u32,
    },
}

/// Encodes the table: sites by ascending (ip, kind), and for each defined function its records by
/// ascending return offset. Without mapped frames `functions` is empty.
pub fn encode(stack_pointer: u8, sites: &[Site], functions: &[Vec<Record>]) -> Vec<u8> {
    let mut out = Vec::new();
    out.push(stack_pointer);
    encode_sites(&mut out, sites);
    let mut entries = ListWriter::new();
    for records in functions {
        entries.push(|out| encode_entry(out, records, sites, stack_pointer));
    }
    entries.finish_into(&mut out);
    out
}

const SITES: usize = SITES_PER_BLOCK as usize;
const RECORDS: usize = RECORDS_PER_BLOCK as usize;

fn encode_sites(out: &mut Vec<u8>, sites: &[Site]) {
    write::u32(out, write::length(sites.len()));
    let mut bytes = Vec::new();
    for block in sites.chunks(SITES) {
        let mut ip = block.first().map_or(0, |site| site.ip);
        write::u32(out, ip);
        write::u32(out, write::length(bytes.len()));
        let mut shown = BTreeSet::new();
        for site in block {
            encode_site(&mut bytes, site, ip, &mut shown);
            ip = site.ip;
        }
    }
    write::u32(out, write::length(bytes.len()));
    out.extend_from_slice(&bytes);
}

fn encode_site(out: &mut Vec<u8>, described: &Site, previous_ip: u32, shown: &mut BTreeSet<u32>) {
    let locals: BTreeSet<u32> = described.locals.iter().copied().collect();
    let mut bytes = Vec::new();
    let (form, count) = if !described.is_available {
        (site::NO_VALUES, 0)
    } else if locals.last().is_some_and(|slot| *slot >= NARROW_SLOTS) {
        let mut list = Vec::new();
        encode_slots(&mut list, &described.locals);
        write::counted_bytes(&mut bytes, &list);
        (site::LIST, described.locals.len())
    } else {
        let changed: Vec<u32> = shown.symmetric_difference(&locals).copied().collect();
        let set_length = locals.last().map_or(0, |last| *last as usize / 8 + 1);
        *shown = locals;
        if changed.len() <= set_length && changed.len() <= MAX_CHANGES as usize {
            encode_slots(&mut bytes, &changed);
            (site::CHANGE, changed.len())
        } else {
            bytes.resize(set_length, 0);
            for slot in &described.locals {
                if let Some(byte) = bytes.get_mut(*slot as usize / 8) {
                    *byte |= 1 << (slot % 8);
                }
            }
            (site::SET, set_length)
        }
    };
    let delta = u64::from(described.ip.saturating_sub(previous_ip));
    write::uleb(out, delta << 4 | (described.kind as u64) << 2 | form);
    if form == site::NO_VALUES {
        return;
    }
    let has_operands = u64::from(!described.operands.is_empty());
    write::uleb(out, u64::from(write::length(count)) << 1 | has_operands);
    out.extend_from_slice(&bytes);
    if !described.operands.is_empty() {
        let slots: u32 = described.operands.iter().map(|ty| ty.slots()).sum();
        let types: Vec<u8> = described.operands.iter().map(|ty| ty.byte()).collect();
        write::uleb(out, u64::from(slots));
        write::counted_bytes(out, &types);
    }
}

/// Ascending slots, each as the distance to its predecessor.
fn encode_slots(out: &mut Vec<u8>, slots: &[u32]) {
    let mut next = 0;
    for slot in slots {
        write::uleb(out, u64::from(slot.saturating_sub(next)));
        next = slot.saturating_add(1);
    }
}

fn encode_entry(out: &mut Vec<u8>, records: &[Record], sites: &[Site], stack_pointer: u8) {
    if records.is_empty() {
        return;
    }
    write::uleb(out, u64::from(write::length(records.len())));
    let mut bytes = Vec::new();
    let mut return_offset = 0;
    let mut blocks = records.chunks(RECORDS).peekable();
    while let Some(block) = blocks.next() {
        let (first, start) = (return_offset, bytes.len());
        let (mut outer, mut inner) = (0, 0);
        for record in block {
            let delta = record.return_offset.saturating_sub(return_offset);
            write::uleb(&mut bytes, u64::from(delta));
            return_offset = record.return_offset;
            let mut previous = &mut outer;
            for (index, frame) in record.frames.iter().enumerate() {
                let delta = i64::from(frame.site) - i64::from(*previous);
                let zigzag = (delta << 1) ^ (delta >> 63);
                let more = u64::from(index + 1 < record.frames.len());
                write::uleb(&mut bytes, zigzag.cast_unsigned() << 1 | more);
                *previous = frame.site;
                previous = &mut inner;
            }
            let mut locations = Vec::new();
            for frame in &record.frames {
                encode_values(&mut locations, frame, sites, stack_pointer);
            }
            write::counted_bytes(&mut bytes, &locations);
        }
        if blocks.peek().is_some() {
            write::uleb(out, u64::from(return_offset.saturating_sub(first)));
            write::uleb(out, u64::from(write::length(bytes.len() - start)));
        }
    }
    out.extend_from_slice(&bytes);
}

fn encode_values(out: &mut Vec<u8>, frame: &RecordFrame, sites: &[Site], stack_pointer: u8) {
    let site = usize::try_from(frame.site)
        .ok()
        .and_then(|index| sites.get(index));
    // Where there is nothing to show, nothing is said either.
    if !site.is_some_and(|site| {
        site.is_available && !(site.locals.is_empty() && site.operands.is_empty())
    }) {
        return;
    }
    match &frame.values {
        FrameValues::None => out.push(location::NO_VALUES),
        FrameValues::Each(locations) => {
            for place in locations {
                location::write(out, *place, stack_pointer);
            }
        }
        FrameValues::Home {
            register,
            offset,
            locals,
        } => {
            out.extend([location::HOME, *register]);
            write::sleb(out, i64::from(*offset));
            write::uleb(out, u64::from(*locals));
        }
    }
}
