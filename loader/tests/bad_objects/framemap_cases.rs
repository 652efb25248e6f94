//! Frame maps.

use super::*;
use wamr_aot_loader::format::framemap::{FrameValues, Location, Site, SiteKind};

/// Where the sites' bytes start: stack pointer, count, a block of ip and start, length.
const SITES: usize = 17;
/// Bytes of the three sites: head, count, set and operands; head of two bytes, count, change; head, count, list.
const SITE_LENGTHS: [usize; 3] = [6, 4, 5];

fn table(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    raw_table(section::FRAMEMAP, change)
}

macro_rules! framemap {
    ($name:expr, $bytes:expr, $error:pat) => {
        case!(
            $name,
            $bytes,
            Error::Table {
                section: section::FRAMEMAP,
                error: $error,
                ..
            }
        )
    };
}

pub fn cases() -> Vec<Case> {
    let second = SITES + SITE_LENGTHS[0];
    let third = second + SITE_LENGTHS[1];
    // Count and four offsets of the records' list.
    let records = third + SITE_LENGTHS[2] + 20;
    vec![
        framemap!(
            "no stack pointer",
            table(|table| table.clear()),
            TableError::Truncated { .. }
        ),
        framemap!(
            "more sites than fit",
            table(|table| table[1] = 200),
            TableError::Truncated { .. }
        ),
        framemap!(
            "block of sites that starts late",
            table(|table| table[9] = 1),
            TableError::SiteBlock { block: 0 }
        ),
        framemap!(
            "site too few",
            table(|table| table[1] = 2),
            TableError::TrailingBytes { .. }
        ),
        framemap!(
            "sites out of order",
            with(|parts| {
                parts.frame_map.0[0].kind = SiteKind::Poll;
                parts.frame_map.0[1].ip = 62;
            }),
            TableError::SiteOrder { ip: 62 }
        ),
        framemap!(
            "site twice",
            with(|parts| {
                parts.frame_map.0[1].ip = 62;
                parts.frame_map.0[1].kind = SiteKind::Call;
            }),
            TableError::SiteOrder { ip: 62 }
        ),
        framemap!(
            "site of an unknown kind",
            table(|table| table[SITES] |= 3 << 2),
            TableError::Site { index: 0 }
        ),
        framemap!(
            "operand of an unknown type",
            table(|table| table[SITES + SITE_LENGTHS[0] - 1] = 1),
            TableError::Byte { found: 1, .. }
        ),
        framemap!(
            "operands of other slots",
            table(|table| table[SITES + SITE_LENGTHS[0] - 3] = 2),
            TableError::Count {
                expected: 1,
                found: 2,
                ..
            }
        ),
        framemap!(
            "set of too many slots",
            with(|parts| {
                parts.frame_map.0 = vec![Site {
                    ip: 61,
                    kind: SiteKind::Call,
                    is_available: true,
                    locals: (0..300).collect(),
                    operands: vec![],
                }];
                parts.frame_map.1 = vec![];
                let mut bytes =
                    wamr_aot_loader::format::framemap::encode(7, &parts.frame_map.0, &[]);
                // A set rather than a list.
                bytes[SITES] ^= 1;
                parts.raw.insert(section::FRAMEMAP, bytes);
            }),
            TableError::Site { index: 0 }
        ),
        framemap!(
            "list of slots that goes on",
            table(|table| table[third + 2] += 1),
            TableError::Truncated { .. } | TableError::TrailingBytes { .. }
        ),
        framemap!(
            "one entry too few",
            with(|parts| {
                parts.frame_map.1.pop();
            }),
            TableError::Count {
                expected: 3,
                found: 2,
                ..
            }
        ),
        framemap!(
            "entry without a record",
            table(|table| table[records] = 0),
            TableError::EmptyEntry
        ),
        framemap!(
            "return offset behind its function",
            with(|parts| parts.frame_map.1[0][1].return_offset = 19),
            TableError::CodeOffset {
                found: 19,
                code_size: 18
            }
        ),
        framemap!(
            "return offset twice",
            with(|parts| parts.frame_map.1[0][1].return_offset = 5),
            TableError::ReturnOffset
        ),
        framemap!(
            "record of a function without code",
            with(|parts| parts.frame_map.1.swap(0, 2)),
            TableError::CodeOffset { code_size: 0, .. }
        ),
        framemap!(
            "frame of a site that is not there",
            with(|parts| parts.frame_map.1[0][0].frames[0].site = 3),
            TableError::Index {
                found: 3,
                limit: 3,
                ..
            }
        ),
        framemap!(
            "frame of a site below zero",
            // Count, the delta of the return offset, then the chain.
            table(|table| table[records + 2] = 1 << 1),
            TableError::FrameChain
        ),
        framemap!(
            "one location too few",
            with(|parts| {
                parts.frame_map.1[0][0].frames[0].values =
                    FrameValues::Each(vec![Location::Unavailable; 2]);
            }),
            TableError::Truncated { .. }
        ),
        framemap!(
            "one location too many",
            with(|parts| {
                parts.frame_map.1[0][0].frames[0].values =
                    FrameValues::Each(vec![Location::Unavailable; 4]);
            }),
            TableError::TrailingBytes { .. }
        ),
        framemap!(
            "location of an unknown kind",
            // Behind count, delta, chain and length.
            table(|table| table[records + 4] = 0xc7),
            TableError::Byte { found: 0xc7, .. }
        ),
    ]
}
