//! Conversions between lanes of integers and floats.

use inkwell::FloatPredicate;
use inkwell::types::IntType;
use inkwell::values::VectorValue;

use super::float::Rounding;
use super::{Half, Shape, Sign};
use crate::error::Result;
use crate::target::Vectors;
use crate::translate::function::FunctionTranslator;
use crate::translate::numeric::Extremum;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// `f32x4.convert_i32x4`.
    pub(super) fn convert_lanes(&mut self, sign: Sign) -> Result<()> {
        let value = self.pop_vector(Shape::I32x4)?;
        let value = self.floats_of(value, Shape::F32x4.vector(&self.unit.types), sign)?;
        self.push_vector(value)
    }

    /// `f64x2.convert_low_i32x4`.
    pub(super) fn convert_low(&mut self, sign: Sign) -> Result<()> {
        let value = self.pop_vector(Shape::I32x4)?;
        let value = self.half(value, Half::Low)?;
        let value = self.floats_of(value, Shape::F64x2.vector(&self.unit.types), sign)?;
        self.push_vector(value)
    }

    fn floats_of(
        &self,
        value: VectorValue<'ctx>,
        ty: inkwell::types::VectorType<'ctx>,
        sign: Sign,
    ) -> Result<VectorValue<'ctx>> {
        Ok(match sign {
            Sign::Signed => self.builder.build_signed_int_to_float(value, ty, "")?,
            Sign::Unsigned => self.builder.build_unsigned_int_to_float(value, ty, "")?,
        })
    }

    /// `f64x2.promote_low_f32x4`.
    pub(super) fn promote_low(&mut self) -> Result<()> {
        let value = self.pop_vector(Shape::F32x4)?;
        let value = self.half(value, Half::Low)?;
        let ty = Shape::F64x2.vector(&self.unit.types);
        let value = self.builder.build_float_ext(value, ty, "")?;
        self.push_vector(value)
    }

    /// `f32x4.demote_f64x2_zero`.
    pub(super) fn demote_zero(&mut self) -> Result<()> {
        let value = self.pop_vector(Shape::F64x2)?;
        let ty = self.unit.types.f32.vec_type(2);
        let value = self.builder.build_float_trunc(value, ty, "")?;
        let value = self.shuffle(value, ty.const_zero(), 0..4)?;
        self.push_vector(value)
    }

    /// `i32x4.trunc_sat_f32x4`.
    pub(super) fn truncate_lanes(&mut self, sign: Sign) -> Result<()> {
        let value = self.pop_vector(Shape::F32x4)?;
        let value = match (self.vectors(), sign) {
            (Vectors::X86 { .. }, Sign::Signed) => self.truncate_signed_x86(value)?,
            (Vectors::X86 { .. }, Sign::Unsigned) => self.truncate_unsigned_x86(value)?,
            _ => self.saturating(value, self.unit.types.i32, sign)?,
        };
        self.push_vector(value)
    }

    /// `i32x4.trunc_sat_f64x2_zero`.
    pub(super) fn truncate_zero(&mut self, sign: Sign) -> Result<()> {
        let value = self.pop_vector(Shape::F64x2)?;
        let value = match (self.vectors(), sign) {
            (Vectors::X86 { .. }, Sign::Signed) => {
                let value = self.zero_for_nan(value, Shape::F64x2)?;
                let most = self.splat_float(Shape::F64x2, i32::MAX.into());
                let value = self.pick(Extremum::Minimum, value, most)?;
                self.target_intrinsic("llvm.x86.sse2.cvttpd2dq", &[value])?
            }
            (Vectors::X86 { .. }, Sign::Unsigned) => self.truncate_zero_unsigned_x86(value)?,
            (Vectors::Neon { .. }, _) => {
                let value = self.saturating(value, self.unit.types.i64, sign)?;
                let name = match sign {
                    Sign::Signed => "llvm.aarch64.neon.sqxtn",
                    Sign::Unsigned => "llvm.aarch64.neon.uqxtn",
                };
                let ty = self.unit.types.i32.vec_type(2);
                let value = self.vector_intrinsic(name, ty, &[value])?;
                self.shuffle(value, ty.const_zero(), 0..4)?
            }
            (Vectors::Generic { .. }, _) => {
                let value = self.saturating(value, self.unit.types.i32, sign)?;
                self.shuffle(value, value.get_type().const_zero(), 0..4)?
            }
        };
        self.push_vector(value)
    }

    /// Saturating conversion to integers.
    fn saturating(
        &self,
        value: VectorValue<'ctx>,
        lane: IntType<'ctx>,
        sign: Sign,
    ) -> Result<VectorValue<'ctx>> {
        let name = match sign {
            Sign::Signed => "llvm.fptosi.sat",
            Sign::Unsigned => "llvm.fptoui.sat",
        };
        let ty = lane.vec_type(value.get_type().get_size());
        self.intrinsic_of(name, &[ty.into(), value.get_type().into()], &[value])
    }

    /// `cvttps2dq` yields the least number for a NaN and for what is too great; for what is too small that
    /// is right.
    fn truncate_signed_x86(&self, value: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
        let value = self.zero_for_nan(value, Shape::F32x4)?;
        let integers = self.target_intrinsic("llvm.x86.sse2.cvttps2dq", &[value])?;
        let too_great = self.is_at_least(value, 2f64.powi(31))?;
        Ok(self.builder.build_xor(integers, too_great, "")?)
    }

    fn truncate_unsigned_x86(&self, value: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
        let zero = value.get_type().const_zero();
        let value = self.pick(Extremum::Maximum, value, zero)?;
        // From 2^31 on this is 2^31, to which the rest is added.
        let low = self.target_intrinsic("llvm.x86.sse2.cvttps2dq", &[value])?;
        let offset = self.splat_float(Shape::F32x4, 2f64.powi(31));
        let rest = self.builder.build_float_sub(value, offset, "")?;
        let rest = self.target_intrinsic("llvm.x86.sse2.cvttps2dq", &[rest])?;
        let shift = self.splat_integer(Shape::I32x4, 31);
        let has_rest = (self.builder).build_right_shift(low, shift, true, "")?;
        let rest = self.builder.build_and(rest, has_rest, "")?;
        let integers = self.builder.build_or(low, rest, "")?;
        let too_great = self.is_at_least(value, 2f64.powi(32))?;
        Ok(self.builder.build_or(integers, too_great, "")?)
    }

    /// In the lowest bits of 2^52 + n is n.
    fn truncate_zero_unsigned_x86(&self, value: VectorValue<'ctx>) -> Result<VectorValue<'ctx>> {
        let zero = value.get_type().const_zero();
        let value = self.pick(Extremum::Maximum, value, zero)?;
        let most = self.splat_float(Shape::F64x2, u32::MAX.into());
        let value = self.pick(Extremum::Minimum, value, most)?;
        let value = self.round(value, Shape::F64x2, Rounding::Trunc)?;
        let offset = self.splat_float(Shape::F64x2, 2f64.powi(52));
        let sum = self.builder.build_float_add(value, offset, "")?;
        let words = self.cast(sum, Shape::I32x4)?;
        self.shuffle(words, words.get_type().const_zero(), [0, 2, 4, 5])
    }

    fn zero_for_nan(&self, value: VectorValue<'ctx>, shape: Shape) -> Result<VectorValue<'ctx>> {
        let ordered = (self.builder).build_float_compare(FloatPredicate::ORD, value, value, "")?;
        let mask = self.lane_mask(ordered, shape)?;
        let bits = self.cast(value, shape.integers())?;
        let bits = self.builder.build_and(bits, mask, "")?;
        self.cast(bits, shape)
    }

    /// All bits of the lanes that are not less than a number.
    fn is_at_least(&self, value: VectorValue<'ctx>, number: f64) -> Result<VectorValue<'ctx>> {
        let number = self.splat_float(Shape::F32x4, number);
        let holds = (self.builder).build_float_compare(FloatPredicate::OGE, value, number, "")?;
        self.lane_mask(holds, Shape::F32x4)
    }
}
