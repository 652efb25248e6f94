//! x86-64. <https://gitlab.com/x86-psABIs/x86-64-ABI>, "Relocation".

use super::{Kind, RelocationError, Shape, absolute, field, relative, signed32, unsigned32};
use crate::word::{SignedWord, Word, wide, wide_signed};
use goblin::elf64::reloc::{
    R_X86_64_32, R_X86_64_32S, R_X86_64_64, R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX, R_X86_64_NONE,
    R_X86_64_PC32, R_X86_64_PC64, R_X86_64_PLT32, R_X86_64_REX_GOTPCRELX,
};

/// `jmp *2(%rip)`, two bytes of padding, the address.
pub const STUB_SIZE: u32 = 16;
/// Offset of the address in a stub.
pub const STUB_ADDRESS_OFFSET: u32 = 8;

/// The shape of a relocation type.
pub fn shape(ty: u32) -> Result<Shape, RelocationError> {
    Ok(match ty {
        R_X86_64_NONE => Shape::new(0, Kind::None),
        R_X86_64_64 => Shape::new(8, Kind::Pointer),
        R_X86_64_PC64 => Shape::new(8, Kind::Value),
        R_X86_64_PC32 | R_X86_64_PLT32 => Shape::new(4, Kind::Call),
        R_X86_64_32 | R_X86_64_32S => Shape::new(4, Kind::Value),
        R_X86_64_GOTPCREL | R_X86_64_GOTPCRELX | R_X86_64_REX_GOTPCRELX => Shape::new(4, Kind::Got),
        _ => return Err(RelocationError::Unknown),
    })
}

/// The name of a relocation type, also of one that is not done.
pub fn type_name(ty: u32) -> Option<&'static str> {
    use goblin::elf64::reloc::*;
    super::names!(ty: R_X86_64_NONE R_X86_64_64 R_X86_64_PC32 R_X86_64_GOT32 R_X86_64_PLT32 R_X86_64_COPY R_X86_64_GLOB_DAT R_X86_64_JUMP_SLOT R_X86_64_RELATIVE R_X86_64_GOTPCREL R_X86_64_32 R_X86_64_32S R_X86_64_16 R_X86_64_PC16 R_X86_64_8 R_X86_64_PC8 R_X86_64_DTPMOD64 R_X86_64_DTPOFF64 R_X86_64_TPOFF64 R_X86_64_TLSGD R_X86_64_TLSLD R_X86_64_DTPOFF32 R_X86_64_GOTTPOFF R_X86_64_TPOFF32 R_X86_64_PC64 R_X86_64_GOTOFF64 R_X86_64_GOTPC32 R_X86_64_GOT64 R_X86_64_GOTPCREL64 R_X86_64_GOTPC64 R_X86_64_GOTPLT64 R_X86_64_PLTOFF64 R_X86_64_SIZE32 R_X86_64_SIZE64 R_X86_64_GOTPC32_TLSDESC R_X86_64_TLSDESC_CALL R_X86_64_TLSDESC R_X86_64_IRELATIVE R_X86_64_RELATIVE64 R_X86_64_GOTPCRELX R_X86_64_REX_GOTPCRELX)
}

/// See [`super::apply`].
pub fn apply(
    ty: u32,
    bytes: &mut [u8],
    place: Word,
    symbol: Word,
    addend: SignedWord,
) -> Result<(), RelocationError> {
    let absolute = absolute(symbol, addend);
    let relative = relative(place, symbol, addend);
    match ty {
        R_X86_64_NONE => {}
        R_X86_64_64 => *field(bytes)? = wide(absolute).to_le_bytes(),
        R_X86_64_PC64 => *field(bytes)? = wide_signed(relative).to_le_bytes(),
        R_X86_64_PC32
        | R_X86_64_PLT32
        | R_X86_64_GOTPCREL
        | R_X86_64_GOTPCRELX
        | R_X86_64_REX_GOTPCRELX => *field(bytes)? = signed32(relative)?,
        R_X86_64_32 => *field(bytes)? = unsigned32(absolute)?,
        R_X86_64_32S => *field(bytes)? = signed32(absolute.cast_signed())?,
        _ => return Err(RelocationError::Unknown),
    }
    Ok(())
}

/// See [`super::write_stub`].
pub fn write_stub(stub: &mut [u8], target: Word) -> Result<(), RelocationError> {
    // jmp *2(%rip); xchg %ax, %ax (never executed).
    let [code, address] = halves(stub)?;
    *code = [0xff, 0x25, 2, 0, 0, 0, 0x66, 0x90];
    *address = wide(target).to_le_bytes();
    Ok(())
}

fn halves(stub: &mut [u8]) -> Result<[&mut [u8; 8]; 2], RelocationError> {
    match stub.as_chunks_mut::<8>().0 {
        [code, address, ..] => Ok([code, address]),
        _ => Err(RelocationError::Place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: u64 = 0x7f00_0000_1000;

    fn apply_to_zeros<const N: usize>(
        ty: u32,
        symbol: u64,
        addend: i64,
    ) -> Result<[u8; N], RelocationError> {
        let mut bytes = [0; N];
        apply(ty, &mut bytes, PLACE, symbol, addend).map(|()| bytes)
    }

    #[test]
    fn fields_hold_what_the_abi_says() {
        let near = PLACE + 0x100;
        let cases: &[(u32, u64, i64, u64)] = &[
            (R_X86_64_64, near, 5, near + 5),
            (R_X86_64_PC64, near, -4, 0xfc),
            (R_X86_64_PC32, near, -4, 0xfc),
            (R_X86_64_PLT32, PLACE, -4, 0xffff_fffc),
            (R_X86_64_GOTPCREL, near, -4, 0xfc),
            (R_X86_64_32, 0xffff_0000, 0xffff, 0xffff_ffff),
            (R_X86_64_32S, 0xffff_ffff_8000_0000, 0, 0x8000_0000),
        ];
        for (ty, symbol, addend, expected) in cases {
            let bytes = apply_to_zeros::<8>(*ty, *symbol, *addend);
            assert_eq!(bytes.map(u64::from_le_bytes), Ok(*expected), "type {ty}");
        }
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let cases: &[(u32, u64, i64)] = &[
            (R_X86_64_PC32, PLACE + (1 << 31), 0),
            (R_X86_64_PLT32, PLACE - (1 << 31) - 1, 0),
            (R_X86_64_32, PLACE, 0),
            (R_X86_64_32, 0, -1),
            (R_X86_64_32S, 0x8000_0000, 0),
        ];
        for (ty, symbol, addend) in cases {
            let result = apply_to_zeros::<4>(*ty, *symbol, *addend);
            assert!(
                matches!(result, Err(RelocationError::Range { bits: 32, .. })),
                "type {ty}: {result:?}"
            );
        }
        assert!(apply_to_zeros::<4>(R_X86_64_PC32, PLACE + (1 << 31) - 1, 0).is_ok());
        assert!(apply_to_zeros::<4>(R_X86_64_PC32, PLACE - (1 << 31), 0).is_ok());
    }

    #[test]
    fn short_fields_and_unknown_types_are_refused() {
        assert_eq!(
            apply_to_zeros::<7>(R_X86_64_64, 0, 0),
            Err(RelocationError::Place)
        );
        assert_eq!(apply_to_zeros::<8>(77, 0, 0), Err(RelocationError::Unknown));
        assert_eq!(shape(77), Err(RelocationError::Unknown));
    }
}
