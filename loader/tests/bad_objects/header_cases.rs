//! The header, field by field.

use super::*;

pub fn cases() -> Vec<Case> {
    vec![
        case!(
            "magic",
            header_field(HeaderField::Magic, b"\0W"),
            Error::Magic
        ),
        case!(
            "version 0",
            header_field(HeaderField::Version, &[0]),
            Error::FormatVersion {
                expected: 2,
                found: 0
            }
        ),
        case!(
            "version 3",
            header_field(HeaderField::Version, &[3]),
            Error::FormatVersion {
                expected: 2,
                found: 3
            }
        ),
        case!(
            "header size",
            header_field(HeaderField::HeaderSize, &(header::SIZE as u32 - 1).to_le_bytes()),
            Error::HeaderSize { expected, found }
                if *expected == header::SIZE && *found as usize == header::SIZE - 1
        ),
        case!(
            "total length",
            {
                let mut bytes = good().sealed();
                bytes[HEADER + HeaderField::TotalLength.offset()] ^= 1;
                patch::rehash(&mut bytes);
                bytes
            },
            Error::TotalLength { .. }
        ),
        case!(
            "unknown required feature",
            header_field(HeaderField::RequiredFeatures, &[2]),
            Error::RequiredFeatures {
                known: 1,
                unknown: 2
            }
        ),
        case!(
            "unknown machine",
            header_field(HeaderField::Machine, &[40]),
            Error::HeaderValue {
                field: "machine",
                found: 40,
                ..
            }
        ),
        case!(
            "other machine",
            header_field(HeaderField::Machine, &[183]),
            Error::Machine {
                expected: Machine::X86_64,
                found: Machine::Aarch64
            }
        ),
        case!(
            "unknown pointer width",
            header_field(HeaderField::PointerWidth, &[16]),
            Error::HeaderValue {
                field: "pointer width",
                found: 16,
                ..
            }
        ),
        case!(
            "other pointer width",
            header_field(HeaderField::PointerWidth, &[4]),
            Error::PointerWidth {
                expected: 8,
                found: 4
            }
        ),
        case!(
            "big-endian",
            header_field(HeaderField::Endianness, &[2]),
            Error::HeaderValue {
                field: "endianness",
                found: 2,
                ..
            }
        ),
        case!(
            "unknown ABI",
            header_field(HeaderField::Abi, &[99]),
            Error::HeaderValue {
                field: "ABI",
                found: 99,
                ..
            }
        ),
        case!(
            "other ABI",
            header_field(HeaderField::Abi, &[5]),
            Error::Abi {
                expected: TargetAbi::SystemV,
                found: TargetAbi::Lp64d
            }
        ),
        case!(
            "missing CPU feature",
            header_field(HeaderField::CpuFeatures, &[0, 1]),
            Error::CpuFeatures { missing: 0x100, .. }
        ),
        case!(
            "ABI hash",
            header_field(HeaderField::AbiHash, &[0; 8]),
            Error::AbiHash { expected, found: 0 } if *expected == abi_hash(PointerWidth::Eight)
        ),
        case!(
            "one constant more",
            header_field(HeaderField::ConstantCount, &(CONSTANTS.len() as u32 + 1).to_le_bytes()),
            Error::ConstantCount { expected, found }
                if *expected == CONSTANTS.len() && *found as usize == expected + 1
        ),
        case!(
            "frame.lp",
            constant(constant_index("frame.lp"), 56),
            Error::Constant {
                name: "frame.lp",
                expected: 40,
                found: 56
            }
        ),
        case!(
            "last constant",
            constant(CONSTANTS.len() - 1, 0x10001),
            Error::Constant {
                name: "memory64.offset_bits",
                found: 0x10001,
                ..
            }
        ),
        case!(
            "frame strategy",
            header_field(HeaderField::FrameStrategy, &[3]),
            Error::HeaderValue {
                field: "frame strategy",
                found: 3,
                ..
            }
        ),
        case!(
            "capture level",
            header_field(HeaderField::Capture, &[32]),
            Error::HeaderValue {
                field: "capture level",
                found: 32,
                ..
            }
        ),
        case!(
            "poll kind",
            header_field(HeaderField::Poll, &[9]),
            Error::HeaderValue {
                field: "poll kind",
                found: 9,
                ..
            }
        ),
        case!(
            "memory model",
            header_field(HeaderField::MemoryModel, &[2]),
            Error::HeaderValue {
                field: "memory model",
                found: 2,
                ..
            }
        ),
        case!(
            "unknown WebAssembly feature",
            header_field(HeaderField::WasmFeatures, &[0, 0, 0, 0, 0, 0, 0, 0x80]),
            Error::WasmFeatures { unknown, .. } if *unknown == 1 << 63
        ),
        case!(
            "one function more",
            header_field(HeaderField::DefinedFunctions, &[4]),
            Error::HeaderCount {
                what: "defined functions",
                expected: 3,
                found: 4
            }
        ),
        case!(
            "one type less",
            header_field(HeaderField::Types, &[1]),
            Error::HeaderCount {
                what: "types",
                expected: 2,
                found: 1
            }
        ),
        case!(
            "one imported function more",
            header_field(HeaderField::ImportedFunctions, &[2]),
            Error::HeaderCount {
                what: "imported functions",
                expected: 1,
                found: 2
            }
        ),
        case!(
            "image size",
            header_field(HeaderField::ImageSize, &[1]),
            Error::ImageSize {
                expected: 8192,
                found: 8193
            }
        ),
    ]
}

