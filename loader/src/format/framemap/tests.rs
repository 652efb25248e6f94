//! What is written is read; what is damaged is refused or read without harm.

use super::*;
use crate::format::frames::{FramesWriter, FunctionFrame};
use crate::format::types::ValType;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

const STACK_POINTER: u8 = 7;
const CODE_SIZE: u32 = 1 << 20;

fn kind() -> impl Strategy<Value = SiteKind> {
    prop::sample::select(vec![SiteKind::Call, SiteKind::Trap, SiteKind::Poll])
}

fn locals() -> impl Strategy<Value = Vec<u32>> {
    let slot = prop_oneof![9 => 0u32..20, 1 => 0u32..NARROW_SLOTS];
    let wide = prop_oneof![0u32..600, any::<u32>()];
    let set = prop_oneof![
        9 => prop::collection::btree_set(slot, 0..12),
        1 => prop::collection::btree_set(wide, 0..12),
    ];
    set.prop_map(|set| set.into_iter().collect())
}

fn sites() -> impl Strategy<Value = Vec<Site>> {
    let operands = prop::collection::vec(prop::sample::select(ValType::ALL), 0..4);
    let ip = prop_oneof![9 => 0u32..200, 1 => any::<u32>()];
    let site = (locals(), operands, prop::bool::weighted(0.9));
    prop::collection::btree_map((ip, kind()), site, 0..150).prop_map(|sites| {
        sites
            .into_iter()
            .map(|((ip, kind), (locals, operands, is_available))| {
                let (locals, operands) = if is_available {
                    (locals, operands)
                } else {
                    Default::default()
                };
                Site {
                    ip,
                    kind,
                    is_available,
                    locals,
                    operands,
                }
            })
            .collect()
    })
}

fn location() -> impl Strategy<Value = Location> {
    prop_oneof![
        prop_oneof![-20i64..60, any::<i64>()].prop_map(Location::Constant),
        prop_oneof![0u8..33, any::<u8>()].prop_map(Location::Register),
        (prop_oneof![Just(STACK_POINTER), any::<u8>()], -100i32..3000)
            .prop_map(|(register, offset)| Location::Memory { register, offset }),
        (Just(STACK_POINTER), (0i32..200).prop_map(|slot| slot * 8))
            .prop_map(|(register, offset)| Location::Memory { register, offset }),
        any::<(u8, i32)>().prop_map(|(register, offset)| Location::Memory { register, offset }),
        Just(Location::Unavailable),
    ]
}

/// Seeds of records, which sites turn into records.
type Seed = (u32, Vec<(prop::sample::Index, u8, Vec<Location>)>);

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    let values = prop::collection::vec(location(), 1..8);
    let frame = (any::<prop::sample::Index>(), any::<u8>(), values);
    let record = (1u32..200, prop::collection::vec(frame, 1..4));
    prop::collection::vec(record, 0..60)
}

fn slot_count(site: &Site) -> usize {
    let operands: u32 = site.operands.iter().map(|ty| ty.slots()).sum();
    site.locals.len() + operands as usize
}

fn records(seeds: &[Seed], sites: &[Site]) -> Vec<Record> {
    let mut return_offset = 0;
    let seeds = if sites.is_empty() { &[] } else { seeds };
    let frame = |(site, form, locations): &(prop::sample::Index, u8, Vec<Location>)| {
        let number = site.index(sites.len());
        let count = slot_count(&sites[number]);
        let values = match form {
            _ if !sites[number].is_available => FrameValues::None,
            0..20 if count != 0 => FrameValues::None,
            // Slots of wide sites can be too large for memory.
            20..40 if count != 0 && sites[number].locals.iter().all(|slot| *slot < 1000) => {
                FrameValues::Home {
                    register: *form,
                    offset: i32::from(*form) - 30,
                    locals: 1000,
                }
            }
            _ => FrameValues::Each(locations.iter().cycle().copied().take(count).collect()),
        };
        RecordFrame {
            site: number as u32,
            values,
        }
    };
    seeds
        .iter()
        .map(|(delta, frames)| {
            return_offset += delta;
            Record {
                return_offset,
                frames: frames.iter().map(frame).collect(),
            }
        })
        .collect()
}

