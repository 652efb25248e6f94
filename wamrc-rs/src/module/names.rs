//! Names of functions and locals: the name section's; a function without one has that of an export or import.

use std::collections::BTreeMap;

use wamr_aot_loader::format::module::{ExportKind, ImportKind, ModuleInfo};
use wasmparser::{Name, NameSectionReader};

/// Names of a module and its functions.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Name of the module.
    pub module: Option<String>,
    /// Names by function index.
    pub functions: BTreeMap<u32, String>,
    /// Names of parameters and locals by function index and their own.
    pub locals: BTreeMap<u32, BTreeMap<u32, String>>,
}

impl Names {
    /// Reads a name section. Its errors are no errors of the module: what cannot be read is left out.
    pub(super) fn read_section(&mut self, reader: NameSectionReader<'_>) {
        for name in reader {
            match name {
                Ok(Name::Module { name, .. }) => self.module = Some(name.to_owned()),
                Ok(Name::Function(map)) => {
                    for naming in map.into_iter().map_while(Result::ok) {
                        self.functions.insert(naming.index, naming.name.to_owned());
                    }
                }
                Ok(Name::Local(functions)) => {
                    for function in functions.into_iter().map_while(Result::ok) {
                        let locals = self.locals.entry(function.index).or_default();
                        for naming in function.names.map_while(Result::ok) {
                            locals.insert(naming.index, naming.name.to_owned());
                        }
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    /// Gives functions that have no name the one they are exported or imported by.
    pub(super) fn complete(&mut self, info: &ModuleInfo) {
        let imported = info
            .imports
            .iter()
            .filter(|import| matches!(import.kind, ImportKind::Func(_)));
        for (index, import) in (0..).zip(imported) {
            self.functions
                .entry(index)
                .or_insert_with(|| import.name.clone());
        }
        for export in info
            .exports
            .iter()
            .filter(|export| export.kind == ExportKind::Func)
        {
            self.functions
                .entry(export.index)
                .or_insert_with(|| export.name.clone());
        }
    }
}
