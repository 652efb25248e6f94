//! `.wamr.linked`: where the tables are, for an object that a static linker makes part of a program.
//!
//! Of each table the address and the length in bytes, both pointer-sized; 0 and 0 of one that the object
//! does not have. The order is that of [`super::section`]'s list, from the header to the names. Each
//! address has a relocation, and the global symbol [`SYMBOL`] stands at the start, so that a program needs
//! no other name to find everything:
//!
//! ```ignore
//! unsafe extern "C" {
//!     static wamr_module: LinkedObject;
//! }
//! ```
//!
//! The loader passes over the section.

use crate::object::section::Table;

/// The symbol at the start of the section, unless the compiler was told another one.
pub const SYMBOL: &str = "wamr_module";

/// What is in the section, as the program sees it.
#[repr(C)]
#[derive(Debug)]
pub struct LinkedObject {
    tables: [LinkedTable; LinkedObject::TABLES],
}

/// Where a table is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LinkedTable {
    /// Its address.
    pub address: usize,
    /// Its length in bytes.
    pub length: usize,
}

impl LinkedObject {
    /// Number of the tables.
    pub const TABLES: usize = Table::ALL.len();

    /// The names of the tables' sections, in the order of the section.
    pub const SECTIONS: [&str; LinkedObject::TABLES] = {
        let mut names = [""; LinkedObject::TABLES];
        let mut i = 0;
        while i < names.len() {
            names[i] = Table::ALL[i].name();
            i += 1;
        }
        names
    };

    /// Where the tables are.
    pub fn tables(&self) -> [LinkedTable; LinkedObject::TABLES] {
        self.tables
    }
}
