//! Integer arithmetic lane by lane, but for products.

use inkwell::values::{BasicMetadataValueEnum, VectorValue};

use super::{Half, Shape, Sign};
use crate::error::Result;
use crate::target::Vectors;
use crate::translate::function::FunctionTranslator;

/// Operators that LLVM has as instructions.
#[derive(Clone, Copy, Debug)]
pub(super) enum LaneOp {
    Add,
    Sub,
    Mul,
}

/// Shifts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shift {
    Left,
    RightSigned,
    RightUnsigned,
}

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    pub(super) fn lane_arithmetic(&mut self, shape: Shape, op: LaneOp) -> Result<()> {
        let (left, right) = self.pop_vectors(shape)?;
        let value = match op {
            LaneOp::Add => self.builder.build_int_add(left, right, "")?,
            LaneOp::Sub => self.builder.build_int_sub(left, right, "")?,
            LaneOp::Mul => self.builder.build_int_mul(left, right, "")?,
        };
        self.push_vector(value)
    }

    /// A binary operator that LLVM has as an intrinsic.
    pub(super) fn lane_binary(&mut self, shape: Shape, name: &str) -> Result<()> {
        let (left, right) = self.pop_vectors(shape)?;
        let value = self.vector_intrinsic(name, left.get_type(), &[left, right])?;
        self.push_vector(value)
    }

    pub(super) fn negate_lanes(&mut self, shape: Shape) -> Result<()> {
        let value = self.pop_vector(shape)?;
        let value = self.builder.build_int_neg(value, "")?;
        self.push_vector(value)
    }

    /// The absolute value; that of the least number is itself.
    pub(super) fn abs_lanes(&mut self, shape: Shape) -> Result<()> {
        let value = self.pop_vector(shape)?;
        let is_poison_at_min: BasicMetadataValueEnum<'ctx> = self.unit.types.i1.const_zero().into();
        let value = self.call_intrinsic(
            "llvm.abs",
            &[value.get_type().into()],
            &[value.into(), is_poison_at_min],
        )?;
        self.push_vector(value.into_vector_value())
    }

    pub(super) fn popcount_lanes(&mut self) -> Result<()> {
        let value = self.pop_vector(Shape::I8x16)?;
        let value = self.vector_intrinsic("llvm.ctpop", value.get_type(), &[value])?;
        self.push_vector(value)
    }

    /// The average, rounded up: LLVM knows the pattern as `pavgb` and `urhadd`.
    pub(super) fn average(&mut self, shape: Shape) -> Result<()> {
        let (left, right) = self.pop_vectors(shape)?;
        let ty = left.get_type();
        let wide = shape.wider().lane(&self.unit.types);
        let left = self.widen(left, wide, Sign::Unsigned)?;
        let right = self.widen(right, wide, Sign::Unsigned)?;
        let one = wide.into_int_type().const_int(1, false);
        let ones = inkwell::types::VectorType::const_vector(&vec![one; shape.lanes() as usize]);
        let sum = self.builder.build_int_add(left, right, "")?;
        let sum = self.builder.build_int_add(sum, ones, "")?;
        let half = self.builder.build_right_shift(sum, ones, false, "")?;
        let value = self.builder.build_int_truncate(half, ty, "")?;
        self.push_vector(value)
    }

    /// Shifts all lanes by the same count, modulo their width.
    pub(super) fn shift_lanes(&mut self, shape: Shape, shift: Shift) -> Result<()> {
        let count = self.pop_int()?;
        let value = self.pop_vector(shape)?;
        let types = &self.unit.types;
        let mask = types.i32.const_int(u64::from(shape.bits() - 1), false);
        let count = self.builder.build_and(count, mask, "")?;
        let lane = shape.lane(types).into_int_type();
        let count = if shape.bits() < 32 {
            self.builder.build_int_truncate(count, lane, "")?
        } else {
            self.extend(count, lane)?
        };
        let count = self.splat_value(count.into(), shape)?;
        let value = match shift {
            Shift::Left => self.builder.build_left_shift(value, count, "")?,
            Shift::RightSigned => self.builder.build_right_shift(value, count, true, "")?,
            Shift::RightUnsigned => self.builder.build_right_shift(value, count, false, "")?,
        };
        self.push_vector(value)
    }

    /// The lanes of two vectors, saturated to integers of half the width. Lanes are signed; `sign` is
    /// that of the results.
    pub(super) fn narrow_lanes(&mut self, shape: Shape, sign: Sign) -> Result<()> {
        let (low, high) = self.pop_vectors(shape)?;
        let value = self.pack(low, high, shape, sign)?;
        self.push_vector(value)
    }

    pub(super) fn pack(
        &self,
        low: VectorValue<'ctx>,
        high: VectorValue<'ctx>,
        shape: Shape,
        sign: Sign,
    ) -> Result<VectorValue<'ctx>> {
        let name = match (self.vectors(), shape, sign) {
            (Vectors::X86 { .. }, Shape::I16x8, Sign::Signed) => "llvm.x86.sse2.packsswb.128",
            (Vectors::X86 { .. }, Shape::I16x8, Sign::Unsigned) => "llvm.x86.sse2.packuswb.128",
            (Vectors::X86 { .. }, _, Sign::Signed) => "llvm.x86.sse2.packssdw.128",
            (Vectors::X86 { sse41: true, .. }, _, Sign::Unsigned) => "llvm.x86.sse41.packusdw",
            _ => {
                let both = self.shuffle(low, high, 0..2 * shape.lanes())?;
                return self.saturate(both, shape, sign);
            }
        };
        self.target_intrinsic(name, &[low, high])
    }

    fn saturate(
        &self,
        value: VectorValue<'ctx>,
        shape: Shape,
        sign: Sign,
    ) -> Result<VectorValue<'ctx>> {
        let (ty, lanes) = (value.get_type(), value.get_type().get_size());
        let bits = shape.bits() / 2;
        let lane = shape.lane(&self.unit.types).into_int_type();
        let splat = |number: i64| {
            let number = lane.const_int(number.cast_unsigned(), true);
            inkwell::types::VectorType::const_vector(&vec![number; lanes as usize])
        };
        let (least, most) = match sign {
            Sign::Signed => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            Sign::Unsigned => (0, (1 << bits) - 1),
        };
        let value = self.vector_intrinsic("llvm.smax", ty, &[value, splat(least)])?;
        let value = self.vector_intrinsic("llvm.smin", ty, &[value, splat(most)])?;
        let narrow = self.integer_type(bits)?;
        let ty = super::vector_of(narrow.into(), lanes);
        Ok(self.builder.build_int_truncate(value, ty, "")?)
    }

    /// Half of the lanes, extended to twice the width.
    pub(super) fn extend_half(&mut self, shape: Shape, half: Half, sign: Sign) -> Result<()> {
        let value = self.pop_vector(shape)?;
        let value = self.extended_half(value, shape, half, sign)?;
        self.push_vector(value)
    }

    pub(super) fn extended_half(
        &self,
        value: VectorValue<'ctx>,
        shape: Shape,
        half: Half,
        sign: Sign,
    ) -> Result<VectorValue<'ctx>> {
        let value = self.half(value, half)?;
        self.widen(value, shape.wider().lane(&self.unit.types), sign)
    }

    /// Sums of neighbours, twice as wide.
    pub(super) fn add_pairs(&mut self, shape: Shape, sign: Sign) -> Result<()> {
        let value = self.pop_vector(shape)?;
        let wide = shape.wider();
        let sum = match (self.vectors(), shape, sign) {
            (Vectors::X86 { ssse3: true, .. }, Shape::I8x16, Sign::Signed) => {
                let ones = self.splat_integer(shape, 1);
                self.target_intrinsic("llvm.x86.ssse3.pmadd.ub.sw.128", &[ones, value])?
            }
            (Vectors::X86 { ssse3: true, .. }, Shape::I8x16, Sign::Unsigned) => {
                let ones = self.splat_integer(shape, 1);
                self.target_intrinsic("llvm.x86.ssse3.pmadd.ub.sw.128", &[value, ones])?
            }
            (Vectors::X86 { .. }, Shape::I16x8, Sign::Signed) => {
                let ones = self.splat_integer(shape, 1);
                self.target_intrinsic("llvm.x86.sse2.pmadd.wd", &[value, ones])?
            }
            (Vectors::Neon { .. }, _, _) => {
                let name = match sign {
                    Sign::Signed => "llvm.aarch64.neon.saddlp",
                    Sign::Unsigned => "llvm.aarch64.neon.uaddlp",
                };
                let types = [
                    wide.vector(&self.unit.types).into(),
                    value.get_type().into(),
                ];
                self.intrinsic_of(name, &types, &[value])?
            }
            _ => {
                let (even, odd) = self.extended_pairs(value, shape, sign)?;
                self.builder.build_int_add(even, odd, "")?
            }
        };
        self.push_vector(sum)
    }

    /// The even and the odd lanes, twice as wide: by shifts in lanes of that width.
    pub(super) fn extended_pairs(
        &self,
        value: VectorValue<'ctx>,
        shape: Shape,
        sign: Sign,
    ) -> Result<(VectorValue<'ctx>, VectorValue<'ctx>)> {
        let value = self.cast(value, shape.wider())?;
        let bits = self.splat_integer(shape.wider(), shape.bits().into());
        let signed = sign == Sign::Signed;
        let low = self.builder.build_left_shift(value, bits, "")?;
        let low = self.builder.build_right_shift(low, bits, signed, "")?;
        let high = self.builder.build_right_shift(value, bits, signed, "")?;
        Ok((low, high))
    }
}
