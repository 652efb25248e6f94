//! The list of WASI's functions, and giving them to a linker.

use super::errno::Errno;
use super::guest_memory::GuestMemory;
use super::process::Exit;
use super::{WasiCtx, trace};
use crate::{Caller, Error, LinkError, Linker, ValType};
use std::sync::Arc;

/// The module name under which programs import the functions.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// WebAssembly's type for a number of WASI's.
macro_rules! val_type {
    (u32) => {
        ValType::I32
    };
    (u64) => {
        ValType::I64
    };
}

/// Runs a call on the caller's memory; a program without memory has an empty one.
fn call(
    caller: &mut Caller<'_>,
    function: impl FnOnce(&mut GuestMemory<'_>) -> Result<(), Errno>,
) -> Errno {
    let result = match caller.memory() {
        Some(memory) => {
            let contents = memory.contents(caller.store());
            // SAFETY: the store is borrowed, so its code does not run, and the memory never becomes shorter.
            // Other threads of a program that shares its memory may change what is in it meanwhile:
            // whatever is checked has been copied before.
            function(&mut GuestMemory::new(unsafe { &mut *contents }))
        }
        None => function(&mut GuestMemory::new(&mut [])),
    };
    result.err().unwrap_or(Errno::Success)
}

macro_rules! functions {
    ($( $name:ident($($argument:ident: $ty:ident),*); )*) => {
        /// Name and parameters of each function. All return one i32, the `errno`, but `proc_exit`,
        /// which returns nothing.
        pub const SIGNATURES: &[(&str, &[ValType])] = &[
            $( (stringify!($name), &[$(val_type!($ty)),*]), )*
            ("proc_exit", &[ValType::I32]),
            ("proc_raise", &[ValType::I32]),
        ];

        fn add_functions(linker: &mut Linker, context: &Arc<WasiCtx>) -> Result<(), LinkError> {
            $({
                let context = Arc::clone(context);
                linker.func_wrap(
                    MODULE,
                    stringify!($name),
                    move |mut caller: Caller<'_>, $($argument: $ty),*| -> u32 {
                        let errno = call(&mut caller, |memory| {
                            context.$name(memory, $($argument),*)
                        });
                        if context.trace {
                            trace::call(stringify!($name), &[$(u64::from($argument)),*], errno);
                        }
                        u32::from(errno.code())
                    },
                )?;
            })*
            Ok(())
        }
    };
}

functions! {
    args_get(array: u32, buffer: u32);
    args_sizes_get(count: u32, size: u32);
    environ_get(array: u32, buffer: u32);
    environ_sizes_get(count: u32, size: u32);
    clock_res_get(id: u32, result: u32);
    clock_time_get(id: u32, precision: u64, result: u32);
    fd_advise(fd: u32, offset: u64, length: u64, advice: u32);
    fd_allocate(fd: u32, offset: u64, length: u64);
    fd_close(fd: u32);
    fd_datasync(fd: u32);
    fd_fdstat_get(fd: u32, result: u32);
    fd_fdstat_set_flags(fd: u32, flags: u32);
    fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
    fd_filestat_get(fd: u32, result: u32);
    fd_filestat_set_size(fd: u32, size: u64);
    fd_filestat_set_times(fd: u32, access: u64, modification: u64, flags: u32);
    fd_pread(fd: u32, list: u32, count: u32, offset: u64, result: u32);
    fd_prestat_get(fd: u32, result: u32);
    fd_prestat_dir_name(fd: u32, buffer: u32, length: u32);
    fd_pwrite(fd: u32, list: u32, count: u32, offset: u64, result: u32);
    fd_read(fd: u32, list: u32, count: u32, result: u32);
    fd_readdir(fd: u32, buffer: u32, length: u32, cookie: u64, result: u32);
    fd_renumber(from: u32, to: u32);
    fd_seek(fd: u32, offset: u64, whence: u32, result: u32);
    fd_sync(fd: u32);
    fd_tell(fd: u32, result: u32);
    fd_write(fd: u32, list: u32, count: u32, result: u32);
    path_create_directory(fd: u32, path: u32, length: u32);
    path_filestat_get(fd: u32, lookup: u32, path: u32, length: u32, result: u32);
    path_filestat_set_times(
        fd: u32,
        lookup: u32,
        path: u32,
        length: u32,
        access: u64,
        modification: u64,
        flags: u32
    );
    path_link(
        old_fd: u32,
        lookup: u32,
        old_path: u32,
        old_length: u32,
        new_fd: u32,
        new_path: u32,
        new_length: u32
    );
    path_open(
        fd: u32,
        lookup: u32,
        path: u32,
        length: u32,
        create: u32,
        base: u64,
        inheriting: u64,
        flags: u32,
        result: u32
    );
    path_readlink(fd: u32, path: u32, path_length: u32, buffer: u32, length: u32, result: u32);
    path_remove_directory(fd: u32, path: u32, length: u32);
    path_rename(
        old_fd: u32,
        old_path: u32,
        old_length: u32,
        new_fd: u32,
        new_path: u32,
        new_length: u32
    );
    path_symlink(contents: u32, contents_length: u32, fd: u32, path: u32, path_length: u32);
    path_unlink_file(fd: u32, path: u32, length: u32);
    poll_oneoff(subscriptions: u32, events: u32, count: u32, result: u32);
    random_get(buffer: u32, length: u32);
    sched_yield();
    sock_accept(fd: u32, flags: u32, result: u32);
    sock_recv(fd: u32, list: u32, count: u32, flags: u32, size: u32, flags_result: u32);
    sock_send(fd: u32, list: u32, count: u32, flags: u32, size: u32);
    sock_shutdown(fd: u32, how: u32);
}

