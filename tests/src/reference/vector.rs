//! Vectors. What a lane is, is ours; what is computed of lanes, wasmi's crate of operators knows.

use wasmi_core::simd;
use wasmparser::Operator as O;

use super::thread::{Stop, Thread, VALID};
use super::value::Value::{self, F32, F64, I32, I64, V128};

type Vector = wasmi_core::V128;

/// `match` of an operator to the function of the same name.
macro_rules! table {
    ($operator:expr; $($name:ident $function:ident)*) => {
        match $operator {
            $(O::$name => simd::$function,)*
            _ => return None,
        }
    };
}

fn unary(operator: &O<'_>) -> Option<fn(Vector) -> Vector> {
    Some(table! { operator;
        V128Not v128_not I8x16Abs i8x16_abs I8x16Neg i8x16_neg I8x16Popcnt i8x16_popcnt I16x8ExtAddPairwiseI8x16S
        i16x8_extadd_pairwise_i8x16_s I16x8ExtAddPairwiseI8x16U i16x8_extadd_pairwise_i8x16_u I16x8Abs i16x8_abs
        I16x8Neg i16x8_neg I16x8ExtendLowI8x16S i16x8_extend_low_i8x16_s I16x8ExtendHighI8x16S
        i16x8_extend_high_i8x16_s I16x8ExtendLowI8x16U i16x8_extend_low_i8x16_u I16x8ExtendHighI8x16U
        i16x8_extend_high_i8x16_u I32x4ExtAddPairwiseI16x8S i32x4_extadd_pairwise_i16x8_s I32x4ExtAddPairwiseI16x8U
        i32x4_extadd_pairwise_i16x8_u I32x4Abs i32x4_abs I32x4Neg i32x4_neg I32x4ExtendLowI16x8S
        i32x4_extend_low_i16x8_s I32x4ExtendHighI16x8S i32x4_extend_high_i16x8_s I32x4ExtendLowI16x8U
        i32x4_extend_low_i16x8_u I32x4ExtendHighI16x8U i32x4_extend_high_i16x8_u I64x2Abs i64x2_abs I64x2Neg i64x2_neg
        I64x2ExtendLowI32x4S i64x2_extend_low_i32x4_s I64x2ExtendHighI32x4S i64x2_extend_high_i32x4_s
        I64x2ExtendLowI32x4U i64x2_extend_low_i32x4_u I64x2ExtendHighI32x4U i64x2_extend_high_i32x4_u F32x4Ceil
        f32x4_ceil F32x4Floor f32x4_floor F32x4Trunc f32x4_trunc F32x4Nearest f32x4_nearest F32x4Abs f32x4_abs
        F32x4Neg f32x4_neg F32x4Sqrt f32x4_sqrt F64x2Ceil f64x2_ceil F64x2Floor f64x2_floor F64x2Trunc f64x2_trunc
        F64x2Nearest f64x2_nearest F64x2Abs f64x2_abs F64x2Neg f64x2_neg F64x2Sqrt f64x2_sqrt I32x4TruncSatF32x4S
        i32x4_trunc_sat_f32x4_s I32x4TruncSatF32x4U i32x4_trunc_sat_f32x4_u F32x4ConvertI32x4S f32x4_convert_i32x4_s
        F32x4ConvertI32x4U f32x4_convert_i32x4_u I32x4TruncSatF64x2SZero i32x4_trunc_sat_f64x2_s_zero
        I32x4TruncSatF64x2UZero i32x4_trunc_sat_f64x2_u_zero F64x2ConvertLowI32x4S f64x2_convert_low_i32x4_s
        F64x2ConvertLowI32x4U f64x2_convert_low_i32x4_u F32x4DemoteF64x2Zero f32x4_demote_f64x2_zero
        F64x2PromoteLowF32x4 f64x2_promote_low_f32x4
    })
}

