//! Two units that refer to each other become one object that says where everything is.

mod positions;
mod stackmaps;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use inkwell::OptimizationLevel;
use inkwell::context::Context;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::targets::FileType;
use object::RelocationFlags;
use object::read::{Object, ObjectSection, ObjectSymbol, RelocationTarget};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::frames::FramesView;
use wamr_aot_loader::format::header::{Header, MAGIC};
use wamr_aot_loader::format::linked::LinkedObject;
use wamr_aot_loader::format::module::FuncType;
use wamr_aot_loader::format::names::NamesView;
use wamr_aot_loader::format::traps::TrapsView;
use wamr_aot_loader::format::{builtins_table, section};

use super::*;
use crate::options::TargetOptions;

/// A function with a jump table, a constant, a call of a builtin, and a call of the other unit's function.
const FIRST: &str = r#"
    declare hidden fastcc i32 @wamr.f2(ptr, i32)
    declare void @wamr_trap(ptr, i32, i32)

    define hidden fastcc i32 @wamr.f1(ptr %context, i32 %x, ptr %out) !dbg !4 {
      switch i32 %x, label %other [
        i32 0, label %a
        i32 1, label %b
        i32 2, label %c
        i32 3, label %d
        i32 4, label %e
      ]
    a:
      %r = tail call fastcc i32 @wamr.f2(ptr %context, i32 7), !dbg !5
      ret i32 %r, !dbg !6
    b:
      store volatile double 0x3ff123456789abcd, ptr %out, !dbg !7
      ret i32 4
    c:
      store volatile i32 1, ptr %out
      ret i32 5
    d:
      store volatile i32 2, ptr %out
      ret i32 6
    e:
      store volatile i32 3, ptr %out
      ret i32 8
    other:
      call void @wamr_trap(ptr %context, i32 1, i32 100), !dbg !8
      unreachable
    }

    define hidden void @wamr.enter.0(ptr %code, ptr %context, ptr %slots) {
      ret void
    }

    !llvm.dbg.cu = !{!0}
    !llvm.module.flags = !{!2, !3}
    !0 = distinct !DICompileUnit(language: DW_LANG_C, file: !1, emissionKind: LineTablesOnly)
    !1 = !DIFile(filename: "module.wasm", directory: "")
    !2 = !{i32 2, !"Debug Info Version", i32 3}
    !3 = !{i32 2, !"Dwarf Version", i32 4}
    !4 = distinct !DISubprogram(name: "f1", scope: !1, file: !1, line: 90, unit: !0)
    !5 = !DILocation(line: 100, scope: !4)
    !6 = !DILocation(line: 105, scope: !4)
    !7 = !DILocation(line: 70000, scope: !4)
    !8 = !DILocation(line: 120, scope: !4)
"#;

const SECOND: &str = r#"
    declare hidden fastcc i32 @wamr.f1(ptr, i32, ptr)
    declare void @wamr_trap(ptr, i32, i32)
    @table = private constant [3 x i32] [i32 7, i32 1, i32 9]

    define hidden fastcc i32 @wamr.f2(ptr %context, i32 %x) cold !dbg !4 {
      %address = getelementptr i32, ptr @table, i32 %x
      %v = load volatile i32, ptr %address, !dbg !5
      %r = call fastcc i32 @wamr.f1(ptr %context, i32 %v, ptr null), !dbg !6
      call void @wamr_trap(ptr %context, i32 1, i32 100), !dbg !6
      ret i32 %r
    }

    define internal fastcc i32 @wamr.f4(ptr %context) noinline optnone {
      ret i32 4
    }

    define hidden fastcc i32 @wamr.f3(ptr %context) {
      %r = call fastcc i32 @wamr.f4(ptr %context)
      ret i32 %r
    }

    !llvm.dbg.cu = !{!0}
    !llvm.module.flags = !{!2, !3}
    !0 = distinct !DICompileUnit(language: DW_LANG_C, file: !1, emissionKind: LineTablesOnly)
    !1 = !DIFile(filename: "module.wasm", directory: "")
    !2 = !{i32 2, !"Debug Info Version", i32 3}
    !3 = !{i32 2, !"Dwarf Version", i32 5}
    !4 = distinct !DISubprogram(name: "f2", scope: !1, file: !1, line: 190, unit: !0)
    !5 = !DILocation(line: 200, scope: !4)
    !6 = !DILocation(line: 210, scope: !4)
