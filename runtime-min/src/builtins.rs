//! What compiled code calls: behind each exit trampoline a function that runs on the host's stack, and
//! the functions that it calls directly.
//!
//! A function that traps leaves the cause in the exec env; the trampoline takes it from there. All are
//! `extern "C"`, so that a panic that is this crate's own fault ends the process rather than unwind into
//! compiled code.

use crate::{
    Error, Instance, arch, arithmetic,
    exec_env::{CAUGHT, CalleeContext, ExecState, Pending, RuntimeContext},
    frame,
    instance::InstanceData,
    memory::Expected,
    platform,
    store::StoreInner,
    types::slots,
};
use core::{ptr::NonNull, sync::atomic::Ordering};
use wamr_aot_loader::{builtins::BuiltinId, trap::TrapCause};

/// A callee context as an exit has it.
#[derive(Clone, Copy)]
pub(crate) struct Exit {
    pub exec: *mut ExecState,
    runtime: *const RuntimeContext,
}

impl Exit {
    /// # Safety
    ///
    /// The context comes from compiled code, which is stopped in an exit.
    unsafe fn new(context: *mut CalleeContext) -> Self {
        // SAFETY: as the caller promises. Field by field, since another thread may be setting the poll word.
        unsafe {
            Exit {
                exec: (*context).exec_env,
                runtime: (*context).runtime,
            }
        }
    }

    fn store(self) -> NonNull<StoreInner> {
        // SAFETY: the exec env of a callee context is valid.
        unsafe { (*self.exec).store }
    }

    /// Leaves a trap for the trampoline.
    pub fn trap(self, cause: TrapCause) {
        // SAFETY: as in `store`; compiled code, which reads it, is stopped.
        unsafe {
            (*self.exec).env.trap_cause = cause.code();
            (*self.exec).env.trap_ip = 0;
        }
    }

    /// Throws an exception: lets it land, or leaves it for whoever has entered.
    fn throw(self, address: usize) {
        // SAFETY: compiled code, which has an exception's address, is stopped here.
        unsafe {
            if self.land(address) {
                return;
            }
            if let Some(exception) = self.store().as_mut().exception(address) {
                (*self.exec).pending = Some(Pending::Error(exception.into()));
            }
        }
        self.trap(TrapCause::HostError);
    }

    /// Lets an exception land in the code that this exit was called from, if there is a handler for it.
    ///
    /// # Safety
    ///
    /// The exception is of this store and lives.
    unsafe fn land(self, address: usize) -> bool {
        // SAFETY: as the caller promises; the code is stopped in this exit, and nobody else borrows from its
        // store.
        unsafe {
            let store = self.store().as_mut();
            let Some(header) = store.exceptions.header(address) else {
                return false;
            };
            let mut trace = store.exceptions.take_trace(address);
            let landing = frame::find_handler(store, (*header).tag, &mut trace);
            store.exceptions.set_trace(address, trace);
            let Some(landing) = landing else {
                return false;
            };
            (*self.exec).exception = address;
            (*self.exec).trap.saved = landing.registers;
            (*self.exec).env.trap_sp = landing.sp;
            frame::leave_records(self.exec, landing.sp);
            (*self.exec).env.trap_cause = CAUGHT;
        }
        true
    }

    /// Runs `operation` with the store and the instance's position there; leaves the trap that it
    /// returns.
    pub fn with_instance<T: Default>(
        self,
        operation: impl FnOnce(&mut StoreInner, u32) -> Result<T, TrapCause>,
    ) -> T {
        // SAFETY: a context that compiled code passes is valid, and nobody else borrows from its store
        // while the code is stopped here.
        let result = unsafe {
            match &*self.runtime {
                RuntimeContext::Instance { index, .. } => operation(self.store().as_mut(), *index),
                RuntimeContext::Host(_) => Err(TrapCause::Unreachable),
            }
        };
        result.unwrap_or_else(|cause| {
            self.trap(cause);
            T::default()
        })
    }
}

pub(crate) fn instance(store: &StoreInner, index: u32) -> Result<&InstanceData, TrapCause> {
    // Positions come from the store itself.
    store
        .instances
        .get(index as usize)
        .ok_or(TrapCause::Unreachable)
}

/// −1, as failed growth returns it.
const FAILED: u64 = u64::MAX;

extern "C" fn call_host(context: *mut CalleeContext, slots: *mut u64) {
    // SAFETY: a host thunk calls this with its context and with slots for the function's type.
    unsafe {
        let exit = Exit::new(context);
        let RuntimeContext::Host(host) = &*exit.runtime else {
            return exit.trap(TrapCause::Unreachable);
        };
        let store = exit.store();
        let caller = host.caller.map(|index| Instance {
            store: store.as_ref().id(),
            index,
        });
        #[cfg(feature = "std")]
        platform::stop::leave_code(exit.exec);
        let result = platform::catch(|| host.function.call(store, caller, slots));
        #[cfg(feature = "std")]
        platform::stop::enter_code(exit.exec);
        match result {
            Err(Pending::Error(Error::Exception(exception)))
                if exception.store == store.as_ref().id() && exit.land(exception.address) => {}
            Err(pending) => {
                (*exit.exec).pending = Some(pending);
                exit.trap(TrapCause::HostError);
            }
            // Code that is mostly here is hardly ever met by a signal.
            Ok(()) if (*exit.exec).interrupt.load(Ordering::Relaxed) => {
                exit.trap(TrapCause::Interrupted);
            }
            Ok(()) => {}
        }
    }
}

