//! What calls cost: into WebAssembly, out of it, and inside. Prints nanoseconds a call for each way to compile.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use wamr_runtime_min::{Instance, Linker, Module, Store, StoreConfig, Val};
use wamrc_rs::{FrameOptions, FrameStrategy, Options};

/// Calls in one measurement.
const CALLS: u32 = 2_000_000;

/// Measurements of each kind; the fastest counts, since what disturbs only ever adds.
const ROUNDS: usize = 7;

/// `add` is called from outside. Each loop calls `count` times and feeds each result into the next call, so that no call can be
/// left out; the callees are reached through the table or exported, so that they are not inlined into the loops.
const MODULE: &str = r#"
(module
  (import "host" "add" (func $host_add (param i32 i32) (result i32)))
  (type $binary (func (param i32 i32) (result i32)))
  (table funcref (elem $add $subtract))
  (func $add (export "add") (type $binary) (i32.add (local.get 0) (local.get 1)))
  (func $subtract (type $binary) (i32.sub (local.get 0) (local.get 1)))
  (func (export "out") (param $count i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (call $host_add (local.get $sum) (local.get $count)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (local.get $sum))
  (func (export "indirect") (param $count i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (call_indirect (type $binary) (local.get $sum) (local.get $count)
        (i32.and (local.get $count) (i32.const 1))))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (local.get $sum))
  ;; Recursion that cannot become a loop: each call needs the result of the one inside. Its depth depends on what came before,
  ;; so that it is not computed once for all.
  (func $deep (param $depth i32) (result i32)
    (if (result i32) (local.get $depth)
      (then (i32.xor (i32.mul (call $deep (i32.sub (local.get $depth) (i32.const 1))) (i32.const 31)) (local.get $depth)))
      (else (i32.const 1))))
  (func (export "direct") (param $count i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $deep
        (i32.add (i32.const 99) (i32.and (local.get $sum) (i32.const 1))))))
      (br_if $again (i32.gt_s (local.tee $count (i32.sub (local.get $count) (i32.const 100))) (i32.const 0))))
    (local.get $sum)))
"#;

fn main() -> Result<()> {
    let strategies = [
        ("none", FrameStrategy::None),
        ("explicit", FrameStrategy::Explicit),
    ];
    println!("nanoseconds a call; fastest of {ROUNDS} times {CALLS} calls");
    println!(
        "{:44} {:>10} {:>10}",
        "frames:", strategies[0].0, strategies[1].0
    );
    let mut columns = Vec::new();
    for (_, strategy) in strategies {
        columns.push(measure(strategy)?);
    }
    let [none, explicit] = columns.as_slice() else {
        anyhow::bail!("two ways were measured");
    };
    for ((what, without), (_, with)) in none.iter().zip(explicit) {
        println!("{what:44} {without:10.2} {with:10.2}");
    }
    Ok(())
}

/// Each kind of call with its nanoseconds.
fn measure(strategy: FrameStrategy) -> Result<Vec<(&'static str, f64)>> {
    let options = Options {
        frames: FrameOptions {
            strategy,
            ..FrameOptions::default()
        },
        ..Options::default()
    };
    let object = wamrc_rs::compile(MODULE.as_bytes(), &options)?;
    let module = Module::load(&object.bytes).context("the object does not load")?;
    let mut store = Store::new(StoreConfig::default())?;
    let mut linker = Linker::new();
    linker.func_wrap("host", "add", |a: i32, b: i32| a.wrapping_add(b))?;
    let instance = linker.instantiate(&mut store, &module)?;

    let mut results = Vec::new();
    let add = function(&store, instance, "add")?;
    let typed = add.typed::<(i32, i32), i32>(&store)?;
    results.push((
        "host to WebAssembly, typed",
        fastest(|| {
            let mut sum = 0;
            for i in 0..CALLS.cast_signed() {
                sum = typed.call(&mut store, (sum, i))?;
            }
            std::hint::black_box(sum);
            Ok(())
        })?,
    ));
    results.push((
        "host to WebAssembly, values in a Vec",
        fastest(|| {
            let mut sum = Val::I32(0);
            for i in 0..CALLS.cast_signed() {
                sum = add
                    .call(&mut store, &[sum, Val::I32(i)])?
                    .pop()
                    .context("one result")?;
            }
            std::hint::black_box(sum);
            Ok(())
        })?,
    ));
    for (what, name) in [
        ("WebAssembly to host", "out"),
        ("WebAssembly to WebAssembly, direct", "direct"),
        ("WebAssembly to WebAssembly, call_indirect", "indirect"),
    ] {
        let run = function(&store, instance, name)?.typed::<i32, i32>(&store)?;
        results.push((
            what,
            fastest(|| {
                std::hint::black_box(run.call(&mut store, CALLS.cast_signed())?);
                Ok(())
            })?,
        ));
    }
    Ok(results)
}

fn function(store: &Store, instance: Instance, name: &str) -> Result<wamr_runtime_min::Func> {
    instance
        .get_func(store, name)
        .with_context(|| format!("no function {name}"))
}

/// Nanoseconds of one call, when `work` makes [`CALLS`] of them.
fn fastest(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed());
    }
    Ok(best.as_secs_f64() * 1e9 / f64::from(CALLS))
}
