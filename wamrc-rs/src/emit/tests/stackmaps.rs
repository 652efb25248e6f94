//! Frame maps of hand-written units, whose bundles are known.

use object::read::{Object as _, ObjectSection};
use wamr_aot_loader::format::framemap::{FrameMapView, Location, MappedFrame, SiteKind, Slot};
use wamr_aot_loader::format::frames::FramesView;
use wamr_aot_loader::format::section;

use super::*;
use crate::frame::{self, SiteInfo, SiteSlot};

/// Calls with the bundles that [`sites`] describe.
const CALLS: &str = r#"
    declare void @wamr_trap(ptr, i32, i32)

    define hidden fastcc i64 @wamr.f1(ptr %context, i64 %a, i64 %b) {
      %slots = alloca [8 x i64]
      store volatile i64 %a, ptr %slots
      call void @wamr_trap(ptr %context, i32 1, i32 1) [ "deopt"(i64 0, i64 %a, i64 7) ]
      call void @wamr_trap(ptr %context, i32 1, i32 2)
        [ "deopt"(i64 0, i64 %b, i64 undef, i64 1, ptr %slots, i64 -5) ]
      call void @wamr_trap(ptr %context, i32 1, i32 3) [ "deopt"(i64 2, ptr %slots) ]
      call void @wamr_trap(ptr %context, i32 1, i32 4) [ "deopt"(i64 3) ]
      %sum = add i64 %a, %b
      %zero = icmp eq i64 %sum, 0
      br i1 %zero, label %trap, label %end
    trap:
      call void @wamr_trap(ptr %context, i32 1, i32 5) [ "deopt"(i64 4, i64 99999999999) ]
      unreachable
    end:
      ret i64 %sum
    }

    define hidden fastcc i64 @wamr.f2(ptr %context, i64 %a) {
      call void @wamr_trap(ptr %context, i32 1, i32 1) [ "deopt"(i64 1, ptr null, i64 %a) ]
      ret i64 %a
    }
"#;

fn slot(slot: u32, ty: ValType, is_operand: bool) -> SiteSlot {
    SiteSlot {
        slot,
        ty,
        is_operand,
    }
}

fn sites() -> Vec<SiteInfo> {
    let site = |ip, kind, slots: &[SiteSlot]| SiteInfo {
        ip,
        kind,
        available: true,
        in_memory: false,
        slots: slots.to_vec(),
        operand_slots: 0,
    };
    use frame::SiteKind::{Call, Trap};
    let local = |index| slot(index, ValType::I64, false);
    let mut in_memory = site(120, Call, &[local(1), slot(3, ValType::F64, true)]);
    in_memory.in_memory = true;
    let mut unavailable = site(130, Call, &[]);
    unavailable.available = false;
    vec![
        site(100, Call, &[local(0), local(2)]),
        site(
            200,
            Call,
            &[slot(1, ValType::V128, false), slot(5, ValType::I32, true)],
        ),
        in_memory,
        unavailable,
        site(100, Trap, &[local(0)]),
    ]
}

fn table(target: &Target, sites: Vec<SiteInfo>) -> Result<(Vec<u8>, Vec<u8>)> {
    let module = module_info();
    let mut input = input(target, &module, &[CALLS]);
    input.frame_strategy = FrameStrategy::Mapped;
    input.units[0].sites = sites;
    let bytes = emit(&input)?;
    let file = object::File::parse(&*bytes).unwrap();
    let data = |name| {
        let section = file.section_by_name(name).unwrap();
        section.data().unwrap().to_vec()
    };
    Ok((data(section::FRAMEMAP), data(section::FRAMES)))
}

fn values(frame: &MappedFrame<'_>) -> Vec<(Slot, Location)> {
    frame.values().unwrap().collect()
}

