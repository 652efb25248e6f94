//! Cutting a module into code generation units.

use crate::module::Module;

/// WebAssembly bytes of a unit at least: units are compiled in parallel, but LLVM inlines freely only
/// within one.
const UNIT_SIZE: usize = 160 << 10;
/// Functions up to this size are copied into the units that call them, so that they can be inlined
/// there too.
const COPY_SIZE: usize = 96;

/// The functions of a unit, by their index among the module's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitPlan {
    /// What the unit defines.
    pub own: Vec<usize>,
    /// Other units' small functions that are called here: copies for inlining only.
    pub copies: Vec<usize>,
}

/// The units of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The units; at least one.
    pub units: Vec<UnitPlan>,
    /// By function: something outside its unit may refer to it.
    pub shared: Vec<bool>,
}

/// Cuts a module into units of neighbouring functions. Depends on the module alone.
pub fn partition(module: &Module<'_>, single: bool) -> Plan {
    let count = module.bodies.len();
    let limit = if single { usize::MAX } else { UNIT_SIZE };
    let mut units = vec![UnitPlan::default()];
    let mut unit_of = vec![0; count];
    let mut size = 0;
    for (defined, scan) in module.scans.iter().enumerate() {
        if size >= limit {
            units.push(UnitPlan::default());
            size = 0;
        }
        size += scan.size;
        unit_of[defined] = units.len() - 1;
        if let Some(unit) = units.last_mut() {
            unit.own.push(defined);
        }
    }

    let mut shared = vec![false; count];
    for function in &module.info.func_refs {
        if let Some(defined) = module.defined_index(*function) {
            shared[defined] = true;
        }
    }
    let mut copies = vec![std::collections::BTreeSet::new(); units.len()];
    for (caller, scan) in module.scans.iter().enumerate() {
        for callee in scan
            .calls
            .iter()
            .filter_map(|callee| module.defined_index(*callee))
        {
            if unit_of[callee] != unit_of[caller] {
                shared[callee] = true;
                // What contains tail calls is not inlined.
                if module.scans[callee].size <= COPY_SIZE && !module.scans[callee].has_tail_calls {
                    copies[unit_of[caller]].insert(callee);
                }
            }
        }
    }
    // A copy calls what its original calls, from another unit.
    for (unit, copied) in copies.iter().enumerate() {
        for callee in copied.iter().flat_map(|copy| &module.scans[*copy].calls) {
            if let Some(callee) = module.defined_index(*callee)
                && unit_of[callee] != unit
            {
                shared[callee] = true;
            }
        }
    }
    for (unit, copied) in units.iter_mut().zip(copies) {
        unit.copies = copied.into_iter().collect();
    }
    Plan { units, shared }
}
