//! The instructions that operators of vectors become. What a target has an instruction for must not
//! become scalar code: for each operator and target the table says what is in its code and what is not.

use wamrc_rs::{Options, OutputFormat, compile};

/// A target: name, features, instructions that only scalar code has.
type Machine = (&'static str, Option<&'static str>, &'static [&'static str]);

const SSE2: Machine = ("x86_64-unknown-linux-gnu", None, SCALAR_X86);
const SSE41: Machine = ("x86_64-unknown-linux-gnu", Some("+sse4.1"), SCALAR_X86);
const AVX2: Machine = ("x86_64-unknown-linux-gnu", Some("+avx2,+fma"), SCALAR_X86);
const NEON: Machine = ("aarch64-unknown-linux-gnu", None, SCALAR_AARCH64);
const DOTPROD: Machine = (
    "aarch64-unknown-linux-gnu",
    Some("+dotprod"),
    SCALAR_AARCH64,
);

/// Calls, and a lane at a time.
const SCALAR_X86: &[&str] = &["call", "pinsr", "pextr", "cvttss2si", "cvttsd2si", "imul"];
const SCALAR_AARCH64: &[&str] = &["bl", "umov", "smov", "ins", "csel"];

/// Operands and results by what comes behind the operator: nothing is two vectors to one.
const SHAPES: &[(&str, &str, &str)] = &[
    ("/1", "(param v128) (result v128)", "local.get 0"),
    (
        "/3",
        "(param v128 v128 v128) (result v128)",
        "local.get 0 local.get 1 local.get 2",
    ),
    ("/test", "(param v128) (result i32)", "local.get 0"),
    (
        "/shift",
        "(param v128 i32) (result v128)",
        "local.get 0 local.get 1",
    ),
    ("/splat", "(param i32) (result v128)", "local.get 0"),
    ("/load", "(param i32) (result v128)", "local.get 0"),
];

