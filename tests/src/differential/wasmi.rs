//! A program on wasmi.

use wamr_runtime_min::TrapCause;
use wasmi::errors::{ErrorKind, InstantiationError, TableError};
use wasmi::{
    Caller, CompilationMode, Config, Engine, Error, Extern, ExternRef, ExternType, Func, Global,
    Instance, Memory, Module, Ref, Store, StoreLimits, StoreLimitsBuilder, Table, TrapCode, Val,
    ValType,
};

use super::{
    EXHAUSTED, End, Failure, MEMORY_LIMIT, Observed, Program, TABLE_LIMIT, generate, results,
};
use crate::reference::Value;

/// State that host functions share.
struct Run {
    observed: Observed,
    limits: StoreLimits,
}

/// # Errors
/// Wasmi refuses the program, or it ends otherwise than with results or a trap.
pub fn run(program: &Program) -> Result<Observed, String> {
    let mut config = Config::default();
    config
        .wasm_custom_page_sizes(true)
        .wasm_wide_arithmetic(true)
        .set_max_recursion_depth(generate::FUEL_OF_A_CALL as usize + 10)
        .set_max_stack_height(256 << 20)
        .compilation_mode(CompilationMode::Eager);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, &program.wasm).map_err(|error| error.to_string())?;
    let limits = StoreLimitsBuilder::new()
        .memory_size(MEMORY_LIMIT)
        .table_elements(TABLE_LIMIT)
        .build();
    let run = Run {
        observed: Observed::default(),
        limits,
    };
    let mut store = Store::new(&engine, run);
    store.limiter(|run| &mut run.limits);
    let imports = imports(&mut store, &module).map_err(|error| error.to_string())?;
    let instance = match Instance::new(&mut store, &module, &imports) {
        Ok(instance) => instance,
        Err(error) => {
            let end = trap(&error).ok_or_else(|| error.to_string())?;
            store.data_mut().observed.ends.push(Err(Failure::Trap(end)));
            return Ok(store.into_data().observed);
        }
    };
    store.data_mut().observed.ends.push(Ok(Vec::new()));
    let fuel = instance
        .get_global(&store, generate::FUEL)
        .ok_or("there is no fuel")?;
    for (name, arguments) in &program.calls {
        fuel.set(&mut store, Val::I32(generate::FUEL_OF_A_CALL))
            .map_err(|error| error.to_string())?;
        let function = instance
            .get_func(&store, name)
            .ok_or_else(|| format!("there is no {name}"))?;
        let arguments: Vec<Val> = arguments
            .iter()
            .map(|value| to_val(&mut store, *value))
            .collect();
        let ty = function.ty(&store);
        let mut values: Vec<Val> = ty.results().iter().map(|ty| Val::default(*ty)).collect();
        let end: End = match function.call(&mut store, &arguments, &mut values) {
            Ok(()) => Ok(values.iter().map(|value| from_val(&store, value)).collect()),
            Err(error) => {
                let cause = trap(&error).ok_or_else(|| error.to_string())?;
                Err(Failure::Trap(cause))
            }
        };
        store.data_mut().observed.ends.push(end);
    }
    let mut exports: Vec<(String, Extern)> = instance
        .exports(&store)
        .map(|export| (export.name().to_owned(), export.into_extern()))
        .collect();
    exports.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut observed = std::mem::take(&mut store.data_mut().observed);
    for (name, item) in exports {
        match item {
            Extern::Memory(memory) => observed.memory(&name, memory.data(&store)),
            Extern::Global(global) => {
                let value = from_val(&store, &global.get(&store));
                observed.globals.push((name, value));
            }
            Extern::Table(table) => {
                let elements = (0..table.size(&store)).map(|index| {
                    table
                        .get(&store, index)
                        .is_some_and(|element| !from_val(&store, &element).is_null())
                });
                observed.tables.push((name, elements.collect()));
            }
            Extern::Func(_) => {}
        }
    }
    Ok(observed)
}

