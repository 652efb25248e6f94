//! Tables.

use crate::{Error, Store, TableType, Val};

/// Handle of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

impl Table {
    /// A table of the host's, every element `init`.
    ///
    /// # Errors
    ///
    /// The value is not of the element type, or there is no memory.
    pub fn new(store: &mut Store, ty: TableType, init: Val) -> Result<Table, Error> {
        let _ = (store, ty, init);
        todo!()
    }

    /// The type that the table was declared with.
    ///
    /// # Panics
    ///
    /// The table is of another store. So it is for `size`.
    pub fn ty(&self, store: &Store) -> TableType {
        let _ = store;
        todo!()
    }

    /// Number of elements.
    pub fn size(&self, store: &Store) -> u64 {
        let _ = store;
        todo!()
    }

    /// The element at `index`, `None` beyond the end.
    pub fn get(&self, store: &mut Store, index: u64) -> Option<Val> {
        let _ = (store, index);
        todo!()
    }

    /// Changes an element.
    ///
    /// # Errors
    ///
    /// The index is beyond the end, or the value is not of the element type.
    pub fn set(&self, store: &mut Store, index: u64, value: Val) -> Result<(), Error> {
        let _ = (store, index, value);
        todo!()
    }

    /// Adds `delta` elements; the old size.
    ///
    /// # Errors
    ///
    /// The table's limit or the store's is reached, or the value is not of the element type.
    pub fn grow(&self, store: &mut Store, delta: u64, value: Val) -> Result<u64, Error> {
        let _ = (store, delta, value);
        todo!()
    }
}
