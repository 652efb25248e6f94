//! What the loops of a body do that matters at their headers.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{FunctionBody, Operator};

use crate::error::Result;
use crate::module::is_commit_call;

/// More assignments in all than this are not listed; such loops count as assigning everything.
const LIMIT: usize = 1 << 20;

/// A loop.
#[derive(Clone, Debug, Default)]
pub struct LoopFacts {
    /// The locals assigned in it; `None` if it may be any.
    pub assigned: Option<Vec<u32>>,
    /// How it polls, if loops do.
    pub poll: LoopPoll,
}

/// How a loop polls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoopPoll {
    /// At its header.
    #[default]
    EveryRound,
    /// Once in many rounds: it has neither loops nor calls in it, and a comparison of locals that change by constants
    /// decides whether it goes round again. Such loops LLVM may vectorise, which a poll in each round would prevent.
    Strip,
    /// Not at all: each round calls a function that polls at its entry.
    InCallee,
}

/// The loops of a body, in the order in which they open.
#[derive(Clone, Debug, Default)]
pub struct Loops {
    loops: Vec<LoopFacts>,
    next: usize,
}

/// An open block on the way.
#[derive(Default)]
struct Open {
    /// The loop that it is.
    index: Option<usize>,
    /// What was assigned in it so far.
    assigned: BTreeSet<u32>,
    /// It has a loop or a call in it.
    has_more: bool,
    /// Where the innermost loop opened that it is in, or is.
    innermost_loop: Option<usize>,
    /// Something may have branched to its header already.
    may_repeat: bool,
    /// It is a loop each round of which has called a function that polls.
    callee_polls: bool,
    /// Where it is a loop.
    counting: Counting,
}

/// What is known of how a loop counts.
#[derive(Default)]
struct Counting {
    /// Branches to its header.
    repeats: usize,
    /// Unconditional branches out of it.
    exits: usize,
    /// How many of both are conditional.
    conditions: usize,
    /// Assignments of each local: how many, and whether all are `local = local ± constant`.
    steps: BTreeMap<u32, (usize, bool)>,
    /// The locals that its branch compares, with constants at most; `None` if it depends on anything else.
    compared: Option<Vec<u32>>,
}

impl Counting {
    fn assign(&mut self, local: u32, is_step: bool) {
        let (count, steps) = self.steps.entry(local).or_insert((0, true));
        *count += 1;
        *steps &= is_step;
    }

    fn is_counted(&self) -> bool {
        let counts = |local: &u32| {
            self.steps
                .get(local)
                .is_none_or(|steps| *steps == (1, true))
        };
        (self.repeats, self.conditions) == (1, 1)
            && self.exits == 0
            && (self.compared.as_ref()).is_some_and(|compared| {
                compared.iter().all(counts)
                    && compared.iter().any(|local| self.steps.contains_key(local))
            })
    }
}

/// The operators just before the current one, in one block, the last one first.
#[derive(Default)]
struct Recent<'a>(Vec<Operator<'a>>);

impl<'a> Recent<'a> {
    /// What patterns need: a comparison of two sums.
    const KEPT: usize = 9;

    fn push(&mut self, operator: Operator<'a>) {
        self.0.insert(0, operator);
        self.0.truncate(Self::KEPT);
    }

    /// Whether `local` plus or minus a constant was computed last.
    fn is_step(&self, local: u32) -> bool {
        use Operator as O;
        matches!(
            self.0.as_slice(),
            [O::I32Add | O::I32Sub, O::I32Const { .. }, O::LocalGet { local_index }, ..]
            | [O::I64Add | O::I64Sub, O::I64Const { .. }, O::LocalGet { local_index }, ..]
            if *local_index == local
        )
    }

    /// The locals of the condition that was computed last, if it is made of locals and constants only.
    fn compared(&self) -> Option<Vec<u32>> {
        use Operator as O;
        let mut locals = Vec::new();
        let rest = match self.0.split_first()? {
            (
                O::I32Eq
                | O::I32Ne
                | O::I32LtS
                | O::I32LtU
                | O::I32GtS
                | O::I32GtU
                | O::I32LeS
                | O::I32LeU
                | O::I32GeS
                | O::I32GeU
                | O::I64Eq
                | O::I64Ne
                | O::I64LtS
                | O::I64LtU
                | O::I64GtS
                | O::I64GtU
                | O::I64LeS
                | O::I64LeU
                | O::I64GeS
                | O::I64GeU,
                rest,
            ) => side(rest, &mut locals)?,
            (O::I32Eqz | O::I64Eqz, rest) => rest,
            // The value itself: is it zero?
            _ => &self.0,
        };
        side(rest, &mut locals)?;
        Some(locals)
    }
}

