//! An object, checked: everything that can be found wrong before memory is asked for.
//!
//! Order of the checks: total length and content hash, the header and what it was built for, the ELF
//! structure, sections against the allow-list, our tables, symbols, relocations. All take time in
//! proportion to the file's length, apart from a logarithm for binary searches, and no memory.

pub(crate) mod section;
pub(crate) mod symbol;

use crate::elf::{self, Elf, size_u64};
use crate::error::{Error, Refusal, Refused};
use crate::format::{
    builtins_table::{self, BuiltinSet},
    framemap::FrameMapView,
    frames::FramesView,
    handlers::HandlersView,
    header::{self, Field, FrameStrategy, Header, Host, PollKind},
    list::Numbers,
    module::{ExportKind, Imported, ModuleView},
    names::NamesView,
    order, seal,
    target::{Machine, TargetAbi},
    traps::TrapsView,
    unwind::UnwindView,
};
use crate::layout::PointerWidth;
use crate::link::plan::Plan;
use crate::word::{self, wide, word};
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
    pub(crate) checked: Checked,
}

/// What checking the tables has found out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked {
    pub builtins: BuiltinSet,
    pub imported: Imported,
}

#[inline(never)]
fn required<'a>(
    bytes: Option<&'a [u8]>,
    table: Table,
    refusal: &Refusal,
) -> Result<&'a [u8], Refused> {
    bytes.ok_or_else(|| refusal.note(Error::SectionMissing { name: table.name() }))
}

/// Checks the tables of an object. `bytes` gives each one's; those that an object need not have may be missing.
// This and what it calls are functions of their own: in one, all would share a frame of several KiB, which small
// machines have no stack for.
#[inline(never)]
pub(crate) fn check_tables<'a>(
    header: &Header,
    bytes: &dyn Fn(Table) -> Option<&'a [u8]>,
    refusal: &Refusal,
) -> Result<Checked, Refused> {
    let table = |table| required(bytes(table), table, refusal);
    let data = table(Table::Data)?;
    let module = refusal.in_section(
        Table::Module.name(),
        ModuleView::check(table(Table::Module)?, size_u64(data.len()), refusal),
    )?;
    check_counts(header, &module, refusal)?;
    check_code_table(header, table(Table::Code)?, refusal)?;
    let frames = refusal.in_section(
        Table::Frames.name(),
        FramesView::check(table(Table::Frames)?, header.defined_functions, refusal),
    )?;
    refusal.in_section(
        Table::Traps.name(),
        TrapsView::check(table(Table::Traps)?, &frames, refusal),
    )?;
    let entries = header.code_entries();
    let unwind = refusal.in_section(
        Table::Unwind.name(),
        UnwindView::check(table(Table::Unwind)?, &frames, entries, refusal),
    )?;
    let order = refusal.in_section(
        Table::Order.name(),
        order::check(table(Table::Order)?, entries, refusal),
    )?;
    check_order_length(&unwind, &order, refusal)?;
    if let Some(bytes) = bytes(Table::Handlers) {
        refusal.in_section(
            Table::Handlers.name(),
            HandlersView::check(bytes, &frames, module.count(ExportKind::Tag), refusal),
        )?;
    }
    let frame_map = match bytes(Table::FrameMap) {
        Some(bytes) => refusal.in_section(
            Table::FrameMap.name(),
            FrameMapView::check(bytes, &frames, refusal),
        )?,
        None => FrameMapView::default(),
    };
    check_frame_strategy(header, &frames, &frame_map, refusal)?;
    check_poll_kind(header, &unwind, refusal)?;
    let builtins = refusal.in_section(
        Table::Builtins.name(),
        builtins_table::check(table(Table::Builtins)?, refusal),
    )?;
    if let Some(bytes) = bytes(Table::Names) {
        let functions = header
            .imported_functions
            .saturating_add(header.defined_functions);
        refusal.in_section(
            Table::Names.name(),
            NamesView::check(bytes, functions, refusal),
        )?;
    }
    Ok(Checked {
        builtins,
        imported: module.all_imported(),
    })
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
        Refusal::explain(|refusal| Self::read_file(bytes, refusal))
    }

    fn read_file(bytes: &[u8], refusal: &Refusal) -> Result<Header, Refused> {
        let offset = elf::header_size(elf::class(bytes, refusal)?);
        Header::read(bytes.get(offset..).unwrap_or(&[]), refusal)
    }
}

