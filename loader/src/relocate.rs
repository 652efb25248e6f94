//! Relocation: pure functions from place, symbol and addend to bytes or an error, a file an
//! architecture.
//!
//! Notation of the ABI documents: `S` is the symbol's address, `A` the addend, `P` the place's
//! address.

/// The name of a constant, by its value.
macro_rules! names {
    ($value:ident: $($name:ident)*) => {{
        // Searched, since nobody waits for it.
        const NAMES: &[(u32, &str)] = &[$(($name, stringify!($name))),*];
        let name = NAMES.iter().find(|(value, _)| *value == $value);
        name.map(|(_, name)| *name)
    }};
}
use names;

pub mod aarch64;
pub mod riscv;
pub mod x86_64;

use crate::format::target::Machine;
use crate::layout::PointerWidth;
use crate::word::{SignedWord, Word, wide, wide_signed};

/// Why a relocation cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum RelocationError {
    /// A type that this build does not do.
    #[error("this type is not done")]
    Unknown,
    /// Relaxation by the linker, which moves code: compile without it.
    #[error("linker relaxation is not done: compile without it")]
    Relaxation,
    /// The value does not fit the field.
    #[error("value {value:#x} does not fit {bits} bits")]
    Range {
        /// The value.
        value: i64,
        /// Bits of the field, sign included.
        bits: u8,
    },
    /// The value is not a multiple of what the instruction needs.
    #[error("value {value:#x} is not a multiple of {align}")]
    Alignment {
        /// The value.
        value: i64,
        /// What it has to be a multiple of.
        align: u8,
    },
    /// The place is outside its section.
    #[error("the place is outside the section")]
    Place,
    /// The symbol is not there, or is in a section that is not loaded.
    #[error("symbol {symbol} is not in a loaded section")]
    Symbol {
        /// Its index.
        symbol: u32,
    },
    /// A type that goes through a global offset table, for a symbol that has no entry.
    #[error("only builtins have entries in the global offset table")]
    Got,
    /// The low part of a program-counter-relative address refers to a place without the high part.
    #[error("no high part at {place:#x} for this low part")]
    HighPart {
        /// Offset of the place in its section.
        place: u64,
    },
    /// The relocations of a section are not sorted by offset, as this machine needs it.
    #[error("the relocations are not sorted by offset")]
    Order,
    /// A type or symbol that may not stand in this section.
    #[error("the address table needs pointer-sized absolute addresses of code")]
    AddressTable,
}

/// What a relocation refers to, beside the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing is changed.
    None,
    /// The symbol's address.
    Value,
    /// The address of a function that is called: a stub that jumps there will do.
    Call,
    /// The address of an entry of the global offset table.
    Got,
    /// The low part of an address whose high part stands at the symbol (RISC-V).
    PcrelLow,
    /// A pointer-sized absolute address.
    Pointer,
}

/// How many bytes a relocation changes, and what it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Size of the field in bytes.
    pub size: u8,
    /// What it refers to.
    pub kind: Kind,
}

impl Shape {
    const fn new(size: u8, kind: Kind) -> Self {
        Shape { size, kind }
    }
}

/// The shape of a relocation type.
pub fn shape(machine: Machine, width: PointerWidth, ty: u32) -> Result<Shape, RelocationError> {
    if !machine.is_known() {
        return Err(RelocationError::Unknown);
    }
    match machine.only() {
        Machine::X86_64 => x86_64::shape(ty),
        Machine::Aarch64 => aarch64::shape(ty),
        Machine::Riscv => riscv::shape(ty, width),
    }
}

/// The name of a relocation type as the ABI has it, also of one that is not done.
pub fn type_name(machine: Machine, ty: u32) -> Option<&'static str> {
    if !machine.is_known() {
        return None;
    }
    match machine.only() {
        Machine::X86_64 => x86_64::type_name(ty),
        Machine::Aarch64 => aarch64::type_name(ty),
        Machine::Riscv => riscv::type_name(ty),
    }
}

/// Relocates `field`, which stands at address `place`. `symbol` is `S`, or for [`Kind::Got`] the
/// entry's address; for [`Kind::PcrelLow`] it is the target of the high part, and `place` the high
/// part's place.
pub fn apply(
    machine: Machine,
    width: PointerWidth,
    ty: u32,
    field: &mut [u8],
    place: Word,
    symbol: Word,
    addend: SignedWord,
) -> Result<(), RelocationError> {
    // What has no shape is not done: not every pointer width has every type.
    shape(machine, width, ty)?;
    match machine.only() {
        Machine::X86_64 => x86_64::apply(ty, field, place, symbol, addend),
        Machine::Aarch64 => aarch64::apply(ty, field, place, symbol, addend),
        Machine::Riscv => riscv::apply(width, ty, field, place, symbol, addend),
    }
}

