//! A module as the interpreter reads it: wasmparser's own types, in index order.

use std::ops::Range;

use anyhow::{Result, bail};
use wamrc_rs::frame::{LoopPoll, Loops};
use wasmparser::{
    AbstractHeapType, BlockType, CompositeInnerType, DataKind, ElementItems, ElementKind,
    ExternalKind, FuncType, FunctionBody, GlobalType, HeapType, MemoryType, Operator, Parser,
    Payload, SubType, TableInit, TableType, TypeRef, ValType, Validator, WasmFeatures,
};

use super::types::DefType;

/// A constant expression.
pub type Constant<'m> = Vec<Operator<'m>>;

/// An operator and its offset in the binary module.
#[derive(Clone, Debug)]
pub struct Located<'m> {
    /// The operator.
    pub operator: Operator<'m>,
    /// Byte offset from the module's start.
    pub offset: u32,
    /// Of what opens a block: position of its `end` or `delegate`. Of `else`, `catch` and `catch_all`, too.
    pub end: usize,
    /// Of `if`: position of its `else`. Of `try`, `catch` and `catch_all`: position of the next handler. If there is
    /// none, that of the block's end.
    pub alternative: usize,
    /// Of `loop`: how the compiler lets it poll, as far as that does not depend on other functions.
    pub poll: LoopPoll,
    /// Of `loop`: there are calls in it, so that it need not poll where those do.
    pub has_calls: bool,
}

/// The code of a function.
#[derive(Clone, Debug)]
pub struct Body<'m> {
    /// Offset of the body (its local declarations), where the object says that the function is.
    pub range: Range<u32>,
    /// Declared locals, one by one.
    pub locals: Vec<ValType>,
    /// The operators.
    pub code: Vec<Located<'m>>,
    /// There is a call in it, of a function or of what the runtime does for an operator.
    pub calls: bool,
}

/// An import.
#[derive(Clone, Debug)]
pub struct Import<'m> {
    /// First name.
    pub module: &'m str,
    /// Second name.
    pub name: &'m str,
    /// What is imported.
    pub ty: TypeRef,
}

/// Whether a segment is copied at instantiation.
#[derive(Clone, Debug)]
pub enum Mode<'m> {
    /// No.
    Passive,
    /// No, and it cannot be copied later either.
    Declared,
    /// To this place of this memory or table.
    Active(u32, Constant<'m>),
}

