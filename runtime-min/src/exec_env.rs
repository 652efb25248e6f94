//! What compiled code shares with the runtime, field by field as `loader`'s layout list has it: exec
//! env, callee contexts, memories, tables and function references.
//!
//! The exec env is a thread's state; a store has one. Every callee context (an instance, or the context
//! of a host function) points to it, so that compiled code finds it wherever it runs.

use crate::{Error, arch, exception::TagData, store::StoreInner};
use alloc::{boxed::Box, vec::Vec};
use core::{
    mem::offset_of,
    ops::Range,
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicPtr},
};
use wamr_aot_loader::layout::{self, PointerWidth};

/// State of a thread that runs compiled code; see `layout::exec_env`.
#[repr(C)]
pub(crate) struct ExecEnv {
    pub stack_limit: usize,
    pub current_frame: usize,
    pub host_sp: usize,
    pub exit_sp: usize,
    pub stack_top: usize,
    pub trap_pc: usize,
    pub trap_sp: usize,
    pub trap_fp: usize,
    pub arguments: *mut u64,
    pub trap_cause: u32,
    pub trap_ip: u32,
}

impl ExecEnv {
    /// Is compiled code running, rather than the host? Between an entry and its return the host runs
    /// only after an exit, which sets `exit_sp`.
    #[cfg(feature = "std")]
    pub fn in_wasm(&self) -> bool {
        self.host_sp != 0 && self.exit_sp == 0
    }
}

/// The exec env with what only the runtime knows of the thread. Compiled code holds its address, so it
/// never moves; it is reached through raw pointers only.
#[repr(C)]
pub(crate) struct ExecState {
    pub env: ExecEnv,
    /// The registers at a trap.
    pub trap: TrapState,
    /// The code is stopped at a poll, rather than at a call. Set while the frames at a
    /// poll are read, and by a poll that traps.
    pub is_at_poll: bool,
    /// Somebody wants the code to stop. Set by any thread; taken back when the outermost entry has
    /// ended with the trap.
    pub interrupt: AtomicBool,
    /// The store's code shall call the runtime at its next poll: what the poll word of a new instance starts with.
    pub poll_asked: AtomicBool,
    /// The callee context of the youngest instance, or null. Other threads follow the chain to the poll
    /// words.
    pub youngest_instance: AtomicPtr<CalleeContext>,
    /// The store whose code runs.
    pub store: NonNull<StoreInner>,
    /// What a host function left for the entry that its trap lands in.
    pub pending: Option<Pending>,
    /// Addresses below the stack that fault when the stack is used up.
    pub stack_guard: Range<usize>,
    /// Address ranges reserved for the store's memories; a fault there is an access out of bounds.
    /// Changed only while the host runs, so that a signal handler that interrupts compiled code can
    /// read it.
    pub reservations: Vec<Range<usize>>,
    /// Address of the exception that is about to land.
    pub exception: usize,
    /// The group that the store's thread can be stopped with. It is left before anything of the store
    /// goes away.
    #[cfg(feature = "std")]
    pub membership: Option<crate::host::stop::Membership>,
}

/// What a trap leaves for who looks at the stack afterwards, beside the exec env's own fields.
#[repr(C)]
#[derive(Default)]
pub(crate) struct TrapState {
    /// Where the callee-saved registers are: on the wasm stack, if the trap left by an exit, or in
    /// `saved` after `wamr_trap`. 0 if a signal handler found the trap; then they are in `saved` too,
    /// and `trap_pc` is the instruction's address, not that of a call's last byte.
    pub saved_at: usize,
    /// The registers.
    pub saved: arch::Saved,
}

impl TrapState {
    /// Was the trap found by a signal handler?
    #[cfg(feature = "std")]
    pub fn is_interrupted(&self) -> bool {
        self.saved_at == 0
    }

