//! Vectors of 128 bits: the fixed-width and the relaxed vector instructions. A file an operator family.
//!
//! Between operators a vector is `<2 x i64>`, which every target can pass and keep: RISC-V without
//! vector registers in two integer registers, where `<16 x i8>` would take sixteen. Operators cast it
//! to the lanes that they work on. Where LLVM makes good instructions of plain IR, plain IR is what
//! is built; elsewhere the target's own intrinsics are chosen by [`Vectors`].
//!
//! Floats follow the scalar ones: NaNs that arithmetic returns are quiet, `min` and `max` order the
//! zeros. What the relaxed instructions leave open is decided in `relaxed.rs`.

mod bits;
mod compare;
mod convert;
mod dispatch;
mod float;
mod integer;
mod lanes;
mod memory;
mod multiply;
mod relaxed;

use std::num::NonZeroU32;

use inkwell::types::{BasicType, BasicTypeEnum, IntType, VectorType};
use inkwell::values::{BasicMetadataValueEnum, BasicValueEnum, IntValue, VectorValue};
use wamr_aot_loader::format::module::ValType;

use super::function::FunctionTranslator;
use super::unit::Types;
use crate::error::Result;
use crate::target::Vectors;

/// How a vector is divided into lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    I8x16,
    I16x8,
    I32x4,
    I64x2,
    F32x4,
    F64x2,
}

impl Shape {
    /// Number of lanes.
    fn lanes(self) -> u32 {
        128 / self.bits()
    }

    /// Width of a lane.
    fn bits(self) -> u32 {
        match self {
            Shape::I8x16 => 8,
            Shape::I16x8 => 16,
            Shape::I32x4 | Shape::F32x4 => 32,
            Shape::I64x2 | Shape::F64x2 => 64,
        }
    }

    fn lane<'ctx>(self, types: &Types<'ctx>) -> BasicTypeEnum<'ctx> {
        match self {
            Shape::I8x16 => types.i8.into(),
            Shape::I16x8 => types.i16.into(),
            Shape::I32x4 => types.i32.into(),
            Shape::I64x2 => types.i64.into(),
            Shape::F32x4 => types.f32.into(),
            Shape::F64x2 => types.f64.into(),
        }
    }

    /// The scalar that stands for a lane on the operand stack.
    fn scalar(self) -> ValType {
        match self {
            Shape::I8x16 | Shape::I16x8 | Shape::I32x4 => ValType::I32,
            Shape::I64x2 => ValType::I64,
            Shape::F32x4 => ValType::F32,
            Shape::F64x2 => ValType::F64,
        }
    }

    fn vector<'ctx>(self, types: &Types<'ctx>) -> VectorType<'ctx> {
        vector_of(self.lane(types), self.lanes())
    }

    /// The integers as wide as the lanes.
    fn integers(self) -> Self {
        match self {
            Shape::F32x4 => Shape::I32x4,
            Shape::F64x2 => Shape::I64x2,
            integers => integers,
        }
    }

    /// Half as many integers of twice the width.
    fn wider(self) -> Self {
        match self {
            Shape::I8x16 => Shape::I16x8,
            Shape::I16x8 => Shape::I32x4,
            _ => Shape::I64x2,
        }
    }
}

/// Which half of a vector's lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Low,
    High,
}

/// Whether lanes are extended as signed numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Signed,
    Unsigned,
}

