//! Which locals the rest of a function can still read: a backward may-analysis over structured control
//! flow.
//!
//! A block's label is live-in where the block ends, a loop's where it begins. The latter is not known
//! on the way back, so passes are repeated until no loop's set grows; each pass settles one more level
//! of nesting.

use std::collections::HashMap;

use fixedbitset::FixedBitSet;
use wasmparser::{Catch, FunctionBody, Operator};

use crate::error::Result;

/// Steps of the analysis times words of a set, at most. A function beyond it counts as reading every
/// local everywhere: nothing wrong is shown, only more.
const WORK_LIMIT: usize = 1 << 28;
/// Passes at most; see [`WORK_LIMIT`].
const PASS_LIMIT: usize = 64;

/// What matters of an operator.
enum Event {
    Read(u32),
    Write(u32),
    /// A place where a frame may be observable.
    Point(u32),
    Open(Opener),
    /// A call, or another place that exceptions may come from.
    Throwing(u32),
    Else,
    /// The end of the body of a `try`, or of one of its handlers.
    Handler,
    /// The end of the block that this opened.
    End(Opener),
    /// The end of a block whose exceptions go to these labels around it.
    EndTryTable(Vec<u32>),
    Branch(u32),
    BranchIf(u32),
    BranchTable(Vec<u32>),
    /// Control does not go on behind it.
    Stop,
}

#[derive(Clone, Copy)]
enum Opener {
    Block,
    If,
    /// A loop: its number, and the offset of the operator.
    Loop(usize, u32),
}

/// The live locals of a function at each place where a frame may be observable.
#[derive(Debug, Default)]
pub struct Liveness {
    /// Index in `sets` by offset of the instruction. Absent: every local counts as live.
    points: HashMap<u32, usize>,
    sets: Vec<FixedBitSet>,
    entry: Option<FixedBitSet>,
}

impl Liveness {
    /// Analyses a body of a function with so many parameters and locals.
    pub fn analyse(body: &FunctionBody<'_>, locals: usize) -> Result<Self> {
        let (events, loops) = events(body)?;
        let words = locals.div_ceil(usize::BITS as usize).max(1);
        if events.len().saturating_mul(words) > WORK_LIMIT {
            return Ok(Liveness::default());
        }
        let mut headers = vec![FixedBitSet::with_capacity(locals); loops];
        for _ in 0..PASS_LIMIT {
            let mut pass = Pass::new(locals, &mut headers);
            for event in events.iter().rev() {
                pass.step(event);
            }
            if !pass.changed {
                return Ok(Liveness {
                    entry: Some(pass.live),
                    points: pass.points,
                    sets: pass.sets,
                });
            }
        }
        Ok(Liveness::default())
    }

    /// Can the rest of the function read a local once the instruction at `ip` is done? At a loop, the
    /// rest is the loop and what follows.
    pub fn is_live(&self, ip: u32, local: usize) -> bool {
        self.points
            .get(&ip)
            .and_then(|index| self.sets.get(*index))
            .is_none_or(|set| set.contains(local))
    }

    /// Can the function read what a local holds at its entry?
    pub fn is_live_at_entry(&self, local: usize) -> bool {
        self.entry.as_ref().is_none_or(|set| set.contains(local))
    }
}

fn events(body: &FunctionBody<'_>) -> Result<(Vec<Event>, usize)> {
    let mut events = Vec::new();
    let mut open = Vec::new();
    let mut loops = 0;
    // Labels that the exceptions of an open block go to.
    let mut handlers: Vec<Vec<u32>> = Vec::new();
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, position) = operators.read_with_offset()?;
        // Offsets beyond 32 bits are refused before.
        let ip = u32::try_from(position).unwrap_or(u32::MAX);
        let mut opened = |opener| {
            open.push(opener);
            handlers.push(Vec::new());
            Event::Open(opener)
        };
        let event = match operator {
            Operator::LocalGet { local_index } => Event::Read(local_index),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                Event::Write(local_index)
            }
            // Those of a `try` come as events of their own.
            Operator::Block { .. } | Operator::Try { .. } => opened(Opener::Block),
            Operator::TryTable { try_table } => {
                let event = opened(Opener::Block);
                let labels = try_table.catches.iter().map(label_of);
                handlers.pop();
                handlers.push(labels.collect());
                event
            }
            Operator::Catch { .. } | Operator::CatchAll => Event::Handler,
            Operator::If { .. } => opened(Opener::If),
            Operator::Loop { .. } => {
                loops += 1;
                opened(Opener::Loop(loops - 1, ip))
            }
            Operator::Else => Event::Else,
            // The last one ends the function, like a block.
            Operator::End | Operator::Delegate { .. } => {
                let opener = open.pop().unwrap_or(Opener::Block);
                match handlers.pop() {
                    Some(labels) if !labels.is_empty() => Event::EndTryTable(labels),
                    _ => Event::End(opener),
                }
            }
            Operator::Br { relative_depth } => Event::Branch(relative_depth),
            Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => Event::BranchIf(relative_depth),
            Operator::BrTable { targets } => {
                let mut depths = targets.targets().collect::<Result<Vec<_>, _>>()?;
                depths.push(targets.default());
                depths.sort_unstable();
                depths.dedup();
                Event::BranchTable(depths)
            }
            Operator::Return => Event::Stop,
            // They may trap, but do not come back.
            Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => {
                events.push(Event::Point(ip));
                Event::Stop
            }
            Operator::Throw { .. } | Operator::ThrowRef | Operator::Rethrow { .. } => {
                events.push(Event::Throwing(ip));
                Event::Stop
            }
            Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. } => {
                Event::Throwing(ip)
            }
            Operator::Nop
            | Operator::Drop
            | Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::F32Const { .. }
            | Operator::F64Const { .. }
            | Operator::GlobalGet { .. }
            | Operator::GlobalSet { .. } => continue,
            _ => Event::Point(ip),
        };
        events.push(event);
    }
    Ok((events, loops))
}

