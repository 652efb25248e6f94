//! Memories that several threads have: outside of stores, and in each store that wants to use one.
//!
//! Waiting (`memory.atomic.wait`) is parking of the thread. A memory has a list of who waits at which
//! address; what is there is compared, and who notifies looks for whom to wake, under the list's lock. So no
//! thread goes to sleep after the change that it should have been woken for.

use crate::{
    Error, Memory, MemoryType, Store,
    exec_env::{ExecState, MemoryDefinition},
    memory::{Body, MemoryData},
};
use core::{
    fmt,
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, Thread},
    time::Instant,
};

/// A shared memory (threads proposal), for any number of stores on as many threads. Clones are the same memory.
#[derive(Clone)]
pub struct SharedMemory(Arc<Inner>);

struct Inner {
    ty: MemoryType,
    definition: Definition,
    reserved: Range<usize>,
    body: Mutex<Body>,
    /// By address, in the order in which they came.
    waiters: Mutex<BTreeMap<usize, VecDeque<Arc<Waiter>>>>,
}

/// Address of the body's definition.
struct Definition(*mut MemoryDefinition);

// SAFETY: what it points to lives as long as the body beside it. Its base never changes, and its length is
// reached as an atomic only.
unsafe impl Send for Definition {}
// SAFETY: as above.
unsafe impl Sync for Definition {}
// SAFETY: a body is an allocation and a mapping, neither of which belongs to a thread.
unsafe impl Send for Body {}

struct Waiter {
    thread: Thread,
    is_woken: AtomicBool,
}

/// How a wait ended. The numbers are what the instruction returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// Somebody has notified.
    Woken = 0,
    /// Another value than the expected one was there.
    NotEqual = 1,
    /// The time is over, or the store's code shall stop.
    TimedOut = 2,
}

impl SharedMemory {
    /// A memory of the type's initial size, all zero.
    ///
    /// # Errors
    ///
    /// The type is not shared, or there is no address space.
    pub fn new(ty: MemoryType) -> Result<SharedMemory, Error> {
        if !ty.limits.shared {
            return Err(Error::Type {
                expected: "a shared memory".into(),
                found: "an unshared one".into(),
            });
        }
        SharedMemory::limited(ty, None)
    }

    /// As [`new`](Self::new), with another upper limit in pages of 64 KiB.
    pub(crate) fn limited(ty: MemoryType, max_pages: Option<u64>) -> Result<SharedMemory, Error> {
        let body = Body::new(ty, max_pages)?;
        Ok(SharedMemory(Arc::new(Inner {
            ty,
            definition: Definition(body.definition()),
            reserved: body.reserved(),
            body: Mutex::new(body),
            waiters: Mutex::default(),
        })))
    }

    /// The type that it was made with.
    pub fn ty(&self) -> MemoryType {
        self.0.ty
    }

    pub(crate) fn definition(&self) -> *mut MemoryDefinition {
        self.0.definition.0
    }

    pub(crate) fn reserved(&self) -> Range<usize> {
        self.0.reserved.clone()
    }

    pub(crate) fn grow(&self, delta: u64) -> Option<u64> {
        lock(&self.0.body).grow(delta)
    }

    /// `memory.atomic.notify`: wakes up to `count` of those who wait at an address; how many.
    pub(crate) fn notify(&self, address: usize, count: u32) -> u32 {
        let mut waiters = lock(&self.0.waiters);
        let Some(here) = waiters.get_mut(&address) else {
            return 0;
        };
        let mut woken = 0;
        while woken < count
            && let Some(waiter) = here.pop_front()
        {
            waiter.is_woken.store(true, Ordering::Release);
            waiter.thread.unpark();
            woken += 1;
        }
        if here.is_empty() {
            waiters.remove(&address);
        }
        woken
    }

