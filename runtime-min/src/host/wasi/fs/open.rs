//! Opening files and directories: `path_open`.

use crate::host::wasi::WasiCtx;
use crate::host::wasi::errno::Errno;
use crate::host::wasi::guest_memory::GuestMemory;
use crate::host::wasi::rights::Rights;
use crate::host::wasi::table::{Descriptor, lock};
use crate::host::wasi::types::{FdFlags, LookupFlags, OFlags};
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use std::fs::File;

/// Rights for which the host's file must be open for reading.
const READING: Rights = Rights::FD_READ.union(Rights::FD_READDIR);

/// Rights for which the host's file must be open for writing.
const WRITING: Rights = Rights::FD_WRITE
    .union(Rights::FD_ALLOCATE)
    .union(Rights::FD_FILESTAT_SET_SIZE);

/// What a program asks for.
#[derive(Clone, Copy, Debug)]
struct Request {
    lookup: LookupFlags,
    create: OFlags,
    flags: FdFlags,
    base: Rights,
    inheriting: Rights,
}

impl Request {
    /// The rights that the directory must have: for the call itself, and to pass on.
    fn needed(&self) -> (Rights, Rights) {
        let mut own = Rights::PATH_OPEN;
        if self.create.contains(OFlags::CREAT) {
            own |= Rights::PATH_CREATE_FILE;
        }
        if self.create.contains(OFlags::TRUNC) {
            own |= Rights::PATH_FILESTAT_SET_SIZE;
        }
        let mut passed = self.base | self.inheriting;
        if self.flags.contains(FdFlags::DSYNC) {
            passed |= Rights::FD_DATASYNC;
        }
        if self.flags.intersects(FdFlags::SYNC | FdFlags::RSYNC) {
            passed |= Rights::FD_SYNC;
        }
        (own, passed)
    }

    /// Opens beneath `dir`; no path leads out of it.
    fn open(&self, dir: &Dir, path: &str) -> Result<File, Errno> {
        let mut options = OpenOptions::new();
        let writing = self.base.intersects(WRITING);
        options
            .read(self.base.intersects(READING) || !writing)
            .write(writing)
            .follow(if self.lookup.contains(LookupFlags::SYMLINK_FOLLOW) {
                FollowSymlinks::Yes
            } else {
                FollowSymlinks::No
            })
            .dsync(self.flags.contains(FdFlags::DSYNC))
            .sync(self.flags.contains(FdFlags::SYNC))
            .rsync(self.flags.contains(FdFlags::RSYNC))
            .nonblock(self.flags.contains(FdFlags::NONBLOCK));
        // A terminal that a program opens does not become the process's.
        let mut custom = rustix::fs::OFlags::NOCTTY;
        if self.create.contains(OFlags::DIRECTORY) {
            custom |= rustix::fs::OFlags::DIRECTORY;
        }
        options.custom_flags(custom.bits().cast_signed());

        // The host truncates and creates only through writable descriptors. The program's
        // descriptor still has no rights but those it asked for.
        if self.create.contains(OFlags::TRUNC) {
            options.write(true).truncate(true);
        }
        if !self.create.contains(OFlags::CREAT) {
            return Ok(dir.open_with(path, &options)?.into_std());
        }
        let mut creating = options.clone();
        creating.write(true);
        if self.create.contains(OFlags::EXCL) {
            creating.create_new(true);
            return Ok(dir.open_with(path, &creating)?.into_std());
        }
        creating.create(true);
        if !writing && !self.create.contains(OFlags::TRUNC) {
            // A file that exists may well be read-only.
            match dir.open_with(path, &options) {
                Ok(file) if file.metadata()?.is_dir() => return Err(Errno::IsDir),
                Ok(file) => return Ok(file.into_std()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(dir.open_with(path, &creating)?.into_std())
    }

    /// The new descriptor for an open file.
    fn describe(&self, file: File) -> Result<Descriptor, Errno> {
        if file.metadata()?.is_dir() {
            if self.base.intersects(WRITING) {
                return Err(Errno::IsDir);
            }
            let dir = Dir::from_std_file(file);
            return Ok(Descriptor::directory(dir, None, self.base, self.inheriting));
        }
        if self.create.contains(OFlags::DIRECTORY) {
            return Err(Errno::NotDir);
        }
        if self.flags.contains(FdFlags::APPEND) {
            let status = rustix::fs::fcntl_getfl(&file)?;
            rustix::fs::fcntl_setfl(&file, status | rustix::fs::OFlags::APPEND)?;
        }
        Descriptor::host(file, self.base, self.flags)
    }
}

impl WasiCtx {
    /// Opens a file or directory and writes the descriptor to `result`: u32. It gets those of the
    /// rights asked for that mean something for its type; to ask for more than the directory can
    /// pass on is [`Errno::NotCapable`].
    #[expect(clippy::too_many_arguments, reason = "WASI's signature")]
    pub fn path_open(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        path_length: u32,
        create: u32,
        base: u64,
        inheriting: u64,
        flags: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let directory = descriptor.as_directory(Rights::empty())?;
        let request = Request {
            lookup: LookupFlags::from_guest(lookup)?,
            create: OFlags::from_guest(create)?,
            flags: FdFlags::from_guest(flags)?,
            // Programs that want everything set bits that have no meaning.
            base: Rights::from_bits_truncate(base),
            inheriting: Rights::from_bits_truncate(inheriting),
        };
        if request.create.contains(OFlags::CREAT | OFlags::DIRECTORY) {
            return Err(Errno::Inval);
        }
        let (own, passed) = request.needed();
        let rights = descriptor.rights();
        rights.base.require(own)?;
        rights.inheriting.require(passed)?;
        memory.check(result, 4)?;
        let path = memory.path(path, path_length)?;
        let file = request.open(&directory.dir, &path)?;
        let opened = request.describe(file)?;
        let number = lock(&self.table).add(opened)?;
        memory.write_u32(result, number)
    }
}
