//! Relocations.

use super::*;

pub fn cases() -> Vec<Case> {
    const PC32: u32 = elf::R_X86_64_PC32.0;
    let far = |ty, symbol, addend| relocations(&[(1, symbol, ty, addend)]);
    vec![
        case!(
            "unknown relocation",
            far(200, "f1", 0),
            Error::Relocation {
                ty: 200,
                error: RelocationError::Unknown,
                ..
            }
        ),
        case!(
            "thread-local relocation",
            far(elf::R_X86_64_TPOFF32.0, "f1", 0),
            Error::Relocation {
                error: RelocationError::Unknown,
                ..
            }
        ),
        case!(
            "relocation outside its section",
            relocations(&[(20, "f1", PC32, 0)]),
            Error::Relocation {
                offset: 20,
                error: RelocationError::Place,
                ..
            }
        ),
        case!(
            "relocation whose end wraps around",
            relocation_field(0, &u64::MAX.to_le_bytes()),
            Error::Relocation {
                offset: u64::MAX,
                error: RelocationError::Place,
                ..
            }
        ),
        case!(
            "value out of range",
            far(PC32, "f1", 1 << 31),
            Error::Relocation {
                error: RelocationError::Range { bits: 32, .. },
                ..
            }
        ),
        case!(
            "absolute address in 32 bits",
            far(elf::R_X86_64_32S.0, "f1", 0),
            Error::Relocation {
                error: RelocationError::Range { bits: 32, .. },
                ..
            }
        ),
        case!(
            "offset table entry of a function of the module",
            far(elf::R_X86_64_GOTPCREL.0, "f1", -4),
            Error::Relocation {
                error: RelocationError::Got,
                ..
            }
        ),
        case!(
            "relocation without a symbol",
            relocation_field(12, &[0; 4]),
            Error::Relocation {
                error: RelocationError::Symbol { symbol: 0 },
                ..
            }
        ),
        case!(
            "relocation with a symbol that is not there",
            relocation_field(12, &[0xff; 4]),
            Error::Relocation {
                error: RelocationError::Symbol { symbol: u32::MAX },
                ..
            }
        ),
        case!(
            "symbol in a section that is not loaded",
            with(|parts| {
                parts.symbol("constant").section = ".eh_frame";
            }),
            Error::Relocation {
                error: RelocationError::Symbol { .. },
                ..
            }
        ),
        case!(
            "relocations for another section",
            section_field_plus(".rela.text.0", Field::Info, 1),
            Error::RelocationSection { .. }
        ),
        case!(
            "relocations with other symbols",
            section_field_plus(".rela.text.0", Field::Link, 1),
            Error::RelocationSection { .. }
        ),
        case!(
            "relocations with odd entries",
            section_field(".rela.text.0", Field::EntrySize, 8),
            Error::EntrySize {
                expected: 24,
                found: 8,
                ..
            }
        ),
        case!(
            "relocated custom section",
            with(|parts| {
                parts.sections.push(Section {
                    name: ".wamr.custom.x",
                    bytes: vec![0; 8],
                    flags: 0,
                    align: 1,
                    relocations: vec![(0, "f0", elf::R_X86_64_64.0, 0)],
                })
            }),
            Error::RelocationTarget { .. }
        ),
        case!(
            "address of a constant in the address table",
            with(|parts| parts.addresses[1] = "constant"),
            Error::Relocation {
                error: RelocationError::AddressTable,
                ..
            }
        ),
        case!(
            "address of a builtin in the address table",
            with(|parts| parts.addresses[3] = "memcpy"),
            Error::Relocation {
                error: RelocationError::AddressTable,
                ..
            }
        ),
        case!(
            "narrow address in the address table",
            with(|parts| parts.address_relocations = Some(vec![(0, "f0", PC32, 0)])),
            Error::Relocation {
                error: RelocationError::AddressTable,
                ..
            }
        ),
        case!(
            "askew address in the address table",
            with(|parts| {
                parts.address_relocations = Some(vec![(4, "f0", elf::R_X86_64_64.0, 0)])
            }),
            Error::Relocation {
                error: RelocationError::AddressTable,
                ..
            }
        ),
    ]
}
