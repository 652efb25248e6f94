//! A program on our reference interpreter.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use wasmparser::TypeRef;

use super::{
    Act, Counts, End, Failure, MEMORY_LIMIT, Observed, Program, TABLE_LIMIT, generate, results,
};
use crate::frames::expected::val_type;
use crate::reference::instantiate::Failure as NoInstance;
use crate::reference::observe::{FrameState, Observer, PointKind};
use crate::reference::store::{ExternValue, Global, Limits, Memory, PAGE, Table};
use crate::reference::thread::Thread;
use crate::reference::types::ValType;
use crate::reference::{Module, Stop, Store, Value};

/// What host functions and the watch share.
struct Run<'p> {
    program: &'p Program,
    observed: RefCell<Observed>,
    /// Calls of host functions.
    calls: Cell<u64>,
    /// Of these, those that are calling an export.
    depth: Cell<u32>,
    /// The host knows the instance: from its first call by code, or because instantiation is over.
    knows_instance: Cell<bool>,
    caught: Cell<u64>,
    caught_across: Cell<u64>,
    caught_from_host: Cell<u64>,
    /// Exceptions that the host has thrown, or thrown on.
    from_host: RefCell<HashSet<usize>>,
}

/// Counts what handlers get.
struct Watch<'r, 'p>(&'r Run<'p>);

impl Observer for Watch<'_, '_> {
    fn wants(&self, _: PointKind) -> bool {
        false
    }

