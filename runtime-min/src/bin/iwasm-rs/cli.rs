//! The command line.

use clap::{ArgAction, CommandFactory as _, Parser, error::ErrorKind};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::PathBuf;

/// Bytes of a WebAssembly page.
pub const PAGE: u64 = 65536;

const ABOUT: &str = "Run a WebAssembly program that wamrc-rs compiled";

const LONG_ABOUT: &str = "\
Runs a WebAssembly program that was compiled ahead of time by wamrc-rs.

A command, that is a program with a `_start` function as compilers make it from `main`, runs from \
there. With -f any exported function is called instead. Programs reach the outside through WASI \
preview 1, and only what the options give them: no files without --dir or --map-dir, no environment \
without --env. Standard input, output and error are passed on.

Options come before FILE.aot. What comes after it, also with a leading `-`, is the program's.";

const AFTER_LONG_HELP: &str = "\
Functions (-f):
  The ARGS are the function's parameters, one each, by type:
    i32, i64   decimal or 0x hexadecimal, with or without sign: -1, 0xffffffff, 4294967295
    f32, f64   1.5, -2e10, inf, -inf, nan, -nan, nan:0x400000 (the fraction's bits)
    v128       two i64, low half first: 0x1\\0x2
    funcref    null
    externref  null or a number
  Results go to standard output in one line, as iwasm prints them: comma-separated, integers in
  hexadecimal, floating point with 7 significant digits:
    0x8:i32,0xffffffffffffffff:i64,1.5:f32,nan:f64
  A line without anything stands for no results. If the module exports `_initialize` (a WASI
  reactor), it is called first.

Exit codes:
  The program's own, if it ends by itself; 0 if it returns.
  1    the file could not be loaded or linked, or a function not be called as asked
  2    the command line is wrong
  134  the program trapped

Traps:
  The cause goes to standard error, then the call stack, innermost function first, as far as the
  object has one (compile with --enable-dump-call-stack). Numbers are offsets in the WebAssembly
  module; a function without a name is $f and its index:
    Exception: out of bounds memory access
    #00: 0x0158 - store
    #01: 0x01a2 - $f7

Examples:
  iwasm-rs hello.aot
  iwasm-rs --dir=. --env=LANG=C tool.aot -v input.txt
  iwasm-rs --map-dir=/data::/srv/data server.aot
  iwasm-rs -f add math.aot 3 5";

/// Options as typed.
#[derive(Debug, Parser)]
#[command(
    name = "iwasm-rs",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT,
    after_long_help = AFTER_LONG_HELP,
    after_help = "See --help for argument types, exit codes and examples.",
    override_usage = "iwasm-rs [OPTIONS] FILE.aot [ARGS]...",
    max_term_width = 100,
)]
pub struct Cli {
    /// Call an exported function instead of `_start`
    ///
    /// The ARGS become its parameters; see below for how they are written and how results are
    /// printed.
    #[arg(short, long, value_name = "NAME", visible_alias = "invoke")]
    function: Option<String>,

    /// Give the program a directory, under the same name (repeatable)
    ///
    /// The program can open, make and remove files beneath it, and nothing above it or elsewhere.
    #[arg(long = "dir", value_name = "DIR")]
    dirs: Vec<String>,

    /// Give the program a directory under a name of its own (repeatable)
    ///
    /// As with --dir, but the program knows HOST as GUEST.
    #[arg(long = "map-dir", value_name = "GUEST::HOST", value_parser = map_dir)]
    map_dirs: Vec<(String, PathBuf)>,

    /// Set an environment variable of the program (repeatable)
    #[arg(long = "env", value_name = "K=V", value_parser = variable)]
    env: Vec<(String, String)>,

    /// Bytes of stack for WebAssembly code
    ///
    /// Deeper recursion traps with `call stack exhausted`. The number can end in K, M or G, for
    /// 1024, 1024² or 1024³ bytes. Unlike iwasm's this is the native stack, on which compiled code
    /// keeps its values too: the default is larger than iwasm's 64 KiB.
    #[arg(long, value_name = "n", value_parser = size)]
    stack_size: Option<u64>,

    /// Upper bound on the size of each memory, in bytes
    ///
    /// Memories grow in pages of 64 KiB; the bound is rounded down to whole pages. A program whose
    /// memory is larger from the start does not load; growing beyond fails. The number can end in
    /// K, M or G.
    #[arg(long, value_name = "n", value_parser = size)]
    max_memory: Option<u64>,

    /// Accepted for compatibility with iwasm, does nothing
    ///
    /// In iwasm it sizes a heap that the runtime keeps in a module's memory; here modules bring
    /// their own `malloc`.
    #[arg(long, value_name = "n", value_parser = size)]
    heap_size: Option<u64>,

    /// Sample the program and write a flame graph
    ///
    /// Its CPU time is sampled every millisecond, or as often as the system's clock ticks. Any object
    /// will do; functions that were inlined into others are told apart. A FILE that ends in `.folded`
    /// gets the stacks as text, for other tools. An object compiled with --enable-perf-profiling is
    /// sampled in any case: calls and times of each function go to standard error at the end.
    #[arg(long, value_name = "FILE.svg", value_hint = clap::ValueHint::FilePath)]
    profile_out: Option<PathBuf>,