/// Ends the program by failing the call with its exit code.
fn exit(exit: Exit) -> Error {
    Error::host(exit)
}

/// Defines every function of WASI preview 1 in a linker. `proc_exit` fails the call of the program
/// with an [`Error::Host`] that holds an [`Exit`].
///
/// # Errors
///
/// One of the names is defined already.
pub fn add_to_linker(linker: &mut Linker, context: &Arc<WasiCtx>) -> Result<(), LinkError> {
    add_functions(linker, context)?;
    let ending = Arc::clone(context);
    linker.func_wrap(MODULE, "proc_exit", move |code: u32| -> Result<(), Error> {
        if ending.trace {
            trace::call("proc_exit", &[u64::from(code)], Errno::Success);
        }
        Err(exit(ending.proc_exit(code)))
    })?;
    let raising = Arc::clone(context);
    linker.func_wrap(
        MODULE,
        "proc_raise",
        move |signal: u32| -> Result<u32, Error> {
            let result = raising.proc_raise(signal);
            let errno = result.err().unwrap_or(Errno::Success);
            if raising.trace {
                trace::call("proc_raise", &[u64::from(signal)], errno);
            }
            match result {
                Ok(Some(end)) => Err(exit(end)),
                Ok(None) | Err(_) => Ok(u32::from(errno.code())),
            }
        },
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_preview_1_is_there_once() {
        let mut names: Vec<&str> = SIGNATURES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), 46);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 46);
    }

    /// Parameters as the witx definition lowers them: i for i32, I for i64.
    #[test]
    fn parameters_are_those_of_the_witx_definition() {
        let letters = |name: &str| {
            let (_, params) = SIGNATURES
                .iter()
                .find(|(known, _)| *known == name)
                .expect("in the list");
            params
                .iter()
                .map(|ty| if *ty == ValType::I64 { 'I' } else { 'i' })
                .collect::<String>()
        };
        for (name, expected) in [
            ("args_get", "ii"),
            ("clock_time_get", "iIi"),
            ("fd_advise", "iIIi"),
            ("fd_allocate", "iII"),
            ("fd_fdstat_set_rights", "iII"),
            ("fd_filestat_set_size", "iI"),
            ("fd_filestat_set_times", "iIIi"),
            ("fd_pread", "iiiIi"),
            ("fd_pwrite", "iiiIi"),
            ("fd_readdir", "iiiIi"),
            ("fd_seek", "iIii"),
            ("path_filestat_set_times", "iiiiIIi"),
            ("path_link", "iiiiiii"),
            ("path_open", "iiiiiIIii"),
            ("path_readlink", "iiiiii"),
            ("path_rename", "iiiiii"),
            ("path_symlink", "iiiii"),
            ("poll_oneoff", "iiii"),
            ("proc_exit", "i"),
            ("proc_raise", "i"),
            ("sched_yield", ""),
            ("sock_accept", "iii"),
            ("sock_recv", "iiiiii"),
            ("sock_send", "iiiii"),
            ("sock_shutdown", "ii"),
        ] {
            assert_eq!(letters(name), expected, "{name}");
        }
    }
}
