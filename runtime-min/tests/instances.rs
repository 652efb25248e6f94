//! Instantiation and what instances share.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use support::{
    TestModule, add, call_element, grow, init, limits, load, load_code, store, swap_global,
    swap_imported_global, trap,
};
use wamr_aot_loader::format::module::{
    Data, Element, Export, ExportKind, Global as ModuleGlobal, ImportKind, SegmentMode,
    Table as ModuleTable,
};
use wamr_runtime_min::{
    Error, Extern, ExternRef, ExternType, Func, Global, GlobalType, LinkError, Linker, Memory,
    MemoryType, Store, StoreConfig, Table, TableType, TrapCause, Val, ValType,
};

const END: u8 = 0x0b;

fn i32_const(value: u8) -> Vec<u8> {
    assert!(value < 64);
    vec![0x41, value, END]
}

fn ref_func(index: u8) -> Vec<u8> {
    vec![0xd2, index, END]
}

fn memory_type(min: u64, max: Option<u64>) -> MemoryType {
    MemoryType {
        limits: limits(min, max),
        page_size_log2: 16,
    }
}

fn table_type(min: u64, max: Option<u64>) -> TableType {
    TableType {
        element: ValType::FUNCREF,
        limits: limits(min, max),
    }
}

const MUTABLE_I32: GlobalType = GlobalType {
    ty: ValType::I32,
    mutable: true,
};
const CONST_I32: GlobalType = GlobalType {
    ty: ValType::I32,
    mutable: false,
};

fn active(index: u32, offset: u8) -> SegmentMode {
    SegmentMode::Active {
        index,
        offset: i32_const(offset),
    }
}

fn export(name: &str, kind: ExportKind) -> Export {
    Export {
        name: name.into(),
        kind,
        index: 0,
    }
}

#[test]
fn imports_must_be_there_and_of_the_right_type() {
    let mut store = store();
    let memory = Memory::new(&mut store, memory_type(1, Some(2))).unwrap();
    let global = Global::new(&mut store, MUTABLE_I32, Val::I32(1)).unwrap();
    let table = Table::new(&mut store, table_type(10, Some(20)), Val::FuncRef(None)).unwrap();
    let func = Func::wrap(&mut store, |x: i32| x);
    let cases: &[(ImportKind, Extern, bool)] = &[
        (
            ImportKind::Memory(memory_type(1, None)),
            memory.into(),
            true,
        ),
        (
            ImportKind::Memory(memory_type(2, None)),
            memory.into(),
            false,
        ),
        (
            ImportKind::Memory(memory_type(0, Some(1))),
            memory.into(),
            false,
        ),
        (ImportKind::Global(MUTABLE_I32), global.into(), true),
        (ImportKind::Global(CONST_I32), global.into(), false),
        (ImportKind::Global(CONST_I32), func.into(), false),
        (
            ImportKind::Table(table_type(10, Some(20))),
            table.into(),
            true,
        ),
        (
            ImportKind::Table(table_type(10, Some(19))),
            table.into(),
            false,
        ),
        (ImportKind::Func(TestModule::UNARY), func.into(), true),
        (ImportKind::Func(TestModule::BINARY), func.into(), false),
        (ImportKind::Func(TestModule::UNARY), memory.into(), false),
    ];
    for (kind, item, fits) in cases {
        let module = load(&TestModule::new().import("m", "x", *kind));
        let missing = Linker::new().instantiate(&mut store, &module).unwrap_err();
        assert_eq!(missing.to_string(), "unknown import: `m` `x`");
        let mut linker = Linker::new();
        linker.define("m", "x", *item).unwrap();
        match linker.instantiate(&mut store, &module) {
            Ok(_) => assert!(fits, "{kind:?}"),
            Err(error) => {
                assert!(!fits, "{kind:?}: {error}");
                assert!(error.to_string().starts_with("incompatible import type"));
            }
        }
    }
}

