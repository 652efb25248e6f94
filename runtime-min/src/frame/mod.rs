//! The call stack: frame records that compiled code leaves on its stack, and what they mean.

mod record;
mod values;

use crate::{
    FrameInfo, Module, Trap,
    exec_env::{ExecEnv, RuntimeContext},
    instance::InstanceData,
    store::StoreInner,
};
use alloc::string::ToString;
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
            && unsafe { record_instance(store, record) }
                .is_some_and(|instance| instance.module.is(&self.module));
        // An exhausted stack is met before the record is pushed, so that the youngest is a caller's, even
        // if it is the same function; or else at a call, whose offset the record has already.
        is_same && (cause != TrapCause::CallStackExhausted || self.ip == Some(*ip))
    }
}

/// The instance that a record belongs to.
///
/// # Safety
///
/// The record was left by compiled code of the store and is intact.
unsafe fn record_instance(store: &StoreInner, record: *const FrameRecord) -> Option<&InstanceData> {
    // SAFETY: as the caller promises; the record's instance is one of the store's, which all live as long
    // as the store.
    match unsafe { &*(*(*record).instance).runtime } {
        RuntimeContext::Instance(instance) => store.instances.get(*instance as usize),
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
    let (func_index, ip) = unsafe { ((*record).func_index, (*record).ip) };
    // SAFETY: as the caller promises.
    let module = unsafe { record_instance(store, record) }?.module.clone();
    let level = module.capture_level();
    let committed = level.contains(CaptureLevel::IP).then_some(ip);
    let mut frame = named(&module, func_index, trap_ip.or(committed));
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
