//! wamrc's options that have nothing to do here, in one table: some are accepted and change nothing, the
//! others say what to use instead.

use clap::builder::Str;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

/// What an option stands for here.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    /// Accepted; why it changes nothing.
    NoEffect(&'static str),
    /// Refused; what to use instead, or why it is not there.
    Refused(&'static str),
}

use Meaning::{NoEffect, Refused};

/// Name, whether it takes a value, meaning.
const OPTIONS: &[(&str, bool, Meaning)] = &[
    (
        "enable-bulk-memory-opt",
        false,
        NoEffect("bulk memory operations are always on"),
    ),
    (
        "enable-extended-const",
        false,
        NoEffect("extended constant expressions are always on"),
    ),
    (
        "enable-call-indirect-overlong",
        false,
        NoEffect("it comes with reference types"),
    ),
    (
        "enable-lime1",
        false,
        NoEffect("all of its features are on"),
    ),
    ("enable-simd", false, NoEffect("vectors are always on")),
    (
        "disable-aux-stack-check",
        false,
        NoEffect("the stack in linear memory is the program's own affair"),
    ),
    (
        "disable-llvm-lto",
        false,
        NoEffect("there are no such passes"),
    ),
    (
        "invoke-c-api-import",
        false,
        NoEffect("every import is called the quick way"),
    ),
    (
        "sgx",
        false,
        Refused("for enclaves use --bounds-checks=1 --size-level=0"),
    ),
    (
        "stack-usage",
        true,
        Refused("`wamrc-rs inspect` shows the frames"),
    ),
    (
        "enable-multi-thread",
        false,
        NoEffect("shared memories and atomics are always on, and code with a shared memory polls"),
    ),
    (
        "enable-tail-call",
        false,
        NoEffect("tail calls are always on"),
    ),
    (
        "enable-gc",
        false,
        Refused(
            "structures, arrays and `i31` are not compiled yet; recursion groups and sub types of functions are always on",
        ),
    ),
    (
        "enable-memory-profiling",
        false,
        Refused("the runtime knows what memory it uses"),
    ),
    (
        "xip",
        false,
        Refused("link the object into the image, with --format=object"),
    ),
    (
        "enable-indirect-mode",
        false,
        Refused("calls go through stubs where they have to"),
    ),
    (
        "disable-llvm-intrinsics",
        false,
        Refused("what the CPU lacks is called from the runtime"),
    ),
    (
        "enable-builtin-intrinsics",
        true,
        Refused("what the CPU lacks is called from the runtime"),
    ),
    (
        "enable-llvm-pgo",
        false,
        Refused("there is no profile-guided optimisation yet"),
    ),
    (
        "use-prof-file",
        true,
        Refused("there is no profile-guided optimisation yet"),
    ),
    (
        "enable-llvm-passes",
        true,
        Refused("take --format=llvmir-opt and LLVM's `opt`"),
    ),
    (
        "enable-segue",
        true,
        Refused("linear memory is addressed through a general register"),
    ),
    (
        "native-lib",
        true,
        Refused("signatures of imports are checked when they are linked"),
    ),
    (
        "enable-shared-heap",
        false,
        Refused("import a memory from the embedder"),
    ),
    (
        "enable-shared-chain",
        false,
        Refused("import a memory from the embedder"),
    ),
];

/// Which of the options were given.
#[derive(Clone, Debug, Default)]
pub struct Compatibility {
    given: Vec<(&'static str, Meaning)>,
}

impl Compatibility {
    /// What is wrong, if one of the options is refused.
    pub fn refusal(&self) -> Option<String> {
        self.given.iter().find_map(|(name, meaning)| match meaning {
            Refused(why) => Some(format!("`--{name}` is not available: {why}")),
            NoEffect(_) => None,
        })
    }

    /// What to say of the options that were accepted.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.given
            .iter()
            .filter_map(|(name, meaning)| match meaning {
                NoEffect(why) => Some(format!("`--{name}` changes nothing: {why}")),
                Refused(_) => None,
            })
    }
}

impl FromArgMatches for Compatibility {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut compatibility = Compatibility::default();
        compatibility.update_from_arg_matches(matches)?;
        Ok(compatibility)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.given = OPTIONS
            .iter()
            .filter(|(name, ..)| {
                matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine)
            })
            .map(|(name, _, meaning)| (*name, *meaning))
            .collect();
        Ok(())
    }
}

impl Args for Compatibility {
    fn augment_args(command: Command) -> Command {
        OPTIONS
            .iter()
            .fold(command, |command, (name, takes_value, meaning)| {
                let argument = Arg::new(Str::from(*name))
                    .long(*name)
                    .help_heading("Options of wamrc that are not needed or not available")
                    .hide_short_help(true);
                let argument = if *takes_value {
                    // wamrc has options whose value may be left out.
                    argument
                        .action(ArgAction::Append)
                        .num_args(0..=1)
                        .require_equals(true)
                } else {
                    argument.action(ArgAction::SetTrue)
                };
                command.arg(match meaning {
                    NoEffect(why) => argument.help(format!("Changes nothing: {why}")),
                    Refused(why) => argument.help(format!("Not available: {why}")),
                })
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
