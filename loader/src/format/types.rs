//! WebAssembly's types as the tables encode them: as the binary format does.

use super::wire::Reader;
#[cfg(any(feature = "write", test))]
use super::wire::write;
use crate::error::{Refused, TableError};

/// Type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 128-bit vector.
    V128,
    /// Reference.
    Ref(RefType),
}

/// Type of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefType {
    /// May it be null?
    pub nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeapType {
    /// A function.
    Func,
    /// Something of the host's.
    Extern,
    /// An exception.
    Exn,
    /// No function: such a reference is null.
    NoFunc,
    /// Nothing of the host's: such a reference is null.
    NoExtern,
    /// No exception: such a reference is null.
    NoExn,
    /// A function of the type with this number: in what a module says, its type index; in what a store says, the
    /// store's number of the canonical type.
    Concrete(u32),
}

impl HeapType {
    /// The most general type of its kind.
    pub const fn top(self) -> HeapType {
        match self {
            HeapType::Func | HeapType::NoFunc | HeapType::Concrete(_) => HeapType::Func,
            HeapType::Extern | HeapType::NoExtern => HeapType::Extern,
            HeapType::Exn | HeapType::NoExn => HeapType::Exn,
        }
    }

    /// Has the type no values? It is a sub type of all types of its kind.
    pub const fn is_bottom(self) -> bool {
        matches!(
            self,
            HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn
        )
    }

    /// The byte of a type that is no number. Specification 3.0, section 5.3.3.
    const fn byte(self) -> Option<u8> {
        match self {
            HeapType::NoExn => Some(0x74),
            HeapType::NoFunc => Some(0x73),
            HeapType::NoExtern => Some(0x72),
            HeapType::Func => Some(0x70),
            HeapType::Extern => Some(0x6f),
            HeapType::Exn => Some(0x69),
            HeapType::Concrete(_) => None,
        }
    }

    const fn from_byte(byte: u8) -> Option<HeapType> {
        match byte {
            0x74 => Some(HeapType::NoExn),
            0x73 => Some(HeapType::NoFunc),
            0x72 => Some(HeapType::NoExtern),
            0x70 => Some(HeapType::Func),
            0x6f => Some(HeapType::Extern),
            0x69 => Some(HeapType::Exn),
            _ => None,
        }
    }
}

impl RefType {
    /// The type of references to `heap`, or null.
    pub const fn null(heap: HeapType) -> RefType {
        RefType {
            nullable: true,
            heap,
        }
    }

    /// The type of references to `heap`, never null.
    pub const fn non_null(heap: HeapType) -> RefType {
        RefType {
            nullable: false,
            heap,
        }
    }
}

/// Opcodes of reference types: nullable, and not.
const REF_NULL: u8 = 0x63;
const REF: u8 = 0x64;

impl ValType {
    /// Reference to a function, or null.
    pub const FUNCREF: ValType = ValType::Ref(RefType::null(HeapType::Func));
    /// Reference to something of the host's, or null.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::null(HeapType::Extern));
    /// Reference to an exception, or null.
    pub const EXNREF: ValType = ValType::Ref(RefType::null(HeapType::Exn));

    /// Every type that a frame's tables tell from others: numbers, vectors, and the most general reference types.
    pub const ALL: &[ValType] = &[
        ValType::I32,
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::V128,
        ValType::FUNCREF,
        ValType::EXTERNREF,
        ValType::EXNREF,
    ];

    /// The one of [`ValType::ALL`] that the WebAssembly binary format writes as this byte.
    pub const fn from_byte(byte: u8) -> Option<ValType> {
        Some(match byte {
            0x7f => ValType::I32,
            0x7e => ValType::I64,
            0x7d => ValType::F32,
            0x7c => ValType::F64,
            0x7b => ValType::V128,
            _ => match HeapType::from_byte(byte) {
                Some(heap) if !heap.is_bottom() => ValType::Ref(RefType::null(heap)),
                _ => return None,
            },
        })
    }

    /// The byte that a frame's tables have for the type: its own, or that of the most general reference type of
    /// its kind.
    pub const fn byte(self) -> u8 {
        match self {
            ValType::I32 => 0x7f,
            ValType::I64 => 0x7e,
            ValType::F32 => 0x7d,
            ValType::F64 => 0x7c,
            ValType::V128 => 0x7b,
            ValType::Ref(ty) => match ty.heap.top().byte() {
                Some(byte) => byte,
                None => 0x70,
            },
        }
    }

    /// Does a value of the type refer to something?
    pub const fn is_reference(self) -> bool {
        matches!(self, ValType::Ref(_))
    }

    /// Has a variable of the type a value before it is given one?
    pub const fn has_default(self) -> bool {
        match self {
            ValType::Ref(ty) => ty.nullable,
            _ => true,
        }
    }

    /// May a value of this type stand where `expected` is asked for, as far as that can be told without the
    /// types behind the numbers?
    pub fn may_be(self, expected: ValType) -> bool {
        match (self, expected) {
            (ValType::Ref(found), ValType::Ref(expected)) => {
                (expected.nullable || !found.nullable)
                    && found.heap.top() == expected.heap.top()
                    && (found.heap.is_bottom() || !expected.heap.is_bottom())
            }
            _ => self == expected,
        }
    }

    /// Number of 8-byte slots that a value takes in a frame or an argument array.
    pub const fn slots(self) -> u32 {
        match self {
            ValType::V128 => 2,
            _ => 1,
        }
    }

