//! The two command lines as a user meets them: usage errors, bad modules, bad objects, traps. Every
//! failure has its exit code and a message that names the file, leaves no output behind, and is no
//! panic.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use wamr_aot_loader::format::header::Field;

use tempfile::TempDir;
use xtask::tools::Tools;

const ADD: &str = r#"(module
  (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#;

const TRAPS: &str = r#"(module
  (memory 1)
  (table 1 funcref)
  (func $unreachable (export "unreachable") (unreachable))
  (func $outer (export "nested") (param i32) (result i32) (i32.add (i32.const 1) (call $middle (local.get 0))))
  (func $middle (param i32) (result i32) (i32.mul (i32.const 3) (call $divide (local.get 0))))
  (func $divide (param i32) (result i32) (i32.div_u (i32.const 10) (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "call") (param i32) (call_indirect (local.get 0)))
  (func (export "convert") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func $recurse (export "recurse") (param i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
)"#;

fn tools() -> &'static Tools {
    static TOOLS: OnceLock<Tools> = OnceLock::new();
    TOOLS.get_or_init(|| Tools::build().expect("the binaries build"))
}

/// A folder of the test's own, and the programs run in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("the file is written");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the file is there")
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.0.path())
            .expect("the folder is there")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    fn run(&self, program: &Path, arguments: &[&str], input: &[u8]) -> Ran {
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A program that does not read its input may be gone already.
        let _ = child.stdin.take().expect("a pipe").write_all(input);
        let output = child.wait_with_output().expect("the program ends");
        let ran = Ran {
            line: arguments.join(" "),
            output,
        };
        assert!(
            !ran.error().contains("panicked"),
            "{}: {}",
            ran.line,
            ran.error()
        );
        ran
    }

    fn wamrc(&self, arguments: &[&str]) -> Ran {
        self.run(&tools().wamrc, arguments, b"")
    }

    fn iwasm(&self, arguments: &[&str]) -> Ran {
        self.run(&tools().iwasm, arguments, b"")
    }

    /// Compiles text to an object; the compiler must be silent.
    fn compile(&self, text: &str, name: &str, options: &[&str]) {
        self.write("module.wat", text);
        let ran = self.wamrc(&[options, &["-o", name, "module.wat"]].concat());
        ran.ends_with(0);
        assert_eq!((ran.text(), ran.error()), (String::new(), String::new()));
    }
}

struct Ran {
    line: String,
    output: Output,
}

impl Ran {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    fn error(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(
            self.output.status.code(),
            Some(code),
            "{}: {}",
            self.line,
            self.error()
        );
        self
    }

    fn says(&self, expected: &str) -> &Self {
        let error = self.error();
        assert!(
            error.contains(expected),
            "{}: {expected:?} is not in {error:?}",
            self.line
        );
        self
    }
}

#[test]
fn the_compiler_refuses_wrong_usage() {
    let place = Place::new();
    place.write("add.wat", ADD);
    for (arguments, message) in [
        (&[][..], "no input"),
        (&["add.wat"], "no output"),
        (&["-o", "add.aot"], "no input"),
        (&["-o", "add.aot", "--nonsense", "add.wat"], "--nonsense"),
        (
            &["-o", "add.aot", "--opt-level=4", "add.wat"],
            "--opt-level",
        ),
        (
            &["-o", "add.aot", "--bounds-checks=2", "add.wat"],
            "--bounds-checks",
        ),
        (&["-o", "add.aot", "--format=elf", "add.wat"], "--format"),
        (&["-o", "add.aot", "-j", "0", "add.wat"], "--jobs"),
        (
            &[
                "-o",
                "add.aot",
                "--call-stack-features=everything",
                "add.wat",
            ],
            "everything",
        ),
        (&["-o", "add.aot", "--xip", "add.wat"], "--xip"),
        (&["-o", "add.aot", "-g", "add.wat"], "-g"),
        (&["inspect"], "FILE.aot"),
    ] {
        place.wamrc(arguments).ends_with(2).says(message);
    }
    assert_eq!(place.names(), ["add.wat"]);
}

