//! Vector instructions that LLVM does not choose by itself, as translation has to know of them.

use wamr_aot_loader::cpu;

use super::{Architecture, Target};

/// What a target has for vectors of 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vectors {
    /// SSE2 and, where they are set, what came later.
    X86 {
        /// Byte shuffles, rounded products, sums of byte products.
        ssse3: bool,
        /// Rounding, blending, packing to unsigned words.
        sse41: bool,
        /// Products and sums with one rounding.
        fma: bool,
    },
    /// AArch64's NEON.
    Neon {
        /// Sums of four byte products.
        dotprod: bool,
    },
    /// None, or those that LLVM makes of plain IR.
    Generic {
        /// Products and sums of scalars with one rounding.
        fma: bool,
    },
}

impl Vectors {
    pub(super) fn new(target: &Target) -> Self {
        let machine = target.elf_machine();
        let has = |name| {
            cpu::feature_bits(machine, name).is_some_and(|bit| target.cpu_features() & bit != 0)
        };
        match target.architecture() {
            Architecture::X86_64 => Vectors::X86 {
                ssse3: has("ssse3"),
                sse41: has("sse4.1"),
                fma: has("fma"),
            },
            Architecture::Aarch64 => Vectors::Neon {
                dotprod: has("dotprod"),
            },
            Architecture::Riscv64 | Architecture::Riscv32 => Vectors::Generic { fma: has("d") },
        }
    }

    /// Can a product and a sum be rounded once?
    pub fn has_fma(self) -> bool {
        match self {
            Vectors::X86 { fma, .. } | Vectors::Generic { fma } => fma,
            Vectors::Neon { .. } => true,
        }
    }
}
