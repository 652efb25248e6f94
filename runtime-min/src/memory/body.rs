//! A memory itself: where it is, how long it is and may become.

use super::Storage;
use crate::{
    Error, MemoryType,
    exec_env::{MemoryDefinition, Shared},
};
use core::{
    ops::Range,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Size of a page where the type says nothing else, in bytes.
const PAGE_SIZE: u64 = 65536;

/// A memory's storage, and the definition through which compiled code finds it.
pub(crate) struct Body {
    page_size_log2: u8,
    definition: Shared<MemoryDefinition>,
    /// Largest size in bytes, of the type and of the store's configuration.
    max_bytes: u64,
    storage: Storage,
}

impl Body {
    /// A memory of the type's initial size, all zero.
    pub fn new(ty: MemoryType, config_max_pages: Option<u64>) -> Result<Self, Error> {
        if !matches!(ty.page_size_log2, 0 | 16) {
            return Err(Error::Unsupported("this page size"));
        }
        let bytes = |pages: u64| u128::from(pages) << ty.page_size_log2;
        // What addresses reach, and what `memory.size` can count.
        let (addresses, pages) = if ty.limits.is_64 {
            (1 << 64, u64::MAX)
        } else {
            (1 << 32, u32::MAX.into())
        };
        let mut max = bytes(ty.limits.max.unwrap_or(pages)).min(addresses);
        if let Some(pages) = config_max_pages {
            max = max.min(u128::from(pages) * u128::from(PAGE_SIZE));
        }
        let min = bytes(ty.limits.min);
        if min > max {
            return Err(Error::Resource("a memory"));
        }
        let saturated = |bytes: u128| u64::try_from(bytes).unwrap_or(u64::MAX);
        let (min, max_bytes) = (saturated(min), saturated(max));
        let length = usize::try_from(min).map_err(|_| Error::Resource("a memory"))?;
        let mut storage = Storage::new(ty.limits.is_64)?;
        let base = storage.grow(length)?;
        Ok(Body {
            page_size_log2: ty.page_size_log2,
            definition: Shared::new(MemoryDefinition {
                base,
                byte_length: length,
            }),
            max_bytes,
            storage,
        })
    }

    /// What compiled code reads base and length through.
    pub fn definition(&self) -> *mut MemoryDefinition {
        self.definition.as_ptr()
    }

    /// Every address of the memory and its guard; nothing without guard pages.
    pub fn reserved(&self) -> Range<usize> {
        self.storage.reserved()
    }

    /// Adds pages; the old size in pages, or `None` if a limit is reached. The base may change where there
    /// are no guard pages.
    pub fn grow(&mut self, delta: u64) -> Option<u64> {
        let definition = self.definition.as_ptr();
        // SAFETY: the definition is valid as long as `self`.
        let (old_base, old_length) = unsafe { (base(definition), length(definition)) };
        let old = old_length as u64 >> self.page_size_log2;
        let pages = old.checked_add(delta)?;
        let bytes = u128::from(pages) << self.page_size_log2;
        let bytes = u64::try_from(bytes)
            .ok()
            .filter(|bytes| *bytes <= self.max_bytes)?;
        let byte_length = usize::try_from(bytes).ok()?;
        let new_base = self.storage.grow(byte_length).ok()?;
        if new_base != old_base {
            // SAFETY: as above. A memory that moves is not shared; no compiled code that uses it runs now.
            unsafe { (&raw mut (*definition).base).write(new_base) };
        }
        // SAFETY: as above; the field is aligned. Another thread may be reading it.
        unsafe { AtomicUsize::from_ptr(&raw mut (*definition).byte_length) }
            .store(byte_length, Ordering::SeqCst);
        Some(old)
    }
}

/// Start of a memory.
///
/// # Safety
///
/// The definition is valid.
pub(super) unsafe fn base(definition: *mut MemoryDefinition) -> *mut u8 {
    // SAFETY: as the caller promises.
    unsafe { ptr::read(&raw const (*definition).base) }
}

/// Length of a memory in bytes. Another thread may be growing it, if it is shared.
///
/// # Safety
///
/// The definition is valid.
pub(super) unsafe fn length(definition: *mut MemoryDefinition) -> usize {
    // SAFETY: as the caller promises; the field is aligned.
    unsafe { AtomicUsize::from_ptr(&raw mut (*definition).byte_length) }.load(Ordering::SeqCst)
}
