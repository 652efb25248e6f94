//! The program's descriptors: numbers, what stands behind them, and their rights.

use super::errno::Errno;
use super::rights::Rights;
use super::stdio::{InputBuffer, OutputBuffer};
use super::types::{FdFlags, FileType};
use cap_std::fs::{Dir, Metadata};
use std::fs::File;
use std::io::IsTerminal as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Locks; a panic elsewhere while locked does not make the data unusable, since every change
/// under these locks is one assignment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A directory and how far a program has listed it.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) dir: Dir,
    /// The program's name of it, for a preopened one.
    pub(super) preopened: Option<String>,
    pub(super) listing: Mutex<Option<super::fs::Listing>>,
}

/// A file, device, pipe or socket of the host.
#[derive(Debug)]
pub(super) struct HostFile {
    pub(super) file: File,
    pub(super) file_type: FileType,
}

/// What a descriptor stands for.
#[derive(Debug)]
pub(super) enum Object {
    Directory(Directory),
    Host(HostFile),
    Input(InputBuffer),
    Output(OutputBuffer),
}

/// The rights of a descriptor.
#[derive(Clone, Copy, Debug)]
pub(super) struct RightSet {
    pub(super) base: Rights,
    pub(super) inheriting: Rights,
}

/// An open descriptor.
#[derive(Debug)]
pub(super) struct Descriptor {
    pub(super) object: Object,
    pub(super) rights: Mutex<RightSet>,
    pub(super) flags: Mutex<FdFlags>,
}

impl Descriptor {
    /// A preopened directory with every right.
    pub(super) fn preopened(dir: Dir, name: String) -> Descriptor {
        Descriptor::directory(dir, Some(name), Rights::DIRECTORY, Rights::all())
    }

    /// A directory with these rights, as far as they mean something for one.
    pub(super) fn directory(
        dir: Dir,
        preopened: Option<String>,
        base: Rights,
        inheriting: Rights,
    ) -> Descriptor {
        Descriptor {
            object: Object::Directory(Directory {
                dir,
                preopened,
                listing: Mutex::new(None),
            }),
            rights: Mutex::new(RightSet {
                base: base & Rights::DIRECTORY,
                inheriting,
            }),
            flags: Mutex::new(FdFlags::empty()),
        }
    }

    /// A file of the host with these rights, as far as they mean something for its type.
    pub(super) fn host(file: File, base: Rights, flags: FdFlags) -> Result<Descriptor, Errno> {
        let metadata = Metadata::from_file(&file)?;
        let mut file_type = FileType::from_metadata(&metadata);
        if file_type == FileType::SocketStream
            && rustix::net::sockopt::socket_type(&file)? == rustix::net::SocketType::DGRAM
        {
            file_type = FileType::SocketDgram;
        }
        let terminal = file_type == FileType::CharacterDevice && file.is_terminal();
        Ok(Descriptor {
            rights: Mutex::new(RightSet {
                base: base & Rights::of(file_type, terminal),
                inheriting: if file_type == FileType::SocketStream {
                    Rights::SOCKET
                } else {
                    Rights::empty()
                },
            }),
            flags: Mutex::new(flags),
            object: Object::Host(HostFile { file, file_type }),
        })
    }

    /// An open file that the embedder or the shell made: rights and flags from how it is open.
    pub(super) fn inherited(file: File) -> Result<Descriptor, Errno> {
        let status = rustix::fs::fcntl_getfl(&file)?;
        let access = status & rustix::fs::OFlags::ACCMODE;
        let mut base = Rights::all();
        if access == rustix::fs::OFlags::RDONLY {
            base -= Rights::FD_WRITE | Rights::FD_ALLOCATE | Rights::FD_FILESTAT_SET_SIZE;
        } else if access == rustix::fs::OFlags::WRONLY {
            base -= Rights::FD_READ;
        }
        let mut flags = FdFlags::empty();
        for (host, guest) in [
            (rustix::fs::OFlags::APPEND, FdFlags::APPEND),
            (rustix::fs::OFlags::NONBLOCK, FdFlags::NONBLOCK),
            (rustix::fs::OFlags::DSYNC, FdFlags::DSYNC),
            (rustix::fs::OFlags::SYNC, FdFlags::SYNC),
        ] {
            flags.set(guest, status.contains(host));
        }
        if Metadata::from_file(&file)?.is_dir() {
            return Err(Errno::IsDir);
        }
        Descriptor::host(file, base, flags)
    }

    /// Bytes that the program can read.
    pub(super) fn input(buffer: InputBuffer) -> Descriptor {
        Descriptor::buffer(Object::Input(buffer), Rights::FD_READ)
    }

    /// A place for what the program writes.
    pub(super) fn output(buffer: OutputBuffer) -> Descriptor {
        Descriptor::buffer(Object::Output(buffer), Rights::FD_WRITE)
    }

    fn buffer(object: Object, direction: Rights) -> Descriptor {
        Descriptor {
            object,
            rights: Mutex::new(RightSet {
                base: direction | Rights::FD_FILESTAT_GET | Rights::POLL_FD_READWRITE,
                inheriting: Rights::empty(),
            }),
            flags: Mutex::new(FdFlags::empty()),
        }
    }

    /// The rights at this moment.
    pub(super) fn rights(&self) -> RightSet {
        *lock(&self.rights)
    }

