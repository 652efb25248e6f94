//! `.wamr.order`: the defined functions that have code, by ascending address.
//!
//! A number list (see [`super::list`]) of indices of defined functions (imports not counted).

#[cfg(any(feature = "write", test))]
/// Encodes the table.
pub fn encode(order: &[u32]) -> alloc::vec::Vec<u8> {
    let mut out = alloc::vec::Vec::new();
    super::list::write_numbers(&mut out, order);
    out
}
