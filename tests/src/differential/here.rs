//! A program on our own compiler and runtime.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wamr_runtime_min::{
    Caller, Error, Exception, Extern, ExternRef, ExternType, Global, Instance, Linker, Memory,
    Module, Store, StoreConfig, Table, Tag, Val,
};

use super::{Act, End, Failure, MEMORY_LIMIT, Observed, Program, TABLE_LIMIT, generate, results};
use crate::reference::Value;

/// Stack for compiled code: enough for as many calls as there is fuel.
const STACK: usize = 64 << 20;

/// What host functions share.
struct Run {
    program: Program,
    observed: RefCell<Observed>,
    /// The instance, once the host knows it: from its first call, or because instantiation is over.
    instance: Cell<Option<Instance>>,
    /// Calls of host functions.
    calls: Cell<u64>,
    /// Of these, those that are calling an export.
    depth: Cell<u32>,
    /// Tags of the module, as far as they are known.
    tags: RefCell<Vec<Tag>>,
}

/// # Errors
/// The program does not compile or load, or ends otherwise than with results, a trap or an exception.
pub fn run(program: &Program) -> Result<Observed, String> {
    let object =
        wamrc_rs::compile(&program.wasm, &program.options).map_err(|error| error.to_string())?;
    let module = Module::load(&object.bytes).map_err(|error| error.to_string())?;
    let mut config = StoreConfig::default();
    config.stack_size = STACK;
    config.max_memory_pages = Some(MEMORY_LIMIT as u64 >> 16);
    config.max_table_elements = TABLE_LIMIT as u64;
    let mut store = Store::new(config).map_err(|error| error.to_string())?;
    let run = Rc::new(Run {
        program: program.clone(),
        observed: RefCell::default(),
        instance: Cell::new(None),
        calls: Cell::new(0),
        depth: Cell::new(0),
        tags: RefCell::default(),
    });
    let linker = linker(&mut store, &module, &run).map_err(|error| error.to_string())?;
    let instance = match linker.instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            let end = run.end(&store, Err(error))?;
            run.observed.borrow_mut().ends.push(end);
            return Ok(run.observed.take());
        }
    };
    run.instance.set(Some(instance));
    *run.tags.borrow_mut() = (0..)
        .map_while(|tag| instance.get_tag(&store, &generate::tag_name(tag)))
        .collect();
    run.observed.borrow_mut().ends.push(Ok(Vec::new()));
    let fuel = instance
        .get_global(&store, generate::FUEL)
        .ok_or("there is no fuel")?;
    for (name, arguments) in &program.calls {
        fuel.set(&mut store, Val::I32(generate::FUEL_OF_A_CALL))
            .map_err(|error| error.to_string())?;
        let result = call(&mut store, instance, name, arguments);
        let end = run.end(&store, result)?;
        run.observed.borrow_mut().ends.push(end);
    }
    let mut observed = run.observed.take();
    let mut exports: Vec<(String, Extern)> = instance
        .exports(&store)
        .map(|(name, item)| (name.to_owned(), item))
        .collect();
    exports.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (name, item) in exports {
        match item {
            Extern::Memory(memory) => observed.memory(&name, &contents(&store, memory)?),
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
            Extern::Func(_) | Extern::Tag(_) => {}
        }
    }
    Ok(observed)
}

