//! The specification's scripts, executed by the interpreter: proof that it may judge others.

use std::collections::HashMap;
use std::rc::Rc;

use wasmparser::{FuncType, ValType, WasmFeatures};

use super::instantiate::Failure;
use super::observe::Blind;
use super::store::{ExternValue, Global, Memory, PAGE, Store, Table};
use super::thread::{Stop, Thread};
use super::types::{self, DefType};
use super::{Module, Value};
use crate::wast::compile::{Compile, Refusal};
use crate::wast::protocol::Outcome;
use crate::wast::script::{
    self, Action, Directive, LanePattern, NanKind, Pattern, RefKind, Script,
};
use crate::wast::values::{is_nan32, is_nan64};

/// Stands for the compiler: the "object" of a module is the module.
#[derive(Debug)]
pub struct Decoder {
    /// What modules may use.
    pub features: WasmFeatures,
}

impl Compile for Decoder {
    fn compile(&mut self, wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
        match Module::decode(wasm, self.features) {
            Ok(_) => Ok(wasm.to_vec()),
            Err(error) => Err(Refusal::Invalid(format!("{error:#}"))),
        }
    }
}

/// Executes the commands of a script. Each outcome stands beside its line.
pub fn execute(script: &Script, features: WasmFeatures) -> Vec<(u32, Outcome)> {
    let mut executor = Executor {
        script,
        features,
        store: Store::default(),
        registered: HashMap::new(),
        instances: HashMap::new(),
        last: None,
        definitions: HashMap::new(),
        last_definition: None,
    };
    executor.define_spectest();
    script
        .commands
        .iter()
        .filter(|command| command.directive.is_counted())
        .map(|command| {
            let outcome = match executor.directive(&command.directive) {
                Ok(()) => Outcome::Passed,
                Err(text) => Outcome::Failed(text),
            };
            (command.line, outcome)
        })
        .collect()
}

struct Executor<'m> {
    script: &'m Script,
    features: WasmFeatures,
    store: Store<'m>,
    registered: HashMap<(String, String), ExternValue>,
    instances: HashMap<String, usize>,
    last: Option<usize>,
    definitions: HashMap<String, u32>,
    last_definition: Option<u32>,
}

impl<'m> Executor<'m> {
    fn define_spectest(&mut self) {
        use ValType::{F32, F64, I32, I64};
        let functions: [(&str, &[ValType]); 7] = [
            ("print", &[]),
            ("print_i32", &[I32]),
            ("print_i64", &[I64]),
            ("print_f32", &[F32]),
            ("print_f64", &[F64]),
            ("print_i32_f32", &[I32, F32]),
            ("print_f64_f64", &[F64, F64]),
        ];
        let mut items = Vec::new();
        for (name, params) in functions {
            let ty = DefType::of_host(FuncType::new(params.iter().copied(), []));
            let position = self.store.add_host(ty, |_, _| Ok(Vec::new()));
            items.push((name, ExternValue::Func(position)));
        }
        let globals = [
            ("global_i32", Value::I32(666)),
            ("global_i64", Value::I64(666)),
            ("global_f32", Value::F32(666.6_f32.to_bits())),
            ("global_f64", Value::F64(666.6_f64.to_bits())),
        ];
        for (name, value) in globals {
            items.push((name, ExternValue::Global(self.store.globals.len())));
            self.store.globals.push(Global {
                ty: types::ValType::new(value.ty(), &[]),
                mutable: false,
                value,
            });
        }
        items.push(("table", ExternValue::Table(self.store.tables.len())));
        self.store.tables.push(Table {
            ty: types::ValType::new(ValType::FUNCREF, &[]),
            elements: vec![Value::Func(None); 10],
            maximum: Some(20),
            is_64: false,
        });
        items.push(("table64", ExternValue::Table(self.store.tables.len())));
        self.store.tables.push(Table {
            ty: types::ValType::new(ValType::FUNCREF, &[]),
            elements: vec![Value::Func(None); 10],
            maximum: Some(20),
            is_64: true,
        });
        for (name, is_shared) in [("memory", false), ("shared_memory", true)] {
            items.push((name, ExternValue::Memory(self.store.memories.len())));
            self.store.memories.push(Memory {
                bytes: vec![0; PAGE],
                maximum: Some(2),
                is_64: false,
                page: PAGE,
                is_shared,
            });
        }
        for (name, item) in items {
            self.registered
                .insert(("spectest".to_owned(), name.to_owned()), item);
        }
    }

