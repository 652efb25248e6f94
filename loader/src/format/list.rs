//! Lists that several tables are made of: records of any length, and plain numbers.
//!
//! ```text
//! record list:  u32 count | u32 offsets[count + 1] | bytes[offsets[count]]
//! number list:  u32 count | u32 numbers[count]
//! ```
//!
//! `offsets[0]` is 0; record *i* is `bytes[offsets[i]..offsets[i + 1]]`. So any record is found at once.

#[cfg(any(feature = "write", test))]
mod write {
    use crate::format::wire::write;
    use alloc::vec::Vec;

    /// Builds a record list.
    #[derive(Clone, Debug, Default)]
    pub struct ListWriter {
        ends: Vec<u32>,
        bytes: Vec<u8>,
    }

    impl ListWriter {
        /// An empty list.
        pub fn new() -> Self {
            Self::default()
        }

        /// Appends the record that `fill` writes.
        pub fn push(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
            fill(&mut self.bytes);
            self.ends.push(write::length(self.bytes.len()));
        }

        /// Number of records so far.
        pub fn len(&self) -> usize {
            self.ends.len()
        }

        /// No records yet?
        pub fn is_empty(&self) -> bool {
            self.ends.is_empty()
        }

        /// Appends the list's encoding to `out`.
        pub fn finish_into(self, out: &mut Vec<u8>) {
            write::u32(out, write::length(self.ends.len()));
            write::u32(out, 0);
            for end in &self.ends {
                write::u32(out, *end);
            }
            out.extend_from_slice(&self.bytes);
        }
    }

    /// Appends a number list to `out`.
    pub fn write_numbers(out: &mut Vec<u8>, numbers: &[u32]) {
        write::u32(out, write::length(numbers.len()));
        for number in numbers {
            write::u32(out, *number);
        }
    }
}

#[cfg(any(feature = "write", test))]
pub use write::{ListWriter, write_numbers};
