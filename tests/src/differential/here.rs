//! A program on our own compiler and runtime.

use std::cell::RefCell;
use std::rc::Rc;

use wamr_runtime_min::{
    Caller, Error, Extern, ExternRef, ExternType, Global, Linker, Memory, Module, Store,
    StoreConfig, Table, Tag, TrapCause, Val,
};

use super::{End, MEMORY_LIMIT, Observed, Program, TABLE_LIMIT, generate};
use crate::frames::host;
use crate::reference::Value;

/// Stack for compiled code: enough for as many calls as there is fuel.
const STACK: usize = 64 << 20;

/// # Errors
/// The program does not compile or load, or ends otherwise than with results or a trap.
pub fn run(program: &Program) -> Result<Observed, String> {
    let object =
        wamrc_rs::compile(&program.wasm, &program.options).map_err(|error| error.to_string())?;
    let module = Module::load(&object.bytes).map_err(|error| error.to_string())?;
    let mut config = StoreConfig::default();
    config.stack_size = STACK;
    config.max_memory_pages = Some(MEMORY_LIMIT as u64 >> 16);
    config.max_table_elements = TABLE_LIMIT as u64;
    let mut store = Store::new(config).map_err(|error| error.to_string())?;
    let observed = Rc::new(RefCell::new(Observed::default()));
    let linker = linker(&mut store, &module, &observed).map_err(|error| error.to_string())?;
    let instance = match linker.instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            observed.borrow_mut().ends.push(end(&store, Err(error))?);
            return Ok(observed.take());
        }
    };
    observed.borrow_mut().ends.push(Ok(Vec::new()));
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
        let result = function.call(&mut store, &arguments);
        observed.borrow_mut().ends.push(end(&store, result)?);
    }
    let mut observed = observed.take();
    let mut exports: Vec<(String, Extern)> = instance
        .exports(&store)
        .map(|(name, item)| (name.to_owned(), item))
        .collect();
    exports.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (name, item) in exports {
        match item {
            Extern::Memory(memory) => observed.memory(&name, memory.data(&store)),
            Extern::Global(global) => {
                let value = global.get(&mut store);
                observed.globals.push((name, from_val(&store, value)));
            }
            Extern::Table(table) => {
                let mut elements = Vec::new();
                while let Some(element) = table.get(&mut store, elements.len() as u64) {
                    elements.push(!from_val(&store, element).is_null());
                }
                observed.tables.push((name, elements));
            }
            // Tags have nothing to compare; the generator makes none, as wasmi has none.
            Extern::Func(_) | Extern::Tag(_) => {}
        }
    }
    Ok(observed)
}

/// Defines everything that the module imports.
fn linker(
    store: &mut Store,
    module: &Module,
    observed: &Rc<RefCell<Observed>>,
) -> Result<Linker, Error> {
    let mut linker = Linker::new();
    for (import, (from, name, ty)) in module.imports().enumerate() {
        match ty {
            ExternType::Func(ty) => {
                let (observed, own_name) = (observed.clone(), name.to_owned());
                let types = ty.results().to_vec();
                let call = move |mut caller: Caller<'_>, arguments: &[Val], results: &mut [Val]| {
                    let arguments: Vec<Value> = arguments
                        .iter()
                        .map(|value| from_val(caller.store_ref(), *value))
                        .collect();
                    observed.borrow_mut().host_call(import, &arguments);
                    let values = host::results(&own_name, 0, &arguments, &types, 0);
                    for (result, value) in results.iter_mut().zip(values) {
                        *result = to_val(caller.store(), value);
                    }
                    Ok(())
                };
                linker.func(from, name, ty, call)?;
            }
            ExternType::Table(ty) => {
                let null = Val::default_of(ty.element);
                linker.define(from, name, Table::new(store, ty, null)?)?;
            }
            ExternType::Memory(ty) => {
                linker.define(from, name, Memory::new(store, ty)?)?;
            }
            ExternType::Global(ty) => {
                let value = host::results(name, 0, &[], &[ty.ty], 0);
                let value = to_val(store, value[0]);
                linker.define(from, name, Global::new(store, ty, value)?)?;
            }
            ExternType::Tag(ty) => {
                let tag = Tag::new(store, ty.params().iter().copied());
                linker.define(from, name, tag)?;
            }
        }
    }
    Ok(linker)
}

/// # Errors
/// It is neither results nor a trap.
fn end(store: &Store, result: Result<Vec<Val>, Error>) -> Result<End, String> {
    match result {
        Ok(values) => Ok(Ok(values
            .iter()
            .map(|value| from_val(store, *value))
            .collect())),
        Err(Error::Trap(trap)) => Ok(Err(match trap.cause {
            // Wasmi does not tell the two apart.
            TrapCause::UndefinedElement => TrapCause::TableOutOfBounds.message(),
            cause => cause.message(),
        })),
        Err(error) => Err(error.to_string()),
    }
}

fn from_val(store: &Store, value: Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(value.cast_unsigned()),
        Val::I64(value) => Value::I64(value.cast_unsigned()),
        Val::F32(bits) => Value::F32(bits),
        Val::F64(bits) => Value::F64(bits),
        Val::V128(bits) => Value::V128(bits),
        Val::FuncRef(function) => Value::Func(function.map(|_| 0)),
        Val::ExnRef(reference) => Value::Exn(reference.map(|_| 0)),
        Val::ExternRef(reference) => {
            Value::Extern(reference.map(|reference| reference.data(store).unwrap_or(u64::MAX)))
        }
    }
}

fn to_val(store: &mut Store, value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value.cast_signed()),
        Value::I64(value) => Val::I64(value.cast_signed()),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits),
        Value::Func(_) => Val::FuncRef(None),
        Value::Exn(_) => Val::ExnRef(None),
        Value::Extern(number) => Val::ExternRef(number.map(|number| ExternRef::new(store, number))),
    }
}