extern "C" fn memory_grow(context: *mut CalleeContext, memory: u32, delta: u64) -> u64 {
    // SAFETY: compiled code passes its instance. So it does below.
    let exit = unsafe { Exit::new(context) };
    exit.with_instance(|store, index| {
        let memory = instance(store, index)?.memory(memory)?;
        Ok(store.grow_memory(memory, delta).unwrap_or(FAILED))
    })
}

extern "C" fn memory_init(
    context: *mut CalleeContext,
    memory: u32,
    segment: u32,
    destination: u64,
    source: u32,
    length: u32,
) {
    // SAFETY: see `memory_grow`.
    let exit = unsafe { Exit::new(context) };
    exit.with_instance(|store, index| {
        store.memory_init(index, memory, segment, destination, source, length)
    });
}

extern "C" fn data_drop(context: *mut CalleeContext, segment: u32) {
    // SAFETY: see `memory_grow`.
    let exit = unsafe { Exit::new(context) };
    exit.with_instance(|store, index| {
        store.data_drop(index, segment);
        Ok(())
    });
}

extern "C" fn table_grow(context: *mut CalleeContext, table: u32, value: usize, delta: u64) -> u64 {
    // SAFETY: see `memory_grow`.
    let exit = unsafe { Exit::new(context) };
    exit.with_instance(|store, index| {
        let table = instance(store, index)?.table(table)?;
        let table = store.tables.get_mut(table as usize);
        Ok(table
            .and_then(|table| table.grow(delta, value))
            .unwrap_or(FAILED))
    })
}

extern "C" fn table_fill(
    context: *mut CalleeContext,
    table: u32,
    start: u64,
    value: usize,
    length: u64,
) {
    // SAFETY: see `memory_grow`.
    let exit = unsafe { Exit::new(context) };
    exit.with_instance(|store, index| {
        let table = instance(store, index)?.table(table)?;
        let table = store.tables.get_mut(table as usize);
        table
            .ok_or(TrapCause::TableOutOfBounds)?
            .fill(start, value, length)
    });
}

extern "C" fn table_copy(
    context: *mut CalleeContext,
    destination_table: u32,
    source_table: u32,
    destination: u64,
    source: u64,
    length: u64,
) {
    // SAFETY: see `memory_grow`.
    let exit = unsafe { Exit::new(context) };
    exit.with_instance(|store, index| {
        let to = instance(store, index)?.table(destination_table)?;
        let from = instance(store, index)?.table(source_table)?;
        store.table_copy(to, from, destination, source, length)
    });
}

extern "C" fn table_init(
    context: *mut CalleeContext,
    table: u32,
    segment: u32,
    destination: u64,
    source: u32,
    length: u32,
) {
    // SAFETY: see `memory_grow`.
    let exit = unsafe { Exit::new(context) };
    exit.with_instance(|store, index| {
        store.table_init(index, table, segment, destination, source, length)
    });
}

extern "C" fn elem_drop(context: *mut CalleeContext, segment: u32) {
    // SAFETY: see `memory_grow`.
    let exit = unsafe { Exit::new(context) };
    exit.with_instance(|store, index| {
        store.elem_drop(index, segment);
        Ok(())
    });
}

extern "C" fn throw(context: *mut CalleeContext, tag: u32) {
    // SAFETY: see `memory_grow`.
    let exit = unsafe { Exit::new(context) };
    let exception = exit.with_instance(|store, index| {
        let tag = instance(store, index)?.tag(tag);
        let tag = tag.ok_or(TrapCause::Unreachable)?;
        let slots = store
            .tag_at(tag)
            .map_or(0, |tag| slots(tag.ty.func.params()));
        let values = store.thrown_values(slots);
        let exception = store.new_exception(tag, &values);
        exception.map_err(|_| TrapCause::Unreachable)
    });
    exit.throw(exception);
}

extern "C" fn throw_ref(context: *mut CalleeContext, exception: usize) {
    // SAFETY: see `memory_grow`.
    let exit = unsafe { Exit::new(context) };
    exit.throw(exception);
}

extern "C" fn poll(context: *mut CalleeContext) {
    // SAFETY: see `memory_grow`.
    unsafe {
        let exit = Exit::new(context);
        if let Err(cause) = crate::poll::poll(exit.exec) {
            exit.trap(cause);
        }
    }
}

extern "C" fn atomic_notify(
    context: *mut CalleeContext,
    memory: u32,
    address: u64,
    count: u32,
) -> u32 {
    // SAFETY: see `memory_grow`.
    unsafe { crate::memory::notify(Exit::new(context), memory, address, count) }
}