fn binary(operator: &O<'_>) -> Option<fn(Vector, Vector) -> Vector> {
    Some(table! { operator;
        I8x16Swizzle i8x16_swizzle I8x16Eq i8x16_eq I8x16Ne i8x16_ne I8x16LtS i8x16_lt_s I8x16LtU i8x16_lt_u I8x16GtS
        i8x16_gt_s I8x16GtU i8x16_gt_u I8x16LeS i8x16_le_s I8x16LeU i8x16_le_u I8x16GeS i8x16_ge_s I8x16GeU i8x16_ge_u
        I16x8Eq i16x8_eq I16x8Ne i16x8_ne I16x8LtS i16x8_lt_s I16x8LtU i16x8_lt_u I16x8GtS i16x8_gt_s I16x8GtU
        i16x8_gt_u I16x8LeS i16x8_le_s I16x8LeU i16x8_le_u I16x8GeS i16x8_ge_s I16x8GeU i16x8_ge_u I32x4Eq i32x4_eq
        I32x4Ne i32x4_ne I32x4LtS i32x4_lt_s I32x4LtU i32x4_lt_u I32x4GtS i32x4_gt_s I32x4GtU i32x4_gt_u I32x4LeS
        i32x4_le_s I32x4LeU i32x4_le_u I32x4GeS i32x4_ge_s I32x4GeU i32x4_ge_u I64x2Eq i64x2_eq I64x2Ne i64x2_ne
        I64x2LtS i64x2_lt_s I64x2GtS i64x2_gt_s I64x2LeS i64x2_le_s I64x2GeS i64x2_ge_s F32x4Eq f32x4_eq F32x4Ne
        f32x4_ne F32x4Lt f32x4_lt F32x4Gt f32x4_gt F32x4Le f32x4_le F32x4Ge f32x4_ge F64x2Eq f64x2_eq F64x2Ne f64x2_ne
        F64x2Lt f64x2_lt F64x2Gt f64x2_gt F64x2Le f64x2_le F64x2Ge f64x2_ge V128And v128_and V128AndNot v128_andnot
        V128Or v128_or V128Xor v128_xor I8x16NarrowI16x8S i8x16_narrow_i16x8_s I8x16NarrowI16x8U i8x16_narrow_i16x8_u
        I8x16Add i8x16_add I8x16AddSatS i8x16_add_sat_s I8x16AddSatU i8x16_add_sat_u I8x16Sub i8x16_sub I8x16SubSatS
        i8x16_sub_sat_s I8x16SubSatU i8x16_sub_sat_u I8x16MinS i8x16_min_s I8x16MinU i8x16_min_u I8x16MaxS i8x16_max_s
        I8x16MaxU i8x16_max_u I8x16AvgrU i8x16_avgr_u I16x8Q15MulrSatS i16x8_q15mulr_sat_s I16x8NarrowI32x4S
        i16x8_narrow_i32x4_s I16x8NarrowI32x4U i16x8_narrow_i32x4_u I16x8Add i16x8_add I16x8AddSatS i16x8_add_sat_s
        I16x8AddSatU i16x8_add_sat_u I16x8Sub i16x8_sub I16x8SubSatS i16x8_sub_sat_s I16x8SubSatU i16x8_sub_sat_u
        I16x8Mul i16x8_mul I16x8MinS i16x8_min_s I16x8MinU i16x8_min_u I16x8MaxS i16x8_max_s I16x8MaxU i16x8_max_u
        I16x8AvgrU i16x8_avgr_u I16x8ExtMulLowI8x16S i16x8_extmul_low_i8x16_s I16x8ExtMulHighI8x16S
        i16x8_extmul_high_i8x16_s I16x8ExtMulLowI8x16U i16x8_extmul_low_i8x16_u I16x8ExtMulHighI8x16U
        i16x8_extmul_high_i8x16_u I32x4Add i32x4_add I32x4Sub i32x4_sub I32x4Mul i32x4_mul I32x4MinS i32x4_min_s
        I32x4MinU i32x4_min_u I32x4MaxS i32x4_max_s I32x4MaxU i32x4_max_u I32x4DotI16x8S i32x4_dot_i16x8_s
        I32x4ExtMulLowI16x8S i32x4_extmul_low_i16x8_s I32x4ExtMulHighI16x8S i32x4_extmul_high_i16x8_s
        I32x4ExtMulLowI16x8U i32x4_extmul_low_i16x8_u I32x4ExtMulHighI16x8U i32x4_extmul_high_i16x8_u I64x2Add
        i64x2_add I64x2Sub i64x2_sub I64x2Mul i64x2_mul I64x2ExtMulLowI32x4S i64x2_extmul_low_i32x4_s
        I64x2ExtMulHighI32x4S i64x2_extmul_high_i32x4_s I64x2ExtMulLowI32x4U i64x2_extmul_low_i32x4_u
        I64x2ExtMulHighI32x4U i64x2_extmul_high_i32x4_u F32x4Add f32x4_add F32x4Sub f32x4_sub F32x4Mul f32x4_mul
        F32x4Div f32x4_div F32x4Min f32x4_min F32x4Max f32x4_max F32x4PMin f32x4_pmin F32x4PMax f32x4_pmax F64x2Add
        f64x2_add F64x2Sub f64x2_sub F64x2Mul f64x2_mul F64x2Div f64x2_div F64x2Min f64x2_min F64x2Max f64x2_max
        F64x2PMin f64x2_pmin F64x2PMax f64x2_pmax
    })
}

