//! The interpreter's side of a case.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use wamrc_rs::options::supported_features;
use wasmparser::{TypeRef, ValType};

use super::compiled::EXCEPTION;
use super::{Case, POINTS, host, wasi};
use crate::reference::observe::Blind;
use crate::reference::store::{ExternValue, Instance};
use crate::reference::thread::Thread;
use crate::reference::{Log, Module, Stop, Store, Value};

/// What must be seen.
#[derive(Debug)]
pub struct Expected {
    /// The commit points. References to functions are function indices.
    pub log: Log,
    /// Results of each call, or the trap's words.
    pub results: Vec<Result<Vec<Value>, &'static str>>,
    /// Was it seen to its end?
    pub ended: bool,
}

/// Runs a case in the interpreter. `None` if it takes too long and its prefix is not asked for.
///
/// # Errors
/// The module cannot be run.
pub fn run(case: &Case, polls: bool) -> Result<Option<Expected>, String> {
    let module = Module::decode(&case.wasm, supported_features())
        .map_err(|error| format!("{}: {error:#}", case.name))?;
    let module = Rc::new(module);
    let mut store = Store::default();
    let mut imports = HashMap::new();
    let calls = Rc::new(Cell::new(0_u64));
    // Those that have a name for their index.
    let functions = (0..)
        .take_while(|index| {
            let name = format!("f{index}");
            module.exports.iter().any(|(export, ..)| *export == name)
        })
        .count();
    let program = Rc::new(RefCell::new(wasi::Wasi::new(&case.input)));
    for import in &module.imports {
        let TypeRef::Func(ty) = import.ty else {
            return Err(format!("{}: import of {}", case.name, import.name));
        };
        let results = module.types[ty as usize].results().to_vec();
        let ty = module.defined[ty as usize].clone();
        let (name, calls) = (import.name, calls.clone());
        let program = (import.module == wasi::MODULE).then(|| program.clone());
        let position = store.add_host(ty, move |thread: &mut Thread<'_, '_>, arguments| {
            if let Some(program) = &program {
                let memory = thread.store.instances[0].memories[0];
                let memory = &mut thread.store.memories[memory].bytes;
                let result = program.borrow_mut().call(name, arguments, memory);
                let result = result.ok_or(Stop::Trap("unreachable"))?;
                return Ok(results.iter().map(|_| Value::I32(result)).collect());
            }
            let number = calls.replace(calls.get() + 1);
            if (name == host::REENTER || name == host::ATTEMPT)
                && let Some(ExternValue::Func(function)) =
                    thread.store.instances[0].export(host::REENTRY)
            {
                let result = thread.call(function, arguments);
                if name == host::REENTER || !matches!(result, Err(Stop::Trap(_))) {
                    return result;
                }
            }
            let instance = &thread.store.instances[0];
            let arguments: Vec<_> = arguments
                .iter()
                .map(|value| by_index(instance, *value))
                .collect();
            let types: Vec<_> = results.iter().map(|ty| val_type(*ty)).collect();
            let values = host::results(name, number, &arguments, &types, functions);
            Ok(values
                .into_iter()
                .map(|value| by_position(instance, value))
                .collect())
        });
        imports.insert((import.module, import.name), ExternValue::Func(position));
    }
    let import = |from: &str, name: &str| imports.get(&(from, name)).copied();
    store
        .instantiate(&module, import, &mut Blind)
        .map_err(|failure| format!("{}: {failure:?}", case.name))?;
    let mut log = Log::new(polls, POINTS, case.skip);
    let mut results = Vec::new();
    let mut steps = case.steps;
    let mut ended = true;
    for (name, arguments) in &case.calls {
        let Some(ExternValue::Func(function)) = store.instances[0].export(name) else {
            return Err(format!("{}: there is no {name}", case.name));
        };
        let arguments: Vec<_> = (arguments.iter())
            .map(|value| by_position(&store.instances[0], *value))
            .collect();
        let mut thread = Thread::new(&mut store, &mut log);
        thread.steps = steps;
        thread.depth = 1_000;
        let result = thread.call(function, &arguments);
        steps = thread.steps;
        let instance = &store.instances[0];
        results.push(match result {
            Ok(values) => Ok(values
                .iter()
                .map(|value| by_index(instance, *value))
                .collect()),
            Err(Stop::Trap(words)) => Err(words),
            Err(Stop::Exception(_)) => Err(EXCEPTION),
            Err(Stop::Endless) if case.is_prefix => {
                ended = false;
                break;
            }
            Err(Stop::Endless) => return Ok(None),
        });
    }
    let instance = &store.instances[0];
    for frame in log.points.iter_mut().flat_map(|point| &mut point.frames) {
        for local in &mut frame.locals {
            local.value = by_index(instance, local.value);
        }
        for operand in &mut frame.operands {
            *operand = by_index(instance, *operand);
        }
    }
    Ok(Some(Expected {
        log,
        results,
        ended,
    }))
}

/// The runtime's name of a type.
pub fn val_type(ty: ValType) -> wamr_runtime_min::ValType {
    use wamr_runtime_min::ValType as V;
    match ty {
        ValType::I32 => V::I32,
        ValType::I64 => V::I64,
        ValType::F32 => V::F32,
        ValType::F64 => V::F64,
        ValType::V128 => V::V128,
        ValType::Ref(ty) if ty.is_extern_ref() => V::EXTERNREF,
        ValType::Ref(ty) if ty.heap_type() == wasmparser::RefType::EXNREF.heap_type() => V::EXNREF,
        ValType::Ref(_) => V::FUNCREF,
    }
}

/// A reference to a function as its index in the module.
fn by_index(instance: &Instance<'_>, value: Value) -> Value {
    match value {
        Value::Func(Some(position)) => {
            let index = instance.functions.iter().position(|own| *own == position);
            // There is one instance, so every function is one of its own.
            Value::Func(index.or(Some(usize::MAX)))
        }
        value => value,
    }
}

fn by_position(instance: &Instance<'_>, value: Value) -> Value {
    match value {
        Value::Func(Some(index)) => Value::Func(instance.functions.get(index).copied()),
        value => value,
    }
}
