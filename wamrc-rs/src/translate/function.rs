//! Translation of one function: state, and the loop over its operators.

use std::collections::HashMap;

use inkwell::basic_block::BasicBlock;
use inkwell::builder::Builder;
use inkwell::debug_info::DISubprogram;
use inkwell::module::Linkage;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{BasicValueEnum, FunctionValue, InstructionValue, IntValue, PointerValue};
use wamr_aot_loader::format::module::ValType;
use wasmparser::FunctionBody;

use super::control::Control;
use super::exception::Scope;
use super::unit::Unit;
use crate::abi::{ParamPlace, Signature};
use crate::error::{Error, Result};
use crate::frame::{FrameFacts, Frames, Place};
use crate::module::val_type;

/// A value on the operand stack.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'ctx> {
    /// LLVM's value.
    pub value: BasicValueEnum<'ctx>,
    /// WebAssembly's type.
    pub ty: ValType,
}

/// A parameter or local: a stack slot that `mem2reg` turns into SSA values.
#[derive(Clone, Copy, Debug)]
pub struct Local<'ctx> {
    /// The stack slot.
    pub place: PointerValue<'ctx>,
    /// WebAssembly's type.
    pub ty: ValType,
}

/// State of the translation of one function.
pub struct FunctionTranslator<'u, 'ctx, 'm> {
    pub(super) unit: &'u Unit<'ctx, 'm>,
    pub(super) builder: Builder<'ctx>,
    pub(super) function: FunctionValue<'ctx>,
    pub(super) function_index: u32,
    pub(super) signature: Signature<'ctx>,
    pub(super) results: &'m [ValType],
    /// The callee context: an own function's is its instance.
    pub(super) instance: PointerValue<'ctx>,
    pub(super) locals: Vec<Local<'ctx>>,
    pub(super) stack: Vec<Operand<'ctx>>,
    /// Operands that the current operator has popped, last first: a trap shows them.
    pub(super) popped: Vec<Operand<'ctx>>,
    pub(super) control: Vec<Control<'ctx>>,
    /// All scopes of handlers, in the order in which they open.
    pub(super) scopes: Vec<Scope<'ctx>>,
    pub(super) reachable: bool,
    /// Depth of blocks opened in unreachable code.
    pub(super) unreachable_depth: usize,
    /// Byte offset of the current operator in the module.
    pub(super) ip: u32,
    pub(super) frames: Frames<'ctx>,
    pub(super) exec_env: Option<PointerValue<'ctx>>,
    pub(super) memory_bases: HashMap<u32, PointerValue<'ctx>>,
    entry: BasicBlock<'ctx>,
    subprogram: DISubprogram<'ctx>,
}

/// Translates the body of one of the module's own functions.
///
/// `linkage` is what the unit makes of it: its own, or a copy for inlining only.
pub fn translate_function(
    unit: &Unit<'_, '_>,
    defined: usize,
    linkage: Linkage,
) -> Result<FrameFacts> {
    let function_index = unit.module.function_index(defined);
    let body = &unit.module.bodies[defined];
    let mut translator = FunctionTranslator::new(unit, function_index, body, linkage)?;
    translator.prologue(body)?;
    translator.body(body)?;
    translator.finish_scopes()?;
    Ok(translator.finish())
}

impl<'u, 'ctx, 'm> FunctionTranslator<'u, 'ctx, 'm> {
    fn new(
        unit: &'u Unit<'ctx, 'm>,
        function_index: u32,
        body: &FunctionBody<'_>,
        linkage: Linkage,
    ) -> Result<Self> {
        let ty = unit.module.function_type(function_index);
        let signature = unit.signature_of(function_index);
        let function = unit.function(function_index);
        function.set_linkage(linkage);
        if linkage == Linkage::Internal {
            function
                .as_global_value()
                .set_visibility(inkwell::GlobalVisibility::Default);
        }
        unit.set_function_attributes(function);
        let scan = (unit.module.defined_index(function_index))
            .and_then(|defined| unit.module.scans.get(defined));
        if scan.is_some_and(|scan| scan.has_tail_calls) {
            // What was inlined would no longer be replaced by what it calls.
            unit.add_attribute(function, "noinline", 0);
        }

        let ip = offset(body.get_operators_reader()?.original_position())?;
        let subprogram = unit
            .debug
            .subprogram(&crate::abi::function_symbol(function_index), ip);
        function.set_subprogram(subprogram);

        let entry = unit.context.append_basic_block(function, "entry");
        let start = unit.context.append_basic_block(function, "start");
        let builder = unit.context.create_builder();
        builder.position_at_end(start);
        let instance = function
            .get_nth_param(0)
            .ok_or_else(|| Error::Llvm("a function without a callee context".into()))?
            .into_pointer_value();
        instance.set_name("instance");
        let mut translator = FunctionTranslator {
            unit,
            builder,
            function,
            function_index,
            signature,
            results: &ty.results,
            instance,
            locals: Vec::new(),
            stack: Vec::new(),
            popped: Vec::new(),
            control: Vec::new(),
            scopes: Vec::new(),
            reachable: true,
            unreachable_depth: 0,
            ip,
            frames: Frames::none(),
            exec_env: None,
            memory_bases: HashMap::new(),
            entry,
            subprogram,
        };
        translator.set_location();
        Ok(translator)
    }

