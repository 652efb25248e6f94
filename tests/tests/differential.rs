//! A fixed set of the differential fuzzer's programs. `cargo xtask fuzz diff` runs as many others as one likes.

use wamr_tests::differential::{Counts, Kind, Verdict, check, generate};

#[test]
fn fixed_programs_do_the_same_here_and_on_a_second_engine() {
    let mut same = Kind::ALL.map(|kind| (kind, Counts::default()));
    let mut failures = Vec::new();
    // 180: a constant that a trapping conversion left. 314: globals at a trap. 103164: `table.copy` beyond a table.
    // 502063: a copy that LLVM sank into a landing pad.
    for seed in (0..120).chain([180, 314, 103_164, 502_063]) {
        match generate::program(seed).and_then(|program| check(&program)) {
            Ok(Verdict::Same(counts)) => {
                let mut kinds = same.iter_mut();
                if let Some((_, same)) = kinds.find(|(kind, _)| *kind == Kind::of_seed(seed)) {
                    *same += counts;
                }
            }
            Ok(Verdict::Skipped) => {}
            Err(difference) => failures.push(format!("seed {seed}: {difference}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let [general, exceptions, legacy, threads] = same.map(|(_, counts)| counts);
    for counts in [general, exceptions, legacy, threads] {
        assert!(counts.calls > 30 && counts.traps > 10, "{same:#?}");
    }
    assert!(general.host_calls > 15, "{same:#?}");
    // Exceptions are really caught, in every way.
    assert!(exceptions.modules_that_catch > 10, "{same:#?}");
    assert!(exceptions.modules_that_catch_across > 2, "{same:#?}");
    assert!(exceptions.caught_from_host > 0, "{same:#?}");
    assert!(exceptions.uncaught > 5, "{same:#?}");
    assert!(legacy.modules_that_catch > 1, "{same:#?}");
}