fn shift(operator: &O<'_>) -> Option<fn(Vector, u32) -> Vector> {
    Some(table! { operator;
        I8x16Shl i8x16_shl I8x16ShrS i8x16_shr_s I8x16ShrU i8x16_shr_u I16x8Shl i16x8_shl I16x8ShrS i16x8_shr_s
        I16x8ShrU i16x8_shr_u I32x4Shl i32x4_shl I32x4ShrS i32x4_shr_s I32x4ShrU i32x4_shr_u I64x2Shl i64x2_shl
        I64x2ShrS i64x2_shr_s I64x2ShrU i64x2_shr_u
    })
}

fn test(operator: &O<'_>) -> Option<fn(Vector) -> bool> {
    Some(table! { operator;
        V128AnyTrue v128_any_true I8x16AllTrue i8x16_all_true I16x8AllTrue i16x8_all_true I32x4AllTrue i32x4_all_true
        I64x2AllTrue i64x2_all_true
    })
}

fn bitmask(operator: &O<'_>) -> Option<fn(Vector) -> u32> {
    Some(table! { operator;
        I8x16Bitmask i8x16_bitmask I16x8Bitmask i16x8_bitmask I32x4Bitmask i32x4_bitmask I64x2Bitmask i64x2_bitmask
    })
}

/// What the operator makes of its operands, if it is one of these; it takes as many as there are.
pub fn operate(operator: &O<'_>, operands: &[Value]) -> Option<Value> {
    let vector = |bits: &u128| Vector::from(*bits);
    Some(match (operator, operands) {
        (O::V128Const { value }, []) => V128(value.i128().cast_unsigned()),
        (O::I8x16Shuffle { lanes }, [V128(a), V128(b)]) => {
            let bytes = [a.to_le_bytes(), b.to_le_bytes()].concat();
            V128(u128::from_le_bytes(lanes.map(|lane| bytes[lane as usize])))
        }
        (O::V128Bitselect, [V128(a), V128(b), V128(mask)]) => V128(a & mask | b & !mask),
        (O::I8x16Splat, [I32(value)]) => splat(u64::from(*value), 8),
        (O::I16x8Splat, [I32(value)]) => splat(u64::from(*value), 16),
        (O::I32x4Splat, [I32(value)]) | (O::F32x4Splat, [F32(value)]) => {
            splat(u64::from(*value), 32)
        }
        (O::I64x2Splat, [I64(value)]) | (O::F64x2Splat, [F64(value)]) => splat(*value, 64),
        (O::I8x16ExtractLaneU { lane }, [V128(bits)]) => I32(extract(*bits, *lane, 8) as u32),
        (O::I8x16ExtractLaneS { lane }, [V128(bits)]) => {
            I32(extract(*bits, *lane, 8) as u8 as i8 as u32)
        }
        (O::I16x8ExtractLaneU { lane }, [V128(bits)]) => I32(extract(*bits, *lane, 16) as u32),
        (O::I16x8ExtractLaneS { lane }, [V128(bits)]) => {
            I32(extract(*bits, *lane, 16) as u16 as i16 as u32)
        }
        (O::I32x4ExtractLane { lane }, [V128(bits)]) => I32(extract(*bits, *lane, 32) as u32),
        (O::I64x2ExtractLane { lane }, [V128(bits)]) => I64(extract(*bits, *lane, 64)),
        (O::F32x4ExtractLane { lane }, [V128(bits)]) => F32(extract(*bits, *lane, 32) as u32),
        (O::F64x2ExtractLane { lane }, [V128(bits)]) => F64(extract(*bits, *lane, 64)),
        (O::I8x16ReplaceLane { lane }, [V128(bits), I32(value)]) => {
            replace(*bits, *lane, 8, u64::from(*value))
        }
        (O::I16x8ReplaceLane { lane }, [V128(bits), I32(value)]) => {
            replace(*bits, *lane, 16, u64::from(*value))
        }
        (O::I32x4ReplaceLane { lane }, [V128(bits), I32(value)])
        | (O::F32x4ReplaceLane { lane }, [V128(bits), F32(value)]) => {
            replace(*bits, *lane, 32, u64::from(*value))
        }
        (O::I64x2ReplaceLane { lane }, [V128(bits), I64(value)])
        | (O::F64x2ReplaceLane { lane }, [V128(bits), F64(value)]) => {
            replace(*bits, *lane, 64, *value)
        }
        (operator, [V128(a)]) => match (unary(operator), test(operator), bitmask(operator)) {
            (Some(function), ..) => V128(function(vector(a)).as_u128()),
            (_, Some(function), _) => I32(u32::from(function(vector(a)))),
            (.., Some(function)) => I32(function(vector(a))),
            _ => return None,
        },
        (operator, [V128(a), V128(b)]) => V128(binary(operator)?(vector(a), vector(b)).as_u128()),
        (operator, [V128(a), I32(count)]) => V128(shift(operator)?(vector(a), *count).as_u128()),
        _ => return None,
    })
}

