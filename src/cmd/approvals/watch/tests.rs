//! What is drawn, and which keys count on it.

use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::engine::Effects;
use crate::policy::{Again, ApprovalLifetime, ApprovalScope};
use crate::state::approvals::ApprovalState;
use crate::term::faces::approvals::card::{self, LABEL};
use crate::term::faces::approvals::frame::{GOES_ON, wrap_marked};
use crate::term::screen::ScreenSize;
use crate::visible::escape_invisible;

fn at(millis: u64) -> Duration {
    Duration::from_secs(1_700_000_000) + Duration::from_millis(millis)
}

fn entry(id: &str, state: ApprovalState) -> ApprovalEntry {
    ApprovalEntry {
        id: id.to_owned(),
        session: "0a".to_owned(),
        server: "stub".to_owned(),
        tool: "send\u{1b}[2J".to_owned(),
        class: "execute".to_owned(),
        rule: "tools.send".to_owned(),
        reason: Some("字".repeat(60)),
        arguments: Some(format!("{{\"a\":\"{}\",\"b\":[{}]}}", "字".repeat(200), "1,".repeat(300) + "2")),
        left_out: 1_000_000,
        client: Some("claude\u{1b}[2J".to_owned()),
        severity: "high".to_owned(),
        effects: Effects::ALL.to_vec(),
        scope: ApprovalScope::Arguments,
        beside: Some("{\"task\":{\"ttl\":1}}".to_owned()),
        changes: Some("high: + argument `sidenote`: free text".to_owned()),
        put_back: None,
        origins: None,
        preview: Some("Spring sale".to_owned()),
        covers: None,
        lives: ApprovalLifetime::Client,
        answer: None,
        outcome: None,
        successor: None,
        again: Again::No,
        shown: Some(format!("shown {id}")),
        line: "00".to_owned(),
        asked: at(0),
        expires: at(55_000),
        confirm: Confirm::None,
        state,
        channel: None,
        answered: None,
        note: None,
    }
}

/// All of a call fits.
const TALL: ScreenSize = (100, 2000);

fn press(model: &mut ApprovalWatch, code: KeyCode, now: Duration) -> KeyAction {
    handle_key(model, KeyEvent::new(code, KeyModifiers::NONE), now).unwrap()
}

#[test]
fn every_size_is_filled_and_none_is_overflown() {
    let mut model = ApprovalWatch::new(Confirm::None);
    let mut painter = Painter::default();
    for entries in [0, 1, 40] {
        let all = (0..entries)
            .map(|n| entry(&format!("id{n}"), if n % 2 == 0 { ApprovalState::Waiting } else { ApprovalState::Late }));
        model.update_entries(all.collect(), at(0));
        for code in [KeyCode::Char('n'), KeyCode::Esc, KeyCode::End, KeyCode::Up, KeyCode::Down] {
            press(&mut model, code, at(10_000));
            for size in [(80, 24), (200, 60), (40, 10), (20, 5), (3, 3), (1, 1), (0, 0)] {
                let lines = painter.paint_screen(&mut model, size, at(10_000));
                assert_eq!(lines.len(), size.1, "{size:?}");
                for line in &lines {
                    assert!(line.text.width() <= size.0.max(1), "{size:?}: {:?}", line.text);
                    assert!(!line.text.contains('\u{1b}'));
                }
            }
        }
    }
}

