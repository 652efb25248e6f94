//! Loading, linking and calling.

use crate::cli::{Options, PAGE};
use crate::failure::Failure;
use crate::log::{CALLS, Log};
use crate::profile::Measurement;
use crate::values;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wamr_runtime_min::host::wasi::threads::{self, Program};
use wamr_runtime_min::host::wasi::{self, Exit, WasiCtx};
use wamr_runtime_min::{
    Error, ExternType, Func, Instance, LinkError, Linker, Module, Store, StoreConfig, Val, ValType,
};

/// Where a WASI command starts.
const START: &str = "_start";

/// What prepares a WASI reactor.
const INITIALIZE: &str = "_initialize";

/// How many names an error message lists.
const LISTED: usize = 20;

/// Runs what the command line asks for; returns the exit code.
pub fn run(options: &Options) -> Result<u32, Failure> {
    let log = Log(options.verbose);
    if options.heap_size {
        log.detail(|| "--heap-size does nothing here: modules bring their own malloc");
    }
    let module = load(&options.file, log)?;
    let mut config = StoreConfig::default();
    if let Some(size) = options.stack_size {
        config.stack_size = size;
    }
    config.max_memory_pages = options.max_memory_pages;
    log.detail(|| {
        let memory = config
            .max_memory_pages
            .map_or("not limited".into(), |pages| {
                format!("up to {pages} pages ({} bytes)", pages.saturating_mul(PAGE))
            });
        format!("stack {} bytes, memories {memory}", config.stack_size)
    });
    let mut store = Store::new(config.clone()).map_err(Failure::new)?;
    let context = Arc::new(wasi_context(options)?);
    let program = if Program::is_threaded(&module) {
        let context = context.clone();
        let program = Program::new(&module, config, options.max_threads, move |_, linker| {
            Ok(wasi::add_to_linker(linker, &context)?)
        });
        Some(program.map_err(|error| Failure::file(&options.file, error))?)
    } else {
        None
    };
    let measurement = Measurement::start(options, &module, log)?;
    if let Some(milliseconds) = options.timeout {
        let handle = store.interrupt_handle();
        // It goes on until the process ends: the program may do so at any moment, and needs no watch then.
        std::thread::Builder::new()
            .spawn(move || {
                std::thread::sleep(Duration::from_millis(milliseconds));
                handle.interrupt();
            })
            .map_err(|error| Failure::new(format!("--timeout: {error}")))?;
    }
    let begun = Instant::now();
    let instance = match &program {
        Some(program) => program.instantiate(&mut store),
        None => {
            let mut linker = Linker::new();
            wasi::add_to_linker(&mut linker, &context).map_err(Failure::new)?;
            linker.instantiate(&mut store, &module)
        }
    };
    let instance = match instance {
        Ok(instance) => instance,
        Err(Error::Link(error)) => {
            return Err(Failure::file(
                &options.file,
                format!("cannot be linked: {error} ({})", offered(&error)),
            ));
        }
        Err(error) => {
            return match finish::<Instance>(program.as_ref(), Err(error)) {
                Err(error) => ended(options, error),
                Ok(_) => Ok(0),
            };
        }
    };
    log.detail(|| format!("instantiated in {:.3?}", begun.elapsed()));

    let mut call = Call {
        options,
        log,
        store,
        instance,
        program,
    };
    let result = call.run(&module);
    // Also of a run that has failed; that is then the first thing to tell.
    let measured = measurement.finish(&call.store, call.instance);
    result.and_then(|code| measured.map(|()| code))
}

/// Reads and loads the object.
fn load(path: &Path, log: Log) -> Result<Module, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, error))?;
    if let Some(cause) = foreign(&bytes, path) {
        return Err(Failure::file(path, cause));
    }
    let begun = Instant::now();
    let module = Module::load(&bytes)
        .map_err(|error| Failure::file(path, format!("cannot be loaded: {error}")))?;
    log.detail(|| {
        format!(
            "{}: {} bytes, loaded in {:.3?}; module {}; {} imports, {} exports",
            path.display(),
            bytes.len(),
            begun.elapsed(),
            module.name().unwrap_or("without a name"),
            module.imports().count(),
            module.exports().count(),
        )
    });
    Ok(module)
}

