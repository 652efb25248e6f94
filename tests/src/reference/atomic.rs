//! Atomic operators. There is one thread, so nobody is ever woken.

use wasmparser::{MemArg, Operator as O};

use super::memory::{OUT_OF_BOUNDS, memory_of, range};
use super::thread::{Stop, Thread};
use super::value::Value;

const UNALIGNED: Stop = Stop::Trap("unaligned atomic");

/// What an operator does with its place in memory.
#[derive(Clone, Copy)]
enum Action {
    Fence,
    Load,
    Store,
    /// The new value, of the old one and the operand.
    Modify(fn(u64, u64) -> u64),
    CompareExchange,
    Wait,
    Notify,
}

/// An atomic operator.
pub struct Access {
    action: Action,
    /// Its values are `i64`.
    is_64: bool,
    /// Bytes in memory.
    size: u64,
    memarg: Option<MemArg>,
}

/// The operator, if it is an atomic one.
pub fn access(operator: &O<'_>) -> Option<Access> {
    macro_rules! table {
        ($($action:expr, $is_64:literal: $($name:ident $size:literal)*;)*) => {
            match operator {
                $($(O::$name { memarg } => ($action, $is_64, $size, Some(*memarg)),)*)*
                O::AtomicFence { .. } => (Action::Fence, false, 0, None),
                _ => return None,
            }
        };
    }
    use Action::{CompareExchange, Load, Modify, Notify, Store, Wait};
    let (action, is_64, size, memarg) = table! {
        Load, false: I32AtomicLoad8U 1 I32AtomicLoad16U 2 I32AtomicLoad 4;
        Load, true: I64AtomicLoad8U 1 I64AtomicLoad16U 2 I64AtomicLoad32U 4 I64AtomicLoad 8;
        Store, false: I32AtomicStore8 1 I32AtomicStore16 2 I32AtomicStore 4;
        Store, true: I64AtomicStore8 1 I64AtomicStore16 2 I64AtomicStore32 4 I64AtomicStore 8;
        Modify(u64::wrapping_add), false: I32AtomicRmw8AddU 1 I32AtomicRmw16AddU 2 I32AtomicRmwAdd 4;
        Modify(u64::wrapping_add), true: I64AtomicRmw8AddU 1 I64AtomicRmw16AddU 2 I64AtomicRmw32AddU 4 I64AtomicRmwAdd 8;
        Modify(u64::wrapping_sub), false: I32AtomicRmw8SubU 1 I32AtomicRmw16SubU 2 I32AtomicRmwSub 4;
        Modify(u64::wrapping_sub), true: I64AtomicRmw8SubU 1 I64AtomicRmw16SubU 2 I64AtomicRmw32SubU 4 I64AtomicRmwSub 8;
        Modify(|old, with| old & with), false: I32AtomicRmw8AndU 1 I32AtomicRmw16AndU 2 I32AtomicRmwAnd 4;
        Modify(|old, with| old & with), true: I64AtomicRmw8AndU 1 I64AtomicRmw16AndU 2 I64AtomicRmw32AndU 4 I64AtomicRmwAnd 8;
        Modify(|old, with| old | with), false: I32AtomicRmw8OrU 1 I32AtomicRmw16OrU 2 I32AtomicRmwOr 4;
        Modify(|old, with| old | with), true: I64AtomicRmw8OrU 1 I64AtomicRmw16OrU 2 I64AtomicRmw32OrU 4 I64AtomicRmwOr 8;
        Modify(|old, with| old ^ with), false: I32AtomicRmw8XorU 1 I32AtomicRmw16XorU 2 I32AtomicRmwXor 4;
        Modify(|old, with| old ^ with), true: I64AtomicRmw8XorU 1 I64AtomicRmw16XorU 2 I64AtomicRmw32XorU 4 I64AtomicRmwXor 8;
        Modify(|_, with| with), false: I32AtomicRmw8XchgU 1 I32AtomicRmw16XchgU 2 I32AtomicRmwXchg 4;
        Modify(|_, with| with), true: I64AtomicRmw8XchgU 1 I64AtomicRmw16XchgU 2 I64AtomicRmw32XchgU 4 I64AtomicRmwXchg 8;
        CompareExchange, false: I32AtomicRmw8CmpxchgU 1 I32AtomicRmw16CmpxchgU 2 I32AtomicRmwCmpxchg 4;
        CompareExchange, true: I64AtomicRmw8CmpxchgU 1 I64AtomicRmw16CmpxchgU 2 I64AtomicRmw32CmpxchgU 4 I64AtomicRmwCmpxchg 8;
        Wait, false: MemoryAtomicWait32 4 MemoryAtomicWait64 8;
        Notify, false: MemoryAtomicNotify 4;
    };
    Some(Access {
        action,
        is_64,
        size,
        memarg,
    })
}