#[test]
fn the_compiler_refuses_what_it_cannot_compile_and_says_where() {
    let place = Place::new();
    let wat = |text: &str| wat::parse_str(text).expect("the text is right");
    let module = wat(ADD);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty.wasm", vec![], "expected"),
        (
            "syntax.wat",
            b"(module\n  (func (nonsense)))".to_vec(),
            ":2:10",
        ),
        ("noise.wasm", vec![0xff; 64], "utf-8"),
        ("header.wasm", module[..6].to_vec(), "(at offset 0x"),
        ("version.wasm", b"\0asm\x09\0\0\0".to_vec(), "version"),
        (
            "truncated.wasm",
            module[..module.len() - 3].to_vec(),
            "(at offset 0x",
        ),
        (
            "type.wat",
            b"(module (func (result i32) (i64.const 0)))".to_vec(),
            "type mismatch",
        ),
        (
            "type.wasm",
            wat("(module (func (result i32) (i64.const 0)))"),
            "(at offset 0x1a)",
        ),
        (
            "index.wasm",
            wat("(module (func (call 7)))"),
            "unknown function",
        ),
        (
            "structure.wasm",
            wat("(module (type (func)) (type (struct)))"),
            "a struct type is not supported (at offset 0xe)",
        ),
        (
            "i31.wasm",
            wat("(module (func (result (ref i31)) (ref.i31 (i32.const 0))))"),
            "the heap type i31 is not supported (at offset 0xb)",
        ),
        (
            "i31_inside.wasm",
            wat("(module (func (drop (ref.i31 (i32.const 0)))))"),
            "the instruction RefI31 is not supported (at offset 0x19)",
        ),
        (
            "i31_global.wasm",
            wat(
                "(module (table 1 funcref) (global externref (extern.convert_any (ref.i31 (i32.const 0)))))",
            ),
            "the instruction RefI31 is not supported",
        ),
        (
            "older_exceptions.wasm",
            wat("(module (func try end))"),
            "legacy",
        ),
        ("component.wasm", wat("(component)"), "component"),
    ];
    for (name, bytes, message) in cases {
        place.write(name, bytes);
        place
            .wamrc(&["-o", "out.aot", name])
            .ends_with(1)
            .says(message)
            .says(name);
        assert!(
            !place.path("out.aot").exists(),
            "{name} left an output file"
        );
    }
    place
        .wamrc(&["-o", "out.aot", "missing.wasm"])
        .ends_with(1)
        .says("missing.wasm");
    place.write("add.wat", ADD);
    place
        .wamrc(&["-o", "none/out.aot", "add.wat"])
        .ends_with(1)
        .says("none/out.aot");
    place
        .wamrc(&["-o", "out.aot", "--target=pdp11", "add.wat"])
        .ends_with(1)
        .says("pdp11");
    place
        .wamrc(&["-o", "out.aot", "--cpu=abacus", "add.wat"])
        .ends_with(1)
        .says("abacus");
    assert!(!place.path("out.aot").exists());
    let temporary: Vec<String> = place
        .names()
        .into_iter()
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(temporary.is_empty(), "{temporary:?}");
}

#[test]
fn a_failed_compilation_leaves_an_older_output_alone() {
    let place = Place::new();
    place.write("out.aot", "precious");
    place.write("bad.wasm", b"\0asm\x01\0\0\0\xff");
    place.wamrc(&["-o", "out.aot", "bad.wasm"]).ends_with(1);
    assert_eq!(place.read("out.aot"), b"precious");
}

#[test]
fn modules_come_as_text_or_binary_from_a_file_or_standard_input() {
    let place = Place::new();
    let binary = wat::parse_str(ADD).expect("the text is right");
    place.write("add.wat", ADD);
    place.write("add.wasm", &binary);
    place.wamrc(&["-o", "text.aot", "add.wat"]).ends_with(0);
    place.wamrc(&["-o", "binary.aot", "add.wasm"]).ends_with(0);
    place
        .run(&tools().wamrc, &["-o", "piped.aot", "-"], &binary)
        .ends_with(0);
    let printed = place.run(&tools().wamrc, &["-o", "-", "-"], ADD.as_bytes());
    printed.ends_with(0);
    let object = place.read("text.aot");
    assert!(object == place.read("binary.aot") && object == place.read("piped.aot"));
    assert!(object == printed.output.stdout);
    place
        .iwasm(&["-f", "add", "piped.aot", "2", "3"])
        .ends_with(0);
}

