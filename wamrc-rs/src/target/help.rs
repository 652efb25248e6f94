//! What `help` as the value of a target option prints: the names that the option takes.

use super::{Architecture, Triple};
use crate::error::Result;
use crate::options::TargetOptions;

fn architecture(options: &TargetOptions) -> Result<Architecture> {
    Triple::new(options.target.as_deref(), None).map(|triple| triple.architecture)
}

fn list(title: &str, names: impl Iterator<Item = impl AsRef<str>>) -> String {
    names.fold(format!("{title}:\n"), |text, name| {
        text + "  " + name.as_ref() + "\n"
    })
}

/// The names that `--target` takes.
pub fn target_help() -> String {
    let names = Architecture::ALL
        .iter()
        .map(|architecture| architecture.name());
    let special = [
        "aarch64v8.1 and the like, by architecture version",
        "a full triple, as LLVM has it",
    ];
    list(
        "Targets (without --target: this machine)",
        names.chain(special),
    )
}

/// The names that `--target-abi` takes for the chosen target; the first is the usual one.
///
/// # Errors
///
/// Those of an unknown target.
pub fn abi_help(options: &TargetOptions) -> Result<String> {
    let description = architecture(options)?.description();
    Ok(list(
        &format!("ABIs of {}", description.name),
        description.abis.iter().map(|abi| abi.name),
    ))
}

/// The names that `--cpu` takes for the chosen target.
///
/// # Errors
///
/// Those of an unknown target.
pub fn cpu_help(options: &TargetOptions) -> Result<String> {
    let description = architecture(options)?.description();
    let special = ["native", "host"].into_iter();
    Ok(list(
        &format!(
            "CPUs of {} (without --cpu: {})",
            description.name, description.generic_cpu
        ),
        special.chain(description.cpus.lines()),
    ))
}

/// The names that `--cpu-features` takes for the chosen target.
///
/// # Errors
///
/// Those of an unknown target.
pub fn feature_help(options: &TargetOptions) -> Result<String> {
    let description = architecture(options)?.description();
    Ok(list(
        &format!("CPU features of {} (+name or -name)", description.name),
        description.features.lines(),
    ))
}