    /// Tell Linux perf the names of functions, in /tmp/perf-PID.map
    ///
    /// For call graphs by frame pointers compile with --enable-linux-perf:
    /// `perf record -g iwasm-rs --perf-map FILE.aot`
    #[arg(long, visible_alias = "enable-linux-perf")]
    perf_map: bool,

    /// Stop the program after this many milliseconds
    ///
    /// It traps with `interrupted`, wherever it is then: its object needs no option for that. What it
    /// has the host do, such as reading input, is waited for unless the system can break it off.
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,

    /// How many threads a program may have, the first one included
    ///
    /// For programs that start threads through wasi-threads, as C libraries do for pthreads. Where no more
    /// may be started, starting one fails.
    #[arg(long, value_name = "n", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    max_threads: u32,

    /// How much to say on standard error, 0 to 5
    ///
    /// 2: what the user should know. 3, which is also -v alone: what is loaded and how long it
    /// takes. 4: each call to WASI, and the values in a trap's call stack, if the object has them.
    #[arg(
        short,
        long,
        value_name = "n",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = 2,
        default_missing_value = "3",
        value_parser = clap::value_parser!(u8).range(0..=5),
        hide_default_value = true,
    )]
    verbose: u8,

    #[arg(long, hide = true, num_args = 0, action = ArgAction::SetTrue)]
    repl: bool,
    #[arg(long, hide = true)]
    native_lib: Vec<OsString>,
    #[arg(long, hide = true)]
    addr_pool: Vec<OsString>,
    #[arg(long, hide = true)]
    allow_resolve: Vec<OsString>,
    /// Print a completion script for a shell
    #[arg(long, hide = true, value_name = "SHELL", exclusive = true)]
    generate_completion: Option<Shell>,
    /// Print the manual page
    #[arg(long, hide = true, exclusive = true)]
    generate_man_page: bool,

    /// The compiled program, and its arguments (usage and description speak of them)
    // One list: everything after the first value is taken as it is.
    #[arg(
        value_names = ["FILE.aot", "ARGS"],
        hide = true,
        trailing_var_arg = true,
        num_args = 1..,
        required_unless_present_any = ["generate_completion", "generate_man_page"],
        value_hint = clap::ValueHint::CommandWithArguments,
    )]
    command: Vec<OsString>,
}

/// What to run, after the checks.
#[derive(Debug)]
pub struct Options {
    /// Exported function to call.
    pub function: Option<String>,
    /// The program's name of a directory, and the host's.
    pub dirs: Vec<(String, PathBuf)>,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// Bytes of stack.
    pub stack_size: Option<usize>,
    /// Pages of each memory at most.
    pub max_memory_pages: Option<u64>,
    /// Was `--heap-size` given?
    pub heap_size: bool,
    /// Where a flame graph goes.
    pub profile_out: Option<PathBuf>,
    /// Names for Linux perf?
    pub perf_map: bool,
    /// Milliseconds until the program is stopped.
    pub timeout: Option<u64>,
    /// Of one program, the first one included.
    pub max_threads: usize,
    /// From 0 to 5.
    pub verbose: u8,
    /// The object.
    pub file: PathBuf,
    /// The program's arguments, without its name.
    pub args: Vec<OsString>,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Action {
    /// Run a program.
    Run(Box<Options>),
    /// Print a completion script.
    Completion(Shell),
    /// Print the manual page.
    ManPage,
}

impl Cli {
    /// Checks what clap does not.
    pub fn check(self) -> Result<Action, clap::Error> {
        if let Some(shell) = self.generate_completion {
            return Ok(Action::Completion(shell));
        }
        if self.generate_man_page {
            return Ok(Action::ManPage);
        }
        let absent = [
            (self.repl, "--repl", "use -f to call single functions"),
            (
                !self.native_lib.is_empty(),
                "--native-lib",
                "host functions are added through the Rust API of wamr-runtime-min",
            ),
            (
                !self.addr_pool.is_empty(),
                "--addr-pool",
                "programs cannot open sockets",
            ),
            (
                !self.allow_resolve.is_empty(),
                "--allow-resolve",
                "programs cannot look up host names",
            ),
        ];
        for (given, option, instead) in absent {
            if given {
                return Err(Cli::command().error(
                    ErrorKind::UnknownArgument,
                    format!("iwasm's option '{option}' is not available in iwasm-rs: {instead}"),
                ));
            }
        }
        let stack_size = self.stack_size.map(usize::try_from).transpose();
        let stack_size = stack_size.map_err(|_| {
            Cli::command().error(ErrorKind::ValueValidation, "--stack-size is too large")
        })?;
        let mut command = self.command.into_iter();
        let file = command.next().ok_or_else(|| {
            Cli::command().error(ErrorKind::MissingRequiredArgument, "FILE.aot is missing")
        })?;
        let dirs = self.dirs.into_iter().map(|dir| (dir.clone(), dir.into()));
        Ok(Action::Run(Box::new(Options {
            function: self.function,
            dirs: dirs.chain(self.map_dirs).collect(),
            env: self.env,
            stack_size,
            max_memory_pages: self.max_memory.map(|bytes| bytes / PAGE),
            heap_size: self.heap_size.is_some(),
            profile_out: self.profile_out,
            perf_map: self.perf_map,
            timeout: self.timeout,
            max_threads: self.max_threads as usize,
            verbose: self.verbose,
            file: file.into(),
            args: command.collect(),
        })))
    }
}

/// `GUEST::HOST`
fn map_dir(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once("::") {
        Some((guest, host)) if !guest.is_empty() && !host.is_empty() => {
            Ok((guest.into(), host.into()))
        }
        _ => Err("expected GUEST::HOST, such as /data::/srv/data".into()),
    }
}

/// `K=V`
fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("expected NAME=VALUE".into()),
    }
}

