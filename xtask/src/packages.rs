//! Sources of others that the real programs are made of, at exact versions.

/// Where a package comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registry {
    /// crates.io: a crate that has C sources inside.
    Crates,
    /// PyPI, see [`crate::setup::llvm_sources`].
    Pypi,
}

/// A package that has C or C++ sources inside.
#[derive(Debug)]
pub struct Package {
    /// Where it comes from.
    pub registry: Registry,
    /// Its name there.
    pub name: &'static str,
    /// Its exact version, without build metadata.
    pub version: &'static str,
    /// Folder of the sources inside of the package.
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

pub(crate) const SQLITE: Package = Package {
    registry: Registry::Crates,
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

pub(crate) const ZSTD: Package = Package {
    registry: Registry::Crates,
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

pub(crate) const LZ4: Package = Package {
    registry: Registry::Crates,
    name: "lz4-sys",
    version: "1.11.1",
    root: "liblz4/lib",
    sources: &["lz4.c", "lz4hc.c"],
    includes: &["."],
    flags: &[],
    overlay: None,
};

pub(crate) const BZIP2: Package = Package {
    registry: Registry::Crates,
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

pub(crate) const ZLIB: Package = Package {
    registry: Registry::Crates,
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

pub(crate) const BROTLI: Package = Package {
    registry: Registry::Crates,
    name: "brotlic-sys",
    version: "0.2.2",
    root: "brotli/c",
    sources: &["common/*.c", "dec/*.c", "enc/*.c"],
    includes: &["include"],
    flags: &[],
    overlay: None,
};

pub(crate) const LUA: Package = Package {
    registry: Registry::Crates,
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
pub(crate) const LUA_ERRORS: Package = Package {
    flags: &["-include", "lua_seed.h", "-D_WASI_EMULATED_SIGNAL"],
    overlay: Some("lua-errors"),
    ..LUA
};

/// PyPI's `ziglang` carries the sources of LLVM's C++ runtime, of the version that everything here is built with.
pub(crate) const LLVM: Package = Package {
    registry: Registry::Pypi,
    name: "ziglang",
    version: "0.17.0",
    root: "ziglang/lib",
    sources: &[],
    includes: &[],
    flags: &[],
    overlay: None,
};

/// Of libc++ what throws although it is in no header.
pub(crate) const LIBCXX: Package = Package {
    sources: &["libcxx/src/string.cpp"],
    includes: &["libcxx/src"],
    flags: &[
        "-std=c++23",
        "-D_LIBCPP_BUILDING_LIBRARY",
        "-DLIBCXX_BUILDING_LIBCXXABI",
    ],
    ..LLVM
};

/// libc++abi: allocates, throws, compares types, ends programs.
pub(crate) const LIBCXXABI: Package = Package {
    // Without the demangler, which is larger than all the rest, and what only threads need.
    sources: &[
        "libcxxabi/src/abort_message.cpp",
        "libcxxabi/src/cxa_aux_runtime.cpp",
        "libcxxabi/src/cxa_default_handlers.cpp",
        "libcxxabi/src/cxa_exception*.cpp",
        "libcxxabi/src/cxa_guard.cpp",
        "libcxxabi/src/cxa_handlers.cpp",
        "libcxxabi/src/cxa_personality.cpp",
        "libcxxabi/src/cxa_v*.cpp",
        "libcxxabi/src/fallback_malloc.cpp",
        "libcxxabi/src/private_typeinfo.cpp",
        "libcxxabi/src/stdlib_*.cpp",
    ],
    includes: &["libcxxabi/include", "libunwind/include", "libcxx/src"],
    flags: &[
        "-std=c++23",
        "-D_LIBCXXABI_BUILDING_LIBRARY",
        "-D_LIBCPP_BUILDING_LIBRARY",
        "-D_LIBCXXABI_HAS_NO_THREADS",
        "-DLIBCXXABI_NON_DEMANGLING_TERMINATE",
    ],
    ..LLVM
};

/// WebAssembly's part of libunwind.
pub(crate) const LIBUNWIND: Package = Package {
    sources: &["libunwind/src/Unwind-wasm.c"],
    includes: &["libunwind/include"],
    flags: &["-std=c23", "-DNDEBUG", "-fdeclspec"],
    ..LLVM
};

/// Every package of crates.io that a program names.
pub const PACKAGES: &[&Package] = &[&SQLITE, &ZSTD, &LZ4, &BZIP2, &ZLIB, &BROTLI, &LUA];
