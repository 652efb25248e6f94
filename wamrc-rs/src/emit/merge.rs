//! Several relocatable objects into one, as `ld -r` does it.
//!
//! Sections of code and constants stay apart, under names that end with the unit's number, so that a
//! loader can put stubs between them. Global symbols meet by name; all else is renumbered.

use std::collections::HashMap;

use object::read::{Object as _, ObjectSection, ObjectSymbol, RelocationTarget};
use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, FileFlags, RelocationFlags, SectionFlags, SectionIndex,
    SectionKind, SymbolFlags, SymbolIndex, SymbolKind, SymbolScope, elf,
};
use wamr_aot_loader::builtins::BuiltinId;

use super::dwarf::CodeSpace;
use super::handlers::Handlers;
use super::inlined::Inlined;
use super::lines::LineRows;
use super::section::{Fate, copied_flags, fate};
use super::stackmaps::StackMaps;
use super::unwind::UnwindRows;
use super::{Unit, internal, lines};
use crate::abi::PERSONALITY_SYMBOL;
use crate::error::Result;
use crate::target::{self, Target};

/// What becomes of the binding of global symbols that a unit defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// They become local: nothing outside the object refers to them.
    Local,
    /// They stay as they are.
    Kept,
}

/// Where a global symbol, or any function, was put.
#[derive(Clone, Copy, Debug)]
pub(super) struct Definition {
    /// The symbol in the merged object.
    pub symbol: SymbolId,
    /// Its section, by its number among the sections of code and constants.
    pub section: usize,
    /// Offset in the section.
    pub offset: u64,
    /// Size in bytes.
    pub size: u64,
}

/// Objects on their way to be one.
pub(super) struct Merger {
    object: Object<'static>,
    architecture: target::Architecture,
    binding: Binding,
    units: usize,
    /// For each section of code or constants, whether it is code.
    is_code: Vec<bool>,
    unwind: Option<SectionId>,
    /// Definitions by name: of globals, and of local functions, which no other unit can see.
    definitions: HashMap<Vec<u8>, Definition>,
    locals: HashMap<Vec<u8>, Definition>,
    lines: LineRows,
    unwind_rows: UnwindRows,
    handlers: Handlers,
    inlined: Inlined,
    stack_maps: StackMaps,
    /// Relocations wait until all units are there: their symbols may be defined in a later one.
    relocations: Vec<Pending>,
}

/// A relocation whose symbol may not be known yet.
struct Pending {
    section: SectionId,
    offset: u64,
    target: PendingTarget,
    addend: i64,
    flags: RelocationFlags,
}

enum PendingTarget {
    Known(SymbolId),
    Global(Vec<u8>),
}

/// The merged object, and what the tables need to know of it.
pub(super) struct Merged {
    /// The object, to which sections may be added.
    pub object: Object<'static>,
    /// For each section of code or constants, whether it is code.
    pub is_code: Vec<bool>,
    /// Builtins that the code refers to, in the order of their numbers.
    pub builtins: Vec<BuiltinId>,
    /// Line tables of all units.
    pub lines: LineRows,
    /// Unwind tables of all units.
    pub unwind: UnwindRows,
    /// Exception tables of all units.
    pub handlers: Handlers,
    /// Inlined code of all units.
    pub inlined: Inlined,
    /// Commit points and stack maps of all units.
    pub stack_maps: StackMaps,
    definitions: HashMap<Vec<u8>, Definition>,
    locals: HashMap<Vec<u8>, Definition>,
}

/// What a section of a unit became: the section in the merged object, the offset in it, and its number
/// in [`Merger::is_code`].
#[derive(Clone, Copy)]
struct Copied {
    id: SectionId,
    offset: u64,
    placed: Option<usize>,
}

