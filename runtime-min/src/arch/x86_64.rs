//! Entry and exit trampolines of x86-64, System V calling convention.
//!
//! Compiled code runs on a stack of its own. On an exit the callee-saved registers are pushed on it and
//! its address is left in `exec_env.exit_sp`:
//!
//! | offset from `exit_sp` | |
//! |---|---|
//! | 0, 8, 16, 24, 32, 40 | r15, r14, r13, r12, rbx, rbp |
//! | 48 | return address into compiled code |
//!
//! No vector register is callee-saved in this convention.

use crate::exec_env::{CalleeContext, ExecEnv, ExecState, TrapState};
use core::{arch::naked_asm, mem::offset_of};

/// What stands at `exit_sp`; a trap leaves the same in the exec state.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Saved {
    r15: usize,
    r14: usize,
    r13: usize,
    r12: usize,
    rbx: usize,
    rbp: usize,
    /// Not at a trap that the hardware found.
    return_address: usize,
}

/// DWARF numbers (System V psABI for x86-64, table 3.36): how many there are, the stack pointer's, and
/// the return address's.
pub(crate) const REGISTERS: usize = 33;
/// As above.
pub(crate) const STACK_POINTER: u8 = 7;
/// As above.
pub(crate) const RETURN_ADDRESS: u8 = 16;
/// The first float register's DWARF number, and the bytes of one that a thunk may have saved and a slot has.
pub(crate) const FLOATS: (u8, usize) = (17, 8);

impl Saved {
    /// Registers by DWARF number, and where to go on.
    pub fn new(register: impl Fn(u8) -> u64, pc: usize) -> Saved {
        let register = |number| register(number) as usize;
        Saved {
            r15: register(15),
            r14: register(14),
            r13: register(13),
            r12: register(12),
            rbx: register(3),
            rbp: register(6),
            return_address: pc,
        }
    }

    /// The registers by DWARF number.
    pub fn registers(&self) -> impl Iterator<Item = (u8, u64)> + use<> {
        [
            (15, self.r15),
            (14, self.r14),
            (13, self.r13),
            (12, self.r12),
            (3, self.rbx),
            (6, self.rbp),
            (RETURN_ADDRESS, self.return_address),
        ]
        .into_iter()
        .map(|(register, value)| (register, value as u64))
    }

    /// Those of an interrupted thread.
    ///
    /// # Safety
    ///
    /// As for [`context_pc`].
    #[cfg(feature = "std")]
    pub unsafe fn of_context(context: *const libc::ucontext_t) -> Saved {
        // SAFETY: as the caller promises.
        unsafe {
            Saved {
                r15: register(context, libc::REG_R15),
                r14: register(context, libc::REG_R14),
                r13: register(context, libc::REG_R13),
                r12: register(context, libc::REG_R12),
                rbx: register(context, libc::REG_RBX),
                rbp: register(context, libc::REG_RBP),
                return_address: 0,
            }
        }
    }
}

/// What an entry has put aside of the state before it: where `host_sp` and `exit_sp` are, from the
/// entry's own `host_sp`.
pub(crate) const ENTRY_HOST_SP: usize = 16;
/// As above.
pub(crate) const ENTRY_EXIT_SP: usize = 8;

