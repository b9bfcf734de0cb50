//! What is drawn: every line of the screen, rebuilt each time.

use std::time::Duration;

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::card::{self, LABEL};
use crate::report::approval_watch::{ApprovalWatch, WatchMode};
use crate::state::approvals::{ApprovalEntry, ApprovalState, EntryKey};
use crate::term::screen::{ScreenLine, ScreenSize};
use crate::term::style::{DIM, SUCCESS, WARN, format_duration};
use crate::term::table::cut_to_width;
use crate::visible::{count_of, escape_invisible};

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().bold();
/// How much of a long name is shown in the list, in columns.
const SHORTEST_NAME: usize = 12;

const SELECTED: Style = Style::new().invert();

/// Draws, and caches the lines of the arguments, which may be many.
#[derive(Debug, Default)]
pub(crate) struct Painter {
    /// What it is of, the width, and the lines.
    wrapped: Option<(EntryKey, usize, Vec<String>)>,
}

impl Painter {
    /// Returns every line of the screen, from the top, and limits the scroll of the model to the content.
    pub(crate) fn paint_screen(
        &mut self,
        watch: &mut ApprovalWatch,
        (columns, rows): ScreenSize,
        now: Duration,
    ) -> Vec<ScreenLine> {
        // On a screen with few rows, the calls come first.
        let foot_height = foot_lines(watch, columns).len().min(rows.div_ceil(2));
        let mut lines = vec![head_line(watch)];
        let (count, room) = (watch.entries().len(), rows.saturating_sub(foot_height));
        let list = count.min((room / 3).max(1));
        let position = watch.position();
        let first = position.unwrap_or(0).saturating_sub(list / 2).min(count.saturating_sub(list));
        let listed = watch.entries().iter().enumerate().skip(first).take(list);
        lines.extend(listed.map(|(index, entry)| entry_line(entry, Some(index) == position, columns, now)));
        lines.push(screen_line("─".repeat(columns), DIM));
        lines.truncate(room);
        lines.extend(self.paint_details(watch, columns, room - lines.len(), now));
        lines.resize(room, screen_line(String::new(), PLAIN));
        // By now it is known what has been read.
        lines.extend(foot_lines(watch, columns).into_iter().take(foot_height));
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
        watch.begin_drawing(columns);
        let Some(entry) = watch.shown_entry() else {
            return wrap_paragraph(
                "Nothing waits for a person. A call shows up here as soon as one does.",
                columns,
                DIM,
            );
        };
        // With the whole name: the list above may have cut it.
        let facts = card::list_facts(entry, now).into_iter();
        let mut lines: Vec<_> = facts.flat_map(|(name, text)| wrap_fact(name, &text, columns)).collect();
        lines.extend(self.wrap_content(entry, columns).iter().map(|text| screen_line(text.clone(), PLAIN)));
        if lines.len() <= room {
            watch.scroll = 0;
            watch.finish_drawing(lines.len(), lines.len());
            return lines;
        }
        // The last row shows how much there is.
        let seen = room.saturating_sub(1);
        watch.scroll = watch.scroll.min(lines.len() - seen);
        watch.finish_drawing(seen, lines.len());
        let (above, below) = (watch.scroll, lines.len() - seen - watch.scroll);
        let mut lines: Vec<_> = lines.into_iter().skip(above).take(seen).collect();
        lines.push(screen_line(format!("── {above} lines above, {below} below: PgUp and PgDn scroll ──"), WARN));
        lines
    }

    fn wrap_content(&mut self, entry: &ApprovalEntry, columns: usize) -> &[String] {
        if !matches!(&self.wrapped, Some((of, width, _)) if of.is_of(entry) && *width == columns) {
            let lines = card::content_lines(entry).iter().flat_map(|line| wrap_marked(line, columns)).collect();
            self.wrapped = Some((entry.key(), columns, lines));
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
    let text = format!("policylayer approvals: {waiting} waiting{late}");
    match &watch.trouble {
        None => screen_line(text, BOLD),
        Some(why) => screen_line(format!("{text}. This may be out of date: {}", escape_invisible(why)), WARN),
    }
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
            let all_read = "y approve once   a approve for the session   n refuse   ↑↓ choose   q quit";
            let unread = count_of(watch.count_unread() as u64, "more line");
            let unread = format!("{unread}: space shows them   n refuse   ↑↓ choose   q quit");
            let (all_read, mut unread) =
                (wrap_paragraph(all_read, columns, DIM), wrap_paragraph(&unread, columns, WARN));
            // Reading on changes no height.
            unread.resize(all_read.len().max(unread.len()), screen_line(String::new(), PLAIN));
            lines.extend(if watch.count_unread() > 0 { unread } else { all_read });
            lines
        }
        WatchMode::Note { of, text } => {
            let (id, text) = (of.id(), escape_invisible(text));
            let prompt = format!("Refuse {id}. A note to the agent (optional; Enter refuses, Esc goes back): {text}_");
            wrap_paragraph(&prompt, columns, BOLD)
        }
        WatchMode::Code { of, code, typed, .. } => {
            let (id, typed) = (of.id(), escape_invisible(typed));
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
    // A blank at the edge would push a letter out.
    for line in lines.iter_mut().filter(|line| line.width() > columns) {
        line.pop();
    }
    lines
}

/// How a line begins that goes on where the one before ended: what a call or a server writes draws no label at the margin.
pub(crate) const GOES_ON: &str = "↳ ";

/// Breaks the text of a label into lines, all of them to the right of the label.
fn wrap_fact(name: &str, text: &str, columns: usize) -> Vec<ScreenLine> {
    let room = columns.saturating_sub(LABEL + 1);
    if room < SHORTEST_NAME {
        let lines = wrap_marked(&format!("{name}: {text}"), columns);
        return lines.into_iter().map(|text| screen_line(text, PLAIN)).collect();
    }
    let labels = std::iter::once(name).chain(std::iter::repeat(""));
    let lines = labels.zip(wrap_words(text, room));
    lines.map(|(name, text)| screen_line(format!("{name:<LABEL$} {text}"), PLAIN)).collect()
}

/// Breaks a text into lines of the full width, with a mark where it goes on.
pub(crate) fn wrap_marked(text: &str, columns: usize) -> Vec<String> {
    if text.width() <= columns {
        return vec![text.replace('\t', " ")];
    }
    let marks = std::iter::once("").chain(std::iter::repeat(GOES_ON));
    let lines = marks.zip(wrap_columns(text, columns.saturating_sub(GOES_ON.width())));
    lines.map(|(mark, line)| format!("{mark}{line}")).collect()
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