/// One side of a comparison: a constant or a local, perhaps with its step. Yields what came before it.
fn side<'r, 'a>(
    operators: &'r [Operator<'a>],
    locals: &mut Vec<u32>,
) -> Option<&'r [Operator<'a>]> {
    use Operator as O;
    match operators {
        [O::I32Const { .. } | O::I64Const { .. }, rest @ ..] => Some(rest),
        [
            O::LocalTee { local_index },
            O::I32Add | O::I32Sub | O::I64Add | O::I64Sub,
            _,
            _,
            rest @ ..,
        ]
        | [O::LocalGet { local_index }, rest @ ..] => {
            locals.push(*local_index);
            Some(rest)
        }
        _ => None,
    }
}

impl Loops {
    /// Scans a body. `polls` says whether a function polls at its entry.
    pub fn scan(body: &FunctionBody<'_>, polls: impl Fn(u32) -> bool) -> Result<Self> {
        let mut loops: Vec<LoopFacts> = Vec::new();
        let mut open = vec![Open::default()];
        let mut listed = 0;
        let mut recent = Recent::default();
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            match operator {
                Operator::Block { .. }
                | Operator::If { .. }
                | Operator::Try { .. }
                | Operator::TryTable { .. } => {
                    let innermost_loop = open.last().and_then(|block| block.innermost_loop);
                    open.push(Open {
                        innermost_loop,
                        ..Open::default()
                    });
                }
                Operator::Loop { .. } => {
                    open.push(Open {
                        index: Some(loops.len()),
                        innermost_loop: Some(open.len()),
                        ..Open::default()
                    });
                    loops.push(LoopFacts::default());
                }
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    if let Some(block) = open.last_mut() {
                        block.assigned.insert(local_index);
                    }
                    if let Some((_, counting)) = innermost_loop(&mut open) {
                        counting.assign(local_index, recent.is_step(local_index));
                    }
                }
                Operator::BrIf { relative_depth } => {
                    if let Some(counting) = count_branch(&mut open, relative_depth, true) {
                        counting.compared = recent.compared();
                    }
                }
                Operator::Br { relative_depth }
                | Operator::BrOnNull { relative_depth }
                | Operator::BrOnNonNull { relative_depth }
                | Operator::BrOnCast { relative_depth, .. }
                | Operator::BrOnCastFail { relative_depth, .. } => {
                    count_branch(&mut open, relative_depth, false);
                }
                Operator::BrTable { ref targets } => {
                    for target in targets.targets() {
                        count_branch(&mut open, target?, false);
                    }
                    count_branch(&mut open, targets.default(), false);
                }
                Operator::Return
                | Operator::ReturnCall { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::ReturnCallRef { .. } => {
                    count_branch(&mut open, u32::MAX, false);
                }
                Operator::End | Operator::Delegate { .. } => {
                    let Some(block) = open.pop() else {
                        break;
                    };
                    if let Some(index) = block.index {
                        listed += block.assigned.len();
                        loops[index] = LoopFacts {
                            assigned: (listed <= LIMIT)
                                .then(|| block.assigned.iter().copied().collect()),
                            poll: if block.callee_polls {
                                LoopPoll::InCallee
                            } else if !block.has_more && block.counting.is_counted() {
                                LoopPoll::Strip
                            } else {
                                LoopPoll::EveryRound
                            },
                        };
                    }
                    if let Some(outer) = open.last_mut() {
                        outer.has_more |= block.has_more || block.index.is_some();
                        // The smaller set joins the larger, so that deep nesting stays cheap.
                        let (mut large, small) = if outer.assigned.len() >= block.assigned.len() {
                            (std::mem::take(&mut outer.assigned), block.assigned)
                        } else {
                            (block.assigned, std::mem::take(&mut outer.assigned))
                        };
                        large.extend(small);
                        outer.assigned = large;
                    }
                }
                ref operator if is_commit_call(operator) => {
                    if let Some(block) = open.last_mut() {
                        block.has_more = true;
                        block.callee_polls |= block.index.is_some()
                            && !block.may_repeat
                            && matches!(operator, Operator::Call { function_index } if polls(*function_index));
                    }
                }
                _ => {}
            }
            recent.push(operator);
        }
        Ok(Loops { loops, next: 0 })
    }

    /// The next loop.
    pub fn next_loop(&mut self) -> Option<&LoopFacts> {
        let facts = self.loops.get(self.next);
        self.next += 1;
        facts
    }
}

/// The innermost open loop, and the depth of a branch to it.
fn innermost_loop(open: &mut [Open]) -> Option<(u32, &mut Counting)> {
    let at = open.last()?.innermost_loop?;
    let depth = u32::try_from(open.len() - 1 - at).ok()?;
    Some((depth, &mut open[at].counting))
}