impl<'a> Object<'a> {
    /// Checks an object for a host.
    pub fn parse(bytes: &'a [u8], host: &Host) -> Result<Self, Error> {
        Refusal::explain(|refusal| Self::check(bytes, host, refusal))
    }

    #[inline(never)]
    fn check(bytes: &'a [u8], host: &Host, refusal: &Refusal) -> Result<Self, Refused> {
        let header_offset = elf::header_size(elf::class(bytes, refusal)?);
        seal::check(bytes, header_offset, refusal)?;
        let header = Header::read_file(bytes, refusal)?;
        header.check_host(host, refusal)?;
        let object = Self::parse_unsealed(bytes, header, refusal)?;
        let plan = Plan::new(&object, word::size(header::IMAGE_PAGE_SIZE), refusal)?;
        let expected = wide(plan.total);
        match object.header.image_size {
            found if found == expected => Ok(object),
            found => Err(refusal.note(Error::ImageSize { expected, found })),
        }
    }

    /// Checks all but what the header says of the host and of the whole file.
    #[inline(never)]
    pub(crate) fn parse_unsealed(
        bytes: &'a [u8],
        header: Header,
        refusal: &Refusal,
    ) -> Result<Self, Refused> {
        check_known(&header, refusal)?;
        let elf = Elf::parse(bytes, header.width, header.machine, refusal)?;
        check_flags(&elf, header.abi, refusal)?;
        let layout = Layout {
            elf,
            machine: header.machine,
            width: header.width,
        };
        let sections = find_sections(&layout, refusal)?;
        check_header_section(&layout, &sections, refusal)?;
        let bytes = |table| table_bytes(&layout, &sections, table);
        let checked = check_tables(&header, &bytes, refusal)?;
        let symbols = Symbols::parse(&elf, header.width, sections.symbols, refusal)?;
        symbols.check(&layout, checked.builtins, refusal)?;
        for (index, section) in elf.sections() {
            if classify(&layout, index, &section, refusal)? == Role::Relocations {
                symbol::check_relocations(&layout, &sections, &symbols, index, &section, refusal)?;
            }
        }
        Ok(Object {
            header,
            layout,
            sections,
            symbols,
            checked,
        })
    }