"#;

const TARGETS: [&str; 4] = ["x86_64", "aarch64", "riscv64", "riscv32"];

fn target(name: &str) -> Target {
    Target::new(&TargetOptions {
        target: Some(name.to_owned()),
        ..Default::default()
    })
    .unwrap()
}

fn compile(target: &Target, ir: &str) -> Unit {
    let context = Context::create();
    let buffer = MemoryBuffer::create_from_memory_range_copy(ir.as_bytes(), "unit");
    let module = context.create_module_from_ir(buffer).unwrap();
    let machine = target.machine(OptimizationLevel::Default).unwrap();
    module.set_triple(&machine.get_triple());
    module.set_data_layout(&machine.get_target_data().get_data_layout());
    let object = machine
        .write_to_memory_buffer(&module, FileType::Object)
        .unwrap();
    Unit {
        object: object.as_slice().to_vec(),
        sites: Vec::new(),
    }
}

fn functions() -> Vec<FunctionInfo> {
    (1..=5)
        .map(|index| FunctionInfo {
            symbol: format!("wamr.f{index}"),
            ..Default::default()
        })
        .collect()
}

fn module_info() -> ModuleInfo {
    ModuleInfo {
        types: vec![FuncType::default().into()],
        functions: vec![0; 5],
        ..ModuleInfo::default()
    }
}

fn input<'a>(target: &'a Target, module: &'a ModuleInfo, units: &[&str]) -> Input<'a> {
    Input {
        units: units.iter().map(|ir| compile(target, ir)).collect(),
        target,
        module,
        data: b"data".to_vec(),
        functions: functions(),
        names: Some(Names {
            module: None,
            functions: BTreeMap::from([(1, "two".to_owned())]),
            locals: BTreeMap::from([(1, BTreeMap::from([(3, "x".to_owned())]))]),
        }),
        frame_strategy: FrameStrategy::None,
        capture_level: CaptureLevel::default(),
        memory_model: MemoryModel::Guard,
        strict_traps: false,
        count_calls: false,
        has_handlers: false,
        wasm_features: 0,
        source_sha256: [7; 32],
        custom_sections: vec![("note".to_owned(), vec![1, 2, 3])],
        linked_symbol: wamr_aot_loader::format::linked::SYMBOL.into(),
        keep_eh_frame: true,
    }
}

/// Numbers of a `.wamr.*` number list.
fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks(4)
        .skip(1)
        .map(|c| u32::from_le_bytes(c.try_into().unwrap()))
        .collect()
}

#[test]
fn the_header_follows_the_elf_header() {
    for name in TARGETS {
        let (target, module) = (target(name), module_info());
        let file = emit(&input(&target, &module, &[FIRST, SECOND])).unwrap();
        let offset = if name == "riscv32" { 52 } else { 64 };
        assert_eq!(file[offset..offset + 8], MAGIC, "{name}");
        let sections = object::File::parse(&*file).unwrap();
        let first = sections.sections().next().unwrap();
        assert_eq!(first.name().unwrap(), section::HEADER, "{name}");
        assert_eq!(first.file_range().unwrap().0, offset as u64, "{name}");
    }
}

