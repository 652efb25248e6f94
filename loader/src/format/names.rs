//! `.wamr.names`: names of functions, and of the module.
//!
//! A record list (see [`super::list`]) with a record a function, imports included: its name in
//! UTF-8, empty for none. After it a ULEB length and the module's name, empty for none.

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
