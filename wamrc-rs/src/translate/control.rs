//! Structured control flow: blocks, branches, returns.
//!
//! Each block's label is a basic block whose φ-nodes are the values that branches to it carry: the
//! results of a block, the parameters of a loop. Code that cannot be reached is skipped.

use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::values::{BasicValueEnum, InstructionValue, IntValue, PhiValue, PointerValue};
use wamr_aot_loader::format::handlers::Clause;
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::layout::SLOT_SIZE;
use wamr_aot_loader::trap::TrapCause;
use wasmparser::{BlockType, BrTable, TryTable};

use super::function::{FunctionTranslator, Operand};
use super::poll::Strip;
use super::table::non_null;
use super::unit::Region;
use crate::error::Result;

use crate::frame::{Current, LoopPoll};
use crate::module::val_type;

/// What opened a block.
#[derive(Clone, Debug)]
enum Kind<'ctx> {
    Block,
    Loop,
    /// A loop that polls only once in a while.
    Strip(Strip<'ctx>),
    /// Up to its `else`: where that starts, what it starts with, and what the frame held then.
    If {
        otherwise: BasicBlock<'ctx>,
        params: Vec<Operand<'ctx>>,
        current: Current,
    },
    /// A `try` with handlers behind its body, or one of those; with its scope.
    Try(usize),
    Function,
}

/// An open block.
#[derive(Clone, Debug)]
pub struct Control<'ctx> {
    kind: Kind<'ctx>,
    /// Where branches go: the end, or the header of a loop.
    label: BasicBlock<'ctx>,
    /// Values that branches carry.
    label_phis: Vec<PhiValue<'ctx>>,
    label_types: Vec<ValType>,
    /// Where the code after the block goes on.
    end: BasicBlock<'ctx>,
    end_phis: Vec<PhiValue<'ctx>>,
    results: Vec<ValType>,
    /// Height of the operand stack below the block's parameters.
    height: usize,
    /// Where exceptions go inside it.
    scope: Option<usize>,
    /// Something arrives at the end.
    end_reached: bool,
    /// What the frame holds on every path that arrives at the end.
    end_current: Option<Current>,
}

