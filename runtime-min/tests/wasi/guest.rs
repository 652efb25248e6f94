//! A program's side of WASI: a memory with fixed places for arguments and results.

use std::path::Path;
use tempfile::TempDir;
use wamr_runtime_min::host::wasi::{
    Errno, Event, EventType, FdFlags, FileType, GuestMemory, LookupFlags, OFlags, OutputBuffer,
    Rights, Subscription, WasiCtx, WasiCtxBuilder, Whence,
};

/// Where results go.
pub const RESULT: u32 = 0x100;
/// A second result.
pub const RESULT_2: u32 = 0x180;
const IOVECS: u32 = 0x200;
const PATH: u32 = 0x1000;
const PATH_2: u32 = 0x3000;
/// Where data is read to and written from.
pub const DATA: u32 = 0x1_0000;
const MEMORY: usize = 0x4_0000;

/// The descriptor of the preopened directory.
pub const ROOT: u32 = 3;

/// What a `path_open` asks for besides the path.
#[derive(Clone, Copy)]
pub struct Open {
    pub lookup: LookupFlags,
    pub create: OFlags,
    pub base: Rights,
    pub inheriting: Rights,
    pub flags: FdFlags,
}

impl Open {
    /// A file for reading.
    pub const READ: Open = Open {
        lookup: LookupFlags::empty(),
        create: OFlags::empty(),
        base: Rights::REGULAR_FILE
            .difference(Rights::FD_WRITE)
            .difference(Rights::FD_ALLOCATE)
            .difference(Rights::FD_FILESTAT_SET_SIZE),
        inheriting: Rights::empty(),
        flags: FdFlags::empty(),
    };

    /// A file for reading and writing, created if need be.
    pub const CREATE: Open = Open {
        create: OFlags::CREAT,
        base: Rights::REGULAR_FILE,
        ..Open::READ
    };

    /// A directory with all its rights.
    pub const DIRECTORY: Open = Open {
        create: OFlags::DIRECTORY,
        base: Rights::DIRECTORY,
        inheriting: Rights::all(),
        ..Open::READ
    };

    /// Follows a symbolic link at the end of the path.
    pub fn follow(self) -> Open {
        Open {
            lookup: LookupFlags::SYMLINK_FOLLOW,
            ..self
        }
    }

    /// With these creation flags.
    pub fn create(self, create: OFlags) -> Open {
        Open { create, ..self }
    }

    /// With these rights.
    pub fn base(self, base: Rights) -> Open {
        Open { base, ..self }
    }

    /// With these descriptor flags.
    pub fn flags(self, flags: FdFlags) -> Open {
        Open { flags, ..self }
    }
}

/// A file's attributes, as far as tests look at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub ino: u64,
    pub file_type: u8,
    pub nlink: u64,
    pub size: u64,
    pub atim: u64,
    pub mtim: u64,
}

/// A descriptor's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    pub file_type: u8,
    pub flags: FdFlags,
    pub base: Rights,
    pub inheriting: Rights,
}

/// A program without code: it has a memory and a [`WasiCtx`].
pub struct Guest {
    pub context: WasiCtx,
    pub bytes: Vec<u8>,
    /// What it writes to descriptor 1.
    pub output: OutputBuffer,
    /// Holds `root`, which is preopened as `/sandbox`, and next to it what must stay unreachable.
    pub host: TempDir,
}

impl Guest {
    /// A program with a preopened directory.
    pub fn new() -> Guest {
        Guest::with(|builder| builder)
    }

    /// A program with more than that.
    pub fn with(more: impl FnOnce(WasiCtxBuilder) -> WasiCtxBuilder) -> Guest {
        let host = TempDir::new().expect("temporary directory");
        std::fs::create_dir(host.path().join("root")).expect("root");
        std::fs::write(host.path().join("secret"), "secret").expect("secret");
        let output = OutputBuffer::default();
        let builder = WasiCtx::builder()
            .stdin("input")
            .stdout(&output)
            .preopen_dir(host.path().join("root"), "/sandbox")
            .expect("preopened");
        Guest {
            context: more(builder).build().expect("context"),
            bytes: vec![0; MEMORY],
            output,
            host,
        }
    }

