//! Changes of an object, each to something that has a meaning in it.

use super::elf::{Elf, Number, Range};
use arbitrary::Arbitrary;
use sha2::{Digest, Sha256};
use wamr_aot_loader::format::header::Field;
use wamr_aot_loader::format::seal;

/// More edits of a recipe are left out.
pub const MOST: usize = 16;

/// Largest file that edits make.
const LARGEST: usize = 1 << 16;

/// A new value for a number.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Value {
    /// The old one and a bit.
    Add(i8),
    /// A small one.
    Small(u8),
    /// Any.
    Any(u64),
    /// With one bit changed.
    Flip(u8),
    /// About the length of the file.
    Length(i8),
    /// About a power of two.
    Power(u8, i8),
}

impl Value {
    fn of(self, old: u64, length: usize) -> u64 {
        match self {
            Value::Add(more) => old.wrapping_add_signed(more.into()),
            Value::Small(value) => value.into(),
            Value::Any(value) => value,
            Value::Flip(bit) => old ^ 1u64.rotate_left(bit.into()),
            Value::Length(more) => (length as u64).wrapping_add_signed(more.into()),
            Value::Power(bit, more) => 1u64
                .rotate_left(bit.into())
                .wrapping_add_signed(more.into()),
        }
    }
}

/// A change. Indices count modulo what is there.
#[derive(Arbitrary, Clone, Debug)]
#[allow(missing_docs, reason = "the variants say what their fields are")]
pub enum Edit {
    /// A field of the ELF header.
    Elf(u8, Value),
    /// A part of a field of the object's own header.
    Header { field: u8, part: u8, value: Value },
    /// A field of a section header.
    Section {
        section: u8,
        field: u8,
        value: Value,
    },
    /// A field of a symbol.
    Symbol { symbol: u8, field: u8, value: Value },
    /// A field of a relocation.
    Relocation {
        section: u8,
        relocation: u8,
        field: u8,
        value: Value,
    },
    /// The type of a relocation becomes one of the machine's.
    RelocationType { section: u8, relocation: u8, ty: u8 },
    /// A relocation becomes another one of its section.
    CopyRelocation { section: u8, from: u8, to: u8 },
    /// A number in a section.
    Number {
        section: u8,
        offset: u16,
        size: u8,
        value: Value,
    },
    /// Bytes in a section.
    Bytes {
        section: u8,
        offset: u16,
        bytes: [u8; 4],
    },
    /// A section grows, and all that stands behind moves.
    Insert {
        section: u8,
        offset: u16,
        count: u8,
        byte: u8,
    },
    /// A section shrinks, and all that stands behind moves.
    Remove { section: u8, offset: u16, count: u8 },
    /// A section takes over bytes of a section.
    Copy {
        from: (u8, u16),
        to: (u8, u16),
        count: u8,
    },
    /// Two section headers change places.
    SwapSections(u8, u8),
    /// The file ends early.
    Cut(u16),
}

impl Edit {
    /// Changes the file; does nothing where what it would change is not there.
    pub fn apply(&self, file: &mut Vec<u8>) {
        let _ = self.try_apply(file);
    }

    fn try_apply(&self, file: &mut Vec<u8>) -> Option<()> {
        let elf = Elf::new(file)?;
        let sections = elf.section_count().max(1);
        let section = |section: u8| usize::from(section) % sections;
        let with_relocations = |index: u8| {
            let count = elf.relocation_sections().count().max(1);
            elf.relocation_sections().nth(usize::from(index) % count)
        };
        match *self {
            Edit::Elf(field, value) => {
                let number = elf.header(field.into())?;
                change(file, number, value)
            }
            Edit::Header { field, part, value } => {
                let field = Field::ALL[usize::from(field) % Field::ALL.len()];
                let size = field.size().min(8);
                let parts = field.size() / size;
                let offset = elf.own_header() + field.offset() + usize::from(part) % parts * size;
                change(file, Number { offset, size }, value)
            }
            Edit::Section {
                section: index,
                field,
                value,
            } => {
                let number = elf.section(section(index), field.into())?;
                change(file, number, value)
            }
            Edit::Symbol {
                symbol,
                field,
                value,
            } => {
                let number = elf.symbol(symbol.into(), field.into())?;
                change(file, number, value)
            }
            Edit::Relocation {
                section,
                relocation,
                field,
                value,
            } => {
                let section = with_relocations(section)?;
                let number = elf.relocation(section, relocation.into(), field.into())?;
                change(file, number, value)
            }
            Edit::RelocationType {
                section,
                relocation,
                ty,
            } => {
                let number = elf.relocation_type(with_relocations(section)?, relocation.into())?;
                // Types of AArch64 start at 257.
                let more = if ty % 2 == 0 { 0 } else { 256 };
                number.set(file, u64::from(ty / 2) + more)
            }
            Edit::CopyRelocation { section, from, to } => {
                let section = with_relocations(section)?;
                let from = elf.relocation(section, from.into(), 0)?.offset;
                let to = elf.relocation(section, to.into(), 0)?.offset;
                let size = elf.rela_size();
                copy(file, from, to, size)
            }
            Edit::Number {
                section: index,
                offset,
                size,
                value,
            } => {
                let content = elf.content(section(index))?;
                let size = [1, 2, 4, 8][usize::from(size) % 4];
                let offset = within(file, content, offset)? & !(size - 1);
                change(file, Number { offset, size }, value)
            }
            Edit::Bytes {
                section: index,
                offset,
                bytes,
            } => {
                let start = within(file, elf.content(section(index))?, offset)?;
                let end = file.len().min(start + bytes.len());
                let place = file.get_mut(start..end)?;
                place.copy_from_slice(&bytes[..place.len()]);
                Some(())
            }
            Edit::Insert {
                section: index,
                offset,
                count,
                byte,
            } => {
                let at = within(file, elf.content(section(index))?, offset)?;
                let count = usize::from(count);
                if file.len() + count > LARGEST {
                    return None;
                }
                let moves = moves(&elf, section(index), at, count as i64)?;
                moves.apply(file)?;
                file.splice(at..at, std::iter::repeat_n(byte, count));
                Some(())
            }
            Edit::Remove {
                section: index,
                offset,
                count,
            } => {
                let content = elf.content(section(index))?;
                let at = within(file, content, offset)?;
                let end = content.offset.saturating_add(content.size);
                let count = usize::from(count).min(end.saturating_sub(at));
                file.get(at..at.checked_add(count)?)?;
                let moves = moves(&elf, section(index), at, -(count as i64))?;
                moves.apply(file)?;
                file.drain(at..at + count);
                Some(())
            }
            Edit::Copy { from, to, count } => {
                let from = within(file, elf.content(section(from.0))?, from.1)?;
                let to = within(file, elf.content(section(to.0))?, to.1)?;
                copy(file, from, to, count.into())
            }
            Edit::SwapSections(first, second) => {
                let size = elf.section_header_size();
                let first = elf.section_header(section(first))?;
                let second = elf.section_header(section(second))?;
                let (a, b) = (
                    file.get(first..first.checked_add(size)?)?.to_vec(),
                    file.get(second..second.checked_add(size)?)?.to_vec(),
                );
                file[first..first + size].copy_from_slice(&b);
                file[second..second + size].copy_from_slice(&a);
                Some(())
            }
            Edit::Cut(length) => {
                file.truncate(usize::from(length));
                Some(())
            }
        }
    }
}

