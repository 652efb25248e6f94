//! Attributes of descriptors and of the files behind them, and the names of preopened directories.

use super::stream::check_offset;
use crate::host::wasi::WasiCtx;
use crate::host::wasi::errno::Errno;
use crate::host::wasi::guest_memory::GuestMemory;
use crate::host::wasi::rights::Rights;
use crate::host::wasi::table::{Object, lock};
use crate::host::wasi::types::{FdFlags, FdStat, FileStat, FileType, FstFlags, encode_prestat_dir};
use cap_fs_ext::SystemTimeSpec;
use cap_std::fs::Metadata;
use cap_std::time::SystemTime;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::time::Duration;

impl WasiCtx {
    /// Writes type, flags and rights of a descriptor to `result`: [`FdStat`].
    pub fn fd_fdstat_get(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let rights = descriptor.rights();
        let stat = FdStat {
            file_type: descriptor.file_type(),
            flags: *lock(&descriptor.flags),
            base: rights.base,
            inheriting: rights.inheriting,
        };
        memory.write(result, &stat.encode())
    }

    /// Changes `append` and `nonblock`. The other flags hold from the opening on; to ask for a
    /// change of them is [`Errno::NotSup`].
    pub fn fd_fdstat_set_flags(
        &self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        flags: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        descriptor
            .rights()
            .base
            .require(Rights::FD_FDSTAT_SET_FLAGS)?;
        let flags = FdFlags::from_guest(flags)?;
        let changeable = FdFlags::APPEND | FdFlags::NONBLOCK;
        let mut current = lock(&descriptor.flags);
        if flags.difference(changeable) != current.difference(changeable) {
            return Err(Errno::NotSup);
        }
        if let Some(host) = descriptor.as_host() {
            let mut status = rustix::fs::fcntl_getfl(host)?;
            status.set(rustix::fs::OFlags::APPEND, flags.contains(FdFlags::APPEND));
            status.set(
                rustix::fs::OFlags::NONBLOCK,
                flags.contains(FdFlags::NONBLOCK),
            );
            rustix::fs::fcntl_setfl(host, status)?;
        }
        *current = flags;
        Ok(())
    }

    /// Gives up rights. To ask for one that the descriptor lacks is [`Errno::NotCapable`].
    pub fn fd_fdstat_set_rights(
        &self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        base: u64,
        inheriting: u64,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let base = Rights::from_bits(base).ok_or(Errno::NotCapable)?;
        let inheriting = Rights::from_bits(inheriting).ok_or(Errno::NotCapable)?;
        let mut rights = lock(&descriptor.rights);
        rights.base.require(base)?;
        rights.inheriting.require(inheriting)?;
        rights.base = base;
        rights.inheriting = inheriting;
        Ok(())
    }

    /// Writes the attributes of an open file to `result`: [`FileStat`].
    pub fn fd_filestat_get(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        descriptor.rights().base.require(Rights::FD_FILESTAT_GET)?;
        let mut stat = match &descriptor.object {
            Object::Directory(directory) => FileStat::from_metadata(&directory.dir.dir_metadata()?),
            Object::Host(host) => FileStat::from_metadata(&Metadata::from_file(&host.file)?),
            Object::Input(_) | Object::Output(_) => FileStat {
                dev: 0,
                ino: 0,
                file_type: FileType::Unknown,
                nlink: 1,
                size: 0,
                atim: 0,
                mtim: 0,
                ctim: 0,
            },
        };
        stat.file_type = descriptor.file_type();
        memory.write(result, &stat.encode())
    }

    /// Cuts or grows a file to a size in bytes.
    pub fn fd_filestat_set_size(
        &self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        size: u64,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let host = descriptor.as_file(Rights::FD_FILESTAT_SET_SIZE)?;
        check_offset(size).map_err(|_| Errno::FBig)?;
        rustix::fs::ftruncate(&host.file, size)?;
        Ok(())
    }

