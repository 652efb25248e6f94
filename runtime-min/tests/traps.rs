//! Traps of every origin, where they are said to be, and that nothing is lost by them.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use support::{
    TestModule, TestSite, add, framed, invalid, load, mappings, recurse, store, trap, wild_load,
};
use wamr_aot_loader::format::module::MemoryType;
use wamr_runtime_min::{Error, Instance, Linker, SlotValue, Store, Trap, TrapCause, Val, ValType};

const PAGE: MemoryType = MemoryType {
    limits: wamr_runtime_min::Limits {
        min: 1,
        max: None,
        is_64: false,
        shared: false,
    },
    page_size_log2: 16,
};

fn module() -> TestModule {
    TestModule::new()
        .function("recurse", TestModule::NULLARY, recurse())
        .function("trap", TestModule::NULLARY, trap())
        .function("invalid", TestModule::NULLARY, invalid())
        .with(|function| function.traps = &[(0, 0x10), (1, 0x11)])
        .function("load", TestModule::UNARY, support::load_code())
        .with(|function| function.traps = &[(0, 0x50), (6, 0x55)])
        .function("add", TestModule::BINARY, add())
        .function("wild", TestModule::NULLARY, wild_load())
        .info(|info| info.memories.push(PAGE))
}

fn instance(store: &mut Store) -> Instance {
    Linker::new().instantiate(store, &load(&module())).unwrap()
}

fn call_to_trap(store: &mut Store, instance: Instance, name: &str, arguments: &[Val]) -> Trap {
    match instance
        .get_func(store, name)
        .unwrap()
        .call(store, arguments)
    {
        Err(Error::Trap(trap)) => *trap,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn traps_of_every_origin_land_and_leave_the_store_usable() {
    let mut store = store();
    let instance = instance(&mut store);
    let cases: &[(&str, &[Val], TrapCause, Option<u32>)] = &[
        ("trap", &[], TrapCause::IntegerDivideByZero, Some(0x123)),
        ("invalid", &[], TrapCause::Unreachable, Some(0x11)),
        (
            "load",
            &[Val::I32(65536)],
            TrapCause::MemoryOutOfBounds,
            Some(0x55),
        ),
        (
            "load",
            &[Val::I32(-1)],
            TrapCause::MemoryOutOfBounds,
            Some(0x55),
        ),
        ("recurse", &[], TrapCause::CallStackExhausted, None),
    ];
    for _ in 0..3 {
        for (name, arguments, cause, ip) in cases {
            let trap = call_to_trap(&mut store, instance, name, arguments);
            assert_eq!(trap.cause, *cause, "{name}");
            assert_eq!(trap.frames().len(), 1, "{name}: {:?}", trap.frames());
            assert_eq!(trap.frames()[0].ip(), *ip, "{name}");
            assert_eq!(trap.frames()[0].name(), Some(*name));
            assert_eq!(trap.frames()[0].module().name(), Some("test module"));
            let add = instance.get_func(&store, "add").unwrap();
            let sum = add.call(&mut store, &[Val::I32(1), Val::I32(2)]).unwrap();
            assert_eq!(sum, [Val::I32(3)]);
        }
    }
}

#[test]
fn accesses_inside_a_memory_do_not_trap() {
    let mut store = store();
    let module = load(&module().info(|info| {
        info.exports.push(wamr_aot_loader::format::module::Export {
            name: "memory".into(),
            kind: wamr_aot_loader::format::module::ExportKind::Memory,
            index: 0,
        });
    }));
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    let memory = instance.get_memory(&store, "memory").unwrap();
    memory.write(&mut store, 65532, &[1, 2, 3, 4]).unwrap();
    let load = instance.get_func(&store, "load").unwrap();
    let load = load.typed::<u32, u32>(&store).unwrap();
    assert_eq!(load.call(&mut store, 65532).unwrap(), 0x0403_0201);
    assert!(load.call(&mut store, 65533).is_err());
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 1);
    assert_eq!(load.call(&mut store, 65533).unwrap(), 0x0004_0302);
    assert!(load.call(&mut store, 131_072).is_err());
}

#[test]
fn threads_trap_independently() {
    let module = load(&module());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut store = store();
                let instance = Linker::new().instantiate(&mut store, &module).unwrap();
                for _ in 0..100 {
                    let trap = call_to_trap(&mut store, instance, "load", &[Val::I32(-4)]);
                    assert_eq!(trap.cause, TrapCause::MemoryOutOfBounds);
                    call_to_trap(&mut store, instance, "recurse", &[]);
                }
            });
        }
    });
}

