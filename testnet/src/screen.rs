//! What a person sees while something runs: notes and a progress bar, on standard error.
//!
//! Always true: standard output is never touched, so that it can be piped; without a terminal that can draw there is no
//! bar, only notes.

use blockchat_host::stream::{self, Stream};
use blockchat_host::text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// Cheap to clone; all clones draw on the same lines.
#[derive(Clone, Debug)]
pub struct Screen {
    bar: ProgressBar,
    begun: Instant,
}

impl Screen {
    /// A screen without a bar yet.
    pub fn new() -> Self {
        Self { bar: ProgressBar::hidden(), begun: Instant::now() }
    }

    /// The same screen with a bar of this length below the notes.
    #[must_use]
    pub fn with_bar(&self, length: u64) -> Self {
        let bar = ProgressBar::new(length);
        if !Stream::Error.has_colours() {
            // Nothing can be drawn there, or nobody wants it.
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("  {bar:32.cyan/blue} {pos}/{len} {wide_msg}");
        bar.set_style(style.expect("the template is a constant").progress_chars("█▉▊▋▌▍▎▏ "));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, begun: self.begun }
    }

    /// One line that stays, with the time since the start.
    pub fn note(&self, text: &str) {
        let line = format!("{:>6.1}s  {text}", self.begun.elapsed().as_secs_f32());
        if self.bar.is_hidden() { stream::note(&line) } else { self.bar.println(text::page(&line)) }
    }

    /// Moves the bar, with a few words beside it.
    pub fn progress(&self, position: u64, words: &str) {
        self.bar.set_position(position);
        self.bar.set_message(text::line(words).into_owned());
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}
