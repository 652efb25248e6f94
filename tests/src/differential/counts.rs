//! What programs did that ran without a difference.

use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;

use super::{Failure, Observed};

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident: $what:literal,)*) => {
        /// How often something happened.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl AddAssign for Counts {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }

        impl Counts {
            /// The counts in a line that [`Counts::from_str`] reads.
            pub fn line(&self) -> String {
                let counts = [$(self.$name),*];
                counts.map(|count| count.to_string()).join(" ")
            }
        }

        impl FromStr for Counts {
            type Err = String;

            fn from_str(line: &str) -> Result<Self, String> {
                let mut numbers = line.split(' ').map_while(|number| number.parse().ok());
                let mut next = || numbers.next().ok_or_else(|| format!("too few counts: {line}"));
                Ok(Counts { $($name: next()?),* })
            }
        }

        impl fmt::Display for Counts {
            /// Those that are not zero.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let counts = [$((self.$name, $what)),*];
                let shown = counts.iter().filter(|(count, _)| *count > 0);
                for (index, (count, what)) in shown.enumerate() {
                    write!(f, "{}{count} {what}", if index == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    };
}

counts! {
    /// Programs.
    modules: "modules",
    /// Calls of exports.
    calls: "calls",
    /// Instantiations and calls that ended with a trap.
    traps: "traps",
    /// Instantiations and calls that ended with an exception.
    uncaught: "uncaught exceptions",
    /// Calls of host functions.
    host_calls: "host calls",
    /// Exceptions that were made, counted by the interpreter as the following.
    thrown: "exceptions",
    /// Exceptions that a handler got.
    caught: "caught",
    /// Of these, those that had left a function on the way.
    caught_across: "across functions",
    /// Of these, those that the host had thrown, or thrown on.
    caught_from_host: "from the host",
    /// Programs in which a handler got an exception.
    modules_that_catch: "modules that catch",
    /// Programs in which a handler got an exception that had left a function.
    modules_that_catch_across: "that catch across functions",
    /// Programs in which a handler got an exception from the host.
    modules_that_catch_from_host: "that catch from the host",
}

impl Counts {
    /// Adds what a program did that ran without a difference.
    pub(super) fn observe(&mut self, observed: &Observed) {
        let ends_with = |is_it: fn(&Failure) -> bool| {
            let ends = observed.ends.iter();
            ends.filter(|end| end.as_ref().is_err_and(is_it)).count() as u64
        };
        self.modules += 1;
        self.calls += observed.ends.len().saturating_sub(1) as u64;
        self.traps += ends_with(|end| matches!(end, Failure::Trap(_)));
        self.uncaught += ends_with(|end| matches!(end, Failure::Exception { .. }));
        self.host_calls += observed.host_calls.len() as u64;
        self.modules_that_catch += u64::from(self.caught > 0);
        self.modules_that_catch_across += u64::from(self.caught_across > 0);
        self.modules_that_catch_from_host += u64::from(self.caught_from_host > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_survive_their_line() {
        let counts = Counts {
            modules: 1,
            traps: 23,
            modules_that_catch_from_host: 4,
            ..Counts::default()
        };
        assert_eq!(counts.line().parse(), Ok(counts));
        assert!("1 2".parse::<Counts>().is_err());
        assert_eq!(
            counts.to_string(),
            "1 modules, 23 traps, 4 that catch from the host"
        );
    }
}