#[test]
fn stack_maps_become_records() {
    for (name, stack_pointer) in [("x86_64", 7), ("aarch64", 31), ("riscv64", 2)] {
        let (map, frames) = table(&target(name), sites()).unwrap();
        let frames = FramesView::parse(&frames, 5).unwrap();
        let map = FrameMapView::parse(&map, &frames).unwrap();
        assert_eq!(map.site_count(), 5, "{name}");
        let trap = map.site(100, SiteKind::Trap).unwrap();
        assert_eq!(trap.locals().collect::<Vec<_>>(), [0]);

        let records: Vec<_> = map.records(0).collect();
        assert_eq!(records.len(), 5, "{name}");
        assert_eq!(map.records(1).count(), 1, "{name}");
        assert_eq!(map.records(2).count(), 0, "{name}");
        let code_size = frames.get(0).unwrap().code_size;
        let find = |ip, kind, depth| {
            let mut records = records.iter();
            let is_wanted = |frame: MappedFrame<'_>| (frame.site.ip, frame.site.kind) == (ip, kind);
            let record = records.find(|record| {
                record.frame_count == depth && record.frames().last().is_some_and(is_wanted)
            });
            let record = record.unwrap();
            assert!((1..=code_size).contains(&record.return_offset), "{name}");
            record.frames().collect::<Vec<_>>()
        };

        let [call] = find(100, SiteKind::Call, 1)[..] else {
            panic!()
        };
        let [
            (Slot::Local(0), first),
            (Slot::Local(2), Location::Constant(7)),
        ] = values(&call)[..]
        else {
            panic!("{name}: {:?}", values(&call))
        };
        assert!(
            matches!(first, Location::Register(_) | Location::Memory { .. }),
            "{name}"
        );

        // What was inlined comes behind its caller, whose second value is lost.
        let [outer, inner] = find(200, SiteKind::Call, 2)[..] else {
            panic!()
        };
        assert_eq!(outer.site.ip, 100);
        assert_eq!(values(&outer)[1], (Slot::Local(2), Location::Unavailable));
        let operand = Slot::Operand {
            slot: 0,
            ty: ValType::I32,
            is_high: false,
        };
        let [low, high, last] = values(&inner)[..] else {
            panic!()
        };
        assert_eq!((low.0, high.0), (Slot::Local(1), Slot::Local(2)), "{name}");
        let (
            Location::Memory { offset: low, .. },
            Location::Memory {
                register,
                offset: high,
            },
        ) = (low.1, high.1)
        else {
            panic!("{name}: {:?}", values(&inner))
        };
        assert_eq!((register, high - low), (stack_pointer, 8), "{name}");
        assert_eq!(last, (operand, Location::Constant(-5)), "{name}");

        // Values in memory lie at 8 × their slot.
        let [home] = find(120, SiteKind::Call, 1)[..] else {
            panic!()
        };
        let [
            (
                _,
                Location::Memory {
                    register,
                    offset: first,
                },
            ),
            (_, Location::Memory { offset: second, .. }),
        ] = values(&home)[..]
        else {
            panic!("{name}: {:?}", values(&home))
        };
        assert_eq!((register, second - first), (stack_pointer, 16), "{name}");

        let [unavailable] = find(130, SiteKind::Call, 1)[..] else {
            panic!()
        };
        assert!(unavailable.values().is_none(), "{name}");

        let [trap] = find(100, SiteKind::Trap, 1)[..] else {
            panic!()
        };
        let expected = [(Slot::Local(0), Location::Constant(99_999_999_999))];
        assert_eq!(values(&trap), expected, "{name}");
    }
}

#[test]
fn bundles_that_their_sites_do_not_describe_are_refused() {
    let target = target("x86_64");
    let refused = |change: fn(&mut Vec<SiteInfo>)| {
        let mut sites = sites();
        change(&mut sites);
        table(&target, sites).map(drop).unwrap_err().to_string()
    };
    for (error, expected) in [
        (refused(|sites| drop(sites.pop())), "has no site"),
        (
            refused(|sites| sites[4].slots.push(slot(1, ValType::I64, false))),
            "ends too early",
        ),
        (refused(|sites| sites[1].ip = 100), "shows different slots"),
    ] {
        assert!(error.contains(expected), "{error}");
    }
}
