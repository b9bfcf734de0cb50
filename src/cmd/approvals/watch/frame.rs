//! What is drawn: every line of the screen, rebuilt each time.

use std::time::Duration;

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::super::card::{self, LABEL};
use crate::report::approval_watch::{ApprovalWatch, WatchMode};
use crate::state::approvals::{ApprovalEntry, ApprovalState};
use crate::term::screen::{ScreenLine, ScreenSize};
use crate::term::style::{DIM, SUCCESS, WARN, format_duration};
use crate::term::table::cut_to_width;
use crate::visible::escape_invisible;

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().bold();
/// How much of a long name is shown in the list, in columns.
const SHORTEST_NAME: usize = 12;

const SELECTED: Style = Style::new().invert();

/// Draws, and caches the lines of the arguments, which may be many.
#[derive(Debug, Default)]
pub(super) struct Painter {
    /// The id of the call, the width, and the lines.
    wrapped: Option<(String, usize, Vec<String>)>,
}

impl Painter {
    /// Returns every line of the screen, from the top, and limits the scroll of the model to the content.
    pub(super) fn paint_screen(
        &mut self,
        watch: &mut ApprovalWatch,
        (columns, rows): ScreenSize,
        now: Duration,
    ) -> Vec<ScreenLine> {
        let mut foot = foot_lines(watch, columns);
        // On a screen with few rows, the calls come first.
        foot.truncate(rows.div_ceil(2));
        let mut lines = vec![head_line(watch)];
        let (count, room) = (watch.entries().len(), rows.saturating_sub(foot.len()));
        let list = count.min((room / 3).max(1));
        let position = watch.position();
        let first = position.unwrap_or(0).saturating_sub(list / 2).min(count.saturating_sub(list));
        let listed = watch.entries().iter().enumerate().skip(first).take(list);
        lines.extend(listed.map(|(index, entry)| entry_line(entry, Some(index) == position, columns, now)));
        lines.push(screen_line("─".repeat(columns), DIM));
        lines.truncate(room);
        lines.extend(self.paint_details(watch, columns, room - lines.len(), now));
        lines.resize(room, screen_line(String::new(), PLAIN));
        lines.extend(foot);
        lines.truncate(rows);
        for line in &mut lines {
            line.text = cut_to_width(&line.text, columns);
        }
        lines
    }

    fn paint_details(
        &mut self,
        watch: &mut ApprovalWatch,
        columns: usize,
        room: usize,
        now: Duration,
    ) -> Vec<ScreenLine> {
        let Some(entry) = watch.shown_entry() else {
            return wrap_paragraph(
                "Nothing waits for a person. A call shows up here as soon as one does.",
                columns,
                DIM,
            );
        };
        // With the whole name: the list above may have cut it.
        let facts = card::list_facts(entry, now).into_iter();
        let mut lines: Vec<_> =
            facts.flat_map(|(name, text)| wrap_paragraph(&format!("{name:<LABEL$} {text}"), columns, PLAIN)).collect();
        lines.extend(self.wrap_content(entry, columns).iter().map(|text| screen_line(text.clone(), PLAIN)));
        if lines.len() <= room {
            watch.scroll = 0;
            return lines;
        }
        // The last row shows how much there is.
        let seen = room.saturating_sub(1);
        watch.scroll = watch.scroll.min(lines.len() - seen);
        let (above, below) = (watch.scroll, lines.len() - seen - watch.scroll);
        let mut lines: Vec<_> = lines.into_iter().skip(above).take(seen).collect();
        lines.push(screen_line(format!("── {above} lines above, {below} below: PgUp and PgDn scroll ──"), WARN));
        lines
    }

    fn wrap_content(&mut self, entry: &ApprovalEntry, columns: usize) -> &[String] {
        if !matches!(&self.wrapped, Some((id, width, _)) if *id == entry.id && *width == columns) {
            let lines = card::content_lines(entry).iter().flat_map(|line| wrap_columns(line, columns)).collect();
            self.wrapped = Some((entry.id.clone(), columns, lines));
        }
        self.wrapped.as_ref().map_or(&[], |(_, _, lines)| lines)
    }
}

fn screen_line(text: String, style: Style) -> ScreenLine {
    ScreenLine { text, style }
}

fn wrap_paragraph(text: &str, columns: usize, style: Style) -> Vec<ScreenLine> {
    wrap_words(text, columns).into_iter().map(|text| screen_line(text, style)).collect()
}

fn head_line(watch: &ApprovalWatch) -> ScreenLine {
    let waiting = watch.count_waiting();
    let late = watch.entries().len() - waiting;
    let late = if late == 0 { String::new() } else { format!(", {late} late") };
    screen_line(format!("policylayer approvals: {waiting} waiting{late}"), BOLD)
}

