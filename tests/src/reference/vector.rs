//! Vectors: as many operators as frames need that hold vectors. Integers only, whose results are determined.

use wasmparser::Operator as O;

use super::value::Value::{self, I32, I64, V128};

/// What the operator makes of its operands, if it is one of these; it takes as many as there are.
pub fn operate(operator: &O<'_>, operands: &[Value]) -> Option<Value> {
    Some(match (operator, operands) {
        (O::V128Const { value }, []) => V128(value.i128().cast_unsigned()),
        (O::I8x16Splat, [I32(value)]) => splat(u64::from(*value), 8),
        (O::I16x8Splat, [I32(value)]) => splat(u64::from(*value), 16),
        (O::I32x4Splat, [I32(value)]) => splat(u64::from(*value), 32),
        (O::I64x2Splat, [I64(value)]) => splat(*value, 64),
        (O::I8x16ExtractLaneU { lane }, [V128(bits)]) => I32(extract(*bits, *lane, 8) as u32),
        (O::I8x16ExtractLaneS { lane }, [V128(bits)]) => {
            I32(extract(*bits, *lane, 8) as u8 as i8 as u32)
        }
        (O::I32x4ExtractLane { lane }, [V128(bits)]) => I32(extract(*bits, *lane, 32) as u32),
        (O::I64x2ExtractLane { lane }, [V128(bits)]) => I64(extract(*bits, *lane, 64)),
        (O::I16x8ReplaceLane { lane }, [V128(bits), I32(value)]) => {
            replace(*bits, *lane, 16, u64::from(*value))
        }
        (O::I64x2ReplaceLane { lane }, [V128(bits), I64(value)]) => {
            replace(*bits, *lane, 64, *value)
        }
        (O::V128Not, [V128(a)]) => V128(!a),
        (O::V128And, [V128(a), V128(b)]) => V128(a & b),
        (O::V128Or, [V128(a), V128(b)]) => V128(a | b),
        (O::V128Xor, [V128(a), V128(b)]) => V128(a ^ b),
        (O::I8x16Add, [V128(a), V128(b)]) => lanes(*a, *b, 8, u64::wrapping_add),
        (O::I16x8Sub, [V128(a), V128(b)]) => lanes(*a, *b, 16, u64::wrapping_sub),
        (O::I32x4Add, [V128(a), V128(b)]) => lanes(*a, *b, 32, u64::wrapping_add),
        (O::I32x4Mul, [V128(a), V128(b)]) => lanes(*a, *b, 32, u64::wrapping_mul),
        (O::I64x2Sub, [V128(a), V128(b)]) => lanes(*a, *b, 64, u64::wrapping_sub),
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
        | O::I8x16ExtractLaneU { .. }
        | O::I8x16ExtractLaneS { .. }
        | O::I32x4ExtractLane { .. }
        | O::I64x2ExtractLane { .. }
        | O::V128Not => 1,
        O::I16x8ReplaceLane { .. }
        | O::I64x2ReplaceLane { .. }
        | O::V128And
        | O::V128Or
        | O::V128Xor
        | O::I8x16Add
        | O::I16x8Sub
        | O::I32x4Add
        | O::I32x4Mul
        | O::I64x2Sub => 2,
        _ => return None,
    })
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
    lanes(0, 0, width, |_, _| value)
}

fn lanes(a: u128, b: u128, width: u32, operate: impl Fn(u64, u64) -> u64) -> Value {
    let count = (128 / width) as u8;
    V128((0..count).fold(0, |bits, lane| {
        let value = operate(extract(a, lane, width), extract(b, lane, width));
        bits | (u128::from(value) & mask(width)) << (u32::from(lane) * width)
    }))
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
