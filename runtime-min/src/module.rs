//! A loaded object: code that is ready to run, and what it imports and exports.

use crate::{ExternType, LoadError};

/// A loaded object. Cheap to clone; instances keep it alive.
#[derive(Clone, Debug)]
pub struct Module {}

impl Module {
    /// Validates an object, relocates it into code memory of its own and makes that executable.
    ///
    /// # Errors
    ///
    /// The object is damaged, was compiled for another machine or layout, or there is no memory.
    #[cfg(feature = "std")]
    pub fn load(object: &[u8]) -> Result<Module, LoadError> {
        let _ = object;
        todo!()
    }

    /// The module's name, if the object has it.
    pub fn name(&self) -> Option<&str> {
        todo!()
    }

    /// What the module imports: both names and the type, in order.
    pub fn imports(&self) -> impl Iterator<Item = (&str, &str, ExternType)> + '_ {
        core::iter::empty()
    }

    /// What the module exports, in order.
    pub fn exports(&self) -> impl Iterator<Item = (&str, ExternType)> + '_ {
        core::iter::empty()
    }
}
