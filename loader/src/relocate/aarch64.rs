//! AArch64. <https://github.com/ARM-software/abi-aa/blob/main/aaelf64/aaelf64.rst>, "Relocation".

use super::{
    Kind, RelocationError, Shape, absolute, aligned, any32, field, low32, relative, signed,
    signed32,
};
use crate::word::{SignedWord, Word, wide, wide_signed};
use goblin::elf64::reloc::{
    R_AARCH64_ABS16, R_AARCH64_ABS32, R_AARCH64_ABS64, R_AARCH64_ADD_ABS_LO12_NC,
    R_AARCH64_ADR_GOT_PAGE, R_AARCH64_ADR_PREL_LO21, R_AARCH64_ADR_PREL_PG_HI21,
    R_AARCH64_ADR_PREL_PG_HI21_NC, R_AARCH64_CALL26, R_AARCH64_CONDBR19, R_AARCH64_JUMP26,
    R_AARCH64_LD_PREL_LO19, R_AARCH64_LD64_GOT_LO12_NC, R_AARCH64_LDST8_ABS_LO12_NC,
    R_AARCH64_LDST16_ABS_LO12_NC, R_AARCH64_LDST32_ABS_LO12_NC, R_AARCH64_LDST64_ABS_LO12_NC,
    R_AARCH64_LDST128_ABS_LO12_NC, R_AARCH64_MOVW_SABS_G0, R_AARCH64_MOVW_SABS_G1,
    R_AARCH64_MOVW_SABS_G2, R_AARCH64_MOVW_UABS_G0, R_AARCH64_MOVW_UABS_G0_NC,
    R_AARCH64_MOVW_UABS_G1, R_AARCH64_MOVW_UABS_G1_NC, R_AARCH64_MOVW_UABS_G2,
    R_AARCH64_MOVW_UABS_G2_NC, R_AARCH64_MOVW_UABS_G3, R_AARCH64_NONE, R_AARCH64_PREL16,
    R_AARCH64_PREL32, R_AARCH64_PREL64, R_AARCH64_TSTBR14,
};

/// `PLT32`: 32 bits, program-counter-relative, to a function or a stub. goblin does not name it.
pub const R_AARCH64_PLT32: u32 = 314;

/// `ldr x16, .+8`, `br x16`, the address. The ABI gives x16 to stubs.
pub const STUB_SIZE: u32 = 16;
/// Offset of the address in a stub.
pub const STUB_ADDRESS_OFFSET: u32 = 8;

/// The shape of a relocation type.
pub fn shape(ty: u32) -> Result<Shape, RelocationError> {
    Ok(match ty {
        R_AARCH64_NONE => Shape::new(0, Kind::None),
        R_AARCH64_ABS64 => Shape::new(8, Kind::Pointer),
        R_AARCH64_PREL64 => Shape::new(8, Kind::Value),
        R_AARCH64_ABS16 | R_AARCH64_PREL16 => Shape::new(2, Kind::Value),
        R_AARCH64_CALL26 | R_AARCH64_JUMP26 | R_AARCH64_PLT32 => Shape::new(4, Kind::Call),
        R_AARCH64_ADR_GOT_PAGE | R_AARCH64_LD64_GOT_LO12_NC => Shape::new(4, Kind::Got),
        R_AARCH64_ABS32
        | R_AARCH64_PREL32
        | R_AARCH64_LD_PREL_LO19
        | R_AARCH64_ADR_PREL_LO21
        | R_AARCH64_ADR_PREL_PG_HI21
        | R_AARCH64_ADR_PREL_PG_HI21_NC
        | R_AARCH64_ADD_ABS_LO12_NC
        | R_AARCH64_LDST8_ABS_LO12_NC
        | R_AARCH64_LDST16_ABS_LO12_NC
        | R_AARCH64_LDST32_ABS_LO12_NC
        | R_AARCH64_LDST64_ABS_LO12_NC
        | R_AARCH64_LDST128_ABS_LO12_NC
        | R_AARCH64_TSTBR14
        | R_AARCH64_CONDBR19 => Shape::new(4, Kind::Value),
        R_AARCH64_MOVW_UABS_G0..=R_AARCH64_MOVW_SABS_G2 => Shape::new(4, Kind::Value),
        _ => return Err(RelocationError::Unknown),
    })
}

