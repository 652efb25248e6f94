//! A linked object.

use super::CodeMemory;
use super::plan::{Places, Plan};
use crate::error::{Error, Refusal, Refused};
use crate::format::{
    framemap::FrameMapView,
    frames::FramesView,
    handlers::HandlersView,
    header::{Header, Host},
    linked::LinkedObject,
    list::Numbers,
    module::{Imported, ModuleView},
    names::NamesView,
    order,
    traps::TrapsView,
    unwind::UnwindView,
};
use crate::layout::PointerWidth;
use crate::object::section::{Role, Table};
use crate::object::{Object, check_tables, classify};
use crate::word::{self, Word, wide, word};
use core::ops::Range;

/// An object in code memory, ready to run. It owns its memory and needs the file no longer. Or an object
/// that is part of the program; of such a one there is nothing in the memory.
#[derive(Debug)]
pub struct Image<M> {
    memory: M,
    parts: Parts,
}

/// Where a table is.
#[derive(Clone, Debug)]
enum Place {
    /// In code memory.
    Memory(Range<usize>),
    /// In the program.
    Program(&'static [u8]),
}

/// Where everything is in the image.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    header: Header,
    /// Number of sections of the object, and where each is. There are none once it is part of the program.
    sections: Option<(u32, Places)>,
    /// Addresses of the code, stubs included.
    code: Range<usize>,
    module: Place,
    data: Place,
    addresses: Place,
    frames: Place,
    traps: Place,
    order: Place,
    unwind: Place,
    handlers: Option<Place>,
    frame_map: Option<Place>,
    names: Option<Place>,
    imported: Imported,
}

/// Pointer-sized address `index` of the address table.
fn address(table: &[u8], index: u32, width: PointerWidth) -> Option<Word> {
    let start = usize::try_from(index).ok()?;
    let start = start.checked_mul(width as usize)?;
    let bytes = table.get(start..)?;
    Some(match width.only() {
        PointerWidth::Four => word(u32::from_le_bytes(*bytes.first_chunk()?)),
        PointerWidth::Eight => word(u64::from_le_bytes(*bytes.first_chunk()?)),
    })
}

/// Code entries, in the order that the object gives, ascend and do not overlap, and `check` has nothing
/// against the place of any. An entry has an address if and only if it has code. Returns where the code
/// is.
fn check_entries(
    order: Numbers<'_>,
    unwind: &UnwindView<'_>,
    addresses: &[u8],
    width: PointerWidth,
    check: &mut dyn FnMut(&Range<Word>) -> Result<bool, Refused>,
    refusal: &Refusal,
) -> Result<Range<Word>, Refused> {
    let mut code: Option<Range<Word>> = None;
    let mut ordered = 0u32;
    for entry in order.iter() {
        let start = address(addresses, entry, width).unwrap_or(0);
        let size = unwind.code_size(entry);
        let outside = || {
            refusal.note(Error::CodePlace {
                entry,
                address: wide(start),
            })
        };
        let place = start..start.checked_add(word(size)).ok_or_else(outside)?;
        if size == 0 {
            return Err(outside());
        }
        if code.as_ref().is_some_and(|code| start < code.end) {
            return Err(refusal.note(Error::CodeOrder {
                entry,
                address: wide(start),
            }));
        }
        if !check(&place)? {
            return Err(outside());
        }
        code = Some(code.map_or(place.start, |code| code.start)..place.end);
        ordered = ordered.saturating_add(1);
    }
    // As many entries are ordered as have code, and each once; so the others must have no address.
    let with_address = (0..unwind.len())
        .filter(|entry| address(addresses, *entry, width) != Some(0))
        .count();
    if usize::try_from(ordered) == Ok(with_address) {
        Ok(code.unwrap_or(0..0))
    } else {
        Err(refusal.note(Error::AddressCount {
            expected: ordered,
            found: with_address,
        }))
    }
}

impl Parts {
    /// Finds the tables of a relocated image, and checks its addresses.
    pub fn check(
        object: &Object<'_>,
        plan: &Plan,
        base: Word,
        image: &[u8],
        refusal: &Refusal,
    ) -> Result<Self, Refused> {
        let range = |table: Table| {
            plan.table(object, image, table)
                .ok_or_else(|| refusal.note(Error::SectionMissing { name: table.name() }))
        };
        let table = |table: Table| range(table).map(Place::Memory);
        let optional = |table: Table| plan.table(object, image, table).map(Place::Memory);
        let addresses = range(Table::Code)?;
        check_places(object, plan, base, image, addresses.clone(), refusal)?;
        let start = usize::try_from(base).unwrap_or(0);
        let code_size = usize::try_from(plan.code_size).unwrap_or(0);
        Ok(Parts {
            header: object.header().clone(),
            sections: Some((object.layout.elf.section_count(), Places::new(plan))),
            code: start..start.saturating_add(code_size),
            module: table(Table::Module)?,
            data: table(Table::Data)?,
            addresses: Place::Memory(addresses),
            frames: table(Table::Frames)?,
            traps: table(Table::Traps)?,
            order: table(Table::Order)?,
            unwind: table(Table::Unwind)?,
            handlers: optional(Table::Handlers),
            frame_map: optional(Table::FrameMap),
            names: optional(Table::Names),
            imported: object.checked.imported,
        })
    }