#[test]
fn units_keep_their_sections_and_meet_by_symbol() {
    for name in TARGETS {
        let (target, module) = (target(name), module_info());
        let bytes = emit(&input(&target, &module, &[FIRST, SECOND])).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let names: Vec<_> = file
            .sections()
            .map(|s| s.name().unwrap().to_owned())
            .collect();
        for expected in [
            ".text.0",
            ".text.1",
            ".text.unlikely.1",
            ".wamr.custom.note",
            ".eh_frame",
        ] {
            assert_eq!(
                names.iter().filter(|n| *n == expected).count(),
                1,
                "{expected}: {names:?}"
            );
        }
        assert_eq!(
            file.sections()
                .filter(|s| s.name() == Ok(".note.GNU-stack"))
                .count(),
            1
        );
        assert!(
            !names.iter().any(|n| n.contains("debug") || n == ".text"),
            "{names:?}"
        );
        // Nothing but builtins is undefined, and nothing but them and the symbol for linkers is global.
        let globals: Vec<_> = file
            .symbols()
            .filter(|s| !s.is_local())
            .map(|s| (s.name().unwrap(), s.is_undefined()))
            .collect();
        assert_eq!(
            globals,
            [("wamr_trap", true), ("wamr_module", false)],
            "{name}"
        );
        for function in ["wamr.f1", "wamr.f2", "wamr.f3", "wamr.f4", "wamr.enter.0"] {
            let symbol = file.symbol_by_name(function).unwrap();
            assert!(symbol.size() > 0 && symbol.is_local(), "{name} {function}");
        }
    }
}

#[test]
fn code_table_and_order_say_where_functions_are() {
    for name in TARGETS {
        let (target, module) = (target(name), module_info());
        let bytes = emit(&input(&target, &module, &[FIRST, SECOND])).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let code = file.section_by_name(section::CODE).unwrap();
        let width = u64::from(target.width().bytes());
        // Five functions, an enter thunk and a host thunk for the one type, the trap thunk and the poll thunk.
        assert_eq!(code.size(), 9 * width);
        let entries: Vec<_> = code
            .relocations()
            .map(|(offset, relocation)| {
                let RelocationTarget::Symbol(index) = relocation.target() else {
                    panic!()
                };
                let symbol = file.symbol_by_index(index).unwrap();
                (offset / width, symbol.name().unwrap().to_owned())
            })
            .collect();
        let expected = [
            (0, "wamr.f1"),
            (1, "wamr.f2"),
            (2, "wamr.f3"),
            (3, "wamr.f4"),
            (5, "wamr.enter.0"),
        ];
        assert!(
            entries.iter().map(|(i, n)| (*i, n.as_str())).eq(expected),
            "{entries:?}"
        );

        let order = file.section_by_name(section::ORDER).unwrap();
        let order = numbers(order.data().unwrap());
        let place = |entry: u32| {
            let name = match entry {
                5 => "wamr.enter.0".to_owned(),
                defined => format!("wamr.f{}", defined + 1),
            };
            let symbol = file.symbol_by_name(&name).unwrap();
            (symbol.section_index().unwrap().0, symbol.address())
        };
        // Entry 5 is the enter thunk.
        assert_eq!(order.len(), 5, "{name}");
        assert!(
            order.is_sorted_by_key(|entry| place(*entry)),
            "{name}: {order:?}"
        );
    }
}

