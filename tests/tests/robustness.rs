//! Modules near the limits of what is valid: the compiler compiles them, in reasonable time, or refuses
//! them with a message; what it compiles runs.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use wait_timeout::ChildExt;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, Instruction, MemArg, MemArgTarget, MemorySection, MemoryType,
    Module, TypeSection, ValType,
};
use xtask::tools::Tools;

/// Far more than any of them needs, so that only what grows without bound fails.
const TIMEOUT: Duration = Duration::from_secs(900);

fn tools() -> &'static Tools {
    static TOOLS: OnceLock<Tools> = OnceLock::new();
    TOOLS.get_or_init(|| Tools::build().expect("the binaries build"))
}

fn run(command: &mut Command) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    if child
        .wait_timeout(TIMEOUT)
        .expect("it can be waited for")
        .is_none()
    {
        child.kill().expect("it can be ended");
        panic!("{command:?} takes longer than {TIMEOUT:?}");
    }
    child.wait_with_output().expect("its output can be read")
}

/// Compiles a module, calls its function `f` with each argument, and compares the results. `refusal`
/// says that a message may come instead of an object.
fn check(name: &str, module: &Module, options: &[&str], calls: &[(i32, i64)]) {
    wasmparser::validate(module.as_slice()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (wasm, aot) = (folder.path().join("m.wasm"), folder.path().join("m.aot"));
    fs::write(&wasm, module.as_slice()).expect("the module is written");
    let output = run(Command::new(&tools().wamrc)
        .args(options)
        .arg("-o")
        .arg(&aot)
        .arg(&wasm));
    let error = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {}
        Some(1) => {
            // A limit of the compiler's own, said in a sentence.
            assert!(
                error.contains("is not supported") || error.contains("limit"),
                "{name} {options:?}: {error}"
            );
            assert!(!aot.exists(), "{name} {options:?}");
            return;
        }
        _ => panic!("{name} {options:?}: {}: {error}", output.status),
    }
    for (argument, expected) in calls {
        let output = run(Command::new(&tools().iwasm)
            .args(["-f", "f"])
            .arg(&aot)
            .arg(argument.to_string()));
        assert_eq!(
            (
                output.status.code(),
                String::from_utf8_lossy(&output.stdout).trim()
            ),
            (Some(0), format!("{expected:#x}:i64").as_str()),
            "{name} {options:?}: f({argument}): {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Each way to compile takes other paths through the compiler.
fn check_everywhere(name: &str, module: &Module, calls: &[(i32, i64)]) {
    for options in [
        &["--opt-level=0"][..],
        &["--opt-level=3"],
        &["--opt-level=0", "--enable-aot-stack-frame"],
        &["--opt-level=2", "--enable-aot-stack-frame"],
    ] {
        check(name, module, options, calls);
    }
}

/// A module of functions `(i32) -> i64`, the last of which is exported as `f`.
fn module(functions: &[Function]) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I64]);
    let (mut declared, mut code) = (FunctionSection::new(), CodeSection::new());
    for function in functions {
        declared.function(0);
        code.function(function);
    }
    let mut memories = MemorySection::new();
    let memory_type = MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    memories.memory(memory_type);
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, index(functions.len() - 1));
    let mut module = Module::new();
    module
        .section(&types)
        .section(&declared)
        .section(&memories)
        .section(&exports)
        .section(&code);
    module
}

fn index(number: usize) -> u32 {
    u32::try_from(number).expect("small numbers")
}