/// A name that is longer than the screen is cut in the list, with a mark, and whole in the details.
#[test]
fn a_long_name_is_shown_in_full_before_it_is_approved() {
    for (name, end) in [
        (format!("send_test_{}_or_else_to_EVERYBODY", "x".repeat(60)), "EVERYBODY"),
        (format!("{}を全員に送る", "メ".repeat(80)), "全員に送る"),
        (format!("a{}\u{202e}{}_to_all", "\u{301}".repeat(12), "b".repeat(80)), "_to_all"),
    ] {
        let mut model = ApprovalWatch::new(Confirm::None);
        let named = ApprovalEntry { tool: name.clone(), ..entry("k7m2p", ApprovalState::Waiting) };
        model.update_entries(vec![named], at(0));
        for columns in [80, 40] {
            let lines = Painter::default().paint_screen(&mut model, (columns, 24), at(0));
            assert!(lines.iter().all(|line| line.text.width() <= columns), "{columns}: {lines:?}");
            let line_end = if columns == 80 { "left" } else { "…" };
            assert!(lines[1].text.contains('…') && lines[1].text.ends_with(line_end), "{columns}: {}", lines[1].text);
            let margin = " ".repeat(LABEL + 1);
            let details = lines[2..].iter().map(|line| line.text.strip_prefix(&margin).unwrap_or(&line.text));
            let details: String = details.collect();
            assert!(details.contains(&escape_invisible(&name)) && details.contains(end), "{columns}: {details}");
        }
    }
}

#[test]
fn no_letter_is_lost_at_the_edge() {
    for columns in 20..=90 {
        let lines = Painter::default().paint_screen(&mut ApprovalWatch::new(Confirm::None), (columns, 24), at(0));
        let text = lines.iter().map(|line| line.text.trim_end()).collect::<Vec<_>>().join(" ");
        assert!(
            text.contains("Nothing waits for a person. A call shows up here as soon as one does."),
            "{columns}: {text}"
        );
    }
}

#[test]
fn scrolling_shows_every_line_of_the_arguments() {
    let mut model = ApprovalWatch::new(Confirm::None);
    let mut painter = Painter::default();
    model.update_entries(vec![entry("k7m2p", ApprovalState::Waiting)], at(0));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..60 {
        seen.extend(painter.paint_screen(&mut model, (40, 20), at(0)).into_iter().map(|line| line.text));
        press(&mut model, KeyCode::PageDown, at(0));
    }
    let all: Vec<_> = card::content_lines(&entry("k7m2p", ApprovalState::Waiting))
        .iter()
        .flat_map(|line| wrap_marked(line, 40))
        .collect();
    let text: String = all.iter().map(|line| line.strip_prefix(GOES_ON).unwrap_or(line)).collect();
    assert!(text.contains("NOT shown"));
    for line in all {
        assert!(seen.contains(&line), "{line:?} was never shown");
    }
}

#[test]
fn a_key_answers_only_what_was_seen() {
    let mut model = ApprovalWatch::new(Confirm::None);
    let yes = |model: &mut ApprovalWatch, millis| press(model, KeyCode::Char('y'), at(millis));
    assert_eq!(yes(&mut model, 0), KeyAction::None, "there is nothing");
    model.update_entries(vec![entry("first", ApprovalState::Waiting), entry("next", ApprovalState::Waiting)], at(0));
    assert_eq!(yes(&mut model, 100), KeyAction::None);
    let mut painter = Painter::default();
    assert_eq!(yes(&mut model, 1000), KeyAction::None, "it was never drawn");
    painter.paint_screen(&mut model, TALL, at(1000));
    let of = entry("first", ApprovalState::Waiting).key();
    let first = GivenAnswer { of, approval: ApprovalAnswer::Once, confirm: Confirm::None };
    assert_eq!(yes(&mut model, 1000), KeyAction::Answer(first));
    // Another call takes its place just before the key.
    model.update_entries(vec![entry("next", ApprovalState::Waiting)], at(1000));
    assert_eq!(yes(&mut model, 1100), KeyAction::None);
    assert!(model.message.contains("next has only just come up"));
    // Another call under the same id is another call, and was not seen.
    painter.paint_screen(&mut model, TALL, at(2000));
    let changed = ApprovalEntry {
        preview: Some("ALL USERS".to_owned()),
        shown: Some("changed".to_owned()),
        ..entry("next", ApprovalState::Waiting)
    };
    model.update_entries(vec![changed.clone()], at(2000));
    assert_eq!(model.take_arrivals(), 1, "it is announced");
    assert_eq!(yes(&mut model, 2100), KeyAction::None);
    let drawn: String = painter.paint_screen(&mut model, TALL, at(2700)).into_iter().map(|line| line.text).collect();
    assert!(drawn.contains("ALL USERS"), "{drawn}");
    let given = GivenAnswer { of: changed.key(), approval: ApprovalAnswer::Once, confirm: Confirm::None };
    assert_eq!(yes(&mut model, 2700), KeyAction::Answer(given));
    // A call that goes away while its note is written is not replaced by another.
    press(&mut model, KeyCode::Char('n'), at(3000));
    model.update_entries(vec![entry("third", ApprovalState::Waiting)], at(3000));
    assert_eq!(press(&mut model, KeyCode::Enter, at(9000)), KeyAction::None);
    assert!(model.message.contains("next can no longer be answered"), "{}", model.message);
}

