//! Activations, and how calls make and end them.

use std::rc::Rc;

use super::module::Module;
use super::observe::{FrameState, LocalState, Observer, PointKind};
use super::store::{Function, Store};
use super::value::Value;

/// Why an execution stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A trap, in the specification's words.
    Trap(&'static str),
    /// An exception that is not caught, by its position in the store.
    Exception(usize),
    /// More steps than the limit.
    Endless,
}

/// Where a block goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    /// Operands below the block's parameters.
    pub height: usize,
    /// Operands that a branch takes along.
    pub arity: usize,
    /// Position of the operator to go on with.
    pub target: usize,
    /// Position of the `loop`, if it is one, and how often it was branched to.
    pub rounds: Option<(usize, u64)>,
    /// Position of the `try_table` or `try`, if it is one, and its body is executed.
    pub handlers: Option<usize>,
    /// The exception that a handler of a `try` has got, while that is executed.
    pub caught: Option<usize>,
}

/// One activation of a function.
#[derive(Debug)]
pub(super) struct Activation<'m> {
    pub instance: usize,
    pub func_index: u32,
    pub module: Rc<Module<'m>>,
    /// Position of the body in the module.
    pub body: usize,
    /// Position of the next operator.
    pub next: usize,
    /// Offset of the operator that is executed.
    pub ip: u32,
    pub locals: Vec<LocalState>,
    pub operands: Vec<Value>,
    pub labels: Vec<Label>,
    /// The host has called it.
    pub is_entry: bool,
}

impl Activation<'_> {
    /// Does the operator load or store?
    fn is_at_access(&self) -> bool {
        let code = &self.module.bodies[self.body].code;
        let operator = self.next.checked_sub(1).and_then(|at| code.get(at));
        // Their names are the only ones that contain these words.
        operator.is_some_and(|located| {
            let name = format!("{:?}", located.operator);
            ["Load", "Store", "Rmw"]
                .iter()
                .any(|word| name.contains(word))
        })
    }
}

/// An execution.
pub struct Thread<'s, 'm> {
    /// The store.
    pub store: &'s mut Store<'m>,
    pub(super) observer: &'s mut dyn Observer,
    pub(super) activations: Vec<Activation<'m>>,
    /// What the operator has taken from the operand stack, the top first: a trap puts it back.
    pub(super) taken: Vec<Value>,
    /// Results of the activation that ended last.
    pub(super) results: Vec<Value>,
    /// Activations that there may be.
    pub depth: usize,
    /// Steps that are left.
    pub steps: u64,
    /// The trap on its way out was shown to the observer.
    shown: bool,
}

impl<'s, 'm> Thread<'s, 'm> {
    /// An execution that has not started.
    pub fn new(store: &'s mut Store<'m>, observer: &'s mut dyn Observer) -> Self {
        Thread {
            store,
            observer,
            activations: Vec::new(),
            taken: Vec::new(),
            results: Vec::new(),
            depth: 10_000,
            steps: u64::MAX,
            shown: false,
        }
    }

    /// Calls a function of the store; a host function may do so, too.
    ///
    /// # Errors
    /// It trapped, or took too many steps.
    pub fn call(&mut self, function: usize, arguments: &[Value]) -> Result<Vec<Value>, Stop> {
        let base = self.activations.len();
        let result = self.call_to_end(base, function, arguments.to_vec());
        if let Err(Stop::Trap(words)) = &result
            && !std::mem::replace(&mut self.shown, true)
        {
            let is_access = self
                .activations
                .last()
                .is_some_and(Activation::is_at_access);
            self.show_with(PointKind::Trap, Some((words, is_access)));
        }
        self.activations.truncate(base);
        result
    }

