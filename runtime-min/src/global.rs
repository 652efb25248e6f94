//! Globals.

use crate::{Error, GlobalType, Store, Val};

/// Handle of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Global {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

impl Global {
    /// A global of the host's.
    ///
    /// # Errors
    ///
    /// The value has another type than the global, or belongs to another store.
    pub fn new(store: &mut Store, ty: GlobalType, value: Val) -> Result<Global, Error> {
        let _ = (store, ty, value);
        todo!()
    }

    /// The global's type.
    ///
    /// # Panics
    ///
    /// The global is of another store. So it is for `get`.
    pub fn ty(&self, store: &Store) -> GlobalType {
        let _ = store;
        todo!()
    }

    /// The value.
    pub fn get(&self, store: &mut Store) -> Val {
        let _ = store;
        todo!()
    }

    /// Changes the value.
    ///
    /// # Errors
    ///
    /// The global is immutable, or the value has another type.
    pub fn set(&self, store: &mut Store, value: Val) -> Result<(), Error> {
        let _ = (store, value);
        todo!()
    }
}
