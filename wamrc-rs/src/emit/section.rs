//! What becomes of each section of an object that LLVM wrote.

use object::read::{Object, ObjectSection};
use object::{SectionFlags, elf};

use super::{handlers, internal};
use crate::error::Result;

/// What becomes of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Machine code: copied under a name of its own.
    Code,
    /// Constants and jump tables: copied under a name of its own.
    Constants,
    /// Unwind tables: appended to those of the other units.
    Unwind,
    /// Read here and not copied.
    Read,
    /// Left out.
    Dropped,
}

/// Decides by name and flags.
///
/// # Errors
///
/// Sections that no rule knows: writable data, thread-local storage, what a new LLVM may come up with.
pub(super) fn fate<'data>(
    file: &object::File<'data>,
    section: &object::Section<'data, '_>,
) -> Result<Fate> {
    let name = section.name().map_err(internal)?;
    let SectionFlags::Elf { sh_type, sh_flags } = section.flags() else {
        return Err(internal(format!("section {name} has no ELF flags")));
    };
    let is_family = |family: &str| {
        name.strip_prefix(family)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let fate = match name {
        ".debug_line" | ".llvm_stackmaps" | handlers::SECTION => Fate::Read,
        // What LLVM's exception tables name tags through; compiled code has no data of its own.
        ".data" if handlers::holds_tags(file, section) => Fate::Read,
        ".eh_frame" => Fate::Unwind,
        // Every object gets a marker of its own; the rest describes how LLVM was called.
        ".note.GNU-stack" | ".comment" | ".llvm_addrsig" | ".riscv.attributes" | "" => {
            Fate::Dropped
        }
        _ if is_family(".text") || is_family(".ltext") => Fate::Code,
        _ if is_family(".rodata") || is_family(".lrodata") || is_family(".data.rel.ro") => {
            Fate::Constants
        }
        _ if name.starts_with(".debug_") => Fate::Dropped,
        // The address of a function that reads exception tables: there is none.
        _ if is_family(".data.DW.ref") => Fate::Dropped,
        _ => match sh_type {
            elf::SHT_SYMTAB
            | elf::SHT_STRTAB
            | elf::SHT_RELA
            | elf::SHT_SYMTAB_SHNDX
            | elf::SHT_GROUP => Fate::Dropped,
            _ if section.size() == 0 => Fate::Dropped,
            _ => {
                return Err(internal(format!(
                    "section {name} (type {:#x}, flags {:#x}, {} bytes) has no place in an object for {:?}",
                    sh_type.0,
                    sh_flags.0,
                    section.size(),
                    file.architecture(),
                )));
            }
        },
    };
    let is_copied = matches!(fate, Fate::Code | Fate::Constants | Fate::Unwind);
    if is_copied && sh_type != elf::SHT_PROGBITS && sh_type != elf::SHT_X86_64_UNWIND {
        return Err(internal(format!(
            "section {name} has the type {:#x}",
            sh_type.0
        )));
    }
    Ok(fate)
}

/// Flags of a copied section: those that its unit had, but for merging and grouping, which need
/// fields that mean nothing to a loader.
pub(super) fn copied_flags(section: &object::Section<'_, '_>) -> SectionFlags {
    match section.flags() {
        SectionFlags::Elf { sh_type, sh_flags } => {
            let dropped = elf::SHF_MERGE | elf::SHF_STRINGS | elf::SHF_GROUP | elf::SHF_LINK_ORDER;
            SectionFlags::Elf {
                sh_type,
                sh_flags: elf::SectionFlags(sh_flags.0 & !dropped.0),
            }
        }
        other => other,
    }
}
