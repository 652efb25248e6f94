//! The values of a frame, read from its record.

use super::record::FrameRecord;
use super::{FrameValues, SlotValue};
use crate::{Module, Val, ValType, store::StoreInner, types::slots};
use alloc::vec::Vec;

/// Locals by type, and the operands' slots. `None` if the object does not describe the function.
///
/// # Safety
///
/// The record is intact, of an instance of `module`, and its code keeps values in it.
pub(super) unsafe fn read(
    store: &mut StoreInner,
    module: &Module,
    record: *const FrameRecord,
) -> Option<FrameValues> {
    // SAFETY: as the caller promises.
    let (func_index, sp) = unsafe { ((*record).func_index, (*record).sp) };
    let defined = func_index.checked_sub(module.imported_functions())?;
    let layout = module.frames().get(defined)?;
    let params = module.function_type(func_index)?.params();
    let local_slots = layout.locals().fold(slots(params), |sum, (count, ty)| {
        sum.saturating_add((count as usize).saturating_mul(ty.slots() as usize))
    });
    // Less where the code had no values to show at this place; then there need not be slots either.
    let operands = (sp as usize).checked_sub(local_slots)?;
    let operands = operands.min(layout.max_operand_slots as usize);
    let locals = layout
        .locals()
        .flat_map(|(count, ty)| core::iter::repeat_n(ty, count as usize));
    let mut slot = 0;
    let mut values = FrameValues::default();
    for ty in params.iter().copied().chain(locals) {
        // SAFETY: the record has slots for every local.
        values
            .locals
            .push(unsafe { local(store, record, slot, ty) });
        slot += ty.slots() as usize;
    }
    // SAFETY: the record has slots for as many operands as the object says.
    values.operands = (0..operands)
        .map(|i| unsafe { FrameRecord::slot(record, slot + i) })
        .map(|bits| SlotValue::Value(Val::I64(bits.cast_signed())))
        .collect::<Vec<_>>();
    Some(values)
}

/// A local's value. What a slot holds after the local's last use is not known, so a reference counts
/// only where the record's flags say that there is one, and only if the store knows it.
///
/// # Safety
///
/// As for [`FrameRecord::slot`].
unsafe fn local(
    store: &mut StoreInner,
    record: *const FrameRecord,
    slot: usize,
    ty: ValType,
) -> SlotValue {
    // SAFETY: as the caller promises.
    unsafe {
        let first = FrameRecord::slot(record, slot);
        if ty.is_reference() {
            let flagged = FrameRecord::is_reference(record, slot);
            let known = ty != ValType::FuncRef
                || first == 0
                || usize::try_from(first).is_ok_and(|address| store.is_func_ref(address));
            if !flagged || !known {
                return SlotValue::Dead;
            }
        }
        let second = if ty.slots() == 2 {
            FrameRecord::slot(record, slot + 1)
        } else {
            0
        };
        SlotValue::Value(Val::from_slots(store, ty, [first, second]))
    }
}
