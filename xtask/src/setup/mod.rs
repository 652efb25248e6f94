//! What the project needs from the machine: how to tell that it is there, and how to get it.
//!
//! Each command asks for the part it needs with [`ensure`]; what is there already costs a few milliseconds to find.

mod apt;
pub mod fuzz;
mod go;
mod llvm_sources;
mod pypi;
mod wasmtime;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::clang::{Clang, Target};
use crate::machine::MACHINES;
use crate::programs::Language;
use crate::rust::{self, Compiler};

pub use go::{VERSION as GO_VERSION, require as require_go};
pub use llvm_sources::require as llvm_sources;
pub use wasmtime::{VERSION as WASMTIME_VERSION, path as wasmtime};

/// One thing that the machine must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A linker for Rust programs.
    Linker,
    /// LLVM's libraries and headers, which the compiler is linked with.
    Llvm,
    /// clang for native code and WebAssembly, with a C library for the latter.
    WasmClang,
    /// C++'s library for native code and WebAssembly.
    WasmCxx,
    /// Sources of the parts of it that throw. They are put below the target directory, not into the system.
    LlvmSources,
    /// Go, below the target directory.
    Go,
    /// LLVM's linker, to compare the loader with.
    Lld,
    /// cargo-fuzz and a compiler for it. cargo-fuzz is put below the target directory, not into the system.
    Fuzz,
    /// wasmtime, to compare with. It is put below the target directory, not into the system.
    Wasmtime,
    /// A Rust compiler with its library's sources, to build that library with panics that unwind.
    RustSources,
    /// The system's Rust compiler with its library's sources, to build that library for other machines where there is no rustup.
    SystemRust,
    /// Emulators of boards without an operating system.
    BoardEmulators,
    /// Linker, C library and emulator of AArch64 Linux.
    Aarch64,
    /// The same of RISC-V 64.
    Riscv64,
}

impl Need {
    /// What `setup` sees to unless told otherwise, in an order in which it can be installed.
    pub const ALL: [Need; 12] = [
        Need::Linker,
        Need::Llvm,
        Need::WasmClang,
        Need::WasmCxx,
        Need::LlvmSources,
        Need::Go,
        Need::RustSources,
        Need::Lld,
        Need::Wasmtime,
        Need::Fuzz,
        Need::Aarch64,
        Need::Riscv64,
    ];

