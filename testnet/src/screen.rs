//! Output while something runs: notes and a progress bar, on standard error.
//!
//! Always true: standard output is never touched, so that it can be piped; without a capable terminal, there are only
//! notes, no bar.

use blockchat_host::stream::{self, Stream};
use blockchat_host::text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Cheap to clone; all clones draw on the same lines.
#[derive(Clone, Debug)]
pub struct Screen {
    bar: ProgressBar,
    begun: Instant,
    silent: bool,
    /// Notes held back while another part uses the terminal; `None` if no part does.
    held: Arc<Mutex<Option<Vec<String>>>>,
}

impl Screen {
    /// A screen without a bar yet.
    pub fn new() -> Self {
        Self { bar: ProgressBar::hidden(), begun: Instant::now(), silent: false, held: Arc::default() }
    }

    /// The same screen with its clock reset.
    #[must_use]
    pub fn from_now(&self) -> Self {
        Self { begun: Instant::now(), ..self.clone() }
    }

    /// Another part uses the terminal now: notes wait until [`Screen::go_on`], and no bar is drawn.
    pub fn hold(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }

    /// Takes the terminal back, and prints the notes held back.
    pub fn go_on(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        held.iter().flatten().for_each(|line| stream::note(line));
    }

    /// The same screen with a bar of this length below the notes.
    #[must_use]
    pub fn with_bar(&self, length: u64) -> Self {
        let bar = ProgressBar::new(length);
        let is_held = self.held.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if self.silent || is_held || !Stream::Error.has_colours() {
            // The output is no terminal, or no progress is wanted.
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("  {bar:32.cyan/blue} {pos}/{len} {wide_msg}");
        bar.set_style(style.expect("the template is a constant").progress_chars("█▉▊▋▌▍▎▏ "));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, ..self.clone() }
    }

    /// One line that stays, with the time since the start.
    pub fn note(&self, text: &str) {
        if self.silent {
            return;
        }
        let line = format!("{:>6.1}s  {text}", self.begun.elapsed().as_secs_f32());
        if let Some(held) = self.held.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            held.push(line);
            return;
        }
        if self.bar.is_hidden() { stream::note(&line) } else { self.bar.println(text::page(&line)) }
    }

    /// The same screen with a picture of several lines below the notes.
    #[must_use]
    pub fn with_lanes(&self) -> Self {
        let bar = ProgressBar::new_spinner();
        if self.silent || !Stream::Error.has_colours() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is a constant"));
        Self { bar, ..self.clone() }
    }

    /// Is the picture visible?
    pub fn shows_lanes(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Shows these lines as the picture.
    pub fn lanes(&self, lines: &[String]) {
        let safe: Vec<_> = lines.iter().map(|line| format!("  {}", text::line(line))).collect();
        self.bar.set_message(safe.join("\n"));
        self.bar.tick();
    }

    /// Moves the bar, with a short text beside it.
    pub fn progress(&self, position: u64, words: &str) {
        self.bar.set_position(position);
        self.bar.set_message(text::line(words).into_owned());
    }

    /// Hides everything: another part has the terminal.
    pub fn silent() -> Self {
        Self { silent: true, ..Self::new() }
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_wait_while_something_else_has_the_terminal_on_all_clones() {
        let screen = Screen::new();
        screen.hold();
        screen.with_bar(3).note("killed id2");
        let held = screen.held.lock().unwrap().clone();
        assert!(matches!(&held.as_deref(), Some([line]) if line.ends_with("killed id2")), "{held:?}");
        screen.go_on();
        assert_eq!(*screen.held.lock().unwrap(), None);
    }
}
