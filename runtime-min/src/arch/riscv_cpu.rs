//! What the processor has: extensions of the target that this is built for, and what Linux tells of others, or, before 6.4, the
//! processor itself.

use super::FLOAT;
use wamr_aot_loader::{cpu, format::target::Machine};

/// The processor's features, as bits of the loader's list.
pub(crate) fn cpu_features() -> u64 {
    let (m, a, c) = (
        cfg!(target_feature = "m"),
        cfg!(target_feature = "a"),
        cfg!(target_feature = "c"),
    );
    let (f, d) = (FLOAT >= 4, FLOAT == 8);
    let names = [
        ("i", true),
        ("m", m),
        ("zmmul", m),
        ("a", a),
        ("zaamo", a),
        ("zalrsc", a),
        ("c", c),
        ("zca", c),
        ("zcd", c && d),
        ("zcf", c && f && cfg!(target_arch = "riscv32")),
        ("f", f),
        ("d", d),
        ("zicsr", true),
        ("zifencei", true),
        ("zba", cfg!(target_feature = "zba")),
        ("zbb", cfg!(target_feature = "zbb")),
        ("zbc", cfg!(target_feature = "zbc")),
        ("zbs", cfg!(target_feature = "zbs")),
        ("v", cfg!(target_feature = "v")),
        // Linux emulates what the processor does not do.
        ("unaligned-scalar-mem", cfg!(target_os = "linux")),
    ];
    let names = names
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name));
    let features = bits(names);
    #[cfg(all(feature = "std", target_os = "linux"))]
    let features = features | linux::features();
    with_implied(features)
}

fn bits<'n>(names: impl IntoIterator<Item = &'n str>) -> u64 {
    names
        .into_iter()
        .filter_map(|name| cpu::feature_bits(Machine::Riscv, name))
        .fold(0, |bits, bit| bits | bit)
}

/// With what some extensions consist of, or are made up of.
fn with_implied(mut features: u64) -> u64 {
    const VECTOR: [&str; 8] = [
        "zve32x", "zve32f", "zve64x", "zve64f", "zve64d", "zvl32b", "zvl64b", "zvl128b",
    ];
    if features & bits(["v"]) != 0 {
        features |= bits(VECTOR);
    }
    let parts_of_b = bits(["zba", "zbb", "zbs"]);
    if features & parts_of_b == parts_of_b {
        features |= bits(["b"]);
    }
    features
}

#[cfg(all(feature = "std", target_os = "linux"))]
pub(crate) use linux::skip_trial;

#[cfg(all(feature = "std", target_os = "linux"))]
mod linux {
    use super::bits;
    use core::arch::naked_asm;
    use std::sync::OnceLock;

    /// What Linux knows.
    pub fn features() -> u64 {
        static FEATURES: OnceLock<u64> = OnceLock::new();
        *FEATURES.get_or_init(|| {
            let known = hwprobe().unwrap_or_else(|| hwcap() | tried());
            if known & bits(["v"]) != 0 && vector_bytes() >= 32 {
                known | bits(["zvl256b"])
            } else {
                known
            }
        })
    }

    /// Extensions by their bits under the system call's key `IMA_EXT_0` (Linux, Documentation/arch/riscv/hwprobe.rst).
    const EXTENSIONS: [(u32, &str); 26] = [
        (2, "v"),
        (3, "zba"),
        (4, "zbb"),
        (5, "zbs"),
        (7, "zbc"),
        (8, "zbkb"),
        (17, "zvbb"),
        (27, "zfh"),
        (28, "zfhmin"),
        (30, "zvfh"),
        (31, "zvfhmin"),
        (32, "zfa"),
        (34, "zacas"),
        (35, "zicond"),
        (37, "zve32x"),
        (38, "zve32f"),
        (39, "zve64x"),
        (40, "zve64f"),
        (41, "zve64d"),
        (42, "zimop"),
        (43, "zca"),
        (44, "zcb"),
        (45, "zcd"),
        (47, "zcmop"),
        (53, "zfbfmin"),
        (58, "zabha"),
    ];

