//! The types of a store: which are equal, and which are sub types of which.

use super::{ExternType, FuncType, limits_match, renumbered};
use crate::{GlobalType, HeapType, TableType, ValType, store::index};
use alloc::{boxed::Box, collections::BTreeMap, rc::Rc, vec, vec::Vec};
use wamr_aot_loader::{
    format::module::SubTypeView,
    layout::{PointerWidth, canonical_type},
};

/// A type of a module, or in the key of a recursion group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubType {
    /// What functions of the type take and return.
    pub func: FuncType,
    /// The super type that it declares.
    supertype: Option<u32>,
    /// Can no type declare it as its super type?
    is_final: bool,
    /// Is it the last one of its recursion group?
    ends_group: bool,
}

impl SubType {
    /// The type as the object has it.
    pub fn new(ty: &SubTypeView<'_>) -> SubType {
        SubType {
            func: FuncType::new(ty.func().params(), ty.func().results()),
            supertype: ty.supertype(),
            is_final: ty.is_final(),
            ends_group: ty.ends_group(),
        }
    }

    /// The type with other numbers for the types that it refers to.
    fn renumbered(&self, number: impl Fn(u32) -> u32) -> SubType {
        SubType {
            supertype: self.supertype.map(&number),
            func: self.func.renumbered(number),
            ..*self
        }
    }
}

/// A type of a store, which is there once: two functions have the same type if and only if the addresses of their
/// types are equal.
#[derive(Debug)]
pub(crate) struct CanonicalType {
    /// What functions of the type take and return, with the store's numbers of types.
    pub func: FuncType,
    /// What compiled code sees of it, a `layout::canonical_type`: the number of its super types, then their
    /// addresses.
    words: Box<[usize]>,
}

const _: () = assert!(
    canonical_type::depth(PointerWidth::HOST) == 0
        && canonical_type::supertypes(PointerWidth::HOST) as usize == size_of::<usize>()
);

impl CanonicalType {
    fn new(func: FuncType, supertype: Option<&CanonicalType>) -> Self {
        let mut words = vec![0];
        if let Some(supertype) = supertype {
            words.extend_from_slice(supertype.supertypes());
            words.push(supertype.address());
        }
        if let Some((depth, supertypes)) = words.split_first_mut() {
            *depth = supertypes.len();
        }
        CanonicalType {
            func,
            words: words.into(),
        }
    }

    /// The type as compiled code compares it.
    pub fn address(&self) -> usize {
        self.words.as_ptr() as usize
    }

    /// Addresses of its super types, each the super type of the one before.
    fn supertypes(&self) -> &[usize] {
        self.words.split_first().map_or(&[], |(_, types)| types)
    }

    /// Is it this type, or one of its sub types?
    pub fn is_subtype_of(&self, other: &CanonicalType) -> bool {
        let there = self.supertypes().get(other.supertypes().len());
        self.address() == other.address() || there == Some(&other.address())
    }
}

/// The types of a store. One registry a store is enough, since functions meet only inside one.
///
/// Types are equal if they stand at the same position of recursion groups that are equal; and those are, if they are
/// written the same once every type outside the group is replaced by its canonical one, and every type of the group by
/// its position there (specification 3.0, section 3.1: rolling and unrolling).
#[derive(Default)]
pub(crate) struct TypeRegistry {
    /// By number.
    types: Vec<Rc<CanonicalType>>,
    /// Number of the first type of each recursion group. Of the numbers in the key those that are less than its length
    /// are positions in it; the others are numbers here, plus that length.
    groups: BTreeMap<Box<[SubType]>, u32>,
}

/// The number for a type that is not there.
const NO_TYPE: u32 = u32::MAX;

impl TypeRegistry {
    /// The one type that is final, has a recursion group of its own and these parameters and results, which refer to
    /// other types by their numbers here.
    pub fn canonical(&mut self, func: &FuncType) -> Rc<CanonicalType> {
        let ty = SubType {
            func: func.renumbered(|number| number.saturating_add(1)),
            supertype: None,
            is_final: true,
            ends_group: true,
        };
        let number = self.group([ty].into());
        self.types[number as usize].clone()
    }

    /// The type with a number.
    pub fn get(&self, number: u32) -> Option<&Rc<CanonicalType>> {
        self.types.get(number as usize)
    }

    /// Is this type the one with a number?
    pub fn is(&self, ty: &CanonicalType, number: u32) -> bool {
        (self.get(number)).is_some_and(|known| known.address() == ty.address())
    }

    /// Is this type the one with a number, or one of its sub types?
    pub fn is_subtype(&self, ty: &CanonicalType, number: u32) -> bool {
        self.get(number)
            .is_some_and(|above| ty.is_subtype_of(above))
    }