/// All bytes of a memory, which may be shared.
fn contents(store: &Store, memory: Memory) -> Result<Vec<u8>, String> {
    let length = memory.size_pages(store) << memory.ty(store).page_size_log2;
    let mut bytes = vec![0; usize::try_from(length).map_err(|error| error.to_string())?];
    memory
        .read(store, 0, &mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Calls an export.
fn call(
    store: &mut Store,
    instance: Instance,
    name: &str,
    arguments: &[Value],
) -> Result<Vec<Val>, Error> {
    let function = instance
        .get_func(store, name)
        .ok_or_else(|| Error::host(format!("there is no {name}")))?;
    let arguments = to_vals(store, arguments);
    function.call(store, &arguments)
}

/// Defines everything that the module imports.
fn linker(store: &mut Store, module: &Module, run: &Rc<Run>) -> Result<Linker, Error> {
    let mut linker = Linker::new();
    for (import, (from, name, ty)) in module.imports().enumerate() {
        match ty {
            ExternType::Func(ty) => {
                let (run, types) = (run.clone(), ty.results().to_vec());
                let call = move |mut caller: Caller<'_>, arguments: &[Val], values: &mut [Val]| {
                    let arguments = from_vals(caller.store_ref(), arguments);
                    run.observed.borrow_mut().host_call(import, &arguments);
                    run.act(import, &mut caller)?;
                    let results = results(import, &arguments, &types);
                    values.copy_from_slice(&to_vals(caller.store(), &results));
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
                let value = to_vals(store, &results(import, &[], &[ty.ty]));
                linker.define(from, name, Global::new(store, ty, value[0])?)?;
            }
            ExternType::Tag(ty) => {
                // Imports of one type are one tag.
                let mut tags = run.tags.borrow_mut();
                let tag = match tags.iter().find(|tag| tag.ty(store) == ty) {
                    Some(tag) => *tag,
                    None => Tag::new(store, ty.params().iter().copied()),
                };
                tags.push(tag);
                linker.define(from, name, tag)?;
            }
        }
    }
    Ok(linker)
}

impl Run {
    /// What an import does before it returns.
    fn act(&self, import: usize, caller: &mut Caller<'_>) -> Result<(), Error> {
        let number = self.calls.replace(self.calls.get() + 1);
        let act = self.program.act(import, number, self.depth.get());
        if caller.instance().is_some() {
            self.instance.set(caller.instance());
        }
        let (Some(act), Some(instance)) = (act, self.instance.get()) else {
            return Ok(());
        };
        match act {
            Act::Throw(tag, values) => {
                let tag = instance
                    .get_tag(caller.store_ref(), &generate::tag_name(*tag))
                    .ok_or_else(|| Error::host(format!("there is no tag {tag}")))?;
                let values = to_vals(caller.store(), values);
                let exception = Exception::new(caller.store(), tag, &values)?;
                Err(Error::Exception(Box::new(exception)))
            }
            Act::Call {
                name,
                arguments,
                throws_on,
            } => {
                self.depth.set(self.depth.get() + 1);
                let result = call(caller.store(), instance, name, arguments);
                self.depth.set(self.depth.get() - 1);
                match result {
                    Ok(values) => {
                        let values = from_vals(caller.store_ref(), &values);
                        self.observed.borrow_mut().host_call(import, &values);
                        Ok(())
                    }
                    Err(Error::Exception(exception)) if !throws_on => {
                        let values = from_vals(caller.store_ref(), exception.values());
                        self.observed.borrow_mut().host_call(import, &values);
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// # Errors
    /// It is neither results, nor a trap, nor an exception.
    fn end(&self, store: &Store, result: Result<Vec<Val>, Error>) -> Result<End, String> {
        match result {
            Ok(values) => Ok(Ok(from_vals(store, &values))),
            Err(Error::Trap(trap)) => Ok(Err(Failure::Trap(trap.cause.message()))),
            Err(Error::Exception(exception)) => {
                let mut tags = self.tags.borrow().clone().into_iter();
                Ok(Err(Failure::Exception {
                    tag: tags.position(|tag| tag == exception.tag()),
                    values: from_vals(store, exception.values()),
                }))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

fn from_vals(store: &Store, values: &[Val]) -> Vec<Value> {
    values.iter().map(|value| from_val(store, *value)).collect()
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

fn to_vals(store: &mut Store, values: &[Value]) -> Vec<Val> {
    let values = values.iter().map(|value| match *value {
        Value::I32(value) => Val::I32(value.cast_signed()),
        Value::I64(value) => Val::I64(value.cast_signed()),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits),
        // The generator makes none but null.
        Value::Func(_) => Val::FuncRef(None),
        Value::Exn(_) => Val::ExnRef(None),
        Value::Extern(number) => Val::ExternRef(number.map(|number| ExternRef::new(store, number))),
    });
    values.collect()
}
