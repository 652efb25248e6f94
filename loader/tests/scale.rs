//! Work grows with the file, not with its square: objects that are made to be slow are not.
//!
//! Each takes some milliseconds as it should be, and minutes if each item is looked up by walking
//! over all.

mod support;

use object::elf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use support::{CONSTANTS, Parts, Section, Sym, VecMemory, good, host_for, load};
use wamr_aot_loader::format::framemap::{FrameValues, Record, RecordFrame, Site, SiteKind};
use wamr_aot_loader::format::header::Header;
use wamr_aot_loader::format::module::{
    Export, ExportKind, FuncType, Global, GlobalType, Import, ImportKind, ModuleView, SubType,
    ValType,
};
use wamr_aot_loader::format::target::TargetAbi;
use wamr_aot_loader::{Error, Object};

const MANY: u32 = 60_000;
const LONG: Duration = Duration::from_secs(20);

/// The time that checking and linking take.
fn time(parts: &Parts) -> Result<Duration, Error> {
    let bytes = parts.sealed();
    let start = Instant::now();
    let object = Object::parse(&bytes, &host_for(parts.header.abi))?;
    object.link(VecMemory::at(support::IMAGE), &support::near)?;
    Ok(start.elapsed())
}

#[test]
fn many_globals_that_read_imports_with_long_names() {
    let ty = GlobalType {
        ty: ValType::I32,
        mutable: false,
    };
    let mut parts = good();
    parts.module.imports[0].name = "x".repeat(1 << 20);
    for _ in 0..MANY {
        parts.module.imports.push(Import {
            module: String::new(),
            name: String::new(),
            kind: ImportKind::Global(ty),
        });
        // global.get 0
        let init = vec![0x23, 0, 0x0b];
        parts.module.globals.push(Global { ty, init });
    }
    assert!(time(&parts).unwrap() < LONG);
}

#[test]
fn many_tags_of_a_long_type() {
    let mut parts = good();
    parts.module.types[1].func.params = vec![ValType::I32; 1 << 20];
    parts.module.start = None;
    parts.module.tags = vec![1; MANY as usize];
    assert!(time(&parts).unwrap() < LONG);
}

/// Each looks at all the super types that there may be.
#[test]
fn many_types_with_all_their_super_types() {
    let mut parts = good();
    let open = SubType {
        is_final: false,
        ..FuncType::default().into()
    };
    for depth in 0..63u32 {
        parts.module.types.push(SubType {
            supertype: depth.checked_sub(1).map(|above| above + 2),
            ..open.clone()
        });
    }
    let last = SubType {
        supertype: Some(2 + 62),
        ..open
    };
    parts.module.types.resize(MANY as usize, last);
    let bytes = parts.module.encode();
    let start = Instant::now();
    ModuleView::parse(&bytes, 1 << 20).unwrap();
    assert!(start.elapsed() < LONG);
}

#[test]
fn many_exports() {
    let mut parts = good();
    parts.module.exports = (0..MANY)
        .map(|number| Export {
            name: format!("{}{number}", "x".repeat(50)),
            kind: ExportKind::Func,
            index: 1,
        })
        .collect();
    assert!(time(&parts).unwrap() < LONG);
    let image = load(&parts.sealed()).unwrap();
    let export = image.module().export(&parts.module.exports[777].name);
    assert_eq!(export.unwrap().name, parts.module.exports[777].name);
}

#[test]
fn many_sections() {
    let mut parts = good();
    for _ in 0..MANY / 2 {
        parts.sections.push(Section {
            name: ".rodata.many",
            bytes: vec![0; 8],
            flags: CONSTANTS,
            align: 8,
            relocations: vec![],
        });
    }
    assert!(time(&parts).unwrap() < LONG);
}

