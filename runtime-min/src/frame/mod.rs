//! The walker: the frames of compiled code, youngest first, as WebAssembly has them.
//!
//! Whoever asks gets the same view: a host function ([`Caller::frames`](crate::Caller::frames)), who
//! handles a trap ([`Trap::frames`]), and, functions and offsets only, a profiler's signal handler
//! (`sample`).

mod materialise;
mod record;
#[cfg(feature = "std")]
mod sample;
mod values;
mod view;

pub use materialise::{Records, materialise};
#[cfg(feature = "std")]
pub use sample::{RawFrame, sample};
pub use view::{FrameValues, FrameView, SlotValue};

use crate::{
    Instance, Module, Trap,
    exec_env::{ExecEnv, RuntimeContext},
    store::StoreInner,
};
use alloc::vec::Vec;
use record::FrameRecord;
use wamr_aot_loader::{format::header::CaptureLevel, trap::TrapCause};

/// The innermost function of a trap.
struct Place {
    module: Module,
    /// Index in the module's function index space.
    func_index: u32,
    /// Wasm offset of the instruction.
    ip: Option<u32>,
    /// Does the function that the machine code belongs to keep a frame record?
    keeps_record: bool,
}

impl Place {
    /// Is the youngest record, pushed since the entry, this activation's? Else the activation has none
    /// and stands on top of it.
    ///
    /// # Safety
    ///
    /// The record was left by compiled code of the store and is intact.
    unsafe fn is_of(
        &self,
        store: &StoreInner,
        record: *const FrameRecord,
        cause: TrapCause,
    ) -> bool {
        if self.ip.is_none() {
            // Which function it is in inlined code is not known either: the record's, if there is one.
            return self.keeps_record;
        }
        // SAFETY: as the caller promises.
        let FrameRecord { func_index, ip, .. } = unsafe { &*record };
        // SAFETY: as the caller promises.
        let is_same = *func_index == self.func_index
            && unsafe { record_instance(record) }
                .and_then(|instance| store.instances.get(instance as usize))
                .is_some_and(|instance| instance.module.is(&self.module));
        // An exhausted stack is met before the record is pushed, so that the youngest is a caller's, even
        // if it is the same function; or else at a call, whose offset the record has already.
        is_same && (cause != TrapCause::CallStackExhausted || self.ip == Some(*ip))
    }
}

/// Position in the store of the instance that a record belongs to.
///
/// # Safety
///
/// The record was left by compiled code of the store and is intact.
unsafe fn record_instance(record: *const FrameRecord) -> Option<u32> {
    // SAFETY: as the caller promises; the record's instance is one of the store's, which all live as long
    // as the store.
    match unsafe { &*(*(*record).instance).runtime } {
        RuntimeContext::Instance(instance) => Some(*instance),
        RuntimeContext::Host(_) => None,
    }
}

/// Fills in the call stack of a trap that compiled code raised, as the exec env's trap fields describe
/// it. `entry_frame` is what `current_frame` was at the entry that the trap landed in.
///
/// # Safety
///
/// The store runs no code now, and the wasm stack still holds the records that `current_frame` links.
pub(crate) unsafe fn capture(store: &mut StoreInner, trap: &mut Trap, entry_frame: usize) {
    // SAFETY: the exec env is valid.
    let env = unsafe { &(*store.exec()).env };
    let youngest = env.current_frame as *const FrameRecord;
    let is_new = env.current_frame != entry_frame;
    let mut innermost_ip = Some(env.trap_ip).filter(|ip| *ip != 0);
    if let Some(place) = place(store, env) {
        innermost_ip = place.ip;
        // SAFETY: as the caller promises; a record that was pushed since the entry is there.
        let has_record = is_new && unsafe { place.is_of(store, youngest, trap.cause) };
        if !has_record {
            let frame = named(&place.module, place.func_index, place.ip);
            trap.frames.push(frame);
            innermost_ip = None;
        }
    }
    // SAFETY: as the caller promises.
    unsafe { push_records(store, trap, youngest, innermost_ip) };
}

