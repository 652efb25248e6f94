//! Reading and validating a module with wasmparser.

use std::collections::{BTreeMap, BTreeSet};

use wamr_aot_loader::format::module::{
    self as format, ConstExpr, Data, Element, Export, ExportKind, FuncType, Global, GlobalType,
    HeapType, Import, ImportKind, Limits, MemoryType, ModuleInfo, SegmentMode, SubType, Table,
    TableType, ValType,
};
use wasmparser::{
    AbstractHeapType, CompositeInnerType, DataKind, ElementItems, ElementKind, ExternalKind,
    FuncValidatorAllocations, FunctionBody, KnownCustom, Operator, Parser, Payload, RefType,
    TableInit, TypeRef, UnpackedIndex, ValidPayload, Validator, WasmFeatures,
};

use super::hints::HintReader;
use super::scan::References;
use super::{Module, Names, Scan, features};
use crate::error::{Error, Result};

/// Reads and validates a binary module.
///
/// # Errors
/// [`Error::Invalid`] with wasmparser's message and offset for a module that is malformed, invalid
/// or uses a feature that is not in `features`; [`Error::Unsupported`] for what validates but is
/// beyond the compiler.
pub fn parse(wasm: &[u8], features: WasmFeatures) -> Result<Module<'_>> {
    let mut reader = Reader::default();
    let mut validator = Validator::new_with_features(features);
    let mut allocations = FuncValidatorAllocations::default();
    let mut parser = Parser::new(0);
    // Features decide the encoding, too: a limit of a 64-bit memory may be longer.
    parser.set_features(features);
    let mut hints = HintReader::default();
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        let valid = validator.payload(&payload)?;
        hints.payload(&payload, &validator);
        match valid {
            ValidPayload::Func(function, body) => {
                let mut function = function.into_validator(allocations);
                function.validate(&body)?;
                allocations = function.into_allocations();
                reader.bodies.push(body);
            }
            ValidPayload::Ok | ValidPayload::End(_) => reader.payload(payload, wasm)?,
            ValidPayload::Parser(_) => {
                return Err(Error::Unsupported {
                    what: "a component".into(),
                    offset: 0,
                });
            }
        }
    }
    reader.finish(hints)
}

#[derive(Default)]
struct Reader<'a> {
    info: ModuleInfo,
    data: Vec<u8>,
    bodies: Vec<FunctionBody<'a>>,
    names: Names,
    custom_sections: Vec<(&'a str, &'a [u8])>,
    referable: BTreeSet<u32>,
}

