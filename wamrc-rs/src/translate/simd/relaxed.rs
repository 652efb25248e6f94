//! Relaxed operators: each may do one of several things, of which a target does always the same. "SSSE3",
//! "SSE4.1" and "FMA" are x86-64 with these features (`--cpu`, `--cpu-features`).
//!
//! | operators | choice |
//! |---|---|
//! | `relaxed_swizzle` | an index of 16 or more: 0. SSSE3: 0 from 128 on, below that modulo 16 |
//! | `relaxed_trunc_*_s` | out of range or NaN: saturated, 0. x86-64: the least number |
//! | `relaxed_trunc_*_u` | saturated; 0 for a NaN |
//! | `relaxed_madd`, `relaxed_nmadd` | rounded once on AArch64, RISC-V with `d`, FMA; else twice |
//! | `relaxed_laneselect` | bit by bit. SSE4.1: by the top bit of the lane, but for `i16x8` |
//! | `relaxed_min`, `relaxed_max` | AArch64: as `min` and `max`. Others: the second operand if one is NaN or both are zero |
//! | `relaxed_q15mulr_s` | -1 × -1: saturated. SSSE3: -1 |
//! | `relaxed_dot_*` | `i7` lanes beyond 127 are negative, sums of two wrap. SSSE3: they are positive, sums of two saturate. AArch64 with `dotprod`: the sum of four does not wrap at 16 bits |
//!
//! Modules of different CPU features in one store may so differ in what they choose.

use inkwell::IntPredicate;
use inkwell::values::VectorValue;

use super::{Shape, Sign};
use crate::error::Result;
use crate::target::Vectors;
use crate::translate::function::FunctionTranslator;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// `relaxed_madd`, a × b + c, and `relaxed_nmadd`, -(a × b) + c.
    pub(super) fn relaxed_madd(&mut self, shape: Shape, negate: bool) -> Result<()> {
        let addend = self.pop_arithmetic_vector(shape)?;
        let right = self.pop_arithmetic_vector(shape)?;
        let mut left = self.pop_arithmetic_vector(shape)?;
        if negate {
            left = self.builder.build_float_neg(left, "")?;
        }
        let value = if self.vectors().has_fma() {
            self.vector_intrinsic("llvm.fma", left.get_type(), &[left, right, addend])?
        } else {
            let product = self.builder.build_float_mul(left, right, "")?;
            self.builder.build_float_add(product, addend, "")?
        };
        self.push_vector(value)
    }

    pub(super) fn relaxed_lane_select(&mut self, shape: Shape) -> Result<()> {
        if !matches!(self.vectors(), Vectors::X86 { sse41: true, .. }) || shape == Shape::I16x8 {
            return self.bitselect();
        }
        let mask = self.pop_vector(shape)?;
        let (set, clear) = self.pop_vectors(shape)?;
        let zero = mask.get_type().const_zero();
        let top = (self.builder).build_int_compare(IntPredicate::SLT, mask, zero, "")?;
        let value: VectorValue<'ctx> = self
            .builder
            .build_select(top, set, clear, "")?
            .into_vector_value();
        self.push_vector(value)
    }

    /// `i32x4.relaxed_trunc_f32x4`.
    pub(super) fn relaxed_truncate(&mut self, sign: Sign) -> Result<()> {
        if sign == Sign::Unsigned || !matches!(self.vectors(), Vectors::X86 { .. }) {
            return self.truncate_lanes(sign);
        }
        let value = self.pop_vector(Shape::F32x4)?;
        let value = self.target_intrinsic("llvm.x86.sse2.cvttps2dq", &[value])?;
        self.push_vector(value)
    }

    /// `i32x4.relaxed_trunc_f64x2_zero`.
    pub(super) fn relaxed_truncate_zero(&mut self, sign: Sign) -> Result<()> {
        if sign == Sign::Unsigned || !matches!(self.vectors(), Vectors::X86 { .. }) {
            return self.truncate_zero(sign);
        }
        let value = self.pop_vector(Shape::F64x2)?;
        let value = self.target_intrinsic("llvm.x86.sse2.cvttpd2dq", &[value])?;
        self.push_vector(value)
    }
}
