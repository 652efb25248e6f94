//! The call stack: frame records that compiled code leaves on its stack, and what they mean.

mod record;
mod values;

use crate::{
    FrameInfo, Module, Trap,
    exec_env::{ExecEnv, RuntimeContext},
    store::StoreInner,
};
use alloc::string::ToString;
use record::FrameRecord;
use wamr_aot_loader::{format::header::CaptureLevel, trap::TrapCause};

/// Where compiled code stopped.
struct Place {
    module: Module,
    /// Index of the function among the module's defined ones.
    function: u32,
    /// Wasm offset of the instruction.
    ip: Option<u32>,
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
    let trap_ip = Some(env.trap_ip).filter(|ip| *ip != 0);
    let (youngest, place) = (env.current_frame, place(store, env));
    let mut innermost_ip = place.as_ref().map_or(trap_ip, |place| place.ip);
    // A function without a record (a leaf, or an object without frames) stands on top of the records.
    // One that keeps a record has pushed it, unless it trapped before it could: on an exhausted stack.
    // With inlining the record may be of another function than the machine code: of the inlined one,
    // which is the innermost.
    if let Some(place) = place
        && (youngest == entry_frame
            || trap.cause == TrapCause::CallStackExhausted
            || !place.module.keeps_record(place.function))
    {
        let func_index = place.module.imported_functions() + place.function;
        trap.frames.push(named(&place.module, func_index, place.ip));
        innermost_ip = None;
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
        let youngest = (*store.exec()).env.current_frame;
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
    youngest: usize,
    mut innermost_ip: Option<u32>,
) {
    // SAFETY: as the caller promises.
    for record in unsafe { record::walk(youngest as *const FrameRecord) } {
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

/// The function that a trap was raised in, by its program counter.
fn place(store: &StoreInner, env: &ExecEnv) -> Option<Place> {
    let module = store
        .modules
        .iter()
        .find(|module| module.code_range().contains(&env.trap_pc))?;
    let function = module.function_at(env.trap_pc)?;
    let ip = match env.trap_ip {
        0 => module.wasm_offset(function, env.trap_pc),
        ip => Some(ip),
    };
    Some(Place {
        module: module.clone(),
        function,
        ip,
    })
}

fn named(module: &Module, func_index: u32, ip: Option<u32>) -> FrameInfo {
    FrameInfo::new(
        module.name().map(ToString::to_string),
        func_index,
        module.function_name(func_index).map(ToString::to_string),
        ip,
    )
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
) -> Option<FrameInfo> {
    // SAFETY: as the caller promises.
    let FrameRecord {
        instance,
        func_index,
        ip,
        ..
    } = unsafe { &*record };
    // SAFETY: the record's instance is one of the store's, which all live as long as the store.
    let RuntimeContext::Instance(instance) = (unsafe { &*(**instance).runtime }) else {
        return None;
    };
    let module = store.instances.get(*instance as usize)?.module.clone();
    let level = module.capture_level();
    let committed = level.contains(CaptureLevel::IP).then_some(*ip);
    let mut frame = named(&module, *func_index, trap_ip.or(committed));
    if level.contains(CaptureLevel::VALUES) {
        // SAFETY: as the caller promises; an object of this level keeps values in its records.
        frame.values = unsafe { values::read(store, &module, record) };
    }
    Some(frame)
}
