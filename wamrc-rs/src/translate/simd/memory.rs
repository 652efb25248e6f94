//! Loads and stores of vectors and of their lanes. Addresses, bounds and traps are those of every access.

use wasmparser::MemArg;

use super::{Shape, Sign, vector_of};
use crate::error::Result;
use crate::translate::function::FunctionTranslator;

impl FunctionTranslator<'_, '_, '_> {
    /// Loads 64 bits of integers half as wide as the lanes of `shape`, and extends them.
    pub(super) fn load_extended(&mut self, memarg: MemArg, shape: Shape, sign: Sign) -> Result<()> {
        let types = self.unit.types.clone();
        let narrow = self.integer_type(shape.bits() / 2)?;
        let bits = self.load_memory(memarg, types.i64.into())?;
        let lanes =
            self.builder
                .build_bit_cast(bits, vector_of(narrow.into(), shape.lanes()), "")?;
        let value = self.widen(lanes.into_vector_value(), shape.lane(&types), sign)?;
        self.push_vector(value)
    }

    /// Loads a lane and repeats it.
    pub(super) fn load_splat(&mut self, memarg: MemArg, shape: Shape) -> Result<()> {
        let lane = shape.lane(&self.unit.types);
        let value = self.load_memory(memarg, lane)?;
        let value = self.splat_value(value, shape)?;
        self.push_vector(value)
    }

    /// Loads the lowest lane; the others are zero.
    pub(super) fn load_zero(&mut self, memarg: MemArg, shape: Shape) -> Result<()> {
        let lane = shape.lane(&self.unit.types);
        let value = self.load_memory(memarg, lane)?;
        let zero = shape.vector(&self.unit.types).const_zero();
        let value = (self.builder).build_insert_element(zero, value, self.index(0), "")?;
        self.push_vector(value)
    }

    /// Loads one lane of a vector that is otherwise kept.
    pub(super) fn load_lane(&mut self, memarg: MemArg, shape: Shape, lane: u8) -> Result<()> {
        let vector = self.pop_vector(shape)?;
        let value = self.load_memory(memarg, shape.lane(&self.unit.types))?;
        let index = self.index(lane.into());
        let vector = (self.builder).build_insert_element(vector, value, index, "")?;
        self.push_vector(vector)
    }

    /// Stores one lane.
    pub(super) fn store_lane(&mut self, memarg: MemArg, shape: Shape, lane: u8) -> Result<()> {
        let vector = self.pop_vector(shape)?;
        let index = self.index(lane.into());
        let value = self.builder.build_extract_element(vector, index, "")?;
        self.store_memory(memarg, value)
    }
}
