//! The last step of writing an object: total length and content hash.

use super::header;
use sha2::{Digest, Sha256};

/// The bytes are not an object of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ELF file with an object header at offset {offset}")]
pub struct SealError {
    /// Where the header was looked for.
    pub offset: usize,
}

/// Writes the total length and the content hash into the header of a finished object. What was there
/// before does not matter.
pub fn seal(file: &mut [u8]) -> Result<(), SealError> {
    // `EI_CLASS` 1 is ELF32, whose header has 52 bytes; ELF64's has 64.
    let offset = if file.get(4) == Some(&1) { 52 } else { 64 };
    let error = SealError { offset };
    let length = u64::try_from(file.len()).map_err(|_| error)?;
    let header = file.get_mut(offset..offset + header::SIZE).ok_or(error)?;
    if header.get(..header::MAGIC.len()) != Some(&header::MAGIC) {
        return Err(error);
    }
    let field = |at: usize, size: usize| at..at + size;
    header[field(header::TOTAL_LENGTH_OFFSET, 8)].copy_from_slice(&length.to_le_bytes());
    header[field(header::CONTENT_HASH_OFFSET, 32)].fill(0);
    let hash = Sha256::digest(&*file);
    file[field(offset + header::CONTENT_HASH_OFFSET, 32)].copy_from_slice(&hash);
    Ok(())
}