fn function<const N: usize>(locals: [(u32, ValType); N], body: &[Instruction<'_>]) -> Function {
    let mut function = Function::new(locals);
    for instruction in body {
        function.instruction(instruction);
    }
    function.instruction(&Instruction::End);
    function
}

#[test]
fn a_hundred_thousand_functions() {
    let count = 100_000;
    let mut functions = Vec::new();
    for number in 0..count {
        let mut body = vec![Instruction::I64Const(number)];
        if number > 0 {
            // Calls that form a tree, not a chain, or running it would need a stack of that depth.
            body.extend([
                Instruction::LocalGet(0),
                Instruction::Call(index(usize::try_from(number / 2).expect("small"))),
                Instruction::I64Add,
            ]);
        }
        functions.push(function([], &body));
    }
    let expected = std::iter::successors(Some(count - 1), |n| (*n > 0).then_some(n / 2)).sum();
    let module = module(&functions);
    check("functions", &module, &["--opt-level=0"], &[(0, expected)]);
    check(
        "functions",
        &module,
        &["--opt-level=0", "--enable-aot-stack-frame"],
        &[(0, expected)],
    );
}

#[test]
fn fifty_thousand_locals() {
    let count = 49_999;
    let unused = function([(count, ValType::I64)], &[Instruction::LocalGet(count)]);
    check_everywhere("unused locals", &module(&[unused]), &[(0, 0)]);

    // Every one is written, and read after a call.
    let count = 4000;
    let mut body = Vec::new();
    for local in 1..=count {
        body.extend([
            Instruction::LocalGet(0),
            Instruction::I64ExtendI32S,
            Instruction::I64Const(i64::from(local)),
            Instruction::I64Add,
            Instruction::LocalSet(local),
        ]);
    }
    body.extend([Instruction::LocalGet(0), Instruction::Call(0)]);
    for local in 1..=count {
        body.extend([Instruction::LocalGet(local), Instruction::I64Add]);
    }
    let leaf = function([], &[Instruction::I64Const(7)]);
    let used = function([(count, ValType::I64)], &body);
    let expected = 7 + 2 * 4000 + 4000 * 4001 / 2;
    check_everywhere("used locals", &module(&[leaf, used]), &[(2, expected)]);
}

#[test]
fn ten_thousand_nested_blocks() {
    let depth = 10_000;
    for (name, open) in [
        ("blocks", vec![Instruction::Block(BlockType::Empty)]),
        ("loops", vec![Instruction::Loop(BlockType::Empty)]),
        (
            "ifs",
            vec![Instruction::LocalGet(0), Instruction::If(BlockType::Empty)],
        ),
    ] {
        let mut body = Vec::new();
        for _ in 0..depth {
            body.extend(open.iter().cloned());
        }
        body.extend([Instruction::I64Const(5), Instruction::LocalSet(1)]);
        body.extend(std::iter::repeat_n(Instruction::End, depth));
        body.push(Instruction::LocalGet(1));
        let function = function([(1, ValType::I64)], &body);
        check_everywhere(name, &module(&[function]), &[(1, 5)]);
    }
}

#[test]
fn three_thousand_nested_operands() {
    // Rotations, which cannot be reordered. More take LLVM quadratic time in one block.
    let operands: Vec<i64> = (0..3000).map(|number| number * 0x1_0000_0001).collect();
    let mut body = Vec::new();
    for number in &operands {
        body.extend([
            Instruction::LocalGet(0),
            Instruction::I64ExtendI32S,
            Instruction::I64Const(*number),
            Instruction::I64Xor,
        ]);
    }
    body.extend(std::iter::repeat_n(
        Instruction::I64Rotl,
        operands.len() - 1,
    ));
    let count = |value: i64| u32::try_from(value & 63).unwrap_or(0);
    let expected = operands
        .into_iter()
        .rev()
        .reduce(|right, left| left.rotate_left(count(right)));
    check_everywhere(
        "operands",
        &module(&[function([], &body)]),
        &[(0, expected.unwrap_or(0))],
    );
}

#[test]
fn a_branch_table_of_a_hundred_thousand_targets() {
    let targets: Vec<u32> = (0..100_000).map(|target| target % 3).collect();
    let mut body = vec![Instruction::Block(BlockType::Empty); 3];
    body.extend([
        Instruction::LocalGet(0),
        Instruction::BrTable(targets.as_slice().into(), 2),
    ]);
    for result in [10, 20] {
        body.extend([
            Instruction::End,
            Instruction::I64Const(result),
            Instruction::Return,
        ]);
    }
    body.extend([Instruction::End, Instruction::I64Const(30)]);
    let calls = [
        (0, 10),
        (1, 20),
        (2, 30),
        (99_999, 10),
        (99_998, 30),
        (100_000, 30),
        (-1, 30),
    ];
    check_everywhere("targets", &module(&[function([], &body)]), &calls);
}

#[test]
fn a_thousand_branches_to_blocks_of_their_own() {
    let count = 1000;
    let mut body = vec![Instruction::Block(BlockType::Empty); count];
    let targets: Vec<u32> = (0..index(count)).collect();
    body.extend([
        Instruction::LocalGet(0),
        Instruction::BrTable(targets.as_slice().into(), 0),
    ]);
    for number in 0..count {
        let result = i64::try_from(number * 3).expect("small");
        body.extend([
            Instruction::End,
            Instruction::I64Const(result),
            Instruction::Return,
        ]);
    }
    body.push(Instruction::Unreachable);
    let calls = [(0, 0), (1, 3), (999, 2997), (1000, 0)];
    check_everywhere("blocks", &module(&[function([], &body)]), &calls);
}

#[test]
fn a_thousand_parameters_and_results() {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I64]);
    types
        .ty()
        .function(vec![ValType::I64; 1000], vec![ValType::I64; 1000]);
    let mut declared = FunctionSection::new();
    declared.function(1).function(0);
    let mut reversed = Function::new([]);
    for local in (0..1000).rev() {
        reversed.instruction(&Instruction::LocalGet(local));
    }
    reversed.instruction(&Instruction::End);
    let mut caller = Function::new([]);
    for number in 0..1000 {
        caller.instruction(&Instruction::I64Const(number * number));
    }
    caller.instruction(&Instruction::Call(0));
    // The results are on the stack in reverse, so that alternate differences depend on their order.
    for number in 0..999 {
        caller.instruction(if number % 2 == 0 {
            &Instruction::I64Sub
        } else {
            &Instruction::I64Add
        });
    }
    caller.instruction(&Instruction::End);
    let mut stack: Vec<i64> = (0..1000).rev().map(|number| number * number).collect();
    for number in 0..999 {
        let (right, left) = (stack.pop().unwrap_or(0), stack.pop().unwrap_or(0));
        stack.push(if number % 2 == 0 {
            left - right
        } else {
            left + right
        });
    }
    let mut code = CodeSection::new();
    code.function(&reversed).function(&caller);
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 1);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&declared)
        .section(&exports)
        .section(&code);
    check_everywhere("parameters", &module, &[(0, stack[0])]);
}

