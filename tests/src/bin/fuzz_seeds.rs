//! `fuzz-seeds FOLDER`: compiles the good objects that the fuzz targets change.

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or_else(|| anyhow::anyhow!("usage: fuzz-seeds FOLDER"))?;
    wamr_tests::hostile::compiled::write(Path::new(&folder))
}
