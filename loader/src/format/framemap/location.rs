//! Where a value is.
//!
//! | byte | location |
//! |---|---|
//! | `0x00`–`0x9f` | memory at the stack pointer + 8 × the byte |
//! | `0xa0`–`0xbf` | register 0–31 |
//! | `0xc0` | u8 register, SLEB offset: memory |
//! | `0xc1` | u8 register: register |
//! | `0xc2` | SLEB: constant |
//! | `0xc3` | not available |
//! | `0xc6` | SLEB offset: memory at the stack pointer + the offset |
//! | `0xc8`–`0xff` | constant −8–47 |

use crate::error::{Refused, TableError};
use crate::format::wire::Reader;

/// Where the value of a slot is. A value that is narrower than 8 bytes is in the low ones; those
/// above it mean nothing.
///
/// Registers have DWARF numbers. Their values are those of the frame just after the call has returned;
/// so a register is one that the callee preserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// It is this.
    Constant(i64),
    /// In a register.
    Register(u8),
    /// In memory.
    Memory {
        /// The register that the offset counts from.
        register: u8,
        /// In bytes.
        offset: i32,
    },
    /// It is lost.
    Unavailable,
}

const WHAT: &str = "a location";
pub(super) const SHORT_STACK: u8 = 0xa0;
#[cfg(any(feature = "write", test))]
pub(super) const SHORT_REGISTERS: u8 = 0x20;
pub(super) const MEMORY: u8 = 0xc0;
pub(super) const REGISTER: u8 = 0xc1;
pub(super) const CONSTANT: u8 = 0xc2;
pub(super) const UNAVAILABLE: u8 = 0xc3;
/// In place of a frame's first location: all values are in memory.
pub(super) const HOME: u8 = 0xc4;
/// In place of a frame's first location: no values.
pub(super) const NO_VALUES: u8 = 0xc5;
pub(super) const STACK: u8 = 0xc6;
/// The first byte of short constants, and its constant.
pub(super) const SHORT_CONSTANT: (u8, i64) = (0xc8, -8);

pub(super) fn memory_offset(reader: &mut Reader<'_>) -> Result<i32, Refused> {
    let start = reader.offset();
    let offset = reader.sleb(32, WHAT)?;
    i32::try_from(offset).map_err(|_| reader.fail_at(start, TableError::Leb128 { what: WHAT }))
}

/// Reads a location.
pub(super) fn read(reader: &mut Reader<'_>, stack_pointer: u8) -> Result<Location, Refused> {
    let start = reader.offset();
    Ok(match reader.u8(WHAT)? {
        byte @ 0..SHORT_STACK => Location::Memory {
            register: stack_pointer,
            offset: i32::from(byte).saturating_mul(8),
        },
        byte @ SHORT_STACK..MEMORY => Location::Register(byte.saturating_sub(SHORT_STACK)),
        MEMORY => Location::Memory {
            register: reader.u8(WHAT)?,
            offset: memory_offset(reader)?,
        },
        REGISTER => Location::Register(reader.u8(WHAT)?),
        CONSTANT => Location::Constant(reader.sleb(64, WHAT)?),
        UNAVAILABLE => Location::Unavailable,
        STACK => Location::Memory {
            register: stack_pointer,
            offset: memory_offset(reader)?,
        },
        byte if byte >= SHORT_CONSTANT.0 => Location::Constant(
            i64::from(byte.saturating_sub(SHORT_CONSTANT.0)).saturating_add(SHORT_CONSTANT.1),
        ),
        found => return Err(reader.fail_at(start, TableError::Byte { what: WHAT, found })),
    })
}

/// Appends a location.
#[cfg(any(feature = "write", test))]
pub(super) fn write(out: &mut alloc::vec::Vec<u8>, location: Location, stack_pointer: u8) {
    use crate::format::wire::write::sleb;
    match location {
        Location::Memory { register, offset } if register == stack_pointer => {
            match u8::try_from(offset / 8) {
                Ok(slot) if offset % 8 == 0 && slot < SHORT_STACK => out.push(slot),
                _ => {
                    out.push(STACK);
                    sleb(out, offset.into());
                }
            }
        }
        Location::Memory { register, offset } => {
            out.extend([MEMORY, register]);
            sleb(out, offset.into());
        }
        Location::Register(register) if register < SHORT_REGISTERS => {
            out.push(SHORT_STACK + register);
        }
        Location::Register(register) => out.extend([REGISTER, register]),
        Location::Constant(value) => {
            let short = value
                .checked_sub(SHORT_CONSTANT.1)
                .and_then(|value| u8::try_from(value).ok())
                .and_then(|value| value.checked_add(SHORT_CONSTANT.0));
            match short {
                Some(byte) => out.push(byte),
                None => {
                    out.push(CONSTANT);
                    sleb(out, value);
                }
            }
        }
        Location::Unavailable => out.push(UNAVAILABLE),
    }
}
