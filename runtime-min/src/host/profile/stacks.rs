//! The stacks that a profiler has seen: room for them is made beforehand, so that a signal handler can
//! add to them.

use super::{Function, Profile, Stack};
use crate::frame::RawFrame;
use alloc::{vec, vec::Vec};
use std::time::Duration;

/// Frames of a stack that are kept, the youngest.
const MAX_DEPTH: usize = 1024;
/// Different stacks that there is room for; a power of two.
const STACKS: usize = 1 << 16;
/// Words for the frames of all stacks, two each. The system gives memory when it is written to.
const WORDS: usize = 1 << 22;
/// Places that are looked at for a stack before it is given up.
const PROBES: usize = 64;

/// A hash table of stacks.
pub(super) struct Stacks {
    slots: Vec<Slot>,
    words: Vec<u64>,
    used: usize,
    current: Vec<RawFrame>,
    dropped: u64,
    cut: u64,
    samples: u64,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u64,
    start: usize,
    frames: usize,
    /// Nanoseconds.
    time: u64,
    is_used: bool,
}

impl Stacks {
    pub fn new() -> Self {
        let free = Slot {
            hash: 0,
            start: 0,
            frames: 0,
            time: 0,
            is_used: false,
        };
        Stacks {
            slots: vec![free; STACKS],
            words: vec![0; WORDS],
            used: 0,
            current: vec![RawFrame::default(); MAX_DEPTH],
            dropped: 0,
            cut: 0,
            samples: 0,
        }
    }

    /// Adds a sample of `time` nanoseconds. `walk` writes its frames to what it is given, and returns how
    /// many there are. Allocates nothing.
    pub fn add(&mut self, time: u64, walk: impl FnOnce(&mut [RawFrame]) -> usize) {
        let count = walk(&mut self.current).min(MAX_DEPTH);
        self.samples = self.samples.saturating_add(1);
        if count == MAX_DEPTH {
            self.cut = self.cut.saturating_add(1);
        }
        match self.slot(count) {
            Some(slot) => slot.time = slot.time.saturating_add(time),
            None => self.dropped = self.dropped.saturating_add(time),
        }
    }

    /// The slot of the current stack, which has `count` frames; `None` if there is no room for it.
    fn slot(&mut self, count: usize) -> Option<&mut Slot> {
        let current = self.current.get(..count)?;
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for word in current.iter().flat_map(words) {
            hash = (hash ^ word)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29);
        }
        let mut found = None;
        for probe in 0..PROBES {
            // Only the low bits matter.
            let at = (hash as usize).wrapping_add(probe) % STACKS;
            let slot = self.slots.get(at)?;
            if !slot.is_used {
                let end = self.used.checked_add(2 * count)?;
                let place = self.words.get_mut(self.used..end)?;
                for (to, word) in place.iter_mut().zip(current.iter().flat_map(words)) {
                    *to = word;
                }
                *self.slots.get_mut(at)? = Slot {
                    hash,
                    start: self.used,
                    frames: count,
                    time: 0,
                    is_used: true,
                };
                self.used = end;
                found = Some(at);
                break;
            }
            let known = slot.start..slot.start + 2 * slot.frames;
            if slot.hash == hash
                && slot.frames == count
                && self
                    .words
                    .get(known)?
                    .iter()
                    .copied()
                    .eq(current.iter().flat_map(words))
            {
                found = Some(at);
                break;
            }
        }
        self.slots.get_mut(found?)
    }

    /// What was seen.
    pub fn into_profile(self) -> Profile {
        let stack = |slot: &Slot| Stack {
            functions: self
                .words
                .get(slot.start..slot.start + 2 * slot.frames)
                .unwrap_or_default()
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[module, index]| Function {
                    // Both were widened by `words`.
                    module: *module as usize,
                    index: *index as u32,
                })
                .collect(),
            time: Duration::from_nanos(slot.time),
        };
        Profile {
            stacks: self
                .slots
                .iter()
                .filter(|slot| slot.is_used)
                .map(stack)
                .collect(),
            dropped: Duration::from_nanos(self.dropped),
            cut: self.cut,
            samples: self.samples,
        }
    }
}

/// What is kept of a frame.
fn words(frame: &RawFrame) -> [u64; 2] {
    [frame.module as u64, frame.func_index.into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(stacks: &mut Stacks, functions: &[u32], time: u64) {
        stacks.add(time, |out| {
            for (frame, index) in out.iter_mut().zip(functions) {
                *frame = RawFrame {
                    module: 1,
                    func_index: *index,
                    ip: *index,
                };
            }
            functions.len().min(out.len())
        });
    }

    #[test]
    fn equal_stacks_are_one() {
        let mut stacks = Stacks::new();
        for functions in [&[1, 2][..], &[2, 1], &[], &[1], &[1, 2], &[]] {
            add(&mut stacks, functions, 10);
        }
        let profile = stacks.into_profile();
        let mut found: Vec<(Vec<u32>, u128)> = profile
            .stacks
            .iter()
            .map(|stack| {
                let functions = stack.functions.iter().map(|function| function.index);
                (functions.collect(), stack.time.as_nanos())
            })
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                (vec![], 20),
                (vec![1], 10),
                (vec![1, 2], 20),
                (vec![2, 1], 10)
            ]
        );
        assert_eq!((profile.samples, profile.cut), (6, 0));
        assert!(profile.dropped.is_zero());
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut stacks = Stacks::new();
        let deep: Vec<u32> = (0..2 * MAX_DEPTH as u32).collect();
        let rooms = WORDS / 2 / MAX_DEPTH;
        for first in 0..rooms + 3 {
            let mut functions = deep.clone();
            functions[0] = first as u32;
            add(&mut stacks, &functions, 1);
        }
        let profile = stacks.into_profile();
        assert_eq!(profile.stacks.len(), rooms);
        assert_eq!(profile.dropped.as_nanos(), 3);
        assert_eq!(profile.cut, rooms as u64 + 3);
    }
}
