//! An object, checked: everything that can be found wrong before memory is asked for.
//!
//! Order of the checks: total length and content hash, the header and what it was built for, the ELF
//! structure, sections against the allow-list, our tables, symbols, relocations. All take time in
//! proportion to the file's length, apart from a logarithm for binary searches, and no memory.

pub(crate) mod section;
pub(crate) mod symbol;

use crate::elf::{self, Elf, size_u64};
use crate::error::Error;
use crate::format::{
    builtins_table::{self, BuiltinSet},
    framemap::FrameMapView,
    frames::FramesView,
    handlers::HandlersView,
    header::{self, Field, FrameStrategy, Header, Host, PollKind},
    list::Numbers,
    module::{ExportKind, ModuleView},
    names::NamesView,
    order, seal,
    target::{Machine, TargetAbi},
    traps::TrapsView,
    unwind::UnwindView,
};
use crate::layout::PointerWidth;
use goblin::elf64::section_header::SHF_ALLOC;
use section::{Role, Table};
use symbol::Symbols;

/// The ELF file and what it is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout<'a> {
    pub elf: Elf<'a>,
    pub machine: Machine,
    pub width: PointerWidth,
}

/// Section indices of what the loader needs; 0 for none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sections {
    pub symbols: u32,
    tables: [u32; Table::ALL.len()],
}

impl Sections {
    pub fn table(&self, table: Table) -> Option<u32> {
        let index = self.tables.get(table as usize).copied()?;
        (index != 0).then_some(index)
    }
}

/// An object that passed every check.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    header: Header,
    pub(crate) layout: Layout<'a>,
    pub(crate) sections: Sections,
    pub(crate) symbols: Symbols<'a>,
    pub(crate) tables: Tables<'a>,
}

/// The tables of an object, each checked on its own and against the others.
#[derive(Clone, Debug)]
pub(crate) struct Tables<'a> {
    pub builtins: BuiltinSet,
    pub module: ModuleView<'a>,
    pub data: &'a [u8],
    pub frames: FramesView<'a>,
    pub traps: TrapsView<'a>,
    pub order: Numbers<'a>,
    pub unwind: UnwindView<'a>,
    pub handlers: HandlersView<'a>,
    pub frame_map: FrameMapView<'a>,
    pub names: Option<NamesView<'a>>,
}

impl<'a> Tables<'a> {
    /// Checks the tables; `bytes` gives each one's, if the object has it.
    // This and what it calls are functions of their own: in one, all would share a frame of several KiB, which
    // small machines have no stack for.
    #[inline(never)]
    pub fn parse(
        header: &Header,
        bytes: impl Fn(Table) -> Result<Option<&'a [u8]>, Error>,
    ) -> Result<Self, Error> {
        let table =
            |table: Table| bytes(table)?.ok_or(Error::SectionMissing { name: table.name() });
        let data = table(Table::Data)?;
        let module = ModuleView::parse(table(Table::Module)?, size_u64(data.len()))?;
        check_counts(header, &module)?;
        check_code_table(header, table(Table::Code)?)?;
        let frames = FramesView::parse(table(Table::Frames)?, header.defined_functions)?;
        let traps = TrapsView::parse(table(Table::Traps)?, &frames)?;
        let entries = header.code_entries();
        let unwind = UnwindView::parse(table(Table::Unwind)?, &frames, entries)?;
        let order = order::parse(table(Table::Order)?, entries)?;
        check_order_length(&unwind, &order)?;
        let functions = header
            .imported_functions
            .saturating_add(header.defined_functions);
        let handlers = match bytes(Table::Handlers)? {
            Some(bytes) => HandlersView::parse(bytes, &frames, module.count(ExportKind::Tag))?,
            None => HandlersView::default(),
        };
        let frame_map = match bytes(Table::FrameMap)? {
            Some(bytes) => FrameMapView::parse(bytes, &frames)?,
            None => FrameMapView::default(),
        };
        check_frame_strategy(header, &frames, &frame_map)?;
        check_poll_kind(header, &unwind)?;
        Ok(Tables {
            builtins: builtins_table::parse(table(Table::Builtins)?)?,
            module,
            data,
            handlers,
            frame_map,
            names: match bytes(Table::Names)? {
                Some(bytes) => Some(NamesView::parse(bytes, functions)?),
                None => None,
            },
            frames,
            traps,
            order,
            unwind,
        })
    }
}

