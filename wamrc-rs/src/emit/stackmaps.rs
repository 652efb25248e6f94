//! LLVM's stack maps, which become the frame map.
//!
//! Each call with an operand bundle has a record: the offset of its return address, and where each operand
//! is while the callee runs. Three locations of bookkeeping come first (calling convention, flags,
//! number of operands), then the bundle: for each frame, the caller's before that of what was inlined
//! into it, the number of its site and a value for each slot that the site shows.
//!
//! Format: LLVM, "Stack maps and patch points", version 3.

use std::collections::{BTreeMap, HashMap};

use gimli::{EndianSlice, LittleEndian, Reader};
use wamr_aot_loader::format::framemap::{
    self, FrameValues, Location, Record, RecordFrame, Site, SiteKind,
};
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::layout::SLOT_SIZE;

use super::dwarf::CodeSpace;
use super::internal;
use super::merge::Definition;
use crate::error::Result;
use crate::frame::{self, SiteInfo};
use crate::target::Architecture;

/// Version of LLVM's stack maps.
const VERSION: u8 = 3;
/// Locations ahead of a bundle's.
const BOOKKEEPING: usize = 3;
/// What stands for an operand without a value, `undef` or `poison`: a constant that does not fit into
/// 32 bits with a sign.
const UNDEFINED: u64 = 0xfefe_fefe;

/// Commit points and records of all units.
#[derive(Clone, Debug, Default)]
pub(super) struct StackMaps {
    sites: BTreeMap<Key, Site>,
    /// By section of the merged object and offset in it.
    functions: HashMap<(usize, u64), Vec<MapRecord>>,
}

/// What a site is known by.
type Key = (u32, SiteKind);

/// A record, before sites have numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MapRecord {
    return_offset: u32,
    /// Outermost first.
    frames: Vec<(Key, FrameValues)>,
}

impl StackMaps {
    /// Adds a unit: its sites, and its stack maps if it has any.
    pub fn read(
        &mut self,
        file: &object::File<'_>,
        space: &CodeSpace,
        sites: &[SiteInfo],
    ) -> Result<()> {
        for info in sites {
            let site = site(info);
            let known = self.sites.entry((site.ip, site.kind));
            let known = known.or_insert_with(|| site.clone());
            if *known != site {
                return Err(internal(format!(
                    "the {} at {:#x} shows different slots in different units",
                    site.kind.name(),
                    site.ip
                )));
            }
        }
        let bytes = space.read(file, ".llvm_stackmaps")?;
        let mut reader = EndianSlice::new(&bytes, LittleEndian);
        // Units that were linked together would have a table after the other.
        while !reader.is_empty() {
            self.read_table(&mut reader, space, sites)
                .map_err(|error| internal(format!(".llvm_stackmaps: {error}")))?;
        }
        Ok(())
    }

    fn read_table(
        &mut self,
        reader: &mut EndianSlice<'_, LittleEndian>,
        space: &CodeSpace,
        sites: &[SiteInfo],
    ) -> Result<()> {
        let version = reader.read_u8().map_err(internal)?;
        if version != VERSION {
            return Err(internal(format!("version {version}, not {VERSION}")));
        }
        reader.skip(3).map_err(internal)?;
        let function_count = reader.read_u32().map_err(internal)?;
        let constant_count = reader.read_u32().map_err(internal)?;
        reader.read_u32().map_err(internal)?;
        let mut functions = Vec::new();
        for _ in 0..function_count {
            let address = reader.read_u64().map_err(internal)?;
            reader.skip(8).map_err(internal)?;
            let records = reader.read_u64().map_err(internal)?;
            let place = space
                .place(address)
                .ok_or_else(|| internal(format!("no code at {address:#x}")))?;
            functions.push((place, records));
        }
        let mut constants = Vec::new();
        for _ in 0..constant_count {
            constants.push(reader.read_u64().map_err(internal)?);
        }
        for (place, count) in functions {
            let records = self.functions.entry(place).or_default();
            for _ in 0..count {
                records.push(read_record(reader, &constants, sites)?);
            }
        }
        Ok(())
    }

    /// The table, for defined functions with these definitions.
    pub fn encode(
        &self,
        architecture: Architecture,
        functions: &[Option<Definition>],
    ) -> Result<Vec<u8>> {
        let numbers: HashMap<Key, u32> = self.sites.keys().copied().zip(0..).collect();
        let sites: Vec<Site> = self.sites.values().cloned().collect();
        let mut used = 0;
        let mut entries = Vec::with_capacity(functions.len());
        for function in functions {
            let place = function.map(|function| (function.section, function.offset));
            let records = place.and_then(|place| self.functions.get(&place));
            used += usize::from(records.is_some());
            entries.push(match records {
                Some(records) => number(records, &numbers, zero_register(architecture))?,
                None => Vec::new(),
            });
        }
        if used != self.functions.len() {
            return Err(internal(format!(
                "stack maps of {} functions, of which {used} are known",
                self.functions.len()
            )));
        }
        if self.functions.is_empty() {
            entries.clear();
        }
        Ok(framemap::encode(
            stack_pointer(architecture),
            &sites,
            &entries,
        ))
    }
}