/// Counts a branch of the innermost loop. Yields the loop if the branch repeats or leaves it.
fn count_branch(open: &mut [Open], depth: u32, is_conditional: bool) -> Option<&mut Counting> {
    let target = usize::try_from(depth)
        .ok()
        .and_then(|depth| depth.checked_add(1));
    if let Some(target) = target.and_then(|above| open.len().checked_sub(above)) {
        open[target].may_repeat = true;
    }
    let (repeat, counting) = innermost_loop(open)?;
    match depth.cmp(&repeat) {
        Ordering::Less => return None,
        Ordering::Equal => counting.repeats += 1,
        Ordering::Greater => counting.exits += usize::from(!is_conditional),
    }
    counting.conditions += usize::from(is_conditional);
    Some(counting)
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload};

    use super::{LoopPoll, Loops};

    /// How the outermost loop of function 0 polls; function 1 polls at its entry, function 2 does not.
    fn poll(body: &str) -> LoopPoll {
        let text = format!(
            "(module (memory 1)
               (func (param $n i32) (local $i i32) (local $x i32) {body})
               (func $polls) (func $quiet))"
        );
        let binary = wat::parse_str(text).expect("the text is right");
        for payload in Parser::new(0).parse_all(&binary) {
            if let Ok(Payload::CodeSectionEntry(body)) = payload {
                let mut loops = Loops::scan(&body, |function| function == 1).expect("it is read");
                return loops.next_loop().expect("there is a loop").poll;
            }
        }
        panic!("no body");
    }

    #[test]
    fn loops_that_count_are_strip_mined() {
        let step = "(local.tee $i (i32.add (local.get $i) (i32.const 4)))";
        let store = "(i32.store (local.get $i) (local.get $n))";
        for body in [
            format!("(loop {store} (br_if 0 (i32.lt_u {step} (local.get $n))))"),
            format!("(loop {store} (br_if 0 (i32.ne {step} (i32.const 400))))"),
            format!("(loop {store} (br_if 0 {step}))"),
            format!("(block (loop {store} (br_if 1 (i32.eqz {step})) (br 0)))"),
            format!(
                "(loop {store} (drop {step}) (block (br_if 0 (local.get $x)) {store}) (br_if 0 (i32.lt_u (local.get $i) (local.get $n))))"
            ),
        ] {
            assert_eq!(poll(&body), LoopPoll::Strip, "{body}");
        }
    }

    #[test]
    fn other_loops_poll_in_every_round() {
        let step = "(local.tee $i (i32.add (local.get $i) (i32.const 4)))";
        let compare = format!("(i32.lt_u {step} (local.get $n))");
        for body in [
            // What is loaded decides.
            "(loop (br_if 0 (local.tee $x (i32.load (local.get $x)))))".to_owned(),
            // The bound changes otherwise than by a constant.
            format!("(loop (local.set $n (i32.load (local.get $n))) (br_if 0 {compare}))"),
            // It steps twice.
            format!("(loop (drop {step}) (br_if 0 {compare}))"),
            // Nothing changes.
            "(loop (br_if 0 (i32.lt_u (local.get $x) (local.get $n))))".to_owned(),
            // Two exits.
            format!("(loop (block (br_if 2 (local.get $x))) (br_if 0 {compare}))"),
            format!("(loop (if (local.get $x) (then (return))) (br_if 0 {compare}))"),
            // It has a call, or a loop.
            format!("(loop (call $quiet) (br_if 0 {compare}))"),
            format!("(loop (loop) (br_if 0 {compare}))"),
        ] {
            assert_eq!(poll(&body), LoopPoll::EveryRound, "{body}");
        }
    }

    #[test]
    fn a_callee_polls_for_a_loop_only_if_no_round_can_miss_it() {
        let again = "(br_if 0 (local.get $n))";
        assert_eq!(
            poll(&format!("(loop (call $polls) {again})")),
            LoopPoll::InCallee
        );
        assert_eq!(
            poll(&format!(
                "(loop (block (br_if 0 (local.get $x))) (call $polls) {again})"
            )),
            LoopPoll::InCallee
        );
        for body in [
            format!("(loop (call $quiet) {again})"),
            format!("(loop {again} (call $polls) (br 0))"),
            format!("(loop (if (local.get $x) (then (call $polls))) {again})"),
            format!("(loop (loop (br_if 1 (local.get $x))) (call $polls) {again})"),
        ] {
            assert_eq!(poll(&body), LoopPoll::EveryRound, "{body}");
        }
    }
}
