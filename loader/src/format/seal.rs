//! The seal: total length and content hash. Written last, checked first.

#[cfg(any(feature = "write", test))]
use super::header::{self, Header};
use super::header::{Field, Prefix};
use crate::elf::size_u64;
use crate::error::{Error, Refusal, Refused};
use sha2::{Digest, Sha256};

/// SHA-256 of a file whose header starts at `header`, with zeros for the hash itself and for the
/// signature: so that an object can be signed after it was sealed.
fn content_hash(file: &[u8], header: usize) -> [u8; 32] {
    const _: () = assert!(
        Field::ContentHash.offset() + Field::ContentHash.size() == Field::Signature.offset()
    );
    const ZEROS: [u8; Field::ContentHash.size() + Field::Signature.size()] =
        [0; Field::ContentHash.size() + Field::Signature.size()];
    let start = header.saturating_add(Field::ContentHash.offset());
    let mut hash = Sha256::new();
    hash.update(file.get(..start).unwrap_or(&[]));
    hash.update(ZEROS);
    hash.update(file.get(start.saturating_add(ZEROS.len())..).unwrap_or(&[]));
    hash.finalize().into()
}

/// Compares total length and content hash with the file, whose header starts at `header`.
pub(crate) fn check(file: &[u8], header: usize, refusal: &Refusal) -> Result<(), Refused> {
    let prefix = Prefix::parse(file.get(header..).unwrap_or(&[]), refusal)?;
    let found = size_u64(file.len());
    if prefix.total_length != found {
        return Err(refusal.note(Error::TotalLength {
            expected: prefix.total_length,
            found,
        }));
    }
    if content_hash(file, header) == prefix.content_hash {
        Ok(())
    } else {
        Err(refusal.note(Error::ContentHash))
    }
}

/// Completes a finished object: fills in the image size, the total length and the content hash.
/// What was there before does not matter.
///
/// Fails, and leaves the object unsealed, if a loader would refuse it whatever the host: so a
/// compiler finds its own mistakes.
#[cfg(any(feature = "write", test))]
pub fn seal(file: &mut [u8]) -> Result<(), Error> {
    use crate::{elf, object::Object};
    let start = elf::header_size(Refusal::explain(|refusal| elf::class(file, refusal))?);
    let header = Header::of_file(file)?;
    let object = Refusal::explain(|refusal| Object::parse_unsealed(file, header, refusal))?;
    let image_size = object.image_size(header::IMAGE_PAGE_SIZE)?;
    let length = size_u64(file.len());
    put(file, start, Field::ImageSize, &image_size.to_le_bytes());
    put(file, start, Field::TotalLength, &length.to_le_bytes());
    let hash = content_hash(file, start);
    put(file, start, Field::ContentHash, &hash);
    Ok(())
}

/// Overwrites a field of the header, which was read before and so is inside the file.
#[cfg(any(feature = "write", test))]
fn put(file: &mut [u8], header: usize, field: Field, value: &[u8]) {
    let start = header.saturating_add(field.offset());
    let place = file.get_mut(start..start.saturating_add(value.len()));
    if let Some(place) = place {
        place.copy_from_slice(value);
    }
}
