//! Why a compilation failed.

use thiserror::Error;

/// Why a compilation failed. Each says what is wrong and where.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The text format could not be read.
    #[error("{0}")]
    Text(#[from] wat::Error),
    /// The module is malformed or invalid, or uses a feature that is off.
    #[error("{message} (at offset {offset:#x})")]
    Invalid {
        /// wasmparser's message.
        message: String,
        /// Byte offset in the module.
        offset: u64,
    },
    /// The module is valid but beyond what this compiler translates.
    #[error("{what} is not supported (at offset {offset:#x})")]
    Unsupported {
        /// The feature or limit.
        what: String,
        /// Byte offset in the module.
        offset: u64,
    },
    /// The target cannot be compiled for, or not with these options.
    #[error("{0}")]
    Target(String),
    /// Options that exclude each other.
    #[error("{0}")]
    Options(String),
    /// LLVM reported an error.
    #[error("LLVM: {0}")]
    Llvm(String),
    /// The object could not be written.
    #[error("cannot write the object: {0}")]
    Emit(String),
    /// An object that was to be read is not one, or is damaged.
    #[error("{0}")]
    Object(String),
}

impl From<wasmparser::BinaryReaderError> for Error {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Error::Invalid {
            message: error.message().to_owned(),
            offset: error.offset(),
        }
    }
}

impl From<inkwell::builder::BuilderError> for Error {
    fn from(error: inkwell::builder::BuilderError) -> Self {
        Error::Llvm(error.to_string())
    }
}

/// Result of a step of the compiler.
pub type Result<T, E = Error> = std::result::Result<T, E>;
