//! Types of functions and of what modules import and export, and how an import's type is matched.

use crate::store::index;
use alloc::{boxed::Box, collections::BTreeMap, rc::Rc, vec::Vec};
use core::fmt;

pub use wamr_aot_loader::format::types::{
    GlobalType, HeapType, Limits, MemoryType, RefType, TableType, ValType,
};

/// Type of a function.
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

/// May a value of type `found` be where one of type `expected` is asked for? Both are of one store, or of one
/// module. Specification 3.0, section 3.3 (matching).
fn val_type_matches(found: ValType, expected: ValType) -> bool {
    match (found, expected) {
        (ValType::Ref(found), ValType::Ref(expected)) => {
            (expected.nullable || !found.nullable)
                && (found.heap == expected.heap || found.heap.top() == expected.heap)
        }
        _ => found == expected,
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
    /// May something of this type, whose limits start with its current size, be used for an import of
    /// type `import`? Specification 3.0, section 3.3 (matching). Types that references name by number have to be of one
    /// store.
    pub fn matches(&self, import: &ExternType) -> bool {
        match (self, import) {
            (ExternType::Func(found), ExternType::Func(expected))
            | (ExternType::Tag(found), ExternType::Tag(expected)) => found == expected,
            // What can be changed from either side has to be the same on both.
            (ExternType::Global(found), ExternType::Global(expected)) => {
                found.mutable == expected.mutable
                    && (found.ty == expected.ty
                        || !found.mutable && val_type_matches(found.ty, expected.ty))
            }
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

/// The function types of a store, each there once: two functions have the same type if and only if the
/// addresses of their types are equal. One registry a store is enough, since functions meet only inside
/// one.
///
/// Equal are types that are written the same once every type in them is replaced by its canonical one; a type that
/// refers to itself says so in both (specification 3.0, section 3.1: iso-recursive types).
#[derive(Default)]
pub(crate) struct TypeRegistry {
    /// By number.
    types: Vec<Rc<FuncType>>,
    /// Numbers of types that refer to themselves as [`ITSELF`].
    numbers: BTreeMap<FuncType, u32>,
}

/// The number by which a type refers to itself before it has one.
const ITSELF: u32 = u32::MAX;

impl TypeRegistry {
    /// The one type that equals `ty`, which refers to others by their numbers here.
    pub fn canonical(&mut self, ty: &FuncType) -> Rc<FuncType> {
        let number = self.number(ty);
        match self.get(number) {
            Some(ty) => ty.clone(),
            None => Rc::new(ty.clone()),
        }
    }

    /// The type with a number.
    pub fn get(&self, number: u32) -> Option<&Rc<FuncType>> {
        self.types.get(number as usize)
    }

    /// Is this canonical type the one with a number?
    pub fn is(&self, ty: &Rc<FuncType>, number: u32) -> bool {
        self.get(number).is_some_and(|known| Rc::ptr_eq(known, ty))
    }

    /// Numbers for the types of a module, each of which refers to others by their position.
    pub fn of_module(&mut self, types: &[FuncType]) -> ModuleTypes {
        let mut numbers = Vec::with_capacity(types.len());
        for (index, ty) in (0..).zip(types) {
            let refers = |ty: &ValType| renumbered(*ty, |_| ITSELF) != *ty;
            let number = if ty.types.iter().any(refers) {
                // It refers to itself or to what stands before it.
                self.number(&ty.renumbered(|other| {
                    if other == index {
                        ITSELF
                    } else {
                        numbers.get(other as usize).copied().unwrap_or(ITSELF)
                    }
                }))
            } else {
                self.number(ty)
            };
            numbers.push(number);
        }
        ModuleTypes(numbers.into())
    }

    fn number(&mut self, ty: &FuncType) -> u32 {
        if let Some(number) = self.numbers.get(ty) {
            return *number;
        }
        let number = index(self.types.len());
        let itself = |other| if other == ITSELF { number } else { other };
        self.types.push(Rc::new(ty.renumbered(itself)));
        self.numbers.insert(ty.clone(), number);
        number
    }
}

/// A store's numbers of the types of a module, by type index.
#[derive(Clone, Debug)]
pub(crate) struct ModuleTypes(Rc<[u32]>);

impl ModuleTypes {
    /// The number of a type.
    pub fn number(&self, index: u32) -> u32 {
        // The loader has checked the index; no type has the number for what is not there.
        self.0.get(index as usize).copied().unwrap_or(ITSELF)
    }

    /// All numbers, by type index.
    pub fn numbers(&self) -> &[u32] {
        &self.0
    }

    /// The module's table type as the store has it.
    pub fn table(&self, ty: TableType) -> TableType {
        TableType {
            element: renumbered(ty.element, |index| self.number(index)),
            ..ty
        }
    }

    /// The module's global type as the store has it.
    pub fn global(&self, ty: GlobalType) -> GlobalType {
        GlobalType {
            ty: renumbered(ty.ty, |index| self.number(index)),
            ..ty
        }
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
    fn types_are_equal_if_what_they_refer_to_is() {
        let mut registry = TypeRegistry::default();
        let refers_to = |index| {
            let heap = HeapType::Concrete(index);
            FuncType::new([ValType::Ref(RefType::null(heap))], [])
        };
        let empty = || FuncType::new([], []);
        let number = || FuncType::new([ValType::I32], []);
        let mut numbers = |types: &[FuncType]| registry.of_module(types).numbers().to_vec();
        let first = numbers(&[empty(), refers_to(0), number(), refers_to(2)]);
        let second = numbers(&[number(), empty(), refers_to(1), refers_to(0), refers_to(2)]);
        assert_eq!(second[..4], [first[2], first[0], first[1], first[3]]);
        // To itself, not to one that looks the same.
        let third = numbers(&[refers_to(0), refers_to(0), refers_to(2)]);
        assert_eq!(third[0], third[2]);
        let known: Vec<u32> = [first, second].concat();
        assert!(!known.contains(&third[0]) && !known.contains(&third[1]));
        assert_ne!(third[0], third[1]);
    }

    #[test]
    fn references_match_what_is_more_general() {
        let ty = |nullable, heap| ValType::Ref(RefType { nullable, heap });
        let [func, host, one, other] = [
            HeapType::Func,
            HeapType::Extern,
            HeapType::Concrete(1),
            HeapType::Concrete(2),
        ];
        for (found, expected, matches) in [
            (ty(false, one), ty(true, func), true),
            (ty(false, one), ty(false, one), true),
            (ty(true, one), ty(false, one), false),
            (ty(true, one), ty(true, other), false),
            (ty(true, func), ty(true, one), false),
            (ty(false, host), ValType::EXTERNREF, true),
            (ty(false, host), ValType::FUNCREF, false),
            (ValType::I32, ValType::I64, false),
        ] {
            assert_eq!(
                val_type_matches(found, expected),
                matches,
                "{found} {expected}"
            );
            let global = |ty, mutable| ExternType::Global(GlobalType { ty, mutable });
            assert_eq!(
                global(found, false).matches(&global(expected, false)),
                matches
            );
            assert_eq!(
                global(found, true).matches(&global(expected, true)),
                found == expected
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
