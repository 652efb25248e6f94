//! The good object is accepted, linked, and its bytes are right.

mod support;

use support::{IMAGE, VecMemory, good, host, load, near};
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::module::{ExportKind, ValType};
use wamr_aot_loader::{CodeMemory, Error, Host, Image, MemoryError, Object};

fn i32_at(image: &Image<VecMemory>, offset: usize) -> i64 {
    let bytes = &image.memory().bytes[offset..offset + 4];
    i32::from_le_bytes(bytes.try_into().unwrap()).into()
}

fn u64_at(image: &Image<VecMemory>, offset: usize) -> u64 {
    let bytes = &image.memory().bytes[offset..offset + 8];
    u64::from_le_bytes(bytes.try_into().unwrap())
}

/// Where a 32-bit field relative to its own end leads to, as an offset in the image.
fn target(image: &Image<VecMemory>, offset: usize) -> i64 {
    offset as i64 + 4 + i32_at(image, offset)
}

// The layout of the good object: `.text.0` at 0, `.text.1` at 32, stubs behind it, constants on the
// next page.
const TEXT_1: i64 = 32;
const STUBS: i64 = 48;
const CONSTANTS: usize = 4096;

#[test]
fn relocations_lead_where_they_should() {
    let image = load(&good().sealed()).unwrap();
    assert_eq!(image.memory().published, Some(4096));
    assert_eq!(target(&image, 1), TEXT_1, "call f1");
    assert_eq!(target(&image, 8), CONSTANTS as i64 + 8, "lea constant");
    let trap = near(BuiltinId::Trap).unwrap() as i64 - IMAGE as i64;
    assert_eq!(target(&image, 13), trap, "call wamr_trap");
    assert_eq!(target(&image, 32 + 7), 0, "jmp f0");
    // The entry of memcpy in the global offset table is in its stub, the second.
    let entry = target(&image, 32 + 2);
    assert_eq!(entry, STUBS + 16 + 8);
    assert_eq!(
        u64_at(&image, entry as usize),
        near(BuiltinId::Memcpy).unwrap() as u64
    );
    // Jump tables count from their start: their addends hold each entry's offset.
    assert_eq!(CONSTANTS as i64 + i32_at(&image, CONSTANTS), 12);
    assert_eq!(CONSTANTS as i64 + i32_at(&image, CONSTANTS + 4), 17);
    assert_eq!(u64_at(&image, CONSTANTS + 16), IMAGE as u64 + 32 + 6);
}

#[test]
fn far_builtins_are_reached_through_stubs() {
    let bytes = good().sealed();
    let object = Object::parse(&bytes, &host()).unwrap();
    let far = |id: BuiltinId| Some(0x1000 + id as usize);
    let image = object.link(VecMemory::at(IMAGE), &far).unwrap();
    let stub = target(&image, 13);
    assert_eq!(stub, STUBS);
    let code = &image.memory().bytes[stub as usize..][..8];
    assert_eq!(code, [0xff, 0x25, 2, 0, 0, 0, 0x66, 0x90]);
    assert_eq!(
        u64_at(&image, stub as usize + 8),
        far(BuiltinId::Trap).unwrap() as u64
    );
}

#[test]
fn a_builtin_that_the_runtime_has_not_is_named() {
    let bytes = good().sealed();
    let object = Object::parse(&bytes, &host()).unwrap();
    let most = |id: BuiltinId| near(id).filter(|_| id != BuiltinId::Memcpy);
    assert_eq!(
        object.link(VecMemory::at(IMAGE), &most).err(),
        Some(Error::BuiltinNotProvided { name: "memcpy" })
    );
}

