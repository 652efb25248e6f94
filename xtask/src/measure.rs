//! Time and output of one run of a program.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use wait4::Wait4;

use crate::process;

/// What one run of a program did.
#[derive(Clone, Debug)]
pub struct Run {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, whole.
    pub stdout: Vec<u8>,
    /// Standard error, whole.
    pub stderr: Vec<u8>,
    /// Processor time spent in user mode, by all of its threads.
    pub user: Duration,
    /// Time from start to end.
    pub wall: Duration,
}

/// Runs to the end with an empty standard input, unless the command has been given one through `stdin`.
///
/// # Errors
/// The program cannot be started. How it ends is in the result, and not an error.
pub fn run(command: &mut Command, stdin: Option<File>) -> Result<Run> {
    // Files rather than pipes: nobody has to read while the program runs, so nothing else disturbs its time.
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command
        .stdin(stdin.map_or_else(Stdio::null, Stdio::from))
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?);
    let start = Instant::now();
    let child = command
        .spawn()
        .with_context(|| format!("cannot start `{}`", process::describe(command)))?;
    let usage = child
        .wait4()
        .with_context(|| format!("waiting for `{}`", process::describe(command)))?;
    let wall = start.elapsed();
    Ok(Run {
        status: usage.status,
        stdout: rewound(&mut stdout)?,
        stderr: rewound(&mut stderr)?,
        user: usage.rusage.utime,
        wall,
    })
}

fn rewound(file: &mut File) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Run {
    /// Standard output of a run that ended with 0.
    ///
    /// # Errors
    /// It ended otherwise; with the program's own words.
    pub fn output(self, what: &str) -> Result<Vec<u8>> {
        anyhow::ensure!(
            self.status.success(),
            "{what}: {}\n{}{}",
            self.status,
            String::from_utf8_lossy(&self.stdout),
            String::from_utf8_lossy(&self.stderr)
        );
        Ok(self.stdout)
    }
}

/// The n-th root of the product of n ratios; 1 for none.
pub fn geometric_mean(ratios: &[f64]) -> f64 {
    let logs: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    let count = f64::from(u32::try_from(ratios.len().max(1)).unwrap_or(u32::MAX));
    (logs / count).exp()
}

/// The middle value; of an even number of values, the lower of the two in the middle. Zero for none.
pub fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted
        .get(sorted.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometric_mean_of_inverse_ratios_is_one() {
        assert!((geometric_mean(&[4.0, 0.25, 2.0, 0.5]) - 1.0).abs() < 1e-12);
        assert!((geometric_mean(&[]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn median_ignores_an_outlier() {
        let seconds = |s| Duration::from_secs(s);
        assert_eq!(median(&[seconds(2), seconds(900), seconds(1)]), seconds(2));
        assert_eq!(median(&[seconds(2), seconds(1)]), seconds(1));
        assert_eq!(median(&[]), Duration::ZERO);
    }

    #[test]
    fn a_run_reports_status_and_both_outputs() -> Result<()> {
        let run = run(
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]),
            None,
        )?;
        assert_eq!(run.status.code(), Some(3));
        assert_eq!(
            (run.stdout.as_slice(), run.stderr.as_slice()),
            (&b"out\n"[..], &b"err\n"[..])
        );
        assert!(run.output("sh").is_err());
        Ok(())
    }
}
