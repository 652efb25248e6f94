//! The exceptions of a store that live.
//!
//! Compiled code holds addresses of them wherever it likes, and gives none back. So when there are many, those that
//! nothing can refer to are freed: what is not a word of the stack in use, of a global, a table or an element
//! segment, or in another exception that lives. Words of the stack are taken for references if they
//! could be (H.-J. Boehm, M. Weiser: "Garbage collection in an uncooperative environment", 1988);
//! registers of stopped code are among them, since every exit saves them there.

use super::{ExnRef, TagData};
use crate::{
    Error, HeapType, ValType,
    exec_env::ExceptionHeader,
    store::{StoreInner, index},
    value::StoreId,
};
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};
use core::{mem, ptr::NonNull};

/// Exceptions that may live before the first collection.
const FIRST: usize = 1024;

/// The exceptions of a store.
pub(crate) struct Exceptions {
    /// By address.
    live: BTreeMap<usize, Live>,
    /// How many may live before the next collection.
    limit: usize,
    /// Addresses of those that the host has got as a value.
    pinned: Vec<usize>,
}

impl Default for Exceptions {
    fn default() -> Self {
        Exceptions {
            live: BTreeMap::new(),
            limit: FIRST,
            pinned: Vec::new(),
        }
    }
}

struct Live {
    memory: Memory,
    /// The host holds copies of this.
    held: Arc<()>,
    /// Its position among the pinned ones.
    pin: Option<u32>,
    is_marked: bool,
    trace: Trace,
}

/// What has been unwound so far: the frames between the throw and where the exception was caught last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    /// Youngest first, the one that has caught it last.
    pub points: Vec<Point>,
    /// How many more there were than the store's limit.
    pub omitted: usize,
    /// The stack pointer of the activation that has caught it.
    pub landed_sp: usize,
}

/// A place in the code of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// [`crate::Module::id`].
    pub module: usize,
    /// The defined function.
    pub function: u32,
    /// Offset in its code of the last byte of the call.
    pub offset: u32,
}

/// An exception's memory: a header and values. Reached through raw pointers only, since compiled code holds its
/// address.
struct Memory(NonNull<[u64]>);

impl Memory {
    fn new(tag: *const TagData, values: &[u64]) -> Self {
        let mut words = Vec::with_capacity(ExceptionHeader::WORDS + values.len());
        words.resize(ExceptionHeader::WORDS, 0);
        words.extend_from_slice(values);
        let memory = Memory(NonNull::from(Box::leak(words.into_boxed_slice())));
        let header = memory.header();
        // SAFETY: it was just made, with room for a header.
        unsafe { (*header).tag = tag };
        memory
    }

    fn header(&self) -> *mut ExceptionHeader {
        self.0.as_ptr().cast()
    }