#[test]
fn every_format_is_written() {
    let place = Place::new();
    for (format, beginning, contains) in [
        ("aot", "\u{7f}ELF", "wamraot"),
        ("object", "\u{7f}ELF", ".text"),
        ("llvmir-unopt", "; ModuleID", "define"),
        ("llvmir-opt", "; ModuleID", "define"),
        ("asm", "", ".text"),
    ] {
        let name = format!("out.{format}");
        place.compile(ADD, &name, &[&format!("--format={format}")]);
        let bytes = place.read(&name);
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            text.starts_with(beginning) && text.contains(contains),
            "{format}: {text}"
        );
    }
    place
        .iwasm(&["-f", "add", "out.object", "2", "3"])
        .ends_with(1)
        .says("out.object");
}

#[test]
fn inspect_shows_an_object_as_text_and_json() {
    let place = Place::new();
    place.compile(ADD, "add.aot", &["--enable-aot-stack-frame"]);
    let text = place.wamrc(&["inspect", "add.aot"]);
    text.ends_with(0);
    for part in ["add", "mapped", ".wamr.module", ".wamr.frames"] {
        assert!(text.text().contains(part), "{part}: {}", text.text());
    }
    let json = place.wamrc(&["inspect", "--json", "add.aot"]);
    json.ends_with(0);
    let value: serde_json::Value = serde_json::from_slice(&json.output.stdout).expect("JSON");
    assert!(
        value.is_object() && value.to_string().contains("\"add\""),
        "{value}"
    );

    let types = "(module
        (rec (type $a (sub (func (param (ref null $b))))) (type $b (func (result i32))))
        (type (func (param f32)))
        (type (sub final $a (func (param (ref null $b))))))";
    place.compile(types, "types.aot", &[]);
    let text = place.wamrc(&["inspect", "types.aot"]);
    for part in [
        "0  rec 0..=1 sub ((ref null 1)) -> ()\n",
        "1  rec 0..=1 () -> (i32)\n",
        "2  (f32) -> ()\n",
        "3  sub final 0 ((ref null 1)) -> ()\n",
    ] {
        assert!(text.text().contains(part), "{part}: {}", text.text());
    }

    place.write("bad.aot", b"not an object");
    place
        .wamrc(&["inspect", "bad.aot"])
        .ends_with(1)
        .says("bad.aot");
    place
        .wamrc(&["inspect", "missing.aot"])
        .ends_with(1)
        .says("missing.aot");
    let mut bytes = place.read("add.aot");
    bytes.truncate(bytes.len() / 2);
    place.write("half.aot", bytes);
    place
        .wamrc(&["inspect", "--json", "half.aot"])
        .ends_with(1)
        .says("half.aot");
}

#[test]
fn help_and_versions_are_success() {
    let place = Place::new();
    for (arguments, part) in [
        (&["--help"][..], "--opt-level"),
        (&["--version"], "wamrc-rs"),
        (&["--llvm-version"], "LLVM"),
        (&["--target=help"], "x86_64"),
        (&["--cpu=help"], "x86-64"),
        (&["completions", "bash"], "wamrc-rs"),
        (&["man"], "wamrc"),
    ] {
        let ran = place.wamrc(arguments);
        ran.ends_with(0);
        assert!(ran.text().contains(part), "{arguments:?}: {}", ran.text());
    }
    for (arguments, part) in [(&["--help"][..], "--map-dir"), (&["--version"], "iwasm-rs")] {
        let ran = place.iwasm(arguments);
        ran.ends_with(0);
        assert!(ran.text().contains(part), "{arguments:?}: {}", ran.text());
    }
}

#[test]
fn the_runtime_refuses_wrong_usage() {
    let place = Place::new();
    place.compile(ADD, "add.aot", &[]);
    for (arguments, message) in [
        (&[][..], "FILE.aot"),
        (&["--nonsense", "add.aot"], "--nonsense"),
        (&["--map-dir=nothing", "add.aot"], "GUEST::HOST"),
        (&["--env=K", "add.aot"], "NAME=VALUE"),
        (&["--stack-size=much", "add.aot"], "--stack-size"),
    ] {
        place.iwasm(arguments).ends_with(2).says(message);
    }
}

