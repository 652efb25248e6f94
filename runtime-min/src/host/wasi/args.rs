//! `args_*` and `environ_*`: two lists of NUL-terminated strings.

use super::WasiCtx;
use super::errno::Errno;
use super::guest_memory::GuestMemory;

/// Size of the program's pointers.
const POINTER: u32 = 4;

/// Writes the number of strings to `count`: u32, and their bytes with NULs to `size`: u32.
fn sizes(
    memory: &mut GuestMemory<'_>,
    strings: &[Vec<u8>],
    count: u32,
    size: u32,
) -> Result<(), Errno> {
    let total = strings.iter().map(|string| string.len() + 1).sum();
    memory.write_size(count, strings.len())?;
    memory.write_size(size, total)
}

/// Writes the strings one after the other, and their addresses to an array.
fn strings(
    memory: &mut GuestMemory<'_>,
    strings: &[Vec<u8>],
    mut array: u32,
    mut buffer: u32,
) -> Result<(), Errno> {
    for string in strings {
        let length = u32::try_from(string.len()).map_err(|_| Errno::Overflow)?;
        let end = buffer.checked_add(length).ok_or(Errno::Fault)?;
        memory.write_u32(array, buffer)?;
        memory.write(buffer, string)?;
        memory.write(end, &[0])?;
        array = array.checked_add(POINTER).ok_or(Errno::Fault)?;
        buffer = end.checked_add(1).ok_or(Errno::Fault)?;
    }
    Ok(())
}

impl WasiCtx {
    /// Writes the arguments: addresses to `array`, strings to `buffer`.
    pub fn args_get(
        &self,
        memory: &mut GuestMemory<'_>,
        array: u32,
        buffer: u32,
    ) -> Result<(), Errno> {
        strings(memory, &self.args, array, buffer)
    }

    /// Writes the number of arguments to `count`: u32, their size in bytes to `size`: u32.
    pub fn args_sizes_get(
        &self,
        memory: &mut GuestMemory<'_>,
        count: u32,
        size: u32,
    ) -> Result<(), Errno> {
        sizes(memory, &self.args, count, size)
    }

    /// Writes the environment: addresses to `array`, strings to `buffer`.
    pub fn environ_get(
        &self,
        memory: &mut GuestMemory<'_>,
        array: u32,
        buffer: u32,
    ) -> Result<(), Errno> {
        strings(memory, &self.environment, array, buffer)
    }

    /// Writes the number of variables to `count`: u32, their size in bytes to `size`: u32.
    pub fn environ_sizes_get(
        &self,
        memory: &mut GuestMemory<'_>,
        count: u32,
        size: u32,
    ) -> Result<(), Errno> {
        sizes(memory, &self.environment, count, size)
    }
}
