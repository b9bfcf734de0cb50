//! What is drawn: every line of the terminal, made anew each time.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::super::card::{self, Left};
use super::model::{Mode, Model};
use crate::state::approvals::{Entry, State};
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
        let foot = foot(model, columns);
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
            return vec![Line { text, style: DIM }];
        };
        let facts = card::facts(entry, now);
        let facts = facts.into_iter().filter(|(name, _)| *name != "tool");
        let facts = facts.flat_map(|(name, text)| wrap(&format!("{name:<7} {text}"), columns));
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

    fn arguments(&mut self, entry: &Entry, columns: usize) -> &[String] {
        if !matches!(&self.wrapped, Some((id, width, _)) if *id == entry.id && *width == columns) {
            let lines = card::arguments(entry).iter().flat_map(|line| wrap(line, columns)).collect();
            self.wrapped = Some((entry.id.clone(), columns, lines));
        }
        self.wrapped.as_ref().map_or(&[], |(_, _, lines)| lines)
    }
}

fn head(model: &Model) -> Line {
    let waiting = model.entries().iter().filter(|entry| entry.state == State::Waiting).count();
    let late = model.entries().len() - waiting;
    let late = if late == 0 { String::new() } else { format!(", {late} late") };
    Line { text: format!("policylayer approvals: {waiting} waiting{late}"), style: BOLD }
}

fn row(entry: &Entry, is_chosen: bool, now: Duration) -> Line {
    let mark = if is_chosen { '>' } else { ' ' };
    let late = if entry.state == State::Late { "late, " } else { "" };
    let (tool, server, left) = (visible(&entry.tool), visible(&entry.server), Left(entry.left(now)));
    let text = format!("{mark} {}  {tool} of {server} ({})  {late}{left} left", entry.id, visible(&entry.class));
    let style = match (is_chosen, entry.state) {
        (true, _) => CHOSEN,
        (false, State::Late) => LATE,
        (false, _) => PLAIN,
    };
    Line { text, style }
}

/// What was said last, and what the keys do.
fn foot(model: &Model, columns: usize) -> Vec<Line> {
    let (lines, style) = match &model.mode {
        Mode::Browse => {
            let keys = "y approve once   a approve for the session   n refuse   ↑↓ choose   q quit";
            let said = wrap(&visible(&model.message), columns).into_iter();
            let said = said.filter(|line| !line.is_empty()).map(|text| Line { text, style: SAID });
            return said.chain(wrap(keys, columns).into_iter().map(|text| Line { text, style: DIM })).collect();
        }
        Mode::Note { id, text } => {
            (format!("Refuse {id}. A note to the agent (Enter refuses, also without one; Esc goes back): {}_", visible(text)), BOLD)
        }
        Mode::Code { id, code, typed, .. } => {
            (format!("Approve {id}. Type {code} and Enter (Esc goes back): {}_", visible(typed)), BOLD)
        }
    };
    wrap(&lines, columns).into_iter().map(|text| Line { text, style }).collect()
}

/// A text over as many lines as it needs.
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
