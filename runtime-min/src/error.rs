//! What can go wrong, one variant a cause.

use crate::{Exception, Trap, ValType};
use alloc::{boxed::Box, string::String};

/// Why a call or an instantiation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Compiled code, or a builtin that it called, trapped.
    #[error("{0}")]
    Trap(Box<Trap>),
    /// Compiled code threw an exception that it does not catch itself. A host function that returns it throws it on.
    #[error("{0}")]
    Exception(Box<Exception>),
    /// A host function returned an error; it is handed on as it was.
    #[error("{0}")]
    Host(Box<dyn core::error::Error + Send + Sync>),
    /// An import could not be satisfied.
    #[error("{0}")]
    Link(#[from] LinkError),
    /// Arguments do not fit the function's parameters.
    #[error("argument {index}: expected {expected}, found {found}")]
    ArgumentType {
        /// Which one, from 0.
        index: usize,
        /// The parameter's type.
        expected: ValType,
        /// The argument's type.
        found: ValType,
    },
    /// The number of arguments is wrong.
    #[error("expected {expected} arguments, found {found}")]
    ArgumentCount {
        /// Number of parameters.
        expected: usize,
        /// Number of arguments.
        found: usize,
    },
    /// A host function left a result of another type in its result array.
    #[error("result {index} of a host function: expected {expected}, found {found}")]
    ResultType {
        /// Which one, from 0.
        index: usize,
        /// The result's type.
        expected: ValType,
        /// What was found.
        found: ValType,
    },
    /// A value, global, table or element has another type than the operation needs.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A handle belongs to another store.
    #[error("a handle belongs to another store")]
    WrongStore,
    /// A global is immutable.
    #[error("the global is immutable")]
    Immutable,
    /// An access from the host lies outside a memory or table.
    #[error("access outside the {0}")]
    OutOfBounds(&'static str),
    /// The host has not enough memory, or a limit of the store's configuration is reached.
    #[error("not enough room for {0}")]
    Resource(&'static str),
    /// The operating system refused something.
    #[cfg(feature = "std")]
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Its answer.
        error: std::io::Error,
    },
    /// The module asks for something that this runtime does not have.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
}

impl Error {
    /// Wraps a host's error, as host functions return it.
    pub fn host(error: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Error {
        Error::Host(error.into())
    }
}

impl From<Exception> for Error {
    fn from(exception: Exception) -> Self {
        Error::Exception(Box::new(exception))
    }
}

impl From<Trap> for Error {
    fn from(trap: Trap) -> Self {
        Error::Trap(Box::new(trap))
    }
}

/// Why the imports of a module could not be satisfied. Messages start with the specification's words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Nothing is defined under the name.
    #[error("unknown import: `{module}` `{name}`")]
    UnknownImport {
        /// First name of the import.
        module: String,
        /// Second name of the import.
        name: String,
    },
    /// What is defined under the name has another type.
    #[error("incompatible import type: `{module}` `{name}`: expected {expected}, found {found}")]
    IncompatibleImportType {
        /// First name of the import.
        module: String,
        /// Second name of the import.
        name: String,
        /// The type that the import asks for.
        expected: String,
        /// The type of what is defined.
        found: String,
    },
    /// The name is defined already, and shadowing is not allowed.
    #[error("`{module}` `{name}` is defined twice")]
    Duplicate {
        /// First name.
        module: String,
        /// Second name.
        name: String,
    },
}

/// Why a module could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The object was refused, or there is no memory for its code.
    #[error(transparent)]
    Object(#[from] wamr_aot_loader::Error),
    /// The machine that this runs on is none that objects can be compiled for.
    #[error("no object can be for this machine")]
    Machine,
}
