//! `.wamr.names`: names of functions and their locals, and of the module.
//!
//! A record list (see [`super::list`]) with a record a function, imports included. After it the module's name.
//! A name is a ULEB length and UTF-8, empty for none.
//!
//! ```text
//! function:  name | locals that have names, by index*
//! local:     uleb how many indices after the one before | name
//! ```
//!
//! Parameters are locals. Their names are there only where frames carry values.

use super::{list::List, section, wire::Reader};
use crate::error::{Error, Refusal, Refused, TableError};

/// The table.
#[derive(Clone, Copy, Debug, Default)]
pub struct NamesView<'a> {
    functions: List<'a>,
    module: &'a [u8],
}

impl<'a> NamesView<'a> {
    /// Reads and checks the table of a module with `functions` functions, imports included.
    pub fn parse(bytes: &'a [u8], functions: u32) -> Result<Self, Error> {
        Refusal::explain_table(section::NAMES, |refusal| {
            Self::check(bytes, functions, refusal)
        })?;
        Ok(Self::assume(bytes))
    }

    /// As [`NamesView::parse`].
    #[inline(never)]
    pub(crate) fn check(bytes: &[u8], functions: u32, refusal: &Refusal) -> Result<(), Refused> {
        let mut reader = Reader::check(bytes, refusal);
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
                check_function(record)?;
            }
        }
        reader.counted_str("the module name")?;
        reader.finish("the names")
    }

    /// As [`NamesView::parse`], for bytes that were checked before.
    pub(crate) fn assume(bytes: &'a [u8]) -> Self {
        let mut reader = Reader::new(bytes);
        NamesView {
            functions: List::assume(&mut reader, WHAT).unwrap_or_default(),
            module: reader.counted_bytes(WHAT).unwrap_or_default(),
        }
    }

    /// Name of the function with this index, imports included in the numbering.
    pub fn function(&self, index: u32) -> Option<&'a str> {
        let name = self.functions.reader(index)?.counted_bytes(WHAT).ok()?;
        text(name)
    }

    /// Names of the function's parameters and locals, by index.
    pub fn locals(&self, function: u32) -> Locals<'a> {
        let mut reader = self.functions.reader(function);
        if let Some(record) = &mut reader
            && record.counted_bytes(WHAT).is_err()
        {
            reader = None;
        }
        Locals { reader, next: 0 }
    }

    /// Name of the module.
    pub fn module(&self) -> Option<&'a str> {
        text(self.module)
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(bytes).ok()?;
    (!text.is_empty()).then_some(text)
}

/// Checks a function's record.
fn check_function(mut record: Reader<'_>) -> Result<(), Refused> {
    record.counted_str("a function name")?;
    let mut next = 0u32;
    while !record.is_empty() {
        let start = record.offset();
        let what = "a local's index";
        let index = next.checked_add(record.uleb32(what)?);
        next = index
            .and_then(|index| index.checked_add(1))
            .ok_or_else(|| record.fail_at(start, TableError::Leb128 { what }))?;
        record.counted_str("a local's name")?;
    }
    Ok(())
}

/// Names of a function's locals: see [`NamesView::locals`].
#[derive(Clone, Debug)]
pub struct Locals<'a> {
    reader: Option<Reader<'a>>,
    next: u32,
}

impl<'a> Iterator for Locals<'a> {
    type Item = (u32, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut().filter(|reader| !reader.is_empty())?;
        let index = self.next.checked_add(reader.uleb32(WHAT).ok()?)?;
        self.next = index.checked_add(1)?;
        let name = reader.counted_bytes(WHAT).ok()?;
        Some((index, core::str::from_utf8(name).ok()?))
    }
}

const WHAT: &str = "the names";

#[cfg(any(feature = "write", test))]
mod write {
    use crate::format::{list::ListWriter, wire::write};
    use alloc::{string::String, vec::Vec};

    /// Builds the table; [`NamesWriter::push`] once for each function, by index.
    #[derive(Clone, Debug, Default)]
    pub struct NamesWriter(ListWriter);

    impl NamesWriter {
        /// An empty table.
        pub fn new() -> Self {
            Self::default()
        }

        /// Appends the next function's name, empty for none, and names of its locals, by ascending index.
        pub fn push<'a>(
            &mut self,
            name: &str,
            locals: impl IntoIterator<Item = (u32, &'a String)>,
        ) {
            self.0.push(|out| {
                write::counted_bytes(out, name.as_bytes());
                let mut next = 0;
                for (index, name) in locals {
                    write::uleb(out, u64::from(index.saturating_sub(next)));
                    write::counted_bytes(out, name.as_bytes());
                    next = index.saturating_add(1);
                }
            });
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
    use alloc::{collections::BTreeMap, string::String, vec::Vec};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(
            functions in prop::collection::vec(
                any::<(String, BTreeMap<u32, String>)>(), 0..20),
            module: String,
        ) {
            let mut writer = NamesWriter::new();
            for (name, locals) in &functions {
                writer.push(name, locals.iter().map(|(index, name)| (*index, name)));
            }
            let bytes = writer.finish(&module);
            let count = u32::try_from(functions.len()).unwrap();
            for view in [NamesView::parse(&bytes, count).unwrap(), NamesView::assume(&bytes)] {
                for ((name, locals), index) in functions.iter().zip(0..) {
                    prop_assert_eq!(view.function(index).unwrap_or(""), name);
                    // The last index has none after it, which the format does not need.
                    let locals = locals.iter().map(|(index, name)| (*index, name.as_str()));
                    let expected: Vec<_> = locals.filter(|(index, _)| *index < u32::MAX).collect();
                    prop_assert_eq!(view.locals(index).collect::<Vec<_>>(), expected);
                }
                prop_assert_eq!(view.locals(count).count(), 0);
                prop_assert_eq!(view.function(count), None);
                prop_assert_eq!(view.module().unwrap_or(""), &module);
            }
            prop_assert!(NamesView::parse(&bytes, count + 1).is_err());
        }
    }
}