impl Merger {
    /// An empty object for a target.
    pub fn new(target: &Target, binding: Binding) -> Self {
        let architecture = match target.architecture() {
            target::Architecture::X86_64 => Architecture::X86_64,
            target::Architecture::Aarch64 => Architecture::Aarch64,
            target::Architecture::Riscv64 => Architecture::Riscv64,
            target::Architecture::Riscv32 => Architecture::Riscv32,
        };
        Merger {
            object: Object::new(BinaryFormat::Elf, architecture, Endianness::Little),
            architecture: target.architecture(),
            binding,
            units: 0,
            is_code: Vec::new(),
            unwind: None,
            definitions: HashMap::new(),
            locals: HashMap::new(),
            lines: LineRows::default(),
            unwind_rows: UnwindRows::default(),
            handlers: Handlers::default(),
            inlined: Inlined::default(),
            stack_maps: StackMaps::default(),
            relocations: Vec::new(),
        }
    }

    /// Adds a section that no unit has. Sections lie in the file in the order they are added.
    pub fn add_section(&mut self, name: &str, flags: elf::SectionFlags) -> SectionId {
        add_section(&mut self.object, name, flags)
    }

    /// Adds a unit.
    pub fn add(&mut self, unit: &Unit, keep_unwind: bool) -> Result<()> {
        let file = object::File::parse(unit.object.as_slice()).map_err(internal)?;
        self.check_file(&file)?;
        let copied = self.copy_sections(&file, keep_unwind)?;
        let symbols = self.copy_symbols(&file, &copied)?;
        for (index, copied) in &copied {
            let section = file.section_by_index(*index).map_err(internal)?;
            for (offset, relocation) in section.relocations() {
                let RelocationTarget::Symbol(symbol) = relocation.target() else {
                    return Err(internal(format!(
                        "relocation at {:#x} of {} has no symbol",
                        offset,
                        section.name().unwrap_or("?")
                    )));
                };
                if copied.placed.is_none() && names_exception_table(&file, symbol)? {
                    // Left out with what it names. The zero in its place says that there is none.
                    continue;
                }
                let (target, addend) = self.target(&file, &symbols, copied.id, symbol)?;
                self.relocations.push(Pending {
                    section: copied.id,
                    offset: copied.offset + offset,
                    target,
                    addend: relocation.addend().wrapping_add(addend),
                    flags: relocation.flags(),
                });
            }
        }
        let places: HashMap<SectionIndex, usize> = copied
            .iter()
            .filter_map(|(index, copied)| Some((*index, copied.placed?)))
            .collect();
        let space = CodeSpace::new(&file, &places);
        lines::read(&file, &space, &mut self.lines)?;
        self.unwind_rows.read(&file, &space, &mut self.handlers)?;
        self.inlined.read(&file, &space)?;
        self.stack_maps.read(&file, &space, &unit.sites)?;
        self.units += 1;
        Ok(())
    }

    fn check_file(&mut self, file: &object::File<'_>) -> Result<()> {
        if file.architecture() != self.object.architecture() {
            return Err(internal(format!(
                "unit {} is for {:?}, not {}",
                self.units,
                file.architecture(),
                self.architecture.name()
            )));
        }
        match self.object.flags {
            FileFlags::None => self.object.flags = file.flags(),
            flags if flags == file.flags() => {}
            flags => {
                return Err(internal(format!(
                    "unit {} has the flags {:?}, the ones before it {flags:?}",
                    self.units,
                    file.flags()
                )));
            }
        }
        Ok(())
    }

    /// Copies sections, in the order of the unit.
    fn copy_sections(
        &mut self,
        file: &object::File<'_>,
        keep_unwind: bool,
    ) -> Result<Vec<(SectionIndex, Copied)>> {
        let mut copied = Vec::new();
        let mut names: HashMap<String, usize> = HashMap::new();
        for section in file.sections() {
            let fate = fate(file, &section)?;
            match fate {
                Fate::Read | Fate::Dropped => continue,
                Fate::Unwind if !keep_unwind => continue,
                // LLVM makes an empty `.text` where the code is elsewhere.
                Fate::Code | Fate::Constants if section.size() == 0 => continue,
                Fate::Code | Fate::Constants | Fate::Unwind => {}
            }
            let data = section.data().map_err(internal)?;
            let align = section.align().max(1);
            if !align.is_power_of_two() {
                return Err(internal(format!("alignment {align} is no power of two")));
            }
            let (id, placed) = if fate == Fate::Unwind {
                let object = &mut self.object;
                let id = *self.unwind.get_or_insert_with(|| {
                    let id = add_section(object, ".eh_frame", elf::SHF_ALLOC);
                    object.section_mut(id).flags = copied_flags(&section);
                    id
                });
                (id, None)
            } else {
                let name = section.name().map_err(internal)?.trim_end_matches('.');
                let count = names.entry(name.to_owned()).or_default();
                let unique = match *count {
                    0 => format!("{name}.{}", self.units),
                    n => format!("{name}.{}.{n}", self.units),
                };
                *count += 1;
                let id = add_section(&mut self.object, &unique, elf::SHF_ALLOC);
                self.object.section_mut(id).flags = copied_flags(&section);
                self.is_code.push(fate == Fate::Code);
                (id, Some(self.is_code.len() - 1))
            };
            if placed.is_none() {
                // Records follow each other without a gap: zeros would end the table.
                let length =
                    u64::try_from(self.object.section(id).data().len()).map_err(internal)?;
                if !length.is_multiple_of(align) {
                    return Err(internal(format!(
                        "unwind tables of {length} bytes are not padded"
                    )));
                }
            }
            let offset = self.object.append_section_data(id, data, align);
            copied.push((section.index(), Copied { id, offset, placed }));
        }
        Ok(copied)
    }

