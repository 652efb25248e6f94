//! A C program for wasm64, whose pointers do not fit 32 bits, does the same natively and through the whole toolchain.

use std::path::Path;
use std::process::{Command, Output};

use xtask::clang::{Clang, Target};
use xtask::tools::Tools;
use xtask::workspace;

fn run(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("it starts");
    assert!(
        status.success(),
        "{command:?}: {status}\n{}",
        String::from_utf8_lossy(&stderr)
    );
    String::from_utf8(stdout).expect("its output is UTF-8")
}

/// The C compiler without a target chosen.
fn clang(out: &Path) -> Command {
    let mut command = Clang::require()
        .expect("clang is there")
        .command(Target::Native);
    command.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]);
    command.arg(out);
    command.arg(workspace::programs().join("wasm64/far.c"));
    command
}

#[test]
fn a_program_with_64_bit_pointers_does_the_same_as_natively() {
    const COUNT: &str = "100000";
    let tools = Tools::build().expect("the binaries build");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [native, wasm, aot] = ["native", "m.wasm", "m.aot"].map(|name| folder.path().join(name));
    run(&mut clang(&native));
    run(clang(&wasm).args([
        "--target=wasm64-unknown-unknown",
        "-nostdlib",
        "-mbulk-memory",
        "-Wl,--no-entry",
    ]));
    let expected = run(Command::new(&native).arg(COUNT));
    for options in [
        &["--opt-level=0"][..],
        &["--opt-level=3"],
        &["--opt-level=3", "--bounds-checks=1"],
        &["--opt-level=3", "--strict-traps"],
        &["--enable-aot-stack-frame", "--enable-safepoints"],
        &["--enable-aot-stack-frame", "--frame-strategy=explicit"],
    ] {
        run(Command::new(&tools.wamrc)
            .args(options)
            .arg("-o")
            .args([&aot, &wasm]));
        let iwasm = |limits: &[&str]| {
            run(Command::new(&tools.iwasm)
                .args(["-f", "run"])
                .args(limits)
                .arg(&aot)
                .arg(COUNT))
        };
        assert_eq!(iwasm(&[]), expected, "{options:?}");
        // Room for the 4 GiB below, but not for all above; then not even for those.
        for limit in ["--max-memory=4097M", "--max-memory=1G"] {
            assert_eq!(iwasm(&[limit]), "0x0:i64\n", "{options:?} {limit}");
        }
    }
}