/// LLVM's type of a vector of any number of lanes.
fn vector_of(lane: BasicTypeEnum<'_>, lanes: u32) -> VectorType<'_> {
    match lane {
        BasicTypeEnum::FloatType(lane) => lane.vec_type(lanes),
        lane => lane.into_int_type().vec_type(lanes),
    }
}

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    fn vectors(&self) -> Vectors {
        self.unit.config.vectors
    }

    fn pop_vector(&mut self, shape: Shape) -> Result<VectorValue<'ctx>> {
        let value = self.pop()?.into_vector_value();
        self.cast(value, shape)
    }

    /// Pops two vectors, the right operand first; yields them as written.
    fn pop_vectors(&mut self, shape: Shape) -> Result<(VectorValue<'ctx>, VectorValue<'ctx>)> {
        let right = self.pop_vector(shape)?;
        let left = self.pop_vector(shape)?;
        Ok((left, right))
    }

    fn push_vector(&mut self, value: VectorValue<'ctx>) -> Result<()> {
        let value = self.cast(value, Shape::I64x2)?;
        self.push(ValType::V128, value);
        Ok(())
    }

    /// The same bits in other lanes. Constants stay constants, which LLVM itself sees to only later.
    fn cast(&self, value: VectorValue<'ctx>, shape: Shape) -> Result<VectorValue<'ctx>> {
        let ty = shape.vector(&self.unit.types);
        if value.get_type() == ty {
            return Ok(value);
        }
        if let Some(bits) = self.constant_bits(value)? {
            return self.constant_vector(bits, shape);
        }
        let value = self.builder.build_bit_cast(value, ty, "")?;
        Ok(value.into_vector_value())
    }

    /// The bits of a constant.
    fn constant_bits(&self, value: VectorValue<'ctx>) -> Result<Option<u128>> {
        if value.is_null() {
            return Ok(Some(0));
        }
        if !value.is_constant_data_vector() {
            return Ok(None);
        }
        let count = value.get_type().get_size();
        let lane_bits = 128 / count;
        let ty = self.integer_type(lane_bits)?;
        let mut bits = 0;
        for lane in 0..count {
            let lane_value = value.get_element_as_constant(lane);
            let lane_value = self.builder.build_bit_cast(lane_value, ty, "")?;
            let Some(number) = lane_value.into_int_value().get_zero_extended_constant() else {
                return Ok(None);
            };
            bits |= u128::from(number) << (lane * lane_bits);
        }
        Ok(Some(bits))
    }

    fn constant_vector(&self, bits: u128, shape: Shape) -> Result<VectorValue<'ctx>> {
        let ty = self.integer_type(shape.bits())?;
        let mut lanes = Vec::with_capacity(shape.lanes() as usize);
        for lane in 0..shape.lanes() {
            // The type takes the lowest bits.
            let number = ty.const_int((bits >> (lane * shape.bits())) as u64, false);
            lanes.push(
                self.builder
                    .build_bit_cast(number, shape.lane(&self.unit.types), "")?,
            );
        }
        Ok(VectorType::const_vector(&lanes))
    }

    /// Calls an intrinsic that is overloaded for one type of vector, and returns one.
    fn vector_intrinsic(
        &self,
        name: &str,
        ty: impl BasicType<'ctx>,
        arguments: &[VectorValue<'ctx>],
    ) -> Result<VectorValue<'ctx>> {
        self.intrinsic_of(name, &[ty.as_basic_type_enum()], arguments)
    }

    /// Calls an intrinsic of a target that is for one type of vector only.
    fn target_intrinsic(
        &self,
        name: &str,
        arguments: &[VectorValue<'ctx>],
    ) -> Result<VectorValue<'ctx>> {
        self.intrinsic_of(name, &[], arguments)
    }

    fn intrinsic_of(
        &self,
        name: &str,
        types: &[BasicTypeEnum<'ctx>],
        arguments: &[VectorValue<'ctx>],
    ) -> Result<VectorValue<'ctx>> {
        let arguments: Vec<BasicMetadataValueEnum<'ctx>> =
            arguments.iter().map(|value| (*value).into()).collect();
        let result = self.call_intrinsic(name, types, &arguments)?;
        Ok(result.into_vector_value())
    }

    /// LLVM's integers of any width.
    fn integer_type(&self, bits: u32) -> Result<IntType<'ctx>> {
        NonZeroU32::new(bits)
            .and_then(|bits| self.unit.context.custom_width_int_type(bits).ok())
            .ok_or_else(|| self.internal("no integer of this width"))
    }

    fn index(&self, index: u32) -> IntValue<'ctx> {
        self.unit.types.i32.const_int(u64::from(index), false)
    }

    /// A vector of the lanes of two others, which the numbers in `lanes` count through.
    fn shuffle(
        &self,
        first: VectorValue<'ctx>,
        second: VectorValue<'ctx>,
        lanes: impl IntoIterator<Item = u32>,
    ) -> Result<VectorValue<'ctx>> {
        let mask: Vec<_> = lanes.into_iter().map(|lane| self.index(lane)).collect();
        let mask = VectorType::const_vector(&mask);
        Ok(self.builder.build_shuffle_vector(first, second, mask, "")?)
    }

    /// Some of a vector's lanes.
    fn select_lanes(
        &self,
        value: VectorValue<'ctx>,
        lanes: impl IntoIterator<Item = u32>,
    ) -> Result<VectorValue<'ctx>> {
        self.shuffle(value, value.get_type().get_poison(), lanes)
    }

    /// The lower or the upper half of a vector's lanes.
    fn half(&self, value: VectorValue<'ctx>, half: Half) -> Result<VectorValue<'ctx>> {
        let count = value.get_type().get_size() / 2;
        let start = if half == Half::Low { 0 } else { count };
        self.select_lanes(value, start..start + count)
    }

    /// A vector with a value in every lane.
    fn splat_value(&self, value: BasicValueEnum<'ctx>, shape: Shape) -> Result<VectorValue<'ctx>> {
        let none = shape.vector(&self.unit.types).get_poison();
        let one = self
            .builder
            .build_insert_element(none, value, self.index(0), "")?;
        self.select_lanes(one, std::iter::repeat_n(0, shape.lanes() as usize))
    }

    /// A constant in every lane of a vector of integers.
    fn splat_integer(&self, shape: Shape, value: u64) -> VectorValue<'ctx> {
        let lane = shape.lane(&self.unit.types).into_int_type();
        VectorType::const_vector(&vec![lane.const_int(value, false); shape.lanes() as usize])
    }

    /// A constant in every lane of a vector of floats.
    fn splat_float(&self, shape: Shape, value: f64) -> VectorValue<'ctx> {
        let lane = shape.lane(&self.unit.types).into_float_type();
        VectorType::const_vector(&vec![lane.const_float(value); shape.lanes() as usize])
    }

    /// Integers of twice the width.
    fn widen(
        &self,
        value: VectorValue<'ctx>,
        lane: BasicTypeEnum<'ctx>,
        sign: Sign,
    ) -> Result<VectorValue<'ctx>> {
        let ty = vector_of(lane, value.get_type().get_size());
        Ok(match sign {
            Sign::Signed => self.builder.build_int_s_extend(value, ty, "")?,
            Sign::Unsigned => self.builder.build_int_z_extend(value, ty, "")?,
        })
    }

    /// All bits of each lane for which a comparison holds.
    fn lane_mask(&self, condition: VectorValue<'ctx>, shape: Shape) -> Result<VectorValue<'ctx>> {
        let ty = shape.integers().vector(&self.unit.types);
        Ok(self.builder.build_int_s_extend(condition, ty, "")?)
    }
}
