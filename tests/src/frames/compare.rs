//! One side against the other.
//!
//! What must hold of each frame, at each commit point, youngest to oldest:
//!
//! - the function and the offset are those of the interpreter;
//! - every value that is shown is right (NaNs are equal to each other);
//! - no local that is called dead is read by the same activation before it is written again; the
//!   interpreter has seen what the rest of the execution reads;
//! - the operands are all there, with their types;
//! - nothing is "unavailable", and no frame is without values.
//!
//! Less is asked of a trap that the hardware found, in an access of a guarded memory: offsets may be
//! marked as inexact and values may be missing in the functions that the machine code is of, the
//! youngest and those that it was inlined into. What they show has to be right.

use super::compiled::{Event, Found, Frame, Shown};
use super::expected::Expected;
use super::{Counts, POINTS, Way};
use crate::reference::observe::{FrameState, Point};
use crate::reference::{Log, PointKind, Value};

/// Compares a compiled run with the interpreter's.
///
/// # Errors
/// Says what differs first.
pub fn compare(expected: &Expected, found: &Found, way: &Way) -> Result<Counts, String> {
    let mut counts = Counts::default();
    let log = &expected.log;
    let mut events = found.events.iter().enumerate().peekable();
    let mut left = 0;
    for point in &log.points {
        let Some(&(number, event)) = events.peek() else {
            left += u32::from(point.kind != PointKind::Entry);
            continue;
        };
        // Which functions poll at their entries is the compiler's choice: enough to cut every cycle.
        let skipped = point.kind == PointKind::Entry && !is_at(point, event);
        if skipped {
            continue;
        }
        events.next();
        let hardware = !way.checks && point.cause.is_some_and(|(_, is_access)| is_access);
        compare_point(log, point, event, hardware, way, &mut counts)
            .map_err(|error| format!("point {number} ({:?}): {error}", point.kind))?;
    }
    // Both sides keep no more points than the limit; the interpreter has more of them.
    let more = events.count();
    if log.points.len() < POINTS && (left > 0 || (more > 0 && expected.ended)) {
        return Err(format!(
            "{left} commit points are missing, {more} are too many"
        ));
    }
    for (number, (expected, found)) in expected.results.iter().zip(&found.results).enumerate() {
        let same = match (expected, found) {
            (Ok(expected), Ok(found)) => {
                expected.len() == found.len()
                    && expected.iter().zip(found).all(|(a, b)| a.is_same(*b))
            }
            (Err(expected), Err(found)) => expected == found,
            _ => false,
        };
        if !same {
            return Err(format!(
                "call {number}: expected {expected:x?}, found {found:x?}"
            ));
        }
    }
    Ok(counts)
}

/// Is a poll of compiled code at the place of a point?
fn is_at(point: &Point, event: &Event) -> bool {
    event.kind == PointKind::Poll
        && point.frames.len() == event.frames.len()
        && (point.frames.iter().zip(&event.frames))
            .all(|(a, b)| a.func_index == b.func_index && b.ip == Some(a.ip))
}

fn compare_point(
    log: &Log,
    point: &Point,
    event: &Event,
    hardware: bool,
    way: &Way,
    counts: &mut Counts,
) -> Result<(), String> {
    let kind = match point.kind {
        PointKind::Entry => PointKind::Poll,
        kind => kind,
    };
    if kind != event.kind {
        return Err(format!("found {:?}", event.kind));
    }
    let place = |func_index: u32, ip: Option<u32>| match ip {
        Some(ip) => format!("f{func_index}@{ip:#x}"),
        None => format!("f{func_index}@?"),
    };
    let same_functions = point.frames.len() == event.frames.len()
        && (point.frames.iter().zip(&event.frames)).all(|(a, b)| a.func_index == b.func_index);
    if !same_functions {
        let expected = point
            .frames
            .iter()
            .map(|frame| place(frame.func_index, Some(frame.ip)));
        let found = event
            .frames
            .iter()
            .map(|frame| place(frame.func_index, frame.ip));
        return Err(format!(
            "expected the frames {}, found {}",
            expected.collect::<Vec<_>>().join(" "),
            found.collect::<Vec<_>>().join(" ")
        ));
    }
    counts.points += 1;
    counts.traps += u64::from(point.kind == PointKind::Trap);
    counts.polls += u64::from(kind == PointKind::Poll);
    let mut lenient = hardware;
    for (depth, (expected, found)) in point.frames.iter().zip(&event.frames).enumerate() {
        // Nothing is inlined without optimisation.
        lenient &= depth == 0 || way.opt_level > 0;
        counts.frames += 1;
        compare_frame(log, point, (expected, found), lenient, way, counts).map_err(|error| {
            let place = place(expected.func_index, Some(expected.ip));
            format!("frame {depth}, {place}: {error}")
        })?;
        lenient &= found.values.is_none();
    }
    Ok(())
}

fn compare_frame(
    log: &Log,
    point: &Point,
    (expected, found): (&FrameState, &Frame),
    lenient: bool,
    way: &Way,
    counts: &mut Counts,
) -> Result<(), String> {
    let inexact = lenient && !found.exact;
    if found.ip != Some(expected.ip) && !inexact {
        return Err(format!("found the offset {:x?}", found.ip));
    }
    if !found.exact && !lenient {
        return Err("the offset is marked as inexact".to_owned());
    }
    let Some((locals, operands)) = &found.values else {
        if lenient {
            counts.without_values += 1;
            return Ok(());
        }
        return Err("there are no values".to_owned());
    };
    if inexact {
        return Err("there are values at an inexact offset".to_owned());
    }
    if locals.len() != expected.locals.len() {
        return Err(format!(
            "found {} locals of {}",
            locals.len(),
            expected.locals.len()
        ));
    }
    for (index, (local, shown)) in expected.locals.iter().zip(locals).enumerate() {
        match shown {
            Shown::Value(value) if value.is_same(local.value) => counts.values += 1,
            Shown::Dead if way.all => return Err(format!("local {index} is called dead")),
            Shown::Dead if log.is_read_after(point, local.write) => {
                return Err(format!("local {index} is called dead, but read later"));
            }
            Shown::Dead => counts.dead += 1,
            other => {
                let expected = local.value;
                return Err(format!(
                    "local {index}: expected {expected:x?}, found {other:x?}"
                ));
            }
        }
    }
    let same = operands.len() == expected.operands.len()
        && (expected.operands.iter().zip(operands))
            .all(|(expected, shown)| is_shown(*expected, *shown));
    if !same {
        return Err(format!(
            "expected the operands {:x?}, found {operands:x?}",
            expected.operands
        ));
    }
    counts.values += operands.len() as u64;
    Ok(())
}

fn is_shown(expected: Value, shown: Shown) -> bool {
    matches!(shown, Shown::Value(value) if value.is_same(expected))
}
