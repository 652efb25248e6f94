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
//! | 24 | 32 | SHA-256 of the whole file, with this field and the signature zero |
//! | 56 | 64 | room for a signature of the content hash (Ed25519, say); zero if there is none, never checked here |
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
mod value;

pub use field::Field;
pub use host::{ConstantPair, Host};
pub use value::{CaptureLevel, FrameStrategy, MemoryModel, PollKind};

use super::section;
use super::target::{Machine, TargetAbi};
use super::wire::Reader;
use crate::error::{Error, Refusal, Refused, TableError};
use crate::layout::{CONSTANT_COUNT, PointerWidth};

/// What a header starts with.
pub const MAGIC: [u8; 8] = *b"\0wamraot";
/// Version of the format that this build writes and reads.
pub const VERSION: u32 = 2;
/// Value of the endianness field for little-endian objects, the only kind.
pub const LITTLE_ENDIAN: u8 = 1;
/// Size of the header in bytes.
pub const SIZE: usize = Field::SIZE;

/// Page size for which the header's image size is given.
pub const IMAGE_PAGE_SIZE: usize = 4096;
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
fn value<V>(
    field: Field,
    known: &'static str,
    found: u64,
    meaning: Option<V>,
    refusal: &Refusal,
) -> Result<V, Refused> {
    meaning.ok_or_else(|| {
        refusal.note(Error::HeaderValue {
            field: field.name(),
            known,
            found,
        })
    })
}

/// What stands ahead of everything else, and stays where it is in every version of the format: as
/// much as it takes to see whether the file is whole.
pub(crate) struct Prefix<'a> {
    pub total_length: u64,
    pub content_hash: &'a [u8],
}

impl<'a> Prefix<'a> {
    /// Reads the start of a header; the rest may be anything.
    pub fn parse(bytes: &'a [u8], refusal: &'a Refusal) -> Result<Self, Refused> {
        refusal.in_section(section::HEADER, Self::read(bytes, refusal))
    }

    fn read(bytes: &'a [u8], refusal: &'a Refusal) -> Result<Self, Refused> {
        let r = &mut Reader::check(bytes, refusal);
        if r.bytes(MAGIC.len(), WHAT)? != MAGIC {
            return Err(refusal.note(Error::Magic));
        }
        let version = r.u32(WHAT)?;
        if version != VERSION {
            return Err(refusal.note(Error::FormatVersion {
                expected: VERSION,
                found: version,
            }));
        }
        r.bytes(Field::HeaderSize.size(), WHAT)?;
        let total_length = r.u64(WHAT)?;
        let content_hash = r.bytes(Field::ContentHash.size(), WHAT)?;
        r.bytes(Field::Signature.size(), WHAT)?;
        Ok(Prefix {
            total_length,
            content_hash,
        })
    }
}

/// The fields of a header that is there whole.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8; SIZE]);

