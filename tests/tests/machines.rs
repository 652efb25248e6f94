//! The runtime on other machines, emulated: what depends on a machine's registers, signals and processor. What is compiled
//! code's alone is for the suites that `cargo xtask cross` runs there.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;

use tempfile::TempDir;
use wamrc_rs::options::TargetOptions;
use wamrc_rs::{CallStackFeatures, FrameOptions, FrameStrategy, Options, compile};
use xtask::machine::{Binaries, MACHINES, Machine};

const MODULE: &str = r#"(module (memory 1)
  (func $divide (param i32) (result i32) (i32.div_u (i32.const 10) (local.get 0)))
  (func $middle (param i32 f64) (result i32) (local i64)
    (local.set 2 (i64.const 77))
    (i32.add
      (i32.mul (i32.const 3) (call $divide (local.get 0)))
      (i32.wrap_i64 (i64.add (local.get 2) (i64.trunc_sat_f64_s (local.get 1))))))
  (func $outer (export "nested") (param i32) (result i32)
    (f64.const 1) (drop)
    (i32.add (i32.const 5) (call $middle (local.get 0) (f64.const 2.5))))
  (func $load (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func $recurse (export "recurse") (param i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func $unreachable (export "unreachable") (param i32) (unreachable))
  (func $endless (export "endless") (param i32) (loop (br 0)))
  (func $spin (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.rem_u (i32.mul (i32.add (local.get 1) (i32.const 12345)) (i32.const 1103515245)) (local.get 0)))
      (i32.store (i32.const 0) (local.get 1))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $work (export "work") (param i32) (result i32) (call $spin (local.get 0))))"#;

const STRATEGIES: [FrameStrategy; 3] = [
    FrameStrategy::None,
    FrameStrategy::Explicit,
    FrameStrategy::Mapped,
];

/// What was built for a machine, once for all tests.
fn built(machine: &Machine) -> Binaries {
    static BUILT: Mutex<Vec<(&str, Binaries)>> = Mutex::new(Vec::new());
    let mut built = BUILT.lock().expect("no build has panicked");
    if let Some((_, binaries)) = built.iter().find(|(name, _)| *name == machine.name) {
        return binaries.clone();
    }
    let binaries = machine.build().expect("the runtime builds");
    let name = MACHINES.iter().find(|known| known.name == machine.name);
    built.push((name.expect("it is one of them").name, binaries.clone()));
    binaries
}

fn options(machine: &Machine, strategy: FrameStrategy, opt_level: u8) -> Options {
    Options {
        opt_level,
        frames: FrameOptions {
            strategy,
            features: CallStackFeatures::ALL,
            all: true,
        },
        target: TargetOptions {
            target: Some(machine.name.into()),
            ..TargetOptions::default()
        },
        ..Options::default()
    }
}

/// A folder with the module as `m.aot`.
fn compiled(options: &Options) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary folder");
    let object = compile(MODULE.as_bytes(), options).expect("the module compiles");
    fs::write(place.path().join("m.aot"), object.bytes).expect("the object is written");
    place
}

/// Runs the runtime on a processor of the machine.
fn iwasm(machine: &Machine, cpu: Option<&str>, place: &Path, arguments: &[&str]) -> Output {
    let prefix = machine.prefix(cpu);
    Command::new(&prefix[0])
        .args(&prefix[1..])
        .arg(built(machine).iwasm)
        .args(arguments)
        .current_dir(place)
        .output()
        .expect("the emulator starts")
}

