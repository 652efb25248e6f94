//! Calls whose signature is known when Rust compiles.

use crate::{Error, ExternRef, Func, Store, Val, ValType, store::StoreInner};
use alloc::vec::Vec;
use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::{self, NonNull},
};

mod sealed {
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// The most parameters and results that typed functions can have.
const MAX_VALUES: usize = 16;

/// A store as the hidden methods below pass it; nobody outside can make one.
#[derive(Clone, Copy, Debug)]
pub struct StorePtr(pub(crate) NonNull<StoreInner>);

/// A Rust type that stands for a WebAssembly type: `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, `u128`
/// (v128), `Option<Func>`, `Option<ExternRef>`.
pub trait WasmType: Sealed + Sized + 'static {
    /// The WebAssembly type.
    const TYPE: ValType;

    /// Number of slots that a value takes.
    #[doc(hidden)]
    const SLOTS: usize = Self::TYPE.slots() as usize;

    /// Reads a value from its slots.
    ///
    /// # Safety
    ///
    /// The slots hold a value of the type, of this store; nothing of the store is borrowed.
    #[doc(hidden)]
    unsafe fn read(slots: *const u64, store: StorePtr) -> Self;

    /// Writes a value to its slots.
    ///
    /// # Errors
    ///
    /// A reference is of another store.
    ///
    /// # Safety
    ///
    /// There is room for the value; the store is valid.
    #[doc(hidden)]
    unsafe fn write(self, slots: *mut u64, store: StorePtr) -> Result<(), Error>;
}

macro_rules! numbers {
    ($($rust:ty => $wasm:ident: |$slot:ident| $read:expr, |$value:ident| $write:expr;)*) => {
        $(
            impl Sealed for $rust {}

            impl WasmType for $rust {
                const TYPE: ValType = ValType::$wasm;

                #[inline]
                unsafe fn read(slots: *const u64, _: StorePtr) -> Self {
                    // SAFETY: as the caller promises.
                    let $slot = unsafe { slots.read() };
                    $read
                }

                #[inline]
                unsafe fn write(self, slots: *mut u64, _: StorePtr) -> Result<(), Error> {
                    let $value = self;
                    // SAFETY: as the caller promises.
                    unsafe { slots.write($write) };
                    Ok(())
                }
            }
        )*
    };
}

// A 32-bit value is the low half of its slot.
numbers! {
    i32 => I32: |slot| (slot as u32).cast_signed(), |value| u64::from(value.cast_unsigned());
    u32 => I32: |slot| slot as u32, |value| u64::from(value);
    i64 => I64: |slot| slot.cast_signed(), |value| value.cast_unsigned();
    u64 => I64: |slot| slot, |value| value;
    f32 => F32: |slot| f32::from_bits(slot as u32), |value| u64::from(value.to_bits());
    f64 => F64: |slot| f64::from_bits(slot), |value| value.to_bits();
}

impl Sealed for u128 {}

impl WasmType for u128 {
    const TYPE: ValType = ValType::V128;

    #[inline]
    unsafe fn read(slots: *const u64, _: StorePtr) -> Self {
        // SAFETY: as the caller promises; a v128 takes two slots.
        let [low, high] = unsafe { slots.cast::<[u64; 2]>().read() };
        u128::from(low) | u128::from(high) << 64
    }

    #[inline]
    unsafe fn write(self, slots: *mut u64, _: StorePtr) -> Result<(), Error> {
        // SAFETY: as the caller promises; a v128 takes two slots.
        unsafe {
            slots
                .cast::<[u64; 2]>()
                .write([self as u64, (self >> 64) as u64])
        };
        Ok(())
    }
}

