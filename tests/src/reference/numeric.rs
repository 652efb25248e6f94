//! Numbers: each operator as a function of its operands.

use wasmparser::Operator as O;

use super::thread::Stop;
use super::value::Value::{self, F32, F64, I32, I64};

const DIVIDE_BY_ZERO: Stop = Stop::Trap("integer divide by zero");
const OVERFLOW: Stop = Stop::Trap("integer overflow");
const INVALID: Stop = Stop::Trap("invalid conversion to integer");

/// An operator of two operands; `None` if it is not one.
pub fn binary(operator: &O<'_>, a: Value, b: Value) -> Option<Result<Value, Stop>> {
    Some(match (a, b) {
        (I32(a), I32(b)) => match integer32(operator, a, b)? {
            Ok(value) => Ok(value),
            Err(stop) => Err(stop),
        },
        (I64(a), I64(b)) => integer64(operator, a, b)?,
        (F32(a), F32(b)) => Ok(float32(operator, a, b)?),
        (F64(a), F64(b)) => Ok(float64(operator, a, b)?),
        _ => return None,
    })
}

fn truth(value: bool) -> Value {
    I32(u32::from(value))
}

macro_rules! integer {
    ($name:ident, $unsigned:ty, $signed:ty, $value:ident, $eq:ident $ne:ident $lt_s:ident $lt_u:ident $gt_s:ident $gt_u:ident
     $le_s:ident $le_u:ident $ge_s:ident $ge_u:ident $add:ident $sub:ident $mul:ident $div_s:ident $div_u:ident
     $rem_s:ident $rem_u:ident $and:ident $or:ident $xor:ident $shl:ident $shr_s:ident $shr_u:ident $rotl:ident $rotr:ident) => {
        fn $name(operator: &O<'_>, a: $unsigned, b: $unsigned) -> Option<Result<Value, Stop>> {
            let (sa, sb) = (a.cast_signed(), b.cast_signed());
            let count = (b % <$unsigned>::from(<$unsigned>::BITS as u8)) as u32;
            Some(Ok(match operator {
                O::$eq => truth(a == b),
                O::$ne => truth(a != b),
                O::$lt_s => truth(sa < sb),
                O::$lt_u => truth(a < b),
                O::$gt_s => truth(sa > sb),
                O::$gt_u => truth(a > b),
                O::$le_s => truth(sa <= sb),
                O::$le_u => truth(a <= b),
                O::$ge_s => truth(sa >= sb),
                O::$ge_u => truth(a >= b),
                O::$add => $value(a.wrapping_add(b)),
                O::$sub => $value(a.wrapping_sub(b)),
                O::$mul => $value(a.wrapping_mul(b)),
                O::$div_s | O::$div_u | O::$rem_s | O::$rem_u if b == 0 => {
                    return Some(Err(DIVIDE_BY_ZERO));
                }
                O::$div_s => match sa.checked_div(sb) {
                    Some(quotient) => $value(quotient.cast_unsigned()),
                    None => return Some(Err(OVERFLOW)),
                },
                O::$div_u => $value(a / b),
                O::$rem_s => $value(sa.wrapping_rem(sb).cast_unsigned()),
                O::$rem_u => $value(a % b),
                O::$and => $value(a & b),
                O::$or => $value(a | b),
                O::$xor => $value(a ^ b),
                O::$shl => $value(a << count),
                O::$shr_s => $value((sa >> count).cast_unsigned()),
                O::$shr_u => $value(a >> count),
                O::$rotl => $value(a.rotate_left(count)),
                O::$rotr => $value(a.rotate_right(count)),
                _ => return None,
            }))
        }
    };
}

integer!(integer32, u32, i32, I32, I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU I32Add I32Sub I32Mul
    I32DivS I32DivU I32RemS I32RemU I32And I32Or I32Xor I32Shl I32ShrS I32ShrU I32Rotl I32Rotr);
integer!(integer64, u64, i64, I64, I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU I64Add I64Sub I64Mul
    I64DivS I64DivU I64RemS I64RemU I64And I64Or I64Xor I64Shl I64ShrS I64ShrU I64Rotl I64Rotr);

