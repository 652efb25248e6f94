//! `iwasm-rs --timeout`: a program that would run for ever ends with a trap; one that ends in time is left
//! alone.
#![cfg(all(feature = "cli", target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::process::{Command, Output};
use support::{TestModule, add, endless};

fn run(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let object = TestModule::new()
        .function("add", TestModule::BINARY, add())
        .function("endless", TestModule::NULLARY, endless())
        .object();
    std::fs::write(folder.path().join("module.aot"), object).unwrap();
    Command::new(env!("CARGO_BIN_EXE_iwasm-rs"))
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[test]
fn an_endless_program_is_interrupted_wherever_it_is() {
    for milliseconds in ["0", "1", "50"] {
        let timeout = format!("--timeout={milliseconds}");
        let output = run(&[&timeout, "-f", "endless", "module.aot"]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(134), "{error}");
        assert!(error.starts_with("Exception: interrupted\n"), "{error}");
        // If it has come to run, it is known where.
        let frames: Vec<&str> = error.lines().skip(1).collect();
        assert!(
            matches!(frames[..], []) || frames[0].ends_with(" - endless"),
            "{error}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_program_that_ends_in_time_does_not_notice() {
    let output = run(&["--timeout=600000", "-f", "add", "module.aot", "3", "5"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"0x8:i32\n");
    assert!(output.stderr.is_empty());
}
