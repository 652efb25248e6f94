//! Holds what two engines did against each other.

use std::fmt::Debug;

use super::Observed;

/// # Errors
/// Says what differs first.
pub fn compare(here: &Observed, there: &Observed, engine: &str) -> Result<(), String> {
    let call = |index| match index {
        0 => "instantiation".to_owned(),
        index => format!("call {}", index - 1),
    };
    in_order(&here.ends, &there.ends, engine, call)?;
    in_order(&here.host_calls, &there.host_calls, engine, |index| {
        format!("host call {index}")
    })?;
    for (memory, other) in here.memories.iter().zip(&there.memories) {
        let ((name, length, bytes), (_, other_length, other_bytes)) = (memory, other);
        if length != other_length {
            return Err(format!(
                "memory {name:?} has {length} bytes here, {other_length} on {engine}"
            ));
        }
        let at = |bytes: &[u8], index: usize| bytes.get(index).copied().unwrap_or(0);
        let differs = (0..bytes.len().max(other_bytes.len()))
            .find(|index| at(bytes, *index) != at(other_bytes, *index));
        if let Some(index) = differs {
            return Err(format!(
                "memory {name:?}, byte {index:#x}: {:#04x} here, {:#04x} on {engine}",
                at(bytes, index),
                at(other_bytes, index)
            ));
        }
    }
    in_order(&here.globals, &there.globals, engine, |index| {
        format!("exported global {index}")
    })?;
    in_order(&here.tables, &there.tables, engine, |index| {
        format!("exported table {index}")
    })?;
    if here.memories.len() != there.memories.len() {
        return Err("the engines export different memories".to_owned());
    }
    Ok(())
}

/// # Errors
/// Two items differ, or there are more on one side.
fn in_order<T: PartialEq + Debug>(
    here: &[T],
    there: &[T],
    engine: &str,
    name: impl Fn(usize) -> String,
) -> Result<(), String> {
    for index in 0..here.len().max(there.len()) {
        let (here, there) = (here.get(index), there.get(index));
        if here != there {
            let show =
                |item: Option<&T>| item.map_or("nothing".to_owned(), |item| format!("{item:x?}"));
            return Err(format!(
                "{}: {} here, {} on {engine}",
                name(index),
                show(here),
                show(there)
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Failure;
    use super::*;
    use crate::reference::Value;

    fn exception(tag: usize, value: u32) -> Failure {
        Failure::Exception {
            tag: Some(tag),
            values: vec![Value::I32(value)],
        }
    }

    fn observed() -> Observed {
        Observed {
            ends: vec![
                Ok(vec![]),
                Ok(vec![Value::F32(0x7fc0_0000)]),
                Err(Failure::Trap("unreachable")),
                Err(exception(1, 2)),
            ],
            host_calls: vec![(1, vec![Value::I32(3)])],
            memories: vec![("m".into(), 65536, vec![1, 2])],
            globals: vec![("g".into(), Value::I64(5))],
            tables: vec![("t".into(), vec![true, false])],
        }
    }

    #[test]
    fn what_is_the_same_is_no_difference() {
        assert_eq!(compare(&observed(), &observed(), "it"), Ok(()));
    }

    #[test]
    fn every_change_is_noticed() {
        type Change = fn(&mut Observed);
        let changes: &[(&str, Change)] = &[
            ("call 0", |o| o.ends[1] = Ok(vec![Value::F32(0x7fc0_0001)])),
            ("call 1", |o| {
                o.ends[2] = Err(Failure::Trap("integer overflow"))
            }),
            ("call 1", |o| o.ends.truncate(2)),
            ("call 2", |o| o.ends[3] = Err(exception(0, 2))),
            ("call 2", |o| o.ends[3] = Err(exception(1, 3))),
            ("call 2", |o| o.ends[3] = Err(Failure::Trap("unreachable"))),
            ("instantiation", |o| {
                o.ends[0] = Err(Failure::Trap("unreachable"))
            }),
            ("host call 0", |o| o.host_calls[0].0 = 2),
            ("host call 0", |o| o.host_calls[0].1 = vec![Value::I32(4)]),
            ("host call 1", |o| o.host_calls.push((1, vec![]))),
            ("byte 0x1", |o| o.memories[0].2[1] = 0),
            ("byte 0x1", |o| o.memories[0].2.truncate(1)),
            ("byte 0x2", |o| o.memories[0].2.push(1)),
            ("131072", |o| o.memories[0].1 = 131072),
            ("different memories", |o| o.memories.clear()),
            ("global 0", |o| o.globals[0].1 = Value::I64(6)),
            ("table 0", |o| o.tables[0].1[1] = true),
        ];
        for (what, change) in changes {
            let mut changed = observed();
            change(&mut changed);
            for (here, there) in [(&observed(), &changed), (&changed, &observed())] {
                let difference = compare(here, there, "it").expect_err(what);
                assert!(difference.contains(what), "{what}: {difference}");
            }
        }
    }
}
