//! The store: owner of everything that runs together on one thread.

use crate::{
    Error, Func, Module,
    exception::{Exceptions, TagData},
    exec_env::{CalleeContext, ExecEnv, ExecState, FuncRef, RuntimeContext, Shared, TrapState},
    func::FuncData,
    global::GlobalData,
    instance::InstanceData,
    memory::MemoryData,
    platform::StackMemory,
    poll::Observer,
    table::TableData,
    types::{CanonicalType, ModuleTypes, TypeRegistry, slots},
    value::{ExternRefs, StoreId},
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::{
    fmt,
    ptr::{self, NonNull},
    sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
};
use wamr_aot_loader::layout::STACK_RESERVE;

/// How a store is set up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreConfig {
    /// Bytes of stack for compiled code, guard pages not included.
    pub stack_size: usize,
    /// Upper bound on the size of every memory, in pages of 64 KiB.
    pub max_memory_pages: Option<u64>,
    /// Upper bound on the size of every table, in elements. The default is that of WebAssembly's
    /// JavaScript interface.
    pub max_table_elements: u64,
    /// How many frames a trap captures at most.
    pub max_trap_frames: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            stack_size: crate::platform::DEFAULT_STACK_SIZE,
            max_memory_pages: None,
            max_table_elements: 10_000_000,
            max_trap_frames: 256,
        }
    }
}

/// Owner of instances, functions, memories, tables and globals. They live as long as the store;
/// handles to them are indices and are checked to be of the right store.
pub struct Store {
    inner: NonNull<StoreInner>,
}

/// What a store owns. Compiled code points to the exec env, and the exec env here, so this does not
/// move. While compiled code runs nobody holds a reference to it; each exit makes its own.
pub(crate) struct StoreInner {
    id: StoreId,
    pub config: StoreConfig,
    exec: Shared<ExecState>,
    pub types: TypeRegistry,
    pub instances: Vec<InstanceData>,
    pub funcs: Vec<FuncData>,
    pub tables: Vec<TableData>,
    pub memories: Vec<MemoryData>,
    pub globals: Vec<GlobalData>,
    pub externs: ExternRefs,
    pub tags: Vec<Shared<TagData>>,
    pub exceptions: Exceptions,
    /// The modules that have instances, each once.
    pub modules: Vec<Module>,
    /// A host thunk for each canonical type (by address) that a module has brought one for.
    host_thunks: BTreeMap<usize, usize>,
    /// Host functions whose type has no host thunk so far.
    without_thunk: Vec<u32>,
    /// Sees the frames at each poll.
    pub poll_observer: Option<Observer>,
    /// What handles share that other threads stop the code with.
    #[cfg(feature = "std")]
    pub interrupts: Option<alloc::sync::Arc<crate::host::interrupt::Target>>,
    /// Where compiled code passes arguments that registers cannot take.
    arguments: Vec<u64>,
    /// Contexts that function references of host functions point to.
    contexts: Vec<(Shared<CalleeContext>, Shared<RuntimeContext>)>,
    /// Freed last: nothing above may run code on it any more.
    _stack: StackMemory,
}

/// The next store's number.
static NEXT_ID: AtomicUsize = AtomicUsize::new(1);

impl Store {
    /// An empty store with a stack of its own.
    ///
    /// # Errors
    ///
    /// The system has no memory for the stack.
    pub fn new(config: StoreConfig) -> Result<Store, Error> {
        let size = config
            .stack_size
            .checked_add(STACK_RESERVE as usize)
            .ok_or(Error::Resource("the stack"))?;
        let stack = StackMemory::new(size)?;
        Ok(Store::with_stack_memory(config, stack))
    }

    /// An empty store whose compiled code runs on `stack`, as where there is no heap to spare. The
    /// configuration's stack size does not count.
    ///
    /// # Errors
    ///
    /// The stack is smaller than what compiled code needs at least, twice
    /// [`STACK_RESERVE`].
    ///
    /// # Safety
    ///
    /// Nothing faults below this stack. So whatever runs in the store is compiled with stack checks
    /// (`--stack-bounds-checks=1`), or is known not to use more than there is.
    pub unsafe fn with_stack(
        config: StoreConfig,
        stack: &'static mut [u8],
    ) -> Result<Store, Error> {
        if stack.len() < 2 * STACK_RESERVE as usize {
            return Err(Error::Resource("the stack"));
        }
        Ok(Store::with_stack_memory(
            config,
            StackMemory::from_static(stack),
        ))
    }

