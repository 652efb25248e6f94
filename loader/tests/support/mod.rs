//! A good object, part by part, so that a test can make one part bad; and code memory in a vector.
#![allow(dead_code, reason = "each test uses some of it")]

pub mod patch;

use object::write::{Object as Writer, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, FileFlags, RelocationFlags, SectionFlags, SectionKind,
    SymbolFlags, elf,
};
use std::collections::BTreeMap;
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::framemap::{
    self, FrameValues, Location, Record, RecordFrame, Site, SiteKind,
};
use wamr_aot_loader::format::frames::{FramesWriter, FunctionFrame};
use wamr_aot_loader::format::header::{FrameStrategy, Header};
use wamr_aot_loader::format::module::{
    Data, Element, Export, ExportKind, FuncType, Global, GlobalType, Import, ImportKind, Limits,
    MemoryType, ModuleInfo, SegmentMode, Table, TableType, ValType,
};
use wamr_aot_loader::format::names::NamesWriter;
use wamr_aot_loader::format::target::TargetAbi;
use wamr_aot_loader::format::traps::{CallSite, TrapRow, TrapsWriter};
use wamr_aot_loader::format::unwind::{CodeUnwind, UnwindRow, UnwindWriter};
use wamr_aot_loader::format::{builtins_table, order, seal, section};
use wamr_aot_loader::{CodeMemory, Error, Host, Image, MemoryError, Object};

/// A relocation: offset, symbol, type, addend.
pub type Rela = (u64, &'static str, u32, i64);

/// A section that is no table of ours.
#[derive(Clone, Debug)]
pub struct Section {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub flags: u64,
    pub align: u64,
    pub relocations: Vec<Rela>,
}

/// A symbol; undefined if its section is empty.
#[derive(Clone, Debug)]
pub struct Sym {
    pub name: &'static str,
    pub section: &'static str,
    pub value: u64,
    pub size: u64,
    pub global: bool,
}

/// All that an object is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    pub header: Header,
    pub module: ModuleInfo,
    pub data: Vec<u8>,
    pub frames: Vec<FunctionFrame>,
    /// Call sites and rows.
    pub traps: Vec<(Vec<CallSite>, Vec<TrapRow>)>,
    pub unwind: Vec<CodeUnwind>,
    /// Commit points, and the records of each function.
    pub frame_map: (Vec<Site>, Vec<Vec<Record>>),
    pub order: Vec<u32>,
    pub builtins: Vec<BuiltinId>,
    pub names: Option<(Vec<&'static str>, &'static str)>,
    /// Symbols of the address table; empty for none.
    pub addresses: Vec<&'static str>,
    /// Relocations of the address table that stand there instead of those of `addresses`.
    pub address_relocations: Option<Vec<Rela>>,
    pub sections: Vec<Section>,
    pub symbols: Vec<Sym>,
    /// Bytes of a table that stand there instead of the right ones.
    pub raw: BTreeMap<&'static str, Vec<u8>>,
    /// Tables that are left out.
    pub without: Vec<&'static str>,
    /// Flags of tables that are not `ALLOC`.
    pub flags: BTreeMap<&'static str, u64>,
    pub elf_flags: u32,
}

pub const CODE: u64 = elf::SHF_ALLOC.0 | elf::SHF_EXECINSTR.0;
pub const CONSTANTS: u64 = elf::SHF_ALLOC.0;

pub fn limits(min: u64, max: Option<u64>) -> Limits {
    Limits {
        min,
        max,
        is_64: false,
        shared: false,
    }
}

/// `i32.const n; end`, for small `n`.
pub fn i32_const(n: u8) -> Vec<u8> {
    assert!(n < 64);
    vec![0x41, n, 0x0b]
}

/// `ref.func n; end`, for small `n`.
pub fn ref_func(n: u8) -> Vec<u8> {
    assert!(n < 128);
    vec![0xd2, n, 0x0b]
}

