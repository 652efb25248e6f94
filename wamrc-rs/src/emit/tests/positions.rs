//! Unwind rows and trap tables of compiled modules, against what LLVM wrote.

use std::collections::{BTreeSet, HashMap};

use object::read::{Object as _, ObjectSection, ObjectSymbol};
use object::{SectionIndex, SectionKind};
use wamr_aot_loader::format::header::{Header, Host};
use wamr_aot_loader::object::Object;

use super::TARGETS;
use crate::abi::{enter_thunk_symbol, function_symbol, host_thunk_symbol};
use crate::emit::dwarf::CodeSpace;
use crate::emit::handlers::Handlers;
use crate::emit::unwind::UnwindRows;
use crate::{FrameOptions, FrameStrategy, Options, TargetOptions, compile};

/// Functions with all kinds of frames: none, a few registers, many, and a large one; several returns.
const FRAMES: &str = r#"(module
  (import "env" "host" (func $host (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "leaf") (param i32) (result i32)
    local.get 0 i32.load)
  (func $calls (export "calls") (param i32 i32 i64 f64) (result i32)
    local.get 0 i32.eqz
    if
      local.get 1 call $host drop
      i32.const 3 return
    end
    local.get 0 call $host
    local.get 1 call $host
    local.get 0 local.get 1 i32.add call $host
    local.get 2 i32.wrap_i64 call $host
    local.get 3 i32.trunc_f64_s call $host
    i32.add i32.add i32.add i32.add
    local.get 0 i32.sub)
  (func (export "deep") (param i32) (result i32)
    local.get 0 i32.const 1 i32.sub
    local.get 0 call $host
    i64.const 9
    local.get 0 f64.convert_i32_s
    call $calls
    local.get 0
    i32.div_s))"#;

/// Calls that are inlined twice over.
const INLINED: &str = r#"(module
  (memory (export "memory") 1)
  (func $leaf (param i32) (result i32)
    local.get 0 i32.load i32.const 7 i32.mul)
  (func $middle (param i32) (result i32)
    local.get 0 call $leaf
    local.get 0 i32.const 4 i32.add call $leaf
    i32.add)
  (func (export "outer") (param i32) (result i32)
    local.get 0 call $middle))"#;

/// A load that x86-64 makes part of the addition.
const FOLDED: &str = r#"(module
  (memory (export "memory") 1)
  (func $leaf (param i32) (result i32)
    local.get 0 i32.load)
  (func (export "outer") (param i32 i32) (result i32)
    local.get 1 local.get 0 call $leaf i32.add))"#;

fn options(target: &str, strategy: FrameStrategy, opt_level: u8) -> Options {
    Options {
        target: TargetOptions {
            target: Some(target.to_owned()),
            ..Default::default()
        },
        frames: FrameOptions {
            strategy,
            ..Default::default()
        },
        opt_level,
        ..Default::default()
    }
}

fn host_of(bytes: &[u8]) -> Host {
    let header = Header::of_file(bytes).unwrap();
    Host {
        machine: header.machine,
        width: header.width,
        abi: header.abi,
        cpu_features: header.cpu_features,
        guard_pages: true,
    }
}