impl Control<'_> {
    /// Where exceptions go inside the block.
    pub fn scope(&self) -> Option<usize> {
        self.scope
    }
}

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    fn block_type(&self, ty: BlockType) -> Result<(Vec<ValType>, Vec<ValType>)> {
        Ok(match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(ty) => (Vec::new(), vec![val_type(ty, u64::from(self.ip))?]),
            BlockType::FuncType(index) => {
                let ty = self.unit.module.ty(index);
                (ty.params.clone(), ty.results.clone())
            }
        })
    }

    /// φ-nodes for `types` at the start of an empty block.
    pub(super) fn phis(
        &mut self,
        block: BasicBlock<'ctx>,
        types: &[ValType],
    ) -> Result<Vec<PhiValue<'ctx>>> {
        let here = self.builder.get_insert_block();
        self.builder.position_at_end(block);
        let phis = types
            .iter()
            .map(|ty| self.builder.build_phi(self.unit.types.value(*ty), ""))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(here) = here {
            self.builder.position_at_end(here);
        }
        Ok(phis)
    }

    pub(super) fn here(&self) -> Result<BasicBlock<'ctx>> {
        self.builder
            .get_insert_block()
            .ok_or_else(|| self.internal("no block to build in"))
    }

    pub(super) fn push_function_block(&mut self, results: Vec<ValType>) -> Result<()> {
        let end = self.new_block("return");
        let phis = self.phis(end, &results)?;
        self.push_control(
            Kind::Function,
            end,
            phis.clone(),
            results.clone(),
            end,
            phis,
            results,
            0,
        );
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one structure")]
    fn push_control(
        &mut self,
        kind: Kind<'ctx>,
        label: BasicBlock<'ctx>,
        label_phis: Vec<PhiValue<'ctx>>,
        label_types: Vec<ValType>,
        end: BasicBlock<'ctx>,
        end_phis: Vec<PhiValue<'ctx>>,
        results: Vec<ValType>,
        height: usize,
    ) {
        self.control.push(Control {
            scope: self.scope(),
            kind,
            label,
            label_phis,
            label_types,
            end,
            end_phis,
            results,
            height,
            end_reached: false,
            end_current: None,
        });
    }

    pub(super) fn block(&mut self, ty: BlockType) -> Result<()> {
        if !self.reachable {
            self.unreachable_depth += 1;
            return Ok(());
        }
        self.push_block(Kind::Block, ty)
    }

    /// A block whose exceptions go to labels around it.
    pub(super) fn try_table(&mut self, table: &TryTable) -> Result<()> {
        if !self.reachable {
            self.unreachable_depth += 1;
            return Ok(());
        }
        let scope = self.open_scope()?;
        self.catch_clauses(scope, table)?;
        self.push_block(Kind::Block, table.ty)?;
        self.enter_scope(Some(scope));
        Ok(())
    }

    /// A block with handlers behind it.
    pub(super) fn try_(&mut self, ty: BlockType) -> Result<()> {
        if !self.reachable {
            self.unreachable_depth += 1;
            return Ok(());
        }
        let scope = self.open_scope()?;
        self.push_block(Kind::Try(scope), ty)?;
        self.enter_scope(Some(scope));
        Ok(())
    }

    /// Exceptions of the innermost block go there from here on.
    fn enter_scope(&mut self, scope: Option<usize>) {
        if let Some(control) = self.control.last_mut() {
            control.scope = scope;
        }
    }

    /// The scope whose handlers the block `depth` levels out has.
    fn try_scope(&self, depth: u32) -> Result<usize> {
        let index = (self.control.len() - 1).checked_sub(depth as usize);
        match index.map(|index| &self.control[index].kind) {
            Some(Kind::Try(scope)) => Ok(*scope),
            _ => Err(self.internal("a handler outside a try")),
        }
    }

    /// The body of a `try`, or one of its handlers, ends; the next one begins.
    pub(super) fn catch(&mut self, clause: Clause) -> Result<()> {
        if !self.reachable && self.unreachable_depth > 0 {
            return Ok(());
        }
        if self.reachable {
            self.fall_through()?;
        }
        let scope = self.try_scope(0)?;
        let depth = self.control.len() - 1;
        self.stack.truncate(self.control[depth].height);
        // What a handler throws goes past the others.
        let outer = depth
            .checked_sub(1)
            .and_then(|outer| self.control[outer].scope);
        self.enter_scope(outer);
        self.open_handler(scope, clause)?;
        self.reachable = true;
        match clause {
            Clause::Tag(tag) => self.push_values(scope, tag),
            Clause::All => Ok(()),
        }
    }

    /// Throws the exception of the handler `depth` levels out again.
    pub(super) fn rethrow(&mut self, depth: u32) -> Result<()> {
        let scope = self.try_scope(depth)?;
        self.rethrow_of(scope)
    }

    /// Ends a `try` whose exceptions go where those of a block around it go.
    pub(super) fn delegate(&mut self, depth: u32) -> Result<()> {
        if !self.reachable && self.unreachable_depth > 0 {
            self.unreachable_depth -= 1;
            return Ok(());
        }
        let scope = self.try_scope(0)?;
        // The label counts from outside the `try`; the function's own stands for its caller.
        let block = (self.control.len() - 1).checked_sub(1 + depth as usize);
        let to = block.and_then(|block| self.control[block].scope);
        self.delegate_scope(scope, to);
        self.end()
    }

    fn push_block(&mut self, kind: Kind<'ctx>, ty: BlockType) -> Result<()> {
        let (params, results) = self.block_type(ty)?;
        let end = self.new_block("end");
        let phis = self.phis(end, &results)?;
        let height = self.stack.len() - params.len();
        self.push_control(
            kind,
            end,
            phis.clone(),
            results.clone(),
            end,
            phis,
            results,
            height,
        );
        Ok(())
    }

    pub(super) fn loop_(&mut self, ty: BlockType) -> Result<()> {
        if !self.reachable {
            self.unreachable_depth += 1;
            self.frames.loop_skipped();
            return Ok(());
        }
        let (params, results) = self.block_type(ty)?;
        let header = self.new_block("loop");
        let end = self.new_block("end");
        let header_phis = self.phis(header, &params)?;
        let end_phis = self.phis(end, &results)?;
        let poll = self.frames.enter_loop();
        let is_stripped = poll == LoopPoll::Strip && self.unit.config.safepoints;
        let arguments = self.pop_many(params.len())?;
        let height = self.stack.len();
        let (kind, label, label_phis) = if is_stripped {
            let strip = self.strip_mine(header, header_phis, &arguments)?;
            let latch = strip.latch;
            let phis = self.phis(latch, &params)?;
            (Kind::Strip(strip), latch, phis)
        } else {
            let from = self.here()?;
            for (phi, argument) in header_phis.iter().zip(&arguments) {
                phi.add_incoming(&[(&argument.value, from)]);
            }
            self.builder.build_unconditional_branch(header)?;
            self.builder.position_at_end(header);
            for (phi, ty) in header_phis.iter().zip(&params) {
                self.push(*ty, phi.as_basic_value());
            }
            if poll != LoopPoll::InCallee {
                self.poll(false)?;
            }
            (Kind::Loop, header, header_phis)
        };
        self.push_control(
            kind, label, label_phis, params, end, end_phis, results, height,
        );
        Ok(())
    }

    pub(super) fn if_(&mut self, ty: BlockType) -> Result<()> {
        if !self.reachable {
            self.unreachable_depth += 1;
            return Ok(());
        }
        let (params, results) = self.block_type(ty)?;
        let condition = self.pop_condition()?;
        let then = self.new_block("then");
        let otherwise = self.new_block("else");
        let end = self.new_block("end");
        let phis = self.phis(end, &results)?;
        let branch = self
            .builder
            .build_conditional_branch(condition, then, otherwise)?;
        self.hint(branch);
        self.builder.position_at_end(then);
        let height = self.stack.len() - params.len();
        let kind = Kind::If {
            otherwise,
            params: self.stack[height..].to_vec(),
            current: self.frames.current(),
        };
        self.push_control(
            kind,
            end,
            phis.clone(),
            results.clone(),
            end,
            phis,
            results,
            height,
        );
        Ok(())
    }

    pub(super) fn else_(&mut self) -> Result<()> {
        if !self.reachable && self.unreachable_depth > 0 {
            return Ok(());
        }
        if self.reachable {
            self.fall_through()?;
        }
        let depth = self.control.len() - 1;
        let control = &mut self.control[depth];
        let Kind::If {
            otherwise,
            params,
            current,
        } = std::mem::replace(&mut control.kind, Kind::Block)
        else {
            return Err(self.internal("else without if"));
        };
        self.stack.truncate(control.height);
        self.stack.extend(params);
        self.frames.set_current(current);
        self.builder.position_at_end(otherwise);
        self.reachable = true;
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<()> {
        if !self.reachable && self.unreachable_depth > 0 {
            self.unreachable_depth -= 1;
            return Ok(());
        }
        if self.reachable {
            self.fall_through()?;
        }
        let mut control = self
            .control
            .pop()
            .ok_or_else(|| self.internal("end without a block"))?;
        let kind = std::mem::replace(&mut control.kind, Kind::Block);
        if let Kind::Strip(strip) = &kind {
            self.finish_strip(strip, &control.label_phis)?;
        }
        if let Kind::If {
            otherwise,
            params,
            current,
        } = kind
        {
            // No `else`: the parameters are the results.
            self.builder.position_at_end(otherwise);
            self.frames.set_current(current);
            self.arrive(&mut control, &params)?;
        }
        self.stack.truncate(control.height);
        if control.end_reached {
            self.builder.position_at_end(control.end);
            if let Some(current) = control.end_current {
                self.frames.set_current(current);
            }
            self.reachable = true;
            let values: Vec<BasicValueEnum<'ctx>> = control
                .end_phis
                .iter()
                .map(|phi| phi.as_basic_value())
                .collect();
            for (ty, value) in control.results.iter().zip(values) {
                self.push(*ty, value);
            }
        } else {
            // Nothing branches to it, so nothing refers to it or to its φ-nodes.
            // SAFETY: the block has no predecessors and its values no users.
            unsafe { control.end.delete() }
                .map_err(|()| self.internal("a block cannot be deleted"))?;
            self.reachable = false;
        }
        if self.control.is_empty() && self.reachable {
            self.return_values()?;
        }
        Ok(())
    }

    /// Leaves the innermost block by its end.
    fn fall_through(&mut self) -> Result<()> {
        let mut control = self
            .control
            .pop()
            .ok_or_else(|| self.internal("no open block"))?;
        let values = self
            .stack
            .split_off(self.stack.len() - control.results.len());
        self.arrive(&mut control, &values)?;
        self.control.push(control);
        Ok(())
    }

    /// Branches to the end of `control` with its results.
    fn arrive(&mut self, control: &mut Control<'ctx>, values: &[Operand<'ctx>]) -> Result<()> {
        let from = self.here()?;
        for (phi, operand) in control.end_phis.iter().zip(values) {
            phi.add_incoming(&[(&operand.value, from)]);
        }
        self.builder.build_unconditional_branch(control.end)?;
        control.end_reached = true;
        self.frames.meet(&mut control.end_current);
        self.reachable = false;
        Ok(())
    }

    /// Notes a branch from `from` to the label `depth` levels out, with the values on top of the stack.
    pub(super) fn branch_edge(
        &mut self,
        depth: u32,
        from: BasicBlock<'ctx>,
    ) -> Result<BasicBlock<'ctx>> {
        let index = self.control.len() - 1 - depth as usize;
        let control = &mut self.control[index];
        let start = self.stack.len() - control.label_types.len();
        for (phi, operand) in control.label_phis.iter().zip(&self.stack[start..]) {
            phi.add_incoming(&[(&operand.value, from)]);
        }
        if !matches!(control.kind, Kind::Loop | Kind::Strip(_)) {
            control.end_reached = true;
            self.frames.meet(&mut control.end_current);
        }
        Ok(control.label)
    }

    pub(super) fn br(&mut self, depth: u32) -> Result<()> {
        let from = self.here()?;
        let target = self.branch_edge(depth, from)?;
        self.builder.build_unconditional_branch(target)?;
        self.reachable = false;
        Ok(())
    }

    pub(super) fn br_if(&mut self, depth: u32) -> Result<()> {
        let condition = self.pop_condition()?;
        self.branch_if(condition, depth)
    }

    pub(super) fn branch_if(&mut self, condition: IntValue<'ctx>, depth: u32) -> Result<()> {
        let from = self.here()?;
        let target = self.branch_edge(depth, from)?;
        let go_on = self.new_block("");
        let branch = self
            .builder
            .build_conditional_branch(condition, target, go_on)?;
        self.hint(branch);
        self.builder.position_at_end(go_on);
        Ok(())
    }

    /// Branches if the reference on top is null; it stays if not.
    pub(super) fn br_on_null(&mut self, depth: u32) -> Result<()> {
        let operand = self.pop_operand()?;
        let null = self
            .builder
            .build_is_null(operand.value.into_pointer_value(), "")?;
        self.branch_if(null, depth)?;
        // The value stays where it was, so its frame slot, if current, stays current.
        self.stack.push(Operand {
            ty: non_null(operand.ty),
            ..operand
        });
        Ok(())
    }

    /// Branches with the reference on top if it is not null; it is dropped if it is.
    pub(super) fn br_on_non_null(&mut self, depth: u32) -> Result<()> {
        let operand = self.pop_operand()?;
        let there = self
            .builder
            .build_is_not_null(operand.value.into_pointer_value(), "")?;
        self.stack.push(operand);
        self.branch_if(there, depth)?;
        self.stack.pop();
        Ok(())
    }

    /// Hands on what the module says about the branch.
    fn hint(&self, branch: InstructionValue<'ctx>) {
        if let Some(taken) = self.unit.module.branch_hints.get(&self.ip) {
            self.unit.mark_expected(branch, *taken);
        }
    }

    pub(super) fn br_table(&mut self, table: &BrTable<'_>) -> Result<()> {
        let index = self.pop_int()?;
        let from = self.here()?;
        // An edge of its own for each distinct label keeps φ-nodes small however long the table is.
        let mut edges: std::collections::BTreeMap<u32, BasicBlock<'ctx>> =
            std::collections::BTreeMap::new();
        let mut edge = |this: &mut Self, depth: u32| -> Result<BasicBlock<'ctx>> {
            if let Some(block) = edges.get(&depth) {
                return Ok(*block);
            }
            let block = this.new_block("");
            this.builder.position_at_end(block);
            let target = this.branch_edge(depth, block)?;
            this.builder.build_unconditional_branch(target)?;
            edges.insert(depth, block);
            Ok(block)
        };
        let default = edge(self, table.default())?;
        let mut cases = Vec::with_capacity(table.len() as usize);
        for (value, depth) in (0..).zip(table.targets()) {
            let depth = depth?;
            if depth != table.default() {
                cases.push((
                    self.unit.types.i32.const_int(value, false),
                    edge(self, depth)?,
                ));
            }
        }
        self.builder.position_at_end(from);
        self.builder.build_switch(index, default, &cases)?;
        self.reachable = false;
        Ok(())
    }

    pub(super) fn return_(&mut self) -> Result<()> {
        self.br(self.control.len() as u32 - 1)
    }

    pub(super) fn unreachable(&mut self) -> Result<()> {
        self.trap(TrapCause::Unreachable)?;
        self.reachable = false;
        Ok(())
    }

    /// Where results go that do not come back natively.
    pub(super) fn results_pointer(&self) -> Result<PointerValue<'ctx>> {
        let pointer = self.function.get_nth_param(1);
        let pointer = pointer.ok_or_else(|| self.internal("no results pointer"))?;
        Ok(pointer.into_pointer_value())
    }

    /// Returns the operands on the stack from the function.
    fn return_values(&mut self) -> Result<()> {
        self.leave_frame()?;
        let values = std::mem::take(&mut self.stack);
        let (native, rest) = values.split_at(usize::from(self.signature.has_native_result));
        if self.signature.has_results_pointer {
            let results = self.results_pointer()?;
            let mut offset = 0;
            for operand in rest {
                let place = self.unit.offset(&self.builder, results, offset)?;
                let store = self.builder.build_store(place, operand.value)?;
                let _ = store.set_alignment(SLOT_SIZE);
                self.unit.tag(store, Region::Frame);
                offset += u64::from(SLOT_SIZE) * if operand.ty == ValType::V128 { 2 } else { 1 };
            }
        }
        match native.first() {
            Some(first) => self.builder.build_return(Some(&first.value))?,
            None => self.builder.build_return(None)?,
        };
        Ok(())
    }

    /// Pops an `i32` and compares it with zero.
    pub(super) fn pop_condition(&mut self) -> Result<IntValue<'ctx>> {
        let value = self.pop_int()?;
        Ok(self.builder.build_int_compare(
            IntPredicate::NE,
            value,
            value.get_type().const_zero(),
            "",
        )?)
    }
}
