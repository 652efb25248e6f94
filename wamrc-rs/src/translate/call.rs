//! Calls: direct, indirect, of imports and of builtins; and calls that take their caller's place.

use inkwell::IntPredicate;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::basic_block::BasicBlock;
use inkwell::values::{
    AnyValue, BasicMetadataValueEnum, BasicValue, BasicValueEnum, CallSiteValue, LLVMTailCallKind,
    OperandBundle, PointerValue,
};
use wamr_aot_loader::builtins::{BuiltinId, BuiltinKind};
use wamr_aot_loader::layout::{SLOT_SIZE, func_ref};
use wamr_aot_loader::trap::TrapCause;

use super::function::FunctionTranslator;
use super::unit::Region;
use crate::abi::{FAST_CALL, ParamPlace, Passing, Signature, slots_of};
use crate::error::Result;

/// What is called.
#[derive(Clone, Copy)]
pub(super) enum Callee<'ctx> {
    Function(inkwell::values::FunctionValue<'ctx>),
    Code(PointerValue<'ctx>),
}

/// What is called, and with which context.
#[derive(Clone, Copy)]
struct Target<'ctx> {
    callee: Callee<'ctx>,
    context: Context<'ctx>,
}

/// The callee context that a call passes on.
#[derive(Clone, Copy)]
enum Context<'ctx> {
    /// Known before.
    Known(PointerValue<'ctx>),
    /// From a function reference; most of the time it is the caller's own instance.
    Loaded(PointerValue<'ctx>),
}

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    pub(super) fn call(&mut self, function: u32) -> Result<()> {
        let ty = self.unit.module.function_type_index(function);
        self.commit_call(self.unit.module.ty(ty).params.len())?;
        let (target, signature) = self.target_of_function(function)?;
        self.call_with(ty, &signature, target)
    }

    pub(super) fn call_indirect(&mut self, ty: u32, table: u32) -> Result<()> {
        self.commit_call(self.unit.module.ty(ty).params.len() + 1)?;
        let target = self.target_of_element(ty, table)?;
        self.call_with(ty, &self.reference_signature(ty), target)
    }

    pub(super) fn call_ref(&mut self, ty: u32) -> Result<()> {
        self.commit_call(self.unit.module.ty(ty).params.len() + 1)?;
        let target = self.pop_target()?;
        self.call_with(ty, &self.reference_signature(ty), target)
    }

    pub(super) fn return_call(&mut self, function: u32) -> Result<()> {
        let ty = self.unit.module.function_type_index(function);
        let (target, signature) = self.target_of_function(function)?;
        self.return_call_with(ty, &signature, target)
    }

    pub(super) fn return_call_indirect(&mut self, ty: u32, table: u32) -> Result<()> {
        let target = self.target_of_element(ty, table)?;
        self.return_call_with(ty, &self.reference_signature(ty), target)
    }

    pub(super) fn return_call_ref(&mut self, ty: u32) -> Result<()> {
        let target = self.pop_target()?;
        self.return_call_with(ty, &self.reference_signature(ty), target)
    }

    /// The signature of functions of a type that are called through references.
    fn reference_signature(&self, ty: u32) -> Signature<'ctx> {
        let ty = self.unit.module.ty(ty);
        self.unit.signature(ty, Passing::Memory)
    }

    /// A function of the module's index space.
    fn target_of_function(&mut self, function: u32) -> Result<(Target<'ctx>, Signature<'ctx>)> {
        let signature = self.unit.signature_of(function);
        if self.unit.module.defined_index(function).is_some() {
            let target = Target {
                callee: Callee::Function(self.unit.function(function)),
                context: Context::Known(self.instance),
            };
            return Ok((target, signature));
        }
        // An import's reference stands in the instance, in the slot of its index.
        let reference = self.unit.layout.func_ref(function);
        let (code, context) = self.load_func_ref(self.instance, reference)?;
        let target = Target {
            callee: Callee::Code(code),
            context: Context::Known(context),
        };
        Ok((target, signature))
    }

    /// Pops an index, and takes the function that stands there in a table, which must be of the type.
    fn target_of_element(&mut self, ty: u32, table: u32) -> Result<Target<'ctx>> {
        let ptr = self.unit.types.ptr;
        let index = self.pop_int()?;
        let element = self.element(table, index, TrapCause::UndefinedElement)?;
        let reference = self.builder.build_load(ptr, element, "reference")?;
        if let Some(load) = reference.as_instruction_value() {
            self.unit.tag(load, Region::Instance);
        }
        let reference = reference.into_pointer_value();
        let null = self.builder.build_is_null(reference, "")?;
        self.trap_if(null, TrapCause::UninitializedElement)?;
        let mismatch = self.has_other_type(reference, ty)?;
        self.trap_if(mismatch, TrapCause::IndirectCallTypeMismatch)?;
        self.target_of_reference(reference)
    }

    /// Pops a reference, and takes the function that it stands for.
    fn pop_target(&mut self) -> Result<Target<'ctx>> {
        let operand = self.pop_reference(TrapCause::NullFunctionReference)?;
        self.target_of_reference(operand.value.into_pointer_value())
    }

    /// The function that a reference other than null stands for.
    fn target_of_reference(&mut self, reference: PointerValue<'ctx>) -> Result<Target<'ctx>> {
        let (code, context) = self.load_func_ref(reference, 0)?;
        Ok(Target {
            callee: Callee::Code(code),
            context: Context::Loaded(context),
        })
    }

    /// Code and context of the function reference at an offset.
    fn load_func_ref(
        &self,
        base: PointerValue<'ctx>,
        offset: u64,
    ) -> Result<(PointerValue<'ctx>, PointerValue<'ctx>)> {
        let width = self.unit.config.width;
        let load = |field: u32, name| -> Result<PointerValue<'ctx>> {
            let ptr = self.unit.types.ptr;
            let value = self.load_invariant(ptr, base, offset + u64::from(field), name)?;
            Ok(value.into_pointer_value())
        };
        let code = load(func_ref::code(width), "code")?;
        Ok((code, load(func_ref::context(width), "context")?))
    }

    /// Pops the arguments, and puts those into memory that are passed there. Yields LLVM's arguments; the
    /// first is the context, which is the caller's to fill in.
    fn pop_arguments(
        &mut self,
        ty: u32,
        signature: &Signature<'ctx>,
        results: Option<PointerValue<'ctx>>,
    ) -> Result<Vec<BasicMetadataValueEnum<'ctx>>> {
        let operands = self.pop_many(self.unit.module.ty(ty).params.len())?;
        let mut arguments: Vec<BasicMetadataValueEnum<'ctx>> = vec![self.instance.into()];
        arguments.extend(results.map(BasicMetadataValueEnum::from));
        for (operand, place) in operands.iter().zip(&signature.places) {
            match place {
                ParamPlace::Param(_) => arguments.push(operand.value.into()),
                ParamPlace::Slot(slot) => self.store_argument(*slot, operand.value)?,
            }
        }
        Ok(arguments)
    }

    /// Pops the arguments, calls, and pushes the results.
    fn call_with(
        &mut self,
        ty: u32,
        signature: &Signature<'ctx>,
        target: Target<'ctx>,
    ) -> Result<()> {
        let unit = self.unit;
        let rest = signature.results_in_memory(&unit.module.ty(ty).results);
        let results = if signature.has_results_pointer {
            let slots = crate::abi::slot_count(rest);
            let llvm = unit.types.i64.array_type(slots);
            Some(self.at_entry(|this| Ok(this.builder.build_alloca(llvm, "results")?))?)
        } else {
            None
        };
        let mut arguments = self.pop_arguments(ty, signature, results)?;
        let first = match target.context {
            Context::Known(context) => {
                arguments[0] = context.into();
                self.build_call(target.callee, signature, &arguments)?
                    .try_as_basic_value()
                    .basic()
            }
            Context::Loaded(context) => {
                self.call_by_reference(target.callee, signature, arguments, context)?
            }
        };
        if let Some(first) = first {
            self.push(unit.module.ty(ty).results[0], first);
        }
        if let Some(results) = results {
            let mut offset = 0;
            for ty in rest {
                let place = unit.offset(&self.builder, results, offset)?;
                let value = self.builder.build_load(unit.types.value(*ty), place, "")?;
                if let Some(load) = value.as_instruction_value() {
                    let _ = load.set_alignment(SLOT_SIZE);
                    unit.tag(load, Region::Frame);
                }
                self.push(*ty, value);
                offset += u64::from(SLOT_SIZE) * u64::from(slots_of(*ty));
            }
        }
        Ok(())
    }

    /// Pops the arguments, and replaces the function by the one that it calls.
    ///
    /// The results are the caller's, so they go where the caller wants its own. The frame ends here, in every
    /// view; so the call is no commit point, and has no operand bundle.
    fn return_call_with(
        &mut self,
        ty: u32,
        signature: &Signature<'ctx>,
        target: Target<'ctx>,
    ) -> Result<()> {
        let results = if signature.has_results_pointer {
            Some(self.results_pointer()?)
        } else {
            None
        };
        let mut arguments = self.pop_arguments(ty, signature, results)?;
        self.leave_frame()?;
        match target.context {
            Context::Known(context) => {
                arguments[0] = context.into();
                self.build_return_call(target.callee, signature, &arguments)?;
            }
            Context::Loaded(context) => {
                for (block, context) in self.branch_on_context(context)? {
                    self.builder.position_at_end(block);
                    arguments[0] = context.into();
                    self.build_return_call(target.callee, signature, &arguments)?;
                }
            }
        }
        self.reachable = false;
        Ok(())
    }

    /// A call that takes the caller's place, and the return behind it.
    fn build_return_call(
        &mut self,
        callee: Callee<'ctx>,
        signature: &Signature<'ctx>,
        arguments: &[BasicMetadataValueEnum<'ctx>],
    ) -> Result<()> {
        self.set_location();
        let call = match callee {
            Callee::Function(function) => self.builder.build_call(function, arguments, "")?,
            Callee::Code(code) => {
                self.builder
                    .build_indirect_call(signature.llvm, code, arguments, "")?
            }
        };
        call.set_call_convention(FAST_CALL);
        // Such calls become `musttail` ahead of optimisation; see `optimize::tail_calls`.
        call.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindTail);
        // Inlined, the callee would stand beside the function whose place it takes.
        self.add_call_attribute(call, "noinline");
        match call.try_as_basic_value().basic() {
            Some(result) => self.builder.build_return(Some(&result))?,
            None => self.builder.build_return(None)?,
        };
        Ok(())
    }

    fn add_call_attribute(&self, call: CallSiteValue<'ctx>, name: &str) {
        let kind = Attribute::get_named_enum_kind_id(name);
        let attribute = self.unit.context.create_enum_attribute(kind, 0);
        call.add_attribute(AttributeLoc::Function, attribute);
    }

    /// Branches on whether a context is the caller's instance. Yields both blocks, each with the context to
    /// pass there.
    fn branch_on_context(
        &mut self,
        context: PointerValue<'ctx>,
    ) -> Result<[(BasicBlock<'ctx>, PointerValue<'ctx>); 2]> {
        let differs =
            self.builder
                .build_int_compare(IntPredicate::NE, context, self.instance, "")?;
        let [own, other] = ["own", "other"].map(|name| self.new_block(name));
        let branch = self.builder.build_conditional_branch(differs, other, own)?;
        self.unit.mark_unlikely(branch);
        Ok([(own, self.instance), (other, context)])
    }

    /// Calls with a context from a function reference: by one call if it is the caller's instance, by
    /// another if not.
    ///
    /// The processor predicts which. So the callee, whose every access depends on its context, need not
    /// wait until the reference has come from memory, which takes several loads after each other.
    fn call_by_reference(
        &mut self,
        callee: Callee<'ctx>,
        signature: &Signature<'ctx>,
        mut arguments: Vec<BasicMetadataValueEnum<'ctx>>,
        context: PointerValue<'ctx>,
    ) -> Result<Option<BasicValueEnum<'ctx>>> {
        let blocks = self.branch_on_context(context)?;
        let after = self.new_block("");
        let mut results = Vec::with_capacity(2);
        for (block, context) in blocks {
            self.builder.position_at_end(block);
            arguments[0] = context.into();
            let call = self.build_call(callee, signature, &arguments)?;
            // Merged, the two would wait for the reference again.
            self.add_call_attribute(call, "nomerge");
            // An `invoke` ends its block.
            let block = self.here()?;
            results.extend(
                call.try_as_basic_value()
                    .basic()
                    .map(|result| (result, block)),
            );
            self.builder.build_unconditional_branch(after)?;
        }
        self.builder.position_at_end(after);
        let [(first, _), _] = results.as_slice() else {
            return Ok(None);
        };
        let phi = self.builder.build_phi(first.get_type(), "")?;
        for (result, block) in &results {
            phi.add_incoming(&[(result, *block)]);
        }
        Ok(Some(phi.as_basic_value()))
    }

    fn build_call(
        &mut self,
        callee: Callee<'ctx>,
        signature: &Signature<'ctx>,
        arguments: &[BasicMetadataValueEnum<'ctx>],
    ) -> Result<CallSiteValue<'ctx>> {
        self.set_location();
        if let Some(scope) = self.scope() {
            let bundle = self.frames.call_bundle().map(<[_]>::to_vec);
            let call = self.invoke(scope, callee, signature.llvm, arguments, bundle.as_deref())?;
            call.set_call_convention(FAST_CALL);
            return Ok(call);
        }
        let bundle = deopt(self.frames.call_bundle());
        let call = match callee {
            Callee::Function(function) => self.builder.build_direct_call_with_operand_bundles(
                function,
                arguments,
                bundle.as_slice(),
                "",
            )?,
            Callee::Code(code) => self.builder.build_indirect_call_with_operand_bundles(
                signature.llvm,
                code,
                arguments,
                bundle.as_slice(),
                "",
            )?,
        };
        call.set_call_convention(FAST_CALL);
        // A sibling call would take the frame away, and make runaway recursion an endless loop.
        call.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindNoTail);
        Ok(call)
    }

    /// Calls a builtin. The frame was committed before, where it has to be.
    pub(super) fn call_builtin(
        &mut self,
        id: BuiltinId,
        arguments: &[BasicMetadataValueEnum<'ctx>],
    ) -> Result<Option<BasicValueEnum<'ctx>>> {
        self.set_location();
        let bundle = match id.builtin().kind {
            BuiltinKind::Exit => self.frames.call_bundle().map(<[_]>::to_vec),
            BuiltinKind::Leaf => None,
        };
        let call = self.build_direct(self.unit.builtin(id), arguments, bundle.as_deref())?;
        call.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindNoTail);
        Ok(call.try_as_basic_value().basic())
    }

    /// Builds a call, in the function's calling convention, with the operand bundle of its commit point.
    pub(super) fn build_direct(
        &self,
        function: inkwell::values::FunctionValue<'ctx>,
        arguments: &[BasicMetadataValueEnum<'ctx>],
        bundle: Option<&[BasicValueEnum<'ctx>]>,
    ) -> Result<CallSiteValue<'ctx>> {
        let bundle = deopt(bundle);
        let call = self.builder.build_direct_call_with_operand_bundles(
            function,
            arguments,
            bundle.as_slice(),
            "",
        )?;
        call.set_call_convention(function.get_call_conventions());
        Ok(call)
    }
}

/// The operand bundle that keeps a frame's values known to LLVM.
pub(super) fn deopt<'ctx>(values: Option<&[BasicValueEnum<'ctx>]>) -> Vec<OperandBundle<'ctx>> {
    values
        .map(|values| {
            let values: Vec<_> = values
                .iter()
                .map(|value| value.as_any_value_enum())
                .collect();
            OperandBundle::create("deopt", &values)
        })
        .into_iter()
        .collect()
}
