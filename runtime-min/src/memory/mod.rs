//! Linear memories.

#[cfg(not(all(feature = "std", target_pointer_width = "64")))]
mod heap;

#[cfg(all(feature = "std", target_pointer_width = "64"))]
use crate::host::reservation::Reservation as Storage;
#[cfg(not(all(feature = "std", target_pointer_width = "64")))]
use heap::HeapMemory as Storage;

use crate::{
    Error, MemoryType, Store,
    exec_env::{MemoryDefinition, Shared},
    store::{StoreInner, index},
    table::range,
    value::StoreId,
};
use core::ops::Range;
use wamr_aot_loader::trap::TrapCause;

/// Are memories surrounded by addresses that fault, so that code without checks may run?
pub(crate) const GUARD_PAGES: bool = cfg!(all(feature = "std", target_pointer_width = "64"));

/// Size of a page where the type says nothing else, in bytes.
const PAGE_SIZE: u64 = 65536;

/// Handle of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// A memory of a store.
pub(crate) struct MemoryData {
    pub ty: MemoryType,
    definition: Shared<MemoryDefinition>,
    /// Largest size in bytes, of the type and of the store's configuration.
    max_bytes: u64,
    storage: Storage,
}

impl MemoryData {
    /// A memory of the type's initial size, all zero.
    pub fn new(ty: MemoryType, config_max_pages: Option<u64>) -> Result<Self, Error> {
        if !matches!(ty.page_size_log2, 0 | 16) {
            return Err(Error::Unsupported("this page size"));
        }
        if ty.limits.shared {
            return Err(Error::Unsupported("shared memories"));
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
        Ok(MemoryData {
            ty,
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

    /// Start of the memory.
    pub fn base(&self) -> *mut u8 {
        self.read_definition().base
    }

    /// Addresses of which every one is the memory's, readable or not. Empty where there are no guard
    /// pages.
    pub fn reserved(&self) -> Range<usize> {
        self.storage.reserved()
    }

    fn read_definition(&self) -> MemoryDefinition {
        // SAFETY: the definition is valid as long as `self`, and changed by `grow` only.
        unsafe { self.definition.as_ptr().read() }
    }

    /// Size in pages.
    pub fn pages(&self) -> u64 {
        self.read_definition().byte_length as u64 >> self.ty.page_size_log2
    }

    /// The type with the current size as its minimum, as imports are matched.
    pub fn current_type(&self) -> MemoryType {
        let mut ty = self.ty;
        ty.limits.min = self.pages();
        ty
    }

    /// Adds pages; the old size in pages, or `None` if a limit is reached. The base may change where
    /// there are no guard pages.
    pub fn grow(&mut self, delta: u64) -> Option<u64> {
        let old = self.pages();
        let pages = old.checked_add(delta)?;
        let bytes = u128::from(pages) << self.ty.page_size_log2;
        let bytes = u64::try_from(bytes)
            .ok()
            .filter(|bytes| *bytes <= self.max_bytes)?;
        let byte_length = usize::try_from(bytes).ok()?;
        let base = self.storage.grow(byte_length).ok()?;
        // SAFETY: no compiled code runs now, and nothing borrows the contents.
        unsafe {
            self.definition
                .as_ptr()
                .write(MemoryDefinition { base, byte_length })
        };
        Some(old)
    }

    /// The contents.
    pub fn data(&self) -> &[u8] {
        let MemoryDefinition { base, byte_length } = self.read_definition();
        // SAFETY: the storage is readable for this length. Compiled code, which may change it, does not
        // run while this is borrowed.
        unsafe { core::slice::from_raw_parts(base, byte_length) }
    }

    /// The contents, to be changed.
    pub fn data_mut(&mut self) -> &mut [u8] {
        let MemoryDefinition { base, byte_length } = self.read_definition();
        // SAFETY: as in `data`, with `self` borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(base, byte_length) }
    }

    /// `memory.init` with bytes of a segment.
    pub fn init(&mut self, start: u64, source: &[u8]) -> Result<(), TrapCause> {
        let data = self.data_mut();
        let range =
            range(start, source.len() as u64, data.len()).ok_or(TrapCause::MemoryOutOfBounds)?;
        data[range].copy_from_slice(source);
        Ok(())
    }
}

impl Memory {
    /// A memory of the host's, all zero.
    ///
    /// # Errors
    ///
    /// There is no memory, or the type is larger than the store's configuration allows.
    pub fn new(store: &mut Store, ty: MemoryType) -> Result<Memory, Error> {
        let inner = store.inner_mut();
        let data = MemoryData::new(ty, inner.config.max_memory_pages)?;
        Ok(inner.add_memory(data))
    }

    /// The type that the memory was declared with.
    ///
    /// # Panics
    ///
    /// The memory is of another store. So it is for the other accessors that return no error.
    pub fn ty(&self, store: &Store) -> MemoryType {
        store.inner().memory(*self).ty
    }

    /// The contents.
    pub fn data<'s>(&self, store: &'s Store) -> &'s [u8] {
        store.inner().memory(*self).data()
    }

    /// The contents, to be changed.
    pub fn data_mut<'s>(&self, store: &'s mut Store) -> &'s mut [u8] {
        store.inner_mut().memory_mut(*self).data_mut()
    }