    /// Offset in the exec state of `saved_at`.
    pub const SAVED_AT: usize = offset_of!(ExecState, trap) + offset_of!(TrapState, saved_at);
    /// Offset in the exec state of `saved`.
    pub const SAVED: usize = offset_of!(ExecState, trap) + offset_of!(TrapState, saved);
}

/// Why a host function did not return normally.
pub(crate) enum Pending {
    /// It returned an error.
    Error(Error),
    /// It panicked.
    #[cfg(feature = "std")]
    Panic(Box<dyn core::any::Any + Send>),
}

/// What every callee context starts with; see `layout::callee_context`.
#[repr(C)]
pub(crate) struct CalleeContext {
    pub exec_env: *mut ExecState,
    pub runtime: *const RuntimeContext,
    pub poll_word: u32,
    pub padding: u32,
}

/// Whose callee context it is.
pub(crate) enum RuntimeContext {
    /// An instance.
    Instance {
        /// Its index in the store.
        index: u32,
        /// The context of the instance before it, or null.
        older: *mut CalleeContext,
    },
    /// A host function.
    Host(HostContext),
}

/// What a host function's context knows.
pub(crate) struct HostContext {
    /// Index of the function in the store.
    pub func: u32,
    /// The function itself; the store's list holds another reference to it.
    pub function: alloc::rc::Rc<crate::func::HostFunction>,
    /// The instance that imports it, if the context was made for an import.
    pub caller: Option<u32>,
}

/// See `layout::memory_entry`.
#[repr(C)]
pub(crate) struct MemoryEntry {
    pub base: *mut u8,
    pub definition: *mut MemoryDefinition,
}

/// See `layout::memory_definition`.
#[repr(C)]
pub(crate) struct MemoryDefinition {
    pub base: *mut u8,
    pub byte_length: usize,
}

/// See `layout::table_definition`.
#[repr(C)]
pub(crate) struct TableDefinition {
    pub elements: *mut usize,
    pub length: usize,
}

/// See `layout::func_ref`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct FuncRef {
    pub code: usize,
    pub context: *mut CalleeContext,
    pub ty: usize,
}

/// See `layout::exception`.
#[repr(C)]
pub(crate) struct ExceptionHeader {
    pub tag: *const TagData,
    pub values: [u64; 0],
}

/// The cause of a trap that is none: an exception lands, at what the exec state says.
pub(crate) const CAUGHT: u32 = u32::MAX;

/// A value that compiled code points to: allocated once, reached through raw pointers, freed with its
/// owner. (A `Box` that is moved would lay claim to the only way to its contents.)
pub(crate) struct Shared<T>(NonNull<T>);

impl<T> Shared<T> {
    pub fn new(value: T) -> Self {
        Shared(NonNull::from(Box::leak(Box::new(value))))
    }

    pub fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer comes from `Box::leak` in `new`, and is dropped once. Whoever holds copies
        // of it uses them only while the owner lives.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

macro_rules! assert_layout {
    ($( $module:ident = $type:ty { $($field:ident),* $(,)? } )*) => {
        $(
            $( const _: () = assert!(offset_of!($type, $field) == layout::$module::$field(PointerWidth::HOST) as usize); )*
            const _: () = assert!(size_of::<$type>() == layout::$module::size(PointerWidth::HOST) as usize);
        )*
    };
}

assert_layout! {
    exec_env = ExecEnv {
        stack_limit, current_frame, host_sp, exit_sp, stack_top, trap_pc, trap_sp, trap_fp, arguments,
        trap_cause, trap_ip,
    }
    callee_context = CalleeContext { exec_env, runtime, poll_word, padding }
    memory_entry = MemoryEntry { base, definition }
    memory_definition = MemoryDefinition { base, byte_length }
    table_definition = TableDefinition { elements, length }
    func_ref = FuncRef { code, context, ty }
    exception = ExceptionHeader { tag, values }
}

const _: () = assert!(offset_of!(ExecState, env) == 0);
