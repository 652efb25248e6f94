//! wasi-threads: a program starts threads of its own by the import `wasi.thread-spawn`.
//!
//! Each thread is a store with an instance of the program's module, on a thread of the system's. All have the
//! same code and the same shared memories; globals and tables are each thread's own. The program ends
//! with its main thread, or with the first thread that traps or exits, and takes all others with it.

use crate::{
    Error, ExternType, FuncType, Instance, InterruptHandle, Linker, Memory, Module, SharedMemory,
    Store, StoreConfig, Trap, TrapCause, TypedFunc, ValType,
};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
};

/// The module name under which programs import [`SPAWN`].
pub const MODULE: &str = "wasi";
/// `(start_arg: i32) -> i32`: the new thread's number, or a negative one if there is none.
pub const SPAWN: &str = "thread-spawn";
/// What a program exports: `(tid: i32, start_arg: i32)`.
pub const START: &str = "wasi_thread_start";

/// The main thread's number.
const MAIN: i32 = 0;
/// The largest number of another thread; the upper bits are for what a C library keeps beside it.
const MAX_TID: i32 = 0x1fff_ffff;
/// What `thread-spawn` returns if there can be no thread.
const FAILED: i32 = -1;
/// How long the end of a program waits for threads which the host keeps.
const PATIENCE: Duration = Duration::from_secs(1);

/// A program of several threads. Clones are the same program.
#[derive(Clone)]
pub struct Program(Arc<Inner>);

struct Inner {
    module: Module,
    config: StoreConfig,
    max_threads: usize,
    /// By module name and name.
    memories: Vec<(String, String, SharedMemory)>,
    prepare: Box<Prepare>,
    state: Mutex<State>,
    /// A thread has ended.
    changed: Condvar,
}

type Prepare = dyn Fn(&mut Store, &mut Linker) -> Result<(), Error> + Send + Sync;

#[derive(Default)]
struct State {
    /// The program ends, and starts no threads any more.
    is_ending: bool,
    /// Why, if it was not the main thread's return.
    failure: Option<Error>,
    last_tid: i32,
    /// By number. Without a handle those that run no code yet, or no more.
    threads: BTreeMap<i32, Option<InterruptHandle>>,
}

impl Program {
    /// A program of this module, its shared memories made. `max_threads` counts the main thread too.
    /// `prepare` sees to each thread's store, and defines all imports but the shared memories and `thread-spawn`.
    ///
    /// # Errors
    ///
    /// The module starts threads and exports no `wasi_thread_start` for them, or there is no address space.
    pub fn new(
        module: &Module,
        config: StoreConfig,
        max_threads: usize,
        prepare: impl Fn(&mut Store, &mut Linker) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<Program, Error> {
        let start = (module.exports()).find(|(name, _)| *name == START);
        let expected = ExternType::Func(FuncType::new([ValType::I32; 2], []));
        match start {
            None if starts_threads(module) => return Err(wrong_start("nothing")),
            Some((_, found)) if found != expected => return Err(wrong_start(found)),
            _ => {}
        }
        let mut memories: Vec<(String, String, SharedMemory)> = Vec::new();
        for (from, name, ty) in module.imports() {
            let ExternType::Memory(ty) = ty else { continue };
            let is_known = memories
                .iter()
                .any(|known| known.0 == from && known.1 == name);
            if ty.limits.shared && !is_known {
                let memory = SharedMemory::limited(ty, config.max_memory_pages)?;
                memories.push((from.to_owned(), name.to_owned(), memory));
            }
        }
        Ok(Program(Arc::new(Inner {
            module: module.clone(),
            config,
            max_threads,
            memories,
            prepare: Box::new(prepare),
            state: Mutex::default(),
            changed: Condvar::new(),
        })))
    }

    /// Is a module made for threads: does it import a shared memory, or start threads?
    pub fn is_threaded(module: &Module) -> bool {
        let shares = |ty: &ExternType| matches!(ty, ExternType::Memory(ty) if ty.limits.shared);
        starts_threads(module) || module.imports().any(|(.., ty)| shares(&ty))
    }

    /// Makes the main thread's instance, in a store of this thread's.
    ///
    /// # Errors
    ///
    /// As [`Linker::instantiate`]; also if an import is defined twice.
    pub fn instantiate(&self, store: &mut Store) -> Result<Instance, Error> {
        let handle = store.interrupt_handle();
        self.0.lock().threads.insert(MAIN, Some(handle));
        self.link(store)
    }

    /// The main thread has ended with this result, and so does the program: all other threads are stopped.
    /// A thread that the host does not let go of, such as one that reads from a terminal, is left after a second.
    ///
    /// # Errors
    ///
    /// That of the thread that failed first.
    pub fn finish<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        let (value, failure) = match result {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error)),
        };
        self.0.end(MAIN, failure);
        let mut state = self.0.lock();
        state.threads.remove(&MAIN);
        let waited = self
            .0
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !state.threads.is_empty());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match (state.failure.take(), value) {
            (None, Some(value)) => Ok(value),
            (failure, _) => {
                // Without one it was the trap that ended this thread for another one's sake, long ago.
                Err(failure.unwrap_or_else(|| Trap::new(TrapCause::Interrupted).into()))
            }
        }
    }

    fn link(&self, store: &mut Store) -> Result<Instance, Error> {
        let inner = &self.0;
        let mut linker = Linker::new();
        (inner.prepare)(store, &mut linker)?;
        for (from, name, memory) in &inner.memories {
            let memory = Memory::from_shared(store, memory);
            linker.define(from, name, memory)?;
        }
        // Not a reference that would keep the program: the store may be kept beside it.
        let program: Weak<Inner> = Arc::downgrade(inner);
        linker.func_wrap(MODULE, SPAWN, move |argument: i32| -> i32 {
            match program.upgrade() {
                Some(inner) => spawn(&inner, argument),
                None => FAILED,
            }
        })?;
        linker.instantiate(store, &inner.module)
    }
}