    /// Copies the symbols that copied sections define. For each symbol of the unit, the answer has that of
    /// the merged object, and what to add to the addend of its relocations: sections may have moved.
    fn copy_symbols(
        &mut self,
        file: &object::File<'_>,
        copied: &[(SectionIndex, Copied)],
    ) -> Result<HashMap<SymbolIndex, (SymbolId, i64)>> {
        let places: HashMap<SectionIndex, Copied> = copied.iter().copied().collect();
        let mut symbols = HashMap::new();
        for symbol in file.symbols() {
            let name = symbol.name_bytes().map_err(internal)?;
            let Some(place) = symbol.section_index().and_then(|index| places.get(&index)) else {
                continue;
            };
            if symbol.kind() == SymbolKind::Section {
                let addend = i64::try_from(place.offset).map_err(internal)?;
                symbols.insert(
                    symbol.index(),
                    (self.object.section_symbol(place.id), addend),
                );
                continue;
            }
            let SymbolFlags::Elf { st_info, st_other } = symbol.flags() else {
                return Err(internal("a symbol has no ELF flags"));
            };
            let is_local = symbol.is_local() || self.binding == Binding::Local;
            let flags = if is_local {
                SymbolFlags::Elf {
                    st_info: elf::SymbolInfo::new(elf::STB_LOCAL, st_info.st_type()),
                    st_other: elf::SymbolOther(0),
                }
            } else {
                SymbolFlags::Elf { st_info, st_other }
            };
            let scope = if is_local {
                SymbolScope::Compilation
            } else {
                symbol.scope()
            };
            let id = self.object.add_symbol(Symbol {
                name: name.to_vec(),
                value: place.offset + symbol.address(),
                size: symbol.size(),
                kind: symbol.kind(),
                scope,
                weak: false,
                section: SymbolSection::Section(place.id),
                flags,
            });
            symbols.insert(symbol.index(), (id, 0));
            let Some(section) = place.placed else {
                continue;
            };
            let definition = Definition {
                symbol: id,
                section,
                offset: place.offset + symbol.address(),
                size: symbol.size(),
            };
            if symbol.is_local() {
                // Labels may repeat; functions that tables ask for do not.
                self.locals.entry(name.to_vec()).or_insert(definition);
            } else if self.definitions.insert(name.to_vec(), definition).is_some() {
                let name = String::from_utf8_lossy(name);
                return Err(internal(format!(
                    "unit {} defines {name} again",
                    self.units
                )));
            }
        }
        Ok(symbols)
    }

    /// What a relocation of a unit refers to, and what to add to its addend.
    fn target(
        &mut self,
        file: &object::File<'_>,
        symbols: &HashMap<SymbolIndex, (SymbolId, i64)>,
        from: SectionId,
        index: SymbolIndex,
    ) -> Result<(PendingTarget, i64)> {
        if let Some((id, addend)) = symbols.get(&index) {
            return Ok((PendingTarget::Known(*id), *addend));
        }
        let symbol = file.symbol_by_index(index).map_err(internal)?;
        let name = symbol.name_bytes().map_err(internal)?;
        if symbol.is_undefined() && !name.is_empty() {
            return Ok((PendingTarget::Global(name.to_vec()), 0));
        }
        Err(internal(format!(
            "{} refers to {} {:?}, which is left out",
            self.object.section(from).name().unwrap_or("?"),
            match symbol.kind() {
                SymbolKind::Section => "the section of symbol",
                _ => "the symbol",
            },
            String::from_utf8_lossy(name)
        )))
    }

