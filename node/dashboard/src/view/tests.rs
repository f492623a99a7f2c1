//! The pictures: texts as snapshots, colours and emphasis asserted apart.

use super::{draw, sheet_of};
use crate::fixture::{World, address};
use crate::keys;
use crate::model::Model;
use crate::model::look::{Panel, Theme};
use crate::pace::Topic;
use crate::update::{Answer, Happening, Trouble};
use blockchat_client::shapes::Phase;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

fn picture(model: &Model, columns: u16, lines: u16, ascii: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| draw(frame, model, ascii, None)).unwrap();
    terminal.backend().buffer().clone()
}

/// The lines of a picture without what is blank at their ends.
fn text(buffer: &Buffer) -> String {
    let row = |y: u16| {
        let cells = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    (0..buffer.area.height).map(row).collect()
}

fn shown(model: &Model, columns: u16, lines: u16) -> String {
    text(&picture(model, columns, lines, false))
}

/// A panel alone, as it fills a screen.
fn zoomed(world: &World, panel: Panel) -> String {
    let mut model = world.model.clone();
    (model.look.focus, model.look.zoom) = (Some(panel), true);
    shown(&model, 100, 20)
}

fn press(model: &mut Model, keys: &str) {
    for key in keys.chars() {
        keys::press(model, KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
    }
}

fn killed() -> World {
    let mut world = World::running(5);
    world.kill(2);
    world.wait(3_000);
    world.block();
    world.all_answer();
    world
}

fn partitioned() -> World {
    let mut world = World::running(5);
    world.cut(&[3, 4]);
    world.wait(12_000);
    world.all_answer();
    world
}

fn all_down() -> World {
    let mut world = World::running(5);
    (0..5).for_each(|node| world.kill(node));
    world.wait(60_000);
    world
}

#[test]
fn five_nodes_at_three_sizes() {
    let world = World::running(5);
    insta::assert_snapshot!("normal_80x24", shown(&world.model, 80, 24));
    insta::assert_snapshot!("normal_160x45", shown(&world.model, 160, 45));
    insta::assert_snapshot!("normal_130x40", shown(&world.model, 130, 40));
}

#[test]
fn one_killed_at_two_sizes() {
    let world = killed();
    insta::assert_snapshot!("killed_80x24", shown(&world.model, 80, 24));
    insta::assert_snapshot!("killed_160x45", shown(&world.model, 160, 45));
}

#[test]
fn a_cut_at_two_sizes() {
    let world = partitioned();
    insta::assert_snapshot!("partitioned_80x24", shown(&world.model, 80, 24));
    insta::assert_snapshot!("partitioned_160x45", shown(&world.model, 160, 45));
}

#[test]
fn nobody_at_two_sizes() {
    insta::assert_snapshot!("all_down_80x24", shown(&all_down().model, 80, 24));
    insta::assert_snapshot!("asking_80x24", shown(&World::new(5).model, 80, 24));
    insta::assert_snapshot!("no_places_80x24", shown(&World::new(0).model, 80, 24));
}

#[test]
fn the_smallest_screens() {
    let world = partitioned();
    insta::assert_snapshot!("tiny_60x20", shown(&world.model, 60, 20));
    insta::assert_snapshot!("answer_only_30x8", shown(&world.model, 30, 8));
}

#[test]
fn every_panel_alone_while_all_is_well() {
    let world = World::running(5);
    for panel in Panel::ALL {
        insta::assert_snapshot!(format!("panel_{}_normal", panel.title().replace(' ', "_")), zoomed(&world, panel));
    }
}

#[test]
fn every_panel_alone_with_one_killed_partitioned_and_all_down() {
    for (name, world) in [("killed", killed()), ("partitioned", partitioned()), ("down", all_down())] {
        for panel in Panel::ALL {
            let title = panel.title().replace(' ', "_");
            insta::assert_snapshot!(format!("panel_{title}_{name}"), zoomed(&world, panel));
        }
    }
}

#[test]
fn every_panel_alone_before_anybody_answered() {
    let world = World::new(2);
    for panel in Panel::ALL {
        insta::assert_snapshot!(format!("panel_{}_empty", panel.title().replace(' ', "_")), zoomed(&world, panel));
    }
}

#[test]
fn help_and_a_node_lie_over_the_panels() {
    let mut world = killed();
    press(&mut world.model, "?");
    insta::assert_snapshot!("help_80x24", shown(&world.model, 80, 24));
    press(&mut world.model, "?");
    keys::press(&mut world.model, KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    insta::assert_snapshot!("node_100x30", shown(&world.model, 100, 30));
}

#[test]
fn plain_ascii_holds_nothing_else_whatever_is_shown() {
    for world in [World::running(5), killed(), partitioned(), all_down()] {
        for panel in Panel::ALL {
            let mut model = world.model.clone();
            (model.look.focus, model.look.zoom) = (Some(panel), true);
            for (columns, lines) in [(60, 20), (160, 45)] {
                let text = text(&picture(&model, columns, lines, true));
                let odd = text.chars().find(|c| !c.is_ascii());
                assert_eq!(odd, None, "{panel:?}:\n{text}");
            }
        }
        let text = text(&picture(&world.model, 160, 45, true));
        assert!(text.is_ascii(), "{text}");
    }
    insta::assert_snapshot!("ascii_80x24", text(&picture(&killed().model, 80, 24, true)));
}

#[test]
fn no_size_and_no_state_makes_it_panic_or_write_outside() {
    for world in
        [World::new(0), World::new(3), World::running(1), killed(), partitioned(), all_down(), World::running(30)]
    {
        for (columns, lines) in [
            (1, 1),
            (5, 3),
            (39, 9),
            (40, 10),
            (60, 20),
            (61, 23),
            (80, 24),
            (119, 30),
            (120, 31),
            (151, 60),
            (300, 100),
        ] {
            for panel in Panel::ALL {
                let mut model = world.model.clone();
                model.look.focus = Some(panel);
                picture(&model, columns, lines, false);
                model.look.zoom = true;
                picture(&model, columns, lines, false);
            }
        }
    }
}

#[test]
fn a_node_that_is_down_shows_nothing_old_as_new() {
    let mut world = World::running(5);
    world.kill(2);
    world.wait(30_000);
    let text = shown(&world.model, 160, 45);
    let row = text.lines().find(|line| line.contains("id2") && line.contains("no answer")).expect("it keeps its row");
    assert!(row.contains("1,502?"), "its height is marked as old: {row}");
    assert!(!row.contains("0.3") && !row.contains("42 MB"), "what it measured is gone: {row}");
    let down = shown(&all_down().model, 160, 45);
    assert!(down.contains("old: 1m00s ago"), "{down}");
    assert!(down.contains("final 1,502 when last heard"), "{down}");
}

#[test]
fn text_of_strangers_drives_nothing() {
    let world = World::running(5);
    for panel in [Panel::Log, Panel::Messages] {
        let text = zoomed(&world, panel);
        assert!(text.contains('\u{fffd}'), "{text}");
        assert!(text.chars().all(|c| c == '\n' || blockchat_host::text::is_harmless(c)), "{text:?}");
    }
}

#[test]
fn the_answer_stands_out_by_colour_and_without_colours_too() {
    let (mut world, at) = (partitioned(), (4, 1));
    let cell = picture(&world.model, 80, 24, false)[at].clone();
    assert_eq!(cell.fg, Color::Red);
    assert!(cell.modifier.contains(Modifier::REVERSED | Modifier::BOLD));
    world.model.look.theme = Theme::Mono;
    let cell = picture(&world.model, 80, 24, false)[at].clone();
    assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
    assert!(cell.modifier.contains(Modifier::REVERSED));
    let good = picture(&World::running(5).model, 80, 24, false)[at].clone();
    assert_eq!(good.fg, Color::Green);
    assert!(!good.modifier.contains(Modifier::REVERSED));
}

#[test]
fn without_colours_no_cell_has_one_and_with_them_only_the_terminals_own() {
    for theme in [Theme::Dark, Theme::Light, Theme::Mono] {
        for world in [World::running(5), killed(), partitioned(), all_down()] {
            let mut model = world.model.clone();
            model.look.theme = theme;
            let buffer = picture(&model, 160, 45, false);
            for cell in &buffer.content {
                assert_eq!(cell.bg, Color::Reset, "the background is the terminal's");
                let own = !matches!(cell.fg, Color::Rgb(..) | Color::Indexed(_) | Color::White | Color::Black);
                assert!(own && (theme != Theme::Mono || cell.fg == Color::Reset), "{theme:?} {cell:?}");
                assert!(
                    theme != Theme::Light || !matches!(cell.fg, Color::Yellow | Color::Cyan),
                    "unreadable on white"
                );
            }
        }
    }
}

#[test]
fn keys_zoom_sort_find_and_go_back() {
    let mut world = killed();
    let model = &mut world.model;
    press(model, "4z");
    assert!(model.look.zoom && model.look.focus == Some(Panel::Signed));
    keys::press(model, KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
    assert!(!model.look.zoom);
    assert_eq!(super::node_order(model)[0], 2, "trouble first");
    press(model, "s");
    assert_eq!(super::node_order(model), [0, 1, 2, 3, 4]);
    press(model, "/id3q");
    assert_eq!(model.look.find, "id3q", "letters are text while something is looked for");
    keys::press(model, KeyEvent::new(KeyCode::Backspace, KeyModifiers::NONE));
    keys::press(model, KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    assert_eq!(super::node_order(model), [3]);
    keys::press(model, KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
    assert_eq!(super::node_order(model).len(), 5);
    let quit = keys::press(model, KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert_eq!(quit, Some(keys::Step::Quit));
}

#[test]
fn the_whole_id_of_what_is_chosen_is_copied() {
    let mut world = World::running(5);
    let model = &mut world.model;
    press(model, "b");
    let copied = keys::press(model, KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE));
    assert_eq!(copied, Some(keys::Step::Copy(crate::fixture::hash(1_502).to_string())));
    press(model, "1j");
    let copied = keys::press(model, KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE));
    assert_eq!(copied, Some(keys::Step::Copy(crate::fixture::address(1).to_string())));
}

#[test]
fn an_older_node_that_knows_nothing_of_votes_still_has_its_panels() {
    let mut world = World::new(1);
    let status = world.status(0);
    world.says(0, Topic::Status, Ok(Answer::Status(Box::new(status))));
    for topic in [Topic::Consensus, Topic::Process, Topic::Validators, Topic::Pool] {
        world.says(0, topic, Err(Trouble::Lacks));
    }
    world.happens(Happening::Tick);
    insta::assert_snapshot!("older_node_80x24", shown(&world.model, 80, 24));
    assert!(zoomed(&world, Panel::Round).contains("does not tell of votes"));
    assert!(zoomed(&world, Panel::Log).contains("does not tell of its log"));
}

#[test]
fn a_sheet_never_has_more_lines_than_its_room() {
    for world in [World::running(5), killed(), partitioned(), World::running(30)] {
        for panel in Panel::ALL {
            let pen = super::Pen { model: &world.model };
            for height in 3..30 {
                let sheet = sheet_of(&pen, panel, 78, height);
                assert!(sheet.lines.len() <= usize::from(height), "{panel:?} {height}");
            }
        }
    }
}

#[test]
fn a_leader_that_has_begun_while_others_rest_does_not_seem_to_wait_for_stake() {
    let mut world = World::running(5);
    let mut row_of = |others: Phase| {
        for node in 0..5 {
            let waits = Phase::WaitingForStake { online_percent: "20.0".into(), missing: vec![address(2)] };
            let mut status = world.status(node);
            (status.leader, status.phase) = (None, if node == 1 { waits } else { others.clone() });
            world.says(node, Topic::Status, Ok(Answer::Status(Box::new(status))));
        }
        let screen = shown(&world.model, 80, 24);
        screen.lines().find(|line| line.contains(" id1 ")).unwrap().to_owned()
    };
    assert!(row_of(Phase::Idle).contains("deciding"));
    assert!(row_of(Phase::Deciding).contains("waits for stake"));
}

#[test]
fn a_node_whose_validator_is_barred_or_whose_key_is_used_twice_says_so_in_its_row() {
    let mut world = World::running(5);
    let (mut barred, mut twice) = (world.status(3), world.status(4));
    (barred.barred, barred.voting) = (vec![address(3)], false);
    (twice.key_elsewhere, twice.voting) = (true, false);
    for (node, status) in [(3, barred), (4, twice)] {
        world.says(node, Topic::Status, Ok(Answer::Status(Box::new(status))));
    }
    let screen = shown(&world.model, 80, 24);
    assert!(screen.contains("■ barred") && screen.contains("■ key used twice"), "{screen}");
}

#[test]
fn what_a_node_that_is_gone_said_is_as_old_as_it_is() {
    let mut world = World::running(5);
    world.kill(2);
    world.wait(3_000);
    world.model.look.node = 2;
    let screen = zoomed(&world, Panel::Log);
    assert!(screen.contains("old: ") && !screen.contains("16m"), "{screen}");
}

/// The answer about any number of nodes killed or cut off fits at 60 columns and 20 lines, in four lines.
#[test]
fn the_answer_is_whole_on_a_small_screen() {
    let mut worlds: Vec<World> = vec![];
    for dead in 1..=5 {
        let mut world = World::running(5);
        (0..dead).for_each(|node| world.kill(node));
        world.wait(61_000);
        worlds.push(world);
    }
    for others in [&[3, 4][..], &[4], &[1, 2, 3, 4]] {
        let mut world = World::running(5);
        world.cut(others);
        world.wait(61_000);
        worlds.push(world);
    }
    for world in worlds {
        let sentence = world.model.verdict.sentence();
        let lines = super::head::wrapped(&sentence, 56, 4);
        assert_eq!(lines.join(" "), sentence);
    }
}
