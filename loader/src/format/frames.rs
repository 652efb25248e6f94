//! `.wamr.frames`: what a frame of each defined function looks like.
//!
//! A record list (see [`super::list`]) with a record a defined function:
//!
//! ```text
//! ULEB wasm offset | ULEB code size in bytes | u8 flags | ULEB max operand slots
//! | ULEB n | n × (ULEB count, u8 type)
//! ```
//!
//! The wasm offset is where the function's body starts in the WebAssembly module; so the function
//! that an instruction offset belongs to is known, however its code was inlined. Offsets ascend
//! strictly, or all are 0, for unknown.
//!
//! Flags: bit 0, the function keeps a frame record; bit 1, a slot may hold a reference. The runs
//! are the locals after the parameters; the parameters' types are those of the function's type. The
//! code size is 0 where the function has no code of its own.

use super::{
    list::{List, Record, Records},
    section,
    types::ValType,
    wire::Reader,
};
use crate::error::{Error, Refusal, Refused, TableError};

/// Flag: the function keeps a frame record.
pub const HAS_RECORD: u8 = 1;
/// Flag: a parameter, local or operand may hold a reference.
pub const HAS_REFERENCES: u8 = 2;

/// The frame of a defined function.
#[derive(Clone, Copy, Debug)]
pub struct FrameView<'a> {
    /// Offset of the function's body from the start of the WebAssembly module, 0 if unknown.
    pub wasm_offset: u32,
    /// Size of the function's machine code in bytes, 0 for none.
    pub code_size: u32,
    /// Does it keep a frame record?
    pub has_record: bool,
    /// May a slot hold a reference?
    pub has_references: bool,
    /// Largest depth of the operand stack, in slots.
    pub max_operand_slots: u32,
    runs: u32,
    reader: Reader<'a>,
}

impl<'a> FrameView<'a> {
    /// Locals after the parameters, as runs of one type.
    pub fn locals(&self) -> impl Iterator<Item = (u32, ValType)> + use<'a> {
        let mut reader = self.reader;
        (0..self.runs).map_while(move |_| run(&mut reader).ok())
    }
}

fn run(reader: &mut Reader<'_>) -> Result<(u32, ValType), Refused> {
    let count = reader.uleb32("a number of locals")?;
    Ok((count, reader.slot_type()?))
}

impl<'a> Record<'a> for FrameView<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        let wasm_offset = reader.uleb32("a body's offset")?;
        let code_size = reader.uleb32("a code size")?;
        let flags = reader.flags("frame flags", HAS_RECORD | HAS_REFERENCES)?;
        let max_operand_slots = reader.uleb32("a number of operand slots")?;
        let runs = reader.uleb32("a number of runs of locals")?;
        Ok(FrameView {
            wasm_offset,
            code_size,
            has_record: flags & HAS_RECORD != 0,
            has_references: flags & HAS_REFERENCES != 0,
            max_operand_slots,
            runs,
            reader: *reader,
        })
    }
}

/// The table.
#[derive(Clone, Copy, Debug, Default)]
pub struct FramesView<'a>(Records<'a, FrameView<'a>>);

impl<'a> FramesView<'a> {
    /// Reads and checks the table of a module with `functions` defined functions.
    pub fn parse(bytes: &'a [u8], functions: u32) -> Result<Self, Error> {
        Refusal::explain_table(section::FRAMES, |refusal| {
            FramesView::check(bytes, functions, refusal).map(drop)
        })?;
        Ok(Self::assume(bytes))
    }

    /// As [`FramesView::parse`].
    #[inline(never)]
    pub(crate) fn check(
        bytes: &'a [u8],
        functions: u32,
        refusal: &'a Refusal,
    ) -> Result<Self, Refused> {
        let mut reader = Reader::check(bytes, refusal);
        let list = List::parse(&mut reader, WHAT)?;
        reader.finish(WHAT)?;
        if list.len() != functions {
            return Err(reader.fail_at(
                0,
                TableError::Count {
                    what: "frame records",
                    expected: functions,
                    found: list.len(),
                },
            ));
        }
        let mut previous = None;
        for index in 0..list.len() {
            let Some(mut record) = list.reader(index) else {
                break;
            };
            let start = record.offset();
            let frame = FrameView::decode(&mut record)?;
            // All unknown, or all known.
            let is_ordered = previous.is_none_or(|previous| {
                frame.wasm_offset > previous || (frame.wasm_offset, previous) == (0, 0)
            });
            if !is_ordered || previous == Some(0) && frame.wasm_offset != 0 {
                let error = TableError::BodyOrder {
                    function: index,
                    found: frame.wasm_offset,
                };
                return Err(record.fail_at(start, error));
            }
            previous = Some(frame.wasm_offset);
            let mut locals = 0u32;
            for _ in 0..frame.runs {
                let start = record.offset();
                let (count, ty) = run(&mut record)?;
                // In slots, parameters not counted: a frame's slots are numbered with 32 bits.
                locals = count
                    .checked_mul(ty.slots())
                    .and_then(|slots| locals.checked_add(slots))
                    .ok_or_else(|| record.fail_at(start, TableError::TooManyLocals))?;
            }
            record.finish("a frame record")?;
        }
        Ok(FramesView(Records::new(list)))
    }

