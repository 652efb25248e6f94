//! The program's memory as WASI functions see it: every address is checked before it is used.

use super::errno::Errno;
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;

/// The most buffers one call reads or writes; the rest of a longer list is left alone, as after
/// a short read or write. Same as Linux's `UIO_MAXIOV`.
pub const MAX_BUFFERS: usize = 1024;

/// The most bytes one call reads or writes, as in Linux; keeps every count below 2^31.
pub const MAX_TRANSFER: usize = 0x7fff_f000;

/// The longest path that is looked at. Longer than any host's `PATH_MAX`.
pub const MAX_PATH: u32 = 64 * 1024;

/// Size of an `iovec` or `ciovec`: address and length, both u32.
const IOVEC_SIZE: u32 = 8;

/// A program's linear memory for the time of one call.
///
/// Addresses and lengths are the program's 32-bit ones. What lies outside the memory is
/// [`Errno::Fault`], also where address plus length does not fit 32 bits.
#[derive(Debug)]
pub struct GuestMemory<'a> {
    bytes: &'a mut [u8],
}

impl<'a> GuestMemory<'a> {
    /// The memory with these contents; empty for a program that has none.
    pub fn new(bytes: &'a mut [u8]) -> GuestMemory<'a> {
        GuestMemory { bytes }
    }

    fn range(&self, address: u32, length: u32) -> Result<Range<usize>, Errno> {
        let start = usize::try_from(address).map_err(|_| Errno::Fault)?;
        let length = usize::try_from(length).map_err(|_| Errno::Fault)?;
        let end = start.checked_add(length).ok_or(Errno::Fault)?;
        if end > self.bytes.len() {
            return Err(Errno::Fault);
        }
        Ok(start..end)
    }

    /// The bytes at an address.
    pub fn bytes(&self, address: u32, length: u32) -> Result<&[u8], Errno> {
        let range = self.range(address, length)?;
        self.bytes.get(range).ok_or(Errno::Fault)
    }

    /// The bytes at an address, to be written.
    pub fn bytes_mut(&mut self, address: u32, length: u32) -> Result<&mut [u8], Errno> {
        let range = self.range(address, length)?;
        self.bytes.get_mut(range).ok_or(Errno::Fault)
    }

    /// A fixed number of bytes at an address.
    pub fn read<const N: usize>(&self, address: u32) -> Result<[u8; N], Errno> {
        let length = u32::try_from(N).map_err(|_| Errno::Fault)?;
        self.bytes(address, length)?
            .try_into()
            .map_err(|_| Errno::Fault)
    }

    /// A number at an address.
    pub fn read_u32(&self, address: u32) -> Result<u32, Errno> {
        Ok(u32::from_le_bytes(self.read(address)?))
    }

    /// Writes bytes at an address.
    pub fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Errno> {
        let length = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.bytes_mut(address, length)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes a 16-bit number at an address.
    pub fn write_u16(&mut self, address: u32, value: u16) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    /// Writes a 32-bit number at an address.
    pub fn write_u32(&mut self, address: u32, value: u32) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    /// Writes a 64-bit number at an address.
    pub fn write_u64(&mut self, address: u32, value: u64) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    /// Writes a count of bytes (`size`) at an address.
    pub fn write_size(&mut self, address: u32, value: usize) -> Result<(), Errno> {
        self.write_u32(address, u32::try_from(value).map_err(|_| Errno::Overflow)?)
    }

    /// Fails unless `length` bytes at an address can be written. Functions that change something
    /// outside the program check with this first, so that a bad result address changes nothing.
    pub fn check(&self, address: u32, length: u32) -> Result<(), Errno> {
        self.range(address, length).map(|_| ())
    }

    /// A path: UTF-8 ([`Errno::IlSeq`]), not longer than [`MAX_PATH`] ([`Errno::NameTooLong`]),
    /// without NUL ([`Errno::Inval`]). A copy: other threads of the program may change the original.
    pub fn path(&self, address: u32, length: u32) -> Result<String, Errno> {
        let bytes = self.bytes(address, length)?;
        if length > MAX_PATH {
            return Err(Errno::NameTooLong);
        }
        let path = String::from_utf8(bytes.to_vec()).map_err(|_| Errno::IlSeq)?;
        if path.contains('\0') {
            return Err(Errno::Inval);
        }
        Ok(path)
    }

    /// The buffers that a list of `iovec` or `ciovec` names, without the empty ones, all checked
    /// to lie in memory, and cut at [`MAX_BUFFERS`] and [`MAX_TRANSFER`].
    pub(super) fn buffers(&self, list: u32, count: u32) -> Result<Buffers, Errno> {
        self.check(list, count.checked_mul(IOVEC_SIZE).ok_or(Errno::Fault)?)?;
        let mut ranges = Vec::new();
        let mut room = MAX_TRANSFER;
        for index in 0..count {
            // The list lies in memory, so this does not overflow.
            let entry = list.wrapping_add(index.wrapping_mul(IOVEC_SIZE));
            let mut range =
                self.range(self.read_u32(entry)?, self.read_u32(entry.wrapping_add(4))?)?;
            if range.is_empty() {
                continue;
            }
            if range.len() > room {
                range.end = range.start.saturating_add(room);
            }
            room = room.saturating_sub(range.len());
            ranges.push(range);
            if room == 0 || ranges.len() == MAX_BUFFERS {
                break;
            }
        }
        Ok(Buffers(ranges))
    }

    /// The buffers to be written to a file. They may overlap.
    pub(super) fn gather(&self, buffers: &Buffers) -> Vec<IoSlice<'_>> {
        buffers
            .0
            .iter()
            .filter_map(|range| self.bytes.get(range.clone()).map(IoSlice::new))
            .collect()
    }

    /// The buffers to be filled from a file, in order. Where they overlap only the first one: a
    /// short read, which callers go on after.
    pub(super) fn scatter(&mut self, buffers: &Buffers) -> Vec<IoSliceMut<'_>> {
        let ranges = &buffers.0;
        let mut order: Vec<usize> = (0..ranges.len()).collect();
        order.sort_unstable_by_key(|&index| ranges[index].start);
        let overlap = order
            .windows(2)
            .any(|pair| ranges[pair[0]].end > ranges[pair[1]].start);
        if overlap {
            order = vec![0];
        }
        let mut found: Vec<(usize, IoSliceMut<'_>)> = Vec::with_capacity(order.len());
        let mut rest: &mut [u8] = self.bytes;
        let mut position = 0;
        for index in order {
            let range = &ranges[index];
            let (_, tail) = rest.split_at_mut(range.start - position);
            let (buffer, tail) = tail.split_at_mut(range.len());
            found.push((index, IoSliceMut::new(buffer)));
            rest = tail;
            position = range.end;
        }
        found.sort_unstable_by_key(|(index, _)| *index);
        found.into_iter().map(|(_, buffer)| buffer).collect()
    }
}

/// Checked buffers of one read or write, from [`GuestMemory::buffers`] of the same memory.
#[derive(Debug)]
pub(super) struct Buffers(Vec<Range<usize>>);

impl Buffers {
    /// Whether there is nothing to read or write.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iovec(memory: &mut GuestMemory<'_>, list: u32, buffers: &[(u32, u32)]) {
        for (index, (address, length)) in buffers.iter().enumerate() {
            let entry = list + u32::try_from(index * 8).expect("small");
            memory.write_u32(entry, *address).expect("in memory");
            memory.write_u32(entry + 4, *length).expect("in memory");
        }
    }

