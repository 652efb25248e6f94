//! Thunks. Each function type has two: from slots into compiled code, and from compiled code to slots.
//! Traps and polls have one each that keeps registers.

use inkwell::module::Linkage;
use inkwell::values::{
    BasicMetadataValueEnum, BasicValueEnum, FunctionValue, LLVMTailCallKind, PointerValue,
};
use inkwell::{GlobalVisibility, builder::Builder};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::module::{FuncType, ValType};
use wamr_aot_loader::layout::{SLOT_SIZE, callee_context, exec_env};

use super::signature::{
    FAST_CALL, ParamPlace, Passing, Signature, slot_count, slots_of, slots_type,
};
use super::{enter_thunk_symbol, host_thunk_symbol};
use crate::error::Result;
use crate::translate::Unit;

/// Emits `void (code, context, slots)`: reads the arguments of a function of type `index` from the
/// slots, calls the code and writes the results back to the slots.
pub fn emit_enter_thunk(unit: &Unit<'_, '_>, index: u32) -> Result<()> {
    let types = &unit.types;
    let ty = unit.module.ty(index);
    let signature = unit.signature(ty, Passing::Memory);
    let thunk = unit.llvm.add_function(
        &enter_thunk_symbol(index),
        types.void.fn_type(
            &[types.ptr.into(), types.ptr.into(), types.ptr.into()],
            false,
        ),
        Some(Linkage::External),
    );
    let builder = begin(unit, thunk);
    let code = param(thunk, 0).into_pointer_value();
    let context = param(thunk, 1).into_pointer_value();
    let slots = param(thunk, 2).into_pointer_value();

    let mut arguments: Vec<BasicMetadataValueEnum<'_>> = vec![context.into()];
    if signature.has_results_pointer {
        // The first result comes back natively; the others go where the caller of the thunk reads them.
        let in_memory = slot_count(signature.results_in_memory(&ty.results));
        let first = slot_count(&ty.results) - in_memory;
        let rest = slot(unit, &builder, slots, first)?;
        // Arguments are all read before the call, so results may overwrite them.
        arguments.push(rest.into());
    }
    let argument_slots = argument_slots(unit, &builder, context, &signature)?;
    let mut position = 0;
    for (param, passed) in ty.params.iter().zip(&signature.places) {
        let place = slot(unit, &builder, slots, position)?;
        let value = load(unit, &builder, *param, place)?;
        match (passed, argument_slots) {
            (ParamPlace::Slot(index), Some(area)) => {
                store(&builder, slot(unit, &builder, area, *index)?, value)?;
            }
            _ => arguments.push(value.into()),
        }
        position += slots_of(*param);
    }
    let call = builder.build_indirect_call(signature.llvm, code, &arguments, "")?;
    call.set_call_convention(FAST_CALL);
    if let Some(result) = call.try_as_basic_value().basic() {
        store(&builder, slots, result)?;
    }
    builder.build_return(None)?;
    Ok(())
}

/// LLVM's number of the calling convention in which the callee preserves nearly all general registers.
pub const PRESERVE_MOST: u32 = 14;

/// LLVM's number of the calling convention in which the callee preserves nearly all registers, of floats and vectors too.
pub const PRESERVE_ALL: u32 = 15;

/// A thunk between a cold path and the builtin that it calls, with the builtin's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColdThunk {
    /// Raises a trap.
    Trap,
    /// Calls the runtime from a poll.
    Poll,
}

impl ColdThunk {
    /// All, in the order of the object's code entries.
    pub const ALL: [ColdThunk; 2] = [ColdThunk::Trap, ColdThunk::Poll];

    /// Its symbol.
    pub fn symbol(self) -> &'static str {
        match self {
            ColdThunk::Trap => "wamr.trap",
            ColdThunk::Poll => "wamr.poll",
        }
    }

    /// The builtin that it calls.
    pub fn builtin(self) -> BuiltinId {
        match self {
            ColdThunk::Trap => BuiltinId::Trap,
            ColdThunk::Poll => BuiltinId::Poll,
        }
    }
}

/// Emits `void (…)` in the convention of cold paths: calls the builtin. So the path past a trap or a poll need not give way to the one
/// through it: whatever is shown stays in the register where it is, and the thunk's unwind rows say where registers are
/// that the runtime does not preserve.
pub fn emit_cold_thunk(unit: &Unit<'_, '_>, kind: ColdThunk) -> Result<()> {
    let thunk = unit.cold_thunk(kind);
    let builder = begin(unit, thunk);
    unit.add_attribute(thunk, "noinline", 0);
    let arguments: Vec<BasicMetadataValueEnum<'_>> =
        thunk.get_param_iter().map(Into::into).collect();
    let call = builder.build_call(unit.builtin(kind.builtin()), &arguments, "")?;
    call.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindNoTail);
    match kind {
        ColdThunk::Trap => builder.build_unreachable()?,
        ColdThunk::Poll => builder.build_return(None)?,
    };
    Ok(())
}

