//! Code memory from the operating system: written first, then published, never both.

use super::mapping::{Mapping, Protection, page_align, page_size};
use wamr_aot_loader::link::{CodeMemory, MemoryError};

/// Memory for the image of one object.
#[derive(Default)]
pub(crate) struct MappedCode {
    mapping: Option<Mapping>,
    /// Where the image starts in the mapping, for alignments above that of pages.
    offset: usize,
    /// Length that was asked for.
    length: usize,
    published: bool,
}

fn error(reason: &'static str) -> impl Fn(rustix::io::Errno) -> MemoryError {
    move |errno| MemoryError {
        reason,
        code: errno.raw_os_error(),
    }
}

impl CodeMemory for MappedCode {
    fn page_size(&self) -> usize {
        page_size()
    }

    fn reserve(&mut self, size: usize, align: usize) -> Result<(), MemoryError> {
        const REASON: &str = "no address space for code";
        let slack = align.saturating_sub(page_size());
        let length = size.checked_add(slack).and_then(page_align);
        let length = length.ok_or(MemoryError {
            reason: REASON,
            code: 0,
        })?;
        let mapping = Mapping::reserve(length).map_err(error(REASON))?;
        mapping
            .protect(0..mapping.length(), Protection::ReadWrite)
            .map_err(error("no memory for code"))?;
        self.offset = mapping.start().align_offset(align.max(1));
        self.length = size;
        self.published = false;
        self.mapping = Some(mapping);
        Ok(())
    }

    fn address(&self) -> usize {
        self.mapping
            .as_ref()
            .map_or(0, |mapping| mapping.range().start + self.offset)
    }

    fn bytes(&self) -> &[u8] {
        match &self.mapping {
            // SAFETY: the mapping is readable from `reserve` on and holds this many bytes behind the
            // offset; they change through `bytes_mut` only.
            Some(mapping) => unsafe {
                core::slice::from_raw_parts(mapping.start().add(self.offset), self.length)
            },
            None => &[],
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match &self.mapping {
            // SAFETY: as in `bytes`; the mapping is writable until it is published.
            Some(mapping) if !self.published => unsafe {
                core::slice::from_raw_parts_mut(mapping.start().add(self.offset), self.length)
            },
            _ => &mut [],
        }
    }

    fn publish(&mut self, code_size: usize) -> Result<(), MemoryError> {
        let Some(mapping) = &self.mapping else {
            return Ok(());
        };
        // The image starts at a page, since alignments are powers of two.
        let code = self.offset..self.offset.saturating_add(code_size);
        // From here on nobody can get a reference to write through, whatever protection succeeds.
        self.published = true;
        mapping
            .protect(code.end..mapping.length(), Protection::Read)
            .map_err(error("constants cannot be made read-only"))?;
        crate::arch::flush_instructions(self.address(), code_size);
        mapping
            .protect(code, Protection::ReadExecute)
            .map_err(error("code cannot be made executable"))
    }
}
