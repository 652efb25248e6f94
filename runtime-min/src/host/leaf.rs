//! Builtins that compiled code calls directly: the C library's memory functions, and rounding by the
//! fastest means that the library has.

macro_rules! rounding {
    ($($name:ident: $type:ty = $method:ident;)*) => {
        $(
            pub(crate) extern "C" fn $name(x: $type) -> $type {
                crate::arithmetic::quieted(x, <$type>::$method)
            }
        )*
    };
}

rounding! {
    ceil: f64 = ceil;
    ceilf: f32 = ceil;
    floor: f64 = floor;
    floorf: f32 = floor;
    trunc: f64 = trunc;
    truncf: f32 = trunc;
    roundeven: f64 = round_ties_even;
    roundevenf: f32 = round_ties_even;
}

pub(crate) use libc::{memcpy, memmove, memset};
