//! Keys: what each does. Pure; the same table makes the help.
//!
//! Always true: every key that does something stands in [`KEYS`]; Ctrl-C ends the dashboard whatever is on the screen.
//! Start reading at [`press`].

use crate::model::Model;
use crate::model::look::{Over, Panel, Theme};
use crate::view;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Longest text that is looked for.
const FIND_CHARS_MAX: usize = 40;

/// Keys and what they do, for the help; those of the panels are [`Panel::key`].
pub(crate) const KEYS: &[(&str, &str)] = &[
    ("q  Ctrl-C", "quit"),
    ("?", "these keys"),
    ("Tab  Shift-Tab", "next panel, the one before"),
    ("z", "the panel fills the screen, and back"),
    ("Up Down  j k", "another node; in a list, another row"),
    ("PgUp PgDn  Home End", "ten rows, first, last"),
    ("Enter", "all about the chosen node"),
    ("s", "sort nodes: trouble, name, height, stake"),
    ("/", "show only rows with this text; Esc shows all"),
    ("Space", "freeze what is shown, and go on"),
    ("Left Right", "back to earlier heights, and forward"),
    ("m", "network as a matrix or as links"),
    ("w", "only warnings, in what happened and in the log"),
    ("y", "copy the full id, hash or address of the row"),
    ("t", "colours: dark, light, none"),
];

/// The effect of a key on the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Draw anew.
    Draw,
    /// End.
    Quit,
    /// Freeze, or go on.
    Freeze,
    /// Put this into the clipboard.
    Copy(String),
}

/// Does what a key does to what is looked at; nothing for a key without a meaning. `model` is what is shown.
pub(crate) fn press(model: &mut Model, key: KeyEvent) -> Option<Step> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    model.look.said.clear();
    match key.code {
        KeyCode::Char('c') if control => return Some(Step::Quit),
        _ if model.look.finding => return Some(find(model, key.code)),
        _ if control => return None,
        KeyCode::Char('q') => return Some(Step::Quit),
        KeyCode::Char(' ') => return Some(Step::Freeze),
        KeyCode::Char('y') => return Some(copy(model)),
        KeyCode::Char('?') => {
            model.look.over = if model.look.over == Over::Help { Over::Nothing } else { Over::Help };
        }
        KeyCode::Esc => back(model),
        KeyCode::Enter => {
            model.look.over = if model.look.over == Over::Node { Over::Nothing } else { Over::Node };
        }
        KeyCode::Tab => step_panel(model, true),
        KeyCode::BackTab => step_panel(model, false),
        KeyCode::Up | KeyCode::Char('k') => move_by(model, -1),
        KeyCode::Down | KeyCode::Char('j') => move_by(model, 1),
        KeyCode::PageUp => move_by(model, -10),
        KeyCode::PageDown => move_by(model, 10),
        KeyCode::Home => move_by(model, isize::MIN),
        KeyCode::End => move_by(model, isize::MAX),
        KeyCode::Left => model.look.past = (model.look.past + 8).min(448),
        KeyCode::Right => model.look.past = model.look.past.saturating_sub(8),
        KeyCode::Char(letter) => return letter_key(model, letter),
        _ => return None,
    }
    Some(Step::Draw)
}

fn letter_key(model: &mut Model, letter: char) -> Option<Step> {
    let look = &mut model.look;
    match letter {
        'z' => {
            look.focus = look.focus.or(Some(Panel::Nodes));
            look.zoom = !look.zoom;
        }
        's' => look.sort = look.sort.next(),
        '/' => (look.finding, look.find) = (true, String::new()),
        'm' => {
            look.links = !look.links;
            look.go(Panel::Network);
        }
        'w' => look.warnings = !look.warnings,
        't' => {
            look.theme = match look.theme {
                Theme::Dark => Theme::Light,
                Theme::Light => Theme::Mono,
                Theme::Mono => Theme::Dark,
            };
        }
        _ => look.go(*Panel::ALL.iter().find(|panel| panel.key() == letter)?),
    }
    Some(Step::Draw)
}

/// Typing what is looked for.
fn find(model: &mut Model, code: KeyCode) -> Step {
    let look = &mut model.look;
    match code {
        KeyCode::Esc => (look.finding, look.find) = (false, String::new()),
        KeyCode::Enter => look.finding = false,
        KeyCode::Backspace => _ = look.find.pop(),
        KeyCode::Char(letter) if look.find.chars().count() < FIND_CHARS_MAX => look.find.push(letter),
        _ => {}
    }
    look.scroll = 0;
    Step::Draw
}

/// Out of what was opened last.
fn back(model: &mut Model) {
    let look = &mut model.look;
    if look.over != Over::Nothing {
        look.over = Over::Nothing;
    } else if !look.find.is_empty() {
        look.find.clear();
    } else if look.zoom {
        look.zoom = false;
    } else {
        (look.focus, look.past, look.scroll) = (None, 0, 0);
    }
}

fn step_panel(model: &mut Model, forward: bool) {
    let all = Panel::ALL;
    let at = model.look.focus.and_then(|focus| all.iter().position(|panel| *panel == focus));
    let next = match (at, forward) {
        (None, true) => 0,
        (None, false) => all.len() - 1,
        (Some(at), true) => (at + 1) % all.len(),
        (Some(at), false) => (at + all.len() - 1) % all.len(),
    };
    model.look.go(all[next]);
}

/// Moves the choice in the list that has the keys: the nodes, unless another one has them.
fn move_by(model: &mut Model, by: isize) {
    let scrolls = !matches!(
        model.look.focus,
        None | Some(Panel::Nodes | Panel::Network | Panel::Round | Panel::Signed | Panel::Speed)
    );
    if model.look.over != Over::Node && scrolls {
        model.look.scroll = moved(model.look.scroll, by, 1_000);
        return;
    }
    let order = view::node_order(model);
    let at = order.iter().position(|node| *node == model.look.node).unwrap_or(0);
    if let Some(node) = order.get(moved(at, by, order.len().saturating_sub(1))) {
        model.look.node = *node;
    }
}

fn moved(at: usize, by: isize, last: usize) -> usize {
    at.saturating_add_signed(by).min(last)
}

/// The full text of what a row shows in short.
fn copy(model: &mut Model) -> Step {
    let row = model.look.scroll;
    let chosen = |model: &Model| {
        let node = model.nodes.get(model.look.node)?;
        let address = node.validator().map(|address| address.to_string());
        address.or_else(|| Some(node.status.as_ref()?.value.peer_id.clone()))
    };
    let text = match model.look.focus {
        Some(Panel::Blocks) => view::blocks::shown(model)
            .nth(row)
            .map(|(_, seen)| seen.block.map_or_else(String::new, |block| block.hash.to_string())),
        Some(Panel::Validators) => view::validators::shown(model).get(row).map(|row| row.address.to_string()),
        Some(Panel::Pool) => view::pool::shown(model).get(row).map(|row| row.id.to_string()),
        Some(Panel::Messages) => view::messages::shown(model).get(row).map(|row| row.view.id.to_string()),
        _ => chosen(model),
    };
    match text.filter(|text| !text.is_empty()) {
        Some(text) => {
            model.look.said = format!("copied {text}");
            Step::Copy(text)
        }
        None => {
            model.look.said = "there is nothing to copy here".into();
            Step::Draw
        }
    }
}
