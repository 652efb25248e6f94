//! A table of bad objects, each with the error it has to be refused with.
//!
//! Every object is the good one with one thing wrong; its length and hash are right unless they are
//! what is wrong.

#[path = "../support/mod.rs"]
mod support;

use object::elf;
use support::patch::{self, Field, HEADER};
use support::{CODE, Parts, Rela, Section, Sym, good, host, i32_const, limits, load, ref_func};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::error::{Error, TableError};
use wamr_aot_loader::format::header::{self, Field as HeaderField, Header, MemoryModel};
use wamr_aot_loader::format::list::{ListWriter, write_numbers};
use wamr_aot_loader::format::module::{
    Data, Element, Export, ExportKind, Global, GlobalType, HeapType, Import, ImportKind,
    MemoryType, RefType, SegmentMode, SubType, TableType, ValType,
};
use wamr_aot_loader::format::section;
use wamr_aot_loader::format::target::{Machine, TargetAbi, WASM_FEATURES};
use wamr_aot_loader::format::traps::TrapRow;
use wamr_aot_loader::layout::{CONSTANTS, PointerWidth, abi_hash};
use wamr_aot_loader::relocate::RelocationError;
use wamr_aot_loader::{Host, Object};

/// A name, the object, and whether an error is the right one.
type Case = (&'static str, Vec<u8>, fn(&Error) -> bool);

macro_rules! case {
    ($name:expr, $bytes:expr, $pattern:pat $(if $guard:expr)?) => {
        ($name, $bytes, (|error| matches!(error, $pattern $(if $guard)?)) as fn(&Error) -> bool)
    };
}

mod address_cases;
mod container_cases;
mod framemap_cases;
mod header_cases;
mod module_cases;
mod relocation_cases;
mod section_cases;
mod symbol_cases;
mod table_cases;
mod unwind_cases;

/// The good object with a change to its parts.
fn with(change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let mut parts = good();
    change(&mut parts);
    parts.sealed()
}

/// The good object with a change to its bytes, then with length and hash made right again.
fn patched(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = good().sealed();
    change(&mut bytes);
    patch::reseal(&mut bytes);
    bytes
}

/// The good object with the first bytes of a field of its header changed.
fn header_field(field: HeaderField, value: &[u8]) -> Vec<u8> {
    patched(|bytes| patch::set_header(bytes, field, value))
}

/// The good object with another value for a layout constant.
fn constant(index: usize, value: u32) -> Vec<u8> {
    patched(|bytes| {
        let offset = HeaderField::Constants.offset() + 4 * index;
        patch::set(bytes, HEADER + offset, &value.to_le_bytes());
    })
}

/// The good object with a field of a section header changed.
fn section_field(name: &str, field: Field, value: u64) -> Vec<u8> {
    patched(|bytes| patch::set_section(bytes, name, field, value))
}

/// The good object with a field of a section header added to.
fn section_field_plus(name: &str, field: Field, value: i64) -> Vec<u8> {
    patched(|bytes| {
        let old = patch::get_section(bytes, name, field);
        patch::set_section(bytes, name, field, old.wrapping_add_signed(value));
    })
}

/// The good object with bytes of a symbol changed.
fn symbol_field(name: &str, offset: usize, field: &[u8]) -> Vec<u8> {
    patched(|bytes| {
        let at = patch::symbol(bytes, name);
        patch::set(bytes, at + offset, field);
    })
}

/// The good object with other relocations for `.text.0`.
fn relocations(relocations: &[Rela]) -> Vec<u8> {
    with(|parts| parts.section(".text.0").relocations = relocations.to_vec())
}

/// The good object with bytes of a relocation of `.text.0` changed.
fn relocation_field(offset: usize, field: &[u8]) -> Vec<u8> {
    patched(|bytes| {
        let at = patch::entry(bytes, ".rela.text.0", 0, 24);
        patch::set(bytes, at + offset, field);
    })
}

fn global_init(ty: ValType, init: &[u8]) -> Vec<u8> {
    with(|parts| {
        parts.module.globals[1] = Global {
            ty: GlobalType { ty, mutable: false },
            init: init.to_vec(),
        }
    })
}

fn raw_table(name: &'static str, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let bytes = good().build();
    let start = patch::get_section(&bytes, name, Field::Offset) as usize;
    let size = patch::get_section(&bytes, name, Field::Size) as usize;
    let mut table = bytes[start..start + size].to_vec();
    change(&mut table);
    with(|parts| {
        parts.raw.insert(name, table);
    })
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    write_numbers(&mut out, numbers);
    out
}

/// Index of the layout constant with this name.
fn constant_index(name: &str) -> usize {
    let index = CONSTANTS.iter().position(|constant| constant.name == name);
    index.unwrap()
}

#[test]
fn every_bad_object_is_refused_for_the_right_reason() {
    assert!(load(&good().sealed()).is_ok());
    let groups = [
        container_cases::cases(),
        header_cases::cases(),
        section_cases::cases(),
        symbol_cases::cases(),
        relocation_cases::cases(),
        address_cases::cases(),
        module_cases::cases(),
        table_cases::cases(),
        unwind_cases::cases(),
        framemap_cases::cases(),
    ];
    let cases: Vec<Case> = groups.into_iter().flatten().collect();
    let mut wrong = Vec::new();
    for (name, bytes, is_expected) in &cases {
        match load(bytes) {
            Ok(_) => wrong.push(format!("{name}: accepted")),
            Err(error) if is_expected(&error) => {}
            Err(error) => wrong.push(format!("{name}: {error} ({error:?})")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() >= 60, "{} cases", cases.len());
    println!("{} bad objects", cases.len());
}

#[test]
fn an_object_that_needs_guard_pages_is_refused_without_them() {
    let mut bytes = good().sealed();
    let bare = Host {
        guard_pages: false,
        ..host()
    };
    assert_eq!(Object::parse(&bytes, &bare).err(), Some(Error::GuardPages));
    patch::set_header(
        &mut bytes,
        HeaderField::MemoryModel,
        &[MemoryModel::Checks.byte()],
    );
    patch::reseal(&mut bytes);
    assert!(Object::parse(&bytes, &bare).is_ok());
}

#[test]
fn unknown_optional_features_are_passed_over() {
    assert!(load(&header_field(HeaderField::OptionalFeatures, &[0xff; 8])).is_ok());
}

#[test]
fn errors_say_what_where_expected_and_found() {
    let cases: &[(Vec<u8>, &str)] = &[
        (
            constant(constant_index("frame.lp"), 56),
            "layout constant frame.lp: object 56, runtime 40",
        ),
        (
            header_field(HeaderField::CpuFeatures, &[0, 1]),
            "the object uses CPU features that this machine does not have: avx",
        ),
        (
            with(|parts| parts.module.start = Some(1)),
            "section .wamr.module, offset 0x0: start function 1 has parameters or results",
        ),
    ];
    for (bytes, text) in cases {
        assert_eq!(load(bytes).unwrap_err().to_string(), *text);
    }
}
