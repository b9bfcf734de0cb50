//! The arguments of a call as a person writes them, in a shell or in a file: one JSON object, over as many lines as
//! they like. A message is one line and may hold no line breaks, so those between tokens become spaces.

use super::fault::Fault;
use super::strict::Reader;

/// One JSON object, without line breaks, that every JSON parser reads alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments(String);

impl Arguments {
    /// Reads an object, spelled as it is to be sent: no number or escape of it is changed.
    ///
    /// # Errors
    /// With the first thing that is wrong with it. Places are bytes of `text`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let line = blank_line_breaks(text);
        Reader::default().read_object(&line)?;
        Ok(Self(line.trim_matches([' ', '\t']).to_owned()))
    }

    /// Returns the object as it is on a line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Arguments {
    /// The arguments of a call that has none.
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

/// Replaces each line break outside strings with a space; every byte keeps its place.
fn blank_line_breaks(text: &str) -> String {
    let (mut is_in_string, mut is_escaped) = (false, false);
    text.chars()
        .map(|c| {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' if is_in_string => is_escaped = true,
                '"' => is_in_string = !is_in_string,
                '\n' | '\r' if !is_in_string => return ' ',
                _ => {}
            }
            c
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_kept_as_spelled_but_for_line_breaks() {
        for (text, expected) in [
            ("{}", "{}"),
            (
                " \r\n{ \"a\" :\n\t1e999,\r\n\"b\":\"\\ud83d\\\"\\n\" }\n",
                "{ \"a\" : \t1e999,  \"b\":\"\\ud83d\\\"\\n\" }",
            ),
            ("{\"id\":1,\"ID\":2,\"method\":{\"Id\":[]}}", "{\"id\":1,\"ID\":2,\"method\":{\"Id\":[]}}"),
        ] {
            assert_eq!(Arguments::parse(text).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn whatever_two_parsers_may_read_differently_is_refused_with_its_place() {
        let nul = "{\"\\u0000\":1}";
        for (text, fault) in [
            ("", Fault::Syntax(0)),
            ("[1]", Fault::NoObject),
            ("\"a\"", Fault::NoObject),
            ("{\"a\":1,\n\"a\":2}", Fault::Duplicate("a".to_owned())),
            ("{\"a\":1} {}", Fault::Trailing(8)),
            ("{\"a\":1},\"b\":{}", Fault::Trailing(7)),
            ("{\n\"a\":\n+1}", Fault::Syntax(7)),
            ("{\"a\":\"\n\"}", Fault::Control { byte: b'\n', at: 6 }),
            ("{\"a\":1", Fault::Syntax(6)),
            ("\u{feff}{}", Fault::ByteOrderMark),
            (nul, Fault::NulInKey("\0".to_owned())),
        ] {
            assert_eq!(Arguments::parse(text), Err(fault), "{text}");
        }
    }
}