#[test]
fn a_grown_memory_is_matched_with_its_new_size() {
    let mut store = store();
    let memory = Memory::new(&mut store, memory_type(1, None)).unwrap();
    let module =
        load(&TestModule::new().import("m", "x", ImportKind::Memory(memory_type(2, None))));
    let mut linker = Linker::new();
    linker.define("m", "x", memory).unwrap();
    assert!(linker.instantiate(&mut store, &module).is_err());
    memory.grow(&mut store, 1).unwrap();
    assert!(linker.instantiate(&mut store, &module).is_ok());
}

#[test]
fn names_are_defined_once_unless_shadowing_is_allowed() {
    let mut linker = Linker::new();
    linker.func_wrap("m", "f", || ()).unwrap();
    let again = linker.func_wrap("m", "f", || ());
    assert!(matches!(again, Err(LinkError::Duplicate { .. })));
    linker
        .allow_shadowing(true)
        .func_wrap("m", "f", || ())
        .unwrap();
}

#[test]
fn data_segments_are_copied_up_to_the_one_that_traps() {
    let mut store = store();
    let memory = Memory::new(&mut store, memory_type(0, None)).unwrap();
    memory.grow(&mut store, 1).unwrap();
    let segment = |offset, mode| Data {
        mode,
        offset,
        length: 2,
    };
    let far = SegmentMode::Active {
        index: 0,
        // 65535.
        offset: vec![0x41, 0xff, 0xff, 0x03, END],
    };
    let mut module = TestModule::new()
        .import("m", "x", ImportKind::Memory(memory_type(1, None)))
        .info(|info| {
            info.data = vec![
                segment(0, active(0, 3)),
                segment(2, far),
                segment(0, active(0, 9)),
            ];
        });
    module.data = vec![1, 2, 3, 4];
    let mut linker = Linker::new();
    linker.define("m", "x", memory).unwrap();
    match linker.instantiate(&mut store, &load(&module)) {
        Err(Error::Trap(trap)) => assert_eq!(trap.cause, TrapCause::MemoryOutOfBounds),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        memory.data(&store)[..12],
        [0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0]
    );
}

#[test]
fn functions_of_a_failed_instance_stay_callable_in_shared_tables() {
    let mut store = store();
    let table = Table::new(&mut store, table_type(2, None), Val::FuncRef(None)).unwrap();
    let element = |offset| Element {
        mode: active(0, offset),
        ty: ValType::FUNCREF,
        items: vec![ref_func(0)],
    };
    let module = TestModule::new()
        .import("m", "t", ImportKind::Table(table_type(1, None)))
        .function("add", TestModule::BINARY, add())
        .info(|info| info.elements = vec![element(1), element(2)]);
    let mut linker = Linker::new();
    linker.define("m", "t", table).unwrap();
    match linker.instantiate(&mut store, &load(&module)) {
        Err(Error::Trap(trap)) => assert_eq!(trap.cause, TrapCause::TableOutOfBounds),
        other => panic!("{other:?}"),
    }
    assert_eq!(table.get(&mut store, 0), Some(Val::FuncRef(None)));
    let Some(Val::FuncRef(Some(add))) = table.get(&mut store, 1) else {
        panic!()
    };
    let sum = add.call(&mut store, &[Val::I32(2), Val::I32(3)]).unwrap();
    assert_eq!(sum, [Val::I32(5)]);
}

#[test]
fn a_host_function_in_a_table_is_called_by_code_that_was_loaded_later() {
    let mut store = store();
    let double = Func::wrap(
        &mut store,
        |caller: wamr_runtime_min::Caller<'_>, x: i32| {
            assert_eq!(caller.instance(), None);
            2 * x
        },
    );
    let table = Table::new(&mut store, table_type(1, None), Val::FuncRef(Some(double))).unwrap();
    let module = TestModule::new()
        .import("m", "t", ImportKind::Table(table_type(1, None)))
        .function("call", TestModule::UNARY, call_element());
    let mut linker = Linker::new();
    linker.define("m", "t", table).unwrap();
    let instance = linker.instantiate(&mut store, &load(&module)).unwrap();
    let call = instance.get_func(&store, "call").unwrap();
    assert_eq!(
        call.call(&mut store, &[Val::I32(4)]).unwrap(),
        [Val::I32(8)]
    );
    assert_eq!(table.get(&mut store, 0), Some(Val::FuncRef(Some(double))));
    // And a compiled function, by the same way.
    table.set(&mut store, 0, Val::FuncRef(Some(call))).unwrap();
    assert_eq!(table.get(&mut store, 0), Some(Val::FuncRef(Some(call))));
}

