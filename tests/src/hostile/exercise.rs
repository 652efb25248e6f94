//! Does with an object what runtimes and tools do, and checks what must hold for every object that the loader accepts.

use arbitrary::Arbitrary;
use std::hint::black_box;
use wamr_aot_loader::builtins::BuiltinId;
use wamr_aot_loader::format::framemap::{FrameMapView, SiteKind};
use wamr_aot_loader::format::frames::FramesView;
use wamr_aot_loader::format::handlers::HandlersView;
use wamr_aot_loader::format::header::{Header, Host, IMAGE_PAGE_SIZE};
use wamr_aot_loader::format::module::ModuleView;
use wamr_aot_loader::format::names::NamesView;
use wamr_aot_loader::format::target::TargetAbi;
use wamr_aot_loader::format::traps::TrapsView;
use wamr_aot_loader::format::unwind::UnwindView;
use wamr_aot_loader::layout::PointerWidth;
use wamr_aot_loader::link::MemoryError;
use wamr_aot_loader::{CodeMemory, Image, Object, relocate};

use super::elf::Elf;

/// So many times as long as its file an image can be, two pages aside. The loader promises it, and does not leave it to objects
/// how much memory they take.
const LARGEST_IMAGE: u64 = 110;

/// Where an image and the builtins are.
#[derive(Arbitrary, Clone, Copy, Debug, Default)]
pub struct Place {
    image: u8,
    builtins: u8,
}

impl Place {
    const IMAGES: [u64; 6] = [
        0x10_0000,
        0x8000_0000,
        0xffe0_0000,
        0x5555_0000_0000,
        0x7fff_ff00_0000,
        0xffff_ffff_ff00_0000,
    ];
    const DISTANCES: [u64; 7] = [
        0x1000,
        0xf_f000,
        0x7ff_0000,
        0x7fff_0000,
        0x8000_0000,
        0x4444_0000_0000,
        0xffff_ffff_8000_0000,
    ];

    /// Addresses of the image and of the first builtin.
    fn addresses(self, width: PointerWidth) -> (usize, usize) {
        let images = match width {
            PointerWidth::Four => &Self::IMAGES[..3],
            PointerWidth::Eight => &Self::IMAGES[..],
        };
        let image = images[usize::from(self.image) % images.len()];
        let distance = Self::DISTANCES[usize::from(self.builtins) % Self::DISTANCES.len()];
        let mut builtins = image.wrapping_add(distance);
        if width == PointerWidth::Four {
            builtins &= 0xffff_ffff;
        }
        (image as usize, builtins as usize)
    }
}

/// A host that the object is for, as far as its header can be read.
fn host(file: &[u8]) -> Host {
    let header = Header::of_file(file).unwrap_or_else(|_| Header::new(TargetAbi::ALL[0]));
    black_box((header.constants().count(), header.producer().len()));
    Host::of(&header)
}

