//! The address table and the order of functions.

use super::*;

pub fn cases() -> Vec<Case> {
    let names = ["f0", "f1", "", "enter0", "enter1", "", "host1", ""];
    let address = |index: u64, symbol, addend| {
        let mut all: Vec<Rela> = (0..)
            .zip(names)
            .filter(|(entry, name)| *entry != index && !name.is_empty())
            .map(|(entry, name)| (entry * 8, name, elf::R_X86_64_64.0, 0))
            .collect();
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
                expected: 72,
                found: 64
            }
        ),
        case!(
            "functions out of order",
            with(|parts| parts.order = vec![1, 0, 3, 4, 6]),
            Error::CodeOrder { entry: 0, .. }
        ),
        case!(
            "function twice in the order",
            with(|parts| parts.order = vec![0, 0, 3, 4, 6]),
            Error::CodeOrder { entry: 0, .. }
        ),
        case!(
            "function without code in the order",
            with(|parts| parts.order = vec![0, 3, 4, 6, 2]),
            Error::CodePlace {
                entry: 2,
                address: 0
            }
        ),
        case!(
            "order too short",
            with(|parts| parts.order = vec![0, 3, 4, 6]),
            Error::OrderLength {
                expected: 5,
                found: 4
            }
        ),
        case!(
            "order of an entry that is not there",
            with(|parts| parts.order = vec![0, 9]),
            Error::Table {
                section: section::ORDER,
                offset: 8,
                error: TableError::Index {
                    found: 9,
                    limit: 9,
                    ..
                },
            }
        ),
        case!(
            "bytes behind the order",
            with(|parts| {
                let bytes = [numbers(&[0, 3, 4, 6, 1]), vec![0]].concat();
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
            Error::CodeOrder { entry: 1, .. }
        ),
        case!(
            "function over the end of its section",
            with(|parts| {
                parts.frames[1].code_size = 12;
                parts.unwind[1].code_size = 12;
            }),
            Error::CodePlace { entry: 1, .. }
        ),
        case!(
            "function before the image",
            address(0, "f0", -1),
            Error::CodePlace { entry: 0, .. }
        ),
        case!(
            "function in the constants",
            address(1, "f1", 4096),
            Error::CodePlace { entry: 1, .. }
        ),
        case!(
            "address of a function without code",
            with(|parts| parts.addresses[2] = "enter0"),
            Error::AddressCount {
                expected: 5,
                found: 6
            }
        ),
        case!(
            "thunk in the constants",
            address(3, "f0", 4096),
            Error::CodePlace { entry: 3, .. }
        ),
        case!(
            "thunk without code that is a plain number",
            raw_table(section::CODE, |table| table[5 * 8] = 1),
            Error::AddressCount {
                expected: 5,
                found: 6
            }
        ),
        case!(
            "thunk that overlaps another",
            with(|parts| parts.unwind[3].code_size = 2),
            Error::CodeOrder { entry: 4, .. }
        ),
        case!(
            "thunk without a code size",
            with(|parts| parts.unwind[6].code_size = 0),
            Error::OrderLength {
                expected: 4,
                found: 5
            }
        ),
    ]
}
