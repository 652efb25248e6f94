//! Tail calls: how deep they go, what frames show of them, and that they can be interrupted.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use wamr_runtime_min::{
    Caller, Error, FuncType, Linker, Module, SlotValue, Store, StoreConfig, TrapCause, Val,
};
use wamrc_rs::{FrameOptions, FrameStrategy, Options, compile};

const STRATEGIES: [FrameStrategy; 3] = [
    FrameStrategy::None,
    FrameStrategy::Explicit,
    FrameStrategy::Mapped,
];

fn options(strategy: FrameStrategy, opt_level: u8) -> Options {
    Options {
        opt_level,
        frames: FrameOptions {
            strategy,
            all: true,
            ..FrameOptions::default()
        },
        ..Options::default()
    }
}

fn load(text: &str, options: &Options) -> Module {
    let object = compile(text.as_bytes(), options).expect("the module compiles");
    Module::load(&object.bytes).expect("the object loads")
}

/// Two functions of different types, whose arguments registers do not hold, call each other: by name, through
/// a table, and by reference.
const PING_PONG: &str = r#"(module
    (type $ping (func (param i64 i64) (result i64 f64)))
    (type $pong (func (param f64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64 f64)))
    (table funcref (elem $ping1 $pong1))
    (elem declare func $ping2 $pong2)
    (func $ping0 (type $ping)
        (if (i64.eqz (local.get 0)) (then (return (local.get 1) (f64.const 0.5))))
        (return_call $pong0 (f64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)
            (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)
            (i64.sub (local.get 0) (i64.const 1)) (local.get 1)))
    (func $pong0 (type $pong)
        (return_call $ping0 (local.get 12) (i64.add (local.get 13) (local.get 11))))
    (func $ping1 (type $ping)
        (if (i64.eqz (local.get 0)) (then (return (local.get 1) (f64.const 0.5))))
        (return_call_indirect (type $pong) (f64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)
            (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)
            (i64.sub (local.get 0) (i64.const 1)) (local.get 1) (i32.const 1)))
    (func $pong1 (type $pong)
        (return_call_indirect (type $ping) (local.get 12) (i64.add (local.get 13) (local.get 11)) (i32.const 0)))
    (func $ping2 (type $ping)
        (if (i64.eqz (local.get 0)) (then (return (local.get 1) (f64.const 0.5))))
        (return_call_ref $pong (f64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)
            (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)
            (i64.sub (local.get 0) (i64.const 1)) (local.get 1) (ref.func $pong2)))
    (func $pong2 (type $pong)
        (return_call_ref $ping (local.get 12) (i64.add (local.get 13) (local.get 11)) (ref.func $ping2)))
    (export "direct" (func $ping0))
    (export "indirect" (func $ping1))
    (export "reference" (func $ping2)))"#;

#[test]
fn a_hundred_million_tail_calls_take_no_stack() {
    for strategy in STRATEGIES {
        for (opt_level, rounds) in [(0, 5_000_000), (3, 50_000_000)] {
            let module = load(PING_PONG, &options(strategy, opt_level));
            let mut config = StoreConfig::default();
            config.stack_size = 1 << 16;
            let mut store = Store::new(config).expect("there is memory");
            let instance = Linker::new()
                .instantiate(&mut store, &module)
                .expect("it links");
            for name in ["direct", "indirect", "reference"] {
                let function = instance.get_func(&store, name).expect("it is exported");
                // Each round is two calls.
                let results = function.call(&mut store, &[Val::I64(rounds), Val::I64(0)]);
                assert_eq!(
                    results.expect("it returns"),
                    [Val::I64(rounds), Val::F64(0.5_f64.to_bits())],
                    "{name} {strategy:?} {opt_level}"
                );
            }
        }
    }
}