fn change(file: &mut [u8], number: Number, value: Value) -> Option<()> {
    let value = value.of(number.get(file)?, file.len());
    number.set(file, value)
}

fn copy(file: &mut [u8], from: usize, to: usize, count: usize) -> Option<()> {
    let bytes = file.get(from..from.checked_add(count)?)?.to_vec();
    file.get_mut(to..to.checked_add(count)?)?
        .copy_from_slice(&bytes);
    Some(())
}

/// An offset in the file, in or just behind a section. Whether a number is there is for others to see.
fn within(file: &[u8], range: Range, offset: u16) -> Option<usize> {
    let inside = usize::from(offset) % range.size.checked_add(1)?;
    let offset = range.offset.checked_add(inside)?;
    (offset <= file.len()).then_some(offset)
}

/// New values of numbers, for bytes that are put in or taken out.
struct Moves(Vec<(Number, u64)>);

impl Moves {
    fn apply(self, file: &mut [u8]) -> Option<()> {
        for (number, value) in self.0 {
            number.set(file, value)?;
        }
        Some(())
    }
}

/// What changes when `by` bytes are put in at `at`, in `grown`.
fn moves(elf: &Elf<'_>, grown: usize, at: usize, by: i64) -> Option<Moves> {
    let mut moves = Vec::new();
    let mut shift = |number: Number, old: usize| {
        moves.push((number, (old as u64).wrapping_add_signed(by)));
    };
    for section in 0..elf.section_count() {
        let content = elf.content(section)?;
        if section == grown {
            shift(elf.section_size(section)?, content.size);
        } else if content.offset >= at && content.offset != 0 {
            shift(elf.section_offset(section)?, content.offset);
        }
    }
    let table = elf.section_header(0)?;
    if table >= at {
        shift(elf.section_table()?, table);
    }
    Some(Moves(moves))
}

/// What is made right after the edits.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Seal {
    /// All that sealing fills in, if the object allows it, else length and hash.
    All,
    /// As `All`: most inputs should get as far as they can.
    AllToo,
    /// Length and hash.
    Hash,
    /// Nothing.
    Nothing,
}

impl Seal {
    /// Seals.
    pub fn apply(self, file: &mut [u8]) {
        match self {
            Seal::All | Seal::AllToo => {
                if seal(file).is_err() {
                    hash(file);
                }
            }
            Seal::Hash => hash(file),
            Seal::Nothing => {}
        }
    }
}

/// Makes length and hash right, whatever else is wrong.
fn hash(file: &mut [u8]) {
    let Some(start) = Elf::new(file).map(|elf| elf.own_header()) else {
        return;
    };
    let length = file.len() as u64;
    let place = |field: Field| start + field.offset()..start + field.offset() + field.size();
    if file.len() < place(Field::Signature).end {
        return;
    }
    file[place(Field::TotalLength)].copy_from_slice(&length.to_le_bytes());
    let signature = file[place(Field::Signature)].to_vec();
    file[place(Field::Signature)].fill(0);
    file[place(Field::ContentHash)].fill(0);
    let hash = Sha256::digest(&*file);
    file[place(Field::ContentHash)].copy_from_slice(&hash);
    file[place(Field::Signature)].copy_from_slice(&signature);
}
