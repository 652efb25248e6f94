//! Which functions must poll at their entry, so that nothing runs for long without a poll.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::Module;

/// For each of the module's own functions: it calls, and lies on a cycle of direct calls, or something may
/// refer to it and so close a cycle through an indirect call, an import or the host. Every other call
/// ends by itself, as far as its callees and its loops do, and those poll.
pub fn polls_at_entry(module: &Module<'_>) -> Vec<bool> {
    let mut polls = vec![false; module.bodies.len()];
    for function in &module.info.func_refs {
        if let Some(defined) = module.defined_index(*function) {
            polls[defined] = true;
        }
    }
    // A cycle through one of those is cut there.
    let mut graph = DiGraph::<(), (), usize>::default();
    let nodes: Vec<NodeIndex<usize>> = polls.iter().map(|_| graph.add_node(())).collect();
    for (caller, scan) in module.scans.iter().enumerate() {
        for callee in scan.calls.iter().filter_map(|f| module.defined_index(*f)) {
            if !polls[caller] && !polls[callee] {
                graph.add_edge(nodes[caller], nodes[callee], ());
            }
        }
    }
    for component in kosaraju_scc(&graph) {
        let is_cycle = component.len() > 1
            || component
                .iter()
                .any(|node| graph.contains_edge(*node, *node));
        if is_cycle {
            for node in component {
                polls[node.index()] = true;
            }
        }
    }
    for (polls, scan) in polls.iter_mut().zip(&module.scans) {
        *polls &= scan.has_calls || scan.has_tail_calls;
    }
    polls
}
