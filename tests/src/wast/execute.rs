//! The target side: executes the commands of a script on the runtime.

use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::fmt;

use wamr_runtime_min::{
    Error, Extern, Instance, Linker, LoadError, Module, Store, StoreConfig, TrapCause, Val,
};

use super::protocol::{Counts, Line, Outcome};
use super::script::{Action, Command, Directive, Pattern, Script};
use super::spectest;
use super::values::{ExternRefs, matches, show_patterns, show_results};

/// What a name of the script stands for.
#[derive(Clone)]
enum Slot<T> {
    /// It is there.
    Ready(T),
    /// It failed; the failure has been counted.
    Failed,
    /// It was skipped, and so is what uses it.
    Skipped(String),
}

impl<T> Slot<T> {
    fn get(&self) -> Result<&T, Outcome> {
        match self {
            Slot::Ready(value) => Ok(value),
            Slot::Failed => Err(Outcome::Failed("the module that it needs failed".into())),
            Slot::Skipped(reason) => Err(Outcome::Skipped(reason.clone())),
        }
    }
}

/// Named things of the script, and the last one, which is used where no name is given.
struct Scope<T> {
    named: BTreeMap<String, Slot<T>>,
    last: Slot<T>,
}

impl<T: Clone> Scope<T> {
    fn new() -> Self {
        Scope {
            named: BTreeMap::new(),
            last: Slot::Failed,
        }
    }

    fn put(&mut self, name: Option<&String>, slot: Slot<T>) {
        if let Some(name) = name {
            self.named.insert(name.clone(), slot.clone());
        }
        self.last = slot;
    }

    fn get(&self, name: Option<&String>) -> Result<&T, Outcome> {
        match name {
            None => self.last.get(),
            Some(name) => self
                .named
                .get(name)
                .ok_or_else(|| Outcome::Failed(format!("the script has no module {name}")))?
                .get(),
        }
    }
}

/// Makes a module of an object.
pub type Load<'s> = &'s dyn Fn(&[u8]) -> Result<Module, LoadError>;

/// Executes a script, and hands on a line for each directive that fails or is skipped, and a summary; with
/// `progress`, also one ahead of each command.
///
/// # Errors
///
/// There is no memory for a store, or `print` fails.
pub fn run(
    script: &Script,
    config: StoreConfig,
    load: Load<'_>,
    progress: bool,
    mut print: impl FnMut(Line) -> fmt::Result,
) -> Result<Counts, RunError> {
    let mut executor = Executor::new(script, config, load)?;
    let mut counts = Counts::default();
    for (index, command) in script.commands.iter().enumerate() {
        if progress {
            print(Line::At(index))?;
        }
        let outcome = executor.execute(command);
        if command.directive.is_counted() {
            counts.add(&outcome);
        }
        let (failed, text) = match outcome {
            Outcome::Passed => continue,
            Outcome::Failed(text) => (true, text),
            Outcome::Skipped(text) => (false, text),
        };
        let text = format!("{}:{}: {text}", script.file, command.line);
        print(Line::Message { failed, text })?;
    }
    print(Line::Summary(counts))?;
    Ok(counts)
}

/// Why a script could not be executed.
#[derive(Debug)]
pub enum RunError {
    /// There is no store.
    Store(Error),
    /// Lines cannot be printed.
    Print,
}

impl From<Error> for RunError {
    fn from(error: Error) -> Self {
        RunError::Store(error)
    }
}

impl From<fmt::Error> for RunError {
    fn from(_: fmt::Error) -> Self {
        RunError::Print
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Store(error) => error.fmt(f),
            RunError::Print => f.write_str("the output cannot be written"),
        }
    }
}

/// State between the commands of one script.
struct Executor<'s> {
    script: &'s Script,
    load: Load<'s>,
    store: Store,
    linker: Linker,
    instances: Scope<Instance>,
    definitions: Scope<u32>,
    loaded: BTreeMap<u32, Module>,
    externs: ExternRefs,
    /// Why a registered instance is missing, if one is: imports from it cannot be found.
    skipped_import: Option<String>,
}

