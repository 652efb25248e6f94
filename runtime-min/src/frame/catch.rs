//! Where an exception goes: the youngest activation with a handler for it, up to the entry that the code that
//! throws was called through.

use super::walk::{Activation, Walk};
use crate::{
    Module, arch,
    exception::{Point, TagData, Trace},
    store::StoreInner,
};
use alloc::vec::Vec;
use wamr_aot_loader::format::handlers::Clause;

/// Where an exception lands, with what registers.
pub(crate) struct Landing {
    /// The registers that survive calls; the return address is that of the landing pad.
    pub registers: arch::Saved,
    /// The stack pointer.
    pub sp: usize,
}

/// Finds the handler of an exception that compiled code throws, or a host function that it has called. Adds what is
/// unwound to what has been before.
///
/// # Safety
///
/// The store's code is stopped in an exit.
pub(crate) unsafe fn find_handler(
    store: &StoreInner,
    tag: *const TagData,
    trace: &mut Trace,
) -> Option<Landing> {
    let find = |pc: usize| {
        store
            .modules
            .iter()
            .find(|module| module.code_range().contains(&pc))
    };
    // SAFETY: as the caller promises.
    let mut walk = unsafe { Walk::from_exit(store.exec(), find) };
    let limit = store.config.max_trap_frames;
    let mut unwound = Vec::new();
    let mut omitted = 0;
    while let Some(activation) = walk.next() {
        if walk.entries() > 1 {
            // Whoever has entered gets it.
            return None;
        }
        let Some(function) = activation.function() else {
            continue;
        };
        let point = point(&activation, function);
        if is_landed(trace, &activation, point) {
            // What it has called since it caught the exception does not count.
            unwound = trace.points.clone();
            omitted = trace.omitted;
        } else if unwound.len() < limit {
            unwound.push(point);
        } else {
            omitted += 1;
        }
        let module = activation.module;
        let handler = module.handlers().lookup(function, activation.offset);
        if let Some(handler) = handler
            && handler
                .clauses()
                .any(|clause| may_catch(store, module, clause, tag))
        {
            let start = module.function_code(function)?;
            let landing_pad = start.checked_add(handler.landing_pad as usize)?;
            let sp = activation.registers.sp();
            *trace = Trace {
                points: unwound,
                omitted,
                landed_sp: sp,
            };
            let register = |number| activation.registers.get(number).unwrap_or(0);
            return Some(Landing {
                registers: arch::Saved::new(register, landing_pad),
                sp,
            });
        }
    }
    None
}

pub(super) fn point(activation: &Activation<&Module>, function: u32) -> Point {
    Point {
        module: activation.module.id(),
        function,
        offset: activation.offset,
    }
}

/// Is this the activation that has caught the exception last?
pub(super) fn is_landed(trace: &Trace, activation: &Activation<&Module>, point: Point) -> bool {
    trace.points.last().is_some_and(|last| {
        (last.module, last.function) == (point.module, point.function)
            && trace.landed_sp == activation.registers.sp()
    })
}

/// May a clause of an activation's code catch exceptions of a tag? Which of several instances of its module the
/// activation belongs to, its code will find out.
fn may_catch(store: &StoreInner, module: &Module, clause: Clause, tag: *const TagData) -> bool {
    match clause {
        Clause::All => true,
        Clause::Tag(index) => store
            .instances
            .iter()
            .filter(|instance| instance.module.is(module))
            .any(|instance| instance.tag_identity(index) == Some(tag)),
    }
}
