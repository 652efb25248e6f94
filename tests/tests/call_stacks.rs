//! What call stacks show after a trap: functions and values, through inlining, at explicit and at
//! hardware traps, at every optimisation level and in both memory models.

use wamr_runtime_min::{Error, Instance, Linker, Module, Store, StoreConfig, Trap, Val};
use wamrc_rs::{FrameOptions, FrameStrategy, Options, compile};

struct Case {
    name: &'static str,
    module: &'static str,
    argument: i32,
    /// Functions, youngest first.
    functions: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "a load in inlined functions, after another of them has returned",
        module: r#"(module (memory 1)
            (func $inner (param i32) (result i32) (i32.load (local.get 0)))
            (func $mid (param i32) (result i32) (i32.add (i32.const 1) (call $inner (local.get 0))))
            (func $other (param i32) (result i32)
                (i32.add (i32.const 1) (call $inner (i32.add (i32.const 4) (local.get 0)))))
            (func $f (export "f") (param i32) (result i32)
                (drop (call $other (i32.const 0)))
                (call $mid (local.get 0))))"#,
        argument: 70_000,
        functions: &["inner", "mid", "f"],
    },
    Case {
        name: "a load after a call",
        module: r#"(module (memory 1)
            (func $grow (result i32) (memory.grow (i32.const 1)))
            (func $f (export "f") (param i32) (result i32)
                (drop (call $grow))
                (i32.load (local.get 0))))"#,
        argument: 200_000,
        functions: &["f"],
    },
    Case {
        name: "a division",
        module: r#"(module
            (func $divide (param i32) (result i32) (i32.div_u (i32.const 7) (local.get 0)))
            (func $f (export "f") (param i32) (result i32) (i32.add (i32.const 1) (call $divide (local.get 0)))))"#,
        argument: 0,
        functions: &["divide", "f"],
    },
    Case {
        name: "a builtin",
        module: r#"(module (memory 1) (data $d "abc")
            (func $init (param i32) (memory.init $d (local.get 0) (i32.const 0) (i32.const 3)))
            (func $f (export "f") (param i32) (result i32) (call $init (local.get 0)) (i32.const 0)))"#,
        argument: 65_535,
        functions: &["init", "f"],
    },
    Case {
        name: "recursion",
        module: r#"(module
            (func $f (export "f") (param i32) (result i32)
                (if (result i32) (local.get 0)
                    (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
                    (else (unreachable)))))"#,
        argument: 3,
        functions: &["f", "f", "f", "f"],
    },
];

/// Every strategy, level and memory model.
fn options() -> impl Iterator<Item = Options> {
    let strategies = [
        FrameStrategy::None,
        FrameStrategy::Explicit,
        FrameStrategy::Mapped,
    ];
    strategies.into_iter().flat_map(|strategy| {
        let frames = FrameOptions {
            strategy,
            all: true,
            ..FrameOptions::default()
        };
        [0, 1, 2, 3].into_iter().flat_map(move |opt_level| {
            [false, true].map(|checks| Options {
                opt_level,
                bounds_checks: Some(checks),
                frames,
                ..Options::default()
            })
        })
    })
}

/// As [`options`], with values.
fn options_with_values() -> impl Iterator<Item = Options> {
    options().filter(|options| options.frames.strategy != FrameStrategy::None)
}

fn trap(module: &str, argument: i32, options: &Options) -> Trap {
    trap_in(StoreConfig::default(), module, argument, options)
}

fn trap_in(config: StoreConfig, module: &str, argument: i32, options: &Options) -> Trap {
    let object = compile(module.as_bytes(), options).expect("the module compiles");
    let module = Module::load(&object.bytes).expect("the object loads");
    let mut store = Store::new(config).expect("a store");
    let instance: Instance = Linker::new()
        .instantiate(&mut store, &module)
        .expect("the module instantiates");
    let function = instance.get_func(&store, "f").expect("it is exported");
    match function.call(&mut store, &[Val::I32(argument)]) {
        Err(Error::Trap(trap)) => *trap,
        other => panic!("no trap but {other:?}"),
    }
}