impl Thread<'_, '_> {
    pub(super) fn atomic(&mut self, access: &Access) -> Result<(), Stop> {
        let Some(memarg) = &access.memarg else {
            return Ok(());
        };
        let (memory, offset) = (memory_of(memarg), memarg.offset);
        match access.action {
            Action::Fence => {}
            Action::Load => {
                let place = self.place(memory, offset, access.size, true)?;
                let old = self.get(memory, &place);
                self.push_size(old, access.is_64);
            }
            Action::Store => {
                let value = self.pop_address();
                let place = self.place(memory, offset, access.size, true)?;
                self.set(memory, &place, value);
            }
            Action::Modify(operation) => {
                let value = self.pop_address();
                let place = self.place(memory, offset, access.size, true)?;
                let old = self.get(memory, &place);
                self.set(memory, &place, operation(old, value));
                self.push_size(old, access.is_64);
            }
            Action::CompareExchange => {
                let replacement = self.pop_address();
                let expected = self.pop_address();
                let place = self.place(memory, offset, access.size, true)?;
                let old = self.get(memory, &place);
                // The expected value is cut to the width in memory, too.
                if old == expected & (u64::MAX >> (64 - 8 * access.size)) {
                    self.set(memory, &place, replacement);
                }
                self.push_size(old, access.is_64);
            }
            Action::Wait => {
                let _timeout = self.pop_address();
                let expected = self.pop_address();
                let place = self.place(memory, offset, access.size, false)?;
                if !self.memory(memory).is_shared {
                    return Err(Stop::Trap("expected shared memory"));
                }
                let is_equal = self.get(memory, &place) == expected;
                self.push(Value::I32(if is_equal { 2 } else { 1 }));
            }
            Action::Notify => {
                let _count = self.pop_i32();
                self.place(memory, offset, access.size, false)?;
                self.push(Value::I32(0));
            }
        }
        Ok(())
    }

    /// Pops an address; the bytes that are accessed there. Which of two traps it is, the specification does not say: compiled
    /// code looks at the alignment first, what is a call of the runtime at the bounds. The operands of such a call are gone
    /// when it traps.
    fn place(
        &mut self,
        memory: u32,
        offset: u64,
        size: u64,
        is_access: bool,
    ) -> Result<std::ops::Range<usize>, Stop> {
        let index = self.pop_address();
        if !is_access {
            self.taken.clear();
        }
        let is_aligned = index.wrapping_add(offset).is_multiple_of(size);
        if is_access && !is_aligned {
            return Err(UNALIGNED);
        }
        let length = self.memory(memory).bytes.len();
        let place = index
            .checked_add(offset)
            .and_then(|address| range(address, size, length))
            .ok_or(OUT_OF_BOUNDS)?;
        if is_aligned {
            Ok(place)
        } else {
            Err(UNALIGNED)
        }
    }

    fn get(&mut self, memory: u32, place: &std::ops::Range<usize>) -> u64 {
        let bytes = &self.memory(memory).bytes[place.clone()];
        bytes
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    fn set(&mut self, memory: u32, place: &std::ops::Range<usize>, value: u64) {
        let size = place.len();
        let bytes = &value.to_le_bytes()[..size];
        self.memory(memory).bytes[place.clone()].copy_from_slice(bytes);
    }
}
