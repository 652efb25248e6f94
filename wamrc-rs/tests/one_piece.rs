//! A function is one piece of code: LLVM makes no copies of it that the tables do not know.

use std::fs;
use std::process::Command;

/// A function that is too large to be inlined, called with constants of which a copy would need less code.
fn module() -> String {
    let calls = "(local.set 1 (call $log (i32.xor (local.get 1) (local.get 0))))\n".repeat(100);
    format!(
        r#"(module
  (import "env" "log" (func $log (param i32) (result i32)))
  (func $large (param i32 i32) (result i32)
    (if (i32.eq (local.get 0) (i32.const 7)) (then (return (call $log (local.get 1)))))
    {calls}
    (local.get 1))
  (func (export "constant") (param i32) (result i32) (call $large (i32.const 8) (local.get 0)))
  (func (export "any") (param i32 i32) (result i32) (call $large (local.get 0) (local.get 1))))"#
    )
}

#[test]
fn functions_are_not_specialised() {
    let directory = tempfile::tempdir().expect("there is room");
    fs::write(directory.path().join("m.wat"), module()).expect("the module can be written");
    let compile = |options: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_wamrc-rs"))
            .args(options)
            // Forced, since what LLVM thinks profitable differs from one version to the next.
            .args(["--mllvm=-force-specialization", "-o", "m.out", "m.wat"])
            .current_dir(directory.path())
            .output()
            .expect("the compiler can be started")
    };
    let output = compile(&["--enable-aot-stack-frame"]);
    assert!(output.status.success(), "{output:?}");
    let output = compile(&["--format=llvmir-opt"]);
    assert!(output.status.success(), "{output:?}");
    let ir = fs::read_to_string(directory.path().join("m.out")).expect("IR is text");
    assert!(
        ir.contains("@wamr.f1(") && !ir.contains("specialized"),
        "{ir}"
    );
}
