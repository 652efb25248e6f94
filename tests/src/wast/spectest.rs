//! The host module `spectest` that the specification's scripts import from.

use wamr_runtime_min::{
    Error, FuncType, Global, GlobalType, Limits, Linker, Memory, MemoryType, Store, Table,
    TableType, Val, ValType,
};

/// Functions that print their arguments in the reference interpreter; here they do nothing.
const FUNCTIONS: &[(&str, &[ValType])] = &[
    ("print", &[]),
    ("print_i32", &[ValType::I32]),
    ("print_i64", &[ValType::I64]),
    ("print_f32", &[ValType::F32]),
    ("print_f64", &[ValType::F64]),
    ("print_i32_f32", &[ValType::I32, ValType::F32]),
    ("print_f64_f64", &[ValType::F64, ValType::F64]),
];

/// Defines everything in `spectest`.
pub fn define(store: &mut Store, linker: &mut Linker) -> Result<(), Error> {
    for (name, params) in FUNCTIONS {
        let ty = FuncType::new(params.iter().copied(), []);
        linker.func("spectest", name, ty, |_, _, _| Ok(()))?;
    }
    let globals = [
        ("global_i32", Val::I32(666)),
        ("global_i64", Val::I64(666)),
        ("global_f32", Val::F32(666.6_f32.to_bits())),
        ("global_f64", Val::F64(666.6_f64.to_bits())),
    ];
    for (name, value) in globals {
        let ty = GlobalType {
            ty: value.ty(),
            mutable: false,
        };
        linker.define("spectest", name, Global::new(store, ty, value)?)?;
    }
    let limits = |min, max| Limits {
        min,
        max: Some(max),
        is_64: false,
        shared: false,
    };
    let ty = TableType {
        element: ValType::FUNCREF,
        limits: limits(10, 20),
    };
    linker.define(
        "spectest",
        "table",
        Table::new(store, ty, Val::FuncRef(None))?,
    )?;
    let ty = TableType {
        element: ValType::FUNCREF,
        limits: Limits {
            is_64: true,
            ..limits(10, 20)
        },
    };
    linker.define(
        "spectest",
        "table64",
        Table::new(store, ty, Val::FuncRef(None))?,
    )?;
    let ty = MemoryType {
        limits: limits(1, 2),
        page_size_log2: 16,
    };
    linker.define("spectest", "memory", Memory::new(store, ty)?)?;
    let ty = MemoryType {
        limits: Limits {
            shared: true,
            ..limits(1, 2)
        },
        ..ty
    };
    linker.define("spectest", "shared_memory", Memory::new(store, ty)?)?;
    Ok(())
}
