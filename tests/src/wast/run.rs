//! Runs the target side as a child process, so that a crash or a hang costs one file.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use wait_timeout::ChildExt;

use super::protocol::{Counts, Line, Outcome};
use super::script::Script;

/// How to start the target side.
#[derive(Clone, Debug)]
pub struct Runner {
    /// Words to put before the program (`qemu-riscv64 -L /usr/riscv64-linux-gnu`).
    pub prefix: Vec<String>,
    /// The `wast-run` program.
    pub program: PathBuf,
    /// How long one script may take.
    pub timeout: Duration,
}

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

impl Runner {
    /// Executes the script that is in `path`.
    pub fn run(&self, script: &Script, path: &Path) -> Result<Report> {
        let mut words: Vec<&std::ffi::OsStr> = self.prefix.iter().map(AsRef::as_ref).collect();
        words.push(self.program.as_os_str());
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("--progress").arg(path);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // A group of its own, since the runner may be a shell script with children.
        command.process_group(0);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", words[0].display()))?;
        // Both pipes are read at once, or a full one would stop the child.
        let stdout = child.stdout.take().context("no output pipe")?;
        let stderr = child.stderr.take().context("no error pipe")?;
        let lines = std::thread::spawn(move || read_lines(stdout));
        let errors = std::thread::spawn(move || read_tail(stderr));
        let status = child.wait_timeout(self.timeout)?;
        if status.is_none() {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                kill_process_group(group, Signal::KILL)?;
            }
            child.wait()?;
        }
        let lines = lines.join().unwrap_or_default();
        let errors = errors.join().unwrap_or_default();
        let end = match status {
            Some(status) => describe_exit(status),
            None => format!("no end after {} s", self.timeout.as_secs()),
        };
        Ok(report(script, &lines, &end, &errors))
    }
}

fn read_lines(pipe: impl Read) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut reader = BufReader::new(pipe);
    let mut bytes = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut bytes) {
        let text = String::from_utf8_lossy(&bytes);
        match (Line::parse(text.trim_end_matches('\n')), lines.last_mut()) {
            // Only the last one matters.
            (Some(Line::At(index)), Some(Line::At(last))) => *last = index,
            (Some(line), _) => lines.push(line),
            (None, _) => {}
        }
        bytes.clear();
    }
    lines
}

/// The last lines of what the process said before it died; a panic's message, say.
fn read_tail(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    // What could be read before an error is worth showing.
    let _ = pipe.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(4)..].join(" / ")
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

fn describe_exit(status: ExitStatus) -> String {
    // Numbers that Linux and the BSDs agree on, except SIGBUS, which is Linux's.
    const NAMES: &[(i32, &str)] = &[
        (4, "SIGILL"),
        (5, "SIGTRAP"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (15, "SIGTERM"),
    ];
    match status.signal() {
        Some(signal) => match NAMES.iter().find(|(number, _)| *number == signal) {
            Some((_, name)) => format!("killed by {name}"),
            None => format!("killed by signal {signal}"),
        },
        None => status.to_string(),
    }
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

    #[test]
    fn a_hanging_runner_is_stopped() {
        let runner = Runner {
            prefix: vec!["sh".into(), "-c".into(), "sleep 60".into()],
            program: "ignored".into(),
            timeout: Duration::from_millis(50),
        };
        let report = runner.run(&script(2), Path::new("ignored")).expect("runs");
        assert_eq!(report.counts.failed, 2);
    }
}
