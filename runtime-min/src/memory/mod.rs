//! Linear memories.

mod body;
#[cfg(not(all(feature = "std", target_pointer_width = "64")))]
mod heap;
mod wait;

#[cfg(all(feature = "std", target_pointer_width = "64"))]
use crate::host::reservation::Reservation as Storage;
#[cfg(not(all(feature = "std", target_pointer_width = "64")))]
use heap::HeapMemory as Storage;

#[cfg(all(feature = "std", target_pointer_width = "64"))]
use crate::host::shared_memory::SharedMemory;
use crate::{
    Error, MemoryType, Store,
    exec_env::MemoryDefinition,
    store::{StoreInner, index},
    table::range,
    value::StoreId,
};
pub(crate) use body::Body;
use core::ops::Range;
pub(crate) use wait::{Expected, notify, wait};
use wamr_aot_loader::trap::TrapCause;

/// Are memories surrounded by addresses that fault, so that code without checks may run?
pub(crate) const GUARD_PAGES: bool = cfg!(all(feature = "std", target_pointer_width = "64"));

/// Handle of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// A memory of a store.
pub(crate) struct MemoryData {
    pub ty: MemoryType,
    /// Of the body, which lives as long as `self`.
    definition: *mut MemoryDefinition,
    reserved: Range<usize>,
    body: Owner,
}

/// Whose a memory is.
enum Owner {
    Store(Body),
    /// Several stores', each on its thread.
    #[cfg(all(feature = "std", target_pointer_width = "64"))]
    Shared(SharedMemory),
}

impl MemoryData {
    /// A memory of the type's initial size, all zero.
    pub fn new(ty: MemoryType, config_max_pages: Option<u64>) -> Result<Self, Error> {
        #[cfg(all(feature = "std", target_pointer_width = "64"))]
        if ty.limits.shared {
            return Ok(MemoryData::shared(SharedMemory::limited(
                ty,
                config_max_pages,
            )?));
        }
        let body = Body::new(ty, config_max_pages)?;
        Ok(MemoryData {
            ty,
            definition: body.definition(),
            reserved: body.reserved(),
            body: Owner::Store(body),
        })
    }

    /// A memory that other stores have too.
    #[cfg(all(feature = "std", target_pointer_width = "64"))]
    pub fn shared(memory: SharedMemory) -> Self {
        MemoryData {
            ty: memory.ty(),
            definition: memory.definition(),
            reserved: memory.reserved(),
            body: Owner::Shared(memory),
        }
    }

    /// What other stores can have of it.
    #[cfg(all(feature = "std", target_pointer_width = "64"))]
    pub fn as_shared(&self) -> Option<&SharedMemory> {
        match &self.body {
            Owner::Store(_) => None,
            Owner::Shared(memory) => Some(memory),
        }
    }

    /// What compiled code reads base and length through.
    pub fn definition(&self) -> *mut MemoryDefinition {
        self.definition
    }

    /// Start of the memory.
    pub fn base(&self) -> *mut u8 {
        // SAFETY: the definition is valid as long as `self`.
        unsafe { body::base(self.definition) }
    }

    fn length(&self) -> usize {
        // SAFETY: the definition is valid as long as `self`.
        unsafe { body::length(self.definition) }
    }

    /// Addresses of which every one is the memory's, readable or not. Empty where there are no guard
    /// pages.
    pub fn reserved(&self) -> Range<usize> {
        self.reserved.clone()
    }

    /// Size in pages.
    pub fn pages(&self) -> u64 {
        self.length() as u64 >> self.ty.page_size_log2
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
        match &mut self.body {
            // No compiled code runs now, and nothing borrows the contents.
            Owner::Store(body) => body.grow(delta),
            #[cfg(all(feature = "std", target_pointer_width = "64"))]
            Owner::Shared(memory) => memory.grow(delta),
        }
    }

    /// The contents, which other threads may be changing if the memory is shared.
    fn contents(&self) -> *mut [u8] {
        core::ptr::slice_from_raw_parts_mut(self.base(), self.length())
    }

    /// The contents; `None` of a shared memory.
    fn data(&self) -> Option<&[u8]> {
        // SAFETY: the storage is readable for this length. Compiled code, which may change it, does not
        // run while this is borrowed: the memory is this store's only.
        self.is_own().then(|| unsafe { &*self.contents() })
    }

    /// The contents, to be changed; `None` of a shared memory.
    fn data_mut(&mut self) -> Option<&mut [u8]> {
        // SAFETY: as in `data`, with `self` borrowed exclusively.
        self.is_own().then(|| unsafe { &mut *self.contents() })
    }

    fn is_own(&self) -> bool {
        matches!(self.body, Owner::Store(_))
    }

    /// `memory.init` with bytes of a segment.
    pub fn init(&mut self, start: u64, source: &[u8]) -> Result<(), TrapCause> {
        let range =
            range(start, source.len() as u64, self.length()).ok_or(TrapCause::MemoryOutOfBounds)?;
        // SAFETY: the range is inside the memory, which never becomes shorter, and no reference to it exists
        // now. What other threads of a program that shares it do meanwhile is the program's own race.
        unsafe {
            self.base()
                .add(range.start)
                .copy_from_nonoverlapping(source.as_ptr(), source.len());
        }
        Ok(())
    }

    fn read(&self, start: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let range =
            range(start, buffer.len() as u64, self.length()).ok_or(Error::OutOfBounds("memory"))?;
        // SAFETY: as in `init`.
        unsafe {
            self.base()
                .add(range.start)
                .copy_to_nonoverlapping(buffer.as_mut_ptr(), buffer.len());
        }
        Ok(())
    }

    /// Where an atomic operation on `size` bytes at an address takes place.
    pub fn atomic_place(&self, address: u64, size: u64) -> Result<*mut u8, TrapCause> {
        // First, because the largest address stands for all those that 64 bits cannot hold.
        let range = range(address, size, self.length()).ok_or(TrapCause::MemoryOutOfBounds)?;
        if !address.is_multiple_of(size) {
            return Err(TrapCause::UnalignedAtomic);
        }
        // SAFETY: the range is inside the memory.
        Ok(unsafe { self.base().add(range.start) })
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
    ///
    /// # Panics
    ///
    /// The memory is shared: other threads may be changing it. [`read`](Self::read) copies from it.
    pub fn data<'s>(&self, store: &'s Store) -> &'s [u8] {
        let data = store.inner().memory(*self).data();
        data.unwrap_or_else(|| panic!("a shared memory cannot be borrowed"))
    }

    /// The contents, to be changed.
    ///
    /// # Panics
    ///
    /// The memory is shared: other threads may be using it. [`write`](Self::write) copies to it.
    pub fn data_mut<'s>(&self, store: &'s mut Store) -> &'s mut [u8] {
        let data = store.inner_mut().memory_mut(*self).data_mut();
        data.unwrap_or_else(|| panic!("a shared memory cannot be borrowed"))
    }

    /// The contents, of a shared memory too. The pointer is valid as long as the store, if the memory does not
    /// grow.
    #[cfg(feature = "std")]
    pub(crate) fn contents(&self, store: &Store) -> *mut [u8] {
        store.inner().memory(*self).contents()
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
        store.inner().memory(*self).read(offset, buffer)
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
