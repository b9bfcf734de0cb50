//! Aligned columns for a terminal, measured in terminal columns: `メ` takes two.

use std::fmt::Display;
use std::io::{self, Write};
use std::iter;
use std::ops::Range;

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::path::{cut_in_front, show_path};
use super::style::{DIM, terminal_width};
use super::wrap::wrap_text;
use crate::visible::escape_invisible;

/// Text that may come from anybody: what is invisible in it is shown as codes.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
    cut: Cut,
}

/// Where a text is cut that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    AtEnd,
    /// For a path, whose end tells most.
    InFront,
}

impl Cell {
    pub(crate) fn new(text: impl Display) -> Self {
        Self::styled(text, Style::new())
    }

    pub(crate) fn styled(text: impl Display, style: Style) -> Self {
        Self { text: escape_invisible(&text.to_string()).replace('\t', " "), style, cut: Cut::AtEnd }
    }

    /// A path: on a terminal, the home directory is `~`, and what does not fit is cut in front.
    pub(crate) fn path(path: &str, style: Style) -> Self {
        Self { cut: Cut::InFront, ..Self::styled(show_path(path), style) }
    }

    fn cut_to(&self, room: usize) -> String {
        match self.cut {
            Cut::AtEnd => cut_to_width(&self.text, room),
            Cut::InFront => cut_in_front(&self.text, room),
        }
    }

    fn show(&self, text: &str) -> String {
        format!("{}{text}{:#}", self.style, self.style)
    }

    fn width(&self) -> usize {
        self.text.width()
    }
}

/// Writes rows under a header, each column as wide as its widest cell, indented by two, and no wider than the terminal.
pub(crate) fn write_table(out: &mut dyn Write, header: &[&str], rows: &[Vec<Cell>]) -> io::Result<()> {
    Table::new(header, terminal_width()).write_rows(out, rows)
}

/// A last column gets this much beside the others, or all that it needs, or a line of its own: it holds sentences.
const LAST: usize = 40;

/// Lines of a row after the first are indented by this.
const BELOW: usize = 6;

/// A table whose rows arrive in batches: columns may grow with later rows.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<Cell>,
    /// The columns that stand on each line of a row, as they were when the header was last written.
    lines: Vec<Range<usize>>,
    /// The widest cell of each column so far.
    widths: Vec<usize>,
    /// The longest line in columns; a longer cell ends in `…`. `None` if there is no limit.
    width: Option<usize>,
}

impl Table {
    pub(crate) fn new(header: &[&str], width: Option<usize>) -> Self {
        let header: Vec<_> = header.iter().map(|title| Cell::styled(title, DIM)).collect();
        let widths = header.iter().map(Cell::width).collect();
        Self { header, lines: Vec::new(), widths, width }
    }

    /// Writes more rows, below the header where that is not written yet, or columns have moved.
    pub(crate) fn write_rows(&mut self, out: &mut dyn Write, rows: &[Vec<Cell>]) -> io::Result<()> {
        for (column, width) in self.widths.iter_mut().enumerate() {
            let cells = rows.iter().filter(|row| row.len() > 1).filter_map(|row| row.get(column));
            *width = cells.map(Cell::width).fold(*width, usize::max);
        }
        let lines = self.break_rows();
        let widths = self.fit_columns(&lines);
        if self.lines != lines {
            self.lines = lines;
            self.write_row(out, &self.header, &widths)?;
        }
        rows.iter().try_for_each(|row| self.write_row(out, row, &widths))
    }

    /// Returns which columns stand on each line of a row. What does not fit beside the others goes below them, so that no
    /// column is lost in a narrow terminal.
    fn break_rows(&self) -> Vec<Range<usize>> {
        let Some(width) = self.width else { return iter::once(0..self.widths.len()).collect() };
        let (mut lines, mut start, mut left) = (Vec::new(), 0, width);
        for (column, natural) in self.widths.iter().enumerate() {
            let is_last = column + 1 == self.widths.len();
            let needed = GAP + if is_last { (*natural).min(LAST) } else { (*natural).min(width / 2) };
            if needed > left && column > start {
                lines.push(start..column);
                start = column;
                left = width.saturating_sub(BELOW - GAP);
            }
            left = left.saturating_sub(needed);
        }
        lines.push(start..self.widths.len());
        lines
    }

    /// Returns the widths of the columns: where those of a line are too wide together, the widest ones give way.
    fn fit_columns(&self, lines: &[Range<usize>]) -> Vec<usize> {
        let Some(width) = self.width else { return self.widths.clone() };
        let mut widths = self.widths.clone();
        for line in lines {
            let room = width.saturating_sub(line_indent(line) - GAP);
            let Some(columns) = widths.get_mut(line.clone()) else { continue };
            while columns.iter().map(|column| GAP + column).sum::<usize>() > room {
                match columns.iter_mut().max() {
                    Some(widest) if *widest > 1 => *widest -= 1,
                    _ => break,
                }
            }
        }
        widths
    }