/// A section, as tools show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionInfo<'a> {
    /// Its index.
    pub index: u32,
    /// Its name; bytes of any kind are allowed in names of custom sections.
    pub name: &'a [u8],
    /// Offset in the file.
    pub offset: u64,
    /// Length in bytes.
    pub size: u64,
    /// Alignment.
    pub align: u64,
    /// Is it part of the program (`SHF_ALLOC`)?
    pub is_allocated: bool,
    /// Is it copied into code memory?
    pub is_loaded: bool,
    /// What it is for, in a word.
    pub role: &'static str,
}

impl Header {
    /// Reads the header of an object file.
    pub fn of_file(bytes: &[u8]) -> Result<Header, Error> {
        let offset = elf::header_size(elf::class(bytes)?);
        Header::parse(bytes.get(offset..).unwrap_or(&[]))
    }
}

impl<'a> Object<'a> {
    /// Checks an object for a host.
    #[inline(never)]
    pub fn parse(bytes: &'a [u8], host: &Host) -> Result<Self, Error> {
        seal::check(bytes, elf::header_size(elf::class(bytes)?))?;
        let header = Header::of_file(bytes)?;
        header.check(host)?;
        let object = Self::parse_unsealed(bytes, header)?;
        let expected = object.image_size(header::IMAGE_PAGE_SIZE)?;
        match object.header.image_size {
            found if found == expected => Ok(object),
            found => Err(Error::ImageSize { expected, found }),
        }
    }

    /// Checks all but what the header says of the host and of the whole file.
    #[inline(never)]
    pub(crate) fn parse_unsealed(bytes: &'a [u8], header: Header) -> Result<Self, Error> {
        let elf = Elf::parse(bytes, header.width, header.machine)?;
        check_flags(&elf, header.abi)?;
        let layout = Layout {
            elf,
            machine: header.machine,
            width: header.width,
        };
        let sections = find_sections(&layout)?;
        check_header_section(&layout, &sections)?;
        let tables = Tables::parse(&header, |table| match sections.table(table) {
            Some(_) => table_bytes(&layout, &sections, table).map(Some),
            None => Ok(None),
        })?;
        let symbols = Symbols::parse(&elf, header.width, sections.symbols)?;
        symbols.check(&layout, tables.builtins)?;
        for (index, section) in elf.sections() {
            if classify(&layout, index, &section)? == Role::Relocations {
                symbol::check_relocations(&layout, &sections, &symbols, index, &section)?;
            }
        }
        Ok(Object {
            header,
            layout,
            sections,
            symbols,
            tables,
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The module's description.
    pub fn module(&self) -> ModuleView<'a> {
        self.tables.module
    }

    /// Bytes of the data segments.
    pub fn data(&self) -> &'a [u8] {
        self.tables.data
    }

    /// Frames of the defined functions.
    pub fn frames(&self) -> FramesView<'a> {
        self.tables.frames
    }

