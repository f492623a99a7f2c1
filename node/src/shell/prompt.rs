//! The source of lines: a person at a terminal, with an editor, history and completion; or a pipe.
//!
//! The editor blocks, so it has a thread of its own; it reads only when a line is asked for, so that what a command prints
//! and what is typed never mix. What arrives meanwhile is printed above the line that is being typed.

use super::line::VERBS;
use crate::cli::failure::Failure;
use blockchat_host::stream::{self, Stream};
use blockchat_host::{text, whole_file};
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, ExternalPrinter, Helper};
use std::io::{BufRead, IsTerminal, Read};
use std::path::PathBuf;
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::sync::mpsc;

/// Longest line of a pipe, in bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Lines that the history keeps.
const HISTORY_MAX: usize = 1_000;

/// A typed line.
#[derive(Debug)]
pub(super) enum Input {
    /// A line.
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the end of the pipe.
    End,
    /// It cannot be read.
    Failed(String),
}

/// The hint behind a line while it is typed.
pub(super) type Hint = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Knowledge of the editor: names, and the price of a line.
#[derive(Clone)]
pub(super) struct Knowledge {
    /// Names, renewed before each line.
    pub(super) names: Arc<Mutex<Vec<String>>>,
    /// Shown to the right of what is typed.
    pub(super) hint: Hint,
    /// The prefix of verbs at this prompt: nothing, or `/`.
    pub(super) verb_mark: &'static str,
    /// Does nothing that is typed go into the history file, because it is sealed?
    pub(super) forgets: bool,
}

/// Lines, one after the other.
pub(super) struct Prompt {
    ask: std_mpsc::SyncSender<String>,
    lines: mpsc::Receiver<Input>,
    above: Above,
    asked: bool,
    /// Is there a person?
    pub(super) is_terminal: bool,
}

/// Prints above the line that is being typed. Cheap to clone.
#[derive(Clone)]
pub(super) struct Above {
    editor: Option<Arc<Mutex<Box<dyn ExternalPrinter + Send>>>>,
}

impl Above {
    /// A line or more, safe to show.
    pub(super) fn say(&self, said: &str) {
        let Some(editor) = &self.editor else { return stream::say(said) };
        let line = text::page(said).trim_end().to_owned() + "\n";
        let mut editor = editor.lock().unwrap_or_else(PoisonError::into_inner);
        if editor.print(line).is_err() {
            stream::say(said);
        }
    }
}

impl Prompt {
    /// `history`: a file of this home; created if need be, readable by its owner alone.
    pub(super) fn open(history: PathBuf, knowledge: Knowledge) -> Result<Self, Failure> {
        let (ask, asked) = std_mpsc::sync_channel(1);
        let (typed, lines) = mpsc::channel(1);
        let is_terminal = std::io::stdin().is_terminal() && Stream::Output.is_terminal();
        let no_thread = |error: std::io::Error| Failure::new(format!("cannot read: {error}"), "free some resources");
        let mut above = Above { editor: None };
        if is_terminal {
            let forgets = knowledge.forgets;
            let mut editor = editor(knowledge).map_err(no_editor)?;
            if let Some(folder) = history.parent() {
                whole_file::create_folder(folder).map_err(|error| Failure::file(folder, "create", &error))?;
            }
            // The first time there is no file.
            drop(editor.load_history(&history));
            let printer = editor.create_external_printer().map_err(no_editor)?;
            above.editor = Some(Arc::new(Mutex::new(Box::new(printer))));
            let work = move || edit(editor, &history, forgets, &asked, &typed);
            thread::Builder::new().name("prompt".into()).spawn(work).map_err(no_thread)?;
        } else {
            thread::Builder::new().name("prompt".into()).spawn(move || read(&asked, &typed)).map_err(no_thread)?;
        }
        Ok(Self { ask, lines, above, asked: false, is_terminal })
    }

    /// Prints above the line that is being typed.
    pub(super) fn above(&self) -> Above {
        self.above.clone()
    }

    /// The next line. Cancel safe: what is typed meanwhile stays for the next call.
    pub(super) async fn next(&mut self, prompt: &str) -> Input {
        if !self.asked {
            if self.ask.try_send(prompt.to_owned()).is_err() {
                return Input::End;
            }
            self.asked = true;
        }
        let input = self.lines.recv().await.unwrap_or(Input::End);
        self.asked = false;
        input
    }
}

fn no_editor(error: ReadlineError) -> Failure {
    Failure::new(format!("this terminal has no line editor: {error}"), "pipe the lines in, one after the other")
}

fn editor(knowledge: Knowledge) -> rustyline::Result<Editor<Assistant, FileHistory>> {
    let config = Config::builder()
        .max_history_size(HISTORY_MAX)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Assistant { knowledge, files: FilenameCompleter::new() }));
    Ok(editor)
}