    /// Declares parameters and locals, checks the stack, pushes the frame.
    fn prologue(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        let unit = self.unit;
        let ty = unit.module.function_type(self.function_index);
        let places = self.signature.places.clone();
        for (place, ty) in places.into_iter().zip(&ty.params) {
            let value = match place {
                ParamPlace::Param(index) => (self.function.get_nth_param(index))
                    .ok_or_else(|| Error::Llvm("a parameter is missing".into()))?,
                // Ahead of anything that calls, and so may pass arguments itself.
                ParamPlace::Slot(slot) => self.load_argument(slot, *ty)?,
            };
            self.declare_local(*ty, value)?;
        }
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            let ty = val_type(ty, body.range().start)?;
            for _ in 0..count {
                self.declare_local(ty, zero(unit.types.value(ty)))?;
            }
        }
        self.frames = Frames::new(unit, self.function_index, body, &self.locals)?;
        self.check_stack()?;
        self.count_call()?;
        self.enter_frame()?;
        self.poll_at_entry()?;
        let results = self.results.to_vec();
        self.push_function_block(results)
    }

    fn declare_local(&mut self, ty: ValType, value: BasicValueEnum<'ctx>) -> Result<()> {
        let llvm = self.unit.types.value(ty);
        let index = self.locals.len();
        let place =
            self.at_entry(|this| Ok(this.builder.build_alloca(llvm, &format!("local{index}"))?))?;
        self.builder.build_store(place, value)?;
        self.locals.push(Local { place, ty });
        Ok(())
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let (operator, position) = operators.read_with_offset()?;
            self.ip = offset(position)?;
            self.popped.clear();
            self.frames.next_operator();
            self.operator(operator)?;
        }
        Ok(())
    }

    /// Ahead of the first operator: pushes the frame where every activation has one.
    fn enter_frame(&mut self) -> Result<()> {
        self.with_frames(|frames, place| frames.enter(place))
    }

    /// Ahead of a return.
    pub(super) fn leave_frame(&mut self) -> Result<()> {
        self.with_frames(|frames, place| frames.leave(place))
    }

    /// Makes the frame observable at a call whose `arguments` are still on the stack.
    pub(super) fn commit_call(&mut self, arguments: usize) -> Result<()> {
        if !self.frames.enabled() {
            return Ok(());
        }
        let operands = self.stack[..self.stack.len() - arguments].to_vec();
        let ip = self.ip;
        self.with_frames(|frames, place| frames.commit_call(place, ip, &operands))
    }

    /// Makes the frame observable on the cold path of a trap. Yields the operand bundle of the call that
    /// raises it.
    pub(super) fn commit_trap(&mut self) -> Result<Option<Vec<BasicValueEnum<'ctx>>>> {
        if !self.frames.enabled() {
            return Ok(None);
        }
        let operands = self.operands_before();
        let ip = self.ip;
        self.with_frames(|frames, place| frames.commit_trap(place, ip, &operands))
    }

    /// Makes the frame observable on the cold path of a poll. Yields the operand bundle of its call.
    pub(super) fn commit_poll(
        &mut self,
        is_entry: bool,
    ) -> Result<Option<Vec<BasicValueEnum<'ctx>>>> {
        let operands = self.stack.clone();
        let ip = self.ip;
        self.with_frames(|frames, place| frames.commit_poll(place, ip, &operands, is_entry))
    }

    pub(super) fn with_frames<T: Default>(
        &mut self,
        build: impl FnOnce(&mut Frames<'ctx>, &Place<'_, 'ctx, 'm>) -> Result<T>,
    ) -> Result<T> {
        if !self.frames.enabled() {
            return Ok(T::default());
        }
        let exec_env = self.exec_env()?;
        let entry = self.unit.context.create_builder();
        entry.position_at_end(self.entry);
        let place = Place {
            unit: self.unit,
            builder: &self.builder,
            entry: &entry,
            instance: self.instance,
            exec_env,
            locals: &self.locals,
        };
        build(&mut self.frames, &place)
    }

    fn finish(mut self) -> FrameFacts {
        let has_references = (self.unit.module)
            .defined_index(self.function_index)
            .is_some_and(|defined| self.unit.module.scans[defined].has_references);
        let facts = self.frames.finish(self.unit, has_references);
        // The entry block holds stack slots and loads of what never changes; it falls into the body.
        self.builder.position_at_end(self.entry);
        if let Some(start) = self.entry.get_next_basic_block() {
            // The builder has a position, so the branch cannot fail.
            let _ = self.builder.build_unconditional_branch(start);
        }
        facts
    }

    /// Builds in the entry block, ahead of everything else.
    pub(super) fn at_entry<T>(&mut self, build: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let here = self.builder.get_insert_block();
        self.builder.position_at_end(self.entry);
        let built = build(self);
        if let Some(here) = here {
            self.builder.position_at_end(here);
        }
        built
    }

    /// Gives what is built from here on the current operator's offset.
    pub(super) fn set_location(&mut self) {
        let location = self
            .unit
            .debug
            .location(self.unit.context, self.subprogram, self.ip);
        self.builder.set_current_debug_location(location);
    }

    pub(super) fn new_block(&self, name: &str) -> BasicBlock<'ctx> {
        self.unit.context.append_basic_block(self.function, name)
    }

    pub(super) fn push(&mut self, ty: ValType, value: impl Into<BasicValueEnum<'ctx>>) {
        self.frames.operand_pushed(self.stack.len());
        self.stack.push(Operand {
            value: value.into(),
            ty,
        });
    }

    pub(super) fn pop(&mut self) -> Result<BasicValueEnum<'ctx>> {
        let operand = self.pop_operand()?;
        Ok(operand.value)
    }

    pub(super) fn pop_operand(&mut self) -> Result<Operand<'ctx>> {
        let operand = self
            .stack
            .pop()
            .ok_or_else(|| self.internal("the operand stack is empty"))?;
        self.popped.push(operand);
        Ok(operand)
    }

    pub(super) fn pop_int(&mut self) -> Result<IntValue<'ctx>> {
        Ok(self.pop()?.into_int_value())
    }

    /// Pops `count` operands, in the order in which they were pushed.
    pub(super) fn pop_many(&mut self, count: usize) -> Result<Vec<Operand<'ctx>>> {
        let start = self
            .stack
            .len()
            .checked_sub(count)
            .ok_or_else(|| self.internal("the operand stack is empty"))?;
        let operands = self.stack.split_off(start);
        self.popped.extend(operands.iter().rev());
        Ok(operands)
    }

    /// The operands as they were before the current operator.
    pub(super) fn operands_before(&self) -> Vec<Operand<'ctx>> {
        self.stack
            .iter()
            .chain(self.popped.iter().rev())
            .copied()
            .collect()
    }

    pub(super) fn internal(&self, what: &str) -> Error {
        Error::Llvm(format!("internal error at offset {:#x}: {what}", self.ip))
    }

    pub(super) fn unsupported(&self, what: impl Into<String>) -> Error {
        Error::Unsupported {
            what: what.into(),
            offset: u64::from(self.ip),
        }
    }

    /// The memory lies in reserved address space, and an access there beyond its end faults. Memories
    /// with smaller pages than the machine's do not end where access does.
    pub(super) fn memory_is_guarded(&self, index: u32) -> bool {
        let ty = self.unit.module.memories[index as usize];
        self.unit.config.guard_pages && ty.page_size_log2 == 16
    }

    /// With strict traps, a store whose effect is seen from outside stays among the accesses that may fault where the program
    /// has it: LLVM keeps volatile accesses in order.
    pub(super) fn keep_store_in_order(&self, store: InstructionValue<'ctx>) {
        let memories = 0..self.unit.module.memories.len() as u32;
        if self.unit.config.strict_traps
            && memories
                .into_iter()
                .any(|memory| self.memory_is_guarded(memory))
        {
            let _ = store.set_volatile(true);
        }
    }
}

/// Zero of a type: what a local starts as.
pub(super) fn zero(ty: BasicTypeEnum<'_>) -> BasicValueEnum<'_> {
    ty.const_zero()
}

/// An offset in the module as the frame's `ip`.
fn offset(position: u64) -> Result<u32> {
    u32::try_from(position).map_err(|_| Error::Unsupported {
        what: "a module of 4 GiB or more".into(),
        offset: position,
    })
}
