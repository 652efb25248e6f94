//! What the walker shows to host functions and to signal handlers: every strategy, every optimisation
//! level, with everything that may be inlined.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use wamr_runtime_min::frame::{self, RawFrame};
use wamr_runtime_min::{
    Caller, Error, FrameView, Instance, Linker, Module, SlotValue, Store, StoreConfig, Val,
};
use wamrc_rs::{FrameOptions, FrameStrategy, Options, compile};

const STRATEGIES: [FrameStrategy; 3] = [
    FrameStrategy::None,
    FrameStrategy::Explicit,
    FrameStrategy::Mapped,
];

fn options() -> impl Iterator<Item = Options> {
    STRATEGIES.into_iter().flat_map(|strategy| {
        [0, 3].map(|opt_level| Options {
            opt_level,
            frames: FrameOptions {
                strategy,
                all: true,
                ..FrameOptions::default()
            },
            ..Options::default()
        })
    })
}

fn load(module: &str, options: &Options) -> Module {
    let object = compile(module.as_bytes(), options).expect("the module compiles");
    Module::load(&object.bytes).expect("the object loads")
}

fn describe(frames: &[FrameView]) -> Vec<String> {
    frames.iter().map(ToString::to_string).collect()
}

/// What the host function `env.look` saw, each time.
type Seen = Rc<RefCell<Vec<Vec<FrameView>>>>;

/// A linker with `env.look`, which reads the frames, and `env.again`, which calls the export `g`.
fn linker(seen: &Seen) -> Linker {
    let mut linker = Linker::new();
    let seen = seen.clone();
    linker
        .func_wrap("env", "look", move |mut caller: Caller<'_>, _: i32| {
            seen.borrow_mut().push(caller.frames());
        })
        .expect("it is new")
        .func_wrap(
            "env",
            "again",
            |mut caller: Caller<'_>, x: i32| -> Result<(), Error> {
                let instance = caller.instance().expect("a module calls");
                let g = instance
                    .get_func(caller.store_ref(), "g")
                    .expect("it is exported");
                g.call(caller.store(), &[Val::I32(x)]).map(drop)
            },
        )
        .expect("it is new");
    linker
}

fn call(store: &mut Store, instance: Instance, name: &str, arguments: &[Val]) {
    let function = instance.get_func(store, name).expect("it is exported");
    function.call(store, arguments).expect("it does not trap");
}

/// Every type of value, in locals and as operands, in inlined functions and through the host.
const VALUES: &str = r#"(module
    (import "env" "look" (func $look (param i32)))
    (import "env" "again" (func $again (param i32)))
    (func $leaf (param f32 f64) (local i64)
        (local.set 2 (i64.const -5))
        (local.get 2)
        (call $look (i32.const 1))
        (drop))
    (func $middle (param i32 i64 externref)
        (f32.const 1.5)
        (call $leaf (f32.const 2.5) (f64.const -0.5))
        (drop))
    (func $f (export "f") (param i32 externref) (local i64)
        (local.set 2 (i64.const 7))
        (ref.func $leaf)
        (f64.const 3)
        (call $middle (local.get 0) (i64.const 9) (local.get 1))
        (drop) (drop)
        (call $again (local.get 0)))
    (func $g (export "g") (param i32)
        (i32.const 77)
        (call $middle (local.get 0) (i64.const 10) (ref.null extern))
        (drop))
    (elem declare func $leaf))"#;

