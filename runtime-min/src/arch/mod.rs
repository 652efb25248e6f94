//! The doors between compiled code and the runtime, a file an architecture: entry and exit trampolines,
//! the landing of traps, and what a signal handler has to know of the machine's registers.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::*;

#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
mod riscv;
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
mod riscv_cpu;
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
pub(crate) use {riscv::*, riscv_cpu::*};

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
mod x86_64_cpu;
#[cfg(target_arch = "x86_64")]
pub(crate) use {x86_64::*, x86_64_cpu::cpu_features};

#[cfg(not(any(
    target_arch = "aarch64",
    target_arch = "riscv32",
    target_arch = "riscv64",
    target_arch = "x86_64"
)))]
compile_error!("no trampolines for this architecture");
