//! `.wamr.header`: what an object was built for, at a fixed place right behind the ELF header.
//!
//! Little-endian, without padding:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `\0wamraot` |
//! | 8 | 4 | format version |
//! | 12 | 4 | size of the header |
//! | 16 | 8 | length of the whole file |
//! | 24 | 32 | SHA-256 of the whole file with this field zero |
//! | 56 | 64 | room for a signature |
//! | 120 | 8 | required feature bits: an unknown one refuses the object |
//! | 128 | 8 | optional feature bits |
//! | 136 | 2 | ELF machine |
//! | 138 | 1 | pointer width in bytes |
//! | 139 | 1 | endianness: 1 little |
//! | 140 | 4 | ABI ([`TargetAbi`]) |
//! | 144 | 8 | CPU features that the code may use ([`crate::cpu`]) |
//! | 152 | 8 | ABI hash ([`crate::layout::abi_hash`]) |
//! | 160 | 4 | number of layout constants |
//! | 164 | 4 each | layout constants, in the order of [`crate::layout::CONSTANTS`] |
//!
//! and after the constants, offsets counted from their end:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 1 | frame strategy ([`FrameStrategy`]) |
//! | 1 | 1 | capture level ([`CaptureLevel`]) |
//! | 2 | 1 | poll kind ([`PollKind`]) |
//! | 3 | 1 | memory model ([`MemoryModel`]) |
//! | 4 | 8 | WebAssembly features used ([`super::target::WASM_FEATURES`]) |
//! | 12 | 4 | number of defined functions |
//! | 16 | 4 | number of types |
//! | 20 | 4 | number of imported functions |
//! | 24 | 8 | bytes of code memory wanted with 4 KiB pages, stubs included |
//! | 32 | 32 | SHA-256 of the source module |
//! | 64 | 32 | producer, UTF-8, padded with NUL; informative, never checked |

mod field;
mod host;
#[cfg(test)]
mod tests;

pub use field::{CaptureLevel, FrameStrategy, MemoryModel, PollKind};
pub use host::{ConstantPair, Host};

use super::section;
use super::target::{Machine, TargetAbi};
use super::wire::Reader;
use crate::error::Error;
use crate::layout::{CONSTANT_COUNT, PointerWidth};

/// What a header starts with.
pub const MAGIC: [u8; 8] = *b"\0wamraot";
/// Version of the format that this build writes and reads.
pub const VERSION: u32 = 1;
/// Value of the endianness field for little-endian objects, the only kind.
pub const LITTLE_ENDIAN: u8 = 1;
/// Offset of the total length.
pub const TOTAL_LENGTH_OFFSET: usize = 16;
/// Offset of the content hash.
pub const CONTENT_HASH_OFFSET: usize = 24;
/// Offset of the layout constants.
pub const CONSTANTS_OFFSET: usize = 164;
/// Length of what follows the layout constants.
const TAIL: usize = 96;
/// Size of the header in bytes.
pub const SIZE: usize = CONSTANTS_OFFSET + 4 * CONSTANT_COUNT + TAIL;

/// Page size for which the header's image size is given.
pub const IMAGE_PAGE_SIZE: usize = 4096;
/// Offset of the image size.
#[cfg(any(feature = "write", test))]
pub(crate) const IMAGE_SIZE_OFFSET: usize = SIZE - TAIL + 24;

/// Required feature bits that this build knows.
pub const KNOWN_REQUIRED_FEATURES: u64 = required::CALL_COUNTERS;

/// Required feature bits.
pub mod required {
    /// Functions count their calls, in counters that each instance has.
    pub const CALL_COUNTERS: u64 = 1;
}

/// Optional feature bits.
pub mod optional {
    /// Every access of linear memory is checked or stands where WebAssembly has it, so that the first to
    /// trap is the one that the hardware finds.
    pub const STRICT_TRAPS: u64 = 1;
}

const WHAT: &str = "the header";

/// A field's meaning, or the error for a value that has none.
fn value<T: Copy + Into<u64>, V>(
    field: &'static str,
    found: T,
    meaning: impl FnOnce(T) -> Option<V>,
) -> Result<V, Error> {
    meaning(found).ok_or(Error::HeaderValue {
        field,
        found: found.into(),
    })
}

