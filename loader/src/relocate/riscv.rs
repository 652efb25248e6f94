//! RISC-V, 32 and 64 bits.
//! <https://github.com/riscv-non-isa/riscv-elf-psabi-doc/blob/master/riscv-elf.adoc>,
//! "Relocations".
//!
//! Linker relaxation is refused, since it moves code. The differences that LLVM writes as `ADD` and
//! `SUB` pairs in jump tables are done: without relaxation each is plain arithmetic.

use super::{
    Kind, RelocationError, Shape, absolute, aligned, any32, low32, relative, signed, signed32,
};
use crate::layout::PointerWidth;
use crate::word::{SignedWord, Word, wide, wide_signed};
use goblin::elf64::reloc::{
    R_RISCV_32, R_RISCV_32_PCREL, R_RISCV_64, R_RISCV_ADD8, R_RISCV_ADD16, R_RISCV_ADD32,
    R_RISCV_ADD64, R_RISCV_ALIGN, R_RISCV_BRANCH, R_RISCV_CALL, R_RISCV_CALL_PLT, R_RISCV_GOT_HI20,
    R_RISCV_HI20, R_RISCV_JAL, R_RISCV_LO12_I, R_RISCV_LO12_S, R_RISCV_NONE, R_RISCV_PCREL_HI20,
    R_RISCV_PCREL_LO12_I, R_RISCV_PCREL_LO12_S, R_RISCV_PLT32, R_RISCV_RELAX, R_RISCV_RVC_BRANCH,
    R_RISCV_RVC_JUMP, R_RISCV_SET6, R_RISCV_SET8, R_RISCV_SET16, R_RISCV_SET32, R_RISCV_SUB6,
    R_RISCV_SUB8, R_RISCV_SUB16, R_RISCV_SUB32, R_RISCV_SUB64,
};

/// `auipc t3, 0`, `ld t3, 16(t3)`, `jr t3`, `nop`, the address. (`lw` and a 4-byte address on 32
/// bits.) Procedure linkage tables may change t3 too, so that no caller keeps anything there.
pub const STUB_SIZE: u32 = 24;
/// Offset of the address in a stub.
pub const STUB_ADDRESS_OFFSET: u32 = 16;

/// Is it the high part of a program-counter-relative address, which a low part can refer to?
pub fn is_high_part(ty: u32) -> bool {
    matches!(ty, R_RISCV_PCREL_HI20 | R_RISCV_GOT_HI20)
}

/// The shape of a relocation type.
pub fn shape(ty: u32, width: PointerWidth) -> Result<Shape, RelocationError> {
    let eight = matches!(width, PointerWidth::Eight);
    Ok(match ty {
        R_RISCV_NONE => Shape::new(0, Kind::None),
        R_RISCV_32 if eight => Shape::new(4, Kind::Value),
        R_RISCV_32 => Shape::new(4, Kind::Pointer),
        R_RISCV_64 if eight => Shape::new(8, Kind::Pointer),
        R_RISCV_CALL | R_RISCV_CALL_PLT => Shape::new(8, Kind::Call),
        R_RISCV_PLT32 | R_RISCV_JAL => Shape::new(4, Kind::Call),
        R_RISCV_GOT_HI20 => Shape::new(4, Kind::Got),
        R_RISCV_PCREL_LO12_I | R_RISCV_PCREL_LO12_S => Shape::new(4, Kind::PcrelLow),
        R_RISCV_PCREL_HI20 | R_RISCV_HI20 | R_RISCV_LO12_I | R_RISCV_LO12_S | R_RISCV_BRANCH
        | R_RISCV_32_PCREL | R_RISCV_ADD32 | R_RISCV_SUB32 | R_RISCV_SET32 => {
            Shape::new(4, Kind::Value)
        }
        R_RISCV_RVC_BRANCH | R_RISCV_RVC_JUMP | R_RISCV_ADD16 | R_RISCV_SUB16 | R_RISCV_SET16 => {
            Shape::new(2, Kind::Value)
        }
        R_RISCV_ADD8 | R_RISCV_SUB8 | R_RISCV_SUB6 | R_RISCV_SET6 | R_RISCV_SET8 => {
            Shape::new(1, Kind::Value)
        }
        R_RISCV_ADD64 | R_RISCV_SUB64 => Shape::new(8, Kind::Value),
        R_RISCV_RELAX | R_RISCV_ALIGN => return Err(RelocationError::Relaxation),
        _ => return Err(RelocationError::Unknown),
    })
}

