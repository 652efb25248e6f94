//! Whatever rows are written, the same are read.

use super::*;
use crate::format::frames::{FramesWriter, FunctionFrame};
use alloc::vec::Vec;
use proptest::prelude::*;

fn row(cfa_register: u8, cfa_offset: i32, saved: &[(u8, i32)]) -> UnwindRow {
    let mut row = UnwindRow::new(cfa_register, cfa_offset);
    for (register, offset) in saved {
        assert!(row.save(*register, *offset));
    }
    row
}

/// Rows as compilers make them, few enough that they come back, and any others.
fn any_row() -> impl Strategy<Value = UnwindRow> {
    let saved = prop::collection::btree_map(0u8..3, prop_oneof![Just(-16), any::<i32>()], 0..3);
    let many = prop::collection::btree_map(any::<u8>(), any::<i32>(), 0..MAX_SAVED);
    let offset = prop_oneof![(0..5).prop_map(|words| 8 * words), any::<i32>()];
    let saved = prop_oneof![3 => saved, 1 => many];
    (0u8..2, offset, saved).prop_map(|(register, offset, saved)| {
        row(register, offset, &saved.into_iter().collect::<Vec<_>>())
    })
}

fn code(unit: u32) -> impl Strategy<Value = CodeUnwind> {
    let some = prop::collection::vec(prop::option::weighted(0.9, any_row()), 1..4);
    let places = prop::collection::btree_map(0u32..300, any::<prop::sample::Index>(), 0..20);
    (some, places, 1u32..200).prop_map(move |(rows, places, more)| {
        let rows: Vec<_> = places
            .iter()
            .map(|(offset, row)| (offset * unit, *row.get(&rows)))
            .collect();
        let last = rows.last().map_or(0, |(offset, _)| *offset);
        // Now and then no code.
        if more == 199 {
            return CodeUnwind::default();
        }
        CodeUnwind {
            code_size: last + more,
            rows,
        }
    })
}

fn frames_of(codes: &[CodeUnwind]) -> Vec<u8> {
    let mut frames = FramesWriter::new();
    for code in codes {
        frames.push(&FunctionFrame {
            code_size: code.code_size,
            ..Default::default()
        });
    }
    frames.finish()
}

/// What the rows of `code` say of an offset.
fn expected(code: &CodeUnwind, first: UnwindRow, offset: u32) -> Option<UnwindRow> {
    let row = code.rows.iter().rev().find(|row| row.0 <= offset);
    row.map_or(Some(first), |row| row.1)
        .filter(|_| offset < code.code_size)
}

proptest! {
    #[test]
    fn round_trip(
        (unit, codes) in prop::sample::select(&[1u8, 2, 4])
            .prop_flat_map(|unit| (Just(unit), prop::collection::vec(code(unit.into()), 0..8))),
        first in any_row(),
        twice: bool,
    ) {
        // Entries that are equal make patterns.
        let codes = if twice { [codes.clone(), codes.clone(), codes].concat() } else { codes };
        let mut writer = UnwindWriter::new(unit, 8, first);
        codes.iter().for_each(|code| writer.push(code));
        let bytes = writer.finish();
        let frames = frames_of(&codes);
        let count = u32::try_from(codes.len()).unwrap();
        let frames = FramesView::parse(&frames, count).unwrap();
        let parsed = UnwindView::parse(&bytes, &frames, count).unwrap();
        for view in [parsed, UnwindView::assume(&bytes)] {
            prop_assert_eq!(view.len(), count);
            for (entry, code) in (0..).zip(&codes) {
                prop_assert_eq!(view.code_size(entry), code.code_size);
                for offset in 0..code.code_size + 3 {
                    prop_assert_eq!(view.row(entry, offset), expected(code, first, offset));
                }
                let mut previous = None;
                for (offset, row) in view.rows(entry) {
                    prop_assert_eq!(row, expected(code, first, offset));
                    prop_assert!(previous < Some(offset));
                    previous = Some(offset);
                }
                prop_assert_eq!(previous.is_some(), code.code_size != 0);
            }
            prop_assert_eq!(view.row(count, 0), None);
        }
    }

    /// Any bytes are refused or read, and looking things up ends.
    #[test]
    fn any_bytes_are_survived(
        operations in prop::collection::vec(any::<u8>(), 0..80),
        pattern in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut bytes = alloc::vec![1, 8, 7, 8, 0];
        let mut patterns = crate::format::list::ListWriter::new();
        patterns.push(|out| out.extend(&pattern));
        patterns.finish_into(&mut bytes);
        let mut entries = crate::format::list::ListWriter::new();
        entries.push(|out| out.extend([&[0x80, 0x80, 1][..], &operations].concat()));
        entries.finish_into(&mut bytes);
        let frames = frames_of(&[CodeUnwind { code_size: 0x4000, rows: Vec::new() }]);
        let frames = FramesView::parse(&frames, 1).unwrap();
        let parsed = UnwindView::parse(&bytes, &frames, 1);
        let view = UnwindView::assume(&bytes);
        for offset in (0..0x4000).step_by(97) {
            // What was refused may say anything, but says it.
            let _ = view.row(0, offset);
        }
        let rows = view.rows(0).count();
        prop_assert!(parsed.is_err() || rows > 0);
    }
}

#[test]
fn equal_prologues_are_written_once() {
    let first = row(7, 8, &[(16, -8)]);
    let body = row(7, 64, &[(3, -56), (6, -16), (12, -48), (13, -40), (16, -8)]);
    let mut rows: Vec<_> = (1..6)
        .map(|push| (push * 2, Some(row(7, 8 + 8 * push as i32, &[(16, -8)]))))
        .collect();
    rows.push((12, Some(body)));
    let mut size = Vec::new();
    for count in [1, 100] {
        let mut writer = UnwindWriter::new(1, 8, first);
        for _ in 0..count {
            writer.push(&CodeUnwind {
                code_size: 1000,
                rows: rows.clone(),
            });
        }
        size.push(writer.finish().len());
    }
    // Code size, two patterns and the frame's size: at most 10 bytes each, and an offset.
    assert!(size[1] < size[0] + 100 * 14, "{size:?}");
}

#[test]
fn a_row_holds_so_many_registers_and_no_more() {
    let mut row = UnwindRow::new(0, 0);
    for register in (0..MAX_SAVED).rev() {
        assert!(row.save(u8::try_from(register).unwrap(), 8));
    }
    assert!(row.save(3, -8), "it was there before");
    assert!(!row.save(200, 8));
    assert_eq!(row.saved_at(3), Some(-8));
    assert!(
        row.saved()
            .map(|(register, _)| register)
            .eq(0..MAX_SAVED as u8)
    );
    row.unsave(3);
    row.unsave(3);
    assert_eq!(
        (row.saved_at(3), row.saved().count()),
        (None, MAX_SAVED - 1)
    );
    assert!(row.save(200, 8));
}