/// Emits the code of a host function of type `index`: spills its arguments to slots, calls the
/// runtime with its own context and returns the results from the slots.
pub fn emit_host_thunk(unit: &Unit<'_, '_>, index: u32) -> Result<()> {
    let types = &unit.types;
    let ty = unit.module.ty(index);
    let signature = unit.signature(ty, Passing::Memory);
    let thunk = unit.llvm.add_function(
        &host_thunk_symbol(index),
        signature.llvm,
        Some(Linkage::External),
    );
    thunk.set_call_conventions(FAST_CALL);
    let builder = begin(unit, thunk);

    let count = slot_count(&ty.params).max(slot_count(&ty.results)).max(1);
    let slots = builder.build_alloca(slots_type(types, count), "slots")?;
    let context = param(thunk, 0).into_pointer_value();
    let argument_slots = argument_slots(unit, &builder, context, &signature)?;
    let mut position = 0;
    for (param_ty, passed) in ty.params.iter().zip(&signature.places) {
        let place = slot(unit, &builder, slots, position)?;
        let value = match (passed, argument_slots) {
            (ParamPlace::Slot(index), Some(area)) => load(
                unit,
                &builder,
                *param_ty,
                slot(unit, &builder, area, *index)?,
            )?,
            (ParamPlace::Param(index) | ParamPlace::Slot(index), _) => param(thunk, *index),
        };
        store(&builder, place, value)?;
        position += slots_of(*param_ty);
    }
    let call_host = unit.builtin(BuiltinId::CallHost);
    builder.build_call(call_host, &[param(thunk, 0).into(), slots.into()], "")?;
    finish_host_thunk(unit, &builder, thunk, ty, slots, &signature)
}

fn finish_host_thunk<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    thunk: FunctionValue<'ctx>,
    ty: &FuncType,
    slots: PointerValue<'ctx>,
    signature: &Signature<'ctx>,
) -> Result<()> {
    let in_memory = signature.results_in_memory(&ty.results);
    if signature.has_results_pointer {
        let results = param(thunk, 1).into_pointer_value();
        let first_slots = slot_count(&ty.results) - slot_count(in_memory);
        let mut position = 0;
        for ty in in_memory {
            let from = slot(unit, builder, slots, first_slots + position)?;
            let to = slot(unit, builder, results, position)?;
            store(builder, to, load(unit, builder, *ty, from)?)?;
            position += slots_of(*ty);
        }
    }
    match ty.results.first().filter(|_| signature.has_native_result) {
        Some(first) => builder.build_return(Some(&load(unit, builder, *first, slots)?))?,
        None => builder.build_return(None)?,
    };
    Ok(())
}

/// Address of the exec env's argument slots, if the signature uses them.
fn argument_slots<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    context: PointerValue<'ctx>,
    signature: &Signature<'ctx>,
) -> Result<Option<PointerValue<'ctx>>> {
    if !signature.uses_argument_slots() {
        return Ok(None);
    }
    let width = unit.config.width;
    let mut address = context;
    for offset in [callee_context::exec_env(width), exec_env::arguments(width)] {
        let place = unit.offset(builder, address, u64::from(offset))?;
        address = (builder.build_load(unit.types.ptr, place, "")?).into_pointer_value();
    }
    Ok(Some(address))
}

fn begin<'ctx>(unit: &Unit<'ctx, '_>, thunk: FunctionValue<'ctx>) -> Builder<'ctx> {
    thunk
        .as_global_value()
        .set_visibility(GlobalVisibility::Hidden);
    unit.set_function_attributes(thunk);
    let entry = unit.context.append_basic_block(thunk, "entry");
    let builder = unit.context.create_builder();
    builder.position_at_end(entry);
    builder
}

fn param<'ctx>(function: FunctionValue<'ctx>, index: u32) -> BasicValueEnum<'ctx> {
    function
        .get_nth_param(index)
        .expect("the thunk's own type has this parameter")
}

/// Address of a slot.
pub(crate) fn slot<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    slots: PointerValue<'ctx>,
    index: u32,
) -> Result<PointerValue<'ctx>> {
    unit.offset(builder, slots, u64::from(index) * u64::from(SLOT_SIZE))
}

fn load<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    ty: ValType,
    place: PointerValue<'ctx>,
) -> Result<BasicValueEnum<'ctx>> {
    let value = builder.build_load(unit.types.value(ty), place, "")?;
    align_to_slot(value);
    Ok(value)
}

fn store<'ctx>(
    builder: &Builder<'ctx>,
    place: PointerValue<'ctx>,
    value: BasicValueEnum<'ctx>,
) -> Result<()> {
    let store = builder.build_store(place, value)?;
    let _ = store.set_alignment(SLOT_SIZE);
    Ok(())
}

fn align_to_slot(value: BasicValueEnum<'_>) {
    use inkwell::values::BasicValue;
    if let Some(load) = value.as_instruction_value() {
        // A slot is 8 bytes; a `v128` in two of them is aligned no better.
        let _ = load.set_alignment(SLOT_SIZE);
    }
}
