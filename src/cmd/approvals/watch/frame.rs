//! What is drawn: every line of the terminal, made anew each time.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::super::card::{self, Left};
use super::model::{Mode, Model};
use crate::state::approvals::{ApprovalEntry, ApprovalState};
use crate::visible::visible;

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const CHOSEN: Style = Style::new().invert();
const LATE: Style = AnsiColor::Yellow.on_default();
const SAID: Style = AnsiColor::Green.on_default();

/// Columns and rows.
pub(super) type Size = (usize, usize);

/// A line of the terminal, no wider than it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) style: Style,
}

/// Draws, and remembers the lines of the arguments, which may be many.
#[derive(Debug, Default)]
pub(super) struct Painter {
    wrapped: Option<(String, usize, Vec<String>)>,
}

impl Painter {
    /// Every line of the terminal, from the top. Puts the model's scroll where there is something to be seen.
    pub(super) fn paint(&mut self, model: &mut Model, (columns, rows): Size, now: Duration) -> Vec<Line> {
        let mut foot = foot(model, columns);
        // Where there is hardly any room, the calls come first.
        foot.truncate(rows.div_ceil(2));
        let mut lines = vec![head(model)];
        let (shown, room) = (model.entries().len(), rows.saturating_sub(foot.len()));
        let list = shown.min((room / 3).max(1));
        let place = model.place().unwrap_or(0);
        let first = place.saturating_sub(list / 2).min(shown.saturating_sub(list));
        let listed = model.entries().iter().enumerate().skip(first).take(list);
        lines.extend(listed.map(|(index, entry)| row(entry, index == place && model.place().is_some(), now)));
        lines.push(Line { text: "─".repeat(columns), style: DIM });
        lines.truncate(room);
        let room = room - lines.len();
        lines.extend(self.details(model, columns, room, now));
        lines.resize(rows.saturating_sub(foot.len()), Line { text: String::new(), style: PLAIN });
        lines.extend(foot);
        lines.truncate(rows);
        for line in &mut lines {
            cut(&mut line.text, columns);
        }
        lines
    }

    fn details(&mut self, model: &mut Model, columns: usize, room: usize, now: Duration) -> Vec<Line> {
        let Some(entry) = model.selected() else {
            let text = "Nothing waits for a person. A call shows up here as soon as one does.".to_owned();
            return words(&text, columns).into_iter().map(|text| Line { text, style: DIM }).collect();
        };
        let facts = card::facts(entry, now);
        let facts = facts.into_iter().filter(|(name, _)| *name != "tool");
        let facts = facts.flat_map(|(name, text)| words(&format!("{name:<7} {text}"), columns));
        let mut lines: Vec<_> = facts.map(|text| Line { text, style: PLAIN }).collect();
        lines.push(Line { text: "arguments".to_owned(), style: DIM });
        let arguments = self.arguments(entry, columns);
        let all = lines.len() + arguments.len();
        lines.extend(arguments.iter().map(|text| Line { text: text.clone(), style: PLAIN }));
        if all <= room {
            model.scroll = 0;
            return lines;
        }
        // The last line of the room says how much there is.
        let seen = room.saturating_sub(1);
        model.scroll = model.scroll.min(all - seen);
        let below = all - seen - model.scroll;
        let mut lines: Vec<_> = lines.into_iter().skip(model.scroll).take(seen).collect();
        let (above, keys) = (model.scroll, "PgUp and PgDn scroll");
        lines.push(Line { text: format!("── {above} lines above, {below} below: {keys} ──"), style: LATE });
        lines
    }

    fn arguments(&mut self, entry: &ApprovalEntry, columns: usize) -> &[String] {
        if !matches!(&self.wrapped, Some((id, width, _)) if *id == entry.id && *width == columns) {
            let lines = card::arguments(entry).iter().flat_map(|line| wrap(line, columns)).collect();
            self.wrapped = Some((entry.id.clone(), columns, lines));
        }
        self.wrapped.as_ref().map_or(&[], |(_, _, lines)| lines)
    }
}

fn head(model: &Model) -> Line {
    let waiting = model.entries().iter().filter(|entry| entry.state == ApprovalState::Waiting).count();
    let late = model.entries().len() - waiting;
    let late = if late == 0 { String::new() } else { format!(", {late} late") };
    Line { text: format!("policylayer approvals: {waiting} waiting{late}"), style: BOLD }
}

fn row(entry: &ApprovalEntry, is_chosen: bool, now: Duration) -> Line {
    let mark = if is_chosen { '>' } else { ' ' };
    let late = if entry.state == ApprovalState::Late { "late, " } else { "" };
    let (tool, server, left) = (visible(&entry.tool), visible(&entry.server), Left(entry.left(now)));
    let text = format!("{mark} {}  {tool} of {server} ({})  {late}{left} left", entry.id, visible(&entry.class));
    let style = match (is_chosen, entry.state) {
        (true, _) => CHOSEN,
        (false, ApprovalState::Late) => LATE,
        (false, _) => PLAIN,
    };
    Line { text, style }
}

