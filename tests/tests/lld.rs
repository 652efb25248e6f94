//! The loader's bytes are those of LLVM's linker.
//!
//! Objects of every target, code model and optimisation level are linked by both, with each section and builtin at the same
//! address. What the loader loads must be the same to the last byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object as _, ObjectSection as _, RelocationFlags};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::header::{Header, Host};
use wamr_aot_loader::relocate;
use wamr_aot_loader::{Image, Object};
use wamr_tests::frames::generate;
use wamr_tests::hostile::compiled::{SOURCES, TARGETS};
use wamr_tests::hostile::exercise::Memory;
use wamrc_rs::{FrameOptions, FrameStrategy, Options, TargetOptions, compile};
use xtask::setup::{Mode, Need, ensure, lld};

/// Where images are that need addresses of 31 bits.
const LOW: usize = 0x4000_0000;
/// Where the others are, as systems do it.
const HIGH: usize = 0x5555_0000_0000;

/// Builtins are so far behind the image that calls reach them directly.
fn builtin(at: usize, id: BuiltinId) -> usize {
    at + 0x100_0000 + 0x40 * id as usize
}

fn modules() -> Vec<(String, Vec<u8>)> {
    let written = SOURCES
        .iter()
        .map(|(name, source)| ((*name).to_owned(), source.as_bytes().to_vec()));
    let generated = [3].map(|seed| {
        let case = generate::case(seed).expect("a module");
        (format!("generated {seed}"), case.wasm)
    });
    written.chain(generated).collect()
}

/// All ways to compile for a target that LLVM has.
fn ways(target: &str) -> Vec<Options> {
    let mut ways = Vec::new();
    for size_level in 0..=3u8 {
        for opt_level in 0..=3 {
            let options = Options {
                target: TargetOptions {
                    target: Some(target.to_owned()),
                    size_level: Some(size_level),
                    ..Default::default()
                },
                opt_level,
                // Both, without twice the number of ways.
                safepoints: opt_level % 2 == 1,
                frames: FrameOptions {
                    strategy: match opt_level {
                        0 | 3 => FrameStrategy::None,
                        1 => FrameStrategy::Explicit,
                        _ => FrameStrategy::Automatic,
                    },
                    ..Default::default()
                },
                ..Default::default()
            };
            ways.push(options);
        }
    }
    ways
}