/// Parses and reads everything. Says whether the loader accepted it.
pub fn parse(file: &[u8]) -> bool {
    match Object::parse(file, &host(file)) {
        Ok(object) => {
            read_object(file, &object);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// Parses, links twice, and compares the image with the object. Says whether the loader accepted it.
pub fn link(file: &[u8], place: Place) -> bool {
    let Ok(object) = Object::parse(file, &host(file)) else {
        return false;
    };
    let (at, builtins) = place.addresses(object.header().width);
    let resolve = |id: BuiltinId| Some(builtins.wrapping_add(0x40 * id as usize));
    let image = match object.link(Memory::new(at, 0x5a), &resolve) {
        Ok(image) => image,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let again = object
        .link(Memory::new(at, 0xff), &resolve)
        .expect("what was linked once");
    assert!(
        image.memory().bytes == again.memory().bytes,
        "the image depends on what the memory held before"
    );
    compare(file, &object, &image);
    read_image(&image);
    true
}

fn read_object(file: &[u8], object: &Object<'_>) {
    let sections = object.sections().filter(|section| {
        let bytes = object.section_bytes(section.index);
        assert!(bytes.is_some_and(|bytes| bytes.len() as u64 == section.size));
        section.is_loaded
    });
    assert!(sections.count() > 0);
    let size = object.image_size(IMAGE_PAGE_SIZE).expect("checked");
    assert_eq!(size, object.header().image_size);
    assert!(
        size <= LARGEST_IMAGE * file.len() as u64 + 2 * IMAGE_PAGE_SIZE as u64,
        "an image of {size} bytes"
    );
    let functions = read_module(&object.module(), object.data().len());
    read_tables(
        object.header(),
        &object.frames(),
        &object.traps(),
        (&object.unwind(), &object.handlers()),
        &object.frame_map(),
    );
    read_names(object.names(), functions);
    assert!(object.order().len() <= object.header().code_entries());
    black_box(object.builtins().iter().count());
}

fn read_image(image: &Image<Memory>) {
    let functions = read_module(&image.module(), image.data().len());
    read_tables(
        image.header(),
        &image.frames(),
        &image.traps(),
        (&image.unwind(), &image.handlers()),
        &image.frame_map(),
    );
    read_names(image.names(), functions);
    let range = image.code_range();
    let header = image.header();
    for function in 0..=header.defined_functions {
        if let Some(start) = image.function_code(function) {
            let size = image.unwind().code_size(function) as usize;
            assert!(range.contains(&start) && start + size <= range.end);
            assert_eq!(image.function_at(start), Some(function));
            assert_eq!(
                image.code_at(start + size - 1).map(|(entry, _)| entry),
                Some(function)
            );
        }
    }
    for ty in 0..=header.types {
        for thunk in [image.enter_thunk(ty), image.host_thunk(ty)] {
            assert!(thunk.is_none_or(|thunk| range.contains(&thunk)));
        }
    }
    assert_eq!(image.code_at(range.end), None);
}

/// Reads a module's description; returns its number of functions.
fn read_module(module: &ModuleView<'_>, data_length: usize) -> u32 {
    use wamr_aot_loader::format::types::ExportKind;
    for (number, ty) in (0..).zip(module.types().iter()) {
        black_box((ty.func().params().count(), ty.func().results().count()));
        assert!(ty.supertype().is_none_or(|supertype| supertype < number));
    }
    for import in module.imports().iter() {
        black_box((import.module.len(), import.name.len(), import.kind));
    }
    for export in module.exports().iter() {
        assert_eq!(module.export(export.name), Some(export));
    }
    for global in module.globals().iter() {
        assert!(global.init.ops().count() > 0);
    }
    for element in module.elements().iter() {
        assert_eq!(element.items().count() as u32, element.len());
    }
    for data in module.data().iter() {
        assert!(data.offset + data.length <= data_length as u64);
    }
    for tag in module.tags().iter() {
        assert!(tag < module.types().len());
    }
    for kind in ExportKind::ALL {
        assert!(module.imported(kind) <= module.count(kind));
        black_box(module.import_of(kind, 0));
    }
    let functions = module.count(ExportKind::Func);
    for function in (0..functions.min(100)).chain([functions]) {
        let ty = module.function_type(function);
        assert_eq!(ty.is_some(), function < functions);
        black_box(module.func_ref_slot(function));
    }
    black_box((module.start(), module.instance_counts()));
    functions
}

/// As much of the tables as makes no more work than checking them did.
const SAMPLE: usize = 50;

fn read_tables(
    header: &Header,
    frames: &FramesView<'_>,
    traps: &TrapsView<'_>,
    (unwind, handlers): (&UnwindView<'_>, &HandlersView<'_>),
    map: &FrameMapView<'_>,
) {
    for (function, frame) in (0..).zip(frames.iter().take(SAMPLE)) {
        black_box(frame.locals().count());
        for row in traps.rows(function).take(SAMPLE) {
            assert!(row.code_offset < frame.code_size.max(1));
            let origin = traps.lookup(function, row.code_offset);
            black_box(origin.map(|origin| origin.callers().take(SAMPLE).count()));
        }
        black_box(traps.sites(function).count());
        black_box(handlers.call_sites(function));
        for offset in [0, frame.code_size / 2, u32::MAX] {
            if let Some(handler) = handlers.lookup(function, offset) {
                assert!(handler.landing_pad < frame.code_size);
                assert!(handler.clauses().count() > 0);
            }
        }
        for record in map.records(function).take(SAMPLE) {
            let found = map.lookup(function, record.return_offset);
            assert!(found.is_some_and(|found| found.return_offset == record.return_offset));
            for frame in record.frames().take(SAMPLE) {
                if let Some(values) = frame.values() {
                    black_box(values.take(SAMPLE).count());
                }
            }
        }
        black_box(map.lookup(function, u32::MAX).is_some());
        black_box(traps.lookup(function, u32::MAX).is_some());
    }
    for site in map.sites(0..u32::MAX).take(SAMPLE) {
        assert!(map.site(site.ip, site.kind).is_some());
        black_box((
            site.locals().take(SAMPLE).count(),
            site.slots().take(SAMPLE).count(),
        ));
    }
    black_box(map.site(u32::MAX, SiteKind::Call).is_some());
    assert_eq!(unwind.len(), header.code_entries());
    for entry in (0..unwind.len()).take(SAMPLE) {
        for (offset, row) in unwind.rows(entry).take(SAMPLE) {
            assert_eq!(unwind.row(entry, offset), row);
            black_box(row.map(|row| row.saved().count()));
        }
        assert_eq!(unwind.row(entry, unwind.code_size(entry)), None);
    }
}

fn read_names(names: Option<NamesView<'_>>, functions: u32) {
    let Some(names) = names else { return };
    for function in (0..functions.min(100)).chain([u32::MAX]) {
        black_box(names.function(function));
    }
    black_box(names.module());
}

/// What no relocation touches stands in the image as it stands in the file.
fn compare(file: &[u8], object: &Object<'_>, image: &Image<Memory>) {
    let memory = image.memory();
    assert_eq!(memory.bytes.len() as u64, object.header().image_size);
    let header = object.header();
    for section in object.sections() {
        let Some(address) = image.section_address(section.index) else {
            assert!(!section.is_loaded);
            continue;
        };
        let mut expected = object.section_bytes(section.index).unwrap_or(&[]).to_vec();
        let start = address - memory.address();
        let mut found = memory.bytes[start..start + expected.len()].to_vec();
        for (offset, ty) in relocations(file, section.index as usize + 1) {
            let shape = relocate::shape(header.machine, header.width, ty).expect("linked");
            let field = offset..offset + usize::from(shape.size);
            expected[field.clone()].fill(0);
            found[field].fill(0);
        }
        assert!(expected == found, "section {} was changed", section.index);
    }
}

/// Offset and type of the relocations in a section, if it is a relocation section.
fn relocations(file: &[u8], section: usize) -> Vec<(usize, u32)> {
    let Some(elf) =
        Elf::new(file).filter(|elf| elf.relocation_sections().any(|index| index == section))
    else {
        return Vec::new();
    };
    let size = elf.content(section).map_or(0, |content| content.size);
    (0..size / elf.rela_size())
        .filter_map(|rela| {
            let offset = elf.relocation(section, rela, 0)?.get(file)?;
            let ty = elf.relocation_type(section, rela)?.get(file)?;
            Some((usize::try_from(offset).ok()?, u32::try_from(ty).ok()?))
        })
        .collect()
}

/// Code memory that only looks as if it were somewhere.
#[derive(Debug)]
pub struct Memory {
    at: usize,
    before: u8,
    /// The image.
    pub bytes: Vec<u8>,
    published: bool,
}

impl Memory {
    /// Memory at an address, filled with a byte.
    pub fn new(at: usize, before: u8) -> Self {
        Memory {
            at,
            before,
            bytes: Vec::new(),
            published: false,
        }
    }
}

impl CodeMemory for Memory {
    fn page_size(&self) -> usize {
        IMAGE_PAGE_SIZE
    }

    fn reserve(&mut self, size: usize, align: usize) -> Result<(), MemoryError> {
        assert!(self.bytes.is_empty() && align.is_power_of_two());
        self.bytes = vec![self.before; size];
        Ok(())
    }

    fn address(&self) -> usize {
        self.at
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        assert!(!self.published);
        &mut self.bytes
    }

    fn publish(&mut self, code_size: usize) -> Result<(), MemoryError> {
        assert!(code_size <= self.bytes.len() && code_size.is_multiple_of(IMAGE_PAGE_SIZE));
        self.published = true;
        Ok(())
    }
}