/// See [`super::call_reach`]. A pair of instructions reaches less far forwards, because its low part is signed.
pub fn call_reach(ty: u32) -> Word {
    match ty {
        R_RISCV_JAL => 1 << 20,
        _ => (1 << 31) - (1 << 11),
    }
}

/// The name of a relocation type, also of one that is not done.
pub fn type_name(ty: u32) -> Option<&'static str> {
    use goblin::elf64::reloc::*;
    super::names!(ty: R_RISCV_NONE R_RISCV_32 R_RISCV_64 R_RISCV_RELATIVE R_RISCV_COPY R_RISCV_JUMP_SLOT R_RISCV_TLS_DTPMOD32 R_RISCV_TLS_DTPMOD64 R_RISCV_TLS_DTPREL32 R_RISCV_TLS_DTPREL64 R_RISCV_TLS_TPREL32 R_RISCV_TLS_TPREL64 R_RISCV_BRANCH R_RISCV_JAL R_RISCV_CALL R_RISCV_CALL_PLT R_RISCV_GOT_HI20 R_RISCV_TLS_GOT_HI20 R_RISCV_TLS_GD_HI20 R_RISCV_PCREL_HI20 R_RISCV_PCREL_LO12_I R_RISCV_PCREL_LO12_S R_RISCV_HI20 R_RISCV_LO12_I R_RISCV_LO12_S R_RISCV_TPREL_HI20 R_RISCV_TPREL_LO12_I R_RISCV_TPREL_LO12_S R_RISCV_TPREL_ADD R_RISCV_ADD8 R_RISCV_ADD16 R_RISCV_ADD32 R_RISCV_ADD64 R_RISCV_SUB8 R_RISCV_SUB16 R_RISCV_SUB32 R_RISCV_SUB64 R_RISCV_GNU_VTINHERIT R_RISCV_GNU_VTENTRY R_RISCV_ALIGN R_RISCV_RVC_BRANCH R_RISCV_RVC_JUMP R_RISCV_RVC_LUI R_RISCV_GPREL_I R_RISCV_GPREL_S R_RISCV_TPREL_I R_RISCV_TPREL_S R_RISCV_RELAX R_RISCV_SUB6 R_RISCV_SET6 R_RISCV_SET8 R_RISCV_SET16 R_RISCV_SET32 R_RISCV_32_PCREL R_RISCV_IRELATIVE R_RISCV_PLT32 R_RISCV_SET_ULEB128 R_RISCV_SUB_ULEB128 R_RISCV_TLSDESC_HI20 R_RISCV_TLSDESC_LOAD_LO12 R_RISCV_TLSDESC_ADD_LO12 R_RISCV_TLSDESC_CALL)
}

/// See [`super::apply`].
pub fn apply(
    width: PointerWidth,
    ty: u32,
    bytes: &mut [u8],
    place: Word,
    symbol: Word,
    addend: SignedWord,
) -> Result<(), RelocationError> {
    // On 32 bits addresses wrap around at 2³².
    let wrap = |value: SignedWord| match width {
        PointerWidth::Four => SignedWord::from(low32(value).cast_signed()),
        PointerWidth::Eight => value,
    };
    let target = wrap(absolute(symbol, addend).cast_signed());
    let offset = wrap(relative(place, symbol, addend));
    let size = shape(ty, width)?.size.into();
    let field = bytes.get_mut(..size).ok_or(RelocationError::Place)?;
    // All fields are read and written here, in one place.
    let mut old = [0; 8];
    for (to, from) in old.iter_mut().zip(field.iter()) {
        *to = *from;
    }
    let [a, b, c, d, e, f, g, h] = old;
    let word = u32::from_le_bytes([a, b, c, d]);
    let half = u16::from_le_bytes([a, b]);
    let new: u64 = match ty {
        R_RISCV_32 => u32::from_le_bytes(any32(target)?).into(),
        R_RISCV_32_PCREL | R_RISCV_PLT32 => u32::from_le_bytes(signed32(offset)?).into(),
        R_RISCV_CALL | R_RISCV_CALL_PLT => {
            let second = u32::from_le_bytes([e, f, g, h]);
            let high = upper(word, offset, width)?;
            u64::from(high) | u64::from(lower_i(second, offset)) << 32
        }
        R_RISCV_PCREL_HI20 | R_RISCV_GOT_HI20 => upper(word, offset, width)?.into(),
        R_RISCV_PCREL_LO12_I => lower_i(word, offset).into(),
        R_RISCV_PCREL_LO12_S => lower_s(word, offset).into(),
        R_RISCV_HI20 => upper(word, target, width)?.into(),
        R_RISCV_LO12_I => lower_i(word, target).into(),
        R_RISCV_LO12_S => lower_s(word, target).into(),
        R_RISCV_BRANCH => branch(word, offset)?.into(),
        R_RISCV_JAL => jump(word, offset)?.into(),
        R_RISCV_RVC_BRANCH => compressed_branch(half, offset)?.into(),
        R_RISCV_RVC_JUMP => compressed_jump(half, offset)?.into(),
        _ => arithmetic(
            ty,
            u64::from_le_bytes(old),
            wide_signed(target).cast_unsigned(),
        ),
    };
    for (to, from) in field.iter_mut().zip(new.to_le_bytes()) {
        *to = from;
    }
    Ok(())
}