macro_rules! float {
    ($name:ident, $unary:ident, $float:ty, $bits:ty, $value:ident, $eq:ident $ne:ident $lt:ident $gt:ident $le:ident $ge:ident
     $add:ident $sub:ident $mul:ident $div:ident $min:ident $max:ident $copysign:ident,
     $abs:ident $neg:ident $ceil:ident $floor:ident $trunc:ident $nearest:ident $sqrt:ident) => {
        fn $name(operator: &O<'_>, a_bits: $bits, b_bits: $bits) -> Option<Value> {
            const SIGN: $bits = 1 << (<$bits>::BITS - 1);
            let (a, b) = (<$float>::from_bits(a_bits), <$float>::from_bits(b_bits));
            let nan = a.is_nan() || b.is_nan();
            Some(match operator {
                O::$eq => truth(a == b),
                O::$ne => truth(a != b),
                O::$lt => truth(a < b),
                O::$gt => truth(a > b),
                O::$le => truth(a <= b),
                O::$ge => truth(a >= b),
                O::$add => $value((a + b).to_bits()),
                O::$sub => $value((a - b).to_bits()),
                O::$mul => $value((a * b).to_bits()),
                O::$div => $value((a / b).to_bits()),
                O::$min | O::$max if nan => $value((a + b).to_bits()),
                // Of two zeros the smaller is the negative one.
                O::$min if a == b => $value(a_bits | b_bits),
                O::$min => $value(if a < b { a_bits } else { b_bits }),
                O::$max if a == b => $value(a_bits & b_bits),
                O::$max => $value(if a > b { a_bits } else { b_bits }),
                O::$copysign => $value(a_bits & !SIGN | b_bits & SIGN),
                _ => return None,
            })
        }

        fn $unary(operator: &O<'_>, bits: $bits) -> Option<Value> {
            const SIGN: $bits = 1 << (<$bits>::BITS - 1);
            const QUIET: $bits = 1 << (<$float>::MANTISSA_DIGITS - 2);
            let x = <$float>::from_bits(bits);
            let rounded = |y: $float| {
                $value(if x.is_nan() {
                    bits | QUIET
                } else {
                    // Rounding keeps the sign, of a zero, too.
                    y.to_bits() | bits & SIGN
                })
            };
            Some(match operator {
                O::$abs => $value(bits & !SIGN),
                O::$neg => $value(bits ^ SIGN),
                O::$ceil => rounded(x.ceil()),
                O::$floor => rounded(x.floor()),
                O::$trunc => rounded(x.trunc()),
                O::$nearest => rounded(x.round_ties_even()),
                O::$sqrt => $value(x.sqrt().to_bits()),
                _ => return None,
            })
        }
    };
}

float!(float32, unary32, f32, u32, F32, F32Eq F32Ne F32Lt F32Gt F32Le F32Ge F32Add F32Sub F32Mul F32Div F32Min F32Max F32Copysign,
    F32Abs F32Neg F32Ceil F32Floor F32Trunc F32Nearest F32Sqrt);
float!(float64, unary64, f64, u64, F64, F64Eq F64Ne F64Lt F64Gt F64Le F64Ge F64Add F64Sub F64Mul F64Div F64Min F64Max F64Copysign,
    F64Abs F64Neg F64Ceil F64Floor F64Trunc F64Nearest F64Sqrt);

