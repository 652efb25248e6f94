//! The frame model: what of a running function stays observable, and where.
//!
//! A frame shows parameters, locals and operands in *slots* of 8 bytes, numbered as WebAssembly
//! numbers them: parameters, then locals, then operands from the bottom of the stack. A *commit
//! point* is a place where the frame must be observable: a call (operands below its arguments; the
//! arguments are the callee's parameters), a trap (operands before the instruction), and, when asked
//! for, a poll. Which commit points there are, and which slots they show, depends on the module and
//! the options alone, never on the target or the optimiser.
//!
//! How a frame is made observable is a strategy. `explicit` keeps a record in memory. `mapped` keeps
//! nothing: calls carry the frame's values in LLVM's `deopt` operand bundles, and LLVM's stack maps say
//! where they are.

mod current;
mod explicit;
mod liveness;
mod loops;
mod mapped;
mod site;
mod slots;

use std::rc::Rc;

use inkwell::builder::Builder;
use inkwell::values::{BasicValueEnum, PointerValue};
use wamr_aot_loader::format::module::ValType;
use wasmparser::FunctionBody;

pub use current::Current;
pub use loops::{LoopPoll, Loops};
pub use site::{SiteInfo, SiteKind, SiteSlot};

use crate::abi::slots_of;
use crate::error::Result;
use crate::options::FrameStrategy;
use crate::translate::{Local, Operand, Unit};
use explicit::ExplicitFrame;
use liveness::Liveness;
use mapped::MappedFrame;

/// Where a frame operation is built, and what it can reach.
pub struct Place<'a, 'ctx, 'm> {
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

/// What a frame shows at a commit point.
pub struct Shown<'a, 'ctx> {
    /// The commit point.
    pub site: SiteInfo,
    /// Indices of the locals that the site shows.
    pub locals: Vec<usize>,
    /// The operands that the site shows, if it shows values.
    pub operands: &'a [Operand<'ctx>],
}

enum Strategy<'ctx> {
    None,
    Explicit(ExplicitFrame<'ctx>),
    Mapped(MappedFrame<'ctx>),
}

/// Frames of the function being translated.
pub struct Frames<'ctx> {
    strategy: Strategy<'ctx>,
    liveness: Liveness,
    current: Current,
    loops: Loops,
    shows_values: bool,
    /// First slot of each parameter and local.
    local_slots: Rc<[u32]>,
    /// Slots of all of them.
    local_slot_count: u32,
    /// Values that the sites of traps may still show.
    trap_budget: usize,
    /// The last trap's offset, and whether its site shows values.
    last_trap: Option<(u32, bool)>,
    max_operand_slots: u32,
    /// Operand bundle of the calls of the current operator.
    call_bundle: Option<Vec<BasicValueEnum<'ctx>>>,
}

/// Values that the traps of a function may show at least, and per byte of its body. Traps are many and
/// locals may be, and their product must not decide how long a compilation takes.
const TRAP_BUDGET: (usize, usize) = (1024, 1);
/// A mapped frame with more locals than this keeps its values in memory: operand bundles that are
/// joined by inlining must stay below what a stack map can hold.
const MANY_LOCALS: usize = 1000;