    fn directive(&mut self, directive: &Directive) -> Result<(), String> {
        match directive {
            Directive::Module { name, object } => self.module(name.as_ref(), *object),
            Directive::Definition { name, object } => {
                self.last_definition = Some(*object);
                if let Some(name) = name {
                    self.definitions.insert(name.clone(), *object);
                }
                Ok(())
            }
            Directive::Instance { name, definition } => {
                let object = match definition {
                    Some(definition) => self.definitions.get(definition).copied(),
                    None => self.last_definition,
                };
                let object = object.ok_or("there is no such definition")?;
                self.module(name.as_ref(), object)
            }
            Directive::Missing { .. } => Ok(()),
            Directive::Register { name, module } => {
                let position = self.instance(module.as_ref())?;
                let instance = &self.store.instances[position];
                for (export, kind, index) in &instance.module.exports {
                    if let Some(item) = instance.item(*kind, *index) {
                        self.registered
                            .insert((name.clone(), (*export).to_owned()), item);
                    }
                }
                Ok(())
            }
            Directive::Perform(action) => match self.action(action)? {
                Ok(_) => Ok(()),
                Err(stop) => Err(format!("expected a return, found {stop:?}")),
            },
            Directive::AssertReturn { action, expected } => {
                let results = self
                    .action(action)?
                    .map_err(|stop| format!("expected {expected:?}, found {stop:?}"))?;
                let right = results.len() == expected.len()
                    && expected
                        .iter()
                        .zip(&results)
                        .all(|(pattern, value)| matches(pattern, *value));
                if right {
                    Ok(())
                } else {
                    Err(format!("expected {expected:?}, found {results:x?}"))
                }
            }
            Directive::AssertException { action } => match self.action(action)? {
                Err(Stop::Exception(_)) => Ok(()),
                other => Err(format!("expected an exception, found {other:?}")),
            },
            Directive::AssertTrap { action, message }
            | Directive::AssertExhaustion { action, message } => {
                let result = self.action(action)?;
                check_trap(message, result.map(|results| format!("{results:x?}")))
            }
            Directive::AssertUnlinkable { object, message } => match self.instantiate(*object)? {
                Err(Failure::Link(found)) if found == message => Ok(()),
                other => Err(format!("expected {message}, found {other:?}")),
            },
            Directive::AssertUninstantiable { object, message } => {
                match self.instantiate(*object)? {
                    Err(Failure::Stop(stop)) => check_trap(message, Err(stop)),
                    other => Err(format!("expected {message}, found {other:?}")),
                }
            }
        }
    }

    fn instance(&self, name: Option<&String>) -> Result<usize, String> {
        let position = match name {
            Some(name) => self.instances.get(name).copied(),
            None => self.last,
        };
        position.ok_or_else(|| "there is no such instance".to_owned())
    }

    fn module(&mut self, name: Option<&String>, object: u32) -> Result<(), String> {
        self.last = None;
        let position = self
            .instantiate(object)?
            .map_err(|failure| format!("expected an instance, found {failure:?}"))?;
        self.last = Some(position);
        if let Some(name) = name {
            self.instances.insert(name.clone(), position);
        }
        Ok(())
    }

