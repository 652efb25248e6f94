//! Saying what a program can reach.

use super::stdio::{InputBuffer, OutputBuffer};
use super::table::{Descriptor, Table};
use super::{Errno, WasiCtx};
use cap_std::fs::Dir;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Mutex;

/// Builds a [`WasiCtx`]. Standard streams get the descriptors 0 to 2, preopened directories and
/// sockets those from 3 on in the order they were given.
#[derive(Debug, Default)]
pub struct WasiCtxBuilder {
    args: Vec<Vec<u8>>,
    environment: Vec<Vec<u8>>,
    streams: [Option<Descriptor>; 3],
    preopened: Vec<Descriptor>,
    trace: bool,
}

/// Refuses what the program, for which a NUL ends a string, would see cut off.
fn string(bytes: Vec<u8>, what: &str) -> io::Result<Vec<u8>> {
    if bytes.contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{what} with a NUL byte: {:?}",
                bytes.escape_ascii().to_string()
            ),
        ));
    }
    Ok(bytes)
}

fn host_error(errno: Errno) -> io::Error {
    io::Error::other(errno)
}

impl WasiCtxBuilder {
    /// Adds an argument; the first one is the program's name. Fails if it contains a NUL byte.
    pub fn arg(mut self, arg: impl Into<Vec<u8>>) -> io::Result<Self> {
        self.args.push(string(arg.into(), "an argument")?);
        Ok(self)
    }

    /// Adds an environment variable. Fails if the name is empty or contains `=`, or if one of
    /// them contains a NUL byte.
    pub fn env(mut self, name: &[u8], value: &[u8]) -> io::Result<Self> {
        if name.is_empty() || name.contains(&b'=') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "an environment variable cannot be named {:?}",
                    name.escape_ascii().to_string()
                ),
            ));
        }
        let variable = [name, b"=", value].concat();
        self.environment
            .push(string(variable, "an environment variable")?);
        Ok(self)
    }

    /// Opens a directory of the host for the program, which knows it by `name`.
    pub fn preopen_dir(self, path: impl AsRef<Path>, name: impl Into<String>) -> io::Result<Self> {
        // Not through `Dir::open_ambient_dir`: its descriptor cannot be synchronised or listed.
        let file = File::open(path)?;
        if !file.metadata()?.is_dir() {
            return Err(rustix::io::Errno::NOTDIR.into());
        }
        self.preopen_open_dir(Dir::from_std_file(file), name)
    }

    /// Gives the program an open directory, which it knows by `name`.
    pub fn preopen_open_dir(mut self, dir: Dir, name: impl Into<String>) -> io::Result<Self> {
        let name = string(name.into().into_bytes(), "a directory's name")?;
        let name = String::from_utf8(name).map_err(io::Error::other)?;
        self.preopened.push(Descriptor::preopened(dir, name));
        Ok(self)
    }

    /// Gives the program an open socket, listening or connected, or another open file that is
    /// not a directory.
    pub fn preopen_file(mut self, file: impl Into<OwnedFd>) -> io::Result<Self> {
        let descriptor = Descriptor::inherited(File::from(file.into())).map_err(host_error)?;
        self.preopened.push(descriptor);
        Ok(self)
    }

    /// Passes the host's standard streams on. One that is closed, or something that a program
    /// cannot use as a stream, such as a directory, is `/dev/null` for it.
    pub fn inherit_stdio(mut self) -> Self {
        let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
        let streams = [input.as_fd(), output.as_fd(), error.as_fd()];
        for (stream, fd) in self.streams.iter_mut().zip(streams) {
            *stream = fd
                .try_clone_to_owned()
                .ok()
                .and_then(|owned| Descriptor::inherited(File::from(owned)).ok());
        }
        self
    }

    /// Gives the program bytes to read on descriptor 0.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.streams[0] = Some(Descriptor::input(InputBuffer::new(bytes)));
        self
    }

    /// Collects what the program writes to descriptor 1.
    pub fn stdout(mut self, buffer: &OutputBuffer) -> Self {
        self.streams[1] = Some(Descriptor::output(buffer.clone()));
        self
    }

    /// Collects what the program writes to descriptor 2.
    pub fn stderr(mut self, buffer: &OutputBuffer) -> Self {
        self.streams[2] = Some(Descriptor::output(buffer.clone()));
        self
    }

    /// Writes each call of the program and its result to the host's standard error.
    pub fn trace(mut self, trace: bool) -> Self {
        self.trace = trace;
        self
    }

    /// Finishes. Streams that were not given are `/dev/null`.
    pub fn build(self) -> io::Result<WasiCtx> {
        let mut table = Table::default();
        for stream in self.streams {
            let descriptor = match stream {
                Some(descriptor) => descriptor,
                None => {
                    let null = File::options().read(true).write(true).open("/dev/null")?;
                    Descriptor::inherited(null).map_err(host_error)?
                }
            };
            table.add(descriptor).map_err(host_error)?;
        }
        for descriptor in self.preopened {
            table.add(descriptor).map_err(host_error)?;
        }
        Ok(WasiCtx {
            args: self.args,
            environment: self.environment,
            table: Mutex::new(table),
            trace: self.trace,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_that_a_program_would_see_cut_are_refused() {
        assert!(WasiCtx::builder().arg("a\0b").is_err());
        assert!(WasiCtx::builder().env(b"", b"value").is_err());
        assert!(WasiCtx::builder().env(b"A=B", b"value").is_err());
        assert!(WasiCtx::builder().env(b"A", b"B\0").is_err());
        assert!(WasiCtx::builder().env(b"A", b"B=C").is_ok());
    }

    #[test]
    fn only_directories_are_preopened_as_such() {
        let error = WasiCtx::builder().preopen_dir("/dev/null", "x");
        assert_eq!(
            error.map(|_| ()).map_err(|error| error.kind()),
            Err(io::ErrorKind::NotADirectory)
        );
        assert!(WasiCtx::builder().preopen_dir("/nonexistent", "x").is_err());
    }
}
