//! The description of the module.

use super::*;

/// Errors in `.wamr.module`.
macro_rules! module_case {
    ($name:expr, $bytes:expr, $pattern:pat) => {
        case!(
            $name,
            $bytes,
            Error::Table {
                section: section::MODULE,
                error: $pattern,
                ..
            }
        )
    };
}

fn typed_reference(ty: u32) -> ValType {
    ValType::Ref(RefType::null(HeapType::Concrete(ty)))
}

/// The module with more types: 1 to 3 are `() -> ()` and may be super types.
fn types(change: fn(&mut Vec<SubType>)) -> Vec<u8> {
    with(|parts| {
        let types = &mut parts.module.types;
        types[1].is_final = false;
        types.resize(4, types[1].clone());
        change(types);
    })
}

pub fn cases() -> Vec<Case> {
    let import = |kind| {
        with(|parts| {
            parts.module.imports.push(Import {
                module: "a".into(),
                name: "b".into(),
                kind,
            });
        })
    };
    let memory = |change: fn(&mut MemoryType)| with(|parts| change(&mut parts.module.memories[0]));
    let export = |name: &str, kind, index| {
        let name = name.to_owned();
        with(|parts| parts.module.exports.push(Export { name, kind, index }))
    };
    let element = |table, ty, items: Vec<Vec<u8>>| {
        with(|parts| {
            parts.module.elements.push(Element {
                mode: SegmentMode::Active {
                    index: table,
                    offset: i32_const(0),
                },
                ty,
                items,
            })
        })
    };
    let data = |mode, offset, length| {
        with(|parts| {
            parts.module.data.push(Data {
                mode,
                offset,
                length,
            })
        })
    };
    vec![
        module_case!(
            "module that ends early",
            raw_table(section::MODULE, |table| table.truncate(40)),
            TableError::Truncated { .. }
        ),
        module_case!(
            "bytes behind the module",
            raw_table(section::MODULE, |table| table.push(0)),
            TableError::TrailingBytes { found: 1, .. }
        ),
        module_case!(
            "start flag",
            raw_table(section::MODULE, |table| table[0] = 2),
            TableError::StartFlag { flag: 2, .. }
        ),
        module_case!(
            "offsets of a list",
            // u32 has start, u32 start, u32 count, then the types' offsets.
            raw_table(section::MODULE, |table| table[12] = 1),
            TableError::ListOffsets { index: 0, .. }
        ),
        module_case!(
            "value type",
            // The types' records follow three offsets; each begins with flags and two counts.
            raw_table(section::MODULE, |table| table[12 + 12 + 3] = 0x55),
            TableError::Byte {
                what: "a value type",
                found: 0x55
            }
        ),
        module_case!(
            "number of parameters",
            raw_table(section::MODULE, |table| table[12 + 12 + 1] = 0x55),
            TableError::Truncated {
                what: "a value type"
            }
        ),
        module_case!(
            "flags of a type",
            raw_table(section::MODULE, |table| table[12 + 12] = 0x08),
            TableError::Byte {
                what: "a type's flags",
                found: 0x08
            }
        ),
        module_case!(
            "reference to a type that is not there",
            import(ImportKind::Global(GlobalType {
                ty: typed_reference(2),
                mutable: false,
            })),
            TableError::Index {
                found: 2,
                limit: 2,
                ..
            }
        ),
        module_case!(
            "type that refers to a later one",
            with(|parts| parts.module.types[0].func.params = vec![typed_reference(1)]),
            TableError::Index {
                found: 1,
                limit: 1,
                ..
            }
        ),
        module_case!(
            "type that refers to one behind its group",
            types(|types| {
                types[1].ends_group = false;
                types[2].func.results = vec![typed_reference(3)];
            }),
            TableError::Index {
                found: 3,
                limit: 3,
                ..
            }
        ),
        module_case!(
            "group longer than the types",
            types(|types| {
                for ty in &mut types[1..] {
                    ty.ends_group = false;
                }
            }),
            TableError::OpenGroup { first: 1 }
        ),
        module_case!(
            "super type that is not there",
            types(|types| types[1].supertype = Some(9)),
            TableError::Index {
                what: "a super type",
                found: 9,
                limit: 1
            }
        ),
        module_case!(
            "super type that stands behind its sub type",
            types(|types| {
                types[1].ends_group = false;
                types[1].supertype = Some(2);
            }),
            TableError::Index {
                what: "a super type",
                found: 2,
                limit: 1
            }
        ),
        module_case!(
            "type that is its own super type",
            types(|types| types[1].supertype = Some(1)),
            TableError::Index {
                what: "a super type",
                found: 1,
                limit: 1
            }
        ),
        module_case!(
            "final super type",
            types(|types| {
                types[1].is_final = true;
                types[2].supertype = Some(1);
            }),
            TableError::FinalSuperType { found: 1 }
        ),
        module_case!(
            "more super types than there may be",
            types(|types| {
                types.resize(66, types[1].clone());
                for (index, ty) in (0..).zip(types).skip(2) {
                    ty.supertype = Some(index - 1);
                }
            }),
            TableError::SubtypingDepth
        ),
        module_case!(
            "super type with more parameters",
            types(|types| {
                types[1].func.params = vec![ValType::I32];
                types[2].supertype = Some(1);
            }),
            TableError::SuperType { found: 1, of: 2 }
        ),
        module_case!(
            "parameter that the super type's does not match",
            types(|types| {
                types[1].func.params = vec![ValType::FUNCREF];
                types[2].func.params = vec![ValType::Ref(RefType::non_null(HeapType::Func))];
                types[2].supertype = Some(1);
            }),
            TableError::SuperType { found: 1, of: 2 }
        ),
        module_case!(
            "result that does not match the super type's",
            types(|types| {
                types[1].func.results = vec![ValType::Ref(RefType::null(HeapType::NoFunc))];
                types[2].func.results = vec![ValType::FUNCREF];
                types[2].supertype = Some(1);
            }),
            TableError::SuperType { found: 1, of: 2 }
        ),
        module_case!(
            "longer form of a type",
            raw_table(section::MODULE, |table| {
                // `(ref null func)`, where two numbers were.
                table[12 + 12 + 3] = 0x63;
                table[12 + 12 + 4] = 0x70;
            }),
            TableError::Byte {
                what: "a value type",
                found: 0x63
            }
        ),
        module_case!(
            "table without a first value",
            with(|parts| {
                let ty = RefType::non_null(HeapType::Func);
                parts.module.tables[0].ty.element = ValType::Ref(ty);
                parts.module.tables[0].init = None;
                parts.module.elements.clear();
            }),
            TableError::TableWithoutValue
        ),
        module_case!(
            "null where there may be none",
            global_init(
                ValType::Ref(RefType::non_null(HeapType::Func)),
                &[0xd0, 0x70, 0x0b]
            ),
            TableError::ConstType { .. }
        ),
        module_case!(
            "name that is not UTF-8",
            raw_table(section::MODULE, |table| {
                let at = table.windows(6).position(|bytes| bytes == b"offset");
                table[at.unwrap()] = 0xff;
            }),
            TableError::Utf8 { .. }
        ),
        module_case!(
            "type of an import",
            import(ImportKind::Func(2)),
            TableError::Index {
                found: 2,
                limit: 2,
                ..
            }
        ),
        module_case!(
            "limits of an imported table",
            import(ImportKind::Table(TableType {
                element: ValType::FUNCREF,
                limits: limits(1 << 32, None),
            })),
            TableError::LimitsRange { .. }
        ),
        module_case!(
            "table of numbers",
            import(ImportKind::Table(TableType {
                element: ValType::I32,
                limits: limits(1, None),
            })),
            TableError::Byte { found: 0x7f, .. }
        ),
        module_case!(
            "type of a function",
            with(|parts| parts.module.functions[2] = 7),
            TableError::Index {
                found: 7,
                limit: 2,
                ..
            }
        ),
        module_case!(
            "memory of more than 4 GiB",
            memory(|memory| memory.limits = limits(65537, None)),
            TableError::LimitsRange {
                found: 65537,
                limit: 65536
            }
        ),
        module_case!(
            "maximum below the minimum",
            memory(|memory| memory.limits = limits(2, Some(1))),
            TableError::LimitsOrder
        ),
        module_case!(
            "page size",
            memory(|memory| memory.page_size_log2 = 12),
            TableError::Byte { found: 12, .. }
        ),
        module_case!(
            "shared memory without a maximum",
            memory(|memory| {
                memory.limits.max = None;
                memory.limits.shared = true;
            }),
            TableError::SharedWithoutMaximum
        ),
        module_case!(
            "constant of another type",
            global_init(ValType::I64, &i32_const(1)),
            TableError::ConstType {
                expected: ValType::I64,
                found: Some(ValType::I32)
            }
        ),
        module_case!(
            "empty constant expression",
            global_init(ValType::I64, &[0x0b]),
            TableError::ConstType { found: None, .. }
        ),
        module_case!(
            "constant expression without an end",
            global_init(ValType::I32, &[0x41, 1]),
            TableError::Truncated { .. }
        ),
        module_case!(
            "bytes behind a constant expression",
            global_init(ValType::I32, &[0x41, 1, 0x0b, 0x0b]),
            TableError::TrailingBytes { found: 1, .. }
        ),
        module_case!(
            "two values",
            global_init(ValType::I32, &[0x41, 1, 0x41, 1, 0x0b]),
            TableError::ConstStackLeft { found: 1 }
        ),
        module_case!(
            "operand missing",
            global_init(ValType::I32, &[0x41, 1, 0x6a, 0x0b]),
            TableError::ConstType { found: None, .. }
        ),
        module_case!(
            "opcode in a constant expression",
            global_init(ValType::I32, &[0x41, 1, 0x67, 0x0b]),
            TableError::ConstOpcode { found: 0x67 }
        ),
        module_case!(
            "constant too large",
            global_init(ValType::I32, &[0x41, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b]),
            TableError::Leb128 { .. }
        ),
        module_case!(
            "deep constant expression",
            global_init(
                ValType::I32,
                &[&[0x41, 1].repeat(257)[..], &[0x6a; 256], &[0x0b]].concat()
            ),
            TableError::ConstStackFull
        ),
        module_case!(
            "global that can change",
            global_init(ValType::I64, &[0x23, 1, 0x0b]),
            TableError::ConstGlobal { found: 1 }
        ),
        module_case!(
            "global that comes later",
            global_init(ValType::I32, &[0x23, 2, 0x0b]),
            TableError::ConstGlobal { found: 2 }
        ),
        module_case!(
            "function without a reference",
            global_init(ValType::FUNCREF, &ref_func(2)),
            TableError::ConstFunction { found: 2 }
        ),
        module_case!(
            "function that is not there",
            global_init(ValType::FUNCREF, &ref_func(100)),
            TableError::ConstFunction { found: 100 }
        ),
        module_case!(
            "index of an export",
            export("x", ExportKind::Memory, 1),
            TableError::Index {
                found: 1,
                limit: 1,
                ..
            }
        ),
        module_case!(
            "export twice",
            export("run", ExportKind::Func, 1),
            TableError::Order { what: "export", .. }
        ),
        module_case!(
            "export order",
            // The last number.
            raw_table(section::MODULE, |table| {
                let end = table.len();
                table[end - 4] = 1;
            }),
            TableError::Order { what: "export", .. }
        ),
        module_case!(
            "export order of an export that is not there",
            raw_table(section::MODULE, |table| {
                let end = table.len();
                table[end - 4] = 3;
            }),
            TableError::Index {
                found: 3,
                limit: 3,
                ..
            }
        ),
        module_case!(
            "import order",
            // Count and three numbers of the export order, before them two of the import order.
            raw_table(section::MODULE, |table| {
                let end = table.len();
                table[end - 16 - 8] ^= 1;
            }),
            TableError::Order { what: "import", .. }
        ),
        module_case!(
            "tag whose type has results",
            with(|parts| parts.module.tags = vec![0]),
            TableError::TagType { found: 0 }
        ),
        module_case!(
            "tag whose type is not there",
            with(|parts| parts.module.tags = vec![2]),
            TableError::Index {
                what: "a tag's type",
                found: 2,
                limit: 2
            }
        ),
        module_case!(
            "start function with parameters",
            with(|parts| parts.module.start = Some(1)),
            TableError::StartType { found: 1 }
        ),
        module_case!(
            "start function that is not there",
            with(|parts| parts.module.start = Some(4)),
            TableError::Index {
                found: 4,
                limit: 4,
                ..
            }
        ),
        module_case!(
            "function reference of an import",
            with(|parts| parts.module.func_refs = vec![0, 1, 3]),
            TableError::Order {
                what: "function reference",
                position: 0
            }
        ),
        module_case!(
            "function references out of order",
            with(|parts| parts.module.func_refs = vec![3, 1]),
            TableError::Order { position: 1, .. }
        ),
        module_case!(
            "function reference that is not there",
            with(|parts| parts.module.func_refs = vec![1, 3, 4]),
            TableError::Index {
                found: 4,
                limit: 4,
                ..
            }
        ),
        module_case!(
            "elements for a table that is not there",
            element(1, ValType::FUNCREF, vec![]),
            TableError::Index {
                found: 1,
                limit: 1,
                ..
            }
        ),
        module_case!(
            "elements of another type",
            element(0, ValType::EXTERNREF, vec![]),
            TableError::ElementType {
                expected: ValType::FUNCREF,
                found: ValType::EXTERNREF
            }
        ),
        module_case!(
            "item of another type",
            element(0, ValType::FUNCREF, vec![vec![0xd0, 0x6f, 0x0b]]),
            TableError::ConstType { .. }
        ),
        module_case!(
            "heap type",
            element(0, ValType::FUNCREF, vec![vec![0xd0, 0x7f, 0x0b]]),
            TableError::Byte { found: 0x7f, .. }
        ),
        module_case!(
            "data for a memory that is not there",
            data(
                SegmentMode::Active {
                    index: 1,
                    offset: i32_const(0)
                },
                0,
                0
            ),
            TableError::Index {
                found: 1,
                limit: 1,
                ..
            }
        ),
        module_case!(
            "data at an i64",
            data(
                SegmentMode::Active {
                    index: 0,
                    offset: vec![0x42, 0, 0x0b]
                },
                0,
                0
            ),
            TableError::ConstType { .. }
        ),
        module_case!(
            "data outside .wamr.data",
            data(SegmentMode::Passive, 5, 5),
            TableError::DataRange {
                offset: 5,
                length: 5,
                available: 9
            }
        ),
        module_case!(
            "data whose end wraps around",
            data(SegmentMode::Passive, u64::MAX, 2),
            TableError::DataRange { .. }
        ),
        module_case!(
            "declared data",
            data(SegmentMode::Declared, 0, 0),
            TableError::Byte { found: 2, .. }
        ),
    ]
}