/// Until the prompt is gone.
fn edit(
    mut editor: Editor<Assistant, FileHistory>,
    history: &std::path::Path,
    forgets: bool,
    asked: &std_mpsc::Receiver<String>,
    typed: &mpsc::Sender<Input>,
) {
    while let Ok(prompt) = asked.recv() {
        let input = match editor.readline(&prompt) {
            Ok(line) => {
                // A history that cannot be kept is no reason not to do what was typed.
                if !(forgets || is_secret(&line)) {
                    drop(editor.add_history_entry(&line));
                    drop(editor.save_history(history));
                }
                Input::Line(line)
            }
            Err(ReadlineError::Interrupted) => Input::Interrupted,
            Err(ReadlineError::Eof) => Input::End,
            Err(error) => Input::Failed(error.to_string()),
        };
        if typed.blocking_send(input).is_err() {
            return;
        }
    }
}

/// A text that is sealed on its way must not lie in plain where it was typed.
fn is_secret(line: &str) -> bool {
    line.contains("--sealed")
}

/// A pipe or a file: read only as fast as its lines are done.
fn read(asked: &std_mpsc::Receiver<String>, typed: &mpsc::Sender<Input>) {
    let mut lines = std::io::stdin().lock();
    while asked.recv().is_ok() {
        let mut bytes = vec![];
        let input = match lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes) {
            Ok(0) => Input::End,
            Ok(read) if u64::try_from(read) == Ok(LINE_BYTES_MAX) && !bytes.ends_with(b"\n") => {
                Input::Failed(format!("a line is longer than {LINE_BYTES_MAX} bytes"))
            }
            Ok(_) => String::from_utf8(bytes).map_or_else(
                |wrong| Input::Failed(format!("a line is not valid UTF-8: {}", wrong.utf8_error())),
                |line| Input::Line(line.trim_end_matches(['\n', '\r']).to_owned()),
            ),
            Err(error) => Input::Failed(error.to_string()),
        };
        if typed.blocking_send(input).is_err() {
            return;
        }
    }
}

/// Support while a line is typed.
struct Assistant {
    knowledge: Knowledge,
    files: FilenameCompleter,
}

impl Assistant {
    /// The start of the word that is being typed, and its completions.
    fn completions(&self, line: &str) -> (usize, Vec<String>) {
        let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let word = &line[start..];
        let first = line[..start].trim().is_empty();
        let mark = self.knowledge.verb_mark;
        let names = self.knowledge.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let all: Vec<String> = match (first, mark) {
            (true, "") => VERBS.iter().map(|(verb, _, _)| (*verb).to_owned()).collect(),
            (true, _) => {
                let verbs = VERBS.iter().map(|(verb, _, _)| format!("{mark}{verb}"));
                verbs.chain(names.iter().map(|name| format!("@{name}"))).collect()
            }
            (false, _) => names,
        };
        (start, all.into_iter().filter(|one| one.starts_with(word)).collect())
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, ctx: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let line = &line[..pos];
        if line.trim_start().trim_start_matches('/').starts_with("load ") {
            return self.files.complete(line, pos, ctx);
        }
        let (start, found) = self.completions(line);
        let pair = |word: String| Pair { replacement: format!("{word} "), display: word };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

impl Hinter for Assistant {
    type Hint = String;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<String> {
        // Only behind what is typed: in the middle it would push the rest away.
        let hint = (self.knowledge.hint)(line).filter(|_| pos == line.len())?;
        Some(format!("   ({hint})"))
    }
}

impl Highlighter for Assistant {}
impl Validator for Assistant {}
impl Helper for Assistant {}

#[cfg(test)]
mod tests {
    use super::*;

    fn assistant(verb_mark: &'static str) -> Assistant {
        let names = ["bob", "bert", "alice"].map(str::to_owned).to_vec();
        let knowledge =
            Knowledge { names: Arc::new(Mutex::new(names)), hint: Arc::new(|_| None), verb_mark, forgets: false };
        Assistant { knowledge, files: FilenameCompleter::new() }
    }

    #[test]
    fn the_first_word_is_a_verb_and_the_others_are_names() {
        let shell = assistant("");
        assert_eq!(shell.completions("b"), (0, vec!["balance".into()]));
        assert_eq!(shell.completions("t b"), (2, vec!["bob".into(), "bert".into()]));
        assert_eq!(shell.completions("m al"), (2, vec!["alice".into()]));
    }

    #[test]
    fn in_a_chat_verbs_and_names_have_marks() {
        let chat = assistant("/");
        assert_eq!(chat.completions("/bal"), (0, vec!["/balance".into()]));
        assert_eq!(chat.completions("@b"), (0, vec!["@bob".into(), "@bert".into()]));
        assert_eq!(chat.completions("Hello al"), (6, vec!["alice".into()]));
    }
}