    fn table(&self, table: Table) -> Option<&'a [u8]> {
        table_bytes(&self.layout, &self.sections, table)
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The module's description.
    pub fn module(&self) -> ModuleView<'a> {
        ModuleView::assume(
            self.table(Table::Module).unwrap_or_default(),
            self.checked.imported,
        )
    }

    /// Bytes of the data segments.
    pub fn data(&self) -> &'a [u8] {
        self.table(Table::Data).unwrap_or_default()
    }

    /// Frames of the defined functions.
    pub fn frames(&self) -> FramesView<'a> {
        FramesView::assume(self.table(Table::Frames).unwrap_or_default())
    }

    /// Wasm offsets of the machine code.
    pub fn traps(&self) -> TrapsView<'a> {
        TrapsView::assume(self.table(Table::Traps).unwrap_or_default())
    }

    /// Indices of the code entries that have code (see [`crate::format::order`]), by address.
    pub fn order(&self) -> Numbers<'a> {
        order::assume(self.table(Table::Order).unwrap_or_default())
    }

    /// How to unwind from each code entry.
    pub fn unwind(&self) -> UnwindView<'a> {
        UnwindView::assume(self.table(Table::Unwind).unwrap_or_default())
    }

    /// Where exceptions go that reach a call. Empty without handlers.
    pub fn handlers(&self) -> HandlersView<'a> {
        self.table(Table::Handlers)
            .map_or_else(HandlersView::default, HandlersView::assume)
    }

    /// What frames show at commit points, and where. Empty without frames.
    pub fn frame_map(&self) -> FrameMapView<'a> {
        self.table(Table::FrameMap)
            .map_or_else(FrameMapView::default, FrameMapView::assume)
    }

    /// Names, unless they were stripped.
    pub fn names(&self) -> Option<NamesView<'a>> {
        self.table(Table::Names).map(NamesView::assume)
    }

    /// Builtins that the code calls.
    pub fn builtins(&self) -> BuiltinSet {
        self.checked.builtins
    }

    /// All sections.
    pub fn sections(&self) -> impl Iterator<Item = SectionInfo<'a>> + use<'a> {
        let layout = self.layout;
        layout.elf.sections().filter_map(move |(index, header)| {
            let role = |refusal: &_| classify(&layout, index, &header, refusal);
            let role = Refusal::explain(role).ok()?;
            let rest = layout.elf.name(&header)?;
            Some(SectionInfo {
                index,
                name: rest.split(|byte| *byte == 0).next()?,
                offset: wide(header.offset),
                size: wide(header.size),
                align: wide(header.align),
                is_allocated: header.flags & word(SHF_ALLOC) != 0,
                is_loaded: role.is_loaded(),
                role: role.word(),
            })
        })
    }

    /// Bytes of a section, by its index.
    pub fn section_bytes(&self, index: u32) -> Option<&'a [u8]> {
        let header = self.layout.elf.section(index)?;
        self.layout.elf.bytes(&header)
    }
}

pub(crate) fn classify(
    layout: &Layout<'_>,
    index: u32,
    header: &elf::SectionHeader,
    refusal: &Refusal,
) -> Result<Role, Refused> {
    section::classify(&layout.elf, layout.machine, index, header, refusal)
}

/// Does this build know objects for this machine? That the host is another one was found before.
fn check_known(header: &Header, refusal: &Refusal) -> Result<(), Refused> {
    if !header.machine.is_known() {
        return Err(refusal.note(Error::Machine {
            expected: header.machine.only(),
            found: header.machine,
        }));
    }
    if header.width.only() != header.width {
        return Err(refusal.note(Error::PointerWidth {
            expected: header.width.only().bytes(),
            found: header.width.bytes(),
        }));
    }
    Ok(())
}

/// RISC-V's `e_flags` name the float ABI, as the header does.
fn check_flags(elf: &Elf<'_>, abi: TargetAbi, refusal: &Refusal) -> Result<(), Refused> {
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
        Err(refusal.note(Error::ElfHeader {
            field: "RISC-V ABI flags",
            expected: expected.into(),
            found: found.into(),
        }))
    }
}

/// Walks all sections: each has to be allowed, each of our tables stands once, none overlap.
fn find_sections(layout: &Layout<'_>, refusal: &Refusal) -> Result<Sections, Refused> {
    let mut sections = Sections::default();
    for (index, header) in layout.elf.sections() {
        let (place, name) = match classify(layout, index, &header, refusal)? {
            Role::Symbols => (Some(&mut sections.symbols), ".symtab"),
            Role::Table(table) => (sections.tables.get_mut(table as usize), table.name()),
            _ => continue,
        };
        if let Some(place) = place {
            if *place != 0 {
                return Err(refusal.note(Error::SectionTwice {
                    name,
                    first: *place,
                    second: index,
                }));
            }
            *place = index;
        }
    }
    let role = |index, header: &_| classify(layout, index, header, refusal);
    let header_size = word::size(elf::header_size(layout.width));
    section::check_overlaps(&layout.elf, header_size, role, refusal)?;
    for table in Table::ALL {
        let is_optional = matches!(table, Table::Handlers | Table::FrameMap | Table::Names);
        if !is_optional && sections.table(table).is_none() {
            return Err(refusal.note(Error::SectionMissing { name: table.name() }));
        }
    }
    if sections.symbols == 0 {
        return Err(refusal.note(Error::SectionMissing { name: ".symtab" }));
    }
    Ok(sections)
}

