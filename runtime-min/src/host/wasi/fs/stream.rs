//! Reading and writing: `fd_read`, `fd_write`, `fd_pread`, `fd_pwrite`.
//!
//! Data goes straight between the host's file and the program's memory.

use crate::host::wasi::WasiCtx;
use crate::host::wasi::errno::Errno;
use crate::host::wasi::guest_memory::GuestMemory;
use crate::host::wasi::rights::Rights;
use crate::host::wasi::table::Object;
use rustix::io::retry_on_intr;

/// Size of a `size` result.
const SIZE: u32 = 4;

impl WasiCtx {
    /// Reads from the current position. Writes the number of bytes to `result`: u32.
    pub fn fd_read(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        list: u32,
        count: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let object = descriptor.as_stream(Rights::FD_READ)?;
        memory.check(result, SIZE)?;
        let buffers = memory.buffers(list, count)?;
        let read = if buffers.is_empty() {
            0
        } else {
            let mut buffers = memory.scatter(&buffers);
            match object {
                Object::Host(host) => {
                    retry_on_intr(|| rustix::io::readv(&host.file, &mut buffers))?
                }
                Object::Input(input) => input.read(&mut buffers)?,
                Object::Output(_) | Object::Directory(_) => return Err(Errno::BadF),
            }
        };
        memory.write_size(result, read)
    }

    /// Writes at the current position, or at the end of a file opened with `append`. Writes the
    /// number of bytes to `result`: u32.
    pub fn fd_write(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        list: u32,
        count: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let object = descriptor.as_stream(Rights::FD_WRITE)?;
        memory.check(result, SIZE)?;
        let buffers = memory.buffers(list, count)?;
        let buffers = memory.gather(&buffers);
        let written = match object {
            Object::Host(host) => retry_on_intr(|| rustix::io::writev(&host.file, &buffers))?,
            Object::Output(output) => output.write(&buffers)?,
            Object::Input(_) | Object::Directory(_) => return Err(Errno::BadF),
        };
        memory.write_size(result, written)
    }

    /// Reads at an offset and leaves the position alone. Writes the number of bytes to `result`:
    /// u32.
    pub fn fd_pread(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        list: u32,
        count: u32,
        offset: u64,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let host = descriptor.as_file(Rights::FD_READ | Rights::FD_SEEK)?;
        check_offset(offset)?;
        memory.check(result, SIZE)?;
        let buffers = memory.buffers(list, count)?;
        let read = if buffers.is_empty() {
            0
        } else {
            let mut buffers = memory.scatter(&buffers);
            retry_on_intr(|| rustix::io::preadv(&host.file, &mut buffers, offset))?
        };
        memory.write_size(result, read)
    }

    /// Writes at an offset and leaves the position alone. As on Linux, a file opened with
    /// `append` is written at its end. Writes the number of bytes to `result`: u32.
    pub fn fd_pwrite(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        list: u32,
        count: u32,
        offset: u64,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let host = descriptor.as_file(Rights::FD_WRITE | Rights::FD_SEEK)?;
        check_offset(offset)?;
        memory.check(result, SIZE)?;
        let buffers = memory.buffers(list, count)?;
        let buffers = memory.gather(&buffers);
        let written = retry_on_intr(|| rustix::io::pwritev(&host.file, &buffers, offset))?;
        memory.write_size(result, written)
    }
}

/// Hosts count in signed numbers, and would take the rest for negative ones.
pub(super) fn check_offset(offset: u64) -> Result<(), Errno> {
    i64::try_from(offset).map(|_| ()).map_err(|_| Errno::Inval)
}
