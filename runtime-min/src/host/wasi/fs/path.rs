//! Everything else that takes a path. Paths are relative to a directory descriptor, and cap-std
//! lets none of them, nor any symbolic link on the way, lead out of that directory.

use super::stat::new_times;
use crate::host::wasi::WasiCtx;
use crate::host::wasi::errno::Errno;
use crate::host::wasi::guest_memory::GuestMemory;
use crate::host::wasi::rights::Rights;
use crate::host::wasi::types::{FileStat, LookupFlags};
use cap_fs_ext::DirExt as _;
use std::path::PathBuf;

impl WasiCtx {
    /// Creates a directory.
    pub fn path_create_directory(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_length: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let directory = descriptor.as_directory(Rights::PATH_CREATE_DIRECTORY)?;
        directory.dir.create_dir(memory.path(path, path_length)?)?;
        Ok(())
    }

    /// Writes the attributes of a file to `result`: [`FileStat`].
    pub fn path_filestat_get(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        path_length: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let directory = descriptor.as_directory(Rights::PATH_FILESTAT_GET)?;
        let lookup = LookupFlags::from_guest(lookup)?;
        let path = memory.path(path, path_length)?;
        // A path that ends in a slash names a directory, and not a link to one; cap-std does not
        // look at the slash here.
        let to_directory = path.ends_with('/');
        let metadata = if to_directory || lookup.contains(LookupFlags::SYMLINK_FOLLOW) {
            directory.dir.metadata(path)?
        } else {
            directory.dir.symlink_metadata(path)?
        };
        if to_directory && !metadata.is_dir() {
            return Err(Errno::NotDir);
        }
        memory.write(result, &FileStat::from_metadata(&metadata).encode())
    }

    /// Sets the times of a file, in nanoseconds since 1970.
    #[expect(clippy::too_many_arguments, reason = "WASI's signature")]
    pub fn path_filestat_set_times(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        path_length: u32,
        access: u64,
        modification: u64,
        flags: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let directory = descriptor.as_directory(Rights::PATH_FILESTAT_SET_TIMES)?;
        let lookup = LookupFlags::from_guest(lookup)?;
        let (access, modification) = new_times(access, modification, flags)?;
        let (access, modification) = (access.spec()?, modification.spec()?);
        let path = memory.path(path, path_length)?;
        if lookup.contains(LookupFlags::SYMLINK_FOLLOW) {
            directory.dir.set_times(path, access, modification)?;
        } else {
            directory
                .dir
                .set_symlink_times(path, access, modification)?;
        }
        Ok(())
    }

    /// Gives a file another name (a hard link).
    #[expect(clippy::too_many_arguments, reason = "WASI's signature")]
    pub fn path_link(
        &self,
        memory: &mut GuestMemory<'_>,
        old_fd: u32,
        lookup: u32,
        old_path: u32,
        old_length: u32,
        new_fd: u32,
        new_path: u32,
        new_length: u32,
    ) -> Result<(), Errno> {
        let old = self.descriptor(old_fd)?;
        let new = self.descriptor(new_fd)?;
        let old = old.as_directory(Rights::PATH_LINK_SOURCE)?;
        let new = new.as_directory(Rights::PATH_LINK_TARGET)?;
        let lookup = LookupFlags::from_guest(lookup)?;
        let mut old_path = PathBuf::from(memory.path(old_path, old_length)?);
        let new_path = memory.path(new_path, new_length)?;
        if lookup.contains(LookupFlags::SYMLINK_FOLLOW) {
            old_path = old.dir.canonicalize(old_path)?;
        }
        old.dir.hard_link(old_path, &new.dir, new_path)?;
        Ok(())
    }

    /// Writes the contents of a symbolic link to a buffer, as much of them as fits, and the
    /// number of bytes to `result`: u32.
    #[expect(clippy::too_many_arguments, reason = "WASI's signature")]
    pub fn path_readlink(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_length: u32,
        buffer: u32,
        length: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let directory = descriptor.as_directory(Rights::PATH_READLINK)?;
        let contents = directory
            .dir
            .read_link_contents(memory.path(path, path_length)?)?;
        let contents = contents.to_str().ok_or(Errno::IlSeq)?.as_bytes();
        let room = usize::try_from(length).map_err(|_| Errno::Fault)?;
        let part = contents.get(..room).unwrap_or(contents);
        memory.write(buffer, part)?;
        memory.write_size(result, part.len())
    }

    /// Removes an empty directory.
    pub fn path_remove_directory(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_length: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let directory = descriptor.as_directory(Rights::PATH_REMOVE_DIRECTORY)?;
        directory.dir.remove_dir(memory.path(path, path_length)?)?;
        Ok(())
    }

    /// Renames a file or directory, replacing what has the new name.
    #[expect(clippy::too_many_arguments, reason = "WASI's signature")]
    pub fn path_rename(
        &self,
        memory: &mut GuestMemory<'_>,
        old_fd: u32,
        old_path: u32,
        old_length: u32,
        new_fd: u32,
        new_path: u32,
        new_length: u32,
    ) -> Result<(), Errno> {
        let old = self.descriptor(old_fd)?;
        let new = self.descriptor(new_fd)?;
        let old = old.as_directory(Rights::PATH_RENAME_SOURCE)?;
        let new = new.as_directory(Rights::PATH_RENAME_TARGET)?;
        old.dir.rename(
            memory.path(old_path, old_length)?,
            &new.dir,
            memory.path(new_path, new_length)?,
        )?;
        Ok(())
    }

    /// Creates a symbolic link. Its contents may name anything but an absolute path, which other
    /// programs on the host could be led by ([`Errno::NotCapable`]).
    pub fn path_symlink(
        &self,
        memory: &mut GuestMemory<'_>,
        contents: u32,
        contents_length: u32,
        fd: u32,
        path: u32,
        path_length: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let directory = descriptor.as_directory(Rights::PATH_SYMLINK)?;
        let contents = memory.path(contents, contents_length)?;
        let path = memory.path(path, path_length)?;
        directory.dir.symlink(contents, path)?;
        Ok(())
    }

    /// Removes a name of a file that is not a directory.
    pub fn path_unlink_file(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_length: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let directory = descriptor.as_directory(Rights::PATH_UNLINK_FILE)?;
        directory.dir.remove_file(memory.path(path, path_length)?)?;
        Ok(())
    }
}
