//! Single relocations of any type, with any values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wamr_tests::hostile;

fuzz_target!(|data: &[u8]| {
    hostile::relocate(data);
});
