//! Sockets. Preview 1 cannot open any: a program has those that it was given, and connections
//! that it accepts on them.

use super::WasiCtx;
use super::errno::Errno;
use super::guest_memory::GuestMemory;
use super::rights::Rights;
use super::table::{Descriptor, lock};
use super::types::{FdFlags, RiFlags, RoFlags, SdFlags};
use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendFlags, Shutdown,
};
use std::fs::File;

impl WasiCtx {
    /// Accepts a connection and writes its descriptor to `result`: u32. `flags` can only have
    /// `nonblock`.
    pub fn sock_accept(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        flags: u32,
        result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let socket = descriptor.as_socket(Rights::SOCK_ACCEPT)?;
        let flags = FdFlags::from_guest(flags)?;
        if !FdFlags::NONBLOCK.contains(flags) {
            return Err(Errno::Inval);
        }
        memory.check(result, 4)?;
        let accepted = retry_on_intr(|| rustix::net::accept(socket))?;
        rustix::io::fcntl_setfd(&accepted, rustix::io::FdFlags::CLOEXEC)?;
        if flags.contains(FdFlags::NONBLOCK) {
            rustix::io::ioctl_fionbio(&accepted, true)?;
        }
        let rights = descriptor.rights().inheriting;
        let accepted = Descriptor::host(File::from(accepted), rights, flags)?;
        let number = lock(&self.table).add(accepted)?;
        memory.write_u32(result, number)
    }

    /// Receives. Writes the number of bytes to `size`: u32, and `roflags` to `flags_result`: u16.
    #[expect(clippy::too_many_arguments, reason = "WASI's signature")]
    pub fn sock_recv(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        list: u32,
        count: u32,
        flags: u32,
        size: u32,
        flags_result: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let socket = descriptor.as_socket(Rights::FD_READ)?;
        let wanted = RiFlags::from_guest(flags)?;
        let mut flags = RecvFlags::empty();
        flags.set(RecvFlags::PEEK, wanted.contains(RiFlags::PEEK));
        flags.set(RecvFlags::WAITALL, wanted.contains(RiFlags::WAITALL));
        memory.check(size, 4)?;
        memory.check(flags_result, 2)?;
        let buffers = memory.buffers(list, count)?;
        let received = {
            let mut buffers = memory.scatter(&buffers);
            retry_on_intr(|| {
                let mut control = RecvAncillaryBuffer::default();
                rustix::net::recvmsg(socket, &mut buffers, &mut control, flags)
            })?
        };
        let mut result = RoFlags::empty();
        result.set(
            RoFlags::DATA_TRUNCATED,
            received.flags.contains(ReturnFlags::TRUNC),
        );
        memory.write_size(size, received.bytes)?;
        memory.write_u16(flags_result, result.bits())
    }

    /// Sends. `flags` must be 0. Writes the number of bytes to `size`: u32.
    pub fn sock_send(
        &self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        list: u32,
        count: u32,
        flags: u32,
        size: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let socket = descriptor.as_socket(Rights::FD_WRITE)?;
        if flags != 0 {
            return Err(Errno::Inval);
        }
        memory.check(size, 4)?;
        let buffers = memory.buffers(list, count)?;
        let buffers = memory.gather(&buffers);
        let sent = retry_on_intr(|| {
            let mut control = SendAncillaryBuffer::default();
            rustix::net::sendmsg(socket, &buffers, &mut control, SendFlags::NOSIGNAL)
        })?;
        memory.write_size(size, sent)
    }

    /// Ends receiving, sending or both.
    pub fn sock_shutdown(
        &self,
        _memory: &mut GuestMemory<'_>,
        fd: u32,
        how: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptor(fd)?;
        let socket = descriptor.as_socket(Rights::SOCK_SHUTDOWN)?;
        let how = SdFlags::from_guest(how)?;
        let how = if how == SdFlags::RD | SdFlags::WR {
            Shutdown::Both
        } else if how == SdFlags::RD {
            Shutdown::Read
        } else if how == SdFlags::WR {
            Shutdown::Write
        } else {
            return Err(Errno::Inval);
        };
        rustix::net::shutdown(socket, how)?;
        Ok(())
    }
}
