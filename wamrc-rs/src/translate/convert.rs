//! Conversions between number types.

use inkwell::FloatPredicate;
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::trap::TrapCause;

use super::function::FunctionTranslator;
use crate::error::Result;

/// The floats that truncate into an integer type lie between these, in part inclusive.
struct Bounds {
    low: f64,
    /// `low` itself converts. It does where the float type cannot tell it from the number below it.
    low_inclusive: bool,
    high: f64,
}

fn bounds(float_bits: u32, int_bits: u32, signed: bool) -> Bounds {
    let high = 2f64.powi(if signed {
        int_bits as i32 - 1
    } else {
        int_bits as i32
    });
    match (signed, int_bits, float_bits) {
        (false, _, _) => Bounds {
            low: -1.0,
            low_inclusive: false,
            high,
        },
        (true, 32, 64) => Bounds {
            low: -high - 1.0,
            low_inclusive: false,
            high,
        },
        (true, _, _) => Bounds {
            low: -high,
            low_inclusive: true,
            high,
        },
    }
}

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// Truncation that traps for what the integer type cannot hold.
    pub(super) fn truncate(&mut self, ty: ValType, signed: bool) -> Result<()> {
        let value = self.pop()?.into_float_value();
        let float = value.get_type();
        let int = self.unit.types.value(ty).into_int_type();
        let bounds = bounds(float.get_bit_width(), int.get_bit_width(), signed);
        // Both comparisons fail for a NaN.
        let low = float.const_float(bounds.low);
        let above = if bounds.low_inclusive {
            FloatPredicate::OGE
        } else {
            FloatPredicate::OGT
        };
        let above = self.builder.build_float_compare(above, value, low, "")?;
        let high = float.const_float(bounds.high);
        let below = self
            .builder
            .build_float_compare(FloatPredicate::OLT, value, high, "")?;
        let inside = self.builder.build_and(above, below, "")?;
        let outside = self.builder.build_not(inside, "")?;
        self.trap_with_if(outside, |this| {
            let nan = this
                .builder
                .build_float_compare(FloatPredicate::UNO, value, value, "")?;
            let cause = |cause: TrapCause| {
                this.unit
                    .types
                    .i32
                    .const_int(u64::from(cause.code()), false)
            };
            let (invalid, overflow) = (
                cause(TrapCause::InvalidConversionToInteger),
                cause(TrapCause::IntegerOverflow),
            );
            Ok(this
                .builder
                .build_select(nan, invalid, overflow, "")?
                .into_int_value())
        })?;
        let result = if signed {
            self.builder.build_float_to_signed_int(value, int, "")?
        } else {
            self.builder.build_float_to_unsigned_int(value, int, "")?
        };
        self.push(ty, result);
        Ok(())
    }

    /// Truncation that saturates; NaN becomes 0.
    pub(super) fn truncate_saturating(&mut self, ty: ValType, signed: bool) -> Result<()> {
        let value = self.pop()?;
        let name = if signed {
            "llvm.fptosi.sat"
        } else {
            "llvm.fptoui.sat"
        };
        let result = self.call_intrinsic(
            name,
            &[self.unit.types.value(ty), value.get_type()],
            &[value.into()],
        )?;
        self.push(ty, result);
        Ok(())
    }

    /// Integer to float.
    pub(super) fn convert(&mut self, ty: ValType, signed: bool) -> Result<()> {
        let value = self.pop_int()?;
        let float = self.unit.types.value(ty).into_float_type();
        let result = if signed {
            self.builder.build_signed_int_to_float(value, float, "")?
        } else {
            self.builder.build_unsigned_int_to_float(value, float, "")?
        };
        self.push(ty, result);
        Ok(())
    }

    pub(super) fn promote(&mut self) -> Result<()> {
        let value = self.pop()?.into_float_value();
        let result = self
            .builder
            .build_float_ext(value, self.unit.types.f64, "")?;
        self.push(ValType::F64, result);
        Ok(())
    }

    pub(super) fn demote(&mut self) -> Result<()> {
        let value = self.pop()?.into_float_value();
        let result = self
            .builder
            .build_float_trunc(value, self.unit.types.f32, "")?;
        self.push(ValType::F32, result);
        Ok(())
    }

    /// The same bits as another type.
    pub(super) fn reinterpret(&mut self, ty: ValType) -> Result<()> {
        let value = self.pop()?;
        let result = self
            .builder
            .build_bit_cast(value, self.unit.types.value(ty), "")?;
        self.push(ty, result);
        Ok(())
    }

    pub(super) fn wrap(&mut self) -> Result<()> {
        let value = self.pop_int()?;
        let result = self
            .builder
            .build_int_truncate(value, self.unit.types.i32, "")?;
        self.push(ValType::I32, result);
        Ok(())
    }

    pub(super) fn extend_i32(&mut self, signed: bool) -> Result<()> {
        let value = self.pop_int()?;
        let i64 = self.unit.types.i64;
        let result = if signed {
            self.builder.build_int_s_extend(value, i64, "")?
        } else {
            self.builder.build_int_z_extend(value, i64, "")?
        };
        self.push(ValType::I64, result);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::bounds;

    #[test]
    fn bounds_are_the_last_floats_that_convert() {
        let b = bounds(64, 32, true);
        assert!((b.low, b.low_inclusive, b.high) == (-2147483649.0, false, 2147483648.0));
        let b = bounds(32, 32, true);
        assert!((b.low, b.low_inclusive, b.high) == (-2147483648.0, true, 2147483648.0));
        let b = bounds(64, 64, true);
        assert!(
            (b.low, b.low_inclusive, b.high)
                == (-9223372036854775808.0, true, 9223372036854775808.0)
        );
        let b = bounds(32, 64, false);
        assert!((b.low, b.low_inclusive, b.high) == (-1.0, false, 18446744073709551616.0));
    }
}
