//! Rights of descriptors: what a program may do with one, and pass on through it.
//!
//! Each descriptor has *base* rights, for operations on itself, and *inheriting* rights, the most
//! that descriptors opened through it can get. A program can only give rights up.

use super::errno::Errno;
use super::types::FileType;
use bitflags::bitflags;

bitflags! {
    /// `rights` of WASI preview 1 (a 64-bit set).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Rights: u64 {
        /// `fd_datasync`; through a directory, opening with `dsync`.
        const FD_DATASYNC = 1 << 0;
        /// `fd_read`, `sock_recv`; with `FD_SEEK` also `fd_pread`.
        const FD_READ = 1 << 1;
        /// `fd_seek`; includes `FD_TELL`.
        const FD_SEEK = 1 << 2;
        /// `fd_fdstat_set_flags`.
        const FD_FDSTAT_SET_FLAGS = 1 << 3;
        /// `fd_sync`; through a directory, opening with `rsync` or `sync`.
        const FD_SYNC = 1 << 4;
        /// `fd_tell`, and `fd_seek` that moves nothing.
        const FD_TELL = 1 << 5;
        /// `fd_write`, `sock_send`; with `FD_SEEK` also `fd_pwrite`.
        const FD_WRITE = 1 << 6;
        /// `fd_advise`.
        const FD_ADVISE = 1 << 7;
        /// `fd_allocate`.
        const FD_ALLOCATE = 1 << 8;
        /// `path_create_directory`.
        const PATH_CREATE_DIRECTORY = 1 << 9;
        /// `path_open` with `creat`.
        const PATH_CREATE_FILE = 1 << 10;
        /// `path_link` with this directory as the source's.
        const PATH_LINK_SOURCE = 1 << 11;
        /// `path_link` with this directory as the new name's.
        const PATH_LINK_TARGET = 1 << 12;
        /// `path_open`.
        const PATH_OPEN = 1 << 13;
        /// `fd_readdir`.
        const FD_READDIR = 1 << 14;
        /// `path_readlink`.
        const PATH_READLINK = 1 << 15;
        /// `path_rename` with this directory as the source's.
        const PATH_RENAME_SOURCE = 1 << 16;
        /// `path_rename` with this directory as the new name's.
        const PATH_RENAME_TARGET = 1 << 17;
        /// `path_filestat_get`.
        const PATH_FILESTAT_GET = 1 << 18;
        /// `path_open` with `trunc`.
        const PATH_FILESTAT_SET_SIZE = 1 << 19;
        /// `path_filestat_set_times`.
        const PATH_FILESTAT_SET_TIMES = 1 << 20;
        /// `fd_filestat_get`.
        const FD_FILESTAT_GET = 1 << 21;
        /// `fd_filestat_set_size`.
        const FD_FILESTAT_SET_SIZE = 1 << 22;
        /// `fd_filestat_set_times`.
        const FD_FILESTAT_SET_TIMES = 1 << 23;
        /// `path_symlink`.
        const PATH_SYMLINK = 1 << 24;
        /// `path_remove_directory`.
        const PATH_REMOVE_DIRECTORY = 1 << 25;
        /// `path_unlink_file`.
        const PATH_UNLINK_FILE = 1 << 26;
        /// With `FD_READ` or `FD_WRITE`, waiting for that in `poll_oneoff`.
        const POLL_FD_READWRITE = 1 << 27;
        /// `sock_shutdown`.
        const SOCK_SHUTDOWN = 1 << 28;
        /// `sock_accept`.
        const SOCK_ACCEPT = 1 << 29;
    }
}

impl Rights {
    /// What can be done with a regular file.
    pub const REGULAR_FILE: Rights = Rights::FD_DATASYNC
        .union(Rights::FD_READ)
        .union(Rights::FD_SEEK)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_SYNC)
        .union(Rights::FD_TELL)
        .union(Rights::FD_WRITE)
        .union(Rights::FD_ADVISE)
        .union(Rights::FD_ALLOCATE)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::FD_FILESTAT_SET_SIZE)
        .union(Rights::FD_FILESTAT_SET_TIMES)
        .union(Rights::POLL_FD_READWRITE);

    /// What can be done with a directory.
    pub const DIRECTORY: Rights = Rights::FD_FDSTAT_SET_FLAGS
        .union(Rights::FD_SYNC)
        .union(Rights::FD_ADVISE)
        .union(Rights::PATH_CREATE_DIRECTORY)
        .union(Rights::PATH_CREATE_FILE)
        .union(Rights::PATH_LINK_SOURCE)
        .union(Rights::PATH_LINK_TARGET)
        .union(Rights::PATH_OPEN)
        .union(Rights::FD_READDIR)
        .union(Rights::PATH_READLINK)
        .union(Rights::PATH_RENAME_SOURCE)
        .union(Rights::PATH_RENAME_TARGET)
        .union(Rights::PATH_FILESTAT_GET)
        .union(Rights::PATH_FILESTAT_SET_SIZE)
        .union(Rights::PATH_FILESTAT_SET_TIMES)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::FD_FILESTAT_SET_TIMES)
        .union(Rights::PATH_SYMLINK)
        .union(Rights::PATH_REMOVE_DIRECTORY)
        .union(Rights::PATH_UNLINK_FILE)
        .union(Rights::POLL_FD_READWRITE);

    /// What can be done with a stream that has no position: terminals and pipes. C libraries
    /// take a character device without seek and tell rights for a terminal.
    pub const STREAM: Rights = Rights::FD_READ
        .union(Rights::FD_WRITE)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::POLL_FD_READWRITE);

    /// What can be done with a socket.
    pub const SOCKET: Rights = Rights::STREAM
        .union(Rights::SOCK_SHUTDOWN)
        .union(Rights::SOCK_ACCEPT);

    /// Rights that have a meaning for a file of this type.
    pub fn of(file_type: FileType, terminal: bool) -> Rights {
        match file_type {
            FileType::Directory => Rights::DIRECTORY,
            FileType::RegularFile | FileType::BlockDevice => Rights::REGULAR_FILE,
            FileType::CharacterDevice if !terminal => Rights::REGULAR_FILE,
            FileType::SocketStream | FileType::SocketDgram => Rights::SOCKET,
            FileType::CharacterDevice | FileType::SymbolicLink | FileType::Unknown => {
                Rights::STREAM
            }
        }
    }

    /// Fails with [`Errno::NotCapable`] unless `self` includes all of `needed`.
    pub fn require(self, needed: Rights) -> Result<(), Errno> {
        if self.contains(needed) {
            Ok(())
        } else {
            Err(Errno::NotCapable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_cannot_seek_and_other_devices_can() {
        let seek = Rights::FD_SEEK | Rights::FD_TELL;
        assert!(!Rights::of(FileType::CharacterDevice, true).intersects(seek));
        assert!(Rights::of(FileType::CharacterDevice, false).contains(seek));
    }

    #[test]
    fn require_names_a_missing_right() {
        assert_eq!(
            Rights::STREAM.require(Rights::FD_SEEK),
            Err(Errno::NotCapable)
        );
        assert_eq!(Rights::REGULAR_FILE.require(Rights::FD_SEEK), Ok(()));
    }
}