#[test]
fn a_host_function_sees_functions_offsets_and_values() {
    for options in options() {
        let how = (options.frames.strategy, options.opt_level);
        let seen = Seen::default();
        let module = load(VALUES, &options);
        let mut store = Store::new(StoreConfig::default()).expect("a store");
        let instance = linker(&seen)
            .instantiate(&mut store, &module)
            .expect("it instantiates");
        let external = wamr_runtime_min::ExternRef::new(&mut store, 42);
        let arguments = [Val::I32(6), Val::ExternRef(Some(external))];
        call(&mut store, instance, "f", &arguments);
        let seen = seen.borrow();
        assert_eq!(seen.len(), 2, "{how:?}");
        let names = |frames: &[FrameView]| -> Vec<String> {
            let name = |frame: &FrameView| frame.name().unwrap_or("?").to_owned();
            frames.iter().map(name).collect()
        };
        assert_eq!(names(&seen[0]), ["leaf", "middle", "f"], "{how:?}");
        assert_eq!(names(&seen[1]), ["leaf", "middle", "g", "f"], "{how:?}");
        for frame in seen.iter().flatten() {
            assert!(frame.ip().is_some() && frame.ip_is_exact(), "{how:?}");
            assert_eq!(frame.instance(), Some(instance), "{how:?}");
            let has_values = options.frames.strategy != FrameStrategy::None;
            assert_eq!(frame.values().is_some(), has_values, "{how:?}");
        }
        // The two activations of `leaf` and `middle` are at the same places.
        assert_eq!(describe(&seen[0])[..2], describe(&seen[1])[..2], "{how:?}");
        if options.frames.strategy != FrameStrategy::None {
            check_values(&store, &seen, external, how);
        }
    }
}

fn check_values(
    store: &Store,
    seen: &[Vec<FrameView>],
    external: wamr_runtime_min::ExternRef,
    how: (FrameStrategy, u8),
) {
    let shown = |values: &[SlotValue]| -> Vec<Val> {
        let value = |value: &SlotValue| {
            value
                .value()
                .unwrap_or_else(|| panic!("{how:?}: {value:?}"))
        };
        values.iter().map(value).collect()
    };
    let locals = |run: usize, frame: usize| {
        shown(&seen[run][frame].values().expect("values are shown").locals)
    };
    let operands = |run: usize, frame: usize| {
        shown(
            &seen[run][frame]
                .values()
                .expect("values are shown")
                .operands,
        )
    };
    for run in [0, 1] {
        let (single, double) = (2.5f32.to_bits(), (-0.5f64).to_bits());
        assert_eq!(
            locals(run, 0),
            [Val::F32(single), Val::F64(double), Val::I64(-5)],
            "{how:?}"
        );
        assert_eq!(operands(run, 0), [Val::I64(-5)], "{how:?}");
        assert_eq!(operands(run, 1), [Val::F32(1.5f32.to_bits())], "{how:?}");
    }
    let external = Val::ExternRef(Some(external));
    assert_eq!(
        locals(0, 1),
        [Val::I32(6), Val::I64(9), external],
        "{how:?}"
    );
    let null = Val::ExternRef(None);
    assert_eq!(locals(1, 1), [Val::I32(6), Val::I64(10), null], "{how:?}");
    assert_eq!(
        locals(0, 2),
        [Val::I32(6), external, Val::I64(7)],
        "{how:?}"
    );
    let [Val::FuncRef(Some(leaf)), below] = operands(0, 2)[..] else {
        panic!("{how:?}: {:?}", seen[0][2]);
    };
    assert_eq!(leaf.ty(store).params().len(), 2, "{how:?}");
    assert_eq!(below, Val::F64(3f64.to_bits()), "{how:?}");
    assert_eq!(operands(1, 2), [Val::I32(77)], "{how:?}");
    assert_eq!(
        locals(1, 3),
        [Val::I32(6), external, Val::I64(7)],
        "{how:?}"
    );
    assert_eq!(operands(1, 3), [], "{how:?}");
}