impl<'s> Executor<'s> {
    /// Begins a script.
    fn new(script: &'s Script, config: StoreConfig, load: Load<'s>) -> Result<Self, Error> {
        let mut store = Store::new(config)?;
        let mut linker = Linker::new();
        // A script may register a name again; the last one counts.
        linker.allow_shadowing(true);
        spectest::define(&mut store, &mut linker)?;
        Ok(Executor {
            script,
            load,
            store,
            linker,
            instances: Scope::new(),
            definitions: Scope::new(),
            loaded: BTreeMap::new(),
            externs: ExternRefs::default(),
            skipped_import: None,
        })
    }

    /// Executes one command.
    fn execute(&mut self, command: &Command) -> Outcome {
        self.directive(&command.directive)
            .unwrap_or_else(|outcome| outcome)
    }

    /// Either way round is an outcome: `Err` is the one that ends a directive early.
    fn directive(&mut self, directive: &Directive) -> Result<Outcome, Outcome> {
        match directive {
            Directive::Module { name, object } => self.module(name.as_ref(), *object),
            Directive::Definition { name, object } => {
                self.definitions.put(name.as_ref(), Slot::Ready(*object));
                self.load(*object)?;
                Ok(Outcome::Passed)
            }
            Directive::Instance { name, definition } => {
                match self.definitions.get(definition.as_ref()).cloned() {
                    Ok(object) => self.module(name.as_ref(), object),
                    Err(outcome) => {
                        self.instances.put(name.as_ref(), slot_of(&outcome));
                        Err(outcome)
                    }
                }
            }
            Directive::Missing { name, skipped } => {
                let slot = skipped.clone().map_or(Slot::Failed, Slot::Skipped);
                let definition = skipped.clone().map_or(Slot::Failed, Slot::Skipped);
                self.instances.put(name.as_ref(), slot);
                self.definitions.put(name.as_ref(), definition);
                Ok(Outcome::Passed)
            }
            Directive::Register { name, module } => {
                let instance = self.instances.get(module.as_ref()).cloned();
                let instance = instance.inspect_err(|outcome| {
                    if let Outcome::Skipped(reason) = outcome {
                        self.skipped_import = Some(reason.clone());
                    }
                })?;
                self.linker
                    .instance(&mut self.store, name, instance)
                    .map_err(|error| Outcome::Failed(format!("cannot register: {error}")))?;
                Ok(Outcome::Passed)
            }
            Directive::Perform(action) => match self.action(action)? {
                Ok(_) => Ok(Outcome::Passed),
                Err(error) => Ok(unexpected("a return", &error)),
            },
            Directive::AssertReturn { action, expected } => {
                let result = self.action(action)?;
                Ok(self.check_return(expected, result))
            }
            Directive::AssertTrap { action, message } => {
                let result = self.action(action)?;
                Ok(self.check_trap(
                    message,
                    result.map(|results| show_results(&self.store, &results)),
                ))
            }
            Directive::AssertException { action } => Ok(match self.action(action)? {
                Err(Error::Exception(_)) => Outcome::Passed,
                Err(error) => unexpected("an exception", &error),
                Ok(results) => Outcome::Failed(format!(
                    "expected an exception, found {}",
                    show_results(&self.store, &results)
                )),
            }),
            Directive::AssertExhaustion { action, message } => Ok(match self.action(action)? {
                Err(Error::Trap(trap)) if trap.cause == TrapCause::CallStackExhausted => {
                    Outcome::Passed
                }
                Err(error) => unexpected(&format!("a trap ({message})"), &error),
                Ok(results) => Outcome::Failed(format!(
                    "expected a trap ({message}), found {}",
                    show_results(&self.store, &results)
                )),
            }),
            Directive::AssertUnlinkable { object, message } => {
                let module = self.load(*object)?;
                Ok(match self.linker.instantiate(&mut self.store, &module) {
                    Err(error) if is_link_error(&error) && error.to_string().contains(message) => {
                        Outcome::Passed
                    }
                    // What it imports is not there, so it cannot be of the wrong type.
                    Err(error) if is_link_error(&error) && self.skipped_import.is_some() => {
                        Outcome::Skipped(self.skipped_import.clone().unwrap_or_default())
                    }
                    Err(error) => unexpected(&format!("a link error ({message})"), &error),
                    Ok(_) => Outcome::Failed(format!(
                        "expected a link error ({message}), found an instance"
                    )),
                })
            }
            Directive::AssertUninstantiable { object, message } => {
                let module = self.load(*object)?;
                let result = self.linker.instantiate(&mut self.store, &module);
                Ok(self.check_trap(message, result.map(|_| "an instance".to_owned())))
            }
        }
    }

