//! Lists that several tables are made of: records of any length, and plain numbers.
//!
//! ```text
//! record list:  u32 count | u32 offsets[count + 1] | bytes[offsets[count]]
//! number list:  u32 count | u32 numbers[count]
//! ```
//!
//! `offsets[0]` is 0, the offsets ascend, record *i* is `bytes[offsets[i]..offsets[i + 1]]`. So any
//! record is found at once.

use crate::error::{Error, TableError};
use crate::format::wire::Reader;
use core::marker::PhantomData;

/// A value that stands in a record of its own.
pub trait Record<'a>: Sized {
    /// Reads it; the record may hold more.
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Error>;
}

/// A record list.
#[derive(Clone, Copy, Debug, Default)]
pub struct List<'a> {
    section: &'static str,
    /// `u32 offsets[count + 1]`.
    offsets: &'a [u8],
    bytes: &'a [u8],
    /// Offset of `bytes` in the section.
    base: usize,
    count: u32,
}

impl<'a> List<'a> {
    /// Reads a list whose bytes were checked before, at a cost that does not depend on its length.
    pub(crate) fn assume(reader: &mut Reader<'a>, what: &'static str) -> Result<Self, Error> {
        let count = reader.u32(what)?;
        let truncated = reader.fail(TableError::Truncated { what });
        let size = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_add(1)?.checked_mul(4))
            .ok_or(truncated)?;
        let offsets = reader.bytes(size, what)?;
        let length = offsets
            .last_chunk::<4>()
            .map_or(0, |last| u32::from_le_bytes(*last));
        let length = usize::try_from(length).map_err(|_| truncated)?;
        let base = reader.offset();
        Ok(List {
            section: reader.section(),
            offsets,
            bytes: reader.bytes(length, what)?,
            base,
            count,
        })
    }

    /// Reads a list and checks its offsets.
    pub(crate) fn parse(reader: &mut Reader<'a>, what: &'static str) -> Result<Self, Error> {
        let start = reader.offset();
        let list = Self::assume(reader, what)?;
        let mut previous = 0;
        let (offsets, _) = list.offsets.as_chunks::<4>();
        for (offset, index) in offsets.iter().zip(0u32..) {
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

    fn bounds(&self, index: u32) -> Option<(usize, usize)> {
        let index = usize::try_from(index).ok()?;
        let offsets = self.offsets.get(index.checked_mul(4)?..)?;
        let [start, end] = *offsets.as_chunks::<4>().0.first_chunk::<2>()?;
        let start = usize::try_from(u32::from_le_bytes(start)).ok()?;
        let end = usize::try_from(u32::from_le_bytes(end)).ok()?;
        Some((start, end))
    }

    /// The bytes of a record.
    pub fn get(&self, index: u32) -> Option<&'a [u8]> {
        let (start, end) = self.bounds(index)?;
        self.bytes.get(start..end)
    }

    /// A reader of a record.
    pub(crate) fn reader(&self, index: u32) -> Option<Reader<'a>> {
        let (start, end) = self.bounds(index)?;
        let bytes = self.bytes.get(start..end)?;
        Some(Reader::at(
            self.section,
            bytes,
            self.base.saturating_add(start),
        ))
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
        mut check: impl FnMut(u32, T, &Reader<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
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
    pub(crate) fn parse(reader: &mut Reader<'a>, what: &'static str) -> Result<Self, Error> {
        let count = reader.u32(what)?;
        let size = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(4))
            .ok_or(reader.fail(TableError::Truncated { what }))?;
        Ok(Numbers(reader.bytes(size, what)?.as_chunks().0))
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
