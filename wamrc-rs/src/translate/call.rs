//! Calls: direct, indirect, of imports and of builtins.

use inkwell::IntPredicate;
use inkwell::values::{
    BasicMetadataValueEnum, BasicValue, BasicValueEnum, CallSiteValue, LLVMTailCallKind,
    PointerValue,
};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::layout::{SLOT_SIZE, func_ref};
use wamr_aot_loader::trap::TrapCause;

use super::function::{FunctionTranslator, Operand};
use super::unit::Region;
use crate::abi::{FAST_CALL, Signature};
use crate::error::Result;

/// What is called.
enum Callee<'ctx> {
    Function(inkwell::values::FunctionValue<'ctx>),
    Code(PointerValue<'ctx>),
}

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    pub(super) fn call(&mut self, function: u32) -> Result<()> {
        let ty = self.unit.module.function_type_index(function);
        self.commit_call(self.unit.module.ty(ty).params.len())?;
        let (callee, context) = if self.unit.module.defined_index(function).is_some() {
            (
                Callee::Function(self.unit.function(function)),
                self.instance,
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
                context.into_pointer_value(),
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
            context.into_pointer_value(),
        )
    }

    /// Pops the arguments, calls, and pushes the results.
    fn call_with(
        &mut self,
        ty: u32,
        callee: Callee<'ctx>,
        context: PointerValue<'ctx>,
    ) -> Result<()> {
        let unit = self.unit;
        let ty = unit.module.ty(ty);
        let signature = Signature::new(&unit.types, ty);
        let operands: Vec<Operand<'ctx>> = self.pop_many(ty.params.len())?;
        let mut arguments: Vec<BasicMetadataValueEnum<'ctx>> = vec![context.into()];
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

        self.set_location();
        let call = match callee {
            Callee::Function(function) => {
                self.builder.build_direct_call(function, &arguments, "")?
            }
            Callee::Code(code) => {
                self.builder
                    .build_indirect_call(signature.llvm, code, &arguments, "")?
            }
        };
        call.set_call_convention(FAST_CALL);
        // A sibling call would take the frame away, and make runaway recursion an endless loop.
        call.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindNoTail);

        if let Some(first) = call.try_as_basic_value().basic() {
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

    /// Calls a builtin. The frame was committed before, where it has to be.
    pub(super) fn call_builtin(
        &mut self,
        id: BuiltinId,
        arguments: &[BasicMetadataValueEnum<'ctx>],
    ) -> Result<Option<BasicValueEnum<'ctx>>> {
        self.set_location();
        let call: CallSiteValue<'ctx> =
            self.builder
                .build_call(self.unit.builtin(id), arguments, "")?;
        call.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindNoTail);
        Ok(call.try_as_basic_value().basic())
    }
}