    /// Wasm offsets of the machine code.
    pub fn traps(&self) -> TrapsView<'a> {
        self.tables.traps
    }

    /// Indices of the code entries that have code (see [`crate::format::order`]), by address.
    pub fn order(&self) -> Numbers<'a> {
        self.tables.order
    }

    /// How to unwind from each code entry.
    pub fn unwind(&self) -> UnwindView<'a> {
        self.tables.unwind
    }

    /// Where exceptions go that reach a call. Empty without handlers.
    pub fn handlers(&self) -> HandlersView<'a> {
        self.tables.handlers
    }

    /// What frames show at commit points, and where. Empty without frames.
    pub fn frame_map(&self) -> FrameMapView<'a> {
        self.tables.frame_map
    }

    /// Names, unless they were stripped.
    pub fn names(&self) -> Option<NamesView<'a>> {
        self.tables.names
    }

    /// Builtins that the code calls.
    pub fn builtins(&self) -> BuiltinSet {
        self.tables.builtins
    }

    /// All sections.
    pub fn sections(&self) -> impl Iterator<Item = SectionInfo<'a>> + use<'a> {
        let layout = self.layout;
        layout.elf.sections().filter_map(move |(index, header)| {
            let role = classify(&layout, index, &header).ok()?;
            let rest = layout.elf.name(index, &header).ok()?;
            Some(SectionInfo {
                index,
                name: rest.split(|byte| *byte == 0).next()?,
                offset: header.offset,
                size: header.size,
                align: header.align,
                is_allocated: header.flags & u64::from(SHF_ALLOC) != 0,
                is_loaded: role.is_loaded(),
                role: role.word(),
            })
        })
    }

    /// Bytes of a section, by its index.
    pub fn section_bytes(&self, index: u32) -> Option<&'a [u8]> {
        let header = self.layout.elf.section(index)?;
        self.layout.elf.data(index, &header).ok()
    }
}

pub(crate) fn classify(
    layout: &Layout<'_>,
    index: u32,
    header: &elf::SectionHeader,
) -> Result<Role, Error> {
    section::classify(&layout.elf, layout.machine, index, header)
}

/// RISC-V's `e_flags` name the float ABI, as the header does.
fn check_flags(elf: &Elf<'_>, abi: TargetAbi) -> Result<(), Error> {
    let expected = match abi {
        TargetAbi::SystemV | TargetAbi::Aapcs64 => return Ok(()),
        TargetAbi::Lp64 | TargetAbi::Ilp32 => 0,
        TargetAbi::Lp64f | TargetAbi::Ilp32f => 2,
        TargetAbi::Lp64d | TargetAbi::Ilp32d => 4,
    };
    let found = elf.flags & elf::RISCV_ABI_FLAGS;
    if found == expected {
        Ok(())
    } else {
        Err(Error::ElfHeader {
            field: "RISC-V ABI flags",
            expected: expected.into(),
            found: found.into(),
        })
    }
}

/// Walks all sections: each has to be allowed, each of our tables stands once, none overlap.
fn find_sections(layout: &Layout<'_>) -> Result<Sections, Error> {
    let mut sections = Sections::default();
    for (index, header) in layout.elf.sections() {
        let (place, name) = match classify(layout, index, &header)? {
            Role::Symbols => (Some(&mut sections.symbols), ".symtab"),
            Role::Table(table) => (sections.tables.get_mut(table as usize), table.name()),
            _ => continue,
        };
        if let Some(place) = place {
            if *place != 0 {
                return Err(Error::SectionTwice {
                    name,
                    first: *place,
                    second: index,
                });
            }
            *place = index;
        }
    }
    let role = |index, header: &_| classify(layout, index, header);
    let header_size = size_u64(elf::header_size(layout.width));
    section::check_overlaps(&layout.elf, header_size, role)?;
    for table in Table::ALL {
        let is_optional = matches!(table, Table::Handlers | Table::FrameMap | Table::Names);
        if !is_optional && sections.table(table).is_none() {
            return Err(Error::SectionMissing { name: table.name() });
        }
    }
    if sections.symbols == 0 {
        return Err(Error::SectionMissing { name: ".symtab" });
    }
    Ok(sections)
}

pub(crate) fn table_bytes<'a>(
    layout: &Layout<'a>,
    sections: &Sections,
    table: Table,
) -> Result<&'a [u8], Error> {
    let missing = Error::SectionMissing { name: table.name() };
    let index = sections.table(table).ok_or(missing)?;
    let header = layout.elf.section(index).ok_or(missing)?;
    layout.elf.data(index, &header)
}