/// What to do with a file that is something else than one of our objects.
fn foreign(bytes: &[u8], path: &Path) -> Option<String> {
    let text = bytes.trim_ascii_start();
    let what = if bytes.starts_with(b"\0asm") {
        "is a WebAssembly module, not a compiled object"
    } else if bytes.starts_with(b"\0aot") {
        "is an object of WAMR's wamrc, which this runtime cannot run"
    } else if text.starts_with(b"(module") || text.starts_with(b"(;") || text.starts_with(b";;") {
        "is WebAssembly text, not a compiled object"
    } else if bytes.is_empty() {
        "is empty"
    } else if !bytes.starts_with(b"\x7fELF") {
        "is not an object of wamrc-rs: expected an ELF file"
    } else {
        return None;
    };
    let source = if bytes.starts_with(b"\0asm") || text.starts_with(b"(") {
        path.to_path_buf()
    } else {
        path.with_extension("wasm")
    };
    Some(format!(
        "{what}; compile the module first: wamrc-rs -o {} {}",
        source.with_extension("aot").display(),
        source.display()
    ))
}

/// What a module can import here, for error messages.
fn offered(error: &LinkError) -> String {
    if let LinkError::UnknownImport { module, .. } = error
        && module == "wasi_unstable"
    {
        return format!(
            "that is the predecessor of `{}`: build the program with a newer C library",
            wasi::MODULE
        );
    }
    format!(
        "iwasm-rs offers the {} functions of `{}`, and `{}` `{}` with shared memories",
        wasi::SIGNATURES.len(),
        wasi::MODULE,
        threads::MODULE,
        threads::SPAWN,
    )
}

/// What the program is given.
fn wasi_context(options: &Options) -> Result<WasiCtx, Failure> {
    let mut builder = WasiCtx::builder()
        .inherit_stdio()
        .trace(options.verbose >= CALLS);
    let name = options.file.as_os_str();
    // A function's arguments are not the program's.
    let args = options.args.iter().map(|arg| arg.as_os_str());
    let args = args.filter(|_| options.function.is_none());
    for arg in std::iter::once(name).chain(args) {
        builder = builder.arg(arg.as_bytes()).map_err(Failure::new)?;
    }
    for (name, value) in &options.env {
        builder = builder
            .env(name.as_bytes(), value.as_bytes())
            .map_err(Failure::new)?;
    }
    for (guest, host) in &options.dirs {
        builder = builder.preopen_dir(host, guest.as_str()).map_err(|error| {
            Failure::new(format!(
                "directory {} for the program: {error}",
                host.display()
            ))
        })?;
    }
    builder.build().map_err(Failure::new)
}

/// What the end of the main thread means for a program of several: the other threads end too, and one of
/// them may be why it did.
fn finish<T>(program: Option<&Program>, result: Result<T, Error>) -> Result<T, Error> {
    match program {
        Some(program) => program.finish(result),
        None => result,
    }
}

/// The exit code of a call that did not return, or why it failed.
fn ended(options: &Options, error: Error) -> Result<u32, Failure> {
    match error {
        Error::Trap(trap) => Err(Failure::trap(&trap, options.verbose >= CALLS)),
        Error::Exception(exception) => {
            let values = options.verbose >= CALLS;
            Err(Failure::exception(&exception, values))
        }
        Error::Host(error) => match error.downcast_ref::<Exit>() {
            Some(exit) => Ok(exit.0),
            None => Err(Failure::new(error)),
        },
        Error::Resource(what) => Err(Failure::file(
            &options.file,
            match options.max_memory_pages {
                Some(pages) => format!(
                    "not enough room for {what}; --max-memory allows {}",
                    count(pages, "page")
                ),
                None => format!("not enough room for {what}"),
            },
        )),
        other => Err(Failure::file(&options.file, other)),
    }
}

/// An instance that is ready to be called.
struct Call<'a> {
    options: &'a Options,
    log: Log,
    store: Store,
    instance: Instance,
    /// With its other threads.
    program: Option<Program>,
}

