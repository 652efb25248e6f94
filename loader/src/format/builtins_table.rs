//! `.wamr.builtins`: the builtins that the code calls.
//!
//! A record list (see [`super::list`]); a record is the signature hash (u32) and the symbol's name.
//! Every undefined symbol of the object stands here, and the loader's build knows it with this
//! hash.

use super::{list::List, section, wire::Reader};
use crate::builtins::{BUILTINS, BuiltinId};
use crate::error::{Error, Name, Refusal, Refused, TableError};

/// Encodes the table.
#[cfg(any(feature = "write", test))]
pub fn encode(builtins: &[BuiltinId]) -> alloc::vec::Vec<u8> {
    use crate::format::{list::ListWriter, wire::write};
    let mut list = ListWriter::new();
    for id in builtins {
        list.push(|out| {
            write::u32(out, id.builtin().signature_hash());
            out.extend_from_slice(id.builtin().symbol.as_bytes());
        });
    }
    let mut out = alloc::vec::Vec::new();
    list.finish_into(&mut out);
    out
}

/// Builtins, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuiltinSet([u32; BUILTINS.len().div_ceil(32)]);

impl BuiltinSet {
    /// Is it in the set?
    pub fn contains(self, id: BuiltinId) -> bool {
        let word = self.0.get(usize::from(id as u8 / 32));
        word.is_some_and(|word| word >> (id as u8 % 32) & 1 != 0)
    }

    /// Adds one.
    pub fn insert(&mut self, id: BuiltinId) {
        if let Some(word) = self.0.get_mut(usize::from(id as u8 / 32)) {
            *word |= 1 << (id as u8 % 32);
        }
    }

    /// How many.
    pub fn len(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// None?
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Its members, in the order of the builtin list.
    pub fn iter(self) -> impl Iterator<Item = BuiltinId> {
        BuiltinId::ALL
            .iter()
            .copied()
            .filter(move |id| self.contains(*id))
    }

    /// Number of members that stand before `id` in the builtin list.
    pub(crate) fn position(self, id: BuiltinId) -> u32 {
        let (last, bit) = (usize::from(id as u8 / 32), id as u8 % 32);
        let words = self.0.iter().enumerate().take(last + 1);
        words
            .map(|(index, word)| match index == last {
                true => word & ((1 << bit) - 1),
                false => *word,
            })
            .map(u32::count_ones)
            .sum()
    }
}

/// Reads the table: every builtin in it must be known here and have the same signature.
pub fn parse(bytes: &[u8]) -> Result<BuiltinSet, Error> {
    Refusal::explain_table(section::BUILTINS, |refusal| check(bytes, refusal))
}

/// As [`parse`].
#[inline(never)]
pub(crate) fn check(bytes: &[u8], refusal: &Refusal) -> Result<BuiltinSet, Refused> {
    let what = "the builtin table";
    let mut reader = Reader::check(bytes, refusal);
    let list = List::parse(&mut reader, what)?;
    reader.finish(what)?;
    let mut set = BuiltinSet::default();
    for index in 0..list.len() {
        let Some(mut record) = list.reader(index) else {
            break;
        };
        let start = record.offset();
        let found = record.u32("a signature hash")?;
        let symbol = record.rest_str("a builtin's name")?;
        let Some(id) = BuiltinId::from_symbol(symbol.as_bytes()) else {
            return Err(refusal.note(Error::UnknownBuiltin {
                name: Name::from(symbol),
            }));
        };
        let expected = id.builtin().signature_hash();
        if found != expected {
            return Err(refusal.note(Error::BuiltinSignature {
                name: id.builtin().symbol,
                expected,
                found,
            }));
        }
        if set.contains(id) {
            let error = TableError::Twice { what: "a builtin" };
            return Err(reader.fail_at(start, error));
        }
        set.insert(id);
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(builtins in prop::sample::subsequence(BuiltinId::ALL, 0..=BuiltinId::ALL.len())) {
            let set = parse(&encode(&builtins)).unwrap();
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), builtins.clone());
            for (position, id) in (0..).zip(&builtins) {
                prop_assert!(set.contains(*id));
                prop_assert_eq!(set.position(*id), position);
            }
        }
    }
}
