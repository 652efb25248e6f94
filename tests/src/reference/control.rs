//! Blocks, branches and calls.

use wamrc_rs::frame::LoopPoll;
use wasmparser::{BlockType, BrTable};

use super::observe::PointKind;
use super::store::Function;
use super::thread::{Label, Stop, Thread, VALID};
use super::value::Value;

/// Rounds of a strip-mined loop from one poll to the next.
const STRIP: u64 = 4096;

impl Thread<'_, '_> {
    pub(super) fn block(&mut self, at: usize, ty: BlockType, is_loop: bool) {
        let activation = self.activation();
        let (params, results) = activation.module.block_arity(ty);
        let end = activation.module.bodies[activation.body].code[at].end;
        let label = Label {
            height: activation.operands.len() - params,
            arity: if is_loop { params } else { results },
            target: if is_loop { at + 1 } else { end + 1 },
            rounds: is_loop.then_some((at, 0)),
            handlers: None,
            caught: None,
        };
        activation.labels.push(label);
        if is_loop {
            self.round(at, None);
        }
    }

    /// A block with handlers, around it (`try_table`) or behind its body (`try`).
    pub(super) fn try_(&mut self, at: usize, ty: BlockType) {
        self.block(at, ty, false);
        if let Some(label) = self.activation().labels.last_mut() {
            label.handlers = Some(at);
        }
    }

    /// The loop at `at` begins its first round, or another one.
    fn round(&mut self, at: usize, rounds: Option<u64>) {
        let activation = self.activation();
        let operator = &activation.module.bodies[activation.body].code[at];
        let polls = match operator.poll {
            LoopPoll::Strip => rounds.is_some_and(|rounds| rounds.is_multiple_of(STRIP)),
            LoopPoll::EveryRound | LoopPoll::InCallee => true,
        };
        if polls {
            // Where a callee polls in each round, the loop need not.
            let kind = if operator.has_calls {
                PointKind::Entry
            } else {
                PointKind::Poll
            };
            activation.ip = operator.offset;
            self.show(kind);
        }
    }

    pub(super) fn if_(&mut self, at: usize, ty: BlockType) {
        let condition = self.pop_i32();
        self.block(at, ty, false);
        if condition == 0 {
            let activation = self.activation();
            let operator = &activation.module.bodies[activation.body].code[at];
            // Behind the `else`; without one, at the `end`, which closes the block.
            activation.next = if operator.alternative == operator.end {
                operator.end
            } else {
                operator.alternative + 1
            };
        }
    }

    /// The first arm of an `if` is done, or the body or a handler of a `try`.
    pub(super) fn end_of_part(&mut self, at: usize) {
        let activation = self.activation();
        activation.next = activation.module.bodies[activation.body].code[at].end;
    }

    pub(super) fn end(&mut self) {
        let activation = self.activation();
        activation.labels.pop();
        if activation.labels.is_empty() {
            self.leave();
        }
    }

    pub(super) fn branch(&mut self, depth: u32) {
        let activation = self.activation();
        let position = activation.labels.len() - 1 - depth as usize;
        let label = activation.labels[position];
        let start = activation.operands.len() - label.arity;
        activation.operands.drain(label.height..start);
        let Some((at, rounds)) = label.rounds else {
            activation.labels.truncate(position);
            if position == 0 {
                self.leave();
            } else {
                activation.next = label.target;
            }
            return;
        };
        activation.labels.truncate(position + 1);
        activation.next = label.target;
        let rounds = rounds + 1;
        activation.labels[position].rounds = Some((at, rounds));
        self.round(at, Some(rounds));
    }

    pub(super) fn branch_if(&mut self, depth: u32) {
        if self.pop_i32() != 0 {
            self.branch(depth);
        }
    }

    pub(super) fn branch_table(&mut self, targets: &BrTable<'_>) {
        let index = self.pop_i32();
        let depth = (targets.targets().nth(index as usize))
            .map_or(targets.default(), |target| target.expect(VALID));
        self.branch(depth);
    }

    pub(super) fn select(&mut self) {
        let condition = self.pop_i32();
        let second = self.pop();
        let first = self.pop();
        self.push(if condition != 0 { first } else { second });
    }

    pub(super) fn call_function(&mut self, index: u32) -> Result<(), Stop> {
        let instance = self.activation().instance;
        let function = self.store.instances[instance].functions[index as usize];
        self.call_from_code(function)
    }

    pub(super) fn call_indirect(&mut self, ty: u32, table: u32) -> Result<(), Stop> {
        let function = self.element(ty, table)?;
        self.call_from_code(function)
    }

    pub(super) fn call_ref(&mut self) -> Result<(), Stop> {
        let function = self.pop_function()?;
        self.call_from_code(function)
    }

    pub(super) fn return_call(&mut self, index: u32) -> Result<(), Stop> {
        let instance = self.activation().instance;
        let function = self.store.instances[instance].functions[index as usize];
        self.replace_by(function)
    }

    pub(super) fn return_call_indirect(&mut self, ty: u32, table: u32) -> Result<(), Stop> {
        let function = self.element(ty, table)?;
        self.replace_by(function)
    }

    pub(super) fn return_call_ref(&mut self) -> Result<(), Stop> {
        let function = self.pop_function()?;
        self.replace_by(function)
    }

    /// Pops a function.
    fn pop_function(&mut self) -> Result<usize, Stop> {
        let Value::Func(Some(function)) = self.pop() else {
            return Err(Stop::Trap("null function reference"));
        };
        self.taken.clear();
        Ok(function)
    }

    /// Pops an index, and takes the function that stands there in a table.
    fn element(&mut self, ty: u32, table: u32) -> Result<usize, Stop> {
        let element = self.pop_address() as usize;
        let instance = self.activation().instance;
        let instance = &self.store.instances[instance];
        let expected = &instance.module.defined[ty as usize];
        let table = &self.store.tables[instance.tables[table as usize]];
        let function = match table.elements.get(element) {
            None => return Err(Stop::Trap("undefined element")),
            Some(Value::Func(Some(function))) => *function,
            Some(_) => return Err(Stop::Trap("uninitialized element")),
        };
        let found = self.store.functions[function].ty();
        if !found.is_subtype_of(expected) {
            return Err(Stop::Trap("indirect call type mismatch"));
        }
        // From here on the frame is that of a call.
        self.taken.clear();
        Ok(function)
    }

    /// The called function takes the place of the one that calls.
    fn replace_by(&mut self, function: usize) -> Result<(), Stop> {
        let function_data = &self.store.functions[function];
        let params = function_data.ty().params();
        let is_host = matches!(function_data, Function::Host { .. });
        let Some(mut activation) = self.activations.pop() else {
            return Ok(());
        };
        let start = activation.operands.len() - params;
        let arguments = activation.operands.split_off(start);
        self.enter(function, arguments, activation.is_entry)?;
        if is_host && !activation.is_entry {
            self.take_results();
        }
        Ok(())
    }

    fn call_from_code(&mut self, function: usize) -> Result<(), Stop> {
        let function_data = &self.store.functions[function];
        let params = function_data.ty().params();
        let is_host = matches!(function_data, Function::Host { .. });
        let activation = self.activation();
        let start = activation.operands.len() - params;
        let arguments = activation.operands.split_off(start);
        self.enter(function, arguments, false)?;
        if is_host {
            self.take_results();
        }
        Ok(())
    }
}