/// `run` calls `first`, which `second` takes the place of, which `env.look` takes the place of or is called by.
const LOOK: &str = r#"(module
    (import "env" "look" (func $look (param i32)))
    (func $second (param i64 i64 i64 i64 i64 i64 i64 i32) (local $kept i32)
        (local.set $kept (i32.const 9))
        (if (local.get 7) (then (call $look (i32.const 1))))
        (if (i32.eqz (local.get 7)) (then (unreachable)))
        (drop (local.get $kept))
        (return_call $look (local.get $kept)))
    (func $first (param i32) (local $gone i32)
        (local.set $gone (i32.const 8))
        (call $look (i32.const 0))
        (drop (local.get $gone))
        (return_call $second (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6)
            (i64.const 7) (local.get 0)))
    (func (export "run") (param i32) (call $first (local.get 0))))"#;

#[test]
fn the_called_function_takes_the_callers_place_in_every_view() {
    type Seen = Rc<RefCell<Vec<Vec<(u32, Option<Val>)>>>>;
    for strategy in STRATEGIES {
        for opt_level in [0, 3] {
            let module = load(LOOK, &options(strategy, opt_level));
            let mut store = Store::new(StoreConfig::default()).expect("there is memory");
            let mut linker = Linker::new();
            let seen = Seen::default();
            let sink = seen.clone();
            linker
                .func_wrap("env", "look", move |mut caller: Caller<'_>, _: i32| {
                    let frames = caller.frames();
                    let show = |frame: &wamr_runtime_min::FrameView| {
                        let last = frame.values().and_then(|values| values.locals.last());
                        let value = last.and_then(|value| match value {
                            SlotValue::Value(value) => Some(*value),
                            _ => None,
                        });
                        (frame.func_index(), value)
                    };
                    sink.borrow_mut().push(frames.iter().map(show).collect());
                })
                .expect("it is new");
            let instance = linker.instantiate(&mut store, &module).expect("it links");
            let run = instance.get_func(&store, "run").expect("it is exported");
            run.call(&mut store, &[Val::I32(1)]).expect("it returns");
            let value = |value| (strategy != FrameStrategy::None).then_some(Val::I32(value));
            let (run_frame, first, second) = ((3, value(1)), (2, value(8)), (1, value(9)));
            assert_eq!(
                *seen.borrow(),
                [
                    vec![first, run_frame],
                    vec![second, run_frame],
                    vec![run_frame]
                ],
                "{strategy:?} {opt_level}"
            );
            let error = run.call(&mut store, &[Val::I32(0)]).expect_err("it traps");
            let Error::Trap(trap) = &error else {
                panic!("{error}");
            };
            assert_eq!(trap.cause, TrapCause::Unreachable);
            let functions: Vec<u32> = trap
                .frames()
                .iter()
                .map(|frame| frame.func_index())
                .collect();
            assert_eq!(functions, [1, 3], "{strategy:?} {opt_level}");
        }
    }
}

/// More arguments than registers, to the host: by an ordinary call, in the caller's place, and through a table.
const TO_THE_HOST: &str = r#"(module
    (type $host (func (param i64 f64 i32 f32 i64 f64 i32 f32 i64 f64 i32 f32 i64 f64 i32 f32 i64 i64 i64 i64)
        (result i64 f32)))
    (import "env" "host" (func $host (type $host)))
    (table funcref (elem $host))
    (func (export "call") (param i64) (result i64 f32)
        (call $host (i64.const 1) (f64.const 2) (i32.const 3) (f32.const 4) (i64.const 5) (f64.const 6)
            (i32.const 7) (f32.const 8) (i64.const 9) (f64.const 10) (i32.const 11) (f32.const 12)
            (i64.const 13) (f64.const 14) (i32.const 15) (f32.const 16) (i64.const 17) (i64.const 18)
            (i64.const 19) (local.get 0)))
    (func (export "return_call") (param i64) (result i64 f32)
        (return_call $host (i64.const 1) (f64.const 2) (i32.const 3) (f32.const 4) (i64.const 5) (f64.const 6)
            (i32.const 7) (f32.const 8) (i64.const 9) (f64.const 10) (i32.const 11) (f32.const 12)
            (i64.const 13) (f64.const 14) (i32.const 15) (f32.const 16) (i64.const 17) (i64.const 18)
            (i64.const 19) (local.get 0)))
    (func (export "return_call_indirect") (param i64) (result i64 f32)
        (return_call_indirect (type $host) (i64.const 1) (f64.const 2) (i32.const 3) (f32.const 4) (i64.const 5)
            (f64.const 6) (i32.const 7) (f32.const 8) (i64.const 9) (f64.const 10) (i32.const 11) (f32.const 12)
            (i64.const 13) (f64.const 14) (i32.const 15) (f32.const 16) (i64.const 17) (i64.const 18)
            (i64.const 19) (local.get 0) (i32.const 0))))"#;

