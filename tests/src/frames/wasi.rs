//! As much of WASI as real programs need to run the same way in the interpreter and compiled: a standard
//! input, outputs that nobody reads, a clock that stands still.

use crate::reference::Value;

/// Name of the module that programs import from.
pub const MODULE: &str = "wasi_snapshot_preview1";
/// After so many calls the program is stopped: only a prefix of its run is compared.
const CALLS: u64 = 200;
/// Bytes that a read gets at most: little, so that there are many calls.
const READ: usize = 256;

const SUCCESS: u32 = 0;
const BAD_DESCRIPTOR: u32 = 8;
const NOT_SUPPORTED: u32 = 58;

/// State of one program.
#[derive(Clone, Debug, Default)]
pub struct Wasi {
    /// What is left of the standard input.
    input: Vec<u8>,
    calls: u64,
}

impl Wasi {
    /// A program with this standard input.
    pub fn new(input: &[u8]) -> Self {
        Wasi {
            input: input.to_vec(),
            calls: 0,
        }
    }

    /// What a function returns, if anything. `None`: the program ends, by a trap.
    pub fn call(&mut self, name: &str, arguments: &[Value], memory: &mut [u8]) -> Option<u32> {
        self.calls += 1;
        if name == "proc_exit" || self.calls > CALLS {
            return None;
        }
        let argument = |index: usize| match arguments.get(index) {
            Some(Value::I32(value)) => *value,
            _ => 0,
        };
        let result = match name {
            "args_sizes_get" => put(memory, argument(0), &1_u32.to_le_bytes())
                .and_then(|()| put(memory, argument(1), &2_u32.to_le_bytes())),
            "args_get" => put(memory, argument(0), &argument(1).to_le_bytes())
                .and_then(|()| put(memory, argument(1), b"p\0")),
            "environ_sizes_get" => put(memory, argument(0), &0_u32.to_le_bytes())
                .and_then(|()| put(memory, argument(1), &0_u32.to_le_bytes())),
            "clock_time_get" => put(
                memory,
                argument(2),
                &1_700_000_000_000_000_000_u64.to_le_bytes(),
            ),
            "random_get" => {
                let bytes: Vec<u8> = (0..argument(1)).map(|index| index as u8).collect();
                put(memory, argument(0), &bytes)
            }
            "fd_fdstat_get" if argument(0) < 3 => {
                let mut stat = [0_u8; 24];
                // A character device, so that each line is written at once.
                stat[0] = 2;
                stat[8] = 0xff;
                put(memory, argument(1), &stat)
            }
            "fd_write" | "fd_read" => self.transfer(
                name == "fd_read",
                memory,
                argument(1),
                argument(2),
                argument(3),
            ),
            "environ_get" | "fd_close" => Some(()),
            "fd_prestat_get" => return Some(BAD_DESCRIPTOR),
            _ => return Some(NOT_SUPPORTED),
        };
        Some(if result.is_some() {
            SUCCESS
        } else {
            NOT_SUPPORTED
        })
    }

    /// Reads or writes what a list of buffers says, and stores the number of bytes.
    fn transfer(
        &mut self,
        read: bool,
        memory: &mut [u8],
        list: u32,
        count: u32,
        total: u32,
    ) -> Option<()> {
        let mut sum = 0_u32;
        for index in 0..count {
            let entry = list.checked_add(index.checked_mul(8)?)?;
            let (start, length) = (get(memory, entry)?, get(memory, entry.checked_add(4)?)?);
            if read {
                let length = self
                    .input
                    .len()
                    .min(length as usize)
                    .min(READ - sum as usize);
                let bytes: Vec<u8> = self.input.drain(..length).collect();
                put(memory, start, &bytes)?;
                sum = sum.checked_add(u32::try_from(length).ok()?)?;
            } else {
                sum = sum.checked_add(length)?;
            }
        }
        put(memory, total, &sum.to_le_bytes())
    }
}

fn put(memory: &mut [u8], start: u32, bytes: &[u8]) -> Option<()> {
    let start = start as usize;
    memory
        .get_mut(start..start.checked_add(bytes.len())?)?
        .copy_from_slice(bytes);
    Some(())
}

fn get(memory: &[u8], start: u32) -> Option<u32> {
    let start = start as usize;
    let bytes = memory.get(start..start.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}