    /// Writes a row; one with a single cell spans all columns.
    fn write_row(&self, out: &mut dyn Write, row: &[Cell], widths: &[usize]) -> io::Result<()> {
        if let ([cell], true) = (row, self.header.len() > 1) {
            let Some(width) = self.width else { return writeln!(out, "{}{}", " ".repeat(GAP), cell.show(&cell.text)) };
            let text = wrap_text(&cell.text, GAP, width);
            return text.lines().try_for_each(|line| writeln!(out, "{}", cell.show(line)));
        }
        for columns in &self.lines {
            let line = format_line(row, widths, columns);
            // Below a row, there is no line for cells that are all empty.
            if columns.start == 0 || !line.is_empty() {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }
}

fn line_indent(columns: &Range<usize>) -> usize {
    if columns.start == 0 { GAP } else { BELOW }
}

fn format_line(row: &[Cell], widths: &[usize], columns: &Range<usize>) -> String {
    let mut line = " ".repeat(line_indent(columns) - GAP);
    for (index, (cell, width)) in row.iter().zip(widths).enumerate().take(columns.end).skip(columns.start) {
        let text = cell.cut_to(*width);
        let is_last = index + 1 == columns.end.min(row.len());
        let padding = if is_last { 0 } else { width.saturating_sub(text.width()) };
        line.push_str(&" ".repeat(GAP));
        if !text.is_empty() {
            line.push_str(&cell.show(&text));
        }
        line.push_str(&" ".repeat(padding));
    }
    line.trim_end().to_owned()
}

/// Before each column, in columns of the terminal.
const GAP: usize = 2;

/// A cut text ends in `…`.
pub(crate) fn cut_to_width(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    take_columns(text.chars(), room.saturating_sub(1)).chain(['…']).collect()
}

/// Takes the characters that fit in `room` columns, from the first one on.
pub(super) fn take_columns(chars: impl Iterator<Item = char>, room: usize) -> impl Iterator<Item = char> {
    let mut left = Some(room);
    chars.take_while(move |c| {
        left = left.and_then(|left| left.checked_sub(c.width().unwrap_or_default()));
        left.is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let mut out = Vec::new();
        let rows = [vec![Cell::new("a"), Cell::new("é")], vec![Cell::new("long"), Cell::new("x")]];
        Table::new(&["ONE", "TWO"], None).write_rows(&mut out, &rows).unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        assert_eq!(text, "  ONE   TWO\n  a     é\n  long  x\n");
    }

    #[test]
    fn lines_end_where_the_terminal_does() {
        let mut out = Vec::new();
        let mut table = Table::new(&["ONE", "TWO"], Some(22));
        table.write_rows(&mut out, &[vec![Cell::new("a"), Cell::new("äbcdefghijklmn")]]).unwrap();
        table.write_rows(&mut out, &[vec![Cell::new("longer than all"), Cell::new("x")]]).unwrap();
        table.write_rows(&mut out, &[vec![Cell::new("all of the columns of it")]]).unwrap();
        table.write_rows(&mut out, &[vec![Cell::new("b"), Cell::new("c")]]).unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        let expected = "  ONE  TWO\n  a    äbcdefghijklmn\n  ONE\n      TWO\n  longer than all\n      x\n  all of the columns\n  \
                        of it\n  b\n      c\n";
        assert_eq!(text, expected);
    }

    /// Whatever the cells are, no line is wider than the terminal, and what is cut or left out is marked.
    #[test]
    fn no_name_makes_a_table_wider_than_its_terminal() {
        let names = [
            "n".repeat(90),
            "メ".repeat(60),
            format!("a{}", "\u{301}".repeat(30)),
            "\u{202e}\u{200b}\u{e0041}\u{1b}[31m".repeat(4),
            "tab\there".to_owned(),
            "x".to_owned(),
        ];
        let header = ["ID", "STATE", "LEFT", "SERVER", "TOOL", "CLASS", "ARGUMENTS"];
        for width in [1, 2, 10, 40, 80, 200] {
            for columns in 1..=header.len() {
                let row = |at: usize| (0..columns).map(|n| Cell::new(&names[(n * at + at) % names.len()])).collect();
                let rows: Vec<Vec<Cell>> = (0..12).map(row).collect();
                let mut out = Vec::new();
                Table::new(&header[..columns], Some(width)).write_rows(&mut out, &rows).unwrap();
                let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
                assert!(header[..columns].iter().all(|title| width < 20 || text.contains(title)), "{width}: {text}");
                let wide = text.lines().find(|line| line.width() > width.max(BELOW + 1));
                assert_eq!(wide, None, "{width}");
                for cell in rows.iter().flatten() {
                    assert!(text.contains(&*cell.text) || text.contains('…'), "{width}: cut without a mark: {text}");
                }
            }
        }
    }

    #[test]
    fn wide_characters_take_two_columns_and_combining_ones_none() {
        let mut out = Vec::new();
        let rows = [
            vec![Cell::new("get_メモ帳を読む"), Cell::new("x")],
            vec![Cell::new("cafe\u{301}"), Cell::new("y")],
            vec![Cell::new("get_lists"), Cell::new("z")],
        ];
        Table::new(&["TOOL", "RULE"], None).write_rows(&mut out, &rows).unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        let expected =
            "  TOOL              RULE\n  get_メモ帳を読む  x\n  cafe\u{301}              y\n  get_lists         z\n";
        assert_eq!(text, expected);
        let before_rule = |line: &str| line[..line.len() - 1].width();
        assert!(text.lines().skip(1).all(|line| before_rule(line) == 20), "{text}");
    }

    #[test]
    fn what_is_cut_takes_no_more_than_its_room() {
        for (room, expected) in
            [(9, "メモ帳a"), (7, "メモ帳a"), (6, "メモ…"), (5, "メモ…"), (4, "メ…"), (3, "メ…"), (2, "…"), (1, "…")]
        {
            assert_eq!(cut_to_width("メモ帳a", room), expected);
            assert!(expected.width() <= room);
        }
        assert_eq!(cut_to_width("cafe\u{301}s", 4), "caf…");
        assert_eq!(cut_to_width("cafe\u{301}s", 5), "cafe\u{301}s");
    }
}