    /// What all processors have; `None` where the system call is not there, before Linux 6.4.
    fn hwprobe() -> Option<u64> {
        #[repr(C)]
        struct Pair {
            key: i64,
            value: u64,
        }
        /// `__NR_riscv_hwprobe`: the architecture's first system call of its own (244) plus 14.
        const RISCV_HWPROBE: libc::c_long = 244 + 14;
        const IMA_EXT_0: i64 = 4;
        let mut pair = Pair {
            key: IMA_EXT_0,
            value: 0,
        };
        // SAFETY: it writes to one pair.
        let result =
            unsafe { libc::syscall(RISCV_HWPROBE, &raw mut pair, 1usize, 0usize, 0usize, 0usize) };
        // A key that is not known becomes negative.
        (result == 0 && pair.key == IMA_EXT_0).then(|| {
            let there = EXTENSIONS
                .into_iter()
                .filter(|(bit, _)| pair.value >> bit & 1 != 0);
            bits(there.map(|(_, name)| name))
        })
    }

    /// The auxiliary vector has a bit for each letter.
    fn hwcap() -> u64 {
        const V: libc::c_ulong = 1 << (b'v' - b'a');
        // SAFETY: the call has no requirements.
        let letters = unsafe { libc::getauxval(libc::AT_HWCAP) };
        if letters & V != 0 { bits(["v"]) } else { 0 }
    }

    /// Bytes of a vector register. There are vectors.
    fn vector_bytes() -> usize {
        let bytes: usize;
        // SAFETY: reads `vlenb`, which is there with vectors.
        unsafe { core::arch::asm!("csrr {}, 0xc22", out(reg) bytes, options(nomem, nostack)) };
        bytes
    }

    /// A function that returns 1 if an instruction is there. Its second instruction, 4 bytes from its start, is the one.
    macro_rules! trial {
        ($name:ident, $instruction:literal) => {
            #[unsafe(naked)]
            unsafe extern "C" fn $name() -> usize {
                naked_asm!(
                    ".option push\n.option norvc",
                    "li a0, 1",
                    concat!(".insn r 0x33, ", $instruction, ", zero, zero, zero"),
                    ".option pop",
                    "ret",
                )
            }
        };
    }
    trial!(sh1add, "2, 0x10");
    trial!(max, "6, 0x05");
    trial!(bext, "5, 0x24");
    trial!(clmul, "1, 0x05");
    trial!(czero_eqz, "5, 0x07");

    /// An instruction of each extension that is tried.
    const TRIALS: [(unsafe extern "C" fn() -> usize, &str); 5] = [
        (sh1add, "zba"),
        (max, "zbb"),
        (bext, "zbs"),
        (clmul, "zbc"),
        (czero_eqz, "zicond"),
    ];

    /// What the processor has of [`TRIALS`].
    fn tried() -> u64 {
        crate::host::signals::install();
        // SAFETY: the instructions change nothing; where one is not there, `skip_trial` goes on behind it.
        let there = TRIALS
            .into_iter()
            .filter(|(trial, _)| unsafe { trial() } != 0);
        bits(there.map(|(_, name)| name))
    }

    /// Goes on behind an instruction that was tried and is not there. `false`: it was another one.
    ///
    /// # Safety
    ///
    /// The context is that of a handler of `SIGILL`.
    pub(crate) unsafe fn skip_trial(context: *mut libc::ucontext_t) -> bool {
        const PC: usize = 0;
        const A0: usize = 10;
        // SAFETY: as the caller promises.
        let registers = unsafe { &mut (*context).uc_mcontext.__gregs };
        let at = registers[PC] as usize;
        let is_trial = TRIALS.iter().any(|(trial, _)| at == *trial as usize + 4);
        if is_trial {
            registers[A0] = 0;
            registers[PC] += 4;
        }
        is_trial
    }
}