/// What was said last, and what the keys do.
fn foot(model: &Model, columns: usize) -> Vec<Line> {
    let (lines, style) = match &model.mode {
        Mode::Browse => {
            let keys = "y approve once   a approve for the session   n refuse   ↑↓ choose   q quit";
            let said = words(&visible(&model.message), columns).into_iter();
            let said = said.filter(|line| !line.is_empty()).map(|text| Line { text, style: SAID });
            return said.chain(words(keys, columns).into_iter().map(|text| Line { text, style: DIM })).collect();
        }
        Mode::Note { id, text } => (
            format!(
                "Refuse {id}. A note to the agent (Enter refuses, also without one; Esc goes back): {}_",
                visible(text)
            ),
            BOLD,
        ),
        Mode::Code { id, code, typed, .. } => {
            (format!("Approve {id}. Type {code} and Enter (Esc goes back): {}_", visible(typed)), BOLD)
        }
    };
    words(&lines, columns).into_iter().map(|text| Line { text, style }).collect()
}

/// A text over as many lines as it needs, broken between words where that goes.
fn words(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_inclusive(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + word.trim_end().width() <= columns => line.push_str(word),
            _ => lines.extend(wrap(word, columns)),
        }
    }
    lines
}

/// A text over as many lines as it needs, each as wide as it can be: nothing of it moves.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for c in text.chars().map(|c| if c == '\t' { ' ' } else { c }) {
        let width = c.width().unwrap_or(0);
        if used + width > columns {
            lines.push(String::new());
            used = 0;
        }
        used += width;
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
    }
    lines
}

/// Cuts what is wider than the terminal.
fn cut(text: &mut String, columns: usize) {
    if text.width() <= columns {
        return;
    }
    let mut used = 0;
    let mut end = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        end = at + c.len_utf8();
    }
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::super::model::{Act, Model};
    use super::*;
    use crate::engine::ApprovalAnswer;
    use crate::state::approvals::Confirm;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

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
            length: 1_000_000,
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

    fn press(model: &mut Model, code: KeyCode, now: Duration) -> Act {
        model.key(KeyEvent::new(code, KeyModifiers::NONE), now).unwrap()
    }

    #[test]
    fn every_size_is_filled_and_none_is_overflown() {
        let mut model = Model::new(Confirm::None);
        let mut painter = Painter::default();
        for entries in [0, 1, 40] {
            let all = (0..entries).map(|n| {
                entry(&format!("id{n}"), if n % 2 == 0 { ApprovalState::Waiting } else { ApprovalState::Late })
            });
            model.update(all.collect(), at(0));
            for code in [KeyCode::Char('n'), KeyCode::Esc, KeyCode::End, KeyCode::Up, KeyCode::Down] {
                press(&mut model, code, at(10_000));
                for size in [(80, 24), (200, 60), (40, 10), (20, 5), (3, 3), (1, 1), (0, 0)] {
                    let lines = painter.paint(&mut model, size, at(10_000));
                    assert_eq!(lines.len(), size.1, "{size:?}");
                    for line in &lines {
                        assert!(line.text.width() <= size.0.max(1), "{size:?}: {:?}", line.text);
                        assert!(!line.text.contains('\u{1b}'));
                    }
                }
            }
        }
    }

    #[test]
    fn scrolling_shows_every_line_of_the_arguments() {
        let mut model = Model::new(Confirm::None);
        let mut painter = Painter::default();
        model.update(vec![entry("k7m2p", ApprovalState::Waiting)], at(0));
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..60 {
            seen.extend(painter.paint(&mut model, (40, 20), at(0)).into_iter().map(|line| line.text));
            press(&mut model, KeyCode::PageDown, at(0));
        }
        let all: Vec<_> =
            card::arguments(&entry("k7m2p", ApprovalState::Waiting)).iter().flat_map(|line| wrap(line, 40)).collect();
        assert!(all.iter().any(|line| line.contains("NOT shown")));
        for line in all {
            assert!(seen.contains(&line), "{line:?} was never shown");
        }
    }

    #[test]
    fn a_key_answers_only_what_was_seen() {
        let mut model = Model::new(Confirm::None);
        let yes = |model: &mut Model, millis| press(model, KeyCode::Char('y'), at(millis));
        assert_eq!(yes(&mut model, 0), Act::None, "there is nothing");
        model.update(vec![entry("first", ApprovalState::Waiting), entry("next", ApprovalState::Waiting)], at(0));
        assert_eq!(yes(&mut model, 100), Act::None);
        assert_eq!(yes(&mut model, 1000), Act::Answer("first".to_owned(), ApprovalAnswer::Once, Confirm::None));
        // Another comes to stand in its place just before the key.
        model.update(vec![entry("next", ApprovalState::Waiting)], at(1000));
        assert_eq!(yes(&mut model, 1100), Act::None);
        assert!(model.message.contains("next has only just come up"));
        // One that goes while its note is written is not exchanged for another.
        press(&mut model, KeyCode::Char('n'), at(3000));
        model.update(vec![entry("third", ApprovalState::Waiting)], at(3000));
        assert_eq!(press(&mut model, KeyCode::Enter, at(9000)), Act::None);
        assert!(model.message.contains("next can no longer be answered"), "{}", model.message);
    }
}
