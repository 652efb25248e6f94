//! Exceptions, in both encodings.

use wasmparser::{Catch, Operator};

use super::store::Exception;
use super::thread::{Activation, Stop, Thread, VALID};
use super::value::Value;

/// Where an exception goes that is thrown inside a block with handlers.
enum Handler {
    /// To a label around the `try_table`.
    Branch {
        label: u32,
        with_values: bool,
        with_reference: bool,
    },
    /// To the `catch` or `catch_all` at this position.
    Part { at: usize, with_values: bool },
    /// To the handlers of the block so far outside the `try`, or those around it.
    Delegate(usize),
}

impl Thread<'_, '_> {
    pub(super) fn throw(&mut self, tag: u32) -> Stop {
        let instance = self.activation().instance;
        let tag = self.store.instances[instance].tags[tag as usize];
        let count = self.store.tags[tag].params();
        let operands = &mut self.activation().operands;
        let values = operands.split_off(operands.len() - count);
        self.store.throw(tag, values)
    }

    pub(super) fn throw_ref(&mut self) -> Stop {
        match self.pop() {
            Value::Exn(Some(exception)) => Stop::Exception(exception),
            _ => Stop::Trap("null exception reference"),
        }
    }

    pub(super) fn rethrow(&mut self, depth: u32) -> Stop {
        let labels = &self.activation().labels;
        let caught = labels[labels.len() - 1 - depth as usize].caught;
        Stop::Exception(caught.expect(VALID))
    }

    /// Goes on in the youngest handler of an exception, if the activations from `base` on have one.
    pub(super) fn catch(&mut self, base: usize, exception: usize) -> bool {
        let Exception { tag, values } = self.store.exceptions[exception].clone();
        for index in (base..self.activations.len()).rev() {
            let activation = &self.activations[index];
            // Labels that are still to be looked at.
            let mut left = activation.labels.len();
            while let Some(position) = left.checked_sub(1) {
                left = position;
                let at = activation.labels[position].handlers;
                let Some(handler) = at.and_then(|at| self.handler(activation, at, tag)) else {
                    continue;
                };
                if let Handler::Delegate(depth) = handler {
                    left -= depth;
                    continue;
                }
                let left_behind = self.activations.len() - 1 - index;
                self.observer.caught(exception, left_behind);
                self.activations.truncate(index + 1);
                self.handle(&handler, position, exception, values);
                return true;
            }
        }
        false
    }

    /// Where a `try_table` or `try` lets an exception go; `None` is on to the blocks around it.
    fn handler(&self, activation: &Activation<'_>, at: usize, tag: usize) -> Option<Handler> {
        let code = &activation.module.bodies[activation.body].code;
        let tags = &self.store.instances[activation.instance].tags;
        let is_it = |index: u32| tags[index as usize] == tag;
        if let Operator::TryTable { try_table } = &code[at].operator {
            return try_table.catches.iter().find_map(|catch| {
                let (label, with_values, with_reference) = match *catch {
                    Catch::One { tag, label } if is_it(tag) => (label, true, false),
                    Catch::OneRef { tag, label } if is_it(tag) => (label, true, true),
                    Catch::All { label } => (label, false, false),
                    Catch::AllRef { label } => (label, false, true),
                    Catch::One { .. } | Catch::OneRef { .. } => return None,
                };
                Some(Handler::Branch {
                    label,
                    with_values,
                    with_reference,
                })
            });
        }
        let mut at = code[at].alternative;
        loop {
            let with_values = match code[at].operator {
                Operator::Catch { tag_index } if is_it(tag_index) => true,
                Operator::CatchAll => false,
                Operator::Catch { .. } => {
                    at = code[at].alternative;
                    continue;
                }
                Operator::Delegate { relative_depth } => {
                    return Some(Handler::Delegate(relative_depth as usize));
                }
                _ => return None,
            };
            return Some(Handler::Part { at, with_values });
        }
    }

    /// Goes on in a handler of the block at `position` among the labels of the youngest activation.
    fn handle(&mut self, handler: &Handler, position: usize, exception: usize, values: Vec<Value>) {
        let activation = self.activation();
        match *handler {
            Handler::Branch {
                label,
                with_values,
                with_reference,
            } => {
                activation.labels.truncate(position);
                if with_values {
                    activation.operands.extend(values);
                }
                if with_reference {
                    activation.operands.push(Value::Exn(Some(exception)));
                }
                self.branch(label);
            }
            Handler::Part { at, with_values } => {
                activation.labels.truncate(position + 1);
                let label = &mut activation.labels[position];
                label.handlers = None;
                label.caught = Some(exception);
                activation.operands.truncate(label.height);
                if with_values {
                    activation.operands.extend(values);
                }
                activation.next = at + 1;
            }
            Handler::Delegate(_) => {}
        }
    }
}
