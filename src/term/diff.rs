//! Writes a unified diff that `patch` can read.

use std::io::{self, Write};
use std::ops::Range;

use anstyle::Style;
use imara_diff::{Algorithm, Diff, InternedInput};

use crate::term::style::{DIM, ERROR, SUCCESS};
use crate::visible::visible_lines;

const CONTEXT: usize = 3;

/// A run of lines of the old text, and the lines of the new text that replace it.
#[derive(Clone, Debug)]
struct Replacement {
    old: Range<usize>,
    new: Range<usize>,
}

/// Writes the hunks without the file header. What is invisible in the texts is shown as codes.
pub(crate) fn write_hunks(out: &mut dyn Write, old: &str, new: &str) -> io::Result<()> {
    let (old, new) = (&*visible_lines(old), &*visible_lines(new));
    let input = InternedInput::new(old, new);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let range = |range: Range<u32>| range.start as usize..range.end as usize;
    let changes = diff.hunks().map(|hunk| Replacement { old: range(hunk.before), new: range(hunk.after) });
    let changes: Vec<_> = changes.collect();
    let (old, new): (Vec<_>, Vec<_>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    // Changes whose context would touch share a hunk.
    for group in changes.chunk_by(|one, next| next.old.start - one.old.end <= 2 * CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let before = first.old.start.min(CONTEXT);
        let after = old.len().saturating_sub(last.old.end).min(CONTEXT);
        let widen = |start: usize, end: usize| HunkRange(start - before..end + after);
        let (from, to) = (widen(first.old.start, last.old.end), widen(first.new.start, last.new.end));
        writeln!(out, "{DIM}@@ -{from} +{to} @@{DIM:#}")?;
        let mut at = from.0.start;
        for change in group {
            write_lines(out, ' ', Style::new(), &old, at..change.old.start)?;
            write_lines(out, '-', ERROR, &old, change.old.clone())?;
            write_lines(out, '+', SUCCESS, &new, change.new.clone())?;
            at = change.old.end;
        }
        write_lines(out, ' ', Style::new(), &old, at..from.0.end)?;
    }
    Ok(())
}

fn write_lines(out: &mut dyn Write, sign: char, style: Style, lines: &[&str], range: Range<usize>) -> io::Result<()> {
    for line in lines.get(range).unwrap_or_default() {
        writeln!(out, "{style}{sign}{}{style:#}", line.trim_end_matches('\n'))?;
        if !line.ends_with('\n') {
            writeln!(out, "\\ No newline at end of file")?;
        }
    }
    Ok(())
}

/// A range of lines in a hunk's header: lines count from 1, a length of 1 is left out, and an empty range names the
/// line before it.
struct HunkRange(Range<usize>);

impl std::fmt::Display for HunkRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.len() {
            0 => write!(f, "{},0", self.0.start),
            1 => write!(f, "{}", self.0.start + 1),
            len => write!(f, "{},{len}", self.0.start + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &str, new: &str) -> String {
        let mut out = Vec::new();
        write_hunks(&mut out, old, new).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn changes_are_shown_in_their_context() {
        let numbers = |from: u32, to: u32| (from..=to).map(|n| format!("{n}\n")).collect::<String>();
        assert_eq!(diff("a\n", "a\n"), "");
        assert_eq!(diff("", "a\nb\n"), "@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(diff("a\n", "b\n"), "@@ -1 +1 @@\n-a\n+b\n");
        assert_eq!(diff("a", "a\n"), "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
        let (old, new) = (numbers(1, 20), numbers(1, 9) + "x\n" + &numbers(11, 20));
        assert_eq!(diff(&old, &new), "@@ -7,7 +7,7 @@\n 7\n 8\n 9\n-10\n+x\n 11\n 12\n 13\n");
        let new = "x\n".to_owned() + &numbers(2, 7) + "y\n" + &numbers(8, 19);
        let expected = "@@ -1,10 +1,11 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n+y\n 8\n 9\n 10\n@@ -17,4 +18,3 @@\n 17\n 18\n 19\n-20\n";
        assert_eq!(diff(&old, &new), expected);
    }
}
