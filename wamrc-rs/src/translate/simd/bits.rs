//! Operators that see 128 bits and no lanes.

use super::Shape;
use crate::error::Result;
use crate::translate::function::FunctionTranslator;

/// Binary operators.
#[derive(Clone, Copy, Debug)]
pub(super) enum BitOp {
    And,
    AndNot,
    Or,
    Xor,
}

impl FunctionTranslator<'_, '_, '_> {
    pub(super) fn bitwise(&mut self, op: BitOp) -> Result<()> {
        let (left, right) = self.pop_vectors(Shape::I64x2)?;
        let value = match op {
            BitOp::And => self.builder.build_and(left, right, "")?,
            BitOp::AndNot => {
                let right = self.builder.build_not(right, "")?;
                self.builder.build_and(left, right, "")?
            }
            BitOp::Or => self.builder.build_or(left, right, "")?,
            BitOp::Xor => self.builder.build_xor(left, right, "")?,
        };
        self.push_vector(value)
    }

    pub(super) fn bitwise_not(&mut self) -> Result<()> {
        let value = self.pop_vector(Shape::I64x2)?;
        let value = self.builder.build_not(value, "")?;
        self.push_vector(value)
    }

    /// The first operand's bits where the third's are set, the second's elsewhere.
    pub(super) fn bitselect(&mut self) -> Result<()> {
        let mask = self.pop_vector(Shape::I64x2)?;
        let (set, clear) = self.pop_vectors(Shape::I64x2)?;
        let set = self.builder.build_and(set, mask, "")?;
        let rest = self.builder.build_not(mask, "")?;
        let clear = self.builder.build_and(clear, rest, "")?;
        let value = self.builder.build_or(set, clear, "")?;
        self.push_vector(value)
    }
}
