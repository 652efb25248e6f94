//! Objects that somebody has tampered with do no harm; fuzzing looks for more of them.

use std::sync::LazyLock;

use wamr_tests::hostile::{self, compiled, exercise, seeds::Seeds};

static SEEDS: LazyLock<Seeds> = LazyLock::new(|| compiled::seeds().expect("the seeds compile"));

/// Inputs that fuzzing has found to reach something new.
const CORPUS: [&str; 3] = [
    include_str!("../fuzz/corpus/parse.txt"),
    include_str!("../fuzz/corpus/link.txt"),
    include_str!("../fuzz/corpus/relocate.txt"),
];

fn inputs(text: &str) -> Vec<Vec<u8>> {
    let bytes = |line: &str| {
        (0..line.len() / 2)
            .map(|index| u8::from_str_radix(&line[2 * index..2 * index + 2], 16).expect("digits"))
            .collect()
    };
    text.lines().map(bytes).collect()
}

/// Runs inputs; returns how many objects the loader accepted.
fn run(inputs: &[Vec<u8>], check: impl Fn(&[u8]) -> bool) -> usize {
    inputs.iter().filter(|input| check(input)).count()
}

#[test]
fn what_is_not_changed_is_accepted() {
    for seed in SEEDS.iter() {
        assert!(exercise::parse(seed));
        assert!(exercise::link(seed, exercise::Place::default()));
    }
}

#[test]
fn the_corpus_does_no_harm() {
    for text in CORPUS {
        let inputs = inputs(text);
        assert!(inputs.len() > 50, "{} inputs", inputs.len());
        // Whatever a corpus was found with, the other checks may run it too.
        let parsed = run(&inputs, |input| hostile::parse(&SEEDS, input));
        let linked = run(&inputs, |input| hostile::link(&SEEDS, input));
        let relocated = run(&inputs, hostile::relocate);
        println!(
            "of {}: {parsed} parsed, {linked} linked, {relocated} relocated",
            inputs.len()
        );
    }
}

/// Recipes from a generator with a fixed start, so that every run makes the same.
#[test]
fn generated_recipes_do_no_harm() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        // SplitMix64: <https://prng.di.unimi.it/splitmix64.c>
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let inputs: Vec<Vec<u8>> = (0..2000)
        .map(|_| {
            let length = next() % 60;
            (0..length).map(|_| next().to_le_bytes()[3]).collect()
        })
        .collect();
    let accepted = run(&inputs, |input| hostile::link(&SEEDS, input));
    // Neither are all changes harmless, nor do all of them stop at the first check.
    assert!((1..inputs.len()).contains(&accepted), "{accepted}");
    run(&inputs, hostile::relocate);
}