    fn instantiate(&mut self, object: u32) -> Result<Result<usize, Failure>, String> {
        let bytes = &self.script.objects[object as usize];
        let module = Module::decode(bytes, self.features).map_err(|error| error.to_string())?;
        let registered = &self.registered;
        let import = |from: &str, name: &str| {
            let key = (from.to_owned(), name.to_owned());
            registered.get(&key).copied()
        };
        Ok(self.store.instantiate(&Rc::new(module), import, &mut Blind))
    }

    fn action(&mut self, action: &Action) -> Result<Result<Vec<Value>, Stop>, String> {
        let (module, name) = match action {
            Action::Invoke { module, name, .. } | Action::Get { module, name } => (module, name),
        };
        let position = self.instance(module.as_ref())?;
        let item = self.store.instances[position].export(name);
        match (action, item) {
            (Action::Invoke { arguments, .. }, Some(ExternValue::Func(function))) => {
                let arguments = arguments
                    .iter()
                    .map(|value| value_of(*value))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Thread::new(&mut self.store, &mut Blind).call(function, &arguments))
            }
            (Action::Get { .. }, Some(ExternValue::Global(position))) => {
                Ok(Ok(vec![self.store.globals[position].value]))
            }
            _ => Err(format!("there is no such export: {name}")),
        }
    }
}

fn check_trap(message: &str, result: Result<String, Stop>) -> Result<(), String> {
    match result {
        Err(Stop::Trap(found)) if found.starts_with(message) || message.starts_with(found) => {
            Ok(())
        }
        other => Err(format!("expected a trap ({message}), found {other:?}")),
    }
}

fn value_of(value: script::Value) -> Result<Value, String> {
    Ok(match value {
        script::Value::I32(value) => Value::I32(value.cast_unsigned()),
        script::Value::I64(value) => Value::I64(value.cast_unsigned()),
        script::Value::F32(bits) => Value::F32(bits),
        script::Value::F64(bits) => Value::F64(bits),
        script::Value::V128(bits) => Value::V128(bits),
        script::Value::Null(RefKind::Func) => Value::Func(None),
        script::Value::Null(RefKind::Extern) => Value::Extern(None),
        script::Value::Null(RefKind::Exn) => Value::Exn(None),
        script::Value::Extern(number) => Value::Extern(Some(number.into())),
    })
}

fn matches(pattern: &Pattern, found: Value) -> bool {
    let nan32 = |kind: NanKind| matches!(found, Value::F32(bits) if is_nan32(kind, bits));
    // Of a vector; the suite asks for no other value's lanes.
    let bits = |value| match value {
        Value::V128(bits) => bits,
        _ => 0,
    };
    let nan64 = |kind: NanKind| matches!(found, Value::F64(bits) if is_nan64(kind, bits));
    match pattern {
        Pattern::Value(value) => value_of(*value).is_ok_and(|value| value == found),
        Pattern::F32Nan(kind) => nan32(*kind),
        Pattern::F64Nan(kind) => nan64(*kind),
        Pattern::AnyNull => found.is_null(),
        Pattern::AnyExtern => matches!(found, Value::Extern(Some(_))),
        Pattern::AnyFunc => matches!(found, Value::Func(Some(_))),
        Pattern::Either(patterns) => patterns.iter().any(|pattern| matches(pattern, found)),
        Pattern::F32x4(lanes) => (0..).zip(lanes).all(|(index, lane)| {
            let found = (bits(found) >> (32 * index)) as u32;
            match lane {
                LanePattern::Bits(bits) => *bits == found,
                LanePattern::Nan(kind) => is_nan32(*kind, found),
            }
        }),
        Pattern::F64x2(lanes) => (0..).zip(lanes).all(|(index, lane)| {
            let found = (bits(found) >> (64 * index)) as u64;
            match lane {
                LanePattern::Bits(bits) => *bits == found,
                LanePattern::Nan(kind) => is_nan64(*kind, found),
            }
        }),
    }
}
