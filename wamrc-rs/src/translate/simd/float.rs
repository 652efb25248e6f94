//! Float arithmetic lane by lane.

use inkwell::FloatPredicate;
use inkwell::types::VectorType;
use inkwell::values::VectorValue;

use super::Shape;
use crate::error::Result;
use crate::target::Vectors;
use crate::translate::function::FunctionTranslator;
use crate::translate::numeric::{Extremum, FloatOp, float_constant};

/// To which integer a float is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    Ceil,
    Floor,
    Trunc,
    Nearest,
}

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    pub(super) fn float_arithmetic(&mut self, shape: Shape, op: FloatOp) -> Result<()> {
        let right = self.pop_arithmetic_vector(shape)?;
        let left = self.pop_arithmetic_vector(shape)?;
        let value = match op {
            FloatOp::Add => self.builder.build_float_add(left, right, "")?,
            FloatOp::Sub => self.builder.build_float_sub(left, right, "")?,
            FloatOp::Mul => self.builder.build_float_mul(left, right, "")?,
            FloatOp::Div => self.builder.build_float_div(left, right, "")?,
        };
        self.push_vector(value)
    }

    /// Pops a vector of floats. As with scalars, constant NaNs become canonical ones.
    pub(super) fn pop_arithmetic_vector(&mut self, shape: Shape) -> Result<VectorValue<'ctx>> {
        let value = self.pop_vector(shape)?;
        if !value.is_constant_data_vector() {
            return Ok(value);
        }
        let lanes: Vec<_> = (0..shape.lanes())
            .map(|lane| value.get_element_as_constant(lane).into_float_value())
            .map(|lane| match float_constant(lane) {
                Some(number) if number.is_nan() => lane.get_type().const_float(f64::NAN),
                _ => lane,
            })
            .collect();
        Ok(VectorType::const_vector(&lanes))
    }

    /// An operation of one operand that LLVM has an intrinsic for.
    pub(super) fn float_lane_unary(&mut self, shape: Shape, name: &str) -> Result<()> {
        let value = self.pop_vector(shape)?;
        let value = self.vector_intrinsic(name, value.get_type(), &[value])?;
        self.push_vector(value)
    }

    pub(super) fn negate_float_lanes(&mut self, shape: Shape) -> Result<()> {
        let value = self.pop_vector(shape)?;
        let value = self.builder.build_float_neg(value, "")?;
        self.push_vector(value)
    }

    /// `min` and `max`, as those of scalars.
    pub(super) fn extremum_of_lanes(&mut self, shape: Shape, which: Extremum) -> Result<()> {
        let right = self.pop_arithmetic_vector(shape)?;
        let left = self.pop_arithmetic_vector(shape)?;
        let value = match (self.vectors(), which) {
            // Not LLVM's `minimum`, which it folds to the operand where both are the same, NaN or not.
            (Vectors::Neon { .. }, Extremum::Minimum) => {
                self.vector_intrinsic("llvm.aarch64.neon.fmin", left.get_type(), &[left, right])?
            }
            (Vectors::Neon { .. }, Extremum::Maximum) => {
                self.vector_intrinsic("llvm.aarch64.neon.fmax", left.get_type(), &[left, right])?
            }
            (Vectors::X86 { .. } | Vectors::Generic { .. }, _) => {
                self.lane_extremum_by_comparison(left, right, shape, which)?
            }
        };
        self.push_vector(value)
    }

    /// See [`FunctionTranslator::extremum_by_comparison`].
    fn lane_extremum_by_comparison(
        &self,
        left: VectorValue<'ctx>,
        right: VectorValue<'ctx>,
        shape: Shape,
        which: Extremum,
    ) -> Result<VectorValue<'ctx>> {
        let builder = &self.builder;
        let one = self.cast(self.pick(which, left, right)?, shape.integers())?;
        let other = self.cast(self.pick(which, right, left)?, shape.integers())?;
        let bits = match which {
            Extremum::Minimum => builder.build_or(one, other, "")?,
            Extremum::Maximum => builder.build_and(one, other, "")?,
        };
        let number = self.cast(bits, shape)?;
        let unordered = builder.build_float_compare(FloatPredicate::UNO, left, right, "")?;
        let nan = builder.build_float_add(left, right, "")?;
        let value = builder.build_select(unordered, nan, number, "")?;
        Ok(value.into_vector_value())
    }

    /// `first` in the lanes where it is less or greater than `second`, else `second`, also for NaNs.
    pub(super) fn pick(
        &self,
        which: Extremum,
        first: VectorValue<'ctx>,
        second: VectorValue<'ctx>,
    ) -> Result<VectorValue<'ctx>> {
        if matches!(self.vectors(), Vectors::X86 { .. }) {
            // LLVM finds `minps` behind a selection of floats, but `f64x2` would be selected as integers.
            let is_f32 = first.get_type().get_size() == 4;
            let name = match (which, is_f32) {
                (Extremum::Minimum, true) => "llvm.x86.sse.min.ps",
                (Extremum::Minimum, false) => "llvm.x86.sse2.min.pd",
                (Extremum::Maximum, true) => "llvm.x86.sse.max.ps",
                (Extremum::Maximum, false) => "llvm.x86.sse2.max.pd",
            };
            return self.target_intrinsic(name, &[first, second]);
        }
        let predicate = match which {
            Extremum::Minimum => FloatPredicate::OLT,
            Extremum::Maximum => FloatPredicate::OGT,
        };
        let better = (self.builder).build_float_compare(predicate, first, second, "")?;
        let value = self.builder.build_select(better, first, second, "")?;
        Ok(value.into_vector_value())
    }

    /// `pmin` and `pmax`: the second operand if it is less or greater, else the first as it is.
    pub(super) fn pseudo_extremum(&mut self, shape: Shape, which: Extremum) -> Result<()> {
        let (left, right) = self.pop_vectors(shape)?;
        let value = self.pick(which, right, left)?;
        self.push_vector(value)
    }

    /// `relaxed_min` and `relaxed_max`.
    pub(super) fn relaxed_extremum(&mut self, shape: Shape, which: Extremum) -> Result<()> {
        if matches!(self.vectors(), Vectors::Neon { .. }) {
            return self.extremum_of_lanes(shape, which);
        }
        let (left, right) = self.pop_vectors(shape)?;
        let value = self.pick(which, left, right)?;
        self.push_vector(value)
    }

    pub(super) fn round_lanes(&mut self, shape: Shape, rounding: Rounding) -> Result<()> {
        let value = self.pop_vector(shape)?;
        let value = self.round(value, shape, rounding)?;
        self.push_vector(value)
    }

    pub(super) fn round(
        &self,
        value: VectorValue<'ctx>,
        shape: Shape,
        rounding: Rounding,
    ) -> Result<VectorValue<'ctx>> {
        if matches!(self.vectors(), Vectors::X86 { sse41: false, .. }) {
            return self.round_by_adding(value, shape, rounding);
        }
        let name = match rounding {
            Rounding::Ceil => "llvm.ceil",
            Rounding::Floor => "llvm.floor",
            Rounding::Trunc => "llvm.trunc",
            Rounding::Nearest => "llvm.roundeven",
        };
        let ty = value.get_type();
        let value = match self.vectors() {
            // What LLVM makes of it for RISC-V returns a signalling NaN as it is.
            Vectors::Generic { .. } => self.vector_intrinsic("llvm.canonicalize", ty, &[value])?,
            Vectors::X86 { .. } | Vectors::Neon { .. } => value,
        };
        self.vector_intrinsic(name, ty, &[value])
    }

    /// Rounds without an instruction for it. A sum of at least 2^52 (2^23 for `f32`) has no fraction, so adding
    /// such a number and taking it away rounds to the nearest integer, of two to the even one. What is that
    /// large itself is an integer, and 0 is added; so is to a NaN, which becomes quiet.
    fn round_by_adding(
        &self,
        value: VectorValue<'ctx>,
        shape: Shape,
        rounding: Rounding,
    ) -> Result<VectorValue<'ctx>> {
        let builder = &self.builder;
        let ty = value.get_type();
        let digits = if shape == Shape::F32x4 { 23 } else { 52 };
        let large = self.splat_float(shape, 2f64.powi(digits));
        let absolute = self.vector_intrinsic("llvm.fabs", ty, &[value])?;
        let or_zero = |predicate, of, from, number| {
            let holds = builder.build_float_compare(predicate, of, from, "")?;
            let number = builder.build_select(holds, number, ty.const_zero(), "")?;
            Ok::<_, crate::Error>(number.into_vector_value())
        };
        let offset = or_zero(FloatPredicate::OLT, absolute, large, large)?;
        let sum = builder.build_float_add(absolute, offset, "")?;
        let nearest = builder.build_float_sub(sum, offset, "")?;
        let copy_sign = |magnitude| self.vector_intrinsic("llvm.copysign", ty, &[magnitude, value]);
        // Where the nearest integer is on the wrong side, the right one is beside it.
        let one = self.splat_float(shape, 1.0);
        match rounding {
            Rounding::Nearest => copy_sign(nearest),
            Rounding::Trunc => {
                let step = or_zero(FloatPredicate::OGT, nearest, absolute, one)?;
                copy_sign(builder.build_float_sub(nearest, step, "")?)
            }
            Rounding::Floor => {
                let nearest = copy_sign(nearest)?;
                let step = or_zero(FloatPredicate::OGT, nearest, value, one)?;
                Ok(builder.build_float_sub(nearest, step, "")?)
            }
            Rounding::Ceil => {
                let nearest = copy_sign(nearest)?;
                let step = or_zero(FloatPredicate::OLT, nearest, value, one)?;
                copy_sign(builder.build_float_add(nearest, step, "")?)
            }
        }
    }
}
