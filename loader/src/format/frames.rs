//! `.wamr.frames`: what a frame of each defined function looks like.
//!
//! A record list (see [`super::list`]) with a record a defined function:
//!
//! ```text
//! ULEB code size in bytes | u8 flags | ULEB max operand slots | ULEB n | n × (ULEB count, u8 type)
//! ```
//!
//! Flags: bit 0, the function keeps a frame record; bit 1, a slot may hold a reference. The runs are the
//! locals after the parameters; the parameters' types are those of the function's type. The code size
//! is 0 where the function has no code of its own.

/// Flag: the function keeps a frame record.
pub const HAS_RECORD: u8 = 1;
/// Flag: a parameter, local or operand may hold a reference.
pub const HAS_REFERENCES: u8 = 2;

#[cfg(any(feature = "write", test))]
mod write {
    use super::{HAS_RECORD, HAS_REFERENCES};
    use crate::format::{list::ListWriter, types::ValType, wire::write};
    use alloc::vec::Vec;

    /// The frame of a defined function.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct FunctionFrame {
        /// Size of the function's machine code in bytes, 0 for none.
        pub code_size: u32,
        /// Does it keep a frame record?
        pub has_record: bool,
        /// May a slot hold a reference?
        pub has_references: bool,
        /// Largest depth of the operand stack, in slots.
        pub max_operand_slots: u32,
        /// Locals after the parameters, as runs of one type.
        pub locals: Vec<(u32, ValType)>,
    }

    /// Builds the table; [`FramesWriter::push`] once for each defined function, by index.
    #[derive(Clone, Debug, Default)]
    pub struct FramesWriter(ListWriter);

    impl FramesWriter {
        /// An empty table.
        pub fn new() -> Self {
            Self::default()
        }

        /// Appends the next function.
        pub fn push(&mut self, frame: &FunctionFrame) {
            self.0.push(|out| {
                write::uleb(out, u64::from(frame.code_size));
                let record = if frame.has_record { HAS_RECORD } else { 0 };
                let references = if frame.has_references {
                    HAS_REFERENCES
                } else {
                    0
                };
                out.push(record | references);
                write::uleb(out, u64::from(frame.max_operand_slots));
                write::uleb(out, u64::from(write::length(frame.locals.len())));
                for (count, ty) in &frame.locals {
                    write::uleb(out, u64::from(*count));
                    out.push(ty.byte());
                }
            });
        }

        /// The table's encoding.
        pub fn finish(self) -> Vec<u8> {
            let mut out = Vec::new();
            self.0.finish_into(&mut out);
            out
        }
    }
}

#[cfg(any(feature = "write", test))]
pub use write::{FramesWriter, FunctionFrame};
