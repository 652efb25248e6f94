//! Parts of a long run: each goes on when another fails, and all are listed at the end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// What was run.
#[derive(Default)]
pub struct Parts(Vec<(String, bool, Duration)>);

impl Parts {
    /// Runs a part; whether it passed.
    pub fn run(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        if let Err(error) = &result {
            println!("error: {error:#}");
        }
        self.0
            .push((name.to_owned(), result.is_ok(), start.elapsed()));
        result.is_ok()
    }

    /// Runs work that not every machine can do; it says why not.
    pub fn run_if_possible(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<Result<(), String>>,
    ) {
        let mut reason = None;
        self.run(name, || {
            reason = work()?.err();
            Ok(())
        });
        if let (Some(reason), Some(part)) = (reason, self.0.last_mut()) {
            println!("NOT RUN: {reason}");
            part.0.push_str(": NOT RUN, see above");
        }
    }

    /// Lists all parts; an error if one failed.
    pub fn finish(self) -> Result<()> {
        println!();
        for (name, passed, time) in &self.0 {
            let outcome = if *passed { "ok" } else { "FAILED" };
            println!("{outcome:>6}  {:>6.1} s  {name}", time.as_secs_f64());
        }
        let failed = self.0.iter().filter(|(_, passed, _)| !passed).count();
        if failed > 0 {
            bail!("{failed} of {} parts failed", self.0.len());
        }
        Ok(())
    }
}
