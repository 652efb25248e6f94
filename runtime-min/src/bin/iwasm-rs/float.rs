//! Floating point as C's `printf` writes it with `%.7g`, and as a user types it.

/// Significant digits.
const DIGITS: i32 = 7;

/// Like `%.7g`: seven significant digits without trailing zeros, and an exponent if the number is
/// very small or large.
pub fn print(value: f64) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_nan() {
        return format!("{sign}nan");
    }
    if value.is_infinite() {
        return format!("{sign}inf");
    }
    // One digit, the point, six digits, `e`, the exponent: rounding has happened.
    let scientific = format!("{:.6e}", value.abs());
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..DIGITS).contains(&exponent) {
        let mark = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{}e{mark}{:02}", trim(digits), exponent.abs());
    }
    let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or(0);
    let fixed = format!("{:.decimals$}", value.abs());
    format!("{sign}{}", trim(&fixed))
}

/// Without zeros at the end of the fraction, and without a point if none is left.
fn trim(number: &str) -> &str {
    if !number.contains('.') {
        return number;
    }
    number.trim_end_matches('0').trim_end_matches('.')
}

/// A number as typed, in the bits of a format with `fraction` bits of fraction and `width` bits in
/// all. `parse` reads what is neither a NaN nor an infinity.
pub fn parse(
    text: &str,
    width: u32,
    fraction: u32,
    number: impl FnOnce(&str) -> Option<u64>,
) -> Option<u64> {
    let (negative, magnitude) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let sign = u64::from(negative) << (width - 1);
    let infinity = (1_u64 << (width - 1)) - (1_u64 << fraction);
    let lower = magnitude.to_ascii_lowercase();
    if lower == "inf" || lower == "infinity" {
        return Some(sign | infinity);
    }
    if lower == "nan" {
        return Some(sign | infinity | (1 << (fraction - 1)));
    }
    if let Some(payload) = lower.strip_prefix("nan:0x") {
        let payload = u64::from_str_radix(payload, 16).ok()?;
        let fits = payload != 0 && payload < 1 << fraction;
        return fits.then_some(sign | infinity | payload);
    }
    // Rust reads words too, which were all read above, and a second sign it refuses.
    let first = magnitude.as_bytes().first()?;
    if !first.is_ascii_digit() && *first != b'.' {
        return None;
    }
    Some(sign | number(magnitude)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_in_c() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (1.5, "1.5"),
            (-2.25, "-2.25"),
            (100.0, "100"),
            (1_234_567.0, "1234567"),
            (12_345_678.0, "1.234568e+07"),
            (9_999_999.9, "1e+07"),
            (999_999.96, "1000000"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.3333333"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (0.000_099_999_999, "0.0001"),
            (1e100, "1e+100"),
            (-1.234_567_89e-300, "-1.234568e-300"),
            (f64::MAX, "1.797693e+308"),
            (5e-324, "4.940656e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-f64::NAN, "-nan"),
        ] {
            assert_eq!(print(value), expected);
        }
    }

    fn single(text: &str) -> Option<u64> {
        parse(text, 32, 23, |text| {
            text.parse::<f32>()
                .ok()
                .map(|value| u64::from(value.to_bits()))
        })
    }

    #[test]
    fn special_values_have_their_bits() {
        for (text, expected) in [
            ("1.5", Some(0x3fc0_0000)),
            ("-1.5", Some(0xbfc0_0000)),
            ("+1.5", Some(0x3fc0_0000)),
            (".5", Some(0x3f00_0000)),
            ("1e3", Some(0x447a_0000)),
            ("-0", Some(0x8000_0000)),
            ("inf", Some(0x7f80_0000)),
            ("-Infinity", Some(0xff80_0000)),
            ("nan", Some(0x7fc0_0000)),
            ("-nan", Some(0xffc0_0000)),
            ("nan:0x1", Some(0x7f80_0001)),
            ("-nan:0x7fffff", Some(0xffff_ffff)),
            ("nan:0x0", None),
            ("nan:0x800000", None),
            ("nan:1", None),
            ("", None),
            ("-", None),
            ("--1", None),
            ("-+1", None),
            ("x", None),
            ("infinit", None),
            ("1x", None),
        ] {
            assert_eq!(single(text), expected, "{text}");
        }
    }
}
