//! The names of compiled code for Linux perf: a text file that it looks for in `/tmp`.
//!
//! One line for each piece of code: address and size in hexadecimal, and a name.

use super::symbol;
use crate::Module;
use alloc::{string::String, vec::Vec};
use std::{fs, io, path::PathBuf};

/// Writes `/tmp/perf-PID.map` for this process with the functions and thunks of these modules; it tells
/// where. A file that is there already is replaced.
///
/// # Errors
///
/// The file cannot be written.
pub fn perf_map(modules: &[&Module]) -> io::Result<PathBuf> {
    let path = PathBuf::from(alloc::format!("/tmp/perf-{}.map", std::process::id()));
    // Left by an earlier process of the same number, or a link that somebody put there: not written through.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::File::create_new(&path)?;
    io::Write::write_all(&mut file, text(modules).as_bytes())?;
    Ok(path)
}

fn text(modules: &[&Module]) -> String {
    let mut lines = String::new();
    for module in modules {
        let mut code: Vec<_> = module.code_entries().collect();
        code.sort_unstable_by_key(|(address, _, _)| *address);
        for (address, size, entry) in code {
            let name = match entry {
                Some(function) => symbol(Some(module), function),
                None => String::from("(wamr thunk)"),
            };
            lines.push_str(&alloc::format!("{address:x} {size:x} {name}\n"));
        }
    }
    lines
}
