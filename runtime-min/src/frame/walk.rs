//! Activations of compiled code on the wasm stack, youngest first, through every entry of the store: by
//! unwinding with the objects' unwind tables.
//!
//! Between an entry and an exit stand activations of compiled code only, so no Rust or C frame is ever
//! unwound. Needs no lock; allocates only if naming a module does.

use super::registers::{Registers, Stack};
use crate::{Module, arch, exec_env::ExecState};
use core::ops::Deref;
use wamr_aot_loader::format::unwind::UnwindRow;

/// An activation of a code entry: of a function, with all that was inlined into it, or of a thunk.
pub(super) struct Activation<M> {
    /// The module whose code it is.
    pub module: M,
    /// Index of the code entry: defined functions come first.
    pub entry: u32,
    /// Offset in the entry's code of an instruction that is being executed: of the last byte of the
    /// call that has not returned, or of the interrupted instruction.
    pub offset: u32,
    /// Was it interrupted there? Else it is stopped in a call.
    pub is_interrupted: bool,
    /// Registers as far as they survive calls: as they will be when the call has returned.
    pub registers: Registers,
    row: Option<UnwindRow>,
}

impl<M: Deref<Target = Module>> Activation<M> {
    /// The defined function whose code it is; `None` for a thunk.
    pub fn function(&self) -> Option<u32> {
        (self.entry < self.module.defined_functions()).then_some(self.entry)
    }

    /// One past the highest address of its part of the stack, where that is known.
    pub fn cfa(&self) -> Option<usize> {
        self.registers.cfa(self.row.as_ref()?)
    }
}

/// Where a walk goes on.
struct Place {
    registers: Registers,
    /// Where it is interrupted, or returned to.
    pc: usize,
    is_interrupted: bool,
}

/// What was looked up for an address.
#[derive(Clone, Copy)]
struct Known {
    at: usize,
    entry: u32,
    offset: u32,
    row: Option<UnwindRow>,
}

/// A walk over activations.
pub(super) struct Walk<F> {
    /// The module whose code is at an address.
    find: F,
    stack: Stack,
    /// The latest look-ups: recursion comes by the same few addresses again and again.
    known: [Option<Known>; 2],
    next: Option<Place>,
    entries: usize,
    /// What the exec env's fields of these names were in the next older part of the stack.
    host_sp: usize,
    exit_sp: usize,
}

