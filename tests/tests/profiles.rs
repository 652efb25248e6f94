//! Profiling through the two command lines: counted calls, the table, flame graphs, names for Linux perf.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;
use xtask::tools::Tools;

/// `run(n)` calls `mid` n times, which calls `leaf` ten times; `spin` takes time and calls nothing.
const PROGRAM: &str = r#"(module $program
  (memory 1)
  (table funcref (elem $leaf))
  (func $leaf (param i32) (result i32) (i32.add (i32.mul (local.get 0) (i32.const 1664525)) (i32.const 1013904223)))
  (func $mid (param i32) (result i32) (local i32)
    (local.set 1 (i32.const 10))
    (loop $again
      (local.set 0 (call $leaf (local.get 0)))
      (br_if $again (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
    (local.get 0))
  (func $run (export "run") (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (call $mid (local.get 1)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add
        (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $indirect (export "indirect") (param i32) (result i32)
    (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))
  (func $load (export "load") (param i32) (result i32) (call $run (i32.const 3)) (drop) (i32.load (local.get 0)))
  (func $unused (export "unused"))
  (func $spin (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.rem_u (i32.mul (i32.add (local.get 1) (i32.const 12345)) (i32.const 1103515245)) (local.get 0)))
      (i32.store (i32.const 0) (local.get 1))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $work (export "work") (param i32) (result i32) (call $spin (local.get 0)))
)"#;

fn tools() -> &'static Tools {
    static TOOLS: OnceLock<Tools> = OnceLock::new();
    TOOLS.get_or_init(|| Tools::build().expect("the binaries build"))
}

/// A folder with `PROGRAM` compiled with these options, as `m.aot`.
fn compiled(options: &[&str]) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary folder");
    fs::write(place.path().join("m.wat"), PROGRAM).expect("the module is written");
    let output = command(&tools().wamrc, place.path())
        .args(options)
        .args(["-o", "m.aot", "m.wat"])
        .output()
        .expect("the compiler starts");
    assert!(output.status.success(), "{options:?}: {}", error(&output));
    place
}

fn command(program: &Path, place: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(place);
    command
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn iwasm(place: &TempDir, arguments: &[&str], code: i32) -> Output {
    let output = command(&tools().iwasm, place.path())
        .args(arguments)
        .output()
        .expect("the runtime starts");
    let said = error(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    output
}

/// Calls, total, own and children time in milliseconds.
type Row = (u64, [f64; 3]);

/// The rows of a table by function, and their order.
fn table(text: &str) -> (BTreeMap<String, Row>, Vec<String>) {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with("Profile: "));
    assert!(lines.next().is_some(), "no table: {text}");
    let titles: Vec<&str> = lines.next().unwrap_or("").split_whitespace().collect();
    assert_eq!(titles, ["calls", "total", "self", "children", "function"]);
    let mut rows = BTreeMap::new();
    let mut order = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [calls, times @ .., name] = words.as_slice() else {
            continue;
        };
        let Ok(calls) = calls.parse() else { break };
        let times: Vec<f64> = times.iter().filter_map(|time| time.parse().ok()).collect();
        let times = times.try_into().expect("three times");
        rows.insert((*name).to_owned(), (calls, times));
        order.push((*name).to_owned());
    }
    (rows, order)
}

fn calls(text: &str) -> Vec<(String, u64)> {
    let rows = table(text).0;
    rows.into_iter().map(|(name, row)| (name, row.0)).collect()
}

#[test]
fn calls_are_counted_exactly_at_every_level_and_strategy() {
    let expected = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs
            .iter()
            .map(|(name, calls)| ((*name).to_owned(), *calls))
            .collect()
    };
    for options in [
        &["--opt-level=3"][..],
        &["--opt-level=0"],
        &["--opt-level=3", "--bounds-checks=1"],
        &[
            "--opt-level=3",
            "--enable-aot-stack-frame",
            "--frame-strategy=explicit",
        ],
        &[
            "--opt-level=2",
            "--enable-safepoints",
            "--enable-linux-perf",
        ],
    ] {
        let mut all = vec!["--enable-perf-profiling"];
        all.extend(options);
        let place = compiled(&all);
        let output = iwasm(&place, &["-f", "run", "m.aot", "1000"], 0);
        assert!(!output.stdout.is_empty());
        let found = calls(&error(&output));
        let run = [("leaf", 10_000), ("mid", 1000), ("run", 1)];
        assert_eq!(found, expected(&run), "{options:?}");

        let found = calls(&error(&iwasm(&place, &["-f", "fib", "m.aot", "20"], 0)));
        // 2 × fib(21) − 1
        assert_eq!(found, expected(&[("fib", 21_891)]), "{options:?}");

        let found = calls(&error(&iwasm(&place, &["-f", "indirect", "m.aot", "1"], 0)));
        let indirect = [("indirect", 1), ("leaf", 1)];
        assert_eq!(found, expected(&indirect), "{options:?}");

        // The table comes ahead of the trap.
        let said = error(&iwasm(&place, &["-f", "load", "m.aot", "-1"], 134));
        assert!(
            said.find("Profile: ") < said.find("Exception: out of bounds"),
            "{said}"
        );
        // Where the hardware finds the trap, the access may have come before what it stands behind.
        if options.contains(&"--bounds-checks=1") {
            let load = [("leaf", 30), ("load", 1), ("mid", 3), ("run", 1)];
            assert_eq!(calls(&said), expected(&load), "{options:?}");
        }
    }
}

#[test]
fn times_are_where_the_program_spends_them() {
    let place = compiled(&["--enable-perf-profiling"]);
    let said = error(&iwasm(&place, &["-f", "work", "m.aot", "100000000"], 0));
    let (rows, order) = table(&said);
    let (calls, [total, own, children]) = rows["spin"];
    assert_eq!((calls, order[0].as_str()), (1, "spin"), "{said}");
    // Processor time, so that it does not matter what else runs. `spin` is inlined.
    assert!(own > 20.0 && children == 0.0 && total == own, "{said}");
    let (calls, [total, own, children]) = rows["work"];
    assert_eq!(calls, 1);
    assert!(children > 20.0 && own <= children, "{said}");
    assert!((total - own - children).abs() < 0.2, "{said}");
}

#[test]
fn flame_graphs_need_nothing_of_the_object() {
    let place = compiled(&[]);
    let read = |name: &str| fs::read_to_string(place.path().join(name)).expect("it is written");
    let arguments = |out: &'static str| ["-f", "work", out, "m.aot", "100000000"];
    let output = iwasm(&place, &arguments("--profile-out=p.svg"), 0);
    assert!(!error(&output).contains("Profile: "));
    let svg = read("p.svg");
    assert!(svg.contains("<svg") && svg.contains("program: CPU time"));
    assert!(svg.contains("<title>spin ("), "{svg}");
    iwasm(&place, &arguments("--profile-out=p.folded"), 0);
    let folded = read("p.folded");
    let mut time = 0;
    for line in folded.lines() {
        let (stack, count) = line.rsplit_once(' ').expect("a number");
        let count: u64 = count.parse().expect("a number");
        if stack.ends_with("spin") {
            assert_eq!(stack, "work;spin");
            time += count;
        }
    }
    assert!(time > 20_000, "{folded}");

    // Runs that are too short or trap have a graph too.
    for (function, code) in [("unused", 0), ("load", 134)] {
        let mut arguments = vec!["-f", function, "--profile-out=q.svg", "m.aot"];
        arguments.extend((code != 0).then_some("-1"));
        iwasm(&place, &arguments, code);
        assert!(read("q.svg").contains("</svg>"));
        fs::remove_file(place.path().join("q.svg")).expect("it is there");
    }
    let said = error(&iwasm(&place, &["--profile-out=no/such/p.svg", "m.aot"], 1));
    assert!(said.contains("no/such/p.svg"), "{said}");
}

#[test]
fn perf_is_told_names_and_can_follow_frame_pointers() {
    let place = compiled(&["--enable-linux-perf"]);
    for option in ["--perf-map", "--enable-linux-perf"] {
        let mut child = command(&tools().iwasm, place.path())
            .args([option, "-f", "run", "m.aot", "10"])
            .stdout(Stdio::null())
            .spawn()
            .expect("the runtime starts");
        assert!(child.wait().expect("it ends").success());
        let path = format!("/tmp/perf-{}.map", child.id());
        let map = fs::read_to_string(&path).expect("it is written");
        fs::remove_file(&path).expect("it is there");
        let mut end = 0;
        let mut names = Vec::new();
        for line in map.lines() {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let number = |text| u64::from_str_radix(text, 16).expect("hexadecimal");
            let (start, size) = (number(words[0]), number(words[1]));
            assert!(start >= end && size > 0, "{map}");
            end = start + size;
            names.push(words[2]);
        }
        for name in ["run", "leaf", "fib", "(wamr thunk)"] {
            assert!(names.contains(&name), "{map}");
        }
    }
    for (options, expected) in [(&["--enable-linux-perf"][..], true), (&[], false)] {
        let output = command(&tools().wamrc, place.path())
            .args(options)
            .args(["--format=llvmir-unopt", "-o", "-", "m.wat"])
            .output()
            .expect("the compiler starts");
        let ir = String::from_utf8_lossy(&output.stdout);
        let found = ir.contains(r#""frame-pointer"="all""#);
        assert_eq!(found, expected, "{options:?}");
    }
}

#[test]
fn inspect_tells_that_calls_are_counted() {
    for (options, expected) in [(&["--enable-perf-profiling"][..], 1), (&[], 0)] {
        let place = compiled(options);
        let output = command(&tools().wamrc, place.path())
            .args(["inspect", "--json", "m.aot"])
            .output()
            .expect("the compiler starts");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert_eq!(report["header"]["required_features"], expected);
    }
}