/// Puts the records of a function in order and numbers their sites. What is in the `zero` register is a constant.
fn number(
    records: &[MapRecord],
    numbers: &HashMap<Key, u32>,
    zero: Option<u8>,
) -> Result<Vec<Record>> {
    let mut records: Vec<&MapRecord> = records.iter().collect();
    records.sort_by_key(|record| record.return_offset);
    records.dedup();
    if let Some(two) = records
        .windows(2)
        .find(|two| two[0].return_offset == two[1].return_offset)
    {
        return Err(internal(format!(
            "two different stack maps for return offset {:#x}",
            two[0].return_offset
        )));
    }
    let number = |(key, values): &(Key, FrameValues)| {
        let site = numbers.get(key).copied();
        Ok(RecordFrame {
            site: site.ok_or_else(|| internal("a stack map without a site"))?,
            values: match values {
                FrameValues::Each(locations) => FrameValues::Each(
                    (locations.iter())
                        .map(|location| match *location {
                            Location::Register(register) if Some(register) == zero => {
                                Location::Constant(0)
                            }
                            location => location,
                        })
                        .collect(),
                ),
                values => values.clone(),
            },
        })
    };
    let records = records.into_iter().map(|record| {
        Ok(Record {
            return_offset: record.return_offset,
            frames: record.frames.iter().map(number).collect::<Result<_>>()?,
        })
    });
    records.collect()
}

/// The DWARF number of an architecture's stack pointer.
fn stack_pointer(architecture: Architecture) -> u8 {
    match architecture {
        Architecture::X86_64 => 7,
        Architecture::Aarch64 => 31,
        Architecture::Riscv64 | Architecture::Riscv32 => 2,
    }
}

/// The DWARF number of the register that always is 0, where there is one: LLVM may name it in the place of one that it was
/// copied to. On AArch64 the stack pointer has the same number, which is never a value itself.
fn zero_register(architecture: Architecture) -> Option<u8> {
    match architecture {
        Architecture::X86_64 => None,
        Architecture::Aarch64 => Some(31),
        Architecture::Riscv64 | Architecture::Riscv32 => Some(0),
    }
}

/// A site as the table describes it: slots of 8 bytes.
fn site(info: &SiteInfo) -> Site {
    let mut locals = Vec::new();
    let mut operands = Vec::new();
    for slot in &info.slots {
        if slot.is_operand {
            operands.push(slot.ty);
        } else {
            locals.extend(slot.slot..slot.slot.saturating_add(slot.ty.slots()));
        }
    }
    Site {
        ip: info.ip,
        kind: match info.kind {
            frame::SiteKind::Call => SiteKind::Call,
            frame::SiteKind::Trap => SiteKind::Trap,
            frame::SiteKind::Poll => SiteKind::Poll,
        },
        is_available: info.available,
        locals,
        operands,
    }
}

/// A location as LLVM writes it.
#[derive(Clone, Copy, Debug)]
enum RawLocation {
    Register(u8),
    /// The value is an address in the frame.
    Direct {
        register: u8,
        offset: i32,
    },
    /// The value is in memory.
    Indirect {
        register: u8,
        offset: i32,
    },
    Constant(i64),
    /// It has no value.
    Undefined,
}

fn read_location(
    reader: &mut EndianSlice<'_, LittleEndian>,
    constants: &[u64],
) -> Result<RawLocation> {
    let kind = reader.read_u8().map_err(internal)?;
    reader.skip(1).map_err(internal)?;
    let size = reader.read_u16().map_err(internal)?;
    let register = reader.read_u16().map_err(internal)?;
    reader.skip(2).map_err(internal)?;
    let offset = reader.read_i32().map_err(internal)?;
    let dwarf =
        || u8::try_from(register).map_err(|_| internal(format!("a value in register {register}")));
    Ok(match kind {
        1 if offset == 0 => RawLocation::Register(dwarf()?),
        2 => RawLocation::Direct {
            register: dwarf()?,
            offset,
        },
        3 => RawLocation::Indirect {
            register: dwarf()?,
            offset,
        },
        4 => RawLocation::Constant(offset.into()),
        5 => {
            let index = usize::try_from(offset).ok();
            match index.and_then(|index| constants.get(index)) {
                Some(&UNDEFINED) => RawLocation::Undefined,
                Some(constant) => RawLocation::Constant(constant.cast_signed()),
                None => return Err(internal(format!("there is no constant {offset}"))),
            }
        }
        _ => {
            return Err(internal(format!(
                "a location of kind {kind}, {size} bytes, register {register}, offset {offset}"
            )));
        }
    })
}

/// Where the value of a slot is.
fn location(raw: RawLocation) -> Location {
    match raw {
        RawLocation::Register(register) => Location::Register(register),
        // The address of a place that was made for the slot, which stands for what is in it.
        RawLocation::Direct { register, offset } | RawLocation::Indirect { register, offset } => {
            Location::Memory { register, offset }
        }
        RawLocation::Constant(value) => Location::Constant(value),
        RawLocation::Undefined => Location::Unavailable,
    }
}