#[test]
fn mutable_globals_are_shared() {
    let mut store = store();
    let owner = TestModule::new()
        .function("swap", TestModule::UNARY, swap_global())
        .info(|info| {
            // 5 * 2 - 3.
            let init = vec![0x41, 5, 0x41, 2, 0x6c, 0x41, 3, 0x6b, END];
            info.globals.push(ModuleGlobal {
                ty: MUTABLE_I32,
                init,
            });
            info.exports.push(export("g", ExportKind::Global));
        });
    let user = TestModule::new()
        .import("m", "g", ImportKind::Global(MUTABLE_I32))
        .function("swap", TestModule::UNARY, swap_imported_global());
    let owner = Linker::new()
        .instantiate(&mut store, &load(&owner))
        .unwrap();
    let mut linker = Linker::new();
    linker.instance(&mut store, "m", owner).unwrap();
    let user = linker.instantiate(&mut store, &load(&user)).unwrap();
    let global = owner.get_global(&store, "g").unwrap();
    let swap = |store: &mut Store, instance: wamr_runtime_min::Instance, value| {
        let swap = instance.get_func(store, "swap").unwrap();
        swap.typed::<i32, i32>(store)
            .unwrap()
            .call(store, value)
            .unwrap()
    };
    assert_eq!(global.get(&mut store), Val::I32(7));
    assert_eq!(swap(&mut store, owner, 8), 7);
    assert_eq!(swap(&mut store, user, 9), 8);
    assert_eq!(global.get(&mut store), Val::I32(9));
    global.set(&mut store, Val::I32(10)).unwrap();
    assert_eq!(swap(&mut store, user, 0), 10);
    assert!(matches!(
        global.set(&mut store, Val::I64(1)),
        Err(Error::Type { .. })
    ));
}

#[test]
fn values_of_other_stores_are_refused() {
    let (mut one, mut two) = (store(), store());
    let func = Func::wrap(&mut one, || ());
    let reference = ExternRef::new(&mut one, 5);
    let table = Table::new(&mut two, table_type(1, None), Val::FuncRef(None)).unwrap();
    let foreign = Val::FuncRef(Some(func));
    assert!(matches!(
        table.set(&mut two, 0, foreign),
        Err(Error::WrongStore)
    ));
    assert!(matches!(
        table.grow(&mut two, 1, foreign),
        Err(Error::WrongStore)
    ));
    assert!(matches!(func.call(&mut two, &[]), Err(Error::WrongStore)));
    assert_eq!(reference.data(&one), Some(5));
    assert_eq!(reference.data(&two), None);
    assert_eq!(reference, ExternRef::new(&mut one, 5));
    assert_ne!(reference, ExternRef::new(&mut one, 6));
    let module = load(&TestModule::new().import("m", "f", ImportKind::Func(TestModule::NULLARY)));
    let mut linker = Linker::new();
    linker.define("m", "f", func).unwrap();
    assert!(matches!(
        linker.instantiate(&mut two, &module),
        Err(Error::WrongStore)
    ));
}