impl<M, F> Walk<F>
where
    M: Deref<Target = Module>,
    F: Fn(usize) -> Option<M>,
{
    /// From the innermost exit on.
    ///
    /// # Safety
    ///
    /// The exec state is valid, and no code of its store runs or returns while the walk is used; so it
    /// is for the functions below. What `find` returns stays loaded meanwhile.
    pub unsafe fn from_exit(exec: *const ExecState, find: F) -> Self {
        // SAFETY: as the caller promises.
        let env = unsafe { &(*exec).env };
        Walk {
            find,
            stack: Stack::new(env),
            known: [None; 2],
            next: None,
            entries: 0,
            host_sp: env.host_sp,
            exit_sp: env.exit_sp,
        }
    }

    /// From a trap on, which has landed in the innermost entry.
    ///
    /// # Safety
    ///
    /// As for [`Walk::from_exit`]; and no code has run since the trap.
    pub unsafe fn from_trap(exec: *const ExecState, find: F) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            let mut walk = Walk::from_exit(exec, find);
            let env = &(*exec).env;
            #[cfg(feature = "std")]
            if (*exec).trap.is_interrupted() {
                let saved = &(*exec).trap.saved;
                walk.next = walk.interrupted(saved, env.trap_pc, env.trap_sp);
                return walk;
            }
            walk.next = Registers::at_trap(exec).map(|registers| Place {
                registers,
                // The last byte of the call is noted.
                pc: env.trap_pc.wrapping_add(1),
                is_interrupted: false,
            });
            walk
        }
    }

    /// From an interrupted instruction of compiled code on; or, if the thread's code has left at an exit,
    /// from there.
    ///
    /// # Safety
    ///
    /// As for [`Walk::from_exit`]; and the registers are those of the thread, which is stopped.
    #[cfg(feature = "std")]
    pub unsafe fn from_interruption(
        exec: *const ExecState,
        saved: &arch::Saved,
        pc: usize,
        sp: usize,
        find: F,
    ) -> Self {
        // SAFETY: as the caller promises.
        let mut walk = unsafe { Walk::from_exit(exec, find) };
        // SAFETY: as the caller promises.
        if unsafe { (*exec).env.in_wasm() } {
            walk.enter_outer();
            walk.next = walk.interrupted(saved, pc, sp);
        }
        walk
    }

    /// How many entries of the host's the activations so far were called through.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Where compiled code stands while this is interrupted, on its stack.
    #[cfg(feature = "std")]
    fn interrupted(&self, saved: &arch::Saved, pc: usize, sp: usize) -> Option<Place> {
        if (self.find)(pc).is_some_and(|module| module.code_at(pc).is_some()) {
            return Some(Place {
                registers: Registers::new(saved, sp),
                pc,
                is_interrupted: true,
            });
        }
        let registers = self.left_code(saved, pc, sp)?;
        Some(Place {
            pc: registers.return_address()?,
            registers,
            is_interrupted: false,
        })
    }

    /// The registers of compiled code that has called something which is interrupted on the wasm stack:
    /// an exit trampoline on its way out or back, or a leaf function.
    #[cfg(feature = "std")]
    fn left_code(&self, saved: &arch::Saved, pc: usize, sp: usize) -> Option<Registers> {
        let offsets = crate::builtins::exits().filter_map(|start| pc.checked_sub(start));
        match offsets.min() {
            None | Some(0 | arch::EXIT_LENGTH..) => {}
            // Perhaps the stack ends here.
            Some(..arch::EXIT_SAVES) => return Registers::in_exit(self.stack, saved, sp),
            // SAFETY: `pc` is in the exit.
            Some(_) if unsafe { !arch::is_return(pc) } => {
                return Registers::at_exit(self.stack, sp);
            }
            Some(_) => {}
        }
        // At the first instruction, or in a leaf function, which most often has no frame.
        let registers = Registers::after_call(self.stack, saved, sp)?;
        (self.find)(registers.return_address()?.wrapping_sub(1))?;
        Some(registers)
    }

    /// The code entry at an address of a module's code, and how to unwind from there.
    fn look_up(&mut self, module: &Module, at: usize) -> Option<Known> {
        if let Some(known) = self.known.iter().flatten().find(|known| known.at == at) {
            return Some(*known);
        }
        let (entry, offset) = module.code_at(at)?;
        let known = Known {
            at,
            entry,
            offset,
            row: module.unwind().row(entry, offset),
        };
        self.known = [Some(known), self.known[0]];
        Some(known)
    }

    /// Goes to the part of the stack below the innermost entry that is left.
    fn enter_outer(&mut self) {
        let entry = self.host_sp;
        if entry == 0 {
            self.exit_sp = 0;
            return;
        }
        // SAFETY: an entry that has not returned keeps what was before it on the host's stack.
        unsafe {
            self.host_sp = ((entry + arch::ENTRY_HOST_SP) as *const usize).read_volatile();
            self.exit_sp = ((entry + arch::ENTRY_EXIT_SP) as *const usize).read_volatile();
        }
    }

    /// The youngest place of the next older part of the stack.
    fn outer(&mut self) -> Option<Place> {
        let exit_sp = self.exit_sp;
        if exit_sp == 0 {
            return None;
        }
        self.entries += 1;
        self.enter_outer();
        if self.exit_sp == exit_sp {
            // Interrupted between two stores of an entry.
            self.enter_outer();
        }
        let registers = Registers::at_exit(self.stack, exit_sp)?;
        Some(Place {
            pc: registers.return_address()?,
            registers,
            is_interrupted: false,
        })
    }
}

impl<M, F> Iterator for Walk<F>
where
    M: Deref<Target = Module>,
    F: Fn(usize) -> Option<M>,
{
    type Item = Activation<M>;

    fn next(&mut self) -> Option<Activation<M>> {
        loop {
            let place = match self.next.take() {
                Some(place) => place,
                None => self.outer()?,
            };
            // A call may be the last instruction of its function.
            let at = place.pc.wrapping_sub(usize::from(!place.is_interrupted));
            let Some(module) = (self.find)(at) else {
                continue;
            };
            let Some(Known {
                entry, offset, row, ..
            }) = self.look_up(&module, at)
            else {
                continue;
            };
            self.next = row
                .as_ref()
                .and_then(|row| {
                    place
                        .registers
                        .caller(self.stack, row, place.is_interrupted)
                })
                .map(|(registers, pc)| Place {
                    registers,
                    pc,
                    is_interrupted: false,
                });
            return Some(Activation {
                module,
                entry,
                offset,
                is_interrupted: place.is_interrupted,
                registers: place.registers,
                row,
            });
        }
    }
}