    fn with_stack_memory(config: StoreConfig, stack: StackMemory) -> Store {
        let exec = Shared::new(ExecState {
            env: ExecEnv {
                stack_limit: stack.limit().saturating_add(STACK_RESERVE as usize),
                current_frame: 0,
                host_sp: 0,
                exit_sp: 0,
                stack_top: stack.top() & !15,
                trap_pc: 0,
                trap_sp: 0,
                trap_fp: 0,
                arguments: core::ptr::null_mut(),
                trap_cause: 0,
                trap_ip: 0,
            },
            trap: TrapState::default(),
            is_at_poll: false,
            interrupt: AtomicBool::new(false),
            poll_asked: AtomicBool::new(false),
            youngest_instance: AtomicPtr::new(ptr::null_mut()),
            store: NonNull::dangling(),
            pending: None,
            stack_guard: stack.guard(),
            reservations: Vec::new(),
            exception: 0,
            #[cfg(feature = "std")]
            membership: None,
        });
        let inner = Box::new(StoreInner {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            config,
            exec,
            types: TypeRegistry::default(),
            instances: Vec::new(),
            funcs: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            externs: ExternRefs::default(),
            tags: Vec::new(),
            exceptions: Exceptions::default(),
            modules: Vec::new(),
            host_thunks: BTreeMap::new(),
            without_thunk: Vec::new(),
            poll_observer: None,
            #[cfg(feature = "std")]
            interrupts: None,
            arguments: Vec::new(),
            contexts: Vec::new(),
            _stack: stack,
        });
        let exec = inner.exec.as_ptr();
        let inner = NonNull::from(Box::leak(inner));
        // SAFETY: the exec env was just made, and nothing else refers to it.
        unsafe { (*exec).store = inner };
        Store { inner }
    }

    /// The store that `inner` is of, once more: for the time that a host function runs.
    ///
    /// # Safety
    ///
    /// The original is not used, and nothing borrows from it, while this one is; and this one is never
    /// dropped.
    pub(crate) unsafe fn from_inner(inner: NonNull<StoreInner>) -> Store {
        Store { inner }
    }

    pub(crate) fn as_ptr(&self) -> NonNull<StoreInner> {
        self.inner
    }

    pub(crate) fn inner(&self) -> &StoreInner {
        // SAFETY: the pointer is valid until the store is dropped. A reference to the store is borrowed
        // for as long as the result, and changes go through an exclusive one only.
        unsafe { self.inner.as_ref() }
    }

    pub(crate) fn inner_mut(&mut self) -> &mut StoreInner {
        // SAFETY: as in `inner`, with the exclusive reference in hand.
        unsafe { self.inner.as_mut() }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        f.debug_struct("Store")
            .field("id", &inner.id)
            .field("instances", &inner.instances.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the pointer is valid, and nothing borrows from the store.
        let entered = unsafe { (*self.inner().exec()).env.host_sp != 0 };
        // A host function that was called from this very store got hold of it. Its code is going to be
        // returned to, so it has to stay; the call that is on its way back will see what happened and
        // abort.
        if !entered {
            #[cfg(feature = "std")]
            if let Some(target) = &self.inner().interrupts {
                // Whoever holds a handle must not reach the exec state any more.
                target.close();
            }
            // SAFETY: the pointer is valid, and no code runs. Nor can who stops the group look here any
            // more.
            #[cfg(feature = "std")]
            unsafe {
                (*self.inner().exec()).membership = None;
            }
            // SAFETY: the pointer comes from `Box::leak`; this is the store's only owner.
            drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
        }
    }
}

impl StoreInner {
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// The thread state of the store's code.
    pub fn exec(&self) -> *mut ExecState {
        self.exec.as_ptr()
    }

    /// The values of an exception that compiled code throws, in as many slots.
    pub fn thrown_values(&self, slots: usize) -> Vec<u64> {
        // Compiled code writes them through a pointer of its own.
        let start = self.arguments.as_ptr();
        (0..slots.min(self.arguments.len()))
            // SAFETY: in the array, which the code that writes there has left.
            .map(|slot| unsafe { start.add(slot).read_volatile() })
            .collect()
    }

    /// The function of a handle.
    pub fn func(&self, func: Func) -> Result<&FuncData, Error> {
        if func.store != self.id {
            return Err(Error::WrongStore);
        }
        self.funcs.get(func.index as usize).ok_or(Error::WrongStore)
    }