#[test]
fn memory_builtins_grow_and_copy_within_limits() {
    let mut store = Store::new(StoreConfig::default()).unwrap();
    let mut module = TestModule::new()
        .function("grow", TestModule::UNARY, grow())
        .function("init", TestModule::UNARY, init())
        .function("load", TestModule::UNARY, load_code())
        .info(|info| {
            info.memories.push(memory_type(1, Some(3)));
            info.data = vec![Data {
                mode: SegmentMode::Passive,
                offset: 0,
                length: 4,
            }];
            info.exports.push(export("memory", ExportKind::Memory));
        });
    module.data = vec![1, 2, 3, 4];
    let instance = Linker::new()
        .instantiate(&mut store, &load(&module))
        .unwrap();
    let call = |store: &mut Store, name, value| {
        let func = instance.get_func(store, name).unwrap();
        func.typed::<i32, i32>(store).unwrap().call(store, value)
    };
    for (delta, old) in [(0, 1), (2, 1), (0, 3), (1, -1), (-1, -1)] {
        assert_eq!(
            call(&mut store, "grow", delta).unwrap(),
            old,
            "grow by {delta}"
        );
    }
    assert_eq!(call(&mut store, "load", 3 * 65536 - 4).unwrap(), 0);
    assert_eq!(call(&mut store, "init", 4).unwrap(), 4);
    assert_eq!(call(&mut store, "load", 8).unwrap(), 0x0403_0201);
    match call(&mut store, "init", 5) {
        Err(Error::Trap(trap)) => assert_eq!(trap.cause, TrapCause::MemoryOutOfBounds),
        other => panic!("{other:?}"),
    }
    let memory = instance.get_memory(&store, "memory").unwrap();
    assert_eq!(memory.size_pages(&store), 3);
}

#[test]
fn the_configuration_bounds_memories() {
    let mut config = StoreConfig::default();
    config.max_memory_pages = Some(2);
    let mut store = Store::new(config).unwrap();
    assert!(Memory::new(&mut store, memory_type(3, None)).is_err());
    let memory = Memory::new(&mut store, memory_type(1, None)).unwrap();
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 1);
    assert!(memory.grow(&mut store, 1).is_err());
    let mut bytes = [0; 2];
    assert!(memory.read(&store, 2 * 65536 - 1, &mut bytes).is_err());
    assert!(memory.write(&mut store, u64::MAX, &bytes).is_err());
}

#[test]
fn the_start_function_runs_and_its_trap_is_the_instantiations() {
    let mut store = store();
    let module = TestModule::new()
        .function("start", TestModule::NULLARY, trap())
        .info(|info| info.start = Some(0));
    match Linker::new().instantiate(&mut store, &load(&module)) {
        Err(Error::Trap(trap)) => assert_eq!(trap.cause, TrapCause::IntegerDivideByZero),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_module_tells_its_imports_and_exports() {
    let module = load(
        &TestModule::new()
            .import("m", "f", ImportKind::Func(TestModule::UNARY))
            .function("add", TestModule::BINARY, add())
            .info(|info| {
                info.tables.push(ModuleTable {
                    ty: table_type(1, Some(2)),
                    init: Some(ref_func(1)),
                });
                info.exports.push(export("f", ExportKind::Func));
                info.exports.push(export("t", ExportKind::Table));
            }),
    );
    let imports: Vec<_> = module
        .imports()
        .map(|(m, n, ty)| format!("{m}.{n}: {ty}"))
        .collect();
    assert_eq!(imports, ["m.f: function (i32) -> (i32)"]);
    let exports: Vec<_> = module
        .exports()
        .map(|(name, ty)| format!("{name}: {ty}"))
        .collect();
    assert_eq!(
        exports,
        [
            "f: function (i32) -> (i32)",
            "t: table 1..=2 funcref",
            "add: function (i32, i32) -> (i32)"
        ]
    );
    let mut store = store();
    let mut linker = Linker::new();
    linker.func_wrap("m", "f", |x: i32| x).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let names: Vec<_> = instance.exports(&store).map(|(name, _)| name).collect();
    assert_eq!(names, ["f", "t", "add"]);
    let table = instance.get_table(&store, "t").unwrap();
    let add = instance.get_func(&store, "add").unwrap();
    assert_eq!(table.get(&mut store, 0), Some(Val::FuncRef(Some(add))));
    assert_eq!(instance.module(&store).name(), Some("test module"));
    assert!(matches!(
        Extern::from(table).ty(&store),
        ExternType::Table(_)
    ));
}
