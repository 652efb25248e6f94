//! Linking for AArch64 and RISC-V: what their instructions lead to, wherever the host is.

mod support;

use object::elf;
use support::{CODE, CONSTANTS, Parts, Rela, Section, Sym, VecMemory, good, host_for, patch};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::header::Header;
use wamr_aot_loader::format::target::TargetAbi;
use wamr_aot_loader::relocate::RelocationError;
use wamr_aot_loader::{Error, Image, Object};

const IMAGE: usize = 0x5555_0000_0000;
const IMAGE_32: usize = 0x8000_0000;

/// The good object's tables around other code. `f0` has to be 24 bytes long, with three thunks of 4
/// bytes behind it; `f1` 8 bytes.
fn parts(abi: TargetAbi, sections: Vec<Section>, mut more: Vec<Sym>) -> Parts {
    let mut parts = good();
    let old = parts.header.clone();
    parts.header = Header::new(abi);
    parts.header.defined_functions = old.defined_functions;
    parts.header.types = old.types;
    parts.header.imported_functions = old.imported_functions;
    parts.header.frame_strategy = old.frame_strategy;
    parts.frames[0].code_size = 24;
    parts.frames[1].code_size = 8;
    parts.unwind = [24, 8, 0, 4, 4, 0, 4, 0, 0].map(support::unwind).to_vec();
    parts.elf_flags = match abi {
        TargetAbi::Lp64d | TargetAbi::Ilp32d => 4,
        _ => 0,
    };
    parts.sections = sections;
    for (name, value, size) in [
        ("f0", 0, 24),
        ("enter0", 24, 4),
        ("enter1", 28, 4),
        ("host1", 32, 4),
    ] {
        let symbol = parts.symbol(name);
        (symbol.value, symbol.size) = (value, size);
    }
    parts.symbol("f1").size = 8;
    parts.symbols.append(&mut more);
    parts
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn section(name: &'static str, bytes: Vec<u8>, relocations: Vec<Rela>) -> Section {
    Section {
        name,
        bytes,
        flags: if name.starts_with(".text") {
            CODE
        } else {
            CONSTANTS
        },
        align: 16,
        relocations,
    }
}

fn link(parts: &Parts, at: usize, builtins: usize) -> Result<Image<VecMemory>, Error> {
    let bytes = parts.sealed();
    let object = Object::parse(&bytes, &host_for(parts.header.abi))?;
    object.link(VecMemory::at(at), &|id: BuiltinId| {
        Some(builtins + 0x100 * id as usize)
    })
}

fn word(image: &Image<VecMemory>, offset: usize) -> u32 {
    patch::u32_at(&image.memory().bytes, offset)
}

fn u64_at(image: &Image<VecMemory>, offset: usize) -> u64 {
    patch::u64_at(&image.memory().bytes, offset)
}

/// Changes every byte of an object, and does with it what can be done.
fn survives_damage(parts: &Parts) {
    let file = parts.sealed();
    let host = host_for(parts.header.abi);
    assert!(Object::parse(&file, &host).is_ok());
    for at in 0..file.len() {
        for change in [1, 8, 0xff] {
            let mut bytes = file.clone();
            bytes[at] ^= change;
            patch::reseal(&mut bytes);
            if let Ok(object) = Object::parse(&bytes, &host) {
                let _ = object.link(VecMemory::at(IMAGE), &|_| Some(0x1000));
            }
        }
    }
}

mod aarch64 {
    use super::*;

    #[test]
    fn damage_is_survived() {
        survives_damage(&good());
    }

    const BL: u32 = 0x9400_0000;
    const RET: u32 = 0xd65f_03c0;

    fn good() -> Parts {
        // bl f1; adrp x0, constant; ldr x0, [x0, :lo12:constant]; bl wamr_trap; ret; nop; the
        // thunks
        let code = words(&[
            BL,
            0x9000_0000,
            0xf940_0000,
            BL,
            RET,
            0xd503_201f,
            RET,
            RET,
            RET,
        ]);
        let text0 = section(
            ".text.0",
            code,
            vec![
                (0, "f1", elf::R_AARCH64_CALL26.0, 0),
                (4, "constant", elf::R_AARCH64_ADR_PREL_PG_HI21.0, 0),
                (8, "constant", elf::R_AARCH64_LDST64_ABS_LO12_NC.0, 0),
                (12, "wamr_trap", elf::R_AARCH64_CALL26.0, 0),
            ],
        );
        let text1 = section(
            ".text.1",
            words(&[0x1400_0000, RET]),
            vec![(0, "memcpy", elf::R_AARCH64_JUMP26.0, 0)],
        );
        let constants = section(
            ".rodata.0",
            vec![0; 24],
            vec![(0, "f0", elf::R_AARCH64_PREL32.0, 8)],
        );
        parts(TargetAbi::Aapcs64, vec![text0, text1, constants], vec![])
    }

    /// Where a branch at `offset` leads to, in the image.
    fn target(image: &Image<VecMemory>, offset: usize) -> i64 {
        let field = (word(image, offset) << 6).cast_signed() >> 4;
        offset as i64 + i64::from(field)
    }

    #[test]
    fn near_builtins_are_called_directly() {
        let image = link(&good(), IMAGE, IMAGE + 0x10_0000).unwrap();
        assert_eq!(target(&image, 0), 48, "bl f1");
        assert_eq!(target(&image, 12), 0x10_0000, "bl wamr_trap");
        // The constant is on the next page, at 8.
        assert_eq!(word(&image, 4), 0xb000_0000);
        assert_eq!(word(&image, 8), 0xf940_0000 | 1 << 10);
        assert_eq!(word(&image, 4096), 0u32.wrapping_sub(4096 - 8));
        assert_eq!(image.function_at(IMAGE + 48), Some(1));
    }

    #[test]
    fn far_builtins_are_called_through_stubs() {
        let image = link(&good(), IMAGE, 0x1000).unwrap();
        let memcpy = BuiltinId::Memcpy as u64;
        for (call, builtin) in [(12, 0), (48, memcpy)] {
            let stub = target(&image, call) as usize;
            assert!((56..4096).contains(&stub), "{stub:#x}");
            // ldr x16, .+8; br x16
            assert_eq!(
                [word(&image, stub), word(&image, stub + 4)],
                [0x5800_0050, 0xd61f_0200]
            );
            assert_eq!(u64_at(&image, stub + 8), 0x1000 + 0x100 * builtin);
        }
    }

    #[test]
    fn calls_across_more_code_than_they_reach_go_through_stubs() {
        const SIZE: usize = 65 << 20;
        let mut parts = good();
        // Two sections that are never called stand between the functions.
        for (at, name) in [(1, ".text.big1"), (2, ".text.big2")] {
            parts
                .sections
                .insert(at, section(name, vec![0; SIZE], vec![]));
        }
        let image = link(&parts, IMAGE, 0x1000).unwrap();
        let f1 = image.function_code(1).unwrap();
        assert!(f1 - IMAGE > 2 * SIZE);
        // The stubs stand right behind the section, one for each call that needs one.
        for (call, stub, to) in [(0, 40, f1 as u64), (12, 56, 0x1000)] {
            assert_eq!(target(&image, call), stub);
            assert_eq!(word(&image, stub as usize), 0x5800_0050);
            assert_eq!(u64_at(&image, stub as usize + 8), to);
        }
        assert_eq!(image.function_at(f1 + 7), Some(1));
        assert_eq!(image.function_at(f1 + 8), None);
    }
}

mod riscv {
    use super::*;

    #[test]
    fn damage_is_survived() {
        survives_damage(&good(TargetAbi::Lp64d));
    }

    const AUIPC_RA: u32 = 0x0000_0097;
    const JALR_RA: u32 = 0x0000_80e7;
    const AUIPC_A0: u32 = 0x0000_0517;
    const ADDI_A0: u32 = 0x0005_0513;
    const RET: u32 = 0x0000_8067;

    const HI20: u32 = elf::R_RISCV_PCREL_HI20.0;
    const LO12: u32 = elf::R_RISCV_PCREL_LO12_I.0;

    fn label(name: &'static str, section: &'static str, value: u64) -> Sym {
        Sym {
            name,
            section,
            value,
            size: 0,
            global: false,
        }
    }

    fn good(abi: TargetAbi) -> Parts {
        // call f1; la a0, constant; call wamr_trap; the thunks
        let code = words(&[
            AUIPC_RA, JALR_RA, AUIPC_A0, ADDI_A0, AUIPC_RA, JALR_RA, RET, RET, RET,
        ]);
        let text0 = section(
            ".text.0",
            code,
            vec![
                (0, "f1", elf::R_RISCV_CALL_PLT.0, 0),
                (8, "constant", HI20, 0),
                (12, "high", LO12, 0),
                (16, "wamr_trap", elf::R_RISCV_CALL_PLT.0, 0),
            ],
        );
        let text1 = section(".text.1", words(&[AUIPC_A0, RET]), vec![]);
        // A jump table with one entry, and a constant.
        let constants = section(
            ".rodata.0",
            vec![0; 24],
            vec![
                (0, "f0", elf::R_RISCV_ADD32.0, 16),
                (0, "table", elf::R_RISCV_SUB32.0, 0),
            ],
        );
        let labels = vec![label("high", ".text.0", 8), label("table", ".rodata.0", 0)];
        parts(abi, vec![text0, text1, constants], labels)
    }

    /// Where a pair of `auipc` and a low part leads to, in the image.
    fn target(image: &Image<VecMemory>, high: usize, low: usize) -> i64 {
        let upper = i64::from((word(image, high) & 0xffff_f000).cast_signed());
        let lower = i64::from(word(image, low).cast_signed() >> 20);
        high as i64 + upper + lower
    }

    #[test]
    fn near_builtins_are_called_directly() {
        let cases = [(TargetAbi::Lp64d, IMAGE), (TargetAbi::Ilp32, IMAGE_32)];
        for (abi, at) in cases {
            let image = link(&good(abi), at, at + 0x10_0000).unwrap();
            assert_eq!(target(&image, 0, 4), 48, "call f1");
            assert_eq!(target(&image, 8, 12), 4096 + 8, "la a0, constant");
            assert_eq!(target(&image, 16, 20), 0x10_0000, "call wamr_trap");
            assert_eq!(word(&image, 4096), (16u32).wrapping_sub(4096));
            assert_eq!(image.function_code(0), Some(at));
            assert_eq!(image.function_at(at + 48), Some(1));
        }
    }

    #[test]
    fn far_builtins_are_called_through_stubs() {
        let image = link(&good(TargetAbi::Lp64d), IMAGE, 0x1000).unwrap();
        let stub = target(&image, 16, 20) as usize;
        assert!((56..4096).contains(&stub), "{stub:#x}");
        // auipc t3, 0; ld t3, 16(t3); jr t3
        let code = [0, 4, 8].map(|offset| word(&image, stub + offset));
        assert_eq!(code, [0x0000_0e17, 0x010e_3e03, 0x000e_0067]);
        assert_eq!(u64_at(&image, stub + 16), 0x1000);
    }

    #[test]
    fn every_address_is_near_on_32_bits() {
        let image = link(&good(TargetAbi::Ilp32), IMAGE_32, 0x1000).unwrap();
        let distance = 0x1000 - IMAGE_32 as i64;
        assert_eq!(target(&image, 16, 20), distance);
    }

    /// Where a `jal` leads to, in the image.
    fn jump_target(image: &Image<VecMemory>, offset: usize) -> i64 {
        let word = word(image, offset);
        let part = |from: u32, count: u32, to: u32| ((word >> from) & ((1 << count) - 1)) << to;
        let field = part(31, 1, 20) | part(21, 10, 1) | part(20, 1, 11) | part(12, 8, 12);
        offset as i64 + i64::from((field << 11).cast_signed() >> 11)
    }

    #[test]
    fn jumps_across_more_code_than_they_reach_go_through_stubs() {
        const JAL_RA: u32 = 0x0000_00ef;
        for (abi, at) in [(TargetAbi::Lp64d, IMAGE), (TargetAbi::Ilp32, IMAGE_32)] {
            for (size, is_far) in [(0x8_0000, false), (0x10_0000, true)] {
                let mut parts = good(abi);
                let text = parts.section(".text.0");
                text.bytes[..8].copy_from_slice(&words(&[JAL_RA, JAL_RA]));
                text.relocations[0] = (0, "f1", elf::R_RISCV_JAL.0, 0);
                let wide = (4, "memcpy", elf::R_RISCV_JAL.0, 0);
                text.relocations.insert(1, wide);
                let big = section(".text.big", vec![0; size], vec![]);
                parts.sections.insert(1, big);
                let image = link(&parts, at, at - 0x4000_0000).unwrap();
                let f1 = image.function_code(1).unwrap();
                assert!(f1 - at >= size);
                let memcpy = at - 0x4000_0000 + 0x100 * BuiltinId::Memcpy as usize;
                let address = |place: usize| match abi {
                    TargetAbi::Lp64d => u64_at(&image, place) as usize,
                    _ => word(&image, place) as usize,
                };
                let [to_f1, to_memcpy] = [0, 4].map(|jump| jump_target(&image, jump) as usize);
                if is_far {
                    // Right behind the section of 36 bytes, one for each.
                    assert_eq!([to_f1, to_memcpy], [40, 64], "{abi}");
                    assert_eq!(address(to_f1 + 16), f1, "{abi}");
                } else {
                    assert_eq!(to_f1, f1 - at, "{abi}");
                    assert!(to_memcpy > f1 - at, "{abi}: the builtin's own stub");
                }
                assert_eq!(address(to_memcpy + 16), memcpy, "{abi}");
            }
        }
    }

    #[test]
    fn low_parts_find_high_parts_in_other_sections_and_in_offset_tables() {
        let mut parts = good(TargetAbi::Lp64d);
        parts.section(".text.1").relocations = vec![(0, "memcpy", elf::R_RISCV_GOT_HI20.0, 0)];
        parts.symbols.push(label("high1", ".text.1", 0));
        parts.section(".text.0").relocations[2] = (12, "high1", LO12, 0);
        let image = link(&parts, IMAGE, 0x1000).unwrap();
        let entry = target(&image, 48, 12);
        let memcpy = 0x1000 + 0x100 * BuiltinId::Memcpy as u64;
        assert_eq!(u64_at(&image, entry as usize), memcpy);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let cases: &[(&[Rela], RelocationError)] = &[
            (
                &[(8, "constant", HI20, 0), (12, "f0", LO12, 0)],
                RelocationError::HighPart { place: 0 },
            ),
            (
                &[
                    (8, "constant", elf::R_RISCV_CALL_PLT.0, 0),
                    (12, "high", LO12, 0),
                ],
                RelocationError::HighPart { place: 8 },
            ),
            (
                &[(12, "high", LO12, 0), (8, "constant", HI20, 0)],
                RelocationError::Order,
            ),
            (
                &[
                    (8, "constant", HI20, 0),
                    (8, "constant", elf::R_RISCV_RELAX.0, 0),
                ],
                RelocationError::Relaxation,
            ),
            (
                &[(8, "constant", elf::R_RISCV_ALIGN.0, 0)],
                RelocationError::Relaxation,
            ),
            (
                &[(8, "f1", elf::R_RISCV_GOT_HI20.0, 0)],
                RelocationError::Got,
            ),
            (
                &[(8, "f1", elf::R_RISCV_TLS_GOT_HI20.0, 0)],
                RelocationError::Unknown,
            ),
        ];
        for (relocations, expected) in cases {
            let mut parts = good(TargetAbi::Lp64d);
            parts.section(".text.0").relocations = relocations.to_vec();
            match link(&parts, IMAGE, 0x1000) {
                Err(Error::Relocation { error, .. }) => assert_eq!(error, *expected),
                other => panic!("{expected}: {:?}", other.err()),
            }
        }
    }

    #[test]
    fn flags_of_another_abi_are_refused() {
        let mut parts = good(TargetAbi::Lp64d);
        parts.elf_flags = 0;
        let error = link(&parts, IMAGE, 0x1000).err();
        let expected = Error::ElfHeader {
            field: "RISC-V ABI flags",
            expected: 4,
            found: 0,
        };
        assert_eq!(error, Some(expected));
    }

    #[test]
    fn addresses_beyond_32_bits_are_refused() {
        let error = link(&good(TargetAbi::Ilp32), 0xffff_f000, 0x1000).err();
        assert!(
            matches!(error, Some(Error::MemoryPlace { .. })),
            "{error:?}"
        );
    }
}
