//! A range of addresses from the operating system, given back on drop.

use core::ops::Range;
use rustix::{
    io::Errno,
    mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap},
};

/// Anonymous private memory.
pub(crate) struct Mapping {
    start: *mut u8,
    length: usize,
}

// SAFETY: the mapping belongs to the value alone, whichever thread has it.
unsafe impl Send for Mapping {}
// SAFETY: nothing is read or written through a shared reference.
unsafe impl Sync for Mapping {}

/// What may be done with pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Read and write.
    ReadWrite,
    /// Read.
    Read,
    /// Read and execute.
    ReadExecute,
}

/// Size of a page of the host in bytes.
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

/// `size` rounded up to whole pages.
pub(crate) fn page_align(size: usize) -> Option<usize> {
    size.checked_next_multiple_of(page_size())
}

impl Mapping {
    /// Reserves addresses; an access faults until [`Mapping::protect`] allows it. Memory is used only
    /// once it is written. The length is rounded up to whole pages.
    pub fn reserve(length: usize) -> Result<Self, Errno> {
        Self::map(length, MapFlags::empty())
    }

    /// As [`Mapping::reserve`], for a stack: Linux gives it no huge pages, of which the first one touched
    /// would cost more than most stacks ever need.
    pub fn reserve_stack(length: usize) -> Result<Self, Errno> {
        Self::map(length, MapFlags::STACK)
    }

    fn map(length: usize, flags: MapFlags) -> Result<Self, Errno> {
        let length = page_align(length.max(1)).ok_or(Errno::NOMEM)?;
        // SAFETY: a new mapping at an address that the system chooses touches no other memory.
        let start = unsafe {
            mmap_anonymous(
                core::ptr::null_mut(),
                length,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE | flags,
            )?
        };
        Ok(Mapping {
            start: start.cast(),
            length,
        })
    }

    /// First address.
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    /// Length in bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Every address.
    pub fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.length
    }

    /// Changes what may be done with a part, given by whole pages.
    pub fn protect(&self, part: Range<usize>, protection: Protection) -> Result<(), Errno> {
        if part.start > part.end || part.end > self.length {
            return Err(Errno::INVAL);
        }
        if part.is_empty() {
            return Ok(());
        }
        let flags = match protection {
            Protection::ReadWrite => MprotectFlags::READ | MprotectFlags::WRITE,
            Protection::Read => MprotectFlags::READ,
            Protection::ReadExecute => MprotectFlags::READ | MprotectFlags::EXEC,
        };
        // SAFETY: the part lies inside the mapping. Who takes rights away from memory that is in use
        // is one of this crate's modules, and says there why that is right.
        unsafe {
            mprotect(
                self.start.add(part.start).cast(),
                part.end - part.start,
                flags,
            )
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and its users are gone.
        let result = unsafe { munmap(self.start.cast(), self.length) };
        debug_assert!(result.is_ok());
    }
}
