//! Random bytes from the host's cryptographic generator.

use super::WasiCtx;
use super::errno::Errno;
use super::guest_memory::GuestMemory;

impl WasiCtx {
    /// Fills a buffer with random bytes.
    pub fn random_get(
        &self,
        memory: &mut GuestMemory<'_>,
        buffer: u32,
        length: u32,
    ) -> Result<(), Errno> {
        getrandom::fill(memory.bytes_mut(buffer, length)?).map_err(|_| Errno::Io)
    }
}
