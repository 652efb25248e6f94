//! The real programs that the toolchain is tried on: where their sources come from, how they are built, and how they are
//! run for a comparison and for a measurement. One list for the demo, the tests and the benchmarks.
//!
//! Sources of others come from [packages](crate::packages); the `main` of each program is ours and lies in `tests/programs`. Native and WebAssembly builds have the same defines, so that both do the same work:
//! hand-written assembly and vector intrinsics, which only the native build would get, are off.

use crate::packages::{
    BROTLI, BZIP2, LIBCXX, LIBCXXABI, LIBUNWIND, LUA, LUA_ERRORS, LZ4, Package, SQLITE, ZLIB, ZSTD,
};

/// A program.
#[derive(Debug)]
pub struct Program {
    /// Its name, also that of its test.
    pub name: &'static str,
    /// What it exercises, for `--help` and tables.
    pub about: &'static str,
    /// Our source below `tests/programs`. Its ending says what it is written in.
    pub main: &'static str,
    /// Whose code it runs, if not ours alone.
    pub package: Option<&'static Package>,
    /// Sources that only the WebAssembly build needs, since natively the system has what they make.
    pub wasm_packages: &'static [&'static Package],
    /// Compiler flags that only the WebAssembly build has.
    pub wasm_flags: &'static [&'static str],
    /// Libraries that only the WebAssembly build links.
    pub wasm_libraries: &'static [&'static str],
    /// Flags of our own compiler that the module needs.
    pub aot_flags: &'static [&'static str],
    /// Short runs whose output is compared.
    pub checks: &'static [Invocation],
    /// Arguments of the run that is measured: some 0.5 to 3 s of native code. None if it is not.
    pub bench: &'static [&'static str],
}

/// What a program is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// C.
    C,
    /// C++.
    Cxx,
    /// Go.
    Go,
    /// Rust.
    Rust,
}

impl Program {
    /// By the ending of its source's name.
    pub fn language(&self) -> Language {
        match self.main.rsplit_once('.') {
            Some((_, "cpp")) => Language::Cxx,
            Some((_, "go")) => Language::Go,
            Some((_, "rs")) => Language::Rust,
            _ => Language::C,
        }
    }
}

/// One way to run a program.
#[derive(Debug)]
pub struct Invocation {
    /// Arguments. [`DIRECTORY`] stands for a fresh folder, by the name under which the program sees it.
    pub arguments: &'static [&'static str],
    /// File below `tests/programs` for the standard input.
    pub stdin: Option<&'static str>,
}

/// See [`Invocation::arguments`].
pub const DIRECTORY: &str = "{dir}";

const fn scaled(arguments: &'static [&'static str]) -> Invocation {
    Invocation {
        arguments,
        stdin: None,
    }
}

/// What most programs are: a source of ours and nothing else.
const PLAIN: Program = Program {
    name: "",
    about: "",
    main: "",
    package: None,
    wasm_packages: &[],
    wasm_flags: &[],
    wasm_libraries: &[],
    aot_flags: &[],
    checks: &[],
    bench: &[],
};

/// What throws and catches. Debian's libraries for WebAssembly are built without exceptions.
const CXX_PACKAGES: &[&Package] = &[&LIBCXX, &LIBCXXABI, &LIBUNWIND];

/// All of libc++abi is in [`CXX_PACKAGES`], so the system's is left out.
const CXX_LIBRARIES: &[&str] = &["-nostdlib++", "-lc++"];

const CXX_CHECKS: &[Invocation] = &[
    scaled(&[]),
    scaled(&["terminate"]),
    scaled(&["noexcept"]),
    scaled(&["uncaught"]),
    scaled(&["exit"]),
    scaled(&["rethrow"]),
];

const RUST_CHECKS: &[Invocation] = &[
    scaled(&[]),
    scaled(&["uncaught"]),
    scaled(&["boundary"]),
    scaled(&["abort"]),
    scaled(&["exit"]),
];

