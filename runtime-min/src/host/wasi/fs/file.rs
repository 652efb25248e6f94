//! One open file: position, size, synchronisation, and the descriptor's own number.

use super::stream::check_offset;
use crate::host::wasi::WasiCtx;
use crate::host::wasi::errno::Errno;
use crate::host::wasi::guest_memory::GuestMemory;
use crate::host::wasi::rights::Rights;
use crate::host::wasi::table::{Object, lock};
use crate::host::wasi::types::{Advice, Whence};
use rustix::fs::{FallocateFlags, SeekFrom};
use std::num::NonZeroU64;

/// Size of a `filesize` result.
const FILE_SIZE: u32 = 8;

impl WasiCtx {
    /// Tells the host how a range of a file will be used. A length of 0 means up to the end.
    pub fn fd_advise(
        &self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        offset: u64,
        length: u64,
        advice: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let host = descriptor.as_file(Rights::FD_ADVISE)?;
        let advice = match Advice::from_code(advice)? {
            Advice::Normal => rustix::fs::Advice::Normal,
            Advice::Sequential => rustix::fs::Advice::Sequential,
            Advice::Random => rustix::fs::Advice::Random,
            Advice::WillNeed => rustix::fs::Advice::WillNeed,
            Advice::DontNeed => rustix::fs::Advice::DontNeed,
            Advice::NoReuse => rustix::fs::Advice::NoReuse,
        };
        check_offset(offset)?;
        check_offset(length)?;
        rustix::fs::fadvise(&host.file, offset, NonZeroU64::new(length), advice)?;
        Ok(())
    }

    /// Makes room on the device for a range of a file, which grows to hold it.
    pub fn fd_allocate(
        &self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        offset: u64,
        length: u64,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let host = descriptor.as_file(Rights::FD_ALLOCATE)?;
        let end = offset.checked_add(length).ok_or(Errno::FBig)?;
        check_offset(end).map_err(|_| Errno::FBig)?;
        if length == 0 {
            return Err(Errno::Inval);
        }
        match rustix::fs::fallocate(&host.file, FallocateFlags::empty(), offset, length) {
            // The file system cannot reserve room: at least the size is as after a reservation.
            Err(rustix::io::Errno::OPNOTSUPP) => {
                if host.file.metadata()?.len() < end {
                    rustix::fs::ftruncate(&host.file, end)?;
                }
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Closes a descriptor, also a preopened one.
    pub fn fd_close(&self, _memory: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
        // The file itself is closed after the table is unlocked, since that can take its time.
        let closed = lock(&self.table).remove(fd)?;
        drop(closed);
        Ok(())
    }

    /// Brings a file's data to the device.
    pub fn fd_datasync(&self, _memory: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let host = descriptor.as_file(Rights::FD_DATASYNC)?;
        rustix::fs::fdatasync(&host.file)?;
        Ok(())
    }

    /// Brings a file's data and attributes, or a directory, to the device.
    pub fn fd_sync(&self, _memory: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        descriptor.rights().base.require(Rights::FD_SYNC)?;
        rustix::fs::fsync(descriptor.as_host().ok_or(Errno::Inval)?)?;
        Ok(())
    }

    /// Moves a descriptor to the number of another one, which is closed.
    pub fn fd_renumber(
        &self,
        _memory: &mut GuestMemory<'_>,
        from: u32,
        to: u32,
    ) -> Result<(), Errno> {
        lock(&self.table).renumber(from, to)
    }

    /// Moves the position of a file (`offset` is an i64). Writes the new one to `result`: u64.
    pub fn fd_seek(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        offset: u64,
        whence: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let object = descriptor.as_stream(Rights::empty())?;
        let delta = offset.cast_signed();
        let whence = Whence::from_code(whence)?;
        let rights = descriptor.rights().base;
        if delta == 0 && whence == Whence::Cur && !rights.contains(Rights::FD_SEEK) {
            rights.require(Rights::FD_TELL)?;
        } else {
            rights.require(Rights::FD_SEEK)?;
        }
        let Object::Host(host) = object else {
            return Err(Errno::SPipe);
        };
        memory.check(result, FILE_SIZE)?;
        let to = match whence {
            Whence::Set => SeekFrom::Start(u64::try_from(delta).map_err(|_| Errno::Inval)?),
            Whence::Cur => SeekFrom::Current(delta),
            Whence::End => SeekFrom::End(delta),
        };
        memory.write_u64(result, rustix::fs::seek(&host.file, to)?)
    }

    /// Writes the position of a file to `result`: u64.
    pub fn fd_tell(&self, memory: &mut GuestMemory<'_>, fd: u32, result: u32) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let object = descriptor.as_stream(Rights::empty())?;
        let rights = descriptor.rights().base;
        if !rights.contains(Rights::FD_SEEK) {
            rights.require(Rights::FD_TELL)?;
        }
        let Object::Host(host) = object else {
            return Err(Errno::SPipe);
        };
        memory.write_u64(result, rustix::fs::tell(&host.file)?)
    }
}
