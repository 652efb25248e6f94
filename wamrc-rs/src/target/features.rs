//! LLVM feature strings (`+a,-b`), checked name by name: LLVM itself would only warn.

use super::architecture::Description;
use crate::error::{Error, Result};

/// Checks the user's features and returns them one by one, each with its sign.
pub(super) fn parse(text: &str, description: &Description) -> Result<Vec<String>> {
    let mut features = Vec::new();
    for feature in text
        .split(',')
        .map(str::trim)
        .filter(|feature| !feature.is_empty())
    {
        let (sign, name) = feature.split_at_checked(1).unwrap_or(("", feature));
        if !matches!(sign, "+" | "-") {
            return Err(Error::Target(format!(
                "--cpu-features: `{feature}` begins with neither `+` nor `-`"
            )));
        }
        if !description.features.lines().any(|known| known == name) {
            return Err(Error::Target(format!(
                "--cpu-features: {} has no feature `{name}`{}; --cpu-features=+help lists them all",
                description.name,
                suggestion(name, description.features.lines()),
            )));
        }
        features.push(feature.to_owned());
    }
    Ok(features)
}

/// `, did you mean …?` for the known name that is nearest to a wrong one, if one is near.
pub(super) fn suggestion<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|name| (distance(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 5)
        .min()
        .map_or(String::new(), |(_, name)| {
            format!(" (did you mean `{name}`?)")
        })
}

/// Number of single-character edits from one name to the other (Levenshtein's distance).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::super::Architecture;
    use super::*;

    #[test]
    fn every_wrong_feature_is_named() {
        let description = Architecture::X86_64.description();
        let cases = [
            ("avx2", "`avx2` begins with neither"),
            ("+avx3", "no feature `avx3` (did you mean `avx"),
            ("+avx2,-nonsense", "no feature `nonsense`;"),
            ("+", "no feature ``"),
            ("+é", "no feature `é`"),
            ("é", "begins with neither"),
        ];
        for (text, expected) in cases {
            let message = parse(text, description).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
        assert_eq!(
            parse(" +avx2,, -bmi ", description).unwrap(),
            ["+avx2", "-bmi"]
        );
    }

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "ac", 1),
            ("", "ab", 2),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
