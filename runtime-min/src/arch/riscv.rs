//! Entry and exit trampolines of RISC-V, 32 and 64 bits, standard calling convention.
//!
//! Compiled code runs on a stack of its own. On an exit the callee-saved registers are pushed on it and
//! its address is left in `exec_env.exit_sp`. In words of the register width:
//!
//! | words from `exit_sp` | |
//! |---|---|
//! | 0 | ra (return address into compiled code) |
//! | 1 … 12 | s0 (frame pointer) … s11 |
//!
//! and 112 bytes from `exit_sp`, on targets with float registers, fs0 … fs11 in 8 bytes each.

use crate::exec_env::{CalleeContext, ExecEnv, ExecState, TrapState};
use core::{arch::naked_asm, mem::offset_of};
use wamr_aot_loader::format::target::TargetAbi;

/// What stands at `exit_sp`; a trap leaves the same in the exec state.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Saved {
    ra: usize,
    /// s0 … s11.
    general: [usize; 12],
    padding: [usize; (112 - 13 * size_of::<usize>()) / size_of::<usize>()],
    /// fs0 … fs11.
    floats: [u64; 12],
}

const _: () = assert!(offset_of!(Saved, floats) == 112 && size_of::<Saved>() == SAVED);

/// DWARF numbers (RISC-V psABI, "DWARF Register Numbers"): how many there are, the stack pointer's, and
/// the return address's, which is `ra`'s.
pub(crate) const REGISTERS: usize = 64;
/// As above.
pub(crate) const STACK_POINTER: u8 = 2;
/// As above.
pub(crate) const RETURN_ADDRESS: u8 = 1;
/// The first float register's DWARF number, and the bytes of one that survive calls.
pub(crate) const FLOATS: (u8, usize) = (32, FLOAT);

/// Number of s2, and the same of fs2: those from it on are numbered as one.
const S2: u8 = 18;

/// Number of s0 … s11 among the general registers, and of fs0 … fs11 among the float registers.
fn saved_numbers() -> impl Iterator<Item = u8> {
    [8, 9].into_iter().chain(S2..S2 + 10)
}

impl Saved {
    /// Registers by DWARF number, and where to go on.
    pub fn new(register: impl Fn(u8) -> u64, pc: usize) -> Saved {
        let mut saved = Saved {
            ra: pc,
            ..Saved::default()
        };
        for (to, number) in saved.general.iter_mut().zip(saved_numbers()) {
            *to = register(number) as usize;
        }
        for (to, number) in saved.floats.iter_mut().zip(saved_numbers()) {
            *to = register(FLOATS.0 + number);
        }
        saved
    }

    /// The registers by DWARF number.
    pub fn registers(&self) -> impl Iterator<Item = (u8, u64)> + use<> {
        let general = saved_numbers().zip(self.general.map(|value| value as u64));
        let floats = saved_numbers()
            .map(|register| FLOATS.0 + register)
            .zip(self.floats);
        [(RETURN_ADDRESS, self.ra as u64)]
            .into_iter()
            .chain(general)
            .chain(floats.filter(|_| FLOAT != 0))
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
        let mut saved = Saved {
            ra: machine.__gregs[usize::from(RETURN_ADDRESS)] as usize,
            ..Saved::default()
        };
        for (to, from) in saved.general.iter_mut().zip(saved_numbers()) {
            *to = machine.__gregs[usize::from(from)] as usize;
        }
        // SAFETY: the kernel fills the part that the processor has. Both start with the registers.
        let floats: [u64; 32] = unsafe {
            match FLOAT {
                8 => machine.__fpregs.__d.__f,
                4 => machine.__fpregs.__f.__f.map(u64::from),
                _ => [0; 32],
            }
        };
        for (to, from) in saved.floats.iter_mut().zip(saved_numbers()) {
            *to = floats[usize::from(from)];
        }
        saved
    }
}

/// What an entry has put aside of the state before it: where `host_sp` and `exit_sp` are, from the
/// entry's own `host_sp`.
pub(crate) const ENTRY_HOST_SP: usize = SAVED;
/// As above.
pub(crate) const ENTRY_EXIT_SP: usize = SAVED + 8;

/// Bytes at the start of an exit trampoline that save registers: all still have their values, only the
/// stack pointer does not.
#[cfg(feature = "std")]
pub(crate) const EXIT_SAVES: usize = 4 * (1 + 13 + if FLOAT == 0 { 0 } else { 12 });

/// Bytes of an exit trampoline at most.
#[cfg(feature = "std")]
pub(crate) const EXIT_LENGTH: usize = 320;

