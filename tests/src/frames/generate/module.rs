//! The plan of a module: signatures, globals, tables, what is called.

use std::fmt::Write as _;

use super::body::Body;
use super::random::Random;
use crate::reference::Value;

/// Types, in the text format's names.
pub type Ty = &'static str;

/// Elements of the table of functions.
pub const FUNCTIONS_TABLE: usize = 16;
/// Elements of the table of external references.
pub const EXTERN_TABLE: usize = 8;

/// A function type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Parameters.
    pub params: Vec<Ty>,
    /// Results.
    pub results: Vec<Ty>,
}

impl Signature {
    /// `(param …) (result …)`
    pub fn text(&self) -> String {
        format!(
            "{}{}",
            list("param", &self.params),
            list("result", &self.results)
        )
    }
}

/// `(param i32 i64)`, or nothing.
pub fn list(what: &str, types: &[Ty]) -> String {
    match types {
        [] => String::new(),
        types => format!(" ({what} {})", types.join(" ")),
    }
}

/// What a function may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of the host.
    Host,
    /// Small, calls only the host and small functions of smaller index: to be inlined.
    Small,
    /// Anything; uses fuel.
    Large,
}

/// A function of the plan.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its type.
    pub signature: Signature,
    /// Its kind.
    pub kind: Kind,
}

/// What is known of the module while bodies are written.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Functions by index, imports first.
    pub functions: Vec<Function>,
    /// Types of the globals; the first is the fuel.
    pub globals: Vec<Ty>,
    /// What exceptions of each tag hold.
    pub tags: Vec<Vec<Ty>>,
    /// Index of the function in each element of the table.
    pub table: Vec<Option<usize>>,
    /// How often in 1000 an instruction may trap that need not.
    pub traps: usize,
    /// Locals that a function has at most, beside its parameters.
    pub locals: usize,
    /// Instructions of a function, about.
    pub size: usize,
}

/// A generated module and the calls to make.
#[derive(Clone, Debug)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Exports and arguments.
    pub calls: Vec<(String, Vec<Value>)>,
}

/// A type; numbers are more frequent than references.
pub fn any_type(random: &mut Random) -> Ty {
    match random.below(100) {
        0..29 => "i32",
        29..50 => "i64",
        50..61 => "f32",
        61..77 => "f64",
        77..84 => "v128",
        84..92 => "funcref",
        _ => "externref",
    }
}

fn types(random: &mut Random, most: usize) -> Vec<Ty> {
    let count = random.between(0, most);
    (0..count).map(|_| any_type(random)).collect()
}

fn signature(random: &mut Random) -> Signature {
    let params = if random.chance(4) { 9 } else { 4 };
    let results = match random.below(100) {
        0..20 => 0,
        20..75 => 1,
        75..93 => random.between(2, 3),
        _ => random.between(4, 7),
    };
    Signature {
        params: types(random, params),
        results: (0..results).map(|_| any_type(random)).collect(),
    }
}

fn plan(random: &mut Random) -> Plan {
    let reentry = Signature {
        params: vec!["i32"],
        results: vec!["i32"],
    };
    let mut functions = Vec::new();
    let mut add = |signature, kind| functions.push(Function { signature, kind });
    let hosts = random.between(2, 4);
    // Functions 0 and 1 call back.
    add(reentry.clone(), Kind::Host);
    add(reentry.clone(), Kind::Host);
    for _ in 0..hosts {
        let signature = signature(random);
        add(signature, Kind::Host);
    }
    for _ in 0..random.between(1, 4) {
        let signature = signature(random);
        add(signature, Kind::Small);
    }
    for _ in 0..random.between(2, 5) {
        let signature = signature(random);
        add(signature, Kind::Large);
    }
    add(reentry, Kind::Large);
    let mut globals = vec!["i32", "i32", "i64", "f64"];
    globals.extend(types(random, 4));
    let tags = if random.chance(50) {
        (0..random.between(1, 3))
            .map(|_| types(random, 3))
            .collect()
    } else {
        Vec::new()
    };
    let own = functions.len();
    // The last two are overwritten now and then.
    let table = (0..FUNCTIONS_TABLE)
        .map(|element| {
            (element < FUNCTIONS_TABLE - 2 && !random.chance(10)).then(|| random.below(own))
        })
        .collect();
    Plan {
        functions,
        globals,
        tags,
        table,
        traps: *random.of(&[0, 8, 30, 120]),
        locals: *random.of(&[2, 6, 6, 12, 40]),
        size: *random.of(&[15, 40, 40, 80, 150]),
    }
}

