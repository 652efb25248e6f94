//! Code memory on the heap.

use alloc::alloc::{Layout, alloc, dealloc};
use wamr_runtime_min::{CodeMemory, MemoryError, flush_instructions};

/// Memory for the image of one object. A board with memory protection would change it in
/// [`publish`](CodeMemory::publish); this one has none, so code memory stays writable.
pub struct HeapCode(Option<(*mut u8, Layout)>);

// SAFETY: it owns its memory.
unsafe impl Send for HeapCode {}
// SAFETY: through a shared reference it can only be read.
unsafe impl Sync for HeapCode {}

impl HeapCode {
    /// None so far.
    pub const fn new() -> Self {
        HeapCode(None)
    }
}

impl Default for HeapCode {
    fn default() -> Self {
        Self::new()
    }
}

impl CodeMemory for HeapCode {
    /// Nothing is protected, so nothing has to be on a page of its own.
    fn page_size(&self) -> usize {
        16
    }

    fn reserve(&mut self, size: usize, align: usize) -> Result<(), MemoryError> {
        let error = MemoryError {
            reason: "no memory for code",
            code: 0,
        };
        let align = align.max(self.page_size());
        let layout = Layout::from_size_align(size.max(1), align).map_err(|_| error)?;
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc(layout) };
        if memory.is_null() {
            return Err(error);
        }
        // The loader writes it all, but references may be made before.
        // SAFETY: it was just allocated.
        unsafe { memory.write_bytes(0, layout.size()) };
        self.0 = Some((memory, layout));
        Ok(())
    }

    fn address(&self) -> usize {
        self.0.map_or(0, |(memory, _)| memory as usize)
    }

    fn bytes(&self) -> &[u8] {
        match self.0 {
            // SAFETY: `reserve` has allocated and written this many bytes.
            Some((memory, layout)) => unsafe { core::slice::from_raw_parts(memory, layout.size()) },
            None => &[],
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self.0 {
            // SAFETY: as in `bytes`, with `self` borrowed exclusively.
            Some((memory, layout)) => unsafe {
                core::slice::from_raw_parts_mut(memory, layout.size())
            },
            None => &mut [],
        }
    }

    fn publish(&mut self, _code_size: usize) -> Result<(), MemoryError> {
        flush_instructions(self.bytes());
        Ok(())
    }
}

impl Drop for HeapCode {
    fn drop(&mut self) {
        if let Some((memory, layout)) = self.0 {
            // SAFETY: allocated by `reserve` with this layout.
            unsafe { dealloc(memory, layout) };
        }
    }
}