    #[test]
    fn what_lies_outside_is_a_fault() {
        let mut bytes = vec![0; 64];
        let mut memory = GuestMemory::new(&mut bytes);
        for (address, length, expected) in [
            (0, 64, Ok(())),
            (64, 0, Ok(())),
            (65, 0, Err(Errno::Fault)),
            (60, 5, Err(Errno::Fault)),
            (u32::MAX, 1, Err(Errno::Fault)),
            (1, u32::MAX, Err(Errno::Fault)),
            (u32::MAX, u32::MAX, Err(Errno::Fault)),
        ] {
            assert_eq!(
                memory.check(address, length),
                expected,
                "{address}+{length}"
            );
            assert_eq!(memory.bytes_mut(address, length).map(|_| ()), expected);
        }
        assert_eq!(memory.write_u64(60, 1), Err(Errno::Fault));
        assert_eq!(memory.read_u32(61), Err(Errno::Fault));
    }

    #[test]
    fn paths_are_utf8_without_nul_and_not_endless() {
        let mut bytes = vec![b'a'; 128 * 1024];
        bytes[10] = 0xff;
        bytes[20] = 0;
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.path(0, 3), Ok("aaa".into()));
        assert_eq!(memory.path(9, 3), Err(Errno::IlSeq));
        assert_eq!(memory.path(19, 3), Err(Errno::Inval));
        assert_eq!(memory.path(21, MAX_PATH + 1), Err(Errno::NameTooLong));
        assert_eq!(memory.path(21, u32::MAX), Err(Errno::Fault));
    }

    #[test]
    fn buffers_are_checked_before_any_is_used() {
        let mut bytes = vec![0; 256];
        let mut memory = GuestMemory::new(&mut bytes);
        iovec(&mut memory, 0, &[(100, 4), (0, 0), (250, 7)]);
        assert_eq!(memory.buffers(0, 3).map(|_| ()), Err(Errno::Fault));
        assert_eq!(memory.buffers(0, 2).expect("in memory").0, vec![100..104]);
        assert_eq!(memory.buffers(0, u32::MAX).map(|_| ()), Err(Errno::Fault));
        assert_eq!(memory.buffers(250, 1).map(|_| ()), Err(Errno::Fault));
        assert!(memory.buffers(8, 1).expect("in memory").is_empty());
    }

    #[test]
    fn long_lists_are_cut() {
        let mut bytes = vec![0; 64 * 1024];
        let list: Vec<(u32, u32)> = vec![(1, 1); 4000];
        let mut memory = GuestMemory::new(&mut bytes);
        iovec(&mut memory, 8, &list);
        assert_eq!(
            memory.buffers(8, 4000).expect("in memory").0.len(),
            MAX_BUFFERS
        );
    }

    #[test]
    fn scattered_buffers_keep_their_order_and_never_overlap() {
        let mut bytes: Vec<u8> = (0..64).collect();
        let mut memory = GuestMemory::new(&mut bytes);
        let lengths = |memory: &mut GuestMemory<'_>, ranges: Vec<Range<usize>>| {
            memory
                .scatter(&Buffers(ranges))
                .iter()
                .map(|buffer| buffer.first().copied())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            lengths(&mut memory, vec![40..44, 8..9, 20..30]),
            [Some(40), Some(8), Some(20)]
        );
        assert_eq!(lengths(&mut memory, vec![40..44, 41..45]), [Some(40)]);
        assert_eq!(lengths(&mut memory, vec![4..8, 8..12]), [Some(4), Some(8)]);
        assert!(lengths(&mut memory, vec![]).is_empty());
    }
}
