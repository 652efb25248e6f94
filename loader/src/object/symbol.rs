//! Symbols and relocations of an object, checked before any memory is asked for.

use super::section::{Role, Table, classify, short_name};
use super::{Layout, Sections};
use crate::builtins::{BUILTINS, BuiltinId};
use crate::elf::{Elf, Rela, SectionHeader, Symbol, rela_size, symbol_size};
use crate::error::{Error, Name, Refusal, Refused};
use crate::format::{builtins_table::BuiltinSet, target::Machine};
use crate::layout::PointerWidth;
use crate::relocate::{self, Kind, RelocationError};
use crate::word::{self, Word, wide, word};
use goblin::elf64::section_header::{SHN_ABS, SHN_LORESERVE, SHT_RELA, SHT_STRTAB};
use goblin::elf64::sym::{
    STB_GLOBAL, STB_LOCAL, STT_FILE, STT_FUNC, STT_NOTYPE, STT_OBJECT, STT_SECTION,
};

/// Number of entries of a table, whose size is a multiple of `entry`.
fn entry_count(
    index: u32,
    header: &SectionHeader,
    entry: usize,
    refusal: &Refusal,
) -> Result<u32, Refused> {
    let entry = word::size(entry);
    let whole = header.entry_size == entry && header.size.is_multiple_of(entry);
    let count = header.size.checked_div(entry).unwrap_or(0);
    match u32::try_from(wide(count)) {
        Ok(count) if whole => Ok(count),
        _ => Err(refusal.note(Error::EntrySize {
            section: index,
            expected: wide(entry),
            found: wide(header.entry_size),
            size: wide(header.size),
        })),
    }
}

/// The symbol table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbols<'a> {
    width: PointerWidth,
    table: &'a [u8],
    names: &'a [u8],
    count: u32,
}

impl<'a> Symbols<'a> {
    /// Finds the table and its names.
    pub fn parse(
        elf: &Elf<'a>,
        width: PointerWidth,
        index: u32,
        refusal: &Refusal,
    ) -> Result<Self, Refused> {
        let missing = || refusal.note(Error::SymbolTable { section: index });
        let header = elf.section(index).ok_or_else(missing)?;
        let count = entry_count(index, &header, symbol_size(width), refusal)?;
        let names = elf
            .section(header.link)
            .filter(|names| names.ty == SHT_STRTAB)
            .ok_or_else(missing)?;
        Ok(Symbols {
            width,
            table: elf.data(index, &header, refusal)?,
            names: elf.strings(header.link, &names, refusal)?,
            count,
        })
    }

    pub fn get(&self, index: u32) -> Option<Symbol> {
        Symbol::read(self.table, self.width, index)
    }

