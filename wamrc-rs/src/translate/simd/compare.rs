//! Comparisons, and questions about all lanes.

use inkwell::values::VectorValue;
use inkwell::{FloatPredicate, IntPredicate};

use super::Shape;
use crate::error::Result;
use crate::target::Vectors;
use crate::translate::function::FunctionTranslator;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    pub(super) fn compare_lanes(&mut self, shape: Shape, predicate: IntPredicate) -> Result<()> {
        let (left, right) = self.pop_vectors(shape)?;
        let holds = (self.builder).build_int_compare(predicate, left, right, "")?;
        let mask = self.lane_mask(holds, shape)?;
        self.push_vector(mask)
    }

    pub(super) fn compare_float_lanes(
        &mut self,
        shape: Shape,
        predicate: FloatPredicate,
    ) -> Result<()> {
        let (left, right) = self.pop_vectors(shape)?;
        let holds = (self.builder).build_float_compare(predicate, left, right, "")?;
        let mask = self.lane_mask(holds, shape)?;
        self.push_vector(mask)
    }

    /// Is any bit set?
    pub(super) fn any_true(&mut self) -> Result<()> {
        let types = &self.unit.types;
        let (scalar, zero) = match self.vectors() {
            Vectors::Neon { .. } => {
                let value = self.pop_vector(Shape::I32x4)?;
                (self.reduce("llvm.vector.reduce.umax", value)?, types.i32)
            }
            Vectors::X86 { .. } | Vectors::Generic { .. } => {
                let value = self.pop_vector(Shape::I64x2)?;
                let all = self.unit.context.i128_type();
                let bits = self.builder.build_bit_cast(value, all, "")?;
                (bits.into_int_value(), all)
            }
        };
        let zero = zero.const_zero();
        let any = (self.builder).build_int_compare(IntPredicate::NE, scalar, zero, "")?;
        self.push_bool(any)
    }

    /// Is no lane 0?
    pub(super) fn all_true(&mut self, shape: Shape) -> Result<()> {
        let value = self.pop_vector(shape)?;
        if matches!(self.vectors(), Vectors::Neon { .. }) && shape != Shape::I64x2 {
            let least = self.reduce("llvm.vector.reduce.umin", value)?;
            let zero = least.get_type().const_zero();
            let all = (self.builder).build_int_compare(IntPredicate::NE, least, zero, "")?;
            return self.push_bool(all);
        }
        let zero = value.get_type().const_zero();
        let zeros = (self.builder).build_int_compare(IntPredicate::EQ, value, zero, "")?;
        let none = if matches!(self.vectors(), Vectors::Neon { .. }) {
            let mask = self.lane_mask(zeros, shape)?;
            let mask = self.cast(mask, Shape::I32x4)?;
            self.reduce("llvm.vector.reduce.umax", mask)?
        } else {
            self.bits_of_lanes(zeros)?
        };
        let zero = none.get_type().const_zero();
        let all = (self.builder).build_int_compare(IntPredicate::EQ, none, zero, "")?;
        self.push_bool(all)
    }

    /// The sign bit of each lane, lane 0's lowest.
    pub(super) fn bitmask(&mut self, shape: Shape) -> Result<()> {
        let value = self.pop_vector(shape)?;
        let zero = value.get_type().const_zero();
        let negative = (self.builder).build_int_compare(IntPredicate::SLT, value, zero, "")?;
        let bits = self.bits_of_lanes(negative)?;
        self.push_bool(bits)
    }

    /// An integer with a bit a lane.
    fn bits_of_lanes(
        &self,
        conditions: VectorValue<'ctx>,
    ) -> Result<inkwell::values::IntValue<'ctx>> {
        let lanes = conditions.get_type().get_size();
        let ty = self.integer_type(lanes)?;
        let bits = self.builder.build_bit_cast(conditions, ty, "")?;
        Ok(bits.into_int_value())
    }

    fn reduce(
        &self,
        name: &str,
        value: VectorValue<'ctx>,
    ) -> Result<inkwell::values::IntValue<'ctx>> {
        let result = self.call_intrinsic(name, &[value.get_type().into()], &[value.into()])?;
        Ok(result.into_int_value())
    }
}
