//! From `.eh_frame` to rows of `.wamr.unwind`.

use std::collections::HashMap;

use gimli::{
    BaseAddresses, CfaRule, CieOrFde, EhFrame, LittleEndian, RegisterRule, UnwindContext,
    UnwindSection, UnwindTableRow,
};
use wamr_aot_loader::format::unwind::{CodeUnwind, UnwindRow, UnwindWriter};

use super::dwarf::CodeSpace;
use super::handlers::{Handlers, Tables};
use super::internal;
use super::merge::Definition;
use crate::error::Result;
use crate::target::Architecture;

/// What is known of one function's code.
#[derive(Clone, Debug)]
struct Description {
    /// Size of the code that it describes.
    size: u64,
    rows: Vec<(u64, Option<UnwindRow>)>,
}

/// Rows of all units, by section of the merged object and offset in it.
#[derive(Clone, Debug, Default)]
pub(super) struct UnwindRows {
    functions: HashMap<(usize, u64), Description>,
}

impl UnwindRows {
    /// Reads `.eh_frame` of a unit, and the exception tables that it names.
    pub fn read(
        &mut self,
        file: &object::File<'_>,
        space: &CodeSpace,
        handlers: &mut Handlers,
    ) -> Result<()> {
        use object::read::Object as _;
        let wrong = |error: gimli::Error| internal(format!(".eh_frame: {error}"));
        let bytes = space.read(file, ".eh_frame")?;
        let mut section = EhFrame::new(&bytes, LittleEndian);
        section.set_address_size(if file.is_64() { 8 } else { 4 });
        let bases = BaseAddresses::default().set_eh_frame(space.eh_frame());
        let mut context = UnwindContext::new();
        let tables = Tables::new(file)?;
        let mut entries = section.entries(&bases);
        while let Some(entry) = entries.next().map_err(wrong)? {
            let CieOrFde::Fde(partial) = entry else {
                continue;
            };
            let description = partial
                .parse(|_, bases, offset| section.cie_from_offset(bases, offset))
                .map_err(wrong)?;
            let start = description.initial_address();
            let place = space
                .place(start)
                .ok_or_else(|| internal(format!(".eh_frame: no code at {start:#x}")))?;
            if let (Some(tables), Some(gimli::Pointer::Direct(address))) =
                (&tables, description.lsda())
            {
                let offset = address.checked_sub(space.exception_tables());
                let offset =
                    offset.ok_or_else(|| internal(".eh_frame: an exception table is missing"))?;
                handlers.add(place, tables, offset)?;
            }
            let mut rows = Vec::new();
            let mut table = description
                .rows(&section, &bases, &mut context)
                .map_err(wrong)?;
            while let Some(row) = table.next_row().map_err(wrong)? {
                if row.start_address() == row.end_address() {
                    continue;
                }
                rows.push((row.start_address().saturating_sub(start), convert(row)));
            }
            let size = description.len();
            self.functions.insert(place, Description { size, rows });
        }
        Ok(())
    }

    /// Rows of the code at a place.
    #[cfg(test)]
    pub fn rows(&self, place: (usize, u64)) -> Option<&[(u64, Option<UnwindRow>)]> {
        Some(&self.functions.get(&place)?.rows)
    }

    /// What the table says of an entry.
    fn entry(&self, code: &Definition) -> Result<CodeUnwind> {
        let size = |size: u64| u32::try_from(size).map_err(internal);
        let mut rows = Vec::new();
        match self.functions.get(&(code.section, code.offset)) {
            Some(description) => {
                for (offset, row) in &description.rows {
                    if *offset < code.size {
                        rows.push((size(*offset)?, *row));
                    }
                }
                if description.size < code.size {
                    rows.push((size(description.size)?, None));
                }
            }
            None => rows.push((0, None)),
        }
        Ok(CodeUnwind {
            code_size: size(code.size)?,
            rows,
        })
    }

    /// `.wamr.unwind` for the code entries.
    pub fn encode(
        &self,
        architecture: Architecture,
        entries: &[Option<Definition>],
    ) -> Result<Vec<u8>> {
        let mut writer = writer(architecture)?;
        for entry in entries {
            let code = match entry {
                Some(code) => self.entry(code)?,
                None => CodeUnwind::default(),
            };
            writer.push(&code);
        }
        Ok(writer.finish())
    }
}

/// An empty table: units of code and stack, and the row at the entry of a function.
///
/// Register numbers: System V ABI for x86-64, 3.6.2; DWARF for the Arm 64-bit architecture, 4.1;
/// RISC-V ELF psABI, "DWARF register numbers".
fn writer(architecture: Architecture) -> Result<UnwindWriter> {
    let (code_unit, stack_unit, stack_pointer) = match architecture {
        Architecture::X86_64 => (1, 8, 7),
        Architecture::Aarch64 => (4, 8, 31),
        Architecture::Riscv64 => (2, 8, 2),
        Architecture::Riscv32 => (2, 4, 2),
    };
    let mut first = UnwindRow::new(stack_pointer, 0);
    if architecture == Architecture::X86_64 {
        // A call pushes the return address, which has the number of `rip`.
        first.cfa_offset = 8;
        if !first.save(16, -8) {
            return Err(internal("an unwind row holds no register"));
        }
    }
    Ok(UnwindWriter::new(code_unit, stack_unit, first))
}

/// A row in our form; `None` for one that we have no form for, as with expressions (stack frames
/// whose size depends on a vector length, for example).
fn convert(row: &UnwindTableRow<usize>) -> Option<UnwindRow> {
    let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else {
        return None;
    };
    let mut converted =
        UnwindRow::new(u8::try_from(register.0).ok()?, i32::try_from(*offset).ok()?);
    for (register, rule) in row.registers() {
        match rule {
            RegisterRule::Offset(offset) => {
                let register = u8::try_from(register.0).ok()?;
                if !converted.save(register, i32::try_from(*offset).ok()?) {
                    return None;
                }
            }
            RegisterRule::SameValue | RegisterRule::Undefined => {}
            _ => return None,
        }
    }
    Some(converted)
}
