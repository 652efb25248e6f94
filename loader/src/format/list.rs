//! Lists that several tables are made of: records of any length, and plain numbers.
//!
//! ```text
//! record list:  u32 count | u32 offsets[count + 1] | bytes[offsets[count]]
//! number list:  u32 count | u32 numbers[count]
//! ```
//!
//! `offsets[0]` is 0, the offsets ascend, record *i* is `bytes[offsets[i]..offsets[i + 1]]`. So any
//! record is found at once.

use crate::error::{Refused, TableError};
use crate::format::wire::Reader;
use core::marker::PhantomData;

/// A value that stands in a record of its own.
pub trait Record<'a>: Sized {
    /// Reads it; the record may hold more.
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Refused>;
}

/// A record list.
#[derive(Clone, Copy, Debug, Default)]
pub struct List<'a> {
    /// `u32 offsets[count + 1]`.
    offsets: &'a [[u8; 4]],
    /// The bytes of all records.
    records: Reader<'a>,
    count: u32,
}

impl<'a> List<'a> {
    /// Reads a list at a cost that does not depend on its length: its offsets may be anything.
    pub(crate) fn assume(reader: &mut Reader<'a>, what: &'static str) -> Result<Self, Refused> {
        let count = reader.u32(what)?;
        let size = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_add(1)?.checked_mul(4));
        let offsets = reader.bytes(size.unwrap_or(usize::MAX), what)?;
        let offsets = offsets.as_chunks().0;
        let length = offsets.last().map_or(0, |last| u32::from_le_bytes(*last));
        let base = reader.offset();
        let bytes = reader.bytes(usize::try_from(length).unwrap_or(usize::MAX), what)?;
        Ok(List {
            offsets,
            records: reader.at(bytes, base),
            count,
        })
    }

    /// Reads a list and checks its offsets.
    pub(crate) fn parse(reader: &mut Reader<'a>, what: &'static str) -> Result<Self, Refused> {
        let start = reader.offset();
        let list = Self::assume(reader, what)?;
        let mut previous = 0;
        for (offset, index) in list.offsets.iter().zip(0u32..) {
            let offset = u32::from_le_bytes(*offset);
            if offset < previous || (index == 0 && offset != 0) {
                return Err(reader.fail_at(start, TableError::ListOffsets { what, index }));
            }
            previous = offset;
        }
        Ok(list)
    }

    /// Number of records.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// No records?
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A reader of a record.
    pub(crate) fn reader(&self, index: u32) -> Option<Reader<'a>> {
        let offsets = self.offsets.get(usize::try_from(index).ok()?..)?;
        let [start, end] = *offsets.first_chunk::<2>()?;
        let start = usize::try_from(u32::from_le_bytes(start)).ok()?;
        let end = usize::try_from(u32::from_le_bytes(end)).ok()?;
        self.records.part(start..end)
    }
}

/// A record list of one kind of record.
#[derive(Debug)]
pub struct Records<'a, T> {
    list: List<'a>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Records<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Records<'_, T> {}

impl<T> Default for Records<'_, T> {
    fn default() -> Self {
        Records {
            list: List::default(),
            kind: PhantomData,
        }
    }
}

impl<'a, T: Record<'a>> Records<'a, T> {
    pub(crate) fn new(list: List<'a>) -> Self {
        Records {
            list,
            kind: PhantomData,
        }
    }

    /// Number of records.
    pub fn len(&self) -> u32 {
        self.list.len()
    }

    /// No records?
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Record `index`.
    pub fn get(&self, index: u32) -> Option<T> {
        T::decode(&mut self.list.reader(index)?).ok()
    }

    /// All records.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let list = *self;
        (0..list.len()).map_while(move |index| list.get(index))
    }

    /// All records with errors, and readers that stand at the end of what was decoded.
    pub(crate) fn check(
        &self,
        what: &'static str,
        mut check: impl FnMut(u32, T, &Reader<'a>) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        for index in 0..self.len() {
            let Some(mut reader) = self.list.reader(index) else {
                break;
            };
            let start = reader;
            let value = T::decode(&mut reader)?;
            reader.finish(what)?;
            check(index, value, &start)?;
        }
        Ok(())
    }

    pub(crate) fn list(&self) -> &List<'a> {
        &self.list
    }
}

/// A number list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers<'a>(&'a [[u8; 4]]);

impl<'a> Numbers<'a> {
    pub(crate) fn parse(reader: &mut Reader<'a>, what: &'static str) -> Result<Self, Refused> {
        let count = reader.u32(what)?;
        let size = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(4));
        let numbers = reader.bytes(size.unwrap_or(usize::MAX), what)?;
        Ok(Numbers(numbers.as_chunks().0))
    }

    /// How many.
    pub fn len(&self) -> u32 {
        // A list has at most `u32::MAX` numbers: its count is a `u32`.
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number `index`.
    pub fn get(&self, index: u32) -> Option<u32> {
        let bytes = self.0.get(usize::try_from(index).ok()?)?;
        Some(u32::from_le_bytes(*bytes))
    }

    /// All numbers.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + use<'a> {
        self.0.iter().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Position of `number` in an ascending list.
    pub fn position(&self, number: u32) -> Option<u32> {
        let position = self
            .0
            .binary_search_by_key(&number, |bytes| u32::from_le_bytes(*bytes));
        u32::try_from(position.ok()?).ok()
    }
}

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
