//! Names for what modules import.

use crate::{
    Caller, Error, Extern, Func, FuncType, Instance, IntoFunc, LinkError, Module, Store, Val,
    func::HostFunction, instance::instantiate,
};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, btree_map::Entry},
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};
use core::cell::Cell;
use wamr_aot_loader::format::module::ImportKind;

/// What modules can import, by module name and name. Its host functions can be used in any store; the
/// other definitions belong to the store of their handle.
#[derive(Debug, Default)]
pub struct Linker {
    definitions: BTreeMap<String, BTreeMap<String, Definition>>,
    allow_shadowing: bool,
}

#[derive(Debug)]
enum Definition {
    Item(Extern),
    Host {
        function: Rc<HostFunction>,
        /// Its handle in the store that it was last used in.
        last: Cell<Option<Func>>,
    },
}

impl Definition {
    fn host(function: HostFunction) -> Self {
        Definition::Host {
            function: Rc::new(function),
            last: Cell::new(None),
        }
    }

    /// The handle for a store.
    fn resolve(&self, store: &mut Store) -> Extern {
        match self {
            Definition::Item(item) => *item,
            Definition::Host { function, last } => {
                let inner = store.inner_mut();
                let known = last.get().filter(|func| func.store == inner.id());
                let func = known.unwrap_or_else(|| inner.add_host_func(function.clone()));
                last.set(Some(func));
                Extern::Func(func)
            }
        }
    }
}

impl Linker {
    /// A linker that defines nothing.
    pub fn new() -> Linker {
        Linker::default()
    }

    /// May a later definition replace an earlier one of the same name? Off at the start.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Linker {
        self.allow_shadowing = allow;
        self
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
        self.insert(module, name, Definition::Item(item.into()))
    }

    fn insert(
        &mut self,
        module: &str,
        name: &str,
        definition: Definition,
    ) -> Result<&mut Linker, LinkError> {
        let names = self.definitions.entry(module.to_owned()).or_default();
        match names.entry(name.to_owned()) {
            Entry::Occupied(_) if !self.allow_shadowing => Err(LinkError::Duplicate {
                module: module.to_owned(),
                name: name.to_owned(),
            }),
            Entry::Occupied(mut occupied) => {
                occupied.insert(definition);
                Ok(self)
            }
            Entry::Vacant(vacant) => {
                vacant.insert(definition);
                Ok(self)
            }
        }
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
        let function = HostFunction::dynamic(ty, func);
        self.insert(module, name, Definition::host(function))
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
        self.insert(module, name, Definition::host(func.into_host_function()))
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
        for (name, item) in instance.exports(store) {
            self.define(module, name, item)?;
        }
        Ok(self)
    }

    /// What is defined under a name, if it belongs to a store (a host function does not).
    pub fn get(&self, module: &str, name: &str) -> Option<Extern> {
        match self.definition(module, name)? {
            Definition::Item(item) => Some(*item),
            Definition::Host { .. } => None,
        }
    }

    fn definition(&self, module: &str, name: &str) -> Option<&Definition> {
        self.definitions.get(module)?.get(name)
    }

    /// Makes an instance: finds the imports, allocates, initialises, runs the start function.
    ///
    /// # Errors
    ///
    /// An import is missing or has another type; there is no memory; a segment or the start function
    /// traps (what it had written to imported memories and tables before stays written).
    pub fn instantiate(&self, store: &mut Store, module: &Module) -> Result<Instance, Error> {
        let mut imports = Vec::new();
        let types = store.inner_mut().types.of_module(module.types());
        let kinds = module.view().imports();
        for ((from, name, expected), import) in module.imports().zip(kinds.iter()) {
            let definition =
                self.definition(from, name)
                    .ok_or_else(|| LinkError::UnknownImport {
                        module: from.to_owned(),
                        name: name.to_owned(),
                    })?;
            let item = definition.resolve(store);
            if item.store() != store.inner().id() {
                return Err(Error::WrongStore);
            }
            let (found, expected) = (item.ty(store), expected.in_store(&types));
            let fits = match (item, import.kind) {
                // Two types may look the same and yet not be.
                (Extern::Func(func), ImportKind::Func(ty)) => {
                    let inner = store.inner();
                    inner
                        .types
                        .is_subtype(&inner.func(func)?.ty, types.number(ty))
                }
                (Extern::Tag(tag), ImportKind::Tag(ty)) => {
                    let inner = store.inner();
                    inner.types.is(&inner.tag(tag).ty, types.number(ty))
                }
                _ => store.inner().types.import_matches(&found, &expected),
            };
            if !fits {
                let (mut found, expected) = (found.to_string(), expected.to_string());
                if found == expected {
                    found.push_str(" of another recursion group, finality or super type");
                }
                return Err(Error::Link(LinkError::IncompatibleImportType {
                    module: from.to_owned(),
                    name: name.to_owned(),
                    expected,
                    found,
                }));
            }
            imports.push(item);
        }
        instantiate(store, module, types, &imports)
    }
}