#[test]
fn the_runtime_refuses_what_is_no_object_of_ours() {
    let place = Place::new();
    place.compile(ADD, "add.aot", &[]);
    place.write("add.wasm", wat::parse_str(ADD).expect("the text is right"));
    place.write("empty.aot", b"");
    place.write("text.aot", b"(module)");
    place.write("zeros.aot", [0; 4096]);
    let program = fs::read(&tools().iwasm).expect("the program is a file");
    place.write("program.aot", &program[..65536.min(program.len())]);
    for name in [
        "add.wasm",
        "empty.aot",
        "text.aot",
        "zeros.aot",
        "program.aot",
        "missing.aot",
        ".",
    ] {
        place
            .iwasm(&["-f", "add", name, "1", "2"])
            .ends_with(1)
            .says(name);
    }
    place.iwasm(&["add.wasm"]).ends_with(1).says("wamrc-rs");
}

#[test]
fn the_runtime_refuses_objects_that_are_damaged() {
    let place = Place::new();
    place.compile(ADD, "add.aot", &[]);
    let object = place.read("add.aot");
    let mut lengths: Vec<usize> = (0..object.len()).step_by(object.len() / 24 + 1).collect();
    lengths.push(object.len() - 1);
    for length in lengths {
        place.write("cut.aot", &object[..length]);
        place
            .iwasm(&["-f", "add", "cut.aot", "1", "2"])
            .ends_with(1)
            .says("cut.aot");
    }
    // The room for a signature is what may change after the object was made.
    let header = 64;
    let signature = header + Field::Signature.offset();
    let signature = signature..signature + Field::Signature.size();
    for position in (0..object.len()).step_by(object.len() / 24 + 1) {
        if signature.contains(&position) {
            continue;
        }
        let mut bytes = object.clone();
        bytes[position] ^= 0x10;
        place.write("flipped.aot", bytes);
        place
            .iwasm(&["-f", "add", "flipped.aot", "1", "2"])
            .ends_with(1)
            .says("flipped.aot");
    }
    let mut longer = object;
    longer.push(0);
    place.write("longer.aot", longer);
    place
        .iwasm(&["-f", "add", "longer.aot", "1", "2"])
        .ends_with(1)
        .says("longer.aot");
}

#[test]
fn an_object_for_another_machine_is_refused() {
    let place = Place::new();
    for target in ["aarch64", "riscv64"] {
        if std::env::consts::ARCH == target {
            continue;
        }
        place.compile(ADD, "other.aot", &[&format!("--target={target}")]);
        place
            .iwasm(&["-f", "add", "other.aot", "1", "2"])
            .ends_with(1)
            .says("other.aot");
    }
}

#[test]
fn functions_are_called_by_name_with_arguments_by_type() {
    let place = Place::new();
    let text = r#"(module
      (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
      (func (export "mixed") (param i64 f64) (result f64 i64) (local.get 1) (local.get 0))
      (func (export "nothing"))
      (global (export "g") i32 (i32.const 1)))"#;
    place.compile(text, "m.aot", &[]);
    for (arguments, expected) in [
        (&["-f", "add", "m.aot", "3", "5"][..], "0x8:i32\n"),
        (
            &["--function", "add", "m.aot", "-1", "0"],
            "0xffffffff:i32\n",
        ),
        (&["--invoke", "add", "m.aot", "0x10", "1"], "0x11:i32\n"),
        (
            &["--invoke", "mixed", "m.aot", "-1", "1.5"],
            "1.5:f64,0xffffffffffffffff:i64\n",
        ),
    ] {
        let ran = place.iwasm(arguments);
        ran.ends_with(0);
        assert_eq!(ran.text(), expected, "{arguments:?}");
    }
    place.iwasm(&["-f", "nothing", "m.aot"]).ends_with(0);
    for (arguments, message) in [
        (&["-f", "none", "m.aot"][..], "none"),
        (&["-f", "g", "m.aot"], "g"),
        (&["-f", "add", "m.aot", "3"], "add"),
        (&["-f", "add", "m.aot", "3", "4", "5"], "add"),
        (&["-f", "add", "m.aot", "3", "four"], "four"),
        (&["-f", "add", "m.aot", "3", "4294967296"], "4294967296"),
        (&["m.aot"], "_start"),
    ] {
        place.iwasm(arguments).ends_with(1).says(message);
    }
}