/// Size of a stub in bytes; a multiple of 8.
pub fn stub_size(machine: Machine) -> u32 {
    match machine.only() {
        Machine::X86_64 => x86_64::STUB_SIZE,
        Machine::Aarch64 => aarch64::STUB_SIZE,
        Machine::Riscv => riscv::STUB_SIZE,
    }
}

/// Offset in a stub of the pointer-sized word that holds the target's address: its entry in the
/// global offset table.
pub fn stub_address_offset(machine: Machine) -> u32 {
    match machine.only() {
        Machine::X86_64 => x86_64::STUB_ADDRESS_OFFSET,
        Machine::Aarch64 => aarch64::STUB_ADDRESS_OFFSET,
        Machine::Riscv => riscv::STUB_ADDRESS_OFFSET,
    }
}

/// Writes a stub that jumps to `target`, anywhere in the address space.
pub fn write_stub(
    machine: Machine,
    width: PointerWidth,
    stub: &mut [u8],
    target: Word,
) -> Result<(), RelocationError> {
    if !machine.is_known() {
        return Err(RelocationError::Unknown);
    }
    match machine.only() {
        Machine::X86_64 => x86_64::write_stub(stub, target),
        Machine::Aarch64 => aarch64::write_stub(stub, target),
        Machine::Riscv => riscv::write_stub(width, stub, target),
    }
}

/// How far a call with this relocation type reaches in both directions, in bytes: within code of this size it
/// needs no stub.
pub fn call_reach(machine: Machine, ty: u32) -> Word {
    match machine.only() {
        Machine::X86_64 => 1 << 31,
        Machine::Aarch64 => aarch64::call_reach(ty),
        Machine::Riscv => riscv::call_reach(ty),
    }
}

/// The first `N` bytes of a field.
fn field<const N: usize>(bytes: &mut [u8]) -> Result<&mut [u8; N], RelocationError> {
    bytes.first_chunk_mut().ok_or(RelocationError::Place)
}

/// `S + A`, modulo 2⁶⁴, as the ABIs have it.
fn absolute(symbol: Word, addend: SignedWord) -> Word {
    symbol.wrapping_add_signed(addend)
}

/// `S + A - P`, modulo 2⁶⁴.
fn relative(place: Word, symbol: Word, addend: SignedWord) -> SignedWord {
    absolute(symbol, addend).wrapping_sub(place).cast_signed()
}

/// Checks that a value fits a signed field of `bits` bits.
fn signed(value: SignedWord, bits: u8) -> Result<SignedWord, RelocationError> {
    let shift = Word::BITS.saturating_sub(bits.into());
    if value.wrapping_shl(shift).wrapping_shr(shift) == value {
        Ok(value)
    } else {
        Err(RelocationError::Range {
            value: wide_signed(value),
            bits,
        })
    }
}

/// Checks that a value is a multiple of `align`, a power of two.
fn aligned(value: SignedWord, align: u8) -> Result<SignedWord, RelocationError> {
    if value & (SignedWord::from(align) - 1) == 0 {
        Ok(value)
    } else {
        Err(RelocationError::Alignment {
            value: wide_signed(value),
            align,
        })
    }
}

/// A value as a 32-bit field, signed.
fn signed32(value: SignedWord) -> Result<[u8; 4], RelocationError> {
    let narrow = i32::try_from(wide_signed(value)).map_err(|_| RelocationError::Range {
        value: wide_signed(value),
        bits: 32,
    })?;
    Ok(narrow.to_le_bytes())
}

/// A value as a 32-bit field, unsigned.
fn unsigned32(value: Word) -> Result<[u8; 4], RelocationError> {
    let narrow = u32::try_from(wide(value)).map_err(|_| RelocationError::Range {
        value: wide_signed(value.cast_signed()),
        bits: 32,
    })?;
    Ok(narrow.to_le_bytes())
}

/// A value as a 32-bit field, either signed or unsigned: AArch64's data relocations allow both.
fn any32(value: SignedWord) -> Result<[u8; 4], RelocationError> {
    signed32(value).or_else(|_| unsigned32(value.cast_unsigned()))
}

/// The low 32 bits of a value, for fields that hold a part of it.
fn low32(value: SignedWord) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