    /// A path of the host in the preopened directory.
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.host.path().join("root").join(name)
    }

    /// Contents of a file in the preopened directory.
    pub fn contents(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("readable")
    }

    /// Writes a file in the preopened directory.
    pub fn file(&self, name: &str, contents: &str) {
        std::fs::write(self.path(name), contents).expect("writable");
    }

    /// Makes a symbolic link in the preopened directory from outside.
    pub fn link_from_outside(&self, target: impl AsRef<Path>, name: &str) {
        std::os::unix::fs::symlink(target, self.path(name)).expect("symbolic link");
    }

    /// The context and the memory, for one call.
    pub fn split(&mut self) -> (&WasiCtx, GuestMemory<'_>) {
        (&self.context, GuestMemory::new(&mut self.bytes))
    }

    pub fn u16_at(&self, address: u32) -> u16 {
        u16::from_le_bytes(self.at(address))
    }

    pub fn u32_at(&self, address: u32) -> u32 {
        u32::from_le_bytes(self.at(address))
    }

    pub fn u64_at(&self, address: u32) -> u64 {
        u64::from_le_bytes(self.at(address))
    }

    fn at<const N: usize>(&self, address: u32) -> [u8; N] {
        let start = usize::try_from(address).expect("address");
        self.bytes[start..start + N].try_into().expect("length")
    }

    pub fn data(&self, length: u32) -> Vec<u8> {
        let start = usize::try_from(DATA).expect("address");
        self.bytes[start..start + usize::try_from(length).expect("length")].to_vec()
    }

    pub fn set(&mut self, address: u32, bytes: &[u8]) {
        let start = usize::try_from(address).expect("address");
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
    }

    /// Puts a path into memory: address and length.
    pub fn put_path(&mut self, path: &str) -> (u32, u32) {
        self.set(PATH, path.as_bytes());
        (PATH, u32::try_from(path.len()).expect("short"))
    }

    /// Puts a second path into memory.
    pub fn put_path_2(&mut self, path: &str) -> (u32, u32) {
        self.set(PATH_2, path.as_bytes());
        (PATH_2, u32::try_from(path.len()).expect("short"))
    }

    /// Puts a list of buffers into memory: address and count.
    pub fn put_buffers(&mut self, buffers: &[(u32, u32)]) -> (u32, u32) {
        for (index, (address, length)) in buffers.iter().enumerate() {
            let entry = IOVECS + u32::try_from(index * 8).expect("few");
            self.set(entry, &address.to_le_bytes());
            self.set(entry + 4, &length.to_le_bytes());
        }
        (IOVECS, u32::try_from(buffers.len()).expect("few"))
    }

    pub fn open(&mut self, path: &str, open: Open) -> Result<u32, Errno> {
        self.open_at(ROOT, path, open)
    }

    pub fn open_at(&mut self, fd: u32, path: &str, open: Open) -> Result<u32, Errno> {
        let (path, length) = self.put_path(path);
        let (context, mut memory) = self.split();
        context.path_open(
            &mut memory,
            fd,
            open.lookup.bits(),
            path,
            length,
            u32::from(open.create.bits()),
            open.base.bits(),
            open.inheriting.bits(),
            u32::from(open.flags.bits()),
            RESULT,
        )?;
        Ok(self.u32_at(RESULT))
    }

    pub fn close(&mut self, fd: u32) -> Result<(), Errno> {
        let (context, mut memory) = self.split();
        context.fd_close(&mut memory, fd)
    }

    pub fn read(&mut self, fd: u32, length: u32) -> Result<String, Errno> {
        let (list, count) = self.put_buffers(&[(DATA, length)]);
        let (context, mut memory) = self.split();
        context.fd_read(&mut memory, fd, list, count, RESULT)?;
        let bytes = self.data(self.u32_at(RESULT));
        Ok(String::from_utf8(bytes).expect("text"))
    }

    pub fn write(&mut self, fd: u32, text: &str) -> Result<u32, Errno> {
        self.set(DATA, text.as_bytes());
        let length = u32::try_from(text.len()).expect("short");
        let (list, count) = self.put_buffers(&[(DATA, length)]);
        let (context, mut memory) = self.split();
        context.fd_write(&mut memory, fd, list, count, RESULT)?;
        Ok(self.u32_at(RESULT))
    }

    pub fn pread(&mut self, fd: u32, length: u32, offset: u64) -> Result<String, Errno> {
        let (list, count) = self.put_buffers(&[(DATA, length)]);
        let (context, mut memory) = self.split();
        context.fd_pread(&mut memory, fd, list, count, offset, RESULT)?;
        let bytes = self.data(self.u32_at(RESULT));
        Ok(String::from_utf8(bytes).expect("text"))
    }

    pub fn pwrite(&mut self, fd: u32, text: &str, offset: u64) -> Result<u32, Errno> {
        self.set(DATA, text.as_bytes());
        let length = u32::try_from(text.len()).expect("short");
        let (list, count) = self.put_buffers(&[(DATA, length)]);
        let (context, mut memory) = self.split();
        context.fd_pwrite(&mut memory, fd, list, count, offset, RESULT)?;
        Ok(self.u32_at(RESULT))
    }

    pub fn seek(&mut self, fd: u32, offset: i64, whence: Whence) -> Result<u64, Errno> {
        let (context, mut memory) = self.split();
        let whence = u32::from(whence.code());
        context.fd_seek(&mut memory, fd, offset.cast_unsigned(), whence, RESULT)?;
        Ok(self.u64_at(RESULT))
    }

    pub fn tell(&mut self, fd: u32) -> Result<u64, Errno> {
        let (context, mut memory) = self.split();
        context.fd_tell(&mut memory, fd, RESULT)?;
        Ok(self.u64_at(RESULT))
    }

    pub fn attributes(&mut self, fd: u32) -> Result<Attributes, Errno> {
        let (context, mut memory) = self.split();
        context.fd_fdstat_get(&mut memory, fd, RESULT)?;
        Ok(Attributes {
            file_type: self.at::<1>(RESULT)[0],
            flags: FdFlags::from_bits(self.u16_at(RESULT + 2)).expect("known flags"),
            base: Rights::from_bits(self.u64_at(RESULT + 8)).expect("known rights"),
            inheriting: Rights::from_bits(self.u64_at(RESULT + 16)).expect("known rights"),
        })
    }

    pub fn set_flags(&mut self, fd: u32, flags: FdFlags) -> Result<(), Errno> {
        let (context, mut memory) = self.split();
        context.fd_fdstat_set_flags(&mut memory, fd, u32::from(flags.bits()))
    }

    pub fn set_rights(&mut self, fd: u32, base: Rights, inheriting: Rights) -> Result<(), Errno> {
        let (context, mut memory) = self.split();
        context.fd_fdstat_set_rights(&mut memory, fd, base.bits(), inheriting.bits())
    }

    fn stat_at(&self, address: u32) -> Stat {
        Stat {
            ino: self.u64_at(address + 8),
            file_type: self.at::<1>(address + 16)[0],
            nlink: self.u64_at(address + 24),
            size: self.u64_at(address + 32),
            atim: self.u64_at(address + 40),
            mtim: self.u64_at(address + 48),
        }
    }

    pub fn fd_stat(&mut self, fd: u32) -> Result<Stat, Errno> {
        let (context, mut memory) = self.split();
        context.fd_filestat_get(&mut memory, fd, RESULT)?;
        Ok(self.stat_at(RESULT))
    }

    pub fn stat(&mut self, path: &str, lookup: LookupFlags) -> Result<Stat, Errno> {
        let (path, length) = self.put_path(path);
        let (context, mut memory) = self.split();
        context.path_filestat_get(&mut memory, ROOT, lookup.bits(), path, length, RESULT)?;
        Ok(self.stat_at(RESULT))
    }

    pub fn mkdir(&mut self, path: &str) -> Result<(), Errno> {
        let (path, length) = self.put_path(path);
        let (context, mut memory) = self.split();
        context.path_create_directory(&mut memory, ROOT, path, length)
    }

    pub fn rmdir(&mut self, path: &str) -> Result<(), Errno> {
        let (path, length) = self.put_path(path);
        let (context, mut memory) = self.split();
        context.path_remove_directory(&mut memory, ROOT, path, length)
    }

    pub fn unlink(&mut self, path: &str) -> Result<(), Errno> {
        let (path, length) = self.put_path(path);
        let (context, mut memory) = self.split();
        context.path_unlink_file(&mut memory, ROOT, path, length)
    }

    pub fn rename(&mut self, old: &str, new: &str) -> Result<(), Errno> {
        let (old, old_length) = self.put_path(old);
        let (new, new_length) = self.put_path_2(new);
        let (context, mut memory) = self.split();
        context.path_rename(&mut memory, ROOT, old, old_length, ROOT, new, new_length)
    }

    pub fn hard_link(&mut self, old: &str, new: &str, lookup: LookupFlags) -> Result<(), Errno> {
        let (old, old_length) = self.put_path(old);
        let (new, new_length) = self.put_path_2(new);
        let (context, mut memory) = self.split();
        context.path_link(
            &mut memory,
            ROOT,
            lookup.bits(),
            old,
            old_length,
            ROOT,
            new,
            new_length,
        )
    }

    pub fn symlink(&mut self, contents: &str, path: &str) -> Result<(), Errno> {
        let (contents, contents_length) = self.put_path(contents);
        let (path, length) = self.put_path_2(path);
        let (context, mut memory) = self.split();
        context.path_symlink(&mut memory, contents, contents_length, ROOT, path, length)
    }

    pub fn readlink(&mut self, path: &str, room: u32) -> Result<String, Errno> {
        let (path, length) = self.put_path(path);
        let (context, mut memory) = self.split();
        context.path_readlink(&mut memory, ROOT, path, length, DATA, room, RESULT)?;
        let bytes = self.data(self.u32_at(RESULT));
        Ok(String::from_utf8(bytes).expect("text"))
    }

    /// Waits: userdata, error, type, bytes and hang-up of each event.
    pub fn poll(&mut self, subscriptions: &[Subscription]) -> Result<Vec<Event>, Errno> {
        let size = u32::try_from(Subscription::SIZE).expect("small");
        for (subscription, index) in subscriptions.iter().zip(0..) {
            let at = DATA + size * index;
            self.set(at, &[0; Subscription::SIZE]);
            self.set(at, &subscription.userdata.to_le_bytes());
            self.set(at + 8, &[subscription.event.code()]);
            self.set(at + 16, &subscription.subject.to_le_bytes());
            self.set(at + 24, &subscription.timeout.to_le_bytes());
            self.set(at + 40, &subscription.clock_flags.to_le_bytes());
        }
        let events = DATA + 0x1_0000;
        let count = u32::try_from(subscriptions.len()).expect("few");
        let (context, mut memory) = self.split();
        context.poll_oneoff(&mut memory, DATA, events, count, RESULT)?;
        let size = u32::try_from(Event::SIZE).expect("small");
        Ok((0..self.u32_at(RESULT))
            .map(|index| {
                let at = events + size * index;
                let error = usize::from(self.u16_at(at + 8));
                Event {
                    userdata: self.u64_at(at),
                    error: Errno::ALL[error],
                    event: EventType::from_code(u32::from(self.at::<1>(at + 10)[0]))
                        .expect("known type"),
                    available: self.u64_at(at + 16),
                    hangup: self.u16_at(at + 24) == 1,
                }
            })
            .collect())
    }
}

/// The number of a file type.
pub fn code(file_type: FileType) -> u8 {
    file_type.code()
}
