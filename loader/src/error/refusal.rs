//! How checks say why they refuse an object.
//!
//! An [`Error`] is many words long, and on the way out of nearly every function. So functions hand on a
//! token without a size, and whoever finds something wrong notes the error, out of line, in the one place
//! that the check has for it.

use super::{Error, TableError};
use spin::Mutex;

/// Something is wrong; a [`Refusal`] has the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(());

/// Where a check notes its error.
// Readers have a reference to it, and so have views of tables, which shall be `Send` and `Sync`: with a `Cell`
// they would not. It is locked on the way out only.
#[derive(Debug)]
pub(crate) struct Refusal(Mutex<Error>);

impl Refusal {
    /// Runs a check, and says why it refused what it was given.
    pub fn explain<T>(check: impl FnOnce(&Refusal) -> Result<T, Refused>) -> Result<T, Error> {
        // Replaced by whoever makes a token.
        let refusal = Refusal(Mutex::new(Error::Magic));
        check(&refusal).map_err(|Refused(())| *refusal.0.lock())
    }

    /// Runs the check of a table.
    pub fn explain_table<T>(
        section: &'static str,
        check: impl FnOnce(&Refusal) -> Result<T, Refused>,
    ) -> Result<T, Error> {
        Refusal::explain(|refusal| refusal.in_section(section, check(refusal)))
    }

    /// Notes an error.
    #[cold]
    #[inline(never)]
    pub fn note(&self, error: Error) -> Refused {
        *self.0.lock() = error;
        Refused(())
    }

    /// Notes an error in a table, whose section [`Refusal::in_section`] adds. Without a place for it, what is wrong
    /// does not matter.
    pub fn note_table(refusal: Option<&Refusal>, offset: usize, error: TableError) -> Refused {
        match refusal {
            Some(refusal) => refusal.note(Error::Table {
                section: "",
                offset,
                error,
            }),
            None => Refused(()),
        }
    }

    /// Names the section of a table that was checked with this result.
    pub fn in_section<T>(
        &self,
        name: &'static str,
        result: Result<T, Refused>,
    ) -> Result<T, Refused> {
        if result.is_err() {
            self.name_section(name);
        }
        result
    }

    #[cold]
    #[inline(never)]
    fn name_section(&self, name: &'static str) {
        if let Error::Table { section, .. } = &mut *self.0.lock() {
            *section = name;
        }
    }
}