#[test]
fn frames_of_any_strategy_become_the_same_records() {
    /// A record as the header states its layout, on 64-bit machines.
    #[derive(Debug, PartialEq)]
    struct Record {
        func_index: u32,
        ip: u32,
        sp: u32,
        slots: Vec<u64>,
        references: Vec<u8>,
    }
    /// # Safety
    ///
    /// The address is a record's or null, and the records are alive.
    unsafe fn read(record: *const u8) -> Vec<Record> {
        use wamr_aot_loader::layout::{PointerWidth, frame as layout};
        const WIDTH: PointerWidth = PointerWidth::HOST;
        if record.is_null() {
            return Vec::new();
        }
        // SAFETY: as the caller promises.
        unsafe {
            let at = |offset: fn(PointerWidth) -> u32| record.add(offset(WIDTH) as usize);
            let number = |offset| at(offset).cast::<u32>().read();
            let pointer = |offset| at(offset).cast::<*const u8>().read();
            let sp = number(layout::sp);
            let slots = at(layout::lp).cast::<u64>();
            let flags = pointer(layout::frame_ref);
            let flag = |slot| {
                if flags.is_null() {
                    0
                } else {
                    flags.add(slot).read()
                }
            };
            let this = Record {
                func_index: number(layout::func_index),
                ip: number(layout::ip),
                sp,
                slots: (0..sp as usize)
                    .map(|slot| slots.add(slot).read())
                    .collect(),
                references: (0..sp as usize).map(flag).collect(),
            };
            assert!(!pointer(layout::instance).is_null());
            let mut records = vec![this];
            records.extend(read(pointer(layout::prev_frame)));
            records
        }
    }
    let mut expected = None;
    for options in options().filter(|options| options.frames.strategy != FrameStrategy::None) {
        let seen = Seen::default();
        let module = load(VALUES, &options);
        let mut store = Store::new(StoreConfig::default()).expect("a store");
        let instance = linker(&seen)
            .instantiate(&mut store, &module)
            .expect("it instantiates");
        call(&mut store, instance, "g", &[Val::I32(6)]);
        let frames = &seen.borrow()[0];
        let records = frame::materialise(&store, frames).expect("the frames are of the store");
        assert_eq!(records.len(), 3);
        // SAFETY: the records are alive.
        let found = unsafe { read(records.youngest()) };
        let middle = &found[1];
        assert_eq!(middle.slots[..3], [6, 10, 0]);
        assert_eq!(middle.slots[3], 1.5f32.to_bits().into());
        assert_eq!(middle.references, [0, 0, 1, 0]);
        let how = (options.frames.strategy, options.opt_level);
        assert_eq!(
            &found,
            expected.get_or_insert_with(|| read_again(&found)),
            "{how:?}"
        );
        fn read_again(found: &[Record]) -> Vec<Record> {
            let copy = |record: &Record| Record {
                slots: record.slots.clone(),
                references: record.references.clone(),
                ..*record
            };
            found.iter().map(copy).collect()
        }
    }
}

/// What the polls of a run showed.
fn polled(options: &Options) -> Vec<String> {
    let module = load(
        r#"(module
        (func $work (param i32) (result i64) (local i64)
            (i64.const 100)
            (loop $again (param i64) (result i64)
                (local.set 1 (i64.add (local.get 1) (i64.const 3)))
                (drop (call $leaf (local.get 0)))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_if $again (local.get 0)))
            (i64.add (local.get 1)))
        (func $leaf (param i32) (result f64)
            (f64.convert_i32_s (i32.add (call $empty) (local.get 0))))
        (func $empty (result i32) (i32.const 0))
        (func (export "f") (param i32) (result i64) (call $work (local.get 0))))"#,
        options,
    );
    let mut store = Store::new(StoreConfig::default()).expect("a store");
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = seen.clone();
    store.on_poll(move |frames| {
        let frame = |frame: &FrameView| format!("{frame} {:?}", frame.values());
        log.borrow_mut()
            .push(frames.iter().map(frame).collect::<Vec<_>>().join(", "));
    });
    let instance = Linker::new()
        .instantiate(&mut store, &module)
        .expect("it instantiates");
    let f = instance.get_func(&store, "f").expect("it is exported");
    let result = f.call(&mut store, &[Val::I32(3)]).expect("no trap");
    assert_eq!(result, [Val::I64(109)]);
    seen.take()
}