/// A module with something of everything: function 0 is imported, 1 to 3 are defined, 3 has no
/// code.
pub fn module() -> ModuleInfo {
    let i32_to_i32 = FuncType {
        params: vec![ValType::I32],
        results: vec![ValType::I32],
    };
    let table = TableType {
        element: ValType::FUNCREF,
        limits: limits(2, Some(8)),
    };
    let global = |ty, mutable| GlobalType { ty, mutable };
    let export = |name: &str, kind, index| Export {
        name: name.into(),
        kind,
        index,
    };
    ModuleInfo {
        types: vec![i32_to_i32.into(), FuncType::default().into()],
        imports: vec![
            Import {
                module: "env".into(),
                name: "offset".into(),
                kind: ImportKind::Global(global(ValType::I32, false)),
            },
            Import {
                module: "env".into(),
                name: "host".into(),
                kind: ImportKind::Func(1),
            },
        ],
        functions: vec![0, 0, 1],
        tables: vec![Table {
            ty: table,
            init: Some(vec![0xd0, 0x70, 0x0b]),
        }],
        memories: vec![MemoryType {
            limits: limits(1, Some(65536)),
            page_size_log2: 16,
        }],
        globals: vec![
            Global {
                ty: global(ValType::I64, true),
                init: vec![0x42, 0x7f, 0x0b],
            },
            Global {
                ty: global(ValType::I32, false),
                // global.get 0; i32.const 4; i32.add
                init: vec![0x23, 0, 0x41, 4, 0x6a, 0x0b],
            },
        ],
        tags: vec![1],
        exports: vec![
            export("run", ExportKind::Func, 1),
            export("memory", ExportKind::Memory, 0),
            export("", ExportKind::Table, 0),
        ],
        start: Some(3),
        elements: vec![
            Element {
                mode: SegmentMode::Active {
                    index: 0,
                    offset: i32_const(0),
                },
                ty: ValType::FUNCREF,
                items: vec![ref_func(1), ref_func(0)],
            },
            Element {
                mode: SegmentMode::Declared,
                ty: ValType::EXTERNREF,
                items: vec![vec![0xd0, 0x6f, 0x0b]],
            },
        ],
        data: vec![
            Data {
                mode: SegmentMode::Active {
                    index: 0,
                    offset: vec![0x23, 0, 0x0b],
                },
                offset: 0,
                length: 5,
            },
            Data {
                mode: SegmentMode::Passive,
                offset: 5,
                length: 3,
            },
        ],
        func_refs: vec![1, 3],
    }
}

/// Functions 0 and 1 have code in two sections that call each other; a jump table; a constant.
pub fn good() -> Parts {
    let types = elf_types();
    let text0 = vec![
        0xe8, 0, 0, 0, 0, // 0: call f1
        0x48, 0x8d, 0x05, 0, 0, 0, 0, // 5: lea constant(%rip), %rax
        0xe8, 0, 0, 0, 0,    // 12: call wamr_trap
        0xc3, // 17: ret
        0xcc, 0xcc, // padding
        0xc3, // 20: enter thunk of type 0
        0xc3, // 21: enter thunk of type 1
        0xc3, // 22: host thunk of type 1
    ];
    let text1 = vec![
        0xff, 0x15, 0, 0, 0, 0, // 0: call *memcpy@GOTPCREL(%rip)
        0xe9, 0, 0, 0, 0, // 6: jmp f0
    ];
    let sections = vec![
        Section {
            name: ".text.0",
            bytes: text0,
            flags: CODE,
            align: 16,
            relocations: vec![
                (1, "f1", types.plt32, -4),
                (8, "constant", types.pc32, -4),
                (13, "wamr_trap", types.plt32, -4),
            ],
        },
        Section {
            name: ".rodata.0",
            bytes: vec![0; 24],
            flags: CONSTANTS,
            align: 8,
            // A jump table of two entries relative to its start, a constant, a pointer.
            relocations: vec![
                (0, "f0", types.pc32, 12),
                (4, "f0", types.pc32, 17 + 4),
                (16, "f1", types.abs64, 6),
            ],
        },
        Section {
            name: ".text.1",
            bytes: text1,
            flags: CODE,
            align: 32,
            relocations: vec![
                (2, "memcpy", types.gotpcrel, -4),
                (7, "f0", types.plt32, -4),
            ],
        },
        Section {
            name: ".eh_frame",
            bytes: vec![0; 16],
            flags: CONSTANTS,
            align: 8,
            relocations: vec![(0, "f0", 250, 0)],
        },
        Section {
            name: ".note.GNU-stack",
            bytes: vec![],
            flags: 0,
            align: 1,
            relocations: vec![],
        },
    ];
    let symbol = |name, section, value, size, global| Sym {
        name,
        section,
        value,
        size,
        global,
    };
    let symbols = vec![
        symbol("f0", ".text.0", 0, 18, true),
        symbol("enter0", ".text.0", 20, 1, false),
        symbol("enter1", ".text.0", 21, 1, false),
        symbol("host1", ".text.0", 22, 1, false),
        symbol("f1", ".text.1", 0, 11, true),
        symbol("constant", ".rodata.0", 8, 8, false),
        symbol("wamr_trap", "", 0, 0, true),
        symbol("memcpy", "", 0, 0, true),
    ];
    let frame = |wasm_offset, code_size, locals| FunctionFrame {
        wasm_offset,
        code_size,
        has_record: false,
        has_references: false,
        max_operand_slots: 3,
        locals,
    };
    let mut header = Header::new(TargetAbi::SystemV);
    header.cpu_features = 0b11;
    header.frame_strategy = FrameStrategy::Mapped;
    header.defined_functions = 3;
    header.types = 2;
    header.imported_functions = 1;
    header.source_hash = [7; 32];
    header.set_producer("test");
    Parts {
        header,
        module: module(),
        data: b"hello abc".to_vec(),
        frames: vec![
            frame(60, 18, vec![(2, ValType::I64), (1, ValType::V128)]),
            frame(70, 11, vec![]),
            frame(80, 0, vec![]),
        ],
        traps: vec![
            (
                vec![CallSite {
                    wasm_offset: 0x3f,
                    caller: None,
                }],
                vec![
                    TrapRow {
                        code_offset: 0,
                        wasm_offset: 0x40,
                        caller: None,
                    },
                    TrapRow {
                        code_offset: 12,
                        wasm_offset: 0x48,
                        caller: Some(0),
                    },
                ],
            ),
            (vec![], vec![]),
            (vec![], vec![]),
        ],
        unwind: [18, 11, 0, 1, 1, 0, 1, 0, 0].map(unwind).to_vec(),
        order: vec![0, 3, 4, 6, 1],
        frame_map: frame_map(),
        builtins: vec![BuiltinId::Trap, BuiltinId::Memcpy],
        names: Some((vec!["host", "run", "", "däta"], "module")),
        addresses: vec!["f0", "f1", "", "enter0", "enter1", "", "host1", "", ""],
        address_relocations: None,
        sections,
        symbols,
        raw: BTreeMap::new(),
        without: vec![],
        flags: BTreeMap::new(),
        elf_flags: 0,
    }
}