/// Operands that one of these operators takes; `None` for others.
pub fn operand_count(operator: &O<'_>) -> Option<usize> {
    Some(match operator {
        O::V128Const { .. } => 0,
        O::I8x16Splat
        | O::I16x8Splat
        | O::I32x4Splat
        | O::I64x2Splat
        | O::F32x4Splat
        | O::F64x2Splat
        | O::I8x16ExtractLaneU { .. }
        | O::I8x16ExtractLaneS { .. }
        | O::I16x8ExtractLaneU { .. }
        | O::I16x8ExtractLaneS { .. }
        | O::I32x4ExtractLane { .. }
        | O::I64x2ExtractLane { .. }
        | O::F32x4ExtractLane { .. }
        | O::F64x2ExtractLane { .. } => 1,
        O::I8x16Shuffle { .. }
        | O::I8x16ReplaceLane { .. }
        | O::I16x8ReplaceLane { .. }
        | O::I32x4ReplaceLane { .. }
        | O::I64x2ReplaceLane { .. }
        | O::F32x4ReplaceLane { .. }
        | O::F64x2ReplaceLane { .. } => 2,
        O::V128Bitselect => 3,
        operator
            if unary(operator).is_some()
                || test(operator).is_some()
                || bitmask(operator).is_some() =>
        {
            1
        }
        operator if binary(operator).is_some() || shift(operator).is_some() => 2,
        _ => return None,
    })
}