/// Is the instruction at the end of an exit trampoline, which returns, at `pc`?
///
/// # Safety
///
/// `pc` is in an exit trampoline.
#[cfg(feature = "std")]
pub(crate) unsafe fn is_return(pc: usize) -> bool {
    /// `c.jr ra` and `jalr x0, 0(ra)`.
    const SHORT_RET: u16 = 0x8082;
    const RET: u32 = 0x0000_8067;
    // SAFETY: code can be read.
    unsafe {
        (pc as *const u16).read_unaligned() == SHORT_RET
            || (pc as *const u32).read_unaligned() == RET
    }
}

#[cfg(target_arch = "riscv64")]
macro_rules! word {
    (load) => {
        "ld "
    };
    (store) => {
        "sd "
    };
}
#[cfg(target_arch = "riscv32")]
macro_rules! word {
    (load) => {
        "lw "
    };
    (store) => {
        "sw "
    };
}
pub(crate) use word;

/// The callee-saved integer registers to or from their places.
#[cfg(target_arch = "riscv64")]
macro_rules! integers {
    ($operation:ident) => {
        $crate::arch::list!(($crate::arch::word!($operation)) "ra" 0 "s0" 8 "s1" 16 "s2" 24 "s3" 32 "s4" 40 "s5" 48 "s6" 56 "s7" 64 "s8" 72 "s9" 80 "s10" 88 "s11" 96)
    };
}
#[cfg(target_arch = "riscv32")]
macro_rules! integers {
    ($operation:ident) => {
        $crate::arch::list!(($crate::arch::word!($operation)) "ra" 0 "s0" 4 "s1" 8 "s2" 12 "s3" 16 "s4" 20 "s5" 24 "s6" 28 "s7" 32 "s8" 36 "s9" 40 "s10" 44 "s11" 48)
    };
}
pub(crate) use integers;

macro_rules! list {
    (($instruction:expr) $($register:literal $offset:literal)*) => {
        concat!($($instruction, $register, ", ", $offset, "(sp)\n"),*)
    };
}
pub(crate) use list;

/// The callee-saved float registers to or from their places, as far as the convention has any. The
/// assembler of naked functions has to be told that the target has them.
macro_rules! floats {
    (load) => {
        $crate::arch::floats!("fld " "flw ")
    };
    (store) => {
        $crate::arch::floats!("fsd " "fsw ")
    };
    ($double:literal $single:literal) => {
        concat!(
            ".if {float} == 8\n.option push\n.option arch, +d\n",
            $crate::arch::floats!(@list $double),
            ".option pop\n.endif\n.if {float} == 4\n.option push\n.option arch, +f\n",
            $crate::arch::floats!(@list $single),
            ".option pop\n.endif"
        )
    };
    (@list $instruction:literal) => {
        $crate::arch::list!(($instruction) "fs0" 112 "fs1" 120 "fs2" 128 "fs3" 136 "fs4" 144 "fs5" 152 "fs6" 160 "fs7" 168 "fs8" 176 "fs9" 184 "fs10" 192 "fs11" 200)
    };
}
pub(crate) use floats;

/// Bytes of a float register that survives calls; 0 where none does.
pub(crate) const FLOAT: usize = match TargetAbi::HOST {
    Some(TargetAbi::Lp64d | TargetAbi::Ilp32d) => 8,
    Some(TargetAbi::Lp64f | TargetAbi::Ilp32f) => 4,
    _ => 0,
};
/// Bytes for the callee-saved registers.
pub(crate) const SAVED: usize = 208;
/// Bytes of an entry's frame: the registers, host_sp and exit_sp.
const ENTRY: usize = SAVED + 16;

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
        "addi sp, sp, -{entry}",
        integers!(store),
        floats!(store),
        "mv s1, a0",
        concat!(word!(load), "t0, {host_sp}(s1)"),
        concat!(word!(load), "t1, {exit_sp}(s1)"),
        concat!(word!(store), "t0, {saved}(sp)"),
        concat!(word!(store), "t1, {saved} + 8(sp)"),
        "mv t2, t1",
        "bnez t1, 3f",
        concat!(word!(load), "t2, {stack_top}(s1)"),
        "3:",
        "andi t2, t2, -16",
        concat!(word!(store), "sp, {host_sp}(s1)"),
        concat!(word!(store), "zero, {exit_sp}(s1)"),
        "mv sp, t2",
        "mv t0, a1",
        "mv a0, a2",
        "mv a1, a3",
        "mv a2, a4",
        "jalr t0",
        "li a0, 0",
        // Where a trap lands: s1 is the exec env, a0 the result, everything else is lost.
        "2:",
        concat!(word!(load), "sp, {host_sp}(s1)"),
        concat!(word!(load), "t0, {saved}(sp)"),
        concat!(word!(load), "t1, {saved} + 8(sp)"),
        concat!(word!(store), "t0, {host_sp}(s1)"),
        concat!(word!(store), "t1, {exit_sp}(s1)"),
        floats!(load),
        integers!(load),
        "addi sp, sp, {entry}",
        "ret",
        // In one function with the above, so that both agree on the stack.
        ".globl wamr_trap_landing",
        ".hidden wamr_trap_landing",
        ".type wamr_trap_landing, @function",
        "wamr_trap_landing:",
        "li a0, 1",
        "j 2b",
        float = const FLOAT,
        entry = const ENTRY,
        saved = const SAVED,
        host_sp = const offset_of!(ExecEnv, host_sp),
        exit_sp = const offset_of!(ExecEnv, exit_sp),
        stack_top = const offset_of!(ExecEnv, stack_top),
    )
}