impl<'a> Reader<'a> {
    fn payload(&mut self, payload: Payload<'a>, wasm: &[u8]) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    let types = group?.into_types_and_offsets();
                    let last = types.len().saturating_sub(1);
                    for (position, (offset, ty)) in types.enumerate() {
                        let ty = sub_type(ty, position == last, offset)?;
                        self.info.types.push(ty);
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    let kind = match import.ty {
                        TypeRef::Func(ty) => ImportKind::Func(ty),
                        TypeRef::Table(ty) => ImportKind::Table(table_type(ty, offset)?),
                        TypeRef::Memory(ty) => ImportKind::Memory(memory_type(ty)),
                        TypeRef::Global(ty) => ImportKind::Global(global_type(ty, offset)?),
                        TypeRef::Tag(ty) => ImportKind::Tag(ty.func_type_idx),
                        TypeRef::FuncExact(_) => {
                            return Err(unsupported("this kind of import", offset));
                        }
                    };
                    self.info.imports.push(Import {
                        module: import.module.to_owned(),
                        name: import.name.to_owned(),
                        kind,
                    });
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.info.functions.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section.into_iter_with_offsets() {
                    let (offset, table) = table?;
                    let init = match &table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(expr) => Some(self.const_expr(expr, wasm)?),
                    };
                    self.info.tables.push(Table {
                        ty: table_type(table.ty, offset)?,
                        init,
                    });
                }
            }
            Payload::MemorySection(section) => {
                for ty in section {
                    self.info.memories.push(memory_type(ty?));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section.into_iter_with_offsets() {
                    let (offset, global) = global?;
                    let init = self.const_expr(&global.init_expr, wasm)?;
                    self.info.globals.push(Global {
                        ty: global_type(global.ty, offset)?,
                        init,
                    });
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    self.info.tags.push(tag?.func_type_idx);
                }
            }
            Payload::ExportSection(section) => {
                for export in section.into_iter_with_offsets() {
                    let (offset, export) = export?;
                    let kind = match export.kind {
                        ExternalKind::Func => {
                            self.referable.insert(export.index);
                            ExportKind::Func
                        }
                        ExternalKind::Table => ExportKind::Table,
                        ExternalKind::Memory => ExportKind::Memory,
                        ExternalKind::Global => ExportKind::Global,
                        ExternalKind::Tag => ExportKind::Tag,
                        ExternalKind::FuncExact => {
                            return Err(unsupported("this kind of export", offset));
                        }
                    };
                    self.info.exports.push(Export {
                        name: export.name.to_owned(),
                        kind,
                        index: export.index,
                    });
                }
            }
            Payload::StartSection { func, .. } => {
                self.referable.insert(func);
                self.info.start = Some(func);
            }
            Payload::ElementSection(section) => {
                for element in section.into_iter_with_offsets() {
                    let (offset, element) = element?;
                    self.element(element, offset, wasm)?;
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data?;
                    let mode = match &data.kind {
                        DataKind::Passive => SegmentMode::Passive,
                        DataKind::Active {
                            memory_index,
                            offset_expr,
                        } => SegmentMode::Active {
                            index: *memory_index,
                            offset: self.const_expr(offset_expr, wasm)?,
                        },
                    };
                    self.info.data.push(Data {
                        mode,
                        offset: self.data.len() as u64,
                        length: data.data.len() as u64,
                    });
                    self.data.extend_from_slice(data.data);
                }
            }
            Payload::CustomSection(section) => {
                self.custom_sections.push((section.name(), section.data()));
                if let KnownCustom::Name(names) = section.as_known() {
                    self.names.read_section(names);
                }
            }
            Payload::Version { .. }
            | Payload::DataCountSection { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::CodeSectionEntry(_)
            | Payload::End(_) => {}
            _ => return Err(unsupported("a section of this kind", 0)),
        }
        Ok(())
    }

    fn element(
        &mut self,
        element: wasmparser::Element<'a>,
        offset: u64,
        wasm: &[u8],
    ) -> Result<()> {
        let mode = match &element.kind {
            ElementKind::Passive => SegmentMode::Passive,
            ElementKind::Declared => SegmentMode::Declared,
            ElementKind::Active {
                table_index,
                offset_expr,
            } => SegmentMode::Active {
                index: table_index.unwrap_or(0),
                offset: self.const_expr(offset_expr, wasm)?,
            },
        };
        let (ty, items) = match element.items {
            ElementItems::Functions(functions) => {
                let mut items = Vec::new();
                for function in functions {
                    let function = function?;
                    self.referable.insert(function);
                    items.push(ref_func(function));
                }
                let ty = format::RefType::non_null(HeapType::Func);
                (ValType::Ref(ty), items)
            }
            ElementItems::Expressions(ty, expressions) => {
                let mut items = Vec::new();
                for expression in expressions {
                    items.push(self.const_expr(&expression?, wasm)?);
                }
                (ref_type(ty, offset)?, items)
            }
        };
        self.info.elements.push(Element { mode, ty, items });
        Ok(())
    }

