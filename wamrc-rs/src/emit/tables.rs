//! The loader's tables, in front of the code they describe.

use object::elf;
use object::write::{Relocation, SectionId, Symbol, SymbolSection};
use object::{RelocationFlags, SymbolFlags, SymbolKind, SymbolScope, elf::RelocationType};
use wamr_aot_loader::format::frames::{FramesWriter, FunctionFrame};
use wamr_aot_loader::format::header::{Header, PollKind, optional, required};
use wamr_aot_loader::format::linked::LinkedObject;
use wamr_aot_loader::format::module::ImportKind;
use wamr_aot_loader::format::names::NamesWriter;
use wamr_aot_loader::format::target::Machine;
use wamr_aot_loader::format::traps::TrapsWriter;
use wamr_aot_loader::format::{builtins_table, order, seal, section};
use wamr_aot_loader::layout::PointerWidth;

use super::merge::{Definition, Merged, Merger};
use super::traps::{Bodies, of_function};
use super::{Input, internal};
use crate::abi::{ColdThunk, enter_thunk_symbol, host_thunk_symbol};
use crate::error::Result;

/// Sections of the tables. They are added before the code, so that the header lies right behind the ELF
/// header, and filled when the code's places are known.
pub(super) struct Reserved {
    header: SectionId,
    module: SectionId,
    data: SectionId,
    code: SectionId,
    frames: SectionId,
    traps: SectionId,
    order: SectionId,
    unwind: SectionId,
    handlers: Option<SectionId>,
    frame_map: Option<SectionId>,
    builtins: SectionId,
    names: Option<SectionId>,
    linked: SectionId,
}

impl Reserved {
    /// The section of each table, in the order of the table of tables.
    fn tables(&self) -> [Option<SectionId>; LinkedObject::TABLES] {
        LinkedObject::SECTIONS.map(|name| match name {
            section::HEADER => Some(self.header),
            section::MODULE => Some(self.module),
            section::DATA => Some(self.data),
            section::CODE => Some(self.code),
            section::FRAMES => Some(self.frames),
            section::TRAPS => Some(self.traps),
            section::ORDER => Some(self.order),
            section::UNWIND => Some(self.unwind),
            section::HANDLERS => self.handlers,
            section::FRAMEMAP => self.frame_map,
            section::BUILTINS => Some(self.builtins),
            section::NAMES => self.names,
            _ => None,
        })
    }
}

/// Adds the sections.
pub(super) fn reserve(merger: &mut Merger, input: &Input<'_>) -> Reserved {
    let has_sites = input.units.iter().any(|unit| !unit.sites.is_empty());
    let mut add = |name| merger.add_section(name, elf::SHF_ALLOC);
    Reserved {
        header: add(section::HEADER),
        module: add(section::MODULE),
        data: add(section::DATA),
        code: add(section::CODE),
        frames: add(section::FRAMES),
        traps: add(section::TRAPS),
        order: add(section::ORDER),
        unwind: add(section::UNWIND),
        handlers: input.has_handlers.then(|| add(section::HANDLERS)),
        frame_map: has_sites.then(|| add(section::FRAMEMAP)),
        builtins: add(section::BUILTINS),
        names: input.names.as_ref().map(|_| add(section::NAMES)),
        linked: add(section::LINKED),
    }
}