/// See [`super::call_reach`].
pub fn call_reach(ty: u32) -> Word {
    match ty {
        R_AARCH64_PLT32 => 1 << 31,
        _ => 1 << 27,
    }
}

/// The name of a relocation type, also of one that is not done.
pub fn type_name(ty: u32) -> Option<&'static str> {
    use goblin::elf64::reloc::*;
    super::names!(ty: R_AARCH64_NONE R_AARCH64_ABS64 R_AARCH64_ABS32 R_AARCH64_ABS16 R_AARCH64_PREL64 R_AARCH64_PREL32 R_AARCH64_PREL16 R_AARCH64_MOVW_UABS_G0 R_AARCH64_MOVW_UABS_G0_NC R_AARCH64_MOVW_UABS_G1 R_AARCH64_MOVW_UABS_G1_NC R_AARCH64_MOVW_UABS_G2 R_AARCH64_MOVW_UABS_G2_NC R_AARCH64_MOVW_UABS_G3 R_AARCH64_MOVW_SABS_G0 R_AARCH64_MOVW_SABS_G1 R_AARCH64_MOVW_SABS_G2 R_AARCH64_LD_PREL_LO19 R_AARCH64_ADR_PREL_LO21 R_AARCH64_ADR_PREL_PG_HI21 R_AARCH64_ADR_PREL_PG_HI21_NC R_AARCH64_ADD_ABS_LO12_NC R_AARCH64_LDST8_ABS_LO12_NC R_AARCH64_TSTBR14 R_AARCH64_CONDBR19 R_AARCH64_JUMP26 R_AARCH64_CALL26 R_AARCH64_LDST16_ABS_LO12_NC R_AARCH64_LDST32_ABS_LO12_NC R_AARCH64_LDST64_ABS_LO12_NC R_AARCH64_MOVW_PREL_G0 R_AARCH64_MOVW_PREL_G0_NC R_AARCH64_MOVW_PREL_G1 R_AARCH64_MOVW_PREL_G1_NC R_AARCH64_MOVW_PREL_G2 R_AARCH64_MOVW_PREL_G2_NC R_AARCH64_MOVW_PREL_G3 R_AARCH64_LDST128_ABS_LO12_NC R_AARCH64_MOVW_GOTOFF_G0 R_AARCH64_MOVW_GOTOFF_G0_NC R_AARCH64_MOVW_GOTOFF_G1 R_AARCH64_MOVW_GOTOFF_G1_NC R_AARCH64_MOVW_GOTOFF_G2 R_AARCH64_MOVW_GOTOFF_G2_NC R_AARCH64_MOVW_GOTOFF_G3 R_AARCH64_GOTREL64 R_AARCH64_GOTREL32 R_AARCH64_GOT_LD_PREL19 R_AARCH64_LD64_GOTOFF_LO15 R_AARCH64_ADR_GOT_PAGE R_AARCH64_LD64_GOT_LO12_NC R_AARCH64_LD64_GOTPAGE_LO15 R_AARCH64_PLT32)
}

/// See [`super::apply`].
pub fn apply(
    ty: u32,
    bytes: &mut [u8],
    place: Word,
    symbol: Word,
    addend: SignedWord,
) -> Result<(), RelocationError> {
    let target = absolute(symbol, addend);
    let offset = relative(place, symbol, addend);
    match ty {
        R_AARCH64_NONE => {}
        R_AARCH64_ABS64 => *field(bytes)? = wide(target).to_le_bytes(),
        R_AARCH64_PREL64 => *field(bytes)? = wide_signed(offset).to_le_bytes(),
        R_AARCH64_ABS32 => *field(bytes)? = any32(target.cast_signed())?,
        R_AARCH64_PREL32 => *field(bytes)? = any32(offset)?,
        R_AARCH64_PLT32 => *field(bytes)? = signed32(offset)?,
        R_AARCH64_ABS16 => *field(bytes)? = any16(target.cast_signed())?,
        R_AARCH64_PREL16 => *field(bytes)? = any16(offset)?,
        _ => {
            let instruction = field::<4>(bytes)?;
            let word = u32::from_le_bytes(*instruction);
            *instruction = patch(ty, word, place, target, offset)?.to_le_bytes();
        }
    }
    Ok(())
}