    /// Checks the tables of an object that is part of the program.
    #[inline(never)]
    fn linked(
        tables: [&'static [u8]; LinkedObject::TABLES],
        host: &Host,
        refusal: &Refusal,
    ) -> Result<Self, Refused> {
        let bytes = |table: Table| {
            let bytes = tables.get(table as usize).copied().unwrap_or(&[]);
            // Only the bytes of the segments may be none.
            (table == Table::Data || !bytes.is_empty()).then_some(bytes)
        };
        let some = |table| bytes(table).unwrap_or(&[]);
        let header = Header::read(some(Table::Header), refusal)?;
        header.check_host(host, refusal)?;
        let checked = check_tables(&header, &bytes, refusal)?;
        let addresses = some(Table::Code);
        let code = check_entries(
            order::assume(some(Table::Order)),
            &UnwindView::assume(some(Table::Unwind)),
            addresses,
            header.width,
            &mut |place| Ok(place.start != 0),
            refusal,
        )?;
        let address = |address| usize::try_from(address).unwrap_or(0);
        let table = |table| Place::Program(some(table));
        Ok(Parts {
            sections: None,
            code: address(code.start)..address(code.end),
            module: table(Table::Module),
            data: table(Table::Data),
            addresses: Place::Program(addresses),
            frames: table(Table::Frames),
            traps: table(Table::Traps),
            order: table(Table::Order),
            unwind: table(Table::Unwind),
            handlers: bytes(Table::Handlers).map(Place::Program),
            frame_map: bytes(Table::FrameMap).map(Place::Program),
            names: bytes(Table::Names).map(Place::Program),
            imported: checked.imported,
            header,
        })
    }
}

/// Each code entry lies in one code section.
#[inline(never)]
fn check_places(
    object: &Object<'_>,
    plan: &Plan,
    base: Word,
    image: &[u8],
    addresses: Range<usize>,
    refusal: &Refusal,
) -> Result<(), Refused> {
    let layout = &object.layout;
    let mut sections = layout.elf.sections();
    let mut section: Range<Word> = 0..0;
    let addresses = image.get(addresses).unwrap_or(&[]);
    let mut check = |place: &Range<Word>| {
        let (Some(start), Some(end)) = (place.start.checked_sub(base), place.end.checked_sub(base))
        else {
            return Ok(false);
        };
        // Code sections ascend too, so that one walk over them is enough.
        while end > section.end {
            let Some((index, header)) = sections.next() else {
                return Ok(false);
            };
            if classify(layout, index, &header, refusal)? == Role::Code {
                let offset = Places::new(plan)
                    .get(image, index)
                    .ok_or_else(|| refusal.note(Error::SectionOutOfImage { section: index }))?;
                section = offset..offset.saturating_add(header.size);
            }
        }
        Ok(start >= section.start)
    };
    check_entries(
        object.order(),
        &object.unwind(),
        addresses,
        layout.width,
        &mut check,
        refusal,
    )
    .map(drop)
}

impl<M> Image<M> {
    /// An object that a static linker has made part of the program: `tables` are what its
    /// [`LinkedObject`] names. `memory` only stands for the image's memory and is not used.
    ///
    /// Nothing is relocated or copied. The header is compared with the host, and the tables are
    /// checked as they are in a file; the hash of the file is not, since there is no file.
    ///
    /// # Errors
    ///
    /// The object is for another host, a table is damaged, or the linker has not kept the order of the
    /// functions.
    pub fn linked(
        memory: M,
        tables: [&'static [u8]; LinkedObject::TABLES],
        host: &Host,
    ) -> Result<Self, Error> {
        let parts = Refusal::explain(|refusal| Parts::linked(tables, host, refusal))?;
        Ok(Image { memory, parts })
    }
}

impl<M: CodeMemory> Image<M> {
    pub(super) fn new(memory: M, parts: Parts) -> Self {
        Image { memory, parts }
    }

    /// The code memory.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    fn bytes<'s>(&'s self, place: &'s Place) -> &'s [u8] {
        match place {
            Place::Memory(range) => self.memory.bytes().get(range.clone()).unwrap_or(&[]),
            Place::Program(bytes) => bytes,
        }
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.parts.header
    }

