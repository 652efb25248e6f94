//! Entry and exit trampolines of AArch64, procedure call standard AAPCS64.
//!
//! Compiled code runs on a stack of its own. On an exit the callee-saved registers are pushed on it and
//! its address is left in `exec_env.exit_sp`:
//!
//! | offset from `exit_sp` | |
//! |---|---|
//! | 0, 8 | x29 (frame pointer), x30 (return address into compiled code) |
//! | 16 … 88 | x19 … x28 |
//! | 96 … 152 | d8 … d15 |

use crate::exec_env::{CalleeContext, ExecEnv, ExecState, TrapState};
use core::{arch::naked_asm, mem::offset_of};

/// What stands at `exit_sp`; a trap leaves the same in the exec state.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Saved {
    x29: u64,
    x30: u64,
    /// x19 … x28.
    general: [u64; 10],
    /// d8 … d15.
    floats: [u64; 8],
}

/// DWARF numbers (DWARF for the Arm 64-bit architecture, table 1): how many there are, the stack
/// pointer's, and the return address's, which is the link register's.
pub(crate) const REGISTERS: usize = 96;
/// As above.
pub(crate) const STACK_POINTER: u8 = 31;
/// As above.
pub(crate) const RETURN_ADDRESS: u8 = 30;
/// The first float register's DWARF number, and the bytes of one that survive calls.
pub(crate) const FLOATS: (u8, usize) = (64, 8);

impl Saved {
    /// Registers by DWARF number, and where to go on.
    pub fn new(register: impl Fn(u8) -> u64, pc: usize) -> Saved {
        Saved {
            x29: register(29),
            x30: pc as u64,
            general: core::array::from_fn(|i| register(19 + i as u8)),
            floats: core::array::from_fn(|i| register(FLOATS.0 + 8 + i as u8)),
        }
    }

    /// The registers by DWARF number.
    pub fn registers(&self) -> impl Iterator<Item = (u8, u64)> + use<> {
        let general = (19..).zip(self.general);
        let floats = (FLOATS.0 + 8..).zip(self.floats);
        [(29, self.x29), (RETURN_ADDRESS, self.x30)]
            .into_iter()
            .chain(general)
            .chain(floats)
    }

    /// Those of an interrupted thread.
    ///
    /// # Safety
    ///
    /// As for [`context_pc`].
    #[cfg(feature = "std")]
    pub unsafe fn of_context(context: *const libc::ucontext_t) -> Saved {
        // SAFETY: as the caller promises.
        let machine = unsafe { &(*context).uc_mcontext };
        Saved {
            x29: machine.regs[29],
            x30: machine.regs[30],
            general: core::array::from_fn(|i| machine.regs[19 + i]),
            // SAFETY: as the caller promises.
            floats: unsafe { context_floats(context) },
        }
    }
}

/// d8 … d15 of an interrupted thread.
///
/// Behind the general registers is room for records, each with a magic number and its size ahead; one of
/// them has the float registers (Linux, arch/arm64/include/uapi/asm/sigcontext.h).
///
/// # Safety
///
/// As for [`context_pc`].
#[cfg(feature = "std")]
unsafe fn context_floats(context: *const libc::ucontext_t) -> [u64; 8] {
    const FPSIMD_MAGIC: u32 = 0x4650_8001;
    /// Magic number, size, fpsr and fpcr stand ahead of the registers, which have 16 bytes each.
    const REGISTERS_AT: usize = 16;
    const ROOM: usize = 4096;
    // SAFETY: the registers are followed by room for records, aligned to 16; what the room is called
    // differs between C libraries.
    unsafe {
        let end = (&raw const (*context).uc_mcontext.pstate).add(1) as usize;
        let room = end.next_multiple_of(16);
        let mut at = 0;
        while at + REGISTERS_AT + 32 * 16 <= ROOM {
            let [magic, size] = ((room + at) as *const [u32; 2]).read();
            if magic == FPSIMD_MAGIC {
                let registers = (room + at + REGISTERS_AT) as *const [u64; 2];
                return core::array::from_fn(|i| registers.add(8 + i).read()[0]);
            }
            if magic == 0 || size < 8 {
                break;
            }
            at += size as usize;
        }
    }
    [0; 8]
}