fn entry_line(entry: &ApprovalEntry, is_selected: bool, columns: usize, now: Duration) -> ScreenLine {
    let mark = if is_selected { '>' } else { ' ' };
    let is_late = entry.state == ApprovalState::Late;
    let late = if is_late { "late, " } else { "" };
    let (tool, server, left) =
        (escape_invisible(&entry.tool), escape_invisible(&entry.server), format_duration(entry.time_left(now)));
    let before = format!("{mark} {}  ", entry.id);
    let after = format!(" of {server} ({})  {late}{left} left", escape_invisible(&entry.severity));
    // A long name leaves space for what follows; the details have all of it.
    let room = columns.saturating_sub(before.width() + after.width()).max(SHORTEST_NAME);
    let text = format!("{before}{}{after}", cut_to_width(&tool, room));
    let style = if is_late { WARN } else { PLAIN };
    screen_line(text, if is_selected { SELECTED } else { style })
}

fn foot_lines(watch: &ApprovalWatch, columns: usize) -> Vec<ScreenLine> {
    match &watch.mode {
        WatchMode::Browse => {
            let mut lines = wrap_paragraph(&escape_invisible(&watch.message), columns, SUCCESS);
            lines.retain(|line| !line.text.is_empty());
            let keys = "y approve once   a approve for the session   n refuse   ↑↓ choose   q quit";
            lines.extend(wrap_paragraph(keys, columns, DIM));
            lines
        }
        WatchMode::Note { id, text } => {
            let text = escape_invisible(text);
            let prompt =
                format!("Refuse {id}. A note to the agent (Enter refuses, also without one; Esc goes back): {text}_");
            wrap_paragraph(&prompt, columns, BOLD)
        }
        WatchMode::Code { id, code, typed, .. } => {
            let typed = escape_invisible(typed);
            wrap_paragraph(&format!("Approve {id}. Type {code} and Enter (Esc goes back): {typed}_"), columns, BOLD)
        }
    }
}

/// Breaks a text into lines, between words where possible.
fn wrap_words(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_inclusive(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + word.trim_end().width() <= columns => line.push_str(word),
            _ => lines.extend(wrap_columns(word, columns)),
        }
    }
    lines
}

/// Breaks a text into lines of the full width.
fn wrap_columns(text: &str, columns: usize) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::super::{KeyAction, handle_key};
    use super::*;
    use crate::engine::{ApprovalAnswer, Effects};
    use crate::policy::{ApprovalLifetime, ApprovalScope};
    use crate::report::approval_watch::GivenAnswer;
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
            left_out: 1_000_000,
            client: Some("claude\u{1b}[2J".to_owned()),
            severity: "high".to_owned(),
            effects: Effects::ALL.to_vec(),
            scope: ApprovalScope::Arguments,
            beside: Some("{\"task\":{\"ttl\":1}}".to_owned()),
            preview: Some("Spring sale".to_owned()),
            covers: None,
            lives: ApprovalLifetime::Client,
            answer: None,
            outcome: None,
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

    fn press(model: &mut ApprovalWatch, code: KeyCode, now: Duration) -> KeyAction {
        handle_key(model, KeyEvent::new(code, KeyModifiers::NONE), now).unwrap()
    }

    #[test]
    fn every_size_is_filled_and_none_is_overflown() {
        let mut model = ApprovalWatch::new(Confirm::None);
        let mut painter = Painter::default();
        for entries in [0, 1, 40] {
            let all = (0..entries).map(|n| {
                entry(&format!("id{n}"), if n % 2 == 0 { ApprovalState::Waiting } else { ApprovalState::Late })
            });
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
                assert!(
                    lines[1].text.contains('…') && lines[1].text.ends_with(line_end),
                    "{columns}: {}",
                    lines[1].text
                );
                let details: String = lines[2..].iter().map(|line| line.text.as_str()).collect();
                assert!(details.contains(&escape_invisible(&name)) && details.contains(end), "{columns}: {details}");
            }
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
            .flat_map(|line| wrap_columns(line, 40))
            .collect();
        assert!(all.iter().any(|line| line.contains("NOT shown")));
        for line in all {
            assert!(seen.contains(&line), "{line:?} was never shown");
        }
    }

    #[test]
    fn a_key_answers_only_what_was_seen() {
        let mut model = ApprovalWatch::new(Confirm::None);
        let yes = |model: &mut ApprovalWatch, millis| press(model, KeyCode::Char('y'), at(millis));
        assert_eq!(yes(&mut model, 0), KeyAction::None, "there is nothing");
        model
            .update_entries(vec![entry("first", ApprovalState::Waiting), entry("next", ApprovalState::Waiting)], at(0));
        assert_eq!(yes(&mut model, 100), KeyAction::None);
        let first = GivenAnswer { id: "first".to_owned(), approval: ApprovalAnswer::Once, confirm: Confirm::None };
        assert_eq!(yes(&mut model, 1000), KeyAction::Answer(first));
        // Another call takes its place just before the key.
        model.update_entries(vec![entry("next", ApprovalState::Waiting)], at(1000));
        assert_eq!(yes(&mut model, 1100), KeyAction::None);
        assert!(model.message.contains("next has only just come up"));
        // A call that goes away while its note is written is not replaced by another.
        press(&mut model, KeyCode::Char('n'), at(3000));
        model.update_entries(vec![entry("third", ApprovalState::Waiting)], at(3000));
        assert_eq!(press(&mut model, KeyCode::Enter, at(9000)), KeyAction::None);
        assert!(model.message.contains("next can no longer be answered"), "{}", model.message);
    }
}
