//! Round trips of headers.

use super::*;
use proptest::prelude::*;

fn header() -> impl Strategy<Value = Header> {
    let words = prop::collection::vec(any::<u32>(), CONSTANT_COUNT);
    let abi = prop::sample::select(TargetAbi::ALL);
    let strategy = (0u8..3).prop_filter_map("a strategy", FrameStrategy::from_byte);
    let hashes = any::<([u8; 32], [u8; 32], [u8; 32])>();
    let numbers = any::<[u64; 7]>();
    let counts = any::<[u32; 3]>();
    (
        words,
        abi,
        strategy,
        hashes,
        numbers,
        counts,
        0u8..32,
        any::<bool>(),
        any::<[u8; 32]>(),
    )
        .prop_map(
            |(words, abi, frame_strategy, hashes, numbers, counts, capture, checks, sign)| Header {
                total_length: numbers[0],
                content_hash: hashes.0,
                signature: core::array::from_fn(|i| sign[i / 2]),
                required_features: numbers[1],
                optional_features: numbers[2],
                cpu_features: numbers[3],
                abi_hash: numbers[4],
                constants: core::array::from_fn(|i| words[i]),
                frame_strategy,
                capture: CaptureLevel(capture),
                memory_model: if checks {
                    MemoryModel::Checks
                } else {
                    MemoryModel::Guard
                },
                wasm_features: numbers[5],
                defined_functions: counts[0],
                types: counts[1],
                imported_functions: counts[2],
                image_size: numbers[6],
                source_hash: hashes.1,
                producer: hashes.2,
                ..Header::new(abi)
            },
        )
}

proptest! {
    #[test]
    fn round_trip(header in header()) {
        let bytes = header.encode();
        prop_assert_eq!(Header::parse(&bytes).unwrap(), header);
        for length in 0..bytes.len() {
            prop_assert!(Header::parse(&bytes[..length]).is_err());
        }
    }
}

#[test]
fn a_new_header_suits_its_host() {
    for abi in TargetAbi::ALL {
        let header = Header::new(*abi);
        assert_eq!(header.check(&Host::of(&header)), Ok(()), "{abi}");
        assert!(
            header
                .constants()
                .all(|constant| constant.object == constant.runtime)
        );
    }
}

#[test]
fn producers_are_cut_at_a_character() {
    let mut header = Header::new(TargetAbi::SystemV);
    header.set_producer("1234567890123456789012345678901ü");
    assert_eq!(header.producer(), "1234567890123456789012345678901");
    header.set_producer("wamrc-rs");
    assert_eq!(header.producer(), "wamrc-rs");
}

#[test]
fn capture_levels_have_names() {
    let level = CaptureLevel::FUNC_IDX.union(CaptureLevel::VALUES);
    assert!(level.names().eq(["func-idx", "values"]));
    assert_eq!(CaptureLevel::ALL.names().count(), CaptureLevel::NAMES.len());
}

#[test]
fn each_defined_function_has_a_counter_or_none_has() {
    let mut header = Header::new(TargetAbi::ALL[0]);
    header.defined_functions = 7;
    assert_eq!(header.call_counters(), 0);
    header.required_features = required::CALL_COUNTERS;
    assert_eq!(header.call_counters(), 7);
    assert_eq!(header.check(&Host::of(&header)), Ok(()));
}