/// The relocated instruction.
fn patch(
    ty: u32,
    word: u32,
    place: Word,
    target: Word,
    offset: SignedWord,
) -> Result<u32, RelocationError> {
    let branch = |bits, shift, width| -> Result<u32, RelocationError> {
        let value = signed(aligned(offset, 4)?, bits)?;
        Ok(insert(word, low32(value >> 2), shift, width))
    };
    let load = |scale: u8| -> Result<u32, RelocationError> {
        let low = (target & 0xfff).cast_signed();
        aligned(low, 1 << scale)?;
        let low = low32(low);
        Ok(insert(word, low >> scale, 10, 12))
    };
    Ok(match ty {
        R_AARCH64_CALL26 | R_AARCH64_JUMP26 => branch(28, 0, 26)?,
        R_AARCH64_CONDBR19 | R_AARCH64_LD_PREL_LO19 => branch(21, 5, 19)?,
        R_AARCH64_TSTBR14 => branch(16, 5, 14)?,
        R_AARCH64_ADR_PREL_LO21 => adr(word, signed(offset, 21)?),
        R_AARCH64_ADR_PREL_PG_HI21 | R_AARCH64_ADR_GOT_PAGE => {
            adr(word, signed(pages(place, target), 33)? >> 12)
        }
        R_AARCH64_ADR_PREL_PG_HI21_NC => adr(word, pages(place, target) >> 12),
        R_AARCH64_ADD_ABS_LO12_NC | R_AARCH64_LDST8_ABS_LO12_NC => load(0)?,
        R_AARCH64_LDST16_ABS_LO12_NC => load(1)?,
        R_AARCH64_LDST32_ABS_LO12_NC => load(2)?,
        R_AARCH64_LDST64_ABS_LO12_NC | R_AARCH64_LD64_GOT_LO12_NC => load(3)?,
        R_AARCH64_LDST128_ABS_LO12_NC => load(4)?,
        R_AARCH64_MOVW_UABS_G0 => group(word, target, 0, true)?,
        R_AARCH64_MOVW_UABS_G0_NC => group(word, target, 0, false)?,
        R_AARCH64_MOVW_UABS_G1 => group(word, target, 1, true)?,
        R_AARCH64_MOVW_UABS_G1_NC => group(word, target, 1, false)?,
        R_AARCH64_MOVW_UABS_G2 => group(word, target, 2, true)?,
        R_AARCH64_MOVW_UABS_G2_NC => group(word, target, 2, false)?,
        R_AARCH64_MOVW_UABS_G3 => group(word, target, 3, false)?,
        R_AARCH64_MOVW_SABS_G0 => signed_group(word, target, 0)?,
        R_AARCH64_MOVW_SABS_G1 => signed_group(word, target, 1)?,
        R_AARCH64_MOVW_SABS_G2 => signed_group(word, target, 2)?,
        _ => return Err(RelocationError::Unknown),
    })
}

/// Replaces `width` bits of an instruction from bit `shift` on by the low bits of `value`.
fn insert(word: u32, value: u32, shift: u32, width: u32) -> u32 {
    let mask = ((1 << width) - 1) << shift;
    (word & !mask) | ((value << shift) & mask)
}

/// `adr` and `adrp`: the lowest two bits of the immediate stand apart.
fn adr(word: u32, value: SignedWord) -> u32 {
    let value = low32(value);
    insert(insert(word, value, 29, 2), value >> 2, 5, 19)
}

/// Distance of the 4 KiB pages of two addresses, in bytes.
fn pages(place: Word, target: Word) -> SignedWord {
    (target & !0xfff).wrapping_sub(place & !0xfff).cast_signed()
}

/// 16 bits of an address in a `movz` or `movk`; `check` that no higher bits are set.
fn group(word: u32, target: Word, group: u8, check: bool) -> Result<u32, RelocationError> {
    let shift = 16 * u32::from(group);
    let value = target >> shift;
    if check && value >> 16 != 0 {
        return Err(RelocationError::Range {
            value: wide_signed(target.cast_signed()),
            bits: 16 * (group + 1),
        });
    }
    Ok(insert(word, low32(value.cast_signed()), 5, 16))
}

