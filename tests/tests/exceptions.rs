//! Exceptions across functions, modules, instances and the host: where they land, what is still there then, and what
//! an uncaught one tells.

use std::cell::RefCell;
use std::rc::Rc;

use wamr_runtime_min::{
    Caller, Error, Exception, ExternType, FrameView, FuncType, Instance, Linker, Module, Store,
    StoreConfig, Tag, TrapCause, Val, ValType,
};
use wamrc_rs::{FrameOptions, FrameStrategy, Options, compile, options::optional_features};

const STRATEGIES: [FrameStrategy; 3] = [
    FrameStrategy::None,
    FrameStrategy::Explicit,
    FrameStrategy::Mapped,
];

/// Every strategy at some levels of optimisation.
fn options() -> impl Iterator<Item = Options> {
    STRATEGIES.into_iter().flat_map(|strategy| {
        [0, 1, 3].map(|opt_level| Options {
            opt_level,
            frames: FrameOptions {
                strategy,
                all: true,
                ..FrameOptions::default()
            },
            features: Options::default().features | optional_features(),
            ..Options::default()
        })
    })
}

fn how(options: &Options) -> (FrameStrategy, u8) {
    (options.frames.strategy, options.opt_level)
}

fn load(text: &str, options: &Options) -> Module {
    let object = compile(text.as_bytes(), options).expect("the module compiles");
    Module::load(&object.bytes).expect("the object loads")
}

struct Program {
    store: Store,
    instance: Instance,
}

impl Program {
    fn new(text: &str, options: &Options) -> Program {
        Program::linked(text, options, |_, _| {})
    }

    fn linked(
        text: &str,
        options: &Options,
        define: impl FnOnce(&mut Store, &mut Linker),
    ) -> Program {
        let mut store = Store::new(StoreConfig::default()).expect("a store");
        let mut linker = Linker::new();
        define(&mut store, &mut linker);
        let instance = linker
            .instantiate(&mut store, &load(text, options))
            .expect("the module instantiates");
        Program { store, instance }
    }

    fn call(&mut self, name: &str, arguments: &[Val]) -> Result<Vec<Val>, Error> {
        let function = self.instance.get_func(&self.store, name);
        let function = function.expect("it is exported");
        function.call(&mut self.store, arguments)
    }

    fn exception(&mut self, name: &str, arguments: &[Val]) -> Exception {
        match self.call(name, arguments) {
            Err(Error::Exception(exception)) => *exception,
            other => panic!("no exception but {other:?}"),
        }
    }
}

fn names(frames: &[FrameView]) -> Vec<&str> {
    frames
        .iter()
        .map(|frame| frame.name().unwrap_or("?"))
        .collect()
}

#[test]
fn an_uncaught_exception_tells_its_tag_its_values_and_where_it_was_thrown() {
    let text = r#"(module
        (tag $e (export "e") (param i32 f64 v128 i64))
        (func $thrower (param i32)
            (throw $e (local.get 0) (f64.const 0.5) (v128.const i64x2 3 4) (i64.const -1)))
        (func $middle (param i32) (local $x i64)
            (local.set $x (i64.const 77))
            (call $thrower (i32.add (local.get 0) (i32.const 1)))
            (drop (local.get $x)))
        (func $f (export "f") (param i32) (call $middle (local.get 0))))"#;
    for options in options() {
        let mut program = Program::new(text, &options);
        let exception = program.exception("f", &[Val::I32(6)]);
        let tag = program.instance.get_tag(&program.store, "e");
        assert_eq!(Some(exception.tag()), tag);
        let values = [
            Val::I32(7),
            Val::F64(0.5_f64.to_bits()),
            Val::V128(3 | 4 << 64),
            Val::I64(-1),
        ];
        assert_eq!(exception.values(), values);
        let frames = exception.frames();
        assert_eq!(
            names(frames),
            ["thrower", "middle", "f"],
            "{:?}",
            how(&options)
        );
        if options.frames.strategy != FrameStrategy::None {
            let locals = |frame: usize| &frames[frame].values().expect("values are shown").locals;
            assert_eq!(format!("{:?}", locals(0)), "[Value(I32(7))]");
            assert_eq!(
                format!("{:?}", locals(1)),
                "[Value(I32(6)), Value(I64(77))]"
            );
        }
        assert_eq!(
            exception.to_string(),
            "uncaught exception of tag 0: i32 7, f64 0.5, v128 0x00000000000000040000000000000003, i64 -1"
        );
    }
}