/// The header, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length of the whole file in bytes; 0 until the object is sealed.
    pub total_length: u64,
    /// SHA-256 of the whole file with this field zero; zero until the object is sealed.
    pub content_hash: [u8; 32],
    /// Room for a signature.
    pub signature: [u8; 64],
    /// Features that a loader must know.
    pub required_features: u64,
    /// Features that a loader may pass over.
    pub optional_features: u64,
    /// Instruction set.
    pub machine: Machine,
    /// Pointer width.
    pub width: PointerWidth,
    /// Calling convention and data model.
    pub abi: TargetAbi,
    /// CPU features that the code may use, as bits of [`crate::cpu`].
    pub cpu_features: u64,
    /// Hash over all layouts.
    pub abi_hash: u64,
    /// Values of [`crate::layout::CONSTANTS`].
    pub constants: [u32; CONSTANT_COUNT],
    /// How frames are kept.
    pub frame_strategy: FrameStrategy,
    /// What frames carry.
    pub capture: CaptureLevel,
    /// How code polls.
    pub poll: PollKind,
    /// What keeps accesses inside memory.
    pub memory_model: MemoryModel,
    /// WebAssembly features used.
    pub wasm_features: u64,
    /// Number of defined functions.
    pub defined_functions: u32,
    /// Number of types.
    pub types: u32,
    /// Number of imported functions.
    pub imported_functions: u32,
    /// Bytes of code memory wanted with pages of [`IMAGE_PAGE_SIZE`], stubs included; 0 until the
    /// object is sealed.
    pub image_size: u64,
    /// SHA-256 of the source module.
    pub source_hash: [u8; 32],
    /// Producer, padded with NUL.
    pub producer: [u8; 32],
}

impl Header {
    /// Number of code entries, of which `.wamr.code` has the addresses: one for each defined
    /// function, two for each type, and the poll thunk. A number that does not fit in 32 bits is
    /// cut, and no file has a table of that size.
    pub fn code_entries(&self) -> u32 {
        let thunks = self.types.saturating_mul(2).saturating_add(1);
        self.defined_functions.saturating_add(thunks)
    }

    /// How many call counters each instance has: one for each defined function, or none.
    pub fn call_counters(&self) -> u32 {
        match self.required_features & required::CALL_COUNTERS {
            0 => 0,
            _ => self.defined_functions,
        }
    }

    /// A header for an ABI with this build's layout constants; counts and hashes are zero, frames
    /// off, memory behind guard pages.
    pub fn new(abi: TargetAbi) -> Self {
        let width = abi.width();
        Header {
            total_length: 0,
            content_hash: [0; 32],
            signature: [0; 64],
            required_features: 0,
            optional_features: 0,
            machine: abi.machine(),
            width,
            abi,
            cpu_features: 0,
            abi_hash: crate::layout::abi_hash(width),
            constants: core::array::from_fn(|i| {
                crate::layout::CONSTANTS
                    .get(i)
                    .map_or(0, |constant| (constant.value)(width))
            }),
            frame_strategy: FrameStrategy::None,
            capture: CaptureLevel::default(),
            poll: PollKind::None,
            memory_model: MemoryModel::Guard,
            wasm_features: 0,
            defined_functions: 0,
            types: 0,
            imported_functions: 0,
            image_size: 0,
            source_hash: [0; 32],
            producer: [0; 32],
        }
    }

