//! Memories on the heap, for hosts without an address space to reserve. They move when they grow, so
//! they serve code with explicit checks only.

use crate::Error;
use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::ops::Range;

/// Alignment of a memory's start: that of the largest access.
const ALIGN: usize = 16;

/// Zeroed memory from the global allocator.
pub(crate) struct HeapMemory {
    base: *mut u8,
    length: usize,
}

impl HeapMemory {
    /// Memory without any bytes yet.
    pub fn new(_is_64: bool) -> Result<Self, Error> {
        Ok(HeapMemory {
            base: core::ptr::without_provenance_mut(ALIGN),
            length: 0,
        })
    }

    /// Makes it `length` bytes long, not less than now; where it is then.
    pub fn grow(&mut self, length: usize) -> Result<*mut u8, Error> {
        if length <= self.length {
            return Ok(self.base);
        }
        let layout = layout(length).ok_or(Error::Resource("a memory"))?;
        // SAFETY: the layout is not empty.
        let base = unsafe { alloc_zeroed(layout) };
        if base.is_null() {
            return Err(Error::Resource("a memory"));
        }
        // SAFETY: both are valid for the old length and are different allocations.
        unsafe { base.copy_from_nonoverlapping(self.base, self.length) };
        self.free();
        (self.base, self.length) = (base, length);
        Ok(base)
    }

    /// Nothing is reserved.
    pub fn reserved(&self) -> Range<usize> {
        0..0
    }

    fn free(&mut self) {
        if let Some(layout) = layout(self.length).filter(|layout| layout.size() != 0) {
            // SAFETY: allocated by `grow` with this layout.
            unsafe { dealloc(self.base, layout) };
        }
    }
}

impl Drop for HeapMemory {
    fn drop(&mut self) {
        self.free();
    }
}

fn layout(length: usize) -> Option<Layout> {
    // Whole words: RISC-V has no narrower atomic instructions.
    let length = length.checked_next_multiple_of(ALIGN)?;
    Layout::from_size_align(length, ALIGN).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_keeps_what_was_there_and_adds_zeros() {
        let mut memory = HeapMemory::new(false).unwrap();
        for (length, kept) in [(0, 0), (100, 0), (100, 100), (70_000, 100)] {
            let base = memory.grow(length).unwrap();
            assert_eq!(base.align_offset(ALIGN), 0);
            // SAFETY: `grow` gives this many bytes, which nothing else uses.
            let bytes = unsafe { core::slice::from_raw_parts_mut(base, length) };
            assert!(bytes[..kept].iter().all(|byte| *byte == 7));
            assert!(bytes[kept..].iter().all(|byte| *byte == 0));
            bytes.fill(7);
        }
        assert!(memory.grow(usize::MAX).is_err());
    }
}