/// Bytes at the start of an exit trampoline that save registers: all still have their values, only the
/// stack pointer does not.
#[cfg(feature = "std")]
pub(crate) const EXIT_SAVES: usize = 33;

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
    const RET: u8 = 0xc3;
    // SAFETY: code can be read.
    unsafe { (pc as *const u8).read_unaligned() == RET }
}

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
        ".cfi_startproc",
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        ".cfi_offset rbx, -24",
        ".cfi_offset r12, -32",
        ".cfi_offset r13, -40",
        ".cfi_offset r14, -48",
        ".cfi_offset r15, -56",
        "push qword ptr [rdi + {host_sp}]",
        "mov rax, qword ptr [rdi + {exit_sp}]",
        "push rax",
        // Nine words with the return address: one more aligns the stack to 16 for the exits, which call
        // the runtime from `host_sp`.
        "push rax",
        "mov rbx, rdi",
        "test rax, rax",
        "cmovz rax, qword ptr [rbx + {stack_top}]",
        "and rax, -16",
        "mov qword ptr [rbx + {host_sp}], rsp",
        "mov qword ptr [rbx + {exit_sp}], 0",
        "mov rsp, rax",
        "mov rax, rsi",
        "mov rdi, rdx",
        "mov rsi, rcx",
        "mov rdx, r8",
        "call rax",
        "xor eax, eax",
        // Where a trap lands: rbx is the exec env, eax the result, everything else is lost.
        "2:",
        "mov rsp, qword ptr [rbx + {host_sp}]",
        "pop rcx",
        "pop rcx",
        "mov qword ptr [rbx + {exit_sp}], rcx",
        "pop qword ptr [rbx + {host_sp}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        ".cfi_def_cfa rsp, 8",
        "ret",
        // In one function with the above, so that both agree on the stack.
        ".globl wamr_trap_landing",
        ".hidden wamr_trap_landing",
        ".type wamr_trap_landing, @function",
        "wamr_trap_landing:",
        ".cfi_def_cfa rbp, 16",
        "cld",
        "mov eax, 1",
        "jmp 2b",
        ".cfi_endproc",
        host_sp = const offset_of!(ExecEnv, host_sp),
        exit_sp = const offset_of!(ExecEnv, exit_sp),
        stack_top = const offset_of!(ExecEnv, stack_top),
    )
}

unsafe extern "C" {
    /// Where a trap lands; not a function to call. Expects the exec env in rbx.
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
        "mov rax, qword ptr [rdi + {exec_env}]",
        "mov qword ptr [rax + {saved}], r15",
        "mov qword ptr [rax + {saved} + 8], r14",
        "mov qword ptr [rax + {saved} + 16], r13",
        "mov qword ptr [rax + {saved} + 24], r12",
        "mov qword ptr [rax + {saved} + 32], rbx",
        "mov qword ptr [rax + {saved} + 40], rbp",
        "lea rcx, [rax + {saved}]",
        "mov qword ptr [rax + {saved_at}], rcx",
        "mov rbx, rax",
        "mov dword ptr [rbx + {trap_cause}], esi",
        "mov dword ptr [rbx + {trap_ip}], edx",
        "mov qword ptr [rbx + {trap_fp}], rbp",
        "pop rax",
        "mov qword ptr [rbx + {saved} + 48], rax",
        "dec rax",
        "mov qword ptr [rbx + {trap_pc}], rax",
        "mov qword ptr [rbx + {trap_sp}], rsp",
        "jmp {landing}",
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

/// Where an exception lands, from an exit: at what the exec state, whose address is in rbx, says.
///
/// # Safety
///
/// Only exit trampolines jump here.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn catch_landing() -> ! {
    naked_asm!(
        "mov dword ptr [rbx + {trap_cause}], 0",
        "mov rax, qword ptr [rbx + {exception}]",
        "mov rcx, qword ptr [rbx + {saved} + 48]",
        "mov r15, qword ptr [rbx + {saved}]",
        "mov r14, qword ptr [rbx + {saved} + 8]",
        "mov r13, qword ptr [rbx + {saved} + 16]",
        "mov r12, qword ptr [rbx + {saved} + 24]",
        "mov rbp, qword ptr [rbx + {saved} + 40]",
        "mov rsp, qword ptr [rbx + {trap_sp}]",
        "mov rbx, qword ptr [rbx + {saved} + 32]",
        "jmp rcx",
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
        "mov esi, {cause}",
        "xor edx, edx",
        "jmp {trap}",
        cause = const wamr_aot_loader::trap::TrapCause::UnlinkedImport.code(),
        trap = sym wamr_trap,
    )
}