/// Where the halves of a vector are, whose home's address is the operand.
fn halves(raw: RawLocation) -> [Location; 2] {
    let (register, offset) = match raw {
        RawLocation::Register(register) => (register, 0),
        RawLocation::Direct { register, offset } => (register, offset),
        RawLocation::Indirect { .. } | RawLocation::Constant(_) | RawLocation::Undefined => {
            return [Location::Unavailable; 2];
        }
    };
    [0, SLOT_SIZE].map(|half| match offset.checked_add_unsigned(half) {
        Some(offset) => Location::Memory { register, offset },
        None => Location::Unavailable,
    })
}

fn read_record(
    reader: &mut EndianSlice<'_, LittleEndian>,
    constants: &[u64],
    sites: &[SiteInfo],
) -> Result<MapRecord> {
    let start = reader.len();
    reader.skip(8).map_err(internal)?;
    let return_offset = reader.read_u32().map_err(internal)?;
    reader.skip(2).map_err(internal)?;
    let count = reader.read_u16().map_err(internal)?;
    let mut locations = Vec::with_capacity(count.into());
    for _ in 0..count {
        locations.push(read_location(reader, constants)?);
    }
    align(reader, start)?;
    reader.skip(2).map_err(internal)?;
    let live_outs = usize::from(reader.read_u16().map_err(internal)?);
    reader.skip(4 * live_outs).map_err(internal)?;
    align(reader, start)?;

    let wrong = |what: &str| internal(format!("the record of {return_offset:#x} {what}"));
    let bundle = match locations.get(..BOOKKEEPING) {
        Some(&[_, _, RawLocation::Constant(operands)]) => usize::try_from(operands)
            .ok()
            .and_then(|operands| locations[BOOKKEEPING..].get(..operands)),
        _ => None,
    };
    let mut bundle = bundle
        .ok_or_else(|| wrong("has no bundle"))?
        .iter()
        .copied();
    let mut frames = Vec::new();
    while let Some(first) = bundle.next() {
        let info = match first {
            RawLocation::Constant(number) => usize::try_from(number)
                .ok()
                .and_then(|number| sites.get(number)),
            _ => None,
        };
        let info = info.ok_or_else(|| wrong("has no site"))?;
        frames.push(read_frame(info, &mut bundle).ok_or_else(|| wrong("ends too early"))?);
    }
    if frames.is_empty() {
        return Err(wrong("has no frame"));
    }
    Ok(MapRecord {
        return_offset,
        frames,
    })
}

/// Takes the operands of a site.
fn read_frame(
    info: &SiteInfo,
    bundle: &mut impl Iterator<Item = RawLocation>,
) -> Option<(Key, FrameValues)> {
    let site = site(info);
    let values = if info.in_memory {
        // Operands' slots are counted from the first of them.
        let first_operand = info.slots.iter().find(|slot| slot.is_operand);
        let locals = first_operand.map_or(0, |slot| slot.slot);
        match bundle.next()? {
            RawLocation::Direct { register, offset } => FrameValues::Home {
                register,
                offset,
                locals,
            },
            RawLocation::Register(register) => FrameValues::Home {
                register,
                offset: 0,
                locals,
            },
            RawLocation::Indirect { .. } | RawLocation::Constant(_) | RawLocation::Undefined => {
                FrameValues::None
            }
        }
    } else if info.available {
        let mut locations = Vec::new();
        for slot in &info.slots {
            let raw = bundle.next()?;
            if slot.ty == ValType::V128 {
                locations.extend(halves(raw));
            } else {
                locations.push(location(raw));
            }
        }
        FrameValues::Each(locations)
    } else {
        FrameValues::None
    };
    Some(((site.ip, site.kind), values))
}

/// Goes on at the next multiple of 8 bytes: records are aligned, and so is what their parts fill.
fn align(reader: &mut EndianSlice<'_, LittleEndian>, start: usize) -> Result<()> {
    let read = start.saturating_sub(reader.len());
    reader
        .skip(read.next_multiple_of(8) - read)
        .map_err(internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_zero_register_is_a_constant() {
        let key = (1, SiteKind::Call);
        let records = [MapRecord {
            return_offset: 4,
            frames: vec![(
                key,
                FrameValues::Each(vec![Location::Register(31), Location::Register(0)]),
            )],
        }];
        for (architecture, expected) in [
            (
                Architecture::X86_64,
                [Location::Register(31), Location::Register(0)],
            ),
            (
                Architecture::Aarch64,
                [Location::Constant(0), Location::Register(0)],
            ),
            (
                Architecture::Riscv64,
                [Location::Register(31), Location::Constant(0)],
            ),
        ] {
            let zero = zero_register(architecture);
            let numbered = number(&records, &HashMap::from([(key, 0)]), zero).expect("it is known");
            let FrameValues::Each(found) = &numbered[0].frames[0].values else {
                panic!("{numbered:?}");
            };
            assert_eq!(found[..], expected, "{architecture:?}");
        }
    }
}