/// What a changed field leads to.
enum Outcome {
    /// An error that names the field and says both values.
    Refused(&'static str),
    /// Nothing that the loader could compare it with, and why.
    Accepted(#[allow(dead_code, reason = "for whoever reads the table")] &'static str),
}

/// A value for each field that another build of the compiler or of the runtime could have put
/// there, and what becomes of it. A new field has to be added here.
fn outcome(field: HeaderField) -> (Vec<u8>, Outcome) {
    use HeaderField as F;
    use Outcome::{Accepted, Refused};
    match field {
        F::Magic => (
            b"\0asm".to_vec(),
            Refused("no object header behind the ELF header: not a WebAssembly object, or damaged"),
        ),
        F::Version => (
            vec![1],
            Refused("format version 1, this runtime reads version 2"),
        ),
        F::HeaderSize => (vec![0, 1], Refused("header size 256, expected {size}")),
        F::TotalLength => (
            vec![0, 0, 1],
            Refused("the file has {length} bytes, its header says 65536"),
        ),
        F::ContentHash => (
            vec![0; 32],
            Refused("content hash mismatch: the file was changed or damaged"),
        ),
        F::Signature => (
            vec![1; 64],
            Accepted("put there after sealing, checked by whoever wants signatures"),
        ),
        F::RequiredFeatures => (
            vec![0, 1],
            Refused(
                "the object requires format features 0x100, which this runtime does not know; known: 0x1",
            ),
        ),
        F::OptionalFeatures => (vec![0xff; 8], Accepted("optional")),
        F::Machine => (
            vec![243],
            Refused("the object is for RISC-V, this machine is x86-64"),
        ),
        F::PointerWidth => (
            vec![4],
            Refused("the object has pointers of 4 bytes, this machine of 8"),
        ),
        F::Endianness => (
            vec![2],
            Refused("header: endianness 2 is unknown; known: 1 (little)"),
        ),
        F::Abi => (
            vec![2],
            Refused("the object is for ABI aapcs, this runtime for sysv"),
        ),
        F::CpuFeatures => (
            vec![0, 1],
            Refused("the object uses CPU features that this machine does not have: avx"),
        ),
        F::AbiHash => (
            vec![0; 8],
            Refused("ABI hash: object 0x0000000000000000, runtime {hash}"),
        ),
        F::ConstantCount => (
            vec![9],
            Refused("the object has 9 layout constants, this runtime {constants}"),
        ),
        F::Constants => (
            vec![8],
            Refused("layout constant frame.prev_frame: object 8, runtime 0"),
        ),
        F::FrameStrategy => (
            vec![1],
            Refused("header: frame strategy is explicit, by .wamr.framemap it is mapped"),
        ),
        F::Capture => (
            vec![32],
            Refused("header: capture level 32 is unknown; known: 0 to 31"),
        ),
        F::Poll => (
            vec![1],
            Refused("header: poll kind is compare, by .wamr.unwind it is none"),
        ),
        F::MemoryModel => (
            vec![2],
            Refused(
                "header: memory model 2 is unknown; known: 0 (guard pages) 1 (explicit checks)",
            ),
        ),
        F::WasmFeatures => (
            vec![0, 0, 0, 0, 0, 0, 0, 0x80],
            Refused(
                "the module uses WebAssembly features 0x8000000000000000, which this runtime does not know; known: {features}",
            ),
        ),
        F::DefinedFunctions => (
            vec![4],
            Refused("header: 4 defined functions, but .wamr.module has 3"),
        ),
        F::Types => (vec![1], Refused("header: 1 types, but .wamr.module has 2")),
        F::ImportedFunctions => (
            vec![2],
            Refused("header: 2 imported functions, but .wamr.module has 1"),
        ),
        F::ImageSize => (
            vec![0, 0],
            Refused("header: image of 0 bytes, but linking takes 8192"),
        ),
        F::SourceHash => (vec![1; 32], Accepted("the source module is not at hand")),
        F::Producer => (b"another".to_vec(), Accepted("informative")),
    }
}

#[test]
fn every_field_of_the_header_is_checked_or_says_nothing_that_could_be() {
    let placeholders = [
        ("{size}", header::SIZE.to_string()),
        ("{length}", good().sealed().len().to_string()),
        ("{hash}", format!("{:#018x}", abi_hash(PointerWidth::Eight))),
        ("{constants}", CONSTANTS.len().to_string()),
        (
            "{features}",
            format!("{:#x}", (1u64 << WASM_FEATURES.len()) - 1),
        ),
    ];
    for field in HeaderField::ALL {
        let (value, outcome) = outcome(*field);
        let mut bytes = good().sealed();
        patch::set_header(&mut bytes, *field, &value);
        let seal = [
            HeaderField::TotalLength,
            HeaderField::ContentHash,
            HeaderField::Signature,
        ];
        if !seal.contains(field) {
            patch::reseal(&mut bytes);
        }
        assert_ne!(bytes, good().sealed(), "{}", field.name());
        let found = load(&bytes).map(|_| ()).map_err(|error| error.to_string());
        let expected = match outcome {
            Outcome::Accepted(_) => Ok(()),
            Outcome::Refused(text) => Err(placeholders
                .iter()
                .fold(text.to_owned(), |text, (name, value)| {
                    text.replace(name, value)
                })),
        };
        assert_eq!(found, expected, "{}", field.name());
    }
}

/// Each constant in turn, so that none can differ without its name being said.
#[test]
fn every_layout_constant_is_compared() {
    for (index, layout) in CONSTANTS.iter().enumerate() {
        let expected = layout.value(PointerWidth::Eight);
        let error = load(&constant(index, expected + 8)).err();
        let expected = Error::Constant {
            name: layout.name,
            expected,
            found: expected + 8,
        };
        assert_eq!(error, Some(expected));
    }
}

/// As a compiler for 32-bit pointers would lay them out, if only the width were said to be 64 bits.
#[test]
fn layouts_of_another_pointer_width_are_named() {
    let bytes = patched(|bytes| {
        let four = Header::new(TargetAbi::Ilp32).constants;
        let bytes_of = four.map(u32::to_le_bytes);
        patch::set_header(bytes, HeaderField::Constants, bytes_of.as_flattened());
    });
    let error = load(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "layout constant frame.instance: object 4, runtime 8"
    );
}

/// The table in the module's documentation is the list of fields.
#[test]
fn the_header_is_documented_as_it_is() {
    let source = include_str!("../../src/format/header.rs");
    let rows: Vec<(usize, &str)> = source
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.split_once(" | "))
        .filter_map(|(offset, rest)| Some((offset.parse().ok()?, rest.split_once(" |")?.0)))
        .collect();
    let tail = HeaderField::FrameStrategy.offset();
    let fields: Vec<_> = HeaderField::ALL
        .iter()
        .map(|field| match field.offset() {
            offset if offset >= tail => (offset - tail, field.size().to_string()),
            offset if *field == HeaderField::Constants => (offset, "4 each".into()),
            offset => (offset, field.size().to_string()),
        })
        .collect();
    let rows: Vec<_> = rows
        .iter()
        .map(|(offset, size)| (*offset, (*size).to_owned()))
        .collect();
    assert_eq!(rows, fields);
}