    /// The symbol's name and all that follows it in the name table.
    fn name(&self, symbol: &Symbol) -> Option<&'a [u8]> {
        self.names.get(usize::try_from(symbol.name).ok()?..)
    }

    /// The symbol's name, cut to what errors keep.
    fn short_name(&self, symbol: &Symbol) -> Name {
        self.name(symbol).map_or(Name::new(b"?"), short_name)
    }

    /// The builtin that an undefined symbol stands for.
    pub fn builtin(&self, symbol: &Symbol) -> Option<BuiltinId> {
        let rest = self.name(symbol)?;
        // Names are compared up to the longest builtin's, so that the cost does not depend on the
        // file.
        const LONGEST: usize = {
            let mut longest = 0;
            let mut i = 0;
            while i < BUILTINS.len() {
                if BUILTINS[i].symbol.len() > longest {
                    longest = BUILTINS[i].symbol.len();
                }
                i += 1;
            }
            longest
        };
        let start = rest.get(..=LONGEST).unwrap_or(rest);
        let end = start.iter().position(|byte| *byte == 0)?;
        BuiltinId::from_symbol(start.get(..end)?)
    }

    /// Checks every symbol against what is allowed.
    pub fn check(
        &self,
        layout: &Layout<'_>,
        builtins: BuiltinSet,
        refusal: &Refusal,
    ) -> Result<(), Refused> {
        for index in 1..self.count {
            let Some(symbol) = self.get(index) else { break };
            self.check_symbol(index, &symbol, layout, builtins, refusal)?;
        }
        Ok(())
    }

    fn check_symbol(
        &self,
        index: u32,
        symbol: &Symbol,
        layout: &Layout<'_>,
        builtins: BuiltinSet,
        refusal: &Refusal,
    ) -> Result<(), Refused> {
        let (ty, binding) = (symbol.ty(), symbol.binding());
        if self.name(symbol).is_none() {
            return Err(refusal.note(Error::SymbolName {
                symbol: index,
                offset: symbol.name,
            }));
        }
        let section = u32::from(symbol.section);
        let kind_is_known = matches!(ty, STT_NOTYPE | STT_OBJECT | STT_FUNC | STT_SECTION | STT_FILE)
            && matches!(binding, STB_LOCAL | STB_GLOBAL)
            && (section < SHN_LORESERVE || section == SHN_ABS)
            // Only the file name is outside all sections.
            && (section == SHN_ABS) == (ty == STT_FILE);
        if !kind_is_known {
            return Err(refusal.note(Error::SymbolKind {
                symbol: index,
                name: self.short_name(symbol),
                ty,
                binding,
                section: symbol.section,
            }));
        }
        if ty == STT_FILE {
            return Ok(());
        }
        if symbol.is_undefined() {
            let name = || self.short_name(symbol);
            let builtin = self.builtin(symbol).filter(|_| binding == STB_GLOBAL);
            let builtin =
                builtin.ok_or_else(|| refusal.note(Error::UndefinedSymbol { name: name() }))?;
            if !builtins.contains(builtin) {
                return Err(refusal.note(Error::BuiltinNotListed {
                    name: builtin.builtin().symbol,
                }));
            }
            return Ok(());
        }
        let inside = match layout.elf.section(section) {
            Some(header) if section < layout.elf.section_count() => symbol
                .value
                .checked_add(symbol.size)
                .is_some_and(|end| end <= header.size),
            _ => false,
        };
        if inside {
            Ok(())
        } else {
            Err(refusal.note(Error::SymbolOutOfSection {
                symbol: index,
                name: self.short_name(symbol),
                section,
                value: wide(symbol.value),
                size: wide(symbol.size),
            }))
        }
    }
}

/// The relocations of one section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relocations<'a> {
    width: PointerWidth,
    table: &'a [u8],
    count: u32,
}

impl<'a> Relocations<'a> {
    /// The relocations of section `target`: their header follows the section's.
    pub fn of(
        elf: &Elf<'a>,
        width: PointerWidth,
        target: u32,
        refusal: &Refusal,
    ) -> Result<Self, Refused> {
        let mut relocations = Relocations {
            width,
            table: &[],
            count: 0,
        };
        let index = target.saturating_add(1);
        if let Some(header) = elf.section(index)
            && header.ty == SHT_RELA
        {
            relocations.table = elf.data(index, &header, refusal)?;
            relocations.count = entry_count(index, &header, rela_size(width), refusal)?;
        }
        Ok(relocations)
    }

    pub fn count(&self) -> u32 {
        self.count
    }

    pub fn get(&self, index: u32) -> Option<Rela> {
        Rela::read(self.table, self.width, index)
    }

    pub fn iter(&self) -> impl Iterator<Item = Rela> + use<'a> {
        let relocations = *self;
        (0..self.count).map_while(move |index| relocations.get(index))
    }

    /// The high part of a RISC-V address at `offset` of the section. Needs sorted relocations.
    pub fn high_part(&self, offset: Word) -> Option<Rela> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle)?.offset < offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        // A place may have several relocations, but only a few: `check_target` allows four.
        (low..self.count)
            .map_while(|index| self.get(index))
            .take_while(|rela| rela.offset == offset)
            .find(|rela| relocate::riscv::is_high_part(rela.ty))
    }
}

