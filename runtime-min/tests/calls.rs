//! Calls between host and compiled code, in both directions and nested.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::{cell::Cell, panic::AssertUnwindSafe, rc::Rc};
use support::{TestModule, add, call_import, func_type, load, store, trap};
use wamr_aot_loader::format::module::ImportKind;
use wamr_runtime_min::{Error, Extern, Func, Instance, Linker, Store, TrapCause, Val, ValType};

fn importing() -> TestModule {
    TestModule::new()
        .import("host", "f", ImportKind::Func(TestModule::UNARY))
        .function("call", TestModule::UNARY, call_import())
        .function("trap", TestModule::UNARY, trap())
}

fn instantiate(store: &mut Store, linker: &Linker) -> Instance {
    linker.instantiate(store, &load(&importing())).unwrap()
}

#[test]
fn arguments_and_results_cross_typed_and_untyped() {
    let mut store = store();
    let module = load(&TestModule::new().function("add", TestModule::BINARY, add()));
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    let add = instance.get_func(&store, "add").unwrap();
    assert_eq!(
        add.ty(&store),
        func_type(&[ValType::I32, ValType::I32], &[ValType::I32])
    );
    let results = add.call(&mut store, &[Val::I32(40), Val::I32(-2)]).unwrap();
    assert_eq!(results, [Val::I32(38)]);
    let typed = add.typed::<(i32, u32), u32>(&store).unwrap();
    assert_eq!(typed.call(&mut store, (-1, 1)).unwrap(), 0);
    assert!(add.typed::<i32, i32>(&store).is_err());
    assert!(matches!(
        add.call(&mut store, &[Val::I32(1)]),
        Err(Error::ArgumentCount {
            expected: 2,
            found: 1
        })
    ));
    assert!(matches!(
        add.call(&mut store, &[Val::I32(1), Val::I64(1)]),
        Err(Error::ArgumentType { index: 1, .. })
    ));
    assert!(matches!(
        add.call(&mut support::store(), &[]),
        Err(Error::WrongStore)
    ));
}

#[test]
fn a_host_function_knows_its_caller() {
    let mut store = store();
    let seen = Rc::new(Cell::new(None));
    let mut linker = Linker::new();
    let note = seen.clone();
    linker
        .func_wrap(
            "host",
            "f",
            move |caller: wamr_runtime_min::Caller<'_>, x: i32| {
                note.set(caller.instance());
                x * 2
            },
        )
        .unwrap();
    let first = instantiate(&mut store, &linker);
    let second = instantiate(&mut store, &linker);
    for instance in [first, second] {
        let call = instance.get_func(&store, "call").unwrap();
        assert_eq!(
            call.call(&mut store, &[Val::I32(21)]).unwrap(),
            [Val::I32(42)]
        );
        assert_eq!(seen.get(), Some(instance));
    }
}

#[test]
fn an_untyped_host_function_gets_and_gives_values() {
    let mut store = store();
    let mut linker = Linker::new();
    let ty = func_type(&[ValType::I32], &[ValType::I32]);
    linker
        .func("host", "f", ty, |_, arguments, results| {
            assert_eq!(results, [Val::I32(0)]);
            let Val::I32(x) = arguments[0] else { panic!() };
            // A result of a wrong type is an error, not a wrong value.
            results[0] = if x == 0 { Val::F32(0) } else { Val::I32(x + 1) };
            Ok(())
        })
        .unwrap();
    let call = instantiate(&mut store, &linker)
        .get_func(&store, "call")
        .unwrap();
    assert_eq!(
        call.call(&mut store, &[Val::I32(1)]).unwrap(),
        [Val::I32(2)]
    );
    assert!(matches!(
        call.call(&mut store, &[Val::I32(0)]),
        Err(Error::ResultType { index: 0, .. })
    ));
}

#[test]
fn a_host_error_comes_out_as_it_went_in() {
    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("exit {0}")]
    struct Exit(i32);

    let mut store = store();
    let mut linker = Linker::new();
    linker
        .func_wrap("host", "f", |x: i32| -> Result<i32, Error> {
            Err(Error::host(Exit(x)))
        })
        .unwrap();
    let call = instantiate(&mut store, &linker)
        .get_func(&store, "call")
        .unwrap();
    for code in [3, 4] {
        match call.call(&mut store, &[Val::I32(code)]) {
            Err(Error::Host(error)) => assert_eq!(error.downcast_ref(), Some(&Exit(code))),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_panic_in_a_host_function_goes_on_behind_the_call() {
    let mut store = store();
    let mut linker = Linker::new();
    linker
        .func_wrap("host", "f", |x: i32| -> i32 {
            assert!(x != 7, "seven");
            x
        })
        .unwrap();
    let call = instantiate(&mut store, &linker)
        .get_func(&store, "call")
        .unwrap();
    let panic =
        std::panic::catch_unwind(AssertUnwindSafe(|| call.call(&mut store, &[Val::I32(7)])));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"seven"));
    assert_eq!(
        call.call(&mut store, &[Val::I32(8)]).unwrap(),
        [Val::I32(8)]
    );
}

