//! Writing the objects.

use super::code::{self, BUILTIN_MARK, FUNCTION_MARK};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionFlags, SectionKind,
    SymbolFlags, SymbolKind, SymbolScope, elf,
    write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection},
};
use wamr_aot_loader::{
    builtins::BuiltinId,
    format::{
        builtins_table,
        framemap::{self, Site, SiteKind},
        frames::{FramesWriter, FunctionFrame},
        header::{CaptureLevel, FrameStrategy, Header, MemoryModel},
        module::{ExportKind, FuncType, Import, ImportKind, ModuleInfo, SubType, ValType},
        names::NamesWriter,
        order, seal, section,
        target::TargetAbi,
        traps::{TrapRow, TrapsWriter},
        unwind::{CodeUnwind, UnwindRow, UnwindWriter},
    },
};

/// A defined function.
#[derive(Clone)]
pub struct Function {
    /// Its name, under which it is exported too.
    pub name: &'static str,
    /// Index of its type.
    pub ty: u32,
    /// Its code.
    pub code: &'static [u8],
    /// Where its body starts in the module that it was not compiled from.
    pub wasm_offset: u32,
    /// Keeps a frame record with this many operand slots at most.
    pub record: Option<u32>,
    /// Bytes that its first instruction, of 4 bytes, takes from the stack.
    pub stack: u8,
    /// The calls at which its record shows values, and what it shows.
    pub sites: &'static [TestSite],
    /// Wasm offsets by machine offset.
    pub traps: &'static [(u32, u32)],
}

/// A call at which values are shown.
pub struct TestSite {
    /// Its offset in the module.
    pub ip: u32,
    /// Slots of locals.
    pub locals: &'static [u32],
    /// Types of operands.
    pub operands: &'static [ValType],
}

/// A module to make an object of.
#[derive(Clone)]
pub struct TestModule {
    /// Its description. Exports, functions and func_refs are filled in.
    pub info: ModuleInfo,
    /// Its functions.
    pub functions: Vec<Function>,
    /// Bytes of the data segments.
    pub data: Vec<u8>,
}

/// (i32) -> i32, (i32, i32) -> i32, () -> (): the types that every test module starts with.
fn types() -> Vec<SubType> {
    let ty = |params: &[ValType], results: &[ValType]| {
        SubType::from(FuncType {
            params: params.to_vec(),
            results: results.to_vec(),
        })
    };
    let i32 = ValType::I32;
    vec![ty(&[i32], &[i32]), ty(&[i32, i32], &[i32]), ty(&[], &[])]
}

impl TestModule {
    /// Type index of (i32) -> i32.
    pub const UNARY: u32 = 0;
    /// Type index of (i32, i32) -> i32.
    pub const BINARY: u32 = 1;
    /// Type index of () -> ().
    pub const NULLARY: u32 = 2;

    /// A module that imports and defines nothing.
    pub fn new() -> Self {
        TestModule {
            info: ModuleInfo {
                types: types(),
                ..ModuleInfo::default()
            },
            functions: Vec::new(),
            data: Vec::new(),
        }
    }

    /// Defines and exports a function.
    pub fn function(mut self, name: &'static str, ty: u32, code: &'static [u8]) -> Self {
        self.functions.push(Function {
            name,
            ty,
            code,
            wasm_offset: 0,
            record: None,
            stack: 0,
            sites: &[],
            traps: &[],
        });
        self
    }

    /// Changes the function defined last.
    pub fn with(mut self, change: impl FnOnce(&mut Function)) -> Self {
        change(self.functions.last_mut().unwrap());
        self
    }

    /// Imports something.
    pub fn import(mut self, module: &str, name: &str, kind: ImportKind) -> Self {
        self.info.imports.push(Import {
            module: module.into(),
            name: name.into(),
            kind,
        });
        self
    }

    /// Changes the description.
    pub fn info(mut self, change: impl FnOnce(&mut ModuleInfo)) -> Self {
        change(&mut self.info);
        self
    }

    fn imported(&self) -> u32 {
        let is_function = |import: &&Import| matches!(import.kind, ImportKind::Func(_));
        u32::try_from(self.info.imports.iter().filter(is_function).count()).unwrap()
    }

