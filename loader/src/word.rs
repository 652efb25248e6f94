//! Addresses, offsets and sizes, in as many bits as the objects have that a build knows.

/// An address, offset or size in an object or its image.
#[cfg(not(all(target_arch = "riscv32", not(feature = "foreign"))))]
pub type Word = u64;
/// An address, offset or size in an object or its image. This build knows objects of 32 bits only.
#[cfg(all(target_arch = "riscv32", not(feature = "foreign")))]
pub type Word = u32;

/// A difference of two words.
#[cfg(not(all(target_arch = "riscv32", not(feature = "foreign"))))]
pub type SignedWord = i64;
/// A difference of two words.
#[cfg(all(target_arch = "riscv32", not(feature = "foreign")))]
pub type SignedWord = i32;

/// A number that is a word in the objects that this build knows.
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
pub(crate) fn word(number: impl Into<u64>) -> Word {
    Word::try_from(number.into()).unwrap_or(Word::MAX)
}

/// A length in memory.
pub(crate) fn size(size: usize) -> Word {
    // No object has more bits than this machine's memory, unless it is for another one.
    Word::try_from(size).unwrap_or(Word::MAX)
}

/// A word as errors have it.
#[allow(clippy::useless_conversion)]
pub(crate) fn wide(word: Word) -> u64 {
    word.into()
}

/// A signed word as errors have it.
#[allow(clippy::useless_conversion)]
pub(crate) fn wide_signed(word: SignedWord) -> i64 {
    word.into()
}
