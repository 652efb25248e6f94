//! Where in the image each section goes.

use crate::builtins::BuiltinId;
use crate::elf::Rela;
use crate::error::{Error, Refusal, Refused};
use crate::format::builtins_table::BuiltinSet;
use crate::format::target::Machine;
use crate::object::section::{Role, Table};
use crate::object::symbol::Relocations;
use crate::object::{Object, classify};
use crate::relocate::{self, Kind};
use crate::word::{self, Word, wide, word};

/// Larger images are refused: code is compiled to reach everything in its image within ±2 GiB.
const LARGEST_IMAGE: Word = 1 << 31;

/// Mark of a section that is not in the image.
const NOWHERE: u64 = u64::MAX;

/// The image's layout; all offsets from its start, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Size of the executable part, a multiple of the page size.
    pub code_size: Word,
    /// Size of the image.
    pub total: Word,
    /// Alignment of the image.
    pub align: Word,
    /// Where the stubs of the builtins start; the end of the code itself.
    stubs: Word,
    stub_size: Word,
    builtins: BuiltinSet,
    /// Where the places of the sections start.
    pub places: Word,
    machine: Machine,
    /// Calls that reach less far have stubs behind their section: an upper bound of the code's size.
    extent: Word,
}

fn align_up(offset: Word, align: Word) -> Option<Word> {
    let mask = align.max(1) - 1;
    Some(offset.checked_add(mask)? & !mask)
}

