//! Arithmetic that some CPUs have no instructions for. Rust's own support library (`compiler_builtins`) has
//! it for every target, under the names that all compilers use; so code that is linked statically finds it
//! without us.

use wamr_aot_loader::{builtins::BuiltinId, format::target::TargetAbi};

/// Integers of 64 bits take two registers.
const NARROW: bool = cfg!(target_pointer_width = "32");
/// Nothing multiplies or divides.
const NO_MULTIPLIER: bool =
    cfg!(any(target_arch = "riscv32", target_arch = "riscv64")) && !cfg!(target_feature = "m");
/// Nothing computes with floats of 32 bits, and so neither with those of 64.
const NO_F32: bool = matches!(TargetAbi::HOST, Some(TargetAbi::Lp64 | TargetAbi::Ilp32));
/// Nothing computes with floats of 64 bits.
const NO_F64: bool =
    NO_F32 || matches!(TargetAbi::HOST, Some(TargetAbi::Lp64f | TargetAbi::Ilp32f));

macro_rules! provided {
    ($($condition:expr => $($id:ident = $symbol:ident),*;)*) => {
        mod symbols {
            unsafe extern "C" {
                $($(pub fn $symbol();)*)*
            }
        }

        /// Address of one of these functions, if code for this target may need it.
        pub(crate) fn address(id: BuiltinId) -> Option<*const ()> {
            match id {
                $($(BuiltinId::$id if $condition => Some(symbols::$symbol as *const ()),)*)*
                BuiltinId::Sqrt if NO_F64 => Some(sqrt as *const ()),
                BuiltinId::Sqrtf if NO_F32 => Some(sqrtf as *const ()),
                _ => None,
            }
        }
    };
}

provided! {
    NO_MULTIPLIER => Mulsi3 = __mulsi3, Divsi3 = __divsi3, Udivsi3 = __udivsi3, Modsi3 = __modsi3,
        Umodsi3 = __umodsi3;
    NARROW || NO_MULTIPLIER => Muldi3 = __muldi3, Divdi3 = __divdi3, Udivdi3 = __udivdi3, Moddi3 = __moddi3,
        Umoddi3 = __umoddi3;
    NARROW => Ashldi3 = __ashldi3, Ashrdi3 = __ashrdi3, Lshrdi3 = __lshrdi3;
    NO_F32 => Addsf3 = __addsf3, Subsf3 = __subsf3, Mulsf3 = __mulsf3, Divsf3 = __divsf3, Eqsf2 = __eqsf2,
        Nesf2 = __nesf2, Ltsf2 = __ltsf2, Lesf2 = __lesf2, Gtsf2 = __gtsf2, Gesf2 = __gesf2,
        Unordsf2 = __unordsf2, Fixsfsi = __fixsfsi, Fixunssfsi = __fixunssfsi, Floatsisf = __floatsisf,
        Floatunsisf = __floatunsisf;
    NO_F64 => Adddf3 = __adddf3, Subdf3 = __subdf3, Muldf3 = __muldf3, Divdf3 = __divdf3, Eqdf2 = __eqdf2,
        Nedf2 = __nedf2, Ltdf2 = __ltdf2, Ledf2 = __ledf2, Gtdf2 = __gtdf2, Gedf2 = __gedf2,
        Unorddf2 = __unorddf2, Fixdfsi = __fixdfsi, Fixunsdfsi = __fixunsdfsi, Floatsidf = __floatsidf,
        Floatunsidf = __floatunsidf, Extendsfdf2 = __extendsfdf2, Truncdfsf2 = __truncdfsf2;
    NARROW || NO_F32 => Fixsfdi = __fixsfdi, Fixunssfdi = __fixunssfdi, Floatdisf = __floatdisf,
        Floatundisf = __floatundisf;
    NARROW || NO_F64 => Fixdfdi = __fixdfdi, Fixunsdfdi = __fixunsdfdi, Floatdidf = __floatdidf,
        Floatundidf = __floatundidf;
}

macro_rules! roots {
    ($($name:ident: $type:ty;)*) => {
        $(
            #[cfg_attr(not(feature = "std"), unsafe(no_mangle))]
            extern "C" fn $name(x: $type) -> $type {
                crate::arithmetic::quieted(x, libm::$name)
            }
        )*
    };
}

/// `function(x)`, but for NaNs: these become quiet, which libraries leave open.
pub(crate) fn quieted<F: Float>(x: F, function: fn(F) -> F) -> F {
    x.quiet_nan().unwrap_or_else(|| function(x))
}

/// A floating-point type.
pub(crate) trait Float: Copy {
    /// A NaN's quiet counterpart.
    fn quiet_nan(self) -> Option<Self>;
}

macro_rules! floats {
    ($($type:ty)*) => {
        $(
            impl Float for $type {
                fn quiet_nan(self) -> Option<Self> {
                    const QUIET: u32 = <$type>::MANTISSA_DIGITS - 2;
                    self.is_nan().then(|| <$type>::from_bits(self.to_bits() | 1 << QUIET))
                }
            }
        )*
    };
}

floats!(f32 f64);

roots! {
    sqrt: f64;
    sqrtf: f32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_quiet() {
        assert_eq!(sqrt(9.0), 3.0);
        assert_eq!(sqrtf(-0.0).to_bits(), (-0.0f32).to_bits());
        assert!(sqrt(-1.0).is_nan());
        assert_eq!(
            sqrt(f64::from_bits(0xfff0_0000_0000_0001)).to_bits(),
            0xfff8_0000_0000_0001
        );
        assert_eq!(sqrtf(f32::from_bits(0x7f80_0001)).to_bits(), 0x7fc0_0001);
    }

    #[test]
    fn a_machine_with_instructions_for_it_needs_none() {
        if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            let provided = |id: &&BuiltinId| address(**id).is_some();
            assert_eq!(BuiltinId::ALL.iter().find(provided), None);
        }
    }
}
