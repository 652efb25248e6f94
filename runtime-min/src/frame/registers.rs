//! The registers of a stopped activation, and the step to its caller's.

use crate::{
    arch::{self, FLOATS, RETURN_ADDRESS, STACK_POINTER},
    exec_env::{ExecEnv, ExecState},
};
use wamr_aot_loader::{format::unwind::UnwindRow, layout::STACK_RESERVE};

/// The stack of compiled code. Nothing is read outside it, whatever tables and registers say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stack {
    low: usize,
    high: usize,
}

impl Stack {
    /// The stack of an exec env.
    pub fn new(env: &ExecEnv) -> Self {
        Stack {
            low: env.stack_limit.saturating_sub(STACK_RESERVE as usize),
            high: env.stack_top,
        }
    }

    /// Do `size` bytes at an address lie in the stack?
    pub fn contains(&self, address: usize, size: usize) -> bool {
        let end = address.checked_add(size);
        address >= self.low && end.is_some_and(|end| end <= self.high)
    }

    /// Reads `N` bytes of the stack.
    fn read<const N: usize>(&self, address: usize) -> Option<[u8; N]> {
        self.contains(address, N).then(|| {
            // SAFETY: inside the stack, which is mapped. Compiled code, which writes there, is stopped; the
            // read is volatile so that nothing is concluded from who wrote it when.
            unsafe { (address as *const [u8; N]).read_volatile() }
        })
    }

    /// The pointer-sized number at an address.
    pub fn word(&self, address: usize) -> Option<usize> {
        self.read(address).map(usize::from_ne_bytes)
    }

    /// The 8 bytes at an address.
    pub fn slot(&self, address: usize) -> Option<u64> {
        self.read(address).map(u64::from_ne_bytes)
    }

    /// The 4 bytes at an address.
    pub fn half(&self, address: usize) -> Option<u32> {
        self.read(address).map(u32::from_ne_bytes)
    }
}

/// Registers by DWARF number, as far as they are known: those that survive calls.
#[derive(Clone, Copy)]
pub(super) struct Registers {
    values: [u64; arch::REGISTERS],
    known: u128,
    /// Those that every function preserves. What a thunk has saved beside them is known in its caller only.
    preserved: u128,
}

const _: () = assert!(arch::REGISTERS <= u128::BITS as usize);

impl Registers {
    /// What an exit or a trap has saved, with the stack pointer.
    pub fn new(saved: &arch::Saved, sp: usize) -> Self {
        let mut registers = Registers {
            values: [0; arch::REGISTERS],
            known: 0,
            preserved: 0,
        };
        for (register, value) in saved.registers() {
            registers.set(register, value);
        }
        registers.set(STACK_POINTER, sp as u64);
        registers.preserved = registers.known;
        registers
    }

    /// What is saved at the exit whose `exit_sp` this is; the stack pointer is the one that the call of
    /// the exit returns with.
    pub fn at_exit(stack: Stack, exit_sp: usize) -> Option<Self> {
        const SIZE: usize = size_of::<arch::Saved>();
        if !stack.contains(exit_sp, SIZE) || !exit_sp.is_multiple_of(align_of::<arch::Saved>()) {
            return None;
        }
        // SAFETY: inside the stack; any bytes are registers.
        let saved = unsafe { (exit_sp as *const arch::Saved).read_volatile() };
        Some(Registers::new(&saved, exit_sp + SIZE))
    }

    /// The registers that a called function, interrupted before its first instruction, will return with.
    #[cfg(feature = "std")]
    pub fn after_call(stack: Stack, saved: &arch::Saved, sp: usize) -> Option<Self> {
        let mut registers = Registers::new(saved, sp);
        if cfg!(target_arch = "x86_64") {
            registers.set(RETURN_ADDRESS, stack.word(sp)? as u64);
            registers.set(STACK_POINTER, sp.checked_add(size_of::<usize>())? as u64);
        }
        Some(registers)
    }

    /// The registers that an exit, interrupted while it saves them, will return with.
    #[cfg(feature = "std")]
    pub fn in_exit(stack: Stack, saved: &arch::Saved, sp: usize) -> Option<Self> {
        // Where there is a return address on the stack, it is the last of what is saved.
        let size = size_of::<arch::Saved>();
        if cfg!(target_arch = "x86_64") {
            let place = sp.checked_add(size)?.checked_sub(size_of::<usize>())?;
            return Registers::after_call(stack, saved, place);
        }
        Some(Registers::new(saved, sp.checked_add(size)?))
    }

    /// The registers of a trap that code has raised by a call, and that has landed.
    ///
    /// # Safety
    ///
    /// The exec state is valid, a trap has landed there last, and no code has run since.
    pub unsafe fn at_trap(exec: *const ExecState) -> Option<Self> {
        // SAFETY: as the caller promises.
        unsafe {
            let (env, trap) = (&(*exec).env, &(*exec).trap);
            let own = &raw const (*exec).trap.saved as usize;
            if trap.saved_at == own {
                return Some(Registers::new(&trap.saved, env.trap_sp));
            }
            Registers::at_exit(Stack::new(env), trap.saved_at)
        }
    }

    /// A register's value, if it is known.
    pub fn get(&self, register: u8) -> Option<u64> {
        let value = self.values.get(usize::from(register))?;
        (self.known & 1 << register != 0).then_some(*value)
    }

    /// The stack pointer.
    pub fn sp(&self) -> usize {
        self.get(STACK_POINTER).unwrap_or(0) as usize
    }

    fn set(&mut self, register: u8, value: u64) {
        if let Some(place) = self.values.get_mut(usize::from(register)) {
            *place = value;
            self.known |= 1 << register;
        }
    }

    /// The address that a register and an offset make.
    pub fn address(&self, register: u8, offset: i32) -> Option<usize> {
        let base = usize::try_from(self.get(register)?).ok()?;
        base.checked_add_signed(isize::try_from(offset).ok()?)
    }

    /// The CFA of the activation: what the stack pointer was before it was called.
    pub fn cfa(&self, row: &UnwindRow) -> Option<usize> {
        self.address(row.cfa_register, row.cfa_offset)
    }

    /// The caller's registers, and the address that it is returned to. `None` at the end of what makes
    /// sense: each caller's stack pointer is on the stack, and higher. Only an interrupted function may
    /// have no frame at all.
    pub fn caller(
        &self,
        stack: Stack,
        row: &UnwindRow,
        is_interrupted: bool,
    ) -> Option<(Registers, usize)> {
        let cfa = self.cfa(row)?;
        let least = self.sp().checked_add(usize::from(!is_interrupted))?;
        if cfa < least || !stack.contains(cfa, 0) {
            return None;
        }
        let mut caller = *self;
        caller.known &= self.preserved;
        for (register, offset) in row.saved() {
            let address = cfa.checked_add_signed(isize::try_from(offset).ok()?)?;
            let value = match FLOATS {
                (first, 4) if register >= first => u64::from(stack.half(address)?),
                (first, 8) if register >= first => stack.slot(address)?,
                _ => stack.word(address)? as u64,
            };
            caller.set(register, value);
        }
        caller.set(STACK_POINTER, cfa as u64);
        Some((caller, caller.return_address()?))
    }

    /// What the return address register, or its place, holds.
    pub fn return_address(&self) -> Option<usize> {
        usize::try_from(self.get(RETURN_ADDRESS)?).ok()
    }
}
