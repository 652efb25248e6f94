//! Calls: direct, indirect, of imports and of builtins.

use inkwell::IntPredicate;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::values::{
    AnyValue, BasicMetadataValueEnum, BasicValue, BasicValueEnum, CallSiteValue, LLVMTailCallKind,
    OperandBundle, PointerValue,
};
use wamr_aot_loader::builtins::{BuiltinId, BuiltinKind};
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::layout::{SLOT_SIZE, func_ref};
use wamr_aot_loader::trap::TrapCause;

use super::function::{FunctionTranslator, Operand};
use super::unit::Region;
use crate::abi::{FAST_CALL, Signature};
use crate::error::Result;

/// What is called.
#[derive(Clone, Copy)]
enum Callee<'ctx> {
    Function(inkwell::values::FunctionValue<'ctx>),
    Code(PointerValue<'ctx>),
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
        let (callee, context) = if self.unit.module.defined_index(function).is_some() {
            (
                Callee::Function(self.unit.function(function)),
                Context::Known(self.instance),
            )
        } else {
            let width = self.unit.config.width;
            let ptr = self.unit.types.ptr;
            // An import's reference stands in the instance, in the slot of its index.
            let reference = self.unit.layout.func_ref(function);
            let code = self.load_invariant(
                ptr,
                self.instance,
                reference + u64::from(func_ref::code(width)),
                "code",
            )?;
            let context = self.load_invariant(
                ptr,
                self.instance,
                reference + u64::from(func_ref::context(width)),
                "context",
            )?;
            (
                Callee::Code(code.into_pointer_value()),
                Context::Known(context.into_pointer_value()),
            )
        };
        self.call_with(ty, callee, context)
    }

    pub(super) fn call_indirect(&mut self, ty: u32, table: u32) -> Result<()> {
        let width = self.unit.config.width;
        let ptr = self.unit.types.ptr;
        self.commit_call(self.unit.module.ty(ty).params.len() + 1)?;
        let index = self.pop_int()?;
        let element = self.element(table, index, TrapCause::UndefinedElement)?;
        let reference = self.builder.build_load(ptr, element, "reference")?;
        if let Some(load) = reference.as_instruction_value() {
            self.unit.tag(load, Region::Instance);
        }
        let reference = reference.into_pointer_value();
        let null = self.builder.build_is_null(reference, "")?;
        self.trap_if(null, TrapCause::UninitializedElement)?;
        let found = self.load_invariant(ptr, reference, u64::from(func_ref::ty(width)), "type")?;
        let expected =
            self.load_invariant(ptr, self.instance, self.unit.layout.ty(ty), "expected_type")?;
        let mismatch = self.builder.build_int_compare(
            IntPredicate::NE,
            found.into_pointer_value(),
            expected.into_pointer_value(),
            "",
        )?;
        self.trap_if(mismatch, TrapCause::IndirectCallTypeMismatch)?;
        let code = self.load_invariant(ptr, reference, u64::from(func_ref::code(width)), "code")?;
        let context = self.load_invariant(
            ptr,
            reference,
            u64::from(func_ref::context(width)),
            "context",
        )?;
        self.call_with(
            ty,
            Callee::Code(code.into_pointer_value()),
            Context::Loaded(context.into_pointer_value()),
        )
    }

    /// Pops the arguments, calls, and pushes the results.
    fn call_with(&mut self, ty: u32, callee: Callee<'ctx>, context: Context<'ctx>) -> Result<()> {
        let unit = self.unit;
        let ty = unit.module.ty(ty);
        let signature = Signature::new(&unit.types, ty);
        let operands: Vec<Operand<'ctx>> = self.pop_many(ty.params.len())?;
        let mut arguments: Vec<BasicMetadataValueEnum<'ctx>> = vec![self.instance.into()];
        let rest = ty.results.get(1..).filter(|rest| !rest.is_empty());
        let results = match rest {
            Some(rest) => {
                let slots = crate::abi::slot_count(rest);
                let llvm = unit.types.i64.array_type(slots);
                Some(self.at_entry(|this| Ok(this.builder.build_alloca(llvm, "results")?))?)
            }
            None => None,
        };
        arguments.extend(results.map(BasicMetadataValueEnum::from));
        arguments.extend(
            operands
                .iter()
                .map(|operand| BasicMetadataValueEnum::from(operand.value)),
        );

        let first = match context {
            Context::Known(context) => {
                arguments[0] = context.into();
                self.build_call(callee, &signature, &arguments)?
                    .try_as_basic_value()
                    .basic()
            }
            Context::Loaded(context) => {
                self.call_by_reference(callee, &signature, arguments, context)?
            }
        };
        if let Some(first) = first {
            self.push(ty.results[0], first);
        }
        if let (Some(results), Some(rest)) = (results, rest) {
            let mut offset = 0;
            for ty in rest {
                let place = unit.offset(&self.builder, results, offset)?;
                let value = self.builder.build_load(unit.types.value(*ty), place, "")?;
                if let Some(load) = value.as_instruction_value() {
                    let _ = load.set_alignment(SLOT_SIZE);
                    unit.tag(load, Region::Frame);
                }
                self.push(*ty, value);
                offset += u64::from(SLOT_SIZE) * if *ty == ValType::V128 { 2 } else { 1 };
            }
        }
        Ok(())
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
        let differs =
            self.builder
                .build_int_compare(IntPredicate::NE, context, self.instance, "")?;
        let [own, other, after] = ["own", "other", ""].map(|name| self.new_block(name));
        let branch = self.builder.build_conditional_branch(differs, other, own)?;
        self.unit.mark_unlikely(branch);
        let mut results = Vec::with_capacity(2);
        for (block, context) in [(own, self.instance), (other, context)] {
            self.builder.position_at_end(block);
            arguments[0] = context.into();
            let call = self.build_call(callee, signature, &arguments)?;
            // Merged, the two would wait for the reference again.
            let kind = Attribute::get_named_enum_kind_id("nomerge");
            let attribute = self.unit.context.create_enum_attribute(kind, 0);
            call.add_attribute(AttributeLoc::Function, attribute);
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

    /// Builds a call of a builtin with the operand bundle of its commit point.
    pub(super) fn build_direct(
        &self,
        function: inkwell::values::FunctionValue<'ctx>,
        arguments: &[BasicMetadataValueEnum<'ctx>],
        bundle: Option<&[BasicValueEnum<'ctx>]>,
    ) -> Result<CallSiteValue<'ctx>> {
        let bundle = deopt(bundle);
        Ok(self.builder.build_direct_call_with_operand_bundles(
            function,
            arguments,
            bundle.as_slice(),
            "",
        )?)
    }
}

/// The operand bundle that keeps a frame's values known to LLVM.
fn deopt<'ctx>(values: Option<&[BasicValueEnum<'ctx>]>) -> Vec<OperandBundle<'ctx>> {
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