#[test]
fn line_tables_become_trap_tables() {
    for name in TARGETS {
        let (target, module) = (target(name), module_info());
        let bytes = emit(&input(&target, &module, &[FIRST, SECOND])).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let table = |name| file.section_by_name(name).unwrap().data().unwrap();
        let frames = FramesView::parse(table(section::FRAMES), 5).unwrap();
        let traps = TrapsView::parse(table(section::TRAPS), &frames).unwrap();
        let offsets = |function| -> BTreeSet<u32> {
            traps.rows(function).map(|row| row.wasm_offset).collect()
        };
        let expected = BTreeSet::from([100, 120, 70000]);
        assert!(
            offsets(0).is_superset(&expected),
            "{name}: {:?}",
            offsets(0)
        );
        assert!(offsets(1).contains(&210), "{name}");
        assert!(
            !offsets(1).contains(&100) && !offsets(0).contains(&200),
            "{name}"
        );
        // No line table, no rows; no code, no rows.
        assert_eq!(
            [offsets(2).len(), offsets(3).len(), offsets(4).len()],
            [0, 0, 0],
            "{name}"
        );
        // The call in `f2` is between the start and the end of the code of line 210.
        let caller = file.symbol_by_name("wamr.f2").unwrap();
        let section = file
            .section_by_index(caller.section_index().unwrap())
            .unwrap();
        let call = section
            .relocations()
            .filter(|(offset, relocation)| {
                let RelocationTarget::Symbol(index) = relocation.target() else {
                    return false;
                };
                let name = file
                    .symbol_by_index(index)
                    .unwrap()
                    .name()
                    .unwrap()
                    .to_owned();
                caller.address() <= *offset
                    && *offset < caller.address() + caller.size()
                    && name == "wamr.f1"
            })
            .map(|(offset, _)| u32::try_from(offset - caller.address()).unwrap())
            .next()
            .unwrap();
        let origin = traps.lookup(1, call).unwrap();
        assert_eq!(origin.wasm_offset, 210, "{name}");
    }
}

#[test]
fn tables_say_what_the_compiler_knows() {
    let (target, module) = (target("x86_64"), module_info());
    let mut input = input(&target, &module, &[FIRST, SECOND]);
    input.frame_strategy = FrameStrategy::Explicit;
    input.functions[1].has_frame_record = true;
    input.functions[1].locals = vec![(3, ValType::I64)];
    let bytes = emit(&input).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let table = |name| file.section_by_name(name).unwrap().data().unwrap();
    let header = Header::parse(table(section::HEADER)).unwrap();
    assert_eq!(header.total_length, bytes.len() as u64);
    assert_eq!(
        (
            header.defined_functions,
            header.types,
            header.imported_functions
        ),
        (5, 1, 0)
    );
    assert_eq!(header.source_hash, [7; 32]);
    let frames = FramesView::parse(table(section::FRAMES), 5).unwrap();
    let size = |name| file.symbol_by_name(name).unwrap().size();
    assert_eq!(u64::from(frames.get(1).unwrap().code_size), size("wamr.f2"));
    assert!(frames.get(1).unwrap().has_record);
    assert_eq!(
        frames.get(1).unwrap().locals().collect::<Vec<_>>(),
        [(3, ValType::I64)]
    );
    assert_eq!(frames.get(4).unwrap().code_size, 0);
    let names = NamesView::parse(table(section::NAMES), 5).unwrap();
    assert_eq!(names.function(1), Some("two"));
    assert_eq!(names.locals(1).collect::<Vec<_>>(), [(3, "x")]);
    let builtins = builtins_table::parse(table(section::BUILTINS)).unwrap();
    assert_eq!(builtins.iter().collect::<Vec<_>>(), [BuiltinId::Trap]);
    assert_eq!(table(section::DATA), b"data");
    assert_eq!(table(".wamr.custom.note"), [1, 2, 3]);
}

