//! Round trips of generated modules: valid by construction, so that the checks have to pass them.

use super::*;
use crate::format::const_expr::{ConstExprView, ConstOp};
use alloc::{format, string::String, vec, vec::Vec};
use proptest::prelude::*;

fn val_type() -> impl Strategy<Value = ValType> {
    // Type 0 is there in every module.
    let typed = ValType::Ref(RefType::null(HeapType::Concrete(0)));
    let nothing = [HeapType::NoFunc, HeapType::NoExtern, HeapType::NoExn];
    let nothing = nothing.map(|heap| ValType::Ref(RefType::null(heap)));
    prop::sample::select([ValType::ALL, &[typed], &nothing].concat())
}

fn reference_type() -> impl Strategy<Value = ValType> {
    let typed = ValType::Ref(RefType::null(HeapType::Concrete(0)));
    prop::sample::select(vec![
        ValType::FUNCREF,
        ValType::EXTERNREF,
        ValType::EXNREF,
        typed,
    ])
}

fn func_type() -> impl Strategy<Value = FuncType> {
    let types = || prop::collection::vec(val_type(), 0..5);
    (types(), types()).prop_map(|(params, results)| FuncType { params, results })
}

/// Types of functions as types of a module: their groups, and whether they take a super type from those before, by
/// numbers.
fn sub_types(types: Vec<(FuncType, u32)>) -> Vec<SubType> {
    let mut result: Vec<SubType> = Vec::new();
    let last = types.len() - 1;
    for (index, (func, seed)) in types.into_iter().enumerate() {
        let open: Vec<u32> = (0..)
            .zip(&result)
            .filter(|(_, ty)| !ty.is_final)
            .map(|(index, _)| index)
            .collect();
        let supertype =
            (seed & 1 != 0 && !open.is_empty()).then(|| open[(seed >> 3) as usize % open.len()]);
        let func = match supertype {
            Some(supertype) => result[supertype as usize].func.clone(),
            None => func,
        };
        result.push(SubType {
            func,
            supertype,
            is_final: seed & 2 != 0,
            ends_group: seed & 4 != 0 || index == last,
        });
    }
    result
}

fn limits(largest: u64) -> impl Strategy<Value = Limits> {
    (0..=largest, prop::option::of(0..=largest)).prop_map(|(min, max)| Limits {
        min: max.map_or(min, |max| min.min(max)),
        max,
        is_64: false,
        shared: false,
    })
}

fn table_type() -> impl Strategy<Value = TableType> {
    (reference_type(), limits(u32::MAX.into()))
        .prop_map(|(element, limits)| TableType { element, limits })
}

fn memory_type() -> impl Strategy<Value = MemoryType> {
    let small = limits(65536).prop_map(|limits| (16, limits));
    let bytes = limits(u32::MAX.into()).prop_map(|limits| (0, limits));
    let wide = limits(1 << 48).prop_map(|limits| {
        let is_64 = true;
        (16, Limits { is_64, ..limits })
    });
    prop_oneof![small, bytes, wide].prop_map(|(page_size_log2, limits)| MemoryType {
        limits,
        page_size_log2,
    })
}

fn global_type() -> impl Strategy<Value = GlobalType> {
    (val_type(), any::<bool>()).prop_map(|(ty, mutable)| GlobalType { ty, mutable })
}

/// An expression of a type that refers to nothing.
fn constant(ty: ValType, seed: u64) -> ConstExpr {
    let mut out = Vec::new();
    let low = seed.to_le_bytes();
    match ty {
        ValType::I32 | ValType::I64 => {
            let (opcode, add) = if ty == ValType::I32 {
                (0x41, 0x6a)
            } else {
                (0x42, 0x7c)
            };
            // Two constants and an addition, or only one.
            out.extend([opcode, low[0] & 0x7f]);
            if seed & 1 != 0 {
                out.extend([opcode, 0x80, low[1] & 0x7f, add]);
            }
        }
        ValType::F32 => {
            out.push(0x43);
            out.extend(&low[..4]);
        }
        ValType::F64 => {
            out.push(0x44);
            out.extend(low);
        }
        ValType::V128 => {
            out.extend([0xfd, 12]);
            out.extend([low, low].concat());
        }
        ValType::Ref(ty) => match ty.heap {
            HeapType::Concrete(index) => out.extend([0xd0, index.to_le_bytes()[0]]),
            heap => {
                out.push(0xd0);
                ValType::Ref(RefType::null(heap)).encode(&mut out);
            }
        },
    }
    out.push(0x0b);
    out
}

