//! Functions: handles, calls from the host, and functions of the host's.

mod host;
mod typed;

pub(crate) use host::HostFunction;
pub use host::{Caller, HostResults, IntoFunc};
pub use typed::{TypedFunc, WasmParams, WasmResults, WasmType};

use crate::{
    Error, FuncType, Store, Val,
    exec_env::{FuncRef, HostContext, RuntimeContext, Shared},
    store::{StoreInner, index},
    trap,
    types::CanonicalType,
    value::StoreId,
};
use alloc::{rc::Rc, string::ToString, vec::Vec};
use core::marker::PhantomData;

/// Handle of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Func {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// A function of a store.
pub(crate) struct FuncData {
    func_ref: Shared<FuncRef>,
    pub ty: Rc<CanonicalType>,
    pub kind: FuncKind,
}

/// How the host calls a function.
#[derive(Clone)]
pub(crate) enum FuncKind {
    /// Compiled code, through the enter thunk of its type.
    Wasm {
        /// Address of the thunk.
        enter_thunk: usize,
    },
    /// A function of the host's, directly.
    Host(Rc<HostFunction>),
}

impl FuncData {
    /// A compiled function.
    pub fn wasm(func_ref: FuncRef, ty: Rc<CanonicalType>, enter_thunk: usize) -> Self {
        FuncData {
            func_ref: Shared::new(func_ref),
            ty,
            kind: FuncKind::Wasm { enter_thunk },
        }
    }

    /// What compiled code calls the function through.
    pub fn func_ref(&self) -> *mut FuncRef {
        self.func_ref.as_ptr()
    }
}

impl StoreInner {
    /// Makes a function of the host's known to the store.
    pub fn add_host_func(&mut self, function: Rc<HostFunction>) -> Func {
        let func = index(self.funcs.len());
        let ty = self.types.canonical(&function.ty);
        let code = self.host_code(&ty, func);
        let context = self.add_context(RuntimeContext::Host(HostContext {
            func,
            function: function.clone(),
            caller: None,
        }));
        self.add_func(FuncData {
            func_ref: Shared::new(FuncRef {
                code,
                context,
                ty: ty.address(),
            }),
            ty,
            kind: FuncKind::Host(function),
        })
    }
}

impl Func {
    /// A function of the host's. The results array holds zeros and nulls of the right types when the
    /// function is called.
    pub fn new(
        store: &mut Store,
        ty: FuncType,
        func: impl Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), Error> + 'static,
    ) -> Func {
        let function = Rc::new(HostFunction::dynamic(ty, func));
        store.inner_mut().add_host_func(function)
    }

    /// A function of the host's with the type of a Rust closure; see [`IntoFunc`].
    pub fn wrap<Signature>(store: &mut Store, func: impl IntoFunc<Signature>) -> Func {
        let function = Rc::new(func.into_host_function());
        store.inner_mut().add_host_func(function)
    }

    /// The function's type.
    ///
    /// # Panics
    ///
    /// The function is of another store.
    pub fn ty(&self, store: &Store) -> FuncType {
        match store.inner().func(*self) {
            Ok(func) => func.ty.func.clone(),
            Err(_) => panic!("the function is of another store"),
        }
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
        let inner = store.inner();
        let ty = inner.func(*self)?.ty.clone();
        let ty = &ty.func;
        let params = ty.params();
        if params.len() != arguments.len() {
            return Err(Error::ArgumentCount {
                expected: params.len(),
                found: arguments.len(),
            });
        }
        let mut slots = Vec::with_capacity(ty.slots());
        for (index, (param, argument)) in params.iter().zip(arguments).enumerate() {
            if !argument.is(inner, *param) {
                return Err(Error::ArgumentType {
                    index,
                    expected: *param,
                    found: argument.ty(),
                });
            }
            let value = argument.to_slots(inner)?;
            slots.extend_from_slice(&value[..param.slots() as usize]);
        }
        slots.resize(ty.slots(), 0);
        // SAFETY: the slots hold arguments of the parameters' types, and there is room for the results.
        unsafe { self.call_slots(store, slots.as_mut_ptr())? };
        let inner = store.inner_mut();
        let mut slots = slots.iter().copied();
        let mut next = || slots.next().unwrap_or(0);
        let mut results = Vec::with_capacity(ty.results().len());
        for ty in ty.results() {
            let value = [next(), if ty.slots() == 2 { next() } else { 0 }];
            // SAFETY: the function left a result of this type.
            results.push(unsafe { Val::from_slots(inner, *ty, value) });
        }
        Ok(results)
    }

    /// Calls the function with its arguments in slots, where the results will be.
    ///
    /// # Safety
    ///
    /// The slots hold arguments of the function's type, of this store, and there is room for the results.
    pub(crate) unsafe fn call_slots(
        &self,
        store: &mut Store,
        slots: *mut u64,
    ) -> Result<(), Error> {
        let func = store.inner().func(*self)?;
        match &func.kind {
            FuncKind::Wasm { enter_thunk } => {
                let thunk = *enter_thunk;
                // SAFETY: the store's function references are valid.
                let FuncRef { code, context, .. } = unsafe { *func.func_ref() };
                // SAFETY: code, thunk and context belong together, and the caller vouches for the slots.
                // Nothing of the store is borrowed.
                unsafe { trap::enter(store.as_ptr(), thunk, code, context, slots) }
            }
            FuncKind::Host(function) => {
                let function = function.clone();
                // SAFETY: the caller vouches for the slots; the store is borrowed exclusively and not
                // used meanwhile.
                unsafe { function.call(store.as_ptr(), None, slots) }
            }
        }
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
        let found = &store.inner().func(*self)?.ty.func;
        let expected = FuncType::new(P::types(), R::types());
        if *found != expected {
            return Err(Error::Type {
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
        Ok(TypedFunc {
            func: *self,
            signature: PhantomData,
        })
    }
}