#[test]
fn polls_show_the_same_frames_in_every_strategy() {
    let mut expected = None;
    for mut options in options().filter(|options| options.frames.strategy != FrameStrategy::None) {
        options.safepoints = true;
        let found = polled(&options);
        let how = (options.frames.strategy, options.opt_level);
        let work = found.iter().filter(|frames| frames.contains("work"));
        assert!(work.count() >= 3, "{how:?}: {found:#?}");
        assert!(
            !found.iter().any(|frames| frames.contains("None")),
            "{how:?}: {found:#?}"
        );
        assert_eq!(
            &found,
            expected.get_or_insert_with(|| found.clone()),
            "{how:?}"
        );
    }
}

/// Recursion whose host calls, builtins and own calls all may be what uses up the stack. Activations keep
/// so many more values that they have different sizes.
fn descent(kept: usize) -> String {
    let locals = " i64".repeat(kept);
    let each = |text: fn(usize) -> String| (1..=kept).map(text).collect::<String>();
    let set = each(|i| {
        format!("(local.set {i} (i64.rotl (i64.extend_i32_u (local.get 0)) (i64.const {i})))")
    });
    let used = each(|i| format!("(call $nothing (i32.wrap_i64 (local.get {i})))"));
    format!(
        r#"(module
        (import "env" "nothing" (func $nothing (param i32)))
        (memory 1) (data $d "abc")
        (func $down (param i32) (local{locals})
            {set}
            (call $nothing (local.get 0))
            (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3))
            (call $down (i32.add (local.get 0) (i32.const 1)))
            {used})
        (func $f (export "f") (call $down (i32.const 0))))"#
    )
}

#[test]
fn an_exhausted_stack_shows_the_chain() {
    for (options, kept) in options().flat_map(|options| (0..6).map(move |n| (options.clone(), n))) {
        let how = (options.frames.strategy, options.opt_level, kept);
        let module = load(&descent(kept), &options);
        for size in [1 << 16, 1 << 18] {
            let mut config = StoreConfig::default();
            config.stack_size = size;
            config.max_trap_frames = usize::MAX;
            let mut store = Store::new(config).expect("a store");
            let mut linker = Linker::new();
            linker
                .func_wrap("env", "nothing", |_: i32| {})
                .expect("it is new");
            let instance = linker
                .instantiate(&mut store, &module)
                .expect("it instantiates");
            let f = instance.get_func(&store, "f").expect("it is exported");
            let Err(Error::Trap(trap)) = f.call(&mut store, &[]) else {
                panic!("{how:?}: no trap");
            };
            let (last, others) = trap.frames().split_last().expect("there are frames");
            assert_eq!(last.name(), Some("f"), "{how:?} {size}");
            assert!(others.len() > 100, "{how:?} {size}: {}", others.len());
            for (depth, frame) in others.iter().rev().enumerate() {
                assert_eq!(frame.name(), Some("down"), "{how:?} {size} {depth}");
                let Some(values) = frame.values() else {
                    continue;
                };
                let expected = i32::try_from(depth).expect("a small number");
                let found = values.locals[0];
                assert_eq!(
                    found,
                    SlotValue::Value(Val::I32(expected)),
                    "{how:?} {size}"
                );
            }
            if options.frames.strategy == FrameStrategy::Mapped {
                let with = others
                    .iter()
                    .filter(|frame| frame.values().is_some())
                    .count();
                assert!(with + 3 > others.len(), "{how:?} {size}: {with}");
            }
        }
    }
}

/// What the signal handler of the next test has found wrong, and how much it has seen.
static WRONG: AtomicUsize = AtomicUsize::new(0);
static SAMPLES: AtomicUsize = AtomicUsize::new(0);
static DEEP: AtomicUsize = AtomicUsize::new(0);
static EMPTY: AtomicUsize = AtomicUsize::new(0);
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Functions of `SAMPLED`, by index, and who may call each.
const CALLERS: [&[u32]; 6] = [&[], &[5], &[1, 2], &[2], &[3], &[]];

