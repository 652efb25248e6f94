//! A function body: what expressions and statements share.

use super::module::{Kind, Plan, Signature, Ty, any_type};
use super::random::Random;

/// A body that is being written.
pub struct Body<'p> {
    pub(super) plan: &'p Plan,
    pub(super) random: &'p mut Random,
    pub(super) function: usize,
    pub(super) kind: Kind,
    /// Types of parameters and locals.
    pub(super) locals: Vec<Ty>,
    /// Locals that are only set where they are made: loop counters, scratch.
    pub(super) reserved: Vec<bool>,
    lines: Vec<String>,
    /// Types that a branch to each open block takes along; the function's results are at the bottom. None
    /// for loops, which are only branched to where they are made.
    pub(super) labels: Vec<Option<Vec<Ty>>>,
    /// Instructions that may still be written, about.
    pub(super) budget: usize,
    /// Nesting of counted loops.
    pub(super) loops: usize,
    pub(super) depth: usize,
}

impl<'p> Body<'p> {
    /// The text of a function's body.
    pub fn write(plan: &'p Plan, function: usize, random: &'p mut Random) -> String {
        let Signature { params, results } = &plan.functions[function].signature;
        let kind = plan.functions[function].kind;
        let mut locals = params.clone();
        let (own, budget) = match kind {
            Kind::Small => (random.between(0, 2), random.between(2, 14)),
            _ => (
                random.between(0, plan.locals),
                random.between(plan.size / 3, plan.size),
            ),
        };
        locals.extend((0..own).map(|_| any_type(random)));
        let mut body = Body {
            plan,
            random,
            function,
            kind,
            reserved: vec![false; locals.len()],
            locals,
            lines: Vec::new(),
            labels: vec![Some(results.clone())],
            budget,
            loops: 0,
            depth: 0,
        };
        if kind == Kind::Large {
            body.use_fuel();
        }
        let statements = body.random.between(1, 6);
        body.statements(statements);
        while body.budget > 8 && kind == Kind::Large {
            body.statement();
        }
        if !(body.random.chance(25) && body.tail_call(results)) {
            for ty in results {
                body.expression(ty);
            }
        }
        let declared = &body.locals[params.len()..];
        let mut text = String::new();
        if !declared.is_empty() {
            text.push_str(&format!("    (local {})\n", declared.join(" ")));
        }
        for line in &body.lines {
            text.push_str("    ");
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    pub(super) fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
        self.budget = self.budget.saturating_sub(1);
    }

    /// Returns zeros if there is no fuel left.
    fn use_fuel(&mut self) {
        self.line("global.get $g0");
        self.line("i32.const 0");
        self.line("i32.le_s");
        self.line("if");
        if self.random.below(1000) < self.plan.traps {
            self.line("unreachable");
        } else {
            let results = self.plan.functions[self.function].signature.results.clone();
            for ty in results {
                self.constant(ty);
            }
            self.line("return");
        }
        self.line("end");
        self.burn();
    }

    /// One unit of fuel less.
    pub(super) fn burn(&mut self) {
        self.line("(global.set $g0 (i32.sub (global.get $g0) (i32.const 1)))");
    }

    /// A local that nothing else sets.
    pub(super) fn reserve(&mut self, ty: Ty) -> usize {
        self.locals.push(ty);
        self.reserved.push(true);
        self.locals.len() - 1
    }

    /// A local of a type to read.
    pub(super) fn local(&mut self, ty: Ty) -> Option<usize> {
        let of_type: Vec<_> = (0..self.locals.len())
            .filter(|local| self.locals[*local] == ty)
            .collect();
        (!of_type.is_empty()).then(|| *self.random.of(&of_type))
    }

    /// A local of a type to set.
    pub(super) fn own_local(&mut self, ty: Ty) -> Option<usize> {
        let of_type: Vec<_> = (0..self.locals.len())
            .filter(|local| self.locals[*local] == ty && !self.reserved[*local])
            .collect();
        (!of_type.is_empty()).then(|| *self.random.of(&of_type))
    }

    /// May an instruction trap here?
    pub(super) fn may_trap(&mut self) -> bool {
        self.random.below(1000) < self.plan.traps
    }

    /// May this function call that one?
    pub(super) fn may_call(&self, callee: usize) -> bool {
        match (self.kind, self.plan.functions[callee].kind) {
            (Kind::Large, _) => true,
            // What is called back uses fuel.
            (_, Kind::Host) => true,
            (_, Kind::Small) => callee < self.function,
            _ => false,
        }
    }

    /// What was pushed goes away: into a local, or nowhere.
    pub(super) fn consume(&mut self, ty: Ty) {
        match self.own_local(ty) {
            Some(local) if self.random.chance(65) => self.line(format!("local.set {local}")),
            _ => self.line("drop"),
        }
    }
}
