//! Real programs in C do the same natively and through the whole toolchain: `wamrc-rs` compiles them, `iwasm-rs` runs them,
//! without frames and with them in every way.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use xtask::builder::Builder;
use xtask::outcome::Reference;
use xtask::programs;
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
}

fn same_as_native(name: &str) -> Result<()> {
    let (tools, builder) = tools()?;
    let program = programs::find(name).context("no such program")?;
    let reference = Reference::new(builder, program)?;
    for frames in Frames::ALL {
        let aot = builder.aot(tools, program, &reference.wasm, frames.flags())?;
        reference
            .compare(&aot, || Command::new(&tools.iwasm))
            .with_context(|| format!("with frames {}", frames.name()))?;
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
