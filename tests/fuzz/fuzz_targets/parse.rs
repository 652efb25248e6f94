//! Objects that were tampered with are parsed and read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use wamr_tests::hostile::{self, seeds::Seeds};

static SEEDS: LazyLock<Seeds> = LazyLock::new(Seeds::of_environment);

fuzz_target!(|data: &[u8]| {
    hostile::parse(&SEEDS, data);
});