    /// Size in pages of the memory's page size.
    pub fn size_pages(&self, store: &Store) -> u64 {
        store.inner().memory(*self).pages()
    }

    /// Adds `delta` pages; the old size in pages.
    ///
    /// # Errors
    ///
    /// The memory's limit or the store's is reached, or the system has no memory.
    pub fn grow(&self, store: &mut Store, delta: u64) -> Result<u64, Error> {
        let inner = store.inner_mut();
        inner.memory(*self);
        inner
            .grow_memory(self.index, delta)
            .ok_or(Error::Resource("a larger memory"))
    }

    /// Copies from the memory, starting at `offset`, into `buffer`.
    ///
    /// # Errors
    ///
    /// The range is not inside the memory; nothing is copied.
    pub fn read(&self, store: &Store, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let data = self.data(store);
        let range =
            range(offset, buffer.len() as u64, data.len()).ok_or(Error::OutOfBounds("memory"))?;
        buffer.copy_from_slice(&data[range]);
        Ok(())
    }

    /// Copies `bytes` into the memory, starting at `offset`.
    ///
    /// # Errors
    ///
    /// The range is not inside the memory; nothing is copied.
    pub fn write(&self, store: &mut Store, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        store
            .inner_mut()
            .memory_mut(*self)
            .init(offset, bytes)
            .map_err(|_| Error::OutOfBounds("memory"))
    }
}

impl StoreInner {
    /// Remembers a memory's data.
    pub fn add_memory(&mut self, data: MemoryData) -> Memory {
        let memory = Memory {
            store: self.id(),
            index: index(self.memories.len()),
        };
        let reserved = data.reserved();
        if !reserved.is_empty() {
            // SAFETY: the exec env is valid, and compiled code does not run now, so that no signal
            // handler reads the list.
            let exec = unsafe { &mut *self.exec() };
            exec.reservations.push(reserved);
        }
        self.memories.push(data);
        memory
    }

    /// The memory of a handle; panics if it is another store's.
    pub fn memory(&self, memory: Memory) -> &MemoryData {
        match self.memories.get(memory.index as usize) {
            Some(data) if memory.store == self.id() => data,
            _ => panic!("the memory is of another store"),
        }
    }

    /// As `memory`.
    pub fn memory_mut(&mut self, memory: Memory) -> &mut MemoryData {
        let id = self.id();
        match self.memories.get_mut(memory.index as usize) {
            Some(data) if memory.store == id => data,
            _ => panic!("the memory is of another store"),
        }
    }

    /// Grows the memory with this index in the store.
    pub fn grow_memory(&mut self, index: u32, delta: u64) -> Option<u64> {
        let memory = self.memories.get_mut(index as usize)?;
        let base = memory.base();
        let old = memory.grow(delta)?;
        let moved_to = memory.base();
        if moved_to != base {
            for instance in &self.instances {
                instance.memory_moved(index, moved_to);
            }
        }
        Some(old)
    }
}
