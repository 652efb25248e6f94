//! Which CPU features the processor has, by the CPUID instruction.
//!
//! Bits are those of Intel's and AMD's manuals (SDM volume 2A, CPUID; AMD64 APM volume 3, appendix E);
//! names are LLVM's, as the loader lists them.

use core::arch::{asm, x86_64::__cpuid_count};
use wamr_aot_loader::{cpu, format::target::Machine};

#[derive(Clone, Copy)]
enum Register {
    Eax,
    Ebx,
    Ecx,
    Edx,
}

/// State that the operating system has to save for a feature to be usable, as bits of XCR0.
const NONE: u64 = 0;
const AVX: u64 = 0x6;
const AVX512: u64 = 0xe6;

/// Leaf, subleaf, register; then names with their bit and what they need of XCR0.
type Group = (u32, u32, Register, &'static [(&'static str, u32, u64)]);

const GROUPS: &[Group] = &[
    (
        1,
        0,
        Register::Ecx,
        &[
            ("sse3", 0, NONE),
            ("pclmul", 1, NONE),
            ("ssse3", 9, NONE),
            ("fma", 12, AVX),
            ("cx16", 13, NONE),
            ("sse4.1", 19, NONE),
            ("sse4.2", 20, NONE),
            ("crc32", 20, NONE),
            ("movbe", 22, NONE),
            ("popcnt", 23, NONE),
            ("aes", 25, NONE),
            ("xsave", 27, NONE),
            ("avx", 28, AVX),
            ("f16c", 29, AVX),
            ("rdrnd", 30, NONE),
        ],
    ),
    (
        7,
        0,
        Register::Ebx,
        &[
            ("fsgsbase", 0, NONE),
            ("bmi", 3, NONE),
            ("avx2", 5, AVX),
            ("bmi2", 8, NONE),
            ("invpcid", 10, NONE),
            ("avx512f", 16, AVX512),
            ("avx512dq", 17, AVX512),
            ("rdseed", 18, NONE),
            ("adx", 19, NONE),
            ("avx512ifma", 21, AVX512),
            ("clflushopt", 23, NONE),
            ("clwb", 24, NONE),
            ("avx512cd", 28, AVX512),
            ("sha", 29, NONE),
            ("avx512bw", 30, AVX512),
            ("avx512vl", 31, AVX512),
        ],
    ),
    (
        7,
        0,
        Register::Ecx,
        &[
            ("avx512vbmi", 1, AVX512),
            ("waitpkg", 5, NONE),
            ("avx512vbmi2", 6, AVX512),
            ("gfni", 8, NONE),
            ("vaes", 9, AVX),
            ("vpclmulqdq", 10, AVX),
            ("avx512vnni", 11, AVX512),
            ("avx512bitalg", 12, AVX512),
            ("avx512vpopcntdq", 14, AVX512),
            ("rdpid", 22, NONE),
            ("movdiri", 27, NONE),
            ("movdir64b", 28, NONE),
        ],
    ),
    (
        7,
        0,
        Register::Edx,
        &[("serialize", 14, NONE), ("avx512fp16", 23, AVX512)],
    ),
    (
        7,
        1,
        Register::Eax,
        &[
            ("sha512", 0, AVX),
            ("sm3", 1, AVX),
            ("sm4", 2, AVX),
            ("avxvnni", 4, AVX),
            ("avx512bf16", 5, AVX512),
            ("avxifma", 23, AVX),
        ],
    ),
    (
        0xd,
        1,
        Register::Eax,
        &[
            ("xsaveopt", 0, NONE),
            ("xsavec", 1, NONE),
            ("xsaves", 3, NONE),
        ],
    ),
    (
        0x8000_0001,
        0,
        Register::Ecx,
        &[
            ("sahf", 0, NONE),
            ("lzcnt", 5, NONE),
            ("sse4a", 6, NONE),
            ("prfchw", 8, NONE),
            ("xop", 11, AVX),
            ("fma4", 16, AVX),
            ("tbm", 21, NONE),
        ],
    ),
];

/// The processor's features, as bits of the loader's list.
pub(crate) fn cpu_features() -> u64 {
    let enabled = enabled_state();
    let mut features = 0;
    for (leaf, subleaf, register, names) in GROUPS {
        if *leaf > __cpuid_count(*leaf & 0x8000_0000, 0).eax {
            continue;
        }
        let result = __cpuid_count(*leaf, *subleaf);
        let bits = match register {
            Register::Eax => result.eax,
            Register::Ebx => result.ebx,
            Register::Ecx => result.ecx,
            Register::Edx => result.edx,
        };
        for (name, bit, state) in *names {
            if bits >> bit & 1 != 0 && enabled & state == *state {
                features |= cpu::feature_bits(Machine::X86_64, name).unwrap_or(0);
            }
        }
    }
    features
}

/// XCR0; 0 if the operating system does not use it.
fn enabled_state() -> u64 {
    const OSXSAVE: u32 = 1 << 27;
    if __cpuid_count(1, 0).ecx & OSXSAVE == 0 {
        return 0;
    }
    let (low, high): (u32, u32);
    // SAFETY: the instruction is there if OSXSAVE is set, and only reads a register.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_the_loaders_list() {
        for (_, _, _, names) in GROUPS {
            for (name, ..) in *names {
                assert!(cpu::feature_bits(Machine::X86_64, name).is_some(), "{name}");
            }
        }
    }

    #[cfg(feature = "std")]
    #[test]
    fn agrees_with_the_standard_library() {
        let features = cpu_features();
        for (name, expected) in [
            ("sse4.1", std::arch::is_x86_feature_detected!("sse4.1")),
            ("popcnt", std::arch::is_x86_feature_detected!("popcnt")),
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("fma", std::arch::is_x86_feature_detected!("fma")),
            ("bmi2", std::arch::is_x86_feature_detected!("bmi2")),
            ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
            ("sha", std::arch::is_x86_feature_detected!("sha")),
        ] {
            let bit = cpu::feature_bits(Machine::X86_64, name).unwrap_or(0);
            assert_eq!(features & bit != 0, expected, "{name}");
        }
    }
}
