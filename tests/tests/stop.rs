//! Stopping threads at polls and in the host, looking at their frames, and letting them go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use wamr_runtime_min::{
    Caller, Error, Instance, InterruptHandle, Linker, Module, StopGroup, Store, StoreConfig,
    TrapCause, Val,
};
use wamrc_rs::{FrameOptions, FrameStrategy, Options, compile};

/// Far more than anything here takes; for what must happen.
const LONG: Duration = Duration::from_secs(120);

const MODULE: &str = r#"(module
    (import "env" "block" (func $block))
    (import "env" "mark" (func $mark))
    (func (export "spin") (param i32) (local $count i64)
        (loop $l
            (local.set $count (i64.add (local.get $count) (i64.const 1)))
            (drop (call $leaf (local.get $count)))
            (br_if $l (i64.ne (local.get $count) (i64.const -1)))))
    (func $leaf (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3)))
    (func (export "wait") (param i32) (call $inner))
    (func $inner (call $block) (call $mark))
    (func (export "short") (param i32) (call $mark)))"#;

fn module(strategy: FrameStrategy, safepoints: bool) -> Module {
    let options = Options {
        safepoints,
        frames: FrameOptions {
            strategy,
            all: true,
            ..FrameOptions::default()
        },
        ..Options::default()
    };
    let object = compile(MODULE.as_bytes(), &options).expect("the module compiles");
    Module::load(&object.bytes).expect("the object loads")
}

/// A thread that calls the exports it is told to.
struct Worker {
    calls: Sender<&'static str>,
    results: Receiver<Result<(), Error>>,
    handle: InterruptHandle,
    thread: thread::JoinHandle<()>,
    /// The host function `block` has been called.
    blocked: Receiver<()>,
    /// Lets it return.
    release: Sender<()>,
    /// `mark` has been called.
    marked: Arc<AtomicBool>,
}

impl Worker {
    fn start(module: &Module, group: &StopGroup) -> Worker {
        let (calls, to_call) = channel();
        let (to_tell, results) = channel();
        let (to_hand_out, handles) = channel();
        let (to_say, blocked) = channel();
        let (release, to_wait) = channel();
        let marked = Arc::new(AtomicBool::new(false));
        let (mark, module, group) = (marked.clone(), module.clone(), group.clone());
        let to_wait: Mutex<Receiver<()>> = Mutex::new(to_wait);
        let thread = thread::spawn(move || {
            let mut store = Store::new(StoreConfig::default()).expect("a store");
            let mut linker = Linker::new();
            linker
                .func_wrap("env", "block", move || {
                    to_say.send(()).expect("somebody waits");
                    let wait = to_wait.lock().expect("no panic");
                    wait.recv_timeout(LONG).expect("it is released");
                })
                .expect("it is new")
                .func_wrap("env", "mark", move || mark.store(true, Ordering::SeqCst))
                .expect("it is new");
            let instance: Instance = linker
                .instantiate(&mut store, &module)
                .expect("it instantiates");
            group.add(&mut store);
            to_hand_out
                .send(store.interrupt_handle())
                .expect("somebody waits");
            for name in to_call {
                let function = instance.get_func(&store, name).expect("it is exported");
                let result = function.call(&mut store, &[Val::I32(5)]);
                to_tell.send(result.map(drop)).expect("somebody waits");
            }
        });
        Worker {
            calls,
            results,
            handle: handles.recv_timeout(LONG).expect("the thread starts"),
            thread,
            blocked,
            release,
            marked,
        }
    }

    fn call(&self, name: &'static str) {
        self.calls.send(name).expect("the thread runs");
    }

    fn result(&self) -> Result<(), Error> {
        self.results.recv_timeout(LONG).expect("the call ends")
    }

    fn interrupt(&self) {
        self.handle.interrupt();
        match self.result() {
            Err(Error::Trap(trap)) => assert_eq!(trap.cause, TrapCause::Interrupted),
            other => panic!("{other:?}"),
        }
    }

    fn end(self) {
        drop(self.calls);
        self.thread.join().expect("no panic");
    }
}

