//! Functions of the host's.

use super::typed::{StorePtr, Values, WasmType, all_tuples};
use crate::{Error, FrameView, FuncType, Instance, Memory, Store, Val, store::StoreInner};
use alloc::{boxed::Box, vec::Vec};
use core::{fmt, marker::PhantomData, mem::ManuallyDrop, ptr::NonNull};

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

    /// The frames of the compiled code that has called here and not returned, youngest first, through
    /// whatever host functions are between. Empty if only the host has called.
    ///
    /// Takes time and memory in proportion to the depth of the stack.
    pub fn frames(&mut self) -> Vec<FrameView> {
        // SAFETY: a host function runs, so the store's code is stopped in exits, and its stack is whole.
        unsafe { crate::frame::of_callers(self.store.inner_mut()) }
    }

    /// The memory that the calling instance exports as `memory`.
    pub fn memory(&self) -> Option<Memory> {
        self.instance?.default_memory(self.store)
    }
}

/// A function of the host's, whatever store it is used in: its type, and the closure behind it, which
/// reads its arguments from slots and writes its results there.
pub struct HostFunction {
    pub(crate) ty: FuncType,
    closure: Box<Closure>,
}

type Closure = dyn Fn(&mut Call, *mut u64) -> Result<(), Error>;

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostFunction")
            .field("ty", &self.ty)
            .finish_non_exhaustive()
    }
}

/// A host function's call: the store for the closure, and the pointer to tell whether it is still the
/// same one afterwards.
struct Call {
    store: ManuallyDrop<Store>,
    pointer: NonNull<StoreInner>,
    instance: Option<Instance>,
}

impl Call {
    fn caller(&mut self) -> Caller<'_> {
        Caller {
            store: &mut self.store,
            instance: self.instance,
        }
    }

    /// The store, for reading arguments and writing results, while the closure does not run.
    fn store_ptr(&self) -> StorePtr {
        self.check();
        StorePtr(self.pointer)
    }

    fn check(&self) {
        if self.store.as_ptr() != self.pointer {
            crate::platform::abort("a host function replaced the store that it was called from");
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.check();
    }
}

impl HostFunction {
    /// Calls the function with its arguments in slots, where the results will be.
    ///
    /// # Safety
    ///
    /// The slots hold arguments of the function's type and of this store, with room for the results. The
    /// store is not used otherwise during the call.
    pub(crate) unsafe fn call(
        &self,
        store: NonNull<StoreInner>,
        instance: Option<Instance>,
        slots: *mut u64,
    ) -> Result<(), Error> {
        let mut call = Call {
            // SAFETY: as the caller promises; it is not dropped.
            store: ManuallyDrop::new(unsafe { Store::from_inner(store) }),
            pointer: store,
            instance,
        };
        (self.closure)(&mut call, slots)
    }

    /// A function whose type is known at run time only.
    pub(crate) fn dynamic(
        ty: FuncType,
        func: impl Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), Error> + 'static,
    ) -> Self {
        let closure_type = ty.clone();
        HostFunction {
            ty,
            closure: Box::new(move |call, slots| {
                // SAFETY: `call` hands on its caller's promise.
                unsafe { call_dynamic(&closure_type, &func, call, slots) }
            }),
        }
    }
}

/// # Safety
///
/// As for [`HostFunction::call`].
unsafe fn call_dynamic(
    ty: &FuncType,
    func: &impl Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), Error>,
    call: &mut Call,
    slots: *mut u64,
) -> Result<(), Error> {
    let mut store = call.store_ptr();
    let mut at = 0;
    let mut arguments = Vec::with_capacity(ty.params().len());
    for ty in ty.params() {
        let count = ty.slots() as usize;
        // SAFETY: as the caller promises. Nothing of the store is borrowed now.
        unsafe {
            let second = if count == 2 {
                slots.add(at + 1).read()
            } else {
                0
            };
            let value = [slots.add(at).read(), second];
            arguments.push(Val::from_slots(store.0.as_mut(), *ty, value));
        }
        at += count;
    }
    let mut results: Vec<Val> = ty.results().iter().copied().map(Val::default_of).collect();
    func(call.caller(), &arguments, &mut results)?;
    let store = call.store_ptr();
    let mut at = 0;
    for (index, (ty, value)) in ty.results().iter().zip(&results).enumerate() {
        // SAFETY: as the caller promises. Nothing of the store is borrowed now.
        if !value.is(unsafe { store.0.as_ref() }, *ty) {
            return Err(Error::ResultType {
                index,
                expected: *ty,
                found: value.ty(),
            });
        }
        let count = ty.slots() as usize;
        // SAFETY: as the caller promises.
        unsafe {
            let value = value.to_slots(store.0.as_ref())?;
            slots
                .add(at)
                .copy_from_nonoverlapping(value.as_ptr(), count);
        }
        at += count;
    }
    Ok(())
}

/// What a closure may return: `()`, a [`WasmType`], a tuple of them, or a `Result` of one of these
/// with [`Error`].
pub trait HostResults {
    /// What there is if there is no error.
    #[doc(hidden)]
    type Values: Values;

    /// The values or the error.
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Values, Error>;
}

impl<T: Values> HostResults for T {
    type Values = T;

    #[inline]
    fn into_result(self) -> Result<T, Error> {
        Ok(self)
    }
}

impl<T: Values> HostResults for Result<T, Error> {
    type Values = T;

    #[inline]
    fn into_result(self) -> Result<T, Error> {
        self
    }
}

/// A Rust closure that can be a host function: up to 16 parameters of [`WasmType`]s, with or without a
/// [`Caller`] in front, that returns [`HostResults`]. `Signature` is only there so that the two forms
/// do not overlap.
pub trait IntoFunc<Signature> {
    /// The function that it becomes.
    #[doc(hidden)]
    fn into_host_function(self) -> HostFunction;
}

macro_rules! closures {
    ($($name:ident)*) => {
        closures!(@impl ($($name)*) () (|_call|));
        closures!(@impl ($($name)*) (Caller<'_>,) (|call| call.caller(),));
    };
    (@impl ($($name:ident)*) ($($caller:ty,)?) (|$call:ident| $($pass:expr,)?)) => {
        #[allow(non_snake_case, unused_mut, unused_variables, unused_assignments)]
        impl<Closure, $($name: WasmType,)* Results: HostResults>
            IntoFunc<PhantomData<fn($($caller,)? $($name),*) -> Results>> for Closure
        where
            Closure: Fn($($caller,)? $($name),*) -> Results + 'static,
        {
            fn into_host_function(self) -> HostFunction {
                HostFunction {
                    ty: FuncType::new([$($name::TYPE),*], Results::Values::types()),
                    closure: Box::new(move |$call, slots| {
                        let store = $call.store_ptr();
                        let mut at = 0;
                        $(
                            // SAFETY: `HostFunction::call` hands on its caller's promise, and has the
                            // type from here.
                            let $name = unsafe { $name::read(slots.add(at), store) };
                            at += $name::SLOTS;
                        )*
                        let results = self($($pass,)? $($name),*).into_result()?;
                        // SAFETY: as above.
                        unsafe { results.write_all(slots, $call.store_ptr()) }
                    }),
                }
            }
        }
    };
}

all_tuples!(closures);
