//! CPU features that an object's code may use, as named bits for each machine.
//!
//! The names are LLVM's, so that the compiler can map what it enabled. Only features that add
//! instructions or change what an access may do stand here; tuning flags do not. A bit's number
//! never changes.

use crate::format::target::Machine;

/// x86-64, from bit 0 on. SSE2 and what else the base architecture has is not listed.
const X86_64: &[&str] = &[
    "sse3",
    "ssse3",
    "sse4.1",
    "sse4.2",
    "sse4a",
    "popcnt",
    "cx16",
    "sahf",
    "avx",
    "avx2",
    "bmi",
    "bmi2",
    "fma",
    "fma4",
    "f16c",
    "lzcnt",
    "movbe",
    "xsave",
    "xsavec",
    "xsaveopt",
    "xsaves",
    "aes",
    "pclmul",
    "sha",
    "rdrnd",
    "rdseed",
    "adx",
    "gfni",
    "vaes",
    "vpclmulqdq",
    "tbm",
    "xop",
    "avx512f",
    "avx512cd",
    "avx512bw",
    "avx512dq",
    "avx512vl",
    "avx512ifma",
    "avx512vbmi",
    "avx512vbmi2",
    "avx512vnni",
    "avx512bitalg",
    "avx512vpopcntdq",
    "avx512bf16",
    "avx512fp16",
    "avxvnni",
    "avxifma",
    "prfchw",
    "clflushopt",
    "clwb",
    "fsgsbase",
    "invpcid",
    "rdpid",
    "movdiri",
    "movdir64b",
    "crc32",
    "serialize",
    "waitpkg",
    "sha512",
    "sm3",
    "sm4",
];

/// AArch64, from bit 0 on.
const AARCH64: &[&str] = &[
    "fp-armv8",
    "neon",
    "crc",
    "lse",
    "rdm",
    "aes",
    "sha2",
    "sha3",
    "sm4",
    "fullfp16",
    "dotprod",
    "fp16fml",
    "rcpc",
    "rcpc-immo",
    "jsconv",
    "complxnum",
    "pauth",
    "flagm",
    "sb",
    "ssbs",
    "predres",
    "bti",
    "altnzcv",
    "fptoint",
    "i8mm",
    "bf16",
    "sve",
    "sve2",
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
    "lse2",
    "mops",
    "hbc",
    "cssc",
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
];

/// RISC-V, from bit 0 on. Extensions, and what a target promises about accesses.
const RISCV: &[&str] = &[
    "m",
    "a",
    "f",
    "d",
    "c",
    "v",
    "zicsr",
    "zifencei",
    "zmmul",
    "zaamo",
    "zalrsc",
    "zca",
    "zcb",
    "zcd",
    "zcf",
    "zba",
    "zbb",
    "zbc",
    "zbs",
    "zbkb",
    "zicond",
    "zfa",
    "zfh",
    "zfhmin",
    "zfbfmin",
    "zacas",
    "zabha",
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
    "zvbb",
    "zvfh",
    "zvfhmin",
    "zvl128b",
    "zvl256b",
    "zve32x",
    "zve32f",
    "zve64x",
    "zve64f",
    "zve64d",
    "zvl32b",
    "zvl64b",
    "unaligned-scalar-mem",
    "unaligned-vector-mem",
    "b",
    "i",
    "e",
];

/// Names of a machine's features, by bit number; none if this build does not know the machine.
pub const fn features(machine: Machine) -> &'static [&'static str] {
    if !machine.is_known() {
        return &[];
    }
    match machine.only() {
        Machine::X86_64 => X86_64,
        Machine::Aarch64 => AARCH64,
        Machine::Riscv => RISCV,
    }
}

const _: () = assert!(X86_64.len() <= 64 && AARCH64.len() <= 64 && RISCV.len() <= 64);

/// The bit of a feature, by LLVM's name for it; `None` if it has none.
pub fn feature_bits(machine: Machine, name: &str) -> Option<u64> {
    let index = features(machine).iter().position(|known| *known == name)?;
    1u64.checked_shl(u32::try_from(index).ok()?)
}

/// Names of the features among `bits`. Bits without a meaning have no name.
pub fn names_of(machine: Machine, bits: u64) -> impl Iterator<Item = &'static str> {
    features(machine)
        .iter()
        .enumerate()
        .filter(move |(index, _)| bits >> index & 1 != 0)
        .map(|(_, name)| *name)
}

/// The bits that have a meaning for the machine.
pub fn known_bits(machine: Machine) -> u64 {
    let unused = 64 - features(machine).len();
    u32::try_from(unused).map_or(0, |unused| u64::MAX.checked_shr(unused).unwrap_or(0))
}
