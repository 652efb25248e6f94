//! What the files in the cache are named by.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::clang::{Clang, Target};

/// The hash that a file in the cache is named by.
#[derive(Default)]
pub(super) struct Key(Sha256);

impl Key {
    /// Of what this compiler makes with these flags.
    pub(super) fn new(clang: &Clang, target: Target, flags: &[String]) -> Self {
        let mut key = Self::default();
        key.text(clang.version());
        clang
            .target_flags(target)
            .iter()
            .chain(flags)
            .for_each(|flag| key.text(flag));
        key
    }

    /// With its length ahead, so that no two lists of texts look alike.
    pub(super) fn text(&mut self, text: &str) {
        self.0.update(text.len().to_le_bytes());
        self.0.update(text);
    }

    pub(super) fn file(&mut self, path: &Path) -> Result<()> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.0.update(bytes.len().to_le_bytes());
        self.0.update(bytes);
        Ok(())
    }

    /// Every header in it.
    pub(super) fn folder(&mut self, folder: &Path) -> Result<()> {
        matching(folder, &["*.h"])?
            .iter()
            .try_for_each(|header| self.file(header))
    }

    pub(super) fn finish(self) -> String {
        self.0
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Files below `root` that the patterns stand for, in order of names; a `*` in a file's name stands for anything.
pub(super) fn matching(root: &Path, patterns: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for pattern in patterns {
        let Some((before, after)) = pattern.split_once('*') else {
            found.push(root.join(pattern));
            continue;
        };
        let (folder, prefix) = before.rsplit_once('/').unwrap_or(("", before));
        let folder = root.join(folder);
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.len() >= prefix.len() + after.len()
                && name.starts_with(prefix)
                && name.ends_with(after)
            {
                names.push(name);
            }
        }
        ensure!(
            !names.is_empty(),
            "no file is like {pattern} in {}",
            root.display()
        );
        names.sort_unstable();
        found.extend(names.into_iter().map(|name| folder.join(name)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_file_names_in_order() -> Result<()> {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("lib"))?;
        for name in ["lib/b.c", "lib/a.c", "lib/a.h", "lib/.c"] {
            fs::write(folder.path().join(name), "")?;
        }
        let names = |patterns| -> Result<Vec<String>> {
            let found = matching(folder.path(), patterns)?;
            Ok(found
                .iter()
                .map(|path| {
                    path.strip_prefix(folder.path())
                        .unwrap_or(path)
                        .display()
                        .to_string()
                })
                .collect())
        };
        assert_eq!(names(&["lib/*.c"])?, ["lib/.c", "lib/a.c", "lib/b.c"]);
        assert_eq!(
            names(&["lib/a*.h", "elsewhere.c"])?,
            ["lib/a.h", "elsewhere.c"]
        );
        assert!(names(&["lib/*.rs"]).is_err());
        Ok(())
    }
}
