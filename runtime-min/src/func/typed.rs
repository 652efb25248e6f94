//! Calls whose signature is known when Rust compiles.

use crate::{Error, ExternRef, Func, Store, ValType};
use core::marker::PhantomData;

mod sealed {
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// A Rust type that stands for a WebAssembly type: `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, `u128`
/// (v128), `Option<Func>`, `Option<ExternRef>`.
pub trait WasmType: Sealed + Sized + 'static {
    /// The WebAssembly type.
    const TYPE: ValType;
}

macro_rules! wasm_types {
    ($($rust:ty => $wasm:ident),*) => {
        $(
            impl Sealed for $rust {}
            impl WasmType for $rust { const TYPE: ValType = ValType::$wasm; }
        )*
    };
}

wasm_types!(
    i32 => I32, u32 => I32, i64 => I64, u64 => I64, f32 => F32, f64 => F64, u128 => V128,
    Option<Func> => FuncRef, Option<ExternRef> => ExternRef
);

/// Parameters of a typed function: a tuple of up to 16 [`WasmType`]s, or one alone.
pub trait WasmParams {}

/// Results of a typed function: a tuple of up to 16 [`WasmType`]s, or one alone.
pub trait WasmResults: Sized {}

impl<T: WasmType> WasmParams for T {}
impl<T: WasmType> WasmResults for T {}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: WasmType),*> WasmParams for ($($name,)*) {}
        impl<$($name: WasmType),*> WasmResults for ($($name,)*) {}
    };
}

macro_rules! all_tuples {
    ($macro:ident) => { all_tuples!($macro: A B C D E F G H I J K L M N O P); };
    ($macro:ident: ) => { $macro!(); };
    ($macro:ident: $first:ident $($rest:ident)*) => {
        $macro!($first $($rest)*);
        all_tuples!($macro: $($rest)*);
    };
}
pub(crate) use all_tuples;

all_tuples!(tuples);

/// A function whose signature was checked.
#[derive(Debug)]
pub struct TypedFunc<P, R> {
    func: Func,
    signature: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P: WasmParams, R: WasmResults> TypedFunc<P, R> {
    /// Calls the function.
    ///
    /// # Errors
    ///
    /// The function trapped; a host function that it called failed; the store is another one.
    pub fn call(&self, store: &mut Store, params: P) -> Result<R, Error> {
        let _ = (store, params);
        todo!()
    }

    /// The function.
    pub fn func(&self) -> Func {
        self.func
    }
}
