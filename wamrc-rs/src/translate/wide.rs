//! 128-bit sums, differences and products of 64-bit halves.

use inkwell::values::IntValue;
use wamr_aot_loader::format::module::ValType;

use super::function::FunctionTranslator;
use super::numeric::IntOp;
use crate::error::Result;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// `i64.add128` and `i64.sub128`.
    pub(super) fn wide_sum(&mut self, operation: IntOp) -> Result<()> {
        let right = self.pop_halves()?;
        let left = self.pop_halves()?;
        let result = match operation {
            IntOp::Sub => self.builder.build_int_sub(left, right, "")?,
            _ => self.builder.build_int_add(left, right, "")?,
        };
        self.push_halves(result)
    }

    /// `i64.mul_wide_s` and `i64.mul_wide_u`.
    pub(super) fn wide_product(&mut self, signed: bool) -> Result<()> {
        let right = self.pop_int()?;
        let left = self.pop_int()?;
        let i128 = self.unit.types.i128;
        let extend = |value| {
            if signed {
                self.builder.build_int_s_extend(value, i128, "")
            } else {
                self.builder.build_int_z_extend(value, i128, "")
            }
        };
        let product = self
            .builder
            .build_int_mul(extend(left)?, extend(right)?, "")?;
        self.push_halves(product)
    }

    /// Pops the high half, then the low one.
    fn pop_halves(&mut self) -> Result<IntValue<'ctx>> {
        let high = self.pop_int()?;
        let low = self.pop_int()?;
        let i128 = self.unit.types.i128;
        let high = self.builder.build_int_z_extend(high, i128, "")?;
        let low = self.builder.build_int_z_extend(low, i128, "")?;
        let high = self
            .builder
            .build_left_shift(high, i128.const_int(64, false), "")?;
        Ok(self.builder.build_or(high, low, "")?)
    }

    fn push_halves(&mut self, value: IntValue<'ctx>) -> Result<()> {
        let types = &self.unit.types;
        let low = self.builder.build_int_truncate(value, types.i64, "")?;
        let high =
            self.builder
                .build_right_shift(value, types.i128.const_int(64, false), false, "")?;
        let high = self.builder.build_int_truncate(high, types.i64, "")?;
        self.push(ValType::I64, low);
        self.push(ValType::I64, high);
        Ok(())
    }
}