/// `ADD`, `SUB` and `SET`, or the target itself; modulo the field's size.
fn arithmetic(ty: u32, old: u64, target: u64) -> u64 {
    match ty {
        R_RISCV_ADD8 | R_RISCV_ADD16 | R_RISCV_ADD32 | R_RISCV_ADD64 => old.wrapping_add(target),
        R_RISCV_SUB8 | R_RISCV_SUB16 | R_RISCV_SUB32 | R_RISCV_SUB64 => old.wrapping_sub(target),
        R_RISCV_SUB6 => (old & !0x3f) | (old.wrapping_sub(target) & 0x3f),
        R_RISCV_SET6 => (old & !0x3f) | (target & 0x3f),
        // `SET` and pointers; what else there is has no shape.
        _ => target,
    }
}

/// Bits `from` and up of a value, `count` of them, moved to bit `to` of an instruction.
const fn bits(value: u32, from: u32, count: u32, to: u32) -> u32 {
    ((value >> from) & ((1 << count) - 1)) << to
}

/// U-type: the upper 20 bits, rounded so that the signed lower 12 lead to the value.
fn upper(word: u32, value: SignedWord, width: PointerWidth) -> Result<u32, RelocationError> {
    let rounded = value.wrapping_add(0x800);
    if matches!(width, PointerWidth::Eight) && signed(rounded, 32).is_err() {
        return Err(RelocationError::Range {
            value: wide_signed(value),
            bits: 32,
        });
    }
    Ok((word & 0xfff) | (low32(rounded) & 0xffff_f000))
}

/// I-type: the lower 12 bits.
fn lower_i(word: u32, value: SignedWord) -> u32 {
    (word & 0xf_ffff) | bits(low32(value), 0, 12, 20)
}

/// S-type: the lower 12 bits, in two places.
fn lower_s(word: u32, value: SignedWord) -> u32 {
    let value = low32(value);
    (word & 0x1ff_f07f) | bits(value, 5, 7, 25) | bits(value, 0, 5, 7)
}

/// B-type: a conditional branch within ±4 KiB.
fn branch(word: u32, offset: SignedWord) -> Result<u32, RelocationError> {
    let value = low32(signed(aligned(offset, 2)?, 13)?);
    Ok((word & 0x1ff_f07f)
        | bits(value, 12, 1, 31)
        | bits(value, 5, 6, 25)
        | bits(value, 1, 4, 8)
        | bits(value, 11, 1, 7))
}

/// J-type: a jump within ±1 MiB.
fn jump(word: u32, offset: SignedWord) -> Result<u32, RelocationError> {
    let value = low32(signed(aligned(offset, 2)?, 21)?);
    Ok((word & 0xfff)
        | bits(value, 20, 1, 31)
        | bits(value, 1, 10, 21)
        | bits(value, 11, 1, 20)
        | bits(value, 12, 8, 12))
}

fn low16(value: u32) -> u16 {
    let [a, b, ..] = value.to_le_bytes();
    u16::from_le_bytes([a, b])
}

/// CB-type: a compressed branch within ±256 bytes.
fn compressed_branch(half: u16, offset: SignedWord) -> Result<u16, RelocationError> {
    let value = low32(signed(aligned(offset, 2)?, 9)?);
    let immediate = bits(value, 8, 1, 12)
        | bits(value, 3, 2, 10)
        | bits(value, 6, 2, 5)
        | bits(value, 1, 2, 3)
        | bits(value, 5, 1, 2);
    Ok((half & 0xe383) | low16(immediate))
}

