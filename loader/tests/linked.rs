//! Objects that a static linker has made part of a program.

mod support;

use std::sync::Mutex;
use support::{IMAGE, VecMemory, good, host, load};
use wamr_aot_loader::format::linked::LinkedObject;
use wamr_aot_loader::format::section;
use wamr_aot_loader::format::target::Machine;
use wamr_aot_loader::{Error, Host, Image, Object};

/// Keeps bytes for as long as the program runs, as a linker does. They stay reachable: nothing has leaked.
fn keep(bytes: Vec<u8>) -> &'static [u8] {
    static KEPT: Mutex<Vec<&'static [u8]>> = Mutex::new(Vec::new());
    let bytes = bytes.leak();
    KEPT.lock().unwrap().push(bytes);
    bytes
}

type Tables = [&'static [u8]; LinkedObject::TABLES];

/// The tables of the good object as a linker leaves them: as they are in the file, with the addresses of
/// the code where the loader puts it.
fn tables() -> Tables {
    let bytes = keep(good().sealed());
    let object = Object::parse(bytes, &host()).unwrap();
    let image = load(bytes).unwrap();
    let header = image.header();
    let functions = (0..header.defined_functions).map(|index| image.function_code(index));
    let enter = (0..header.types).map(|ty| image.enter_thunk(ty));
    let host = (0..header.types).map(|ty| image.host_thunk(ty));
    let code: Vec<u8> = functions
        .chain(enter)
        .chain(host)
        .chain([None; 2])
        .flat_map(|address| (address.unwrap_or(0) as u64).to_le_bytes())
        .collect();
    let code = keep(code);
    LinkedObject::SECTIONS.map(|name| {
        let of_file = object
            .sections()
            .find(|section| section.name == name.as_bytes())
            .and_then(|section| object.section_bytes(section.index));
        match name {
            section::CODE => code,
            _ => of_file.unwrap_or(&[]),
        }
    })
}

fn position(name: &str) -> usize {
    let names = LinkedObject::SECTIONS;
    names.iter().position(|known| *known == name).unwrap()
}

fn linked(tables: Tables, host: &Host) -> Result<Image<VecMemory>, Error> {
    Image::linked(VecMemory::default(), tables, host)
}

#[test]
fn a_linked_object_is_what_a_loaded_one_is() {
    let loaded = load(&good().sealed()).unwrap();
    let image = linked(tables(), &host()).unwrap();
    assert_eq!(image.header(), loaded.header());
    assert_eq!(image.data(), loaded.data());
    assert!(
        image
            .module()
            .exports()
            .iter()
            .map(|export| export.name)
            .eq(loaded.module().exports().iter().map(|export| export.name))
    );
    assert_eq!(image.function_code(1), loaded.function_code(1));
    assert_eq!(image.code_range().start, IMAGE);
    assert!(loaded.code_range().contains(&(image.code_range().end - 1)));
    for pc in loaded.code_range() {
        assert_eq!(image.code_at(pc), loaded.code_at(pc), "{pc:#x}");
    }
    let name = |image: &Image<VecMemory>| {
        image
            .names()
            .map(|names| names.function(0).map(String::from))
    };
    assert_eq!(name(&image), name(&loaded));
}

#[test]
fn what_a_linker_must_not_do_is_found() {
    let swapped = |tables: Tables| {
        let mut code = tables[position(section::CODE)].to_vec();
        let (first, second) = code.split_at_mut(8);
        first.swap_with_slice(&mut second[..8]);
        code
    };
    let cut = |tables: Tables, name| tables[position(name)].split_last().unwrap().1.to_vec();
    let nothing = |_: Tables| Vec::new();
    /// The damaged table, what it becomes, and a part of the error.
    type Case<'c> = (&'c str, &'c dyn Fn(Tables) -> Vec<u8>, &'c str);
    let cases: &[Case<'_>] = &[
        (section::CODE, &swapped, "order"),
        (
            section::CODE,
            &|tables| cut(tables, section::CODE),
            section::CODE,
        ),
        (section::HEADER, &nothing, "middle of the header"),
        (section::TRAPS, &nothing, section::TRAPS),
        (
            section::MODULE,
            &|tables| cut(tables, section::MODULE),
            section::MODULE,
        ),
        (
            section::CODE,
            &|tables| vec![0; tables[position(section::CODE)].len()],
            "not inside a code section",
        ),
    ];
    for (name, change, expected) in cases {
        let mut tables = tables();
        tables[position(name)] = keep(change(tables));
        let error = linked(tables, &host()).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let other = Host {
        machine: Machine::Riscv,
        ..host()
    };
    assert!(matches!(
        linked(tables(), &other),
        Err(Error::Machine { .. })
    ));
}