impl core::fmt::Debug for Program {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Program")
            .field("max_threads", &self.0.max_threads)
            .field("threads", &self.0.lock().threads.len())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the program, because a thread has ended it. The first one counts.
    fn end(&self, tid: i32, failure: Option<Error>) {
        let mut state = self.lock();
        // It runs no more code.
        state.threads.insert(tid, None);
        if state.is_ending {
            return;
        }
        state.is_ending = true;
        state.failure = failure;
        for handle in state.threads.values().flatten() {
            handle.interrupt();
        }
    }

    /// Takes a number for a thread, if there may be one more.
    fn reserve(&self) -> Option<i32> {
        let mut state = self.lock();
        if state.is_ending || state.threads.len() >= self.max_threads {
            return None;
        }
        // Numbers are not used again as long as there are others, and never two at a time.
        loop {
            state.last_tid = state.last_tid % MAX_TID + 1;
            let tid = state.last_tid;
            if let Entry::Vacant(entry) = state.threads.entry(tid) {
                entry.insert(None);
                return Some(tid);
            }
        }
    }

    fn forget(&self, tid: i32) {
        self.lock().threads.remove(&tid);
        self.changed.notify_all();
    }
}

fn starts_threads(module: &Module) -> bool {
    (module.imports()).any(|(from, name, _)| from == MODULE && name == SPAWN)
}

fn wrong_start(found: impl core::fmt::Display) -> Error {
    Error::Type {
        expected: format!("an export `{START}`, func (i32, i32) -> ()"),
        found: found.to_string(),
    }
}

/// `thread-spawn`.
fn spawn(inner: &Arc<Inner>, argument: i32) -> i32 {
    let Some(tid) = inner.reserve() else {
        return FAILED;
    };
    let program = Program(inner.clone());
    let started = thread::Builder::new()
        .name(format!("wasm thread {tid}"))
        .spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| run(&program, tid, argument)));
            // The panic has been reported; nobody may wait for the thread for ever.
            let result = result
                .unwrap_or_else(|_| Err(Error::Host("a thread of the program panicked".into())));
            if let Err(error) = result {
                program.0.end(tid, Some(error));
            }
            program.0.forget(tid);
        });
    if started.is_err() {
        inner.forget(tid);
        return FAILED;
    }
    tid
}

/// A thread of the program's, from its start to its end.
fn run(program: &Program, tid: i32, argument: i32) -> Result<(), Error> {
    let inner = &program.0;
    let mut store = Store::new(inner.config.clone())?;
    {
        let mut state = inner.lock();
        if state.is_ending {
            return Ok(());
        }
        state.threads.insert(tid, Some(store.interrupt_handle()));
    }
    let instance = program.link(&mut store)?;
    let start = instance.get_func(&store, START);
    let start = start.ok_or_else(|| wrong_start("nothing"))?;
    let start: TypedFunc<(i32, i32), ()> = start.typed(&store)?;
    start.call(&mut store, (tid, argument))
}