    /// Reads a type as `.wamr.module` has it: in the shortest form of the WebAssembly binary format.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<ValType, Refused> {
        let start = reader.offset();
        let what = "a value type";
        let byte = reader.u8(what)?;
        let nullable = match byte {
            REF_NULL => true,
            REF => false,
            _ => {
                let null = HeapType::from_byte(byte).map(|heap| ValType::Ref(RefType::null(heap)));
                return null
                    .or(ValType::from_byte(byte))
                    .ok_or_else(|| reader.fail_at(start, TableError::Byte { what, found: byte }));
            }
        };
        let heap = HeapType::decode(reader)?;
        if nullable && heap.byte().is_some() {
            // There is a shorter form.
            return Err(reader.fail_at(start, TableError::Byte { what, found: byte }));
        }
        Ok(ValType::Ref(RefType { nullable, heap }))
    }

    /// Writes the type as `ValType::decode` reads it.
    #[cfg(any(feature = "write", test))]
    pub fn encode(self, out: &mut alloc::vec::Vec<u8>) {
        let ValType::Ref(RefType { nullable, heap }) = self else {
            out.push(self.byte());
            return;
        };
        if !nullable || heap.byte().is_none() {
            out.push(if nullable { REF_NULL } else { REF });
        }
        match heap {
            HeapType::Concrete(index) => write::sleb(out, i64::from(index)),
            heap => out.extend(heap.byte()),
        }
    }
}

impl HeapType {
    /// Reads a heap type of the WebAssembly binary format: a byte, or a type index as a signed number. Padding
    /// is allowed, as in constant expressions.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<HeapType, Refused> {
        let start = reader.offset();
        let what = "a heap type";
        let mut ahead = *reader;
        let byte = ahead.u8(what)?;
        if let Some(heap) = HeapType::from_byte(byte) {
            *reader = ahead;
            return Ok(heap);
        }
        match u32::try_from(reader.sleb(33, what)?) {
            Ok(index) => Ok(HeapType::Concrete(index)),
            Err(_) => Err(reader.fail_at(start, TableError::Byte { what, found: byte })),
        }
    }
}

impl core::fmt::Display for HeapType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            HeapType::Func => f.write_str("func"),
            HeapType::Extern => f.write_str("extern"),
            HeapType::Exn => f.write_str("exn"),
            HeapType::NoFunc => f.write_str("nofunc"),
            HeapType::NoExtern => f.write_str("noextern"),
            HeapType::NoExn => f.write_str("noexn"),
            HeapType::Concrete(index) => index.fmt(f),
        }
    }
}

impl core::fmt::Display for ValType {
    /// The name in WebAssembly's text format.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match *self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::FUNCREF => "funcref",
            ValType::EXTERNREF => "externref",
            ValType::EXNREF => "exnref",
            ValType::Ref(ty) => {
                let null = if ty.nullable { "null " } else { "" };
                return write!(f, "(ref {null}{})", ty.heap);
            }
        })
    }
}

/// Size limits of a table (elements) or memory (pages).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Initial size.
    pub min: u64,
    /// Largest size.
    pub max: Option<u64>,
    /// Indexed with `i64` rather than `i32`.
    pub is_64: bool,
    /// Shared between threads.
    pub shared: bool,
}

/// Type of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    /// Size in pages.
    pub limits: Limits,
    /// Binary logarithm of the page size in bytes: 16, or 0.
    pub page_size_log2: u8,
}

/// Type of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableType {
    /// Type of the elements, a reference type.
    pub element: ValType,
    /// Size in elements.
    pub limits: Limits,
}

/// Type of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalType {
    /// Type of the value.
    pub ty: ValType,
    /// May the program change it?
    pub mutable: bool,
}

/// What an import asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImportKind {
    /// A function of the type with this index.
    Func(u32),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// An exception's tag, whose values are the parameters of the type with this index.
    Tag(u32),
}

impl ImportKind {
    /// Which index space it belongs to.
    pub const fn export_kind(&self) -> ExportKind {
        match self {
            ImportKind::Func(_) => ExportKind::Func,
            ImportKind::Table(_) => ExportKind::Table,
            ImportKind::Memory(_) => ExportKind::Memory,
            ImportKind::Global(_) => ExportKind::Global,
            ImportKind::Tag(_) => ExportKind::Tag,
        }
    }
}

/// What an export gives, or an import asks for. The numbers are those of the WebAssembly binary
/// format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExportKind {
    /// A function.
    Func = 0,
    /// A table.
    Table = 1,
    /// A memory.
    Memory = 2,
    /// A global.
    Global = 3,
    /// An exception's tag.
    Tag = 4,
}

impl ExportKind {
    /// Every kind, in the order of the numbers.
    pub const ALL: [ExportKind; 5] = [
        ExportKind::Func,
        ExportKind::Table,
        ExportKind::Memory,
        ExportKind::Global,
        ExportKind::Tag,
    ];

    /// The kind with this byte.
    pub const fn from_byte(byte: u8) -> Option<ExportKind> {
        match byte {
            0 => Some(ExportKind::Func),
            1 => Some(ExportKind::Table),
            2 => Some(ExportKind::Memory),
            3 => Some(ExportKind::Global),
            4 => Some(ExportKind::Tag),
            _ => None,
        }
    }

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            ExportKind::Func => "function",
            ExportKind::Table => "table",
            ExportKind::Memory => "memory",
            ExportKind::Global => "global",
            ExportKind::Tag => "tag",
        }
    }
}
