//! What machine an object is for: the header's target fields.

use crate::layout::PointerWidth;

macro_rules! machines {
    ($( $(#[$doc:meta])* $name:ident = $number:literal, $text:literal; )*) => {
        /// Instruction set, by its ELF machine number (`e_machine`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Machine { $( $(#[$doc])* $name = $number ),* }

        impl Machine {
            /// All ELF numbers, each after a blank.
            pub(super) const KNOWN: &str = concat!($(" ", $number, " (", $text, ")"),*);

            /// The machine with this ELF number.
            pub const fn from_elf(number: u16) -> Option<Machine> {
                match number { $($number => Some(Machine::$name),)* _ => None }
            }

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Machine::$name => $text),* }
            }
        }
    };
}

machines! {
    /// x86-64 (`EM_X86_64`).
    X86_64 = 62, "x86-64";
    /// AArch64 (`EM_AARCH64`).
    Aarch64 = 183, "AArch64";
    /// RISC-V, 32 or 64 bits (`EM_RISCV`).
    Riscv = 243, "RISC-V";
}

impl Machine {
    /// The machine that this crate is compiled for, if it is one of them.
    pub const HOST: Option<Machine> = if cfg!(target_arch = "x86_64") {
        Some(Machine::X86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(Machine::Aarch64)
    } else if cfg!(any(target_arch = "riscv64", target_arch = "riscv32")) {
        Some(Machine::Riscv)
    } else {
        None
    };

    /// Does this build know objects for the machine? With the feature `foreign` it knows all, else those for the
    /// machine that it is compiled for.
    pub const fn is_known(self) -> bool {
        self as u16 == self.only() as u16
    }

    /// The machine itself, and where a build knows no other, that one: so that the compiler can tell.
    pub(crate) const fn only(self) -> Machine {
        match Machine::HOST {
            Some(host) if !cfg!(feature = "foreign") => host,
            _ => self,
        }
    }

    /// Its ELF number.
    pub const fn elf(self) -> u16 {
        self as u16
    }
}

impl core::fmt::Display for Machine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! abis {
    ($( $(#[$doc:meta])* $name:ident = $code:literal, $text:literal, $machine:ident, $width:ident; )*) => {
        /// Calling convention and data model of an object. The numbers are part of the format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum TargetAbi { $( $(#[$doc])* $name = $code ),* }

        impl TargetAbi {
            /// Every ABI.
            pub const ALL: &[TargetAbi] = &[$(TargetAbi::$name),*];
            /// All numbers, each after a blank.
            pub(super) const KNOWN: &str = concat!($(" ", $code, " (", $text, ")"),*);

            /// The ABI with this number.
            pub const fn from_code(code: u32) -> Option<TargetAbi> {
                match code { $($code => Some(TargetAbi::$name),)* _ => None }
            }

            /// Its name, as `--target-abi` knows it.
            pub const fn name(self) -> &'static str {
                match self { $(TargetAbi::$name => $text),* }
            }

            /// The machine that it belongs to.
            pub const fn machine(self) -> Machine {
                match self { $(TargetAbi::$name => Machine::$machine),* }
            }

            /// Its pointers.
            pub const fn width(self) -> PointerWidth {
                match self { $(TargetAbi::$name => PointerWidth::$width),* }
            }
        }
    };
}

abis! {
    /// System V for x86-64.
    SystemV = 1, "sysv", X86_64, Eight;
    /// AArch64, 64-bit pointers (AAPCS64).
    Aapcs64 = 2, "aapcs", Aarch64, Eight;
    /// RISC-V 64, floats in integer registers.
    Lp64 = 3, "lp64", Riscv, Eight;
    /// RISC-V 64, `f32` in float registers.
    Lp64f = 4, "lp64f", Riscv, Eight;
    /// RISC-V 64, `f64` in float registers.
    Lp64d = 5, "lp64d", Riscv, Eight;
    /// RISC-V 32, floats in integer registers.
    Ilp32 = 6, "ilp32", Riscv, Four;
    /// RISC-V 32, `f32` in float registers.
    Ilp32f = 7, "ilp32f", Riscv, Four;
    /// RISC-V 32, `f64` in float registers.
    Ilp32d = 8, "ilp32d", Riscv, Four;
}

impl TargetAbi {
    /// The ABI that this crate is compiled for, if it is one of them. For RISC-V it follows from
    /// the float instructions that the crate's target has, as the usual targets pair them.
    pub const HOST: Option<TargetAbi> = if cfg!(target_arch = "x86_64") {
        Some(TargetAbi::SystemV)
    } else if cfg!(target_arch = "aarch64") {
        Some(TargetAbi::Aapcs64)
    } else if cfg!(target_arch = "riscv64") {
        if cfg!(riscv_float = "d") {
            Some(TargetAbi::Lp64d)
        } else if cfg!(riscv_float = "f") {
            Some(TargetAbi::Lp64f)
        } else {
            Some(TargetAbi::Lp64)
        }
    } else if cfg!(target_arch = "riscv32") {
        if cfg!(riscv_float = "d") {
            Some(TargetAbi::Ilp32d)
        } else if cfg!(riscv_float = "f") {
            Some(TargetAbi::Ilp32f)
        } else {
            Some(TargetAbi::Ilp32)
        }
    } else {
        None
    };
}

impl core::fmt::Display for TargetAbi {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// WebAssembly features that a module can use, by bit number in the header.
pub const WASM_FEATURES: &[&str] = &[
    "mutable-globals",
    "sign-extension",
    "saturating-float-to-int",
    "multi-value",
    "bulk-memory",
    "reference-types",
    "simd",
    "extended-const",
    "multi-memory",
    "memory64",
    "tail-call",
    "threads",
    "exceptions",
    "legacy-exceptions",
    "function-references",
    "gc",
    "relaxed-simd",
    "custom-page-sizes",
    "wide-arithmetic",
    "custom-descriptors",
];

/// The bit of a WebAssembly feature.
pub fn wasm_feature(name: &str) -> Option<u64> {
    let index = WASM_FEATURES.iter().position(|known| *known == name)?;
    1u64.checked_shl(u32::try_from(index).ok()?)
}

/// The bits that have a meaning.
pub(crate) fn known_wasm_features() -> u64 {
    let unused = u64::BITS.saturating_sub(u32::try_from(WASM_FEATURES.len()).unwrap_or(u64::BITS));
    u64::MAX.checked_shr(unused).unwrap_or(0)
}

/// Names of the WebAssembly features among `bits`.
pub fn wasm_feature_names(bits: u64) -> impl Iterator<Item = &'static str> {
    WASM_FEATURES
        .iter()
        .enumerate()
        .filter(move |(index, _)| bits >> index & 1 != 0)
        .map(|(_, name)| *name)
}