    /// Remembers a function's data.
    pub fn add_func(&mut self, data: FuncData) -> Func {
        let func = Func {
            store: self.id,
            index: index(self.funcs.len()),
        };
        self.funcs.push(data);
        func
    }

    /// Remembers a module that gets an instance, and what it brings for host functions.
    pub fn add_module(&mut self, module: &Module, types: &ModuleTypes) {
        if self.modules.iter().any(|known| known.is(module)) {
            return;
        }
        self.modules.push(module.clone());
        self.reserve_arguments(module);
        for (i, number) in (0..).zip(types.numbers()) {
            if let (Some(thunk), Some(ty)) = (module.host_thunk(i), self.types.get(*number)) {
                self.host_thunks.entry(ty.address()).or_insert(thunk);
            }
        }
        let funcs = &self.funcs;
        let thunks = &self.host_thunks;
        self.without_thunk.retain(|func| {
            let Some(func) = funcs.get(*func as usize) else {
                return false;
            };
            let func_ref = func.func_ref();
            // SAFETY: the store's function references are valid, and no code runs now that reads them.
            match thunks.get(unsafe { &(*func_ref).ty }) {
                Some(thunk) => {
                    // SAFETY: as above.
                    unsafe { (*func_ref).code = *thunk };
                    false
                }
                None => true,
            }
        });
    }

    /// Makes room for the arguments of a module's functions. Nothing is there now: a callee takes its arguments before
    /// anything else runs.
    fn reserve_arguments(&mut self, module: &Module) {
        let slots = module
            .types()
            .iter()
            .map(|ty| slots(ty.func.params()))
            .max();
        let slots = slots.unwrap_or(0);
        if slots > self.arguments.len() {
            self.arguments = alloc::vec![0; slots];
            // SAFETY: the exec state lives as long as the store, and no compiled code runs now.
            unsafe { (*self.exec()).env.arguments = self.arguments.as_mut_ptr() };
        }
    }

    /// The code of a reference to a host function of this type: it has to be called as compiled code
    /// calls. If no module has brought a thunk of the type so far, no code can call it either, since the type
    /// has no super types; and the reference gets its code later.
    pub fn host_code(&mut self, ty: &CanonicalType, func: u32) -> usize {
        match self.host_thunks.get(&ty.address()) {
            Some(thunk) => *thunk,
            None => {
                self.without_thunk.push(func);
                crate::arch::no_host_thunk as *const () as usize
            }
        }
    }

    /// A callee context for a host function; lives as long as the store.
    pub fn add_context(&mut self, runtime: RuntimeContext) -> *mut CalleeContext {
        let runtime = Shared::new(runtime);
        let context = Shared::new(CalleeContext {
            exec_env: self.exec(),
            runtime: runtime.as_ptr(),
            poll_word: 0,
            padding: 0,
        });
        let address = context.as_ptr();
        self.contexts.push((context, runtime));
        address
    }

    /// The handle of the function that a reference of compiled code stands for; `None` for null.
    ///
    /// # Safety
    ///
    /// The reference is null, or one of this store's.
    pub unsafe fn func_of_ref(&mut self, func_ref: *const FuncRef) -> Option<Func> {
        if func_ref.is_null() {
            return None;
        }
        // SAFETY: as the caller promises.
        let FuncRef { code, context, .. } = unsafe { *func_ref };
        // SAFETY: a function reference's context is valid as long as the store.
        match unsafe { &*(*context).runtime } {
            RuntimeContext::Host(host) => Some(Func {
                store: self.id,
                index: host.func,
            }),
            RuntimeContext::Instance {
                index: instance, ..
            } => {
                let index = self
                    .instances
                    .get(*instance as usize)?
                    .function_of_ref(func_ref as usize, code)?;
                self.instance_func(*instance, index).ok()
            }
        }
    }

    /// Is this the address of a function reference of the store? For values that are not known to be
    /// live.
    pub fn is_func_ref(&self, address: usize) -> bool {
        self.funcs
            .iter()
            .any(|func| func.func_ref() as usize == address)
            || self
                .instances
                .iter()
                .any(|instance| instance.has_func_ref(address))
    }
}

/// A position in one of the store's lists as a handle has it.
///
/// # Panics
///
/// There are 2³² things of a kind; each takes far more than a byte, so the memory is used up long before.
pub(crate) fn index(position: usize) -> u32 {
    match u32::try_from(position) {
        Ok(index) => index,
        Err(_) => panic!("more than 2^32 things in one store"),
    }
}
