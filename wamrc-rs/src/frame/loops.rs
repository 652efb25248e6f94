//! Which locals each loop of a body assigns: what may be new when the loop comes round again.

use std::collections::BTreeSet;

use wasmparser::{FunctionBody, Operator};

use crate::error::Result;

/// More assignments in all than this are not listed; such loops count as assigning everything.
const LIMIT: usize = 1 << 20;

/// The locals assigned in each loop, in the order in which the loops open.
#[derive(Clone, Debug, Default)]
pub struct AssignedInLoops {
    loops: Vec<Option<Vec<u32>>>,
    next: usize,
}

impl AssignedInLoops {
    /// Scans a body.
    pub fn scan(body: &FunctionBody<'_>) -> Result<Self> {
        let mut loops: Vec<Option<Vec<u32>>> = Vec::new();
        // For each open block: the loop that it is, and what was assigned in it so far.
        let mut open: Vec<(Option<usize>, BTreeSet<u32>)> = vec![(None, BTreeSet::new())];
        let mut listed = 0;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            match operators.read()? {
                Operator::Block { .. } | Operator::If { .. } => open.push((None, BTreeSet::new())),
                Operator::Loop { .. } => {
                    open.push((Some(loops.len()), BTreeSet::new()));
                    loops.push(None);
                }
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    if let Some((_, assigned)) = open.last_mut() {
                        assigned.insert(local_index);
                    }
                }
                Operator::End => {
                    let Some((index, assigned)) = open.pop() else {
                        break;
                    };
                    if let Some(index) = index {
                        listed += assigned.len();
                        if listed <= LIMIT {
                            loops[index] = Some(assigned.iter().copied().collect());
                        }
                    }
                    if let Some((_, outer)) = open.last_mut() {
                        // The smaller set joins the larger, so that deep nesting stays cheap.
                        let (mut large, small) = if outer.len() >= assigned.len() {
                            (std::mem::take(outer), assigned)
                        } else {
                            (assigned, std::mem::take(outer))
                        };
                        large.extend(small);
                        *outer = large;
                    }
                }
                _ => {}
            }
        }
        Ok(AssignedInLoops { loops, next: 0 })
    }

    /// The locals of the next loop; `None` if it may assign any.
    pub fn next(&mut self) -> Option<&[u32]> {
        let assigned = self.loops.get(self.next).and_then(Option::as_deref);
        self.next += 1;
        assigned
    }
}
