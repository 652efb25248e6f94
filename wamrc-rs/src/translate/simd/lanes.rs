//! Lanes: splat, extract, replace; and their order: shuffle, swizzle.

use inkwell::values::VectorValue;

use super::{Shape, Sign};
use crate::error::Result;
use crate::target::Vectors;
use crate::translate::function::FunctionTranslator;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    pub(super) fn splat(&mut self, shape: Shape) -> Result<()> {
        let value = self.pop_lane(shape)?;
        let value = self.splat_value(value, shape)?;
        self.push_vector(value)
    }

    pub(super) fn extract_lane(&mut self, shape: Shape, lane: u8, sign: Sign) -> Result<()> {
        let vector = self.pop_vector(shape)?;
        let index = self.index(lane.into());
        let mut value = self.builder.build_extract_element(vector, index, "")?;
        if shape.bits() < 32 {
            let (narrow, wide) = (value.into_int_value(), self.unit.types.i32);
            value = match sign {
                Sign::Signed => self.builder.build_int_s_extend(narrow, wide, "")?,
                Sign::Unsigned => self.builder.build_int_z_extend(narrow, wide, "")?,
            }
            .into();
        }
        self.push(shape.scalar(), value);
        Ok(())
    }

    pub(super) fn replace_lane(&mut self, shape: Shape, lane: u8) -> Result<()> {
        let value = self.pop_lane(shape)?;
        let vector = self.pop_vector(shape)?;
        let index = self.index(lane.into());
        let vector = (self.builder).build_insert_element(vector, value, index, "")?;
        self.push_vector(vector)
    }

    /// Pops a scalar as a lane holds it.
    fn pop_lane(&mut self, shape: Shape) -> Result<inkwell::values::BasicValueEnum<'ctx>> {
        let value = self.pop()?;
        if shape.bits() >= 32 {
            return Ok(value);
        }
        let lane = shape.lane(&self.unit.types).into_int_type();
        let narrow = (self.builder).build_int_truncate(value.into_int_value(), lane, "")?;
        Ok(narrow.into())
    }

    pub(super) fn shuffle_bytes(&mut self, lanes: [u8; 16]) -> Result<()> {
        let (left, right) = self.pop_vectors(Shape::I8x16)?;
        let value = self.shuffle(left, right, lanes.map(u32::from))?;
        self.push_vector(value)
    }

    pub(super) fn swizzle(&mut self) -> Result<()> {
        let (table, indices) = self.pop_vectors(Shape::I8x16)?;
        let value = match self.constant_bits(indices)? {
            Some(indices) => {
                let indices = indices.to_le_bytes();
                let zero = table.get_type().const_zero();
                self.shuffle(table, zero, indices.map(|index| u32::from(index).min(16)))?
            }
            None => self.look_up(table, indices)?,
        };
        self.push_vector(value)
    }

    /// The bytes of `table` that `indices` name; 0 for an index that is not less than 16.
    fn look_up(
        &self,
        table: VectorValue<'ctx>,
        indices: VectorValue<'ctx>,
    ) -> Result<VectorValue<'ctx>> {
        match self.vectors() {
            Vectors::X86 { ssse3: true, .. } => {
                // `pshufb` yields 0 for an index of 128 or more, and else takes it modulo 16.
                let beyond = self.splat_integer(Shape::I8x16, 0x70);
                let ty = indices.get_type();
                let indices = self.vector_intrinsic("llvm.uadd.sat", ty, &[indices, beyond])?;
                self.target_intrinsic("llvm.x86.ssse3.pshuf.b.128", &[table, indices])
            }
            Vectors::Neon { .. } => self.vector_intrinsic(
                "llvm.aarch64.neon.tbl1",
                table.get_type(),
                &[table, indices],
            ),
            Vectors::X86 { .. } | Vectors::Generic { .. } => {
                self.look_up_one_by_one(table, indices)
            }
        }
    }

    fn look_up_one_by_one(
        &self,
        table: VectorValue<'ctx>,
        indices: VectorValue<'ctx>,
    ) -> Result<VectorValue<'ctx>> {
        let builder = &self.builder;
        let inside = builder.build_int_compare(
            inkwell::IntPredicate::ULT,
            indices,
            self.splat_integer(Shape::I8x16, 16),
            "",
        )?;
        // A greater index would be poison.
        let low = builder.build_and(indices, self.splat_integer(Shape::I8x16, 15), "")?;
        let mut found = table.get_type().get_poison();
        for lane in 0..16 {
            let index = builder.build_extract_element(low, self.index(lane), "")?;
            let byte = builder.build_extract_element(table, index.into_int_value(), "")?;
            found = builder.build_insert_element(found, byte, self.index(lane), "")?;
        }
        Ok(builder.build_and(found, self.lane_mask(inside, Shape::I8x16)?, "")?)
    }

    /// `i8x16.relaxed_swizzle`.
    pub(super) fn relaxed_swizzle(&mut self) -> Result<()> {
        if !matches!(self.vectors(), Vectors::X86 { ssse3: true, .. }) {
            return self.swizzle();
        }
        let (table, indices) = self.pop_vectors(Shape::I8x16)?;
        let value = self.target_intrinsic("llvm.x86.ssse3.pshuf.b.128", &[table, indices])?;
        self.push_vector(value)
    }
}
