//! RISC-V, 32 and 64 bits.
//!
//! Static code in the medium (`medany`) model: everything is reached by `auipc` pairs, as
//! position-independent code would, but with no indirection through a table of addresses and with
//! jump tables that need no pairs of ADD and SUB relocations. Linker relaxation is off, so machine
//! offsets in tables stay true.

use inkwell::targets::{CodeModel, RelocMode};
use wamr_aot_loader::format::target::{Machine, TargetAbi};
use wamr_aot_loader::layout::PointerWidth;

use super::architecture::{Abi, Description, Model};

const FEATURES: &str = include_str!("names/riscv.features");

// "small" is LLVM's `medlow`, which reaches only the lowest and highest 2 GiB of the address space;
// wamrc's default level stands for the code that fits anywhere.
const CODE_MODELS: [Option<Model>; 4] = [
    Some((CodeModel::Large, RelocMode::Static)),
    Some((CodeModel::Medium, RelocMode::Static)),
    None,
    Some((CodeModel::Medium, RelocMode::Static)),
];

/// With 32 bits the medium model reaches every address; LLVM's large one writes addresses of 64 bits there.
const CODE_MODELS_32: [Option<Model>; 4] = [CODE_MODELS[1], CODE_MODELS[1], None, CODE_MODELS[3]];

// `zcf` is part of `c` and `f` together, and LLVM stops at its name on 64 bits.
const IGNORED: &[&str] = &[
    "i",
    "e",
    "zcf",
    "zifencei",
    "zawrs",
    "zicntr",
    "zihpm",
    "zihintpause",
    "zihintntl",
    "zicbom",
    "zicbop",
    "zicboz",
    "zimop",
    "zcmop",
    "ziccif",
    "ziccrse",
    "ziccamoa",
    "zicclsm",
    "za64rs",
    "zic64b",
    "zkt",
    "zvkt",
];

pub(super) static DESCRIPTION_64: Description = Description {
    name: "riscv64",
    machine: Machine::Riscv,
    width: PointerWidth::Eight,
    system: "unknown-linux-gnu",
    generic_cpu: "generic-rv64",
    // The base of every Linux distribution, and unaligned accesses, which Linux guarantees.
    generic_features: &["+m", "+a", "+f", "+d", "+c", "+unaligned-scalar-mem"],
    fixed_features: &["-relax"],
    system_features: &["+unaligned-scalar-mem"],
    stack_pointer: "sp",
    cpus: include_str!("names/riscv64.cpus"),
    features: FEATURES,
    generic_enabled: &[
        "m",
        "a",
        "f",
        "d",
        "c",
        "zicsr",
        "zmmul",
        "zaamo",
        "zalrsc",
        "zca",
        "unaligned-scalar-mem",
    ],
    ignored: IGNORED,
    abis: &[
        Abi {
            name: "lp64d",
            llvm: "lp64d",
            environment: None,
            id: TargetAbi::Lp64d,
            needs: &["d"],
        },
        Abi {
            name: "lp64f",
            llvm: "lp64f",
            environment: None,
            id: TargetAbi::Lp64f,
            needs: &["f"],
        },
        Abi {
            name: "lp64",
            llvm: "lp64",
            environment: None,
            id: TargetAbi::Lp64,
            needs: &[],
        },
    ],
    code_models: CODE_MODELS,
};

pub(super) static DESCRIPTION_32: Description = Description {
    name: "riscv32",
    machine: Machine::Riscv,
    width: PointerWidth::Four,
    system: "unknown-none-elf",
    generic_cpu: "generic-rv32",
    generic_features: &["+m", "+a", "+f", "+d", "+c"],
    fixed_features: &["-relax"],
    system_features: &[],
    stack_pointer: "sp",
    cpus: include_str!("names/riscv32.cpus"),
    features: FEATURES,
    generic_enabled: &[
        "m", "a", "f", "d", "c", "zicsr", "zmmul", "zaamo", "zalrsc", "zca",
    ],
    ignored: IGNORED,
    abis: &[
        Abi {
            name: "ilp32d",
            llvm: "ilp32d",
            environment: None,
            id: TargetAbi::Ilp32d,
            needs: &["d"],
        },
        Abi {
            name: "ilp32f",
            llvm: "ilp32f",
            environment: None,
            id: TargetAbi::Ilp32f,
            needs: &["f"],
        },
        Abi {
            name: "ilp32",
            llvm: "ilp32",
            environment: None,
            id: TargetAbi::Ilp32,
            needs: &[],
        },
    ],
    code_models: CODE_MODELS_32,
};
