//! The picture: a line that says where we are, the answer, the panels, the keys. Pure: from the model, nothing else.
//!
//! Owns: what stands where ([`layout`]) and how it looks ([`paint`]); a file a panel. Always true: text of others is passed
//! through the filter before it becomes part of a picture; what is old is dim and says how old.
//! Start reading at [`draw`].

pub(crate) mod blocks;
mod detail;
mod head;
mod layout;
mod log;
pub(crate) mod messages;
mod network;
mod nodes;
mod paint;
pub(crate) mod pool;
mod round;
mod sheet;
mod signed;
mod speed;
mod story;
#[cfg(test)]
mod tests;
pub(crate) mod validators;

pub(crate) use nodes::order as node_order;

use crate::model::Model;
use crate::model::look::{Over, Panel};
use blockchat_proto::units::UnixMillis;
use paint::Pen;
use ratatui::Frame;
use ratatui::layout::Rect;
use sheet::Sheet;

/// Below this there is room for the answer only.
const COLUMNS_MIN: u16 = 40;
const LINES_MIN: u16 = 10;
/// The answer has a line for so many of the screen: four of twenty hold every sentence at sixty columns.
const LINES_AN_ANSWER: u16 = 5;

/// Draws all of it, with nothing but ASCII if that is wanted. `frozen`: what is shown stands still, and this is now.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, ascii: bool, frozen: Option<UnixMillis>) {
    picture(frame, &Pen { model }, frozen);
    if ascii {
        paint::to_ascii(frame.buffer_mut());
    }
}

fn picture(frame: &mut Frame<'_>, pen: &Pen<'_>, frozen: Option<UnixMillis>) {
    let area = frame.area();
    if area.width < COLUMNS_MIN || area.height < LINES_MIN {
        head::answer_only(frame, pen, area);
        return;
    }
    let answer = head::answer(pen, area.width, usize::from(area.height / LINES_AN_ANSWER));
    let answer_lines = u16::try_from(answer.len()).unwrap_or(1);
    let line = |y: u16, height: u16| Rect { y, height, ..area };
    head::top(frame, pen, line(0, 1), frozen);
    head::lines(frame, answer, line(1, answer_lines));
    let body = line(1 + answer_lines, area.height - 2 - answer_lines);
    for (panel, place) in layout::places(pen.model, body) {
        let (columns, lines) = (place.width.saturating_sub(2), place.height.saturating_sub(2));
        sheet_of(pen, panel, columns, lines).draw(frame, pen, Some(panel), place);
    }
    head::foot(frame, pen, line(area.height - 1, 1));
    match pen.model.look.over {
        Over::Nothing => {}
        // The keys have more lines than a small body.
        Over::Help => detail::help(pen).draw_over(frame, pen, line(0, area.height - 1)),
        Over::Node => detail::node(pen, body.width.saturating_sub(2), body.height).draw_over(frame, pen, body),
    }
}

/// The content of a panel with this much room inside its frame.
fn sheet_of(pen: &Pen<'_>, panel: Panel, width: u16, height: u16) -> Sheet {
    let (width, height) = (usize::from(width), usize::from(height));
    let mut sheet = match panel {
        Panel::Nodes => nodes::sheet(pen, width, height),
        Panel::Network => network::sheet(pen, width, height),
        Panel::Round => round::sheet(pen, width, height),
        Panel::Signed => signed::sheet(pen, width, height),
        Panel::Story => story::sheet(pen, width, height),
        Panel::Speed => speed::sheet(pen, width, height),
        Panel::Blocks => blocks::sheet(pen, width, height),
        Panel::Validators => validators::sheet(pen, width, height),
        Panel::Pool => pool::sheet(pen, width, height),
        Panel::Messages => messages::sheet(pen, width, height),
        Panel::Log => log::sheet(pen, width, height),
    };
    sheet.lines.truncate(height);
    sheet
}
