//! The compiled side of a case: executes it on the runtime, here or in `frames-run`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use wamr_runtime_min::{
    Caller, Error, ExternRef, ExternType, Func, Instance, Linker, Module, Store, StoreConfig, Trap,
    TrapCause, Val,
};
use wamr_runtime_min::{FrameView, SlotValue};

use super::{POINTS, host, wasi};
use crate::reference::{PointKind, Value};

/// What a frame of compiled code shows of a local or operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shown {
    /// A value. References to functions are function indices.
    Value(Value),
    /// Nobody reads it any more.
    Dead,
    /// It is not known.
    Unavailable,
}

/// A frame of compiled code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Function index.
    pub func_index: u32,
    /// Offset in the module.
    pub ip: Option<u32>,
    /// Is that the very instruction?
    pub exact: bool,
    /// Locals and operands.
    pub values: Option<(Vec<Shown>, Vec<Shown>)>,
}

/// A commit point of compiled code that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Kind.
    pub kind: PointKind,
    /// Frames, youngest first.
    pub frames: Vec<Frame>,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The commit points.
    pub events: Vec<Event>,
    /// Results of each call, or the trap's words.
    pub results: Vec<Result<Vec<Value>, String>>,
}

/// What stands for an exception that nothing catches, in the place of a trap's words.
pub const EXCEPTION: &str = "exception";

/// State of a run that host functions share.
#[derive(Default)]
struct Run {
    events: RefCell<Vec<(PointKind, Vec<FrameView>)>>,
    /// The functions by index, as far as they are exported as `f` and the index.
    functions: RefCell<Vec<Option<Func>>>,
    calls: RefCell<u64>,
    /// Calls of the host ahead of the first event.
    skip: Cell<u64>,
    program: RefCell<wasi::Wasi>,
}

/// A case as the target side gets it: the postcard encoding of this is the file that `frames-run` reads, that of its
/// result what it writes. Both sides are built from the same source.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The compiled module.
    pub object: Vec<u8>,
    /// Exports to call; see [`super::Case`].
    pub calls: Vec<(String, Vec<Value>)>,
    /// Standard input of a program that imports WASI.
    pub input: Vec<u8>,
    /// See [`super::Case`].
    pub skip: u64,
    /// Is it enough to run until nothing more is compared?
    pub is_prefix: bool,
    /// Are polls events, too?
    pub polls: bool,
}

/// Runs a compiled case.
///
/// # Errors
/// It does not load or instantiate, or fails otherwise than by a trap.
pub fn run(job: &Job) -> Result<Found, String> {
    let module = Module::load(&job.object).map_err(|error| error.to_string())?;
    let mut config = StoreConfig::default();
    config.max_trap_frames = 2_000;
    let mut store = Store::new(config).map_err(|error| error.to_string())?;
    let run = Rc::new(Run {
        program: RefCell::new(wasi::Wasi::new(&job.input)),
        skip: Cell::new(job.skip),
        ..Run::default()
    });
    let linker = linker(&module, &run)?;
    let instance = linker
        .instantiate(&mut store, &module)
        .map_err(|error| error.to_string())?;
    let mut index = 0;
    while let Some(function) = instance.get_func(&store, &format!("f{index}")) {
        run.functions.borrow_mut().push(Some(function));
        index += 1;
    }
    if job.polls {
        let run = run.clone();
        let interrupt = store.interrupt_handle();
        let is_prefix = job.is_prefix;
        store.on_poll(move |frames| {
            run.record(PointKind::Poll, frames);
            // Code that calls out at each poll takes minutes for what else takes seconds.
            if is_prefix && run.is_full() {
                interrupt.interrupt();
            }
        });
    }
    let mut results = Vec::new();
    for (name, arguments) in &job.calls {
        let function = instance
            .get_func(&store, name)
            .ok_or_else(|| format!("there is no {name}"))?;
        let arguments: Vec<Val> = arguments
            .iter()
            .map(|value| run.value(&mut store, *value))
            .collect();
        match function.call(&mut store, &arguments) {
            Ok(values) => {
                let values = values.iter().map(|value| run.shown(&store, *value));
                results.push(Ok(values.collect()));
            }
            Err(Error::Trap(trap)) if trap.cause == TrapCause::Interrupted => break,
            Err(Error::Trap(trap)) => {
                run.record(PointKind::Trap, trap.frames());
                results.push(Err(trap.cause.to_string()));
            }
            Err(Error::Exception(_)) => results.push(Err(EXCEPTION.to_owned())),
            Err(error) => return Err(error.to_string()),
        }
    }
    let events = run.events.take().into_iter().map(|(kind, frames)| Event {
        kind,
        frames: frames
            .iter()
            .map(|frame| run.frame(&store, frame))
            .collect(),
    });
    let events = events.collect();
    Ok(Found { events, results })
}