#[test]
fn an_exception_that_is_thrown_again_still_tells_where_it_came_from() {
    for encoding in ["new", "legacy"] {
        let clean_up = |callee: &str| match encoding {
            "new" => format!(
                "(block $all (result exnref) (try_table (catch_all_ref $all) (call {callee})) (return)) \
                 (call $count) (throw_ref)"
            ),
            _ => format!("try call {callee} catch_all call $count rethrow 0 end"),
        };
        let (inner, outer) = (clean_up("$thrower"), clean_up("$inner"));
        let text = format!(
            r#"(module
            (tag $e)
            (global $cleaned (export "cleaned") (mut i32) (i32.const 0))
            (func $count (global.set $cleaned (i32.add (global.get $cleaned) (i32.const 1))))
            (func $thrower (throw $e))
            (func $inner {inner})
            (func $outer {outer})
            (func $f (export "f") (call $outer)))"#
        );
        for options in options() {
            let mut program = Program::new(&text, &options);
            let exception = program.exception("f", &[]);
            assert_eq!(
                names(exception.frames()),
                ["thrower", "inner", "outer", "f"],
                "{encoding} at {:?}",
                how(&options)
            );
            let cleaned = program.instance.get_global(&program.store, "cleaned");
            let cleaned = cleaned.expect("it is exported").get(&mut program.store);
            assert_eq!(cleaned, Val::I32(2), "{encoding} at {:?}", how(&options));
        }
    }
}

#[test]
fn what_a_caller_has_in_registers_is_there_when_an_exception_lands() {
    // More live values of each kind than there are registers that survive calls.
    let kinds = ["i64", "f64", "f32", "i32"];
    let mut text = String::from("(module (import \"\" \"x\" (func $x)) (tag $e (param i32))\n");
    text.push_str("(func $deep (param i32) (if (i32.eqz (local.get 0)) (then (call $x) (throw $e (i32.const 5))))");
    text.push_str(" (call $deep (i32.sub (local.get 0) (i32.const 1))) (call $x))\n");
    for kind in kinds {
        let locals: String = (0..16).map(|i| format!("(local $l{i} {kind})")).collect();
        let sets: String = (0..16)
            .map(|i| format!("(local.set $l{i} ({kind}.add (local.get 0) ({kind}.const {i})))"))
            .collect();
        let sum: String = (0..16)
            .map(|i| format!("(local.set $sum ({kind}.add (local.get $sum) (local.get $l{i})))"))
            .collect();
        text.push_str(&format!(
            "(func (export \"{kind}\") (param {kind}) (result {kind}) {locals} (local $sum {kind}) {sets}
                (block $h (result i32) (try_table (catch $e $h) (call $deep (i32.const 9))) (unreachable))
                (if (i32.ne (i32.const 5)) (then (unreachable)))
                {sum} (local.get $sum))\n"
        ));
    }
    text.push(')');
    for options in options() {
        let mut program = Program::linked(&text, &options, |_, linker| {
            linker.func_wrap("", "x", || ()).expect("a new name");
        });
        for (kind, argument, expected) in [
            ("i64", Val::I64(100), Val::I64(1720)),
            ("i32", Val::I32(100), Val::I32(1720)),
            (
                "f64",
                Val::F64(100_f64.to_bits()),
                Val::F64(1720_f64.to_bits()),
            ),
            (
                "f32",
                Val::F32(100_f32.to_bits()),
                Val::F32(1720_f32.to_bits()),
            ),
        ] {
            for _ in 0..3 {
                let result = program.call(kind, &[argument]).expect("it is caught");
                assert_eq!(result, [expected], "{kind} at {:?}", how(&options));
            }
        }
    }
}

/// A program that calls the host inside a `try`.
const CALLS_HOST: &str = r#"(module
    (import "host" "e" (tag $e (param i32)))
    (import "host" "f" (func $host (param i32)))
    (func $inner (export "inner") (param i32) (call $host (local.get 0)))
    (func (export "catches") (param i32) (result i32)
        (block $h (result i32)
            (try_table (catch $e $h) (call $inner (local.get 0)))
            (i32.const -1)))
    (func (export "throws") (param i32) (throw $e (local.get 0)))
    (func (export "catches_all") (param i32) (result i32)
        (block $h (try_table (catch_all $h) (call $inner (local.get 0))) (return (i32.const -1)))
        (i32.const -2)))"#;