/// CJ-type: a compressed jump within ±2 KiB.
fn compressed_jump(half: u16, offset: SignedWord) -> Result<u16, RelocationError> {
    let value = low32(signed(aligned(offset, 2)?, 12)?);
    let immediate = bits(value, 11, 1, 12)
        | bits(value, 4, 1, 11)
        | bits(value, 8, 2, 9)
        | bits(value, 10, 1, 8)
        | bits(value, 6, 1, 7)
        | bits(value, 7, 1, 6)
        | bits(value, 1, 3, 3)
        | bits(value, 5, 1, 2);
    Ok((half & 0xe003) | low16(immediate))
}

/// See [`super::write_stub`].
pub fn write_stub(
    width: PointerWidth,
    stub: &mut [u8],
    target: Word,
) -> Result<(), RelocationError> {
    const AUIPC_T3: u32 = 0x0000_0e17;
    const LD_T3_16: u32 = 0x010e_3e03;
    const LW_T3_16: u32 = 0x010e_2e03;
    const JR_T3: u32 = 0x000e_0067;
    const NOP: u32 = 0x0000_0013;
    let load = match width {
        PointerWidth::Four => LW_T3_16,
        PointerWidth::Eight => LD_T3_16,
    };
    match stub.as_chunks_mut::<4>().0 {
        [first, second, third, fourth, low, high, ..] => {
            *first = AUIPC_T3.to_le_bytes();
            *second = load.to_le_bytes();
            *third = JR_T3.to_le_bytes();
            *fourth = NOP.to_le_bytes();
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
    use PointerWidth::{Eight, Four};

    const PLACE: u64 = 0x5555_0000_1000;
    const AUIPC_A0: u32 = 0x0000_0517;
    const ADDI_A0: u32 = 0x0005_0513;
    const SW_A1_A0: u32 = 0x00b5_2023;

    fn relocated(
        width: PointerWidth,
        ty: u32,
        word: u32,
        symbol: u64,
    ) -> Result<u32, RelocationError> {
        let mut bytes = word.to_le_bytes();
        apply(width, ty, &mut bytes, PLACE, symbol, 0).map(|()| u32::from_le_bytes(bytes))
    }

    /// Expected words come from an assembler.
    #[test]
    fn instructions_hold_what_the_abi_says() {
        let cases: &[(u32, u32, u64, u32)] = &[
            (
                R_RISCV_PCREL_HI20,
                AUIPC_A0,
                PLACE + 0x1234_5678,
                0x1234_5517,
            ),
            (
                R_RISCV_PCREL_HI20,
                AUIPC_A0,
                PLACE + 0x1234_5fff,
                0x1234_6517,
            ),
            (
                R_RISCV_PCREL_LO12_I,
                ADDI_A0,
                PLACE + 0x1234_5678,
                0x6785_0513,
            ),
            (
                R_RISCV_PCREL_LO12_I,
                ADDI_A0,
                PLACE + 0x1234_5fff,
                0xfff5_0513,
            ),
            (
                R_RISCV_PCREL_LO12_S,
                SW_A1_A0,
                PLACE + 0x1234_5678,
                0x66b5_2c23,
            ),
            (R_RISCV_HI20, 0x0000_0537, 0x1234_5678, 0x1234_5537),
            (R_RISCV_LO12_I, ADDI_A0, 0x1234_5678, 0x6785_0513),
            (R_RISCV_LO12_S, SW_A1_A0, 0x1234_5678, 0x66b5_2c23),
            // beq a0, a1, .+2062 and .-4096
            (R_RISCV_BRANCH, 0x00b5_0063, PLACE + 2062, 0x00b5_07e3),
            (R_RISCV_BRANCH, 0x00b5_0063, PLACE - 4096, 0x80b5_0063),
            // jal ra, .+0x12346 and .-2
            (R_RISCV_JAL, 0x0000_00ef, PLACE + 0x1_2346, 0x3461_20ef),
            (R_RISCV_JAL, 0x0000_00ef, PLACE - 2, 0xffff_f0ef),
            (R_RISCV_32_PCREL, 0, PLACE - 8, 0xffff_fff8),
            (R_RISCV_PLT32, 0, PLACE + 8, 8),
            (R_RISCV_32, 0, 0xffff_fff8, 0xffff_fff8),
            (R_RISCV_ADD32, 5, 7, 12),
            (R_RISCV_SUB32, 5, 7, 0xffff_fffe),
            (R_RISCV_SET32, 5, 7, 7),
            (R_RISCV_ADD8, 0xff, 3, 2),
            (R_RISCV_SUB16, 0, 1, 0xffff),
            (R_RISCV_SET6, 0xc1, 0x3f, 0xff),
            (R_RISCV_SUB6, 0xc1, 2, 0xff),
        ];
        for (ty, word, symbol, expected) in cases {
            let result = relocated(Eight, *ty, *word, *symbol);
            assert_eq!(result, Ok(*expected), "type {ty}: {result:x?} {expected:x}");
        }
    }

    #[test]
    fn compressed_branches_hold_what_the_abi_says() {
        // c.beqz a0, .+0x56; c.beqz a0, .-256; c.j .+0x5ac; c.j .-2048
        let cases: &[(u32, u16, u64, u16)] = &[
            (R_RISCV_RVC_BRANCH, 0xc101, PLACE + 0x56, 0xc939),
            (R_RISCV_RVC_BRANCH, 0xc101, PLACE - 256, 0xd101),
            (R_RISCV_RVC_JUMP, 0xa001, PLACE + 0x5ac, 0xa375),
            (R_RISCV_RVC_JUMP, 0xa001, PLACE - 2048, 0xb001),
        ];
        for (ty, half, symbol, expected) in cases {
            let mut bytes = half.to_le_bytes();
            let result = apply(Eight, *ty, &mut bytes, PLACE, *symbol, 0);
            let found = u16::from_le_bytes(bytes);
            assert_eq!(
                (result, found),
                (Ok(()), *expected),
                "type {ty}: {found:x} {expected:x}"
            );
        }
    }

    #[test]
    fn calls_are_pairs() {
        for (offset, high, low) in [
            (0x1234_5678i64, 0x1234_5097u32, 0x6780_80e7u32),
            (-2, 0x0000_0097, 0xffe0_80e7),
        ] {
            let mut bytes = [0x97, 0, 0, 0, 0xe7, 0x80, 0, 0];
            apply(Eight, R_RISCV_CALL_PLT, &mut bytes, PLACE, PLACE, offset).unwrap();
            assert_eq!(bytes[..4], high.to_le_bytes());
            assert_eq!(bytes[4..], low.to_le_bytes());
        }
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let cases: &[(u32, u64, u8)] = &[
            (R_RISCV_PCREL_HI20, PLACE + 0x7fff_f800, 32),
            (R_RISCV_PCREL_HI20, PLACE - 0x8000_0801, 32),
            (R_RISCV_HI20, PLACE, 32),
            (R_RISCV_BRANCH, PLACE + 4096, 13),
            (R_RISCV_JAL, PLACE + (1 << 20), 21),
            (R_RISCV_RVC_BRANCH, PLACE + 256, 9),
            (R_RISCV_RVC_JUMP, PLACE + 2048, 12),
            (R_RISCV_32_PCREL, PLACE + (1 << 31), 32),
            (R_RISCV_32, PLACE, 32),
        ];
        for (ty, symbol, bits) in cases {
            match relocated(Eight, *ty, 0, *symbol) {
                Err(RelocationError::Range { bits: found, .. }) => assert_eq!(found, *bits),
                other => panic!("type {ty}: {other:?}"),
            }
        }
        assert!(relocated(Eight, R_RISCV_PCREL_HI20, 0, PLACE + 0x7fff_f7ff).is_ok());
    }

    #[test]
    fn addresses_wrap_around_on_32_bits() {
        let mut bytes = AUIPC_A0.to_le_bytes();
        apply(Four, R_RISCV_PCREL_HI20, &mut bytes, 0xffff_f000, 0x1000, 0).unwrap();
        assert_eq!(u32::from_le_bytes(bytes), 0x0000_2517);
    }

    #[test]
    fn relaxation_and_odd_targets_are_refused() {
        assert_eq!(
            shape(R_RISCV_RELAX, Eight),
            Err(RelocationError::Relaxation)
        );
        assert_eq!(
            shape(R_RISCV_ALIGN, Eight),
            Err(RelocationError::Relaxation)
        );
        assert_eq!(shape(R_RISCV_64, Four), Err(RelocationError::Unknown));
        let odd = relocated(Eight, R_RISCV_JAL, 0, PLACE + 1);
        assert!(matches!(
            odd,
            Err(RelocationError::Alignment { align: 2, .. })
        ));
    }
}