/// What an entry has put aside of the state before it: where `host_sp` and `exit_sp` are, from the
/// entry's own `host_sp`.
pub(crate) const ENTRY_HOST_SP: usize = 160;
/// As above.
pub(crate) const ENTRY_EXIT_SP: usize = 168;

/// Bytes at the start of an exit trampoline that save registers: all still have their values, only the
/// stack pointer does not.
#[cfg(feature = "std")]
pub(crate) const EXIT_SAVES: usize = 40;

/// Bytes of an exit trampoline at most.
#[cfg(feature = "std")]
pub(crate) const EXIT_LENGTH: usize = 160;

/// Is the instruction at the end of an exit trampoline, which returns, at `pc`?
///
/// # Safety
///
/// `pc` is in an exit trampoline.
#[cfg(feature = "std")]
pub(crate) unsafe fn is_return(pc: usize) -> bool {
    const RET: u32 = 0xd65f_03c0;
    // SAFETY: code can be read.
    unsafe { (pc as *const u32).read_unaligned() == RET }
}

/// Stores the callee-saved registers in a new frame of this many bytes (160 at least).
macro_rules! save {
    ($size:literal) => {
        concat!(
            "stp x29, x30, [sp, #-",
            $size,
            "]!\n",
            "stp x19, x20, [sp, #16]\n",
            "stp x21, x22, [sp, #32]\n",
            "stp x23, x24, [sp, #48]\n",
            "stp x25, x26, [sp, #64]\n",
            "stp x27, x28, [sp, #80]\n",
            "stp d8, d9, [sp, #96]\n",
            "stp d10, d11, [sp, #112]\n",
            "stp d12, d13, [sp, #128]\n",
            "stp d14, d15, [sp, #144]"
        )
    };
}
pub(crate) use save;

/// Takes back what `save` stored.
macro_rules! restore {
    ($size:literal) => {
        concat!(
            "ldp d14, d15, [sp, #144]\n",
            "ldp d12, d13, [sp, #128]\n",
            "ldp d10, d11, [sp, #112]\n",
            "ldp d8, d9, [sp, #96]\n",
            "ldp x27, x28, [sp, #80]\n",
            "ldp x25, x26, [sp, #64]\n",
            "ldp x23, x24, [sp, #48]\n",
            "ldp x21, x22, [sp, #32]\n",
            "ldp x19, x20, [sp, #16]\n",
            "ldp x29, x30, [sp], #",
            $size
        )
    };
}
pub(crate) use restore;

/// Runs compiled code: `thunk(code, context, slots)` on the wasm stack.
///
/// Returns 0, or 1 after a trap; then `trap_cause` and the other trap fields say what happened, the
/// wasm stack is as the trap left it, and `current_frame` has still to be set back.
///
/// # Safety
///
/// `thunk` is an enter thunk for the type of `code`, `context` is the callee context that `code` belongs
/// to and points to `exec_env`, and `slots` has room for the parameters and for the results.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn wamr_enter(
    exec_env: *mut ExecState,
    thunk: usize,
    code: usize,
    context: *mut CalleeContext,
    slots: *mut u64,
) -> u32 {
    naked_asm!(
        save!(176),
        "mov x29, sp",
        "mov x19, x0",
        "ldr x9, [x19, #{host_sp}]",
        "ldr x10, [x19, #{exit_sp}]",
        "stp x9, x10, [sp, #160]",
        "ldr x11, [x19, #{stack_top}]",
        "cmp x10, #0",
        "csel x11, x11, x10, eq",
        "and x11, x11, #-16",
        "mov x9, sp",
        "str x9, [x19, #{host_sp}]",
        "str xzr, [x19, #{exit_sp}]",
        "mov sp, x11",
        "mov x9, x1",
        "mov x0, x2",
        "mov x1, x3",
        "mov x2, x4",
        "blr x9",
        "mov w0, #0",
        // Where a trap lands: x19 is the exec env, w0 the result, everything else is lost.
        "2:",
        "ldr x9, [x19, #{host_sp}]",
        "mov sp, x9",
        "ldp x9, x10, [sp, #160]",
        "str x10, [x19, #{exit_sp}]",
        "str x9, [x19, #{host_sp}]",
        restore!(176),
        "ret",
        // In one function with the above, so that both agree on the stack.
        ".globl wamr_trap_landing",
        ".hidden wamr_trap_landing",
        ".type wamr_trap_landing, @function",
        "wamr_trap_landing:",
        "mov w0, #1",
        "b 2b",
        host_sp = const offset_of!(ExecEnv, host_sp),
        exit_sp = const offset_of!(ExecEnv, exit_sp),
        stack_top = const offset_of!(ExecEnv, stack_top),
    )
}

