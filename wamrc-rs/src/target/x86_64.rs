//! x86-64.
//!
//! Position-independent code in the small model: constants and jump tables are reached relative to
//! the instruction pointer and hold 32-bit distances, which is both the shortest code and the
//! simplest relocations; static code would put absolute addresses below 2 GiB. The large
//! model puts whole addresses into instructions, the kernel model negative 32-bit ones: those are static.

use inkwell::targets::{CodeModel, RelocMode};
use wamr_aot_loader::format::target::{Machine, TargetAbi};
use wamr_aot_loader::layout::PointerWidth;

use super::architecture::{Abi, Description};

pub(super) static DESCRIPTION: Description = Description {
    name: "x86_64",
    machine: Machine::X86_64,
    width: PointerWidth::Eight,
    system: "unknown-linux",
    generic_cpu: "x86-64",
    generic_features: &[],
    fixed_features: &[],
    system_features: &[],
    stack_pointer: "rsp",
    cpus: include_str!("names/x86_64.cpus"),
    features: include_str!("names/x86_64.features"),
    generic_enabled: &["sse2"],
    ignored: &[],
    abis: &[
        Abi {
            name: "gnu",
            llvm: "",
            environment: Some("gnu"),
            id: TargetAbi::SystemV,
            needs: &["sse2"],
        },
        Abi {
            name: "musl",
            llvm: "",
            environment: Some("musl"),
            id: TargetAbi::SystemV,
            needs: &["sse2"],
        },
    ],
    code_models: [
        Some((CodeModel::Large, RelocMode::Static)),
        // Medium is about data far from the code; an object has none, its constants lie beside it.
        Some((CodeModel::Small, RelocMode::PIC)),
        Some((CodeModel::Kernel, RelocMode::Static)),
        Some((CodeModel::Small, RelocMode::PIC)),
    ],
};
