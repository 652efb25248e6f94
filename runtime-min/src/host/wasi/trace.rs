//! A line on the host's standard error for each call, for people who debug a program.

use super::errno::Errno;
use std::io::Write as _;

/// Writes a call as `wasi: fd_close(4) -> Success (0)`.
pub(super) fn call(name: &str, arguments: &[u64], errno: Errno) {
    let arguments: Vec<String> = arguments.iter().map(u64::to_string).collect();
    // A standard error that is gone is no reason to stop the program.
    let _ = writeln!(
        std::io::stderr(),
        "wasi: {name}({}) -> {errno}",
        arguments.join(", ")
    );
}
