//! The last step of writing an object: image size, total length and content hash.

use super::header::{self, Header};
use crate::elf::{self, size_u64};
use crate::error::Error;
use crate::object::Object;
use sha2::{Digest, Sha256};

/// Completes a finished object: fills in the image size, the total length and the content hash.
/// What was there before does not matter.
///
/// Fails, and leaves the object unsealed, if a loader would refuse it whatever the host: so a
/// compiler finds its own mistakes.
pub fn seal(file: &mut [u8]) -> Result<(), Error> {
    let start = elf::header_size(elf::class(file)?);
    let header = Header::of_file(file)?;
    let image_size = Object::parse_unsealed(file, header)?.image_size(header::IMAGE_PAGE_SIZE)?;
    let length = size_u64(file.len());
    put(
        file,
        start + header::IMAGE_SIZE_OFFSET,
        &image_size.to_le_bytes(),
    );
    put(
        file,
        start + header::TOTAL_LENGTH_OFFSET,
        &length.to_le_bytes(),
    );
    put(file, start + header::CONTENT_HASH_OFFSET, &[0; 32]);
    let hash = Sha256::digest(&*file);
    put(file, start + header::CONTENT_HASH_OFFSET, &hash);
    Ok(())
}

/// Overwrites a field of the header, which was read before and so is inside the file.
fn put(file: &mut [u8], offset: usize, field: &[u8]) {
    let end = offset.saturating_add(field.len());
    if let Some(place) = file.get_mut(offset..end) {
        place.copy_from_slice(field);
    }
}
