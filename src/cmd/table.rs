//! Aligned columns for a terminal.

use std::io::{self, Write};

use anstyle::Style;

/// A cell: its text and how it looks.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in the terminal's own style.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::styled(text, Style::new())
    }

    /// A cell in a style.
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// Writes rows under a header, each column as wide as its widest cell, indented by two.
///
/// # Errors
/// When the writer fails.
pub fn write(out: &mut dyn Write, header: &[&str], rows: &[Vec<Cell>]) -> io::Result<()> {
    let header: Vec<_> = header.iter().map(|title| Cell::styled(*title, Style::new().dimmed())).collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            rows.iter().chain([&header]).filter_map(|row| row.get(column)).map(Cell::width).max().unwrap_or(0)
        })
        .collect();
    for row in [&header].into_iter().chain(rows) {
        let mut line = String::from(" ");
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padding = if index + 1 == row.len() { 0 } else { width - cell.width() };
            line.push_str(&format!(" {}{}{:#}{}", cell.style, cell.text, cell.style, " ".repeat(padding + 1)));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let mut out = Vec::new();
        let rows = [vec![Cell::plain("a"), Cell::plain("é")], vec![Cell::plain("long"), Cell::plain("x")]];
        write(&mut out, &["ONE", "TWO"], &rows).unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        assert_eq!(text, "  ONE   TWO\n  a     é\n  long  x\n");
    }
}