#[test]
fn every_function_is_shown_whatever_was_inlined() {
    for case in CASES {
        // Without frames LLVM may let several checks share the code that raises their trap.
        let options = options().filter(|options| {
            options.frames.strategy != FrameStrategy::None || options.bounds_checks == Some(false)
        });
        for options in options {
            let trap = trap(case.module, case.argument, &options);
            let names: Vec<_> = (trap.frames().iter())
                .map(|frame| frame.name().unwrap_or("?"))
                .collect();
            let how = (
                options.frames.strategy,
                options.opt_level,
                options.bounds_checks,
            );
            assert_eq!(names, case.functions, "{} at {how:?}", case.name);
            assert!(
                trap.frames().iter().all(|frame| frame.ip().is_some()),
                "{}",
                case.name
            );
        }
    }
}

#[test]
fn values_of_explicit_traps_are_those_of_the_moment() {
    let module = r#"(module
        (func $divide (param i32 i64) (result i32)
            (local.set 1 (i64.add (local.get 1) (i64.const 1)))
            (i32.div_u (i32.const 7) (local.get 0)))
        (func $f (export "f") (param i32) (result i32)
            (local $x i32)
            (local.set $x (i32.const 11))
            (local.set $x (i32.add (call $divide (local.get 0) (i64.const 41)) (local.get $x)))
            (local.get $x)))"#;
    for options in options_with_values() {
        let trap = trap(module, 0, &options);
        let values = |frame: usize| trap.frames()[frame].values().expect("values are shown");
        let locals = |frame: usize| format!("{:?}", values(frame).locals);
        assert_eq!(
            locals(0),
            "[Value(I32(0)), Value(I64(42))]",
            "{:?}",
            options.opt_level
        );
        assert_eq!(
            format!("{:?}", values(0).operands),
            "[Value(I32(7)), Value(I32(0))]",
            "the operands before the division"
        );
        assert_eq!(
            locals(1),
            "[Value(I32(0)), Value(I32(11))]",
            "{:?}",
            options.opt_level
        );
    }
}

#[test]
fn values_that_are_not_those_of_the_trap_are_not_shown() {
    // The local changes after the last commit point; the load is found by the hardware.
    let module = r#"(module (memory 1)
        (func $g)
        (func $f (export "f") (param i32) (result i32)
            (call $g)
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (i32.load (local.get 0))))"#;
    let mut options = options_with_values().last().expect("there are options");
    options.bounds_checks = Some(false);
    assert!(
        trap(module, 70_000, &options).frames()[0]
            .values()
            .is_none()
    );
    options.bounds_checks = Some(true);
    let trap = trap(module, 70_000, &options);
    let values = trap.frames()[0].values().expect("values are shown");
    assert_eq!(format!("{:?}", values.locals), "[Value(I32(70001))]");
}

#[test]
fn frames_beyond_the_limit_are_counted_one_by_one() {
    // Three functions in turn, some of which may be inlined into others.
    let module = r#"(module
        (func $a (export "f") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $b (i32.sub (local.get 0) (i32.const 1)))))
                (else (unreachable))))
        (func $b (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.mul (i32.const 3) (call $c (i32.sub (local.get 0) (i32.const 1)))))
                (else (unreachable))))
        (func $c (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.xor (i32.const 5) (call $a (i32.sub (local.get 0) (i32.const 1)))))
                (else (unreachable)))))"#;
    for options in options() {
        for (depth, limit) in [(100, 7), (1_000, 256), (5, 256), (10, 0)] {
            let mut config = StoreConfig::default();
            config.max_trap_frames = limit;
            let trap = trap_in(config, module, depth, &options);
            let all = usize::try_from(depth).expect("a small number") + 1;
            let how = (options.frames.strategy, options.opt_level, depth, limit);
            assert_eq!(trap.frames().len(), all.min(limit), "{how:?}");
            assert_eq!(trap.omitted_frames, all.saturating_sub(limit), "{how:?}");
        }
    }
}