/// The header's section is where the header was read from.
fn check_header_section(layout: &Layout<'_>, sections: &Sections) -> Result<(), Error> {
    let index = sections.table(Table::Header);
    let Some(section) = index.and_then(|index| layout.elf.section(index)) else {
        return Ok(());
    };
    let offset = size_u64(elf::header_size(layout.width));
    let size = size_u64(header::SIZE);
    if section.offset == offset && section.size == size {
        Ok(())
    } else {
        Err(Error::HeaderPlace {
            expected_offset: offset,
            offset: section.offset,
            expected_size: size,
            size: section.size,
        })
    }
}

/// The header's counts are the module's.
fn check_counts(header: &Header, module: &ModuleView<'_>) -> Result<(), Error> {
    use crate::format::types::ExportKind;
    for (what, in_header, in_module) in [
        (
            "defined functions",
            header.defined_functions,
            module.functions().len(),
        ),
        ("types", header.types, module.types().len()),
        (
            "imported functions",
            header.imported_functions,
            module.imported(ExportKind::Func),
        ),
    ] {
        if in_header != in_module {
            return Err(Error::HeaderCount {
                what,
                expected: in_module,
                found: in_header,
            });
        }
    }
    Ok(())
}

/// Frame records and mapped frames are there only with the strategy that has them.
fn check_frame_strategy(
    header: &Header,
    frames: &FramesView<'_>,
    map: &FrameMapView<'_>,
) -> Result<(), Error> {
    let found = header.frame_strategy;
    let differs = |table: Table, expected| {
        Err(Error::HeaderTables {
            field: Field::FrameStrategy.name(),
            table: table.name(),
            expected,
            found: found.name(),
        })
    };
    let has_records = || frames.iter().any(|frame| frame.has_record);
    if found != FrameStrategy::Explicit && has_records() {
        differs(Table::Frames, FrameStrategy::Explicit.name())
    } else if found != FrameStrategy::Mapped && map.has_records() {
        differs(Table::FrameMap, FrameStrategy::Mapped.name())
    } else if found == FrameStrategy::None && map.site_count() != 0 {
        differs(Table::FrameMap, "explicit or mapped")
    } else {
        Ok(())
    }
}

/// Code that polls has the poll thunk, the last code entry, and no other code has it.
fn check_poll_kind(header: &Header, unwind: &UnwindView<'_>) -> Result<(), Error> {
    let thunk = header.code_entries().saturating_sub(1);
    let expected = match unwind.code_size(thunk) {
        0 => PollKind::None,
        _ => PollKind::Compare,
    };
    if header.poll == expected {
        Ok(())
    } else {
        Err(Error::HeaderTables {
            field: Field::Poll.name(),
            table: Table::Unwind.name(),
            expected: expected.name(),
            found: header.poll.name(),
        })
    }
}

/// An address for each code entry.
fn check_code_table(header: &Header, bytes: &[u8]) -> Result<(), Error> {
    let entries = u64::from(header.defined_functions) + 2 * u64::from(header.types) + 2;
    let expected = entries * u64::from(header.width.bytes());
    let found = size_u64(bytes.len());
    if found == expected {
        Ok(())
    } else {
        Err(Error::CodeTable { expected, found })
    }
}

/// The order lists as many entries as have code. (That they are the same ones follows when their
/// addresses are checked.)
fn check_order_length(unwind: &UnwindView<'_>, order: &Numbers<'_>) -> Result<(), Error> {
    let with_code = (0..unwind.len()).filter(|entry| unwind.code_size(*entry) != 0);
    let expected = with_code.count();
    if usize::try_from(order.len()) == Ok(expected) {
        Ok(())
    } else {
        Err(Error::OrderLength {
            expected,
            found: order.len(),
        })
    }
}
