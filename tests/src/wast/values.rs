//! Values of a script beside values of the runtime: making arguments, matching results.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use core::fmt::Write as _;

use wamr_runtime_min::{ExternRef, Store, Val};

use super::script::{LanePattern, NanKind, Pattern, RefKind, Value};

/// The host references that a script's numbers stand for, each made once.
#[derive(Default)]
pub struct ExternRefs {
    made: BTreeMap<u32, ExternRef>,
}

impl ExternRefs {
    /// The runtime's value for a script's.
    pub fn value(&mut self, store: &mut Store, value: Value) -> Val {
        match value {
            Value::I32(value) => Val::I32(value),
            Value::I64(value) => Val::I64(value),
            Value::F32(bits) => Val::F32(bits),
            Value::F64(bits) => Val::F64(bits),
            Value::V128(bits) => Val::V128(bits),
            Value::Null(RefKind::Func) => Val::FuncRef(None),
            Value::Null(RefKind::Extern) => Val::ExternRef(None),
            Value::Null(RefKind::Exn) => Val::ExnRef(None),
            Value::Extern(number) => {
                let reference = *self
                    .made
                    .entry(number)
                    .or_insert_with(|| ExternRef::new(store, u64::from(number)));
                Val::ExternRef(Some(reference))
            }
        }
    }
}

/// Whether a result is what a pattern asks for.
pub fn matches(store: &Store, pattern: &Pattern, found: &Val) -> bool {
    match (pattern, found) {
        (Pattern::Value(Value::I32(expected)), Val::I32(found)) => expected == found,
        (Pattern::Value(Value::I64(expected)), Val::I64(found)) => expected == found,
        (Pattern::Value(Value::F32(expected)), Val::F32(found)) => expected == found,
        (Pattern::Value(Value::F64(expected)), Val::F64(found)) => expected == found,
        (Pattern::Value(Value::V128(expected)), Val::V128(found)) => expected == found,
        (Pattern::Value(Value::Null(RefKind::Func)), Val::FuncRef(None)) => true,
        (Pattern::Value(Value::Null(RefKind::Extern)), Val::ExternRef(None)) => true,
        (Pattern::Value(Value::Null(RefKind::Exn)), Val::ExnRef(None)) => true,
        (Pattern::Value(Value::Extern(expected)), Val::ExternRef(Some(found))) => {
            found.data(store) == Some(u64::from(*expected))
        }
        (Pattern::F32Nan(kind), Val::F32(found)) => is_nan32(*kind, *found),
        (Pattern::F64Nan(kind), Val::F64(found)) => is_nan64(*kind, *found),
        (Pattern::F32x4(lanes), Val::V128(found)) => {
            lanes
                .iter()
                .zip(words32(*found))
                .all(|(lane, found)| match lane {
                    LanePattern::Bits(expected) => *expected == found,
                    LanePattern::Nan(kind) => is_nan32(*kind, found),
                })
        }
        (Pattern::F64x2(lanes), Val::V128(found)) => {
            lanes
                .iter()
                .zip(words64(*found))
                .all(|(lane, found)| match lane {
                    LanePattern::Bits(expected) => *expected == found,
                    LanePattern::Nan(kind) => is_nan64(*kind, found),
                })
        }
        (Pattern::AnyNull, Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None)) => true,
        (Pattern::AnyExtern, Val::ExternRef(Some(_))) => true,
        (Pattern::AnyFunc, Val::FuncRef(Some(_))) => true,
        (Pattern::Either(patterns), found) => patterns
            .iter()
            .any(|pattern| matches(store, pattern, found)),
        _ => false,
    }
}

const F32_QUIET: u32 = 0x7fc0_0000;
const F64_QUIET: u64 = 0x7ff8_0000_0000_0000;

/// Whether the bits are a NaN of the kind (specification, "NaNs").
pub(crate) fn is_nan32(kind: NanKind, bits: u32) -> bool {
    match kind {
        NanKind::Canonical => bits & 0x7fff_ffff == F32_QUIET,
        NanKind::Arithmetic => bits & F32_QUIET == F32_QUIET,
    }
}

/// As [`is_nan32`].
pub(crate) fn is_nan64(kind: NanKind, bits: u64) -> bool {
    match kind {
        NanKind::Canonical => bits & 0x7fff_ffff_ffff_ffff == F64_QUIET,
        NanKind::Arithmetic => bits & F64_QUIET == F64_QUIET,
    }
}

fn words32(bits: u128) -> [u32; 4] {
    let bytes = bits.to_le_bytes();
    core::array::from_fn(|i| {
        u32::from_le_bytes([
            bytes[4 * i],
            bytes[4 * i + 1],
            bytes[4 * i + 2],
            bytes[4 * i + 3],
        ])
    })
}

fn words64(bits: u128) -> [u64; 2] {
    let words = words32(bits);
    core::array::from_fn(|i| u64::from(words[2 * i]) | u64::from(words[2 * i + 1]) << 32)
}

