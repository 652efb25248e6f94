//! Stacks for compiled code: mapped, with a guard below.

use super::{
    mapping::{Mapping, Protection, page_align},
    system,
};
use crate::Error;
use core::ops::Range;

/// Default size of a stack, that of a process's own as most systems have it. Pages that are not used
/// cost nothing.
pub(crate) const DEFAULT_STACK_SIZE: usize = 8 << 20;

/// Pages below the stack that fault. Compiled code touches each page of a large frame in turn, so one
/// page would do; a trampoline or a C function that it calls may not.
const GUARD: usize = 1 << 16;

/// A stack for compiled code.
pub(crate) struct StackMemory {
    limit: usize,
    top: usize,
    guard: Range<usize>,
    /// Holds the memory, if it is not somebody else's.
    _mapping: Option<Mapping>,
}

impl StackMemory {
    /// A stack of `size` bytes, rounded up to whole pages.
    pub fn new(size: usize) -> Result<Self, Error> {
        let too_large = || Error::Resource("the stack");
        let size = page_align(size).ok_or_else(too_large)?;
        let length = size.checked_add(GUARD).ok_or_else(too_large)?;
        let mapping = Mapping::reserve_stack(length).map_err(system("the stack"))?;
        mapping
            .protect(GUARD..length, Protection::ReadWrite)
            .map_err(system("the stack"))?;
        let start = mapping.start() as usize;
        Ok(StackMemory {
            limit: start + GUARD,
            top: start + length,
            guard: start..start + GUARD,
            _mapping: Some(mapping),
        })
    }

    /// A stack in memory of the embedder's; nothing faults below it, so only code with explicit checks
    /// is safe on it.
    pub fn from_static(stack: &'static mut [u8]) -> Self {
        let limit = stack.as_mut_ptr() as usize;
        StackMemory {
            limit,
            top: limit + stack.len(),
            guard: 0..0,
            _mapping: None,
        }
    }

    /// Lowest address.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// One past the highest address.
    pub fn top(&self) -> usize {
        self.top
    }

    /// The addresses below that fault.
    pub fn guard(&self) -> Range<usize> {
        self.guard.clone()
    }
}
