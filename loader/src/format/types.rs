//! WebAssembly's types as the tables encode them: the byte values of the binary format.

/// Type of a value. The numbers are those of the WebAssembly binary format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ValType {
    /// 32-bit integer.
    I32 = 0x7f,
    /// 64-bit integer.
    I64 = 0x7e,
    /// 32-bit float.
    F32 = 0x7d,
    /// 64-bit float.
    F64 = 0x7c,
    /// 128-bit vector.
    V128 = 0x7b,
    /// Reference to a function, or null.
    FuncRef = 0x70,
    /// Reference to something of the host's, or null.
    ExternRef = 0x6f,
}

impl ValType {
    /// Every type.
    pub const ALL: &[ValType] = &[
        ValType::I32,
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::V128,
        ValType::FuncRef,
        ValType::ExternRef,
    ];

    /// The type with this byte.
    pub const fn from_byte(byte: u8) -> Option<ValType> {
        match byte {
            0x7f => Some(ValType::I32),
            0x7e => Some(ValType::I64),
            0x7d => Some(ValType::F32),
            0x7c => Some(ValType::F64),
            0x7b => Some(ValType::V128),
            0x70 => Some(ValType::FuncRef),
            0x6f => Some(ValType::ExternRef),
            _ => None,
        }
    }

    /// The type's byte.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Does a value of the type refer to something?
    pub const fn is_reference(self) -> bool {
        matches!(self, ValType::FuncRef | ValType::ExternRef)
    }

    /// Number of 8-byte slots that a value takes in a frame or an argument array.
    pub const fn slots(self) -> u32 {
        match self {
            ValType::V128 => 2,
            _ => 1,
        }
    }

    /// The name in WebAssembly's text format.
    pub const fn name(self) -> &'static str {
        match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::FuncRef => "funcref",
            ValType::ExternRef => "externref",
        }
    }
}

impl core::fmt::Display for ValType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
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
}

impl ImportKind {
    /// Which index space it belongs to.
    pub const fn export_kind(&self) -> ExportKind {
        match self {
            ImportKind::Func(_) => ExportKind::Func,
            ImportKind::Table(_) => ExportKind::Table,
            ImportKind::Memory(_) => ExportKind::Memory,
            ImportKind::Global(_) => ExportKind::Global,
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
}

impl ExportKind {
    /// The kind with this byte.
    pub const fn from_byte(byte: u8) -> Option<ExportKind> {
        match byte {
            0 => Some(ExportKind::Func),
            1 => Some(ExportKind::Table),
            2 => Some(ExportKind::Memory),
            3 => Some(ExportKind::Global),
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
        }
    }
}
