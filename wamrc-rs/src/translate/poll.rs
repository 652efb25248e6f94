//! Polls: places where a running program can be asked to stop, or to show its frames.
//!
//! A poll is a comparison of the instance's poll word and a branch to a cold block. Functions that may
//! be part of a cycle of calls poll at their entry, loops at their header. A loop that counts, with neither calls
//! nor loops in it, is strip-mined: it polls once in [`STRIP`] rounds, so that its rounds cost a counter,
//! which vectorisation knows what to do with. A loop whose every round calls a function that polls needs no poll of its own.

use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::values::{BasicValue, PhiValue};
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::layout::callee_context;

use super::function::{FunctionTranslator, Operand};
use super::unit::Region;
use crate::abi::ColdThunk;
use crate::error::Result;
use crate::frame::Current;

/// Rounds of a simple loop from one poll to the next.
pub const STRIP: u64 = 4096;

/// A loop that polls once in a while, as two nested ones.
#[derive(Clone, Debug)]
pub struct Strip<'ctx> {
    /// Offset of the loop.
    ip: u32,
    /// Height of the operand stack below the loop's parameters.
    height: usize,
    types: Vec<ValType>,
    /// Starts the rounds up to the next poll.
    header: BasicBlock<'ctx>,
    header_phis: Vec<PhiValue<'ctx>>,
    /// Starts a round.
    body: BasicBlock<'ctx>,
    body_phis: Vec<PhiValue<'ctx>>,
    /// Rounds since the last poll.
    count: PhiValue<'ctx>,
    /// Where branches to the loop go.
    pub latch: BasicBlock<'ctx>,
}

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// Polls at the function's entry, if the function may be part of a cycle of calls.
    pub(super) fn poll_at_entry(&mut self) -> Result<()> {
        let polls = (self.unit.module)
            .defined_index(self.function_index)
            .and_then(|defined| self.unit.config.polls_at_entry.get(defined));
        if polls == Some(&true) {
            self.poll(true)
        } else {
            Ok(())
        }
    }

    /// Polls here, if functions and loops are to.
    pub(super) fn poll(&mut self, is_entry: bool) -> Result<()> {
        if !self.unit.config.safepoints {
            return Ok(());
        }
        let unit = self.unit;
        let offset = u64::from(callee_context::poll_word(unit.config.width));
        let address = unit.offset(&self.builder, self.instance, offset)?;
        let word = self.builder.build_load(unit.types.i32, address, "poll")?;
        if let Some(load) = word.as_instruction_value() {
            unit.tag(load, Region::Frame);
            // Others write it at any moment. Loads can be volatile.
            let _ = load.set_volatile(true);
        }
        let asked = self.builder.build_int_compare(
            IntPredicate::NE,
            word.into_int_value(),
            unit.types.i32.const_zero(),
            "",
        )?;
        let [poll, go_on] = ["poll", ""].map(|name| self.new_block(name));
        let branch = self.builder.build_conditional_branch(asked, poll, go_on)?;
        unit.mark_unlikely(branch);
        self.builder.position_at_end(poll);
        self.set_location();
        let bundle = self.commit_poll(is_entry)?;
        let arguments = [self.instance.into()];
        let thunk = unit.cold_thunk(ColdThunk::Poll);
        self.build_direct(thunk, &arguments, bundle.as_deref())?;
        self.leave_frame()?;
        self.builder.build_unconditional_branch(go_on)?;
        self.builder.position_at_end(go_on);
        Ok(())
    }

    /// Starts a loop that polls once in a while, and leaves its parameters on the stack. The latch waits for
    /// its branches.
    pub(super) fn strip_mine(
        &mut self,
        header: BasicBlock<'ctx>,
        header_phis: Vec<PhiValue<'ctx>>,
        arguments: &[Operand<'ctx>],
    ) -> Result<Strip<'ctx>> {
        let types: Vec<ValType> = arguments.iter().map(|argument| argument.ty).collect();
        let [body, latch] = ["round", "latch"].map(|name| self.new_block(name));
        let from = self.here()?;
        self.builder.build_unconditional_branch(header)?;
        for (phi, argument) in header_phis.iter().zip(arguments) {
            phi.add_incoming(&[(&argument.value, from)]);
        }
        self.builder.position_at_end(header);
        // No code; but without it LLVM would make one loop of the two, which cannot be vectorised.
        let effect = self.intrinsic("llvm.sideeffect", &[])?;
        self.builder.build_call(effect, &[], "")?;
        self.builder.build_unconditional_branch(body)?;

        let body_phis = self.phis(body, &types)?;
        self.builder.position_at_end(body);
        let i32 = self.unit.types.i32;
        let count = self.builder.build_phi(i32, "")?;
        count.add_incoming(&[(&i32.const_zero(), header)]);
        let height = self.stack.len();
        for ((phi, header_phi), ty) in body_phis.iter().zip(&header_phis).zip(&types) {
            phi.add_incoming(&[(&header_phi.as_basic_value(), header)]);
            self.push(*ty, phi.as_basic_value());
        }
        Ok(Strip {
            ip: self.ip,
            height,
            types,
            header,
            header_phis,
            body,
            body_phis,
            count,
            latch,
        })
    }

    /// Builds the latch and the poll, once all branches to the loop are there.
    pub(super) fn finish_strip(
        &mut self,
        strip: &Strip<'ctx>,
        values: &[PhiValue<'ctx>],
    ) -> Result<()> {
        if strip.latch.get_first_use().is_none() {
            // SAFETY: nothing branches to it, so nothing refers to it or to its φ-nodes.
            return unsafe { strip.latch.delete() }
                .map_err(|()| self.internal("a block cannot be deleted"));
        }
        let here = self.builder.get_insert_block();
        let poll = self.new_block("strip");
        self.builder.position_at_end(strip.latch);
        let i32 = self.unit.types.i32;
        let count = self.builder.build_int_add(
            strip.count.as_basic_value().into_int_value(),
            i32.const_int(1, false),
            "",
        )?;
        let goes_on = self.builder.build_int_compare(
            IntPredicate::NE,
            count,
            i32.const_int(STRIP, false),
            "",
        )?;
        self.builder
            .build_conditional_branch(goes_on, strip.body, poll)?;
        strip.count.add_incoming(&[(&count, strip.latch)]);

        self.builder.position_at_end(poll);
        // The poll is the loop's, though the translation is at its end.
        let ip = std::mem::replace(&mut self.ip, strip.ip);
        let stack = self.stack.clone();
        self.stack.truncate(strip.height);
        let current = self.frames.replace_current(Current::default());
        for (value, ty) in values.iter().zip(&strip.types) {
            self.push(*ty, value.as_basic_value());
        }
        self.poll(false)?;
        self.frames.replace_current(current);
        self.stack = stack;
        self.ip = ip;
        let polled = self.here()?;
        self.builder.build_unconditional_branch(strip.header)?;

        for (phis, from) in [
            (&strip.body_phis, strip.latch),
            (&strip.header_phis, polled),
        ] {
            for (phi, value) in phis.iter().zip(values) {
                phi.add_incoming(&[(&value.as_basic_value(), from)]);
            }
        }
        if let Some(here) = here {
            self.builder.position_at_end(here);
        }
        Ok(())
    }
}
