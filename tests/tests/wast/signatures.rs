//! A script of functions with many signatures, each called in every way there is.

use std::fmt::Write as _;

/// Types of parameters and results.
#[derive(Clone, Copy, PartialEq)]
enum Type {
    I32,
    I64,
    F32,
    F64,
    V128,
    Extern,
}

impl Type {
    const ALL: [Type; 6] = [
        Type::I32,
        Type::I64,
        Type::F32,
        Type::F64,
        Type::V128,
        Type::Extern,
    ];

    fn name(self) -> &'static str {
        match self {
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::V128 => "v128",
            Type::Extern => "externref",
        }
    }

    /// A constant that stands for a small number.
    fn constant(self, number: u32) -> String {
        match self {
            Type::Extern => format!("(ref.extern {number})"),
            Type::V128 => format!("(v128.const i64x2 {number} -{number})"),
            _ => format!("({}.const {number})", self.name()),
        }
    }

    /// Turns the value on the stack into an `i64`; the script computes the same.
    fn to_i64(self) -> &'static str {
        match self {
            Type::I32 => "(i64.extend_i32_s)",
            Type::I64 => "",
            Type::F32 => "(i64.trunc_sat_f32_s)",
            Type::F64 => "(i64.trunc_sat_f64_s)",
            Type::V128 => "(i64x2.extract_lane 0)",
            Type::Extern => "(i64.extend_i32_u (ref.is_null))",
        }
    }
}

struct Signature {
    params: Vec<Type>,
    results: Vec<Type>,
}

/// A small generator of reproducible choices (xorshift).
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound
    }

    fn types(&mut self, count: usize) -> Vec<Type> {
        (0..count)
            .map(|_| Type::ALL[self.below(Type::ALL.len())])
            .collect()
    }
}

/// 0 to 50 parameters of one type and of mixed types, 0 to 20 results.
fn signatures() -> Vec<Signature> {
    let mut choices = Choices(0x9e37_79b9_7f4a_7c15);
    let mut signatures = Vec::new();
    for ty in Type::ALL {
        for count in [1, 7, 20, 50] {
            signatures.push(Signature {
                params: vec![ty; count],
                results: vec![ty; count.min(20)],
            });
        }
    }
    for params in 0..=50 {
        let results = if params <= 20 {
            params
        } else {
            choices.below(21)
        };
        signatures.push(Signature {
            params: choices.types(params),
            results: choices.types(results),
        });
    }
    for results in 1..=20 {
        let params = choices.below(6);
        signatures.push(Signature {
            params: choices.types(params),
            results: choices.types(results),
        });
    }
    signatures
}

impl Signature {
    /// A parameter of each result's type, where there is one: the result is that parameter.
    fn sources(&self) -> Vec<Option<usize>> {
        let mut next = 0;
        self.results
            .iter()
            .map(|ty| {
                let count = self.params.len();
                let found = (0..count)
                    .map(|i| (next + i) % count)
                    .find(|i| self.params[*i] == *ty);
                if let Some(index) = found {
                    next = index + 1;
                }
                found
            })
            .collect()
    }

    fn types(&self, keyword: &str, types: &[Type]) -> String {
        if types.is_empty() {
            return String::new();
        }
        let names: Vec<&str> = types.iter().map(|ty| ty.name()).collect();
        format!(" ({keyword} {})", names.join(" "))
    }

    /// The type, with a checksum in front of the results.
    fn text(&self) -> String {
        let mut results = vec![Type::I64];
        results.extend(&self.results);
        self.types("param", &self.params) + &self.types("result", &results)
    }

    /// Each parameter counts with a weight of its own, so that no two can change places.
    fn body(&self) -> String {
        let mut body = String::from("(i64.const 0)");
        for (index, ty) in self.params.iter().enumerate() {
            let weight = index * index + 3;
            let _ = write!(
                body,
                " (local.get {index}) {} (i64.mul (i64.const {weight})) (i64.add)",
                ty.to_i64()
            );
        }
        for (index, (ty, source)) in self.results.iter().zip(self.sources()).enumerate() {
            let _ = match (source, ty) {
                (Some(source), _) => write!(body, " (local.get {source})"),
                (None, Type::Extern) => write!(body, " (ref.null extern)"),
                (None, ty) => write!(body, " {}", ty.constant(1000 + u32_of(index))),
            };
        }
        body
    }

    fn forward(&self) -> String {
        (0..self.params.len()).fold(String::new(), |text, index| {
            format!("{text} (local.get {index})")
        })
    }

