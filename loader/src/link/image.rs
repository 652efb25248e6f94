//! A linked object.

use super::CodeMemory;
use super::plan::{Places, Plan};
use crate::elf::size_u64;
use crate::error::Error;
use crate::format::{
    framemap::FrameMapView, frames::FramesView, header::Header, list::Numbers, module::ModuleView,
    names::NamesView, order, traps::TrapsView, types::ExportKind, unwind::UnwindView,
};
use crate::layout::PointerWidth;
use crate::object::section::{Role, Table};
use crate::object::{Object, classify};
use core::ops::Range;

/// An object in code memory, ready to run. It owns its memory and needs the file no longer.
#[derive(Debug)]
pub struct Image<M> {
    memory: M,
    parts: Parts,
}

/// Where everything is in the image.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    header: Header,
    /// Address of the image.
    base: u64,
    /// Size of the executable part.
    code_size: usize,
    /// Number of sections of the object.
    sections: u32,
    /// Where each is.
    places: Places,
    module: Range<usize>,
    data: Range<usize>,
    addresses: Range<usize>,
    frames: Range<usize>,
    traps: Range<usize>,
    order: Range<usize>,
    unwind: Range<usize>,
    frame_map: Option<Range<usize>>,
    names: Option<Range<usize>>,
    imported: [u32; 4],
}

/// Pointer-sized address `index` of the address table.
fn address(table: &[u8], index: u64, width: PointerWidth) -> Option<u64> {
    let start = usize::try_from(index.checked_mul(width.bytes().into())?).ok()?;
    let bytes = table.get(start..)?;
    Some(match width {
        PointerWidth::Four => u32::from_le_bytes(*bytes.first_chunk()?).into(),
        PointerWidth::Eight => u64::from_le_bytes(*bytes.first_chunk()?),
    })
}

impl Parts {
    /// Finds the tables of a relocated image, and checks its addresses.
    pub fn check(object: &Object<'_>, plan: &Plan, base: u64, image: &[u8]) -> Result<Self, Error> {
        let table = |table: Table| {
            plan.table(object, image, table)
                .ok_or(Error::SectionMissing { name: table.name() })
        };
        let module = object.module();
        let parts = Parts {
            header: object.header().clone(),
            base,
            code_size: usize::try_from(plan.code_size).unwrap_or(0),
            sections: object.layout.elf.section_count(),
            places: Places::new(plan),
            module: table(Table::Module)?,
            data: table(Table::Data)?,
            addresses: table(Table::Code)?,
            frames: table(Table::Frames)?,
            traps: table(Table::Traps)?,
            order: table(Table::Order)?,
            unwind: table(Table::Unwind)?,
            frame_map: plan.table(object, image, Table::FrameMap),
            names: plan.table(object, image, Table::Names),
            imported: [
                ExportKind::Func,
                ExportKind::Table,
                ExportKind::Memory,
                ExportKind::Global,
            ]
            .map(|kind| module.imported(kind)),
        };
        let addresses = image.get(parts.addresses.clone()).unwrap_or(&[]);
        parts.check_entries(object, plan, image, addresses)?;
        Ok(parts)
    }

    /// Code entries, in the order that the object gives, ascend, do not overlap, and each lies in one
    /// code section. An entry has an address if and only if it has code.
    fn check_entries(
        &self,
        object: &Object<'_>,
        plan: &Plan,
        image: &[u8],
        addresses: &[u8],
    ) -> Result<(), Error> {
        let width = self.header.width;
        let unwind = object.unwind();
        let layout = &object.layout;
        let mut sections = layout.elf.sections();
        let mut section: Range<u64> = 0..0;
        let mut least = 0;
        let mut ordered = 0u32;
        for entry in object.order().iter() {
            let outside = |address| Error::CodePlace { entry, address };
            let address = address(addresses, entry.into(), width).unwrap_or(0);
            let size = unwind.code_size(entry);
            let start = address.checked_sub(self.base).ok_or(outside(address))?;
            let end = start.checked_add(size.into()).ok_or(outside(address))?;
            if start < least {
                return Err(Error::CodeOrder { entry, address });
            }
            // Code sections ascend too, so that one walk over them is enough.
            while end > section.end {
                let (index, header) = sections.next().ok_or(outside(address))?;
                if classify(layout, index, &header)? == Role::Code {
                    let offset = Places::new(plan)
                        .get(image, index)
                        .ok_or(Error::SectionOutOfImage { section: index })?;
                    section = offset..offset.saturating_add(header.size);
                }
            }
            if start < section.start || size == 0 {
                return Err(outside(address));
            }
            least = end;
            ordered = ordered.saturating_add(1);
        }
        // As many entries are ordered as have code, and each once; so the others must have no
        // address.
        let with_address = (0..unwind.len())
            .filter(|entry| address(addresses, (*entry).into(), width) != Some(0))
            .count();
        if usize::try_from(ordered) == Ok(with_address) {
            Ok(())
        } else {
            Err(Error::AddressCount {
                expected: ordered,
                found: with_address,
            })
        }
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

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.memory.bytes().get(range.clone()).unwrap_or(&[])
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.parts.header
    }

