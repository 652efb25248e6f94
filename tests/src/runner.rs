//! Runs the target side of the script runner or of the frame checker as a child process, so that a crash or a hang costs one
//! file.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use wait_timeout::ChildExt;

/// How to start the target side.
#[derive(Clone, Debug)]
pub struct Runner {
    /// Words to put before the program (`qemu-riscv64 -L /usr/riscv64-linux-gnu`).
    pub prefix: Vec<String>,
    /// The program.
    pub program: PathBuf,
    /// How long one run may take.
    pub timeout: Duration,
}

/// What a run left.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Standard output.
    pub output: Vec<u8>,
    /// How it ended, in words.
    pub end: String,
    /// The last lines of its standard error; a panic's message, say.
    pub errors: String,
}

impl Runner {
    /// The program with a command to start it; without a path it is beside this program.
    ///
    /// # Errors
    /// There is no such program; says how to build it.
    pub fn new(
        command: Option<&str>,
        program: Option<PathBuf>,
        name: &str,
        timeout: Duration,
    ) -> Result<Self> {
        let program = match program {
            Some(program) => program,
            None => std::env::current_exe()
                .context("where is this program?")?
                .with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX)),
        };
        if !program.is_file() {
            bail!(
                "{}: no such program; build it (cargo build -p wamr-tests --bin {name}), or name it with --{name}",
                program.display()
            );
        }
        let prefix = command.unwrap_or_default().split_whitespace();
        Ok(Runner {
            prefix: prefix.map(str::to_owned).collect(),
            program,
            timeout,
        })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&self, arguments: &[&OsStr]) -> Result<Ended> {
        let mut words: Vec<&OsStr> = self.prefix.iter().map(AsRef::as_ref).collect();
        words.push(self.program.as_os_str());
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(arguments);
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
        let output = std::thread::spawn(move || read_all(stdout));
        let errors = std::thread::spawn(move || read_all(stderr));
        let status = child.wait_timeout(self.timeout)?;
        if status.is_none() {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                kill_process_group(group, Signal::KILL)?;
            }
            child.wait()?;
        }
        Ok(Ended {
            output: output.join().unwrap_or_default(),
            end: match status {
                Some(status) => describe_exit(status),
                None => format!("no end after {} s", self.timeout.as_secs()),
            },
            errors: tail(&errors.join().unwrap_or_default()),
        })
    }
}

fn read_all(mut pipe: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What could be read before an error is worth having.
    let _ = pipe.read_to_end(&mut bytes);
    bytes
}

/// The last lines of what the process said before it died.
fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(4)..].join(" / ")
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
    use super::*;

    fn shell(script: &str, timeout: Duration) -> Ended {
        let runner = Runner {
            prefix: vec!["sh".into(), "-c".into(), script.into()],
            program: "ignored".into(),
            timeout,
        };
        runner.run(&[]).expect("it starts")
    }

    #[test]
    fn a_hanging_runner_is_stopped() {
        let ended = shell("echo here; sleep 60", Duration::from_millis(500));
        assert_eq!(ended.end, "no end after 0 s");
        assert_eq!(ended.output, b"here\n");
    }

    #[test]
    fn a_runner_that_dies_is_described() {
        let ended = shell(
            "echo 1 2 3; echo why >&2; kill -SEGV $$",
            Duration::from_secs(60),
        );
        assert_eq!(
            (ended.end.as_str(), ended.errors.as_str(), &ended.output[..]),
            ("killed by SIGSEGV", "why", &b"1 2 3\n"[..])
        );
    }
}
