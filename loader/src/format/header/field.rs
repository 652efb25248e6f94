//! The one list of the header's fields, in their order.

use crate::layout::CONSTANT_COUNT;

macro_rules! fields {
    ($($name:ident: $size:expr, $text:literal;)*) => {
        /// A field of the header.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Field {
            $(#[doc = concat!("The ", $text, ".")] $name),*
        }

        const SIZES: &[usize] = &[$($size),*];

        impl Field {
            /// Every field, in the order in which they stand.
            pub const ALL: &[Field] = &[$(Field::$name),*];

            /// Its name, as errors and tools print it.
            pub const fn name(self) -> &'static str {
                match self { $(Field::$name => $text),* }
            }
        }
    };
}

fields! {
    Magic: 8, "magic";
    Version: 4, "format version";
    HeaderSize: 4, "header size";
    TotalLength: 8, "total length";
    ContentHash: 32, "content hash";
    Signature: 64, "signature";
    RequiredFeatures: 8, "required features";
    OptionalFeatures: 8, "optional features";
    Machine: 2, "machine";
    PointerWidth: 1, "pointer width";
    Endianness: 1, "endianness";
    Abi: 4, "ABI";
    CpuFeatures: 8, "CPU features";
    AbiHash: 8, "ABI hash";
    ConstantCount: 4, "number of layout constants";
    Constants: 4 * CONSTANT_COUNT, "layout constants";
    FrameStrategy: 1, "frame strategy";
    Capture: 1, "capture level";
    Poll: 1, "poll kind";
    MemoryModel: 1, "memory model";
    WasmFeatures: 8, "WebAssembly features";
    DefinedFunctions: 4, "defined functions";
    Types: 4, "types";
    ImportedFunctions: 4, "imported functions";
    ImageSize: 8, "image size";
    SourceHash: 32, "source hash";
    Producer: 32, "producer";
}

impl Field {
    /// Size of all fields together, in bytes.
    pub(super) const SIZE: usize = sum(SIZES.len());

    /// Offset in the header, in bytes.
    pub const fn offset(self) -> usize {
        sum(self as usize)
    }

    /// Size in bytes.
    pub const fn size(self) -> usize {
        SIZES[self as usize]
    }
}

/// Size of the first `count` fields.
const fn sum(count: usize) -> usize {
    let mut sum = 0;
    let mut i = 0;
    while i < count {
        sum += SIZES[i];
        i += 1;
    }
    sum
}
