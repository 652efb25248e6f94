//! Changing an ELF64 file in place, field by field.

use sha2::{Digest, Sha256};
use wamr_aot_loader::format::header::{self, Field as HeaderField};

/// File offset of the object header.
pub const HEADER: usize = 64;

pub fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(bytes[offset..offset + 2].try_into().unwrap())
}

pub fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

pub fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap())
}

pub fn set(bytes: &mut [u8], offset: usize, field: &[u8]) {
    bytes[offset..offset + field.len()].copy_from_slice(field);
}

/// Makes length and hash right, whatever else is wrong.
pub fn reseal(bytes: &mut [u8]) {
    if bytes.len() < HEADER + header::SIZE {
        return;
    }
    let length = bytes.len() as u64;
    set_header(bytes, HeaderField::TotalLength, &length.to_le_bytes());
    rehash(bytes);
}

/// Makes the hash right.
pub fn rehash(bytes: &mut [u8]) {
    let mut signature = [0; HeaderField::Signature.size()];
    signature.copy_from_slice(&bytes[HEADER + HeaderField::Signature.offset()..][..64]);
    set_header(bytes, HeaderField::ContentHash, &[0; 32]);
    set_header(bytes, HeaderField::Signature, &[0; 64]);
    let hash = Sha256::digest(&*bytes);
    set_header(bytes, HeaderField::ContentHash, &hash);
    set_header(bytes, HeaderField::Signature, &signature);
}

/// Changes the first bytes of a field of the header.
pub fn set_header(bytes: &mut [u8], field: HeaderField, value: &[u8]) {
    assert!(value.len() <= field.size());
    set(bytes, HEADER + field.offset(), value);
}

fn section_table(bytes: &[u8]) -> usize {
    u64_at(bytes, 40) as usize
}

/// File offset of section header `index`.
pub fn section_header(bytes: &[u8], index: usize) -> usize {
    section_table(bytes) + 64 * index
}

pub fn section_count(bytes: &[u8]) -> usize {
    usize::from(u16_at(bytes, 60))
}

fn section_name(bytes: &[u8], index: usize) -> &[u8] {
    let names = section_header(bytes, usize::from(u16_at(bytes, 62)));
    let start = u64_at(bytes, names + 24) as usize;
    let name = u32_at(bytes, section_header(bytes, index)) as usize;
    bytes[start + name..]
        .split(|byte| *byte == 0)
        .next()
        .unwrap()
}

/// Index of the section with this name.
pub fn section(bytes: &[u8], name: &str) -> usize {
    (0..section_count(bytes))
        .find(|index| section_name(bytes, *index) == name.as_bytes())
        .unwrap_or_else(|| panic!("no section {name}"))
}

/// A field of a section header.
#[derive(Clone, Copy)]
pub enum Field {
    Name,
    Type,
    Flags,
    Offset,
    Size,
    Link,
    Info,
    Align,
    EntrySize,
}

impl Field {
    /// Offset and size.
    fn place(self) -> (usize, usize) {
        match self {
            Field::Name => (0, 4),
            Field::Type => (4, 4),
            Field::Flags => (8, 8),
            Field::Offset => (24, 8),
            Field::Size => (32, 8),
            Field::Link => (40, 4),
            Field::Info => (44, 4),
            Field::Align => (48, 8),
            Field::EntrySize => (56, 8),
        }
    }
}

pub fn get_section(bytes: &[u8], name: &str, field: Field) -> u64 {
    let (offset, size) = field.place();
    let at = section_header(bytes, section(bytes, name)) + offset;
    if size == 4 {
        u32_at(bytes, at).into()
    } else {
        u64_at(bytes, at)
    }
}

pub fn set_section(bytes: &mut [u8], name: &str, field: Field, value: u64) {
    let (offset, size) = field.place();
    let at = section_header(bytes, section(bytes, name)) + offset;
    set(bytes, at, &value.to_le_bytes()[..size]);
}

/// File offset of entry `index` of a section with entries of `size` bytes.
pub fn entry(bytes: &[u8], section: &str, index: usize, size: usize) -> usize {
    get_section(bytes, section, Field::Offset) as usize + index * size
}

/// File offset of the symbol with this name.
pub fn symbol(bytes: &[u8], name: &str) -> usize {
    let names = get_section(bytes, ".strtab", Field::Offset) as usize;
    let count = get_section(bytes, ".symtab", Field::Size) as usize / 24;
    (0..count)
        .map(|index| entry(bytes, ".symtab", index, 24))
        .find(|at| {
            let start = names + u32_at(bytes, *at) as usize;
            bytes[start..].split(|byte| *byte == 0).next() == Some(name.as_bytes())
        })
        .unwrap_or_else(|| panic!("no symbol {name}"))
}
