//! `memory.atomic.wait` and `memory.atomic.notify`.

use crate::{
    builtins::{Exit, instance},
    memory::MemoryData,
    store::StoreInner,
};
use core::sync::atomic::{AtomicU32, Ordering};
use wamr_aot_loader::trap::TrapCause;

/// The value that a wait wants to find.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    Word(u32),
    Double(u64),
}

impl Expected {
    fn size(self) -> u64 {
        match self {
            Expected::Word(_) => 4,
            Expected::Double(_) => 8,
        }
    }

    /// Is it at this address?
    ///
    /// # Safety
    ///
    /// The address is aligned, and that of so many bytes of a memory.
    unsafe fn is_at(self, place: *mut u8) -> bool {
        // SAFETY: as the caller promises. Compiled code writes there with atomic instructions, if the program
        // has no race.
        unsafe {
            match self {
                Expected::Word(value) => {
                    AtomicU32::from_ptr(place.cast()).load(Ordering::SeqCst) == value
                }
                #[cfg(target_has_atomic = "64")]
                Expected::Double(value) => {
                    use core::sync::atomic::AtomicU64;
                    AtomicU64::from_ptr(place.cast()).load(Ordering::SeqCst) == value
                }
                // There are no threads either.
                #[cfg(not(target_has_atomic = "64"))]
                Expected::Double(value) => place.cast::<u64>().read_volatile() == value,
            }
        }
    }
}

fn memory(store: &StoreInner, of: u32, memory: u32) -> Result<&MemoryData, TrapCause> {
    let index = instance(store, of)?.memory(memory)?;
    (store.memories.get(index as usize)).ok_or(TrapCause::MemoryOutOfBounds)
}

/// How many were woken.
///
/// # Safety
///
/// The exit is this thread's, and nothing borrows from its store. So it is for `wait`.
pub(crate) unsafe fn notify(exit: Exit, index: u32, address: u64, count: u32) -> u32 {
    exit.with_instance(|store, of| {
        let memory = memory(store, of, index)?;
        let place = memory.atomic_place(address, 4)?;
        #[cfg(all(feature = "std", target_pointer_width = "64"))]
        if let Some(shared) = memory.as_shared() {
            return Ok(shared.notify(place as usize, count));
        }
        let _ = (place, count);
        // Nobody can wait.
        Ok(0)
    })
}

/// What the instruction returns.
#[cfg(all(feature = "std", target_pointer_width = "64"))]
pub(crate) unsafe fn wait(
    exit: Exit,
    index: u32,
    address: u64,
    expected: Expected,
    timeout: u64,
) -> u32 {
    use crate::host::shared_memory::wait_outside;
    // The store is let go of before the thread waits: who stops it looks there.
    let found = exit.with_instance(|store, of| {
        let memory = memory(store, of, index)?;
        let place = memory.atomic_place(address, expected.size())?;
        let shared = memory.as_shared().ok_or(TrapCause::ExpectedSharedMemory)?;
        Ok(Some((shared.clone(), place)))
    });
    let Some((shared, place)) = found else {
        return 0;
    };
    // SAFETY: as the caller promises; the memory is kept by `shared`, and the place is inside it.
    unsafe {
        let is_equal = || expected.is_at(place);
        let timeout = timeout.cast_signed();
        let waited = wait_outside(exit.exec, &shared, place as usize, is_equal, timeout);
        if (*exit.exec).interrupt.load(Ordering::SeqCst) {
            exit.trap(TrapCause::Interrupted);
        }
        waited as u32
    }
}

/// Without threads nobody would ever wake who waits, and without a clock time does not end.
#[cfg(not(all(feature = "std", target_pointer_width = "64")))]
pub(crate) unsafe fn wait(
    exit: Exit,
    index: u32,
    address: u64,
    expected: Expected,
    _timeout: u64,
) -> u32 {
    use crate::{Error, exec_env::Pending};
    exit.with_instance(|store, of| {
        let memory = memory(store, of, index)?;
        let place = memory.atomic_place(address, expected.size())?;
        if !memory.ty.limits.shared {
            return Err(TrapCause::ExpectedSharedMemory);
        }
        // SAFETY: the place is inside the memory, and aligned.
        if !unsafe { expected.is_at(place) } {
            return Ok(1);
        }
        // SAFETY: the exec state of an exit is valid.
        unsafe {
            (*exit.exec).pending = Some(Pending::Error(Error::Unsupported(
                "waiting in a shared memory without threads",
            )));
        }
        Err(TrapCause::HostError)
    })
}