    fn complete_info(&self) -> ModuleInfo {
        let mut info = self.info.clone();
        for (index, function) in (self.imported()..).zip(&self.functions) {
            info.functions.push(function.ty);
            info.func_refs.push(index);
            info.exports.push(wamr_aot_loader::format::module::Export {
                name: function.name.into(),
                kind: ExportKind::Func,
                index,
            });
        }
        info
    }

    /// The object.
    pub fn object(&self) -> Vec<u8> {
        Writer::new().write(self)
    }
}

struct Writer {
    object: Object<'static>,
    symbols: Vec<SymbolId>,
    builtins: Vec<(BuiltinId, SymbolId)>,
}

const ALLOC: SectionFlags = SectionFlags::Elf {
    sh_type: elf::SHT_PROGBITS,
    sh_flags: elf::SHF_ALLOC,
};

impl Writer {
    fn new() -> Self {
        Writer {
            object: Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little),
            symbols: Vec::new(),
            builtins: Vec::new(),
        }
    }

    fn table(&mut self, name: &str, bytes: &[u8]) -> SectionId {
        let section = self.object.add_section(
            Vec::new(),
            name.as_bytes().to_vec(),
            SectionKind::ReadOnlyData,
        );
        self.object.section_mut(section).flags = ALLOC;
        self.object.append_section_data(section, bytes, 1);
        section
    }

    fn builtin(&mut self, number: u8) -> SymbolId {
        let id = BuiltinId::ALL[usize::from(number)];
        if let Some((_, symbol)) = self.builtins.iter().find(|(known, _)| *known == id) {
            return *symbol;
        }
        let symbol = self.object.add_symbol(Symbol {
            name: id.builtin().symbol.into(),
            value: 0,
            size: 0,
            kind: SymbolKind::Text,
            scope: SymbolScope::Unknown,
            weak: false,
            section: SymbolSection::Undefined,
            flags: SymbolFlags::None,
        });
        self.builtins.push((id, symbol));
        symbol
    }

    /// Adds code, with its marked calls to be relocated once all symbols are there.
    fn code(&mut self, text: SectionId, name: &str, code: &[u8]) -> u64 {
        let offset = self.object.append_section_data(text, code, 16);
        let symbol = self.object.add_symbol(Symbol {
            name: name.into(),
            value: offset,
            size: code.len() as u64,
            kind: SymbolKind::Text,
            scope: SymbolScope::Compilation,
            weak: false,
            section: SymbolSection::Section(text),
            flags: SymbolFlags::None,
        });
        self.symbols.push(symbol);
        offset
    }

    fn relocate_calls(&mut self, text: SectionId, offset: u64, code: &[u8]) {
        for at in 0..code.len().saturating_sub(3) {
            let word = u32::from_le_bytes(code[at..at + 4].try_into().unwrap());
            let number = (word & 0xff) as u8;
            let symbol = match word & !0xff {
                BUILTIN_MARK => self.builtin(number),
                FUNCTION_MARK => self.symbols[usize::from(number)],
                _ => continue,
            };
            self.relocation(text, offset + at as u64, symbol, elf::R_X86_64_PLT32, -4);
        }
    }

    fn relocation(
        &mut self,
        section: SectionId,
        offset: u64,
        symbol: SymbolId,
        r_type: elf::RelocationType,
        addend: i64,
    ) {
        let flags = RelocationFlags::Elf { r_type };
        let relocation = Relocation {
            offset,
            symbol,
            addend,
            flags,
        };
        self.object.add_relocation(section, relocation).unwrap();
    }

    fn write(mut self, module: &TestModule) -> Vec<u8> {
        let info = module.complete_info();
        let header_section =
            self.table(section::HEADER, &[0; wamr_aot_loader::format::header::SIZE]);
        self.table(section::MODULE, &info.encode());
        self.table(section::DATA, &module.data);
        let text = self
            .object
            .add_section(Vec::new(), b".text".to_vec(), SectionKind::Text);
        let mut pieces: Vec<(String, &[u8])> = Vec::new();
        for function in &module.functions {
            pieces.push((function.name.into(), function.code));
        }
        for (i, ty) in info.types.iter().enumerate() {
            let thunk = match ty.func.params.len() {
                0 => code::enter_nullary(),
                1 => code::enter_unary(),
                _ => code::enter_binary(),
            };
            pieces.push((format!("enter{i}"), thunk));
        }
        for (i, _) in info.types.iter().enumerate() {
            pieces.push((format!("host{i}"), code::host_thunk()));
        }
        let offsets: Vec<u64> = pieces
            .iter()
            .map(|(name, code)| self.code(text, name, code))
            .collect();
        for ((_, code), offset) in pieces.iter().zip(offsets) {
            self.relocate_calls(text, offset, code);
        }
        let addresses = self.table(section::CODE, &vec![0; 8 * (pieces.len() + 2)]);
        for (i, symbol) in self.symbols.clone().into_iter().enumerate() {
            self.relocation(addresses, 8 * i as u64, symbol, elf::R_X86_64_64, 0);
        }
        let sizes: Vec<usize> = pieces.iter().map(|(_, code)| code.len()).collect();
        self.tables(module, &sizes);
        let mut header = Header::new(TargetAbi::SystemV);
        header.memory_model = MemoryModel::Guard;
        header.defined_functions = info.functions.len().try_into().unwrap();
        header.types = info.types.len().try_into().unwrap();
        header.imported_functions = module.imported();
        if module
            .functions
            .iter()
            .any(|function| function.record.is_some())
        {
            header.frame_strategy = FrameStrategy::Explicit;
            header.capture = CaptureLevel::ALL;
        }
        self.finish(header_section, header)
    }

    /// `sizes` are those of all code entries.
    fn tables(&mut self, module: &TestModule, sizes: &[usize]) {
        let mut frames = FramesWriter::new();
        let mut traps = TrapsWriter::new();
        let mut names = NamesWriter::new();
        for import in &module.info.imports {
            if matches!(import.kind, ImportKind::Func(_)) {
                names.push(&import.name, []);
            }
        }
        for function in &module.functions {
            frames.push(&FunctionFrame {
                wasm_offset: function.wasm_offset,
                code_size: function.code.len().try_into().unwrap(),
                has_record: function.record.is_some(),
                has_references: false,
                max_operand_slots: function.record.unwrap_or(0),
                locals: Vec::new(),
            });
            let rows: Vec<TrapRow> = function
                .traps
                .iter()
                .map(|(code_offset, wasm_offset)| TrapRow {
                    code_offset: *code_offset,
                    wasm_offset: *wasm_offset,
                    caller: None,
                })
                .collect();
            traps.push(&[], &rows);
            names.push(function.name, []);
        }
        let order: Vec<u32> = (0..).take(sizes.len()).collect();
        // The return address is on top of the stack, as far as the table knows.
        let mut entry = UnwindRow::new(7, 8);
        assert!(entry.save(16, -8));
        let mut unwind = UnwindWriter::new(1, 8, entry);
        let mut stacks = module.functions.iter().map(|function| function.stack);
        for size in sizes {
            let mut rows = Vec::new();
            if let Some(stack @ 1..) = stacks.next() {
                let mut row = entry;
                row.cfa_offset += i32::from(stack);
                rows.push((4, Some(row)));
            }
            unwind.push(&CodeUnwind {
                code_size: u32::try_from(*size).unwrap(),
                rows,
            });
        }
        let sites: Vec<Site> = (module.functions.iter())
            .flat_map(|function| function.sites)
            .map(|site| Site {
                ip: site.ip,
                kind: SiteKind::Call,
                is_available: true,
                locals: site.locals.to_vec(),
                operands: site.operands.to_vec(),
            })
            .collect();
        self.table(section::FRAMEMAP, &framemap::encode(7, &sites, &[]));
        let builtins: Vec<BuiltinId> = self.builtins.iter().map(|(id, _)| *id).collect();
        // The trap thunk and the poll thunk, which are not there.
        unwind.push(&CodeUnwind::default());
        unwind.push(&CodeUnwind::default());
        self.table(section::FRAMES, &frames.finish());
        self.table(section::TRAPS, &traps.finish());
        self.table(section::ORDER, &order::encode(&order));
        self.table(section::UNWIND, &unwind.finish());
        self.table(section::BUILTINS, &builtins_table::encode(&builtins));
        self.table(section::NAMES, &names.finish("test module"));
    }

    fn finish(mut self, header_section: SectionId, header: Header) -> Vec<u8> {
        let room = self.object.section_mut(header_section).data_mut();
        room.copy_from_slice(&header.encode());
        let mut bytes = self.object.write().unwrap();
        seal(&mut bytes).unwrap();
        bytes
    }
}
