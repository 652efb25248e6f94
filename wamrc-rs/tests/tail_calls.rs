//! Tail calls jump: on every target, at every level, in every frame mode, whatever the signatures.

use std::fmt::Write as _;

use wamrc_rs::{FrameStrategy, Options, OutputFormat, compile};

const TARGETS: [&str; 4] = ["x86_64", "aarch64", "riscv64", "riscv32"];

/// Parameter lists up to what no registers hold, and result lists with and without a results pointer.
fn signatures() -> Vec<(String, String)> {
    let types = ["i32", "f64", "i64", "f32", "funcref", "externref"];
    let mixed = |count: usize| types.iter().cycle().take(count).copied();
    let mut params: Vec<Vec<&str>> = [0, 1, 5, 9, 20].map(|count| mixed(count).collect()).into();
    params.push(vec!["i64"; 20]);
    params.push(vec!["f64"; 20]);
    let results = [vec![], vec!["i64"], vec!["f32", "i32", "i64"]];
    let mut signatures = Vec::new();
    for params in &params {
        for results in &results {
            signatures.push((params.join(" "), results.join(" ")));
        }
    }
    signatures
}

fn constants(types: &str) -> String {
    types
        .split_whitespace()
        .map(|ty| match ty {
            "funcref" => "(ref.null func) ".to_owned(),
            "externref" => "(ref.null extern) ".to_owned(),
            ty => format!("({ty}.const 1) "),
        })
        .collect()
}

/// Every signature tail-calls every other with the same results: directly, through the table, by reference, and
/// an import. The functions make no other calls.
fn module() -> String {
    let signatures = signatures();
    let mut text = String::from("(module\n");
    for (index, (params, results)) in signatures.iter().enumerate() {
        let _ = writeln!(
            text,
            "(type $t{index} (func (param {params}) (result {results})))"
        );
    }
    for index in 0..signatures.len() {
        let _ = writeln!(
            text,
            "(import \"\" \"i\" (func $i{index} (type $t{index})))"
        );
    }
    text.push_str("(table 100 funcref)\n(elem declare func");
    for index in 0..signatures.len() {
        let _ = write!(text, " $f{index}");
    }
    text.push_str(")\n");
    for (index, (params, results)) in signatures.iter().enumerate() {
        let _ = writeln!(
            text,
            "(func $f{index} (param $to i32) (param {params}) (result {results})"
        );
        for (callee, (params, _)) in
            (signatures.iter().enumerate()).filter(|(_, signature)| signature.1 == *results)
        {
            let arguments = constants(params);
            for call in [
                format!("return_call $f{callee} (i32.const 1) {arguments}"),
                format!("return_call $i{callee} {arguments}"),
                format!("return_call_indirect (type $t{callee}) {arguments} (local.get $to)"),
                format!(
                    "return_call_ref $t{callee} {arguments} (ref.as_non_null (ref.null $t{callee}))"
                ),
            ] {
                let number = callee * 4;
                let _ = writeln!(
                    text,
                    "(if (i32.eq (local.get $to) (i32.const {number})) (then ({call})))"
                );
            }
        }
        text.push_str("unreachable)\n");
    }
    // Takes arguments on the stack, where its caller leaves them.
    let (params, arguments) = ("i64 ".repeat(20), "(i64.const 1)".repeat(20));
    let _ = writeln!(
        text,
        "(func $private (param {params}) (return_call $f0 (i32.const 1)))
        (func (export \"entry\") (call $private {arguments})))"
    );
    text
}

/// The calls of an assembly line, if it is one: what is called.
fn called(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    match (words.next()?, words.next()) {
        ("call" | "callq" | "bl" | "blr" | "jalr", Some(target)) => Some(target),
        _ => None,
    }
}

#[test]
fn tail_calls_are_jumps_on_every_target() {
    let module = module();
    let entry = format!("wamr.f{}", 2 * signatures().len() + 1);
    for target in TARGETS {
        for (opt_level, strategy, safepoints) in [
            (0, FrameStrategy::None, false),
            (0, FrameStrategy::Automatic, true),
            (2, FrameStrategy::Explicit, true),
            (3, FrameStrategy::None, false),
            (3, FrameStrategy::Automatic, false),
        ] {
            let mut options = Options {
                opt_level,
                safepoints,
                format: OutputFormat::Asm,
                ..Options::default()
            };
            options.target.target = Some(target.into());
            options.frames.strategy = strategy;
            let output = compile(module.as_bytes(), &options)
                .unwrap_or_else(|error| panic!("{target} {opt_level} {strategy:?}: {error}"));
            let text = String::from_utf8(output.bytes).expect("LLVM prints UTF-8");
            let mut function = "";
            let mut functions = 0;
            for line in text.lines() {
                if let Some(label) = line.split(':').next().filter(|label| !label.is_empty())
                    && label.starts_with("wamr.")
                {
                    function = label;
                    functions += usize::from(label.starts_with("wamr.f"));
                }
                // The last function makes an ordinary call.
                if !function.starts_with("wamr.f") || function == entry {
                    continue;
                }
                if let Some(callee) = called(line) {
                    assert!(
                        ["wamr_trap", "wamr.trap", "wamr.poll"]
                            .iter()
                            .any(|cold| callee.contains(cold)),
                        "{target} {opt_level} {strategy:?}: {function}: {line}"
                    );
                }
            }
            assert_eq!(functions, signatures().len() + 2, "{target}");
        }
    }
}
