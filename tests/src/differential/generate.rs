//! Programs from seeds: modules by wasm-smith, options and arguments of our own.

use arbitrary::{Arbitrary, Unstructured};
use wamrc_rs::options::{TargetOptions, optional_features, supported_features};
use wamrc_rs::{CallStackFeatures, FrameOptions, FrameStrategy, Options};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{ExportKind, ExportSection, ImportSection};
use wasm_smith::Config;
use wasmparser::{ExternalKind, TypeRef, ValType};

use super::Program;
use crate::frames::generate::Random;
use crate::reference::{Module, Value};

/// The exported global that counts down calls and turns of loops; at 0 the code traps.
pub const FUEL: &str = "differential fuel";

/// Fuel of each call, and of the start function.
pub const FUEL_OF_A_CALL: i32 = 1_000;

/// The program of a seed.
///
/// # Errors
/// The generator gives an invalid module: a bug of it or of the validator.
pub fn program(seed: u64) -> Result<Program, String> {
    let mut random = Random::new(seed);
    let wasm = module(&mut random)?;
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
    Ok(Program {
        wasm,
        options,
        calls,
    })
}

/// A small module of wasm-smith's, with imports that are named by their number, and exports of ours beside its own.
fn module(random: &mut Random) -> Result<Vec<u8>, String> {
    let wasm = loop {
        // Where the bytes end the generator takes zeros, so their number is the size of the module.
        let length = random.between(200, 5_000);
        let bytes: Vec<u8> = (0..length).map(|_| random.any() as u8).collect();
        let mut source = Unstructured::new(&bytes);
        let config = config(random, &mut source);
        match wasm_smith::Module::new(config, &mut source) {
            Ok(mut smith) => {
                smith
                    .ensure_termination(FUEL_OF_A_CALL.cast_unsigned())
                    .map_err(|error| error.to_string())?;
                break smith.to_bytes();
            }
            // Not every configuration can be fulfilled with all bytes.
            Err(arbitrary::Error::IncorrectFormat) => {}
            Err(error) => return Err(error.to_string()),
        }
    };
    let mut encoded = wasm_encoder::Module::new();
    Names::new(random)
        .parse_core_module(&mut encoded, wasmparser::Parser::new(0), &wasm)
        .map_err(|error| error.to_string())?;
    Ok(encoded.finish())
}

/// Half of the modules may use everything, the others what the generator draws. In half of them nothing traps but for
/// lack of fuel, so that long computations are not ended by the first wild address.
fn config(random: &mut Random, source: &mut Unstructured<'_>) -> Config {
    let mut config = Config::default();
    if random.chance(50)
        && let Ok(drawn) = Config::arbitrary(source)
    {
        config = drawn;
    }
    Config {
        // What the compiler and wasmi both have. Relaxed vectors may differ from one engine to the next, and so may not be here.
        exceptions_enabled: false,
        threads_enabled: false,
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
        max_imports: config.max_imports.min(8),
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
        ValType::Ref(_) => Value::Func(None),
    }
}

/// Rewrites a module: names imports by their number, and exports memories, fuel and some of the rest.
struct Names<'r> {
    random: &'r mut Random,
    imports: u32,
    functions: u32,
    tables: u32,
    memories: u32,
    globals: u32,
    exported: bool,
}

impl<'r> Names<'r> {
    fn new(random: &'r mut Random) -> Self {
        Names {
            random,
            imports: 0,
            functions: 0,
            tables: 0,
            memories: 0,
            globals: 0,
            exported: false,
        }
    }

    /// Functions and tables that are not exported are compiled differently.
    fn add_exports(&mut self, exports: &mut ExportSection) {
        for (kind, name, count, percent) in [
            (ExportKind::Func, "function", self.functions, 60),
            (ExportKind::Table, "table", self.tables, 50),
            (ExportKind::Memory, "memory", self.memories, 100),
            (ExportKind::Global, "global", self.globals - 1, 80),
        ] {
            for index in 0..count {
                if self.random.chance(percent) {
                    exports.export(&format!("differential {name} {index}"), kind, index);
                }
            }
        }
        exports.export(FUEL, ExportKind::Global, self.globals - 1);
        self.exported = true;
    }
}

type Reencoded = Result<(), reencode::Error>;

/// Counts a section's items and hands it on.
macro_rules! counted {
    ($( $method:ident, $counter:ident, $section:ident, $reader:ident; )*) => { $(
        fn $method(
            &mut self,
            to: &mut wasm_encoder::$section,
            from: wasmparser::$reader<'_>,
        ) -> Reencoded {
            self.$counter += from.count();
            reencode::utils::$method(self, to, from)
        }
    )* };
}

impl Reencode for Names<'_> {
    type Error = std::convert::Infallible;

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Reencoded {
        for import in section.into_imports() {
            let import = import?;
            match import.ty {
                TypeRef::Func(_) | TypeRef::FuncExact(_) => self.functions += 1,
                TypeRef::Table(_) => self.tables += 1,
                TypeRef::Memory(_) => self.memories += 1,
                TypeRef::Global(_) => self.globals += 1,
                TypeRef::Tag(_) => {}
            }
            let ty = self.entity_type(import.ty)?;
            imports.import("host", &self.imports.to_string(), ty);
            self.imports += 1;
        }
        Ok(())
    }

    counted! {
        parse_function_section, functions, FunctionSection, FunctionSectionReader;
        parse_table_section, tables, TableSection, TableSectionReader;
        parse_memory_section, memories, MemorySection, MemorySectionReader;
        parse_global_section, globals, GlobalSection, GlobalSectionReader;
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Reencoded {
        reencode::utils::parse_export_section(self, exports, section)?;
        self.add_exports(exports);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut wasm_encoder::Module,
        _after: Option<wasm_encoder::SectionId>,
        before: Option<wasm_encoder::SectionId>,
    ) -> Reencoded {
        use wasm_encoder::SectionId::{Code, Data, DataCount, Element, Start};
        // The place of the export section, if the module has none.
        let behind = matches!(
            before,
            None | Some(Start | Element | DataCount | Code | Data)
        );
        if behind && !self.exported {
            let mut exports = ExportSection::new();
            self.add_exports(&mut exports);
            module.section(&exports);
        }
        Ok(())
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