    /// A few words for lists.
    pub fn title(self) -> &'static str {
        match self {
            Need::Linker => "linker for Rust programs",
            Need::Llvm => "LLVM 22 with headers",
            Need::WasmClang => "clang 22 with a C library for WebAssembly",
            Need::WasmCxx => "C++ library for WebAssembly",
            Need::LlvmSources => "sources of LLVM's C++ runtime",
            Need::Go => "Go",
            Need::Lld => "LLVM's linker, for comparison",
            Need::Fuzz => "cargo-fuzz",
            Need::Wasmtime => "wasmtime, for comparison",
            Need::RustSources => "Rust's library sources",
            Need::SystemRust => "the system's Rust with its library's sources",
            Need::BoardEmulators => "QEMU's boards with RISC-V and AArch64",
            Need::Aarch64 => "linker and emulator of AArch64 Linux",
            Need::Riscv64 => "linker and emulator of RISC-V 64 Linux",
        }
    }

    /// Why it is not there; `None` when it is.
    pub fn missing(self) -> Option<String> {
        match self {
            Need::Linker => (!runs("cc", &["--version"])).then(|| "no `cc`".to_owned()),
            Need::Llvm => missing_llvm(),
            Need::WasmClang => missing_clang(Language::C),
            Need::WasmCxx => missing_clang(Language::Cxx),
            Need::LlvmSources => llvm_sources::missing(),
            Need::Go => go::missing(),
            Need::Lld => lld()
                .is_none()
                .then(|| "no ld.lld of version 22".to_owned()),
            Need::Fuzz => fuzz::missing(),
            Need::Wasmtime => wasmtime::missing(),
            Need::RustSources => Compiler::with_sources()
                .is_none()
                .then(|| "neither rustup's nor the system's Rust has them".to_owned()),
            Need::SystemRust => system_rust_sources().err(),
            Need::BoardEmulators => BOARD_EMULATORS
                .iter()
                .find(|program| !runs(program, &["--version"]))
                .map(|program| format!("no `{program}`")),
            Need::Aarch64 | Need::Riscv64 => missing_machine(self),
        }
    }

    /// Debian's and Ubuntu's packages for it.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Need::Linker => &["gcc", "libc6-dev"],
            Need::Llvm => &[
                "llvm-22-dev",
                "libpolly-22-dev",
                "zlib1g-dev",
                "libzstd-dev",
            ],
            Need::WasmClang => &[
                "clang-22",
                "lld-22",
                "wasi-libc",
                "libclang-rt-22-dev-wasm32",
            ],
            Need::WasmCxx => &["libc++-22-dev-wasm32", "libc++abi-22-dev-wasm32"],
            Need::Lld => &["lld-22"],
            // libFuzzer's runtime is C++.
            Need::Fuzz => &["g++"],
            Need::Wasmtime | Need::LlvmSources | Need::Go => &["python3-pip"],
            Need::RustSources | Need::SystemRust => &["rustc-web", "rust-web-src"],
            Need::BoardEmulators => &["qemu-system-misc", "qemu-system-arm"],
            Need::Aarch64 => &[
                "gcc-aarch64-linux-gnu",
                "libc6-dev-arm64-cross",
                "qemu-user",
            ],
            Need::Riscv64 => &[
                "gcc-riscv64-linux-gnu",
                "libc6-dev-riscv64-cross",
                "qemu-user",
            ],
        }
    }

    /// Whether it takes no packages of the system: what fetches it is here, or rustup has just got it.
    fn is_had_otherwise(self, mode: Mode) -> bool {
        match self {
            Need::Wasmtime | Need::LlvmSources | Need::Go => pypi::is_here(),
            Need::Fuzz => runs("c++", &["--version"]),
            Need::RustSources => rust::rustup_gets_sources(mode),
            _ => false,
        }
    }

    /// What to do on a machine that we cannot install on.
    fn by_hand(self) -> &'static str {
        match self {
            Need::Linker => "a C compiler that can be called as `cc`",
            Need::Llvm => {
                "LLVM 22.1 with its headers, libraries, Polly and `llvm-config`, and the development files of zlib and \
                 zstd; set LLVM_SYS_221_PREFIX to where LLVM is (so that $LLVM_SYS_221_PREFIX/bin/llvm-config is there)"
            }
            Need::WasmClang => {
                "clang 22 and lld 22 with compiler-rt's builtins for wasm32 and wasi-libc; set WASM_CC to that clang if \
                 it is not `clang-22` or `clang`, and WASI_SYSROOT to wasi-libc's sysroot if clang does not find it"
            }
            Need::WasmCxx => {
                "libc++ for wasm32, of version 22, where clang 22 finds it, and a C++ library for this machine"
            }
            Need::LlvmSources => {
                "Python 3 with pip (the sources themselves are then fetched from PyPI)"
            }
            Need::Go => "Python 3 with pip (Go itself is then fetched from PyPI)",
            Need::Lld => "lld 22, as `ld.lld-22` or `ld.lld`",
            Need::Fuzz => {
                "a C++ compiler that can be called as `c++` (cargo-fuzz itself is then fetched from crates.io)"
            }
            Need::Wasmtime => "Python 3 with pip (wasmtime itself is then fetched from PyPI)",
            Need::RustSources => "rustup with its component rust-src",
            Need::SystemRust => "rustup, which has Rust's library for many targets",
            Need::BoardEmulators => {
                "QEMU with qemu-system-riscv32, qemu-system-riscv64 and qemu-system-aarch64"
            }
            Need::Aarch64 => {
                "`aarch64-linux-gnu-gcc` with a C library in /usr/aarch64-linux-gnu, and qemu's `qemu-aarch64`"
            }
            Need::Riscv64 => {
                "`riscv64-linux-gnu-gcc` with a C library in /usr/riscv64-linux-gnu, and qemu's `qemu-riscv64`"
            }
        }
    }
}

/// The emulators of all boards.
const BOARD_EMULATORS: &[&str] = &[
    "qemu-system-riscv32",
    "qemu-system-riscv64",
    "qemu-system-aarch64",
];

/// Where LLVM 22 is: the environment's answer, else Debian's and apt.llvm.org's place.
pub fn llvm_prefix() -> PathBuf {
    std::env::var_os("LLVM_SYS_221_PREFIX")
        .unwrap_or_else(|| "/usr/lib/llvm-22".into())
        .into()
}

fn missing_llvm() -> Option<String> {
    let prefix = llvm_prefix();
    let config = prefix.join("bin/llvm-config");
    let Ok(output) = Command::new(&config).arg("--version").output() else {
        return Some(format!("no {}", config.display()));
    };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !version.starts_with("22.1.") {
        return Some(format!(
            "{} is of version {version}, not 22.1",
            config.display()
        ));
    }
    let files = ["include/llvm-c/Core.h", "lib/libPolly.a"].map(|file| prefix.join(file));
    if let Some(file) = files.iter().find(|file| !file.exists()) {
        return Some(format!("no {}", file.display()));
    }
    // Whether the compiler's default linker finds them, wherever the system keeps them.
    ["z", "zstd"]
        .iter()
        .find(|library| !links(library))
        .map(|library| format!("cannot link with -l{library}"))
}

fn links(library: &str) -> bool {
    links_with("cc", &["-Wl,--no-as-needed", &format!("-l{library}")])
}

