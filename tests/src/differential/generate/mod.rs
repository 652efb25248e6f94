//! Programs from seeds: modules by wasm-smith, options and arguments of our own.
//!
//! wasm-smith knows exceptions, but what it makes of them hardly ever runs: `throws` gives modules more of them.

mod body;
mod names;
mod smith;
mod throws;

use wamrc_rs::options::{TargetOptions, optional_features, supported_features};
use wamrc_rs::{CallStackFeatures, FrameOptions, FrameStrategy, Options};
use wasm_encoder::reencode::Reencode;
use wasmparser::{ExternalKind, ValType};

use super::{Act, Kind, Program};
use crate::frames::generate::Random;
use crate::reference::{Module, Value};
use names::Names;

/// The exported global that counts down calls and turns of loops; at 0 the code traps.
pub const FUEL: &str = "differential fuel";

/// Fuel of each call, and of the start function.
pub const FUEL_OF_A_CALL: i32 = 1_000;

/// The export of a tag.
pub fn tag_name(index: u32) -> String {
    format!("differential tag {index}")
}

/// The program of a seed.
///
/// # Errors
/// The generator gives an invalid module: a bug of it or of the validator.
pub fn program(seed: u64) -> Result<Program, String> {
    let mut random = Random::new(seed);
    let kind = Kind::of_seed(seed);
    let mut wasm = smith::module(kind, &mut random)?;
    if kind != Kind::General {
        wasm = throws::rewrite(&wasm, kind, &mut random)?;
    }
    let wasm = named(&wasm, &mut random)?;
    let options = options(&mut random);
    let module = Module::decode(&wasm, options.features).map_err(|error| format!("{error:#}"))?;
    let mut calls = Vec::new();
    for (name, kind, index) in &module.exports {
        if *kind == ExternalKind::Func {
            // The second call meets what the first one has left.
            for _ in 0..2 {
                let params = module.function_type(*index).params();
                let arguments = params.iter().map(|ty| argument(&mut random, *ty));
                calls.push(((*name).to_owned(), arguments.collect()));
            }
        }
    }
    let acts = if kind.throws() {
        acts(&module, &calls, &mut random)
    } else {
        Vec::new()
    };
    Ok(Program {
        kind,
        wasm,
        options,
        calls,
        acts,
    })
}

/// The module with the imports and exports that both engines need.
fn named(wasm: &[u8], random: &mut Random) -> Result<Vec<u8>, String> {
    let mut encoded = wasm_encoder::Module::new();
    Names::new(random)
        .parse_core_module(&mut encoded, wasmparser::Parser::new(0), wasm)
        .map_err(|error| error.to_string())?;
    Ok(encoded.finish())
}

/// What host functions do: throw, and call what is called from outside, too.
fn acts(module: &Module<'_>, calls: &[(String, Vec<Value>)], random: &mut Random) -> Vec<Act> {
    let mut acts = Vec::new();
    for _ in 0..random.between(1, 3) {
        let tag = random.below(module.all_tags().count());
        if let Some(ty) = module.all_tags().nth(tag) {
            let types = module.types[ty as usize].params().iter();
            let values = types.map(|ty| argument(random, *ty)).collect();
            acts.push(Act::Throw(tag as u32, values));
        }
    }
    for _ in 0..random.between(0, 3) {
        if calls.is_empty() {
            break;
        }
        let (name, arguments) = random.of(calls).clone();
        acts.push(Act::Call {
            name,
            arguments,
            throws_on: random.chance(60),
        });
    }
    acts
}

/// Options for the compiler: half without frames. Every access of memory counts, so traps are strict.
fn options(random: &mut Random) -> Options {
    use FrameStrategy::{Explicit, Mapped, None as Off};
    Options {
        strict_traps: true,
        opt_level: *random.of(&[0, 0, 0, 0, 3, 3, 3, 3, 1, 2]),
        frames: FrameOptions {
            strategy: *random.of(&[Off, Off, Explicit, Mapped]),
            features: CallStackFeatures::ALL,
            all: random.chance(15),
        },
        bounds_checks: random.chance(25).then_some(true),
        stack_bounds_checks: random.chance(15).then_some(true),
        safepoints: random.chance(20),
        count_calls: random.chance(5),
        target: TargetOptions {
            size_level: random.chance(10).then(|| *random.of(&[0, 1])),
            ..TargetOptions::default()
        },
        threads: std::num::NonZeroUsize::new(1),
        features: supported_features() | optional_features(),
        ..Options::default()
    }
}

/// The options as arguments of wamrc-rs.
pub fn command_line(options: &Options) -> String {
    let mut words = vec![format!("--opt-level={}", options.opt_level)];
    let mut add = |on: bool, word: &str| words.extend(on.then(|| word.to_owned()));
    add(options.strict_traps, "--strict-traps");
    add(
        options.features.custom_page_sizes(),
        "--enable-custom-page-sizes",
    );
    add(
        options.features.wide_arithmetic(),
        "--enable-wide-arithmetic",
    );
    add(
        options.features.legacy_exceptions(),
        "--enable-legacy-exceptions",
    );
    add(options.bounds_checks == Some(true), "--bounds-checks=1");
    add(
        options.stack_bounds_checks == Some(true),
        "--stack-bounds-checks=1",
    );
    add(options.safepoints, "--enable-safepoints");
    add(options.count_calls, "--enable-perf-profiling");
    if let Some(level) = options.target.size_level {
        add(true, &format!("--size-level={level}"));
    }
    if options.frames.strategy != FrameStrategy::None {
        let strategy = format!("{:?}", options.frames.strategy).to_lowercase();
        add(true, &format!("--frame-strategy={strategy}"));
        let what = if options.frames.all { "all" } else { "live" };
        add(true, &format!("--enable-aot-stack-frame={what}"));
    }
    words.join(" ")
}

/// Numbers at which something changes are frequent.
fn argument(random: &mut Random, ty: ValType) -> Value {
    let number = match random.below(4) {
        0 => random.any() % 64,
        1 => (random.any() % 64).wrapping_neg(),
        2 => 1_u64
            .rotate_left(random.below(64) as u32)
            .wrapping_sub(random.any() & 1),
        _ => random.any(),
    };
    match ty {
        ValType::I32 => Value::I32(number as u32),
        ValType::I64 => Value::I64(number),
        ValType::F32 if random.chance(50) => Value::F32((number.cast_signed() as f32).to_bits()),
        ValType::F32 => Value::F32(number as u32),
        ValType::F64 if random.chance(50) => Value::F64((number.cast_signed() as f64).to_bits()),
        ValType::F64 => Value::F64(number),
        ValType::V128 => Value::V128(u128::from(random.any()) << 64 | u128::from(number)),
        ValType::Ref(ty) if ty.is_extern_ref() => {
            Value::Extern((number % 3 != 0).then_some(number))
        }
        // Others are not made outside.
        ValType::Ref(_) => Value::default_of(ty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_program() {
        for seed in [0, 7, 123_456_789] {
            let (one, other) = (program(seed), program(seed));
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
        assert_ne!(program(1).map(|p| p.wasm), program(2).map(|p| p.wasm));
    }
}
