//! Stopping compiled code from other threads: at polls, and by a signal at any instruction.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use wamr_runtime_min::{
    Caller, Error, Instance, InterruptHandle, Linker, Module, Store, StoreConfig, Trap, TrapCause,
    Val,
};
use wamrc_rs::{FrameOptions, FrameStrategy, Options, compile};

/// Endless, each in a way of its own: an empty loop, memory, calls, builtins, host calls, C functions,
/// and entries from the host.
const ENDLESS: &str = r#"(module
    (import "env" "nothing" (func $nothing (param i32)))
    (import "env" "again" (func $again (param i32)))
    (import "env" "swallow" (func $swallow (param i32)))
    (memory 2)
    (global $count (mut i32) (i32.const 0))
    (func (export "empty") (param i32) (loop $l (br $l)))
    (func (export "memory") (param i32)
        (loop $l
            (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
            (br $l)))
    (func $fib (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add
                (call $fib (i32.sub (local.get 0) (i32.const 1)))
                (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "calls") (param i32) (loop $l (drop (call $fib (i32.const 12))) (br $l)))
    (func (export "builtins") (param i32)
        (loop $l (drop (memory.grow (i32.const 0))) (br $l)))
    (func (export "fill") (param i32)
        (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 100)) (br $l)))
    (func (export "host") (param i32) (loop $l (call $nothing (local.get 0)) (br $l)))
    (func $short (export "short") (param i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1))))
    (func (export "nested") (param i32)
        (if (local.get 0)
            (then (call $again (i32.sub (local.get 0) (i32.const 1))))
            (else (loop $l (drop (call $fib (i32.const 5))) (br $l)))))
    (func (export "entries") (param i32) (loop $l (call $swallow (i32.const 0)) (br $l)))
    (func (export "sum") (param i32) (result i32) (call $fib (local.get 0))))"#;

const FUNCTIONS: [&str; 8] = [
    "empty", "memory", "calls", "builtins", "fill", "host", "nested", "entries",
];

fn options() -> impl Iterator<Item = Options> {
    [
        FrameStrategy::None,
        FrameStrategy::Explicit,
        FrameStrategy::Mapped,
    ]
    .into_iter()
    .flat_map(|strategy| {
        [(0, false), (3, false), (3, true)].map(|(opt_level, safepoints)| Options {
            opt_level,
            safepoints,
            frames: FrameOptions {
                strategy,
                all: true,
                ..FrameOptions::default()
            },
            ..Options::default()
        })
    })
}

fn call_export(caller: &mut Caller<'_>, name: &str, x: i32) -> Result<(), Error> {
    let instance = caller.instance().expect("a module calls");
    let function = instance
        .get_func(caller.store_ref(), name)
        .expect("it is exported");
    function.call(caller.store(), &[Val::I32(x)]).map(drop)
}

fn instance(options: &Options) -> (Store, Instance) {
    let object = compile(ENDLESS.as_bytes(), options).expect("the module compiles");
    let module = Module::load(&object.bytes).expect("the object loads");
    let mut linker = Linker::new();
    linker
        .func_wrap("env", "nothing", |_: i32| {})
        .expect("it is new")
        .func_wrap("env", "again", |mut caller: Caller<'_>, x: i32| {
            call_export(&mut caller, "nested", x)
        })
        .expect("it is new")
        .func_wrap("env", "swallow", |mut caller: Caller<'_>, x: i32| {
            // A host function that does not care.
            let _ = call_export(&mut caller, "short", x);
        })
        .expect("it is new");
    let mut store = Store::new(StoreConfig::default()).expect("a store");
    let instance = linker
        .instantiate(&mut store, &module)
        .expect("it instantiates");
    (store, instance)
}

fn interrupted(store: &mut Store, instance: Instance, name: &str, x: i32) -> Trap {
    let function = instance.get_func(store, name).expect("it is exported");
    match function.call(store, &[Val::I32(x)]) {
        Err(Error::Trap(trap)) if trap.cause == TrapCause::Interrupted => *trap,
        other => panic!("{name}: {other:?}"),
    }
}

/// Asks for an interruption after a while.
fn later(handle: InterruptHandle, wait: Duration) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        std::thread::sleep(wait);
        handle.interrupt();
    })
}

#[test]
fn any_code_is_interrupted_and_the_store_lives_on() {
    for options in options() {
        let how = (
            options.frames.strategy,
            options.opt_level,
            options.safepoints,
        );
        let (mut store, instance) = instance(&options);
        let handle = store.interrupt_handle();
        for round in 0..6u64 {
            for name in FUNCTIONS {
                // Moments that differ by less than a turn of any of the loops.
                let wait = Duration::from_micros(300 + round * 37);
                let other = later(handle.clone(), wait);
                let trap = interrupted(&mut store, instance, name, 3);
                other.join().expect("no panic");
                assert!(
                    trap.frames().iter().all(|frame| frame.func_index() > 2),
                    "{how:?} {name}: {trap:?}"
                );
                if name == "nested" {
                    let nested = trap.frames().iter();
                    let nested = nested.filter(|frame| frame.func_index() == 11).count();
                    // The innermost is the one that computes; before, there may be fewer.
                    let computes = trap.frames().iter().any(|frame| frame.func_index() == 5);
                    assert!(
                        nested == 4 || nested < 4 && !computes,
                        "{how:?}: {:?}",
                        trap.frames()
                    );
                }
                // Interrupted once only, and everything still works.
                let sum = instance.get_func(&store, "sum").expect("it is exported");
                let result = sum.call(&mut store, &[Val::I32(15)]).expect("no trap");
                assert_eq!(result, [Val::I32(610)], "{how:?} after {name}");
            }
        }
    }
}

#[test]
fn a_request_before_a_call_stops_it_and_one_that_is_taken_back_does_not() {
    let (mut store, instance) = instance(&Options::default());
    let handle = store.interrupt_handle();
    handle.interrupt();
    interrupted(&mut store, instance, "short", 0);
    handle.interrupt();
    handle.cancel();
    let short = instance.get_func(&store, "short").expect("it is exported");
    short.call(&mut store, &[Val::I32(0)]).expect("no trap");
    drop(store);
    // Nothing is there any more.
    handle.interrupt();
    handle.cancel();
}

#[test]
fn results_are_right_while_interruptions_come_and_go() {
    for options in options() {
        let (mut store, instance) = instance(&options);
        let handle = store.interrupt_handle();
        let stop = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while stop.load(Ordering::Relaxed) == 0 {
                    handle.interrupt();
                    std::thread::sleep(Duration::from_micros(400));
                }
            });
            let sum = instance.get_func(&store, "sum").expect("it is exported");
            let (mut right, mut stopped) = (0, 0);
            let begun = Instant::now();
            let enough = |right, stopped| right > 10 && stopped > 10;
            while !enough(right, stopped) && begun.elapsed() < Duration::from_secs(120) {
                match sum.call(&mut store, &[Val::I32(12)]) {
                    Ok(result) => {
                        assert_eq!(result, [Val::I32(144)]);
                        right += 1;
                    }
                    Err(Error::Trap(trap)) if trap.cause == TrapCause::Interrupted => stopped += 1,
                    Err(error) => panic!("{error:?}"),
                }
            }
            stop.store(1, Ordering::Relaxed);
            assert!(enough(right, stopped), "{right} {stopped}");
        });
    }
}
