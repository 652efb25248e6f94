//! The file as a whole and its ELF header.

use super::*;

pub fn cases() -> Vec<Case> {
    let file = good().sealed();
    let end = file.len();
    let cut = |length: usize| file[..length].to_vec();
    vec![
        case!("empty file", vec![], Error::ElfMagic),
        case!("three bytes", cut(3), Error::ElfMagic),
        case!(
            "a wasm module",
            b"\0asm\x01\0\0\0".to_vec(),
            Error::ElfMagic
        ),
        case!(
            "nothing behind the ELF magic",
            cut(4),
            Error::ElfHeader {
                field: "class",
                found: 0,
                ..
            }
        ),
        case!(
            "cut in the ELF header",
            cut(40),
            Error::Table {
                section: section::HEADER,
                offset: 0,
                error: TableError::Truncated { .. }
            }
        ),
        case!(
            "cut in the header",
            cut(64 + 100),
            Error::Table {
                section: section::HEADER,
                error: TableError::Truncated { .. },
                ..
            }
        ),
        case!(
            "cut behind the header",
            cut(64 + header::SIZE),
            Error::TotalLength { .. }
        ),
        case!("last byte missing", cut(end - 1), Error::TotalLength { .. }),
        case!(
            "one byte too many",
            [&file[..], &[0]].concat(),
            Error::TotalLength { expected, found } if *found == *expected + 1
        ),
        case!(
            "a byte of the code changed",
            {
                let mut bytes = file.clone();
                let code = patch::get_section(&bytes, ".text.0", Field::Offset) as usize;
                bytes[code] ^= 1;
                bytes
            },
            Error::ContentHash
        ),
        case!(
            "the content hash changed",
            {
                let mut bytes = file.clone();
                bytes[HEADER + HeaderField::ContentHash.offset()] ^= 1;
                bytes
            },
            Error::ContentHash
        ),
        case!(
            "ELF class 32",
            patched(|bytes| bytes[4] = 1),
            // There the header would start at 52.
            Error::Magic
        ),
        case!(
            "ELF class 3",
            patched(|bytes| bytes[4] = 3),
            Error::ElfHeader {
                field: "class",
                found: 3,
                ..
            }
        ),
        case!(
            "big-endian ELF",
            patched(|bytes| bytes[5] = 2),
            Error::ElfHeader {
                field: "endianness",
                expected: 1,
                found: 2
            }
        ),
        case!(
            "ELF version",
            patched(|bytes| bytes[6] = 2),
            Error::ElfHeader {
                field: "version",
                expected: 1,
                found: 2
            }
        ),
        case!(
            "an executable",
            patched(|bytes| bytes[16] = 2),
            Error::ElfHeader {
                field: "type",
                expected: 1,
                found: 2
            }
        ),
        case!(
            "ELF machine other than the header's",
            patched(|bytes| bytes[18] = 183),
            Error::ElfHeader {
                field: "machine",
                expected: 62,
                found: 183
            }
        ),
        case!(
            "ELF header size",
            patched(|bytes| bytes[52] = 63),
            Error::ElfHeader {
                field: "header size",
                expected: 64,
                found: 63
            }
        ),
        case!(
            "section header size",
            patched(|bytes| bytes[58] = 63),
            Error::ElfHeader {
                field: "section header size",
                expected: 64,
                found: 63
            }
        ),
        case!(
            "no section headers",
            patched(|bytes| patch::set(bytes, 60, &[0, 0])),
            Error::ElfSectionCount { found: 0 }
        ),
        case!(
            "too many section headers",
            patched(|bytes| patch::set(bytes, 60, &[0, 0x40])),
            Error::ElfSectionTable { count: 0x4000, .. }
        ),
        case!(
            "section headers behind the end",
            patched(|bytes| patch::set(bytes, 40, &u64::MAX.to_le_bytes())),
            Error::ElfSectionTable {
                offset: u64::MAX,
                ..
            }
        ),
        case!(
            "section names in no section",
            patched(|bytes| patch::set(bytes, 62, &[0, 0])),
            Error::ElfNames { section: 0 }
        ),
        case!(
            "section names in a section of code",
            patched(|bytes| {
                let index = patch::section(bytes, ".text.0") as u16;
                patch::set(bytes, 62, &index.to_le_bytes());
            }),
            Error::ElfNames { .. }
        ),
    ]
}