    fn values(&self) -> &[u64] {
        // SAFETY: the memory is valid; values never change.
        let words = unsafe { self.0.as_ref() };
        words.get(ExceptionHeader::WORDS..).unwrap_or(&[])
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: comes from `Box::leak` in `new`, and is dropped once, when nothing refers to it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Exceptions {
    /// How many live.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Are there so many that it is time to free some?
    pub fn is_crowded(&self) -> bool {
        self.live.len() >= self.limit
    }

    /// Makes an exception; yields its address.
    pub fn add(&mut self, tag: *const TagData, values: &[u64]) -> usize {
        let memory = Memory::new(tag, values);
        let address = memory.header() as usize;
        self.live.insert(
            address,
            Live {
                memory,
                held: Arc::new(()),
                pin: None,
                is_marked: false,
                trace: Trace::default(),
            },
        );
        address
    }

    /// The exception at an address, if there is one that lives.
    pub fn header(&self, address: usize) -> Option<*const ExceptionHeader> {
        Some(self.live.get(&address)?.memory.header())
    }

    /// What keeps the exception alive as long as the host has a copy.
    pub fn hold(&self, address: usize) -> Option<Arc<()>> {
        Some(self.live.get(&address)?.held.clone())
    }

    /// Takes away what was unwound so far.
    pub fn take_trace(&mut self, address: usize) -> Trace {
        let live = self.live.get_mut(&address);
        live.map(|live| mem::take(&mut live.trace))
            .unwrap_or_default()
    }

    /// Notes what was unwound so far.
    pub fn set_trace(&mut self, address: usize, trace: Trace) {
        if let Some(live) = self.live.get_mut(&address) {
            live.trace = trace;
        }
    }

    /// The exception as a value of the host's, which keeps it for good; `None` for null and for what is none.
    pub fn pin(&mut self, store: StoreId, address: usize) -> Option<ExnRef> {
        let live = self.live.get_mut(&address)?;
        let pinned = &mut self.pinned;
        let index = *live.pin.get_or_insert_with(|| {
            pinned.push(address);
            index(pinned.len() - 1)
        });
        Some(ExnRef { store, index })
    }

    /// Address of the exception that a value refers to.
    pub fn pinned(&self, store: StoreId, reference: ExnRef) -> Result<usize, Error> {
        let address = self.pinned.get(reference.index as usize).copied();
        address
            .filter(|_| reference.store == store)
            .ok_or(Error::WrongStore)
    }

    /// Marks what a word may refer to; notes it for its own values.
    fn mark(&mut self, word: usize, pending: &mut Vec<usize>) {
        if let Some(live) = self.live.get_mut(&word)
            && !mem::replace(&mut live.is_marked, true)
        {
            pending.push(word);
        }
    }

    /// Frees what none of the words refers to, directly or not.
    fn collect(&mut self, words: impl Iterator<Item = usize>) {
        let mut pending = Vec::new();
        let is_kept = |live: &Live| live.pin.is_some() || Arc::strong_count(&live.held) > 1;
        for (address, live) in &mut self.live {
            live.is_marked = is_kept(live);
            if live.is_marked {
                pending.push(*address);
            }
        }
        // Most words of a stack are far from any exception, and comparisons cost less than a look-up.
        if let (Some((&first, _)), Some((&last, _))) =
            (self.live.first_key_value(), self.live.last_key_value())
        {
            for word in words.filter(|word| (first..=last).contains(word)) {
                self.mark(word, &mut pending);
            }
        }
        while let Some(address) = pending.pop() {
            let values = self
                .live
                .get(&address)
                .map(|live| live.memory.values().to_vec());
            for value in values.unwrap_or_default() {
                self.mark(value as usize, &mut pending);
            }
        }
        self.live.retain(|_, live| live.is_marked);
        self.limit = FIRST.max(2 * self.live.len());
    }
}

impl StoreInner {
    /// Frees the exceptions that nothing refers to. `values` is what a new one is going to hold.
    pub(super) fn collect_exceptions(&mut self, values: &[u64]) {
        let is_exn = |ty: ValType| matches!(ty, ValType::Ref(ty) if ty.heap.top() == HeapType::Exn);
        let mut words: Vec<usize> = values.iter().map(|value| *value as usize).collect();
        let globals = self.globals.iter();
        let globals = globals.filter(|global| is_exn(global.ty.ty));
        words.extend(globals.map(|global| global.read()[0] as usize));
        for table in &self.tables {
            if is_exn(table.ty.element) {
                words.extend_from_slice(table.elements());
            }
        }
        for instance in &self.instances {
            let segments = instance.elements.iter();
            words.extend(segments.flat_map(|segment| segment.iter().copied()));
        }
        // SAFETY: the exec state is valid. Code of the store is stopped in exits, or there is none.
        let (low, high) = unsafe {
            let env = &(*self.exec()).env;
            (env.exit_sp, env.stack_top)
        };
        let size = size_of::<usize>();
        let stack = (low != 0).then(|| (low..high).step_by(size));
        let stack = stack.into_iter().flatten().map(|at| {
            // SAFETY: in the part of the stack that is in use, and aligned; the code that writes there is stopped.
            // Volatile, so that nothing is concluded from who wrote it when.
            unsafe { (at as *const usize).read_volatile() }
        });
        self.exceptions.collect(words.into_iter().chain(stack));
    }
}
