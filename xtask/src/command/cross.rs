//! `cross`: builds for other machines.

use anyhow::Result;

/// x
#[derive(Debug, clap::Args)]
pub struct Arguments {}

pub fn run(_: &Arguments) -> Result<()> {
    Ok(())
}