impl<'a> Fields<'a> {
    fn bytes(self, field: Field) -> &'a [u8] {
        let start = field.offset();
        self.0.get(start..start + field.size()).unwrap_or(&[])
    }

    fn array<const N: usize>(self, field: Field) -> [u8; N] {
        self.bytes(field).first_chunk().copied().unwrap_or([0; N])
    }

    /// A field that is a number.
    #[inline(never)]
    fn number(self, field: Field) -> u64 {
        let mut number = [0; 8];
        for (to, from) in number.iter_mut().zip(self.bytes(field)) {
            *to = *from;
        }
        u64::from_le_bytes(number)
    }

    /// A field of 4 bytes at most.
    fn short(self, field: Field) -> u32 {
        self.number(field) as u32
    }

    fn byte(self, field: Field) -> u8 {
        self.number(field) as u8
    }
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
    /// function, two for each type, the trap thunk and the poll thunk. A number that does not fit in 32 bits is
    /// cut, and no file has a table of that size.
    pub fn code_entries(&self) -> u32 {
        let thunks = self.types.saturating_mul(2).saturating_add(2);
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
                    .map_or(0, |constant| constant.value(width))
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
        Refusal::explain(|refusal| Self::read(bytes, refusal))
    }

    /// As [`Header::parse`].
    pub(crate) fn read(bytes: &[u8], refusal: &Refusal) -> Result<Self, Refused> {
        refusal.in_section(section::HEADER, Self::fields(bytes, refusal))
    }

    fn fields(bytes: &[u8], refusal: &Refusal) -> Result<Self, Refused> {
        Prefix::read(bytes, refusal)?;
        let Some(bytes) = bytes.first_chunk() else {
            let end = Reader::check(bytes, refusal);
            return Err(end.fail(TableError::Truncated { what: WHAT }));
        };
        let fields = Fields(bytes);
        macro_rules! meaning {
            ($field:ident, $known:expr, $read:ident, $meaning:expr) => {{
                let found = fields.$read(Field::$field);
                value(
                    Field::$field,
                    $known,
                    found.into(),
                    $meaning(found),
                    refusal,
                )?
            }};
        }
        let machine = |number: u32| Machine::from_elf(number as u16);
        let width = |byte| match byte {
            4 => Some(PointerWidth::Four),
            8 => Some(PointerWidth::Eight),
            _ => None,
        };
        let little_endian = |byte| (byte == LITTLE_ENDIAN).then_some(());
        let machine = meaning!(Machine, Machine::KNOWN, short, machine);
        let width = meaning!(PointerWidth, " 4 8", byte, width);
        meaning!(Endianness, " 1 (little)", byte, little_endian);
        let abi = meaning!(Abi, TargetAbi::KNOWN, short, TargetAbi::from_code);
        let found = fields.short(Field::ConstantCount);
        if usize::try_from(found) != Ok(CONSTANT_COUNT) {
            return Err(refusal.note(Error::ConstantCount {
                expected: CONSTANT_COUNT,
                found,
            }));
        }
        let found = fields.short(Field::HeaderSize);
        if usize::try_from(found) != Ok(SIZE) {
            return Err(refusal.note(Error::HeaderSize {
                expected: SIZE,
                found,
            }));
        }
        let mut constants = [0; CONSTANT_COUNT];
        let words = fields.bytes(Field::Constants).as_chunks().0;
        for (constant, word) in constants.iter_mut().zip(words) {
            *constant = u32::from_le_bytes(*word);
        }
        Ok(Header {
            total_length: fields.number(Field::TotalLength),
            content_hash: fields.array(Field::ContentHash),
            signature: fields.array(Field::Signature),
            required_features: fields.number(Field::RequiredFeatures),
            optional_features: fields.number(Field::OptionalFeatures),
            machine,
            width,
            abi,
            cpu_features: fields.number(Field::CpuFeatures),
            abi_hash: fields.number(Field::AbiHash),
            constants,
            frame_strategy: meaning!(
                FrameStrategy,
                FrameStrategy::KNOWN,
                byte,
                FrameStrategy::from_byte
            ),
            capture: meaning!(Capture, CaptureLevel::KNOWN, byte, CaptureLevel::from_bits),
            poll: meaning!(Poll, PollKind::KNOWN, byte, PollKind::from_byte),
            memory_model: meaning!(
                MemoryModel,
                MemoryModel::KNOWN,
                byte,
                MemoryModel::from_byte
            ),
            wasm_features: fields.number(Field::WasmFeatures),
            defined_functions: fields.short(Field::DefinedFunctions),
            types: fields.short(Field::Types),
            imported_functions: fields.short(Field::ImportedFunctions),
            image_size: fields.number(Field::ImageSize),
            source_hash: fields.array(Field::SourceHash),
            producer: fields.array(Field::Producer),
        })
    }

    /// The header's bytes.
    #[cfg(any(feature = "write", test))]
    pub fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let mut put = |field: Field, value: &[u8]| {
            bytes[field.offset()..][..field.size()].copy_from_slice(value);
        };
        let count = |count| super::wire::write::length(count).to_le_bytes();
        put(Field::Magic, &MAGIC);
        put(Field::Version, &VERSION.to_le_bytes());
        put(Field::HeaderSize, &count(SIZE));
        put(Field::TotalLength, &self.total_length.to_le_bytes());
        put(Field::ContentHash, &self.content_hash);
        put(Field::Signature, &self.signature);
        put(
            Field::RequiredFeatures,
            &self.required_features.to_le_bytes(),
        );
        put(
            Field::OptionalFeatures,
            &self.optional_features.to_le_bytes(),
        );
        put(Field::Machine, &self.machine.elf().to_le_bytes());
        put(Field::PointerWidth, &[self.width as u8]);
        put(Field::Endianness, &[LITTLE_ENDIAN]);
        put(Field::Abi, &(self.abi as u32).to_le_bytes());
        put(Field::CpuFeatures, &self.cpu_features.to_le_bytes());
        put(Field::AbiHash, &self.abi_hash.to_le_bytes());
        put(Field::ConstantCount, &count(CONSTANT_COUNT));
        let constants = self.constants.map(u32::to_le_bytes);
        put(Field::Constants, constants.as_flattened());
        put(Field::FrameStrategy, &[self.frame_strategy.byte()]);
        put(Field::Capture, &[self.capture.0]);
        put(Field::Poll, &[self.poll.byte()]);
        put(Field::MemoryModel, &[self.memory_model.byte()]);
        put(Field::WasmFeatures, &self.wasm_features.to_le_bytes());
        put(
            Field::DefinedFunctions,
            &self.defined_functions.to_le_bytes(),
        );
        put(Field::Types, &self.types.to_le_bytes());
        put(
            Field::ImportedFunctions,
            &self.imported_functions.to_le_bytes(),
        );
        put(Field::ImageSize, &self.image_size.to_le_bytes());
        put(Field::SourceHash, &self.source_hash);
        put(Field::Producer, &self.producer);
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