/// A call in function 0 and a trap in function 1, which is inlined at the call.
fn frame_map() -> (Vec<Site>, Vec<Vec<Record>>) {
    let site = |ip, kind, locals: &[u32], operands: &[ValType]| Site {
        ip,
        kind,
        is_available: true,
        locals: locals.to_vec(),
        operands: operands.to_vec(),
    };
    let sites = vec![
        site(62, SiteKind::Call, &[0, 1], &[ValType::F64]),
        site(73, SiteKind::Trap, &[0], &[]),
        site(74, SiteKind::Call, &[300], &[]),
    ];
    let memory = |offset| Location::Memory {
        register: 7,
        offset,
    };
    let frame = |site, locations: &[Location]| RecordFrame {
        site,
        values: FrameValues::Each(locations.to_vec()),
    };
    let call = frame(
        0,
        &[memory(8), Location::Register(3), Location::Constant(1)],
    );
    let records = vec![
        Record {
            return_offset: 5,
            frames: vec![call.clone()],
        },
        Record {
            return_offset: 17,
            frames: vec![call, frame(1, &[memory(16)])],
        },
    ];
    (sites, vec![records, vec![], vec![]])
}

/// x86-64's row at an entry: the return address is on top of the stack.
pub fn entry_row() -> UnwindRow {
    let mut row = UnwindRow::new(7, 8);
    assert!(row.save(16, -8));
    row
}

/// Code that pushes and pops `rbx`, if it is long enough.
pub fn unwind(code_size: u32) -> CodeUnwind {
    let mut pushed = entry_row();
    pushed.cfa_offset = 16;
    assert!(pushed.save(3, -16));
    let rows = if code_size > 10 {
        let end = code_size - 1;
        vec![(1, Some(pushed)), (end, Some(entry_row()))]
    } else {
        vec![]
    };
    CodeUnwind { code_size, rows }
}

/// Relocation types of x86-64 that the good object has.
struct Types {
    abs64: u32,
    pc32: u32,
    plt32: u32,
    gotpcrel: u32,
}

