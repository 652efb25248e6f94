//! Which features beyond the MVP a module uses, as the object's header lists them.

use wamr_aot_loader::format::module::{ExportKind, HeapType, ImportKind, ModuleInfo, ValType};
use wamr_aot_loader::format::target::wasm_feature;
use wasmparser::{BinaryReader, BlockType, ConstExpr, Operator};

macro_rules! define_proposal {
    ($( @$proposal:ident $operator:ident $({ $($argument:ident: $ty:ty),* })? => $visit:ident ($($annotation:tt)*) )*) => {
        /// The proposal that brought an operator. Exhaustive, so that no operator is forgotten.
        fn proposal(operator: &Operator<'_>) -> &'static str {
            match operator {
                $( Operator::$operator { .. } => stringify!($proposal), )*
                _ => "mvp",
            }
        }
    };
}
wasmparser::for_each_operator!(define_proposal);

/// The features that an operator needs.
pub(super) fn of_operator(operator: &Operator<'_>) -> u64 {
    let multi_value = match operator {
        Operator::Block { blockty }
        | Operator::Loop { blockty }
        | Operator::If { blockty }
        | Operator::Try { blockty } => {
            matches!(blockty, BlockType::FuncType(_))
        }
        Operator::TryTable { try_table } => matches!(try_table.ty, BlockType::FuncType(_)),
        _ => false,
    };
    let proposal = match proposal(operator) {
        "mvp" => 0,
        name => bit(&name.replace('_', "-")),
    };
    proposal | if multi_value { bit("multi-value") } else { 0 }
}

/// The features that the module's tables need.
pub(super) fn of_tables(info: &ModuleInfo) -> u64 {
    let imported = |kind: fn(&ImportKind) -> bool| {
        info.imports.iter().filter(move |import| kind(&import.kind))
    };
    let kinds = || info.imports.iter().map(|import| import.kind);
    let memories = || {
        kinds()
            .filter_map(|kind| match kind {
                ImportKind::Memory(ty) => Some(ty),
                _ => None,
            })
            .chain(info.memories.iter().copied())
    };
    let tables = || {
        kinds()
            .filter_map(|kind| match kind {
                ImportKind::Table(ty) => Some(ty),
                _ => None,
            })
            .chain(info.tables.iter().map(|table| table.ty))
    };
    let imported_globals = imported(|kind| matches!(kind, ImportKind::Global(_))).count();
    let exports_mutable = info.exports.iter().any(|export| {
        export.kind == ExportKind::Global
            && (export.index as usize)
                .checked_sub(imported_globals)
                .and_then(|own| info.globals.get(own))
                .is_some_and(|global| global.ty.mutable)
    });
    let imports_mutable = imported(|kind| matches!(kind, ImportKind::Global(ty) if ty.mutable))
        .next()
        .is_some();
    let expressions = (info.globals.iter().map(|global| &global.init))
        .chain(info.tables.iter().filter_map(|table| table.init.as_ref()))
        .chain(info.elements.iter().flat_map(|element| &element.items));
    [
        (exports_mutable || imports_mutable, "mutable-globals"),
        (
            info.types.iter().any(|ty| ty.func.results.len() > 1),
            "multi-value",
        ),
        (
            expressions.into_iter().any(|expr| is_extended(expr)),
            "extended-const",
        ),
        (val_types(info).any(is_typed), "function-references"),
        (
            info.types
                .iter()
                .any(|ty| !(ty.is_final && ty.ends_group && ty.supertype.is_none()))
                || val_types(info).any(is_bottom),
            "gc",
        ),
        (memories().count() > 1, "multi-memory"),
        (
            memories().any(|ty| ty.limits.is_64) || tables().any(|ty| ty.limits.is_64),
            "memory64",
        ),
        (
            memories().any(|ty| ty.page_size_log2 != 16),
            "custom-page-sizes",
        ),
        (
            !info.tags.is_empty()
                || imported(|kind| matches!(kind, ImportKind::Tag(_)))
                    .next()
                    .is_some()
                || val_types(info)
                    .any(|ty| matches!(ty, ValType::Ref(ty) if ty.heap.top() == HeapType::Exn)),
            "exceptions",
        ),
        (memories().any(|ty| ty.limits.shared), "threads"),
        (tables().count() > 1, "reference-types"),
    ]
    .into_iter()
    .filter(|(used, _)| *used)
    .fold(0, |bits, (_, name)| bits | bit(name))
}

/// Is it a type that came with typed function references?
fn is_typed(ty: ValType) -> bool {
    match ty {
        ValType::Ref(ty) => !ty.nullable || matches!(ty.heap, HeapType::Concrete(_)),
        _ => false,
    }
}

/// Is it a type of null alone?
fn is_bottom(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if ty.heap.is_bottom())
}

/// Every type of a value that the tables name.
fn val_types(info: &ModuleInfo) -> impl Iterator<Item = ValType> {
    let functions = info
        .types
        .iter()
        .flat_map(|ty| ty.func.params.iter().chain(&ty.func.results));
    let imports = info.imports.iter().filter_map(|import| match &import.kind {
        ImportKind::Table(ty) => Some(&ty.element),
        ImportKind::Global(ty) => Some(&ty.ty),
        ImportKind::Func(_) | ImportKind::Memory(_) | ImportKind::Tag(_) => None,
    });
    functions
        .chain(imports)
        .chain(info.tables.iter().map(|table| &table.ty.element))
        .chain(info.globals.iter().map(|global| &global.ty.ty))
        .copied()
}

fn is_extended(expr: &[u8]) -> bool {
    let expr = ConstExpr::new(BinaryReader::new(expr, 0));
    let mut operators = expr.get_operators_reader();
    std::iter::from_fn(|| operators.read().ok())
        .take_while(|operator| !matches!(operator, Operator::End))
        .count()
        > 1
}

fn bit(name: &str) -> u64 {
    wasm_feature(name).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_this_compiler_names_is_one_of_the_header() {
        for name in [
            "mutable-globals",
            "multi-value",
            "extended-const",
            "multi-memory",
            "memory64",
            "custom-page-sizes",
            "reference-types",
            "function-references",
            "threads",
            "exceptions",
            "gc",
        ] {
            assert_ne!(bit(name), 0, "{name}");
        }
        assert_eq!(of_operator(&Operator::I32Add), 0);
        assert_eq!(of_operator(&Operator::I32Extend8S), bit("sign-extension"));
        assert_eq!(
            of_operator(&Operator::I32TruncSatF32S),
            bit("saturating-float-to-int")
        );
        assert_eq!(
            of_operator(&Operator::MemoryFill { mem: 0 }),
            bit("bulk-memory")
        );
        assert_eq!(of_operator(&Operator::I64MulWideS), bit("wide-arithmetic"));
        assert_eq!(of_operator(&Operator::RefIsNull), bit("reference-types"));
        assert_eq!(
            of_operator(&Operator::AtomicFence {
                ordering: wasmparser::Ordering::SeqCst
            }),
            bit("threads")
        );
        let test = Operator::RefTestNonNull {
            hty: wasmparser::HeapType::FUNC,
        };
        assert_eq!(of_operator(&test), bit("gc"));
        let tail_call = Operator::ReturnCall { function_index: 0 };
        assert_eq!(of_operator(&tail_call), bit("tail-call"));
        assert_ne!(bit("tail-call"), 0);
    }
}
