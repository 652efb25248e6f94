//! Programs of several threads through wasi-threads: what they compute, how they end, and how they are stopped.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, bail, ensure};
use wamr_runtime_min::host::wasi::threads::Program;
use wamr_runtime_min::host::wasi::{self, Exit, OutputBuffer, WasiCtx};
use wamr_runtime_min::{Error, Module, StopGroup, Store, StoreConfig, Trap, TrapCause, Val};
use wamrc_rs::{FrameOptions, FrameStrategy, Options, compile};
use xtask::clang::{Clang, Target};
use xtask::tools::Tools;
use xtask::{process, workspace};

/// Far more than anything here takes; for what must happen.
const LONG: Duration = Duration::from_secs(120);

const STRATEGIES: [FrameStrategy; 3] = [
    FrameStrategy::None,
    FrameStrategy::Explicit,
    FrameStrategy::Mapped,
];

fn object(wasm: &[u8], strategy: FrameStrategy) -> Vec<u8> {
    let options = Options {
        frames: FrameOptions {
            strategy,
            all: true,
            ..FrameOptions::default()
        },
        ..Options::default()
    };
    compile(wasm, &options).expect("the module compiles").bytes
}

/// The program in C, compiled to WebAssembly once for all tests of this process.
fn workers() -> Result<&'static [u8]> {
    static WASM: OnceLock<Result<Vec<u8>, String>> = OnceLock::new();
    let make = || -> Result<Vec<u8>> {
        let folder = tempfile::tempdir()?;
        let wasm = folder.path().join("workers.wasm");
        let sources = workspace::programs().join("threads");
        // The C library was built for one thread: the program calls it from one at a time.
        let flags = "-O2 -Wall -matomics -mbulk-memory -ftls-model=local-exec \
            -Wl,--shared-memory,--import-memory,--export-memory,--max-memory=16777216,--no-check-features";
        let mut clang = Clang::require()?.command(Target::Wasm);
        clang.args(flags.split_whitespace());
        clang.arg(format!("-I{}", sources.join("wasm").display()));
        process::capture(clang.arg(sources.join("workers.c")).arg("-o").arg(&wasm))?;
        Ok(fs::read(wasm)?)
    };
    match WASM.get_or_init(|| make().map_err(|error| format!("{error:#}"))) {
        Ok(wasm) => Ok(wasm),
        Err(error) => bail!("{error}"),
    }
}

/// How the program in C ended, and what it wrote.
fn run(module: &Module, max_threads: usize, arguments: &[&str]) -> (Result<(), Error>, String) {
    let output = OutputBuffer::with_limit(1 << 16);
    let mut builder = WasiCtx::builder().stdout(&output);
    for argument in ["workers"].iter().chain(arguments) {
        builder = builder.arg(*argument).expect("no NUL");
    }
    let context = Arc::new(builder.build().expect("a context"));
    let program = Program::new(
        module,
        StoreConfig::default(),
        max_threads,
        move |_, linker| Ok(wasi::add_to_linker(linker, &context)?),
    );
    let program = program.expect("a program of threads");
    let mut store = Store::new(StoreConfig::default()).expect("a store");
    let instance = program.instantiate(&mut store).expect("it instantiates");
    let start = instance.get_func(&store, "_start").expect("a command");
    let result = start.call(&mut store, &[]).map(drop);
    let result = program.finish(result);
    let output = String::from_utf8(output.contents()).expect("UTF-8");
    (result, output)
}

#[test]
fn posix_threads_share_work_and_count_the_same() -> Result<()> {
    for strategy in STRATEGIES {
        let module = Module::load(&object(workers()?, strategy))?;
        for _ in 0..5 {
            let (result, output) = run(&module, 4, &["compute", "2000"]);
            result.with_context(|| format!("{strategy:?}"))?;
            let expected = "2000 numbers, 134100 steps, 134100 again, counted 2000 and 208\n";
            assert_eq!(output, expected, "{strategy:?}");
        }
    }
    Ok(())
}

#[test]
fn there_are_no_more_threads_than_the_limit_allows() -> Result<()> {
    let module = Module::load(&object(workers()?, FrameStrategy::Mapped))?;
    for (limit, expected) in [(1, "0"), (2, "1"), (6, "5")] {
        let (result, output) = run(&module, limit, &["count"]);
        result?;
        assert_eq!(output, format!("{expected}, then EAGAIN\n"));
    }
    Ok(())
}

/// The exit code of a program that exits.
fn exit_code(result: Result<(), Error>) -> Result<u32> {
    match result {
        Ok(()) => Ok(0),
        Err(Error::Host(error)) => Ok(error.downcast_ref::<Exit>().context("not an exit")?.0),
        Err(error) => Err(error.into()),
    }
}

