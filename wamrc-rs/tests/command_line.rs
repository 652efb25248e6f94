//! What the command promises to its callers: exit codes, messages, and what is left behind.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const MODULE: &str = r#"(module $demo
  (import "env" "log" (func $log (param i32)))
  (memory (export "memory") 1 2)
  (func $add (export "add") (param i32 i32) (result i32)
    (call $log (local.get 0))
    (i32.add (local.get 0) (i32.load (local.get 1))))
  (@custom "my note" "text"))"#;

fn run(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wamrc-rs"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// A directory with the module in it, as text and as binary.
fn directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("m.wat"), MODULE).unwrap();
    fs::write(
        directory.path().join("m.wasm"),
        wat::parse_str(MODULE).unwrap(),
    )
    .unwrap();
    directory
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn every_way_in_and_out_gives_the_same_object() {
    let directory = directory();
    let path = directory.path();
    let binary = fs::read(path.join("m.wasm")).unwrap();
    let compile = |arguments: &[&str], input: &[u8]| {
        let output = run(path, arguments, input);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert_eq!(stderr(&output), "", "{arguments:?}");
        output
    };
    compile(&["-o", "out.aot", "m.wasm"], b"");
    let expected = fs::read(path.join("out.aot")).unwrap();
    assert!(expected.starts_with(b"\x7fELF"));
    compile(&["m.wat", "-o", "text.aot"], b"");
    assert_eq!(fs::read(path.join("text.aot")).unwrap(), expected);
    assert_eq!(compile(&["-o", "-", "-"], &binary).stdout, expected);
    assert_eq!(
        compile(&["-o", "-", "-"], MODULE.as_bytes()).stdout,
        expected
    );
    assert_eq!(compile(&["-j1", "-o", "-", "m.wasm"], b"").stdout, expected);
    assert_eq!(
        compile(&["-j", "7", "-o", "-", "m.wasm"], b"").stdout,
        expected
    );
    assert_eq!(files(path), ["m.wasm", "m.wat", "out.aot", "text.aot"]);
}

