//! Explicit trap checks: a branch to a cold block that shows the frame and raises the trap.

use inkwell::values::IntValue;
use inkwell::{IntPredicate, values::BasicMetadataValueEnum};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::layout::exec_env;
use wamr_aot_loader::trap::TrapCause;

use super::function::FunctionTranslator;
use super::unit::Region;
use crate::abi::ColdThunk;
use crate::error::Result;

/// Beginning of the names of blocks that only raise a trap.
pub(crate) const TRAP_BLOCK: &str = "trap";

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// Traps with `cause` if `condition` holds.
    pub(super) fn trap_if(&mut self, condition: IntValue<'ctx>, cause: TrapCause) -> Result<()> {
        let cause = self
            .unit
            .types
            .i32
            .const_int(u64::from(cause.code()), false);
        self.trap_with_if(condition, |_| Ok(cause))
    }

    /// Traps if `condition` holds, with a cause that is found out only then.
    pub(super) fn trap_with_if(
        &mut self,
        condition: IntValue<'ctx>,
        cause: impl FnOnce(&mut Self) -> Result<IntValue<'ctx>>,
    ) -> Result<()> {
        if condition.get_zero_extended_constant() == Some(0) {
            return Ok(());
        }
        let trap = self.new_block(TRAP_BLOCK);
        let go_on = self.new_block("");
        let branch = self
            .builder
            .build_conditional_branch(condition, trap, go_on)?;
        self.unit.mark_unlikely(branch);
        self.builder.position_at_end(trap);
        let cause = cause(self)?;
        self.raise(cause)?;
        self.builder.position_at_end(go_on);
        Ok(())
    }

    /// Raises a trap here; the block ends.
    pub(super) fn trap(&mut self, cause: TrapCause) -> Result<()> {
        let cause = self
            .unit
            .types
            .i32
            .const_int(u64::from(cause.code()), false);
        self.raise(cause)
    }

    fn raise(&mut self, cause: IntValue<'ctx>) -> Result<()> {
        self.set_location();
        let bundle = self.commit_trap()?;
        let ip = self.unit.types.i32.const_int(u64::from(self.ip), false);
        let arguments: [BasicMetadataValueEnum<'ctx>; 3] =
            [self.instance.into(), cause.into(), ip.into()];
        let trap = if self.unit.config.has_trap_thunk {
            self.unit.cold_thunk(ColdThunk::Trap)
        } else {
            self.unit.builtin(BuiltinId::Trap)
        };
        self.build_direct(trap, &arguments, bundle.as_deref())?;
        self.builder.build_unreachable()?;
        Ok(())
    }

    /// With explicit stack checks: traps if less stack is left than a frame may take.
    pub(super) fn check_stack(&mut self) -> Result<()> {
        if !self.unit.config.stack_checks {
            return Ok(());
        }
        let types = &self.unit.types;
        let intrinsic = self.intrinsic("llvm.read_register", &[types.isize.into()])?;
        let name = self
            .unit
            .context
            .metadata_string(self.unit.config.stack_pointer);
        let register = self.unit.context.metadata_node(&[name.into()]);
        let sp = self
            .builder
            .build_call(intrinsic, &[register.into()], "sp")?;
        let sp = sp
            .try_as_basic_value()
            .basic()
            .ok_or_else(|| self.internal("read_register has no result"))?;
        let env = self.exec_env()?;
        let place = self.unit.offset(
            &self.builder,
            env,
            u64::from(exec_env::stack_limit(self.unit.config.width)),
        )?;
        let limit = self.builder.build_load(types.isize, place, "stack_limit")?;
        if let Some(load) = inkwell::values::BasicValue::as_instruction_value(&limit) {
            self.unit.tag(load, Region::Frame);
        }
        let exhausted = self.builder.build_int_compare(
            IntPredicate::ULT,
            sp.into_int_value(),
            limit.into_int_value(),
            "",
        )?;
        self.trap_if(exhausted, TrapCause::CallStackExhausted)
    }
}
