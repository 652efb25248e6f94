//! Programs in Go.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Builder;
use super::key::{Key, matching};
use crate::clang::Target;
use crate::programs::Program;
use crate::{process, setup, workspace};

impl Builder {
    /// The source's folder is the program's module, and has no dependencies.
    pub(super) fn build_go(&self, program: &Program, target: Target) -> Result<PathBuf> {
        let source = workspace::programs().join(program.main);
        let folder = source.parent().context("a source has a folder")?;
        let mut key = Key::default();
        key.text(setup::GO_VERSION);
        for file in matching(folder, &["go.mod", "*.go"])? {
            key.file(&file)?;
        }
        let name = format!("{}-{}.{}", program.name, key.finish(), target.file_name());
        self.made(&name, |out| {
            process::capture(&mut self.go_command(folder, target, out)?).map(drop)
        })
    }

    fn go_command(&self, folder: &Path, target: Target, out: &Path) -> Result<Command> {
        let mut go = Command::new(setup::require_go()?);
        go.current_dir(folder)
            // Function names stay, for call stacks; debug information goes.
            .args(["build", "-trimpath", "-buildvcs=false", "-ldflags=-w", "-o"])
            .arg(out);
        // Nothing but the source, the version and these decides about the result.
        for variable in [
            "GOROOT",
            "GOFLAGS",
            "GOEXPERIMENT",
            "GOAMD64",
            "GOWASM",
            "GOOS",
            "GOARCH",
        ] {
            go.env_remove(variable);
        }
        go.env("GOENV", "off")
            .env("GOTOOLCHAIN", "local")
            .env("GOPROXY", "off")
            .env("GOWORK", "off")
            .env("CGO_ENABLED", "0")
            .env("GOPATH", self.cache.join("go"))
            .env("GOCACHE", self.cache.join("go/cache"));
        if target == Target::Wasm {
            go.env("GOOS", "wasip1").env("GOARCH", "wasm");
        }
        Ok(go)
    }
}