    /// The type of the file.
    pub(super) fn file_type(&self) -> FileType {
        match &self.object {
            Object::Directory(_) => FileType::Directory,
            Object::Host(host) => host.file_type,
            Object::Input(_) | Object::Output(_) => FileType::Unknown,
        }
    }

    /// The directory, if it is one and has these rights; [`Errno::NotDir`] comes first.
    pub(super) fn as_directory(&self, needed: Rights) -> Result<&Directory, Errno> {
        let Object::Directory(directory) = &self.object else {
            return Err(Errno::NotDir);
        };
        self.rights().base.require(needed)?;
        Ok(directory)
    }

    /// What is not a directory, if it has these rights. A directory is [`Errno::BadF`].
    pub(super) fn as_stream(&self, needed: Rights) -> Result<&Object, Errno> {
        if let Object::Directory(_) = self.object {
            return Err(Errno::BadF);
        }
        self.rights().base.require(needed)?;
        Ok(&self.object)
    }

    /// The host's file, if it has these rights. A directory is [`Errno::BadF`]; a captured
    /// stream, which has no such operation, [`Errno::SPipe`] like a pipe.
    pub(super) fn as_file(&self, needed: Rights) -> Result<&HostFile, Errno> {
        match self.as_stream(needed)? {
            Object::Host(host) => Ok(host),
            _ => Err(Errno::SPipe),
        }
    }

    /// The host's socket, if it has these rights.
    pub(super) fn as_socket(&self, needed: Rights) -> Result<BorrowedFd<'_>, Errno> {
        match &self.object {
            Object::Host(host)
                if matches!(
                    host.file_type,
                    FileType::SocketStream | FileType::SocketDgram
                ) =>
            {
                self.rights().base.require(needed)?;
                Ok(host.file.as_fd())
            }
            _ => Err(Errno::NotSock),
        }
    }

    /// The host's descriptor, if there is one.
    pub(super) fn as_host(&self) -> Option<BorrowedFd<'_>> {
        match &self.object {
            Object::Directory(directory) => Some(directory.dir.as_fd()),
            Object::Host(host) => Some(host.file.as_fd()),
            Object::Input(_) | Object::Output(_) => None,
        }
    }
}

/// Descriptors by number. A new one gets the lowest free number.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Option<Arc<Descriptor>>>);

impl Table {
    fn slot(&mut self, fd: u32) -> Result<&mut Option<Arc<Descriptor>>, Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::BadF)?;
        self.0.get_mut(index).ok_or(Errno::BadF)
    }

    /// The descriptor with this number.
    pub(super) fn get(&mut self, fd: u32) -> Result<Arc<Descriptor>, Errno> {
        self.slot(fd)?.clone().ok_or(Errno::BadF)
    }

    /// Gives a descriptor the lowest free number.
    pub(super) fn add(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let index = match self.0.iter().position(Option::is_none) {
            Some(index) => index,
            None => {
                self.0.push(None);
                self.0.len() - 1
            }
        };
        // Descriptors are signed in many programs.
        let fd = i32::try_from(index).map_err(|_| Errno::MFile)?;
        self.0[index] = Some(Arc::new(descriptor));
        Ok(fd.cast_unsigned())
    }

    /// Frees a number. The file is closed when no call uses it any more.
    pub(super) fn remove(&mut self, fd: u32) -> Result<Arc<Descriptor>, Errno> {
        self.slot(fd)?.take().ok_or(Errno::BadF)
    }

    /// Moves a descriptor to another number that is in use, which is closed.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(to)?;
        if from == to {
            return Ok(());
        }
        let descriptor = self.remove(from)?;
        *self.slot(to)? = Some(descriptor);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Descriptor {
        Descriptor::output(OutputBuffer::default())
    }

    #[test]
    fn numbers_are_reused_from_the_lowest() {
        let mut table = Table::default();
        for expected in 0..4 {
            assert_eq!(table.add(stream()), Ok(expected));
        }
        table.remove(1).expect("open");
        table.remove(2).expect("open");
        assert_eq!(table.remove(2).map(|_| ()), Err(Errno::BadF));
        assert_eq!(table.add(stream()), Ok(1));
        assert_eq!(table.add(stream()), Ok(2));
        assert_eq!(table.add(stream()), Ok(4));
        assert_eq!(table.get(u32::MAX).map(|_| ()), Err(Errno::BadF));
    }

    #[test]
    fn renumber_needs_both_numbers_and_frees_one() {
        let mut table = Table::default();
        for _ in 0..3 {
            table.add(stream()).expect("room");
        }
        assert_eq!(table.renumber(0, 9), Err(Errno::BadF));
        assert_eq!(table.renumber(9, 0), Err(Errno::BadF));
        assert_eq!(table.renumber(1, 1), Ok(()));
        assert_eq!(table.renumber(2, 0), Ok(()));
        assert_eq!(table.get(2).map(|_| ()), Err(Errno::BadF));
        assert!(table.get(0).is_ok());
    }

    #[test]
    fn a_stream_is_no_directory_and_no_socket() {
        let stream = stream();
        assert_eq!(
            stream.as_directory(Rights::empty()).map(|_| ()),
            Err(Errno::NotDir)
        );
        assert_eq!(
            stream.as_socket(Rights::empty()).map(|_| ()),
            Err(Errno::NotSock)
        );
        assert_eq!(
            stream.as_stream(Rights::FD_READ).map(|_| ()),
            Err(Errno::NotCapable)
        );
    }
}