/// An exit trampoline: the symbol that compiled code calls, and the Rust function behind it.
///
/// At most six integer arguments, so that all are in registers. rbx and exit_sp stay what they are
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
                // The stack pointer moves once, so that the frame is known at each instruction.
                "sub rsp, 48",
                "mov qword ptr [rsp + 40], rbp",
                "mov qword ptr [rsp + 32], rbx",
                "mov qword ptr [rsp + 24], r12",
                "mov qword ptr [rsp + 16], r13",
                "mov qword ptr [rsp + 8], r14",
                "mov qword ptr [rsp], r15",
                "mov rbx, qword ptr [rdi + {exec_env}]",
                "mov qword ptr [rbx + {exit_sp}], rsp",
                "mov rbp, rsp",
                "mov rsp, qword ptr [rbx + {host_sp}]",
                "call {target}",
                "mov rsp, rbp",
                "mov qword ptr [rbx + {exit_sp}], 0",
                "cmp dword ptr [rbx + {trap_cause}], 0",
                "jne 2f",
                "mov r15, qword ptr [rsp]",
                "mov r14, qword ptr [rsp + 8]",
                "mov r13, qword ptr [rsp + 16]",
                "mov r12, qword ptr [rsp + 24]",
                "mov rbx, qword ptr [rsp + 32]",
                "mov rbp, qword ptr [rsp + 40]",
                "add rsp, 48",
                "ret",
                "2:",
                "cmp dword ptr [rbx + {trap_cause}], {caught}",
                "je {catch}",
                "mov qword ptr [rbx + {saved_at}], rsp",
                "mov rax, qword ptr [rsp + 40]",
                "mov qword ptr [rbx + {trap_fp}], rax",
                "mov rax, qword ptr [rsp + 48]",
                "dec rax",
                "mov qword ptr [rbx + {trap_pc}], rax",
                "lea rax, [rsp + 56]",
                "mov qword ptr [rbx + {trap_sp}], rax",
                "jmp {landing}",
                exec_env = const core::mem::offset_of!($crate::exec_env::CalleeContext, exec_env),
                exit_sp = const core::mem::offset_of!($crate::exec_env::ExecEnv, exit_sp),
                host_sp = const core::mem::offset_of!($crate::exec_env::ExecEnv, host_sp),
                trap_cause = const core::mem::offset_of!($crate::exec_env::ExecEnv, trap_cause),
                trap_pc = const core::mem::offset_of!($crate::exec_env::ExecEnv, trap_pc),
                trap_sp = const core::mem::offset_of!($crate::exec_env::ExecEnv, trap_sp),
                trap_fp = const core::mem::offset_of!($crate::exec_env::ExecEnv, trap_fp),
                saved_at = const $crate::exec_env::TrapState::SAVED_AT,
                caught = const $crate::exec_env::CAUGHT.cast_signed(),
                catch = sym $crate::arch::catch_landing,
                target = sym $target,
                landing = sym $crate::arch::wamr_trap_landing,
            )
        }
    };
}
pub(crate) use exit;

/// Program counter of an interrupted thread.
///
/// # Safety
///
/// The context is the one that a signal handler was given. So it is for the functions below.
#[cfg(feature = "std")]
pub(crate) unsafe fn context_pc(context: *const libc::ucontext_t) -> usize {
    // SAFETY: as the caller promises.
    unsafe { register(context, libc::REG_RIP) }
}

/// Stack pointer of an interrupted thread.
///
/// # Safety
///
/// As for [`context_pc`].
#[cfg(feature = "std")]
pub(crate) unsafe fn context_sp(context: *const libc::ucontext_t) -> usize {
    // SAFETY: as the caller promises.
    unsafe { register(context, libc::REG_RSP) }
}

/// Frame pointer register of an interrupted thread.
///
/// # Safety
///
/// As for [`context_pc`].
#[cfg(feature = "std")]
pub(crate) unsafe fn context_fp(context: *const libc::ucontext_t) -> usize {
    // SAFETY: as the caller promises.
    unsafe { register(context, libc::REG_RBP) }
}

#[cfg(feature = "std")]
unsafe fn register(context: *const libc::ucontext_t, register: libc::c_int) -> usize {
    // SAFETY: as the caller promises; the registers are all inside the array.
    unsafe { (*context).uc_mcontext.gregs[register as usize].cast_unsigned() as usize }
}

/// Lets an interrupted thread go on in the landing of its exec env's innermost entry.
///
/// # Safety
///
/// The thread runs compiled code of this exec env; the context as for [`context_pc`].
#[cfg(feature = "std")]
pub(crate) unsafe fn land(context: *mut libc::ucontext_t, exec: *mut ExecState) {
    // SAFETY: as the caller promises.
    let registers = unsafe { &mut (*context).uc_mcontext.gregs };
    registers[libc::REG_RBX as usize] = (exec as usize as u64).cast_signed();
    registers[libc::REG_RIP as usize] =
        (wamr_trap_landing as *const () as usize as u64).cast_signed();
}

/// Makes code that was just written visible to the processor, which here sees to that itself.
pub(crate) fn flush_instructions(_start: usize, _length: usize) {}