fn label_of(catch: &Catch) -> u32 {
    match *catch {
        Catch::One { label, .. }
        | Catch::OneRef { label, .. }
        | Catch::All { label }
        | Catch::AllRef { label } => label,
    }
}

/// An open block, on the way back from its end.
struct Block {
    /// Live where branches to the block go.
    label: FixedBitSet,
    /// Live behind the block.
    after: FixedBitSet,
    /// Live where its `else` starts.
    otherwise: Option<FixedBitSet>,
    /// Live where exceptions in it may go. Perhaps more than that: those of its handlers that come behind one
    /// count for that one, too.
    handlers: Option<FixedBitSet>,
}

struct Pass<'a> {
    live: FixedBitSet,
    blocks: Vec<Block>,
    headers: &'a mut [FixedBitSet],
    changed: bool,
    points: HashMap<u32, usize>,
    sets: Vec<FixedBitSet>,
    /// The last of `sets` is what is live now.
    is_recorded: bool,
}

impl<'a> Pass<'a> {
    fn new(locals: usize, headers: &'a mut [FixedBitSet]) -> Self {
        Pass {
            live: FixedBitSet::with_capacity(locals),
            blocks: Vec::new(),
            headers,
            changed: false,
            points: HashMap::new(),
            sets: Vec::new(),
            is_recorded: false,
        }
    }

    fn step(&mut self, event: &Event) {
        match event {
            Event::Read(local) => {
                if !self.live.put(*local as usize) {
                    self.is_recorded = false;
                }
            }
            Event::Write(local) => {
                if self.live.contains(*local as usize) {
                    self.live.set(*local as usize, false);
                    self.is_recorded = false;
                }
            }
            Event::Point(ip) => self.record(*ip),
            Event::End(opener) => {
                let label = match opener {
                    Opener::Loop(index, _) => self.headers[*index].clone(),
                    Opener::Block | Opener::If => self.live.clone(),
                };
                self.push_block(label, self.handlers().cloned());
            }
            Event::EndTryTable(labels) => {
                let mut handlers = self.handlers().cloned();
                for depth in labels {
                    if let Some(label) = self.label(*depth) {
                        unite(&mut handlers, label);
                    }
                }
                self.push_block(self.live.clone(), handlers);
            }
            Event::Throwing(ip) => {
                if let Some(handlers) = self.blocks.last().and_then(|block| block.handlers.as_ref())
                {
                    self.live.union_with(handlers);
                    self.is_recorded = false;
                }
                self.record(*ip);
            }
            Event::Handler => {
                if let Some(block) = self.blocks.last_mut() {
                    unite(&mut block.handlers, &self.live);
                    self.live.clone_from(&block.after);
                    self.is_recorded = false;
                }
            }
            Event::Else => {
                if let Some(block) = self.blocks.last_mut() {
                    let after = block.after.clone();
                    block.otherwise = Some(std::mem::replace(&mut self.live, after));
                    self.is_recorded = false;
                }
            }
            Event::Open(opener) => {
                let Some(block) = self.blocks.pop() else {
                    return;
                };
                match opener {
                    Opener::Block => {}
                    Opener::If => {
                        self.live
                            .union_with(block.otherwise.as_ref().unwrap_or(&block.after));
                        self.is_recorded = false;
                    }
                    Opener::Loop(index, ip) => {
                        if self.headers[*index] != self.live {
                            self.headers[*index] = self.live.clone();
                            self.changed = true;
                        }
                        self.record(*ip);
                    }
                }
            }
            Event::Branch(depth) => {
                self.live.clear();
                self.join(*depth);
            }
            Event::BranchIf(depth) => self.join(*depth),
            Event::BranchTable(depths) => {
                self.live.clear();
                for depth in depths {
                    self.join(*depth);
                }
            }
            Event::Stop => {
                self.live.clear();
                self.is_recorded = false;
            }
        }
    }

    /// Adds what is live where a branch goes.
    fn join(&mut self, depth: u32) {
        let index = self.blocks.len().checked_sub(1 + depth as usize);
        if let Some(block) = index.and_then(|index| self.blocks.get(index)) {
            self.live.union_with(&block.label);
        }
        self.is_recorded = false;
    }

