//! Clocks. Times are nanoseconds.

use super::WasiCtx;
use super::errno::Errno;
use super::guest_memory::GuestMemory;
use super::types::ClockId;
use rustix::time::{Timespec, clock_getres, clock_gettime};

/// The host's name of a clock.
fn host_clock(id: u32) -> Result<rustix::time::ClockId, Errno> {
    Ok(match ClockId::from_code(id)? {
        ClockId::Realtime => rustix::time::ClockId::Realtime,
        ClockId::Monotonic => rustix::time::ClockId::Monotonic,
        ClockId::ProcessCpuTime => rustix::time::ClockId::ProcessCPUTime,
        ClockId::ThreadCpuTime => rustix::time::ClockId::ThreadCPUTime,
    })
}

/// A host's time in nanoseconds; what 64 bits cannot hold is [`Errno::Overflow`].
fn nanoseconds(time: Timespec) -> Result<u64, Errno> {
    let total = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    u64::try_from(total).map_err(|_| Errno::Overflow)
}

/// The time of a clock.
pub(super) fn now(id: u32) -> Result<u64, Errno> {
    nanoseconds(clock_gettime(host_clock(id)?))
}

impl WasiCtx {
    /// Writes the resolution of a clock to `result`: u64.
    pub fn clock_res_get(
        &self,
        memory: &mut GuestMemory<'_>,
        id: u32,
        result: u32,
    ) -> Result<(), Errno> {
        memory.write_u64(result, nanoseconds(clock_getres(host_clock(id)?))?)
    }

    /// Writes the time of a clock to `result`: u64, as exact as the host has it, whatever the
    /// precision asked for.
    pub fn clock_time_get(
        &self,
        memory: &mut GuestMemory<'_>,
        id: u32,
        _precision: u64,
        result: u32,
    ) -> Result<(), Errno> {
        memory.write_u64(result, now(id)?)
    }
}
