//! Linear memories.

use crate::{Error, MemoryType, Store};

/// Handle of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

impl Memory {
    /// A memory of the host's, all zero.
    ///
    /// # Errors
    ///
    /// There is no memory, or the type is larger than the store's configuration allows.
    pub fn new(store: &mut Store, ty: MemoryType) -> Result<Memory, Error> {
        let _ = (store, ty);
        todo!()
    }

    /// The type that the memory was declared with.
    ///
    /// # Panics
    ///
    /// The memory is of another store. So it is for the other accessors that return no error.
    pub fn ty(&self, store: &Store) -> MemoryType {
        let _ = store;
        todo!()
    }

    /// The contents.
    pub fn data<'s>(&self, store: &'s Store) -> &'s [u8] {
        let _ = store;
        todo!()
    }

    /// The contents, to be changed.
    pub fn data_mut<'s>(&self, store: &'s mut Store) -> &'s mut [u8] {
        let _ = store;
        todo!()
    }

    /// Size in pages of the memory's page size.
    pub fn size_pages(&self, store: &Store) -> u64 {
        let _ = store;
        todo!()
    }

    /// Adds `delta` pages; the old size in pages.
    ///
    /// # Errors
    ///
    /// The memory's limit or the store's is reached, or the system has no memory.
    pub fn grow(&self, store: &mut Store, delta: u64) -> Result<u64, Error> {
        let _ = (store, delta);
        todo!()
    }

    /// Copies from the memory, starting at `offset`, into `buffer`.
    ///
    /// # Errors
    ///
    /// The range is not inside the memory; nothing is copied.
    pub fn read(&self, store: &Store, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let _ = (store, offset, buffer);
        todo!()
    }

    /// Copies `bytes` into the memory, starting at `offset`.
    ///
    /// # Errors
    ///
    /// The range is not inside the memory; nothing is copied.
    pub fn write(&self, store: &mut Store, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let _ = (store, offset, bytes);
        todo!()
    }
}
