//! What the loops of a body do that matters at their headers.

use std::collections::BTreeSet;

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
    /// It has neither loops nor calls in it.
    pub is_simple: bool,
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
}

impl Loops {
    /// Scans a body.
    pub fn scan(body: &FunctionBody<'_>) -> Result<Self> {
        let mut loops: Vec<LoopFacts> = Vec::new();
        let mut open = vec![Open::default()];
        let mut listed = 0;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            match operator {
                Operator::Block { .. } | Operator::If { .. } => open.push(Open::default()),
                Operator::Loop { .. } => {
                    open.push(Open {
                        index: Some(loops.len()),
                        ..Open::default()
                    });
                    loops.push(LoopFacts::default());
                }
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    if let Some(block) = open.last_mut() {
                        block.assigned.insert(local_index);
                    }
                }
                Operator::End => {
                    let Some(block) = open.pop() else {
                        break;
                    };
                    if let Some(index) = block.index {
                        listed += block.assigned.len();
                        loops[index] = LoopFacts {
                            assigned: (listed <= LIMIT)
                                .then(|| block.assigned.iter().copied().collect()),
                            is_simple: !block.has_more,
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
                operator if is_commit_call(&operator) => {
                    if let Some(block) = open.last_mut() {
                        block.has_more = true;
                    }
                }
                _ => {}
            }
        }
        Ok(Loops { loops, next: 0 })
    }

    /// The next loop.
    pub fn next(&mut self) -> Option<&LoopFacts> {
        let facts = self.loops.get(self.next);
        self.next += 1;
        facts
    }
}
