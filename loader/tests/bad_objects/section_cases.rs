//! Sections: place, type, flags, number.

use super::*;

pub fn cases() -> Vec<Case> {
    let extra = |name, flags| {
        with(|parts| {
            parts.sections.push(Section {
                name,
                bytes: vec![0; 8],
                flags,
                align: 1,
                relocations: vec![],
            })
        })
    };
    vec![
        case!(
            "section behind the end",
            section_field(".text.0", Field::Offset, 1 << 20),
            Error::SectionOutOfFile {
                offset: 0x10_0000,
                ..
            }
        ),
        case!(
            "section larger than the file",
            section_field(".rodata.0", Field::Size, u64::MAX),
            Error::SectionOutOfFile { size: u64::MAX, .. }
        ),
        case!(
            "sections overlap",
            section_field_plus(".rodata.0", Field::Offset, -8),
            Error::SectionsOverlap { .. }
        ),
        case!(
            "section over the ELF header",
            section_field(".wamr.data", Field::Offset, 8),
            Error::SectionsOverlap { .. }
        ),
        case!(
            "relocations over code",
            patched(|bytes| {
                let code = patch::get_section(bytes, ".wamr.data", Field::Offset);
                patch::set_section(bytes, ".rela.text.0", Field::Offset, code);
            }),
            Error::SectionsOverlap { .. }
        ),
        case!(
            "section over the section headers",
            patched(|bytes| {
                let table = patch::section_header(bytes, 0) as u64;
                let start = patch::get_section(bytes, ".shstrtab", Field::Offset);
                patch::set_section(bytes, ".shstrtab", Field::Size, 8 + table - start);
                // The table has to end with NUL for this to be found.
                bytes[table as usize + 7] = 0;
            }),
            Error::SectionsOverlap { second: 0, .. }
        ),
        case!(
            "unknown section",
            extra(".data", 3),
            Error::UnknownSection { .. }
        ),
        case!(
            "unknown table",
            extra(".wamr.extra", 2),
            Error::UnknownSection { .. }
        ),
        case!(
            "name that only starts well",
            extra(".textual", CODE),
            Error::UnknownSection { .. }
        ),
        case!(
            "unknown section type",
            section_field(".text.0", Field::Type, 8),
            Error::UnknownSection { ty: 8, .. }
        ),
        case!(
            "relocations without addends",
            section_field(".rela.text.0", Field::Type, 9),
            Error::UnknownSection { ty: 9, .. }
        ),
        case!(
            "writable code",
            section_field(".text.0", Field::Flags, 7),
            Error::SectionFlags {
                found: 7,
                required: 6,
                ..
            }
        ),
        case!(
            "code that is not executable",
            section_field(".text.1", Field::Flags, 2),
            Error::SectionFlags {
                found: 2,
                required: 6,
                ..
            }
        ),
        case!(
            "thread-local constants",
            section_field(".rodata.0", Field::Flags, 0x402),
            Error::SectionFlags { found: 0x402, .. }
        ),
        case!(
            "executable constants",
            section_field(".rodata.0", Field::Flags, 6),
            Error::SectionFlags { found: 6, .. }
        ),
        case!(
            "table that is not allocated",
            section_field(section::MODULE, Field::Flags, 0),
            Error::SectionFlags {
                found: 0,
                required: 2,
                ..
            }
        ),
        case!(
            "allocated custom section",
            extra(".wamr.custom.x", 2),
            Error::SectionFlags { found: 2, .. }
        ),
        case!(
            "alignment of three",
            section_field(".text.0", Field::Align, 3),
            Error::SectionAlignment { found: 3, .. }
        ),
        case!(
            "alignment of two pages",
            section_field(".text.0", Field::Align, 8192),
            Error::SectionAlignment { found: 8192, .. }
        ),
        case!(
            "name outside the name table",
            section_field(".text.0", Field::Name, 1 << 20),
            Error::SectionName {
                offset: 0x10_0000,
                ..
            }
        ),
        case!(
            "name table that does not end",
            patched(|bytes| {
                let offset = patch::get_section(bytes, ".shstrtab", Field::Offset);
                let size = patch::get_section(bytes, ".shstrtab", Field::Size);
                bytes[(offset + size) as usize - 1] = b'x';
            }),
            Error::StringTable { .. }
        ),
        case!(
            "no address table",
            with(|parts| parts.without.push(section::CODE)),
            Error::SectionMissing {
                name: section::CODE
            }
        ),
        case!(
            "no module",
            with(|parts| parts.without.push(section::MODULE)),
            Error::SectionMissing {
                name: section::MODULE
            }
        ),
        case!(
            "two address tables",
            patched(|bytes| {
                let name = patch::get_section(bytes, section::CODE, Field::Name);
                patch::set_section(bytes, section::ORDER, Field::Name, name);
            }),
            Error::SectionTwice {
                name: section::CODE,
                ..
            }
        ),
        case!(
            "header section elsewhere",
            section_field_plus(section::HEADER, Field::Size, -4),
            Error::HeaderPlace { .. }
        ),
    ]
}
