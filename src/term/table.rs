//! Aligned columns for a terminal, measured in terminal columns: `メ` takes two.

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::style::{DIM, terminal_width};
use crate::visible::escape_invisible;

/// Text that may come from anybody: what is invisible in it is shown as codes.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(text: impl Display) -> Self {
        Self::styled(text, Style::new())
    }

    pub(crate) fn styled(text: impl Display, style: Style) -> Self {
        Self { text: escape_invisible(&text.to_string()).replace('\t', " "), style }
    }

    fn width(&self) -> usize {
        self.text.width()
    }
}

/// Writes rows under a header, each column as wide as its widest cell, indented by two, and no wider than the terminal.
pub(crate) fn write_table(out: &mut dyn Write, header: &[&str], rows: &[Vec<Cell>]) -> io::Result<()> {
    Table::new(header, terminal_width()).write_rows(out, rows)
}

/// A column is never made narrower than this, unless all of its cells are.
const NARROW: usize = 8;

/// A table whose rows arrive in batches: columns may grow with later rows.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<Cell>,
    is_begun: bool,
    /// The widest cell of each column so far.
    widths: Vec<usize>,
    /// The longest line in columns; a longer one ends in `…`. `None` if there is no limit.
    width: Option<usize>,
}

impl Table {
    pub(crate) fn new(header: &[&str], width: Option<usize>) -> Self {
        let header: Vec<_> = header.iter().map(|title| Cell::styled(title, DIM)).collect();
        let widths = header.iter().map(Cell::width).collect();
        Self { header, is_begun: false, widths, width }
    }

    /// Writes more rows; the first call also writes the header.
    pub(crate) fn write_rows(&mut self, out: &mut dyn Write, rows: &[Vec<Cell>]) -> io::Result<()> {
        for (column, width) in self.widths.iter_mut().enumerate() {
            let cells = rows.iter().filter(|row| row.len() > 1).filter_map(|row| row.get(column));
            *width = cells.map(Cell::width).fold(*width, usize::max);
        }
        let widths = self.fit_columns();
        if !self.is_begun {
            self.is_begun = true;
            writeln!(out, "{}", self.format_row(&self.header, &widths))?;
        }
        rows.iter().try_for_each(|row| writeln!(out, "{}", self.format_row(row, &widths)))
    }

    /// Returns the widths of the columns that are shown: the widest ones give way, so that one long name leaves space for
    /// the others. The last columns are left out if that is not enough.
    fn fit_columns(&self) -> Vec<usize> {
        let Some(width) = self.width else { return self.widths.clone() };
        let mut widths: Vec<_> = self.widths.iter().map(|column| *column.min(&width)).collect();
        loop {
            let mark = if widths.len() < self.widths.len() { GAP + 1 } else { 0 };
            let taken = widths.iter().map(|column| GAP + column).sum::<usize>() + mark;
            if taken <= width || widths.is_empty() {
                return widths;
            }
            match widths.iter_mut().max() {
                Some(widest) if *widest > NARROW => *widest -= 1,
                _ => drop(widths.pop()),
            }
        }
    }

    /// Formats a row; a row with a single cell spans all columns.
    fn format_row(&self, row: &[Cell], widths: &[usize]) -> String {
        let all = self.width.unwrap_or(usize::MAX).saturating_sub(GAP);
        let mut line = String::new();
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            let is_last = index + 1 == row.len();
            let text = cut_to_width(&cell.text, if row.len() == 1 { all } else { *width });
            let padding = if is_last { 0 } else { width - text.width() };
            line.push_str(&" ".repeat(GAP));
            if !text.is_empty() {
                line.push_str(&format!("{}{text}{:#}", cell.style, cell.style));
            }
            line.push_str(&" ".repeat(padding));
        }
        if row.len() > widths.len() {
            line.push_str(&format!("{}…", " ".repeat(GAP)));
        }
        line.trim_end().to_owned()
    }
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
        table.write_rows(&mut out, &[vec![Cell::new("a"), Cell::new("äbcdefghijklmnopqr")]]).unwrap();
        table.write_rows(&mut out, &[vec![Cell::new("longer than all"), Cell::new("x")]]).unwrap();
        table.write_rows(&mut out, &[vec![Cell::new("all of the columns of it")]]).unwrap();
        table.write_rows(&mut out, &[vec![Cell::new("b"), Cell::new("c")]]).unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        let expected = "  ONE  TWO\n  a    äbcdefghijklmn…\n  longer t…  x\n  all of the columns …\n  b          c\n";
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
                assert_eq!(text.lines().count(), rows.len() + 1);
                for (line, row) in text.lines().skip(1).zip(&rows) {
                    assert!(line.width() <= width.max(GAP + 1), "{width}: {line:?}");
                    let is_whole = row.iter().all(|cell| line.contains(&*cell.text));
                    assert!(is_whole || line.contains('…'), "{width}: {line:?} is cut without a mark");
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
