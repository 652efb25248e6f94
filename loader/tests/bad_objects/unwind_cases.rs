//! Unwind rows.

use super::*;

/// The good object with other operations for function 1, of 11 bytes.
fn operations(operations: &[u8]) -> Vec<u8> {
    raw_table(section::UNWIND, |table| {
        *table = unwind_table(&[], &[&[11], operations].concat())
    })
}

/// A table with these patterns and this record of function 1.
fn unwind_table(patterns: &[&[u8]], record: &[u8]) -> Vec<u8> {
    let mut table = vec![1, 8, 7, 8, 0];
    let mut list = ListWriter::new();
    for pattern in patterns {
        list.push(|out| out.extend_from_slice(pattern));
    }
    list.finish_into(&mut table);
    let mut list = ListWriter::new();
    for record in [&[18], record, &[], &[1], &[1], &[], &[1], &[], &[]] {
        list.push(|out| out.extend_from_slice(record));
    }
    list.finish_into(&mut table);
    table
}

fn pattern(pattern: &[u8]) -> Vec<u8> {
    raw_table(section::UNWIND, |table| {
        *table = unwind_table(&[pattern], &[11, 2 << 5, 0])
    })
}

pub fn cases() -> Vec<Case> {
    macro_rules! wrong {
        ($name:expr, $bytes:expr, $error:pat) => {
            case!(
                $name,
                $bytes,
                Error::Table {
                    section: section::UNWIND,
                    error: $error,
                    ..
                }
            )
        };
    }
    assert!(load(&operations(&[0, 1, 6 << 5])).is_ok());
    assert!(load(&pattern(&[0; 64])).is_ok());
    vec![
        wrong!(
            "unwind table without a head",
            raw_table(section::UNWIND, |table| table.truncate(4)),
            TableError::Truncated { .. }
        ),
        wrong!(
            "code unit of 3 bytes",
            raw_table(section::UNWIND, |table| table[0] = 3),
            TableError::Byte { found: 3, .. }
        ),
        wrong!(
            "stack unit of 16 bytes",
            raw_table(section::UNWIND, |table| table[1] = 16),
            TableError::Byte { found: 16, .. }
        ),
        wrong!(
            "one unwind record too few",
            with(|parts| {
                parts.unwind.pop();
            }),
            TableError::Count {
                expected: 9,
                found: 8,
                ..
            }
        ),
        wrong!(
            "bytes behind the unwind records",
            raw_table(section::UNWIND, |table| table.push(0)),
            TableError::TrailingBytes { .. }
        ),
        wrong!(
            "another code size than the frame's",
            with(|parts| parts.unwind[0].code_size = 17),
            TableError::CodeSize {
                expected: 18,
                found: 17
            }
        ),
        wrong!(
            "code of no bytes with a record",
            raw_table(section::UNWIND, |table| *table = unwind_table(&[], &[0])),
            TableError::UnwindRow
        ),
        wrong!(
            "row behind its code",
            operations(&[11]),
            TableError::CodeOffset {
                found: 11,
                code_size: 11
            }
        ),
        wrong!(
            "advance beyond 32 bits",
            operations(&[31, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            TableError::UnwindRow
        ),
        wrong!(
            "CFA offset beyond 32 bits",
            operations(&[3 << 5, 0xff, 0xff, 0xff, 0xff, 7, 0]),
            TableError::UnwindRow
        ),
        wrong!(
            "offset that is no 32-bit number",
            operations(&[3 << 5, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            TableError::Leb128 { .. }
        ),
        wrong!(
            "too many saved registers",
            operations(
                &(0..41)
                    .flat_map(|register| [5 << 5, register, 0])
                    .collect::<Vec<_>>()
            ),
            TableError::UnwindRow
        ),
        wrong!(
            "unknown unwind operation",
            operations(&[7 << 5, 4]),
            TableError::Byte { found: 4, .. }
        ),
        wrong!(
            "unwind operation that ends early",
            operations(&[5 << 5, 3]),
            TableError::Truncated { .. }
        ),
        wrong!(
            "pattern that is not there",
            operations(&[2 << 5, 0]),
            TableError::Index {
                found: 0,
                limit: 0,
                ..
            }
        ),
        wrong!(
            "pattern in a pattern",
            pattern(&[2 << 5, 0]),
            TableError::UnwindRow
        ),
        wrong!(
            "pattern that is too long",
            pattern(&[0; 65]),
            TableError::UnwindPattern {
                found: 65,
                limit: 64
            }
        ),
        wrong!(
            "pattern that leads behind the code",
            pattern(&[4, 4, 4]),
            TableError::CodeOffset { found: 12, .. }
        ),
    ]
}