/// Operator, machine, all of which must be there.
#[rustfmt::skip]
const CASES: &[(&str, Machine, &[&str])] = &[
    ("i8x16.swizzle", SSE41, &["paddusb", "pshufb"]),
    ("i8x16.swizzle", NEON, &["tbl"]),
    ("i8x16.relaxed_swizzle", SSE41, &["pshufb"]),
    ("i8x16.relaxed_swizzle", NEON, &["tbl"]),
    ("i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31", SSE41, &["pblendvb"]),
    ("i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23", SSE2, &["punpcklbw"]),
    ("i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23", NEON, &["zip1"]),
    ("i8x16.shuffle 31 7 3 9 15 22 0 1 4 30 2 12 19 5 6 8", SSE41, &["pshufb"]),
    ("i8x16.shuffle 31 7 3 9 15 22 0 1 4 30 2 12 19 5 6 8", NEON, &["tbl"]),
    ("i32x4.dot_i16x8_s", SSE2, &["pmaddwd"]),
    ("i32x4.dot_i16x8_s", NEON, &["smull", "smull2", "addp"]),
    ("i8x16.narrow_i16x8_s", SSE2, &["packsswb"]),
    ("i8x16.narrow_i16x8_u", SSE2, &["packuswb"]),
    ("i16x8.narrow_i32x4_s", SSE2, &["packssdw"]),
    ("i16x8.narrow_i32x4_u", SSE2, &["packssdw"]),
    ("i16x8.narrow_i32x4_u", SSE41, &["packusdw"]),
    ("i8x16.narrow_i16x8_s", NEON, &["sqxtn", "sqxtn2"]),
    ("i8x16.narrow_i16x8_u", NEON, &["sqxtun", "sqxtun2"]),
    ("i16x8.narrow_i32x4_s", NEON, &["sqxtn", "sqxtn2"]),
    ("i16x8.narrow_i32x4_u", NEON, &["sqxtun", "sqxtun2"]),
    ("i16x8.q15mulr_sat_s", SSE2, &["packssdw"]),
    ("i16x8.q15mulr_sat_s", SSE41, &["pmulhrsw"]),
    ("i16x8.q15mulr_sat_s", NEON, &["sqrdmulh"]),
    ("i16x8.relaxed_q15mulr_s", SSE41, &["pmulhrsw"]),
    ("i16x8.extadd_pairwise_i8x16_s/1", SSE2, &["psraw", "paddw"]),
    ("i16x8.extadd_pairwise_i8x16_s/1", SSE41, &["pmaddubsw"]),
    ("i16x8.extadd_pairwise_i8x16_u/1", SSE41, &["pmaddubsw"]),
    ("i32x4.extadd_pairwise_i16x8_s/1", SSE2, &["pmaddwd"]),
    ("i32x4.extadd_pairwise_i16x8_u/1", SSE2, &["psrld", "paddd"]),
    ("i16x8.extadd_pairwise_i8x16_s/1", NEON, &["saddlp"]),
    ("i32x4.extadd_pairwise_i16x8_u/1", NEON, &["uaddlp"]),
    ("i16x8.extmul_low_i8x16_s", SSE41, &["pmovsxbw", "pmullw"]),
    ("i16x8.extmul_high_i8x16_u", SSE2, &["punpckhbw", "pmullw"]),
    ("i32x4.extmul_low_i16x8_s", SSE2, &["punpcklwd", "pmaddwd"]),
    ("i32x4.extmul_high_i16x8_u", SSE2, &["pmullw", "pmulhuw", "punpcklwd"]),
    ("i64x2.extmul_low_i32x4_s", SSE41, &["pmuldq"]),
    ("i64x2.extmul_high_i32x4_u", SSE2, &["pmuludq"]),
    ("i16x8.extmul_low_i8x16_s", NEON, &["smull"]),
    ("i16x8.extmul_high_i8x16_u", NEON, &["umull2"]),
    ("i64x2.extmul_high_i32x4_s", NEON, &["smull2"]),
    ("i8x16.avgr_u", SSE2, &["pavgb"]),
    ("i16x8.avgr_u", SSE2, &["pavgw"]),
    ("i8x16.avgr_u", NEON, &["urhadd"]),
    ("i8x16.add_sat_s", SSE2, &["paddsb"]),
    ("i16x8.sub_sat_u", SSE2, &["psubusw"]),
    ("i8x16.add_sat_u", NEON, &["uqadd"]),
    ("i8x16.min_u", SSE2, &["pminub"]),
    ("i8x16.max_s", SSE41, &["pmaxsb"]),
    ("i32x4.min_u", SSE41, &["pminud"]),
    ("i32x4.max_s", SSE2, &["pcmpgtd"]),
    ("i32x4.min_s", NEON, &["smin"]),
    ("i8x16.popcnt/1", SSE2, &["psrlw", "paddb"]),
    ("i8x16.popcnt/1", SSE41, &["pshufb"]),
    ("i8x16.popcnt/1", NEON, &["cnt"]),
    ("i8x16.abs/1", SSE41, &["pabsb"]),
    ("i64x2.abs/1", SSE2, &["psubq"]),
    ("i64x2.abs/1", NEON, &["abs"]),
    ("i64x2.mul", SSE2, &["pmuludq"]),
    ("i32x4.mul", SSE2, &["pmuludq"]),
    ("i32x4.mul", SSE41, &["pmulld"]),
    ("i8x16.shl/shift", SSE2, &["psllw", "pand"]),
    ("i8x16.shr_s/shift", SSE2, &["psrlw"]),
    ("i8x16.shr_u/shift", SSE41, &["psrlw"]),
    ("i16x8.shr_s/shift", SSE2, &["psraw"]),
    ("i32x4.shl/shift", SSE2, &["pslld"]),
    ("i64x2.shr_s/shift", SSE2, &["psrlq"]),
    ("i8x16.shr_s/shift", NEON, &["sshl"]),
    ("i64x2.shr_u/shift", NEON, &["ushl"]),
    ("i8x16.bitmask/test", SSE2, &["pmovmskb"]),
    ("i16x8.bitmask/test", SSE2, &["packsswb", "pmovmskb"]),
    ("i32x4.bitmask/test", SSE2, &["movmskps"]),
    ("i64x2.bitmask/test", SSE2, &["movmskpd"]),
    ("i8x16.bitmask/test", NEON, &["addv"]),
    ("i32x4.bitmask/test", NEON, &["addv"]),
    ("v128.any_true/test", SSE2, &["pcmpeqd", "movmskps"]),
    ("v128.any_true/test", SSE41, &["ptest"]),
    ("v128.any_true/test", NEON, &["umaxv"]),
    ("i8x16.all_true/test", SSE2, &["pcmpeqb", "pmovmskb"]),
    ("i8x16.all_true/test", SSE41, &["pcmpeqb", "pmovmskb"]),
    ("i32x4.all_true/test", SSE41, &["pcmpeqd", "movmskps"]),
    ("i64x2.all_true/test", SSE41, &["pcmpeqq", "movmskpd"]),
    ("i8x16.all_true/test", NEON, &["uminv"]),
    ("i64x2.all_true/test", NEON, &["cmeq", "umaxv"]),
    ("v128.bitselect/3", SSE2, &["andps", "andnps", "orps"]),
    ("v128.bitselect/3", NEON, &["bif"]),
    ("i8x16.relaxed_laneselect/3", SSE41, &["pblendvb"]),
    ("i32x4.relaxed_laneselect/3", SSE41, &["blendvps"]),
    ("i64x2.relaxed_laneselect/3", SSE41, &["blendvpd"]),
    ("f32x4.min", SSE2, &["minps", "cmpunordps"]),
    ("f64x2.max", SSE2, &["maxpd", "cmpunordpd"]),
    ("f32x4.min", NEON, &["fmin"]),
    ("f64x2.max", NEON, &["fmax"]),
    ("f32x4.pmin", SSE2, &["minps"]),
    ("f64x2.pmax", SSE2, &["maxpd"]),
    ("f32x4.relaxed_min", SSE2, &["minps"]),
    ("f32x4.pmin", NEON, &["fcmgt", "bit"]),
    ("f32x4.ceil/1", SSE41, &["roundps"]),
    ("f64x2.nearest/1", SSE41, &["roundpd"]),
    ("f32x4.floor/1", SSE2, &["addps", "cmpltps"]),
    ("f64x2.trunc/1", SSE2, &["addpd", "cmpltpd"]),
    ("f32x4.ceil/1", NEON, &["frintp"]),
    ("f64x2.nearest/1", NEON, &["frintn"]),
    ("i32x4.trunc_sat_f32x4_s/1", SSE2, &["cvttps2dq"]),
    ("i32x4.trunc_sat_f32x4_u/1", SSE2, &["cvttps2dq"]),
    ("i32x4.trunc_sat_f64x2_s_zero/1", SSE2, &["cvttpd2dq"]),
    ("i32x4.trunc_sat_f64x2_u_zero/1", SSE2, &["addpd"]),
    ("i32x4.trunc_sat_f64x2_u_zero/1", SSE41, &["roundpd"]),
    ("i32x4.trunc_sat_f32x4_s/1", NEON, &["fcvtzs"]),
    ("i32x4.trunc_sat_f32x4_u/1", NEON, &["fcvtzu"]),
    ("i32x4.trunc_sat_f64x2_s_zero/1", NEON, &["fcvtzs", "sqxtn"]),
    ("i32x4.trunc_sat_f64x2_u_zero/1", NEON, &["fcvtzu", "uqxtn"]),
    ("i32x4.relaxed_trunc_f32x4_s/1", SSE2, &["cvttps2dq"]),
    ("f32x4.convert_i32x4_s/1", SSE2, &["cvtdq2ps"]),
    ("f32x4.convert_i32x4_u/1", SSE2, &["psrld", "addps"]),
    ("f64x2.convert_low_i32x4_s/1", SSE2, &["cvtdq2pd"]),
    ("f64x2.convert_low_i32x4_u/1", SSE2, &["subpd"]),
    ("f32x4.convert_i32x4_u/1", NEON, &["ucvtf"]),
    ("f64x2.convert_low_i32x4_s/1", NEON, &["sshll", "scvtf"]),
    ("f32x4.demote_f64x2_zero/1", SSE2, &["cvtpd2ps"]),
    ("f64x2.promote_low_f32x4/1", SSE2, &["cvtps2pd"]),
    ("f32x4.demote_f64x2_zero/1", NEON, &["fcvtn"]),
    ("f64x2.promote_low_f32x4/1", NEON, &["fcvtl"]),
    ("f32x4.relaxed_madd/3", SSE2, &["mulps", "addps"]),
    ("f32x4.relaxed_madd/3", AVX2, &["vfmadd"]),
    ("f64x2.relaxed_nmadd/3", AVX2, &["vfnmadd"]),
    ("f32x4.relaxed_madd/3", NEON, &["fmla"]),
    ("f64x2.relaxed_nmadd/3", NEON, &["fmls"]),
    ("i16x8.relaxed_dot_i8x16_i7x16_s", SSE41, &["pmaddubsw"]),
    ("i16x8.relaxed_dot_i8x16_i7x16_s", NEON, &["smull", "addp"]),
    ("i32x4.relaxed_dot_i8x16_i7x16_add_s/3", SSE41, &["pmaddubsw", "pmaddwd", "paddd"]),
    ("i32x4.relaxed_dot_i8x16_i7x16_add_s/3", NEON, &["sadalp"]),
    ("i32x4.relaxed_dot_i8x16_i7x16_add_s/3", DOTPROD, &["sdot"]),
    ("i64x2.lt_s", SSE2, &["pcmpgtd"]),
    ("i16x8.extend_low_i8x16_s/1", SSE2, &["punpcklbw", "psraw"]),
    ("i16x8.extend_low_i8x16_s/1", SSE41, &["pmovsxbw"]),
    ("i32x4.extend_high_i16x8_u/1", NEON, &["ushll2"]),
    ("i8x16.splat/splat", SSE41, &["pshufb"]),
    ("i8x16.splat/splat", AVX2, &["vpbroadcastb"]),
    ("i8x16.splat/splat", NEON, &["dup"]),
    ("v128.load8x8_s/load", SSE41, &["pmovsxbw"]),
    ("v128.load16x4_u/load", SSE2, &["punpcklwd"]),
    ("v128.load32x2_s/load", NEON, &["ldr", "sshll"]),
    ("v128.load8_splat/load", NEON, &["ld1r"]),
    ("v128.load32_splat/load", AVX2, &["vbroadcastss"]),
    ("v128.load64_splat/load", SSE41, &["pshufd"]),
    ("v128.load32_zero/load", SSE2, &["movss"]),
];