/// Defines everything that the module imports.
fn linker(module: &Module, run: &Rc<Run>) -> Result<Linker, String> {
    let mut linker = Linker::new();
    for (from, name, ty) in module.imports() {
        let ExternType::Func(ty) = ty else {
            return Err(format!("import of {name}"));
        };
        let is_wasi = from == wasi::MODULE;
        let (run, own_name, results) = (run.clone(), name.to_owned(), ty.results().to_vec());
        let function = move |mut caller: Caller<'_>, arguments: &[Val], values: &mut [Val]| {
            let frames = caller.frames();
            run.record(PointKind::Host, &frames);
            if is_wasi {
                let arguments: Vec<Value> = arguments
                    .iter()
                    .map(|value| run.shown(caller.store_ref(), *value))
                    .collect();
                let memory = caller.memory().ok_or_else(|| Error::host("no memory"))?;
                let memory = memory.data_mut(caller.store());
                let result = run.program.borrow_mut().call(&own_name, &arguments, memory);
                let result = result.ok_or_else(|| Trap::new(TrapCause::Unreachable))?;
                values.fill(Val::I32(result.cast_signed()));
                return Ok(());
            }
            let number = run.calls.replace_with(|calls| *calls + 1);
            if own_name == host::REENTER || own_name == host::ATTEMPT {
                let reentry = caller.instance().and_then(|instance: Instance| {
                    instance.get_func(caller.store_ref(), host::REENTRY)
                });
                if let Some(reentry) = reentry {
                    match reentry.call(caller.store(), arguments) {
                        Ok(results) => {
                            values.copy_from_slice(&results);
                            return Ok(());
                        }
                        Err(Error::Trap(trap)) if own_name == host::ATTEMPT => {
                            run.record(PointKind::Trap, trap.frames());
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            let arguments: Vec<Value> = arguments
                .iter()
                .map(|value| run.shown(caller.store_ref(), *value))
                .collect();
            let functions = run.functions.borrow().len();
            let results = host::results(&own_name, number, &arguments, &results, functions);
            for (value, result) in values.iter_mut().zip(results) {
                *value = run.value(caller.store(), result);
            }
            Ok(())
        };
        linker
            .func(from, name, ty, function)
            .map_err(|error| error.to_string())?;
    }
    Ok(linker)
}

impl Run {
    fn is_full(&self) -> bool {
        self.events.borrow().len() == POINTS
    }

    fn record(&self, kind: PointKind, frames: &[FrameView]) {
        let skip = self.skip.get();
        if skip > 0 {
            self.skip.set(skip - u64::from(kind == PointKind::Host));
            return;
        }
        if !self.is_full() {
            self.events.borrow_mut().push((kind, frames.to_vec()));
        }
    }

    fn frame(&self, store: &Store, frame: &FrameView) -> Frame {
        let slots = |slots: &[SlotValue]| {
            let shown = slots.iter().map(|slot| match slot {
                SlotValue::Value(value) => Shown::Value(self.shown(store, *value)),
                SlotValue::Dead => Shown::Dead,
                SlotValue::Unavailable => Shown::Unavailable,
            });
            shown.collect()
        };
        Frame {
            func_index: frame.func_index(),
            ip: frame.ip(),
            exact: frame.ip_is_exact(),
            values: frame
                .values()
                .map(|values| (slots(&values.locals), slots(&values.operands))),
        }
    }

    /// A value of the runtime as the interpreter has it.
    fn shown(&self, store: &Store, value: Val) -> Value {
        match value {
            Val::I32(value) => Value::I32(value.cast_unsigned()),
            Val::I64(value) => Value::I64(value.cast_unsigned()),
            Val::F32(bits) => Value::F32(bits),
            Val::F64(bits) => Value::F64(bits),
            Val::V128(bits) => Value::V128(bits),
            Val::FuncRef(None) => Value::Func(None),
            Val::FuncRef(Some(function)) => {
                let functions = self.functions.borrow();
                let index = functions.iter().position(|own| *own == Some(function));
                Value::Func(index.or(Some(usize::MAX)))
            }
            Val::ExnRef(reference) => Value::Exn(reference.map(|_| usize::MAX)),
            Val::ExternRef(None) => Value::Extern(None),
            Val::ExternRef(Some(reference)) => {
                Value::Extern(reference.data(store).or(Some(u64::MAX)))
            }
        }
    }

    fn value(&self, store: &mut Store, value: Value) -> Val {
        match value {
            Value::I32(value) => Val::I32(value.cast_signed()),
            Value::I64(value) => Val::I64(value.cast_signed()),
            Value::F32(bits) => Val::F32(bits),
            Value::F64(bits) => Val::F64(bits),
            Value::V128(bits) => Val::V128(bits),
            Value::Func(index) => Val::FuncRef(
                index.and_then(|index| self.functions.borrow().get(index).copied().flatten()),
            ),
            // No argument and no result of the host's is one.
            Value::Exn(_) => Val::ExnRef(None),
            Value::Extern(number) => {
                Val::ExternRef(number.map(|number| ExternRef::new(store, number)))
            }
        }
    }
}
