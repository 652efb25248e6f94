//! Compiling the seeds.

use super::seeds::Seeds;
use anyhow::{Context, Result};
use std::path::Path;
use wamrc_rs::{FrameOptions, FrameStrategy, Options, TargetOptions, compile};

/// The modules that the seeds are compiled from.
pub const SOURCES: [(&str, &str); 4] = [
    ("calls", include_str!("../../fuzz/seeds/calls.wat")),
    ("numbers", include_str!("../../fuzz/seeds/numbers.wat")),
    ("loops", include_str!("../../fuzz/seeds/loops.wat")),
    (
        "exceptions",
        include_str!("../../fuzz/seeds/exceptions.wat"),
    ),
];

/// Targets of the seeds.
pub const TARGETS: [&str; 4] = ["x86_64", "aarch64", "riscv64", "riscv32"];

/// Compiles every seed: a name for a file, and the object.
///
/// # Errors
/// One does not compile.
pub fn objects() -> Result<Vec<(String, Vec<u8>)>> {
    let mut objects = Vec::new();
    for (name, source) in SOURCES {
        for target in TARGETS {
            // With polls if the frames are explicit, so that each comes with each kind of frames somewhere.
            let strategies = [
                (FrameStrategy::None, 3, false),
                (FrameStrategy::Explicit, 1, true),
                (FrameStrategy::Automatic, 2, false),
            ];
            for (strategy, opt_level, safepoints) in strategies {
                let options = Options {
                    target: TargetOptions {
                        target: Some(target.to_owned()),
                        ..Default::default()
                    },
                    opt_level,
                    safepoints,
                    frames: FrameOptions {
                        strategy,
                        ..Default::default()
                    },
                    ..Default::default()
                };
                let file = format!("{name}-{target}-{strategy:?}.aot").to_lowercase();
                let output = compile(source.as_bytes(), &options).with_context(|| file.clone())?;
                objects.push((file, output.bytes));
            }
        }
    }
    Ok(objects)
}

/// Compiles the seeds into memory.
///
/// # Errors
/// As [`objects`].
pub fn seeds() -> Result<Seeds> {
    let objects = objects()?.into_iter().map(|(_, object)| object);
    Seeds::new(objects.collect()).context("no seeds")
}

/// Compiles the seeds into an empty or new folder, a file each.
///
/// # Errors
/// As [`objects`], or a file cannot be written.
pub fn write(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for (name, object) in objects()? {
        let path = folder.join(name);
        std::fs::write(&path, object).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