fn elf_types() -> Types {
    Types {
        abs64: elf::R_X86_64_64.0,
        pc32: elf::R_X86_64_PC32.0,
        plt32: elf::R_X86_64_PLT32.0,
        gotpcrel: elf::R_X86_64_GOTPCREL.0,
    }
}

/// A host that the good object is for.
pub fn host() -> Host {
    host_for(TargetAbi::SystemV)
}

/// A host with all CPU features.
pub fn host_for(abi: TargetAbi) -> Host {
    Host {
        machine: abi.machine(),
        width: abi.width(),
        abi,
        cpu_features: 0xff,
        guard_pages: true,
    }
}

impl Parts {
    pub fn section(&mut self, name: &str) -> &mut Section {
        let mut sections = self.sections.iter_mut();
        sections.find(|section| section.name == name).unwrap()
    }

    pub fn symbol(&mut self, name: &str) -> &mut Sym {
        let mut symbols = self.symbols.iter_mut();
        symbols.find(|symbol| symbol.name == name).unwrap()
    }

    fn table(&self, name: &'static str) -> Vec<u8> {
        if let Some(raw) = self.raw.get(name) {
            return raw.clone();
        }
        match name {
            section::HEADER => self.header.encode().to_vec(),
            section::MODULE => self.module.encode(),
            section::DATA => self.data.clone(),
            section::CODE => {
                vec![0; self.addresses.len() * self.header.width.bytes() as usize]
            }
            section::FRAMES => {
                let mut writer = FramesWriter::new();
                self.frames.iter().for_each(|frame| writer.push(frame));
                writer.finish()
            }
            section::TRAPS => {
                let mut writer = TrapsWriter::new();
                let functions = self.traps.iter();
                functions.for_each(|(sites, rows)| writer.push(sites, rows));
                writer.finish()
            }
            section::ORDER => order::encode(&self.order),
            section::UNWIND => {
                let mut writer = UnwindWriter::new(1, 8, entry_row());
                self.unwind.iter().for_each(|code| writer.push(code));
                writer.finish()
            }
            section::FRAMEMAP => framemap::encode(7, &self.frame_map.0, &self.frame_map.1),
            section::BUILTINS => builtins_table::encode(&self.builtins),
            section::NAMES => {
                let (functions, module) = self.names.clone().unwrap_or_default();
                let mut writer = NamesWriter::new();
                functions.iter().for_each(|name| writer.push(name, []));
                writer.finish(module)
            }
            _ => panic!("no table {name}"),
        }
    }

    fn address_relocations(&self) -> Vec<Rela> {
        if let Some(relocations) = &self.address_relocations {
            return relocations.clone();
        }
        let width = u64::from(self.header.width.bytes());
        let ty = match self.header.abi {
            TargetAbi::SystemV => elf::R_X86_64_64.0,
            TargetAbi::Aapcs64 => elf::R_AARCH64_ABS64.0,
            _ if width == 8 => elf::R_RISCV_64.0,
            _ => elf::R_RISCV_32.0,
        };
        (0..)
            .zip(&self.addresses)
            .filter(|(_, symbol)| !symbol.is_empty())
            .map(|(index, symbol)| (index * width, *symbol, ty, 0))
            .collect()
    }