#[test]
fn unwind_rows_say_what_eh_frame_says() {
    for target in TARGETS {
        for (strategy, opt_level) in [
            (FrameStrategy::None, 3),
            (FrameStrategy::Automatic, 3),
            (FrameStrategy::Explicit, 0),
        ] {
            let bytes = compile(FRAMES.as_bytes(), &options(target, strategy, opt_level));
            let bytes = bytes.unwrap().bytes;
            let object = Object::parse(&bytes, &host_of(&bytes)).unwrap();
            let file = object::File::parse(&*bytes).unwrap();
            let code = file.sections().filter(|s| s.kind() == SectionKind::Text);
            let places: HashMap<SectionIndex, usize> = code
                .map(|section| (section.index(), section.index().0))
                .collect();
            let mut expected = UnwindRows::default();
            let space = CodeSpace::new(&file, &places);
            expected
                .read(&file, &space, &mut Handlers::default())
                .unwrap();

            let functions = (1..4).map(function_symbol);
            let types = 0..object.module().types().len();
            let enter = types.clone().map(enter_thunk_symbol);
            let names = functions.chain(enter).chain(types.map(host_thunk_symbol));
            let mut checked = 0;
            for (entry, name) in (0..).zip(names) {
                let Some(symbol) = file.symbol_by_name(&name) else {
                    continue;
                };
                let place = (symbol.section_index().unwrap().0, symbol.address());
                let rows = expected.rows(place).unwrap();
                assert_eq!(u64::from(object.unwind().code_size(entry)), symbol.size());
                for offset in 0..object.unwind().code_size(entry) {
                    let row = rows
                        .iter()
                        .rev()
                        .find(|row| row.0 <= offset.into())
                        .unwrap();
                    let found = object.unwind().row(entry, offset);
                    assert_eq!(found, row.1, "{target} {name} + {offset:#x}");
                    assert!(found.is_some(), "{target} {name} + {offset:#x}");
                }
                checked += 1;
            }
            assert!(checked >= 7, "{target}: {checked} entries");
        }
    }
}

/// Where these bytes stand in a module.
fn offsets_of(module: &[u8], code: &[u8]) -> Vec<u32> {
    (0..u32::try_from(module.len()).unwrap())
        .filter(|at| module[*at as usize..].starts_with(code))
        .collect()
}

/// All chains of offsets that a function's trap table knows, innermost first.
fn chains(object: &Object<'_>, function: u32) -> BTreeSet<Vec<u32>> {
    let traps = object.traps();
    traps
        .rows(function)
        .filter_map(|row| traps.lookup(function, row.code_offset))
        .map(|origin| {
            let innermost = [origin.wasm_offset].into_iter();
            innermost.chain(origin.callers()).collect()
        })
        .collect()
}

#[test]
fn loads_that_become_part_of_other_instructions_keep_their_place() {
    let module = wat::parse_str(FOLDED).unwrap();
    let [load] = offsets_of(&module, &[0x28, 2, 0])[..] else {
        panic!()
    };
    let [call] = offsets_of(&module, &[0x10, 0])[..] else {
        panic!()
    };
    for target in ["x86_64", "aarch64", "riscv64"] {
        for strategy in [FrameStrategy::None, FrameStrategy::Automatic] {
            let bytes = compile(&module, &options(target, strategy, 3))
                .unwrap()
                .bytes;
            let object = Object::parse(&bytes, &host_of(&bytes)).unwrap();
            let chains = chains(&object, 1);
            assert!(chains.contains(&vec![load, call]), "{target}: {chains:?}");
            // The addition is behind the call.
            assert!(!chains.contains(&vec![call + 2]), "{target}: {chains:?}");
        }
    }
}

#[test]
fn trap_tables_tell_inlined_calls() {
    let module = wat::parse_str(INLINED).unwrap();
    let find = |code: &[u8]| offsets_of(&module, code);
    let [load] = find(&[0x28, 2, 0])[..] else {
        panic!()
    };
    let [first, second] = find(&[0x10, 0])[..] else {
        panic!()
    };
    let [outer] = find(&[0x10, 1])[..] else {
        panic!()
    };
    for target in TARGETS {
        for strategy in [FrameStrategy::None, FrameStrategy::Automatic] {
            let bytes = compile(&module, &options(target, strategy, 3))
                .unwrap()
                .bytes;
            let object = Object::parse(&bytes, &host_of(&bytes)).unwrap();
            let chains = chains(&object, 2);
            for call in [first, second] {
                assert!(
                    chains.contains(&vec![load, call, outer]),
                    "{target} {strategy:?}: {chains:?}"
                );
            }
            // Every frame is in the function that the one around it calls.
            let function = |offset| object.frames().function_of(offset);
            for chain in &chains {
                let functions: Vec<_> = chain.iter().map(|offset| function(*offset)).collect();
                assert!(
                    [Some(0), Some(1), Some(2)].ends_with(&functions),
                    "{target} {strategy:?}: {chain:?}"
                );
            }
        }
    }
}
