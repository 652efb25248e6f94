//! AArch64.
//!
//! Position-independent code in the small model: `adrp` and `add` for constants, jump tables of
//! distances; calls reach ±128 MiB, beyond which the loader's stubs help. The large
//! model puts whole addresses into instructions, which is static code.

use inkwell::targets::{CodeModel, RelocMode};
use wamr_aot_loader::format::target::{Machine, TargetAbi};
use wamr_aot_loader::layout::PointerWidth;

use super::architecture::{Abi, Description};

pub(super) static DESCRIPTION: Description = Description {
    name: "aarch64",
    machine: Machine::Aarch64,
    width: PointerWidth::Eight,
    system: "unknown-linux",
    generic_cpu: "generic",
    generic_features: &[],
    // Atomics are compiled in place: the helper functions would be undefined symbols.
    fixed_features: &["-outline-atomics"],
    system_features: &[],
    stack_pointer: "sp",
    cpus: include_str!("names/aarch64.cpus"),
    features: include_str!("names/aarch64.features"),
    generic_enabled: &["fp-armv8", "neon"],
    ignored: &[
        "pauth",
        "sb",
        "ssbs",
        "predres",
        "bti",
        "altnzcv",
        "ccpp",
        "ccdp",
        "rand",
        "mte",
        "perfmon",
        "ras",
        "lor",
        "vh",
        "pan",
        "pan-rwv",
        "uaops",
        "dit",
        "wfxt",
        "ls64",
        "spe",
        "tlb-rmi",
        "mpam",
        "nv",
        "am",
        "sel2",
        "tracev8.4",
        "ete",
        "trbe",
        "specrestrict",
        "el2vmsa",
        "el3",
    ],
    abis: &[
        Abi {
            name: "gnu",
            llvm: "",
            environment: Some("gnu"),
            id: TargetAbi::Aapcs64,
            needs: &["fp-armv8", "neon"],
        },
        Abi {
            name: "musl",
            llvm: "",
            environment: Some("musl"),
            id: TargetAbi::Aapcs64,
            needs: &["fp-armv8", "neon"],
        },
    ],
    code_models: [
        Some((CodeModel::Large, RelocMode::Static)),
        // Data far from the code: an object has none, its constants lie beside it.
        Some((CodeModel::Small, RelocMode::PIC)),
        None,
        Some((CodeModel::Small, RelocMode::PIC)),
    ],
};