/// Fills the sections and writes the object.
pub(super) fn fill(mut merged: Merged, reserved: &Reserved, input: &Input<'_>) -> Result<Vec<u8>> {
    let functions = find_functions(&merged, input)?;
    let entries = code_entries(&merged, &functions, input)?;
    let mut header = header(input)?;
    if merged.definition(ColdThunk::Poll.symbol()).is_some() {
        header.poll = PollKind::Compare;
    }

    // Aligned to 4 only, which both sizes of ELF headers are.
    set(&mut merged, reserved.header, header.encode().to_vec(), 4);
    set(&mut merged, reserved.module, input.module.encode(), 1);
    set(&mut merged, reserved.data, input.data.clone(), 16);
    fill_code(&mut merged, reserved.code, &entries, input)?;
    let mut frames = FramesWriter::new();
    let mut traps = TrapsWriter::new();
    let bodies = Bodies::new(&input.functions);
    for (index, (info, function)) in input.functions.iter().zip(&functions).enumerate() {
        let code_size = function.map_or(0, |function| function.size);
        frames.push(&FunctionFrame {
            wasm_offset: info.wasm_offset,
            code_size: u32::try_from(code_size).map_err(internal)?,
            has_record: info.has_frame_record,
            has_references: info.has_reference_slots,
            max_operand_slots: info.max_operand_slots,
            locals: info.locals.clone(),
        });
        let (sites, rows) = match function {
            Some(code) => of_function(&merged, &bodies, index, code)?,
            None => Default::default(),
        };
        traps.push(&sites, &rows);
    }
    set(&mut merged, reserved.frames, frames.finish(), 4);
    set(&mut merged, reserved.traps, traps.finish(), 4);
    set(
        &mut merged,
        reserved.order,
        order::encode(&order_of(&entries)?),
        4,
    );
    let unwind = merged
        .unwind
        .encode(input.target.architecture(), &entries)?;
    set(&mut merged, reserved.unwind, unwind, 4);
    if let Some(id) = reserved.handlers {
        let table = merged.handlers.encode(&functions);
        set(&mut merged, id, table, 4);
    }
    if let Some(id) = reserved.frame_map {
        let architecture = input.target.architecture();
        let table = merged.stack_maps.encode(architecture, &functions)?;
        set(&mut merged, id, table, 4);
    }
    let builtins = builtins_table::encode(&merged.builtins);
    set(&mut merged, reserved.builtins, builtins, 4);
    if let (Some(id), Some(names)) = (reserved.names, &input.names) {
        let mut writer = NamesWriter::new();
        for index in 0..function_count(input)? {
            let name = names.functions.get(&index).map_or("", String::as_str);
            let locals = names.locals.get(&index).into_iter().flatten();
            writer.push(name, locals.map(|(index, name)| (*index, name)));
        }
        let table = writer.finish(names.module.as_deref().unwrap_or(""));
        set(&mut merged, id, table, 4);
    }
    for (name, bytes) in &input.custom_sections {
        let name = format!("{}{name}", section::CUSTOM_PREFIX);
        let id = merged.add_section(&name, elf::SectionFlags(0));
        set(&mut merged, id, bytes.clone(), 1);
    }

    fill_linked(&mut merged, reserved, input)?;

    let mut file = merged.write()?;
    seal(&mut file).map_err(internal)?;
    Ok(file)
}

fn set(merged: &mut Merged, id: SectionId, bytes: Vec<u8>, align: u64) {
    merged.object.section_mut(id).set_data(bytes, align);
}

fn function_count(input: &Input<'_>) -> Result<u32> {
    let imported = imported_functions(input)?;
    let defined = u32::try_from(input.functions.len()).map_err(internal)?;
    imported
        .checked_add(defined)
        .ok_or_else(|| internal("too many functions"))
}

fn imported_functions(input: &Input<'_>) -> Result<u32> {
    let imports = input.module.imports.iter();
    let functions = imports.filter(|import| matches!(import.kind, ImportKind::Func(_)));
    u32::try_from(functions.count()).map_err(internal)
}

/// Where the code of each defined function is; `None` where it has none of its own.
fn find_functions(merged: &Merged, input: &Input<'_>) -> Result<Vec<Option<Definition>>> {
    if input.functions.len() != input.module.functions.len() {
        return Err(internal(format!(
            "{} functions described, {} defined",
            input.functions.len(),
            input.module.functions.len()
        )));
    }
    input
        .functions
        .iter()
        .map(|info| {
            let definition = merged.definition(&info.symbol);
            match definition {
                Some(function) if function.size == 0 => {
                    Err(internal(format!("the code of {} is empty", info.symbol)))
                }
                Some(function) if !merged.is_code[function.section] => {
                    Err(internal(format!("{} lies outside code", info.symbol)))
                }
                _ => Ok(definition),
            }
        })
        .collect()
}

/// All code entries: the functions, then the enter thunks, then the host thunks of the types, and
/// the thunks of cold paths.
fn code_entries(
    merged: &Merged,
    functions: &[Option<Definition>],
    input: &Input<'_>,
) -> Result<Vec<Option<Definition>>> {
    let types = 0..u32::try_from(input.module.types.len()).map_err(internal)?;
    let enter = types.clone().map(enter_thunk_symbol);
    let thunks = enter
        .chain(types.map(host_thunk_symbol))
        .chain(ColdThunk::ALL.map(|thunk| thunk.symbol().to_owned()));
    let mut entries = functions.to_vec();
    for name in thunks {
        let definition = merged.definition(&name);
        if let Some(thunk) = definition
            && (thunk.size == 0 || !merged.is_code[thunk.section])
        {
            return Err(internal(format!("{name} is not code")));
        }
        entries.push(definition);
    }
    Ok(entries)
}