/// Bytes, with or without K, M, G.
fn size(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "expected a number of bytes, such as 65536 or 64K".into())
}

/// A completion script.
pub fn completion(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "iwasm-rs", &mut script);
    script
}

/// The manual page.
pub fn man_page() -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        let name = ["iwasm-rs"];
        let cli = Cli::try_parse_from(name.iter().chain(arguments))?;
        match cli.check()? {
            Action::Run(options) => Ok(*options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_end_at_the_file() {
        for arguments in [
            ["p.aot", "-v", "--dir=x", "--", "--help", "-f"],
            ["p.aot", "--version", "-V", "-h", "", "x"],
            ["p.aot", "--", "--", "-", "--env", "q"],
        ] {
            let options = parse(&arguments).expect("accepted");
            assert_eq!(options.args, &arguments[1..]);
            assert_eq!(options.file, PathBuf::from("p.aot"));
            assert_eq!(options.verbose, 2);
            assert!(options.dirs.is_empty() && options.env.is_empty());
            assert!(options.profile_out.is_none() && !options.perf_map);
        }
        let options = parse(&["--", "-p.aot", "-v"]).expect("accepted");
        assert_eq!(options.file, PathBuf::from("-p.aot"));
        assert_eq!(options.args, ["-v"]);
    }

    #[test]
    fn options_are_those_of_iwasm() {
        let options = parse(&[
            "-f",
            "add",
            "--dir=a",
            "--dir=b",
            "--map-dir=/c::d::e",
            "--env=K=V=W",
            "--env=E=",
            "--stack-size=1M",
            "--max-memory=200000",
            "--heap-size=8192",
            "--timeout=1500",
            "--max-threads=9",
            "--profile-out=p.svg",
            "--perf-map",
            "-v=4",
            "p.aot",
        ])
        .expect("accepted");
        assert_eq!(options.function.as_deref(), Some("add"));
        let dirs: Vec<(&str, &str)> = options
            .dirs
            .iter()
            .map(|(guest, host)| (guest.as_str(), host.to_str().expect("UTF-8")))
            .collect();
        assert_eq!(dirs, [("a", "a"), ("b", "b"), ("/c", "d::e")]);
        assert_eq!(options.env[0], ("K".into(), "V=W".into()));
        assert_eq!(options.env[1], ("E".into(), String::new()));
        assert_eq!(options.stack_size, Some(1 << 20));
        assert_eq!(options.max_memory_pages, Some(3));
        assert!(options.heap_size && options.perf_map);
        assert_eq!(options.profile_out, Some("p.svg".into()));
        assert_eq!(options.timeout, Some(1500));
        assert_eq!(options.max_threads, 9);
        assert_eq!(options.verbose, 4);
        for (arguments, verbose) in [
            (["-v", "p.aot"], 3),
            (["--verbose=5", "p.aot"], 5),
            (["-v=0", "p.aot"], 0),
        ] {
            assert_eq!(parse(&arguments).expect("accepted").verbose, verbose);
        }
        let invoked = parse(&["--invoke", "f", "p.aot"]).expect("accepted");
        assert_eq!(invoked.function.as_deref(), Some("f"));
    }

    #[test]
    fn mistakes_are_usage_errors() {
        for arguments in [
            &[][..],
            &["--no-such-option", "p.aot"],
            &["--env=K", "p.aot"],
            &["--env==V", "p.aot"],
            &["--map-dir=x", "p.aot"],
            &["--map-dir=::x", "p.aot"],
            &["--stack-size=x", "p.aot"],
            &["--stack-size=-1", "p.aot"],
            &["--max-memory=99999999999G", "p.aot"],
            &["-v=6", "p.aot"],
            &["--repl", "p.aot"],
            &["--native-lib=x.so", "p.aot"],
            &["--addr-pool=1.2.3.4/15", "p.aot"],
            &["--allow-resolve=*", "p.aot"],
            &["--max-threads=0", "p.aot"],
            &["--max-threads=-1", "p.aot"],
            &["--timeout=1s", "p.aot"],
            &["--timeout=-1", "p.aot"],
            &["-f"],
        ] {
            let error = parse(arguments).expect_err("refused");
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
    }
}
