//! The frame model: what of a running function stays observable, and where.
//!
//! A frame shows parameters, locals and operands in *slots* of 8 bytes, numbered as WebAssembly
//! numbers them: parameters, then locals, then operands from the bottom of the stack. A *commit
//! point* is a place where the frame must be observable: a call (operands below its arguments; the
//! arguments are the callee's parameters), and a trap (operands before the instruction). Which commit
//! points there are depends on the module alone, never on the target or the optimiser.
//!
//! How a frame is made observable is a strategy. `explicit` keeps a record in memory.

mod current;
mod explicit;
mod loops;
mod site;

use inkwell::builder::Builder;
use inkwell::values::PointerValue;
use wamr_aot_loader::format::module::ValType;
use wasmparser::FunctionBody;

pub use current::Current;
pub use site::{SiteInfo, SiteKind, SiteSlot};

use crate::abi::slots_of;
use crate::error::Result;
use crate::options::FrameStrategy;
use crate::translate::{Local, Operand, Unit};
use explicit::ExplicitFrame;
use loops::AssignedInLoops;

/// Where a frame operation is built, and what it can reach.
pub struct Site<'a, 'ctx, 'm> {
    /// The unit.
    pub unit: &'a Unit<'ctx, 'm>,
    /// Builds at the commit point.
    pub builder: &'a Builder<'ctx>,
    /// Builds ahead of everything else in the function.
    pub entry: &'a Builder<'ctx>,
    /// The instance.
    pub instance: PointerValue<'ctx>,
    /// The exec env.
    pub exec_env: PointerValue<'ctx>,
    /// Parameters and locals.
    pub locals: &'a [Local<'ctx>],
}

/// What the object says about a function's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameFacts {
    /// Each activation has a record.
    pub has_record: bool,
    /// Some slot can hold a reference.
    pub has_references: bool,
    /// Slots that operands take at most at a commit point.
    pub max_operand_slots: u32,
}

/// Frames of the function being translated.
pub struct Frames<'ctx> {
    strategy: Option<ExplicitFrame<'ctx>>,
    current: Current,
    loops: AssignedInLoops,
}

impl<'ctx> Frames<'ctx> {
    /// Frames of a function, by the unit's options.
    pub fn new(
        unit: &Unit<'ctx, '_>,
        function_index: u32,
        body: &FunctionBody<'_>,
    ) -> Result<Self> {
        let options = unit.config.frames;
        if options.strategy == FrameStrategy::None {
            return Ok(Frames {
                strategy: None,
                current: Current::default(),
                loops: AssignedInLoops::default(),
            });
        }
        let loops = if options.features.values {
            AssignedInLoops::scan(body)?
        } else {
            AssignedInLoops::default()
        };
        Ok(Frames {
            strategy: Some(ExplicitFrame::new(unit, function_index, options.features)),
            current: Current::default(),
            loops,
        })
    }

    /// Are there frames at all?
    pub fn enabled(&self) -> bool {
        self.strategy.is_some()
    }

    /// Makes the frame known, where every activation of the function has one.
    pub fn enter(&mut self, site: &Site<'_, 'ctx, '_>) -> Result<()> {
        self.current = Current::at_entry(site.locals.len());
        match &mut self.strategy {
            Some(strategy) => strategy.enter(site),
            None => Ok(()),
        }
    }

    /// Undoes [`Frames::enter`] ahead of a return.
    pub fn leave(&mut self, site: &Site<'_, 'ctx, '_>) -> Result<()> {
        match &mut self.strategy {
            Some(strategy) => strategy.leave(site),
            None => Ok(()),
        }
    }

    /// Makes the frame observable at a call.
    pub fn commit_call(
        &mut self,
        site: &Site<'_, 'ctx, '_>,
        ip: u32,
        operands: &[Operand<'ctx>],
    ) -> Result<()> {
        match &mut self.strategy {
            Some(strategy) => strategy.commit_call(site, ip, operands, &mut self.current),
            None => Ok(()),
        }
    }

    /// Makes the frame observable on the cold path of a trap.
    pub fn commit_trap(
        &mut self,
        site: &Site<'_, 'ctx, '_>,
        ip: u32,
        operands: &[Operand<'ctx>],
    ) -> Result<()> {
        match &mut self.strategy {
            Some(strategy) => strategy.commit_trap(site, ip, operands, &self.current),
            None => Ok(()),
        }
    }

    /// The operand at this height of the stack is new.
    pub fn operand_pushed(&mut self, position: usize) {
        if self.enabled() {
            self.current.clear_operand(position);
        }
    }

    /// A local was assigned.
    pub fn local_changed(&mut self, local: u32) {
        if self.enabled() {
            self.current.clear_local(local);
        }
    }

    /// Enters the next loop of the body: what it assigns may differ when it comes round again.
    pub fn enter_loop(&mut self) {
        if self.enabled() {
            match self.loops.next() {
                Some(locals) => locals
                    .iter()
                    .for_each(|local| self.current.clear_local(*local)),
                None => self.current.clear_all_locals(),
            }
        }
    }

    /// Passes over a loop that cannot be reached.
    pub fn loop_skipped(&mut self) {
        if self.enabled() {
            self.loops.next();
        }
    }

    /// What the frame holds here.
    pub fn current(&self) -> Current {
        self.current.clone()
    }

    /// Goes on where the frame holds `current`.
    pub fn set_current(&mut self, current: Current) {
        self.current = current;
    }

    /// Joins this path into what the frame holds at the end of a block.
    pub fn meet(&self, end: &mut Option<Current>) {
        if !self.enabled() {
            return;
        }
        match end {
            Some(end) => end.meet(&self.current),
            None => *end = Some(self.current.clone()),
        }
    }

    /// Settles what was left open, and says what the object has to know.
    pub fn finish(&mut self, unit: &Unit<'ctx, '_>) -> FrameFacts {
        match &mut self.strategy {
            Some(strategy) => strategy.finish(unit),
            None => FrameFacts::default(),
        }
    }
}

/// First slot of each local, and the number of slots of all.
pub fn local_slots(types: impl Iterator<Item = ValType>) -> (Vec<u32>, u32) {
    let mut slots = Vec::new();
    let mut next = 0;
    for ty in types {
        slots.push(next);
        next += slots_of(ty);
    }
    (slots, next)
}
