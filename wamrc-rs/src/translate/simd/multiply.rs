//! Products that are wider than their factors, rounded, or summed.

use inkwell::values::VectorValue;

use super::{Half, Shape, Sign};
use crate::error::Result;
use crate::target::Vectors;
use crate::translate::function::FunctionTranslator;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// Products of half of the lanes, twice as wide.
    pub(super) fn multiply_half(&mut self, shape: Shape, half: Half, sign: Sign) -> Result<()> {
        let (left, right) = self.pop_vectors(shape)?;
        let value = self.products(left, right, shape, half, sign)?;
        self.push_vector(value)
    }

    fn products(
        &self,
        left: VectorValue<'ctx>,
        right: VectorValue<'ctx>,
        shape: Shape,
        half: Half,
        sign: Sign,
    ) -> Result<VectorValue<'ctx>> {
        let left = self.extended_half(left, shape, half, sign)?;
        let right = self.extended_half(right, shape, half, sign)?;
        Ok(self.builder.build_int_mul(left, right, "")?)
    }

    /// `i32x4.dot_i16x8_s`: sums of the products of neighbours.
    pub(super) fn dot(&mut self) -> Result<()> {
        let (left, right) = self.pop_vectors(Shape::I16x8)?;
        let value = match self.vectors() {
            Vectors::X86 { .. } => {
                self.target_intrinsic("llvm.x86.sse2.pmadd.wd", &[left, right])?
            }
            Vectors::Neon { .. } => self.add_products(left, right, Shape::I16x8)?,
            Vectors::Generic { .. } => {
                let (even, odd) = self.extended_pairs(left, Shape::I16x8, Sign::Signed)?;
                let right = self.extended_pairs(right, Shape::I16x8, Sign::Signed)?;
                let even = self.builder.build_int_mul(even, right.0, "")?;
                let odd = self.builder.build_int_mul(odd, right.1, "")?;
                self.builder.build_int_add(even, odd, "")?
            }
        };
        self.push_vector(value)
    }

    /// NEON: long products of both halves, then sums of neighbours.
    fn add_products(
        &self,
        left: VectorValue<'ctx>,
        right: VectorValue<'ctx>,
        shape: Shape,
    ) -> Result<VectorValue<'ctx>> {
        let low = self.products(left, right, shape, Half::Low, Sign::Signed)?;
        let high = self.products(left, right, shape, Half::High, Sign::Signed)?;
        self.vector_intrinsic("llvm.aarch64.neon.addp", low.get_type(), &[low, high])
    }

    /// `i16x8.q15mulr_sat_s`: (a × b + 2^14) / 2^15, saturated. Only -1 × -1 saturates.
    pub(super) fn multiply_q15(&mut self) -> Result<()> {
        let (left, right) = self.pop_vectors(Shape::I16x8)?;
        let value = match self.vectors() {
            Vectors::X86 { ssse3: true, .. } => {
                let product =
                    self.target_intrinsic("llvm.x86.ssse3.pmul.hr.sw.128", &[left, right])?;
                let least = self.splat_integer(Shape::I16x8, 0x8000);
                let wrapped = self.builder.build_int_compare(
                    inkwell::IntPredicate::EQ,
                    product,
                    least,
                    "",
                )?;
                let wrapped = self.lane_mask(wrapped, Shape::I16x8)?;
                self.builder.build_xor(product, wrapped, "")?
            }
            Vectors::Neon { .. } => self.vector_intrinsic(
                "llvm.aarch64.neon.sqrdmulh",
                left.get_type(),
                &[left, right],
            )?,
            Vectors::X86 { .. } | Vectors::Generic { .. } => {
                let low = self.rounded_products(left, right, Half::Low)?;
                let high = self.rounded_products(left, right, Half::High)?;
                self.pack(low, high, Shape::I32x4, Sign::Signed)?
            }
        };
        self.push_vector(value)
    }

    fn rounded_products(
        &self,
        left: VectorValue<'ctx>,
        right: VectorValue<'ctx>,
        half: Half,
    ) -> Result<VectorValue<'ctx>> {
        let product = self.products(left, right, Shape::I16x8, half, Sign::Signed)?;
        let rounding = self.splat_integer(Shape::I32x4, 1 << 14);
        let sum = self.builder.build_int_add(product, rounding, "")?;
        let shift = self.splat_integer(Shape::I32x4, 15);
        Ok(self.builder.build_right_shift(sum, shift, true, "")?)
    }

    /// `i16x8.relaxed_q15mulr_s`.
    pub(super) fn relaxed_multiply_q15(&mut self) -> Result<()> {
        if !matches!(self.vectors(), Vectors::X86 { ssse3: true, .. }) {
            return self.multiply_q15();
        }
        let (left, right) = self.pop_vectors(Shape::I16x8)?;
        let value = self.target_intrinsic("llvm.x86.ssse3.pmul.hr.sw.128", &[left, right])?;
        self.push_vector(value)
    }

    /// `i16x8.relaxed_dot_i8x16_i7x16_s`.
    pub(super) fn relaxed_dot(&mut self) -> Result<()> {
        let (left, right) = self.pop_vectors(Shape::I8x16)?;
        let value = self.byte_dot(left, right)?;
        self.push_vector(value)
    }

    /// `i32x4.relaxed_dot_i8x16_i7x16_add_s`.
    pub(super) fn relaxed_dot_add(&mut self) -> Result<()> {
        let sum = self.pop_vector(Shape::I32x4)?;
        let (left, right) = self.pop_vectors(Shape::I8x16)?;
        let value = match self.vectors() {
            Vectors::Neon { dotprod: true } => {
                let types = [sum.get_type().into(), left.get_type().into()];
                self.intrinsic_of("llvm.aarch64.neon.sdot", &types, &[sum, left, right])?
            }
            Vectors::Neon { .. } => {
                let pairs = self.byte_dot(left, right)?;
                let types = [sum.get_type().into(), pairs.get_type().into()];
                let pairs = self.intrinsic_of("llvm.aarch64.neon.saddlp", &types, &[pairs])?;
                self.builder.build_int_add(pairs, sum, "")?
            }
            Vectors::X86 { .. } => {
                let pairs = self.byte_dot(left, right)?;
                let ones = self.splat_integer(Shape::I16x8, 1);
                let pairs = self.target_intrinsic("llvm.x86.sse2.pmadd.wd", &[pairs, ones])?;
                self.builder.build_int_add(pairs, sum, "")?
            }
            Vectors::Generic { .. } => {
                let pairs = self.byte_dot(left, right)?;
                let (even, odd) = self.extended_pairs(pairs, Shape::I16x8, Sign::Signed)?;
                let pairs = self.builder.build_int_add(even, odd, "")?;
                self.builder.build_int_add(pairs, sum, "")?
            }
        };
        self.push_vector(value)
    }

    fn byte_dot(
        &self,
        left: VectorValue<'ctx>,
        right: VectorValue<'ctx>,
    ) -> Result<VectorValue<'ctx>> {
        match self.vectors() {
            // Its first operand is the unsigned one.
            Vectors::X86 { ssse3: true, .. } => {
                self.target_intrinsic("llvm.x86.ssse3.pmadd.ub.sw.128", &[right, left])
            }
            Vectors::Neon { .. } => self.add_products(left, right, Shape::I8x16),
            Vectors::X86 { .. } | Vectors::Generic { .. } => {
                let (even, odd) = self.extended_pairs(left, Shape::I8x16, Sign::Signed)?;
                let right = self.extended_pairs(right, Shape::I8x16, Sign::Signed)?;
                let even = self.builder.build_int_mul(even, right.0, "")?;
                let odd = self.builder.build_int_mul(odd, right.1, "")?;
                Ok(self.builder.build_int_add(even, odd, "")?)
            }
        }
    }
}
