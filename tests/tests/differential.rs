//! A fixed set of the differential fuzzer's programs. `cargo xtask fuzz diff` runs as many others as one likes.

use wamr_tests::differential::{Verdict, check, generate};

#[test]
fn fixed_programs_do_the_same_here_and_on_wasmi() {
    let (mut all_calls, mut all_traps, mut all_host_calls) = (0, 0, 0);
    let mut failures = Vec::new();
    // 180: a constant that a trapping conversion left. 314: globals at a trap. 103164: `table.copy` beyond a table.
    for seed in (0..100).chain([180, 314, 103_164]) {
        match generate::program(seed).and_then(|program| check(&program)) {
            Ok(Verdict::Same {
                calls,
                traps,
                host_calls,
            }) => {
                all_calls += calls;
                all_traps += traps;
                all_host_calls += host_calls;
            }
            Ok(Verdict::Skipped) => {}
            Err(difference) => failures.push(format!("seed {seed}: {difference}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        all_calls > 300 && all_traps > 100 && all_host_calls > 30,
        "{all_calls} calls, {all_traps} traps, {all_host_calls} host calls"
    );
}
