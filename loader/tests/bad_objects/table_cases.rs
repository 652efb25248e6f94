//! Frames, traps and names.

use super::*;

pub fn cases() -> Vec<Case> {
    let rows = |rows: &[(u32, u32)]| {
        let rows = rows.iter().map(|(code_offset, wasm_offset)| TrapRow {
            code_offset: *code_offset,
            wasm_offset: *wasm_offset,
            caller: None,
        });
        let rows = rows.collect();
        with(|parts| parts.traps[0].1 = rows)
    };
    vec![
        case!(
            "frame missing",
            raw_table(section::FRAMES, |table| table.clear()),
            Error::Table {
                section: section::FRAMES,
                error: TableError::Truncated { .. },
                ..
            }
        ),
        case!(
            "one frame too few",
            with(|parts| {
                parts.frames.pop();
            }),
            Error::Table {
                section: section::FRAMES,
                error: TableError::Count {
                    expected: 3,
                    found: 2,
                    ..
                },
                ..
            }
        ),
        case!(
            "frame flags",
            // Count and four offsets, then the body's offset and the code size, of one byte each.
            raw_table(section::FRAMES, |table| table[22] = 4),
            Error::Table {
                section: section::FRAMES,
                error: TableError::Byte { found: 4, .. },
                ..
            }
        ),
        case!(
            "bodies out of order",
            with(|parts| parts.frames[1].wasm_offset = 60),
            Error::Table {
                section: section::FRAMES,
                error: TableError::BodyOrder {
                    function: 1,
                    found: 60
                },
                ..
            }
        ),
        case!(
            "body that is not known among others",
            with(|parts| parts.frames[2].wasm_offset = 0),
            Error::Table {
                section: section::FRAMES,
                error: TableError::BodyOrder {
                    function: 2,
                    found: 0
                },
                ..
            }
        ),
        case!(
            "too many locals",
            with(|parts| parts.frames[0].locals = vec![(1 << 31, ValType::V128)]),
            Error::Table {
                section: section::FRAMES,
                error: TableError::TooManyLocals,
                ..
            }
        ),
        case!(
            "overlong number",
            // The first frame's offset becomes 0x80 0x00.
            raw_table(section::FRAMES, |table| {
                table[20] = 0x80;
                table[21] = 0;
            }),
            Error::Table {
                section: section::FRAMES,
                error: TableError::Leb128 { .. },
                ..
            }
        ),
        case!(
            "one trap record too many",
            with(|parts| parts.traps.push((vec![], vec![]))),
            Error::Table {
                section: section::TRAPS,
                error: TableError::Count {
                    expected: 3,
                    found: 4,
                    ..
                },
                ..
            }
        ),
        case!(
            "trap behind its function",
            rows(&[(18, 1)]),
            Error::Table {
                section: section::TRAPS,
                error: TableError::CodeOffset {
                    found: 18,
                    code_size: 18
                },
                ..
            }
        ),
        case!(
            "trap rows that stand still",
            // Count and four offsets, a call site of 1 + 1 + 1 bytes, no anchors, a row of 1 + 2
            // bytes, then the next row's delta.
            raw_table(section::TRAPS, |table| table[27] = 1),
            Error::Table {
                section: section::TRAPS,
                error: TableError::TrapRow,
                ..
            }
        ),
        case!(
            "wasm offset below zero",
            raw_table(section::TRAPS, |table| table[26] = 0x7f),
            Error::Table {
                section: section::TRAPS,
                error: TableError::TrapRow,
                ..
            }
        ),
        case!(
            "call site that is inlined at itself",
            raw_table(section::TRAPS, |table| table[22] = 1),
            Error::Table {
                section: section::TRAPS,
                error: TableError::Index {
                    found: 1,
                    limit: 0,
                    ..
                },
                ..
            }
        ),
        case!(
            "trap row of a call site that is not there",
            with(|parts| parts.traps[0].1[1].caller = Some(1)),
            Error::Table {
                section: section::TRAPS,
                error: TableError::Index {
                    found: 2,
                    limit: 1,
                    ..
                },
                ..
            }
        ),
        case!(
            "anchor of a row that is not there",
            raw_table(section::TRAPS, |table| {
                // One anchor for the first row, with another wasm offset.
                let anchor = [0u32, 0x41, 0, 3].map(u32::to_le_bytes).concat();
                table[23] = 1;
                table.splice(24..24, anchor);
                for end in table[8..20].as_chunks_mut::<4>().0 {
                    *end = (u32::from_le_bytes(*end) + 16).to_le_bytes();
                }
            }),
            Error::Table {
                section: section::TRAPS,
                error: TableError::TrapAnchor { anchor: 0 },
                ..
            }
        ),
        case!(
            "anchors that do not fit",
            raw_table(section::TRAPS, |table| table[23] = 1),
            Error::Table {
                section: section::TRAPS,
                error: TableError::Truncated { .. },
                ..
            }
        ),
        case!(
            "more call sites than fit",
            raw_table(section::TRAPS, |table| table[20] = 0x7f),
            Error::Table {
                section: section::TRAPS,
                ..
            }
        ),
        case!(
            "one name too few",
            with(|parts| parts.names.as_mut().unwrap().0.truncate(3)),
            Error::Table {
                section: section::NAMES,
                error: TableError::Count {
                    expected: 4,
                    found: 3,
                    ..
                },
                ..
            }
        ),
        case!(
            "function name that is not UTF-8",
            raw_table(section::NAMES, |table| {
                let at = table.windows(4).position(|bytes| bytes == b"host");
                table[at.unwrap()] = 0x80;
            }),
            Error::Table {
                section: section::NAMES,
                error: TableError::Utf8 { .. },
                ..
            }
        ),
        case!(
            "local name that ends early",
            raw_table(section::NAMES, |table| {
                let at = table.windows(4).position(|bytes| bytes == b"host");
                // The last letter becomes the first local's index.
                let length = at.unwrap() - 1;
                table[length] -= 1;
            }),
            Error::Table {
                section: section::NAMES,
                error: TableError::Truncated { .. },
                ..
            }
        ),
        case!(
            "module name that ends early",
            raw_table(section::NAMES, |table| {
                table.pop();
            }),
            Error::Table {
                section: section::NAMES,
                error: TableError::Truncated { .. },
                ..
            }
        ),
    ]
}