extern "C" fn on_signal(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if !RUNNING.load(Ordering::Relaxed) {
        return;
    }
    let mut frames = [RawFrame::default(); 64];
    // SAFETY: the handler's own context, on the interrupted thread.
    let count = unsafe { frame::sample(context.cast(), &mut frames) };
    SAMPLES.fetch_add(1, Ordering::Relaxed);
    let Some(oldest) = count.checked_sub(1) else {
        EMPTY.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let index = |frame: &RawFrame| frame.func_index as usize;
    let calls = frames[..count].windows(2).all(|pair| {
        let callers = CALLERS.get(index(&pair[0])).copied().unwrap_or(&[]);
        callers.contains(&pair[1].func_index)
    });
    let same = frames[..count]
        .iter()
        .all(|frame| frame.module == frames[0].module);
    if !calls || !same || frames[oldest].func_index != 5 {
        WRONG.fetch_add(1, Ordering::Relaxed);
    }
    if count > 4 {
        DEEP.fetch_add(1, Ordering::Relaxed);
    }
}

/// Loops, recursion, host calls, builtins and C functions under the walker.
const SAMPLED: &str = r#"(module
    (import "env" "nothing" (func $nothing (param i32)))
    (memory 2)
    (func $run (param i32)
        (loop $again
            (call $recurse (i32.const 6))
            (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (br_if $again (local.get 0))))
    (func $recurse (param i32)
        (if (local.get 0)
            (then (call $recurse (i32.sub (local.get 0) (i32.const 1))))
            (else (call $work (i32.const 20)))))
    (func $work (param i32)
        (loop $again
            (drop (call $leaf (local.get 0)))
            (call $nothing (local.get 0))
            (memory.fill (i32.const 16) (local.get 0) (i32.const 2000))
            (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (br_if $again (local.get 0))))
    (func $leaf (param i32) (result i32) (local i32)
        (loop $again
            (local.set 1 (i32.add (local.get 1) (i32.load8_u (local.get 0))))
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get 0) (i32.const 300))))
        (local.get 1))
    (func $f (export "f") (param i32) (call $run (local.get 0))))"#;

#[test]
fn a_profiling_signal_sees_possible_stacks_only() {
    // SAFETY: the handler reads what is made for it and atomics.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(libc::SIGPROF, &raw const action, std::ptr::null_mut());
    }
    for options in options() {
        let how = (options.frames.strategy, options.opt_level);
        let module = load(SAMPLED, &options);
        let mut store = Store::new(StoreConfig::default()).expect("a store");
        let mut linker = Linker::new();
        linker
            .func_wrap("env", "nothing", |_: i32| {})
            .expect("it is new");
        let instance = linker
            .instantiate(&mut store, &module)
            .expect("it instantiates");
        for counter in [&SAMPLES, &WRONG, &DEEP, &EMPTY] {
            counter.store(0, Ordering::Relaxed);
        }
        let stop = AtomicBool::new(false);
        // SAFETY: the thread that the signals go to lives until the scope ends.
        let target = unsafe { libc::pthread_self() };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(std::time::Duration::from_micros(200));
                    // SAFETY: as above.
                    unsafe { libc::pthread_kill(target, libc::SIGPROF) };
                }
            });
            let start = std::time::Instant::now();
            RUNNING.store(true, Ordering::Relaxed);
            // A busy machine sends fewer.
            let is_done = || {
                let enough = start.elapsed().as_millis() >= 500;
                enough && SAMPLES.load(Ordering::Relaxed) > 50 || start.elapsed().as_secs() >= 60
            };
            while !is_done() {
                call(&mut store, instance, "f", &[Val::I32(200)]);
            }
            RUNNING.store(false, Ordering::Relaxed);
            stop.store(true, Ordering::Relaxed);
        });
        let [samples, wrong, deep, empty] =
            [&SAMPLES, &WRONG, &DEEP, &EMPTY].map(|counter| counter.load(Ordering::Relaxed));
        assert!(samples > 50, "{how:?}: {samples} samples");
        assert_eq!(wrong, 0, "{how:?}: of {samples}");
        assert!(deep * 2 > samples, "{how:?}: {deep} of {samples}");
        assert!(empty * 5 < samples, "{how:?}: {empty} of {samples}");
    }
}
