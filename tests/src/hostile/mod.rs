//! Objects that somebody has tampered with, and what the loader makes of them.
//!
//! A fuzzer's input is a recipe: a good object (see [`seeds`]) and the [`edit`]s that make it a bad one. Sizes and hashes are
//! made right afterwards, so that the edits get past the first check. What the loader then accepts is used in full, and
//! must be what it was told: see [`exercise`] and [`relocation`].
//!
//! The fuzz targets in `tests/fuzz` are shells around [`parse`], [`link`] and [`relocate`], and so is an ordinary test.

#[cfg(feature = "compiler")]
pub mod compiled;
pub mod edit;
pub mod elf;
pub mod exercise;
pub mod relocation;
pub mod seeds;

use arbitrary::{Arbitrary, Unstructured};
use edit::Edit;
use exercise::Place;
use seeds::Seeds;

/// How an object is made.
#[derive(Arbitrary, Clone, Debug)]
pub struct Recipe {
    /// Which good object, modulo their number.
    pub seed: u8,
    /// Where it is linked.
    pub place: Place,
    /// What is sealed again: everything, the hash only, or nothing.
    pub seal: edit::Seal,
    /// What is changed.
    pub edits: Vec<Edit>,
}

impl Recipe {
    /// Reads a recipe; any bytes are one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Self::arbitrary_take_rest(Unstructured::new(bytes)).ok()
    }

    /// The object.
    pub fn make(&self, seeds: &Seeds) -> Vec<u8> {
        let mut file = seeds.get(self.seed).to_vec();
        for edit in self.edits.iter().take(edit::MOST) {
            edit.apply(&mut file);
        }
        self.seal.apply(&mut file);
        file
    }
}

/// Parses what a recipe makes, and reads all of it. Says whether the loader accepted it.
pub fn parse(seeds: &Seeds, bytes: &[u8]) -> bool {
    Recipe::read(bytes).is_some_and(|recipe| exercise::parse(&recipe.make(seeds)))
}

/// Parses and links what a recipe makes, and compares the image with the object. Says whether the loader accepted it.
pub fn link(seeds: &Seeds, bytes: &[u8]) -> bool {
    Recipe::read(bytes).is_some_and(|recipe| exercise::link(&recipe.make(seeds), recipe.place))
}

/// Does a single relocation. Says whether it was possible.
pub fn relocate(bytes: &[u8]) -> bool {
    relocation::Single::read(bytes).is_some_and(|single| single.check())
}
