//! The doors between compiled code and the runtime, a file an architecture: entry and exit trampolines,
//! the landing of traps, and what a signal handler has to know of the machine's registers.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
mod x86_64_cpu;
#[cfg(target_arch = "x86_64")]
pub(crate) use {x86_64::*, x86_64_cpu::cpu_features};

#[cfg(not(target_arch = "x86_64"))]
compile_error!("no trampolines for this architecture");
