//! Types of functions and of what modules import and export, and how an import's type is matched.

mod registry;

pub(crate) use registry::{CanonicalType, ModuleTypes, SubType, TypeRegistry};

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

pub use wamr_aot_loader::format::types::{
    GlobalType, HeapType, Limits, MemoryType, RefType, TableType, ValType,
};

/// Type of a function: what it takes and returns. Of a module's types that is the part which is of interest outside;
/// they may also be members of recursion groups, or declare super types. A function of the host's has a type with a
/// recursion group of its own, and final.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncType {
    /// Parameters, then results.
    types: Box<[ValType]>,
    params: usize,
}

impl FuncType {
    /// The type of functions that take `params` and return `results`.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Self {
        let mut types: Vec<ValType> = params.into_iter().collect();
        let params = types.len();
        types.extend(results);
        FuncType {
            types: types.into(),
            params,
        }
    }

    /// Types of the parameters.
    pub fn params(&self) -> &[ValType] {
        self.types.split_at(self.params).0
    }

    /// Types of the results.
    pub fn results(&self) -> &[ValType] {
        self.types.split_at(self.params).1
    }

    /// The type with other numbers for the types that it refers to.
    fn renumbered(&self, number: impl Fn(u32) -> u32) -> FuncType {
        let types = self.types.iter().map(|ty| renumbered(*ty, &number));
        FuncType {
            types: types.collect(),
            params: self.params,
        }
    }

    /// Number of 8-byte slots that an argument array needs: it holds the parameters, then the results.
    pub(crate) fn slots(&self) -> usize {
        slots(self.params()).max(slots(self.results()))
    }
}

/// Number of 8-byte slots that values of these types take.
pub(crate) fn slots(types: &[ValType]) -> usize {
    types
        .iter()
        .map(|ty| if *ty == ValType::V128 { 2 } else { 1 })
        .sum()
}

fn renumbered(ty: ValType, number: impl Fn(u32) -> u32) -> ValType {
    match ty {
        ValType::Ref(RefType {
            nullable,
            heap: HeapType::Concrete(index),
        }) => ValType::Ref(RefType {
            nullable,
            heap: HeapType::Concrete(number(index)),
        }),
        _ => ty,
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[ValType]| {
            f.write_str("(")?;
            for (i, ty) in types.iter().enumerate() {
                write!(f, "{}{ty}", if i == 0 { "" } else { ", " })?;
            }
            f.write_str(")")
        };
        list(f, self.params())?;
        f.write_str(" -> ")?;
        list(f, self.results())
    }
}

impl fmt::Debug for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Type of an import or an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// An exception's tag; the parameters are what the exception holds.
    Tag(FuncType),
}

impl ExternType {
    /// A module's type with the store's numbers of the types that it refers to.
    pub(crate) fn in_store(self, types: &ModuleTypes) -> ExternType {
        match self {
            ExternType::Func(ty) => ExternType::Func(ty.renumbered(|index| types.number(index))),
            ExternType::Tag(ty) => ExternType::Tag(ty.renumbered(|index| types.number(index))),
            ExternType::Table(ty) => ExternType::Table(types.table(ty)),
            ExternType::Global(ty) => ExternType::Global(types.global(ty)),
            ExternType::Memory(_) => self,
        }
    }
}

fn limits_match(found: &Limits, expected: &Limits) -> bool {
    found.is_64 == expected.is_64
        && found.shared == expected.shared
        && found.min >= expected.min
        && match (found.max, expected.max) {
            (_, None) => true,
            (Some(found), Some(expected)) => found <= expected,
            (None, Some(_)) => false,
        }
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = |f: &mut fmt::Formatter<'_>, limits: &Limits| {
            if limits.shared {
                f.write_str("shared ")?;
            }
            if limits.is_64 {
                f.write_str("i64 ")?;
            }
            write!(f, "{}", limits.min)?;
            limits.max.map_or(Ok(()), |max| write!(f, "..={max}"))
        };
        match self {
            ExternType::Func(ty) => write!(f, "function {ty}"),
            ExternType::Tag(ty) => write!(f, "tag {ty}"),
            ExternType::Table(ty) => {
                f.write_str("table ")?;
                limits(f, &ty.limits)?;
                write!(f, " {}", ty.element)
            }
            ExternType::Memory(ty) => {
                f.write_str("memory ")?;
                limits(f, &ty.limits)?;
                if ty.page_size_log2 == 16 {
                    Ok(())
                } else {
                    write!(f, " (page size 2^{})", ty.page_size_log2)
                }
            }
            ExternType::Global(ty) => {
                write!(
                    f,
                    "global {}{}",
                    if ty.mutable { "mut " } else { "" },
                    ty.ty
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn limits(min: u64, max: Option<u64>) -> Limits {
        Limits {
            min,
            max,
            is_64: false,
            shared: false,
        }
    }

    #[test]
    fn limits_of_imports_match_as_the_specification_says() {
        for (found, expected, matches) in [
            (limits(1, None), limits(1, None), true),
            (limits(2, None), limits(1, None), true),
            (limits(0, None), limits(1, None), false),
            (limits(1, Some(2)), limits(1, None), true),
            (limits(1, Some(2)), limits(1, Some(2)), true),
            (limits(1, Some(2)), limits(1, Some(3)), true),
            (limits(1, Some(3)), limits(1, Some(2)), false),
            (limits(1, None), limits(1, Some(2)), false),
        ] {
            assert_eq!(
                limits_match(&found, &expected),
                matches,
                "{found:?} {expected:?}"
            );
        }
    }
}
