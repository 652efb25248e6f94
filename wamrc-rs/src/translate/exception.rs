//! Exceptions: what throws them, and where they go.
//!
//! A call inside a `try` is an LLVM `invoke`; what unwinds to the landing pad is the runtime, by tables
//! that `emit` makes of LLVM's. Nothing is checked behind a call. The landing pad's clauses name the tags
//! of all the handlers around the call, so that the runtime can tell beforehand which exceptions nobody
//! catches. Which handler it is, the code finds out by comparing the exception's tag with the instance's.
//!
//! The two encodings differ only in where handlers stand: `try_table` names labels around it, and `try`
//! has its handlers behind its body.

use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::llvm_sys::core::LLVMBuildInvokeWithOperandBundles;
use inkwell::types::{AsTypeRef, FunctionType};
use inkwell::values::{
    AsValueRef, BasicMetadataValueEnum, BasicValue, BasicValueEnum, CallSiteValue, OperandBundle,
    PhiValue, PointerValue,
};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::handlers::Clause;
use wamr_aot_loader::format::module::{HeapType, RefType, ValType};
use wamr_aot_loader::layout::{SLOT_SIZE, exception};
use wamr_aot_loader::trap::TrapCause;
use wasmparser::{Catch, TryTable};

use super::call::{Callee, deopt};
use super::function::FunctionTranslator;
use crate::abi::slots_of;
use crate::error::Result;

/// The type of the references that handlers get.
const EXCEPTION: ValType = ValType::Ref(RefType::non_null(HeapType::Exn));

