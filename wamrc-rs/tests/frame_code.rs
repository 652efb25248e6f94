//! What frames cost in machine code: what a cold path shows takes nothing from the path past it.

use wamrc_rs::{FrameStrategy, Options, OutputFormat, compile};

/// Traps if the divisor is 0 or the table has no such element, and shows integers and floats there.
const TRAPS: &str = r#"(module
    (type $t (func (param i32 i32 i32 f64 f64) (result f64)))
    (table 4 funcref)
    (func (export "f") (type $t)
        (return_call_indirect (type $t)
            (i32.div_u (local.get 1) (local.get 0))
            (local.get 2)
            (local.get 1)
            (f64.add (local.get 3) (local.get 4))
            (local.get 3)
            (i32.load8_u (local.get 2))))
    (memory 1))"#;

/// The loop polls, with sums of integers and floats.
const POLLS: &str = r#"(module
    (memory 1)
    (func (export "f") (param i32 i32) (result f64) (local f64 f64)
        (loop
            (local.set 2 (f64.add (local.get 2) (f64.load (local.get 0))))
            (local.set 3 (f64.mul (local.get 3) (local.get 2)))
            (local.set 0 (i32.load (i32.add (local.get 0) (local.get 1))))
            (br_if 0 (local.get 0)))
        (f64.sub (local.get 2) (local.get 3))))"#;

/// The code of the module's only function.
fn code(wat: &str, target: &str, safepoints: bool) -> String {
    let mut options = Options {
        safepoints,
        format: OutputFormat::Asm,
        ..Options::default()
    };
    options.target.target = Some(target.into());
    options.frames.strategy = FrameStrategy::Mapped;
    let output = compile(wat.as_bytes(), &options).expect("the module compiles");
    let text = String::from_utf8(output.bytes).expect("LLVM prints UTF-8");
    let start = text.find("\nwamr.f0:").expect("the function has code");
    let length = text[start..].find(".cfi_endproc").expect("it ends");
    text[start..start + length].to_owned()
}

#[test]
fn what_a_trap_or_a_poll_shows_stays_where_it_is() {
    // Registers that functions preserve, and what keeps a float on the stack.
    for (target, saved, spills) in [
        (
            "x86_64",
            &["r12", "r13", "r14", "r15", "rbp"][..],
            &["(%rsp)"][..],
        ),
        (
            "aarch64",
            &["x19", "x20", "x21", "x22"][..],
            &["str\td", "stp\td"][..],
        ),
    ] {
        for (wat, safepoints) in [(TRAPS, false), (POLLS, true)] {
            let code = code(wat, target, safepoints);
            let called = if safepoints { "wamr.poll" } else { "wamr.trap" };
            assert!(code.contains(called), "{target}: {code}");
            for text in saved.iter().chain(spills) {
                assert!(!code.contains(text), "{target}, {text}: {code}");
            }
        }
    }
}