#[test]
fn frame_records_give_the_call_stack_with_values() {
    let module = TestModule::new()
        .function("outer", TestModule::UNARY, framed())
        .with(|function| {
            (function.record, function.stack) = (Some(1), 64);
            function.sites = &[TestSite {
                ip: 0x40,
                locals: &[0],
                operands: &[ValType::I64],
            }];
        })
        .function("inner", TestModule::UNARY, trap());
    let mut store = store();
    let instance = Linker::new()
        .instantiate(&mut store, &load(&module))
        .unwrap();
    for value in [5, 6] {
        let trap = call_to_trap(&mut store, instance, "outer", &[Val::I32(value)]);
        let frames: Vec<String> = trap.frames().iter().map(ToString::to_string).collect();
        assert_eq!(frames, ["0x0123 - inner", "0x0040 - outer"]);
        let values = trap.frames()[1].values().unwrap();
        assert_eq!(values.locals, [SlotValue::Value(Val::I32(value))]);
        assert_eq!(values.operands, [SlotValue::Value(Val::I64(99))]);
    }
}

#[test]
fn a_trap_in_inlined_code_is_the_inlined_functions() {
    // The code of `outer` has a row for an instruction of `inner`.
    let module = TestModule::new()
        .function("outer", TestModule::UNARY, support::load_code())
        .with(|function| (function.wasm_offset, function.traps) = (0x40, &[(0, 0x45), (6, 0x55)]))
        .function("inner", TestModule::UNARY, support::load_code())
        .with(|function| function.wasm_offset = 0x50)
        .info(|info| info.memories.push(PAGE));
    let mut store = store();
    let instance = Linker::new()
        .instantiate(&mut store, &load(&module))
        .unwrap();
    let trap = call_to_trap(&mut store, instance, "outer", &[Val::I32(-4)]);
    let frames: Vec<String> = trap.frames().iter().map(ToString::to_string).collect();
    assert_eq!(frames, ["0x0055 - inner"]);
}

#[test]
fn stores_give_everything_back() {
    let round = || {
        let mut store = store();
        let instance = instance(&mut store);
        call_to_trap(&mut store, instance, "recurse", &[]);
        call_to_trap(&mut store, instance, "load", &[Val::I32(-4)]);
    };
    // Other tests of this program run at the same time and come and go; a leak of several mappings a
    // round would still show.
    round();
    let before = mappings();
    for _ in 0..200 {
        round();
    }
    let after = mappings();
    assert!(
        after < before + 200,
        "{before} mappings before, {after} after"
    );
}

/// The process's own handler for SIGSEGV, installed before the runtime's.
extern "C" fn own_handler(_: libc::c_int) {
    // SAFETY: `_exit` may be called in a signal handler.
    unsafe { libc::_exit(42) };
}

fn wild_read() {
    // SAFETY: none; the read is meant to fault, in a process of its own.
    unsafe { core::ptr::without_provenance::<u8>(16).read_volatile() };
}

/// What the processes of the next test do, by name.
fn in_subprocess(name: &str) {
    if name == "own handler" {
        // SAFETY: the handler only leaves the process.
        unsafe {
            libc::signal(
                libc::SIGSEGV,
                own_handler as *const () as libc::sighandler_t,
            )
        };
    }
    let mut store = store();
    let instance = instance(&mut store);
    let trap = call_to_trap(&mut store, instance, "load", &[Val::I32(-4)]);
    assert_eq!(trap.cause, TrapCause::MemoryOutOfBounds);
    match name {
        // Compiled code that reads where no memory of its store is has not trapped: something is broken.
        "wild code" => {
            let _ = instance
                .get_func(&store, "wild")
                .unwrap()
                .call(&mut store, &[]);
        }
        "replaced store" => {
            let replace = |mut caller: wamr_runtime_min::Caller<'_>| {
                let other = support::store();
                drop(std::mem::replace(caller.store(), other));
            };
            let replace = wamr_runtime_min::Func::wrap(&mut store, replace);
            let _ = replace.call(&mut store, &[]);
        }
        _ => wild_read(),
    }
    std::process::exit(0);
}

#[test]
fn what_is_not_a_trap_goes_to_the_previous_handler() {
    use std::os::unix::process::ExitStatusExt;
    const VARIABLE: &str = "WAMR_TEST_CASE";
    if let Ok(name) = std::env::var(VARIABLE) {
        in_subprocess(&name);
    }
    for (name, code, signal) in [
        ("own handler", Some(42), None),
        ("default", None, Some(libc::SIGSEGV)),
        ("wild code", None, Some(libc::SIGSEGV)),
        ("replaced store", None, Some(libc::SIGABRT)),
    ] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_is_not_a_trap_goes_to_the_previous_handler"])
            .env(VARIABLE, name)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), code, "{name}: {output:?}");
        assert_eq!(output.status.signal(), signal, "{name}: {output:?}");
    }
}