/// Entries that have code, by address: sections lie in memory in the order of the file.
fn order_of(entries: &[Option<Definition>]) -> Result<Vec<u32>> {
    let mut placed = Vec::with_capacity(entries.len());
    for (index, entry) in (0u32..).zip(entries) {
        if let Some(entry) = entry {
            placed.push((entry.section, entry.offset, index));
        }
    }
    placed.sort_unstable();
    Ok(placed.into_iter().map(|(.., index)| index).collect())
}

/// `.wamr.code`: an address for each entry.
fn fill_code(
    merged: &mut Merged,
    id: SectionId,
    entries: &[Option<Definition>],
    input: &Input<'_>,
) -> Result<()> {
    let width = input.target.width();
    let size = usize::try_from(width.bytes()).map_err(internal)?;
    set(
        merged,
        id,
        vec![0; entries.len() * size],
        u64::from(width.bytes()),
    );
    let r_type = absolute_relocation(input.target.elf_machine(), width);
    for (index, entry) in entries.iter().enumerate() {
        let Some(definition) = entry else { continue };
        let relocation = Relocation {
            offset: u64::try_from(index * size).map_err(internal)?,
            symbol: definition.symbol,
            addend: 0,
            flags: RelocationFlags::Elf { r_type },
        };
        merged
            .object
            .add_relocation(id, relocation)
            .map_err(internal)?;
    }
    Ok(())
}

/// `.wamr.linked`: where the tables are, under a global symbol.
fn fill_linked(merged: &mut Merged, reserved: &Reserved, input: &Input<'_>) -> Result<()> {
    let width = input.target.width();
    let align = u64::from(width.bytes());
    let size = usize::try_from(width.bytes()).map_err(internal)?;
    let r_type = absolute_relocation(input.target.elf_machine(), width);
    let mut bytes = Vec::new();
    for table in reserved.tables() {
        let address = bytes.len();
        bytes.resize(address + size, 0);
        let length = table.map_or(0, |id| merged.object.section(id).data().len());
        let length = u64::try_from(length).map_err(internal)?;
        bytes.extend_from_slice(&length.to_le_bytes()[..size]);
        let Some(id) = table else { continue };
        let relocation = Relocation {
            offset: u64::try_from(address).map_err(internal)?,
            symbol: merged.object.section_symbol(id),
            addend: 0,
            flags: RelocationFlags::Elf { r_type },
        };
        merged
            .object
            .add_relocation(reserved.linked, relocation)
            .map_err(internal)?;
    }
    let size = u64::try_from(bytes.len()).map_err(internal)?;
    set(merged, reserved.linked, bytes, align);
    merged.object.add_symbol(Symbol {
        name: input.linked_symbol.clone().into_bytes(),
        value: 0,
        size,
        kind: SymbolKind::Data,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Section(reserved.linked),
        flags: SymbolFlags::None,
    });
    Ok(())
}

/// The relocation that puts a symbol's address into a pointer.
fn absolute_relocation(machine: Machine, width: PointerWidth) -> RelocationType {
    match (machine, width) {
        (Machine::X86_64, _) => elf::R_X86_64_64,
        (Machine::Aarch64, _) => elf::R_AARCH64_ABS64,
        (Machine::Riscv, PointerWidth::Eight) => elf::R_RISCV_64,
        (Machine::Riscv, PointerWidth::Four) => elf::R_RISCV_32,
    }
}

/// The header, but for what sealing fills in: sizes and hash.
fn header(input: &Input<'_>) -> Result<Header> {
    let mut header = Header::new(input.target.abi());
    header.cpu_features = input.target.cpu_features();
    header.frame_strategy = input.frame_strategy;
    header.capture = input.capture_level;
    header.memory_model = input.memory_model;
    if input.strict_traps {
        header.optional_features |= optional::STRICT_TRAPS;
    }
    if input.count_calls {
        header.required_features |= required::CALL_COUNTERS;
    }
    header.wasm_features = input.wasm_features;
    header.defined_functions = u32::try_from(input.functions.len()).map_err(internal)?;
    header.types = u32::try_from(input.module.types.len()).map_err(internal)?;
    header.imported_functions = imported_functions(input)?;
    header.source_hash = input.source_sha256;
    header.set_producer(concat!("wamrc-rs ", env!("CARGO_PKG_VERSION")));
    Ok(header)
}