    fn call_to_end(
        &mut self,
        base: usize,
        function: usize,
        arguments: Vec<Value>,
    ) -> Result<Vec<Value>, Stop> {
        self.shown = false;
        self.enter(function, arguments, true)?;
        while self.activations.len() > base {
            if self.steps == 0 {
                return Err(Stop::Endless);
            }
            self.steps -= 1;
            self.taken.clear();
            if let Err(stop) = self.step() {
                if let Stop::Exception(exception) = stop {
                    if self.catch(base, exception) {
                        continue;
                    }
                    return Err(stop);
                }
                let taken = std::mem::take(&mut self.taken);
                // None is left if a host function took the place of the last.
                if let Some(activation) = self.activations.last_mut() {
                    activation.operands.extend(taken.iter().rev());
                }
                return Err(stop);
            }
        }
        Ok(std::mem::take(&mut self.results))
    }

    /// Starts an activation, or calls the host; a host function's results are in `results` then.
    pub(super) fn enter(
        &mut self,
        function: usize,
        arguments: Vec<Value>,
        is_entry: bool,
    ) -> Result<(), Stop> {
        match self.store.functions[function].clone() {
            Function::Host { call, .. } => {
                if self.activations.last().is_some() {
                    self.show(PointKind::Host);
                }
                self.results = call(self, &arguments)?;
                self.shown = false;
                Ok(())
            }
            Function::Wasm {
                instance, index, ..
            } => {
                if self.activations.len() >= self.depth {
                    return Err(Stop::Trap("call stack exhausted"));
                }
                let module = self.store.instances[instance].module.clone();
                let body = index as usize - module.imported_functions;
                let declared = module.bodies[body].locals.iter();
                let locals = arguments
                    .into_iter()
                    .chain(declared.map(|ty| Value::default_of(*ty)))
                    .map(|value| LocalState {
                        value,
                        write: self.observer.write(),
                    })
                    .collect();
                let code = &module.bodies[body].code;
                let label = Label {
                    height: 0,
                    arity: module.function_type(index).results().len(),
                    target: code.len(),
                    rounds: None,
                    handlers: None,
                    caught: None,
                };
                let polls = module.bodies[body].calls;
                self.activations.push(Activation {
                    instance,
                    func_index: index,
                    body,
                    next: 0,
                    ip: code[0].offset,
                    locals,
                    operands: Vec::new(),
                    labels: vec![label],
                    is_entry,
                    module,
                });
                if polls {
                    self.show(PointKind::Entry);
                }
                Ok(())
            }
        }
    }

    /// Ends the youngest activation, whose results are on its operand stack.
    pub(super) fn leave(&mut self) {
        let Some(mut activation) = self.activations.pop() else {
            return;
        };
        let ty = activation.module.function_type(activation.func_index);
        let start = activation.operands.len() - ty.results().len();
        self.results = activation.operands.split_off(start);
        if !activation.is_entry {
            self.take_results();
        }
    }

    /// Results of a call onto the caller's operand stack.
    pub(super) fn take_results(&mut self) {
        let results = std::mem::take(&mut self.results);
        self.activation().operands.extend(results);
    }

    /// Shows the stack to the observer.
    pub(super) fn show(&mut self, kind: PointKind) {
        self.show_with(kind, None);
    }

    fn show_with(&mut self, kind: PointKind, cause: Option<(&'static str, bool)>) {
        if !self.observer.wants(kind) {
            return;
        }
        let frames = self.activations.iter().rev().map(|activation| FrameState {
            instance: activation.instance,
            func_index: activation.func_index,
            ip: activation.ip,
            locals: activation.locals.clone(),
            operands: activation.operands.clone(),
        });
        let frames = frames.collect();
        self.observer.point(kind, cause, frames);
    }

    /// The youngest activation.
    pub(super) fn activation(&mut self) -> &mut Activation<'m> {
        self.activations
            .last_mut()
            .expect("an operator is executed in an activation")
    }

    pub(super) fn push(&mut self, value: Value) {
        self.activation().operands.push(value);
    }

    pub(super) fn pop(&mut self) -> Value {
        let value = self.activation().operands.pop().expect(VALID);
        self.taken.push(value);
        value
    }

    pub(super) fn pop_i32(&mut self) -> u32 {
        match self.pop() {
            Value::I32(value) => value,
            _ => panic!("{VALID}"),
        }
    }
}

/// Why operands are there and have the right types.
pub(super) const VALID: &str = "the module was validated";