    fn module(&mut self, name: Option<&String>, object: u32) -> Result<Outcome, Outcome> {
        let result = self.load(object).and_then(|module| {
            self.linker
                .instantiate(&mut self.store, &module)
                .map_err(|error| match &self.skipped_import {
                    Some(reason) if is_link_error(&error) => Outcome::Skipped(reason.clone()),
                    _ => unexpected("an instance", &error),
                })
        });
        match result {
            Ok(instance) => {
                self.instances.put(name, Slot::Ready(instance));
                Ok(Outcome::Passed)
            }
            Err(outcome) => {
                self.instances.put(name, slot_of(&outcome));
                Err(outcome)
            }
        }
    }

    fn load(&mut self, object: u32) -> Result<Module, Outcome> {
        if let Some(module) = self.loaded.get(&object) {
            return Ok(module.clone());
        }
        let bytes = usize::try_from(object)
            .ok()
            .and_then(|object| self.script.objects.get(object))
            .ok_or_else(|| Outcome::Failed(format!("the script has no object {object}")))?;
        let module = (self.load)(bytes)
            .map_err(|error| Outcome::Failed(format!("the object does not load: {error}")))?;
        self.loaded.insert(object, module.clone());
        Ok(module)
    }

    /// The outer error is an outcome: the action could not even be tried.
    fn action(&mut self, action: &Action) -> Result<Result<Vec<Val>, Error>, Outcome> {
        let (module, name) = match action {
            Action::Invoke { module, name, .. } | Action::Get { module, name } => (module, name),
        };
        let instance = *self.instances.get(module.as_ref())?;
        let export = instance
            .export(&self.store, name)
            .ok_or_else(|| Outcome::Failed(format!("there is no export {name:?}")))?;
        match (action, export) {
            (Action::Invoke { arguments, .. }, Extern::Func(function)) => {
                let arguments: Vec<Val> = arguments
                    .iter()
                    .map(|argument| self.externs.value(&mut self.store, *argument))
                    .collect();
                Ok(function.call(&mut self.store, &arguments))
            }
            (Action::Get { .. }, Extern::Global(global)) => {
                Ok(Ok(vec![global.get(&mut self.store)]))
            }
            (Action::Invoke { .. }, _) => Err(Outcome::Failed(format!("{name:?} is no function"))),
            (Action::Get { .. }, _) => Err(Outcome::Failed(format!("{name:?} is no global"))),
        }
    }

    fn check_return(&self, expected: &[Pattern], result: Result<Vec<Val>, Error>) -> Outcome {
        let results = match result {
            Ok(results) => results,
            Err(error) => return unexpected(&show_patterns(expected), &error),
        };
        let right = results.len() == expected.len()
            && expected
                .iter()
                .zip(&results)
                .all(|(pattern, found)| matches(&self.store, pattern, found));
        if right {
            return Outcome::Passed;
        }
        Outcome::Failed(format!(
            "expected {}, found {}",
            show_patterns(expected),
            show_results(&self.store, &results)
        ))
    }

    /// `Ok` holds what was found instead of a trap.
    fn check_trap(&self, message: &str, result: Result<String, Error>) -> Outcome {
        match result {
            Err(Error::Trap(trap)) if same_trap(message, trap.cause.message()) => Outcome::Passed,
            Err(error) => unexpected(&format!("a trap ({message})"), &error),
            Ok(found) => Outcome::Failed(format!("expected a trap ({message}), found {found}")),
        }
    }
}

fn slot_of<T>(outcome: &Outcome) -> Slot<T> {
    match outcome {
        Outcome::Skipped(reason) => Slot::Skipped(reason.clone()),
        Outcome::Passed | Outcome::Failed(_) => Slot::Failed,
    }
}

fn is_link_error(error: &Error) -> bool {
    matches!(error, Error::Link(_))
}

/// The specification's scripts give the beginning of a message, or add details to it ("uninitialized
/// element 2").
fn same_trap(expected: &str, found: &str) -> bool {
    found.starts_with(expected) || expected.starts_with(found)
}

fn unexpected(expected: &str, error: &Error) -> Outcome {
    let kind = match error {
        Error::Trap(_) => "a trap",
        Error::Link(_) => "a link error",
        Error::Exception(_) => "an exception",
        _ => "an error",
    };
    Outcome::Failed(format!("expected {expected}, found {kind} ({error})"))
}