impl Thread<'_, '_> {
    /// A load or store of a part of a vector; `None` is any other operator.
    pub(super) fn partial_vector(&mut self, operator: &O<'_>) -> Option<Result<(), Stop>> {
        macro_rules! load {
            ($memarg:expr, $bytes:literal, $value:expr) => {
                self.load::<$bytes>($memarg).map(|bytes| {
                    let mut word = [0; 8];
                    word[..$bytes].copy_from_slice(&bytes);
                    let value: fn(u64) -> Value = $value;
                    self.push(value(u64::from_le_bytes(word)));
                })
            };
        }
        macro_rules! load_extended {
            ($memarg:expr, $extend:ident) => {
                load!($memarg, 8, |low| {
                    V128(simd::$extend(Vector::from(u128::from(low))).as_u128())
                })
            };
        }
        macro_rules! load_lane {
            ($memarg:expr, $lane:expr, $bytes:literal) => {{
                let vector = self.pop_vector();
                self.load::<$bytes>($memarg).map(|bytes| {
                    let mut word = [0; 8];
                    word[..$bytes].copy_from_slice(&bytes);
                    self.push(replace(
                        vector,
                        *$lane,
                        8 * $bytes,
                        u64::from_le_bytes(word),
                    ));
                })
            }};
        }
        macro_rules! store_lane {
            ($memarg:expr, $lane:expr, $bytes:literal) => {{
                let lane = extract(self.pop_vector(), *$lane, 8 * $bytes);
                self.store_bits::<$bytes>($memarg, u128::from(lane))
            }};
        }
        Some(match operator {
            O::V128Load8x8S { memarg } => load_extended!(memarg, i16x8_extend_low_i8x16_s),
            O::V128Load8x8U { memarg } => load_extended!(memarg, i16x8_extend_low_i8x16_u),
            O::V128Load16x4S { memarg } => load_extended!(memarg, i32x4_extend_low_i16x8_s),
            O::V128Load16x4U { memarg } => load_extended!(memarg, i32x4_extend_low_i16x8_u),
            O::V128Load32x2S { memarg } => load_extended!(memarg, i64x2_extend_low_i32x4_s),
            O::V128Load32x2U { memarg } => load_extended!(memarg, i64x2_extend_low_i32x4_u),
            O::V128Load8Splat { memarg } => load!(memarg, 1, |value| splat(value, 8)),
            O::V128Load16Splat { memarg } => load!(memarg, 2, |value| splat(value, 16)),
            O::V128Load32Splat { memarg } => load!(memarg, 4, |value| splat(value, 32)),
            O::V128Load64Splat { memarg } => load!(memarg, 8, |value| splat(value, 64)),
            O::V128Load32Zero { memarg } => load!(memarg, 4, |value| V128(value.into())),
            O::V128Load64Zero { memarg } => load!(memarg, 8, |value| V128(value.into())),
            O::V128Load8Lane { memarg, lane } => load_lane!(memarg, lane, 1),
            O::V128Load16Lane { memarg, lane } => load_lane!(memarg, lane, 2),
            O::V128Load32Lane { memarg, lane } => load_lane!(memarg, lane, 4),
            O::V128Load64Lane { memarg, lane } => load_lane!(memarg, lane, 8),
            O::V128Store8Lane { memarg, lane } => store_lane!(memarg, lane, 1),
            O::V128Store16Lane { memarg, lane } => store_lane!(memarg, lane, 2),
            O::V128Store32Lane { memarg, lane } => store_lane!(memarg, lane, 4),
            O::V128Store64Lane { memarg, lane } => store_lane!(memarg, lane, 8),
            _ => return None,
        })
    }

    fn pop_vector(&mut self) -> u128 {
        match self.pop() {
            V128(bits) => bits,
            _ => panic!("{VALID}"),
        }
    }
}

fn mask(width: u32) -> u128 {
    (1 << width) - 1
}

fn extract(bits: u128, lane: u8, width: u32) -> u64 {
    (bits >> (u32::from(lane) * width) & mask(width)) as u64
}

fn replace(bits: u128, lane: u8, width: u32, value: u64) -> Value {
    let shift = u32::from(lane) * width;
    V128(bits & !(mask(width) << shift) | (u128::from(value) & mask(width)) << shift)
}

fn splat(value: u64, width: u32) -> Value {
    (0..(128 / width) as u8).fold(V128(0), |vector, lane| match vector {
        V128(bits) => replace(bits, lane, width, value),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_neither_carry_nor_move() {
        let a = V128(0x00ff_8000_ffff_ffff_0000_0001_7fff_fffe);
        let b = V128(0x0001_8001_0000_0001_ffff_ffff_0000_0003);
        for (operator, operands, expected) in [
            (
                O::I32x4Add,
                vec![a, b],
                V128(0x0101_0001_0000_0000_0000_0000_8000_0001),
            ),
            (
                O::I8x16Add,
                vec![a, b],
                V128(0x0000_0001_ffff_ff00_ffff_ff00_7fff_ff01),
            ),
            (
                O::I16x8Sub,
                vec![a, b],
                V128(0x00fe_ffff_ffff_fffe_0001_0002_7fff_fffb),
            ),
            (
                O::I64x2ExtractLane { lane: 1 },
                vec![a],
                I64(0x00ff_8000_ffff_ffff),
            ),
            (O::I8x16ExtractLaneS { lane: 13 }, vec![a], I32(0xffff_ff80)),
            (
                O::I16x8ReplaceLane { lane: 7 },
                vec![a, I32(0x1_2345)],
                V128(0x2345_8000_ffff_ffff_0000_0001_7fff_fffe),
            ),
            (
                O::I16x8Splat,
                vec![I32(0x1_0002)],
                V128(0x0002_0002_0002_0002_0002_0002_0002_0002),
            ),
        ] {
            assert_eq!(
                operand_count(&operator),
                Some(operands.len()),
                "{operator:?}"
            );
            assert_eq!(
                operate(&operator, &operands),
                Some(expected),
                "{operator:?}"
            );
        }
    }
}