#[test]
fn wrong_usage_exits_2_and_says_what_is_wrong() {
    let directory = directory();
    for (arguments, expected) in [
        (&[][..], "no input"),
        (&["m.wasm"], "no output: name a file with `-o`"),
        (&["-o", "x.aot"], "no input"),
        (
            &["--opt-level=9", "-o", "x.aot", "m.wasm"],
            "9 is not in 0..=3",
        ),
        (
            &["--xip", "-o", "x.aot", "m.wasm"],
            "`--xip` is not available",
        ),
        (
            &["-sgx", "-o", "x.aot", "m.wasm"],
            "`--sgx` is not available",
        ),
        (&["-g", "-o", "x.aot", "m.wasm"], "`-g` is reserved"),
        (&["--no-such-thing"], "--no-such-thing"),
        (
            &["--jobs=0", "-o", "x.aot", "m.wasm"],
            "number would be zero",
        ),
        (&["inspect"], "<FILE.aot>"),
        (&["completions", "nonshell"], "nonshell"),
    ] {
        let output = run(directory.path(), arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains(expected),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    assert_eq!(files(directory.path()), ["m.wasm", "m.wat"]);
}

#[test]
fn what_cannot_be_compiled_exits_1_and_leaves_no_file() {
    let directory = directory();
    let path = directory.path();
    fs::write(path.join("bad.wasm"), b"\0asm\x01\0\0\0\x01\x7f").unwrap();
    fs::write(path.join("bad.wat"), "(module (func (result i32)))").unwrap();
    fs::write(path.join("worse.wat"), "(module").unwrap();
    fs::write(path.join("empty.wasm"), b"").unwrap();
    assert!(
        run(path, &["-o", "good.aot", "m.wasm"], b"")
            .status
            .success()
    );
    for (arguments, expected) in [
        (
            &["-o", "x.aot", "absent.wasm"][..],
            &["cannot read absent.wasm"][..],
        ),
        (&["-o", "x.aot", "bad.wasm"], &["bad.wasm: ", "offset 0x"]),
        (
            &["-o", "x.aot", "bad.wat"],
            &["bad.wat: ", "type mismatch", "offset 0x"],
        ),
        (
            &["-o", "x.aot", "worse.wat"],
            &["worse.wat: ", "expected `)`"],
        ),
        (&["-o", "x.aot", "empty.wasm"], &["empty.wasm: "]),
        (
            &["-o", "x.aot", "good.aot"],
            &["expected a WebAssembly module, found an ELF object"],
        ),
        (
            &["-o", "no/such/x.aot", "m.wasm"],
            &["cannot write no/such/x.aot"],
        ),
        (&["-o", ".", "m.wasm"], &["cannot write ."]),
        (
            &["--target=z80", "-o", "x.aot", "m.wasm"],
            &["unknown target `z80`", "x86_64"],
        ),
        (
            &["--cpu=zen", "--target=x86_64", "-o", "x.aot", "m.wasm"],
            &["no CPU `zen`", "--cpu=help"],
        ),
        (&["inspect", "m.wasm"], &["m.wasm: expected an ELF object"]),
        (&["inspect", "absent.aot"], &["cannot read absent.aot"]),
    ] {
        let output = run(path, arguments, b"");
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: {}",
            stderr(&output)
        );
        for part in expected {
            assert!(
                stderr(&output).contains(part),
                "{arguments:?}: {}",
                stderr(&output)
            );
        }
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    let expected = [
        "bad.wasm",
        "bad.wat",
        "empty.wasm",
        "good.aot",
        "m.wasm",
        "m.wat",
        "worse.wat",
    ];
    assert_eq!(files(path), expected);
}

#[test]
fn devices_and_links_are_written_through() {
    let directory = directory();
    let path = directory.path();
    assert!(
        run(path, &["-o", "/dev/null", "m.wasm"], b"")
            .status
            .success()
    );
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    fs::write(path.join("real.aot"), "old").unwrap();
    std::os::unix::fs::symlink("real.aot", path.join("link.aot")).unwrap();
    assert!(
        run(path, &["-o", "link.aot", "m.wasm"], b"")
            .status
            .success()
    );
    assert!(
        fs::symlink_metadata(path.join("link.aot"))
            .unwrap()
            .is_symlink()
    );
    assert!(
        fs::read(path.join("real.aot"))
            .unwrap()
            .starts_with(b"\x7fELF")
    );
}

#[test]
fn formats_are_what_they_say() {
    let directory = directory();
    for (format, expected) in [
        ("llvmir-unopt", "define"),
        ("llvmir-opt", "define"),
        ("asm", "wamr.f1:"),
    ] {
        let argument = format!("--format={format}");
        let output = run(directory.path(), &[&argument, "-o", "-", "m.wasm"], b"");
        assert!(
            stdout(&output).contains(expected),
            "{format}: {}",
            stderr(&output)
        );
    }
    let object = run(
        directory.path(),
        &["--format=object", "-o", "-", "m.wasm"],
        b"",
    )
    .stdout;
    assert!(object.starts_with(b"\x7fELF"));
    assert!(!object.windows(8).any(|window| window == b"\0wamraot"));
}

#[test]
fn inspect_shows_the_object() {
    let directory = directory();
    let path = directory.path();
    let compile = ["--emit-custom-sections=my\\note", "-o", "m.aot", "m.wasm"];
    assert!(run(path, &compile, b"").status.success());
    let output = run(path, &["inspect", "m.aot"], b"");
    let text = stdout(&output);
    for expected in [
        "x86-64",
        "frame.prev_frame",
        ".wamr.header",
        ".wamr.custom.my note",
        "env.log",
        "add",
        "1..=2 pages of 65536 bytes",
        "wamr_call_host",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert!(!text.contains("refuses"), "{text}");

    let output = run(path, &["inspect", "--json", "m.aot"], b"");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["name"], "demo");
    assert_eq!(report["header"]["pointer_width"], 8);
    assert_eq!(report["problem"], serde_json::Value::Null);
    assert_eq!(report["functions"][0]["name"], "add");
    assert_eq!(report["functions"][0]["type"], "(i32, i32) -> (i32)");
    assert_eq!(report["exports"][1]["name"], "add");
    assert!(report["functions"][0]["code_size"].as_u64().unwrap() > 0);

    // Damage is told, and the rest is shown.
    let mut bytes = fs::read(path.join("m.aot")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let output = run(path, &["inspect", "-"], &bytes);
    assert!(
        stdout(&output).contains("refuses the object"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn inspect_shows_frames() {
    let directory = directory();
    let path = directory.path();
    for (strategy, returns) in [("mapped", true), ("explicit", false)] {
        let strategy = format!("--frame-strategy={strategy}");
        let compile = [
            "--enable-aot-stack-frame",
            &strategy,
            "-o",
            "m.aot",
            "m.wasm",
        ];
        let output = run(path, &compile, b"");
        assert!(output.status.success(), "{}", stderr(&output));
        let text = stdout(&run(path, &["inspect", "--frames", "m.aot"], b""));
        // The parameters are read after the call.
        for expected in ["add (i32, i32) -> (i32)", "call  l0:i32 l1:i32\n"] {
            assert!(text.contains(expected), "{expected} is not in {text}");
        }
        assert_eq!(text.contains("+0x"), returns, "{text}");

        let output = run(path, &["inspect", "--frames", "--json", "m.aot"], b"");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let function = &report["functions"][0];
        assert_eq!(function["sites"][0]["kind"], "call");
        assert_eq!(function["sites"][0]["shows"][1], "l1:i32");
        let found = function["returns"].as_array().unwrap();
        assert_eq!(!found.is_empty(), returns);
        if let Some(first) = found.first() {
            assert_eq!(first["frames"][0]["ip"], function["sites"][0]["ip"]);
            assert_eq!(first["frames"][0]["values"].as_array().unwrap().len(), 2);
        }
    }
    // Without frames there is nothing to show, and that is no error.
    assert!(run(path, &["-o", "m.aot", "m.wasm"], b"").status.success());
    let output = run(path, &["inspect", "--frames", "m.aot"], b"");
    assert!(stdout(&output).contains("0 sites"), "{}", stderr(&output));
}

#[test]
fn stripped_objects_have_no_names() {
    let directory = directory();
    let path = directory.path();
    assert!(
        run(path, &["--strip", "-o", "m.aot", "m.wasm"], b"")
            .status
            .success()
    );
    let text = stdout(&run(path, &["inspect", "m.aot"], b""));
    assert!(
        !text.contains(".wamr.names") && text.contains("$f1"),
        "{text}"
    );
}

#[test]
fn lists_and_versions_need_no_input() {
    let directory = TempDir::new().unwrap();
    for (arguments, expected) in [
        (&["--target=help"][..], "riscv64"),
        (&["--target=riscv64", "--target-abi=help"], "lp64d"),
        (&["--target=aarch64", "--cpu=help"], "cortex-a53"),
        (&["--target=x86_64", "--cpu-features=+help"], "avx2"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["--llvm-version"], "LLVM 22."),
        (&["--help"], "Exit codes"),
        (&["completions", "bash"], "--enable-aot-stack-frame"),
        (&["completions", "zsh"], "#compdef wamrc-rs"),
        (&["man"], ".TH wamrc-rs 1"),
    ] {
        let output = run(directory.path(), arguments, b"");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(
            stdout(&output).contains(expected),
            "{arguments:?}: {}",
            stdout(&output)
        );
    }
}

#[test]
fn compatibility_options_are_accepted_and_explained_on_request() {
    let directory = directory();
    let quiet = [
        "--enable-lime1",
        "--disable-llvm-lto",
        "-o",
        "m.aot",
        "m.wasm",
    ];
    let output = run(directory.path(), &quiet, b"");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        stderr(&output)
    );
    let output = run(directory.path(), &[&quiet[..], &["-v=3"]].concat(), b"");
    assert!(
        stderr(&output).contains("`--enable-lime1` changes nothing"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn branch_hints_that_make_no_sense_are_a_warning() {
    let directory = TempDir::new().unwrap();
    // The first function's hint is at its `local.get`.
    let module = r#"(module
        (@custom "metadata.code.branch_hint" (before code) "\01\00\01\01\01\01")
        (func (param i32) (local.get 0) if end))"#;
    let warned = run(directory.path(), &["-o", "m.aot", "-"], module.as_bytes());
    assert_eq!(warned.status.code(), Some(0), "{}", stderr(&warned));
    let text = stderr(&warned);
    assert!(
        text.contains("warning: -: the custom section `metadata.code.branch_hint` is ignored: ")
            && text.contains("isn't if or br_if"),
        "{text}"
    );
    assert_eq!(files(directory.path()), ["m.aot"]);
    let silent = run(
        directory.path(),
        &["-v=0", "-o", "m.aot", "-"],
        module.as_bytes(),
    );
    assert_eq!(stderr(&silent), "");
}

#[test]
fn features_can_be_switched_off_and_on() {
    let directory = TempDir::new().unwrap();
    for (module, switch, is_on) in [
        (
            "(module (memory 1) (memory 1))",
            "--disable-multi-memory",
            false,
        ),
        ("(module (memory i64 1))", "--disable-memory64", false),
        (
            "(module (table i64 1 funcref))",
            "--disable-memory64",
            false,
        ),
        (
            "(module (memory 1 (pagesize 1)))",
            "--enable-custom-page-sizes",
            true,
        ),
        (
            "(module (func (param i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 0))))",
            "--enable-wide-arithmetic",
            true,
        ),
    ] {
        let plain = run(directory.path(), &["-o", "m.aot", "-"], module.as_bytes());
        let switched = run(
            directory.path(),
            &[switch, "-o", "n.aot", "-"],
            module.as_bytes(),
        );
        let codes = [plain.status.code(), switched.status.code()];
        assert_eq!(
            codes,
            if is_on {
                [Some(1), Some(0)]
            } else {
                [Some(0), Some(1)]
            },
            "{module}"
        );
    }
}
