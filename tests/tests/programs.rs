//! Real programs in C, C++, Rust and Go do the same natively and through the whole toolchain: `wamrc-rs` compiles them, `iwasm-rs` runs them,
//! without frames and with them in every way.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{Operator, Parser, Payload};
use xtask::builder::Builder;
use xtask::clang::Target;
use xtask::outcome::Reference;
use xtask::programs::{self, Language};
use xtask::tools::{Frames, Tools};

macro_rules! program_tests {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() -> Result<()> {
                same_as_native($name)
            }
        )*

        #[test]
        fn every_program_has_a_test() {
            let tested = [$($name),*];
            for program in programs::PROGRAMS {
                assert!(tested.contains(&program.name), "{} has no test", program.name);
            }
        }
    };
}

program_tests! {
    sqlite: "sqlite",
    zstd: "zstd",
    zstd_simd: "zstd-simd",
    lz4: "lz4",
    bzip2: "bzip2",
    zlib: "zlib",
    brotli: "brotli",
    lua: "lua",
    lua_errors: "lua-errors",
    lua_errors_legacy: "lua-errors-legacy",
    kernels: "kernels",
    fannkuch: "fannkuch",
    binary_trees: "binary-trees",
    nbody: "nbody",
    fib: "fib",
    interpreter: "interpreter",
    threaded: "threaded",
    vectors: "vectors",
    cxx_exceptions: "cxx-exceptions",
    cxx_exceptions_legacy: "cxx-exceptions-legacy",
    rust_panics: "rust-panics",
    rust_panics_legacy: "rust-panics-legacy",
    go: "go",
}

fn same_as_native(name: &str) -> Result<()> {
    let (tools, builder) = tools()?;
    let program = programs::find(name).context("no such program")?;
    let reference = Reference::new(builder, program)?;
    for &(frames, level) in ways(program.language()) {
        let flags = [frames.flags(), &[level]].concat();
        let aot = builder.aot(tools, program, &reference.wasm, &flags)?;
        reference
            .compare(&aot, || Command::new(&tools.iwasm))
            .with_context(|| format!("with frames {}, {level}", frames.name()))?;
    }
    Ok(())
}

/// How programs are compiled.
fn ways(language: Language) -> &'static [(Frames, &'static str)] {
    const ALL: &[(Frames, &str)] = &[
        (Frames::None, "--opt-level=3"),
        (Frames::Explicit, "--opt-level=3"),
        (Frames::Mapped, "--opt-level=3"),
        (Frames::None, "--opt-level=0"),
        (Frames::Mapped, "--opt-level=0"),
    ];
    match language {
        Language::C => &ALL[..3],
        // Small, and their exceptions meet other code where nothing is inlined.
        Language::Cxx | Language::Rust => ALL,
        // All of Go's runtime: more than half a minute each.
        Language::Go => const { &[ALL[0], ALL[2]] },
    }
}

/// A program that is there for what its compiler makes of it really holds that. A compiler may change its mind.
#[test]
fn programs_hold_the_instructions_that_they_are_for() -> Result<()> {
    type Is = fn(&Operator) -> bool;
    let throws: Is = |operator| matches!(operator, Operator::Throw { .. });
    let catches: Is = |operator| matches!(operator, Operator::TryTable { .. });
    let catches_by_legacy: Is = |operator| matches!(operator, Operator::Try { .. });
    // Comparing bytes, adding words, shuffling: whatever a vectoriser uses has one of these.
    let vectors: Is = |operator| {
        matches!(
            operator,
            Operator::V128Load { .. } | Operator::V128Store { .. }
        )
    };
    let (_, builder) = tools()?;
    for (name, some, none) in [
        ("zstd-simd", &[vectors][..], &[throws][..]),
        ("zstd", &[], &[vectors]),
        ("cxx-exceptions", &[throws, catches], &[catches_by_legacy]),
        (
            "cxx-exceptions-legacy",
            &[throws, catches_by_legacy],
            &[catches],
        ),
        ("rust-panics", &[throws, catches], &[catches_by_legacy]),
        (
            "rust-panics-legacy",
            &[throws, catches_by_legacy],
            &[catches],
        ),
    ] {
        let program = programs::find(name).context("no such program")?;
        let module = fs::read(builder.build(program, Target::Wasm)?)?;
        let count = |is: &Is| -> Result<usize> {
            let mut count = 0;
            for payload in Parser::new(0).parse_all(&module) {
                let Payload::CodeSectionEntry(body) = payload? else {
                    continue;
                };
                for operator in body.get_operators_reader()? {
                    count += usize::from(is(&operator?));
                }
            }
            Ok(count)
        };
        let some = some.iter().map(count).collect::<Result<Vec<_>>>()?;
        let none = none.iter().map(count).collect::<Result<Vec<_>>>()?;
        ensure!(
            some.iter().all(|&count| count > 0) && none.iter().all(|&count| count == 0),
            "{name}: {some:?} of what it is for, {none:?} of what it should not have"
        );
    }
    Ok(())
}

/// The binaries and the sources, made once for all tests of this process.
fn tools() -> Result<&'static (Tools, Builder)> {
    static TOOLS: OnceLock<Result<(Tools, Builder), String>> = OnceLock::new();
    let made = TOOLS.get_or_init(|| {
        let make = || -> Result<_> { Ok((Tools::build()?, Builder::new()?)) };
        make().map_err(|error| format!("{error:#}"))
    });
    match made {
        Ok(made) => Ok(made),
        Err(error) => bail!("{error}"),
    }
}
