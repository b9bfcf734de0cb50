//! JSON as a person reads it: one member or element per line, and every value as written. These bytes are what is
//! forwarded, so nothing is decoded, rounded or sorted on the way to the person.

use crate::visible::escape_invisible;

/// Returns the text over several lines; it may be cut off anywhere.
pub(super) fn pretty_lines(json: &str) -> Vec<String> {
    let mut lines = PrettyLines::default();
    let mut rest = json.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                lines.line.push('"');
                let mut is_escaped = false;
                for c in rest.by_ref() {
                    lines.line.push(c);
                    match c {
                        '"' if !is_escaped => break,
                        '\\' => is_escaped = !is_escaped,
                        _ => is_escaped = false,
                    }
                }
            }
            '{' | '[' => {
                lines.line.push(c);
                while rest.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                match rest.next_if(|c| matches!(c, '}' | ']')) {
                    Some(end) => lines.line.push(end),
                    None => {
                        lines.depth += 1;
                        lines.end_line();
                    }
                }
            }
            '}' | ']' => {
                lines.end_line();
                lines.depth = lines.depth.saturating_sub(1);
                lines.line.push(c);
            }
            ',' => {
                lines.line.push(c);
                lines.end_line();
            }
            ':' => lines.line.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => lines.line.push(c),
        }
    }
    lines.end_line();
    lines.done
}

#[derive(Default)]
struct PrettyLines {
    done: Vec<String>,
    line: String,
    depth: usize,
    indent: usize,
}

impl PrettyLines {
    /// Ends the current line, at the depth at which it began.
    fn end_line(&mut self) {
        if !self.line.is_empty() {
            let indent = if self.line.starts_with(['}', ']']) { self.depth.min(self.indent) } else { self.indent };
            self.done.push("  ".repeat(indent) + &escape_invisible(&self.line));
            self.line.clear();
        }
        self.indent = self.depth;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_a_line_and_each_as_it_was_written() {
        for (json, shown) in [
            ("{}", "{}"),
            ("{ }", "{}"),
            (r#"{"a":1}"#, "{\n  \"a\": 1\n}"),
            (
                r#"{"a" : [1.50, -0,{"b":[]}] ,"c":"x, \"y\": {\\"}"#,
                "{\n  \"a\": [\n    1.50,\n    -0,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": \"x, \\\"y\\\": {\\\\\"\n}",
            ),
            ("{\"a\":\"\u{202e}\u{1b}\u{9b}\"}", "{\n  \"a\": \"\\u{202e}\\u{1b}\\u{9b}\"\n}"),
            (r#"{"a":"\ud83d","n":1e999}"#, "{\n  \"a\": \"\\ud83d\",\n  \"n\": 1e999\n}"),
            (r#"{"a":["cut he"#, "{\n  \"a\": [\n    \"cut he"),
            ("]]", "]\n]"),
        ] {
            assert_eq!(pretty_lines(json).join("\n"), shown, "{json}");
        }
    }
}