/// Everything that the module imports, in order.
fn imports(store: &mut Store<Run>, module: &Module) -> Result<Vec<Extern>, Error> {
    let mut items = Vec::new();
    for import in module.imports() {
        items.push(match import.ty() {
            ExternType::Func(ty) => {
                let number = number(import.name())?;
                let types: Vec<_> = ty.results().iter().map(|ty| our_type(*ty)).collect();
                let call =
                    move |mut caller: Caller<'_, Run>, arguments: &[Val], values: &mut [Val]| {
                        let arguments: Vec<Value> = arguments
                            .iter()
                            .map(|value| from_val(&caller, value))
                            .collect();
                        caller.data_mut().observed.host_call(number, &arguments);
                        let results = results(number, &arguments, &types);
                        for (value, result) in values.iter_mut().zip(results) {
                            *value = to_val(&mut caller, result);
                        }
                        Ok(())
                    };
                Extern::Func(Func::new(&mut *store, ty.clone(), call))
            }
            ExternType::Table(ty) => {
                Extern::Table(Table::new(&mut *store, *ty, Val::default(ty.element()))?)
            }
            ExternType::Memory(ty) => Extern::Memory(Memory::new(&mut *store, *ty)?),
            ExternType::Global(ty) => {
                let value = results(number(import.name())?, &[], &[our_type(ty.content())]);
                let value = to_val(&mut *store, value[0]);
                Extern::Global(Global::new(&mut *store, value, ty.mutability()))
            }
        });
    }
    Ok(items)
}

/// The number of an import. Wasmi has another order than the module.
fn number(name: &str) -> Result<usize, Error> {
    name.parse()
        .map_err(|_| Error::new(format!("an import called {name}")))
}

/// Wasmi does not tell an element that is not there from a table's end.
pub fn forget(observed: &mut Observed) {
    for end in &mut observed.ends {
        if *end == Err(Failure::Trap(TrapCause::UndefinedElement.message())) {
            *end = Err(Failure::Trap(TrapCause::TableOutOfBounds.message()));
        }
    }
}

/// The cause of a trap, if it is one.
fn trap(error: &Error) -> Option<&'static str> {
    if let ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) =
        error.kind()
    {
        return Some(TrapCause::TableOutOfBounds.message());
    }
    if let ErrorKind::Table(TableError::CopyOutOfBounds) = error.kind() {
        return Some(TrapCause::TableOutOfBounds.message());
    }
    let cause = match error.as_trap_code()? {
        TrapCode::UnreachableCodeReached => TrapCause::Unreachable,
        TrapCode::MemoryOutOfBounds => TrapCause::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds => TrapCause::TableOutOfBounds,
        TrapCode::IndirectCallToNull => TrapCause::UninitializedElement,
        TrapCode::IntegerDivisionByZero => TrapCause::IntegerDivideByZero,
        TrapCode::IntegerOverflow => TrapCause::IntegerOverflow,
        TrapCode::BadConversionToInteger => TrapCause::InvalidConversionToInteger,
        TrapCode::BadSignature => TrapCause::IndirectCallTypeMismatch,
        TrapCode::StackOverflow => return Some(EXHAUSTED),
        TrapCode::OutOfFuel | TrapCode::GrowthOperationLimited => return None,
    };
    Some(cause.message())
}

fn our_type(ty: ValType) -> wamr_runtime_min::ValType {
    use wamr_runtime_min::ValType as Ours;
    match ty {
        ValType::I32 => Ours::I32,
        ValType::I64 => Ours::I64,
        ValType::F32 => Ours::F32,
        ValType::F64 => Ours::F64,
        ValType::V128 => Ours::V128,
        ValType::FuncRef => Ours::FUNCREF,
        ValType::ExternRef => Ours::EXTERNREF,
    }
}

fn from_val(store: impl wasmi::AsContext, value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(value.cast_unsigned()),
        Val::I64(value) => Value::I64(value.cast_unsigned()),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(function) => Value::Func(function.val().map(|_| 0)),
        Val::ExternRef(reference) => Value::Extern(reference.val().map(|reference| {
            let number = reference.data(store.as_context()).downcast_ref();
            number.copied().unwrap_or(u64::MAX)
        })),
    }
}

fn to_val(store: impl wasmi::AsContextMut, value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value.cast_signed()),
        Value::I64(value) => Val::I64(value.cast_signed()),
        Value::F32(bits) => Val::F32(wasmi::F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(wasmi::F64::from_bits(bits)),
        Value::V128(bits) => Val::V128(bits.into()),
        // Wasmi has no exceptions; the generator makes none.
        Value::Func(_) | Value::Exn(_) => Val::FuncRef(Ref::Null),
        Value::Extern(None) => Val::ExternRef(Ref::Null),
        Value::Extern(Some(number)) => Val::ExternRef(Ref::Val(ExternRef::new(store, number))),
    }
}
