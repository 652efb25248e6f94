//! From an object's tables to the report.

use std::fmt::{Display, Write};

use object::read::{Object as _, ObjectSection};
use object::{SectionFlags, elf};
use wamr_aot_loader::cpu;
use wamr_aot_loader::format::frames::FramesView;
use wamr_aot_loader::format::handlers::HandlersView;
use wamr_aot_loader::format::header::{self, Header, Host};
use wamr_aot_loader::format::module::{
    ElementView, ExportKind, FuncTypeView, GlobalType, ImportKind, Limits, MemoryType, ModuleView,
    SegmentModeView, SubTypeView, TableType,
};
use wamr_aot_loader::format::names::NamesView;
use wamr_aot_loader::format::target::wasm_feature_names;
use wamr_aot_loader::format::traps::TrapsView;
use wamr_aot_loader::format::unwind::UnwindView;
use wamr_aot_loader::format::{builtins_table, section};
use wamr_aot_loader::object::Object;

use super::{
    ConstantReport, ExportReport, FrameReport, FunctionReport, HeaderReport, ImportReport, Report,
    SectionReport,
};
use crate::error::{Error, Result};

pub(super) fn wrong(text: impl Display) -> Error {
    Error::Object(text.to_string())
}

pub(super) fn report(bytes: &[u8]) -> Result<Report> {
    if !bytes.starts_with(b"\x7fELF") {
        return Err(wrong(format!(
            "expected an ELF object, found a file that begins with `{}`",
            bytes.get(..4).unwrap_or(bytes).escape_ascii()
        )));
    }
    let file = object::File::parse(bytes).map_err(wrong)?;
    let table = |name: &str| -> Result<&[u8]> {
        let section = file
            .section_by_name(name)
            .ok_or_else(|| wrong(format!("there is no section {name}: not an .aot object")))?;
        section.data().map_err(wrong)
    };
    let header = Header::parse(table(section::HEADER)?).map_err(wrong)?;
    let data = table(section::DATA)?;
    let data_length = u64::try_from(data.len()).map_err(wrong)?;
    let module = ModuleView::parse(table(section::MODULE)?, data_length).map_err(wrong)?;
    let frames =
        FramesView::parse(table(section::FRAMES)?, header.defined_functions).map_err(wrong)?;
    let traps = TrapsView::parse(table(section::TRAPS)?, &frames).map_err(wrong)?;
    let unwind = table(section::UNWIND)?;
    let unwind = UnwindView::parse(unwind, &frames, header.code_entries()).map_err(wrong)?;
    let handlers = match file.section_by_name(section::HANDLERS) {
        Some(section) => {
            let bytes = section.data().map_err(wrong)?;
            let tags = module.count(ExportKind::Tag);
            HandlersView::parse(bytes, &frames, tags).map_err(wrong)?
        }
        None => HandlersView::default(),
    };
    let builtins = builtins_table::parse(table(section::BUILTINS)?).map_err(wrong)?;
    let names = match file.section_by_name(section::NAMES) {
        Some(section) => {
            let functions = header
                .imported_functions
                .saturating_add(header.defined_functions);
            let bytes = section.data().map_err(wrong)?;
            Some(NamesView::parse(bytes, functions).map_err(wrong)?)
        }
        None => None,
    };

    // The machine that the object is for, with all that it wants.
    let host = Host {
        machine: header.machine,
        width: header.width,
        abi: header.abi,
        cpu_features: header.cpu_features,
        guard_pages: true,
    };
    Ok(Report {
        problem: Object::parse(bytes, &host)
            .err()
            .map(|error| error.to_string()),
        sections: sections(&file),
        name: names.and_then(|names| names.module()).map(str::to_owned),
        types: types(&module),
        imports: module
            .imports()
            .iter()
            .map(|import| ImportReport {
                module: import.module.to_owned(),
                name: import.name.to_owned(),
                kind: kind(import.kind.export_kind()),
                ty: import_type(&module, import.kind),
            })
            .collect(),
        functions: functions(
            &header,
            &module,
            (&frames, &traps, &unwind, &handlers),
            names.as_ref(),
        ),
        tables: all(&module, ExportKind::Table, |i| {
            module.table_type(i).map(table_type)
        }),
        memories: all(&module, ExportKind::Memory, |i| {
            module.memory_type(i).map(memory_type)
        }),
        globals: all(&module, ExportKind::Global, |i| {
            module.global_type(i).map(global_type)
        }),
        tags: all(&module, ExportKind::Tag, |i| {
            tag_type(&module, module.tag_type_index(i))
        }),
        exports: module
            .exports()
            .iter()
            .map(|export| ExportReport {
                name: export.name.to_owned(),
                kind: kind(export.kind),
                index: export.index,
            })
            .collect(),
        start: module.start(),
        elements: module
            .elements()
            .iter()
            .map(|element| element_segment(&element))
            .collect(),
        data: module
            .data()
            .iter()
            .map(|data| format!("{}, {} bytes", mode(&data.mode, "memory"), data.length))
            .collect(),
        builtins: builtins.iter().map(|id| id.builtin().symbol).collect(),
        header: header_report(&header),
    })
}

