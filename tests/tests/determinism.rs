//! The same module and options give the same bytes, however often and on however many threads.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use wamrc_rs::{FrameOptions, FrameStrategy, Options};

const FUNCTIONS: u32 = 120;

/// A module with everything that a table in the object is made from, and enough bytes for several code
/// generation units.
fn module() -> Vec<u8> {
    // Eleven bytes each, and no code.
    let filler = "(drop (i64.const 0x7fff_ffff_ffff_ffff))".repeat(400);
    let mut text = String::from(
        r#"(module $m
          (import "env" "f" (func $import (param i32 f64) (result i64)))
          (import "env" "g" (global i32))
          (memory (export "memory") 2 100)
          (table 10 funcref)
          (global $count (mut i64) (i64.const 1))
          (data (i32.const 16) "some bytes")
          (elem (i32.const 1) func $f0 $f1 $f2 $import)
        "#,
    );
    for index in 0..FUNCTIONS {
        let next = (index * 7 + 1) % FUNCTIONS;
        let _ = write!(
            text,
            r#"(func $f{index} (export "f{index}") (param i32 f64) (result i64) (local i64)
              {filler}
              (if (i32.gt_s (local.get 0) (i32.const 0)) (then
                (local.set 2 (call $f{next} (i32.sub (local.get 0) (i32.const {index})) (local.get 1)))
                (global.set $count (i64.add (global.get $count) (i64.const {index})))))
              (i64.store offset={index} (local.get 0) (local.get 2))
              (drop (call_indirect (param i32 f64) (result i64)
                (local.get 0) (f64.mul (local.get 1) (f64.const {index})) (local.get 0)))
              (br_if 0 (i64.const {index}) (i32.eqz (local.get 0)))
              (drop)
              (i64.div_s (call $import (local.get 0) (local.get 1)) (local.get 2)))
            "#
        );
    }
    text.push(')');
    wat::parse_str(text).expect("the module is right")
}

#[test]
fn output_depends_on_input_and_options_alone() {
    let wasm = module();
    for (opt_level, strategy) in [
        (0, FrameStrategy::None),
        (2, FrameStrategy::None),
        (2, FrameStrategy::Explicit),
    ] {
        let compile = |threads: usize| {
            let options = Options {
                opt_level,
                frames: FrameOptions {
                    strategy,
                    ..FrameOptions::default()
                },
                threads: NonZeroUsize::new(threads),
                ..Options::default()
            };
            wamrc_rs::compile(&wasm, &options)
                .expect("the module compiles")
                .bytes
        };
        let first = compile(1);
        for threads in [1, 2, 8] {
            assert!(
                compile(threads) == first,
                "-j{threads} differs from -j1 at opt level {opt_level}, frames {strategy:?}"
            );
        }
    }
}

#[test]
fn text_and_binary_of_a_module_give_the_same_object() {
    let text = "(module (func (export \"f\") (result i32) (i32.const 1)))";
    let options = Options::default();
    let from_text = wamrc_rs::compile(text.as_bytes(), &options)
        .expect("text compiles")
        .bytes;
    let binary = wat::parse_str(text).expect("the module is right");
    let from_binary = wamrc_rs::compile(&binary, &options)
        .expect("binary compiles")
        .bytes;
    assert!(from_text == from_binary);
}
