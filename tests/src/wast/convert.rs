//! Values and patterns of the text format, as a script holds them.

use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastExecute, WastInvoke, WastRet};

use super::script::{Action, LanePattern, NanKind, Pattern, RefKind, Value};

/// Why a directive cannot be put into a script: it needs what this build does not have.
pub type Skip = String;

/// An invocation.
pub fn invoke(invoke: &WastInvoke<'_>) -> Result<Action, Skip> {
    Ok(Action::Invoke {
        module: invoke.module.map(|id| id.name().to_owned()),
        name: invoke.name.to_owned(),
        arguments: invoke.args.iter().map(argument).collect::<Result<_, _>>()?,
    })
}

/// An action; `None` if it is a module.
pub fn action(execute: &WastExecute<'_>) -> Result<Option<Action>, Skip> {
    match execute {
        WastExecute::Invoke(call) => invoke(call).map(Some),
        WastExecute::Get { module, global, .. } => Ok(Some(Action::Get {
            module: module.map(|id| id.name().to_owned()),
            name: (*global).to_owned(),
        })),
        WastExecute::Wat(_) => Ok(None),
    }
}

fn argument(argument: &WastArg<'_>) -> Result<Value, Skip> {
    let WastArg::Core(argument) = argument else {
        return Err("component values are not supported".into());
    };
    Ok(match argument {
        WastArgCore::I32(value) => Value::I32(*value),
        WastArgCore::I64(value) => Value::I64(*value),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::V128(value) => Value::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(ty) => Value::Null(ref_kind(ty)?),
        WastArgCore::RefExtern(number) => Value::Extern(*number),
        WastArgCore::RefHost(_) => {
            return Err("host references of type any are not supported".into());
        }
    })
}

fn ref_kind(ty: &HeapType<'_>) -> Result<RefKind, Skip> {
    match ty {
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Func | AbstractHeapType::NoFunc,
        } => Ok(RefKind::Func),
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Extern | AbstractHeapType::NoExtern,
        } => Ok(RefKind::Extern),
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Exn | AbstractHeapType::NoExn,
        } => Ok(RefKind::Exn),
        other => Err(format!("references of type {other:?} are not supported")),
    }
}

/// Expected results.
pub fn patterns(results: &[WastRet<'_>]) -> Result<Vec<Pattern>, Skip> {
    results
        .iter()
        .map(|result| match result {
            WastRet::Core(result) => pattern(result),
            _ => Err("component values are not supported".into()),
        })
        .collect()
}

fn pattern(result: &WastRetCore<'_>) -> Result<Pattern, Skip> {
    Ok(match result {
        WastRetCore::I32(value) => Pattern::Value(Value::I32(*value)),
        WastRetCore::I64(value) => Pattern::Value(Value::I64(*value)),
        WastRetCore::F32(NanPattern::Value(value)) => Pattern::Value(Value::F32(value.bits)),
        WastRetCore::F32(NanPattern::CanonicalNan) => Pattern::F32Nan(NanKind::Canonical),
        WastRetCore::F32(NanPattern::ArithmeticNan) => Pattern::F32Nan(NanKind::Arithmetic),
        WastRetCore::F64(NanPattern::Value(value)) => Pattern::Value(Value::F64(value.bits)),
        WastRetCore::F64(NanPattern::CanonicalNan) => Pattern::F64Nan(NanKind::Canonical),
        WastRetCore::F64(NanPattern::ArithmeticNan) => Pattern::F64Nan(NanKind::Arithmetic),
        WastRetCore::V128(vector) => vector_pattern(vector),
        WastRetCore::RefNull(None) => Pattern::AnyNull,
        WastRetCore::RefNull(Some(ty)) => Pattern::Value(Value::Null(ref_kind(ty)?)),
        WastRetCore::RefExtern(None) => Pattern::AnyExtern,
        WastRetCore::RefExtern(Some(number)) => Pattern::Value(Value::Extern(*number)),
        // Which function it is cannot be told from outside; the scripts use the form without index.
        WastRetCore::RefFunc(_) => Pattern::AnyFunc,
        WastRetCore::Either(cases) => {
            Pattern::Either(cases.iter().map(pattern).collect::<Result<_, _>>()?)
        }
        other => return Err(format!("results like {other:?} are not supported")),
    })
}

fn vector_pattern(vector: &V128Pattern) -> Pattern {
    fn bytes<const N: usize, const LANES: usize>(lanes: [[u8; N]; LANES]) -> Pattern {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(lanes.iter().flatten()) {
            *to = *from;
        }
        Pattern::Value(Value::V128(u128::from_le_bytes(bytes)))
    }
    match vector {
        V128Pattern::I8x16(lanes) => bytes(lanes.map(i8::to_le_bytes)),
        V128Pattern::I16x8(lanes) => bytes(lanes.map(i16::to_le_bytes)),
        V128Pattern::I32x4(lanes) => bytes(lanes.map(i32::to_le_bytes)),
        V128Pattern::I64x2(lanes) => bytes(lanes.map(i64::to_le_bytes)),
        V128Pattern::F32x4(lanes) => {
            Pattern::F32x4(lanes.map(|lane| lane_pattern(lane, |F32 { bits }| bits)))
        }
        V128Pattern::F64x2(lanes) => {
            Pattern::F64x2(lanes.map(|lane| lane_pattern(lane, |F64 { bits }| bits)))
        }
    }
}

fn lane_pattern<T, Bits>(lane: NanPattern<T>, bits: impl Fn(T) -> Bits) -> LanePattern<Bits> {
    match lane {
        NanPattern::Value(value) => LanePattern::Bits(bits(value)),
        NanPattern::CanonicalNan => LanePattern::Nan(NanKind::Canonical),
        NanPattern::ArithmeticNan => LanePattern::Nan(NanKind::Arithmetic),
    }
}