fn trap(result: Result<(), Error>) -> Box<Trap> {
    match result {
        Err(Error::Trap(trap)) => trap,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_thread_that_traps_or_exits_ends_them_all() -> Result<()> {
    for strategy in STRATEGIES {
        let module = Module::load(&object(workers()?, strategy))?;
        // Often: each time the threads are somewhere else.
        for _ in 0..20 {
            let end = |arguments: &[&str]| run(&module, 4, arguments).0;
            assert_eq!(exit_code(end(&["return", "0"]))?, 0);
            assert_eq!(exit_code(end(&["return", "7"]))?, 7);
            assert_eq!(exit_code(end(&["exit", "8"]))?, 8);
            assert_eq!(exit_code(end(&["thread-exit", "9"]))?, 9);
            for (arguments, youngest) in [(["trap"], "abort"), (["thread-trap"], "trap")] {
                let trap = trap(end(&arguments));
                assert_eq!(trap.cause, TrapCause::Unreachable);
                assert_eq!(trap.frames()[0].name(), Some(youngest), "{strategy:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_command_line_runs_them() -> Result<()> {
    let tools = Tools::build()?;
    let folder = tempfile::tempdir()?;
    let aot: PathBuf = folder.path().join("workers.aot");
    fs::write(&aot, object(workers()?, FrameStrategy::Mapped))?;
    for (options, arguments, code, stdout, stderr) in [
        (&[][..], &["count"][..], 0, "3, then EAGAIN\n", ""),
        (&["--max-threads=2"], &["count"], 0, "1, then EAGAIN\n", ""),
        (&[], &["exit", "8"], 8, "", ""),
        (&[], &["thread-exit", "9"], 9, "", ""),
        (
            &[],
            &["thread-trap"],
            134,
            "",
            "Exception: unreachable\n#00: ",
        ),
        (
            &["--timeout=50"],
            &["join"],
            134,
            "",
            "Exception: interrupted\n",
        ),
    ] {
        let mut command = Command::new(&tools.iwasm);
        command.args(options).arg(&aot).args(arguments);
        let output = command.stdin(Stdio::null()).output()?;
        ensure!(
            output.status.code() == Some(code)
                && String::from_utf8_lossy(&output.stdout) == stdout
                && String::from_utf8_lossy(&output.stderr).starts_with(stderr),
            "{arguments:?}: {output:?}"
        );
    }
    Ok(())
}

/// A main thread that waits, a thread that spins, and one that waits too.
const STOPPABLE: &str = r#"(module
    (import "env" "memory" (memory 1 1 shared))
    (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
    (func $main (export "_start")
        (drop (call $spawn (i32.const 0)))
        (drop (call $spawn (i32.const 1)))
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))
    (func $thread (export "wasi_thread_start") (param $tid i32) (param $what i32)
        (if (local.get $what) (then (call $sleep)) (else (call $spin))))
    (func $sleep
        (drop (memory.atomic.wait64 (i32.const 8) (i64.const 0) (i64.const -1))))
    (func $spin (local $count i64)
        (loop $l
            (local.set $count (i64.add (local.get $count) (i64.const 1)))
            (i64.atomic.store (i32.const 16) (local.get $count))
            (br_if $l (i64.ne (local.get $count) (i64.const -1))))))"#;

#[test]
fn all_threads_of_a_program_are_stopped_seen_and_let_go() {
    for strategy in STRATEGIES {
        let module = Module::load(&object(STOPPABLE.as_bytes(), strategy)).expect("it loads");
        let group = StopGroup::new();
        let (say, handles) = channel();
        let runner = {
            let group = group.clone();
            thread::spawn(move || {
                let config = StoreConfig::default();
                let program = Program::new(&module, config.clone(), 3, move |store, _| {
                    group.add(store);
                    Ok(())
                })
                .expect("a program of threads");
                let mut store = Store::new(config).expect("a store");
                say.send(store.interrupt_handle()).expect("somebody waits");
                let instance = program.instantiate(&mut store).expect("it instantiates");
                let start = instance.get_func(&store, "_start").expect("a command");
                let result = start.call(&mut store, &[]).map(drop);
                program.finish(result)
            })
        };
        let handle = handles.recv_timeout(LONG).expect("it starts");

        let (mut seen, mut last) = (0, -1);
        while seen < 20 {
            let stopped = group.stop();
            let oldest = |name| {
                (stopped.threads().iter())
                    .find(|thread| (thread.frames.iter()).any(|frame| frame.name() == Some(name)))
            };
            if let (Some(main), Some(sleep), Some(spin)) =
                (oldest("main"), oldest("sleep"), oldest("spin"))
                && spin.is_at_poll
                && main.frames[0].name() == Some("main")
            {
                assert_eq!(stopped.threads().len(), 3);
                assert!(!main.is_at_poll && !sleep.is_at_poll);
                let names = |frames: &[wamr_runtime_min::FrameView]| -> Vec<String> {
                    let names = frames
                        .iter()
                        .map(|frame| frame.name().unwrap_or("?").into());
                    names.collect()
                };
                assert_eq!(names(&sleep.frames), ["sleep", "thread"], "{strategy:?}");
                assert_eq!(names(&spin.frames), ["spin", "thread"], "{strategy:?}");
                if strategy != FrameStrategy::None {
                    let values = spin.frames[0].values();
                    let values = values.unwrap_or_else(|| panic!("{strategy:?}: {spin:?}"));
                    let Some(Val::I64(count)) = values.locals[0].value() else {
                        panic!("{strategy:?}: {values:?}");
                    };
                    assert!(count >= last, "{strategy:?}: {count} after {last}");
                    last = count;
                }
                seen += 1;
            }
            drop(stopped);
            thread::sleep(Duration::from_micros(100));
        }

        handle.interrupt();
        let trap = trap(runner.join().expect("no panic"));
        assert_eq!(trap.cause, TrapCause::Interrupted);
        assert_eq!(trap.frames()[0].name(), Some("main"));
        // None is left behind.
        assert!(group.stop().threads().is_empty(), "{strategy:?}");
    }
}

#[test]
fn a_program_without_a_start_function_for_threads_is_refused() {
    let wat = r#"(module
        (import "wasi" "thread-spawn" (func (param i32) (result i32)))
        (func (export "wasi_thread_start") (param i32)))"#;
    let module = Module::load(&object(wat.as_bytes(), FrameStrategy::None)).expect("it loads");
    assert!(Program::is_threaded(&module));
    let program = Program::new(&module, StoreConfig::default(), 4, |_, _| Ok(()));
    let error = program.expect_err("refused").to_string();
    assert!(error.contains("`wasi_thread_start`"), "{error}");
}
