//! Expressions: each pushes one value.

use super::body::Body;
use super::module::{EXTERN_TABLE, FUNCTIONS_TABLE, Ty, any_type, list};

/// Beyond this nesting, and without budget, expressions are constants and locals.
const MAX_DEPTH: usize = 6;

const INTEGER: &[&str] = &[
    "add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr",
];
const COMPARE: &[&str] = &[
    "eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u",
];
const FLOAT: &[&str] = &["add", "sub", "mul", "div", "min", "max"];
const FLOAT_UNARY: &[&str] = &["abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt"];
const FLOAT_COMPARE: &[&str] = &["eq", "ne", "lt", "gt", "le", "ge"];

impl Body<'_> {
    /// Pushes a value.
    pub(super) fn expression(&mut self, ty: Ty) {
        if self.depth >= MAX_DEPTH || self.budget < 4 {
            return self.leaf(ty);
        }
        self.depth += 1;
        match self.random.below(100) {
            0..28 => self.leaf(ty),
            28..62 => self.operation(ty),
            62..74 => self.call_for(ty),
            74..79 => self.block(ty),
            79..85 => self.if_else(ty),
            85..89 => self.select(ty),
            89..93 => self.block_with_params(ty),
            93..97 => match self.own_local(ty) {
                Some(local) => {
                    self.expression(ty);
                    self.line(format!("local.tee {local}"));
                }
                None => self.operation(ty),
            },
            _ => self.indirect_call_for(ty),
        }
        self.depth -= 1;
    }

    fn leaf(&mut self, ty: Ty) {
        if self.random.chance(75)
            && let Some(local) = self.local(ty)
        {
            return self.line(format!("local.get {local}"));
        }
        let globals: Vec<_> = (1..self.plan.globals.len())
            .filter(|global| self.plan.globals[*global] == ty)
            .collect();
        if !globals.is_empty() && self.random.chance(50) {
            let global = *self.random.of(&globals);
            return self.line(format!("global.get $g{global}"));
        }
        self.constant(ty);
    }

    /// Pushes a constant.
    pub(super) fn constant(&mut self, ty: Ty) {
        let number = self.random.any();
        let line = match ty {
            "i32" if self.random.chance(70) => format!("i32.const {}", number as i32 % 20),
            "i32" => format!("i32.const {}", number as i32),
            "i64" => format!("i64.const {}", (number as i64) >> (number % 60)),
            "f32" => format!("f32.const {}", number as i16 as f32 / 16.0),
            "f64" => format!("f64.const {}", number as i16 as f64 / 8.0),
            "v128" => format!("v128.const i64x2 {} {}", number as i64 >> 40, number as i64),
            "funcref" if number.is_multiple_of(3) => "ref.null func".to_owned(),
            "funcref" => format!(
                "ref.func $f{}",
                self.random.below(self.plan.functions.len())
            ),
            _ => "ref.null extern".to_owned(),
        };
        self.line(line);
    }

    /// Pushes an address within the first page, mostly.
    pub(super) fn address(&mut self) {
        self.expression("i32");
        if !self.may_trap() {
            self.line("i32.const 0xfff");
            self.line("i32.and");
        }
    }

    /// Pushes a table index, mostly within the table.
    pub(super) fn index(&mut self, size: usize) {
        self.expression("i32");
        if !self.may_trap() {
            self.line(format!("i32.const {}", size - 1));
            self.line("i32.and");
        }
    }

    fn operation(&mut self, ty: Ty) {
        match ty {
            "i32" => self.i32_operation(),
            "i64" => self.i64_operation(),
            "f32" | "f64" => self.float_operation(ty),
            "v128" => self.vector_operation(),
            "funcref" => {
                self.index(FUNCTIONS_TABLE);
                self.line("table.get $t");
            }
            _ => {
                self.index(EXTERN_TABLE);
                self.line("table.get $e");
            }
        }
    }

    fn binary(&mut self, operand: Ty, operator: &str) {
        self.expression(operand);
        self.expression(operand);
        self.line(format!("{operand}.{operator}"));
    }

    /// Division, by something that is rarely zero.
    fn division(&mut self, ty: Ty) {
        let operator = *self.random.of(&["div_s", "div_u", "rem_s", "rem_u"]);
        self.expression(ty);
        self.expression(ty);
        if !self.may_trap() {
            self.line(format!("{ty}.const 0x7fff"));
            self.line(format!("{ty}.and"));
            self.line(format!("{ty}.const 1"));
            self.line(format!("{ty}.or"));
        }
        self.line(format!("{ty}.{operator}"));
    }

    /// From a float: saturating, mostly.
    fn truncation(&mut self, ty: Ty) {
        let from = *self.random.of(&["f32", "f64"]);
        let sign = *self.random.of(&["s", "u"]);
        self.expression(from);
        let how = if self.may_trap() {
            "trunc"
        } else {
            "trunc_sat"
        };
        self.line(format!("{ty}.{how}_{from}_{sign}"));
    }

    fn i32_operation(&mut self) {
        match self.random.below(100) {
            0..35 => {
                let operator = *self.random.of(INTEGER);
                self.binary("i32", operator);
            }
            35..39 => self.lane("i32"),
            39..50 => {
                let operand = *self.random.of(&["i32", "i64"]);
                let operator = *self.random.of(COMPARE);
                self.binary(operand, operator);
            }
            50..56 => {
                let operand = *self.random.of(&["f32", "f64"]);
                let operator = *self.random.of(FLOAT_COMPARE);
                self.binary(operand, operator);
            }
            56..62 => self.division("i32"),
            62..67 => {
                self.expression("i64");
                self.line("i32.wrap_i64");
            }
            67..72 => self.truncation("i32"),
            72..80 => {
                let load = *self
                    .random
                    .of(&["load", "load8_s", "load8_u", "load16_s", "load16_u"]);
                let offset = self.random.below(64);
                self.address();
                self.line(format!("i32.{load} offset={offset}"));
            }
            80..84 => {
                let operator =
                    *self
                        .random
                        .of(&["eqz", "clz", "ctz", "popcnt", "extend8_s", "extend16_s"]);
                self.expression("i32");
                self.line(format!("i32.{operator}"));
            }
            84..88 => {
                let ty = *self.random.of(&["funcref", "externref"]);
                self.expression(ty);
                self.line("ref.is_null");
            }
            88..91 => {
                self.expression("f32");
                self.canonical("f32");
                self.line("i32.reinterpret_f32");
            }
            91..93 => self.line("memory.size"),
            93..95 => {
                self.expression("i32");
                self.line("i32.const 1");
                self.line("i32.and");
                self.line("memory.grow");
            }
            95..97 => {
                let table = *self.random.of(&["$t", "$e"]);
                self.line(format!("table.size {table}"));
            }
            97..99 => {
                let (ty, table) = *self.random.of(&[("funcref", "$t"), ("externref", "$e")]);
                self.expression(ty);
                let delta = self.random.below(3);
                self.line(format!("i32.const {delta}"));
                self.line(format!("table.grow {table}"));
            }
            _ => {
                self.expression("i64");
                self.line("i64.eqz");
            }
        }
    }

    fn i64_operation(&mut self) {
        match self.random.below(100) {
            0..6 => self.lane("i64"),
            6..45 => {
                let operator = *self.random.of(INTEGER);
                self.binary("i64", operator);
            }
            45..55 => self.division("i64"),
            55..70 => {
                let operator = *self.random.of(&["extend_i32_s", "extend_i32_u"]);
                self.expression("i32");
                self.line(format!("i64.{operator}"));
            }
            70..77 => self.truncation("i64"),
            77..88 => {
                let load = *self
                    .random
                    .of(&["load", "load8_s", "load16_u", "load32_s", "load32_u"]);
                let offset = self.random.below(64);
                self.address();
                self.line(format!("i64.{load} offset={offset}"));
            }
            88..94 => {
                let operator =
                    *self
                        .random
                        .of(&["clz", "ctz", "popcnt", "extend32_s", "extend8_s"]);
                self.expression("i64");
                self.line(format!("i64.{operator}"));
            }
            _ => {
                self.expression("f64");
                self.canonical("f64");
                self.line("i64.reinterpret_f64");
            }
        }
    }

    fn float_operation(&mut self, ty: Ty) {
        let other = if ty == "f32" { "f64" } else { "f32" };
        match self.random.below(100) {
            0..45 => {
                let operator = *self.random.of(FLOAT);
                self.binary(ty, operator);
            }
            45..60 => {
                let operator = *self.random.of(FLOAT_UNARY);
                self.expression(ty);
                self.line(format!("{ty}.{operator}"));
            }
            60..75 => {
                let operand = *self.random.of(&["i32", "i64"]);
                let sign = *self.random.of(&["s", "u"]);
                self.expression(operand);
                self.line(format!("{ty}.convert_{operand}_{sign}"));
            }
            75..85 => {
                self.expression(other);
                self.line(if ty == "f32" {
                    "f32.demote_f64"
                } else {
                    "f64.promote_f32"
                });
            }
            85..95 => {
                self.address();
                self.line(format!("{ty}.load"));
            }
            _ => {
                self.expression(ty);
                self.constant(ty);
                self.line(format!("{ty}.copysign"));
            }
        }
    }

    fn vector_operation(&mut self) {
        match self.random.below(100) {
            0..25 => {
                let shape = *self.random.of(&["i8x16", "i16x8", "i32x4"]);
                self.expression("i32");
                self.line(format!("{shape}.splat"));
            }
            25..35 => {
                self.expression("i64");
                self.line("i64x2.splat");
            }
            35..45 => {
                self.expression("v128");
                self.expression("i32");
                let lane = self.random.below(8);
                self.line(format!("i16x8.replace_lane {lane}"));
            }
            45..55 => {
                self.expression("v128");
                self.expression("i64");
                let lane = self.random.below(2);
                self.line(format!("i64x2.replace_lane {lane}"));
            }
            55..65 => {
                let offset = self.random.below(64);
                self.address();
                self.line(format!("v128.load offset={offset}"));
            }
            65..70 => {
                self.expression("v128");
                self.line("v128.not");
            }
            _ => {
                let operator = *self.random.of(&[
                    "i8x16.add",
                    "i16x8.sub",
                    "i32x4.add",
                    "i32x4.mul",
                    "i64x2.sub",
                    "v128.and",
                    "v128.or",
                    "v128.xor",
                ]);
                self.expression("v128");
                self.expression("v128");
                self.line(operator);
            }
        }
    }

    /// Pushes a lane of a vector.
    fn lane(&mut self, ty: Ty) {
        self.expression("v128");
        let operator = match (ty, self.random.below(3)) {
            ("i64", lane) => format!("i64x2.extract_lane {}", lane % 2),
            (_, 0) => format!("i8x16.extract_lane_s {}", self.random.below(16)),
            (_, 1) => format!("i8x16.extract_lane_u {}", self.random.below(16)),
            _ => format!("i32x4.extract_lane {}", self.random.below(4)),
        };
        self.line(operator);
    }

    /// A NaN on the stack becomes zero: its bits are not determined.
    pub(super) fn canonical(&mut self, ty: Ty) {
        let scratch = self.reserve(ty);
        self.line(format!("local.tee {scratch}"));
        self.line(format!("{ty}.const 0"));
        self.line(format!("local.get {scratch}"));
        self.line(format!("local.get {scratch}"));
        self.line(format!("{ty}.eq"));
        self.line("select");
    }

    fn select(&mut self, ty: Ty) {
        self.expression(ty);
        self.expression(ty);
        self.expression("i32");
        self.line(format!("select (result {ty})"));
    }

    fn block(&mut self, ty: Ty) {
        self.line(format!("block (result {ty})"));
        self.labels.push(Some(vec![ty]));
        let statements = self.random.between(0, 2);
        self.statements(statements);
        self.expression(ty);
        if self.random.chance(40) {
            self.expression("i32");
            self.line("br_if 0");
        }
        self.labels.pop();
        self.line("end");
    }

    fn if_else(&mut self, ty: Ty) {
        self.expression("i32");
        self.line(format!("if (result {ty})"));
        self.labels.push(Some(vec![ty]));
        let statements = self.random.between(0, 2);
        self.statements(statements);
        self.expression(ty);
        self.line("else");
        let statements = self.random.between(0, 1);
        self.statements(statements);
        self.expression(ty);
        self.labels.pop();
        self.line("end");
    }

    fn block_with_params(&mut self, ty: Ty) {
        let params: Vec<_> = (0..self.random.between(1, 3))
            .map(|_| any_type(self.random))
            .collect();
        for param in &params {
            self.expression(param);
        }
        self.line(format!("block{} (result {ty})", list("param", &params)));
        self.labels.push(Some(vec![ty]));
        let statements = self.random.between(0, 2);
        self.statements(statements);
        for param in params.iter().rev() {
            self.consume(param);
        }
        self.expression(ty);
        self.labels.pop();
        self.line("end");
    }

    /// A call of a function that has a result of the type; the others go away.
    fn call_for(&mut self, ty: Ty) {
        let callees: Vec<_> = (0..self.plan.functions.len())
            .filter(|callee| {
                self.may_call(*callee)
                    && self.plan.functions[*callee].signature.results.contains(&ty)
            })
            .collect();
        if callees.is_empty() {
            return self.operation(ty);
        }
        let callee = *self.random.of(&callees);
        let signature = self.plan.functions[callee].signature.clone();
        for param in &signature.params {
            self.expression(param);
        }
        self.line(format!("call $f{callee}"));
        self.keep_one(&signature.results, ty);
    }

    fn indirect_call_for(&mut self, ty: Ty) {
        let elements: Vec<_> = (0..FUNCTIONS_TABLE)
            .filter(|element| {
                self.plan.table[*element].is_some_and(|callee| {
                    self.may_call(callee)
                        && self.plan.functions[callee].signature.results.contains(&ty)
                })
            })
            .collect();
        let (Some(element), super::module::Kind::Large) = (elements.first(), self.kind) else {
            return self.operation(ty);
        };
        let element = *elements
            .get(self.random.below(elements.len()))
            .unwrap_or(element);
        let callee = self.plan.table[element].unwrap_or(0);
        let signature = self.plan.functions[callee].signature.clone();
        for param in &signature.params {
            self.expression(param);
        }
        if self.may_trap() {
            self.expression("i32");
        } else {
            self.line(format!("i32.const {element}"));
        }
        self.line(format!("call_indirect $t{}", signature.text()));
        self.keep_one(&signature.results, ty);
    }

    /// Of results on the stack keeps the first of a type.
    fn keep_one(&mut self, results: &[Ty], ty: Ty) {
        let kept = results.iter().position(|result| *result == ty).unwrap_or(0);
        for result in results[kept + 1..].iter().rev() {
            self.consume(result);
        }
        if kept > 0 {
            let scratch = self.reserve(ty);
            self.line(format!("local.set {scratch}"));
            for result in results[..kept].iter().rev() {
                self.consume(result);
            }
            self.line(format!("local.get {scratch}"));
        }
    }
}
