//! Constant expressions: a module's own bytes, from the first instruction to `end`.
//!
//! What is allowed: `i32.const`, `i64.const`, `f32.const`, `f64.const`, `v128.const`, `global.get`,
//! `ref.null`, `ref.func`, and `add`, `sub` and `mul` of `i32` and `i64`.
//! <https://webassembly.github.io/spec/core/valid/instructions.html#constant-expressions>

use super::types::{GlobalType, HeapType, RefType, ValType};
use super::wire::Reader;
use crate::error::{Refused, TableError};

/// Largest number of values that an expression may have on its stack.
pub const MAX_STACK: usize = 256;

/// One instruction of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstOp {
    /// Pushes an `i32`.
    I32Const(i32),
    /// Pushes an `i64`.
    I64Const(i64),
    /// Pushes an `f32`, given by its bits.
    F32Const(u32),
    /// Pushes an `f64`, given by its bits.
    F64Const(u64),
    /// Pushes a `v128`, lane 0 lowest.
    V128Const(u128),
    /// Pushes the value of a global.
    GlobalGet(u32),
    /// Pushes a null reference of the type.
    RefNull(HeapType),
    /// Pushes a reference to a function.
    RefFunc(u32),
    /// Adds two `i32`.
    I32Add,
    /// Subtracts two `i32`.
    I32Sub,
    /// Multiplies two `i32`.
    I32Mul,
    /// Adds two `i64`.
    I64Add,
    /// Subtracts two `i64`.
    I64Sub,
    /// Multiplies two `i64`.
    I64Mul,
}

impl ConstOp {
    /// Reads an instruction; `None` for `end`.
    fn decode(reader: &mut Reader<'_>) -> Result<Option<ConstOp>, Refused> {
        const WHAT: &str = "a constant expression";
        let start = reader.offset();
        let opcode = reader.u8(WHAT)?;
        Ok(Some(match opcode {
            0x0b => return Ok(None),
            0x23 => ConstOp::GlobalGet(reader.padded_uleb32("a global index")?),
            0x41 => {
                let value = reader.sleb(32, "an i32 constant")?;
                // Both ends of an `i32` fit: `sleb` has checked the range.
                ConstOp::I32Const(i32::try_from(value).unwrap_or(0))
            }
            0x42 => ConstOp::I64Const(reader.sleb(64, "an i64 constant")?),
            0x43 => ConstOp::F32Const(reader.u32("an f32 constant")?),
            0x44 => ConstOp::F64Const(reader.u64("an f64 constant")?),
            0x6a => ConstOp::I32Add,
            0x6b => ConstOp::I32Sub,
            0x6c => ConstOp::I32Mul,
            0x7c => ConstOp::I64Add,
            0x7d => ConstOp::I64Sub,
            0x7e => ConstOp::I64Mul,
            0xd0 => ConstOp::RefNull(HeapType::decode(reader)?),
            0xd2 => ConstOp::RefFunc(reader.padded_uleb32("a function index")?),
            0xfd => match reader.padded_uleb32("a vector opcode")? {
                12 => ConstOp::V128Const(reader.u128("a v128 constant")?),
                _ => return Err(reader.fail_at(start, TableError::ConstOpcode { found: opcode })),
            },
            _ => return Err(reader.fail_at(start, TableError::ConstOpcode { found: opcode })),
        }))
    }
}

/// A constant expression, checked. Two are equal if their bytes are.
#[derive(Clone, Copy, Debug)]
pub struct ConstExprView<'a> {
    bytes: &'a [u8],
    /// Where it stands in its section.
    offset: usize,
}

impl PartialEq for ConstExprView<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for ConstExprView<'_> {}

impl<'a> ConstExprView<'a> {
    /// Reads an expression with its length.
    pub(crate) fn decode(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        let bytes = reader.counted_bytes("a constant expression")?;
        let offset = reader.offset().saturating_sub(bytes.len());
        Ok(ConstExprView { bytes, offset })
    }

    /// Its bytes, `end` included.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its instructions, without `end`.
    pub fn ops(&self) -> impl Iterator<Item = ConstOp> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        core::iter::from_fn(move || ConstOp::decode(&mut reader).ok().flatten())
    }
}

/// What a constant expression may refer to.
pub(crate) trait Context {
    /// Type of a global that the expression may read.
    fn global(&self, index: u32) -> Option<GlobalType>;
    /// May the expression make a reference to this function?
    fn referable(&self, function: u32) -> bool;
}

/// Checks an expression, which stands in the record of `at`, that has to give one value of type `expected`.
pub(crate) fn check(
    at: &Reader<'_>,
    expression: ConstExprView<'_>,
    expected: ValType,
    context: &impl Context,
) -> Result<(), Refused> {
    let mut reader = at.at(expression.bytes, expression.offset);
    let mut stack = Stack {
        types: [ValType::I32; MAX_STACK],
        depth: 0,
    };
    loop {
        let start = reader.offset();
        let op = ConstOp::decode(&mut reader)?;
        let Some(op) = op else { break };
        let result = match op {
            ConstOp::I32Const(_) => stack.push(ValType::I32),
            ConstOp::I64Const(_) => stack.push(ValType::I64),
            ConstOp::F32Const(_) => stack.push(ValType::F32),
            ConstOp::F64Const(_) => stack.push(ValType::F64),
            ConstOp::V128Const(_) => stack.push(ValType::V128),
            ConstOp::RefNull(heap) => stack.push(ValType::Ref(RefType::null(heap))),
            ConstOp::GlobalGet(index) => match context.global(index) {
                Some(global) if !global.mutable => stack.push(global.ty),
                _ => Err(TableError::ConstGlobal { found: index }),
            },
            ConstOp::RefFunc(index) if context.referable(index) => {
                stack.push(ValType::Ref(RefType::non_null(HeapType::Func)))
            }
            ConstOp::RefFunc(index) => Err(TableError::ConstFunction { found: index }),
            ConstOp::I32Add | ConstOp::I32Sub | ConstOp::I32Mul => stack.binary(ValType::I32),
            ConstOp::I64Add | ConstOp::I64Sub | ConstOp::I64Mul => stack.binary(ValType::I64),
        };
        if let Err(error) = result {
            return Err(reader.fail_at(start, error));
        }
    }
    let result = stack.pop(expected).and(match stack.depth {
        0 => Ok(()),
        left => Err(TableError::ConstStackLeft { found: left }),
    });
    result.map_err(|error| reader.fail(error))?;
    reader.finish("a constant expression")
}

struct Stack {
    types: [ValType; MAX_STACK],
    depth: usize,
}

impl Stack {
    fn push(&mut self, ty: ValType) -> Result<(), TableError> {
        let top = self.types.get_mut(self.depth);
        *top.ok_or(TableError::ConstStackFull)? = ty;
        self.depth += 1;
        Ok(())
    }

    fn pop(&mut self, expected: ValType) -> Result<(), TableError> {
        let found = self.depth.checked_sub(1).and_then(|top| {
            self.depth = top;
            self.types.get(top).copied()
        });
        match found {
            Some(found) if found.may_be(expected) => Ok(()),
            found => Err(TableError::ConstType { expected, found }),
        }
    }

    fn binary(&mut self, ty: ValType) -> Result<(), TableError> {
        self.pop(ty)?;
        self.pop(ty)?;
        self.push(ty)
    }
}
