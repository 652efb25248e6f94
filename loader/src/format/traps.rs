//! `.wamr.traps`: which wasm instruction a machine instruction comes from.
//!
//! A record list (see [`super::list`]) with a record a defined function. A record is a sequence of rows
//!
//! ```text
//! ULEB code-offset delta | SLEB wasm-offset delta
//! ```
//!
//! Code offsets count from the function's start and ascend strictly (the first row may have offset 0); wasm
//! offsets count from the start of the module, 0 for unknown. Both start from 0. A row holds from its code offset to the next row's.

/// One row, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapRow {
    /// Machine offset from the function's start.
    pub code_offset: u32,
    /// Offset of the instruction from the start of the module; 0 for unknown.
    pub wasm_offset: u32,
}

#[cfg(any(feature = "write", test))]
mod write {
    use super::TrapRow;
    use crate::format::{list::ListWriter, wire::write};
    use alloc::vec::Vec;

    /// Builds the table; [`TrapsWriter::push`] once for each defined function, by index.
    #[derive(Clone, Debug, Default)]
    pub struct TrapsWriter(ListWriter);

    impl TrapsWriter {
        /// An empty table.
        pub fn new() -> Self {
            Self::default()
        }

        /// Appends the next function's rows, by ascending code offset. Rows that change nothing are
        /// left out; of several rows with one code offset the last counts.
        pub fn push(&mut self, rows: &[TrapRow]) {
            self.0.push(|out| {
                let mut previous = TrapRow {
                    code_offset: 0,
                    wasm_offset: 0,
                };
                for (i, row) in rows.iter().enumerate() {
                    let replaced = rows
                        .get(i + 1)
                        .is_some_and(|next| next.code_offset <= row.code_offset);
                    if replaced || row.wasm_offset == previous.wasm_offset {
                        continue;
                    }
                    let code = row.code_offset.saturating_sub(previous.code_offset);
                    write::uleb(out, u64::from(code));
                    let wasm = i64::from(row.wasm_offset) - i64::from(previous.wasm_offset);
                    write::sleb(out, wasm);
                    previous = *row;
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
pub use write::TrapsWriter;
