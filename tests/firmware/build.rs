//! Linker scripts, and the objects that the programs carry.
//!
//! `FIRMWARE_OBJECTS` lists `.aot` files, separated as in `PATH`. A file's name without extension is also the
//! symbol that it was compiled with (`--linked-symbol`). `loaded` has their bytes, `linked` is linked with
//! them.

use std::env;
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=linker");
    println!("cargo::rerun-if-env-changed=FIRMWARE_OBJECTS");
    let variable = |name| env::var_os(name).unwrap_or_default();
    if variable("CARGO_CFG_TARGET_OS") != "none" {
        return;
    }
    let script = match variable("CARGO_CFG_TARGET_ARCH").to_str() {
        Some("aarch64") => "aarch64.ld",
        _ => "riscv.ld",
    };
    let script = Path::new(&variable("CARGO_MANIFEST_DIR"))
        .join("linker")
        .join(script);
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());

    let mut text = String::from("objects! {\n");
    for path in env::split_paths(&variable("FIRMWARE_OBJECTS")) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {name} = {:?};", path.display().to_string());
        println!("cargo::rerun-if-changed={}", path.display());
        println!("cargo::rustc-link-arg-bin=linked={}", path.display());
    }
    text.push_str("}\n");
    let objects = PathBuf::from(variable("OUT_DIR")).join("objects.rs");
    if let Err(error) = std::fs::write(&objects, text) {
        println!("cargo::error={}: {error}", objects.display());
    }
}
