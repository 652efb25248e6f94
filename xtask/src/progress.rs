//! Steps that take a while: a spinner with the time on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// Does `work` under a heading, and says how long it took. `work` may change the heading's tail with [`Step::at`].
///
/// # Errors
/// What `work` returns.
pub fn step<T>(heading: &str, work: impl FnOnce(&Step) -> Result<T>) -> Result<T> {
    let step = Step::start(heading);
    let start = Instant::now();
    let result = work(&step);
    step.bar.finish_and_clear();
    let outcome = if result.is_ok() { "done" } else { "FAILED" };
    println!(
        "{heading}: {outcome} in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    result
}

/// A step that is under way.
pub struct Step {
    heading: String,
    bar: ProgressBar,
}

impl Step {
    fn start(heading: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        if std::io::stderr().is_terminal() {
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
        } else {
            println!("{heading} ...");
        }
        bar.set_message(heading.to_owned());
        Self {
            heading: heading.to_owned(),
            bar,
        }
    }

    /// Says what the step is at now.
    pub fn at(&self, detail: &str) {
        self.bar.set_message(format!("{}: {detail}", self.heading));
    }
}