    /// May a value of type `found` be where one of type `expected` is asked for? Specification 3.0, section 3.3
    /// (matching).
    pub fn val_type_matches(&self, found: ValType, expected: ValType) -> bool {
        match (found, expected) {
            (ValType::Ref(found), ValType::Ref(expected)) => {
                (expected.nullable || !found.nullable)
                    && self.heap_type_matches(found.heap, expected.heap)
            }
            _ => found == expected,
        }
    }

    fn heap_type_matches(&self, found: HeapType, expected: HeapType) -> bool {
        match (found, expected) {
            (HeapType::Concrete(found), HeapType::Concrete(expected)) => self
                .get(found)
                .is_some_and(|found| self.is_subtype(found, expected)),
            _ => {
                found == expected
                    || found.top() == expected
                    || found.is_bottom() && found.top() == expected.top()
            }
        }
    }

    /// May something of type `found`, whose limits start with its current size, be used for an import of type
    /// `expected`? Functions and tags are compared by their canonical types instead: two types may look the same, and
    /// yet not be. Specification 3.0, section 3.3 (matching).
    pub fn import_matches(&self, found: &ExternType, expected: &ExternType) -> bool {
        match (found, expected) {
            // What can be changed from either side has to be the same on both.
            (ExternType::Global(found), ExternType::Global(expected)) => {
                found.mutable == expected.mutable
                    && (found.ty == expected.ty
                        || !found.mutable && self.val_type_matches(found.ty, expected.ty))
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

    /// Numbers for the types of a module, which refer to each other by their positions.
    pub fn of_module(&mut self, types: &[SubType]) -> ModuleTypes {
        let mut numbers: Vec<u32> = Vec::with_capacity(types.len());
        for group in types.split_inclusive(|ty| ty.ends_group) {
            let (start, length) = (index(numbers.len()), index(group.len()));
            let key = group.iter().map(|ty| {
                ty.renumbered(|other| match other.checked_sub(start) {
                    Some(position) => position,
                    None => (numbers.get(other as usize))
                        .map_or(NO_TYPE, |number| number.saturating_add(length)),
                })
            });
            let first = self.group(key.collect());
            numbers.extend((first..).take(group.len()));
        }
        ModuleTypes(numbers.into())
    }

    /// The number of the first type of a recursion group.
    fn group(&mut self, key: Box<[SubType]>) -> u32 {
        if let Some(first) = self.groups.get(&key) {
            return *first;
        }
        let (first, length) = (index(self.types.len()), index(key.len()));
        let number = |other: u32| {
            other
                .checked_sub(length)
                .unwrap_or(first.saturating_add(other))
        };
        for ty in &key {
            // It stands ahead of the type.
            let supertype = ty.supertype.and_then(|ty| self.get(number(ty)));
            let ty = CanonicalType::new(ty.func.renumbered(number), supertype.map(Rc::as_ref));
            self.types.push(Rc::new(ty));
        }
        self.groups.insert(key, first);
        first
    }
}

/// A store's numbers of the types of a module, by type index.
#[derive(Clone, Debug)]
pub(crate) struct ModuleTypes(Rc<[u32]>);

impl ModuleTypes {
    /// The number of a type.
    pub fn number(&self, index: u32) -> u32 {
        // The loader has checked the index; no type has the number for what is not there.
        self.0.get(index as usize).copied().unwrap_or(NO_TYPE)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RefType;

    const EMPTY: [ValType; 0] = [];

    fn ty(func: FuncType) -> SubType {
        SubType {
            func,
            supertype: None,
            is_final: true,
            ends_group: true,
        }
    }

    fn open(func: FuncType, supertype: Option<u32>) -> SubType {
        SubType {
            supertype,
            is_final: false,
            ..ty(func)
        }
    }

    /// The types as one recursion group.
    fn group(mut types: Vec<SubType>) -> Vec<SubType> {
        let last = types.len() - 1;
        for ty in &mut types[..last] {
            ty.ends_group = false;
        }
        types
    }

    fn empty() -> FuncType {
        FuncType::new(EMPTY, EMPTY)
    }

    fn takes(heap: HeapType) -> FuncType {
        FuncType::new([ValType::Ref(RefType::null(heap))], EMPTY)
    }

    fn refers_to(index: u32) -> FuncType {
        takes(HeapType::Concrete(index))
    }

    #[test]
    fn types_are_equal_if_what_they_refer_to_is() {
        let mut registry = TypeRegistry::default();
        let number = || FuncType::new([ValType::I32], []);
        let mut numbers = |types: &[FuncType]| {
            let types: Vec<SubType> = types.iter().cloned().map(ty).collect();
            registry.of_module(&types).numbers().to_vec()
        };
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
    fn types_are_equal_if_their_groups_are() {
        let mut registry = TypeRegistry::default();
        let mut numbers = |types: &[SubType]| registry.of_module(types).numbers().to_vec();
        let pair = |base| group(vec![ty(refers_to(base + 1)), ty(refers_to(base))]);
        let pairs = numbers(&[pair(0), pair(2)].concat());
        assert_eq!(pairs[..2], pairs[2..]);
        assert_ne!(pairs[0], pairs[1]);
        // A group of the same types in another order, a longer one, one that refers to the outside instead.
        let alone = numbers(&[ty(empty())])[0];
        let two = numbers(&group(vec![ty(empty()), ty(refers_to(0))]));
        let swapped = numbers(&group(vec![ty(refers_to(1)), ty(empty())]));
        let longer = numbers(&group(vec![ty(empty()), ty(refers_to(0)), ty(empty())]));
        let outside = [
            vec![ty(empty())],
            group(vec![ty(empty()), ty(refers_to(0))]),
        ]
        .concat();
        let outside = numbers(&outside);
        assert_eq!(outside[0], alone);
        let mut all = [two, swapped, longer, outside].concat();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn finality_and_super_types_tell_types_apart() {
        let mut registry = TypeRegistry::default();
        let types = [
            ty(empty()),
            open(empty(), None),
            open(empty(), Some(1)),
            open(empty(), Some(2)),
            SubType {
                is_final: true,
                ..open(empty(), Some(1))
            },
            // The same once more.
            open(empty(), None),
            open(empty(), Some(5)),
        ];
        let types = registry.of_module(&types);
        let numbers = types.numbers();
        assert_eq!(numbers[5..], numbers[1..3]);
        let is_subtype = |found: usize, expected: usize| {
            let found = registry.get(numbers[found]).unwrap();
            registry.is_subtype(found, numbers[expected])
        };
        let above: [&[usize]; 5] = [&[0], &[1], &[1, 2], &[1, 2, 3], &[1, 4]];
        for (found, above) in above.into_iter().enumerate() {
            for expected in 0..5 {
                assert_eq!(
                    is_subtype(found, expected),
                    above.contains(&expected),
                    "{found} {expected}"
                );
            }
        }
        // The host's are final.
        let host = registry.canonical(&empty());
        assert!(registry.is(&host, types.number(0)));
        assert!(!registry.is(&host, types.number(1)));
    }

    #[test]
    fn references_match_what_is_more_general() {
        let mut registry = TypeRegistry::default();
        let types = [open(empty(), None), open(empty(), Some(0)), ty(empty())];
        let types = registry.of_module(&types);
        let val = |nullable, heap| ValType::Ref(RefType { nullable, heap });
        let [above, below, other] = [0, 1, 2].map(|index| HeapType::Concrete(types.number(index)));
        let (func, host) = (HeapType::Func, HeapType::Extern);
        for (found, expected, matches) in [
            (val(false, above), val(true, func), true),
            (val(false, above), val(false, above), true),
            (val(true, above), val(false, above), false),
            (val(true, above), val(true, other), false),
            (val(true, func), val(true, above), false),
            (val(true, below), val(true, above), true),
            (val(true, above), val(true, below), false),
            (val(true, HeapType::NoFunc), val(true, below), true),
            (val(true, HeapType::NoFunc), val(true, func), true),
            (val(true, HeapType::NoFunc), val(false, func), false),
            (val(true, func), val(true, HeapType::NoFunc), false),
            (val(true, below), val(true, HeapType::NoFunc), false),
            (val(true, HeapType::NoFunc), ValType::EXTERNREF, false),
            (val(true, HeapType::NoExtern), ValType::EXTERNREF, true),
            (val(true, HeapType::NoExn), ValType::EXNREF, true),
            (val(false, host), ValType::EXTERNREF, true),
            (val(false, host), ValType::FUNCREF, false),
            (ValType::I32, ValType::I64, false),
        ] {
            assert_eq!(
                registry.val_type_matches(found, expected),
                matches,
                "{found} {expected}"
            );
            let global = |ty, mutable| ExternType::Global(GlobalType { ty, mutable });
            let import = |mutable| {
                registry.import_matches(&global(found, mutable), &global(expected, mutable))
            };
            assert_eq!(import(false), matches);
            assert_eq!(import(true), found == expected);
        }
    }

    #[test]
    fn equal_types_have_one_address() {
        let mut registry = TypeRegistry::default();
        let ty = || FuncType::new([ValType::I32], [ValType::I64]);
        let mut address = |ty: &FuncType| registry.canonical(ty).address();
        let other = FuncType::new([ValType::I32, ValType::I64], []);
        assert_eq!(address(&ty()), address(&ty()));
        assert_ne!(address(&ty()), address(&other));
        assert_eq!(alloc::format!("{}", ty()), "(i32) -> (i64)");
    }
}
