//! Types as they are outside of their module: a position in a recursion group, in which nothing is left to look up.
//! So types are equal if they look the same, and no number of any module or store is needed (specification 3.0, section
//! 3.1).

use std::rc::Rc;

use wasmparser::{AbstractHeapType as Abstract, FuncType, UnpackedIndex};

/// A type that a module defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefType {
    group: Rc<Vec<SubType>>,
    position: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct SubType {
    is_final: bool,
    supertype: Option<HeapType>,
    params: Vec<ValType>,
    results: Vec<ValType>,
}

/// What a reference refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum HeapType {
    /// Something of a kind, or nothing of it.
    Abstract(Abstract),
    /// A function of a type of the same recursion group.
    InGroup(usize),
    /// A function of this type.
    Defined(DefType),
}

/// Type of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefType {
    nullable: bool,
    heap: HeapType,
}

/// Type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValType {
    /// Anything but a reference.
    Plain(wasmparser::ValType),
    /// A reference.
    Ref(RefType),
}

impl DefType {
    /// The types of a recursion group, which follow those that are `defined` already. Only functions are known.
    pub fn group(types: &[wasmparser::SubType], defined: &[DefType]) -> Vec<DefType> {
        let scope = Scope {
            defined,
            group: types.len(),
        };
        let sub_type = |ty: &wasmparser::SubType| {
            let func = ty.composite_type.unwrap_func();
            SubType {
                is_final: ty.is_final,
                supertype: (ty.supertype_idxs.first())
                    .map(|index| scope.heap(wasmparser::HeapType::Concrete(index.unpack()))),
                params: func.params().iter().map(|ty| scope.value(*ty)).collect(),
                results: func.results().iter().map(|ty| scope.value(*ty)).collect(),
            }
        };
        let group = Rc::new(types.iter().map(sub_type).collect());
        let def_type = |position| DefType {
            group: Rc::clone(&group),
            position,
        };
        (0..types.len()).map(def_type).collect()
    }

    /// The type of a function of the host's, which refers to no other type.
    pub fn of_host(ty: FuncType) -> DefType {
        let mut group = DefType::group(&[wasmparser::SubType::func(ty, false)], &[]);
        group.swap_remove(0)
    }

    /// Number of parameters.
    pub fn params(&self) -> usize {
        self.group[self.position].params.len()
    }

    fn supertype(&self) -> Option<DefType> {
        match &self.group[self.position].supertype {
            Some(HeapType::InGroup(position)) => Some(DefType {
                group: Rc::clone(&self.group),
                position: *position,
            }),
            Some(HeapType::Defined(ty)) => Some(ty.clone()),
            _ => None,
        }
    }

    /// Is it the other type, or a sub type of it?
    pub fn is_subtype_of(&self, other: &DefType) -> bool {
        self == other || (self.supertype()).is_some_and(|above| above.is_subtype_of(other))
    }
}

/// The types that an index may mean.
struct Scope<'d> {
    defined: &'d [DefType],
    /// How many types the group has that follows.
    group: usize,
}

impl Scope<'_> {
    fn heap(&self, ty: wasmparser::HeapType) -> HeapType {
        match ty {
            wasmparser::HeapType::Abstract { ty, .. } => HeapType::Abstract(ty),
            wasmparser::HeapType::Concrete(UnpackedIndex::Module(index)) => {
                let index = index as usize;
                match index.checked_sub(self.defined.len()) {
                    Some(position) if position < self.group => HeapType::InGroup(position),
                    _ => HeapType::Defined(self.defined[index].clone()),
                }
            }
            other => panic!("the interpreter does not know {other:?}"),
        }
    }

    fn value(&self, ty: wasmparser::ValType) -> ValType {
        match ty {
            wasmparser::ValType::Ref(ty) => ValType::Ref(RefType {
                nullable: ty.is_nullable(),
                heap: self.heap(ty.heap_type()),
            }),
            plain => ValType::Plain(plain),
        }
    }
}

impl RefType {
    /// The reference type of a module that has `defined` these types.
    pub fn new(nullable: bool, heap: wasmparser::HeapType, defined: &[DefType]) -> RefType {
        let heap = Scope { defined, group: 0 }.heap(heap);
        RefType { nullable, heap }
    }

    /// The type of references to a function of this type.
    pub fn of_function(ty: &DefType) -> RefType {
        RefType {
            nullable: false,
            heap: HeapType::Defined(ty.clone()),
        }
    }

    /// The type without null.
    pub fn non_null(self) -> RefType {
        RefType {
            nullable: false,
            ..self
        }
    }

    /// May a reference of this type stand where one of the other is wanted?
    pub fn matches(&self, other: &RefType) -> bool {
        (other.nullable || !self.nullable) && self.heap.matches(&other.heap)
    }
}

impl ValType {
    /// The value type of a module that has `defined` these types.
    pub fn new(ty: wasmparser::ValType, defined: &[DefType]) -> ValType {
        Scope { defined, group: 0 }.value(ty)
    }

    /// May a value of this type stand where one of the other is wanted?
    pub fn matches(&self, other: &ValType) -> bool {
        match (self, other) {
            (ValType::Ref(own), ValType::Ref(other)) => own.matches(other),
            _ => self == other,
        }
    }
}

impl HeapType {
    /// Specification 3.0, section 3.3.3.
    fn matches(&self, other: &HeapType) -> bool {
        use HeapType::{Abstract as Of, Defined};
        match (self, other) {
            (Defined(own), Defined(other)) => own.is_subtype_of(other),
            (Defined(_), Of(Abstract::Func))
            | (Of(Abstract::NoFunc), Defined(_) | Of(Abstract::Func))
            | (Of(Abstract::NoExtern), Of(Abstract::Extern))
            | (Of(Abstract::NoExn), Of(Abstract::Exn)) => true,
            _ => self == other,
        }
    }
}