#[test]
fn functions_are_found_by_address() {
    let image = load(&good().sealed()).unwrap();
    assert_eq!(image.function_code(0), Some(IMAGE));
    assert_eq!(image.function_code(1), Some(IMAGE + 32));
    assert_eq!(image.function_code(2), None);
    assert_eq!(image.function_code(3), None);
    assert_eq!(image.enter_thunk(0), Some(IMAGE + 20));
    assert_eq!(image.enter_thunk(1), Some(IMAGE + 21));
    assert_eq!(image.enter_thunk(2), None);
    assert_eq!(image.host_thunk(0), None);
    assert_eq!(image.host_thunk(1), Some(IMAGE + 22));
    assert_eq!(image.host_thunk(2), None);
    assert_eq!(image.code_range(), IMAGE..IMAGE + 4096);
    let cases = [
        (IMAGE - 1, None),
        (IMAGE, Some(0)),
        (IMAGE + 17, Some(0)),
        (IMAGE + 18, None),
        (IMAGE + 31, None),
        (IMAGE + 32, Some(1)),
        (IMAGE + 42, Some(1)),
        (IMAGE + 43, None),
        (0, None),
        (usize::MAX, None),
    ];
    for (pc, function) in cases {
        assert_eq!(image.function_at(pc), function, "{pc:#x}");
    }
    let cases = [
        (IMAGE + 17, Some((0, 17))),
        (IMAGE + 19, None),
        (IMAGE + 20, Some((3, 0))),
        (IMAGE + 22, Some((6, 0))),
        (IMAGE + 23, None),
        (IMAGE + 42, Some((1, 10))),
    ];
    for (pc, entry) in cases {
        assert_eq!(image.code_at(pc), entry, "{pc:#x}");
    }
}

#[test]
fn tables_are_read_from_the_image() {
    let parts = good();
    let mut bytes = parts.sealed();
    let image = load(&bytes).unwrap();
    // The image does not need the file.
    bytes.fill(0xff);
    drop(bytes);
    let module = image.module();
    assert_eq!(module.count(ExportKind::Func), 4);
    assert_eq!(module.imported(ExportKind::Global), 1);
    assert_eq!(module.export("run").unwrap().index, 1);
    assert_eq!(module.export("").unwrap().kind, ExportKind::Table);
    assert_eq!(module.export("missing"), None);
    assert_eq!(module.global_type(2).unwrap().ty, ValType::I32);
    assert_eq!(module.global_type(0).unwrap().ty, ValType::I32);
    assert_eq!(module.function_type_index(0), Some(1));
    assert_eq!(module.function_type(1).unwrap().params().len(), 1);
    assert_eq!(module.func_ref_slot(0), Some(0));
    assert_eq!(module.func_ref_slot(1), Some(1));
    assert_eq!(module.func_ref_slot(2), None);
    assert_eq!(module.func_ref_slot(3), Some(2));
    assert_eq!(module.instance_counts().func_refs, 3);
    assert_eq!(image.data(), b"hello abc");
    let frame = image.frames().get(0).unwrap();
    assert_eq!((frame.code_size, frame.max_operand_slots), (18, 3));
    let locals: Vec<_> = frame.locals().collect();
    assert_eq!(locals, [(2, ValType::I64), (1, ValType::V128)]);
    let origin = |function, offset| {
        let origin = image.traps().lookup(function, offset)?;
        Some((origin.wasm_offset, origin.callers().collect::<Vec<_>>()))
    };
    assert_eq!(origin(0, 11), Some((0x40, vec![])));
    assert_eq!(origin(0, 12), Some((0x48, vec![0x3f])));
    assert_eq!(origin(1, 0), None);
    for (entry, code) in (0..).zip(&parts.unwind) {
        assert_eq!(image.unwind().code_size(entry), code.code_size);
    }
    assert_eq!(image.unwind().row(0, 0), Some(support::entry_row()));
    assert_eq!(image.unwind().row(0, 16).unwrap().saved_at(3), Some(-16));
    assert_eq!(image.unwind().row(0, 17), Some(support::entry_row()));
    assert_eq!(image.unwind().row(0, 18), None);
    let names = image.names().unwrap();
    assert_eq!(names.function(3), Some("däta"));
    assert_eq!(names.function(2), None);
    assert_eq!(names.module(), Some("module"));
    assert_eq!(image.header().producer(), "test");
}