#[test]
fn the_host_throws_and_compiled_code_catches() {
    for options in options() {
        let mut program = Program::linked(CALLS_HOST, &options, |store, linker| {
            let tag = Tag::new(store, [ValType::I32]);
            linker.define("host", "e", tag).expect("a new name");
            let throw = move |mut caller: Caller<'_>, number: i32| -> Result<(), Error> {
                if number == 0 {
                    return Ok(());
                }
                let values = [Val::I32(number * 2)];
                Err(Exception::new(caller.store(), tag, &values)?.into())
            };
            linker.func_wrap("host", "f", throw).expect("a new name");
        });
        for (name, argument, expected) in [
            ("catches", 0, -1),
            ("catches", 21, 42),
            ("catches_all", 21, -2),
        ] {
            let result = program.call(name, &[Val::I32(argument)]);
            assert_eq!(
                result.expect("it is caught"),
                [Val::I32(expected)],
                "{:?}",
                how(&options)
            );
        }
        let exception = program.exception("inner", &[Val::I32(4)]);
        assert_eq!(exception.values(), [Val::I32(8)]);
        assert_eq!(names(exception.frames()), ["inner"]);
    }
}

#[test]
fn an_exception_passes_through_a_host_function_and_is_the_same_behind_it() {
    for options in options() {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let mut program = Program::linked(CALLS_HOST, &options, |store, linker| {
            let tag = Tag::new(store, [ValType::I32]);
            linker.define("host", "e", tag).expect("a new name");
            let seen = Rc::clone(&seen);
            let pass = move |mut caller: Caller<'_>, number: i32| -> Result<(), Error> {
                let instance = caller.instance().expect("an instance calls");
                let throws = instance.get_func(caller.store(), "throws");
                let result = throws
                    .expect("it is exported")
                    .call(caller.store(), &[Val::I32(number)]);
                if let Err(Error::Exception(exception)) = &result {
                    let frames = exception.frames();
                    let functions = frames.iter().map(FrameView::func_index).collect::<Vec<_>>();
                    seen.borrow_mut().push(functions);
                }
                result.map(drop)
            };
            linker.func_wrap("host", "f", pass).expect("a new name");
        });
        let result = program.call("catches", &[Val::I32(7)]);
        assert_eq!(result.expect("it is caught"), [Val::I32(7)]);
        // The host saw the frames on both sides of it.
        assert_eq!(*seen.borrow(), [[3, 1, 2]], "{:?}", how(&options));
        // Nobody catches it: the frames are those of the throw.
        let exception = program.exception("inner", &[Val::I32(9)]);
        let functions: Vec<_> = exception
            .frames()
            .iter()
            .map(FrameView::func_index)
            .collect();
        assert_eq!(functions, [3, 1], "{:?}", how(&options));
    }
}

#[test]
fn exceptions_go_from_module_to_module_whatever_frames_they_keep() {
    let thrower = r#"(module
        (tag $e (export "e") (param i32))
        (func $throw (export "throw") (param i32) (throw $e (local.get 0))))"#;
    let middle = r#"(module
        (import "a" "throw" (func $throw (param i32)))
        (func $pass (export "pass") (param i32) (call $throw (local.get 0)) (unreachable)))"#;
    let catcher = r#"(module
        (import "a" "e" (tag $e (param i32)))
        (import "b" "pass" (func $pass (param i32)))
        (func $trap (unreachable))
        (func $f (export "f") (param i32)
            (local $x i32)
            (local.set $x
                (block $h (result i32)
                    (try_table (catch $e $h) (call $pass (local.get 0)))
                    (unreachable)))
            (call $trap)))"#;
    let strategy = |strategy| Options {
        frames: FrameOptions {
            strategy,
            all: true,
            ..FrameOptions::default()
        },
        ..Options::default()
    };
    for a in STRATEGIES {
        for b in STRATEGIES {
            for c in STRATEGIES {
                let mut store = Store::new(StoreConfig::default()).expect("a store");
                let mut linker = Linker::new();
                for (name, text, how) in [("a", thrower, a), ("b", middle, b)] {
                    let module = load(text, &strategy(how));
                    let instance = linker
                        .instantiate(&mut store, &module)
                        .expect("an instance");
                    linker
                        .instance(&mut store, name, instance)
                        .expect("new names");
                }
                let module = load(catcher, &strategy(c));
                let instance = linker
                    .instantiate(&mut store, &module)
                    .expect("an instance");
                let f = instance.get_func(&store, "f").expect("it is exported");
                let Err(Error::Trap(trap)) = f.call(&mut store, &[Val::I32(3)]) else {
                    panic!("no trap at {a:?}, {b:?}, {c:?}");
                };
                assert_eq!(trap.cause, TrapCause::Unreachable);
                // What the exception has left is gone from the stack.
                assert_eq!(names(trap.frames()), ["trap", "f"], "{a:?}, {b:?}, {c:?}");
            }
        }
    }
}