/// A decoded module; valid.
#[derive(Clone, Debug, Default)]
pub struct Module<'m> {
    /// What functions of each type take and return.
    pub types: Vec<FuncType>,
    /// The types as they are outside of the module.
    pub defined: Vec<DefType>,
    /// Imports in order.
    pub imports: Vec<Import<'m>>,
    /// Type of each function, imports first.
    pub functions: Vec<u32>,
    /// How many of the functions are imported.
    pub imported_functions: usize,
    /// Own tables.
    pub tables: Vec<(TableType, Option<Constant<'m>>)>,
    /// Own memories.
    pub memories: Vec<MemoryType>,
    /// Own globals.
    pub globals: Vec<(GlobalType, Constant<'m>)>,
    /// Type of each own tag.
    pub tags: Vec<u32>,
    /// Exports.
    pub exports: Vec<(&'m str, ExternalKind, u32)>,
    /// The start function.
    pub start: Option<u32>,
    /// Element segments: one constant expression each element.
    pub elements: Vec<(Mode<'m>, Vec<Constant<'m>>)>,
    /// Data segments.
    pub data: Vec<(Mode<'m>, &'m [u8])>,
    /// Code of the own functions.
    pub bodies: Vec<Body<'m>>,
}

impl<'m> Module<'m> {
    /// Decodes and validates.
    ///
    /// # Errors
    /// The module is invalid, or uses what the interpreter does not know.
    pub fn decode(wasm: &'m [u8], features: WasmFeatures) -> Result<Module<'m>> {
        Validator::new_with_features(features).validate_all(wasm)?;
        let mut module = Module::default();
        let mut parser = Parser::new(0);
        parser.set_features(features);
        for payload in parser.parse_all(wasm) {
            module.payload(payload?)?;
        }
        Ok(module)
    }

    fn payload(&mut self, payload: Payload<'m>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    let group: Vec<SubType> = group?.into_types().collect();
                    for ty in &group {
                        let CompositeInnerType::Func(ty) = &ty.composite_type.inner else {
                            bail!("the interpreter does not know {ty}");
                        };
                        self.types.push(ty.clone());
                    }
                    let group = DefType::group(&group, &self.defined);
                    self.defined.extend(group);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    if let TypeRef::Func(ty) = import.ty {
                        self.functions.push(ty);
                        self.imported_functions += 1;
                    }
                    self.imports.push(Import {
                        module: import.module,
                        name: import.name,
                        ty: import.ty,
                    });
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table?;
                    let init = match &table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(expression) => Some(constant(expression)?),
                    };
                    self.tables.push((table.ty, init));
                }
            }
            Payload::MemorySection(section) => {
                for ty in section {
                    self.memories.push(ty?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    let init = constant(&global.init_expr)?;
                    self.globals.push((global.ty, init));
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.exports.push((export.name, export.kind, export.index));
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    self.element(element?)?;
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data?;
                    let mode = match &data.kind {
                        DataKind::Passive => Mode::Passive,
                        DataKind::Active {
                            memory_index,
                            offset_expr,
                        } => Mode::Active(*memory_index, constant(offset_expr)?),
                    };
                    self.data.push((mode, data.data));
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(decode_body(&body)?),
            Payload::Version { .. }
            | Payload::CustomSection(_)
            | Payload::DataCountSection { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::End(_) => {}
            other => bail!("the interpreter does not know {other:?}"),
        }
        Ok(())
    }

    fn element(&mut self, element: wasmparser::Element<'m>) -> Result<()> {
        let mode = match &element.kind {
            ElementKind::Passive => Mode::Passive,
            ElementKind::Declared => Mode::Declared,
            ElementKind::Active {
                table_index,
                offset_expr,
            } => Mode::Active(table_index.unwrap_or(0), constant(offset_expr)?),
        };
        let mut items = Vec::new();
        match element.items {
            ElementItems::Functions(functions) => {
                for function_index in functions {
                    let function_index = function_index?;
                    items.push(vec![Operator::RefFunc { function_index }]);
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions {
                    items.push(constant(&expression?)?);
                }
            }
        }
        self.elements.push((mode, items));
        Ok(())
    }

    /// Type of a function.
    pub fn function_type(&self, function: u32) -> &FuncType {
        &self.types[self.functions[function as usize] as usize]
    }

    /// Type of each tag, imports first.
    pub fn all_tags(&self) -> impl Iterator<Item = u32> {
        let imported = self.imports.iter().filter_map(|import| match import.ty {
            TypeRef::Tag(ty) => Some(ty.func_type_idx),
            _ => None,
        });
        imported.chain(self.tags.iter().copied())
    }

    /// Is a table indexed with `i64`?
    pub fn is_table_64(&self, table: u32) -> bool {
        let imported = self.imports.iter().filter_map(|import| match import.ty {
            TypeRef::Table(ty) => Some(ty.table64),
            _ => None,
        });
        let mut all = imported.chain(self.tables.iter().map(|(ty, _)| ty.table64));
        all.nth(table as usize).unwrap_or_default()
    }

    /// Type of each global, imports first.
    pub fn all_globals(&self) -> impl Iterator<Item = GlobalType> {
        let imported = self.imports.iter().filter_map(|import| match import.ty {
            TypeRef::Global(ty) => Some(ty),
            _ => None,
        });
        imported.chain(self.globals.iter().map(|(ty, _)| *ty))
    }

    /// Number of parameters and results of a block.
    pub fn block_arity(&self, ty: BlockType) -> (usize, usize) {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(ty) => {
                let ty = &self.types[ty as usize];
                (ty.params().len(), ty.results().len())
            }
        }
    }
}

fn constant<'m>(expression: &wasmparser::ConstExpr<'m>) -> Result<Constant<'m>> {
    let mut operators = Vec::new();
    for operator in expression.get_operators_reader() {
        match operator? {
            Operator::End => {}
            operator => operators.push(operator),
        }
    }
    Ok(operators)
}

fn decode_body<'m>(body: &FunctionBody<'m>) -> Result<Body<'m>> {
    let mut locals = Vec::new();
    for declaration in body.get_locals_reader()? {
        let (count, ty) = declaration?;
        check(ty)?;
        locals.extend(std::iter::repeat_n(ty, count as usize));
    }
    let mut code: Vec<Located<'m>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut calls = false;
    let mut loops = Loops::scan(body, |_| false)?;
    for operator in body.get_operators_reader()?.into_iter_with_offsets() {
        let (operator, offset) = operator?;
        let at = code.len();
        let is_call = is_call(&operator);
        // A tail call takes its frame away, but may close a cycle of calls.
        calls |= is_call || is_tail_call(&operator);
        if is_call {
            for start in &open {
                code[*start].has_calls = true;
            }
        }
        let is_loop = matches!(operator, Operator::Loop { .. });
        let facts = if is_loop { loops.next_loop() } else { None };
        match &operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => open.push(at),
            Operator::Else | Operator::Catch { .. } | Operator::CatchAll => {
                if let Some(start) = open.last() {
                    let mut part = *start;
                    while code[part].alternative != usize::MAX {
                        part = code[part].alternative;
                    }
                    code[part].alternative = at;
                }
            }
            Operator::End | Operator::Delegate { .. } => {
                // The function's own `end` closes no block.
                let mut part = open.pop();
                while let Some(start) = part {
                    let next = &mut code[start].alternative;
                    part = (*next != usize::MAX).then_some(*next);
                    *next = (*next).min(at);
                    code[start].end = at;
                }
            }
            _ => {}
        }
        code.push(Located {
            operator,
            offset: u32::try_from(offset)?,
            end: usize::MAX,
            alternative: usize::MAX,
            poll: facts.map_or(LoopPoll::default(), |facts| facts.poll),
            has_calls: false,
        });
    }
    let range = body.range();
    Ok(Body {
        range: u32::try_from(range.start)?..u32::try_from(range.end)?,
        locals,
        code,
        calls,
    })
}

/// Is the operator a call, or the work of a part of the runtime that may trap, allocate or call back?
fn is_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Rethrow { .. }
            | Operator::MemoryGrow { .. }
            | Operator::MemoryInit { .. }
            | Operator::DataDrop { .. }
            | Operator::TableInit { .. }
            | Operator::TableCopy { .. }
            | Operator::TableFill { .. }
            | Operator::TableGrow { .. }
            | Operator::ElemDrop { .. }
            | Operator::MemoryAtomicWait32 { .. }
            | Operator::MemoryAtomicWait64 { .. }
            | Operator::MemoryAtomicNotify { .. }
    )
}

fn is_tail_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
    )
}

fn check(ty: ValType) -> Result<()> {
    use AbstractHeapType::{Exn, Extern, Func, NoExn, NoExtern, NoFunc};
    match ty {
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 | ValType::V128 => Ok(()),
        ValType::Ref(ty) => match ty.heap_type() {
            HeapType::Concrete(_) => Ok(()),
            HeapType::Abstract {
                ty: Func | Extern | Exn | NoFunc | NoExtern | NoExn,
                ..
            } => Ok(()),
            _ => bail!("the interpreter does not know the type {ty}"),
        },
    }
}