/// host → wasm → host → … → wasm, ending in what `end` does.
fn nested(end: impl Fn(&mut Store, Instance) -> Result<i32, Error> + 'static) -> (Store, Func) {
    let mut store = store();
    let mut linker = Linker::new();
    linker
        .func_wrap(
            "host",
            "f",
            move |mut caller: wamr_runtime_min::Caller<'_>, x: i32| -> Result<i32, Error> {
                let instance = caller.instance().unwrap();
                let store = caller.store();
                if x == 0 {
                    return end(store, instance);
                }
                let call = instance.get_func(store, "call").unwrap();
                let inner = call.typed::<i32, i32>(store)?.call(store, x - 1)?;
                Ok(inner + 1)
            },
        )
        .unwrap();
    let call = instantiate(&mut store, &linker)
        .get_func(&store, "call")
        .unwrap();
    (store, call)
}

#[test]
fn calls_nest() {
    let (mut store, call) = nested(|_, _| Ok(100));
    for _ in 0..3 {
        assert_eq!(
            call.call(&mut store, &[Val::I32(50)]).unwrap(),
            [Val::I32(150)]
        );
    }
}

#[test]
fn an_inner_trap_goes_through_every_level() {
    let (mut store, call) = nested(|store, instance| {
        let trap = instance.get_func(store, "trap").unwrap();
        trap.typed::<i32, i32>(store)?.call(store, 0)
    });
    for _ in 0..3 {
        match call.call(&mut store, &[Val::I32(20)]) {
            Err(Error::Trap(trap)) => {
                assert_eq!(trap.cause, TrapCause::IntegerDivideByZero);
                assert_eq!(trap.frames()[0].ip(), Some(0x123));
                assert_eq!(trap.frames()[0].name(), Some("trap"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_host_function_can_go_on_after_an_inner_trap() {
    let (mut store, call) = nested(|store, instance| {
        let trap = instance.get_func(store, "trap").unwrap();
        assert!(trap.call(store, &[Val::I32(0)]).is_err());
        Ok(1)
    });
    assert_eq!(
        call.call(&mut store, &[Val::I32(5)]).unwrap(),
        [Val::I32(6)]
    );
}

#[test]
fn a_host_function_can_trap() {
    let (mut store, call) =
        nested(|_, _| Err(wamr_runtime_min::Trap::new(TrapCause::NullReference).into()));
    match call.call(&mut store, &[Val::I32(2)]) {
        Err(Error::Trap(trap)) => assert_eq!(trap.cause, TrapCause::NullReference),
        other => panic!("{other:?}"),
    }
}

#[test]
fn endless_nesting_exhausts_a_stack_and_nothing_else() {
    let body = || {
        let mut store = store();
        let mut linker = Linker::new();
        linker
            .func_wrap(
                "host",
                "f",
                |mut caller: wamr_runtime_min::Caller<'_>, x: i32| -> Result<i32, Error> {
                    let instance = caller.instance().unwrap();
                    let call = instance.get_func(caller.store_ref(), "call").unwrap();
                    call.typed::<i32, i32>(caller.store_ref())?
                        .call(caller.store(), x)
                },
            )
            .unwrap();
        let call = instantiate(&mut store, &linker)
            .get_func(&store, "call")
            .unwrap();
        for _ in 0..2 {
            match call.call(&mut store, &[Val::I32(1)]) {
                Err(Error::Trap(trap)) => assert_eq!(trap.cause, TrapCause::CallStackExhausted),
                other => panic!("{other:?}"),
            }
        }
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    thread.spawn(body).unwrap().join().unwrap();
}

#[test]
fn host_functions_are_called_without_compiled_code_too() {
    let mut store = store();
    let sum = Func::wrap(&mut store, |a: i64, b: f64, c: u128| (a, b, c));
    let values = [
        Val::I64(-1),
        Val::F64(1.5f64.to_bits()),
        Val::V128(1 << 100),
    ];
    assert_eq!(sum.call(&mut store, &values).unwrap(), values);
    let typed = sum
        .typed::<(i64, f64, u128), (i64, f64, u128)>(&store)
        .unwrap();
    assert_eq!(typed.call(&mut store, (7, 2.0, 9)).unwrap(), (7, 2.0, 9));
}

#[test]
fn a_compiled_function_of_one_instance_serves_as_import_of_another() {
    let mut store = store();
    let mut linker = Linker::new();
    linker.func_wrap("host", "f", |x: i32| x + 1).unwrap();
    let first = instantiate(&mut store, &linker);
    let mut second = Linker::new();
    second
        .define("host", "f", first.get_func(&store, "call").unwrap())
        .unwrap();
    let second = instantiate(&mut store, &second);
    let call = second.get_func(&store, "call").unwrap();
    assert_eq!(
        call.call(&mut store, &[Val::I32(1)]).unwrap(),
        [Val::I32(2)]
    );
    assert!(matches!(
        second.export(&store, "call"),
        Some(Extern::Func(_))
    ));
}
