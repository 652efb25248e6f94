//! A sampling profiler: which functions a thread spends its time in.
//!
//! A timer of the thread's CPU time sends a signal every millisecond, or as often as the system's clock
//! ticks. Its handler walks the stack and adds the time since the last signal to the stack that it
//! finds: it takes no lock and allocates nothing. Needs nothing of the compiled code; names are looked
//! up afterwards.

mod perf_map;
mod stacks;
mod timer;

pub use perf_map::perf_map;

use crate::Module;
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use std::time::Duration;

/// Samples the thread that started it, until it is stopped or dropped. Stays on its thread.
#[derive(Debug)]
pub struct Profiler(timer::Timer);

impl Profiler {
    /// Starts to sample this thread. Takes over `SIGPROF` until the end.
    ///
    /// # Errors
    ///
    /// Another thread of the process is being sampled, or the system has no such timer.
    pub fn start() -> std::io::Result<Profiler> {
        timer::Timer::start().map(Profiler)
    }

    /// Ends sampling.
    pub fn stop(self) -> Profile {
        self.0.stop()
    }
}

/// A function in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Function {
    /// Its module, as [`Module::id`] names it.
    pub module: usize,
    /// Index in the module's function index space, imports included.
    pub index: u32,
}

/// Where a thread was, and for how long.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    stacks: Vec<Stack>,
    /// Time for whose stacks there was no room.
    dropped: Duration,
    /// How many stacks were deeper than what is kept.
    cut: u64,
    /// How many signals there were.
    samples: u64,
}

/// A stack that was seen, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The functions, youngest first, inlined ones included; none where no compiled code ran.
    pub functions: Vec<Function>,
    /// CPU time spent in it.
    pub time: Duration,
}

/// CPU time of a function, by samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FunctionTime {
    /// In the function and in everything that it called. Of a recursive function, each moment once.
    pub total: Duration,
    /// In its own code, and in host functions that it called.
    pub own: Duration,
}

/// What stands for the time outside of compiled code.
const OUTSIDE: &str = "(outside compiled code)";

impl Profile {
    /// The stacks that were seen, each once.
    pub fn stacks(&self) -> &[Stack] {
        &self.stacks
    }

    /// CPU time for whose stacks there was no room; it is in none of the other numbers.
    pub fn dropped(&self) -> Duration {
        self.dropped
    }

    /// How many samples lack their oldest functions, because the stack was too deep.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// How many samples were taken.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The times of a module's functions, by index in the function index space.
    pub fn times(&self, module: &Module) -> BTreeMap<u32, FunctionTime> {
        let mut times: BTreeMap<u32, FunctionTime> = BTreeMap::new();
        for stack in &self.stacks {
            let own = |function: &&Function| function.module == module.id();
            if let Some(youngest) = stack.functions.first().filter(own) {
                times.entry(youngest.index).or_default().own += stack.time;
            }
            let mut seen: Vec<u32> = stack
                .functions
                .iter()
                .filter(own)
                .map(|f| f.index)
                .collect();
            seen.sort_unstable();
            seen.dedup();
            for index in seen {
                times.entry(index).or_default().total += stack.time;
            }
        }
        times
    }

    /// The stacks as lines `oldest;…;youngest microseconds`, which flame graphs are made from, in order.
    /// `modules` are those whose functions have names.
    pub fn folded(&self, modules: &[&Module]) -> Vec<String> {
        let mut lines: Vec<String> = self.stacks.iter().map(|s| s.folded(modules)).collect();
        lines.sort_unstable();
        lines
    }
}

impl Stack {
    fn folded(&self, modules: &[&Module]) -> String {
        let mut line = String::new();
        for function in self.functions.iter().rev() {
            let module = modules.iter().find(|module| module.id() == function.module);
            if !line.is_empty() {
                line.push(';');
            }
            // A semicolon would be another function's start.
            line.push_str(&symbol(module.copied(), function.index).replace(';', ":"));
        }
        if line.is_empty() {
            line.push_str(OUTSIDE);
        }
        alloc::format!("{line} {}", self.time.as_micros())
    }
}

/// A function's name on one line, or `$f` and its index.
pub fn symbol(module: Option<&Module>, function: u32) -> String {
    match module.and_then(|module| module.function_name(function)) {
        Some(name) if !name.is_empty() => {
            let shown = |c: char| if c.is_control() { '?' } else { c };
            name.chars().map(shown).collect()
        }
        _ => alloc::format!("$f{function}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(functions: &[u32], micros: u64) -> Stack {
        Stack {
            functions: functions
                .iter()
                .map(|index| Function {
                    module: 1,
                    index: *index,
                })
                .collect(),
            time: Duration::from_micros(micros),
        }
    }

    #[test]
    fn stacks_are_folded_oldest_first() {
        let profile = Profile {
            stacks: alloc::vec![stack(&[3, 2], 5), stack(&[], 7)],
            ..Profile::default()
        };
        // Sorted.
        let expected = ["$f2;$f3 5", "(outside compiled code) 7"];
        assert_eq!(profile.folded(&[]), expected);
    }

    #[test]
    fn this_thread_is_sampled_and_only_once_at_a_time() {
        let profiler = Profiler::start().expect("a timer");
        assert!(Profiler::start().is_err());
        let mut count = 0u64;
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(100) {
            count = std::hint::black_box(count + 1);
        }
        let profile = profiler.stop();
        // No compiled code ran, so there is at most one stack, the empty one.
        assert!(
            profile
                .stacks()
                .iter()
                .all(|stack| stack.functions.is_empty())
        );
        assert!(profile.stacks().len() <= 1);
        drop(Profiler::start().expect("the first has ended"));
    }
}
