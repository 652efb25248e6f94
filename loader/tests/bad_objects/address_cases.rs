//! The address table and the order of functions.

use super::*;

pub fn cases() -> Vec<Case> {
    let address = |index: u64, symbol, addend| {
        let mut all: Vec<Rela> = vec![
            (0, "f0", elf::R_X86_64_64.0, 0),
            (8, "f1", elf::R_X86_64_64.0, 0),
        ];
        all.retain(|rela| rela.0 != index * 8);
        all.push((index * 8, symbol, elf::R_X86_64_64.0, addend));
        with(|parts| parts.address_relocations = Some(all))
    };
    vec![
        case!(
            "address table too short",
            with(|parts| {
                parts.addresses.pop();
            }),
            Error::CodeTable {
                expected: 56,
                found: 48
            }
        ),
        case!(
            "functions out of order",
            with(|parts| parts.order = vec![1, 0]),
            Error::FunctionOrder { function: 0, .. }
        ),
        case!(
            "function twice in the order",
            with(|parts| parts.order = vec![0, 0]),
            Error::FunctionOrder { function: 0, .. }
        ),
        case!(
            "function without code in the order",
            with(|parts| parts.order = vec![0, 2]),
            Error::FunctionPlace {
                function: 2,
                address: 0
            }
        ),
        case!(
            "order too short",
            with(|parts| parts.order = vec![0]),
            Error::OrderLength {
                expected: 2,
                found: 1
            }
        ),
        case!(
            "order of a function that is not there",
            with(|parts| parts.order = vec![0, 3]),
            Error::Table {
                section: section::ORDER,
                offset: 8,
                error: TableError::Index {
                    found: 3,
                    limit: 3,
                    ..
                },
            }
        ),
        case!(
            "bytes behind the order",
            with(|parts| {
                let bytes = [numbers(&[0, 1]), vec![0]].concat();
                parts.raw.insert(section::ORDER, bytes);
            }),
            Error::Table {
                section: section::ORDER,
                error: TableError::TrailingBytes { found: 1, .. },
                ..
            }
        ),
        case!(
            "functions overlap",
            address(1, "f0", 17),
            Error::FunctionOrder { function: 1, .. }
        ),
        case!(
            "function over the end of its section",
            with(|parts| parts.frames[0].code_size = 24),
            Error::FunctionPlace { function: 0, .. }
        ),
        case!(
            "function before the image",
            address(0, "f0", -1),
            Error::FunctionPlace { function: 0, .. }
        ),
        case!(
            "function in the constants",
            address(1, "f1", 4096),
            Error::FunctionPlace { function: 1, .. }
        ),
        case!(
            "address of a function without code",
            with(|parts| parts.addresses[2] = "enter0"),
            Error::AddressCount {
                expected: 2,
                found: 3
            }
        ),
        case!(
            "thunk in the constants",
            address(3, "f0", 4096),
            Error::ThunkPlace { thunk: 3, .. }
        ),
        case!(
            "thunk that is a plain number",
            raw_table(section::CODE, |table| table[5 * 8] = 1),
            Error::ThunkPlace {
                thunk: 5,
                address: 1
            }
        ),
    ]
}