/// An operator of one operand; `None` if it is not one.
pub fn unary(operator: &O<'_>, value: Value) -> Option<Result<Value, Stop>> {
    Some(Ok(match (operator, value) {
        (O::I32Eqz, I32(x)) => truth(x == 0),
        (O::I32Clz, I32(x)) => I32(x.leading_zeros()),
        (O::I32Ctz, I32(x)) => I32(x.trailing_zeros()),
        (O::I32Popcnt, I32(x)) => I32(x.count_ones()),
        (O::I32Extend8S, I32(x)) => I32(x as i8 as u32),
        (O::I32Extend16S, I32(x)) => I32(x as i16 as u32),
        (O::I64ExtendI32S, I32(x)) => I64(x as i32 as u64),
        (O::I64ExtendI32U, I32(x)) => I64(u64::from(x)),
        (O::F32ConvertI32S, I32(x)) => F32((x as i32 as f32).to_bits()),
        (O::F32ConvertI32U, I32(x)) => F32((x as f32).to_bits()),
        (O::F64ConvertI32S, I32(x)) => F64(f64::from(x as i32).to_bits()),
        (O::F64ConvertI32U, I32(x)) => F64(f64::from(x).to_bits()),
        (O::F32ReinterpretI32, I32(x)) => F32(x),
        (O::I64Eqz, I64(x)) => truth(x == 0),
        (O::I64Clz, I64(x)) => I64(u64::from(x.leading_zeros())),
        (O::I64Ctz, I64(x)) => I64(u64::from(x.trailing_zeros())),
        (O::I64Popcnt, I64(x)) => I64(u64::from(x.count_ones())),
        (O::I64Extend8S, I64(x)) => I64(x as i8 as u64),
        (O::I64Extend16S, I64(x)) => I64(x as i16 as u64),
        (O::I64Extend32S, I64(x)) => I64(x as i32 as u64),
        (O::I32WrapI64, I64(x)) => I32(x as u32),
        (O::F32ConvertI64S, I64(x)) => F32((x as i64 as f32).to_bits()),
        (O::F32ConvertI64U, I64(x)) => F32((x as f32).to_bits()),
        (O::F64ConvertI64S, I64(x)) => F64((x as i64 as f64).to_bits()),
        (O::F64ConvertI64U, I64(x)) => F64((x as f64).to_bits()),
        (O::F64ReinterpretI64, I64(x)) => F64(x),
        (O::I32ReinterpretF32, F32(x)) => I32(x),
        (O::I64ReinterpretF64, F64(x)) => I64(x),
        (O::F64PromoteF32, F32(x)) => F64(promote(x)),
        (O::F32DemoteF64, F64(x)) => F32(demote(x)),
        (operator, F32(bits)) => match unary32(operator, bits) {
            Some(value) => value,
            None => return truncate(operator, f64::from(f32::from_bits(bits))),
        },
        (operator, F64(bits)) => match unary64(operator, bits) {
            Some(value) => value,
            None => return truncate(operator, f64::from_bits(bits)),
        },
        _ => return None,
    }))
}

/// A NaN keeps its sign and the top of its payload, and becomes quiet.
fn promote(bits: u32) -> u64 {
    let x = f32::from_bits(bits);
    if !x.is_nan() {
        return f64::from(x).to_bits();
    }
    let sign = u64::from(bits >> 31) << 63;
    sign | 0x7ff8_0000_0000_0000 | u64::from(bits & 0x007f_ffff) << 29
}

fn demote(bits: u64) -> u32 {
    let x = f64::from_bits(bits);
    if !x.is_nan() {
        return (x as f32).to_bits();
    }
    let sign = ((bits >> 63) as u32) << 31;
    sign | 0x7fc0_0000 | (bits >> 29) as u32 & 0x007f_ffff
}

/// Conversions to integers. Every `f32` is an `f64`, so that one function does for both.
fn truncate(operator: &O<'_>, x: f64) -> Option<Result<Value, Stop>> {
    Some(Ok(match operator {
        O::I32TruncSatF32S | O::I32TruncSatF64S => I32(x as i32 as u32),
        O::I32TruncSatF32U | O::I32TruncSatF64U => I32(x as u32),
        O::I64TruncSatF32S | O::I64TruncSatF64S => I64(x as i64 as u64),
        O::I64TruncSatF32U | O::I64TruncSatF64U => I64(x as u64),
        O::I32TruncF32S | O::I32TruncF64S => {
            return Some(checked(x, -2147483648.0, 2147483648.0, |x| {
                I32(x as i32 as u32)
            }));
        }
        O::I32TruncF32U | O::I32TruncF64U => {
            return Some(checked(x, 0.0, 4294967296.0, |x| I32(x as u32)));
        }
        O::I64TruncF32S | O::I64TruncF64S => {
            return Some(checked(
                x,
                -9223372036854775808.0,
                9223372036854775808.0,
                |x| I64(x as i64 as u64),
            ));
        }
        O::I64TruncF32U | O::I64TruncF64U => {
            return Some(checked(x, 0.0, 18446744073709551616.0, |x| I64(x as u64)));
        }
        _ => return None,
    }))
}

/// `least` is the smallest result, `end` one past the greatest.
fn checked(x: f64, least: f64, end: f64, convert: fn(f64) -> Value) -> Result<Value, Stop> {
    let whole = x.trunc();
    if x.is_nan() {
        Err(INVALID)
    } else if whole < least || whole >= end {
        Err(OVERFLOW)
    } else {
        Ok(convert(whole))
    }
}