#[test]
fn a_tag_of_another_instance_of_the_same_module_is_another_tag() {
    let text = r#"(module
        (type $callee (func))
        (tag $e (param i32))
        (table (export "table") 1 funcref)
        (func (export "throw") (throw $e (i32.const 1)))
        (func (export "catch") (result i32)
            (block $outer
                (try_table (catch_all $outer)
                    (block $own (result i32)
                        (try_table (catch $e $own) (call_indirect (type $callee) (i32.const 0)))
                        (return (i32.const 0)))
                    (return)))
            (i32.const 2))
        (func (export "pass")
            (block $own (result i32)
                (try_table (catch $e $own) (call_indirect (type $callee) (i32.const 0)))
                (return))
            (drop)))"#;
    for options in options() {
        let mut store = Store::new(StoreConfig::default()).expect("a store");
        let module = load(text, &options);
        let linker = Linker::new();
        let mut instance = || {
            linker
                .instantiate(&mut store, &module)
                .expect("an instance")
        };
        let (a, b) = (instance(), instance());
        let func = |instance: Instance, name| instance.get_func(&store, name).expect("exported");
        let [own, other] = [a, b].map(|instance| func(instance, "throw"));
        let (catch, pass) = (func(a, "catch"), func(a, "pass"));
        let table = a.get_table(&store, "table").expect("it is exported");
        table
            .set(&mut store, 0, Val::FuncRef(Some(own)))
            .expect("room");
        assert_eq!(catch.call(&mut store, &[]).expect("caught"), [Val::I32(1)]);
        assert!(pass.call(&mut store, &[]).is_ok());
        table
            .set(&mut store, 0, Val::FuncRef(Some(other)))
            .expect("room");
        assert_eq!(
            catch.call(&mut store, &[]).expect("caught"),
            [Val::I32(2)],
            "{:?}",
            how(&options)
        );
        assert!(matches!(
            pass.call(&mut store, &[]),
            Err(Error::Exception(_))
        ));
    }
}

#[test]
fn traps_are_not_caught() {
    let text = r#"(module
        (func $trap (unreachable))
        (func (export "f") (block $h (try_table (catch_all $h) (call $trap)))))"#;
    for options in options() {
        let mut program = Program::new(text, &options);
        let result = program.call("f", &[]);
        assert!(matches!(result, Err(Error::Trap(_))), "{result:?}");
    }
}

#[test]
fn exceptions_that_nothing_refers_to_are_freed_and_others_are_not() {
    let text = r#"(module
        (tag $e (param i32))
        (global $kept (mut exnref) (ref.null exn))
        (table $table 1 exnref)
        (func $throw (param i32) (throw $e (local.get 0)))
        (func $take (param i32) (result exnref) (local $r exnref)
            (block $h (result i32 exnref)
                (try_table (catch_ref $e $h) (call $throw (local.get 0)))
                (unreachable))
            (local.set $r) (drop) (local.get $r))
        (func (export "many") (param i32) (result i32) (local $here exnref)
            (global.set $kept (call $take (i32.const 100)))
            (table.set $table (i32.const 0) (call $take (i32.const 200)))
            (local.set $here (call $take (i32.const 300)))
            (loop $l
                (drop (call $take (local.get 0)))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (i32.add
                (i32.add (call $value (global.get $kept)) (call $value (table.get $table (i32.const 0))))
                (call $value (local.get $here))))
        (func $value (param exnref) (result i32)
            (block $h (result i32)
                (try_table (catch $e $h) (throw_ref (local.get 0)))
                (unreachable))))"#;
    for options in options() {
        let mut program = Program::new(text, &options);
        let result = program
            .call("many", &[Val::I32(20_000)])
            .expect("all are caught");
        assert_eq!(result, [Val::I32(600)], "{:?}", how(&options));
        let live = program.store.exceptions();
        assert!(
            live < 3_000,
            "{live} exceptions live at {:?}",
            how(&options)
        );
    }
}

#[test]
fn tags_are_matched_by_type_when_modules_are_linked() {
    let text = r#"(module (import "" "e" (tag (param i32))))"#;
    let module = load(text, &Options::default());
    let imports: Vec<_> = module.imports().map(|(.., ty)| ty).collect();
    assert_eq!(
        imports,
        [ExternType::Tag(FuncType::new([ValType::I32], []))]
    );
    for (ty, fits) in [(ValType::I32, true), (ValType::I64, false)] {
        let mut store = Store::new(StoreConfig::default()).expect("a store");
        let tag = Tag::new(&mut store, [ty]);
        let mut linker = Linker::new();
        linker.define("", "e", tag).expect("a new name");
        let result = linker.instantiate(&mut store, &module);
        assert_eq!(result.is_ok(), fits, "{result:?}");
    }
}