    /// Sets the times of an open file or directory, in nanoseconds since 1970.
    pub fn fd_filestat_set_times(
        &self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        access: u64,
        modification: u64,
        flags: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        descriptor
            .rights()
            .base
            .require(Rights::FD_FILESTAT_SET_TIMES)?;
        let (access, modification) = new_times(access, modification, flags)?;
        let times = Timestamps {
            last_access: access.timespec()?,
            last_modification: modification.timespec()?,
        };
        rustix::fs::futimens(descriptor.as_host().ok_or(Errno::Inval)?, &times)?;
        Ok(())
    }

    /// Writes what kind of preopened thing a descriptor is to `result`: `prestat`. Descriptors
    /// that are none are [`Errno::BadF`], which is how programs find the end.
    pub fn fd_prestat_get(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let length = self.preopened_name(fd)?.len();
        let length = u32::try_from(length).map_err(|_| Errno::Overflow)?;
        memory.write(result, &encode_prestat_dir(length))
    }

    /// Writes the name of a preopened directory to a buffer, without a NUL. One that is too small
    /// for it is [`Errno::NameTooLong`].
    pub fn fd_prestat_dir_name(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        buffer: u32,
        length: u32,
    ) -> Result<(), Errno> {
        let name = self.preopened_name(fd)?;
        let room = usize::try_from(length).map_err(|_| Errno::Fault)?;
        if name.len() > room {
            return Err(Errno::NameTooLong);
        }
        memory.write(buffer, name.as_bytes())
    }

    fn preopened_name(&self, fd: u32) -> Result<String, Errno> {
        match &self.descriptor(fd)?.object {
            Object::Directory(directory) => directory.preopened.clone().ok_or(Errno::BadF),
            _ => Err(Errno::BadF),
        }
    }
}

/// What to do with one of a file's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewTime {
    Keep,
    Now,
    /// Nanoseconds since 1970.
    At(u64),
}

/// What a call that sets times asks for: access and modification.
pub(super) fn new_times(
    access: u64,
    modification: u64,
    flags: u32,
) -> Result<(NewTime, NewTime), Errno> {
    let flags = FstFlags::from_guest(flags)?;
    let one = |given, now, nanoseconds| match (flags.contains(given), flags.contains(now)) {
        (true, true) => Err(Errno::Inval),
        (true, false) => Ok(NewTime::At(nanoseconds)),
        (false, true) => Ok(NewTime::Now),
        (false, false) => Ok(NewTime::Keep),
    };
    Ok((
        one(FstFlags::ATIM, FstFlags::ATIM_NOW, access)?,
        one(FstFlags::MTIM, FstFlags::MTIM_NOW, modification)?,
    ))
}

impl NewTime {
    /// As the host's `futimens` takes it.
    fn timespec(self) -> Result<Timespec, Errno> {
        let special = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        Ok(match self {
            NewTime::Keep => special(UTIME_OMIT),
            NewTime::Now => special(UTIME_NOW),
            NewTime::At(nanoseconds) => Duration::from_nanos(nanoseconds)
                .try_into()
                .map_err(|_| Errno::Overflow)?,
        })
    }

    /// As cap-std takes it; `None` leaves the time alone.
    pub(super) fn spec(self) -> Result<Option<SystemTimeSpec>, Errno> {
        Ok(match self {
            NewTime::Keep => None,
            NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
            NewTime::At(nanoseconds) => {
                let time = SystemTime::from_std(std::time::UNIX_EPOCH)
                    .checked_add(Duration::from_nanos(nanoseconds))
                    .ok_or(Errno::Overflow)?;
                Some(SystemTimeSpec::Absolute(time))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_given_or_now_or_kept_and_never_two_of_them() {
        let table = [
            (0, Ok((NewTime::Keep, NewTime::Keep))),
            (1, Ok((NewTime::At(7), NewTime::Keep))),
            (2 | 4, Ok((NewTime::Now, NewTime::At(8)))),
            (8, Ok((NewTime::Keep, NewTime::Now))),
            (3, Err(Errno::Inval)),
            (12, Err(Errno::Inval)),
            (16, Err(Errno::Inval)),
        ];
        for (flags, expected) in table {
            assert_eq!(new_times(7, 8, flags), expected, "flags {flags}");
        }
    }
}