    /// Copies an expression's bytes and notes the functions it refers to.
    fn const_expr(&mut self, expr: &wasmparser::ConstExpr<'a>, wasm: &[u8]) -> Result<ConstExpr> {
        let mut operators = expr.get_operators_reader();
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            match operator {
                Operator::RefFunc { function_index } => {
                    self.referable.insert(function_index);
                }
                Operator::RefNull { hty } => {
                    heap_type(hty, offset)?;
                }
                Operator::I32Const { .. }
                | Operator::I64Const { .. }
                | Operator::F32Const { .. }
                | Operator::F64Const { .. }
                | Operator::V128Const { .. }
                | Operator::GlobalGet { .. }
                | Operator::I32Add
                | Operator::I32Sub
                | Operator::I32Mul
                | Operator::I64Add
                | Operator::I64Sub
                | Operator::I64Mul
                | Operator::End => {}
                other => {
                    return Err(unsupported(&format!("the instruction {other:?}"), offset));
                }
            }
        }
        let range = expr.get_binary_reader().range();
        Ok(wasm[range.start as usize..range.end as usize].to_vec())
    }

    fn finish(mut self, hints: HintReader) -> Result<Module<'a>> {
        let mut imported_functions = Vec::new();
        let (mut memories, mut tables, mut globals) = (Vec::new(), Vec::new(), Vec::new());
        let mut tags = Vec::new();
        for import in &self.info.imports {
            match import.kind {
                ImportKind::Func(ty) => imported_functions.push(ty),
                ImportKind::Table(ty) => tables.push(ty),
                ImportKind::Memory(ty) => memories.push(ty),
                ImportKind::Global(ty) => globals.push(ty),
                ImportKind::Tag(ty) => tags.push(ty),
            }
        }
        let imported_globals = globals.len() as u32;
        let imported_tables = tables.len();
        memories.extend(&self.info.memories);
        tags.extend(&self.info.tags);
        tables.extend(self.info.tables.iter().map(|table| table.ty));
        globals.extend(self.info.globals.iter().map(|global| global.ty));

        let is_reference = |ty: &ValType| ty.is_reference();
        let references = References {
            types: (self.info.types.iter())
                .map(|ty| {
                    let ty = &ty.func;
                    ty.params.iter().chain(&ty.results).any(is_reference)
                })
                .collect(),
            functions: imported_functions
                .iter()
                .chain(&self.info.functions)
                .copied()
                .collect(),
            tags: tags.clone(),
            globals: globals
                .iter()
                .map(|global: &GlobalType| is_reference(&global.ty))
                .collect(),
        };
        let scans = (self.bodies.iter().zip(&self.info.functions))
            .map(|(body, ty)| Scan::new(body, &references, *ty))
            .collect::<Result<Vec<_>>>()?;

        let exported_tables: BTreeSet<u32> = (self.info.exports.iter())
            .filter(|export| export.kind == ExportKind::Table)
            .map(|export| export.index)
            .collect();
        let mut grown_tables = BTreeSet::<u32>::new();
        let mut tail_called = BTreeSet::<u32>::new();
        for scan in &scans {
            self.referable.extend(&scan.func_refs);
            tail_called.extend(&scan.tail_calls);
            grown_tables.extend(&scan.grown_tables);
        }
        let fixed_tables = (0..)
            .zip(&tables)
            .skip(imported_tables)
            .filter(|(index, ty)| {
                ty.limits.max == Some(ty.limits.min)
                    || !(exported_tables.contains(index) || grown_tables.contains(index))
            })
            .map(|(index, ty)| (index, ty.limits.min))
            .collect();

        let imported = imported_functions.len() as u32;
        self.info.func_refs = self
            .referable
            .into_iter()
            .filter(|index| *index >= imported)
            .collect();
        let func_ref_slots = self
            .info
            .func_refs
            .iter()
            .copied()
            .zip(imported..)
            .collect();
        let features_used = (scans.iter()).fold(features::of_tables(&self.info), |bits, scan| {
            bits | scan.features
        });
        let has_handlers = scans.iter().any(|scan| scan.has_handlers);
        self.names.complete(&self.info);
        let (branch_hints, warnings) = match hints.finish(&self.bodies, imported) {
            Ok(hints) => (hints, Vec::new()),
            Err(warning) => (BTreeMap::new(), vec![warning]),
        };
        Ok(Module {
            info: self.info,
            data: self.data,
            bodies: self.bodies,
            scans,
            names: self.names,
            custom_sections: self.custom_sections,
            branch_hints,
            warnings,
            features_used,
            memories,
            tables,
            globals,
            tags,
            has_handlers,
            fixed_tables,
            imported_globals,
            imported_functions,
            func_ref_slots,
            tail_called,
        })
    }
}

