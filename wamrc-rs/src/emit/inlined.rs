//! Which code was inlined where: from `.debug_info` to the call sites of the trap table.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use gimli::{DebuggingInformationEntry, Dwarf, EndianSlice, LittleEndian, Unit, UnitOffset};
use object::read::Object as _;

use super::dwarf::CodeSpace;
use super::internal;
use crate::error::Result;

type Slice<'a> = EndianSlice<'a, LittleEndian>;
type Entry<'a> = DebuggingInformationEntry<Slice<'a>>;

/// Code of a function that was inlined somewhere.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Symbol of the function.
    pub symbol: Arc<str>,
    /// Wasm offset of the call that was inlined; 0 for unknown.
    pub call: u32,
    /// The scope that the call is in, by number, if it was inlined itself.
    pub parent: Option<usize>,
}

/// Machine code of a scope, including that of the scopes inside it.
#[derive(Clone, Copy, Debug)]
struct Range {
    section: usize,
    start: u64,
    end: u64,
    /// How many scopes are around this one.
    depth: usize,
    scope: usize,
}

/// Inlined code of all units.
#[derive(Clone, Debug, Default)]
pub(super) struct Inlined {
    scopes: Vec<Scope>,
    ranges: Vec<Range>,
}

fn wrong(error: impl std::fmt::Display) -> crate::Error {
    internal(format!(".debug_info: {error}"))
}

impl Inlined {
    /// Reads the debug information of a unit. LLVM writes none where nothing was inlined.
    pub fn read(&mut self, file: &object::File<'_>, space: &CodeSpace) -> Result<()> {
        if file.section_by_name(".debug_info").is_none() {
            return Ok(());
        }
        let sections = gimli::DwarfSections::load(|id| space.read(file, id.name()))?;
        let dwarf = sections.borrow(|bytes| EndianSlice::new(bytes, LittleEndian));
        let mut units = dwarf.units();
        while let Some(header) = units.next().map_err(wrong)? {
            let unit = dwarf.unit(header).map_err(wrong)?;
            let mut reader = Reader {
                dwarf: &dwarf,
                unit: &unit,
                space,
                symbols: HashMap::new(),
                out: self,
            };
            reader.read()?;
        }
        Ok(())
    }

    /// Sorts what was read, once all is there.
    pub fn finish(mut self) -> Self {
        self.ranges
            .sort_by_key(|range| (range.section, range.start, range.depth, range.scope));
        self
    }

    /// A scope, by its number.
    pub fn scope(&self, number: usize) -> Option<&Scope> {
        self.scopes.get(number)
    }

    /// The innermost scope at each place of the `size` bytes at `offset` of a section: scopes by
    /// where they start to hold, counted from `offset`.
    pub fn innermost(
        &self,
        section: usize,
        offset: u64,
        size: u64,
    ) -> BTreeMap<u64, Option<usize>> {
        let start = |range: &Range| (range.section, range.start);
        let first = self
            .ranges
            .partition_point(|range| start(range) < (section, offset));
        let inside = self.ranges[first..]
            .iter()
            .take_while(|range| start(range) < (section, offset + size));
        let mut inside: Vec<_> = inside.collect();
        // Inner scopes over outer ones.
        inside.sort_by_key(|range| range.depth);
        let mut map = BTreeMap::from([(0, None)]);
        for range in inside {
            let (from, to) = (
                range.start - offset,
                range.end.saturating_sub(offset).min(size),
            );
            let after = map.range(..=to).next_back().and_then(|(_, scope)| *scope);
            let covered: Vec<u64> = map.range(from..to).map(|(at, _)| *at).collect();
            for at in covered {
                map.remove(&at);
            }
            map.insert(from, Some(range.scope));
            if to < size {
                map.insert(to, after);
            }
        }
        map
    }
}

/// Reads one unit of debug information.
struct Reader<'a, 'data> {
    dwarf: &'a Dwarf<Slice<'data>>,
    unit: &'a Unit<Slice<'data>>,
    space: &'a CodeSpace,
    /// Symbols of the functions, by where they are described.
    symbols: HashMap<UnitOffset, Arc<str>>,
    out: &'a mut Inlined,
}

impl<'data> Reader<'_, 'data> {
    fn read(&mut self) -> Result<()> {
        // Scopes around the current entry, each with the depth of its entry in the tree.
        let mut around: Vec<(isize, usize)> = Vec::new();
        let mut entries = self.unit.entries();
        while let Some(entry) = entries.next_dfs().map_err(wrong)? {
            let depth = entry.depth();
            while around.last().is_some_and(|(outer, _)| *outer >= depth) {
                around.pop();
            }
            if entry.tag() == gimli::DW_TAG_inlined_subroutine {
                let parent = around.last().map(|(_, scope)| *scope);
                let scope = self.scope(entry, parent, around.len())?;
                around.push((depth, scope));
            }
        }
        Ok(())
    }

    /// Adds a scope and its code.
    fn scope(
        &mut self,
        entry: &Entry<'data>,
        parent: Option<usize>,
        depth: usize,
    ) -> Result<usize> {
        let call = match entry.attr_value(gimli::DW_AT_call_line) {
            Some(value) => value
                .udata_value()
                .ok_or_else(|| wrong("a call line is no number"))?,
            None => 0,
        };
        let scope = self.out.scopes.len();
        let symbol = self.symbol(entry)?;
        self.out.scopes.push(Scope {
            symbol,
            call: u32::try_from(call).map_err(internal)?,
            parent,
        });
        let mut ranges = self.dwarf.die_ranges(self.unit, entry).map_err(wrong)?;
        while let Some(range) = ranges.next().map_err(wrong)? {
            let (section, start) = self
                .space
                .place(range.begin)
                .ok_or_else(|| wrong(format!("no code at {:#x}", range.begin)))?;
            self.out.ranges.push(Range {
                section,
                start,
                end: start + range.end.saturating_sub(range.begin),
                depth,
                scope,
            });
        }
        Ok(scope)
    }

    /// Symbol of the function that an inlined copy is of.
    fn symbol(&mut self, entry: &Entry<'data>) -> Result<Arc<str>> {
        let origin = match entry.attr_value(gimli::DW_AT_abstract_origin) {
            Some(gimli::AttributeValue::UnitRef(offset)) => offset,
            _ => return Err(wrong("inlined code of no function")),
        };
        if let Some(symbol) = self.symbols.get(&origin) {
            return Ok(symbol.clone());
        }
        let function = self.unit.entry(origin).map_err(wrong)?;
        let name = function
            .attr_value(gimli::DW_AT_linkage_name)
            .or_else(|| function.attr_value(gimli::DW_AT_name))
            .ok_or_else(|| wrong("a function without a name"))?;
        let name = self.dwarf.attr_string(self.unit, name).map_err(wrong)?;
        let symbol: Arc<str> = name.to_string_lossy().into();
        self.symbols.insert(origin, symbol.clone());
        Ok(symbol)
    }
}