/// As [`iwasm`]; it must end with this code. Yields what it says on standard error.
fn said(machine: &Machine, place: &TempDir, arguments: &[&str], code: i32) -> String {
    let output = iwasm(machine, None, place.path(), arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let name = machine.name;
    assert_eq!(
        output.status.code(),
        Some(code),
        "{name}: {arguments:?}: {error}"
    );
    error
}

#[test]
fn every_trap_of_the_hardware_is_found_and_placed() {
    for machine in &MACHINES {
        for (strategy, level) in STRATEGIES
            .map(|strategy| [(strategy, 0), (strategy, 3)])
            .concat()
        {
            let place = compiled(&options(machine, strategy, level));
            for (function, argument, cause) in [
                ("load", "65533", "out of bounds memory access"),
                ("load", "-1", "out of bounds memory access"),
                ("recurse", "0", "call stack exhausted"),
                ("unreachable", "0", "unreachable"),
            ] {
                let error = said(machine, &place, &["-f", function, "m.aot", argument], 134);
                let what = format!("{}: {strategy:?} -O{level}: {error}", machine.name);
                assert!(
                    error.starts_with(&format!("Exception: {cause}\n#00: ")),
                    "{what}"
                );
                let first = error.lines().nth(1).expect("a frame");
                assert!(first.ends_with(&format!(" - {function}")), "{what}");
            }
        }
    }
}

#[test]
fn frames_show_their_values_whatever_was_inlined() {
    for machine in &MACHINES {
        for (strategy, level) in [
            (FrameStrategy::Explicit, 0),
            (FrameStrategy::Explicit, 3),
            (FrameStrategy::Mapped, 0),
            (FrameStrategy::Mapped, 3),
        ] {
            let place = compiled(&options(machine, strategy, level));
            let error = said(
                machine,
                &place,
                &["-v=4", "-f", "nested", "m.aot", "0"],
                134,
            );
            let shown: Vec<&str> = error
                .lines()
                .filter(|line| !line.starts_with("iwasm-rs: "))
                .map(|line| line.trim_start().split(": 0x00").next().unwrap_or_default())
                .collect();
            let what = format!("{}: {strategy:?} -O{level}: {error}", machine.name);
            assert_eq!(shown[0], "Exception: integer divide by zero", "{what}");
            let expected = [
                "#00",
                "local 0: 0x0:i32",
                "operand 0: 0xa:i32",
                "operand 1: 0x0:i32",
                "#01",
                "local 0: 0x0:i32",
                "local 1: 2.5:f64",
                "local 2: 0x4d:i64",
                "operand 0: 0x3:i32",
                "#02",
                "local 0: 0x0:i32",
                "operand 0: 0x5:i32",
            ];
            assert_eq!(shown[1..], expected, "{what}");
        }
    }
}

#[test]
fn a_program_without_an_end_is_interrupted() {
    for machine in &MACHINES {
        let place = compiled(&options(machine, FrameStrategy::None, 3));
        let arguments = ["--timeout=500", "-f", "endless", "m.aot", "0"];
        let error = said(machine, &place, &arguments, 134);
        assert!(error.starts_with("Exception: interrupted\n"), "{error}");
    }
}

#[test]
fn a_profile_shows_where_the_time_goes() {
    for machine in &MACHINES {
        let place = compiled(&options(machine, FrameStrategy::None, 3));
        let arguments = ["--profile-out=p.folded", "-f", "work", "m.aot", "30000000"];
        said(machine, &place, &arguments, 0);
        let folded = fs::read_to_string(place.path().join("p.folded")).expect("it is written");
        assert!(
            folded.lines().any(|line| line.starts_with("work;spin ")),
            "{folded}"
        );
    }
}

#[test]
fn an_object_runs_only_on_a_processor_that_has_its_features() {
    for machine in &MACHINES {
        let mut options = options(machine, FrameStrategy::None, 3);
        options.target.features = Some(machine.more_features.into());
        let place = compiled(&options);
        let arguments = ["-f", "nested", "m.aot", "5"];
        let output = iwasm(machine, Some(machine.full_cpu), place.path(), &arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{}: {error}", machine.name);
        assert_eq!(output.stdout, b"0x5a:i32\n", "{}", machine.name);

        let output = iwasm(machine, Some(machine.small_cpu), place.path(), &arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{}: {error}", machine.name);
        let (_, missing) = error
            .split_once("the object uses CPU features that this machine does not have: ")
            .unwrap_or_else(|| panic!("{}: {error}", machine.name));
        let missing: Vec<&str> = missing.split_whitespace().collect();
        for feature in machine
            .more_features
            .split(['+', ','])
            .filter(|name| !name.is_empty())
        {
            assert!(
                missing.contains(&feature),
                "{}: {feature}: {error}",
                machine.name
            );
        }
    }
}