/// What the object is linked to by the loader.
fn load<'o>(object: &Object<'o>, at: usize) -> Image<Memory> {
    let resolve = |id| Some(builtin(at, id));
    object
        .link(Memory::new(at, 0), &resolve)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Links with lld, each loaded section where the loader has put it.
fn link_with_lld(
    lld: &Path,
    folder: &Path,
    bytes: &[u8],
    image: &Image<Memory>,
    object: &Object<'_>,
    at: usize,
) -> PathBuf {
    let mut script = String::from("SECTIONS {\n");
    let mut sections: Vec<_> = object
        .sections()
        .filter_map(|section| Some((image.section_address(section.index)?, section)))
        .filter(|(_, section)| section.size > 0)
        .collect();
    sections.sort_by_key(|(address, _)| *address);
    for (address, section) in &sections {
        let name = std::str::from_utf8(section.name).expect("a name");
        let _ = writeln!(
            script,
            "  .s{} {address:#x} : {{ *({name}) }}",
            section.index
        );
    }
    // Entries for code that is far away or that the compiler thinks may be; where they are does not matter.
    let got = at + 0x80_0000;
    let _ = writeln!(script, "  .got {got:#x} : {{ *(.got) *(.got.plt) }}");
    script.push_str("  /DISCARD/ : { *(.eh_frame) *(.note*) *(.comment) *(.debug*) }\n}\n");
    let file = |name: &str| folder.join(name);
    std::fs::write(file("script.ld"), script).expect("the script is written");
    std::fs::write(file("object.o"), bytes).expect("the object is written");
    let mut command = Command::new(lld);
    // Without relaxation, which changes instructions; without merging of constants, which moves them.
    command.args(["-static", "--no-relax", "-O0", "-z", "norelro", "--entry=0"]);
    for id in object.builtins().iter() {
        let name = id.builtin().symbol;
        command.arg(format!("--defsym={name}={:#x}", builtin(at, id)));
    }
    command
        .arg("-T")
        .args([file("script.ld"), file("object.o")])
        .arg("-o")
        .arg(file("linked"));
    let output = command.output().expect("lld runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    file("linked")
}

/// Types of the relocations of each loaded section, with their offsets.
fn relocations(bytes: &[u8]) -> BTreeMap<usize, Vec<(u64, u32)>> {
    let file = object::File::parse(bytes).expect("an object");
    file.sections()
        .map(|section| {
            let of_section = section.relocations().map(|(offset, relocation)| {
                let RelocationFlags::Elf { r_type } = relocation.flags() else {
                    unreachable!("an ELF file")
                };
                (offset, r_type.0)
            });
            (section.index().0, of_section.collect())
        })
        .collect()
}

#[test]
fn linked_objects_are_those_of_lld() {
    ensure(&[Need::Lld], Mode::Install).expect("lld 22 is here");
    let lld = lld().expect("lld 22");
    let folder = tempfile::tempdir().expect("a folder");
    let mut types: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut compared = 0;
    for target in TARGETS {
        for options in ways(target) {
            for (name, wasm) in modules() {
                let what = format!(
                    "{target}, size level {:?}, level {}, {name}",
                    options.target.size_level, options.opt_level
                );
                let bytes = match compile(&wasm, &options) {
                    Ok(output) => output.bytes,
                    // Not every target has every code model, and not every builtin.
                    Err(error) => {
                        let text = error.to_string();
                        assert!(
                            text.contains("--size-level") || text.contains("is no builtin"),
                            "{what}: {text}"
                        );
                        continue;
                    }
                };
                let header = Header::of_file(&bytes).expect("a header");
                let object = Object::parse(&bytes, &Host::of(&header)).expect("an object");
                // The kernel's code model is for the first and the last 2 GiB.
                let is_low = header.width.bytes() == 4 || options.target.size_level == Some(2);
                let at = if is_low { LOW } else { HIGH };
                let image = load(&object, at);
                let linked = link_with_lld(&lld, folder.path(), &bytes, &image, &object, at);
                let linked = std::fs::read(linked).expect("lld's output");
                let linked = object::File::parse(&*linked).expect("lld's output");
                let relocations = relocations(&bytes);
                for section in object.sections().filter(|section| section.size > 0) {
                    let Some(address) = image.section_address(section.index) else {
                        continue;
                    };
                    let index = section.index as usize;
                    for (_, ty) in &relocations[&index] {
                        let name = relocate::type_name(header.machine, *ty).expect("a known type");
                        types
                            .entry(format!(
                                "{target}, size level {:?}",
                                options.target.size_level
                            ))
                            .or_default()
                            .insert(name);
                    }
                    let ours = &image.memory().bytes[address - at..][..section.size as usize];
                    let theirs = linked
                        .section_by_name(&format!(".s{index}"))
                        .unwrap_or_else(|| panic!("{what}: lld has no section {index}"));
                    assert_eq!(theirs.address() as usize, address, "{what}");
                    let theirs = theirs.data().expect("its bytes");
                    let first = ours
                        .iter()
                        .zip(theirs)
                        .position(|(ours, theirs)| ours != theirs);
                    if let Some(first) = first {
                        let near = relocations[&index]
                            .iter()
                            .rfind(|(offset, _)| *offset <= first as u64);
                        panic!(
                            "{what}: section {} differs at {first:#x}, near {near:?}",
                            String::from_utf8_lossy(section.name)
                        );
                    }
                    assert_eq!(ours.len(), theirs.len(), "{what}");
                    compared += ours.len();
                }
            }
        }
    }
    for (what, types) in &types {
        println!(
            "{what}: {}",
            types.iter().copied().collect::<Vec<_>>().join(" ")
        );
    }
    println!("{compared} bytes");
    assert!(compared > 100_000);
    for target in TARGETS {
        assert!(
            types.keys().any(|what| what.starts_with(target)),
            "{target}"
        );
    }
}
