//! The real programs that the toolchain is tried on: where their sources come from, how they are built, and how they are
//! run for a comparison and for a measurement. One list for the demo, the tests and the benchmarks.
//!
//! Sources of others come from packages of crates.io, at the exact versions of [`PACKAGES`]; the `main` of each program is
//! ours and lies in `tests/programs`. Native and WebAssembly builds have the same defines, so that both do the same work:
//! hand-written assembly and vector intrinsics, which only the native build would get, are off.

/// A package of crates.io that has C sources inside.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Its exact version, without build metadata.
    pub version: &'static str,
    /// Folder of the C sources inside of the package.
    pub root: &'static str,
    /// Sources below `root`; a `*` stands for any part of a file's name.
    pub sources: &'static [&'static str],
    /// Folders of headers below `root`.
    pub includes: &'static [&'static str],
    /// Compiler flags that these sources want, and those that include their headers.
    pub flags: &'static [&'static str],
    /// Folder of our own below `tests/programs` that takes part in the build: on the include path ahead of all others.
    pub overlay: Option<&'static str>,
}

/// A program.
#[derive(Debug)]
pub struct Program {
    /// Its name, also that of its test.
    pub name: &'static str,
    /// What it exercises, for `--help` and tables.
    pub about: &'static str,
    /// Our source below `tests/programs`.
    pub main: &'static str,
    /// Whose code it runs, if not ours alone.
    pub package: Option<&'static Package>,
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

const SQLITE: Package = Package {
    name: "libsqlite3-sys",
    version: "0.40.0",
    root: "sqlite3",
    sources: &["sqlite3.c"],
    includes: &["."],
    flags: &[
        "-DSQLITE_THREADSAFE=0",
        "-DSQLITE_OMIT_LOAD_EXTENSION",
        "-DSQLITE_DEFAULT_MEMSTATUS=0",
        "-DSQLITE_DQS=0",
        // A sandbox has no folder for temporary files.
        "-DSQLITE_TEMP_STORE=3",
    ],
    overlay: None,
};

const ZSTD: Package = Package {
    name: "zstd-sys",
    version: "2.1.3",
    root: "zstd/lib",
    sources: &["common/*.c", "compress/*.c", "decompress/*.c"],
    includes: &["."],
    flags: &[
        "-DZSTD_DISABLE_ASM",
        "-DZSTD_NO_INTRINSICS",
        "-DXXH_VECTOR=0",
    ],
    overlay: None,
};

const LZ4: Package = Package {
    name: "lz4-sys",
    version: "1.11.1",
    root: "liblz4/lib",
    sources: &["lz4.c", "lz4hc.c"],
    includes: &["."],
    flags: &[],
    overlay: None,
};

const BZIP2: Package = Package {
    name: "bzip2-sys",
    version: "0.1.13",
    root: "bzip2-1.0.8",
    sources: &[
        "blocksort.c",
        "huffman.c",
        "crctable.c",
        "randtable.c",
        "compress.c",
        "decompress.c",
        "bzlib.c",
    ],
    includes: &["."],
    flags: &["-DBZ_NO_STDIO"],
    overlay: None,
};

const ZLIB: Package = Package {
    name: "libz-sys",
    version: "1.1.31",
    root: "src/zlib",
    sources: &[
        "adler32.c",
        "compress.c",
        "crc32.c",
        "deflate.c",
        "inf*.c",
        "trees.c",
        "uncompr.c",
        "zutil.c",
    ],
    includes: &["."],
    flags: &[],
    overlay: None,
};

const BROTLI: Package = Package {
    name: "brotlic-sys",
    version: "0.2.2",
    root: "brotli/c",
    sources: &["common/*.c", "dec/*.c", "enc/*.c"],
    includes: &["include"],
    flags: &[],
    overlay: None,
};

const LUA: Package = Package {
    name: "lua-src",
    version: "551.1.0",
    root: "lua-5.4.9",
    sources: &[
        "lapi.c",
        "lauxlib.c",
        "lbaselib.c",
        "lcode.c",
        "lcorolib.c",
        "lctype.c",
        "ldebug.c",
        "ldo.c",
        "ldump.c",
        "lfunc.c",
        "lgc.c",
        "llex.c",
        "lmathlib.c",
        "lmem.c",
        "lobject.c",
        "lopcodes.c",
        "lparser.c",
        "lstate.c",
        "lstring.c",
        "lstrlib.c",
        "ltable.c",
        "ltablib.c",
        "ltm.c",
        "lundump.c",
        "lvm.c",
        "lzio.c",
    ],
    includes: &["."],
    flags: &["-include", "lua_no_errors.h", "-D_WASI_EMULATED_SIGNAL"],
    overlay: Some("lua"),
};

/// Lua with errors and coroutines. The same sources, so the same package.
const LUA_ERRORS: Package = Package {
    flags: &["-include", "lua_seed.h", "-D_WASI_EMULATED_SIGNAL"],
    overlay: Some("lua-errors"),
    ..LUA
};

/// Every package that [`PROGRAMS`] names.
pub const PACKAGES: &[&Package] = &[&SQLITE, &ZSTD, &LZ4, &BZIP2, &ZLIB, &BROTLI, &LUA];

/// Every program.
pub const PROGRAMS: &[Program] = &[
    Program {
        name: "sqlite",
        about: "SQL database: B-trees, a bytecode interpreter, text and numbers, files",
        main: "sqlite/main.c",
        package: Some(&SQLITE),
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
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
    },
    Program {
        name: "zstd",
        about: "Zstandard, levels 3, 7 and 13",
        main: "codecs/zstd.c",
        package: Some(&ZSTD),
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["8"],
    },
    Program {
        name: "lz4",
        about: "LZ4, fast, high compression and optimal",
        main: "codecs/lz4.c",
        package: Some(&LZ4),
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["12"],
    },
    Program {
        name: "bzip2",
        about: "bzip2, small and large blocks: sorting, Huffman codes",
        main: "codecs/bzip2.c",
        package: Some(&BZIP2),
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["6"],
    },
    Program {
        name: "zlib",
        about: "zlib, four levels",
        main: "codecs/zlib.c",
        package: Some(&ZLIB),
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["3"],
    },
    Program {
        name: "brotli",
        about: "Brotli, qualities 1, 5 and 9",
        main: "codecs/brotli.c",
        package: Some(&BROTLI),
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["10"],
    },
    Program {
        name: "lua",
        about: "Lua interpreter: tables, strings, closures, garbage collection",
        main: "lua/main.c",
        package: Some(&LUA),
        wasm_flags: &[],
        wasm_libraries: &["-lwasi-emulated-signal"],
        aot_flags: &[],
        checks: &[scaled(&["2"])],
        bench: &["120"],
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
        aot_flags: &[],
        checks: &[scaled(&["3"])],
        bench: &["1500"],
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
        bench: &[],
    },
    Program {
        name: "kernels",
        about: "lists, small matrices, a state machine, CRC: the mix of CoreMark",
        main: "bench/kernels.c",
        package: None,
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["100"],
    },
    Program {
        name: "fannkuch",
        about: "permutations: short loops, unpredictable branches",
        main: "bench/fannkuch.c",
        package: None,
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["4"],
    },
    Program {
        name: "binary-trees",
        about: "allocation and recursion",
        main: "bench/binary_trees.c",
        package: None,
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["11"],
    },
    Program {
        name: "nbody",
        about: "scalar floating point",
        main: "bench/nbody.c",
        package: None,
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["120"],
    },
    Program {
        name: "fib",
        about: "direct calls",
        main: "bench/fib.c",
        package: None,
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["3"])],
        bench: &["2500"],
    },
    Program {
        name: "interpreter",
        about: "indirect calls, one an instruction of a stack machine",
        main: "bench/interpreter.c",
        package: None,
        wasm_flags: &[],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["50"],
    },
    Program {
        name: "threaded",
        about: "tail calls, one an instruction of the same stack machine",
        main: "bench/threaded.c",
        package: None,
        wasm_flags: &["-mtail-call"],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["100"],
    },
    Program {
        name: "vectors",
        about: "128-bit vectors of bytes, samples, pixels and floats",
        main: "bench/vectors.c",
        package: None,
        wasm_flags: &["-msimd128"],
        wasm_libraries: &[],
        aot_flags: &[],
        checks: &[scaled(&["1"])],
        bench: &["1200"],
    },
];

/// The program that traps, for the demo; not in [`PROGRAMS`], since natively it has no defined end.
pub const TRAP: Program = Program {
    name: "trap",
    about: "divides by zero, two calls below main",
    main: "demo/trap.c",
    package: None,
    wasm_flags: &[],
    wasm_libraries: &[],
    aot_flags: &[],
    checks: &[],
    bench: &[],
};

/// The program of that name.
pub fn find(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

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