    fn point(&mut self, _: PointKind, _: Option<(&'static str, bool)>, _: Vec<FrameState>) {}

    fn write(&mut self) -> usize {
        0
    }

    fn read(&mut self, _: usize) {}

    fn caught(&mut self, exception: usize, left: usize) {
        let count =
            |counter: &Cell<u64>, is_it: bool| counter.set(counter.get() + u64::from(is_it));
        let from_host = self.0.from_host.borrow().contains(&exception);
        count(&self.0.caught, true);
        count(&self.0.caught_across, left > 0);
        count(&self.0.caught_from_host, from_host);
    }
}

/// # Errors
/// The interpreter refuses the program, or it does not end.
pub fn run(program: &Program) -> Result<(Observed, Counts), String> {
    let module = Module::decode(&program.wasm, program.options.features)
        .map_err(|error| format!("{error:#}"))?;
    let module = Rc::new(module);
    let starts_with_import =
        (module.start).is_some_and(|start| (start as usize) < module.imported_functions);
    let run = Run {
        program,
        observed: RefCell::default(),
        calls: Cell::new(0),
        depth: Cell::new(0),
        knows_instance: Cell::new(!starts_with_import),
        caught: Cell::new(0),
        caught_across: Cell::new(0),
        caught_from_host: Cell::new(0),
        from_host: RefCell::default(),
    };
    let mut store = Store {
        limits: Limits {
            memory: MEMORY_LIMIT as u64,
            table: TABLE_LIMIT as u64,
        },
        ..Store::default()
    };
    let imports = imports(&mut store, &module, &run);
    let import = |from: &str, name: &str| imports.get(&(from, name)).copied();
    match store.instantiate(&module, import, &mut Watch(&run)) {
        Ok(_) => {
            run.knows_instance.set(true);
            run.observed.borrow_mut().ends.push(Ok(Vec::new()));
        }
        Err(NoInstance::Link(words)) => return Err(words.to_owned()),
        Err(NoInstance::Stop(stop)) => {
            let is_tag = |import: &ExternValue| matches!(import, ExternValue::Tag(_));
            let imported = imports.values().filter(|import| is_tag(import)).count();
            let end = end(&store, imported, Err(stop))?;
            run.observed.borrow_mut().ends.push(end);
            return Ok(run.finish(&store));
        }
    }
    let Some(ExternValue::Global(fuel)) = store.instances[0].export(generate::FUEL) else {
        return Err("there is no fuel".to_owned());
    };
    for (name, arguments) in &program.calls {
        store.globals[fuel].value = Value::I32(generate::FUEL_OF_A_CALL.cast_unsigned());
        let mut watch = Watch(&run);
        let mut thread = Thread::new(&mut store, &mut watch);
        let result = call(&mut thread, name, arguments);
        let tags = store.instances[0].tags.len();
        let end = end(&store, tags, result)?;
        run.observed.borrow_mut().ends.push(end);
    }
    let mut exports = module.exports.clone();
    exports.sort_by_key(|(name, ..)| *name);
    let mut observed = run.observed.borrow_mut();
    for (name, kind, index) in exports {
        match store.instances[0].item(kind, index) {
            Some(ExternValue::Memory(memory)) => {
                observed.memory(name, &store.memories[memory].bytes);
            }
            Some(ExternValue::Global(global)) => {
                let value = shown(store.globals[global].value);
                observed.globals.push((name.to_owned(), value));
            }
            Some(ExternValue::Table(table)) => {
                let elements = store.tables[table].elements.iter();
                let elements = elements.map(|element| !element.is_null());
                observed.tables.push((name.to_owned(), elements.collect()));
            }
            Some(ExternValue::Func(_) | ExternValue::Tag(_)) | None => {}
        }
    }
    drop(observed);
    Ok(run.finish(&store))
}

impl Run<'_> {
    fn finish(&self, store: &Store<'_>) -> (Observed, Counts) {
        let counts = Counts {
            thrown: store.exceptions.len() as u64,
            caught: self.caught.get(),
            caught_across: self.caught_across.get(),
            caught_from_host: self.caught_from_host.get(),
            ..Counts::default()
        };
        (self.observed.take(), counts)
    }

    /// What an import does before it returns.
    fn act(&self, import: usize, thread: &mut Thread<'_, '_>) -> Result<(), Stop> {
        let number = self.calls.replace(self.calls.get() + 1);
        if !self.knows_instance.get() {
            return Ok(());
        }
        let thrown_on = |stop: &Stop| {
            if let Stop::Exception(exception) = stop {
                self.from_host.borrow_mut().insert(*exception);
            }
        };
        match self.program.act(import, number, self.depth.get()) {
            None => Ok(()),
            Some(Act::Throw(tag, values)) => {
                let tag = thread.store.instances[0].tags[*tag as usize];
                let stop = thread.store.throw(tag, values.clone());
                thrown_on(&stop);
                Err(stop)
            }
            Some(Act::Call {
                name,
                arguments,
                throws_on,
            }) => {
                self.depth.set(self.depth.get() + 1);
                let result = call(thread, name, arguments);
                self.depth.set(self.depth.get() - 1);
                let values = match result {
                    Ok(values) => values,
                    Err(Stop::Exception(exception)) if !throws_on => {
                        thread.store.exceptions[exception].values.clone()
                    }
                    Err(stop) => {
                        thrown_on(&stop);
                        return Err(stop);
                    }
                };
                let values: Vec<Value> = values.into_iter().map(shown).collect();
                self.observed.borrow_mut().host_call(import, &values);
                Ok(())
            }
        }
    }
}

/// Calls an export of the one instance.
fn call(thread: &mut Thread<'_, '_>, name: &str, arguments: &[Value]) -> Result<Vec<Value>, Stop> {
    match thread.store.instances[0].export(name) {
        Some(ExternValue::Func(function)) => thread.call(function, arguments),
        // Calls are of functions that are exported.
        _ => Ok(Vec::new()),
    }
}

/// Everything that the module imports, by its names.
fn imports<'m>(
    store: &mut Store<'m>,
    module: &Module<'m>,
    run: &'m Run<'m>,
) -> HashMap<(&'m str, &'m str), ExternValue> {
    let mut items = HashMap::new();
    for (number, import) in module.imports.iter().enumerate() {
        let item = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                let defined = module.defined[ty as usize].clone();
                let ty = &module.types[ty as usize];
                let types: Vec<_> = ty.results().iter().map(|ty| val_type(*ty)).collect();
                let call = move |thread: &mut Thread<'_, 'm>, arguments: &[Value]| {
                    let arguments: Vec<Value> = arguments.iter().copied().map(shown).collect();
                    run.observed.borrow_mut().host_call(number, &arguments);
                    run.act(number, thread)?;
                    Ok(results(number, &arguments, &types))
                };
                ExternValue::Func(store.add_host(defined, call))
            }
            TypeRef::Table(ty) => {
                let element = wasmparser::ValType::Ref(ty.element_type);
                store.tables.push(Table {
                    ty: ValType::new(element, &module.defined),
                    elements: vec![Value::default_of(element); ty.initial as usize],
                    maximum: ty.maximum,
                    is_64: ty.table64,
                });
                ExternValue::Table(store.tables.len() - 1)
            }
            TypeRef::Memory(ty) => {
                let page = ty.page_size_log2.map_or(PAGE, |log2| 1 << log2);
                store.memories.push(Memory {
                    bytes: vec![0; ty.initial as usize * page],
                    maximum: ty.maximum,
                    is_64: ty.memory64,
                    page,
                    is_shared: ty.shared,
                });
                ExternValue::Memory(store.memories.len() - 1)
            }
            TypeRef::Global(ty) => {
                let value = results(number, &[], &[val_type(ty.content_type)]);
                store.globals.push(Global {
                    ty: ValType::new(ty.content_type, &module.defined),
                    mutable: ty.mutable,
                    value: value[0],
                });
                ExternValue::Global(store.globals.len() - 1)
            }
            TypeRef::Tag(ty) => {
                // Imports of one type are one tag.
                let ty = module.defined[ty.func_type_idx as usize].clone();
                let known = store.tags.iter().position(|tag| *tag == ty);
                ExternValue::Tag(known.unwrap_or_else(|| {
                    store.tags.push(ty);
                    store.tags.len() - 1
                }))
            }
        };
        items.insert((import.module, import.name), item);
    }
    items
}

/// How a call ended. So many of the instance's tags are known to the host.
///
/// # Errors
/// It took too many steps.
fn end(store: &Store<'_>, tags: usize, result: Result<Vec<Value>, Stop>) -> Result<End, String> {
    Ok(match result {
        Ok(values) => Ok(values.into_iter().map(shown).collect()),
        Err(Stop::Trap(words)) => Err(Failure::Trap(words)),
        Err(Stop::Exception(exception)) => {
            let exception = &store.exceptions[exception];
            let mut tags = store.instances[0].tags[..tags].iter();
            Err(Failure::Exception {
                tag: tags.position(|tag| *tag == exception.tag),
                values: exception.values.iter().copied().map(shown).collect(),
            })
        }
        Err(Stop::Endless) => return Err("the program does not end".to_owned()),
    })
}

/// A value without the identity of what it refers to.
fn shown(value: Value) -> Value {
    match value {
        Value::Func(function) => Value::Func(function.map(|_| 0)),
        Value::Exn(exception) => Value::Exn(exception.map(|_| 0)),
        value => value,
    }
}