macro_rules! references {
    ($($rust:ty => $wasm:ident, $ty:ident;)*) => {
        $(
            impl Sealed for Option<$rust> {}

            impl WasmType for Option<$rust> {
                const TYPE: ValType = ValType::$ty;

                unsafe fn read(slots: *const u64, mut store: StorePtr) -> Self {
                    // SAFETY: as the caller promises.
                    match unsafe { Val::from_slots(store.0.as_mut(), ValType::$ty, [slots.read(), 0]) } {
                        Val::$wasm(value) => value,
                        _ => None,
                    }
                }

                unsafe fn write(self, slots: *mut u64, store: StorePtr) -> Result<(), Error> {
                    // SAFETY: as the caller promises.
                    unsafe { slots.write(Val::$wasm(self).to_slots(store.0.as_ref())?[0]) };
                    Ok(())
                }
            }
        )*
    };
}

references! {
    Func => FuncRef, FUNCREF;
    ExternRef => ExternRef, EXTERNREF;
}

/// Parameters of a typed function: a tuple of up to 16 [`WasmType`]s, or one alone.
pub trait WasmParams: Values {}

/// Results of a typed function: a tuple of up to 16 [`WasmType`]s, or one alone.
pub trait WasmResults: Values {}

impl<T: Values> WasmParams for T {}
impl<T: Values> WasmResults for T {}

/// Several values in slots that follow each other.
pub trait Values: Sized {
    /// Their types.
    #[doc(hidden)]
    fn types() -> Vec<ValType>;

    /// # Safety
    ///
    /// As for [`WasmType::read`].
    #[doc(hidden)]
    unsafe fn read_all(slots: *const u64, store: StorePtr) -> Self;

    /// # Errors
    ///
    /// A reference is of another store.
    ///
    /// # Safety
    ///
    /// As for [`WasmType::write`].
    #[doc(hidden)]
    unsafe fn write_all(self, slots: *mut u64, store: StorePtr) -> Result<(), Error>;
}

impl<T: WasmType> Values for T {
    fn types() -> Vec<ValType> {
        alloc::vec![T::TYPE]
    }

    #[inline]
    unsafe fn read_all(slots: *const u64, store: StorePtr) -> Self {
        // SAFETY: as the caller promises.
        unsafe { T::read(slots, store) }
    }

    #[inline]
    unsafe fn write_all(self, slots: *mut u64, store: StorePtr) -> Result<(), Error> {
        // SAFETY: as the caller promises.
        unsafe { self.write(slots, store) }
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        #[allow(non_snake_case, unused_mut, unused_variables, unused_assignments, clippy::unused_unit)]
        impl<$($name: WasmType),*> Values for ($($name,)*) {
            fn types() -> Vec<ValType> {
                alloc::vec![$($name::TYPE),*]
            }

            #[inline]
            unsafe fn read_all(slots: *const u64, store: StorePtr) -> Self {
                let mut at = 0;
                $(
                    // SAFETY: as the caller promises.
                    let $name = unsafe { $name::read(slots.add(at), store) };
                    at += $name::SLOTS;
                )*
                ($($name,)*)
            }

            #[inline]
            unsafe fn write_all(self, slots: *mut u64, store: StorePtr) -> Result<(), Error> {
                let ($($name,)*) = self;
                let mut at = 0;
                $(
                    // SAFETY: as the caller promises.
                    unsafe { $name.write(slots.add(at), store)? };
                    at += $name::SLOTS;
                )*
                Ok(())
            }
        }
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
    pub(super) func: Func,
    pub(super) signature: PhantomData<fn(P) -> R>,
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
        let pointer = StorePtr(store.as_ptr());
        let mut slots = MaybeUninit::<[u64; 2 * MAX_VALUES]>::uninit();
        let slots = ptr::from_mut(&mut slots).cast::<u64>();
        // SAFETY: there is room for 16 values of two slots. The signature was checked when `self` was
        // made, and a function does not change its type; one of another store is refused.
        unsafe {
            params.write_all(slots, pointer)?;
            self.func.call_slots(store, slots)?;
            Ok(R::read_all(slots, pointer))
        }
    }

    /// The function.
    pub fn func(&self) -> Func {
        self.func
    }
}
