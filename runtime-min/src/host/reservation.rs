//! Memories in reserved address space: they never move, and an access beyond their end faults.

use super::{
    mapping::{Mapping, Protection, page_align},
    system,
};
use crate::Error;
use core::ops::Range;
use wamr_aot_loader::layout::{MEMORY64_OFFSET_BITS, MEMORY64_REACH_BITS};

/// What the index of an access reaches, in bytes: also the largest length of a memory.
const REACH: usize = 1 << 32;
/// As `REACH`, of a 64-bit memory. Compiled code refuses larger indices.
const REACH_64: usize = 1 << MEMORY64_REACH_BITS;
/// What a static offset adds to an index. Compiled code checks larger ones itself.
const OFFSETS: usize = 1 << MEMORY64_OFFSET_BITS;
/// Behind all that; larger than any access and any page.
const GUARD: usize = 1 << 16;

/// A memory's address space.
pub(crate) struct Reservation {
    mapping: Mapping,
    /// Largest length.
    reach: usize,
    /// Length of the part that may be accessed, whole pages.
    accessible: usize,
}

impl Reservation {
    /// Reserves for a memory, however large it may grow: what compiled code leaves unchecked does not depend
    /// on that.
    pub fn new(is_64: bool) -> Result<Self, Error> {
        let reach = if is_64 { REACH_64 } else { REACH };
        Ok(Reservation {
            mapping: Mapping::reserve(reach + OFFSETS + GUARD)
                .map_err(system("a memory's address space"))?,
            reach,
            accessible: 0,
        })
    }

    /// Makes the first `length` bytes accessible, not less than now; where the memory is.
    pub fn grow(&mut self, length: usize) -> Result<*mut u8, Error> {
        let too_large = || Error::Resource("a memory");
        let accessible = page_align(length).ok_or_else(too_large)?;
        if accessible > self.reach {
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