    /// The module's description. Takes the same short time for any module.
    pub fn module(&self) -> ModuleView<'_> {
        // The bytes were checked before they were copied here; so the default is never taken while
        // the memory keeps its content, and likewise below.
        ModuleView::assume(self.bytes(&self.parts.module), self.parts.imported).unwrap_or_default()
    }

    /// Bytes of the data segments.
    pub fn data(&self) -> &[u8] {
        self.bytes(&self.parts.data)
    }

    /// Frames of the defined functions.
    pub fn frames(&self) -> FramesView<'_> {
        FramesView::assume(self.bytes(&self.parts.frames)).unwrap_or_default()
    }

    /// Wasm offsets of the machine code.
    pub fn traps(&self) -> TrapsView<'_> {
        TrapsView::assume(self.bytes(&self.parts.traps)).unwrap_or_default()
    }

    /// How to unwind from each code entry. Takes the same short time for any object.
    pub fn unwind(&self) -> UnwindView<'_> {
        UnwindView::assume(self.bytes(&self.parts.unwind)).unwrap_or_default()
    }

    /// What frames show at commit points, and where. Empty without frames.
    pub fn frame_map(&self) -> FrameMapView<'_> {
        let map = self.parts.frame_map.as_ref();
        map.and_then(|map| FrameMapView::assume(self.bytes(map)).ok())
            .unwrap_or_default()
    }

    /// Names, unless they were stripped.
    pub fn names(&self) -> Option<NamesView<'_>> {
        let names = self.parts.names.as_ref()?;
        NamesView::assume(self.bytes(names)).ok()
    }

    fn order(&self) -> Numbers<'_> {
        order::assume(self.bytes(&self.parts.order))
    }

    /// Entry of the address table; 0 is none.
    fn address(&self, index: u64) -> Option<usize> {
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
        self.address(defined.into())
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
        let first = u64::from(header.defined_functions) + u64::from(before);
        self.address(first + u64::from(ty))
    }

    /// Address of a section of the object, by its index; `None` if it is not loaded. For debuggers,
    /// which read the other sections from the file.
    pub fn section_address(&self, section: u32) -> Option<usize> {
        if section >= self.parts.sections {
            return None;
        }
        let offset = self.parts.places.get(self.memory.bytes(), section)?;
        self.memory
            .address()
            .checked_add(usize::try_from(offset).ok()?)
    }

    /// Addresses of the code, stubs included.
    pub fn code_range(&self) -> Range<usize> {
        let start = self.memory.address();
        start..start.saturating_add(self.parts.code_size)
    }

    /// The defined function whose code holds the address `pc`. Needs no memory and no lock: a
    /// signal handler may ask.
    pub fn function_at(&self, pc: usize) -> Option<u32> {
        let (entry, _) = self.code_at(pc)?;
        (entry < self.parts.header.defined_functions).then_some(entry)
    }

    /// The code entry (index in `.wamr.code`: defined functions, then enter thunks, then host
    /// thunks, then the poll thunk) whose code holds the address `pc`, and the offset of `pc` in it, in bytes. Needs no
    /// memory and no lock: a signal handler may ask.
    pub fn code_at(&self, pc: usize) -> Option<(u32, u32)> {
        let order = self.order();
        let table = self.bytes(&self.parts.addresses);
        let width = self.parts.header.width;
        let pc = size_u64(pc);
        let start_of = |position| {
            let entry = order.get(position)?;
            Some((entry, address(table, entry.into(), width)?))
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
        let offset = u32::try_from(pc.checked_sub(start)?).ok()?;
        (offset < self.unwind().code_size(entry)).then_some((entry, offset))
    }
}
