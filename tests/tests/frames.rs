//! Frames of compiled code are those of the reference interpreter: of modules written for it, and of
//! generated ones; and the checker would notice if they were not.

use std::path::Path;

use wamr_tests::frames::compiled::{Found, Frame, Shown};
use wamr_tests::frames::{Case, Counts, Machine, Way, check, compare, expected, generate};
use wamr_tests::reference::Value;
use wamrc_rs::FrameStrategy::{self, Explicit, Mapped};

/// Every strategy at both ends of optimisation.
fn ways() -> Vec<Way> {
    let both = |strategy| [0, 3].map(|level| Way::new(strategy, level));
    [both(Explicit), both(Mapped)].concat()
}

/// The same with other options.
fn all_ways() -> Vec<Way> {
    let mut all = Vec::new();
    for way in ways() {
        let guard = Way {
            checks: false,
            ..way
        };
        all.extend([
            way,
            guard,
            Way {
                strict: true,
                ..guard
            },
            Way { all: true, ..way },
            Way { polls: true, ..way },
        ]);
    }
    all
}

fn written(name: &str) -> Case {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("frames")
        .join(name);
    let wasm = wat::parse_file(&path).expect("the text is right");
    Case::of_exports(name, wasm).expect("the module is valid")
}

/// Checks cases and says all that differs.
fn check_all(cases: impl Iterator<Item = (Case, Vec<Way>)>) -> Counts {
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    for (case, ways) in cases {
        match check(&case, &ways) {
            Ok(more) => counts += more,
            Err(failure) => failures.push(failure),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    counts
}

#[test]
fn frames_of_written_modules_are_right_in_every_way() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("frames");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    names.sort();
    assert!(names.len() >= 6);
    let counts = check_all(names.iter().map(|name| (written(name), all_ways())));
    assert!(counts.traps > 300 && counts.dead > 100, "{counts:?}");
}

#[test]
fn frames_of_generated_modules_are_right() {
    let cases = (0..100).map(|seed| (generate::case(seed).expect("the generator works"), ways()));
    let counts = check_all(cases);
    assert!(counts.points > 10_000 && counts.traps > 200, "{counts:?}");
    assert!(counts.caught > 500, "{counts:?}");
}

#[test]
fn frames_of_generated_modules_are_right_with_other_options() {
    let cases = (1000..1015).map(|seed| {
        let mut ways = all_ways();
        ways.retain(|way| way.all || way.polls || !way.checks);
        (generate::case(seed).expect("the generator works"), ways)
    });
    check_all(cases);
}

#[test]
fn the_same_seed_gives_the_same_module() {
    for seed in [0, 7, 123_456_789] {
        assert_eq!(generate::text(seed).text, generate::text(seed).text);
    }
    assert_ne!(generate::text(1).text, generate::text(2).text);
}

/// A change of one frame of what compiled code showed; `None` if there is nothing to change.
type Mutation = fn(&mut Vec<Frame>, usize) -> Option<()>;

fn locals(frame: &mut Frame) -> Option<&mut Vec<Shown>> {
    frame.values.as_mut().map(|(locals, _)| locals)
}

/// Another value of the same type.
fn other(value: Value) -> Value {
    match value {
        Value::I32(x) => Value::I32(x ^ 1),
        Value::I64(x) => Value::I64(x ^ 1 << 40),
        Value::F32(x) => Value::F32(x ^ 1 << 20),
        Value::F64(x) => Value::F64(x ^ 1 << 50),
        Value::Func(x) => Value::Func(x.map_or(Some(0), |_| None)),
        Value::V128(x) => Value::V128(!x),
        Value::Extern(x) => Value::Extern(x.map_or(Some(1), |_| None)),
        Value::Exn(x) => Value::Exn(x.map_or(Some(0), |_| None)),
    }
}

/// What must be noticed, whatever the frame.
const MUTATIONS: &[(&str, Mutation)] = &[
    ("a frame is missing", |frames, at| {
        frames.remove(at);
        Some(())
    }),
    ("a frame is there twice", |frames, at| {
        frames.insert(at, frames[at].clone());
        Some(())
    }),
    ("another function", |frames, at| {
        frames[at].func_index += 1;
        Some(())
    }),
    ("another offset", |frames, at| {
        frames[at].ip = frames[at].ip.map(|ip| ip + 1);
        Some(())
    }),
    ("no values", |frames, at| frames[at].values.take().map(drop)),
    ("a value of another type", |frames, at| {
        let shown = locals(&mut frames[at])?.first_mut()?;
        *shown = Shown::Value(match *shown {
            Shown::Value(Value::I64(x)) => Value::F64(x),
            _ => Value::I64(0),
        });
        Some(())
    }),
    ("a wrong value", |frames, at| {
        let shown = locals(&mut frames[at])?
            .iter_mut()
            .find(|shown| matches!(shown, Shown::Value(_)))?;
        if let Shown::Value(value) = shown {
            *value = other(*value);
        }
        Some(())
    }),
    ("two slots are exchanged", |frames, at| {
        let locals = locals(&mut frames[at])?;
        let shown = |shown: &Shown| matches!(shown, Shown::Value(_));
        let first = locals.iter().position(shown)?;
        let second = (first + 1..locals.len())
            .find(|index| shown(&locals[*index]) && locals[*index] != locals[first])?;
        locals.swap(first, second);
        Some(())
    }),
    ("an unknown value", |frames, at| {
        *locals(&mut frames[at])?.first_mut()? = Shown::Unavailable;
        Some(())
    }),
    ("an operand is missing", |frames, at| {
        frames[at].values.as_mut()?.1.pop().map(drop)
    }),
    ("a wrong operand", |frames, at| {
        let shown = frames[at].values.as_mut()?.1.first_mut()?;
        if let Shown::Value(value) = shown {
            *value = other(*value);
        }
        Some(())
    }),
];

fn run(case: &Case, strategy: FrameStrategy) -> (expected::Expected, Found, Way) {
    let way = Way::new(strategy, 3);
    let expected = expected::run(case, false)
        .expect("the interpreter runs it")
        .expect("it ends");
    let found = Machine::default()
        .run(case, &way)
        .expect("it compiles and runs");
    (expected, found, way)
}

#[test]
fn every_mutation_of_every_frame_is_noticed() {
    let cases = ["inlined.wat", "operands.wat", "reentry.wat"];
    let runs = cases.map(|name| (name, run(&written(name), Mapped)));
    for (what, mutation) in MUTATIONS {
        let mut tried = 0;
        for (name, (expected, found, way)) in &runs {
            compare::compare(expected, found, way).expect("unchanged it is right");
            for event in 0..found.events.len() {
                for frame in 0..found.events[event].frames.len() {
                    let mut changed = found.clone();
                    if mutation(&mut changed.events[event].frames, frame).is_none() {
                        continue;
                    }
                    tried += 1;
                    assert!(
                        compare::compare(expected, &changed, way).is_err(),
                        "{name}: {what} in frame {frame} of event {event} is not noticed"
                    );
                }
            }
        }
        assert!(tried > 3, "nothing was tried for {what:?}");
    }
}

#[test]
fn a_stale_value_is_noticed() {
    let (expected, found, way) = run(&written("liveness.wat"), Mapped);
    let mut tried = 0;
    // What a local held at the last commit point of the same function stays there.
    for event in 1..found.events.len() {
        let mut changed = found.clone();
        let (before, here) = changed.events.split_at_mut(event);
        let (old, new) = (&before[event - 1].frames[0], &mut here[0].frames[0]);
        let (Some((old_locals, _)), Some((locals, _))) = (&old.values, &mut new.values) else {
            continue;
        };
        if old.func_index != new.func_index || old_locals.len() != locals.len() {
            continue;
        }
        for (local, old) in locals.iter_mut().zip(old_locals) {
            if let (Shown::Value(now), Shown::Value(old)) = (*local, *old)
                && now != old
            {
                *local = Shown::Value(old);
                tried += 1;
            }
        }
        if changed != found {
            assert!(
                compare::compare(&expected, &changed, &way).is_err(),
                "event {event}"
            );
        }
    }
    assert!(tried > 1, "{tried}");
}

#[test]
fn a_local_that_is_read_later_must_not_be_called_dead() {
    let (expected, found, way) = run(&written("liveness.wat"), Mapped);
    let (mut noticed, mut tried) = (0, 0);
    for event in 0..found.events.len() {
        let count = found.events[event].frames[0]
            .values
            .as_ref()
            .map_or(0, |(locals, _)| locals.len());
        for local in 0..count {
            let mut changed = found.clone();
            let Some((locals, _)) = &mut changed.events[event].frames[0].values else {
                continue;
            };
            if locals[local] == Shown::Dead {
                continue;
            }
            locals[local] = Shown::Dead;
            tried += 1;
            noticed += u32::from(compare::compare(&expected, &changed, &way).is_err());
        }
    }
    // The rest would have been read on a way that was not taken.
    assert!(
        noticed * 10 > tried * 7 && tried > 20,
        "{noticed} of {tried}"
    );
}
