//! `.wamr.builtins`: the builtins that the code calls.
//!
//! A record list (see [`super::list`]); a record is the signature hash (u32) and the symbol's name.
//! Every undefined symbol of the object stands here, and the loader's build knows it with this hash.

#[cfg(any(feature = "write", test))]
/// Encodes the table.
pub fn encode(builtins: &[crate::builtins::BuiltinId]) -> alloc::vec::Vec<u8> {
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
