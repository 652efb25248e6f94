//! `.wamr.order`: the entries of `.wamr.code` that have code, by ascending address.
//!
//! A number list (see [`super::list`]) of code entries: first the defined functions (imports not
//! counted), then the enter thunks and the host thunks of the types, then the trap thunk and the poll thunk. That the
//! addresses ascend can only be checked when they are known, after relocation.

use super::{list::Numbers, section, wire::Reader};
use crate::error::{Error, Refusal, Refused, TableError};

/// Encodes the table.
#[cfg(any(feature = "write", test))]
pub fn encode(order: &[u32]) -> alloc::vec::Vec<u8> {
    let mut out = alloc::vec::Vec::new();
    super::list::write_numbers(&mut out, order);
    out
}

/// Reads the table of an object with `entries` code entries.
pub fn parse(bytes: &[u8], entries: u32) -> Result<Numbers<'_>, Error> {
    Refusal::explain_table(section::ORDER, |refusal| {
        check(bytes, entries, refusal).map(drop)
    })?;
    Ok(assume(bytes))
}

/// As [`parse`].
pub(crate) fn check<'a>(
    bytes: &'a [u8],
    entries: u32,
    refusal: &'a Refusal,
) -> Result<Numbers<'a>, Refused> {
    let what = "the code order";
    let mut reader = Reader::check(bytes, refusal);
    let numbers = Numbers::parse(&mut reader, what)?;
    reader.finish(what)?;
    for (found, position) in numbers.iter().zip(0usize..) {
        if found >= entries {
            let error = TableError::Index {
                what: "a code entry",
                found,
                limit: entries,
            };
            return Err(reader.fail_at(position.saturating_mul(4).saturating_add(4), error));
        }
    }
    Ok(numbers)
}

/// As [`parse`], for bytes that were checked before.
pub(crate) fn assume(bytes: &[u8]) -> Numbers<'_> {
    let mut reader = Reader::new(bytes);
    Numbers::parse(&mut reader, "the code order").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(numbers in prop::collection::vec(0u32..1000, 0..50)) {
            let bytes = encode(&numbers);
            let read = parse(&bytes, 1000).unwrap();
            prop_assert_eq!(read.iter().collect::<Vec<_>>(), numbers.clone());
            prop_assert_eq!(assume(&bytes).len(), read.len());
            for (number, index) in numbers.iter().zip(0..) {
                prop_assert_eq!(read.get(index), Some(*number));
            }
            prop_assert_eq!(read.get(read.len()), None);
        }
    }
}