#[test]
fn a_linker_finds_every_table() {
    for name in TARGETS {
        let (target, module) = (target(name), module_info());
        let mut input = input(&target, &module, &[FIRST, SECOND]);
        input.linked_symbol = "here".to_owned();
        let file = emit(&input).unwrap();
        let object = object::File::parse(&*file).unwrap();
        let here = object.symbol_by_name("here").unwrap();
        assert!(here.is_global() && here.is_definition(), "{name}");
        let linked = object.section_by_name(section::LINKED).unwrap();
        assert_eq!(here.section_index(), Some(linked.index()), "{name}");
        let (data, relocations) = (linked.data().unwrap(), linked.relocations());
        let relocations: HashMap<u64, _> = relocations.collect();
        let word = if name == "riscv32" { 4 } else { 8 };
        assert_eq!(data.len(), 2 * word * LinkedObject::TABLES);
        for (index, table) in LinkedObject::SECTIONS.into_iter().enumerate() {
            let place = 2 * word * index;
            let mut length = [0; 8];
            length[..word].copy_from_slice(&data[place + word..][..word]);
            let length = u64::from_le_bytes(length);
            let Some(section) = object.section_by_name(table) else {
                assert_eq!(length, 0, "{name} {table}");
                assert!(!relocations.contains_key(&(place as u64)), "{name} {table}");
                continue;
            };
            assert_eq!(length, section.size(), "{name} {table}");
            let RelocationTarget::Symbol(symbol) = relocations[&(place as u64)].target() else {
                panic!("{name} {table}");
            };
            let symbol = object.symbol_by_index(symbol).unwrap();
            assert_eq!(
                symbol.section_index(),
                Some(section.index()),
                "{name} {table}"
            );
            assert_eq!(symbol.address(), 0, "{name} {table}");
        }
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (target, module) = (target("x86_64"), module_info());
    let make = || emit(&input(&target, &module, &[FIRST, SECOND])).unwrap();
    assert_eq!(make(), make());
}

/// Relocations through a table of addresses, or pairs that relaxation needs, would make loading harder.
#[test]
fn relocations_are_simple_ones() {
    for (name, allowed) in [
        ("x86_64", &[1, 2, 4, 24][..]), // 64, PC32, PLT32, PC64 (unwind tables)
        (
            "aarch64",
            &[257, 261, 275, 277, 278, 282, 283, 284, 285, 286, 299][..],
        ),
        ("riscv64", &[1, 2, 18, 19, 20, 23, 24, 25, 57][..]),
        ("riscv32", &[1, 2, 18, 19, 20, 23, 24, 25, 57][..]),
    ] {
        let (target, module) = (target(name), module_info());
        let bytes = emit(&input(&target, &module, &[FIRST, SECOND])).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        for section in file.sections() {
            for (_, relocation) in section.relocations() {
                let RelocationFlags::Elf { r_type } = relocation.flags() else {
                    panic!()
                };
                let found = r_type.0;
                assert!(
                    allowed.contains(&found),
                    "{name} {:?}: {found}",
                    section.name()
                );
            }
        }
    }
}

#[test]
fn what_has_no_place_is_named() {
    let (target, module) = (target("x86_64"), module_info());
    let cases = [
        ("@counter = global i32 5", ".data"),
        ("@counter = thread_local global i32 5", ".tdata"),
        (
            "declare void @puts()\ndefine void @wamr.f1() { call void @puts() ret void }",
            "puts",
        ),
        ("@x = constant i32 5, section \"mine\"", "mine"),
    ];
    for (ir, expected) in cases {
        let error = emit(&input(&target, &module, &[ir]))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
    let twice = emit(&input(&target, &module, &[FIRST, FIRST]))
        .unwrap_err()
        .to_string();
    assert!(twice.contains("unit 1 defines wamr."), "{twice}");
}

#[test]
fn a_plain_object_has_no_tables_and_keeps_its_globals() {
    let target = target("x86_64");
    let bytes = emit_plain(
        &[compile(&target, FIRST), compile(&target, SECOND)],
        &target,
    )
    .unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    assert!(
        !file
            .sections()
            .any(|section| section.name().unwrap().starts_with(".wamr"))
    );
    assert!(file.symbol_by_name("wamr.f2").unwrap().is_global());
}

/// No code model needs symbols or relocations that a loader does not do.
#[test]
fn every_code_model_can_be_loaded() {
    let module = module_info();
    for (name, levels) in [
        ("x86_64", &[0, 1, 2, 3][..]),
        ("aarch64", &[0, 1, 3]),
        ("riscv64", &[0, 1, 3]),
        ("riscv32", &[0, 1, 3]),
    ] {
        for level in levels {
            let options = TargetOptions {
                target: Some(name.to_owned()),
                size_level: Some(*level),
                ..Default::default()
            };
            let target = Target::new(&options).unwrap();
            if let Err(error) = emit(&input(&target, &module, &[FIRST, SECOND])) {
                panic!("{name}, level {level}: {error}");
            }
        }
    }
}