extern "C" fn atomic_wait32(
    context: *mut CalleeContext,
    memory: u32,
    address: u64,
    expected: u32,
    timeout: u64,
) -> u32 {
    let expected = Expected::Word(expected);
    // SAFETY: see `memory_grow`.
    unsafe { crate::memory::wait(Exit::new(context), memory, address, expected, timeout) }
}

extern "C" fn atomic_wait64(
    context: *mut CalleeContext,
    memory: u32,
    address: u64,
    expected: u64,
    timeout: u64,
) -> u32 {
    let expected = Expected::Double(expected);
    // SAFETY: see `memory_grow`.
    unsafe { crate::memory::wait(Exit::new(context), memory, address, expected, timeout) }
}

/// The trampolines, by the names that objects call them by.
mod trampolines {
    use crate::arch::exit;

    exit!(wamr_call_host => super::call_host);
    exit!(wamr_memory_grow => super::memory_grow);
    exit!(wamr_memory_init => super::memory_init);
    exit!(wamr_data_drop => super::data_drop);
    exit!(wamr_table_grow => super::table_grow);
    exit!(wamr_table_fill => super::table_fill);
    exit!(wamr_table_copy => super::table_copy);
    exit!(wamr_table_init => super::table_init);
    exit!(wamr_elem_drop => super::elem_drop);
    exit!(wamr_throw => super::throw);
    exit!(wamr_throw_ref => super::throw_ref);
    exit!(wamr_poll => super::poll);
    exit!(wamr_atomic_notify => super::atomic_notify);
    exit!(wamr_atomic_wait32 => super::atomic_wait32);
    exit!(wamr_atomic_wait64 => super::atomic_wait64);
}

/// Where the exit trampolines start.
#[cfg(feature = "std")]
pub(crate) fn exits() -> impl Iterator<Item = usize> {
    [
        BuiltinId::CallHost,
        BuiltinId::MemoryGrow,
        BuiltinId::MemoryInit,
        BuiltinId::DataDrop,
        BuiltinId::TableGrow,
        BuiltinId::TableFill,
        BuiltinId::TableCopy,
        BuiltinId::TableInit,
        BuiltinId::ElemDrop,
        BuiltinId::Throw,
        BuiltinId::ThrowRef,
        BuiltinId::Poll,
        BuiltinId::AtomicNotify,
        BuiltinId::AtomicWait32,
        BuiltinId::AtomicWait64,
    ]
    .into_iter()
    .filter_map(address)
}

/// The address that an object's reference to a builtin becomes; `None` where code for this target cannot
/// need it.
pub(crate) fn address(id: BuiltinId) -> Option<usize> {
    let address: *const () = match id {
        BuiltinId::Trap => arch::wamr_trap as *const (),
        BuiltinId::CallHost => trampolines::wamr_call_host as *const (),
        BuiltinId::MemoryGrow => trampolines::wamr_memory_grow as *const (),
        BuiltinId::MemoryInit => trampolines::wamr_memory_init as *const (),
        BuiltinId::DataDrop => trampolines::wamr_data_drop as *const (),
        BuiltinId::TableGrow => trampolines::wamr_table_grow as *const (),
        BuiltinId::TableFill => trampolines::wamr_table_fill as *const (),
        BuiltinId::TableCopy => trampolines::wamr_table_copy as *const (),
        BuiltinId::TableInit => trampolines::wamr_table_init as *const (),
        BuiltinId::ElemDrop => trampolines::wamr_elem_drop as *const (),
        BuiltinId::Throw => trampolines::wamr_throw as *const (),
        BuiltinId::ThrowRef => trampolines::wamr_throw_ref as *const (),
        BuiltinId::Poll => trampolines::wamr_poll as *const (),
        BuiltinId::AtomicNotify => trampolines::wamr_atomic_notify as *const (),
        BuiltinId::AtomicWait32 => trampolines::wamr_atomic_wait32 as *const (),
        BuiltinId::AtomicWait64 => trampolines::wamr_atomic_wait64 as *const (),
        BuiltinId::Memcpy => platform::memcpy as *const (),
        BuiltinId::Memmove => platform::memmove as *const (),
        BuiltinId::Memset => platform::memset as *const (),
        BuiltinId::Ceil => platform::ceil as *const (),
        BuiltinId::Ceilf => platform::ceilf as *const (),
        BuiltinId::Floor => platform::floor as *const (),
        BuiltinId::Floorf => platform::floorf as *const (),
        BuiltinId::Trunc => platform::trunc as *const (),
        BuiltinId::Truncf => platform::truncf as *const (),
        // The rounding mode is always to nearest, ties to even.
        BuiltinId::Roundeven | BuiltinId::Rint | BuiltinId::Nearbyint => {
            platform::roundeven as *const ()
        }
        BuiltinId::Roundevenf | BuiltinId::Rintf | BuiltinId::Nearbyintf => {
            platform::roundevenf as *const ()
        }
        // All that is left is arithmetic.
        _ => arithmetic::address(id)?,
    };
    Some(address as usize)
}
