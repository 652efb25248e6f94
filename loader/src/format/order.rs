//! `.wamr.order`: the defined functions that have code, by ascending address.
//!
//! A number list (see [`super::list`]) of indices of defined functions (imports not counted). That
//! the addresses ascend can only be checked when they are known, after relocation.

use super::{list::Numbers, section, wire::Reader};
use crate::error::{Error, TableError};

/// Encodes the table.
#[cfg(any(feature = "write", test))]
pub fn encode(order: &[u32]) -> alloc::vec::Vec<u8> {
    let mut out = alloc::vec::Vec::new();
    super::list::write_numbers(&mut out, order);
    out
}

/// Reads the table of a module with `functions` defined functions.
pub fn parse(bytes: &[u8], functions: u32) -> Result<Numbers<'_>, Error> {
    let what = "the function order";
    let mut reader = Reader::new(section::ORDER, bytes);
    let numbers = Numbers::parse(&mut reader, what)?;
    reader.finish(what)?;
    for (found, position) in numbers.iter().zip(0usize..) {
        if found >= functions {
            let error = TableError::Index {
                what: "a defined function",
                found,
                limit: functions,
            };
            return Err(reader.fail_at(position.saturating_mul(4).saturating_add(4), error));
        }
    }
    Ok(numbers)
}

/// As [`parse`], for bytes that were checked before.
pub(crate) fn assume(bytes: &[u8]) -> Numbers<'_> {
    let mut reader = Reader::new(section::ORDER, bytes);
    Numbers::parse(&mut reader, "the function order").unwrap_or_default()
}