fn table_bytes<'a>(layout: &Layout<'a>, sections: &Sections, table: Table) -> Option<&'a [u8]> {
    let header = layout.elf.section(sections.table(table)?)?;
    layout.elf.bytes(&header)
}

/// The header's section is where the header was read from.
fn check_header_section(
    layout: &Layout<'_>,
    sections: &Sections,
    refusal: &Refusal,
) -> Result<(), Refused> {
    let index = sections.table(Table::Header);
    let Some(section) = index.and_then(|index| layout.elf.section(index)) else {
        return Ok(());
    };
    let offset = word::size(elf::header_size(layout.width));
    let size = word::size(header::SIZE);
    if section.offset == offset && section.size == size {
        Ok(())
    } else {
        Err(refusal.note(Error::HeaderPlace {
            expected_offset: wide(offset),
            offset: wide(section.offset),
            expected_size: wide(size),
            size: wide(section.size),
        }))
    }
}

/// The header's counts are the module's.
fn check_counts(
    header: &Header,
    module: &ModuleView<'_>,
    refusal: &Refusal,
) -> Result<(), Refused> {
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
            return Err(refusal.note(Error::HeaderCount {
                what,
                expected: in_module,
                found: in_header,
            }));
        }
    }
    Ok(())
}

/// Frame records and mapped frames are there only with the strategy that has them.
fn check_frame_strategy(
    header: &Header,
    frames: &FramesView<'_>,
    map: &FrameMapView<'_>,
    refusal: &Refusal,
) -> Result<(), Refused> {
    let found = header.frame_strategy;
    let differs = |table: Table, expected| {
        Err(refusal.note(Error::HeaderTables {
            field: Field::FrameStrategy.name(),
            table: table.name(),
            expected,
            found: found.name(),
        }))
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
fn check_poll_kind(
    header: &Header,
    unwind: &UnwindView<'_>,
    refusal: &Refusal,
) -> Result<(), Refused> {
    let thunk = header.code_entries().saturating_sub(1);
    let expected = match unwind.code_size(thunk) {
        0 => PollKind::None,
        _ => PollKind::Compare,
    };
    if header.poll == expected {
        Ok(())
    } else {
        Err(refusal.note(Error::HeaderTables {
            field: Field::Poll.name(),
            table: Table::Unwind.name(),
            expected: expected.name(),
            found: header.poll.name(),
        }))
    }
}

/// An address for each code entry.
fn check_code_table(header: &Header, bytes: &[u8], refusal: &Refusal) -> Result<(), Refused> {
    let entries = u64::from(header.defined_functions) + 2 * u64::from(header.types) + 2;
    let expected = entries * u64::from(header.width.bytes());
    let found = size_u64(bytes.len());
    if found == expected {
        Ok(())
    } else {
        Err(refusal.note(Error::CodeTable { expected, found }))
    }
}

/// The order lists as many entries as have code. (That they are the same ones follows when their
/// addresses are checked.)
fn check_order_length(
    unwind: &UnwindView<'_>,
    order: &Numbers<'_>,
    refusal: &Refusal,
) -> Result<(), Refused> {
    let with_code = (0..unwind.len()).filter(|entry| unwind.code_size(*entry) != 0);
    let expected = with_code.count();
    if usize::try_from(order.len()) == Ok(expected) {
        Ok(())
    } else {
        Err(refusal.note(Error::OrderLength {
            expected,
            found: order.len(),
        }))
    }
}
