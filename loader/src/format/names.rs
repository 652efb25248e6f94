//! `.wamr.names`: names of functions, and of the module.
//!
//! A record list (see [`super::list`]) with a record a function, imports included: its name in
//! UTF-8, empty for none. After it a ULEB length and the module's name, empty for none.

use super::{list::List, section, wire::Reader};
use crate::error::{Error, TableError};

/// The table.
#[derive(Clone, Copy, Debug, Default)]
pub struct NamesView<'a> {
    functions: List<'a>,
    module: &'a [u8],
}

impl<'a> NamesView<'a> {
    /// Reads and checks the table of a module with `functions` functions, imports included.
    pub fn parse(bytes: &'a [u8], functions: u32) -> Result<Self, Error> {
        let mut reader = Reader::new(section::NAMES, bytes);
        let list = List::parse(&mut reader, WHAT)?;
        if list.len() != functions {
            return Err(reader.fail_at(
                0,
                TableError::Count {
                    what: "function names",
                    expected: functions,
                    found: list.len(),
                },
            ));
        }
        for index in 0..list.len() {
            if let Some(record) = list.reader(index) {
                record.clone().rest_str("a function name")?;
            }
        }
        let module = reader.counted_str("the module name")?;
        reader.finish("the names")?;
        Ok(NamesView {
            functions: list,
            module: module.as_bytes(),
        })
    }

    /// As [`NamesView::parse`], for bytes that were checked before.
    pub(crate) fn assume(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(section::NAMES, bytes);
        Ok(NamesView {
            functions: List::assume(&mut reader, WHAT)?,
            module: reader.counted_bytes(WHAT)?,
        })
    }

    /// Name of the function with this index, imports included in the numbering.
    pub fn function(&self, index: u32) -> Option<&'a str> {
        let name = core::str::from_utf8(self.functions.get(index)?).ok()?;
        (!name.is_empty()).then_some(name)
    }

    /// Name of the module.
    pub fn module(&self) -> Option<&'a str> {
        let name = core::str::from_utf8(self.module).ok()?;
        (!name.is_empty()).then_some(name)
    }
}

const WHAT: &str = "the names";

#[cfg(any(feature = "write", test))]
mod write {
    use crate::format::{list::ListWriter, wire::write};
    use alloc::vec::Vec;

    /// Builds the table; [`NamesWriter::push`] once for each function, by index.
    #[derive(Clone, Debug, Default)]
    pub struct NamesWriter(ListWriter);

    impl NamesWriter {
        /// An empty table.
        pub fn new() -> Self {
            Self::default()
        }

        /// Appends the next function's name; empty for none.
        pub fn push(&mut self, name: &str) {
            self.0.push(|out| out.extend_from_slice(name.as_bytes()));
        }

        /// The table's encoding; `module` is the module's name, empty for none.
        pub fn finish(self, module: &str) -> Vec<u8> {
            let mut out = Vec::new();
            self.0.finish_into(&mut out);
            write::counted_bytes(&mut out, module.as_bytes());
            out
        }
    }
}

#[cfg(any(feature = "write", test))]
pub use write::NamesWriter;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(names in prop::collection::vec(any::<String>(), 0..20), module: String) {
            let mut writer = NamesWriter::new();
            names.iter().for_each(|name| writer.push(name));
            let bytes = writer.finish(&module);
            let count = u32::try_from(names.len()).unwrap();
            for view in [NamesView::parse(&bytes, count).unwrap(), NamesView::assume(&bytes).unwrap()] {
                for (name, index) in names.iter().zip(0..) {
                    prop_assert_eq!(view.function(index).unwrap_or(""), name);
                }
                prop_assert_eq!(view.function(count), None);
                prop_assert_eq!(view.module().unwrap_or(""), &module);
            }
            prop_assert!(NamesView::parse(&bytes, count + 1).is_err());
        }
    }
}