unsafe extern "C" {
    /// Where a trap lands; not a function to call. Expects the exec env in x19.
    pub(crate) fn wamr_trap_landing();
}

/// `wamr_trap(context, cause, ip)`: leaves cause and place in the exec env and lands.
///
/// `trap_pc` is the last byte of the call, so that it lies inside the caller even where the call is the
/// caller's last instruction.
///
/// # Safety
///
/// Only compiled code calls it, with its callee context.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn wamr_trap(context: *mut CalleeContext, cause: u32, ip: u32) -> ! {
    naked_asm!(
        "ldr x9, [x0, #{exec_env}]",
        "add x10, x9, #{saved}",
        "stp x29, x30, [x10]",
        "stp x19, x20, [x10, #16]",
        "stp x21, x22, [x10, #32]",
        "stp x23, x24, [x10, #48]",
        "stp x25, x26, [x10, #64]",
        "stp x27, x28, [x10, #80]",
        "stp d8, d9, [x10, #96]",
        "stp d10, d11, [x10, #112]",
        "stp d12, d13, [x10, #128]",
        "stp d14, d15, [x10, #144]",
        "mov x19, x9",
        "str x10, [x19, #{saved_at}]",
        "str w1, [x19, #{trap_cause}]",
        "str w2, [x19, #{trap_ip}]",
        "str x29, [x19, #{trap_fp}]",
        "sub x9, x30, #1",
        "str x9, [x19, #{trap_pc}]",
        "mov x9, sp",
        "str x9, [x19, #{trap_sp}]",
        "b {landing}",
        exec_env = const offset_of!(CalleeContext, exec_env),
        trap_cause = const offset_of!(ExecEnv, trap_cause),
        trap_ip = const offset_of!(ExecEnv, trap_ip),
        trap_pc = const offset_of!(ExecEnv, trap_pc),
        trap_sp = const offset_of!(ExecEnv, trap_sp),
        trap_fp = const offset_of!(ExecEnv, trap_fp),
        saved = const TrapState::SAVED,
        saved_at = const TrapState::SAVED_AT,
        landing = sym wamr_trap_landing,
    )
}

/// Where an exception lands, from an exit: at what the exec state, whose address is in x19, says.
///
/// # Safety
///
/// Only exit trampolines jump here.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn catch_landing() -> ! {
    naked_asm!(
        "str wzr, [x19, #{trap_cause}]",
        "add x9, x19, #{exception}",
        "ldr x0, [x9]",
        "ldr x10, [x19, #{trap_sp}]",
        "add x9, x19, #{saved}",
        "mov sp, x10",
        "ldp x29, x30, [x9]",
        "ldp x19, x20, [x9, #16]",
        "ldp x21, x22, [x9, #32]",
        "ldp x23, x24, [x9, #48]",
        "ldp x25, x26, [x9, #64]",
        "ldp x27, x28, [x9, #80]",
        "ldp d8, d9, [x9, #96]",
        "ldp d10, d11, [x9, #112]",
        "ldp d12, d13, [x9, #128]",
        "ldp d14, d15, [x9, #144]",
        "ret",
        trap_cause = const offset_of!(ExecEnv, trap_cause),
        trap_sp = const offset_of!(ExecEnv, trap_sp),
        exception = const offset_of!(ExecState, exception),
        saved = const TrapState::SAVED,
    )
}