#[test]
fn operators_become_vector_instructions() {
    let mut wrong = String::new();
    for machine in [SSE2, SSE41, AVX2, NEON, DOTPROD] {
        let cases: Vec<_> = CASES.iter().filter(|(_, of, _)| *of == machine).collect();
        let functions = cases.iter().map(|(operator, ..)| function(operator));
        let module = format!("(module (memory 1) {})", functions.collect::<String>());
        let code = code_of(&module, machine);
        assert_eq!(code.len(), cases.len(), "{machine:?}");
        for ((operator, _, wanted), code) in cases.into_iter().zip(code) {
            let mnemonics: Vec<&str> = (code.lines())
                .filter_map(|line| line.split_whitespace().next())
                .collect();
            let has = |name: &&&str| code.contains(**name);
            let is_scalar = |name: &&&str| {
                mnemonics.iter().any(|mnemonic| {
                    let mnemonic = mnemonic.strip_prefix('v').unwrap_or(mnemonic);
                    mnemonic == **name || name.len() > 3 && mnemonic.starts_with(**name)
                })
            };
            let missing: Vec<_> = wanted.iter().filter(|name| !has(name)).collect();
            let scalar: Vec<_> = machine.2.iter().filter(is_scalar).collect();
            if !missing.is_empty() || !scalar.is_empty() {
                wrong.push_str(&format!(
                    "{operator} for {} {:?}: without {missing:?}, with {scalar:?}\n{code}\n",
                    machine.0, machine.1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn function(operator: &str) -> String {
    let shape = SHAPES
        .iter()
        .find(|(suffix, ..)| operator.ends_with(suffix));
    let (suffix, ty, operands) = shape.copied().unwrap_or((
        "",
        "(param v128 v128) (result v128)",
        "local.get 0 local.get 1",
    ));
    let operator = operator.strip_suffix(suffix).unwrap_or(operator);
    format!("(func (export \"{operator}\") {ty} {operands} {operator})\n")
}

/// The instructions of each function.
fn code_of(module: &str, (target, features, _): Machine) -> Vec<String> {
    let mut options = Options {
        format: OutputFormat::Asm,
        ..Options::default()
    };
    options.target.target = Some(target.into());
    options.target.features = features.map(str::to_owned);
    let output = compile(module.as_bytes(), &options).expect("the module compiles");
    let text = String::from_utf8(output.bytes).expect("LLVM prints UTF-8");
    let mut functions = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let is_instruction = line.starts_with('\t') && !line.starts_with("\t.");
        if line.starts_with("wamr.f") {
            functions.push(String::new());
            inside = true;
        } else if line.starts_with("\t.size") {
            inside = false;
        } else if let Some(code) = functions.last_mut().filter(|_| inside && is_instruction) {
            code.push_str(line);
            code.push('\n');
        }
    }
    functions
}
