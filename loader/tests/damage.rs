//! Damaged objects are refused or accepted, but nothing panics, whatever the damage.

mod support;

use proptest::prelude::*;
use support::patch::{self, HEADER};
use support::{VecMemory, good, host, near};
use wamr_aot_loader::format::header::{self, Field, Header};
use wamr_aot_loader::{Host, Object};

/// Does all that a runtime does with an object, and all that a tool does.
fn use_all(bytes: &[u8], host: &Host) -> bool {
    if let Ok(header) = Header::of_file(bytes) {
        let _ = (header.constants().count(), header.producer().len());
    }
    let object = match Object::parse(bytes, host) {
        Ok(object) => object,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    for section in object.sections() {
        let _ = object.section_bytes(section.index);
    }
    let image = match object.link(VecMemory::at(support::IMAGE), &near) {
        Ok(image) => image,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let module = image.module();
    assert_eq!(module.types().iter().count() as u32, module.types().len());
    for export in module.exports().iter() {
        assert_eq!(module.export(export.name), Some(export));
    }
    for import in module.imports().iter() {
        let _ = import.kind;
    }
    for function in 0..image.header().defined_functions {
        let start = image.function_code(function);
        if let Some(start) = start {
            assert_eq!(image.function_at(start), Some(function));
        }
        let frame = image.frames().get(function).unwrap();
        let _ = (frame.locals().count(), image.traps().rows(function).count());
        if let Some(origin) = image.traps().lookup(function, u32::MAX) {
            let _ = origin.callers().count();
        }
    }
    let unwind = image.unwind();
    for entry in 0..unwind.len() {
        for (offset, row) in unwind.rows(entry) {
            assert_eq!(unwind.row(entry, offset), row);
            let _ = row.map(|row| row.saved().count());
        }
    }
    for global in module.globals().iter() {
        assert!(global.init.ops().count() > 0);
    }
    for element in module.elements().iter() {
        assert_eq!(element.items().count() as u32, element.len());
    }
    for data in module.data().iter() {
        let end = data.offset + data.length;
        assert!(end <= image.data().len() as u64);
    }
    if let Some(names) = image.names() {
        for function in 0..5 {
            let _ = names.function(function);
        }
    }
    true
}

#[test]
fn every_prefix_is_refused() {
    let file = good().sealed();
    assert!(use_all(&file, &host()));
    for length in 0..file.len() {
        let mut prefix = file[..length].to_vec();
        assert!(!use_all(&prefix, &host()), "{length} bytes");
        patch::reseal(&mut prefix);
        assert!(!use_all(&prefix, &host()), "{length} bytes, sealed");
    }
}

#[test]
fn every_changed_byte_is_noticed_unless_sealed_again() {
    let file = good().sealed();
    let signature = HEADER + Field::Signature.offset();
    let signature = signature..signature + Field::Signature.size();
    for at in 0..file.len() {
        let mut bytes = file.clone();
        bytes[at] ^= 0x10;
        // A signature is made of the sealed object, and checked by whoever wants one.
        let is_signature = signature.contains(&at);
        assert_eq!(use_all(&bytes, &host()), is_signature, "byte {at}");
    }
}

#[test]
fn every_sealed_change_of_a_byte_is_survived() {
    let file = good().sealed();
    for at in 0..file.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = file.clone();
            bytes[at] ^= change;
            patch::reseal(&mut bytes);
            use_all(&bytes, &host());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn sealed_changes_of_bytes_are_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut bytes = good().sealed();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        patch::reseal(&mut bytes);
        use_all(&bytes, &host());
    }

    /// Changes of whole numbers reach further than those of bytes.
    #[test]
    fn sealed_changes_of_numbers_are_survived(
        at in any::<prop::sample::Index>(),
        number in prop_oneof![
            Just(u64::MAX),
            Just(1 << 63),
            Just(u64::from(u32::MAX)),
            Just(1 << 31),
            any::<u64>(),
            0u64..8192,
        ],
    ) {
        let mut bytes = good().sealed();
        let behind_header = HEADER + header::SIZE;
        // Aligned, as nearly all numbers are; the header's own are in the table of bad objects.
        let at = (behind_header + at.index(bytes.len() - behind_header - 8)) & !7;
        patch::set(&mut bytes, at, &number.to_le_bytes());
        patch::reseal(&mut bytes);
        use_all(&bytes, &host());
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        use_all(&bytes, &host());
    }

    /// Any bytes in place of a table, in an object that is good otherwise.
    #[test]
    fn any_bytes_in_a_table_are_survived(
        table in prop::sample::select(wamr_aot_loader::format::section::REQUIRED),
        bytes in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..200),
    ) {
        let mut parts = good();
        parts.raw.insert(table, bytes);
        if table == wamr_aot_loader::format::section::HEADER {
            return Ok(());
        }
        use_all(&parts.sealed(), &host());
    }
}