/// Every program.
pub const PROGRAMS: &[Program] = &[
    Program {
        name: "sqlite",
        about: "SQL database: B-trees, a bytecode interpreter, text and numbers, files",
        main: "sqlite/main.c",
        package: Some(&SQLITE),
        checks: &[
            Invocation {
                arguments: &[],
                stdin: Some("sqlite/tour.sql"),
            },
            Invocation {
                arguments: &["{dir}/moons.db"],
                stdin: Some("sqlite/tour.sql"),
            },
            Invocation {
                arguments: &["{dir}/moons.db", "{dir}/no-such.sql"],
                stdin: None,
            },
            scaled(&["--speed", "2"]),
        ],
        bench: &["--speed", "24"],
        ..PLAIN
    },
    Program {
        name: "zstd",
        about: "Zstandard, levels 3, 7 and 13",
        main: "codecs/zstd.c",
        package: Some(&ZSTD),
        checks: &[scaled(&["1"])],
        bench: &["8"],
        ..PLAIN
    },
    Program {
        name: "zstd-simd",
        about: "Zstandard with the vectors that clang makes of its loops",
        main: "codecs/zstd.c",
        package: Some(&ZSTD),
        wasm_flags: &["-msimd128"],
        checks: &[scaled(&["1"])],
        bench: &["8"],
        ..PLAIN
    },
    Program {
        name: "lz4",
        about: "LZ4, fast, high compression and optimal",
        main: "codecs/lz4.c",
        package: Some(&LZ4),
        checks: &[scaled(&["1"])],
        bench: &["12"],
        ..PLAIN
    },
    Program {
        name: "bzip2",
        about: "bzip2, small and large blocks: sorting, Huffman codes",
        main: "codecs/bzip2.c",
        package: Some(&BZIP2),
        checks: &[scaled(&["1"])],
        bench: &["6"],
        ..PLAIN
    },
    Program {
        name: "zlib",
        about: "zlib, four levels",
        main: "codecs/zlib.c",
        package: Some(&ZLIB),
        checks: &[scaled(&["1"])],
        bench: &["3"],
        ..PLAIN
    },
    Program {
        name: "brotli",
        about: "Brotli, qualities 1, 5 and 9",
        main: "codecs/brotli.c",
        package: Some(&BROTLI),
        checks: &[scaled(&["1"])],
        bench: &["10"],
        ..PLAIN
    },
    Program {
        name: "lua",
        about: "Lua interpreter: tables, strings, closures, garbage collection",
        main: "lua/main.c",
        package: Some(&LUA),
        wasm_libraries: &["-lwasi-emulated-signal"],
        checks: &[scaled(&["2"])],
        bench: &["120"],
        ..PLAIN
    },
    Program {
        name: "lua-errors",
        about: "Lua interpreter: errors and coroutines, by exceptions",
        main: "lua-errors/main.c",
        package: Some(&LUA_ERRORS),
        wasm_flags: &[
            "-mexception-handling",
            "-mllvm",
            "-wasm-enable-sjlj",
            "-mllvm",
            "-wasm-use-legacy-eh=false",
        ],
        wasm_libraries: &["-lwasi-emulated-signal"],
        checks: &[scaled(&["3"])],
        bench: &["1500"],
        ..PLAIN
    },
    Program {
        name: "lua-errors-legacy",
        about: "the same with exceptions as clang encodes them by default",
        main: "lua-errors/main.c",
        package: Some(&LUA_ERRORS),
        wasm_flags: &["-mexception-handling", "-mllvm", "-wasm-enable-sjlj"],
        wasm_libraries: &["-lwasi-emulated-signal"],
        aot_flags: &["--enable-legacy-exceptions"],
        checks: &[scaled(&["3"])],
        ..PLAIN
    },
    Program {
        name: "kernels",
        about: "lists, small matrices, a state machine, CRC: the mix of CoreMark",
        main: "bench/kernels.c",
        checks: &[scaled(&["1"])],
        bench: &["100"],
        ..PLAIN
    },
    Program {
        name: "fannkuch",
        about: "permutations: short loops, unpredictable branches",
        main: "bench/fannkuch.c",
        checks: &[scaled(&["1"])],
        bench: &["4"],
        ..PLAIN
    },
    Program {
        name: "binary-trees",
        about: "allocation and recursion",
        main: "bench/binary_trees.c",
        checks: &[scaled(&["1"])],
        bench: &["11"],
        ..PLAIN
    },
    Program {
        name: "nbody",
        about: "scalar floating point",
        main: "bench/nbody.c",
        checks: &[scaled(&["1"])],
        bench: &["120"],
        ..PLAIN
    },
    Program {
        name: "fib",
        about: "direct calls",
        main: "bench/fib.c",
        checks: &[scaled(&["3"])],
        bench: &["2500"],
        ..PLAIN
    },
    Program {
        name: "interpreter",
        about: "indirect calls, one an instruction of a stack machine",
        main: "bench/interpreter.c",
        checks: &[scaled(&["1"])],
        bench: &["50"],
        ..PLAIN
    },
    Program {
        name: "threaded",
        about: "tail calls, one an instruction of the same stack machine",
        main: "bench/threaded.c",
        wasm_flags: &["-mtail-call"],
        checks: &[scaled(&["1"])],
        bench: &["100"],
        ..PLAIN
    },
    Program {
        name: "vectors",
        about: "128-bit vectors of bytes, samples, pixels and floats",
        main: "bench/vectors.c",
        wasm_flags: &["-msimd128"],
        checks: &[scaled(&["1"])],
        bench: &["1200"],
        ..PLAIN
    },
    Program {
        name: "cxx-exceptions",
        about: "C++: exceptions, what they destroy on their way, and ways to end",
        main: "cxx/exceptions.cpp",
        wasm_packages: CXX_PACKAGES,
        wasm_flags: &["-fwasm-exceptions", "-mllvm", "-wasm-use-legacy-eh=false"],
        wasm_libraries: CXX_LIBRARIES,
        checks: CXX_CHECKS,
        ..PLAIN
    },
    Program {
        name: "cxx-exceptions-legacy",
        about: "the same with exceptions as clang encodes them by default",
        main: "cxx/exceptions.cpp",
        wasm_packages: CXX_PACKAGES,
        wasm_flags: &["-fwasm-exceptions"],
        wasm_libraries: CXX_LIBRARIES,
        aot_flags: &["--enable-legacy-exceptions"],
        checks: CXX_CHECKS,
        ..PLAIN
    },
    Program {
        name: "rust-panics",
        about: "Rust: panics that are caught, that drop what they pass, and ways to end",
        main: "rust-panics/src/main.rs",
        wasm_flags: &["-Cllvm-args=-wasm-use-legacy-eh=false"],
        checks: RUST_CHECKS,
        ..PLAIN
    },
    Program {
        name: "rust-panics-legacy",
        about: "the same with exceptions in their older encoding",
        main: "rust-panics/src/main.rs",
        wasm_flags: &["-Cllvm-args=-wasm-use-legacy-eh=true"],
        aot_flags: &["--enable-legacy-exceptions"],
        checks: RUST_CHECKS,
        ..PLAIN
    },
    Program {
        name: "go",
        about: "Go: goroutines, maps, panics, garbage collection, files",
        main: "go/main.go",
        checks: &[
            scaled(&[]),
            scaled(&["files", "{dir}"]),
            Invocation {
                arguments: &["words"],
                stdin: Some("sqlite/tour.sql"),
            },
            scaled(&["exit"]),
            scaled(&["panic"]),
            scaled(&["deadlock"]),
        ],
        ..PLAIN
    },
];

/// The program that traps, for the demo; not in [`PROGRAMS`], since natively it has no defined end.
pub const TRAP: Program = Program {
    name: "trap",
    about: "divides by zero, two calls below main",
    main: "demo/trap.c",
    ..PLAIN
};

/// The program of that name.
pub fn find(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::{PACKAGES, Registry};

    #[test]
    fn every_program_has_its_source_a_check_and_a_listed_package() {
        for program in PROGRAMS.iter().chain([&TRAP]) {
            assert!(
                crate::workspace::programs().join(program.main).is_file(),
                "{}",
                program.main
            );
            assert!(
                program.name == "trap" || !program.checks.is_empty(),
                "{}",
                program.name
            );
            for invocation in program.checks {
                if let Some(stdin) = invocation.stdin {
                    assert!(
                        crate::workspace::programs().join(stdin).is_file(),
                        "{stdin}"
                    );
                }
            }
            if let Some(package) = program.package {
                assert_eq!(package.registry, Registry::Crates);
                assert!(
                    PACKAGES.iter().any(|listed| listed.name == package.name),
                    "{}",
                    package.name
                );
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = PROGRAMS.iter().map(|program| program.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PROGRAMS.len());
    }
}