/// The handlers of one `try` or `try_table`.
#[derive(Debug)]
pub(super) struct Scope<'ctx> {
    /// Where calls unwind to. Built when the function is complete, since `delegate` comes late.
    landing: BasicBlock<'ctx>,
    /// Finds the handler.
    dispatch: BasicBlock<'ctx>,
    /// The exception, in `dispatch`.
    exception: PhiValue<'ctx>,
    /// Where exceptions go that no handler so far wants; `None` once one takes all.
    unmatched: Option<BasicBlock<'ctx>>,
    clauses: Vec<Clause>,
    /// The scope around it.
    outer: Option<usize>,
}

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// Opens the scope of a `try` inside the one in force here.
    pub(super) fn open_scope(&mut self) -> Result<usize> {
        let landing = self.new_block("landing");
        let dispatch = self.new_block("dispatch");
        let here = self.here()?;
        self.builder.position_at_end(dispatch);
        let exception = self.builder.build_phi(self.unit.types.ptr, "exception")?;
        self.builder.position_at_end(here);
        self.scopes.push(Scope {
            landing,
            dispatch,
            exception,
            unmatched: Some(dispatch),
            clauses: Vec::new(),
            outer: self.scope(),
        });
        Ok(self.scopes.len() - 1)
    }

    /// Exceptions of the scope that it does not catch itself go to another one's handlers.
    pub(super) fn delegate_scope(&mut self, scope: usize, to: Option<usize>) {
        self.scopes[scope].outer = to;
    }

    /// The exception that the scope's handlers get.
    pub(super) fn exception_of(&self, scope: usize) -> PointerValue<'ctx> {
        self.scopes[scope]
            .exception
            .as_basic_value()
            .into_pointer_value()
    }

    /// Gives the scope another handler, at the end of those it has. What is built next is the handler; if it can
    /// never be reached, because the one before it takes everything, it is built all the same.
    pub(super) fn open_handler(&mut self, scope: usize, clause: Clause) -> Result<()> {
        let handler = self.new_block("handler");
        if let Some(from) = self.scopes[scope].unmatched {
            self.builder.position_at_end(from);
            let unmatched = match clause {
                Clause::Tag(tag) => {
                    let ptr = self.unit.types.ptr;
                    let width = self.unit.config.width;
                    let place = self.unit.offset(
                        &self.builder,
                        self.exception_of(scope),
                        u64::from(exception::tag(width)),
                    )?;
                    let found = self.builder.build_load(ptr, place, "tag")?;
                    let expected =
                        self.load_invariant(ptr, self.instance, self.unit.layout.tag(tag), "")?;
                    let is_it = self.builder.build_int_compare(
                        IntPredicate::EQ,
                        found.into_pointer_value(),
                        expected.into_pointer_value(),
                        "",
                    )?;
                    let unmatched = self.new_block("unmatched");
                    self.builder
                        .build_conditional_branch(is_it, handler, unmatched)?;
                    Some(unmatched)
                }
                Clause::All => {
                    self.builder.build_unconditional_branch(handler)?;
                    None
                }
            };
            self.scopes[scope].unmatched = unmatched;
            self.scopes[scope].clauses.push(clause);
        }
        self.builder.position_at_end(handler);
        self.frames.forget_current();
        Ok(())
    }

    /// Pushes an exception's values.
    pub(super) fn push_values(&mut self, scope: usize, tag: u32) -> Result<()> {
        let exception = self.exception_of(scope);
        let unit = self.unit;
        let mut offset = u64::from(exception::values(unit.config.width));
        for ty in &unit.module.tag_type(tag).params {
            let place = unit.offset(&self.builder, exception, offset)?;
            let value = self.builder.build_load(unit.types.value(*ty), place, "")?;
            if let Some(load) = value.as_instruction_value() {
                let _ = load.set_alignment(SLOT_SIZE);
            }
            self.push(*ty, value);
            offset += u64::from(SLOT_SIZE) * u64::from(slots_of(*ty));
        }
        Ok(())
    }

    /// Builds the handlers of a `try_table`: branches to labels around it.
    pub(super) fn catch_clauses(&mut self, scope: usize, table: &TryTable) -> Result<()> {
        let here = self.here()?;
        let current = self.frames.current();
        let height = self.stack.len();
        for catch in &table.catches {
            let (tag, label, with_reference) = match *catch {
                Catch::One { tag, label } => (Some(tag), label, false),
                Catch::OneRef { tag, label } => (Some(tag), label, true),
                Catch::All { label } => (None, label, false),
                Catch::AllRef { label } => (None, label, true),
            };
            self.open_handler(scope, tag.map_or(Clause::All, Clause::Tag))?;
            if let Some(tag) = tag {
                self.push_values(scope, tag)?;
            }
            if with_reference {
                self.push(EXCEPTION, self.exception_of(scope));
            }
            let from = self.here()?;
            let target = self.branch_edge(label, from)?;
            self.builder.build_unconditional_branch(target)?;
            self.stack.truncate(height);
        }
        self.frames.set_current(current);
        self.builder.position_at_end(here);
        Ok(())
    }

    /// `throw`.
    pub(super) fn throw(&mut self, tag: u32) -> Result<()> {
        let params = self.unit.module.tag_type(tag).params.len();
        self.commit_call(params)?;
        let mut slot = 0;
        for operand in self.pop_many(params)? {
            self.store_argument(slot, operand.value)?;
            slot += slots_of(operand.ty);
        }
        let tag = self.unit.types.i32.const_int(u64::from(tag), false);
        self.throw_with(BuiltinId::Throw, tag.into())
    }

    /// `throw_ref`.
    pub(super) fn throw_ref(&mut self) -> Result<()> {
        self.commit_call(1)?;
        let operand = self.pop_reference(TrapCause::NullExceptionReference)?;
        self.throw_with(BuiltinId::ThrowRef, operand.value)
    }

    /// Throws the exception again that a handler has got.
    pub(super) fn rethrow_of(&mut self, scope: usize) -> Result<()> {
        let exception = self.exception_of(scope);
        self.commit_call(0)?;
        self.throw_with(BuiltinId::ThrowRef, exception.into())
    }

    fn throw_with(&mut self, builtin: BuiltinId, argument: BasicValueEnum<'ctx>) -> Result<()> {
        self.set_location();
        let bundle = self.frames.call_bundle().map(<[_]>::to_vec);
        let function = self.unit.builtin(builtin);
        let arguments = [self.instance.into(), argument.into()];
        match self.scope() {
            Some(scope) => {
                let callee = Callee::Function(function);
                let ty = function.get_type();
                self.invoke(scope, callee, ty, &arguments, bundle.as_deref())?;
            }
            None => {
                self.build_direct(function, &arguments, bundle.as_deref())?;
            }
        }
        self.builder.build_unreachable()?;
        self.reachable = false;
        Ok(())
    }

    /// A call whose exceptions go to a scope. What is built next comes behind its return.
    pub(super) fn invoke(
        &mut self,
        scope: usize,
        callee: Callee<'ctx>,
        signature: FunctionType<'ctx>,
        arguments: &[BasicMetadataValueEnum<'ctx>],
        bundle: Option<&[BasicValueEnum<'ctx>]>,
    ) -> Result<CallSiteValue<'ctx>> {
        let returned = self.new_block("");
        let landing = self.scopes[scope].landing;
        let callee = match callee {
            Callee::Function(function) => function.as_value_ref(),
            Callee::Code(code) => code.as_value_ref(),
        };
        let mut arguments: Vec<_> = arguments.iter().map(AsValueRef::as_value_ref).collect();
        let bundles = deopt(bundle);
        let mut bundles: Vec<_> = bundles.iter().map(OperandBundle::as_mut_ptr).collect();
        let count = |length: usize| {
            u32::try_from(length).map_err(|_| self.internal("a call of very many values"))
        };
        // inkwell's own takes no bundles.
        // SAFETY: all are of this unit's context; the arguments are those of the type, the lists as long as
        // is said, and the builder is in a block of the function that both blocks are of.
        let call = unsafe {
            CallSiteValue::new(LLVMBuildInvokeWithOperandBundles(
                self.builder.as_mut_ptr(),
                signature.as_type_ref(),
                callee,
                arguments.as_mut_ptr(),
                count(arguments.len())?,
                returned.as_mut_ptr(),
                landing.as_mut_ptr(),
                bundles.as_mut_ptr(),
                count(bundles.len())?,
                c"".as_ptr(),
            ))
        };
        self.builder.position_at_end(returned);
        Ok(call)
    }

    /// Builds the landing pads, and where exceptions go that a scope does not catch.
    pub(super) fn finish_scopes(&mut self) -> Result<()> {
        let ptr = self.unit.types.ptr;
        let i32 = self.unit.types.i32;
        let pair = self
            .unit
            .context
            .struct_type(&[ptr.into(), i32.into()], false);
        for index in (0..self.scopes.len()).rev() {
            let clauses: Vec<BasicValueEnum<'ctx>> = self
                .clauses_from(index)
                .into_iter()
                .map(|clause| match clause {
                    Clause::All => ptr.const_null().into(),
                    Clause::Tag(tag) => self.unit.tag_symbol(tag).into(),
                })
                .collect();
            let scope = &self.scopes[index];
            let (landing, dispatch, exception) = (scope.landing, scope.dispatch, scope.exception);
            let (unmatched, outer) = (scope.unmatched, scope.outer);
            self.builder.position_at_end(landing);
            let personality = self.unit.personality();
            // Without clauses nothing lands here, but LLVM asks for something.
            let is_cleanup = clauses.is_empty();
            let caught = self.builder.build_landing_pad(
                pair,
                personality,
                &clauses,
                is_cleanup,
                "caught",
            )?;
            let caught =
                self.builder
                    .build_extract_value(caught.into_struct_value(), 0, "exception")?;
            self.with_frames(|frames, place| frames.land(place))?;
            self.builder.build_unconditional_branch(dispatch)?;
            exception.add_incoming(&[(&caught, landing)]);
            let Some(unmatched) = unmatched else { continue };
            self.builder.position_at_end(unmatched);
            if let Some(outer) = outer {
                let outer = &self.scopes[outer];
                self.builder.build_unconditional_branch(outer.dispatch)?;
                let value = exception.as_basic_value();
                outer.exception.add_incoming(&[(&value, unmatched)]);
            } else {
                // Only where another instance of the module has a tag of its own.
                let throw = self.unit.builtin(BuiltinId::ThrowRef);
                let exception = exception.as_basic_value();
                self.build_direct(throw, &[self.instance.into(), exception.into()], None)?;
                self.builder.build_unreachable()?;
            }
        }
        Ok(())
    }

    /// The clauses that hold for calls in a scope: its own, then those around it, up to one that takes all.
    fn clauses_from(&self, scope: usize) -> Vec<Clause> {
        let mut clauses = Vec::new();
        let mut next = Some(scope);
        while let Some(index) = next {
            let scope = &self.scopes[index];
            for clause in &scope.clauses {
                if !clauses.contains(clause) {
                    clauses.push(*clause);
                }
            }
            if scope.unmatched.is_none() {
                break;
            }
            next = scope.outer;
        }
        clauses
    }

    /// The scope in force here.
    pub(super) fn scope(&self) -> Option<usize> {
        self.control.last().and_then(super::control::Control::scope)
    }
}