/// Results as a message shows them: `(i32 7) (f64 0x7ff8000000000000 NaN)`.
pub fn show_results(store: &Store, results: &[Val]) -> String {
    let mut text = String::new();
    for value in results {
        text.push_str(if text.is_empty() { "(" } else { " (" });
        let written = match value {
            Val::I32(value) => write!(text, "i32 {value}"),
            Val::I64(value) => write!(text, "i64 {value}"),
            Val::F32(bits) => write!(text, "f32 {bits:#010x} {}", f32::from_bits(*bits)),
            Val::F64(bits) => write!(text, "f64 {bits:#018x} {}", f64::from_bits(*bits)),
            Val::V128(bits) => write!(text, "v128 {bits:#034x}"),
            Val::FuncRef(None) => write!(text, "null func"),
            Val::FuncRef(Some(_)) => write!(text, "func"),
            Val::ExnRef(None) => write!(text, "null exn"),
            Val::ExnRef(Some(_)) => write!(text, "exn"),
            Val::ExternRef(None) => write!(text, "null extern"),
            Val::ExternRef(Some(reference)) => match reference.data(store) {
                Some(data) => write!(text, "extern {data}"),
                None => write!(text, "extern"),
            },
        };
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
        text.push(')');
    }
    if text.is_empty() {
        "nothing".into()
    } else {
        text
    }
}

/// Patterns as a message shows them, in the form of [`show_results`].
pub fn show_patterns(patterns: &[Pattern]) -> String {
    if patterns.is_empty() {
        return "nothing".into();
    }
    patterns
        .iter()
        .map(show_pattern)
        .collect::<Vec<_>>()
        .join(" ")
}

fn show_pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Value(Value::I32(value)) => format!("(i32 {value})"),
        Pattern::Value(Value::I64(value)) => format!("(i64 {value})"),
        Pattern::Value(Value::F32(bits)) => format!("(f32 {bits:#010x} {})", f32::from_bits(*bits)),
        Pattern::Value(Value::F64(bits)) => format!("(f64 {bits:#018x} {})", f64::from_bits(*bits)),
        Pattern::Value(Value::V128(bits)) => format!("(v128 {bits:#034x})"),
        Pattern::Value(Value::Null(RefKind::Func)) => "(null func)".into(),
        Pattern::Value(Value::Null(RefKind::Extern)) => "(null extern)".into(),
        Pattern::Value(Value::Null(RefKind::Exn)) => "(null exn)".into(),
        Pattern::Value(Value::Extern(number)) => format!("(extern {number})"),
        Pattern::F32Nan(kind) => format!("(f32 {kind:?} NaN)"),
        Pattern::F64Nan(kind) => format!("(f64 {kind:?} NaN)"),
        Pattern::F32x4(lanes) => format!("(v128 f32x4 {lanes:x?})"),
        Pattern::F64x2(lanes) => format!("(v128 f64x2 {lanes:x?})"),
        Pattern::AnyNull => "(null)".into(),
        Pattern::AnyExtern => "(extern)".into(),
        Pattern::AnyFunc => "(func)".into(),
        Pattern::Either(patterns) => patterns
            .iter()
            .map(show_pattern)
            .collect::<Vec<_>>()
            .join(" or "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_kinds_follow_the_specification() {
        let cases = [
            (0x7fc0_0000, true, true),
            (0xffc0_0000, true, true),
            (0x7fc0_0001, false, true),
            (0x7fa0_0000, false, false),
            (0x7f80_0000, false, false),
            (0x3f80_0000, false, false),
        ];
        for (bits, canonical, arithmetic) in cases {
            assert_eq!(is_nan32(NanKind::Canonical, bits), canonical, "{bits:#x}");
            assert_eq!(is_nan32(NanKind::Arithmetic, bits), arithmetic, "{bits:#x}");
        }
        let cases = [
            (0xfff8_0000_0000_0000, true, true),
            (0x7ff8_0000_0000_0001, false, true),
            (0x7ff4_0000_0000_0000, false, false),
            (0x7ff0_0000_0000_0000, false, false),
        ];
        for (bits, canonical, arithmetic) in cases {
            assert_eq!(is_nan64(NanKind::Canonical, bits), canonical, "{bits:#x}");
            assert_eq!(is_nan64(NanKind::Arithmetic, bits), arithmetic, "{bits:#x}");
        }
    }

    #[test]
    fn lanes_are_little_endian() {
        let bits = 0x0004_0000_0003_0000_0002_0000_0001_u128;
        assert_eq!(
            words32(0x0000_0004_0000_0003_0000_0002_0000_0001),
            [1, 2, 3, 4]
        );
        assert_eq!(words64(bits)[0], 0x0003_0000_0002_0000_0001_u128 as u64);
    }
}