/// The expression `ref.func index`.
fn ref_func(index: u32) -> ConstExpr {
    let mut bytes = vec![0xd2];
    let mut rest = index;
    loop {
        let byte = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            bytes.push(byte);
            break;
        }
        bytes.push(byte | 0x80);
    }
    bytes.push(0x0b);
    bytes
}

fn unsupported(what: &str, offset: u64) -> Error {
    Error::Unsupported {
        what: what.to_owned(),
        offset,
    }
}

/// A type of the module, whose functions are all that this compiler knows.
fn sub_type(ty: wasmparser::SubType, ends_group: bool, offset: u64) -> Result<SubType> {
    let func = match &ty.composite_type.inner {
        CompositeInnerType::Func(func) => FuncType {
            params: val_types(func.params(), offset)?,
            results: val_types(func.results(), offset)?,
        },
        CompositeInnerType::Struct(_) => return Err(unsupported("a struct type", offset)),
        CompositeInnerType::Array(_) => return Err(unsupported("an array type", offset)),
        CompositeInnerType::Cont(_) => return Err(unsupported("a continuation type", offset)),
    };
    let supertype = ty.supertype_idxs.first();
    Ok(SubType {
        func,
        supertype: supertype.and_then(|index| index.as_module_index()),
        is_final: ty.is_final,
        ends_group,
    })
}

fn val_types(types: &[wasmparser::ValType], offset: u64) -> Result<Vec<ValType>> {
    types.iter().map(|ty| val_type(*ty, offset)).collect()
}

/// The object format's name of a value type that the module has at an offset.
pub(crate) fn val_type(ty: wasmparser::ValType, offset: u64) -> Result<ValType> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ref_type(ty, offset)?,
    })
}

/// The object format's name of a reference type that the module has at an offset.
pub(crate) fn ref_type(ty: RefType, offset: u64) -> Result<ValType> {
    Ok(ValType::Ref(format::RefType {
        nullable: ty.is_nullable(),
        heap: heap_type(ty.heap_type(), offset)?,
    }))
}

/// The object format's name of a heap type that the module has at an offset.
pub(crate) fn heap_type(ty: wasmparser::HeapType, offset: u64) -> Result<HeapType> {
    use AbstractHeapType as Abstract;
    Ok(match ty {
        wasmparser::HeapType::Concrete(UnpackedIndex::Module(index)) => HeapType::Concrete(index),
        wasmparser::HeapType::Abstract { shared: false, ty } => match ty {
            Abstract::Func => HeapType::Func,
            Abstract::Extern => HeapType::Extern,
            Abstract::Exn => HeapType::Exn,
            Abstract::NoFunc => HeapType::NoFunc,
            Abstract::NoExtern => HeapType::NoExtern,
            Abstract::NoExn => HeapType::NoExn,
            other => {
                let name = format!("{other:?}").to_lowercase();
                return Err(unsupported(&format!("the heap type {name}"), offset));
            }
        },
        other => return Err(unsupported(&format!("the heap type {other:?}"), offset)),
    })
}

fn table_type(ty: wasmparser::TableType, offset: u64) -> Result<TableType> {
    Ok(TableType {
        element: ref_type(ty.element_type, offset)?,
        limits: Limits {
            min: ty.initial,
            max: ty.maximum,
            is_64: ty.table64,
            shared: ty.shared,
        },
    })
}

fn memory_type(ty: wasmparser::MemoryType) -> MemoryType {
    MemoryType {
        limits: Limits {
            min: ty.initial,
            max: ty.maximum,
            is_64: ty.memory64,
            shared: ty.shared,
        },
        page_size_log2: ty.page_size_log2.unwrap_or(16) as u8,
    }
}

fn global_type(ty: wasmparser::GlobalType, offset: u64) -> Result<GlobalType> {
    Ok(GlobalType {
        ty: val_type(ty.content_type, offset)?,
        mutable: ty.mutable,
    })
}