    /// What is live where a branch goes.
    fn label(&self, depth: u32) -> Option<&FixedBitSet> {
        let index = self.blocks.len().checked_sub(1 + depth as usize)?;
        Some(&self.blocks.get(index)?.label)
    }

    /// What is live where exceptions go.
    fn handlers(&self) -> Option<&FixedBitSet> {
        self.blocks.last()?.handlers.as_ref()
    }

    fn push_block(&mut self, label: FixedBitSet, handlers: Option<FixedBitSet>) {
        self.blocks.push(Block {
            label,
            after: self.live.clone(),
            otherwise: None,
            handlers,
        });
    }

    fn record(&mut self, ip: u32) {
        if !self.is_recorded {
            self.sets.push(self.live.clone());
            self.is_recorded = true;
        }
        self.points.insert(ip, self.sets.len() - 1);
    }
}

fn unite(set: &mut Option<FixedBitSet>, other: &FixedBitSet) {
    match set {
        Some(set) => set.union_with(other),
        None => *set = Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::Liveness;
    use wasmparser::{Operator, Parser, Payload};

    /// The live locals at each `unreachable`-free call of the only function, and at its entry.
    fn live(text: &str) -> (String, Vec<String>) {
        let wasm = wat::parse_str(text).unwrap();
        for payload in Parser::new(0).parse_all(&wasm) {
            let Payload::CodeSectionEntry(body) = payload.unwrap() else {
                continue;
            };
            let liveness = Liveness::analyse(&body, 3).unwrap();
            let names = |is_live: &dyn Fn(usize) -> bool| -> String {
                (0..3)
                    .zip("abc".chars())
                    .filter(|(local, _)| is_live(*local))
                    .map(|(_, name)| name)
                    .collect()
            };
            let calls = (body.get_operators_reader().unwrap())
                .into_iter_with_offsets()
                .map(Result::unwrap)
                .filter(|(operator, _)| {
                    matches!(operator, Operator::Call { .. } | Operator::Loop { .. })
                })
                .map(|(_, at)| names(&|local| liveness.is_live(at as u32, local)))
                .collect();
            return (names(&|local| liveness.is_live_at_entry(local)), calls);
        }
        panic!("no function");
    }

    fn check(body: &str, entry: &str, points: &[&str]) {
        let text = format!(
            "(module (import \"\" \"f\" (func $f)) \
             (func (local $a i32) (local $b i32) (local $c i32) {body}))"
        );
        assert_eq!(
            live(&text),
            (
                entry.to_owned(),
                points.iter().map(ToString::to_string).collect()
            ),
            "{body}"
        );
    }

    const GET: [&str; 3] = [
        "(drop (local.get $a))",
        "(drop (local.get $b))",
        "(drop (local.get $c))",
    ];

    #[test]
    fn a_local_is_live_until_its_last_read_and_not_before_it_is_written() {
        let [a, b, _] = GET;
        check(
            &format!("call $f {a} call $f (local.set $b (i32.const 1)) call $f {b} call $f"),
            "a",
            &["a", "", "b", ""],
        );
    }

    #[test]
    fn what_a_loop_reads_is_live_to_its_end() {
        let [a, b, c] = GET;
        check(
            &format!("loop $l {a} call $f (br_if $l (local.get $c)) end call $f {b}"),
            "abc",
            &["abc", "abc", "b"],
        );
        // An inner loop sees what the outer one reads on the next round.
        check(
            &format!(
                "loop $o {a} (local.set $c (i32.const 0)) loop $i call $f {b} (br_if $i (i32.const 1)) {c} (br_if $o (i32.const 1)) end end"
            ),
            "ab",
            &["ab", "abc", "abc"],
        );
    }

    #[test]
    fn both_arms_of_an_if_count() {
        let [a, b, c] = GET;
        check(
            &format!("call $f (if (i32.const 0) (then {a}) (else call $f {b})) call $f {c}"),
            "abc",
            &["abc", "bc", "c"],
        );
        check(
            &format!("call $f (if (i32.const 0) (then (local.set $a (i32.const 0)))) {a}"),
            "a",
            &["a"],
        );
    }

    #[test]
    fn calls_lead_to_what_is_live_in_their_handlers() {
        let [a, b, c] = GET;
        check(
            &format!(
                "block $x (try_table (catch_all $x) call $f {a}) {b} return end call $f {c} call $f"
            ),
            "abc",
            &["abc", "c", ""],
        );
        // Inside a handler those around it hold.
        check(
            &format!(
                "block $x (try_table (catch_all $x) (block $y (try_table (catch_all $y) call $f)) call $f) end {a}"
            ),
            "a",
            &["a", "a"],
        );
        check(
            &format!("call $f try call $f {b} catch_all call $f {a} end {c}"),
            "abc",
            &["abc", "abc", "ac"],
        );
    }

    #[test]
    fn branches_lead_to_what_is_live_at_their_label() {
        let [a, b, c] = GET;
        check(
            &format!(
                "block $x block $y call $f (br_table $x $y (i32.const 0)) {c} end {a} return end call $f {b}"
            ),
            "ab",
            &["ab", "b"],
        );
        check(&format!("call $f unreachable {a}"), "", &[""]);
    }
}
