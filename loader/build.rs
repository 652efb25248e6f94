//! Says which float registers RISC-V targets pass arguments in. Stable Rust does not tell
//! (`target_feature = "d"` is not set there); the target's name does, by the extensions in it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(riscv_float, values(\"f\", \"d\"))");
    let target = std::env::var("TARGET").unwrap_or_default();
    let name = target.split('-').next().unwrap_or_default();
    let extensions = ["riscv32", "riscv64"]
        .iter()
        .find_map(|base| name.strip_prefix(base));
    if let Some(float) = extensions.and_then(float_registers) {
        println!("cargo::rustc-cfg=riscv_float=\"{float}\"");
    }
}

/// The widest floats in registers, by what follows `riscv64` in a target's name: letters of
/// extensions, or a profile (`a23`), all of which have doubles.
fn float_registers(extensions: &str) -> Option<&'static str> {
    let is_profile = extensions.starts_with(|first| "abms".contains(first))
        && extensions[1..].starts_with(|second: char| second.is_ascii_digit());
    if is_profile || extensions.contains(['g', 'd']) {
        Some("d")
    } else if extensions.contains('f') {
        Some("f")
    } else {
        None
    }
}
