//! A progress bar on stderr, and only where somebody can see it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how far a benchmark is. Draws nothing when stderr is not a terminal, so logs and pipes stay clean.
#[derive(Clone, Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar of `steps` steps (rounds, phases) for the benchmark `name`.
    #[must_use]
    pub fn on_stderr(name: &str, steps: u64) -> Self {
        // indicatif hides the bar by itself when the target is not a terminal.
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix:>14} [{bar:30}] {pos}/{len} {elapsed} {msg}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name.to_owned());
        bar.tick();
        Self(bar)
    }

    /// A bar that is never shown.
    #[must_use]
    pub fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Says what happens now.
    pub fn say(&self, message: impl Into<String>) {
        self.0.set_message(message.into());
    }

    /// One step is done.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
