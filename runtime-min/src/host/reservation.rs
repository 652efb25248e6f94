//! Memories in reserved address space: they never move, and an access beyond their end faults.

use super::{
    mapping::{Mapping, Protection, page_align},
    system,
};
use crate::Error;
use core::ops::Range;

/// What a 32-bit address and a 32-bit static offset can reach, in bytes; the access itself ends in
/// the guard.
const REACH: usize = 1 << 33;
/// Behind the reach; larger than any access and any page.
const GUARD: usize = 1 << 16;
/// Addresses for a 64-bit memory at most. Its code has explicit checks, so they only bound its growth.
const REACH_64: u64 = 1 << 36;

/// A memory's address space.
pub(crate) struct Reservation {
    mapping: Mapping,
    /// Length of the part that may be accessed, whole pages.
    accessible: usize,
}

impl Reservation {
    /// Reserves for a memory that grows to `max_bytes` at most.
    pub fn new(is_64: bool, max_bytes: u64) -> Result<Self, Error> {
        let reach = if is_64 {
            usize::try_from(max_bytes.min(REACH_64)).map_err(|_| Error::Resource("a memory"))?
        } else {
            REACH
        };
        Ok(Reservation {
            mapping: Mapping::reserve(reach + GUARD).map_err(system("a memory's address space"))?,
            accessible: 0,
        })
    }

    /// Makes the first `length` bytes accessible, not less than now; where the memory is.
    pub fn grow(&mut self, length: usize) -> Result<*mut u8, Error> {
        let too_large = || Error::Resource("a memory");
        let accessible = page_align(length).ok_or_else(too_large)?;
        if accessible > self.mapping.length() - GUARD {
            return Err(too_large());
        }
        if accessible > self.accessible {
            self.mapping
                .protect(self.accessible..accessible, Protection::ReadWrite)
                .map_err(system("more memory"))?;
            self.accessible = accessible;
        }
        Ok(self.mapping.start())
    }

    /// Every address of the memory and its guard.
    pub fn reserved(&self) -> Range<usize> {
        self.mapping.range()
    }
}