/// Stands in for the code of a host function's reference until a module with the function's type
/// brings a host thunk. Nothing can call it before; should it happen, it traps.
///
/// # Safety
///
/// As for [`wamr_trap`].
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn no_host_thunk() {
    naked_asm!(
        "mov w1, #{cause}",
        "mov w2, #0",
        "b {trap}",
        cause = const wamr_aot_loader::trap::TrapCause::UnlinkedImport.code(),
        trap = sym wamr_trap,
    )
}

/// An exit trampoline: the symbol that compiled code calls, and the Rust function behind it.
///
/// At most eight integer arguments, so that all are in registers. x19 and exit_sp stay what they are
/// across the call; an inner entry restores exit_sp.
macro_rules! exit {
    ($symbol:ident => $target:path) => {
        /// # Safety
        ///
        /// Only compiled code calls it, as the list of builtins has it.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $symbol() {
            core::arch::naked_asm!(
                $crate::arch::save!(160),
                "ldr x19, [x0, #{exec_env}]",
                "mov x20, sp",
                "str x20, [x19, #{exit_sp}]",
                "ldr x9, [x19, #{host_sp}]",
                "mov sp, x9",
                "bl {target}",
                "mov sp, x20",
                "str xzr, [x19, #{exit_sp}]",
                "ldr w9, [x19, #{trap_cause}]",
                "cbnz w9, 2f",
                $crate::arch::restore!(160),
                "ret",
                "2:",
                // All ones.
                "cmn w9, #1",
                "b.eq {catch}",
                "mov x9, sp",
                "str x9, [x19, #{saved_at}]",
                "ldp x9, x10, [sp]",
                "str x9, [x19, #{trap_fp}]",
                "sub x10, x10, #1",
                "str x10, [x19, #{trap_pc}]",
                "add x9, sp, #160",
                "str x9, [x19, #{trap_sp}]",
                "b {landing}",
                exec_env = const core::mem::offset_of!($crate::exec_env::CalleeContext, exec_env),
                exit_sp = const core::mem::offset_of!($crate::exec_env::ExecEnv, exit_sp),
                host_sp = const core::mem::offset_of!($crate::exec_env::ExecEnv, host_sp),
                trap_cause = const core::mem::offset_of!($crate::exec_env::ExecEnv, trap_cause),
                trap_pc = const core::mem::offset_of!($crate::exec_env::ExecEnv, trap_pc),
                trap_sp = const core::mem::offset_of!($crate::exec_env::ExecEnv, trap_sp),
                trap_fp = const core::mem::offset_of!($crate::exec_env::ExecEnv, trap_fp),
                saved_at = const $crate::exec_env::TrapState::SAVED_AT,
                catch = sym $crate::arch::catch_landing,
                target = sym $target,
                landing = sym $crate::arch::wamr_trap_landing,
            )
        }
    };
}
pub(crate) use exit;