#[test]
fn a_host_function_takes_twenty_arguments() {
    use wamr_runtime_min::ValType::{F32, F64, I32, I64};
    for strategy in STRATEGIES {
        let module = load(TO_THE_HOST, &options(strategy, 3));
        let mut store = Store::new(StoreConfig::default()).expect("there is memory");
        let mut linker = Linker::new();
        let params = [I64, F64, I32, F32].repeat(4).into_iter().chain([I64; 4]);
        let ty = FuncType::new(params, [I64, F32]);
        linker
            .func("env", "host", ty, |_, arguments, results| {
                let number = |value: &Val| match *value {
                    Val::I32(value) => f64::from(value),
                    Val::I64(value) => value as f64,
                    Val::F32(bits) => f64::from(f32::from_bits(bits)),
                    Val::F64(bits) => f64::from_bits(bits),
                    _ => f64::NAN,
                };
                let numbers: Vec<f64> = arguments.iter().map(number).collect();
                let expected: Vec<f64> = (1..=20).map(f64::from).collect();
                assert_eq!(numbers, expected);
                results[0] = Val::I64(21);
                results[1] = Val::F32(0.5_f32.to_bits());
                Ok(())
            })
            .expect("it is new");
        let instance = linker.instantiate(&mut store, &module).expect("it links");
        for name in ["call", "return_call", "return_call_indirect"] {
            let function = instance.get_func(&store, name).expect("it is exported");
            assert_eq!(
                function
                    .call(&mut store, &[Val::I64(20)])
                    .expect("it returns"),
                [Val::I64(21), Val::F32(0.5_f32.to_bits())],
                "{name} {strategy:?}"
            );
        }
    }
}

#[test]
fn endless_tail_recursion_is_interrupted() {
    const ENDLESS: &str = r#"(module
        (table funcref (elem $indirect))
        (func $a (export "itself") (return_call $a))
        (func $b (export "each other") (param i64) (return_call $c (f64.const 1)))
        (func $c (param f64) (return_call $b (i64.const 1)))
        (func $indirect (export "indirect") (return_call_indirect (i32.const 0))))"#;
    for strategy in STRATEGIES {
        for (opt_level, safepoints) in [(0, true), (3, true), (3, false)] {
            let options = Options {
                safepoints,
                ..options(strategy, opt_level)
            };
            let module = load(ENDLESS, &options);
            for name in ["itself", "each other", "indirect"] {
                let mut store = Store::new(StoreConfig::default()).expect("there is memory");
                let instance = Linker::new()
                    .instantiate(&mut store, &module)
                    .expect("it links");
                let function = instance.get_func(&store, name).expect("it is exported");
                let arguments: &[Val] = match name {
                    "each other" => &[Val::I64(0)],
                    _ => &[],
                };
                // On a busy machine a request may come before the code runs; then there is nothing to see.
                let trap = (0..8)
                    .map(|attempt| {
                        let handle = store.interrupt_handle();
                        let clock = std::thread::spawn(move || {
                            std::thread::sleep(Duration::from_millis(20 << attempt));
                            handle.interrupt();
                        });
                        let error = function
                            .call(&mut store, arguments)
                            .expect_err("it is endless");
                        clock.join().expect("the clock stops");
                        let Error::Trap(trap) = error else {
                            panic!("{name}: {error}");
                        };
                        assert_eq!(trap.cause, TrapCause::Interrupted, "{name}");
                        trap
                    })
                    .find(|trap| !trap.frames().is_empty())
                    .expect("the code runs");
                assert_eq!(
                    trap.frames().len(),
                    1,
                    "{name} {strategy:?} {opt_level} {safepoints}"
                );
            }
        }
    }
}