fn header_report(header: &Header) -> HeaderReport {
    HeaderReport {
        format_version: header::VERSION,
        total_length: header.total_length,
        content_hash: hexadecimal(&header.content_hash),
        signed: header.signature.iter().any(|byte| *byte != 0),
        required_features: header.required_features,
        optional_features: header.optional_features,
        machine: header.machine.name(),
        pointer_width: header.width.bytes(),
        endianness: "little",
        abi: header.abi.name(),
        cpu_features: cpu::names_of(header.machine, header.cpu_features).collect(),
        abi_hash: format!("{:016x}", header.abi_hash),
        layout: header
            .constants()
            .map(|constant| ConstantReport {
                name: constant.name,
                value: constant.object,
                expected: Some(constant.runtime).filter(|value| *value != constant.object),
            })
            .collect(),
        frame_strategy: header.frame_strategy.name(),
        capture: header.capture.names().collect(),
        poll: header.poll.name(),
        memory_model: header.memory_model.name(),
        wasm_features: wasm_feature_names(header.wasm_features).collect(),
        defined_functions: header.defined_functions,
        types: header.types,
        imported_functions: header.imported_functions,
        image_size: header.image_size,
        source_hash: hexadecimal(&header.source_hash),
        producer: header.producer().to_owned(),
    }
}

fn sections(file: &object::File<'_>) -> Vec<SectionReport> {
    file.sections()
        .map(|section| {
            let flags = match section.flags() {
                SectionFlags::Elf { sh_flags, .. } => sh_flags.0,
                _ => 0,
            };
            SectionReport {
                name: String::from_utf8_lossy(section.name_bytes().unwrap_or(b"?")).into_owned(),
                offset: section.file_range().map_or(0, |(offset, _)| offset),
                size: section.size(),
                relocations: section.relocations().count(),
                allocated: flags & elf::SHF_ALLOC.0 != 0,
                code: flags & elf::SHF_EXECINSTR.0 != 0,
            }
        })
        .collect()
}

fn functions(
    header: &Header,
    module: &ModuleView<'_>,
    (frames, traps, unwind, handlers): (
        &FramesView<'_>,
        &TrapsView<'_>,
        &UnwindView<'_>,
        &HandlersView<'_>,
    ),
    names: Option<&NamesView<'_>>,
) -> Vec<FunctionReport> {
    (0..)
        .zip(frames.iter())
        .map(|(defined, frame)| {
            let index = header.imported_functions.saturating_add(defined);
            FunctionReport {
                index,
                name: names
                    .and_then(|names| names.function(index))
                    .map(str::to_owned),
                ty: module
                    .function_type(index)
                    .map_or_else(String::new, |ty| function_type(&ty)),
                code_size: frame.code_size,
                frame: FrameReport {
                    record: frame.has_record,
                    references: frame.has_references,
                    locals: frame
                        .locals()
                        .map(|(count, ty)| format!("{count} x {ty}"))
                        .collect(),
                    max_operand_slots: frame.max_operand_slots,
                },
                trap_rows: traps.rows(defined).count(),
                inlined_calls: traps.sites(defined).count(),
                handled_calls: handlers.call_sites(defined),
                unwind_rows: unwind.rows(defined).count(),
            }
        })
        .collect()
}