    /// Resolves what is left, and ends the object.
    pub fn finish(mut self) -> Result<Merged> {
        let mut undefined: HashMap<Vec<u8>, SymbolId> = HashMap::new();
        let mut builtins: Vec<BuiltinId> = Vec::new();
        for pending in std::mem::take(&mut self.relocations) {
            let symbol = match pending.target {
                PendingTarget::Known(symbol) => symbol,
                PendingTarget::Global(name) => {
                    if let Some(definition) = self.definitions.get(&name) {
                        definition.symbol
                    } else if let Some(symbol) = undefined.get(&name) {
                        *symbol
                    } else {
                        let builtin = BuiltinId::from_symbol(&name).ok_or_else(|| {
                            internal(format!(
                                "no unit defines {}, and it is no builtin",
                                String::from_utf8_lossy(&name)
                            ))
                        })?;
                        builtins.push(builtin);
                        let symbol = add_undefined(&mut self.object, &name);
                        undefined.insert(name, symbol);
                        symbol
                    }
                }
            };
            let relocation = Relocation {
                offset: pending.offset,
                symbol,
                addend: pending.addend,
                flags: pending.flags,
            };
            self.object
                .add_relocation(pending.section, relocation)
                .map_err(internal)?;
        }
        builtins.sort_by_key(|id| *id as u8);
        let stack = add_section(&mut self.object, ".note.GNU-stack", elf::SectionFlags(0));
        self.object.section_mut(stack).set_data(Vec::new(), 1);
        Ok(Merged {
            object: self.object,
            is_code: self.is_code,
            builtins,
            lines: self.lines.finish(),
            unwind: self.unwind_rows,
            handlers: self.handlers,
            inlined: self.inlined.finish(),
            stack_maps: self.stack_maps,
            definitions: self.definitions,
            locals: self.locals,
        })
    }
}

impl Merged {
    /// Where a function, or any global symbol, is defined.
    pub fn definition(&self, name: &str) -> Option<Definition> {
        let name = name.as_bytes();
        self.definitions
            .get(name)
            .or_else(|| self.locals.get(name))
            .copied()
    }

    /// Adds a section behind the code.
    pub fn add_section(&mut self, name: &str, flags: elf::SectionFlags) -> SectionId {
        add_section(&mut self.object, name, flags)
    }

    /// The object's bytes.
    pub fn write(&self) -> Result<Vec<u8>> {
        self.object.write().map_err(internal)
    }
}

/// Is it a symbol that unwind tables name exception tables by, or who reads those?
fn names_exception_table(file: &object::File<'_>, symbol: SymbolIndex) -> Result<bool> {
    let symbol = file.symbol_by_index(symbol).map_err(internal)?;
    let Some(section) = symbol.section_index() else {
        return Ok(symbol.name_bytes() == Ok(PERSONALITY_SYMBOL.as_bytes()));
    };
    let section = file.section_by_index(section).map_err(internal)?;
    Ok(matches!(fate(file, &section)?, Fate::Read | Fate::Dropped))
}

fn add_section(object: &mut Object<'static>, name: &str, flags: elf::SectionFlags) -> SectionId {
    let id = object.add_section(
        Vec::new(),
        name.as_bytes().to_vec(),
        SectionKind::ReadOnlyData,
    );
    object.section_mut(id).flags = SectionFlags::Elf {
        sh_type: elf::SHT_PROGBITS,
        sh_flags: flags,
    };
    id
}

fn add_undefined(object: &mut Object<'static>, name: &[u8]) -> SymbolId {
    object.add_symbol(Symbol {
        name: name.to_vec(),
        value: 0,
        size: 0,
        kind: SymbolKind::Unknown,
        scope: SymbolScope::Unknown,
        weak: false,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    })
}
