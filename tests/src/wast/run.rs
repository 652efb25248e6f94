//! What the target side says of a script, whether or not it gets to the end.

use std::path::Path;

use anyhow::Result;

use super::protocol::{Counts, Line, Outcome};
use super::script::Script;
use crate::runner::Runner;

/// What a script's execution said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Every directive of the script is in here.
    pub counts: Counts,
    /// `FILE:LINE: …` of each failure.
    pub failures: Vec<String>,
    /// `FILE:LINE: …` of each skip.
    pub skips: Vec<String>,
}

impl Report {
    /// Adds an outcome that was decided on the host.
    pub fn add(&mut self, file: &str, line: u32, outcome: &Outcome) {
        self.counts.add(outcome);
        match outcome {
            Outcome::Passed => {}
            Outcome::Failed(text) => self.failures.push(format!("{file}:{line}: {text}")),
            Outcome::Skipped(text) => self.skips.push(format!("{file}:{line}: {text}")),
        }
    }
}

/// Executes the script that is in `path`.
///
/// # Errors
/// The target side cannot be started.
pub fn run(runner: &Runner, script: &Script, path: &Path) -> Result<Report> {
    let ended = runner.run(&["--progress".as_ref(), path.as_os_str()])?;
    let text = String::from_utf8_lossy(&ended.output);
    let lines: Vec<Line> = text.split('\n').filter_map(Line::parse).collect();
    Ok(report(script, &lines, &ended.end, &ended.errors))
}

fn report(script: &Script, lines: &[Line], end: &str, errors: &str) -> Report {
    let mut report = Report::default();
    let mut at = 0;
    let mut summary = None;
    for line in lines {
        match line {
            Line::At(index) => at = *index,
            Line::Message { failed: true, text } => report.failures.push(text.clone()),
            Line::Message {
                failed: false,
                text,
            } => report.skips.push(text.clone()),
            Line::Summary(counts) => summary = Some(*counts),
        }
    }
    if let Some(counts) = summary {
        report.counts = counts;
        return report;
    }
    let counted = |commands: &[super::script::Command]| {
        commands
            .iter()
            .filter(|command| command.directive.is_counted())
            .count() as u64
    };
    let split = at.min(script.commands.len());
    let (before, rest) = script.commands.split_at(split);
    let failed = report.failures.len() as u64;
    report.counts.skipped = report.skips.len() as u64;
    report.counts.passed = counted(before).saturating_sub(failed + report.counts.skipped);
    report.counts.failed = failed + counted(rest).max(1);
    let line = rest.first().map_or(0, |command| command.line);
    let mut text = format!("{}:{line}: the target side ended early: {end}", script.file);
    let unrun = counted(rest).saturating_sub(1);
    if unrun > 0 {
        text.push_str(&format!("; {unrun} directives behind it count as failed"));
    }
    if !errors.is_empty() {
        text.push_str(&format!("; it said: {errors}"));
    }
    report.failures.push(text);
    report
}

#[cfg(test)]
mod tests {
    use super::super::script::{Action, Command, Directive};
    use super::*;

    fn script(directives: usize) -> Script {
        let action = Action::Get {
            module: None,
            name: "g".into(),
        };
        let command = Command {
            line: 5,
            directive: Directive::Perform(action),
        };
        Script {
            file: "t.wast".into(),
            objects: Vec::new(),
            commands: vec![command; directives],
        }
    }

    fn message(text: &str) -> Line {
        Line::Message {
            failed: true,
            text: text.into(),
        }
    }

    #[test]
    fn a_summary_is_believed() {
        let counts = Counts {
            passed: 3,
            failed: 1,
            skipped: 0,
        };
        let lines = [Line::At(3), message("t.wast:5: bad"), Line::Summary(counts)];
        let report = report(&script(4), &lines, "exit status: 1", "");
        assert_eq!(report.counts, counts);
        assert_eq!(report.failures, ["t.wast:5: bad"]);
    }

    #[test]
    fn what_a_crash_left_undone_has_failed() {
        let lines = [Line::At(1), message("t.wast:5: bad"), Line::At(4)];
        let report = report(&script(10), &lines, "killed by SIGSEGV", "");
        assert_eq!(
            report.counts,
            Counts {
                passed: 3,
                failed: 7,
                skipped: 0
            }
        );
        assert!(
            report.failures[1].contains("SIGSEGV; 5 directives"),
            "{:?}",
            report.failures
        );
    }

    #[test]
    fn a_process_that_says_nothing_has_failed() {
        let report = report(&script(0), &[], "exit status: 2", "no such file");
        assert_eq!(report.counts.failed, 1);
    }
}