    /// `memory.atomic.wait`: waits at an address if `is_equal` finds the expected value there, for so many
    /// nanoseconds, or without end if they are negative. Ends early if `interrupt` is set; who sets it unparks the thread.
    pub(crate) fn wait(
        &self,
        address: usize,
        is_equal: impl FnOnce() -> bool,
        timeout: i64,
        interrupt: &AtomicBool,
    ) -> Waited {
        let waiter = Arc::new(Waiter {
            thread: thread::current(),
            is_woken: AtomicBool::new(false),
        });
        {
            let mut waiters = lock(&self.0.waiters);
            if !is_equal() {
                return Waited::NotEqual;
            }
            waiters
                .entry(address)
                .or_default()
                .push_back(waiter.clone());
        }
        let timeout = u64::try_from(timeout).ok().map(Duration::from_nanos);
        // What the clock cannot count never comes.
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if waiter.is_woken.load(Ordering::Acquire) {
                return Waited::Woken;
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) || interrupt.load(Ordering::SeqCst) {
                return self.give_up(address, &waiter);
            }
            match left {
                Some(left) => thread::park_timeout(left),
                None => thread::park(),
            }
        }
    }

    fn give_up(&self, address: usize, waiter: &Arc<Waiter>) -> Waited {
        let mut waiters = lock(&self.0.waiters);
        // Whoever has woken it in the last moment has counted it.
        if waiter.is_woken.load(Ordering::Acquire) {
            return Waited::Woken;
        }
        if let Some(here) = waiters.get_mut(&address) {
            here.retain(|other| !Arc::ptr_eq(other, waiter));
            if here.is_empty() {
                waiters.remove(&address);
            }
        }
        Waited::TimedOut
    }
}

impl Memory {
    /// The shared memory as one of the store's.
    pub fn from_shared(store: &mut Store, memory: &SharedMemory) -> Memory {
        let data = MemoryData::shared(memory.clone());
        store.inner_mut().add_memory(data)
    }

    /// What other stores can have of the memory; `None` if it is not shared.
    pub fn to_shared(&self, store: &Store) -> Option<SharedMemory> {
        store.inner().memory(*self).as_shared().cloned()
    }
}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMemory")
            .field("ty", &self.0.ty)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits as [`SharedMemory::wait`] does, where the thread counts as in the host.
///
/// # Safety
///
/// The exec state is valid and this thread's, its code stopped in an exit. Nothing borrows from its store.
pub(crate) unsafe fn wait_outside(
    exec: *mut ExecState,
    memory: &SharedMemory,
    address: usize,
    is_equal: impl FnOnce() -> bool,
    timeout: i64,
) -> Waited {
    // SAFETY: as the caller promises.
    unsafe {
        super::stop::leave_code(exec);
        let waited = memory.wait(address, is_equal, timeout, &(*exec).interrupt);
        super::stop::enter_code(exec);
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn memory() -> SharedMemory {
        SharedMemory::new(MemoryType {
            limits: Limits {
                min: 1,
                max: Some(2),
                is_64: false,
                shared: true,
            },
            page_size_log2: 16,
        })
        .expect("address space")
    }

    fn wait(memory: &SharedMemory, is_equal: bool, timeout: i64) -> Waited {
        memory.wait(8, || is_equal, timeout, &AtomicBool::new(false))
    }

    #[test]
    fn waits_end_by_value_time_and_interruption() {
        let memory = memory();
        assert_eq!(wait(&memory, false, -1), Waited::NotEqual);
        assert_eq!(wait(&memory, true, 0), Waited::TimedOut);
        assert_eq!(wait(&memory, true, 1000), Waited::TimedOut);
        let interrupt = AtomicBool::new(true);
        assert_eq!(memory.wait(8, || true, -1, &interrupt), Waited::TimedOut);
        // Nobody is left behind in the list.
        assert_eq!(memory.notify(8, u32::MAX), 0);
    }

    #[test]
    fn as_many_are_woken_as_were_asked_for() {
        let memory = memory();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let memory = memory.clone();
                thread::spawn(move || wait(&memory, true, -1))
            })
            .collect();
        let mut woken = 0;
        while woken < 2 {
            assert!(memory.notify(16, 1) == 0);
            woken += memory.notify(8, 2 - woken);
            thread::yield_now();
        }
        while woken < 3 {
            woken += memory.notify(8, u32::MAX);
            thread::yield_now();
        }
        for thread in threads {
            assert_eq!(thread.join().expect("no panic"), Waited::Woken);
        }
    }

    #[test]
    fn growth_is_seen_in_every_store() {
        let memory = memory();
        let mut stores = [0, 1].map(|_| Store::new(Default::default()).expect("a stack"));
        let handles = stores
            .each_mut()
            .map(|store| Memory::from_shared(store, &memory));
        assert_eq!(handles[0].grow(&mut stores[0], 1).ok(), Some(1));
        assert_eq!(handles[1].size_pages(&stores[1]), 2);
        assert!(handles[1].grow(&mut stores[1], 1).is_err());
        handles[0]
            .write(&mut stores[0], 65536, &[7])
            .expect("inside");
        let mut byte = [0];
        handles[1]
            .read(&stores[1], 65536, &mut byte)
            .expect("inside");
        assert_eq!(byte, [7]);
    }
}