impl Call<'_> {
    fn run(&mut self, module: &Module) -> Result<u32, Failure> {
        if let Some(name) = &self.options.function {
            return self.function(module, name);
        }
        if let Some(start) = self.instance.get_func(&self.store, START) {
            let (begun, log) = (Instant::now(), self.log);
            let result = start.call(&mut self.store, &[]);
            let code = match finish(self.program.as_ref(), result) {
                Ok(_) => Ok(0),
                Err(error) => ended(self.options, error),
            };
            log.detail(|| format!("ran for {:.3?}", begun.elapsed()));
            return code;
        }
        let reactor = self.instance.get_func(&self.store, INITIALIZE).is_some();
        if let Some(code) = self.initialize()? {
            return Ok(code);
        }
        let what = if reactor {
            "is a reactor: it was initialised, but has no `_start` to run"
        } else {
            "has no `_start` to run"
        };
        Err(Failure::file(
            &self.options.file,
            format!(
                "{what}; call a function with -f NAME; {}",
                functions(module)
            ),
        ))
    }

    /// Calls `_initialize`, if there is one; the exit code, if that ended the program.
    fn initialize(&mut self) -> Result<Option<u32>, Failure> {
        let Some(initialize) = self.instance.get_func(&self.store, INITIALIZE) else {
            return Ok(None);
        };
        match initialize.call(&mut self.store, &[]) {
            Ok(_) => Ok(None),
            Err(error) => match finish(self.program.as_ref(), Err(error)) {
                Err(error) => ended(self.options, error).map(Some),
                Ok(()) => Ok(None),
            },
        }
    }

    /// Calls an exported function and prints its results.
    fn function(&mut self, module: &Module, name: &str) -> Result<u32, Failure> {
        let Some(func) = self.instance.get_func(&self.store, name) else {
            return Err(Failure::file(
                &self.options.file,
                format!("no function is exported as `{name}`; {}", functions(module)),
            ));
        };
        let arguments = self.arguments(name, func)?;
        if name != INITIALIZE
            && let Some(code) = self.initialize()?
        {
            return Ok(code);
        }
        let begun = Instant::now();
        let results = func.call(&mut self.store, &arguments);
        let results = match finish(self.program.as_ref(), results) {
            Ok(results) => results,
            Err(error) => return ended(self.options, error),
        };
        self.log
            .detail(|| format!("ran for {:.3?}", begun.elapsed()));
        let results: Vec<String> = results
            .iter()
            .map(|value| values::print(value, Some(&self.store)))
            .collect();
        Ok(crate::print(format!("{}\n", results.join(",")).as_bytes()))
    }

    /// The arguments of the command line as values of the parameters' types.
    fn arguments(&mut self, name: &str, func: Func) -> Result<Vec<Val>, Failure> {
        let ty = func.ty(&self.store);
        let given = &self.options.args;
        if given.len() != ty.params().len() {
            return Err(Failure::file(
                &self.options.file,
                format!(
                    "`{name}` takes {} ({}), but {} given",
                    count(ty.params().len(), "argument"),
                    list(ty.params()),
                    match given.len() {
                        1 => "1 is".into(),
                        number => format!("{number} are"),
                    }
                ),
            ));
        }
        let pairs = ty.params().iter().zip(given).zip(1..);
        pairs
            .map(|((ty, text), number): (_, usize)| {
                let value = text
                    .to_str()
                    .and_then(|text| values::parse(&mut self.store, *ty, text));
                value.ok_or_else(|| {
                    Failure::file(
                        &self.options.file,
                        format!(
                            "argument {number} of `{name}`: expected {ty}, {}; found `{}`",
                            values::form(*ty),
                            text.display()
                        ),
                    )
                })
            })
            .collect()
    }
}

/// `1 argument`, `2 arguments`.
fn count(number: impl ToString, what: &str) -> String {
    let number = number.to_string();
    let plural = if number == "1" { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Types with commas.
fn list(types: &[ValType]) -> String {
    let types: Vec<String> = types.iter().map(ToString::to_string).collect();
    types.join(", ")
}

/// Says which functions a module exports.
fn functions(module: &Module) -> String {
    let names: Vec<String> = module
        .exports()
        .filter(|(_, ty)| matches!(ty, ExternType::Func(_)))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    match names.len() {
        0 => "it exports no functions".into(),
        number if number > LISTED => format!(
            "it exports {}, and {} more",
            names[..LISTED].join(", "),
            number - LISTED
        ),
        _ => format!("it exports {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_told_apart() {
        let path = Path::new("dir/x.aot");
        for (bytes, expected) in [
            (&b"\0asm\x01\0\0\0"[..], "is a WebAssembly module"),
            (b"\0aot\x05\0\0\0", "is an object of WAMR's wamrc"),
            (b"  (module)", "is WebAssembly text"),
            (b";; comment", "is WebAssembly text"),
            (b"", "is empty"),
            (b"#!/bin/sh", "is not an object of wamrc-rs"),
        ] {
            let cause = foreign(bytes, path).expect("told");
            assert!(cause.starts_with(expected), "{cause}");
            assert!(cause.contains("wamrc-rs -o dir/x.aot"), "{cause}");
        }
        assert_eq!(foreign(b"\x7fELF", path), None);
        let cause = foreign(b"\0asm", Path::new("y.wasm")).expect("told");
        assert!(cause.ends_with("wamrc-rs -o y.aot y.wasm"), "{cause}");
    }
}
