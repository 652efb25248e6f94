//! Code memory that is there from the start.

use wamr_aot_loader::link::{CodeMemory, MemoryError};

/// Makes the first bytes executable and read-only and the others read-only, with what the board has for that.
pub type Protect = fn(code: &[u8], others: &[u8]) -> Result<(), MemoryError>;

/// Memory for the image of one object, in a region that the embedder sets aside: a `static`, or a part of a board's memory.
#[derive(Debug)]
pub struct StaticCode {
    region: &'static mut [u8],
    page_size: usize,
    protect: Option<Protect>,
    /// Where the image starts in the region.
    offset: usize,
    /// Length that was asked for.
    length: usize,
    published: bool,
}

impl StaticCode {
    /// A region that can be executed, and that nothing protects.
    pub fn new(region: &'static mut [u8]) -> Self {
        StaticCode {
            region,
            page_size: 16,
            protect: None,
            offset: 0,
            length: 0,
            published: false,
        }
    }

    /// A region whose protection can be changed, in units of `page_size` bytes. It is writable and not executable now.
    pub fn protected(region: &'static mut [u8], page_size: usize, protect: Protect) -> Self {
        StaticCode {
            page_size,
            protect: Some(protect),
            ..Self::new(region)
        }
    }
}

impl CodeMemory for StaticCode {
    fn page_size(&self) -> usize {
        self.page_size
    }

    fn reserve(&mut self, size: usize, align: usize) -> Result<(), MemoryError> {
        let too_small = MemoryError {
            reason: "the region for code is too small",
            code: 0,
        };
        let align = align.max(self.page_size);
        let offset = self.region.as_ptr().align_offset(align);
        let end = offset.checked_add(size).ok_or(too_small)?;
        if end > self.region.len() {
            return Err(too_small);
        }
        self.offset = offset;
        self.length = size;
        Ok(())
    }

    fn address(&self) -> usize {
        self.bytes().as_ptr() as usize
    }

    fn bytes(&self) -> &[u8] {
        let image = self.region.get(self.offset..);
        image
            .and_then(|image| image.get(..self.length))
            .unwrap_or(&[])
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let length = if self.published { 0 } else { self.length };
        let image = self.region.get_mut(self.offset..);
        image
            .and_then(|image| image.get_mut(..length))
            .unwrap_or(&mut [])
    }

    fn publish(&mut self, code_size: usize) -> Result<(), MemoryError> {
        self.published = true;
        let (code, others) = self.bytes().split_at(code_size.min(self.length));
        crate::arch::flush_instructions(code.as_ptr() as usize, code.len());
        match self.protect {
            Some(protect) => protect(code, others),
            None => Ok(()),
        }
    }
}