/// Is the section in this part of the image? Parts follow each other.
fn is_in(part: Part, role: Role) -> bool {
    match part {
        Part::Code => role == Role::Code,
        Part::Constants => role == Role::ReadOnly,
        Part::Tables => matches!(role, Role::Table(_)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Constants,
    Tables,
}

/// Does a call need a stub of its own in code of this size?
fn needs_stub(machine: Machine, ty: u32, extent: Word) -> bool {
    relocate::call_reach(machine, ty) < extent
}

/// Number of calls in a section that need stubs.
fn stub_count(
    object: &Object<'_>,
    section: u32,
    extent: Word,
    refusal: &Refusal,
) -> Result<Word, Refused> {
    let layout = &object.layout;
    let (machine, width) = (layout.machine, layout.width);
    let relocations = Relocations::of(&layout.elf, width, section, refusal)?;
    let is_far_call = |rela: &Rela| {
        relocate::shape(machine, width, rela.ty).is_ok_and(|shape| shape.kind == Kind::Call)
            && needs_stub(machine, rela.ty, extent)
    };
    Ok(word::size(relocations.iter().filter(is_far_call).count()))
}

/// Lays out the sections of a part from `offset` on, and tells `visit` each one's index and place.
/// Returns the part's end.
fn lay_out(
    object: &Object<'_>,
    part: Part,
    offset: Word,
    extent: Word,
    visit: &mut dyn FnMut(u32, Word, Word) -> Result<(), Refused>,
    refusal: &Refusal,
) -> Result<Word, Refused> {
    let layout = &object.layout;
    let too_large = || refusal.note(Error::ImageTooLarge { size: u64::MAX });
    let stub_size = word(relocate::stub_size(layout.machine));
    let mut offset = offset;
    for (index, header) in layout.elf.sections() {
        if !is_in(part, classify(layout, index, &header, refusal)?) {
            continue;
        }
        offset = align_up(offset, header.align).ok_or_else(too_large)?;
        visit(index, offset, header.align)?;
        offset = offset.checked_add(header.size).ok_or_else(too_large)?;
        let stubs = match part {
            Part::Code => stub_count(object, index, extent, refusal)?,
            Part::Constants | Part::Tables => 0,
        };
        if stubs != 0 {
            let size = stubs.checked_mul(stub_size);
            offset = align_up(offset, 8)
                .and_then(|offset| offset.checked_add(size?))
                .ok_or_else(too_large)?;
        }
    }
    Ok(offset)
}

impl Plan {
    pub fn new(object: &Object<'_>, page_size: Word, refusal: &Refusal) -> Result<Self, Refused> {
        if !page_size.is_power_of_two() {
            return Err(refusal.note(Error::PageSize {
                found: wide(page_size),
            }));
        }
        let layout = &object.layout;
        let builtins = object.builtins();
        let stub_size = word(relocate::stub_size(layout.machine));
        let too_large = || refusal.note(Error::ImageTooLarge { size: u64::MAX });
        let stubs_size = word(builtins.len()) * stub_size;
        let mut align = 8;
        // With a stub for every call the code is as large as it can be. Those that reach through all of
        // that need none.
        let mut widen = |_, _, section| {
            align = align.max(section);
            Ok(())
        };
        let extent = lay_out(object, Part::Code, 0, Word::MAX, &mut widen, refusal)?;
        let extent = align_up(extent, 8)
            .and_then(|end| end.checked_add(stubs_size))
            .ok_or_else(too_large)?;
        let end = lay_out(object, Part::Code, 0, extent, &mut widen, refusal)?;
        let stubs = align_up(end, 8).ok_or_else(too_large)?;
        let code_size = stubs
            .checked_add(stubs_size)
            .and_then(|end| align_up(end, page_size))
            .ok_or_else(too_large)?;
        let mut end = code_size;
        for part in [Part::Constants, Part::Tables] {
            end = lay_out(object, part, end, 0, &mut widen, refusal)?;
        }
        let places = align_up(end, 8).ok_or_else(too_large)?;
        let total = places
            .checked_add(word(layout.elf.section_count()) * 8)
            .and_then(|end| align_up(end, page_size))
            .ok_or_else(too_large)?;
        if total > LARGEST_IMAGE {
            return Err(refusal.note(Error::ImageTooLarge { size: wide(total) }));
        }
        Ok(Plan {
            code_size,
            total,
            align,
            stubs,
            stub_size,
            builtins,
            places,
            machine: layout.machine,
            extent,
        })
    }

    /// Clears the image, copies the sections into it and notes their places.
    pub fn copy(
        &self,
        object: &Object<'_>,
        image: &mut [u8],
        refusal: &Refusal,
    ) -> Result<(), Refused> {
        image.fill(0);
        let places = Places::new(self);
        for index in 0..object.layout.elf.section_count() {
            places.set(image, index, NOWHERE);
        }
        let mut start = 0;
        for part in [Part::Code, Part::Constants, Part::Tables] {
            if part == Part::Constants {
                start = self.code_size;
            }
            let mut copy = |index, offset, _| {
                let bytes = object.section_bytes(index).unwrap_or(&[]);
                let place = usize::try_from(offset)
                    .ok()
                    .and_then(|start| image.get_mut(start..start.checked_add(bytes.len())?));
                let outside = || refusal.note(Error::SectionOutOfImage { section: index });
                place.ok_or_else(outside)?.copy_from_slice(bytes);
                places.set(image, index, wide(offset));
                Ok(())
            };
            start = lay_out(object, part, start, self.extent, &mut copy, refusal)?;
        }
        Ok(())
    }

    /// Offset of the stub of a builtin that the object uses.
    pub fn stub(&self, id: BuiltinId) -> Word {
        let position = word(self.builtins.position(id));
        self.stubs
            .saturating_add(position.saturating_mul(self.stub_size))
    }

    /// Does a call with this relocation type have a stub behind its section?
    pub fn has_stub(&self, ty: u32) -> bool {
        needs_stub(self.machine, ty, self.extent)
    }

    /// Where the stubs of a code section start, if it has any. `offset` and `size` are the
    /// section's.
    pub fn section_stubs(&self, offset: Word, size: Word) -> Option<Word> {
        align_up(offset.checked_add(size)?, 8)
    }

    /// Offset and length of a table in the image.
    pub fn table(
        &self,
        object: &Object<'_>,
        image: &[u8],
        table: Table,
    ) -> Option<core::ops::Range<usize>> {
        let index = object.sections.table(table)?;
        let size = object.section_bytes(index)?.len();
        let start = usize::try_from(Places::new(self).get(image, index)?).ok()?;
        Some(start..start.checked_add(size)?)
    }
}

/// The places of the sections, in the image's own last bytes: so that any number of sections needs
/// no other memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places(Word);

impl Places {
    pub fn new(plan: &Plan) -> Self {
        Places(plan.places)
    }

    fn range(self, section: u32) -> Option<core::ops::Range<usize>> {
        let start = usize::try_from(self.0.checked_add(word(section) * 8)?).ok()?;
        Some(start..start.checked_add(8)?)
    }

    /// Offset of a section in the image.
    pub fn get(self, image: &[u8], section: u32) -> Option<Word> {
        let bytes = image.get(self.range(section)?)?.first_chunk()?;
        match u64::from_le_bytes(*bytes) {
            NOWHERE => None,
            offset => Some(word(offset)),
        }
    }

    fn set(self, image: &mut [u8], section: u32, offset: u64) {
        let place = self.range(section).and_then(|range| image.get_mut(range));
        if let Some(place) = place {
            place.copy_from_slice(&offset.to_le_bytes());
        }
    }
}
