//! Listing directories: `fd_readdir`.
//!
//! A cookie is the host's own position in the directory, so that nothing is kept per entry and
//! a listing goes on where it was even if files come and go meanwhile.

use crate::host::wasi::WasiCtx;
use crate::host::wasi::errno::Errno;
use crate::host::wasi::guest_memory::GuestMemory;
use crate::host::wasi::rights::Rights;
use crate::host::wasi::table::lock;
use crate::host::wasi::types::{Dirent, FileType};
use rustix::fs::{AtFlags, Dir};
use std::os::fd::AsFd as _;

/// How far a directory has been listed.
#[derive(Debug)]
pub(in crate::host::wasi) struct Listing {
    stream: Dir,
    /// The cookie of the entry that `stream` gives next.
    next: u64,
}

impl Listing {
    fn start(directory: &cap_std::fs::Dir) -> Result<Listing, Errno> {
        Ok(Listing {
            stream: Dir::read_from(directory.as_fd())?,
            next: 0,
        })
    }

    fn seek(&mut self, cookie: u64) -> Result<(), Errno> {
        if cookie == 0 {
            self.stream.rewind();
        } else {
            let position = i64::try_from(cookie).map_err(|_| Errno::Inval)?;
            self.seek_to(position)?;
        }
        self.next = cookie;
        Ok(())
    }

    #[cfg(target_pointer_width = "64")]
    fn seek_to(&mut self, position: i64) -> Result<(), Errno> {
        Ok(self.stream.seek(position)?)
    }

    /// Where the host's own seek has only 32 bits: from the start up to the entry before.
    #[cfg(not(target_pointer_width = "64"))]
    fn seek_to(&mut self, position: i64) -> Result<(), Errno> {
        self.stream.rewind();
        while let Some(entry) = self.stream.read() {
            if entry?.offset() == position {
                break;
            }
        }
        Ok(())
    }
}

impl WasiCtx {
    /// Fills a buffer with entries from a cookie on: [`Dirent`] and name each, the last one cut
    /// off where the buffer ends. Writes the number of bytes to `result`: u32; less than the
    /// buffer's length means that there are no more entries. `.` and `..` are among them.
    pub fn fd_readdir(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        buffer: u32,
        length: u32,
        cookie: u64,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let directory = descriptor.as_directory(Rights::FD_READDIR)?;
        memory.check(result, 4)?;
        let buffer = memory.bytes_mut(buffer, length)?;

        // Taken out for the time of the call: after an error the next call starts anew.
        let mut kept = lock(&directory.listing);
        let mut listing = match kept.take() {
            Some(listing) => listing,
            None => Listing::start(&directory.dir)?,
        };
        if listing.next != cookie || cookie == 0 {
            listing.seek(cookie)?;
        }

        let mut used = 0;
        while used < buffer.len() {
            let Some(entry) = listing.stream.read() else {
                break;
            };
            let entry = entry?;
            let name = entry.file_name();
            let head = Dirent {
                next: u64::try_from(entry.offset()).map_err(|_| Errno::Overflow)?,
                ino: entry.ino(),
                name_length: u32::try_from(name.count_bytes()).map_err(|_| Errno::Overflow)?,
                file_type: entry_type(&directory.dir, &entry),
            };
            let whole =
                put(buffer, &mut used, &head.encode()) && put(buffer, &mut used, name.to_bytes());
            if !whole {
                // The program asks for this entry again, with the cookie it already has.
                listing.next = u64::MAX;
                break;
            }
            listing.next = head.next;
        }
        *kept = Some(listing);
        memory.write_size(result, used)
    }
}

/// Appends as much as fits; says whether that was all.
fn put(buffer: &mut [u8], used: &mut usize, bytes: &[u8]) -> bool {
    let room = buffer.get_mut(*used..).unwrap_or_default();
    let count = bytes.len().min(room.len());
    let (Some(target), Some(source)) = (room.get_mut(..count), bytes.get(..count)) else {
        return false;
    };
    target.copy_from_slice(source);
    *used += count;
    count == bytes.len()
}

/// The type of an entry. Not every file system has it in the directory.
fn entry_type(directory: &cap_std::fs::Dir, entry: &rustix::fs::DirEntry) -> FileType {
    let mut host = entry.file_type();
    if host == rustix::fs::FileType::Unknown
        && let Ok(stat) =
            rustix::fs::statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
    {
        host = rustix::fs::FileType::from_raw_mode(stat.st_mode);
    }
    match host {
        rustix::fs::FileType::RegularFile => FileType::RegularFile,
        rustix::fs::FileType::Directory => FileType::Directory,
        rustix::fs::FileType::Symlink => FileType::SymbolicLink,
        rustix::fs::FileType::CharacterDevice => FileType::CharacterDevice,
        rustix::fs::FileType::BlockDevice => FileType::BlockDevice,
        rustix::fs::FileType::Socket => FileType::SocketStream,
        rustix::fs::FileType::Fifo | rustix::fs::FileType::Unknown => FileType::Unknown,
    }
}