unsafe extern "C" {
    /// Where a trap lands; not a function to call. Expects the exec env in s1.
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
        // The registers are stored as relative to the stack pointer, like everywhere else.
        concat!(word!(load), "t1, {exec_env}(a0)"),
        "mv t0, sp",
        "addi sp, t1, {saved}",
        integers!(store),
        floats!(store),
        "mv s1, t1",
        concat!(word!(store), "sp, {saved_at}(s1)"),
        "mv sp, t0",
        "sw a1, {trap_cause}(s1)",
        "sw a2, {trap_ip}(s1)",
        concat!(word!(store), "s0, {trap_fp}(s1)"),
        "addi t0, ra, -1",
        concat!(word!(store), "t0, {trap_pc}(s1)"),
        concat!(word!(store), "sp, {trap_sp}(s1)"),
        "tail {landing}",
        exec_env = const offset_of!(CalleeContext, exec_env),
        trap_cause = const offset_of!(ExecEnv, trap_cause),
        trap_ip = const offset_of!(ExecEnv, trap_ip),
        trap_pc = const offset_of!(ExecEnv, trap_pc),
        trap_sp = const offset_of!(ExecEnv, trap_sp),
        trap_fp = const offset_of!(ExecEnv, trap_fp),
        float = const FLOAT,
        saved = const TrapState::SAVED,
        saved_at = const TrapState::SAVED_AT,
        landing = sym wamr_trap_landing,
    )
}

/// Where an exception lands, from an exit: at what the exec state, whose address is in s1, says.
///
/// # Safety
///
/// Only exit trampolines jump here.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn catch_landing() -> ! {
    naked_asm!(
        "sw zero, {trap_cause}(s1)",
        concat!(word!(load), "a0, {exception}(s1)"),
        concat!(word!(load), "t0, {trap_sp}(s1)"),
        // The registers are loaded as relative to the stack pointer, like everywhere else.
        "addi sp, s1, {saved}",
        floats!(load),
        integers!(load),
        "mv sp, t0",
        "ret",
        trap_cause = const offset_of!(ExecEnv, trap_cause),
        trap_sp = const offset_of!(ExecEnv, trap_sp),
        exception = const offset_of!(ExecState, exception),
        float = const FLOAT,
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
        "li a1, {cause}",
        "li a2, 0",
        "tail {trap}",
        cause = const wamr_aot_loader::trap::TrapCause::UnlinkedImport.code(),
        trap = sym wamr_trap,
    )
}

