//! WebAssembly values as text: a function's arguments as typed, its results as iwasm prints them.

use crate::float;
use wamr_runtime_min::{ExternRef, HeapType, Store, Val, ValType};

/// Reads an argument. `None` if it is not of the type's form or range.
pub fn parse(store: &mut Store, ty: ValType, text: &str) -> Option<Val> {
    Some(match ty {
        ValType::I32 => Val::I32(u32::try_from(integer(text, 32)?).ok()?.cast_signed()),
        ValType::I64 => Val::I64(integer(text, 64)?.cast_signed()),
        ValType::F32 => {
            let bits = float::parse(text, 32, 23, |text| {
                text.parse::<f32>().ok().map(|value| value.to_bits().into())
            })?;
            Val::F32(u32::try_from(bits).ok()?)
        }
        ValType::F64 => Val::F64(float::parse(text, 64, 52, |text| {
            text.parse::<f64>().ok().map(f64::to_bits)
        })?),
        ValType::V128 => {
            let (low, high) = text.split_once('\\')?;
            let high = u128::from(integer(high, 64)?) << 64;
            Val::V128(high | u128::from(integer(low, 64)?))
        }
        ValType::Ref(ty) if text == "null" => {
            ty.nullable.then_some(Val::default_of(ValType::Ref(ty)))?
        }
        ValType::Ref(ty) if ty.heap == HeapType::Extern => {
            let data = integer(text, 64)?;
            Val::ExternRef(Some(ExternRef::new(store, data)))
        }
        ValType::Ref(_) => return None,
    })
}

/// What an argument of a type looks like, for error messages.
pub fn form(ty: ValType) -> &'static str {
    match ty {
        ValType::I32 => "a number from -2147483648 to 4294967295, decimal or 0x hexadecimal",
        ValType::I64 => "a number from -2^63 to 2^64-1, decimal or 0x hexadecimal",
        ValType::F32 | ValType::F64 => "a number such as 1.5 or -2e10, inf, nan or nan:0x1",
        ValType::V128 => "two numbers of 64 bits, low half first, such as 0x1\\0x2",
        ValType::Ref(ty) => match (ty.heap, ty.nullable) {
            (HeapType::Extern, true) => "null or a number",
            (HeapType::Extern, false) => "a number",
            (_, true) => "null",
            (_, false) => "a reference, which cannot be written as text",
        },
    }
}

/// A signed or unsigned number of so many bits, in two's complement.
fn integer(text: &str, bits: u32) -> Option<u64> {
    let (negative, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    // `from_str_radix` would take a second sign.
    if !magnitude.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    let hexadecimal = magnitude
        .strip_prefix("0x")
        .or_else(|| magnitude.strip_prefix("0X"));
    let value = match hexadecimal {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok()?,
        Some(_) => return None,
        None => magnitude.parse().ok()?,
    };
    let mask = u64::MAX >> (64 - bits);
    if negative {
        (value <= 1 << (bits - 1)).then_some(value.wrapping_neg() & mask)
    } else {
        (value <= mask).then_some(value)
    }
}

/// A result. Without a store the number behind an external reference is left out.
pub fn print(value: &Val, store: Option<&Store>) -> String {
    match value {
        Val::I32(value) => format!("{:#x}:i32", value),
        Val::I64(value) => format!("{:#x}:i64", value),
        Val::F32(bits) => format!("{}:f32", float::print(f64::from(f32::from_bits(*bits)))),
        Val::F64(bits) => format!("{}:f64", float::print(f64::from_bits(*bits))),
        Val::V128(value) => {
            let low = value & u128::from(u64::MAX);
            format!("<{low:#018x} {:#018x}>:v128", value >> 64)
        }
        Val::FuncRef(None) => "func:ref.null".into(),
        Val::FuncRef(Some(_)) => "ref.func".into(),
        Val::ExternRef(None) => "extern:ref.null".into(),
        Val::ExternRef(Some(reference)) => match store.and_then(|store| reference.data(store)) {
            Some(data) => format!("{data:#x}:ref.extern"),
            None => "ref.extern".into(),
        },
        Val::ExnRef(None) => "exn:ref.null".into(),
        Val::ExnRef(Some(_)) => "ref.exn".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_signed_or_unsigned_and_in_range() {
        for (text, bits, expected) in [
            ("0", 32, Some(0)),
            ("42", 32, Some(42)),
            ("+42", 32, Some(42)),
            ("-1", 32, Some(0xffff_ffff)),
            ("0xffffffff", 32, Some(0xffff_ffff)),
            ("0XfF", 32, Some(0xff)),
            ("4294967295", 32, Some(0xffff_ffff)),
            ("4294967296", 32, None),
            ("-2147483648", 32, Some(0x8000_0000)),
            ("-2147483649", 32, None),
            ("-0x80000000", 32, Some(0x8000_0000)),
            ("-9223372036854775808", 64, Some(1 << 63)),
            ("-9223372036854775809", 64, None),
            ("18446744073709551615", 64, Some(u64::MAX)),
            ("18446744073709551616", 64, None),
            ("", 32, None),
            ("-", 32, None),
            ("0x", 32, None),
            ("0x+1", 32, None),
            ("--1", 32, None),
            ("-+1", 32, None),
            ("1.5", 32, None),
            ("1 ", 32, None),
        ] {
            assert_eq!(integer(text, bits), expected, "{text} of {bits} bits");
        }
    }

    #[test]
    fn results_look_as_in_iwasm() {
        for (value, expected) in [
            (Val::I32(8), "0x8:i32"),
            (Val::I32(-1), "0xffffffff:i32"),
            (Val::I64(-1), "0xffffffffffffffff:i64"),
            (Val::F32(1.5_f32.to_bits()), "1.5:f32"),
            (Val::F64(0.1_f64.to_bits()), "0.1:f64"),
            (Val::F64((-f64::NAN).to_bits()), "-nan:f64"),
            (
                Val::V128((2 << 64) | 1),
                "<0x0000000000000001 0x0000000000000002>:v128",
            ),
            (Val::FuncRef(None), "func:ref.null"),
            (Val::ExternRef(None), "extern:ref.null"),
            (Val::ExnRef(None), "exn:ref.null"),
        ] {
            assert_eq!(print(&value, None), expected);
        }
    }
}