#[test]
fn objects_without_names_or_functions_are_good() {
    let mut parts = good();
    parts.names = None;
    assert!(load(&parts.sealed()).unwrap().names().is_none());
    parts.header.defined_functions = 0;
    parts.header.types = 0;
    parts.header.imported_functions = 0;
    parts.module = Default::default();
    parts.frames.clear();
    parts.traps.clear();
    parts.order.clear();
    // Only the trap thunk and the poll thunk are left, which are not there.
    parts.addresses = vec!["", ""];
    parts.unwind = vec![support::unwind(0), support::unwind(0)];
    parts.frame_map = Default::default();
    parts.sections.clear();
    parts.symbols.clear();
    parts.builtins.clear();
    let image = load(&parts.sealed()).unwrap();
    assert_eq!(image.function_at(IMAGE), None);
    assert_eq!(image.module().types().len(), 0);
}

#[test]
fn sections_keep_their_alignment() {
    for align in [1, 64, 4096] {
        let mut parts = good();
        parts.section(".text.1").align = align;
        let image = load(&parts.sealed()).unwrap();
        let function = image.function_code(1).unwrap();
        assert!(function.is_multiple_of(align as usize));
        assert_eq!(image.function_at(function), Some(1));
    }
}

#[test]
fn larger_pages_separate_code_and_constants() {
    let bytes = good().sealed();
    let object = Object::parse(&bytes, &host()).unwrap();
    let memory = VecMemory {
        page_size: Some(65536),
        ..VecMemory::at(IMAGE)
    };
    let image = object.link(memory, &near).unwrap();
    assert_eq!(image.memory().published, Some(65536));
    assert_eq!(target(&image, 8), 65536 + 8);
    assert_eq!(object.image_size(4096), Ok(8192));
    assert_eq!(object.image_size(65536), Ok(131072));
}

#[test]
fn memory_that_is_not_as_asked_for_is_refused() {
    struct Bad(VecMemory, &'static str);
    impl CodeMemory for Bad {
        fn page_size(&self) -> usize {
            if self.1 == "page" { 4095 } else { 4096 }
        }
        fn reserve(&mut self, size: usize, align: usize) -> Result<(), MemoryError> {
            let error = MemoryError {
                reason: "no memory",
                code: 12,
            };
            match self.1 {
                "reserve" => Err(error),
                "short" => self.0.reserve(size - 4096, align),
                _ => self.0.reserve(size, align),
            }
        }
        fn address(&self) -> usize {
            if self.1 == "align" { 8 } else { self.0.at }
        }
        fn bytes(&self) -> &[u8] {
            &self.0.bytes
        }
        fn bytes_mut(&mut self) -> &mut [u8] {
            &mut self.0.bytes
        }
        fn publish(&mut self, _: usize) -> Result<(), MemoryError> {
            let error = MemoryError {
                reason: "not published",
                code: 13,
            };
            if self.1 == "publish" {
                Err(error)
            } else {
                Ok(())
            }
        }
    }
    let bytes = good().sealed();
    let object = Object::parse(&bytes, &host()).unwrap();
    let link = |kind| object.link(Bad(VecMemory::at(IMAGE), kind), &near).err();
    assert!(matches!(
        link("page"),
        Some(Error::PageSize { found: 4095 })
    ));
    assert!(matches!(
        link("reserve"),
        Some(Error::Memory(MemoryError { code: 12, .. }))
    ));
    assert!(matches!(link("short"), Some(Error::MemoryPlace { .. })));
    assert!(matches!(link("align"), Some(Error::MemoryPlace { .. })));
    assert!(matches!(
        link("publish"),
        Some(Error::Memory(MemoryError { code: 13, .. }))
    ));
    assert_eq!(link("good"), None);
}

#[test]
fn tools_see_all_sections() {
    let bytes = good().sealed();
    let header = wamr_aot_loader::format::header::Header::of_file(&bytes).unwrap();
    let object = Object::parse(&bytes, &Host::of(&header)).unwrap();
    let find = |name: &str| {
        let mut sections = object.sections();
        sections
            .find(|section| section.name == name.as_bytes())
            .unwrap()
    };
    assert!(find(".text.0").is_loaded);
    assert!(!find(".eh_frame").is_loaded);
    assert_eq!(find(".wamr.data").size, 9);
    assert_eq!(
        object.section_bytes(find(".wamr.data").index),
        Some(&b"hello abc"[..])
    );
    assert_eq!(object.builtins().len(), 2);
    assert!(
        header
            .constants()
            .all(|constant| constant.object == constant.runtime)
    );
}