fn zero(ty: Ty) -> &'static str {
    match ty {
        "i32" => "i32.const 0",
        "i64" => "i64.const 0",
        "f32" => "f32.const 0",
        "f64" => "f64.const 0",
        "v128" => "v128.const i64x2 0 0",
        "funcref" => "ref.null func",
        _ => "ref.null extern",
    }
}

/// The module of a seed.
pub fn text(seed: u64) -> Text {
    let mut random = Random::new(seed);
    let plan = plan(&mut random);
    let mut text = String::from("(module\n");
    let line = |text: &mut String, line: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {line}");
    };
    for (index, function) in plan.functions.iter().enumerate() {
        let signature = function.signature.text();
        match (index, function.kind) {
            (0, _) => line(
                &mut text,
                format_args!("(import \"env\" \"reenter\" (func $f0{signature}))"),
            ),
            (1, _) => line(
                &mut text,
                format_args!("(import \"env\" \"attempt\" (func $f1{signature}))"),
            ),
            (_, Kind::Host) => {
                line(
                    &mut text,
                    format_args!("(import \"env\" \"h{index}\" (func $f{index}{signature}))"),
                );
            }
            _ => {}
        }
    }
    line(&mut text, format_args!("(memory 1 3)"));
    line(
        &mut text,
        format_args!("(data (i32.const 16) \"\\01\\02\\03\\04 frames \\ff\\fe\\00\\80\")"),
    );
    line(
        &mut text,
        format_args!("(data $passive \"0123456789abcdef\")"),
    );
    line(
        &mut text,
        format_args!("(table $t {FUNCTIONS_TABLE} 40 funcref)"),
    );
    line(
        &mut text,
        format_args!("(table $e {EXTERN_TABLE} 20 externref)"),
    );
    for (index, function) in plan.table.iter().enumerate() {
        if let Some(function) = function {
            line(
                &mut text,
                format_args!("(elem (table $t) (i32.const {index}) func $f{function})"),
            );
        }
    }
    let all: Vec<_> = (0..plan.functions.len())
        .map(|index| format!("$f{index}"))
        .collect();
    line(
        &mut text,
        format_args!("(elem $passive_functions func {})", all.join(" ")),
    );
    for (index, ty) in plan.globals.iter().enumerate() {
        line(
            &mut text,
            format_args!("(global $g{index} (mut {ty}) ({}))", zero(ty)),
        );
    }
    for (index, types) in plan.tags.iter().enumerate() {
        line(
            &mut text,
            format_args!("(tag $e{index}{})", list("param", types)),
        );
    }
    let mut calls = Vec::new();
    for (index, function) in plan.functions.iter().enumerate() {
        line(
            &mut text,
            format_args!("(export \"f{index}\" (func $f{index}))"),
        );
        if function.kind == Kind::Host {
            continue;
        }
        let body = Body::write(&plan, index, &mut random);
        line(
            &mut text,
            format_args!("(func $f{index}{}", function.signature.text()),
        );
        text.push_str(&body);
        text.push_str("  )\n");
    }
    let last = plan.functions.len() - 1;
    line(
        &mut text,
        format_args!("(export \"reentry\" (func $f{last}))"),
    );
    // What the host calls fills the fuel up first.
    for (index, function) in plan.functions.iter().enumerate() {
        if function.kind != Kind::Large && !(function.kind == Kind::Small && random.chance(30)) {
            continue;
        }
        let most = *random.of(&[8, 20, 20, 60]);
        let fuel = random.between(1, most);
        line(
            &mut text,
            format_args!(
                "(func (export \"start{index}\"){}",
                function.signature.text()
            ),
        );
        line(
            &mut text,
            format_args!("  (global.set $g0 (i32.const {fuel}))"),
        );
        for param in 0..function.signature.params.len() {
            line(&mut text, format_args!("  local.get {param}"));
        }
        line(&mut text, format_args!("  call $f{index})"));
        let arguments = function.signature.params.iter();
        let arguments = arguments.map(|ty| argument(&mut random, ty, plan.functions.len()));
        calls.push((format!("start{index}"), arguments.collect()));
    }
    text.push(')');
    Text { text, calls }
}

fn argument(random: &mut Random, ty: Ty, functions: usize) -> Value {
    match ty {
        "i32" if random.chance(50) => Value::I32(random.any() as u32 % 50),
        "i32" => Value::I32(random.any() as u32),
        "i64" => Value::I64(random.any() >> random.below(60)),
        "f32" => Value::F32((random.below(1000) as f32 / 4.0).to_bits()),
        "f64" => Value::F64((random.below(100_000) as f64 / 32.0).to_bits()),
        "v128" => Value::V128(u128::from(random.any()) << 64 | u128::from(random.any())),
        "funcref" => Value::Func(random.chance(70).then(|| random.below(functions))),
        _ => Value::Extern(random.chance(70).then(|| random.any() % 9)),
    }
}
