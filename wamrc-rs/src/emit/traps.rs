//! The trap table of a function: its line table and what was inlined into it, put together.

use std::collections::{BTreeMap, HashMap};

use wamr_aot_loader::format::traps::{CallSite, TrapRow};

use super::inlined::Inlined;
use super::merge::{Definition, Merged};
use super::{FunctionInfo, internal};
use crate::error::Result;

/// Where the functions' bodies are in the WebAssembly module.
pub(super) struct Bodies<'a> {
    functions: &'a [FunctionInfo],
    by_symbol: HashMap<&'a str, usize>,
}

impl<'a> Bodies<'a> {
    /// Of the functions that the module defines.
    pub fn new(functions: &'a [FunctionInfo]) -> Self {
        let symbols = functions.iter().map(|function| function.symbol.as_str());
        Bodies {
            functions,
            by_symbol: symbols.zip(0..).collect(),
        }
    }

    /// Offset of a function's body; 0 for unknown.
    fn start(&self, function: usize) -> u32 {
        self.functions[function].wasm_offset
    }

    /// Does the body of a function hold this offset? True if bodies are unknown.
    fn holds(&self, function: usize, wasm_offset: u32) -> bool {
        let next = self.functions.get(function + 1);
        let next = next.map_or(0, |next| next.wasm_offset);
        self.start(function) <= wasm_offset && (next == 0 || wasm_offset < next)
    }

    fn by_symbol(&self, symbol: &str) -> Result<usize> {
        let function = self.by_symbol.get(symbol);
        function
            .copied()
            .ok_or_else(|| internal(format!("inlined code of {symbol}, which is no function")))
    }
}

/// Inlined calls of one function, numbered.
#[derive(Default)]
struct Sites {
    sites: Vec<CallSite>,
    numbers: HashMap<CallSite, u32>,
    /// Numbers and functions of scopes that were looked up.
    scopes: HashMap<usize, (u32, usize)>,
}

impl Sites {
    /// The number of the call site of a scope in `function`, and the function that was inlined.
    fn of(
        &mut self,
        inlined: &Inlined,
        bodies: &Bodies<'_>,
        function: usize,
        number: usize,
    ) -> Result<(u32, usize)> {
        if let Some(known) = self.scopes.get(&number) {
            return Ok(*known);
        }
        // From the outermost scope that is not known inwards: nesting may be deep.
        let mut path = Vec::new();
        let mut next = Some(number);
        while let Some(scope) = next.filter(|scope| !self.scopes.contains_key(scope)) {
            path.push(scope);
            next = self.scope(inlined, scope)?.parent;
        }
        let mut around = next.and_then(|scope| self.scopes.get(&scope)).copied();
        for number in path.into_iter().rev() {
            let scope = self.scope(inlined, number)?;
            let caller = around.map_or(function, |(_, function)| function);
            let wasm_offset = if scope.call != 0 && bodies.holds(caller, scope.call) {
                scope.call
            } else {
                bodies.start(caller)
            };
            let site = CallSite {
                wasm_offset,
                caller: around.map(|(site, _)| site),
            };
            let free = u32::try_from(self.sites.len()).map_err(internal)?;
            let site = *self.numbers.entry(site).or_insert_with(|| {
                self.sites.push(site);
                free
            });
            let known = (site, bodies.by_symbol(&scope.symbol)?);
            self.scopes.insert(number, known);
            around = Some(known);
        }
        around.ok_or_else(|| internal("a scope is missing"))
    }

    fn scope<'a>(&self, inlined: &'a Inlined, number: usize) -> Result<&'a super::inlined::Scope> {
        let scope = inlined.scope(number);
        scope.ok_or_else(|| internal("a scope is missing"))
    }
}

/// Call sites and rows of a defined function.
///
/// Code that was inlined is told by its scope, which LLVM keeps even where an instruction's own
/// location is lost (as with several that were made one); then the row has the offset of the body.
pub(super) fn of_function(
    merged: &Merged,
    bodies: &Bodies<'_>,
    function: usize,
    code: &Definition,
) -> Result<(Vec<CallSite>, Vec<TrapRow>)> {
    let lines = merged
        .lines
        .function(code.section, code.offset, code.size)?;
    let scopes = merged
        .inlined
        .innermost(code.section, code.offset, code.size);
    // What changes at each code offset.
    let mut changes: BTreeMap<u32, (Option<u32>, Option<Option<usize>>)> = BTreeMap::new();
    for row in &lines {
        changes.entry(row.code_offset).or_default().0 = Some(row.wasm_offset);
    }
    for (offset, scope) in scopes {
        let offset = u32::try_from(offset).map_err(internal)?;
        changes.entry(offset).or_default().1 = Some(scope);
    }
    let mut sites = Sites::default();
    let mut rows = Vec::with_capacity(changes.len());
    let (mut line, mut scope) = (0, None);
    for (code_offset, (new_line, new_scope)) in changes {
        line = new_line.unwrap_or(line);
        scope = new_scope.unwrap_or(scope);
        let around = match scope {
            Some(scope) => Some(sites.of(&merged.inlined, bodies, function, scope)?),
            None => None,
        };
        let owner = around.map_or(function, |(_, function)| function);
        let wasm_offset = match around {
            _ if line != 0 && bodies.holds(owner, line) => line,
            Some(_) => bodies.start(owner),
            None => 0,
        };
        rows.push(TrapRow {
            code_offset,
            wasm_offset,
            caller: around.map(|(site, _)| site),
        });
    }
    Ok((sites.sites, rows))
}
