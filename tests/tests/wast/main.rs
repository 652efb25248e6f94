//! Scripts through compiler, loader and runtime: the project's own and the specification's, under the
//! options that make different code.

mod signatures;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Options that each change the code of almost every function.
const CONFIGURATIONS: &[&[&str]] = &[
    &["--opt-level=0"],
    &["--opt-level=0", "--frames=explicit"],
    &["--opt-level=3"],
    &["--opt-level=3", "--frames=explicit"],
    &["--opt-level=3", "--frames=mapped"],
    &["--opt-level=3", "--bounds-checks=1"],
    &["--opt-level=3", "--strict-traps"],
];

/// Runs `wast`, which must pass everything and skip nothing; gives its output.
fn pass(options: &[&str], paths: &[&str]) -> String {
    let text = run(options, paths);
    assert!(
        text.contains(" passed, 0 failed, 0 skipped"),
        "wast {options:?} {paths:?}:\n{text}"
    );
    text
}

/// Runs `wast`, which must not fail; gives its output.
fn run(options: &[&str], paths: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wast"))
        .args(["--wast-run", env!("CARGO_BIN_EXE_wast-run")])
        .args(options)
        .args(paths)
        .output()
        .expect("wast starts");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "wast {options:?} {paths:?}: {}\n{text}",
        output.status
    );
    text
}

fn folder(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    path.to_str().expect("a UTF-8 path").to_owned()
}