    fn arguments(&self) -> Vec<u32> {
        (0..self.params.len())
            .map(|index| 5 + 13 * u32_of(index))
            .collect()
    }

    /// ` ARGUMENTS) EXPECTED`
    fn invocation(&self) -> String {
        let arguments = self.arguments();
        let mut text = String::new();
        let mut checksum = 0_u64;
        for (index, (ty, argument)) in self.params.iter().zip(&arguments).enumerate() {
            let _ = write!(text, " {}", ty.constant(*argument));
            let value = if *ty == Type::Extern {
                0
            } else {
                u64::from(*argument)
            };
            checksum += value * u64::from(u32_of(index * index + 3));
        }
        let _ = write!(text, ") (i64.const {checksum})");
        for (index, (ty, source)) in self.results.iter().zip(self.sources()).enumerate() {
            let _ = match (source, ty) {
                (Some(source), ty) => write!(text, " {}", ty.constant(arguments[source])),
                (None, Type::Extern) => write!(text, " (ref.null extern)"),
                (None, ty) => write!(text, " {}", ty.constant(1000 + u32_of(index))),
            };
        }
        text
    }
}

fn u32_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// The script: a module of functions, and a second one that calls its own, the first one's, and both
/// through a table and by reference; each way once more as a tail call.
pub fn script() -> String {
    let signatures = signatures();
    let count = signatures.len();
    let mut callee = format!("(module $callee\n  (table (export \"table\") {count} funcref)\n");
    let mut caller = format!(
        "(module $caller\n  (import \"callee\" \"table\" (table $shared {count} funcref))\n"
    );
    let mut own = String::new();
    let mut asserts = String::new();
    for (index, signature) in signatures.iter().enumerate() {
        let ty = signature.text();
        let body = signature.body();
        let forward = signature.forward();
        let _ = writeln!(
            callee,
            "  (func $f{index} (export \"f{index}\"){ty} {body})"
        );
        let _ = writeln!(
            caller,
            "  (import \"callee\" \"f{index}\" (func $i{index}{ty}))"
        );
        let _ = writeln!(own, "  (type $t{index} (func{ty}))");
        let _ = writeln!(own, "  (func $f{index}{ty} {body})");
        // Every argument is one place further here.
        let shifted = (1..=signature.params.len()).fold(String::new(), |text, index| {
            format!("{text} (local.get {index})")
        });
        let _ = writeln!(
            own,
            "  (func $s{index} (param f64){ty} (return_call $f{index}{shifted}))"
        );
        let calls = [
            ("direct", format!("(call $f{index}{forward})")),
            ("imported", format!("(call $i{index}{forward})")),
            (
                "indirect",
                format!("(call_indirect $own{ty}{forward} (i32.const {index}))"),
            ),
            (
                "indirect-imported",
                format!("(call_indirect $shared{ty}{forward} (i32.const {index}))"),
            ),
            (
                "ref",
                format!("(call_ref $t{index}{forward} (ref.func $f{index}))"),
            ),
            (
                "ref-imported",
                format!("(call_ref $t{index}{forward} (ref.func $i{index}))"),
            ),
            (
                "shifted",
                format!("(call $s{index} (f64.const 1){forward})"),
            ),
        ];
        let tail_calls = calls.each_ref().map(|(way, call)| {
            (
                format!("return-{way}"),
                call.replace("(call", "(return_call"),
            )
        });
        let calls = calls.map(|(way, call)| (way.to_owned(), call));
        for (way, call) in calls.into_iter().chain(tail_calls) {
            let _ = writeln!(own, "  (func (export \"{way}{index}\"){ty} {call})");
            let _ = writeln!(
                asserts,
                "(assert_return (invoke $caller \"{way}{index}\"{}",
                signature.invocation() + ")"
            );
        }
        let _ = writeln!(
            asserts,
            "(assert_return (invoke $callee \"f{index}\"{}",
            signature.invocation() + ")"
        );
    }
    let functions = (0..count).fold(String::new(), |text, index| format!("{text} $f{index}"));
    let imported = functions.replace("$f", "$i");
    let _ = writeln!(
        callee,
        "  (elem (i32.const 0) func{functions}))\n(register \"callee\" $callee)"
    );
    let _ = writeln!(
        caller,
        "  (table $own {count} funcref)\n{own}  (elem (table $own) (i32.const 0) func{functions})\n  (elem declare func{imported}))"
    );
    format!(";; Generated.\n{callee}{caller}{asserts}")
}
