//! Exceptions: throws, and blocks with handlers.

use super::body::Body;
use super::module::{Ty, any_type, list};

/// The type of references to exceptions. No other value has it.
const EXCEPTION: Ty = "exnref";

impl Body<'_> {
    /// Throws, if a condition holds.
    pub(super) fn throw_if(&mut self) {
        self.expression("i32");
        self.line("i32.const 3");
        self.line("i32.and");
        self.line("if");
        self.labels.push(Some(Vec::new()));
        let tag = self.random.below(self.plan.tags.len());
        for ty in self.plan.tags[tag].clone() {
            self.expression(ty);
        }
        self.line(format!("throw $e{tag}"));
        self.labels.pop();
        self.line("end");
    }

    /// `block $done (block $handler … (try_table (catch $handler) …) br $done) handler …`
    pub(super) fn try_table(&mut self) {
        let results: Vec<Ty> = (0..self.random.between(0, 2))
            .map(|_| any_type(self.random))
            .collect();
        let handlers: Vec<_> = (0..self.random.between(1, 2))
            .map(|_| (self.handled_tag(), self.random.chance(40)))
            .collect();
        self.line(format!("block{}", list("result", &results)));
        self.labels.push(Some(results.clone()));
        let mut clauses = String::new();
        // The first handler's block is the innermost.
        for (label, (tag, with_reference)) in handlers.iter().enumerate() {
            let reference = if *with_reference { "_ref" } else { "" };
            clauses += &match tag {
                Some(tag) => format!(" (catch{reference} $e{tag} {label})"),
                None => format!(" (catch_all{reference} {label})"),
            };
        }
        for (tag, with_reference) in handlers.iter().rev() {
            let types = self.caught_types(*tag, *with_reference);
            self.line(format!("block{}", list("result", &types)));
            // Nothing else makes a reference that a branch could take along.
            self.labels.push((!with_reference).then_some(types));
        }
        self.line(format!("try_table{}{clauses}", list("result", &results)));
        self.labels.push(Some(results.clone()));
        self.call();
        let statements = self.random.between(0, 2);
        self.statements(statements);
        if self.random.chance(40) {
            self.throw_if();
        }
        for ty in &results {
            self.expression(ty);
        }
        self.labels.pop();
        self.line("end");
        for (index, (tag, with_reference)) in handlers.iter().enumerate() {
            self.line(format!("br {}", handlers.len() - index));
            self.labels.pop();
            self.line("end");
            self.handle(*tag, *with_reference);
            for ty in &results {
                self.expression(ty);
            }
        }
        self.labels.pop();
        self.line("end");
        for ty in results.iter().rev() {
            self.consume(ty);
        }
    }

    /// A tag, or all of them.
    fn handled_tag(&mut self) -> Option<usize> {
        let tag = self.random.below(self.plan.tags.len());
        self.random.chance(75).then_some(tag)
    }

    fn caught_types(&self, tag: Option<usize>, with_reference: bool) -> Vec<Ty> {
        let mut types = tag.map_or(Vec::new(), |tag| self.plan.tags[tag].clone());
        types.extend(with_reference.then_some(EXCEPTION));
        types
    }

    /// What a handler does with what it gets: above the values a statement, and perhaps it throws the exception on.
    fn handle(&mut self, tag: Option<usize>, with_reference: bool) {
        let exception = with_reference.then(|| self.reserve(EXCEPTION));
        if let Some(exception) = exception {
            self.line(format!("local.set {exception}"));
        }
        if self.random.chance(50) {
            self.statements(1);
        }
        let types = self.caught_types(tag, false);
        for ty in types.iter().rev() {
            self.consume(ty);
        }
        let Some(exception) = exception.filter(|_| self.random.chance(40)) else {
            return;
        };
        self.expression("i32");
        self.line("i32.const 3");
        self.line("i32.and");
        self.line("i32.eqz");
        self.line("if");
        self.line(format!("local.get {exception}"));
        self.line("throw_ref");
        self.line("end");
    }
}