impl<'ctx> Frames<'ctx> {
    /// Frames of a function with these parameters and locals, by the unit's options.
    pub fn new(
        unit: &Unit<'ctx, '_>,
        function_index: u32,
        body: &FunctionBody<'_>,
        locals: &[Local<'ctx>],
    ) -> Result<Self> {
        let options = unit.config.frames;
        let shows_values = options.strategy != FrameStrategy::None && options.features.values;
        let scan = unit
            .module
            .defined_index(function_index)
            .map(|defined| &unit.module.scans[defined]);
        let (local_slots, local_slot_count) = local_slots(locals.iter().map(|local| local.ty));
        let strategy = match options.strategy {
            FrameStrategy::None => Strategy::None,
            FrameStrategy::Explicit => Strategy::Explicit(ExplicitFrame::new(
                unit,
                function_index,
                options.features,
                local_slots.clone().into(),
            )),
            FrameStrategy::Mapped | FrameStrategy::Automatic => {
                let in_memory =
                    locals.len() > MANY_LOCALS || unit.keeps_values_in_memory(function_index);
                Strategy::Mapped(MappedFrame::new(shows_values && in_memory))
            }
        };
        Ok(Frames {
            strategy,
            liveness: if shows_values && !options.all {
                Liveness::analyse(body, locals.len())?
            } else {
                Liveness::default()
            },
            current: Current::at_entry(locals.len()),
            loops: if shows_values || unit.config.safepoints {
                Loops::scan(body, |function| {
                    (unit.module.defined_index(function))
                        .and_then(|defined| unit.config.polls_at_entry.get(defined))
                        .is_some_and(|polls| *polls)
                })?
            } else {
                Loops::default()
            },
            shows_values,
            local_slots: local_slots.into(),
            local_slot_count,
            trap_budget: TRAP_BUDGET.0 + scan.map_or(0, |scan| scan.size * TRAP_BUDGET.1),
            last_trap: None,
            max_operand_slots: 0,
            call_bundle: None,
        })
    }

    /// No frames: what a translation starts with.
    pub fn none() -> Self {
        Frames {
            strategy: Strategy::None,
            liveness: Liveness::default(),
            current: Current::default(),
            loops: Loops::default(),
            shows_values: false,
            local_slots: Rc::default(),
            local_slot_count: 0,
            trap_budget: 0,
            last_trap: None,
            max_operand_slots: 0,
            call_bundle: None,
        }
    }

    /// Are there frames at all?
    pub fn enabled(&self) -> bool {
        !matches!(self.strategy, Strategy::None)
    }

    /// Makes the frame known, where every activation of the function has one.
    pub fn enter(&mut self, place: &Place<'_, 'ctx, '_>) -> Result<()> {
        match &mut self.strategy {
            Strategy::Explicit(strategy) => strategy.enter(place),
            Strategy::None | Strategy::Mapped(_) => Ok(()),
        }
    }

    /// Undoes [`Frames::enter`] ahead of a return.
    pub fn leave(&mut self, place: &Place<'_, 'ctx, '_>) -> Result<()> {
        match &mut self.strategy {
            Strategy::Explicit(strategy) => strategy.leave(place),
            Strategy::None | Strategy::Mapped(_) => Ok(()),
        }
    }

    /// An operator begins: what the one before left for its calls is gone.
    pub fn next_operator(&mut self) {
        self.call_bundle = None;
    }

    /// The operand bundle that the calls of the current operator carry.
    pub fn call_bundle(&self) -> Option<&[BasicValueEnum<'ctx>]> {
        self.call_bundle.as_deref()
    }

    /// Makes the frame observable at a call.
    pub fn commit_call(
        &mut self,
        place: &Place<'_, 'ctx, '_>,
        ip: u32,
        operands: &[Operand<'ctx>],
    ) -> Result<()> {
        let shown = self.show(
            place,
            SiteKind::Call,
            ip,
            operands,
            self.shows_values,
            false,
        );
        match &mut self.strategy {
            Strategy::None => {}
            Strategy::Explicit(strategy) => {
                strategy.commit_call(place, &shown, &mut self.current)?;
                place.unit.add_site(shown.site);
            }
            Strategy::Mapped(strategy) => {
                let bundle = strategy.commit(place, shown, &mut self.current)?;
                self.call_bundle = Some(bundle);
            }
        }
        Ok(())
    }

    /// Makes the frame observable on the cold path of a trap. Yields the operand bundle of the call that
    /// raises it.
    pub fn commit_trap(
        &mut self,
        place: &Place<'_, 'ctx, '_>,
        ip: u32,
        operands: &[Operand<'ctx>],
    ) -> Result<Option<Vec<BasicValueEnum<'ctx>>>> {
        let available = match self.last_trap {
            // Another cause of the same instruction: the same site.
            Some((last, available)) if last == ip => available,
            _ if self.shows_values && place.unit.config.frames.features.trap_ip => {
                let cost = place.locals.len() + operands.len();
                let left = self.trap_budget.checked_sub(cost);
                self.trap_budget = left.unwrap_or(self.trap_budget);
                left.is_some()
            }
            _ => false,
        };
        self.last_trap = Some((ip, available));
        let shown = self.show(place, SiteKind::Trap, ip, operands, available, false);
        self.commit_cold(place, shown)
    }

    /// Makes the frame observable on the cold path of a poll, at the function's entry or at a loop. Yields
    /// the operand bundle of its call.
    pub fn commit_poll(
        &mut self,
        place: &Place<'_, 'ctx, '_>,
        ip: u32,
        operands: &[Operand<'ctx>],
        is_entry: bool,
    ) -> Result<Option<Vec<BasicValueEnum<'ctx>>>> {
        let available = self.shows_values;
        let shown = self.show(place, SiteKind::Poll, ip, operands, available, is_entry);
        self.commit_cold(place, shown)
    }

    /// Off the path that goes on, nothing that was stored counts as current there.
    fn commit_cold(
        &mut self,
        place: &Place<'_, 'ctx, '_>,
        shown: Shown<'_, 'ctx>,
    ) -> Result<Option<Vec<BasicValueEnum<'ctx>>>> {
        match &mut self.strategy {
            Strategy::None => Ok(None),
            Strategy::Explicit(strategy) => {
                strategy.commit_cold(place, &shown, &self.current)?;
                place.unit.add_site(shown.site);
                Ok(None)
            }
            Strategy::Mapped(strategy) => {
                let mut current = self.current.clone();
                strategy.commit(place, shown, &mut current).map(Some)
            }
        }
    }

    /// What a commit point shows.
    fn show<'a>(
        &mut self,
        place: &Place<'_, 'ctx, '_>,
        kind: SiteKind,
        ip: u32,
        operands: &'a [Operand<'ctx>],
        available: bool,
        at_entry: bool,
    ) -> Shown<'a, 'ctx> {
        let mut shown = Shown {
            site: SiteInfo {
                ip,
                kind,
                available,
                in_memory: false,
                slots: Vec::new(),
                operand_slots: 0,
            },
            locals: Vec::new(),
            operands: if available { operands } else { &[] },
        };
        if !available {
            return shown;
        }
        for (index, local) in place.locals.iter().enumerate() {
            let live = if at_entry {
                self.liveness.is_live_at_entry(index)
            } else {
                self.liveness.is_live(ip, index)
            };
            if live {
                shown.locals.push(index);
                shown.site.slots.push(SiteSlot {
                    slot: self.local_slots[index],
                    ty: local.ty,
                    is_operand: false,
                });
            }
        }
        let mut slot = self.local_slot_count;
        for operand in operands {
            shown.site.slots.push(SiteSlot {
                slot,
                ty: operand.ty,
                is_operand: true,
            });
            slot += slots_of(operand.ty);
        }
        shown.site.operand_slots = slot - self.local_slot_count;
        self.max_operand_slots = self.max_operand_slots.max(shown.site.operand_slots);
        shown
    }

    /// The operand at this height of the stack is new.
    pub fn operand_pushed(&mut self, position: usize) {
        if self.shows_values {
            self.current.clear_operand(position);
        }
    }

    /// A local was assigned.
    pub fn local_changed(&mut self, local: u32) {
        if self.shows_values {
            self.current.clear_local(local);
        }
    }

    /// Enters the next loop of the body: what it assigns may differ when it comes round again. Says
    /// how the loop polls, if loops do.
    pub fn enter_loop(&mut self) -> LoopPoll {
        let Some(facts) = self.loops.next_loop() else {
            return LoopPoll::EveryRound;
        };
        if self.shows_values {
            match &facts.assigned {
                Some(locals) => locals
                    .iter()
                    .for_each(|local| self.current.clear_local(*local)),
                None => self.current.clear_all_locals(),
            }
        }
        facts.poll
    }

    /// Passes over a loop that cannot be reached.
    pub fn loop_skipped(&mut self) {
        self.loops.next_loop();
    }

    /// What the frame holds here.
    pub fn current(&self) -> Current {
        self.current.clone()
    }

    /// Goes on where the frame holds `current`.
    pub fn set_current(&mut self, current: Current) {
        self.current = current;
    }

    /// Goes on where nothing is known of what the frame holds: in a handler, which any call of a body
    /// may lead to.
    pub fn forget_current(&mut self) {
        self.current = Current::default();
    }

    /// Makes the frame the youngest one again where an exception lands.
    pub fn land(&mut self, place: &Place<'_, 'ctx, '_>) -> Result<()> {
        match &mut self.strategy {
            Strategy::Explicit(strategy) => strategy.land(place),
            Strategy::None | Strategy::Mapped(_) => Ok(()),
        }
    }

    /// Goes on where the frame holds `current`; yields what it held here.
    pub fn replace_current(&mut self, current: Current) -> Current {
        std::mem::replace(&mut self.current, current)
    }

    /// Joins this path into what the frame holds at the end of a block.
    pub fn meet(&self, end: &mut Option<Current>) {
        if !self.shows_values {
            return;
        }
        match end {
            Some(end) => end.meet(&self.current),
            None => *end = Some(self.current.clone()),
        }
    }

    /// Settles what was left open, and says what the object has to know.
    pub fn finish(&mut self, unit: &Unit<'ctx, '_>, has_references: bool) -> FrameFacts {
        let slots = self.local_slot_count + self.max_operand_slots;
        match &mut self.strategy {
            Strategy::None => FrameFacts::default(),
            Strategy::Explicit(strategy) => {
                strategy.finish(unit, slots);
                FrameFacts {
                    has_record: strategy.is_pushed(),
                    has_references: self.shows_values && has_references,
                    max_operand_slots: self.max_operand_slots,
                }
            }
            Strategy::Mapped(strategy) => {
                strategy.finish(unit, slots);
                FrameFacts {
                    has_record: false,
                    has_references: self.shows_values && has_references,
                    max_operand_slots: self.max_operand_slots,
                }
            }
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
