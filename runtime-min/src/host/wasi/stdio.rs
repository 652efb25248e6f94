//! Standard streams that are not the host's: bytes given beforehand, and captured output.

use super::errno::Errno;
use super::table::lock;
use std::io::{IoSlice, IoSliceMut, Read as _};
use std::sync::{Arc, Mutex};

/// Bytes that a program reads, then end of file.
#[derive(Debug, Default)]
pub struct InputBuffer(Mutex<std::io::Cursor<Vec<u8>>>);

impl InputBuffer {
    /// A stream of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> InputBuffer {
        InputBuffer(Mutex::new(std::io::Cursor::new(bytes.into())))
    }

    pub(super) fn read(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize, Errno> {
        Ok(lock(&self.0).read_vectored(buffers)?)
    }

    /// Bytes that are left.
    pub(super) fn available(&self) -> u64 {
        let cursor = lock(&self.0);
        let length = u64::try_from(cursor.get_ref().len()).unwrap_or(u64::MAX);
        length.saturating_sub(cursor.position())
    }
}

/// What a program has written. Clones share their contents.
#[derive(Clone, Debug)]
pub struct OutputBuffer {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Default for OutputBuffer {
    /// Holds up to 64 MiB.
    fn default() -> Self {
        OutputBuffer::with_limit(64 << 20)
    }
}

impl OutputBuffer {
    /// Holds up to `limit` bytes; a program that writes more gets [`Errno::NoSpc`].
    pub fn with_limit(limit: usize) -> OutputBuffer {
        OutputBuffer {
            bytes: Arc::default(),
            limit,
        }
    }

    /// A copy of what was written so far.
    pub fn contents(&self) -> Vec<u8> {
        lock(&self.bytes).clone()
    }

    pub(super) fn write(&self, buffers: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let mut bytes = lock(&self.bytes);
        let mut written = 0;
        for buffer in buffers {
            let room = self.limit.saturating_sub(bytes.len());
            let part = buffer.get(..room.min(buffer.len())).unwrap_or_default();
            bytes.extend_from_slice(part);
            written += part.len();
            if part.len() < buffer.len() {
                break;
            }
        }
        if written == 0 && buffers.iter().any(|buffer| !buffer.is_empty()) {
            return Err(Errno::NoSpc);
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_ends() {
        let input = InputBuffer::new("abc");
        let (mut first, mut second) = ([0; 2], [0; 2]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(input.available(), 3);
        assert_eq!(input.read(&mut buffers), Ok(3));
        assert_eq!(input.read(&mut buffers), Ok(0));
        assert_eq!((&first, &second[..1]), (b"ab", &b"c"[..]));
    }

    #[test]
    fn output_beyond_the_limit_is_refused() {
        let output = OutputBuffer::with_limit(5);
        assert_eq!(
            output.write(&[IoSlice::new(b"abc"), IoSlice::new(b"def")]),
            Ok(5)
        );
        assert_eq!(output.write(&[IoSlice::new(b"g")]), Err(Errno::NoSpc));
        assert_eq!(output.write(&[]), Ok(0));
        assert_eq!(output.clone().contents(), b"abcde");
    }
}
