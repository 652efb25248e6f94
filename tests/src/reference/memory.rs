//! Linear memory.

use wasmparser::{MemArg, MemArgTarget};

use super::store::Memory;
use super::thread::{Stop, Thread, VALID};
use super::value::Value;

pub(super) const OUT_OF_BOUNDS: Stop = Stop::Trap("out of bounds memory access");

/// `start .. start + length` within `size`.
pub(super) fn range(start: u64, length: u64, size: usize) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(length)?;
    let end = usize::try_from(end).ok().filter(|end| *end <= size)?;
    Some(usize::try_from(start).ok()?..end)
}

pub(super) fn memory_of(memarg: &MemArg) -> u32 {
    match memarg.target {
        MemArgTarget::Memory(memory) => memory,
        _ => panic!("{VALID}"),
    }
}

impl Thread<'_, '_> {
    pub(super) fn memory(&mut self, index: u32) -> &mut Memory {
        let instance = self.activation().instance;
        let position = self.store.instances[instance].memories[index as usize];
        &mut self.store.memories[position]
    }

    /// Address operand, or a number of bytes, pages or elements.
    pub(super) fn pop_address(&mut self) -> u64 {
        match self.pop() {
            Value::I32(value) => u64::from(value),
            Value::I64(value) => value,
            _ => panic!("{VALID}"),
        }
    }

    /// Loads `N` bytes from the address on the stack.
    pub(super) fn load<const N: usize>(&mut self, memarg: &MemArg) -> Result<[u8; N], Stop> {
        let address = self.pop_address().checked_add(memarg.offset);
        let bytes = &self.memory(memory_of(memarg)).bytes;
        address
            .and_then(|address| range(address, N as u64, bytes.len()))
            .and_then(|range| bytes[range].try_into().ok())
            .ok_or(OUT_OF_BOUNDS)
    }

    /// Stores the low `N` bytes of the value on the stack.
    pub(super) fn store<const N: usize>(&mut self, memarg: &MemArg) -> Result<(), Stop> {
        let value = match self.pop() {
            Value::I32(bits) | Value::F32(bits) => u128::from(bits),
            Value::I64(bits) | Value::F64(bits) => u128::from(bits),
            Value::V128(bits) => bits,
            _ => panic!("{VALID}"),
        };
        self.store_bits::<N>(memarg, value)
    }

    /// Stores the low `N` bytes of a value, at the address on the stack.
    pub(super) fn store_bits<const N: usize>(
        &mut self,
        memarg: &MemArg,
        value: u128,
    ) -> Result<(), Stop> {
        let address = self.pop_address().checked_add(memarg.offset);
        let bytes = &mut self.memory(memory_of(memarg)).bytes;
        let range = address
            .and_then(|address| range(address, N as u64, bytes.len()))
            .ok_or(OUT_OF_BOUNDS)?;
        bytes[range].copy_from_slice(&value.to_le_bytes()[..N]);
        Ok(())
    }

    pub(super) fn memory_size(&mut self, memory: u32) {
        let memory = self.memory(memory);
        let (pages, is_64) = (memory.pages(), memory.is_64);
        self.push_size(pages, is_64);
    }

    pub(super) fn memory_grow(&mut self, memory: u32) {
        let delta = self.pop_address();
        let limit = self.store.limits.memory;
        let memory = self.memory(memory);
        let (pages, is_64) = (memory.pages(), memory.is_64);
        let countable = if is_64 { u64::MAX } else { u32::MAX.into() };
        let maximum = (memory.maximum.unwrap_or(u64::MAX))
            .min(countable)
            .min(limit / memory.page as u64);
        let result = match pages.checked_add(delta).filter(|new| *new <= maximum) {
            Some(new) => {
                memory.bytes.resize(new as usize * memory.page, 0);
                pages
            }
            None => u64::MAX,
        };
        self.push_size(result, is_64);
    }

    /// Pushes a size, or −1, in the index type.
    pub(super) fn push_size(&mut self, size: u64, is_64: bool) {
        self.push(if is_64 {
            Value::I64(size)
        } else {
            Value::I32(size as u32)
        });
    }

    pub(super) fn memory_fill(&mut self, memory: u32) -> Result<(), Stop> {
        let length = self.pop_address();
        let byte = self.pop_i32() as u8;
        let start = self.pop_address();
        let bytes = &mut self.memory(memory).bytes;
        let range = range(start, length, bytes.len()).ok_or(OUT_OF_BOUNDS)?;
        bytes[range].fill(byte);
        Ok(())
    }

    pub(super) fn memory_copy(&mut self, to: u32, from: u32) -> Result<(), Stop> {
        let length = self.pop_address();
        let source = self.pop_address();
        let target = self.pop_address();
        let bytes = &self.memory(from).bytes;
        let source = range(source, length, bytes.len()).ok_or(OUT_OF_BOUNDS)?;
        let copy = bytes[source].to_vec();
        let bytes = &mut self.memory(to).bytes;
        let target = range(target, length, bytes.len()).ok_or(OUT_OF_BOUNDS)?;
        bytes[target].copy_from_slice(&copy);
        Ok(())
    }

    /// A commit point of a call: a trap shows the operands below the arguments.
    pub(super) fn memory_init(&mut self, memory: u32, segment: u32) -> Result<(), Stop> {
        let length = self.pop_address();
        let source = self.pop_address();
        let target = self.pop_address();
        self.taken.clear();
        let instance = self.activation().instance;
        let data = self.store.instances[instance].data[segment as usize];
        let source = range(source, length, data.len()).ok_or(OUT_OF_BOUNDS)?;
        let bytes = &mut self.memory(memory).bytes;
        let target = range(target, length, bytes.len()).ok_or(OUT_OF_BOUNDS)?;
        bytes[target].copy_from_slice(&data[source]);
        Ok(())
    }

    pub(super) fn data_drop(&mut self, segment: u32) {
        let instance = self.activation().instance;
        self.store.instances[instance].data[segment as usize] = &[];
    }
}