    /// Reads a header. `bytes` may go on behind it.
    ///
    /// Fails if the header is not one of this version, or a field has a value without a meaning.
    /// What it says is not compared with anything: see [`Header::check`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(section::HEADER, bytes);
        let r = &mut reader;
        if r.array(WHAT)? != MAGIC {
            return Err(Error::Magic);
        }
        let version = r.u32(WHAT)?;
        if version != VERSION {
            return Err(Error::FormatVersion {
                expected: VERSION,
                found: version,
            });
        }
        let size = r.u32(WHAT)?;
        let total_length = r.u64(WHAT)?;
        let content_hash = r.array(WHAT)?;
        let signature = r.array(WHAT)?;
        let required_features = r.u64(WHAT)?;
        let optional_features = r.u64(WHAT)?;
        let machine = value("machine", r.u16(WHAT)?, Machine::from_elf)?;
        let width = value("pointer width", r.u8(WHAT)?, |byte| match byte {
            4 => Some(PointerWidth::Four),
            8 => Some(PointerWidth::Eight),
            _ => None,
        })?;
        value("endianness", r.u8(WHAT)?, |byte| {
            (byte == LITTLE_ENDIAN).then_some(())
        })?;
        let abi = value("ABI", r.u32(WHAT)?, TargetAbi::from_code)?;
        let cpu_features = r.u64(WHAT)?;
        let abi_hash = r.u64(WHAT)?;
        let constant_count = r.u32(WHAT)?;
        if usize::try_from(constant_count) != Ok(CONSTANT_COUNT) {
            return Err(Error::ConstantCount {
                expected: CONSTANT_COUNT,
                found: constant_count,
            });
        }
        if usize::try_from(size) != Ok(SIZE) {
            return Err(Error::HeaderSize {
                expected: SIZE,
                found: size,
            });
        }
        let mut constants = [0; CONSTANT_COUNT];
        for constant in &mut constants {
            *constant = r.u32(WHAT)?;
        }
        Ok(Header {
            total_length,
            content_hash,
            signature,
            required_features,
            optional_features,
            machine,
            width,
            abi,
            cpu_features,
            abi_hash,
            constants,
            frame_strategy: value("frame strategy", r.u8(WHAT)?, FrameStrategy::from_byte)?,
            capture: value("capture level", r.u8(WHAT)?, |bits| {
                CaptureLevel::ALL
                    .contains(CaptureLevel(bits))
                    .then_some(CaptureLevel(bits))
            })?,
            poll: value("poll kind", r.u8(WHAT)?, PollKind::from_byte)?,
            memory_model: value("memory model", r.u8(WHAT)?, MemoryModel::from_byte)?,
            wasm_features: r.u64(WHAT)?,
            defined_functions: r.u32(WHAT)?,
            types: r.u32(WHAT)?,
            imported_functions: r.u32(WHAT)?,
            image_size: r.u64(WHAT)?,
            source_hash: r.array(WHAT)?,
            producer: r.array(WHAT)?,
        })
    }

    /// The header's bytes.
    #[cfg(any(feature = "write", test))]
    pub fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let mut out = Fields {
            bytes: &mut bytes,
            position: 0,
        };
        out.put(&MAGIC);
        out.put(&VERSION.to_le_bytes());
        out.put(&super::wire::write::length(SIZE).to_le_bytes());
        out.put(&self.total_length.to_le_bytes());
        out.put(&self.content_hash);
        out.put(&self.signature);
        out.put(&self.required_features.to_le_bytes());
        out.put(&self.optional_features.to_le_bytes());
        out.put(&self.machine.elf().to_le_bytes());
        out.put(&[self.width as u8, LITTLE_ENDIAN]);
        out.put(&(self.abi as u32).to_le_bytes());
        out.put(&self.cpu_features.to_le_bytes());
        out.put(&self.abi_hash.to_le_bytes());
        out.put(&super::wire::write::length(CONSTANT_COUNT).to_le_bytes());
        for constant in &self.constants {
            out.put(&constant.to_le_bytes());
        }
        out.put(&[
            self.frame_strategy.byte(),
            self.capture.0,
            self.poll.byte(),
            self.memory_model.byte(),
        ]);
        out.put(&self.wasm_features.to_le_bytes());
        out.put(&self.defined_functions.to_le_bytes());
        out.put(&self.types.to_le_bytes());
        out.put(&self.imported_functions.to_le_bytes());
        out.put(&self.image_size.to_le_bytes());
        out.put(&self.source_hash);
        out.put(&self.producer);
        debug_assert_eq!(out.position, SIZE);
        bytes
    }

    /// Sets the producer: the first 32 bytes of `text`, cut at a character.
    #[cfg(any(feature = "write", test))]
    pub fn set_producer(&mut self, text: &str) {
        let mut end = text.len().min(self.producer.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.producer = [0; 32];
        self.producer[..end].copy_from_slice(&text.as_bytes()[..end]);
    }

    /// The producer's text; empty if it is not UTF-8.
    pub fn producer(&self) -> &str {
        let end = self.producer.iter().position(|byte| *byte == 0);
        let bytes = self.producer.get(..end.unwrap_or(self.producer.len()));
        bytes
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or("")
    }
}

#[cfg(any(feature = "write", test))]
struct Fields<'a> {
    bytes: &'a mut [u8; SIZE],
    position: usize,
}

#[cfg(any(feature = "write", test))]
impl Fields<'_> {
    fn put(&mut self, field: &[u8]) {
        let end = self.position + field.len();
        if let Some(place) = self.bytes.get_mut(self.position..end) {
            place.copy_from_slice(field);
        }
        self.position = end;
    }
}
