//! Lines that the target side prints and the host side reads.
//!
//! ```text
//! at INDEX                                before each command, if the host asked for it
//! FAIL FILE:LINE: expected X, found Y
//! SKIP FILE:LINE: reason
//! SUMMARY passed=N failed=N skipped=N     last; missing if the process died
//! ```

use alloc::string::String;
use core::fmt;

/// How a directive went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it must.
    Passed,
    /// Otherwise; the text says what was expected and what was found.
    Failed(String),
    /// Not run, for this reason.
    Skipped(String),
}

/// Outcomes, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Directives that went as they must.
    pub passed: u64,
    /// Directives that did not.
    pub failed: u64,
    /// Directives that were not run.
    pub skipped: u64,
}

impl Counts {
    /// Counts one outcome.
    pub fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Skipped(_) => self.skipped += 1,
        }
    }
}

impl core::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// `N passed, N failed, N skipped`
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// One line of the target side's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The command with this index begins.
    At(usize),
    /// A failed or skipped directive.
    Message {
        /// A failure, not a skip.
        failed: bool,
        /// `FILE:LINE: …`
        text: String,
    },
    /// The end.
    Summary(Counts),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::At(index) => write!(f, "at {index}"),
            Line::Message { failed, text } => {
                let word = if *failed { "FAIL" } else { "SKIP" };
                write!(f, "{word} {}", text.replace('\n', " "))
            }
            Line::Summary(counts) => write!(
                f,
                "SUMMARY passed={} failed={} skipped={}",
                counts.passed, counts.failed, counts.skipped
            ),
        }
    }
}

impl Line {
    /// Reads a line; `None` if it is none of ours (a test's own output, an emulator's message).
    pub fn parse(line: &str) -> Option<Line> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "at" => rest.parse().ok().map(Line::At),
            "FAIL" => Some(Line::Message {
                failed: true,
                text: rest.into(),
            }),
            "SKIP" => Some(Line::Message {
                failed: false,
                text: rest.into(),
            }),
            "SUMMARY" => {
                let mut fields = rest.split(' ');
                let mut field = |name: &str| {
                    fields
                        .next()?
                        .strip_prefix(name)?
                        .strip_prefix('=')?
                        .parse::<u64>()
                        .ok()
                };
                Some(Line::Summary(Counts {
                    passed: field("passed")?,
                    failed: field("failed")?,
                    skipped: field("skipped")?,
                }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        let lines = [
            Line::At(12),
            Line::Message {
                failed: true,
                text: "a.wast:3: expected 1, found 2".into(),
            },
            Line::Message {
                failed: false,
                text: "a.wast:3: no threads".into(),
            },
            Line::Summary(Counts {
                passed: 1,
                failed: 2,
                skipped: 3,
            }),
        ];
        for line in lines {
            assert_eq!(Line::parse(&line.to_string()), Some(line));
        }
    }

    #[test]
    fn other_output_is_no_line_of_ours() {
        for text in [
            "",
            "hello",
            "at home",
            "SUMMARY",
            "SUMMARY passed=1",
            "SUMMARY passed=x failed=1 skipped=1",
        ] {
            assert_eq!(Line::parse(text), None, "{text:?}");
        }
    }
}
