//! Reading and writing of numbers, strings and bytes, as all tables use them.
//!
//! Variable-length numbers are LEB128 in their shortest form: an object has one spelling.

use super::types::ValType;
use crate::error::{Refusal, Refused, TableError};
use core::ops::Range;

/// A position in a section's bytes. Every method that fails notes what is wrong, and the offset.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of `rest` in the section.
    offset: usize,
    /// Where errors are noted; nowhere for bytes that were checked before.
    refusal: Option<&'a Refusal>,
}

impl<'a> Reader<'a> {
    /// Reads bytes that were checked before.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader {
            rest: bytes,
            ..Reader::default()
        }
    }

    /// Reads a section's bytes, which may be anything.
    pub(crate) fn check(bytes: &'a [u8], refusal: &'a Refusal) -> Self {
        Reader {
            refusal: Some(refusal),
            ..Reader::new(bytes)
        }
    }

    /// A reader of `bytes`, which stand at this offset of the same section.
    pub(crate) fn at(&self, bytes: &'a [u8], offset: usize) -> Self {
        Reader {
            rest: bytes,
            offset,
            refusal: self.refusal,
        }
    }

    /// A reader of a part of what is left.
    pub(crate) fn part(&self, range: Range<usize>) -> Option<Self> {
        let offset = self.offset.saturating_add(range.start);
        Some(self.at(self.rest.get(range)?, offset))
    }

    /// Offset in the section.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// An error at the current offset.
    pub(crate) fn fail(&self, error: TableError) -> Refused {
        self.fail_at(self.offset, error)
    }

    /// An error at another offset of the section.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail_at(&self, offset: usize, error: TableError) -> Refused {
        Refusal::note_table(self.refusal, offset, error)
    }

    pub(crate) fn bytes(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Refused> {
        match self.rest.split_at_checked(length) {
            Some((bytes, rest)) => {
                self.rest = rest;
                // No section is longer than memory.
                self.offset = self.offset.wrapping_add(length);
                Ok(bytes)
            }
            None => Err(self.fail(TableError::Truncated { what })),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Refused> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N, what)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, Refused> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Refused> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, Refused> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u128(&mut self, what: &'static str) -> Result<u128, Refused> {
        Ok(u128::from_le_bytes(self.array(what)?))
    }

    /// An unsigned LEB128 number of at most `bits` bits, in its shortest form.
    fn uleb(&mut self, bits: u32, what: &'static str) -> Result<u64, Refused> {
        let start = self.offset();
        let mut value = 0u64;
        let mut shift = 0;
        loop {
            let byte = self.u8(what)?;
            let low = u64::from(byte & 0x7f);
            let fits = shift < bits && (shift + 7 <= bits || low >> (bits - shift) == 0);
            let overlong = byte == 0 && shift > 0;
            if !fits || overlong {
                return Err(self.fail_at(start, TableError::Leb128 { what }));
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    pub(crate) fn uleb32(&mut self, what: &'static str) -> Result<u32, Refused> {
        let start = self.offset();
        let value = self.uleb(32, what)?;
        u32::try_from(value).map_err(|_| self.fail_at(start, TableError::Leb128 { what }))
    }

    pub(crate) fn uleb64(&mut self, what: &'static str) -> Result<u64, Refused> {
        self.uleb(64, what)
    }

    /// A signed LEB128 number of at most `bits` bits. Padding is allowed as the WebAssembly binary
    /// format allows it: constant expressions are the module's own bytes.
    pub(crate) fn sleb(&mut self, bits: u32, what: &'static str) -> Result<i64, Refused> {
        let start = self.offset();
        let mut value = 0i64;
        let mut shift = 0u32;
        loop {
            let byte = self.u8(what)?;
            let low = i64::from(byte & 0x7f);
            if shift + 7 > bits {
                // The last byte: all bits above the number's sign bit repeat it.
                let used = bits.saturating_sub(shift);
                let signed = (low << 57) >> 57;
                let rest = if used == 0 { 2 } else { signed >> (used - 1) };
                if byte & 0x80 != 0 || (rest != 0 && rest != -1) {
                    return Err(self.fail_at(start, TableError::Leb128 { what }));
                }
            }
            value |= low << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                if shift < 64 {
                    value = (value << (64 - shift)) >> (64 - shift);
                }
                return Ok(value);
            }
        }
    }

    /// An unsigned LEB128 number of at most 32 bits, padding allowed (see [`Reader::sleb`]).
    pub(crate) fn padded_uleb32(&mut self, what: &'static str) -> Result<u32, Refused> {
        let start = self.offset();
        let mut value = 0u32;
        let mut shift = 0;
        loop {
            let byte = self.u8(what)?;
            let low = u32::from(byte & 0x7f);
            if shift == 28 && (low >> 4 != 0 || byte & 0x80 != 0) {
                return Err(self.fail_at(start, TableError::Leb128 { what }));
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// ULEB length and bytes.
    pub(crate) fn counted_bytes(&mut self, what: &'static str) -> Result<&'a [u8], Refused> {
        let length = self.uleb32(what)?;
        let length =
            usize::try_from(length).map_err(|_| self.fail(TableError::Truncated { what }))?;
        self.bytes(length, what)
    }

    fn str(&self, start: usize, bytes: &'a [u8], what: &'static str) -> Result<&'a str, Refused> {
        core::str::from_utf8(bytes).map_err(|_| self.fail_at(start, TableError::Utf8 { what }))
    }

    /// ULEB length and UTF-8.
    pub(crate) fn counted_str(&mut self, what: &'static str) -> Result<&'a str, Refused> {
        let start = self.offset();
        let bytes = self.counted_bytes(what)?;
        self.str(start, bytes, what)
    }

    /// UTF-8 up to the end.
    pub(crate) fn rest_str(&mut self, what: &'static str) -> Result<&'a str, Refused> {
        let start = self.offset();
        let bytes = self.bytes(self.remaining(), what)?;
        self.str(start, bytes, what)
    }

    /// A byte with no bits but those in `known`.
    pub(crate) fn flags(&mut self, what: &'static str, known: u8) -> Result<u8, Refused> {
        let start = self.offset();
        match self.u8(what)? {
            flags if flags & !known == 0 => Ok(flags),
            found => Err(self.fail_at(start, TableError::Byte { what, found })),
        }
    }

    /// A type as frames tell it: one byte.
    pub(crate) fn slot_type(&mut self) -> Result<ValType, Refused> {
        let start = self.offset();
        let what = "a value type";
        let found = self.u8(what)?;
        ValType::from_byte(found)
            .ok_or_else(|| self.fail_at(start, TableError::Byte { what, found }))
    }

    /// Fails unless all bytes were read.
    pub(crate) fn finish(&self, what: &'static str) -> Result<(), Refused> {
        match self.remaining() {
            0 => Ok(()),
            found => Err(self.fail(TableError::TrailingBytes { what, found })),
        }
    }
}

/// Appending to a growing table.
#[cfg(any(feature = "write", test))]
pub(crate) mod write {
    use alloc::vec::Vec;

    /// Lengths and counts are 32 bits wide. A larger one, which no module reaches, is written as
    /// the largest number, and the reader refuses the table.
    pub(crate) fn length(length: usize) -> u32 {
        u32::try_from(length).unwrap_or(u32::MAX)
    }

    pub(crate) fn u32(out: &mut Vec<u8>, value: u32) {
        out.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn uleb(out: &mut Vec<u8>, mut value: u64) {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                out.push(low);
                return;
            }
            out.push(low | 0x80);
        }
    }

    pub(crate) fn sleb(out: &mut Vec<u8>, mut value: i64) {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            let sign = low & 0x40 != 0;
            if (value == 0 && !sign) || (value == -1 && sign) {
                out.push(low);
                return;
            }
            out.push(low | 0x80);
        }
    }

    pub(crate) fn counted_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
        uleb(out, u64::from(length(bytes.len())));
        out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn read<T>(
        bytes: &[u8],
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Refused>,
    ) -> Result<T, Error> {
        Refusal::explain(|refusal| {
            let mut reader = Reader::check(bytes, refusal);
            let value = read(&mut reader)?;
            reader.finish("a number")?;
            Ok(value)
        })
    }

    proptest! {
        #[test]
        fn unsigned_round_trip(value: u64, shift in 0u32..64) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            write::uleb(&mut bytes, value);
            prop_assert_eq!(read(&bytes, |r| r.uleb64("")), Ok(value));
            let narrow = u32::try_from(value).ok();
            prop_assert_eq!(read(&bytes, |r| r.uleb32("")).ok(), narrow);
            prop_assert_eq!(read(&bytes, |r| r.padded_uleb32("")).ok(), narrow);
        }

        #[test]
        fn signed_round_trip(value: i64, shift in 0u32..64) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            write::sleb(&mut bytes, value);
            prop_assert_eq!(read(&bytes, |r| r.sleb(64, "")), Ok(value));
            let narrow = i32::try_from(value).ok().map(i64::from);
            prop_assert_eq!(read(&bytes, |r| r.sleb(32, "")).ok(), narrow);
        }
    }

    #[test]
    fn padding_is_allowed_only_in_expressions() {
        assert!(read(&[0x81, 0], |r| r.uleb32("")).is_err());
        assert_eq!(read(&[0x81, 0], |r| r.padded_uleb32("")), Ok(1));
        assert_eq!(
            read(&[0x81, 0x80, 0x80, 0x80, 0], |r| r.padded_uleb32("")),
            Ok(1)
        );
        assert!(read(&[0x81, 0x80, 0x80, 0x80, 0x10], |r| r.padded_uleb32("")).is_err());
        assert!(read(&[0x81, 0x80, 0x80, 0x80, 0x80, 0], |r| r.padded_uleb32("")).is_err());
        assert_eq!(read(&[0xff, 0x7f], |r| r.sleb(32, "")), Ok(-1));
        assert_eq!(
            read(&[0xff, 0xff, 0xff, 0xff, 0x7f], |r| r.sleb(32, "")),
            Ok(-1)
        );
        assert!(read(&[0xff, 0xff, 0xff, 0xff, 0x4f], |r| r.sleb(32, "")).is_err());
    }
}