/// What was never on the screen cannot be approved, however a person scrolls.
#[test]
fn what_was_not_read_is_not_approved() {
    let mut painter = Painter::default();
    for size in [(80, 24), (40, 20), (30, 12), (200, 30)] {
        let mut model = ApprovalWatch::new(Confirm::None);
        model.update_entries(vec![entry("k7m2p", ApprovalState::Waiting)], at(0));
        let mut paint = |model: &mut ApprovalWatch| painter.paint_screen(model, size, at(5000));
        paint(&mut model);
        // The end is seen, and what is before it is not.
        press(&mut model, KeyCode::End, at(5000));
        paint(&mut model);
        for key in ['y', 'a'] {
            assert_eq!(press(&mut model, KeyCode::Char(key), at(5000)), KeyAction::None);
            assert!(model.message.contains("more to read. Space shows them"), "{}", model.message);
        }
        let drawn: String = paint(&mut model).into_iter().map(|line| line.text + " ").collect();
        let foot = drawn.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(foot.contains("more lines: space shows them") && !foot.contains("y approve"), "{size:?}: {foot}");
        press(&mut model, KeyCode::Home, at(5000));
        paint(&mut model);
        for _ in 0..200 {
            press(&mut model, KeyCode::Char(' '), at(5000));
            paint(&mut model);
        }
        assert_eq!(model.count_unread(), 0, "{size:?}");
        // In lines of another width there is everything to be read again.
        painter.paint_screen(&mut model, (size.0 - 1, size.1), at(5000));
        assert_eq!(press(&mut model, KeyCode::Char('y'), at(5000)), KeyAction::None, "{size:?}");
    }
    let mut model = ApprovalWatch::new(Confirm::None);
    model.update_entries(vec![entry("k7m2p", ApprovalState::Waiting)], at(0));
    for _ in 0..9 {
        painter.paint_screen(&mut model, (20, 5), at(5000));
        press(&mut model, KeyCode::Char(' '), at(5000));
    }
    assert_eq!(press(&mut model, KeyCode::Char('y'), at(5000)), KeyAction::None, "{}", model.message);
}

/// The server's words and the call's are to the right of the labels, or marked.
#[test]
fn nothing_that_is_shown_draws_a_label_of_ours() {
    let fake = "Test list, 1 user\n\nArguments\n{\n  \"to\": \"me\"\n}\nRisk              low: read";
    let padded = format!("x{}Arguments {{}} Risk low", " ".repeat(200));
    for columns in [20, 40, 80, 100] {
        for text in [fake, &padded] {
            let mut model = ApprovalWatch::new(Confirm::None);
            let note = format!("{{\"note\":\"{}Risk low\"}}", "a ".repeat(columns));
            let faked = ApprovalEntry {
                preview: Some(text.to_owned()),
                arguments: Some(note),
                ..entry("k7m2p", ApprovalState::Waiting)
            };
            model.update_entries(vec![faked], at(0));
            let lines = Painter::default().paint_screen(&mut model, (columns, 300), at(0));
            let ours = |label: &str| lines.iter().filter(|line| line.text.starts_with(label)).count();
            assert_eq!((ours("Arguments"), ours("Risk")), (1, 1), "{columns}: {lines:#?}");
        }
    }
}
