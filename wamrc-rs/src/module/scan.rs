//! One look over a function body for what matters beyond it.

use std::collections::BTreeSet;

use wasmparser::{Catch, FunctionBody, Operator};

use super::features;
use crate::error::Result;

/// What a function body does that matters to other functions, or to the whole of its translation.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Functions called directly, by tail calls too.
    pub calls: BTreeSet<u32>,
    /// Functions that direct tail calls go to.
    pub tail_calls: BTreeSet<u32>,
    /// Functions referred to by `ref.func`.
    pub func_refs: BTreeSet<u32>,
    /// Tables that it grows.
    pub grown_tables: BTreeSet<u32>,
    /// It contains an instruction at which a caller's frame must be observable: a call, or a builtin
    /// that can call back, block or allocate. Traps alone do not count.
    pub has_calls: bool,
    /// It contains a tail call.
    pub has_tail_calls: bool,
    /// It handles exceptions.
    pub has_handlers: bool,
    /// Some parameter, local or operand may be a reference.
    pub has_references: bool,
    /// Features beyond the MVP that its operators need, as bits of the object's header.
    pub features: u64,
    /// Size of the body in bytes: a measure of the work to compile it.
    pub size: usize,
}

/// Which of a module's types and globals have to do with references.
#[derive(Clone, Debug, Default)]
pub(super) struct References {
    /// By type index: a parameter or result is a reference.
    pub types: Vec<bool>,
    /// Type index of each function.
    pub functions: Vec<u32>,
    /// Type index of each tag.
    pub tags: Vec<u32>,
    /// By global index: it holds a reference.
    pub globals: Vec<bool>,
}

impl References {
    /// Is one of the values of a tag's exceptions a reference?
    fn of_tag(&self, tag: u32) -> bool {
        self.types[self.tags[tag as usize] as usize]
    }
}

/// Must the frame of a function be observable at an operator, because it calls: a function, or a builtin
/// that can trap, call back, block or allocate?
pub fn is_commit_call(operator: &Operator<'_>) -> bool {
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

impl Scan {
    /// Scans the validated body of a function of type `ty`.
    pub(super) fn new(body: &FunctionBody<'_>, references: &References, ty: u32) -> Result<Self> {
        let mut scan = Scan {
            size: body.as_bytes().len(),
            ..Scan::default()
        };
        scan.has_references = references.types[ty as usize];
        for local in body.get_locals_reader()? {
            scan.has_references |= local?.1.is_reference_type();
        }
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            scan.features |= features::of_operator(&operator);
            scan.has_calls |= is_commit_call(&operator);
            match operator {
                Operator::Call { function_index } => {
                    scan.calls.insert(function_index);
                    scan.has_references |=
                        references.types[references.functions[function_index as usize] as usize];
                }
                Operator::CallIndirect { type_index, .. } => {
                    scan.has_references |= references.types[type_index as usize];
                }
                Operator::ReturnCall { function_index } => {
                    scan.calls.insert(function_index);
                    scan.tail_calls.insert(function_index);
                    scan.has_tail_calls = true;
                }
                Operator::ReturnCallIndirect { .. } => scan.has_tail_calls = true,
                Operator::ReturnCallRef { .. } => {
                    scan.has_tail_calls = true;
                    scan.has_references = true;
                }
                Operator::TableFill { .. }
                | Operator::RefNull { .. }
                | Operator::CallRef { .. }
                | Operator::ThrowRef
                | Operator::RefAsNonNull
                | Operator::BrOnNull { .. }
                | Operator::BrOnNonNull { .. }
                | Operator::BrOnCast { .. }
                | Operator::BrOnCastFail { .. }
                | Operator::TableGet { .. } => scan.has_references = true,
                Operator::GlobalGet { global_index } => {
                    scan.has_references |= references.globals[global_index as usize];
                }
                Operator::Try { .. } => scan.has_handlers = true,
                Operator::TryTable { ref try_table } => {
                    scan.has_handlers = true;
                    for catch in &try_table.catches {
                        scan.has_references |= match *catch {
                            Catch::One { tag, .. } => references.of_tag(tag),
                            Catch::All { .. } => false,
                            Catch::OneRef { .. } | Catch::AllRef { .. } => true,
                        };
                    }
                }
                Operator::Catch { tag_index } | Operator::Throw { tag_index } => {
                    scan.has_references |= references.of_tag(tag_index);
                }
                Operator::TableGrow { table } => {
                    scan.grown_tables.insert(table);
                    scan.has_references = true;
                }
                Operator::RefFunc { function_index } => {
                    scan.func_refs.insert(function_index);
                    scan.has_references = true;
                }
                _ => {}
            }
        }
        Ok(scan)
    }
}