fn frames(count: usize) -> Vec<u8> {
    let mut writer = FramesWriter::new();
    for _ in 0..count {
        writer.push(&FunctionFrame {
            code_size: CODE_SIZE,
            ..Default::default()
        });
    }
    writer.finish()
}

fn check_site(view: &SiteView<'_>, site: &Site) -> Result<(), TestCaseError> {
    prop_assert_eq!((view.ip, view.kind), (site.ip, site.kind));
    prop_assert_eq!(view.is_available, site.is_available);
    prop_assert_eq!(view.locals().collect::<Vec<_>>(), site.locals.clone());
    prop_assert_eq!(view.operands().collect::<Vec<_>>(), site.operands.clone());
    prop_assert_eq!(view.slot_count as usize, slot_count(site));
    let mut expected: Vec<Slot> = site.locals.iter().copied().map(Slot::Local).collect();
    let mut slot = 0;
    for ty in &site.operands {
        for half in 0..ty.slots() {
            expected.push(Slot::Operand {
                slot,
                ty: *ty,
                is_high: half == 1,
            });
            slot += 1;
        }
    }
    prop_assert_eq!(view.operand_slots, slot);
    prop_assert_eq!(view.slots().collect::<Vec<_>>(), expected);
    Ok(())
}

fn check_record(
    view: &RecordView<'_>,
    record: &Record,
    sites: &[Site],
) -> Result<(), TestCaseError> {
    prop_assert_eq!(view.return_offset, record.return_offset);
    prop_assert_eq!(view.frame_count as usize, record.frames.len());
    prop_assert_eq!(view.frames().count(), record.frames.len());
    for (view, frame) in view.frames().zip(&record.frames) {
        prop_assert_eq!(view.site.index, frame.site);
        check_site(&view.site, &sites[frame.site as usize])?;
        let locations = view
            .values()
            .map(|values| values.map(|(_, location)| location).collect::<Vec<_>>());
        let slots = view.values().into_iter().flatten().map(|(slot, _)| slot);
        match &frame.values {
            FrameValues::None => prop_assert_eq!(locations, None),
            FrameValues::Each(expected) => {
                prop_assert_eq!(locations, Some(expected.clone()));
                prop_assert!(slots.eq(view.site.slots()));
            }
            FrameValues::Home {
                register,
                offset,
                locals,
            } => {
                let expected = view.site.slots().map(|slot| Location::Memory {
                    register: *register,
                    offset: offset
                        + 8 * match slot {
                            Slot::Local(slot) => slot as i32,
                            Slot::Operand { slot, .. } => (locals + slot) as i32,
                        },
                });
                prop_assert_eq!(locations, Some(expected.collect()));
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn round_trip(sites in sites(), seeds in prop::collection::vec(seeds(), 0..4)) {
        let functions: Vec<_> = seeds.iter().map(|seeds| records(seeds, &sites)).collect();
        let bytes = encode(STACK_POINTER, &sites, &functions);
        let frames = frames(functions.len());
        let frames = FramesView::parse(&frames, functions.len() as u32).unwrap();
        for view in [FrameMapView::parse(&bytes, &frames).unwrap(), FrameMapView::assume(&bytes)] {
            prop_assert_eq!(view.stack_pointer(), STACK_POINTER);
            prop_assert_eq!(view.site_count() as usize, sites.len());
            let by_key: BTreeMap<_, _> = sites.iter().map(|site| ((site.ip, site.kind), site)).collect();
            for ip in sites.iter().map(|site| site.ip).chain(0..220) {
                for kind in [SiteKind::Call, SiteKind::Trap, SiteKind::Poll] {
                    match (view.site(ip, kind), by_key.get(&(ip, kind))) {
                        (Some(view), Some(site)) => check_site(&view, site)?,
                        (view, site) => prop_assert_eq!(view.is_some(), site.is_some()),
                    }
                }
            }
            prop_assert_eq!(view.sites(0..u32::MAX).count(), sites.iter().filter(|site| site.ip < u32::MAX).count());
            prop_assert_eq!(view.sites(50..70).count(), by_key.range((50, SiteKind::Call)..(70, SiteKind::Call)).count());
            for (function, records) in (0u32..).zip(&functions) {
                prop_assert_eq!(view.records(function).count(), records.len());
                for (view, record) in view.records(function).zip(records) {
                    check_record(&view, record, &sites)?;
                }
                let by_offset: BTreeMap<_, _> = records.iter().map(|record| (record.return_offset, record)).collect();
                for offset in (0..300).chain(by_offset.keys().copied()) {
                    match (view.lookup(function, offset), by_offset.get(&offset)) {
                        (Some(view), Some(record)) => check_record(&view, record, &sites)?,
                        (view, record) => prop_assert_eq!(view.is_some(), record.is_some()),
                    }
                }
            }
            prop_assert!(view.lookup(functions.len() as u32, 1).is_none());
        }
    }

    /// Damaged tables are refused, or are as good as sound ones: whatever `parse` lets pass can be
    /// walked to the end and looked up.
    #[test]
    fn damage(
        sites in sites(),
        seeds in prop::collection::vec(seeds(), 0..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let functions: Vec<_> = seeds.iter().map(|seeds| records(seeds, &sites)).collect();
        let mut bytes = encode(STACK_POINTER, &sites, &functions);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] ^= byte;
        }
        let frames = frames(functions.len());
        let frames = FramesView::parse(&frames, functions.len() as u32).unwrap();
        let Ok(view) = FrameMapView::parse(&bytes, &frames) else {
            // Unchecked look-ups may find anything, but end.
            let view = FrameMapView::assume(&bytes);
            for offset in 0..50 {
                view.site(offset, SiteKind::Call);
                if let Some(record) = view.lookup(0, offset) {
                    record.frames().filter_map(|frame| frame.values()).flatten().take(1000).count();
                }
            }
            return Ok(());
        };
        let mut count = 0;
        for site in view.sites(0..u32::MAX) {
            prop_assert_eq!(site.slots().count(), site.slot_count as usize);
            prop_assert!(view.site(site.ip, site.kind).is_some());
            count += 1;
        }
        prop_assert!(count <= view.site_count());
        for function in 0..frames.len() {
            for record in view.records(function) {
                prop_assert!(record.return_offset <= CODE_SIZE);
                let found = view.lookup(function, record.return_offset).unwrap();
                prop_assert_eq!(found.frames().count(), record.frame_count as usize);
                for frame in found.frames() {
                    if let Some(values) = frame.values() {
                        prop_assert_eq!(values.count(), frame.site.slot_count as usize);
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_is_found_in_an_empty_table() {
    let view = FrameMapView::default();
    assert!(view.site(1, SiteKind::Call).is_none());
    assert!(view.lookup(0, 1).is_none());
    assert_eq!(view.sites(0..u32::MAX).count(), 0);
    assert_eq!(view.records(0).count(), 0);
}

#[test]
fn usual_locations_take_a_byte() {
    let mut bytes = Vec::new();
    for location in [
        Location::Register(3),
        Location::Memory {
            register: STACK_POINTER,
            offset: 8 * 0x9f,
        },
        Location::Constant(-8),
        Location::Constant(47),
        Location::Unavailable,
    ] {
        location::write(&mut bytes, location, STACK_POINTER);
    }
    assert_eq!(bytes, [0xa3, 0x9f, 0xc8, 0xff, 0xc3]);
}