    /// As [`FramesView::parse`], for bytes that were checked before.
    pub(crate) fn assume(bytes: &'a [u8]) -> Self {
        let list = List::assume(&mut Reader::new(bytes), WHAT);
        FramesView(Records::new(list.unwrap_or_default()))
    }

    /// Number of defined functions.
    pub fn len(&self) -> u32 {
        self.0.len()
    }

    /// No functions?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The frame of a defined function.
    pub fn get(&self, function: u32) -> Option<FrameView<'a>> {
        self.0.get(function)
    }

    /// The defined function whose body holds a wasm offset. Bodies ascend as the functions do.
    pub fn function_of(&self, wasm_offset: u32) -> Option<u32> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle)?.wasm_offset <= wasm_offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let function = low.checked_sub(1)?;
        (self.get(function)?.wasm_offset != 0).then_some(function)
    }

    /// Is the offset where a function's body starts? No instruction is there: a body starts with
    /// the number of its runs of locals.
    pub fn is_body(&self, wasm_offset: u32) -> bool {
        let function = self.function_of(wasm_offset);
        let frame = function.and_then(|function| self.get(function));
        frame.is_some_and(|frame| frame.wasm_offset == wasm_offset)
    }

    /// The frames of all defined functions.
    pub fn iter(&self) -> impl Iterator<Item = FrameView<'a>> + use<'a> {
        self.0.iter()
    }
}

const WHAT: &str = "the frame table";

#[cfg(any(feature = "write", test))]
mod write {
    use super::{HAS_RECORD, HAS_REFERENCES};
    use crate::format::{list::ListWriter, types::ValType, wire::write};
    use alloc::vec::Vec;

    /// The frame of a defined function.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct FunctionFrame {
        /// Offset of the function's body from the start of the WebAssembly module, 0 if unknown.
        pub wasm_offset: u32,
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
                write::uleb(out, u64::from(frame.wasm_offset));
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn frame() -> impl Strategy<Value = FunctionFrame> {
        let ty = prop::sample::select(ValType::ALL);
        let locals = prop::collection::vec((0u32..1_000_000, ty), 0..6);
        (any::<(u32, bool, bool, u32)>(), locals).prop_map(
            |((code_size, has_record, has_references, max_operand_slots), locals)| FunctionFrame {
                wasm_offset: 0,
                code_size,
                has_record,
                has_references,
                max_operand_slots,
                locals,
            },
        )
    }

    proptest! {
        #[test]
        fn round_trip(mut frames in prop::collection::vec(frame(), 0..20), known: bool) {
            for (frame, index) in frames.iter_mut().zip(1..) {
                frame.wasm_offset = if known { index * 3 } else { 0 };
            }
            let mut writer = FramesWriter::new();
            frames.iter().for_each(|frame| writer.push(frame));
            let bytes = writer.finish();
            let count = u32::try_from(frames.len()).unwrap();
            for view in [FramesView::parse(&bytes, count).unwrap(), FramesView::assume(&bytes)] {
                let read: Vec<_> = view
                    .iter()
                    .map(|frame| FunctionFrame {
                        wasm_offset: frame.wasm_offset,
                        code_size: frame.code_size,
                        has_record: frame.has_record,
                        has_references: frame.has_references,
                        max_operand_slots: frame.max_operand_slots,
                        locals: frame.locals().collect(),
                    })
                    .collect();
                prop_assert_eq!(&read, &frames);
                for asked in 0..70u32 {
                    // Bodies start at 3, 6, 9 …
                    let expected = (asked / 3).checked_sub(1).map(|function| function.min(count.wrapping_sub(1)));
                    let expected = expected.filter(|_| known && count > 0);
                    prop_assert_eq!(view.function_of(asked), expected);
                }
            }
        }
    }
}
