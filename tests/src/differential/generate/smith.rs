//! Modules by wasm-smith.

use arbitrary::{Arbitrary, Unstructured};
use wasm_smith::Config;

use super::FUEL_OF_A_CALL;
use crate::differential::Kind;
use crate::frames::generate::Random;

/// A small module of wasm-smith's. Its last global is the fuel.
pub fn module(kind: Kind, random: &mut Random) -> Result<Vec<u8>, String> {
    loop {
        // Where the bytes end the generator takes zeros, so their number is the size of the module.
        let length = random.between(200, 5_000);
        let bytes: Vec<u8> = (0..length).map(|_| random.any() as u8).collect();
        let mut source = Unstructured::new(&bytes);
        let config = config(kind, random, &mut source);
        match wasm_smith::Module::new(config, &mut source) {
            Ok(mut smith) => {
                smith
                    .ensure_termination(FUEL_OF_A_CALL.cast_unsigned())
                    .map_err(|error| error.to_string())?;
                return Ok(smith.to_bytes());
            }
            // Not every configuration can be fulfilled with all bytes.
            Err(arbitrary::Error::IncorrectFormat) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Half of the modules may use everything, the others what the generator draws. In half of them nothing traps but for
/// lack of fuel, so that long computations are not ended by the first wild address.
fn config(kind: Kind, random: &mut Random, source: &mut Unstructured<'_>) -> Config {
    let mut config = Config::default();
    if random.chance(50)
        && let Ok(drawn) = Config::arbitrary(source)
    {
        config = drawn;
    }
    // Functions of the host's, above all, so that exceptions pass through it.
    let min_imports = match kind {
        Kind::General | Kind::Threads => 0,
        Kind::Exceptions | Kind::LegacyExceptions => random.between(0, 4),
    };
    Config {
        // What the compiler and the other engine both have. Relaxed vectors may differ from one engine to the next, and so may
        // not be here.
        exceptions_enabled: kind == Kind::Exceptions,
        threads_enabled: kind == Kind::Threads,
        gc_enabled: false,
        relaxed_simd_enabled: false,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: random.chance(15),
        wide_arithmetic_enabled: random.chance(50),
        // Else bits of NaNs are not determined. wasm-smith forgets promotions and demotions, so a difference that comes from
        // the sign of such a NaN is none.
        canonicalize_nans: true,
        disallow_traps: random.chance(50),
        min_types: 1,
        max_types: config.max_types.clamp(4, 12),
        min_funcs: random.between(1, 5),
        max_funcs: config.max_funcs.clamp(5, 12),
        min_imports,
        max_imports: config.max_imports.min(8).max(min_imports),
        max_tags: config.max_tags.min(5),
        max_globals: config.max_globals.min(12),
        max_exports: config.max_exports.min(4),
        max_instructions: config.max_instructions.clamp(20, 150),
        max_memories: config.max_memories.min(3),
        min_memories: u32::from(config.max_memories > 0 && random.chance(70)),
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        max_tables: config.max_tables.min(3),
        max_table_elements: 500,
        max_elements: config.max_elements.min(30),
        max_element_segments: config.max_element_segments.min(6),
        max_data_segments: config.max_data_segments.min(6),
        max_type_size: 10_000,
        ..config
    }
}