/// 16 bits of a signed value: becomes a `movn` if the value is negative, else a `movz`.
fn signed_group(word: u32, target: Word, group: u8) -> Result<u32, RelocationError> {
    const MOVZ: u32 = 1 << 30;
    let value = signed(target.cast_signed(), 16 * (group + 1) + 1)?;
    let (word, value) = if value < 0 {
        (word & !MOVZ, !value)
    } else {
        (word | MOVZ, value)
    };
    let shift = 16 * u32::from(group);
    Ok(insert(word, low32(value >> shift), 5, 16))
}

fn any16(value: SignedWord) -> Result<[u8; 2], RelocationError> {
    let range = RelocationError::Range {
        value: wide_signed(value),
        bits: 16,
    };
    match (i16::try_from(value), u16::try_from(value)) {
        (Ok(value), _) => Ok(value.to_le_bytes()),
        (_, Ok(value)) => Ok(value.to_le_bytes()),
        _ => Err(range),
    }
}

/// See [`super::write_stub`].
pub fn write_stub(stub: &mut [u8], target: Word) -> Result<(), RelocationError> {
    const LDR_X16_8: u32 = 0x5800_0050;
    const BR_X16: u32 = 0xd61f_0200;
    match stub.as_chunks_mut::<4>().0 {
        [load, jump, low, high, ..] => {
            *load = LDR_X16_8.to_le_bytes();
            *jump = BR_X16.to_le_bytes();
            let [a, b, c, d, e, f, g, h] = wide(target).to_le_bytes();
            *low = [a, b, c, d];
            *high = [e, f, g, h];
            Ok(())
        }
        _ => Err(RelocationError::Place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: u64 = 0x5555_0000_1ffc;
    const BL: u32 = 0x9400_0000;
    const ADRP_X0: u32 = 0x9000_0000;
    const ADD_X0: u32 = 0x9100_0000;
    const LDR_X0: u32 = 0xf940_0000;
    const MOVZ_X0: u32 = 0xd280_0000;

    fn relocated(ty: u32, word: u32, symbol: u64, addend: i64) -> Result<u32, RelocationError> {
        let mut bytes = word.to_le_bytes();
        apply(ty, &mut bytes, PLACE, symbol, addend).map(|()| u32::from_le_bytes(bytes))
    }

    #[test]
    fn instructions_hold_what_the_abi_says() {
        let target = 0x5555_0012_3458;
        let cases: &[(u32, u32, u64, i64, u32)] = &[
            (R_AARCH64_CALL26, BL, PLACE + 0x100, 0, BL | 0x40),
            (R_AARCH64_JUMP26, 0x1400_0000, PLACE, -4, 0x17ff_ffff),
            // The page of the place is 0x…1000.
            (
                R_AARCH64_ADR_PREL_PG_HI21,
                ADRP_X0,
                target,
                0,
                ADRP_X0 | 0x122 >> 2 << 5 | 2 << 29,
            ),
            (
                R_AARCH64_ADD_ABS_LO12_NC,
                ADD_X0,
                target,
                0,
                ADD_X0 | 0x458 << 10,
            ),
            (
                R_AARCH64_LDST64_ABS_LO12_NC,
                LDR_X0,
                target,
                0,
                LDR_X0 | (0x458 >> 3) << 10,
            ),
            (
                R_AARCH64_LDST32_ABS_LO12_NC,
                0xb940_0000,
                target,
                4,
                0xb940_0000 | (0x45c >> 2) << 10,
            ),
            (
                R_AARCH64_LDST128_ABS_LO12_NC,
                0x3dc0_0000,
                target,
                8,
                0x3dc0_0000 | (0x460 >> 4) << 10,
            ),
            (
                R_AARCH64_LDST8_ABS_LO12_NC,
                0x3940_0000,
                target,
                1,
                0x3940_0000 | 0x459 << 10,
            ),
            (
                R_AARCH64_LDST16_ABS_LO12_NC,
                0x7940_0000,
                target,
                2,
                0x7940_0000 | (0x45a >> 1) << 10,
            ),
            (
                R_AARCH64_CONDBR19,
                0x5400_0000,
                PLACE + 8,
                0,
                0x5400_0000 | 2 << 5,
            ),
            (
                R_AARCH64_TSTBR14,
                0x3600_0000,
                PLACE - 4,
                0,
                0x3600_0000 | 0x3fff << 5,
            ),
            (
                R_AARCH64_ADR_PREL_LO21,
                0x1000_0000,
                PLACE + 7,
                0,
                0x1000_0000 | 3 << 29 | 1 << 5,
            ),
            (
                R_AARCH64_MOVW_UABS_G0_NC,
                MOVZ_X0,
                target,
                0,
                MOVZ_X0 | 0x3458 << 5,
            ),
            (
                R_AARCH64_MOVW_UABS_G1_NC,
                MOVZ_X0,
                target,
                0,
                MOVZ_X0 | 0x12 << 5,
            ),
            (
                R_AARCH64_MOVW_UABS_G2,
                MOVZ_X0,
                target,
                0,
                MOVZ_X0 | 0x5555 << 5,
            ),
            (R_AARCH64_MOVW_UABS_G3, MOVZ_X0, target, 0, MOVZ_X0),
            (R_AARCH64_MOVW_SABS_G0, MOVZ_X0, 0, -2, 0x9280_0000 | 1 << 5),
            (R_AARCH64_MOVW_SABS_G0, 0x9280_0000, 7, 0, MOVZ_X0 | 7 << 5),
            (R_AARCH64_PREL32, 0, PLACE, -8, 0xffff_fff8),
            (R_AARCH64_ABS32, 0, 0xffff_fff8, 0, 0xffff_fff8),
        ];
        for (ty, word, symbol, addend, expected) in cases {
            let result = relocated(*ty, *word, *symbol, *addend);
            assert_eq!(result, Ok(*expected), "type {ty}: {result:x?} {expected:x}");
        }
    }

    #[test]
    fn old_immediates_are_replaced() {
        let result = relocated(R_AARCH64_CALL26, BL | 0x3ff_ffff, PLACE + 4, 0);
        assert_eq!(result, Ok(BL | 1));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let cases: &[(u32, u64, u8)] = &[
            (R_AARCH64_CALL26, PLACE + (1 << 27), 28),
            (R_AARCH64_JUMP26, PLACE - (1 << 27) - 4, 28),
            (R_AARCH64_CONDBR19, PLACE + (1 << 20), 21),
            (R_AARCH64_TSTBR14, PLACE + (1 << 15), 16),
            (R_AARCH64_ADR_PREL_LO21, PLACE + (1 << 20), 21),
            (R_AARCH64_ADR_PREL_PG_HI21, PLACE + (1 << 32), 33),
            (R_AARCH64_MOVW_UABS_G0, 0x1_0000, 16),
            (R_AARCH64_MOVW_UABS_G1, 0x1_0000_0000, 32),
            (R_AARCH64_MOVW_SABS_G0, 0x1_0000, 17),
            (R_AARCH64_ABS32, 0x1_0000_0000, 32),
            (R_AARCH64_ABS16, 0x1_0000, 16),
        ];
        for (ty, symbol, bits) in cases {
            match relocated(*ty, 0, *symbol, 0) {
                Err(RelocationError::Range { bits: found, .. }) => assert_eq!(found, *bits),
                other => panic!("type {ty}: {other:?}"),
            }
        }
        assert!(relocated(R_AARCH64_CALL26, BL, PLACE + (1 << 27) - 4, 0).is_ok());
        assert!(relocated(R_AARCH64_CALL26, BL, PLACE - (1 << 27), 0).is_ok());
    }

    #[test]
    fn misaligned_targets_are_refused() {
        let cases = [
            (R_AARCH64_CALL26, PLACE + 2, 4),
            (R_AARCH64_LDST64_ABS_LO12_NC, 0x1004, 8),
            (R_AARCH64_LDST128_ABS_LO12_NC, 0x1008, 16),
        ];
        for (ty, symbol, align) in cases {
            match relocated(ty, 0, symbol, 0) {
                Err(RelocationError::Alignment { align: found, .. }) => assert_eq!(found, align),
                other => panic!("type {ty}: {other:?}"),
            }
        }
    }
}
