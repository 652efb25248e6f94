//! What the two engines need of a module: imports that are named by their number, and exports.

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{ExportKind, ExportSection, ImportSection};
use wasmparser::TypeRef;

use super::{FUEL, tag_name};
use crate::frames::generate::Random;

/// Rewrites a module: names imports by their number, and exports memories, fuel and some of the rest.
pub struct Names<'r> {
    random: &'r mut Random,
    imports: u32,
    functions: u32,
    tables: u32,
    memories: u32,
    globals: u32,
    tags: u32,
    exported: bool,
}

impl<'r> Names<'r> {
    /// Draws what is exported.
    pub fn new(random: &'r mut Random) -> Self {
        Names {
            random,
            imports: 0,
            functions: 0,
            tables: 0,
            memories: 0,
            globals: 0,
            tags: 0,
            exported: false,
        }
    }

    /// Functions and tables that are not exported are compiled differently.
    fn add_exports(&mut self, exports: &mut ExportSection) {
        for (kind, name, count, percent) in [
            (ExportKind::Func, "function", self.functions, 60),
            (ExportKind::Table, "table", self.tables, 50),
            (ExportKind::Memory, "memory", self.memories, 100),
            (ExportKind::Global, "global", self.globals - 1, 80),
        ] {
            for index in 0..count {
                if self.random.chance(percent) {
                    exports.export(&format!("differential {name} {index}"), kind, index);
                }
            }
        }
        for index in 0..self.tags {
            exports.export(&tag_name(index), ExportKind::Tag, index);
        }
        exports.export(FUEL, ExportKind::Global, self.globals - 1);
        self.exported = true;
    }
}

type Reencoded = Result<(), reencode::Error>;

/// Counts a section's items and hands it on.
macro_rules! counted {
    ($( $method:ident, $counter:ident, $section:ident, $reader:ident; )*) => { $(
        fn $method(
            &mut self,
            to: &mut wasm_encoder::$section,
            from: wasmparser::$reader<'_>,
        ) -> Reencoded {
            self.$counter += from.count();
            reencode::utils::$method(self, to, from)
        }
    )* };
}

impl Reencode for Names<'_> {
    type Error = std::convert::Infallible;

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Reencoded {
        for import in section.into_imports() {
            let import = import?;
            match import.ty {
                TypeRef::Func(_) | TypeRef::FuncExact(_) => self.functions += 1,
                TypeRef::Table(_) => self.tables += 1,
                TypeRef::Memory(_) => self.memories += 1,
                TypeRef::Global(_) => self.globals += 1,
                TypeRef::Tag(_) => self.tags += 1,
            }
            let ty = self.entity_type(import.ty)?;
            imports.import("host", &self.imports.to_string(), ty);
            self.imports += 1;
        }
        Ok(())
    }

    counted! {
        parse_function_section, functions, FunctionSection, FunctionSectionReader;
        parse_table_section, tables, TableSection, TableSectionReader;
        parse_memory_section, memories, MemorySection, MemorySectionReader;
        parse_global_section, globals, GlobalSection, GlobalSectionReader;
        parse_tag_section, tags, TagSection, TagSectionReader;
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Reencoded {
        reencode::utils::parse_export_section(self, exports, section)?;
        self.add_exports(exports);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut wasm_encoder::Module,
        _after: Option<wasm_encoder::SectionId>,
        before: Option<wasm_encoder::SectionId>,
    ) -> Reencoded {
        use wasm_encoder::SectionId::{Code, Data, DataCount, Element, Start};
        // The place of the export section, if the module has none.
        let behind = matches!(
            before,
            None | Some(Start | Element | DataCount | Code | Data)
        );
        if behind && !self.exported {
            let mut exports = ExportSection::new();
            self.add_exports(&mut exports);
            module.section(&exports);
        }
        Ok(())
    }
}