    /// The ELF file, not sealed.
    pub fn build(&self) -> Vec<u8> {
        let architecture = match self.header.abi {
            TargetAbi::SystemV => Architecture::X86_64,
            TargetAbi::Aapcs64 => Architecture::Aarch64,
            abi if abi.width().bytes() == 8 => Architecture::Riscv64,
            _ => Architecture::Riscv32,
        };
        let mut writer = Writer::new(BinaryFormat::Elf, architecture, Endianness::Little);
        writer.flags = FileFlags::Elf {
            os_abi: elf::ELFOSABI_NONE,
            abi_version: 0,
            e_flags: elf::FileFlags(self.elf_flags),
        };
        let mut ids: BTreeMap<&str, SectionId> = BTreeMap::new();
        let mut add = |writer: &mut Writer<'_>, name: &'static str, bytes, flags, align| {
            let id = writer.add_section(vec![], name.into(), SectionKind::ReadOnlyData);
            writer.section_mut(id).flags = SectionFlags::Elf {
                sh_type: elf::SHT_PROGBITS,
                sh_flags: elf::SectionFlags(flags),
            };
            writer.section_mut(id).set_data(bytes, align);
            ids.insert(name, id);
        };
        let names = self.names.is_some().then_some(section::NAMES);
        let optional = [section::FRAMEMAP].into_iter().chain(names);
        for name in section::REQUIRED.iter().copied().chain(optional) {
            if self.without.contains(&name) {
                continue;
            }
            let flags = self.flags.get(name).copied().unwrap_or(CONSTANTS);
            let align = match name {
                section::HEADER => 4,
                _ => 8,
            };
            add(&mut writer, name, self.table(name), flags, align);
        }
        for section in &self.sections {
            let flags = section.flags;
            add(
                &mut writer,
                section.name,
                section.bytes.clone(),
                flags,
                section.align,
            );
        }
        let mut symbols: BTreeMap<&str, SymbolId> = BTreeMap::new();
        for symbol in &self.symbols {
            let section = match symbol.section {
                "" => SymbolSection::Undefined,
                name => SymbolSection::Section(ids[name]),
            };
            let binding = if symbol.global {
                elf::STB_GLOBAL
            } else {
                elf::STB_LOCAL
            };
            let id = writer.add_symbol(Symbol {
                name: symbol.name.into(),
                value: symbol.value,
                size: symbol.size,
                kind: object::SymbolKind::Text,
                scope: if symbol.global {
                    object::SymbolScope::Linkage
                } else {
                    object::SymbolScope::Compilation
                },
                weak: false,
                section,
                flags: SymbolFlags::Elf {
                    st_info: elf::SymbolInfo::new(binding, elf::STT_NOTYPE),
                    st_other: elf::SymbolOther(0),
                },
            });
            symbols.insert(symbol.name, id);
        }
        let of_sections = self
            .sections
            .iter()
            .map(|section| (section.name, section.relocations.clone()));
        let of_addresses = (section::CODE, self.address_relocations());
        for (name, relocations) in of_sections.chain([of_addresses]) {
            for (offset, symbol, ty, addend) in relocations {
                let Some(id) = ids.get(name) else { continue };
                let relocation = Relocation {
                    offset,
                    symbol: symbols[symbol],
                    addend,
                    flags: RelocationFlags::Elf {
                        r_type: elf::RelocationType(ty),
                    },
                };
                writer.add_relocation(*id, relocation).unwrap();
            }
        }
        writer.write().unwrap()
    }

    /// The file, sealed as well as it can be: if it is bad, only its length and hash are right.
    pub fn sealed(&self) -> Vec<u8> {
        let mut bytes = self.build();
        if seal(&mut bytes).is_err() {
            patch::reseal(&mut bytes);
        }
        bytes
    }
}

/// Code memory in a vector, for an address of the test's choice.
#[derive(Debug, Default)]
pub struct VecMemory {
    pub at: usize,
    pub bytes: Vec<u8>,
    pub page_size: Option<usize>,
    pub published: Option<usize>,
}

impl VecMemory {
    pub fn at(at: usize) -> Self {
        VecMemory {
            at,
            ..Default::default()
        }
    }
}

impl CodeMemory for VecMemory {
    fn page_size(&self) -> usize {
        self.page_size.unwrap_or(4096)
    }

    fn reserve(&mut self, size: usize, align: usize) -> Result<(), MemoryError> {
        assert!(self.bytes.is_empty(), "reserved twice");
        assert!(align.is_power_of_two() && size.is_multiple_of(self.page_size()));
        // What was there before must not matter.
        self.bytes = vec![0xa5; size];
        Ok(())
    }

    fn address(&self) -> usize {
        self.at
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self.published {
            None => &mut self.bytes,
            Some(_) => &mut [],
        }
    }

    fn publish(&mut self, code_size: usize) -> Result<(), MemoryError> {
        assert!(self.published.is_none() && code_size.is_multiple_of(self.page_size()));
        self.published = Some(code_size);
        Ok(())
    }
}

/// Where images are in most tests.
pub const IMAGE: usize = 0x7f12_3456_0000;
/// Where builtins are in most tests: within reach of the image.
pub const BUILTINS: usize = IMAGE + 0x1000_0000;

pub fn near(id: BuiltinId) -> Option<usize> {
    Some(BUILTINS + 0x100 * id as usize)
}

/// Checks and links.
pub fn load(bytes: &[u8]) -> Result<Image<VecMemory>, Error> {
    Object::parse(bytes, &host())?.link(VecMemory::at(IMAGE), &near)
}
