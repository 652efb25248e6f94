//! Where compiled code is, for signal handlers of any thread: readable without a lock at any moment.
//!
//! Blocks of slots in a list that only grows; a slot is free while its end is 0, and is used again. A
//! slot is written end last and cleared end first. A reader may meet a slot that is being changed, but
//! never the one it looks for: that code runs, so its module is alive.

use core::{
    ops::Range,
    ptr,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};
use std::sync::Mutex;

const SLOTS: usize = 128;

struct Block {
    slots: [Slot; SLOTS],
    next: AtomicPtr<Block>,
}

struct Slot {
    start: AtomicUsize,
    end: AtomicUsize,
    /// What the code's owner wants to be found by.
    owner: AtomicUsize,
}

impl Block {
    const fn new() -> Self {
        Block {
            slots: [const {
                Slot {
                    start: AtomicUsize::new(0),
                    end: AtomicUsize::new(0),
                    owner: AtomicUsize::new(0),
                }
            }; SLOTS],
            next: AtomicPtr::new(ptr::null_mut()),
        }
    }
}

static FIRST: Block = Block::new();
/// Held by who changes slots.
static WRITERS: Mutex<()> = Mutex::new(());

/// A registered range; it is taken out on drop.
pub(crate) struct CodeRange(&'static Slot);

/// Registers a range of code, not empty, for an owner, who is named by any number.
pub(crate) fn register(range: Range<usize>, owner: usize) -> CodeRange {
    let _writers = WRITERS
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let slot = free_slot();
    slot.owner.store(owner, Ordering::Release);
    slot.start.store(range.start, Ordering::Release);
    slot.end.store(range.end, Ordering::Release);
    CodeRange(slot)
}

fn free_slot() -> &'static Slot {
    let mut block = &FIRST;
    loop {
        for slot in &block.slots {
            if slot.end.load(Ordering::Relaxed) == 0 {
                return slot;
            }
        }
        block = match next(block) {
            Some(next) => next,
            None => {
                let new: &'static Block = Box::leak(Box::new(Block::new()));
                block
                    .next
                    .store(ptr::from_ref(new).cast_mut(), Ordering::Release);
                new
            }
        };
    }
}

fn next(block: &'static Block) -> Option<&'static Block> {
    // SAFETY: null, or a block that was leaked; blocks are never freed or borrowed exclusively.
    unsafe { block.next.load(Ordering::Acquire).as_ref() }
}

/// Is there compiled code at this address? Safe to ask in a signal handler.
pub(crate) fn contains(pc: usize) -> bool {
    owner_at(pc).is_some()
}

/// The owner of the code at this address. Safe to ask in a signal handler.
pub(crate) fn owner_at(pc: usize) -> Option<usize> {
    let mut block = Some(&FIRST);
    while let Some(this) = block {
        for slot in &this.slots {
            let end = slot.end.load(Ordering::Acquire);
            if pc < end && slot.start.load(Ordering::Acquire) <= pc {
                return Some(slot.owner.load(Ordering::Acquire));
            }
        }
        block = next(this);
    }
    None
}

impl Drop for CodeRange {
    fn drop(&mut self) {
        let _writers = WRITERS
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        self.0.end.store(0, Ordering::Release);
        self.0.start.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_while_registered_and_slots_are_reused() {
        // Addresses that no code is at.
        let base = 16usize;
        let ranges: Vec<_> = (0..3 * SLOTS)
            .map(|i| register(base + 2 * i..base + 2 * i + 1, i))
            .collect();
        for i in 0..3 * SLOTS {
            assert_eq!(owner_at(base + 2 * i), Some(i));
            assert!(!contains(base + 2 * i + 1));
        }
        drop(ranges);
        assert!((0..6 * SLOTS).all(|i| !contains(base + i)));
    }
}