/// A module from numbers: indices are taken modulo what there is.
fn assemble(
    types: Vec<SubType>,
    imports: Vec<(String, String, u32, TableType, MemoryType, GlobalType)>,
    functions: Vec<u32>,
    tables: Vec<(TableType, bool)>,
    memories: Vec<MemoryType>,
    globals: Vec<(GlobalType, u64)>,
    seeds: Vec<(u32, u64)>,
) -> ModuleInfo {
    let type_count = u32::try_from(types.len()).unwrap();
    // A tag's type has no results.
    let tag_types: Vec<u32> = (0..)
        .zip(&types)
        .filter(|(_, ty)| ty.func.results.is_empty())
        .map(|(index, _)| index)
        .collect();
    let tag = |number: u32| {
        tag_types
            .get(number as usize % tag_types.len().max(1))
            .copied()
    };
    let imports: Vec<_> = imports
        .into_iter()
        .map(|(module, name, kind, table, memory, global)| Import {
            module,
            name,
            kind: match kind {
                kind @ 0..4 => ImportKind::Func(kind % type_count),
                4 => ImportKind::Table(table),
                5 => ImportKind::Memory(memory),
                6 => ImportKind::Global(global),
                _ => tag(kind).map_or(ImportKind::Global(global), ImportKind::Tag),
            },
        })
        .collect();
    let imported = |wanted| {
        let kinds = imports
            .iter()
            .filter(|import| import.kind.export_kind() == wanted);
        u32::try_from(kinds.count()).unwrap()
    };
    let tags: Vec<u32> = seeds
        .iter()
        .filter_map(|(number, _)| tag(*number))
        .collect();
    let imported_functions = imported(ExportKind::Func);
    let counts = [
        (
            ExportKind::Func,
            imported_functions + u32::try_from(functions.len()).unwrap(),
        ),
        (
            ExportKind::Table,
            imported(ExportKind::Table) + u32::try_from(tables.len()).unwrap(),
        ),
        (
            ExportKind::Memory,
            imported(ExportKind::Memory) + u32::try_from(memories.len()).unwrap(),
        ),
        (
            ExportKind::Global,
            imported(ExportKind::Global) + u32::try_from(globals.len()).unwrap(),
        ),
        (
            ExportKind::Tag,
            imported(ExportKind::Tag) + u32::try_from(tags.len()).unwrap(),
        ),
    ];
    let mut exports = Vec::new();
    let mut elements = Vec::new();
    let mut data = Vec::new();
    for (number, seed) in &seeds {
        let (kind, count) = counts[seed.to_le_bytes()[0] as usize % counts.len()];
        if count > 0 {
            exports.push(Export {
                name: format!("{seed:x} {}", exports.len()),
                kind,
                index: number % count,
            });
        }
        let ty = if seed & 2 == 0 {
            ValType::FUNCREF
        } else {
            ValType::EXTERNREF
        };
        elements.push(Element {
            mode: if seed & 4 == 0 {
                SegmentMode::Passive
            } else {
                SegmentMode::Declared
            },
            ty,
            items: vec![constant(ty, 0); (seed & 3) as usize],
        });
        data.push(Data {
            mode: SegmentMode::Passive,
            offset: u64::from(number % 100),
            length: seed % 100,
        });
    }
    ModuleInfo {
        start: None,
        func_refs: (imported_functions..counts[0].1).step_by(2).collect(),
        tables: tables
            .into_iter()
            .map(|(ty, has_init)| Table {
                init: has_init.then(|| constant(ty.element, 0)),
                ty,
            })
            .collect(),
        globals: globals
            .into_iter()
            .map(|(ty, seed)| Global {
                init: constant(ty.ty, seed),
                ty,
            })
            .collect(),
        functions: functions.into_iter().map(|ty| ty % type_count).collect(),
        tags,
        types,
        imports,
        memories,
        exports,
        elements,
        data,
    }
}

fn module() -> impl Strategy<Value = ModuleInfo> {
    let import = (
        any::<String>(),
        any::<String>(),
        0u32..12,
        table_type(),
        memory_type(),
        global_type(),
    );
    (
        prop::collection::vec((func_type(), any::<u32>()), 1..6).prop_map(sub_types),
        prop::collection::vec(import, 0..8),
        prop::collection::vec(any::<u32>(), 0..8),
        prop::collection::vec((table_type(), any::<bool>()), 0..4),
        prop::collection::vec(memory_type(), 0..3),
        prop::collection::vec((global_type(), any::<u64>()), 0..6),
        prop::collection::vec(any::<(u32, u64)>(), 0..8),
    )
        .prop_map(
            |(types, imports, functions, tables, memories, globals, seeds)| {
                assemble(types, imports, functions, tables, memories, globals, seeds)
            },
        )
}

