//! The good objects that bad ones are made of.
//!
//! They are compiled from the small modules in `tests/fuzz/seeds`, for every machine and with every kind of frames, whenever
//! they are needed: so they are always of the format as it is.

use std::path::Path;

/// Good objects.
#[derive(Debug)]
pub struct Seeds(Vec<Vec<u8>>);

impl Seeds {
    /// Takes at least one object.
    pub fn new(objects: Vec<Vec<u8>>) -> Option<Self> {
        (!objects.is_empty()).then_some(Seeds(objects))
    }

    /// The environment variable that names the folder for [`Seeds::of_environment`].
    pub const VARIABLE: &str = "WAMR_FUZZ_SEEDS";

    /// Reads the folder that the environment names, for processes that cannot say what is wrong in another way than by ending.
    ///
    /// # Panics
    /// The variable is not set, or the folder cannot be read.
    pub fn of_environment() -> Self {
        let folder = std::env::var_os(Self::VARIABLE).unwrap_or_else(|| {
            panic!(
                "{} is not set: start with `cargo xtask fuzz`",
                Self::VARIABLE
            )
        });
        match Self::read(Path::new(&folder)) {
            Ok(seeds) => seeds,
            Err(error) => panic!("{}: {error}", folder.display()),
        }
    }

    /// Reads all files of a folder, by name.
    ///
    /// # Errors
    /// The folder or a file cannot be read, or there is none.
    pub fn read(folder: &Path) -> std::io::Result<Self> {
        let mut paths: Vec<_> = std::fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        paths.sort();
        let objects = paths.iter().map(std::fs::read);
        let objects = objects.collect::<std::io::Result<_>>()?;
        Self::new(objects).ok_or_else(|| std::io::Error::other("no seeds in the folder"))
    }

    /// An object, modulo their number.
    pub fn get(&self, index: u8) -> &[u8] {
        &self.0[usize::from(index) % self.0.len()]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }
}