/// Whether a C compiler makes a shared library of nothing with these arguments.
fn links_with(compiler: &str, arguments: &[&str]) -> bool {
    Command::new(compiler)
        .args(["-shared", "-o", "/dev/null", "-x", "c", "/dev/null"])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn missing_clang(language: Language) -> Option<String> {
    let Some(clang) = Clang::find() else {
        return Some("no clang of version 22".to_owned());
    };
    [(Target::Native, "native"), (Target::Wasm, "WebAssembly")]
        .into_iter()
        .find_map(|(target, name)| {
            let error = clang.try_link(language, target).err()?;
            let text = error.to_string();
            let line = text
                .lines()
                .find(|line| line.contains("error"))
                .unwrap_or_default();
            Some(format!("clang 22 cannot build {name} programs: {line}"))
        })
}

/// LLVM's linker for ELF, of the version that everything here is built with.
pub fn lld() -> Option<PathBuf> {
    let ours = llvm_prefix().join("bin/ld.lld");
    ["ld.lld-22".into(), ours, "ld.lld".into()]
        .into_iter()
        .find(|path| {
            let output = Command::new(path).arg("--version").output();
            output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("LLD 22."))
        })
}

fn missing_machine(need: Need) -> Option<String> {
    let machine = MACHINES.iter().find(|machine| machine.need == need)?;
    let emulator = machine.emulator();
    if !runs(&emulator, &["--version"]) {
        return Some(format!("no `{emulator}`"));
    }
    let linker = machine.linker();
    (!links_with(&linker, &[])).then(|| format!("`{linker}` cannot link"))
}

/// The system's own Rust compiler, as opposed to rustup's, which may be ahead of it in `$PATH`.
pub const SYSTEM_RUSTC: &str = "/usr/bin/rustc";

/// Whether it has its library's sources; else why not.
pub(crate) fn system_rust_sources() -> Result<(), String> {
    let sysroot = Command::new(SYSTEM_RUSTC)
        .args(["--print", "sysroot"])
        .output()
        .map_err(|_| format!("no {SYSTEM_RUSTC}"))?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    let library = sysroot.join("lib/rustlib/src/rust/library/Cargo.toml");
    if library.exists() {
        Ok(())
    } else {
        Err(format!("no {}", library.display()))
    }
}

fn runs(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether to change the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Install what is missing.
    Install,
    /// Only print what would be done.
    DryRun,
}

/// Sees to it that these are there, silently if they are.
///
/// # Errors
/// Something is missing and cannot be installed here; the message says what to install by hand.
pub fn ensure(needs: &[Need], mode: Mode) -> Result<()> {
    let missing: Vec<(Need, String)> = needs
        .iter()
        .filter_map(|&need| Some((need, need.missing()?)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    for (need, reason) in &missing {
        println!("Missing: {} ({reason})", need.title());
    }
    let packages: Vec<&str> = missing
        .iter()
        .filter(|(need, _)| !need.is_had_otherwise(mode))
        .flat_map(|(need, _)| need.packages().iter().copied())
        .collect();
    if !packages.is_empty() {
        if !apt::is_here() {
            bail!(
                "{}",
                by_hand(&missing, "there is no apt-get on this system")
            );
        }
        if let Err(error) = apt::install(&packages, mode) {
            bail!("{}", by_hand(&missing, &format!("{error:#}")));
        }
    }
    for (need, _) in &missing {
        match need {
            Need::Wasmtime => wasmtime::install(mode)?,
            Need::LlvmSources => llvm_sources::install(mode)?,
            Need::Go => go::install(mode)?,
            Need::Fuzz => fuzz::install(mode)?,
            _ => {}
        }
    }
    if mode == Mode::DryRun {
        return Ok(());
    }
    let still: Vec<(Need, String)> = missing
        .iter()
        .filter_map(|&(need, _)| Some((need, need.missing()?)))
        .collect();
    if still.is_empty() {
        println!("Set-up is complete.");
        return Ok(());
    }
    bail!(
        "{}",
        by_hand(
            &still,
            "the packages were installed, yet something is missing"
        )
    );
}

fn by_hand(missing: &[(Need, String)], why: &str) -> String {
    let mut text = format!("cannot set up this machine: {why}\n\nPlease install by hand:");
    for (need, reason) in missing {
        text.push_str(&format!("\n  * {}\n    (found: {reason})", need.by_hand()));
    }
    text.push_str("\nand run this command again.");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_for_other_systems_names_each_missing_thing() {
        let missing = [
            (Need::Llvm, "no llvm-config".to_owned()),
            (Need::WasmClang, "no clang".to_owned()),
        ];
        let text = by_hand(&missing, "there is no apt-get on this system");
        for part in [
            "no apt-get",
            "LLVM_SYS_221_PREFIX",
            "no llvm-config",
            "WASI_SYSROOT",
            "no clang",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }
}
