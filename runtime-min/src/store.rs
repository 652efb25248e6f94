//! The store: owner of everything that runs together on one thread.

use crate::Error;

/// How a store is set up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreConfig {
    /// Bytes of stack for compiled code, guard pages not included.
    pub stack_size: usize,
    /// Upper bound on the size of every memory, in pages of 64 KiB.
    pub max_memory_pages: Option<u64>,
    /// Upper bound on the size of every table, in elements.
    pub max_table_elements: u64,
    /// How many frames a trap captures at most.
    pub max_trap_frames: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            stack_size: 1 << 20,
            max_memory_pages: None,
            max_table_elements: 10_000_000,
            max_trap_frames: 256,
        }
    }
}

/// Owner of instances, functions, memories, tables and globals. They live as long as the store;
/// handles to them are indices and are checked to be of the right store.
#[derive(Debug)]
pub struct Store {
    _not_send: core::marker::PhantomData<*mut ()>,
}

impl Store {
    /// An empty store with a stack of its own.
    ///
    /// # Errors
    ///
    /// The system has no memory for the stack.
    pub fn new(config: StoreConfig) -> Result<Store, Error> {
        let _ = config;
        todo!()
    }
}
