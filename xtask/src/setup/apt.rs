//! Installing on Debian, Ubuntu and their kin.
//!
//! LLVM 22 comes from the system's own archive where that has it, else from apt.llvm.org, whose key is kept in a file that
//! only that source may be signed by.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::{Mode, runs};
use crate::clang::VERSION;
use crate::process;

const KEY_URL: &str = "https://apt.llvm.org/llvm-snapshot.gpg.key";
/// Text form of the key, hence the ending, which apt goes by.
const KEY_FILE: &str = "/etc/apt/keyrings/apt.llvm.org.asc";
const SOURCE_FILE: &str = "/etc/apt/sources.list.d/apt.llvm.org.sources";

pub(super) fn is_here() -> bool {
    runs("apt-get", &["--version"])
}

/// Installs packages, looking further afield step by step: what apt knows, fresh lists, apt.llvm.org.
pub(super) fn install(packages: &[&str], mode: Mode) -> Result<()> {
    let apt = Apt { mode };
    if !unknown(packages)?.is_empty() {
        apt.update()?;
        let unknown = unknown(packages)?;
        if !unknown.is_empty() {
            let condition = if mode == Mode::DryRun {
                "Unless that update changes it: this"
            } else {
                "This"
            };
            println!(
                "{condition} system's archive does not have {}.",
                unknown.join(", ")
            );
            apt.add_llvm_archive()?;
            apt.update()?;
        }
    }
    if apt.install(packages).is_err() {
        // Lists that name versions which the archive has replaced since.
        apt.update()?;
        apt.install(packages)?;
    }
    Ok(())
}

/// Those that apt has no version of.
fn unknown<'a>(packages: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut unknown = Vec::new();
    for package in packages {
        let policy = process::capture(
            Command::new("apt-cache")
                .env("LC_ALL", "C")
                .args(["policy", package]),
        )?;
        if !has_candidate(&policy) {
            unknown.push(*package);
        }
    }
    Ok(unknown)
}

/// Whether the answer of `apt-cache policy` names a version that could be installed.
fn has_candidate(policy: &str) -> bool {
    policy
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Candidate:"))
        .any(|candidate| candidate.trim() != "(none)")
}

struct Apt {
    mode: Mode,
}

impl Apt {
    fn update(&self) -> Result<()> {
        self.as_root(&["apt-get", "update", "--quiet"])
    }

    fn install(&self, packages: &[&str]) -> Result<()> {
        let mut line = vec![
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "--yes",
            "--quiet",
        ];
        line.push("--no-install-recommends");
        line.extend(packages);
        self.as_root(&line)
    }

    /// Makes apt know apt.llvm.org's packages for this release of the system.
    fn add_llvm_archive(&self) -> Result<()> {
        let release =
            fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
        let codename = codename(&release).context("/etc/os-release names no VERSION_CODENAME")?;
        println!("Adding https://apt.llvm.org, which has LLVM {VERSION} for {codename}.");
        self.as_root(&["mkdir", "-p", "/etc/apt/keyrings"])?;
        // Comes with apt itself; a fresh system has neither curl nor wget.
        self.as_root(&[
            "/usr/lib/apt/apt-helper",
            "download-file",
            KEY_URL,
            KEY_FILE,
        ])?;
        self.as_root(&["chmod", "0644", KEY_FILE])?;
        let scratch = tempfile::NamedTempFile::new()?;
        let source = llvm_source(&codename);
        fs::write(scratch.path(), &source)?;
        println!("{SOURCE_FILE}:\n{source}");
        let scratch = scratch
            .path()
            .to_str()
            .context("temporary folder's name is not UTF-8")?;
        self.as_root(&["install", "-m", "0644", scratch, SOURCE_FILE])
    }

    fn as_root(&self, line: &[&str]) -> Result<()> {
        let mut line = line.to_vec();
        if !is_root()? {
            if self.mode == Mode::Install {
                ensure!(
                    runs("sudo", &["--version"]),
                    "this needs root, and there is no sudo"
                );
            }
            line.insert(0, "sudo");
        }
        let Some((program, arguments)) = line.split_first() else {
            bail!("empty command line");
        };
        let mut command = Command::new(program);
        command.args(arguments);
        if self.mode == Mode::DryRun {
            println!("would run: {}", process::describe(&command));
            return Ok(());
        }
        process::show_and_run(&mut command)
    }
}

fn is_root() -> Result<bool> {
    Ok(process::capture(Command::new("id").arg("-u").stdin(Stdio::null()))?.trim() == "0")
}

/// The release's name in `/etc/os-release`; derivatives of Ubuntu name the one they are built on.
fn codename(os_release: &str) -> Option<String> {
    let value = |key: &str| {
        os_release
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
            .filter(|value| !value.is_empty())
    };
    value("UBUNTU_CODENAME").or_else(|| value("VERSION_CODENAME"))
}

/// apt.llvm.org's archive in the form of `/etc/apt/sources.list.d/*.sources`.
fn llvm_source(codename: &str) -> String {
    format!(
        "Types: deb\nURIs: https://apt.llvm.org/{codename}/\nSuites: llvm-toolchain-{codename}-{VERSION}\n\
         Components: main\nSigned-By: {}\n",
        Path::new(KEY_FILE).display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_known_by_its_candidate() {
        let cases = [
            (
                "clang-22:\n  Installed: (none)\n  Candidate: 1:22.1.8-1\n  Version table:\n",
                true,
            ),
            (
                "clang-22:\n  Installed: (none)\n  Candidate: (none)\n",
                false,
            ),
            ("", false),
        ];
        for (policy, known) in cases {
            assert_eq!(has_candidate(policy), known, "{policy}");
        }
    }

    #[test]
    fn codename_of_debian_ubuntu_and_a_derivative() {
        let cases = [
            ("ID=debian\nVERSION_CODENAME=bookworm\n", Some("bookworm")),
            (
                "VERSION_CODENAME=noble\nUBUNTU_CODENAME=noble\n",
                Some("noble"),
            ),
            (
                "VERSION_CODENAME=wilma\nUBUNTU_CODENAME=\"noble\"\n",
                Some("noble"),
            ),
            ("ID=arch\n", None),
            ("VERSION_CODENAME=\n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(codename(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn llvm_archive_is_bound_to_its_own_key() {
        let source = llvm_source("noble");
        assert!(source.contains("URIs: https://apt.llvm.org/noble/\n"));
        assert!(source.contains("Suites: llvm-toolchain-noble-22\n"));
        assert!(source.contains("Signed-By: /etc/apt/keyrings/apt.llvm.org.asc\n"));
    }
}
