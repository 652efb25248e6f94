//! Functions: handles, calls from the host, and functions of the host's.

mod host;
mod typed;

pub use host::{Caller, HostResults, IntoFunc};
pub use typed::{TypedFunc, WasmParams, WasmResults, WasmType};

use crate::{Error, FuncType, Store, Val};
use alloc::vec::Vec;

/// Handle of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Func {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

impl Func {
    /// A function of the host's. The results array holds zeros and nulls of the right types when the
    /// function is called.
    pub fn new(
        store: &mut Store,
        ty: FuncType,
        func: impl Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), Error> + 'static,
    ) -> Func {
        let _ = (store, ty, func);
        todo!()
    }

    /// A function of the host's with the type of a Rust closure; see [`IntoFunc`].
    pub fn wrap<Signature>(store: &mut Store, func: impl IntoFunc<Signature>) -> Func {
        let _ = (store, func);
        todo!()
    }

    /// The function's type.
    ///
    /// # Panics
    ///
    /// The function is of another store.
    pub fn ty(&self, store: &Store) -> FuncType {
        let _ = store;
        todo!()
    }

    /// Calls the function.
    ///
    /// # Errors
    ///
    /// The arguments do not fit; the function trapped; a host function that it called failed.
    ///
    /// # Panics
    ///
    /// A host function that it called panicked; the panic goes on here.
    pub fn call(&self, store: &mut Store, arguments: &[Val]) -> Result<Vec<Val>, Error> {
        let _ = (store, arguments);
        todo!()
    }

    /// The function with its signature checked once, for faster calls.
    ///
    /// # Errors
    ///
    /// The function has another type.
    pub fn typed<P: WasmParams, R: WasmResults>(
        &self,
        store: &Store,
    ) -> Result<TypedFunc<P, R>, Error> {
        let _ = store;
        todo!()
    }
}