/// The owned form of what a view shows.
fn owned(view: &ModuleView<'_>) -> ModuleInfo {
    let bytes = |expression: ConstExprView<'_>| expression.bytes().to_vec();
    let mode = |mode| match mode {
        SegmentModeView::Passive => SegmentMode::Passive,
        SegmentModeView::Declared => SegmentMode::Declared,
        SegmentModeView::Active { index, offset } => SegmentMode::Active {
            index,
            offset: bytes(offset),
        },
    };
    ModuleInfo {
        types: view
            .types()
            .iter()
            .map(|ty| SubType {
                func: FuncType {
                    params: ty.func().params().collect(),
                    results: ty.func().results().collect(),
                },
                supertype: ty.supertype(),
                is_final: ty.is_final(),
                ends_group: ty.ends_group(),
            })
            .collect(),
        imports: view
            .imports()
            .iter()
            .map(|import| Import {
                module: import.module.into(),
                name: import.name.into(),
                kind: import.kind,
            })
            .collect(),
        functions: view.functions().iter().collect(),
        tags: view.tags().iter().collect(),
        tables: view
            .tables()
            .iter()
            .map(|table| Table {
                ty: table.ty,
                init: table.init.map(bytes),
            })
            .collect(),
        memories: view.memories().iter().collect(),
        globals: view
            .globals()
            .iter()
            .map(|global| Global {
                ty: global.ty,
                init: bytes(global.init),
            })
            .collect(),
        exports: view
            .exports()
            .iter()
            .map(|export| Export {
                name: export.name.into(),
                kind: export.kind,
                index: export.index,
            })
            .collect(),
        start: view.start(),
        elements: view
            .elements()
            .iter()
            .map(|element| Element {
                mode: mode(element.mode),
                ty: element.ty,
                items: element.items().map(bytes).collect(),
            })
            .collect(),
        data: view
            .data()
            .iter()
            .map(|data| Data {
                mode: mode(data.mode),
                offset: data.offset,
                length: data.length,
            })
            .collect(),
        func_refs: view.func_refs().iter().collect(),
    }
}

proptest! {
    #[test]
    fn round_trip(module in module()) {
        let bytes = module.encode();
        let view = ModuleView::parse(&bytes, 200).unwrap();
        prop_assert_eq!(owned(&view), module.clone());
        let again = ModuleView::assume(&bytes, view.imported);
        prop_assert_eq!(owned(&again), module);
        prop_assert_eq!(again.instance_counts(), view.instance_counts());
    }

    /// Index spaces start with the imports, in their order.
    #[test]
    fn types_are_found_by_index(module in module()) {
        let bytes = module.encode();
        let view = ModuleView::parse(&bytes, 200).unwrap();
        let mut globals = Vec::new();
        let mut memories = Vec::new();
        let mut tables = Vec::new();
        let mut functions = Vec::new();
        let mut tags = Vec::new();
        for import in &module.imports {
            match import.kind {
                ImportKind::Func(ty) => functions.push(ty),
                ImportKind::Table(ty) => tables.push(ty),
                ImportKind::Memory(ty) => memories.push(ty),
                ImportKind::Global(ty) => globals.push(ty),
                ImportKind::Tag(ty) => tags.push(ty),
            }
        }
        tags.extend(&module.tags);
        functions.extend(&module.functions);
        tables.extend(module.tables.iter().map(|table| table.ty));
        memories.extend(&module.memories);
        globals.extend(module.globals.iter().map(|global| global.ty));
        for (index, ty) in (0..).zip(&functions) {
            prop_assert_eq!(view.function_type_index(index), Some(*ty));
        }
        for (index, ty) in (0..).zip(&tables) {
            prop_assert_eq!(view.table_type(index), Some(*ty));
        }
        for (index, ty) in (0..).zip(&memories) {
            prop_assert_eq!(view.memory_type(index), Some(*ty));
        }
        for (index, ty) in (0..).zip(&globals) {
            prop_assert_eq!(view.global_type(index), Some(*ty));
        }
        for (index, ty) in (0..).zip(&tags) {
            prop_assert_eq!(view.tag_type_index(index), Some(*ty));
        }
        prop_assert_eq!(view.global_type(view.count(ExportKind::Global)), None);
        for export in &module.exports {
            prop_assert_eq!(view.export(&export.name).map(|found| found.index), Some(export.index));
        }
    }

    #[test]
    fn every_prefix_is_refused(module in module()) {
        let bytes = module.encode();
        for length in 0..bytes.len() {
            prop_assert!(ModuleView::parse(&bytes[..length], 200).is_err());
        }
    }
}

#[test]
fn types_may_have_63_super_types() {
    let chain = |length| {
        let ty = |index: u32| SubType {
            supertype: index.checked_sub(1),
            is_final: false,
            ..FuncType::default().into()
        };
        let module = ModuleInfo {
            types: (0..length).map(ty).collect(),
            ..ModuleInfo::default()
        };
        ModuleView::parse(&module.encode(), 0).is_ok()
    };
    assert!(chain(64));
    assert!(!chain(65));
}

#[test]
fn operators_of_expressions_are_decoded() {
    let bytes = [
        0x41, 0x7f, 0x41, 0x80, 0x01, 0x6b, 0x23, 0x81, 0x00, 0xd2, 5, 0xd0, 0x6f, 0x43, 1, 0, 0,
        0, 0x42, 0x40, 0x7e, 0x0b,
    ];
    let mut record = vec![u8::try_from(bytes.len()).unwrap()];
    record.extend(bytes);
    let mut reader = crate::format::wire::Reader::new(&record);
    let expression = ConstExprView::decode(&mut reader).unwrap();
    let expected = [
        ConstOp::I32Const(-1),
        ConstOp::I32Const(128),
        ConstOp::I32Sub,
        ConstOp::GlobalGet(1),
        ConstOp::RefFunc(5),
        ConstOp::RefNull(HeapType::Extern),
        ConstOp::F32Const(1),
        ConstOp::I64Const(-64),
        ConstOp::I64Mul,
    ];
    assert!(expression.ops().eq(expected));
}
