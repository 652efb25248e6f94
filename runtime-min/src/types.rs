//! Types of functions and of what modules import and export, and how an import's type is matched.

use alloc::{boxed::Box, collections::BTreeMap, rc::Rc};
use core::{cmp::Ordering, fmt};

pub use wamr_aot_loader::format::types::{GlobalType, Limits, MemoryType, TableType, ValType};

/// Type of a function.
#[derive(Clone, PartialEq, Eq, Hash)]
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
        let mut types: alloc::vec::Vec<ValType> = params.into_iter().collect();
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

impl Ord for FuncType {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |ty: &ValType| *ty as u8;
        self.params
            .cmp(&other.params)
            .then_with(|| self.types.iter().map(key).cmp(other.types.iter().map(key)))
    }
}

impl PartialOrd for FuncType {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
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
}

impl ExternType {
    /// May something of this type, whose limits start with its current size, be used for an import of
    /// type `import`? Specification 2.0, section 3.4.5 (import matching).
    pub fn matches(&self, import: &ExternType) -> bool {
        match (self, import) {
            (ExternType::Func(found), ExternType::Func(expected)) => found == expected,
            (ExternType::Global(found), ExternType::Global(expected)) => found == expected,
            (ExternType::Table(found), ExternType::Table(expected)) => {
                found.element == expected.element && limits_match(&found.limits, &expected.limits)
            }
            (ExternType::Memory(found), ExternType::Memory(expected)) => {
                found.page_size_log2 == expected.page_size_log2
                    && limits_match(&found.limits, &expected.limits)
            }
            _ => false,
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

/// The function types of a store, each there once: two functions have the same type if and only if the
/// addresses of their types are equal. One registry a store is enough, since functions meet only inside
/// one.
#[derive(Default)]
pub(crate) struct TypeRegistry {
    types: BTreeMap<Rc<FuncType>, ()>,
}

impl TypeRegistry {
    /// The one type that equals `ty`.
    pub fn canonical(&mut self, ty: &FuncType) -> Rc<FuncType> {
        if let Some((ty, ())) = self.types.get_key_value(ty) {
            return ty.clone();
        }
        let ty = Rc::new(ty.clone());
        self.types.insert(ty.clone(), ());
        ty
    }
}

/// The canonical type as compiled code compares it.
pub(crate) fn canonical_address(ty: &Rc<FuncType>) -> usize {
    Rc::as_ptr(ty) as usize
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

    #[test]
    fn equal_types_have_one_address() {
        let mut registry = TypeRegistry::default();
        let ty = || FuncType::new([ValType::I32], [ValType::I64]);
        let a = registry.canonical(&ty());
        let b = registry.canonical(&FuncType::new([ValType::I32, ValType::I64], []));
        assert_eq!(
            canonical_address(&a),
            canonical_address(&registry.canonical(&ty()))
        );
        assert_ne!(canonical_address(&a), canonical_address(&b));
        assert_eq!(alloc::format!("{a}"), "(i32) -> (i64)");
    }
}
