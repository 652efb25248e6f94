//! Names for what modules import.

use crate::{Caller, Error, Extern, FuncType, Instance, IntoFunc, LinkError, Module, Store, Val};

/// What modules can import, by module name and name. Its host functions can be used in any store; the
/// other definitions belong to the store of their handle.
#[derive(Debug, Default)]
pub struct Linker {}

impl Linker {
    /// A linker that defines nothing.
    pub fn new() -> Linker {
        Linker::default()
    }

    /// May a later definition replace an earlier one of the same name? Off at the start.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Linker {
        let _ = allow;
        todo!()
    }

    /// Defines something of a store.
    ///
    /// # Errors
    ///
    /// The name is defined already.
    pub fn define(
        &mut self,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Linker, LinkError> {
        let _ = (module, name, item.into());
        todo!()
    }

    /// Defines a host function with a type that is known at run time only. The results array holds
    /// zeros and nulls of the right types when the function is called.
    ///
    /// # Errors
    ///
    /// The name is defined already.
    pub fn func(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), Error> + 'static,
    ) -> Result<&mut Linker, LinkError> {
        let _ = (module, name, ty, func);
        todo!()
    }

    /// Defines a host function whose type is that of a Rust closure: up to 16 parameters, with or
    /// without a [`Caller`] in front; see [`IntoFunc`].
    ///
    /// # Errors
    ///
    /// The name is defined already.
    pub fn func_wrap<Signature>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<Signature>,
    ) -> Result<&mut Linker, LinkError> {
        let _ = (module, name, func);
        todo!()
    }

    /// Defines every export of an instance, under `module` and the export's name.
    ///
    /// # Errors
    ///
    /// A name is defined already.
    pub fn instance(
        &mut self,
        store: &mut Store,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Linker, LinkError> {
        let _ = (store, module, instance);
        todo!()
    }

    /// What is defined under a name, if it belongs to a store (a host function does not).
    pub fn get(&self, module: &str, name: &str) -> Option<Extern> {
        let _ = (module, name);
        todo!()
    }

    /// Makes an instance: finds the imports, allocates, initialises, runs the start function.
    ///
    /// # Errors
    ///
    /// An import is missing or has another type; there is no memory; a segment or the start function
    /// traps (what it had written to imported memories and tables before stays written).
    pub fn instantiate(&self, store: &mut Store, module: &Module) -> Result<Instance, Error> {
        let _ = (store, module);
        todo!()
    }
}