#[test]
fn a_hundred_thousand_globals() {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I64]);
    let mut declared = FunctionSection::new();
    declared.function(0);
    let mut globals = GlobalSection::new();
    for number in 0..100_000 {
        let ty = GlobalType {
            val_type: ValType::I64,
            mutable: true,
            shared: false,
        };
        globals.global(ty, &ConstExpr::i64_const(number));
    }
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0);
    let mut code = CodeSection::new();
    code.function(&function([], &[Instruction::GlobalGet(99_999)]));
    let mut module = Module::new();
    module
        .section(&types)
        .section(&declared)
        .section(&globals)
        .section(&exports)
        .section(&code);
    check("globals", &module, &["--opt-level=3"], &[(0, 99_999)]);
}

/// As many as can be, every other one with 64-bit indices.
#[test]
fn a_hundred_memories() {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I64]);
    let mut declared = FunctionSection::new();
    declared.function(0);
    let mut memories = MemorySection::new();
    let mut body = Vec::new();
    let place = |number: u32| MemArg {
        offset: 8,
        align: 0,
        target: MemArgTarget::Memory(number),
        ordering: None,
    };
    let address = |number: u32| {
        if number.is_multiple_of(2) {
            Instruction::I32Const(0)
        } else {
            Instruction::I64Const(0)
        }
    };
    for number in 0..100 {
        memories.memory(MemoryType {
            minimum: 1,
            maximum: None,
            memory64: number % 2 != 0,
            shared: false,
            page_size_log2: None,
        });
        body.extend([
            address(number),
            Instruction::I64Const(i64::from(number * number)),
            Instruction::I64Store(place(number)),
        ]);
    }
    body.push(Instruction::I64Const(0));
    for number in 0..100 {
        body.extend([
            address(number),
            Instruction::I64Load(place(number)),
            Instruction::I64Add,
        ]);
    }
    let mut code = CodeSection::new();
    code.function(&function([], &body));
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&declared)
        .section(&memories)
        .section(&exports)
        .section(&code);
    let expected = (0..100).map(|number: i64| number * number).sum();
    check_everywhere("memories", &module, &[(0, expected)]);
}
