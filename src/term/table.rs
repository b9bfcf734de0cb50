//! Aligned columns for a terminal, measured in terminal columns: `メ` takes two.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new_plain(text: impl Into<String>) -> Self {
        Self::new_styled(text, Style::new())
    }

    pub(crate) fn new_styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    fn width(&self) -> usize {
        self.text.width()
    }
}

/// Writes rows under a header, each column as wide as its widest cell, indented by two.
///
/// # Errors
/// When the writer fails.
pub(crate) fn write_table(out: &mut dyn Write, header: &[&str], rows: &[Vec<Cell>]) -> io::Result<()> {
    Table::new(header, None).write_rows(out, rows)
}

/// A table whose rows arrive in batches: columns may grow with later rows, and never shrink.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<Cell>,
    is_begun: bool,
    widths: Vec<usize>,
    /// The longest line in columns; a longer one ends in `…`. `None` if there is no limit.
    width: Option<usize>,
    /// The widest that any column but the last may be, so that one long name leaves space for the others.
    widest: Option<usize>,
}

impl Table {
    pub(crate) fn new(header: &[&str], width: Option<usize>) -> Self {
        let header: Vec<_> = header.iter().map(|title| Cell::new_styled(*title, Style::new().dimmed())).collect();
        let widths = header.iter().map(Cell::width).collect();
        let widest = width.map(|width| width / 3);
        Self { header, is_begun: false, widths, width, widest }
    }

    /// Lets a column be this wide on a terminal, instead of a third of it.
    pub(crate) fn with_widest(mut self, columns: usize) -> Self {
        self.widest = self.width.map(|_| columns);
        self
    }

    /// Writes more rows; the first call also writes the header.
    ///
    /// # Errors
    /// When the writer fails.
    pub(crate) fn write_rows(&mut self, out: &mut dyn Write, rows: &[Vec<Cell>]) -> io::Result<()> {
        for (column, width) in self.widths.iter_mut().enumerate() {
            let cells = rows.iter().filter(|row| row.len() > 1).filter_map(|row| row.get(column));
            *width = cells.map(Cell::width).fold(*width, usize::max).min(self.widest.unwrap_or(usize::MAX));
        }
        if !self.is_begun {
            self.is_begun = true;
            writeln!(out, "{}", self.format_row(&self.header))?;
        }
        rows.iter().try_for_each(|row| writeln!(out, "{}", self.format_row(row)))
    }

    /// Formats a row; a row with a single cell spans all columns.
    fn format_row(&self, row: &[Cell]) -> String {
        let mut line = String::from(" ");
        let mut room = self.width.unwrap_or(usize::MAX).saturating_sub(1);
        for (index, (cell, width)) in row.iter().zip(&self.widths).enumerate() {
            room = room.saturating_sub(1);
            if room == 0 {
                break;
            }
            let is_last = index + 1 == row.len();
            let text = cut_to_width(&cell.text, if is_last { room } else { room.min(*width) });
            let taken = text.width();
            let padding = if is_last { 0 } else { width.saturating_sub(taken) };
            match text.as_str() {
                "" => line.push(' '),
                text => line.push_str(&format!(" {}{text}{:#}", cell.style, cell.style)),
            }
            line.push_str(&" ".repeat(padding + 1));
            room = room.saturating_sub(taken + padding + 1);
        }
        line.trim_end().to_owned()
    }
}

/// A cut text ends in `…`.
pub(crate) fn cut_to_width(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut left = room.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.width().unwrap_or_default();
        let fits = width <= left;
        left -= if fits { width } else { left };
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let mut out = Vec::new();
        let rows =
            [vec![Cell::new_plain("a"), Cell::new_plain("é")], vec![Cell::new_plain("long"), Cell::new_plain("x")]];
        write_table(&mut out, &["ONE", "TWO"], &rows).unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        assert_eq!(text, "  ONE   TWO\n  a     é\n  long  x\n");
    }

    #[test]
    fn lines_end_where_the_terminal_does() {
        let mut out = Vec::new();
        let mut table = Table::new(&["ONE", "TWO"], Some(12));
        table.write_rows(&mut out, &[vec![Cell::new_plain("a"), Cell::new_plain("äbcdefghi")]]).unwrap();
        table.write_rows(&mut out, &[vec![Cell::new_plain("longer than all"), Cell::new_plain("x")]]).unwrap();
        table.write_rows(&mut out, &[vec![Cell::new_plain("all of the columns")]]).unwrap();
        table.write_rows(&mut out, &[vec![Cell::new_plain("b"), Cell::new_plain("c")]]).unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        assert_eq!(text, "  ONE  TWO\n  a    äbcd…\n  lon…  x\n  all of th…\n  b     c\n");
        assert!(text.lines().all(|line| line.chars().count() <= 12), "{text}");
    }

    #[test]
    fn wide_characters_take_two_columns_and_combining_ones_none() {
        let mut out = Vec::new();
        let rows = [
            vec![Cell::new_plain("get_メモ帳を読む"), Cell::new_plain("x")],
            vec![Cell::new_plain("cafe\u{301}"), Cell::new_plain("y")],
            vec![Cell::new_plain("get_lists"), Cell::new_plain("z")],
        ];
        write_table(&mut out, &["TOOL", "RULE"], &rows).unwrap();
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
