//! Constants, arithmetic and comparisons.

use inkwell::intrinsics::Intrinsic;
use inkwell::llvm_sys::core::LLVMIsAConstantFP;
use inkwell::types::{BasicTypeEnum, VectorType};
use inkwell::values::{
    AsValueRef, BasicMetadataValueEnum, BasicValueEnum, FloatValue, FunctionValue, IntValue,
};
use inkwell::{FloatPredicate, IntPredicate};
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::trap::TrapCause;
use wasmparser::Operator;

use super::function::FunctionTranslator;
use crate::error::{Error, Result};

/// Integer operations that cannot trap.
#[derive(Clone, Copy, Debug)]
pub(super) enum IntOp {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Shl,
    ShrS,
    ShrU,
    Rotl,
    Rotr,
}

/// Integer divisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Division {
    DivS,
    DivU,
    RemS,
    RemU,
}

/// Which of two floats is the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extremum {
    Minimum,
    Maximum,
}

/// Binary float operations.
#[derive(Clone, Copy, Debug)]
pub(super) enum FloatOp {
    Add,
    Sub,
    Mul,
    Div,
}

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// The LLVM constant of a constant operator.
    pub(super) fn constant(&self, operator: &Operator<'_>) -> Option<BasicValueEnum<'ctx>> {
        let types = &self.unit.types;
        Some(match operator {
            Operator::I32Const { value } => {
                types.i32.const_int(u64::from(*value as u32), false).into()
            }
            Operator::I64Const { value } => types.i64.const_int(*value as u64, false).into(),
            // Through the bits: a NaN keeps its payload.
            Operator::F32Const { value } => {
                let bits = types.i32.const_int(u64::from(value.bits()), false);
                self.builder.build_bit_cast(bits, types.f32, "").ok()?
            }
            Operator::F64Const { value } => {
                let bits = types.i64.const_int(value.bits(), false);
                self.builder.build_bit_cast(bits, types.f64, "").ok()?
            }
            Operator::V128Const { value } => {
                let bits = value.i128().cast_unsigned();
                let halves = [bits as u64, (bits >> 64) as u64];
                let halves = halves.map(|half| types.i64.const_int(half, false));
                VectorType::const_vector(&halves).into()
            }
            _ => return None,
        })
    }

    /// The declaration of an LLVM intrinsic for these overloaded types.
    pub(super) fn intrinsic(
        &self,
        name: &str,
        types: &[BasicTypeEnum<'ctx>],
    ) -> Result<FunctionValue<'ctx>> {
        Intrinsic::find(name)
            .and_then(|intrinsic| intrinsic.get_declaration(&self.unit.llvm, types))
            .ok_or_else(|| self.internal(&format!("no intrinsic {name}")))
    }

    pub(super) fn call_intrinsic(
        &self,
        name: &str,
        types: &[BasicTypeEnum<'ctx>],
        arguments: &[BasicMetadataValueEnum<'ctx>],
    ) -> Result<BasicValueEnum<'ctx>> {
        let call = self
            .builder
            .build_call(self.intrinsic(name, types)?, arguments, "")?;
        call.try_as_basic_value()
            .basic()
            .ok_or_else(|| self.internal("an intrinsic without a result"))
    }

    /// Pushes a truth value as the `i32` that WebAssembly makes of it.
    pub(super) fn push_bool(&mut self, value: IntValue<'ctx>) -> Result<()> {
        let value = self
            .builder
            .build_int_z_extend(value, self.unit.types.i32, "")?;
        self.push(ValType::I32, value);
        Ok(())
    }

    pub(super) fn eqz(&mut self) -> Result<()> {
        let value = self.pop_int()?;
        let zero = value.get_type().const_zero();
        let result = self
            .builder
            .build_int_compare(IntPredicate::EQ, value, zero, "")?;
        self.push_bool(result)
    }

    pub(super) fn compare(&mut self, predicate: IntPredicate) -> Result<()> {
        let right = self.pop_int()?;
        let left = self.pop_int()?;
        let result = self.builder.build_int_compare(predicate, left, right, "")?;
        self.push_bool(result)
    }

    pub(super) fn compare_floats(&mut self, predicate: FloatPredicate) -> Result<()> {
        let right = self.pop()?.into_float_value();
        let left = self.pop()?.into_float_value();
        let result = self
            .builder
            .build_float_compare(predicate, left, right, "")?;
        self.push_bool(result)
    }

    pub(super) fn integer(&mut self, ty: ValType, op: IntOp) -> Result<()> {
        let right = self.pop_int()?;
        let left = self.pop_int()?;
        let builder = &self.builder;
        let value = match op {
            IntOp::Add => builder.build_int_add(left, right, "")?,
            IntOp::Sub => builder.build_int_sub(left, right, "")?,
            IntOp::Mul => builder.build_int_mul(left, right, "")?,
            IntOp::And => builder.build_and(left, right, "")?,
            IntOp::Or => builder.build_or(left, right, "")?,
            IntOp::Xor => builder.build_xor(left, right, "")?,
            IntOp::Shl => builder.build_left_shift(left, self.shift_count(right)?, "")?,
            IntOp::ShrS => builder.build_right_shift(left, self.shift_count(right)?, true, "")?,
            IntOp::ShrU => builder.build_right_shift(left, self.shift_count(right)?, false, "")?,
            IntOp::Rotl | IntOp::Rotr => {
                let name = if matches!(op, IntOp::Rotl) {
                    "llvm.fshl"
                } else {
                    "llvm.fshr"
                };
                let rotated = self.call_intrinsic(
                    name,
                    &[left.get_type().into()],
                    &[left.into(), left.into(), right.into()],
                )?;
                rotated.into_int_value()
            }
        };
        self.push(ty, value);
        Ok(())
    }

    /// WebAssembly takes shift counts modulo the width; in LLVM a larger count is poison.
    fn shift_count(&self, count: IntValue<'ctx>) -> Result<IntValue<'ctx>> {
        let ty = count.get_type();
        Ok(self.builder.build_and(
            count,
            ty.const_int(u64::from(ty.get_bit_width() - 1), false),
            "",
        )?)
    }

    pub(super) fn divide(&mut self, ty: ValType, op: Division) -> Result<()> {
        let right = self.pop_int()?;
        let left = self.pop_int()?;
        let int = right.get_type();
        let by_zero =
            self.builder
                .build_int_compare(IntPredicate::EQ, right, int.const_zero(), "")?;
        self.trap_if(by_zero, TrapCause::IntegerDivideByZero)?;
        let minus_one = int.const_all_ones();
        let value = match op {
            Division::DivU => self.builder.build_int_unsigned_div(left, right, "")?,
            Division::RemU => self.builder.build_int_unsigned_rem(left, right, "")?,
            Division::DivS => {
                let min = int.const_int(1 << (int.get_bit_width() - 1), false);
                let by_minus_one =
                    self.builder
                        .build_int_compare(IntPredicate::EQ, right, minus_one, "")?;
                let of_min = self
                    .builder
                    .build_int_compare(IntPredicate::EQ, left, min, "")?;
                let overflow = self.builder.build_and(by_minus_one, of_min, "")?;
                self.trap_if(overflow, TrapCause::IntegerOverflow)?;
                self.builder.build_int_signed_div(left, right, "")?
            }
            Division::RemS => {
                // min % -1 is 0 here and undefined in LLVM; so is x % 1 for every x.
                let by_minus_one =
                    self.builder
                        .build_int_compare(IntPredicate::EQ, right, minus_one, "")?;
                let right = self
                    .builder
                    .build_select(by_minus_one, int.const_int(1, false), right, "")?
                    .into_int_value();
                self.builder.build_int_signed_rem(left, right, "")?
            }
        };
        self.push(ty, value);
        Ok(())
    }

    /// `clz` and `ctz`, both of which count the full width for zero, and `popcnt`.
    pub(super) fn count_bits(&mut self, ty: ValType, name: &str) -> Result<()> {
        let value = self.pop_int()?;
        let mut arguments: Vec<BasicMetadataValueEnum<'ctx>> = vec![value.into()];
        if name != "llvm.ctpop" {
            arguments.push(self.unit.types.i1.const_zero().into());
        }
        let result = self.call_intrinsic(name, &[value.get_type().into()], &arguments)?;
        self.push(ty, result);
        Ok(())
    }

    /// `extend8_s` and its like: the low `bits` of an integer, sign-extended.
    pub(super) fn sign_extend(&mut self, ty: ValType, bits: u32) -> Result<()> {
        let types = &self.unit.types;
        let narrow = match bits {
            8 => types.i8,
            16 => types.i16,
            _ => types.i32,
        };
        let value = self.pop_int()?;
        let value_type = value.get_type();
        let value = self.builder.build_int_truncate(value, narrow, "")?;
        let value = self.builder.build_int_s_extend(value, value_type, "")?;
        self.push(ty, value);
        Ok(())
    }

    pub(super) fn float(&mut self, ty: ValType, op: FloatOp) -> Result<()> {
        let right = self.pop_arithmetic_operand()?;
        let left = self.pop_arithmetic_operand()?;
        let value = match op {
            FloatOp::Add => self.builder.build_float_add(left, right, "")?,
            FloatOp::Sub => self.builder.build_float_sub(left, right, "")?,
            FloatOp::Mul => self.builder.build_float_mul(left, right, "")?,
            FloatOp::Div => self.builder.build_float_div(left, right, "")?,
        };
        self.push(ty, value);
        Ok(())
    }

    /// Pops a float. A constant NaN becomes the canonical one, which any arithmetic may return in its
    /// place: constant folding hands a signalling NaN on (`sNaN * 1`).
    fn pop_arithmetic_operand(&mut self) -> Result<FloatValue<'ctx>> {
        let value = self.pop()?.into_float_value();
        Ok(match float_constant(value) {
            Some(constant) if constant.is_nan() => value.get_type().const_float(f64::NAN),
            _ => value,
        })
    }

    /// `min` and `max`: with a NaN the result is a quiet NaN, and -0 is less than 0.
    pub(super) fn float_extremum(&mut self, ty: ValType, which: Extremum) -> Result<()> {
        let right = self.pop_arithmetic_operand()?;
        let left = self.pop_arithmetic_operand()?;
        let value = if self.unit.config.float_minimum {
            let name = match which {
                Extremum::Minimum => "llvm.minimum",
                Extremum::Maximum => "llvm.maximum",
            };
            self.call_intrinsic(
                name,
                &[left.get_type().into()],
                &[left.into(), right.into()],
            )?
        } else {
            self.extremum_by_comparison(left, right, which)?
        };
        self.push(ty, value);
        Ok(())
    }

    /// Without branches: each comparison with its select is one `minss` or its like. They differ only
    /// where both are zero, of different signs, or one is NaN; for zeros the sign bits decide.
    fn extremum_by_comparison(
        &self,
        left: FloatValue<'ctx>,
        right: FloatValue<'ctx>,
        which: Extremum,
    ) -> Result<BasicValueEnum<'ctx>> {
        let builder = &self.builder;
        let float = left.get_type();
        let types = &self.unit.types;
        let int = if float == types.f32 {
            types.i32
        } else {
            types.i64
        };
        let predicate = match which {
            Extremum::Minimum => FloatPredicate::OLT,
            Extremum::Maximum => FloatPredicate::OGT,
        };
        let pick = |first, second| {
            let better = builder.build_float_compare(predicate, first, second, "")?;
            let picked = builder.build_select(better, first, second, "")?;
            Ok::<_, Error>(builder.build_bit_cast(picked, int, "")?.into_int_value())
        };
        let (one, other) = (pick(left, right)?, pick(right, left)?);
        let bits = match which {
            Extremum::Minimum => builder.build_or(one, other, "")?,
            Extremum::Maximum => builder.build_and(one, other, "")?,
        };
        let number = builder.build_bit_cast(bits, float, "")?;
        let unordered = builder.build_float_compare(FloatPredicate::UNO, left, right, "")?;
        let nan = builder.build_float_add(left, right, "")?;
        Ok(builder.build_select(unordered, nan.into(), number, "")?)
    }

    /// A float operation of one operand that LLVM has an intrinsic for.
    pub(super) fn float_unary(&mut self, ty: ValType, name: &str) -> Result<()> {
        let value = self.pop()?;
        let result = self.call_intrinsic(name, &[value.get_type()], &[value.into()])?;
        self.push(ty, result);
        Ok(())
    }

    pub(super) fn copy_sign(&mut self, ty: ValType) -> Result<()> {
        let right = self.pop()?;
        let left = self.pop()?;
        let (types, operands) = ([left.get_type()], [left.into(), right.into()]);
        let result = self.call_intrinsic("llvm.copysign", &types, &operands)?;
        self.push(ty, result);
        Ok(())
    }

    pub(super) fn float_negate(&mut self, ty: ValType) -> Result<()> {
        let value = self.pop()?.into_float_value();
        let result = self.builder.build_float_neg(value, "")?;
        self.push(ty, result);
        Ok(())
    }

    pub(super) fn select(&mut self) -> Result<()> {
        let condition = self.pop_condition()?;
        let otherwise = self.pop_operand()?;
        let then = self.pop_operand()?;
        let value = self
            .builder
            .build_select(condition, then.value, otherwise.value, "")?;
        // Only one of two references need have the type that says more.
        let ty = if then.ty.has_default() {
            then.ty
        } else {
            otherwise.ty
        };
        self.push(ty, value);
        Ok(())
    }
}

/// The number that a constant is. `FloatValue::get_constant` would read one from `poison` too, which is what LLVM makes of a conversion that
/// traps.
pub(crate) fn float_constant(value: FloatValue<'_>) -> Option<f64> {
    // SAFETY: the value is alive as long as its context.
    let constant = unsafe { LLVMIsAConstantFP(value.as_value_ref()) };
    if constant.is_null() {
        return None;
    }
    value.get_constant().map(|(number, _)| number)
}