    /// The module's description. Takes the same short time for any module.
    pub fn module(&self) -> ModuleView<'_> {
        // The bytes were checked before they were copied here; so the default is never taken while
        // the memory keeps its content, and likewise below.
        ModuleView::assume(self.bytes(&self.parts.module), self.parts.imported)
    }

    /// Bytes of the data segments.
    pub fn data(&self) -> &[u8] {
        self.bytes(&self.parts.data)
    }

    /// Frames of the defined functions.
    pub fn frames(&self) -> FramesView<'_> {
        FramesView::assume(self.bytes(&self.parts.frames))
    }

    /// Wasm offsets of the machine code.
    pub fn traps(&self) -> TrapsView<'_> {
        TrapsView::assume(self.bytes(&self.parts.traps))
    }

    /// How to unwind from each code entry. Takes the same short time for any object.
    pub fn unwind(&self) -> UnwindView<'_> {
        UnwindView::assume(self.bytes(&self.parts.unwind))
    }

    /// Where exceptions go that reach a call. Empty without handlers.
    pub fn handlers(&self) -> HandlersView<'_> {
        let handlers = self.parts.handlers.as_ref();
        handlers
            .map(|handlers| HandlersView::assume(self.bytes(handlers)))
            .unwrap_or_default()
    }

    /// What frames show at commit points, and where. Empty without frames.
    pub fn frame_map(&self) -> FrameMapView<'_> {
        let map = self.parts.frame_map.as_ref();
        map.map(|map| FrameMapView::assume(self.bytes(map)))
            .unwrap_or_default()
    }

    /// Names, unless they were stripped.
    pub fn names(&self) -> Option<NamesView<'_>> {
        let names = self.parts.names.as_ref()?;
        Some(NamesView::assume(self.bytes(names)))
    }

    fn order(&self) -> Numbers<'_> {
        order::assume(self.bytes(&self.parts.order))
    }

    /// Entry of the address table; 0 is none.
    fn address(&self, index: u32) -> Option<usize> {
        let table = self.bytes(&self.parts.addresses);
        let address = address(table, index, self.parts.header.width)?;
        usize::try_from(address)
            .ok()
            .filter(|address| *address != 0)
    }

    /// Address of a defined function (imports not counted); `None` if it has no code of its own.
    pub fn function_code(&self, defined: u32) -> Option<usize> {
        if defined >= self.parts.header.defined_functions {
            return None;
        }
        self.address(defined)
    }

    /// Address of the thunk through which the host calls functions of a type.
    pub fn enter_thunk(&self, ty: u32) -> Option<usize> {
        self.thunk(ty, 0)
    }

    /// Address of the thunk through which compiled code calls host functions of a type.
    pub fn host_thunk(&self, ty: u32) -> Option<usize> {
        self.thunk(ty, self.parts.header.types)
    }

    fn thunk(&self, ty: u32, before: u32) -> Option<usize> {
        let header = &self.parts.header;
        if ty >= header.types {
            return None;
        }
        let first = header.defined_functions.checked_add(before)?;
        self.address(first.checked_add(ty)?)
    }

    /// Address of a section of the object, by its index; `None` if it is not loaded. For debuggers,
    /// which read the other sections from the file.
    pub fn section_address(&self, section: u32) -> Option<usize> {
        let (sections, places) = self.parts.sections.as_ref()?;
        if section >= *sections {
            return None;
        }
        let offset = places.get(self.memory.bytes(), section)?;
        self.memory
            .address()
            .checked_add(usize::try_from(offset).ok()?)
    }

    /// Addresses of the code, stubs included.
    pub fn code_range(&self) -> Range<usize> {
        self.parts.code.clone()
    }

    /// The defined function whose code holds the address `pc`. Needs no memory and no lock: a
    /// signal handler may ask.
    pub fn function_at(&self, pc: usize) -> Option<u32> {
        let (entry, _) = self.code_at(pc)?;
        (entry < self.parts.header.defined_functions).then_some(entry)
    }

    /// The code entry (index in `.wamr.code`: defined functions, then enter thunks, then host
    /// thunks, then the trap thunk and the poll thunk) whose code holds the address `pc`, and the offset of `pc` in it, in bytes. Needs no
    /// memory and no lock: a signal handler may ask.
    pub fn code_at(&self, pc: usize) -> Option<(u32, u32)> {
        let order = self.order();
        let table = self.bytes(&self.parts.addresses);
        let width = self.parts.header.width;
        let pc = word::size(pc);
        let start_of = |position| {
            let entry = order.get(position)?;
            Some((entry, address(table, entry, width)?))
        };
        // The first entry behind `pc`.
        let (mut low, mut high) = (0, order.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if start_of(middle)?.1 <= pc {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let (entry, start) = start_of(low.checked_sub(1)?)?;
        let offset = u32::try_from(wide(pc.checked_sub(start)?)).ok()?;
        (offset < self.unwind().code_size(entry)).then_some((entry, offset))
    }
}