#[test]
fn an_import_that_nobody_defines_is_named() {
    let place = Place::new();
    place.compile(
        r#"(module (import "env" "mystery" (func)) (func (export "f")))"#,
        "m.aot",
        &[],
    );
    place
        .iwasm(&["-f", "f", "m.aot"])
        .ends_with(1)
        .says("mystery");
}

#[test]
fn a_trap_is_an_exception_with_a_call_stack_and_exit_code_134() {
    let place = Place::new();
    place.compile(TRAPS, "plain.aot", &[]);
    place.compile(TRAPS, "frames.aot", &["--enable-dump-call-stack"]);
    place.compile(
        TRAPS,
        "values.aot",
        &["--enable-aot-stack-frame", "--opt-level=0"],
    );
    for name in ["plain.aot", "frames.aot", "values.aot"] {
        for (function, argument, cause) in [
            ("unreachable", None, "unreachable"),
            ("nested", Some("0"), "integer divide by zero"),
            ("load", Some("65533"), "out of bounds memory access"),
            ("load", Some("-1"), "out of bounds memory access"),
            ("call", Some("0"), "uninitialized element"),
            ("call", Some("1"), "undefined element"),
            ("convert", Some("nan"), "invalid conversion to integer"),
            ("convert", Some("1e10"), "integer overflow"),
            ("recurse", Some("0"), "call stack exhausted"),
        ] {
            let mut arguments = vec!["-f", function, name];
            arguments.extend(argument);
            let ran = place.iwasm(&arguments);
            ran.ends_with(134).says(&format!("Exception: {cause}\n"));
            assert_eq!(ran.text(), "", "{arguments:?}");
        }
    }
    for name in ["frames.aot", "values.aot"] {
        let error = place.iwasm(&["-f", "nested", name, "0"]).error();
        let frames: Vec<&str> = error.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(frames.len(), 3, "{name}: {error}");
        for (frame, (number, function)) in
            frames
                .iter()
                .zip([("#00", "divide"), ("#01", "middle"), ("#02", "outer")])
        {
            let offset = frame.split(' ').nth(1).unwrap_or_default();
            assert!(
                frame.starts_with(&format!("{number}: 0x")),
                "{name}: {error}"
            );
            assert!(
                frame.ends_with(&format!(" - {function}")),
                "{name}: {error}"
            );
            assert!(
                offset.len() >= 6,
                "{name}: offsets have four digits: {error}"
            );
        }
        let error = place.iwasm(&["-f", "load", name, "-1"]).error();
        assert!(
            error.lines().any(|line| line.starts_with("#00: 0x")),
            "{name}: {error}"
        );
    }
    let stripped = ["--enable-dump-call-stack", "--strip"];
    place.compile(TRAPS, "stripped.aot", &stripped);
    let error = place.iwasm(&["-f", "nested", "stripped.aot", "0"]).error();
    assert!(
        error.contains(" - $f3\n") && error.contains(" - $f1\n"),
        "{error}"
    );
}

#[test]
fn infinite_loops_do_not_end() {
    let place = Place::new();
    let text = r#"(module
      (func (export "empty") (loop $l (br $l)))
      (func $conditional (param i32) (result i32) (loop $l (br_if $l (local.get 0))) (i32.const 1))
      (func (export "conditional") (drop (call $conditional (i32.const 1))))
      (func (export "counting") (result i64) (local i64)
        (loop $l (local.set 0 (i64.add (local.get 0) (i64.const 1))) (br $l)) (local.get 0)))"#;
    place.compile(text, "m.aot", &[]);
    for function in ["empty", "conditional", "counting"] {
        let mut child = Command::new(&tools().iwasm)
            .args(["-f", function, "m.aot"])
            .current_dir(place.0.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        std::thread::sleep(std::time::Duration::from_millis(300));
        let ended = child.try_wait().expect("it can be asked");
        assert_eq!(ended, None, "{function}");
        child.kill().expect("it can be ended");
        child.wait().expect("it ends");
    }
}
