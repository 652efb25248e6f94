//! What distinguishes the architectures, as data: one [`Description`] in a file each.

use inkwell::targets::{CodeModel, RelocMode};

use wamr_aot_loader::format::target::{Machine, TargetAbi};
use wamr_aot_loader::layout::PointerWidth;

use super::{aarch64, riscv, x86_64};
use crate::abi::ArgumentRegisters;

/// Architectures that can be compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// x86-64 (AMD64).
    X86_64,
    /// AArch64, little-endian.
    Aarch64,
    /// RISC-V, 64 bits.
    Riscv64,
    /// RISC-V, 32 bits.
    Riscv32,
}

/// A calling convention and data model, by the name that `--target-abi` takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abi {
    /// The name, as wamrc has it.
    pub name: &'static str,
    /// LLVM's `-target-abi`, where the target has several.
    pub llvm: &'static str,
    /// Environment part of the triple (`gnu`), where the name is one.
    pub environment: Option<&'static str>,
    /// What the object's header says.
    pub id: TargetAbi,
    /// Features that the ABI cannot do without.
    pub needs: &'static [&'static str],
}

/// A code model, and whether it goes with position-independent code; see the architecture's file.
pub(super) type Model = (CodeModel, RelocMode);

/// Everything that the rest of the compiler has to know about an architecture.
#[derive(Debug)]
pub(super) struct Description {
    /// wamrc's name, which is also the first part of the triple.
    pub name: &'static str,
    /// Instruction set, as the header has it.
    pub machine: Machine,
    /// Width of a pointer.
    pub width: PointerWidth,
    /// Vendor and operating system of the triple that the bare name stands for.
    pub system: &'static str,
    /// LLVM's name of the CPU that everything of this architecture can run code for.
    pub generic_cpu: &'static str,
    /// Features that go with the generic CPU.
    pub generic_features: &'static [&'static str],
    /// Features that are always set, whatever the user says.
    pub fixed_features: &'static [&'static str],
    /// Those of the generic features that only an operating system guarantees.
    pub system_features: &'static [&'static str],
    /// LLVM's name of the stack pointer register.
    pub stack_pointer: &'static str,
    /// LLVM's names of the CPUs, one a line.
    pub cpus: &'static str,
    /// LLVM's names of the features that the user may choose, one a line.
    pub features: &'static str,
    /// What the generic CPU has of the features that the header or an ABI knows. A test asks LLVM.
    pub generic_enabled: &'static [&'static str],
    /// Features of the header that never count: the instructions they add are for operating systems or
    /// have to be asked for, so that no code from WebAssembly depends on them; or they are the base
    /// that everything has.
    pub ignored: &'static [&'static str],
    /// The ABIs; the first is the usual one.
    pub abis: &'static [Abi],
    /// Code models by wamrc's `--size-level`, 0 to 3; `None` where LLVM has no such model.
    pub code_models: [Option<Model>; 4],
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Architecture; 4] = [
        Architecture::X86_64,
        Architecture::Aarch64,
        Architecture::Riscv64,
        Architecture::Riscv32,
    ];

    /// The architecture that this compiler runs on, if it can also compile for it.
    pub fn host() -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|architecture| architecture.name() == std::env::consts::ARCH)
    }

    /// wamrc's name of the architecture.
    pub fn name(self) -> &'static str {
        self.description().name
    }

    /// LLVM's name of the stack pointer register.
    pub fn stack_pointer(self) -> &'static str {
        match self {
            Architecture::X86_64 => "rsp",
            Architecture::Aarch64 | Architecture::Riscv64 | Architecture::Riscv32 => "sp",
        }
    }

    /// Registers that LLVM's `fastcc` passes arguments in. RISC-V may be compiled for with or without registers for
    /// floats.
    pub fn argument_registers(self) -> ArgumentRegisters {
        let (integers, floats) = match self {
            Architecture::X86_64 => (6, 8),
            Architecture::Aarch64 => (8, 8),
            Architecture::Riscv64 | Architecture::Riscv32 => (12, 0),
        };
        ArgumentRegisters { integers, floats }
    }

    pub(super) fn description(self) -> &'static Description {
        match self {
            Architecture::X86_64 => &x86_64::DESCRIPTION,
            Architecture::Aarch64 => &aarch64::DESCRIPTION,
            Architecture::Riscv64 => &riscv::DESCRIPTION_64,
            Architecture::Riscv32 => &riscv::DESCRIPTION_32,
        }
    }

    /// Reads an architecture name, or the first part of a triple. The second part of the answer is
    /// the feature that the name itself asks for: `aarch64v8.2` stands for `v8.2a`.
    pub(super) fn parse(name: &str) -> Option<(Self, Option<String>)> {
        match name {
            "x86_64" | "amd64" => return Some((Architecture::X86_64, None)),
            "aarch64" | "arm64" => return Some((Architecture::Aarch64, None)),
            "riscv64" => return Some((Architecture::Riscv64, None)),
            "riscv32" => return Some((Architecture::Riscv32, None)),
            _ => {}
        }
        let version = name.strip_prefix("aarch64v")?;
        let feature = format!("v{version}a");
        aarch64::DESCRIPTION
            .features
            .lines()
            .any(|known| known == feature)
            .then_some((Architecture::Aarch64, Some(feature)))
    }
}