/// Fills in the call stack of a trap that the host raises: its callers' records.
///
/// # Safety
///
/// As for [`capture`].
pub(crate) unsafe fn capture_callers(store: &mut StoreInner, trap: &mut Trap) {
    // SAFETY: the exec env is valid; the rest as the caller promises.
    unsafe {
        let youngest = (*store.exec()).env.current_frame as *const FrameRecord;
        push_records(store, trap, youngest, None);
    }
}

/// Adds the frames of records. `innermost_ip` replaces the offset in the youngest.
///
/// # Safety
///
/// As for [`capture`].
unsafe fn push_records(
    store: &mut StoreInner,
    trap: &mut Trap,
    youngest: *const FrameRecord,
    mut innermost_ip: Option<u32>,
) {
    // SAFETY: as the caller promises.
    for record in unsafe { record::walk(youngest) } {
        if trap.frames.len() >= store.config.max_trap_frames {
            trap.omitted_frames += 1;
            continue;
        }
        // SAFETY: as the caller promises.
        if let Some(frame) = unsafe { record_frame(store, record, innermost_ip.take()) } {
            trap.frames.push(frame);
        }
    }
}

/// The function that a trap was raised in: by the offset of the instruction, which is right in inlined
/// code too, or else by the program counter.
fn place(store: &StoreInner, env: &ExecEnv) -> Option<Place> {
    let module = store
        .modules
        .iter()
        .find(|module| module.code_range().contains(&env.trap_pc))?;
    let compiled = module.function_at(env.trap_pc)?;
    let ip = match env.trap_ip {
        0 => module.wasm_offset(compiled, env.trap_pc),
        ip => Some(ip),
    };
    let function = ip.and_then(|ip| module.frames().function_of(ip));
    Some(Place {
        module: module.clone(),
        func_index: module.imported_functions() + function.unwrap_or(compiled),
        ip,
        keeps_record: module.keeps_record(compiled),
    })
}

/// A frame without values.
fn named(module: &Module, func_index: u32, ip: Option<u32>) -> FrameView {
    FrameView {
        module: module.clone(),
        instance: None,
        func_index,
        ip,
        ip_is_exact: ip.is_some(),
        values: None,
    }
}

/// The frame of a record; `trap_ip` replaces the offset that was committed last.
///
/// # Safety
///
/// The record was left by compiled code of the store and is intact.
unsafe fn record_frame(
    store: &mut StoreInner,
    record: *const FrameRecord,
    trap_ip: Option<u32>,
) -> Option<FrameView> {
    // SAFETY: as the caller promises.
    let (func_index, ip) = unsafe { ((*record).func_index, (*record).ip) };
    // SAFETY: as the caller promises.
    let index = unsafe { record_instance(record) }?;
    let module = store.instances.get(index as usize)?.module.clone();
    let level = module.capture_level();
    let committed = level.contains(CaptureLevel::IP).then_some(ip);
    let mut frame = named(&module, func_index, trap_ip.or(committed));
    frame.instance = Some(Instance {
        store: store.id(),
        index,
    });
    // The values are those of the commit point whose offset stands beside them. A trap that the
    // hardware found is none: what changed since the last one is in registers.
    let current = trap_ip.is_none_or(|trap_ip| trap_ip == ip);
    if level.contains(CaptureLevel::VALUES) && current {
        // SAFETY: as the caller promises; an object of this level keeps values in its records, and the
        // offset beside them.
        frame.values = unsafe { values::read(store, &module, record) };
    }
    Some(frame)
}

/// The frames of the code that has called the host.
///
/// # Safety
///
/// The store's code is stopped in exits, or runs not at all, and nothing else borrows from the store.
pub(crate) unsafe fn of_callers(store: &mut StoreInner) -> Vec<FrameView> {
    // SAFETY: the exec env is valid; the rest as the caller promises.
    unsafe {
        let youngest = (*store.exec()).env.current_frame as *const FrameRecord;
        record::walk(youngest)
            .filter_map(|record| record_frame(store, record, None))
            .collect()
    }
}
