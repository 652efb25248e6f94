//! WASI preview 1 (`wasi_snapshot_preview1`): the operating system as a program sees it.
//!
//! A program can reach only what its [`WasiCtx`] was given: arguments, environment, standard
//! streams, preopened directories and sockets. Paths are resolved by `cap-std` beneath a directory
//! that is already open, so neither `..`, absolute paths, symbolic links nor a change of the
//! directory tree meanwhile lead out of it.
//!
//! Every function is a method of [`WasiCtx`] that takes the program's memory as [`GuestMemory`]
//! and its arguments as the unsigned numbers that WASI's types are, in WASI's order. Results go to
//! addresses in that memory; the return value becomes the `errno`. Functions only need `&self`:
//! several threads of a program can be inside at once.
//!
//! Nothing a program passes makes these functions panic, read or write outside its memory, or
//! allocate more than a few hundred KiB. The older name `wasi_unstable` is not offered: some of
//! its structures have another layout.

mod args;
mod builder;
mod clock;
mod errno;
mod fs;
mod guest_memory;
mod linker;
mod poll;
mod process;
mod random;
mod rights;
mod sock;
mod stdio;
mod table;
#[cfg(target_pointer_width = "64")]
pub mod threads;
mod trace;
mod types;

pub use builder::WasiCtxBuilder;
pub use errno::Errno;
pub use guest_memory::{GuestMemory, MAX_BUFFERS, MAX_PATH, MAX_TRANSFER};
pub use linker::{MODULE, SIGNATURES, add_to_linker};
pub use process::Exit;
pub use rights::Rights;
pub use stdio::{InputBuffer, OutputBuffer};
pub use types::{
    Advice, ClockId, Dirent, Event, EventType, FdFlags, FdStat, FileStat, FileType, FstFlags,
    LookupFlags, OFlags, RiFlags, RoFlags, SdFlags, SubClockFlags, Subscription, Whence,
};

use std::sync::{Arc, Mutex};
use table::{Descriptor, Table, lock};

/// What one program can reach.
#[derive(Debug)]
pub struct WasiCtx {
    /// Arguments, the program's name first, without the NULs that end them.
    args: Vec<Vec<u8>>,
    /// Environment, `NAME=value` each.
    environment: Vec<Vec<u8>>,
    table: Mutex<Table>,
    /// Whether each call is written to the host's standard error.
    trace: bool,
}

impl WasiCtx {
    /// Starts with nothing: no arguments, empty standard input, output that goes nowhere.
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::default()
    }

    fn descriptor(&self, fd: u32) -> Result<Arc<Descriptor>, Errno> {
        lock(&self.table).get(fd)
    }
}