#[test]
fn threads_stop_at_polls_and_in_the_host_and_go_on() {
    for strategy in [
        FrameStrategy::None,
        FrameStrategy::Explicit,
        FrameStrategy::Mapped,
    ] {
        let module = module(strategy, true);
        let group = StopGroup::new();
        let (spinning, waiting) = (
            Worker::start(&module, &group),
            Worker::start(&module, &group),
        );
        spinning.call("spin");
        waiting.call("wait");
        waiting.blocked.recv_timeout(LONG).expect("it is called");

        let (mut seen, mut last) = (0, -1);
        while seen < 50 {
            let stopped = group.stop();
            let [spin, wait] = stopped.threads() else {
                panic!("{strategy:?}: {stopped:?}");
            };
            assert_eq!(spin.thread, spinning.thread.thread().id());
            assert_eq!(wait.thread, waiting.thread.thread().id());
            assert!(!wait.is_at_poll);
            let names: Vec<_> = wait.frames.iter().map(|f| f.name()).collect();
            assert_eq!(names, [Some("inner"), Some("wait")], "{strategy:?}");
            assert!(wait.frames.iter().all(|frame| frame.values().is_none()));
            if spin.is_at_poll {
                seen += 1;
                let name = spin.frames.last().and_then(|frame| frame.name());
                assert_eq!(name, Some("spin"), "{strategy:?}");
                if strategy != FrameStrategy::None {
                    let values = spin.frames.last().and_then(|frame| frame.values());
                    let values = values.unwrap_or_else(|| panic!("{strategy:?}: {spin:?}"));
                    let Some(Val::I64(count)) = values.locals[1].value() else {
                        panic!("{strategy:?}: {values:?}");
                    };
                    assert!(count >= last, "{strategy:?}: {count} after {last}");
                    last = count;
                }
            }
            drop(stopped);
            thread::sleep(Duration::from_micros(100));
        }

        // The host may return while all are stopped, but compiled code does not go on.
        let stopped = group.stop();
        let again = group.stop_within(LONG).expect("all are stopped");
        waiting.release.send(()).expect("it waits");
        thread::sleep(Duration::from_millis(20));
        assert!(!waiting.marked.load(Ordering::SeqCst));
        drop(stopped);
        thread::sleep(Duration::from_millis(5));
        assert!(!waiting.marked.load(Ordering::SeqCst));
        drop(again);
        waiting.result().expect("no trap");
        assert!(waiting.marked.load(Ordering::SeqCst));

        // Interrupted while it is stopped, code ends when it may go on.
        let stopped = group.stop();
        spinning.handle.interrupt();
        thread::sleep(Duration::from_millis(5));
        assert!(spinning.results.try_recv().is_err());
        drop(stopped);
        assert!(matches!(
            spinning.result(),
            Err(Error::Trap(trap)) if trap.cause == TrapCause::Interrupted
        ));

        // So does code that is entered meanwhile.
        spinning.end();
        waiting.marked.store(false, Ordering::SeqCst);
        let stopped = group.stop();
        assert_eq!(stopped.threads().len(), 1);
        assert!(stopped.threads()[0].frames.is_empty());
        waiting.call("short");
        thread::sleep(Duration::from_millis(20));
        assert!(!waiting.marked.load(Ordering::SeqCst));
        drop(stopped);
        waiting.result().expect("no trap");
        assert!(waiting.marked.load(Ordering::SeqCst));
        waiting.end();
        assert!(group.stop().threads().is_empty());
    }
}

#[test]
fn code_without_polls_does_not_stop_but_goes_on() {
    let module = module(FrameStrategy::Mapped, false);
    let group = StopGroup::new();
    let worker = Worker::start(&module, &group);
    worker.call("wait");
    worker.blocked.recv_timeout(LONG).expect("it is called");
    // In the host it counts as stopped.
    assert!(group.stop_within(Duration::from_millis(1)).is_some());
    worker.release.send(()).expect("it waits");
    worker.result().expect("no trap");
    worker.call("spin");
    while group.stop_within(Duration::from_millis(20)).is_some() {
        // It has not started.
    }
    assert!(group.stop_within(Duration::from_millis(5)).is_none());
    worker.interrupt();
    assert!(group.stop_within(LONG).is_some());
    worker.end();
}

#[test]
fn a_thread_stops_its_own_group_in_a_host_function() {
    let module = module(FrameStrategy::Mapped, true);
    let mut store = Store::new(StoreConfig::default()).expect("a store");
    let group = StopGroup::new();
    let mut linker = Linker::new();
    let own = group.clone();
    linker
        .func_wrap("env", "block", move |mut caller: Caller<'_>| {
            let seen: Vec<String> = caller.frames().iter().map(ToString::to_string).collect();
            let stopped = own.stop();
            let [this] = stopped.threads() else {
                panic!("{stopped:?}");
            };
            let found: Vec<String> = this.frames.iter().map(ToString::to_string).collect();
            assert_eq!(seen, found);
            assert!(this.frames.iter().all(|frame| frame.ip_is_exact()));
        })
        .expect("it is new")
        .func_wrap("env", "mark", || {})
        .expect("it is new");
    let instance = linker
        .instantiate(&mut store, &module)
        .expect("it instantiates");
    group.add(&mut store);
    // Again: it is a member once.
    group.add(&mut store);
    let wait = instance.get_func(&store, "wait").expect("it is exported");
    wait.call(&mut store, &[Val::I32(0)]).expect("no trap");
    assert_eq!(group.stop().threads().len(), 1);
    drop(store);
    assert!(group.stop().threads().is_empty());
}
