//! The header, field by field.

use super::*;

pub fn cases() -> Vec<Case> {
    vec![
        case!("magic", header_field(1, b"W"), Error::Magic),
        case!(
            "version 0",
            header_field(8, &[0]),
            Error::FormatVersion {
                expected: 1,
                found: 0
            }
        ),
        case!(
            "version 2",
            header_field(8, &[2]),
            Error::FormatVersion {
                expected: 1,
                found: 2
            }
        ),
        case!(
            "header size",
            header_field(12, &(header::SIZE as u32 - 1).to_le_bytes()),
            Error::HeaderSize { expected, found }
                if *expected == header::SIZE && *found as usize == header::SIZE - 1
        ),
        case!(
            "total length",
            {
                let mut bytes = good().sealed();
                bytes[HEADER + header::TOTAL_LENGTH_OFFSET] ^= 1;
                patch::rehash(&mut bytes);
                bytes
            },
            Error::TotalLength { .. }
        ),
        case!(
            "unknown required feature",
            header_field(120, &[2]),
            Error::RequiredFeatures { unknown: 2 }
        ),
        case!(
            "unknown machine",
            header_field(136, &[40]),
            Error::HeaderValue {
                field: "machine",
                found: 40
            }
        ),
        case!(
            "other machine",
            header_field(136, &[183]),
            Error::Machine {
                expected: Machine::X86_64,
                found: Machine::Aarch64
            }
        ),
        case!(
            "unknown pointer width",
            header_field(138, &[16]),
            Error::HeaderValue {
                field: "pointer width",
                found: 16
            }
        ),
        case!(
            "other pointer width",
            header_field(138, &[4]),
            Error::PointerWidth {
                expected: 8,
                found: 4
            }
        ),
        case!(
            "big-endian",
            header_field(139, &[2]),
            Error::HeaderValue {
                field: "endianness",
                found: 2
            }
        ),
        case!(
            "unknown ABI",
            header_field(140, &[99]),
            Error::HeaderValue {
                field: "ABI",
                found: 99
            }
        ),
        case!(
            "other ABI",
            header_field(140, &[5]),
            Error::Abi {
                expected: TargetAbi::SystemV,
                found: TargetAbi::Lp64d
            }
        ),
        case!(
            "missing CPU feature",
            header_field(145, &[1]),
            Error::CpuFeatures { missing: 0x100, .. }
        ),
        case!(
            "ABI hash",
            header_field(152, &[0; 8]),
            Error::AbiHash { expected, found: 0 } if *expected == abi_hash(PointerWidth::Eight)
        ),
        case!(
            "one constant more",
            header_field(160, &(CONSTANTS.len() as u32 + 1).to_le_bytes()),
            Error::ConstantCount { expected, found }
                if *expected == CONSTANTS.len() && *found as usize == expected + 1
        ),
        case!(
            "frame.lp",
            header_field(constant_offset("frame.lp"), &[56]),
            Error::Constant {
                name: "frame.lp",
                expected: 40,
                found: 56
            }
        ),
        case!(
            "last constant",
            header_field(TAIL - 4, &[1]),
            Error::Constant {
                name: "stack.reserve",
                found: 0x10001,
                ..
            }
        ),
        case!(
            "frame strategy",
            header_field(TAIL, &[3]),
            Error::HeaderValue {
                field: "frame strategy",
                found: 3
            }
        ),
        case!(
            "capture level",
            header_field(TAIL + 1, &[32]),
            Error::HeaderValue {
                field: "capture level",
                found: 32
            }
        ),
        case!(
            "poll kind",
            header_field(TAIL + 2, &[9]),
            Error::HeaderValue {
                field: "poll kind",
                found: 9
            }
        ),
        case!(
            "memory model",
            header_field(TAIL + 3, &[2]),
            Error::HeaderValue {
                field: "memory model",
                found: 2
            }
        ),
        case!(
            "unknown WebAssembly feature",
            header_field(TAIL + 11, &[0x80]),
            Error::WasmFeatures { unknown } if *unknown == 1 << 63
        ),
        case!(
            "one function more",
            header_field(TAIL + 12, &[4]),
            Error::HeaderCount {
                what: "defined functions",
                expected: 3,
                found: 4
            }
        ),
        case!(
            "one type less",
            header_field(TAIL + 16, &[1]),
            Error::HeaderCount {
                what: "types",
                expected: 2,
                found: 1
            }
        ),
        case!(
            "one imported function more",
            header_field(TAIL + 20, &[2]),
            Error::HeaderCount {
                what: "imported functions",
                expected: 1,
                found: 2
            }
        ),
        case!(
            "image size",
            header_field(TAIL + 24, &[1]),
            Error::ImageSize {
                expected: 8192,
                found: 8193
            }
        ),
    ]
}
