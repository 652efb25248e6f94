//! Statements: they leave the operand stack as it was.

use super::body::Body;
use super::module::{Kind, Ty, any_type, list};

/// Beyond this nesting there are no more blocks.
const MAX_DEPTH: usize = 6;

impl Body<'_> {
    /// Several statements.
    pub(super) fn statements(&mut self, count: usize) {
        for _ in 0..count {
            if self.budget > 4 {
                self.statement();
            }
        }
    }

    /// One statement.
    pub(super) fn statement(&mut self) {
        self.depth += 1;
        let nested = self.depth < MAX_DEPTH && self.budget > 8 && self.kind == Kind::Large;
        let throws = !self.plan.tags.is_empty();
        match self.random.below(100) {
            0..14 if throws && self.depth < MAX_DEPTH && self.budget > 8 => self.try_table(),
            14..17 if throws => self.throw_if(),
            0..26 => self.set_local(),
            26..32 => self.set_global(),
            32..40 => self.store(),
            40..55 => self.call(),
            55..58 => self.table_or_bulk(),
            58..61 => {
                let ty = any_type(self.random);
                self.expression(ty);
                self.line("drop");
            }
            61..69 => self.below_operands(),
            69..77 if nested => self.if_(),
            77..82 if nested => self.block_with_exits(),
            82..89 if nested => self.counted_loop(),
            89..93 if nested => self.fuelled_loop(),
            93..96 if nested => self.switch(),
            96..98 => self.leave(),
            98 if self.may_trap() => {
                self.expression("i32");
                self.line("if");
                self.line("unreachable");
                self.line("end");
            }
            _ => self.set_local(),
        }
        self.depth -= 1;
    }

    fn set_local(&mut self) {
        let ty = any_type(self.random);
        match self.own_local(ty) {
            Some(local) => {
                self.expression(ty);
                self.line(format!("local.set {local}"));
            }
            None => self.set_global(),
        }
    }

    fn set_global(&mut self) {
        let global = self.random.between(1, self.plan.globals.len() - 1);
        self.expression(self.plan.globals[global]);
        self.line(format!("global.set $g{global}"));
    }

    fn store(&mut self) {
        let ty = *self.random.of(&["i32", "i64", "f32", "f64", "v128"]);
        let offset = self.random.below(32);
        self.address();
        self.expression(ty);
        let store = match ty {
            "i32" => *self.random.of(&["store", "store8", "store16"]),
            "i64" => *self.random.of(&["store", "store8", "store32"]),
            "v128" => "store",
            _ => {
                self.canonical(ty);
                "store"
            }
        };
        self.line(format!("{ty}.{store} offset={offset}"));
    }

    pub(super) fn call(&mut self) {
        let callees: Vec<_> = (0..self.plan.functions.len())
            .filter(|callee| self.may_call(*callee))
            .collect();
        let callee = *self.random.of(&callees);
        let signature = self.plan.functions[callee].signature.clone();
        for param in &signature.params {
            self.expression(param);
        }
        self.line(format!("call $f{callee}"));
        for result in signature.results.iter().rev() {
            self.consume(result);
        }
    }

    fn table_or_bulk(&mut self) {
        match self.random.below(9) {
            0 => {
                self.index(super::module::EXTERN_TABLE);
                self.expression("externref");
                self.line("table.set $e");
            }
            1 => {
                self.index(super::module::FUNCTIONS_TABLE);
                self.line("table.get $t");
                self.line("drop");
            }
            2 => {
                self.address();
                self.expression("i32");
                self.length();
                self.line("memory.fill");
            }
            3 => {
                self.address();
                self.address();
                self.length();
                self.line("memory.copy");
            }
            4 => {
                self.address();
                self.line("i32.const 2");
                self.length();
                self.line("memory.init $passive");
            }
            5 => {
                self.index(4);
                self.expression("externref");
                self.line("i32.const 3");
                self.line("table.fill $e");
            }
            6 => {
                self.index(4);
                self.index(4);
                self.line("i32.const 3");
                self.line("table.copy $e $e");
            }
            7 => {
                // Elements that no call expects anything of.
                self.line("i32.const 14");
                self.index(4);
                self.line("i32.const 2");
                self.line("table.init $t $passive_functions");
            }
            _ if self.may_trap() => self.line("data.drop $passive"),
            _ => self.line("nop"),
        }
    }

    /// A small number, mostly.
    fn length(&mut self) {
        self.expression("i32");
        if !self.may_trap() {
            self.line("i32.const 7");
            self.line("i32.and");
        }
    }

    /// Statements above operands that are there all the while.
    fn below_operands(&mut self) {
        let types: Vec<_> = (0..self.random.between(1, 4))
            .map(|_| any_type(self.random))
            .collect();
        for ty in &types {
            self.expression(ty);
        }
        let statements = self.random.between(1, 2);
        self.statements(statements);
        for ty in types.iter().rev() {
            self.consume(ty);
        }
    }

    fn if_(&mut self) {
        self.expression("i32");
        self.line("if");
        self.labels.push(Some(Vec::new()));
        let statements = self.random.between(1, 3);
        self.statements(statements);
        if self.random.chance(40) {
            self.line("else");
            let statements = self.random.between(1, 2);
            self.statements(statements);
        }
        self.labels.pop();
        self.line("end");
    }

    /// A block that branches leave with values.
    fn block_with_exits(&mut self) {
        let types: Vec<_> = (0..self.random.between(0, 3))
            .map(|_| any_type(self.random))
            .collect();
        self.line(format!("block{}", list("result", &types)));
        self.labels.push(Some(types.clone()));
        for _ in 0..self.random.between(1, 3) {
            self.statements(1);
            self.exit_if();
        }
        for ty in &types {
            self.expression(ty);
        }
        self.labels.pop();
        self.line("end");
        for ty in types.iter().rev() {
            self.consume(ty);
        }
    }

    /// A conditional branch to some open block that is not a loop.
    fn exit_if(&mut self) {
        let open: Vec<_> = (0..self.labels.len())
            .filter(|label| self.labels[*label].is_some())
            .collect();
        let label = *self.random.of(&open);
        let types = self.labels[label].clone().unwrap_or_default();
        let depth = self.labels.len() - 1 - label;
        for ty in &types {
            self.expression(ty);
        }
        self.expression("i32");
        self.line(format!("br_if {depth}"));
        for ty in types.iter().rev() {
            self.consume(ty);
        }
    }

    /// Leaves some block, or the function, if a condition holds.
    fn leave(&mut self) {
        let results = self.labels[0].clone().unwrap_or_default();
        self.expression("i32");
        self.line("if");
        self.labels.push(Some(Vec::new()));
        if self.random.chance(40) && self.tail_call(&results) {
            self.labels.pop();
            return self.line("end");
        }
        for ty in &results {
            self.expression(ty);
        }
        if self.random.chance(50) {
            self.line("return");
        } else {
            self.line(format!("br {}", self.labels.len() - 1));
        }
        self.labels.pop();
        self.line("end");
    }

    /// Ends the function by a call with the same results, if there is a function to call.
    pub(super) fn tail_call(&mut self, results: &[Ty]) -> bool {
        let callees: Vec<_> = (0..self.plan.functions.len())
            .filter(|callee| self.may_call(*callee))
            .filter(|callee| self.plan.functions[*callee].signature.results == results)
            .collect();
        if callees.is_empty() {
            return false;
        }
        let callee = *self.random.of(&callees);
        let signature = self.plan.functions[callee].signature.clone();
        for param in &signature.params {
            self.expression(param);
        }
        let element = self.plan.table.iter().position(|it| *it == Some(callee));
        match element {
            Some(element) if self.random.chance(50) => {
                self.line(format!("i32.const {element}"));
                self.line(format!("return_call_indirect $t{}", signature.text()));
            }
            _ => self.line(format!("return_call $f{callee}")),
        }
        true
    }

    fn counted_loop(&mut self) {
        if self.loops >= 2 {
            return self.set_local();
        }
        let counter = self.reserve("i32");
        let long = self.loops == 0 && self.random.chance(6);
        let rounds = if long {
            self.random.between(100, 9000)
        } else {
            self.random.between(1, 5)
        };
        self.line(format!("i32.const {rounds}"));
        self.line(format!("local.set {counter}"));
        self.line("loop");
        self.labels.push(None);
        self.loops += 1;
        if long {
            // Simple enough to be vectorised.
            self.line(format!(
                "(i32.store (i32.and (i32.shl (local.get {counter}) (i32.const 2)) (i32.const 0xffc)) (local.get {counter}))"
            ));
            if let Some(local) = self.own_local("i64") {
                self.line(format!(
                    "(local.set {local} (i64.add (local.get {local}) (i64.extend_i32_u (local.get {counter}))))"
                ));
            }
        } else {
            let statements = self.random.between(1, 3);
            self.statements(statements);
        }
        self.line(format!("local.get {counter}"));
        self.line("i32.const 1");
        self.line("i32.sub");
        self.line(format!("local.tee {counter}"));
        self.line("br_if 0");
        self.loops -= 1;
        self.labels.pop();
        self.line("end");
    }

    /// A loop with parameters that goes on while there is fuel and a condition holds.
    fn fuelled_loop(&mut self) {
        let types: Vec<Ty> = (0..self.random.between(0, 3))
            .map(|_| any_type(self.random))
            .collect();
        for ty in &types {
            self.expression(ty);
        }
        self.line(format!(
            "loop{}{}",
            list("param", &types),
            list("result", &types)
        ));
        self.labels.push(None);
        self.loops += 1;
        let statements = self.random.between(1, 3);
        self.statements(statements);
        self.burn();
        // Some of the parameters change.
        let changed = self.random.between(0, types.len());
        for ty in types[changed..].iter().rev() {
            self.consume(ty);
        }
        for ty in &types[changed..] {
            self.expression(ty);
        }
        self.line("global.get $g0");
        self.line("i32.const 0");
        self.line("i32.gt_s");
        if self.random.chance(50) {
            self.expression("i32");
            self.line("i32.const 7");
            self.line("i32.and");
            self.line("i32.const 0");
            self.line("i32.ne");
            self.line("i32.and");
        }
        self.line("br_if 0");
        self.loops -= 1;
        self.labels.pop();
        self.line("end");
        for ty in types.iter().rev() {
            self.consume(ty);
        }
    }

    fn switch(&mut self) {
        let types: Vec<Ty> = if self.random.chance(50) {
            Vec::new()
        } else {
            vec![any_type(self.random)]
        };
        let arms = self.random.between(2, 4);
        let start = format!("block{}", list("result", &types));
        for _ in 0..=arms {
            self.line(start.clone());
            self.labels.push(Some(types.clone()));
        }
        for ty in &types {
            self.expression(ty);
        }
        self.expression("i32");
        self.line("i32.const 7");
        self.line("i32.and");
        let targets: Vec<_> = (0..arms).map(|arm| arm.to_string()).collect();
        self.line(format!("br_table {} {arms}", targets.join(" ")));
        for arm in 0..=arms {
            self.labels.pop();
            self.line("end");
            if arm == arms {
                break;
            }
            for ty in types.iter().rev() {
                self.consume(ty);
            }
            self.statements(1);
            for ty in &types {
                self.expression(ty);
            }
            if self.random.chance(60) {
                self.line(format!("br {}", arms - 1 - arm));
                // What follows cannot be reached, and needs no operands.
            }
        }
        for ty in types.iter().rev() {
            self.consume(ty);
        }
    }
}
