//! Where the fields of an ELF file are, for changing them. Trusts nothing: what is not there is `None`.

/// `SHT_RELA`.
const RELA: u64 = 4;
/// `SHT_SYMTAB`.
const SYMBOLS: u64 = 2;

/// A number in the file, little-endian.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// Offset in the file.
    pub offset: usize,
    /// Size in bytes, at most 8.
    pub size: usize,
}

impl Number {
    /// Its value, if it is in the file.
    pub fn get(self, file: &[u8]) -> Option<u64> {
        let bytes = file.get(self.offset..self.offset.checked_add(self.size)?)?;
        let mut value = [0; 8];
        value.get_mut(..self.size)?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(value))
    }

    /// Changes it, if it is in the file; what does not fit is cut off.
    pub fn set(self, file: &mut [u8], value: u64) -> Option<()> {
        let bytes = file.get_mut(self.offset..self.offset.checked_add(self.size)?)?;
        bytes.copy_from_slice(value.to_le_bytes().get(..self.size)?);
        Some(())
    }
}

/// Sizes of the fields of a structure, in their order.
type Fields = &'static [usize];

/// The structures of one ELF class.
struct Class {
    header: Fields,
    section: Fields,
    symbol: Fields,
    rela: Fields,
}

const CLASS_32: Class = Class {
    header: &[2, 2, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2, 2],
    section: &[4; 10],
    symbol: &[4, 4, 4, 1, 1, 2],
    rela: &[4, 1, 3, 4],
};

const CLASS_64: Class = Class {
    header: &[2, 2, 4, 8, 8, 8, 4, 2, 2, 2, 2, 2, 2],
    section: &[4, 4, 8, 8, 8, 8, 4, 4, 8, 8],
    symbol: &[4, 1, 1, 2, 8, 8],
    rela: &[8, 4, 4, 8],
};

/// Size of the identification.
const IDENT: usize = 16;
/// Fields of the header.
const SECTION_TABLE: usize = 5;
const SECTION_COUNT: usize = 11;
/// Fields of a section header.
const TYPE: usize = 1;
const OFFSET: usize = 4;
const SIZE: usize = 5;

/// An ELF file of either class.
pub struct Elf<'f> {
    file: &'f [u8],
    class: &'static Class,
}

/// A part of a file.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// Offset in the file.
    pub offset: usize,
    /// Length in bytes.
    pub size: usize,
}

fn field(fields: Fields, start: usize, index: usize) -> Option<Number> {
    Some(Number {
        offset: start.checked_add(fields.iter().take(index).sum())?,
        size: *fields.get(index)?,
    })
}

impl<'f> Elf<'f> {
    /// Looks at the class only.
    pub fn new(file: &'f [u8]) -> Option<Self> {
        let class = match file.get(4)? {
            1 => &CLASS_32,
            2 => &CLASS_64,
            _ => return None,
        };
        Some(Elf { file, class })
    }

    /// Offset of the object's own header.
    pub fn own_header(&self) -> usize {
        IDENT + self.class.header.iter().sum::<usize>()
    }

    /// A field of the ELF header behind the identification, modulo their number.
    pub fn header(&self, index: usize) -> Option<Number> {
        field(self.class.header, IDENT, index % self.class.header.len())
    }

    fn header_value(&self, index: usize) -> Option<usize> {
        usize::try_from(self.header(index)?.get(self.file)?).ok()
    }

    /// Where the section headers start.
    pub fn section_table(&self) -> Option<Number> {
        self.header(SECTION_TABLE)
    }

    /// Number of section headers.
    pub fn section_count(&self) -> usize {
        self.header_value(SECTION_COUNT).unwrap_or(0)
    }

    /// Size of a section header.
    pub fn section_header_size(&self) -> usize {
        self.class.section.iter().sum()
    }

    /// Where a section's header is.
    pub fn section_header(&self, section: usize) -> Option<usize> {
        let entry = section.checked_mul(self.section_header_size())?;
        self.header_value(SECTION_TABLE)?.checked_add(entry)
    }

    /// A field of a section's header, modulo their number.
    pub fn section(&self, section: usize, index: usize) -> Option<Number> {
        let fields = self.class.section;
        field(fields, self.section_header(section)?, index % fields.len())
    }

    /// Offset of a section, as a field of its header.
    pub fn section_offset(&self, section: usize) -> Option<Number> {
        self.section(section, OFFSET)
    }

    /// Size of a section, as a field of its header.
    pub fn section_size(&self, section: usize) -> Option<Number> {
        self.section(section, SIZE)
    }

    /// A section's content, as far as its header says.
    pub fn content(&self, section: usize) -> Option<Range> {
        let value = |number: Number| usize::try_from(number.get(self.file)?).ok();
        Some(Range {
            offset: value(self.section_offset(section)?)?,
            size: value(self.section_size(section)?)?,
        })
    }

    fn of_type(&self, ty: u64) -> impl Iterator<Item = usize> {
        (0..self.section_count()).filter(move |section| {
            self.section(*section, TYPE)
                .and_then(|number| number.get(self.file))
                == Some(ty)
        })
    }

    /// The relocation sections.
    pub fn relocation_sections(&self) -> impl Iterator<Item = usize> {
        self.of_type(RELA)
    }

    /// The symbol table.
    pub fn symbol_table(&self) -> Option<usize> {
        self.of_type(SYMBOLS).next()
    }

    /// Size of a relocation in bytes.
    pub fn rela_size(&self) -> usize {
        self.class.rela.iter().sum()
    }

    fn entry(&self, section: usize, fields: Fields, entry: usize, index: usize) -> Option<Number> {
        let content = self.content(section)?;
        let size: usize = fields.iter().sum();
        let count = (content.size / size).max(1);
        let start = content.offset.checked_add(entry % count * size)?;
        field(fields, start, index % fields.len())
    }

    /// A field of a symbol; symbols and fields modulo their number.
    pub fn symbol(&self, symbol: usize, index: usize) -> Option<Number> {
        self.entry(self.symbol_table()?, self.class.symbol, symbol, index)
    }

    /// A field of a relocation (offset, and in either order type and symbol, addend); relocations and fields modulo their number.
    pub fn relocation(&self, section: usize, rela: usize, index: usize) -> Option<Number> {
        self.entry(section, self.class.rela, rela, index)
    }

    /// The type of a relocation.
    pub fn relocation_type(&self, section: usize, rela: usize) -> Option<Number> {
        self.relocation(section, rela, 1)
    }
}
