//! Exceptions.

use wasmparser::{Catch, Operator};

use super::store::Exception;
use super::thread::{Stop, Thread};
use super::value::Value;

impl Thread<'_, '_> {
    pub(super) fn throw(&mut self, tag: u32) -> Stop {
        let instance = self.activation().instance;
        let tag = self.store.instances[instance].tags[tag as usize];
        let count = self.store.tags[tag].params();
        let operands = &mut self.activation().operands;
        let values = operands.split_off(operands.len() - count);
        self.store.exceptions.push(Exception { tag, values });
        Stop::Exception(self.store.exceptions.len() - 1)
    }

    pub(super) fn throw_ref(&mut self) -> Stop {
        match self.pop() {
            Value::Exn(Some(exception)) => Stop::Exception(exception),
            _ => Stop::Trap("null exception reference"),
        }
    }

    /// Goes on in the youngest handler of an exception, if the activations from `base` on have one.
    pub(super) fn catch(&mut self, base: usize, exception: usize) -> bool {
        let Exception { tag, values } = self.store.exceptions[exception].clone();
        for index in (base..self.activations.len()).rev() {
            let activation = &self.activations[index];
            let code = &activation.module.bodies[activation.body].code;
            let tags = &self.store.instances[activation.instance].tags;
            for position in (0..activation.labels.len()).rev() {
                let handlers = activation.labels[position].handlers;
                let Some(Operator::TryTable { try_table }) = handlers.map(|at| &code[at].operator)
                else {
                    continue;
                };
                for catch in &try_table.catches {
                    let (wanted, label, with_reference) = match *catch {
                        Catch::One { tag, label } => (Some(tag), label, false),
                        Catch::OneRef { tag, label } => (Some(tag), label, true),
                        Catch::All { label } => (None, label, false),
                        Catch::AllRef { label } => (None, label, true),
                    };
                    if wanted.is_some_and(|wanted| tags[wanted as usize] != tag) {
                        continue;
                    }
                    self.activations.truncate(index + 1);
                    let activation = self.activation();
                    activation.labels.truncate(position);
                    if wanted.is_some() {
                        activation.operands.extend(values);
                    }
                    if with_reference {
                        activation.operands.push(Value::Exn(Some(exception)));
                    }
                    self.branch(label);
                    return true;
                }
            }
        }
        false
    }
}