/// Most relocations that one place can have where they are sorted.
const MAX_AT_ONE_PLACE: u32 = 4;

/// Checks a relocation section, and the relocations in it if its target is loaded.
pub(crate) fn check_relocations(
    layout: &Layout<'_>,
    sections: &Sections,
    symbols: &Symbols<'_>,
    index: u32,
    header: &SectionHeader,
    refusal: &Refusal,
) -> Result<(), Refused> {
    let target = index.wrapping_sub(1);
    if header.link != sections.symbols || header.info != target || target == 0 {
        return Err(refusal.note(Error::RelocationSection {
            section: index,
            target: header.info,
            symbols: header.link,
        }));
    }
    let Some(target_header) = layout.elf.section(target) else {
        return Ok(());
    };
    let role = classify(&layout.elf, layout.machine, target, &target_header, refusal)?;
    match role {
        Role::Code | Role::ReadOnly | Role::Table(Table::Code) => {}
        Role::Ignored => return Ok(()),
        _ => return Err(refusal.note(Error::RelocationTarget { section: target })),
    }
    let relocations = Relocations::of(&layout.elf, layout.width, target, refusal)?;
    let mut previous = (0, 0u32);
    for rela in relocations.iter() {
        let mut result = check_relocation(layout, symbols, role, &target_header, &rela, refusal);
        if layout.machine == Machine::Riscv && result.is_ok() {
            let here = if rela.offset == previous.0 {
                previous.1
            } else {
                0
            };
            if rela.offset < previous.0 || here >= MAX_AT_ONE_PLACE {
                result = Err(RelocationError::Order);
            }
            previous = (rela.offset, here + 1);
        }
        result.map_err(|error| {
            refusal.note(Error::Relocation {
                machine: layout.machine,
                section: target,
                offset: wide(rela.offset),
                ty: rela.ty,
                error,
            })
        })?;
    }
    Ok(())
}

fn check_relocation(
    layout: &Layout<'_>,
    symbols: &Symbols<'_>,
    role: Role,
    target: &SectionHeader,
    rela: &Rela,
    refusal: &Refusal,
) -> Result<(), RelocationError> {
    let shape = relocate::shape(layout.machine, layout.width, rela.ty)?;
    let end = rela.offset.checked_add(shape.size.into());
    if end.is_none_or(|end| end > target.size) {
        return Err(RelocationError::Place);
    }
    if shape.kind == Kind::None {
        return Ok(());
    }
    let no_symbol = RelocationError::Symbol {
        symbol: rela.symbol,
    };
    let symbol = symbols
        .get(rela.symbol)
        .filter(|symbol| rela.symbol != 0 && symbol.ty() != STT_FILE)
        .ok_or(no_symbol)?;
    let symbol_role = if symbol.is_undefined() {
        None
    } else {
        let section = u32::from(symbol.section);
        let header = layout.elf.section(section).ok_or(no_symbol)?;
        // What it refuses was refused before.
        let role = classify(&layout.elf, layout.machine, section, &header, refusal);
        Some(role.ok().filter(|role| role.is_loaded()).ok_or(no_symbol)?)
    };
    match shape.kind {
        Kind::Got if symbol_role.is_some() => return Err(RelocationError::Got),
        Kind::PcrelLow if symbol_role != Some(Role::Code) => return Err(no_symbol),
        _ => {}
    }
    let width = word(layout.width.bytes());
    let is_address_table = role == Role::Table(Table::Code);
    let is_address = shape.kind == Kind::Pointer
        && symbol_role == Some(Role::Code)
        && rela.offset.is_multiple_of(width);
    if is_address_table && !is_address {
        return Err(RelocationError::AddressTable);
    }
    Ok(())
}