/// The processor's features, as bits of the loader's list: those that the target of this build has, and
/// what the system tells of others.
pub(crate) fn cpu_features() -> u64 {
    use wamr_aot_loader::{cpu, format::target::Machine};
    macro_rules! features {
        ($($llvm:literal = $rust:tt),* $(,)?) => {
            [$(($llvm, detected!($rust))),*]
        };
    }
    #[cfg(feature = "std")]
    macro_rules! detected {
        ($name:tt) => {
            std::arch::is_aarch64_feature_detected!($name)
        };
    }
    #[cfg(not(feature = "std"))]
    macro_rules! detected {
        ($name:tt) => {
            cfg!(target_feature = $name)
        };
    }
    let detected = features! {
        "neon" = "neon",
        "fp-armv8" = "neon",
        "crc" = "crc",
        "lse" = "lse",
        "lse2" = "lse2",
        "rdm" = "rdm",
        "aes" = "aes",
        "sha2" = "sha2",
        "sha3" = "sha3",
        "sm4" = "sm4",
        "fullfp16" = "fp16",
        "fp16fml" = "fhm",
        "dotprod" = "dotprod",
        "rcpc" = "rcpc",
        "rcpc-immo" = "rcpc2",
        "jsconv" = "jsconv",
        "complxnum" = "fcma",
        "pauth" = "paca",
        "flagm" = "flagm",
        "sb" = "sb",
        "ssbs" = "ssbs",
        "bti" = "bti",
        "fptoint" = "frintts",
        "i8mm" = "i8mm",
        "bf16" = "bf16",
        "ccpp" = "dpb",
        "dit" = "dit",
        "sve" = "sve",
        "sve2" = "sve2",
    };
    detected
        .into_iter()
        .filter(|(_, detected)| *detected)
        .filter_map(|(name, _)| cpu::feature_bits(Machine::Aarch64, name))
        .fold(0, |bits, bit| bits | bit)
}

/// Makes code that was just written visible to the processors' instruction fetch (Arm ARM, B2.7.4.2).
pub(crate) fn flush_instructions(start: usize, length: usize) {
    use core::arch::asm;
    let cache_type: u64;
    // SAFETY: reads a register that user code may read.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) cache_type, options(nomem, nostack)) };
    // Binary logarithms of the smallest lines, in words of four bytes.
    let data_line = 4usize << (cache_type >> 16 & 15);
    let instruction_line = 4usize << (cache_type & 15);
    let end = start.saturating_add(length);
    for address in (start & !(data_line - 1)..end).step_by(data_line) {
        // SAFETY: cleans a line of the caller's memory; contents stay the same.
        unsafe { asm!("dc cvau, {}", in(reg) address, options(nostack)) };
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack)) };
    for address in (start & !(instruction_line - 1)..end).step_by(instruction_line) {
        // SAFETY: as above, for instructions.
        unsafe { asm!("ic ivau, {}", in(reg) address, options(nostack)) };
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb", options(nostack)) };
}

/// Program counter of an interrupted thread.
///
/// # Safety
///
/// The context is the one that a signal handler was given. So it is for the functions below.
#[cfg(feature = "std")]
pub(crate) unsafe fn context_pc(context: *const libc::ucontext_t) -> usize {
    // SAFETY: as the caller promises.
    unsafe { (*context).uc_mcontext.pc as usize }
}

/// Stack pointer of an interrupted thread.
///
/// # Safety
///
/// As for [`context_pc`].
#[cfg(feature = "std")]
pub(crate) unsafe fn context_sp(context: *const libc::ucontext_t) -> usize {
    // SAFETY: as the caller promises.
    unsafe { (*context).uc_mcontext.sp as usize }
}

/// Frame pointer register of an interrupted thread.
///
/// # Safety
///
/// As for [`context_pc`].
#[cfg(feature = "std")]
pub(crate) unsafe fn context_fp(context: *const libc::ucontext_t) -> usize {
    // SAFETY: as the caller promises.
    unsafe { (*context).uc_mcontext.regs[29] as usize }
}

/// Lets an interrupted thread go on in the landing of its exec env's innermost entry.
///
/// # Safety
///
/// The thread runs compiled code of this exec env; the context as for [`context_pc`].
#[cfg(feature = "std")]
pub(crate) unsafe fn land(context: *mut libc::ucontext_t, exec: *mut ExecState) {
    // SAFETY: as the caller promises.
    let registers = unsafe { &mut (*context).uc_mcontext };
    registers.regs[19] = exec as usize as u64;
    registers.pc = wamr_trap_landing as *const () as usize as u64;
}