fn temporary(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn own_scripts_pass_in_every_configuration() {
    for options in CONFIGURATIONS {
        pass(options, &[&folder("wast")]);
    }
}

#[test]
fn strict_traps_are_exact() {
    for options in [
        ["--opt-level=0", "--bounds-checks=0"],
        ["--opt-level=3", "--bounds-checks=0"],
        ["--opt-level=3", "--bounds-checks=1"],
        ["--opt-level=3", "--frames=explicit"],
    ] {
        pass(
            &[options[0], options[1], "--strict-traps"],
            &[&folder("wast_strict")],
        );
    }
}

#[test]
fn values_of_every_type_and_number_pass_through_every_kind_of_call() {
    let path = temporary("signatures.wast");
    std::fs::write(&path, signatures::script()).expect("the script is written");
    for options in CONFIGURATIONS {
        pass(options, &[path.to_str().expect("a UTF-8 path")]);
    }
}

#[test]
fn extended_constant_expressions_pass_in_every_configuration() {
    for options in CONFIGURATIONS {
        pass(options, &["spec:extended-const"]);
    }
}

/// Runs suites, which must not fail; what they skip must need one of `lacking`.
fn pass_but(options: &[&str], suites: &[&str], lacking: &[&str]) {
    let text = run(options, suites);
    assert!(text.contains(" passed, 0 failed, "), "{text}");
    for skip in text.lines().filter(|line| line.starts_with("SKIP")) {
        assert!(lacking.iter().any(|name| skip.contains(name)), "{skip}");
    }
}

#[test]
fn proposals_of_memories_pass_in_every_configuration() {
    for options in CONFIGURATIONS {
        pass(
            options,
            &[
                "spec:multi-memory",
                "spec:custom-page-sizes",
                "spec:wide-arithmetic",
                "spec:threads",
            ],
        );
    }
}

#[test]
fn exceptions_pass_in_every_configuration() {
    for options in CONFIGURATIONS {
        pass(options, &["spec:legacy-exceptions", "spec:exceptions"]);
    }
}

/// Modules with structures or arrays among their types are skipped; what they say of functions, own scripts say without.
#[test]
fn types_of_functions_pass_in_every_configuration() {
    for options in CONFIGURATIONS {
        pass_but(
            options,
            &[
                "spec:v3/type-canon.wast",
                "spec:v3/type-equivalence.wast",
                "spec:v3/type-rec.wast",
                "spec:gc/type-subtyping.wast",
            ],
            &["a struct type", "an array type"],
        );
    }
}

/// The bulk operations are many small modules; one configuration each of checks and of guard pages will do.
#[test]
fn memory64_and_annotations_pass() {
    for options in [
        &["--opt-level=0", "--bounds-checks=1"][..],
        &["--opt-level=3"],
    ] {
        pass_but(
            options,
            &["spec:memory64", "spec:annotations"],
            &["an array type"],
        );
    }
}

#[test]
fn vectors_pass_with_what_other_processors_have() {
    let mut ways = vec![vec!["--bounds-checks=1"], vec!["--strict-traps"]];
    #[cfg(target_arch = "x86_64")]
    {
        let has_avx2 =
            std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
        for (feature, here) in [
            ("+ssse3", std::is_x86_feature_detected!("ssse3")),
            ("+sse4.1", std::is_x86_feature_detected!("sse4.1")),
            ("+avx2,+fma", has_avx2),
        ] {
            if here {
                ways.push(vec!["--cpu-features", feature]);
            }
        }
    }
    for options in ways {
        pass(&options, &["spec:simd", "spec:relaxed-simd"]);
    }
}

/// The other ways to compile the suite are `cargo xtask test`'s.
#[test]
fn the_specification_passes_with_explicit_bounds_checks() {
    pass(
        &["--opt-level=2", "--bounds-checks=1"],
        &["spec:v1", "spec:v2"],
    );
}

#[test]
fn what_this_build_lacks_is_skipped_with_a_reason() {
    let path = temporary("lacking.wast");
    let script = r#"
        (module $m (type (struct)) (func (export "f") (result i32) (i32.const 1)))
        (assert_return (invoke $m "f") (i32.const 1))
        (register "m" $m)
        (module (import "m" "f" (func)))
        (assert_exception (invoke "f"))
    "#;
    std::fs::write(&path, script).expect("the script is written");
    let output = Command::new(env!("CARGO_BIN_EXE_wast"))
        .args(["--wast-run", env!("CARGO_BIN_EXE_wast-run")])
        .arg(&path)
        .output()
        .expect("wast starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.ends_with("0 passed, 0 failed, 5 skipped\n"), "{text}");
    for reason in [
        ":2: a struct type is not supported (at offset 0xb)",
        ":3: a struct type is not supported (at offset 0xb)",
    ] {
        assert!(text.contains(reason), "{reason}: {text}");
    }
}

#[test]
fn failures_say_where_what_was_expected_and_what_was_found() {
    let path = temporary("failing.wast");
    let script = r#"(module
            (func (export "one") (result i32) (i32.const 1))
            (func (export "trap") (unreachable)))
        (assert_return (invoke "one") (i32.const 2))
        (assert_trap (invoke "one") "unreachable")
        (assert_trap (invoke "trap") "integer overflow")
        (assert_return (invoke "trap"))
        (assert_return (invoke "none"))
        (assert_exhaustion (invoke "trap") "call stack exhausted")
        (assert_invalid (module (func)) "type mismatch")
        (assert_unlinkable (module (import "spectest" "print" (func))) "unknown import")
        (module (func (result i32)))
        (invoke "one")
    "#;
    std::fs::write(&path, script).expect("the script is written");
    let output = Command::new(env!("CARGO_BIN_EXE_wast"))
        .args(["--wast-run", env!("CARGO_BIN_EXE_wast-run")])
        .arg(&path)
        .output()
        .expect("wast starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.ends_with("1 passed, 10 failed, 0 skipped\n"), "{text}");
    for message in [
        ":4: expected (i32 2), found (i32 1)",
        ":5: expected a trap (unreachable), found (i32 1)",
        ":6: expected a trap (integer overflow), found a trap (",
        ":7: expected nothing, found a trap (",
        ":8: there is no export \"none\"",
        ":9: expected a trap (call stack exhausted), found a trap (",
        ":10: expected a refusal (type mismatch), found an object",
        ":11: expected a link error (unknown import), found an instance",
        ":12: expected an object, found: type mismatch",
        ":13: the module that it needs failed",
    ] {
        assert!(text.contains(message), "{message}: {text}");
    }
}