/// Every section takes a page, for a byte and its header in the file.
#[test]
fn an_image_is_at_most_so_many_times_as_large_as_the_file() {
    let mut parts = good();
    for _ in 0..2000 {
        parts.sections.push(Section {
            name: ".rodata.many",
            bytes: vec![0; 1],
            flags: CONSTANTS,
            align: 4096,
            relocations: vec![],
        });
    }
    let file = parts.sealed();
    let image = load(&file).unwrap();
    let size = image.memory().bytes.len();
    assert!(size > 2000 * 4096);
    assert!(size <= 110 * file.len() + 2 * 4096, "{size}");
}

/// Undefined symbols that differ from a builtin's name only behind a megabyte, and calls of builtins.
#[test]
fn many_symbols_and_calls_of_builtins() {
    let mut parts = good();
    let text = parts.section(".text.1");
    text.bytes = [0xe8, 0, 0, 0, 0].repeat(MANY as usize);
    text.bytes[..11].copy_from_slice(&[0xcc; 11]);
    let call = elf::R_X86_64_PLT32.0;
    text.relocations = (3..u64::from(MANY))
        .map(|at| (5 * at + 1, "memcpy", call, -4))
        .collect();
    for _ in 0..MANY {
        parts.symbols.push(Sym {
            name: "constant.many",
            section: ".rodata.0",
            value: 8,
            size: 8,
            global: false,
        });
    }
    assert!(time(&parts).unwrap() < LONG);
    static LONG_NAME: LazyLock<String> = LazyLock::new(|| "memcpy".repeat(1 << 18));
    parts.symbols.push(Sym {
        name: LONG_NAME.as_str(),
        section: "",
        value: 0,
        size: 0,
        global: true,
    });
    assert!(matches!(time(&parts), Err(Error::UndefinedSymbol { .. })));
}

#[test]
fn many_low_parts() {
    let mut parts = good();
    let counts = parts.header.clone();
    parts.header = Header::new(TargetAbi::Lp64);
    parts.header.defined_functions = counts.defined_functions;
    parts.header.types = counts.types;
    parts.header.imported_functions = counts.imported_functions;
    parts.header.frame_strategy = counts.frame_strategy;
    let mut words = vec![0u8; 8 * MANY as usize];
    words[..4].copy_from_slice(&[0x17, 5, 0, 0]);
    let high = elf::R_RISCV_PCREL_HI20.0;
    let low = elf::R_RISCV_PCREL_LO12_I.0;
    // All high parts first, then a low part for each: all for the last one.
    let highs = (0..u64::from(MANY)).map(|at| (4 * at, "constant", high, 0));
    let lows = (0..u64::from(MANY)).map(|at| (4 * (at + u64::from(MANY)), "last", low, 0));
    for section in &mut parts.sections {
        section.relocations.clear();
    }
    let text = parts.section(".text.0");
    text.bytes = words;
    text.relocations = highs.chain(lows).collect();
    parts.symbols.push(Sym {
        name: "last",
        section: ".text.0",
        value: 4 * u64::from(MANY - 1),
        size: 0,
        global: false,
    });
    assert!(time(&parts).unwrap() < LONG);
}

#[test]
fn many_frames_at_commit_points_of_many_slots() {
    let mut parts = good();
    // A block of sites, each as long as can be, and frames that stand at its last one.
    let site = |ip, locals: Vec<u32>| Site {
        ip,
        kind: SiteKind::Call,
        is_available: true,
        locals,
        operands: vec![ValType::I32; MANY as usize],
    };
    let wide = (0..31).map(|ip| site(62 + ip, (0..MANY).collect()));
    let narrow = (31..32).map(|ip| site(62 + ip, (0..250).collect()));
    let frame = |index: u32| RecordFrame {
        site: 30 + index % 2,
        values: FrameValues::Home {
            register: 7,
            offset: 0,
            locals: MANY,
        },
    };
    let record = Record {
        return_offset: 5,
        frames: (0..MANY).map(frame).collect(),
    };
    parts.frame_map = (
        wide.chain(narrow).collect(),
        vec![vec![record], vec![], vec![]],
    );
    assert!(time(&parts).unwrap() < LONG);
}