fn all(
    module: &ModuleView<'_>,
    kind: ExportKind,
    describe: impl Fn(u32) -> Option<String>,
) -> Vec<String> {
    (0..module.count(kind)).filter_map(describe).collect()
}

fn kind(kind: ExportKind) -> &'static str {
    match kind {
        ExportKind::Func => "func",
        ExportKind::Table => "table",
        ExportKind::Memory => "memory",
        ExportKind::Global => "global",
        ExportKind::Tag => "tag",
    }
}

fn list(types: impl Iterator<Item = impl Display>) -> String {
    types
        .map(|ty| ty.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Each with what tells it from the others that take and return the same: its recursion group, finality and super type,
/// where they are not the usual ones.
fn types(module: &ModuleView<'_>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut group = 0;
    for (number, ty) in module.types().iter().enumerate() {
        texts.push(sub_type(&ty));
        if ty.ends_group() {
            if group < number {
                for text in texts.iter_mut().skip(group) {
                    *text = format!("rec {group}..={number} {text}");
                }
            }
            group = number + 1;
        }
    }
    texts
}

fn sub_type(ty: &SubTypeView<'_>) -> String {
    let func = function_type(&ty.func());
    match (ty.is_final(), ty.supertype()) {
        (true, None) => func,
        (true, Some(above)) => format!("sub final {above} {func}"),
        (false, None) => format!("sub {func}"),
        (false, Some(above)) => format!("sub {above} {func}"),
    }
}

pub(super) fn function_type(ty: &FuncTypeView<'_>) -> String {
    format!("({}) -> ({})", list(ty.params()), list(ty.results()))
}

fn import_type(module: &ModuleView<'_>, kind: ImportKind) -> String {
    match kind {
        ImportKind::Func(index) => module
            .types()
            .get(index)
            .map_or_else(String::new, |ty| function_type(&ty.func())),
        ImportKind::Tag(index) => tag_type(module, Some(index)).unwrap_or_default(),
        ImportKind::Table(ty) => table_type(ty),
        ImportKind::Memory(ty) => memory_type(ty),
        ImportKind::Global(ty) => global_type(ty),
    }
}

/// The values of a tag's exceptions.
fn tag_type(module: &ModuleView<'_>, ty: Option<u32>) -> Option<String> {
    let ty = module.types().get(ty?)?;
    Some(format!("({})", list(ty.func().params())))
}

fn limits(limits: Limits) -> String {
    let mut text = match limits.max {
        Some(max) => format!("{}..={max}", limits.min),
        None => format!("{}..", limits.min),
    };
    if limits.is_64 {
        text.push_str(" 64-bit");
    }
    if limits.shared {
        text.push_str(" shared");
    }
    text
}

fn table_type(ty: TableType) -> String {
    format!("{} {}", limits(ty.limits), ty.element)
}

fn memory_type(ty: MemoryType) -> String {
    let page = 1u64.checked_shl(ty.page_size_log2.into()).unwrap_or(0);
    format!("{} pages of {page} bytes", limits(ty.limits))
}

fn global_type(ty: GlobalType) -> String {
    format!("{}{}", if ty.mutable { "mut " } else { "" }, ty.ty)
}

fn mode(mode: &SegmentModeView<'_>, what: &str) -> String {
    match mode {
        SegmentModeView::Passive => "passive".into(),
        SegmentModeView::Active { index, .. } => format!("active in {what} {index}"),
        SegmentModeView::Declared => "declared".into(),
    }
}

fn element_segment(element: &ElementView<'_>) -> String {
    format!(
        "{}, {} x {}",
        mode(&element.mode, "table"),
        element.len(),
        element.ty
    )
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
