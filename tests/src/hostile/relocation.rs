//! Single relocations, of any type and with any values.

use arbitrary::{Arbitrary, Unstructured};
use wamr_aot_loader::format::target::{Machine, TargetAbi};
use wamr_aot_loader::relocate::{self, RelocationError};

/// Longer than any field.
const FIELD: usize = 16;

/// `ADD8` to `SUB64` and `SUB6` of RISC-V add to what the field holds.
fn is_sum(machine: Machine, ty: u32) -> bool {
    machine == Machine::Riscv && matches!(ty, 33..=40 | 52)
}

/// A relocation.
#[derive(Arbitrary, Clone, Debug)]
pub struct Single {
    abi: u8,
    ty: u16,
    field: [u8; FIELD],
    /// Bytes of the field that are there.
    length: u8,
    place: u64,
    /// The symbol: near the place, or anywhere.
    symbol: Symbol,
    addend: i64,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Symbol {
    Near(i32),
    Close(i16),
    Anywhere(u64),
}

impl Single {
    /// Reads a relocation; any bytes are one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Self::arbitrary_take_rest(Unstructured::new(bytes)).ok()
    }

    /// Does it. What fails changes nothing; what succeeds changes the field only, and does so whatever the field's relocated bits were
    /// before. Says whether it succeeded.
    pub fn check(&self) -> bool {
        let abi = TargetAbi::ALL[usize::from(self.abi) % TargetAbi::ALL.len()];
        let (machine, width) = (abi.machine(), abi.width());
        let ty = u32::from(self.ty % 512);
        let symbol = match self.symbol {
            Symbol::Near(distance) => self.place.wrapping_add_signed(distance.into()),
            Symbol::Close(distance) => self.place.wrapping_add_signed(distance.into()),
            Symbol::Anywhere(symbol) => symbol,
        };
        let apply = |field: &mut [u8]| {
            relocate::apply(machine, width, ty, field, self.place, symbol, self.addend)
        };
        let shape = relocate::shape(machine, width, ty);
        let mut once = self.field;
        let result = apply(&mut once);
        let shape = match shape {
            Ok(shape) => shape,
            Err(error) => {
                assert_eq!(result, Err(error), "type {ty}");
                return false;
            }
        };
        let size = usize::from(shape.size);
        assert_eq!(once[size..], self.field[size..], "type {ty}");
        if let Err(error) = result {
            assert_eq!(once, self.field, "type {ty}: {error}");
            return false;
        }
        if !is_sum(machine, ty) {
            let mut twice = once;
            assert_eq!(apply(&mut twice), Ok(()));
            assert_eq!(twice, once, "type {ty}");
        }
        let length = usize::from(self.length) % FIELD;
        let mut short = self.field;
        let short = &mut short[..length];
        if length < size {
            assert_eq!(apply(short), Err(RelocationError::Place), "type {ty}");
        } else {
            assert_eq!(apply(short), Ok(()));
            assert_eq!(short, &once[..length]);
        }
        true
    }
}
