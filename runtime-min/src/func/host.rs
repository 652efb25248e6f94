//! Functions of the host's.

use super::typed::{WasmType, all_tuples};
use crate::{Error, Instance, Memory, Store};
use core::marker::PhantomData;

/// What a host function knows about its call.
#[derive(Debug)]
pub struct Caller<'a> {
    store: &'a mut Store,
    instance: Option<Instance>,
}

impl Caller<'_> {
    /// The store. It must not be replaced by another one (`mem::swap`): the process is aborted then.
    pub fn store(&mut self) -> &mut Store {
        self.store
    }

    /// The store, to read.
    pub fn store_ref(&self) -> &Store {
        self.store
    }

    /// The instance whose import was called. `None` if the function was called from the host, or
    /// through a reference that the host made.
    pub fn instance(&self) -> Option<Instance> {
        self.instance
    }

    /// The memory that the calling instance exports as `memory`.
    pub fn memory(&self) -> Option<Memory> {
        self.instance?.get_memory(self.store, "memory")
    }
}

/// What a closure may return: `()`, a [`WasmType`], a tuple of them, or a `Result` of one of these
/// with [`Error`].
pub trait HostResults {}

impl HostResults for () {}
impl<T: WasmType> HostResults for T {}
impl<T: HostResults> HostResults for Result<T, Error> {}

macro_rules! host_result_tuples {
    () => {};
    ($($name:ident)*) => { impl<$($name: WasmType),*> HostResults for ($($name,)*) {} };
}

all_tuples!(host_result_tuples);

/// A Rust closure that can be a host function: up to 16 parameters of [`WasmType`]s, with or without a
/// [`Caller`] in front, that returns [`HostResults`]. `Signature` is only there so that the two forms
/// do not overlap.
pub trait IntoFunc<Signature> {}

macro_rules! closures {
    ($($name:ident)*) => {
        impl<Closure, $($name: WasmType,)* Results: HostResults> IntoFunc<PhantomData<fn($($name),*) -> Results>> for Closure
        where Closure: Fn($($name),*) -> Results + 'static {}

        impl<Closure, $($name: WasmType,)* Results: HostResults> IntoFunc<PhantomData<fn(Caller<'_>, $($name),*) -> Results>> for Closure
        where Closure: Fn(Caller<'_>, $($name),*) -> Results + 'static {}
    };
}

all_tuples!(closures);