/// An exit trampoline: the symbol that compiled code calls, and the Rust function behind it.
///
/// Arguments are in registers, but for one or two of `table.copy`'s on 32-bit machines, where a 64-bit
/// number takes two: those are copied from the wasm stack to the host's. s1 and exit_sp stay what they
/// are across the call; an inner entry restores exit_sp.
macro_rules! exit {
    ($symbol:ident => $target:path) => {
        /// # Safety
        ///
        /// Only compiled code calls it, as the list of builtins has it.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $symbol() {
            core::arch::naked_asm!(
                // Of 4 bytes each, so that it is known how long this is.
                ".option push\n.option norvc",
                "addi sp, sp, -{saved}",
                $crate::arch::integers!(store),
                $crate::arch::floats!(store),
                ".option pop",
                concat!($crate::arch::word!(load), "s1, {exec_env}(a0)"),
                "mv s2, sp",
                concat!($crate::arch::word!(store), "sp, {exit_sp}(s1)"),
                concat!($crate::arch::word!(load), "sp, {host_sp}(s1)"),
                "addi sp, sp, -16",
                concat!($crate::arch::word!(load), "t0, {saved}(s2)"),
                concat!($crate::arch::word!(load), "t1, {saved} + {word}(s2)"),
                concat!($crate::arch::word!(store), "t0, 0(sp)"),
                concat!($crate::arch::word!(store), "t1, {word}(sp)"),
                "call {target}",
                "mv sp, s2",
                concat!($crate::arch::word!(store), "zero, {exit_sp}(s1)"),
                "lw t0, {trap_cause}(s1)",
                "bnez t0, 2f",
                $crate::arch::floats!(load),
                $crate::arch::integers!(load),
                "addi sp, sp, {saved}",
                "ret",
                "2:",
                // All ones, sign-extended.
                "addi t0, t0, 1",
                "bnez t0, 3f",
                "tail {catch}",
                "3:",
                concat!($crate::arch::word!(store), "sp, {saved_at}(s1)"),
                concat!($crate::arch::word!(load), "t0, 0(sp)"),
                "addi t0, t0, -1",
                concat!($crate::arch::word!(store), "t0, {trap_pc}(s1)"),
                concat!($crate::arch::word!(load), "t0, {word}(sp)"),
                concat!($crate::arch::word!(store), "t0, {trap_fp}(s1)"),
                "addi t0, sp, {saved}",
                concat!($crate::arch::word!(store), "t0, {trap_sp}(s1)"),
                "tail {landing}",
                float = const $crate::arch::FLOAT,
                saved = const $crate::arch::SAVED,
                word = const size_of::<usize>(),
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

/// Makes code that was just written visible to this hart's instruction fetch (unprivileged ISA, "Zifencei").
#[cfg(not(feature = "std"))]
pub(crate) fn flush_instructions(_start: usize, _length: usize) {
    // SAFETY: it orders fetches behind stores, and changes nothing.
    unsafe { core::arch::asm!("fence.i", options(nostack)) };
}

/// Makes code that was just written visible to the processors' instruction fetch.
#[cfg(feature = "std")]
pub(crate) fn flush_instructions(start: usize, length: usize) {
    /// `__NR_riscv_flush_icache`: the architecture's first system call of its own (244) plus 15.
    const FLUSH_ICACHE: libc::c_long = 244 + 15;
    // SAFETY: the system call changes no memory. Other harts fetch the new instructions too.
    unsafe {
        libc::syscall(FLUSH_ICACHE, start, start.saturating_add(length), 0usize);
    }
}

/// Number of a register in a signal's context, where the program counter takes x0's place.
#[cfg(feature = "std")]
mod register {
    pub const PC: usize = 0;
    pub const SP: usize = 2;
    pub const S0: usize = 8;
    pub const S1: usize = 9;
}

/// Program counter of an interrupted thread.
///
/// # Safety
///
/// The context is the one that a signal handler was given. So it is for the functions below.
#[cfg(feature = "std")]
pub(crate) unsafe fn context_pc(context: *const libc::ucontext_t) -> usize {
    // SAFETY: as the caller promises.
    unsafe { (*context).uc_mcontext.__gregs[register::PC] as usize }
}

/// Stack pointer of an interrupted thread.
///
/// # Safety
///
/// As for [`context_pc`].
#[cfg(feature = "std")]
pub(crate) unsafe fn context_sp(context: *const libc::ucontext_t) -> usize {
    // SAFETY: as the caller promises.
    unsafe { (*context).uc_mcontext.__gregs[register::SP] as usize }
}

/// Frame pointer register of an interrupted thread.
///
/// # Safety
///
/// As for [`context_pc`].
#[cfg(feature = "std")]
pub(crate) unsafe fn context_fp(context: *const libc::ucontext_t) -> usize {
    // SAFETY: as the caller promises.
    unsafe { (*context).uc_mcontext.__gregs[register::S0] as usize }
}

/// Lets an interrupted thread go on in the landing of its exec env's innermost entry.
///
/// # Safety
///
/// The thread runs compiled code of this exec env; the context as for [`context_pc`].
#[cfg(feature = "std")]
pub(crate) unsafe fn land(context: *mut libc::ucontext_t, exec: *mut ExecState) {
    // SAFETY: as the caller promises.
    let registers = unsafe { &mut (*context).uc_mcontext.__gregs };
    registers[register::S1] = exec as usize as libc::c_ulong;
    registers[register::PC] = wamr_trap_landing as *const () as usize as libc::c_ulong;
}
