//! `Mcp-Param-…` headers of revision 2026-07-28: arguments that a tool wants to be in headers as well, by `x-mcp-header` in its schema.
//! <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http>, Custom Headers from Tool Parameters.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::client_line::encode_value;
use super::exchange::read_result;
use crate::limits::{MAX_PARAM_DEPTH, MAX_PARAM_HEADERS, MAX_PARAM_NAME, MAX_PARAM_TOOLS, MAX_PARAM_VALUE};
use crate::wire::strict::{Reader, StrictDepth};
use crate::wire::view::{decode_string, elements, find_member, members, range_of};

const MARK: &str = "x-mcp-header";

/// What the tools that were listed want to be in headers.
#[derive(Clone, Debug, Default)]
pub(super) struct ParamHeaders {
    by_tool: HashMap<String, Vec<ParamHeader>>,
    /// The tools of which it was said that they are left out.
    said: HashSet<String>,
}

#[derive(Clone, Debug)]
struct ParamHeader {
    name: HeaderName,
    /// The keys that lead to the argument.
    path: Vec<String>,
}

/// Why a tool cannot have what it wants: a client must leave such a tool out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadMark {
    #[error("is not what a header can be called")]
    Name,
    #[error("names one header for two arguments")]
    Twice,
    #[error("is at what is neither a string nor an integer nor a boolean")]
    Kind,
    #[error("is where no argument has a fixed place")]
    Place,
    #[error("is at more than {MAX_PARAM_HEADERS} arguments")]
    TooMany,
    #[error("can be read in two ways")]
    Unclear,
}

impl ParamHeaders {
    /// Learns from an answer to tools/list, from which the tools are taken that cannot have what they want. Returns those of which that
    /// is new.
    pub(super) fn learn(&mut self, line: &mut Vec<u8>) -> Vec<(String, BadMark)> {
        let whole: &[u8] = line;
        let read = read_result(whole, StrictDepth::LIST, |result| {
            let tools = find_member(result, "tools")?;
            let bad = self.learn_tools(tools);
            let left = (!bad.is_empty()).then(|| (range_of(whole, tools), leave_out(tools, &bad)));
            Some((left, bad))
        });
        let Some((left, bad)) = read else { return Vec::new() };
        if let Some((range, left)) = left {
            line.splice(range, left.into_bytes());
        }
        let bad = bad.into_iter().map(|(_, tool, why)| (tool, why));
        bad.filter(|(tool, _)| self.said.len() < MAX_PARAM_TOOLS && self.said.insert(tool.clone())).collect()
    }

    /// Returns the tools that cannot have what they want, with their places.
    fn learn_tools(&mut self, tools: &str) -> Vec<(Range<usize>, String, BadMark)> {
        let mut bad = Vec::new();
        for range in elements(tools) {
            let Some(tool) = tools.get(range.clone()) else { continue };
            let Some(name) = find_member(tool, "name").and_then(decode_string) else { continue };
            let headers = read_schema(tool);
            let has_room = self.by_tool.len() < MAX_PARAM_TOOLS || self.by_tool.contains_key(&*name);
            match headers {
                Ok(headers) if has_room && !headers.is_empty() => {
                    self.by_tool.insert(name.into_owned(), headers);
                    continue;
                }
                Ok(_) => {}
                Err(why) => bad.push((range, name.clone().into_owned(), why)),
            }
            self.by_tool.remove(&*name);
        }
        bad
    }

    /// Adds what a tool wants to see of its arguments. Of a value that is too long for a header, nothing is sent.
    pub(super) fn add(&self, tool: &str, arguments: &str, headers: &mut HeaderMap) {
        for ParamHeader { name, path } in self.by_tool.get(tool).into_iter().flatten() {
            let value = path.iter().try_fold(arguments, |object, key| find_member(object, key));
            let text = value.and_then(|value| match value.as_bytes().first() {
                Some(b'"') => decode_string(value),
                Some(b't' | b'f' | b'-' | b'0'..=b'9') => Some(value.into()),
                _ => None,
            });
            let text = text.filter(|text| text.len() <= MAX_PARAM_VALUE);
            if let Some(value) = text.and_then(|text| HeaderValue::from_str(&encode_value(&text)).ok()) {
                headers.insert(name.clone(), value);
            }
        }
    }
}

/// Returns a list of tools without these.
fn leave_out(tools: &str, bad: &[(Range<usize>, String, BadMark)]) -> String {
    let is_bad = |range: &Range<usize>| bad.iter().any(|(place, ..)| place == range);
    let left: Vec<&str> = elements(tools).filter(|range| !is_bad(range)).filter_map(|range| tools.get(range)).collect();
    format!("[{}]", left.join(","))
}

/// Returns the headers that a tool asks for.
fn read_schema(tool: &str) -> Result<Vec<ParamHeader>, BadMark> {
    let mut headers = Vec::new();
    // A key can be written with escapes.
    let schema = find_member(tool, "inputSchema").filter(|schema| schema.contains(MARK) || schema.contains('\\'));
    let Some(schema) = schema.filter(|schema| schema.starts_with('{')) else { return Ok(headers) };
    let is_clear = Reader::default().read_object(schema).is_ok();
    match read_part(schema, Some(&[]), 0, &mut headers) {
        Ok(()) if headers.is_empty() => Ok(headers),
        _ if !is_clear => Err(BadMark::Unclear),
        read => read.map(|()| headers),
    }
}

/// Reads a part of a schema; `path` leads to the value that it describes, if names alone do.
fn read_part(
    schema: &str,
    path: Option<&[String]>,
    depth: usize,
    headers: &mut Vec<ParamHeader>,
) -> Result<(), BadMark> {
    // What is deeper is not looked at.
    if depth > MAX_PARAM_DEPTH {
        return Ok(());
    }
    for member in members(schema) {
        let key = member.key_lossy();
        match &*key {
            MARK => add_header(schema, member.value, path, headers)?,
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                for child in members(member.value) {
                    let path = path.filter(|_| key == "properties");
                    let path = path.map(|path| [path, &[child.key_lossy().into_owned()]].concat());
                    read_part(child.value, path.as_deref(), depth + 1, headers)?;
                }
            }
            // Values, and no schemas.
            "const" | "default" | "enum" | "examples" => {}
            _ if member.value.starts_with('[') => {
                for part in elements(member.value).filter_map(|range| member.value.get(range)) {
                    read_part(part, None, depth + 1, headers)?;
                }
            }
            _ => read_part(member.value, None, depth + 1, headers)?,
        }
    }
    Ok(())
}

fn add_header(
    schema: &str,
    mark: &str,
    path: Option<&[String]>,
    headers: &mut Vec<ParamHeader>,
) -> Result<(), BadMark> {
    let path = path.filter(|path| !path.is_empty()).ok_or(BadMark::Place)?;
    let mark = decode_string(mark).filter(|mark| (1..=MAX_PARAM_NAME).contains(&mark.len())).ok_or(BadMark::Name)?;
    let name = HeaderName::from_bytes(format!("mcp-param-{mark}").as_bytes()).map_err(|_| BadMark::Name)?;
    let kind = find_member(schema, "type").ok_or(BadMark::Kind)?;
    // One that can be null as well is a list of kinds.
    let kinds: Vec<&str> = match kind.starts_with('[') {
        true => elements(kind).filter_map(|range| kind.get(range)).filter(|kind| *kind != "\"null\"").collect(),
        false => vec![kind],
    };
    let is_plain = |kind: &&str| matches!(*kind, "\"string\"" | "\"integer\"" | "\"boolean\"");
    if kinds.is_empty() || !kinds.iter().all(is_plain) {
        return Err(BadMark::Kind);
    }
    if headers.iter().any(|header| header.name == name) {
        return Err(BadMark::Twice);
    }
    if headers.len() == MAX_PARAM_HEADERS {
        return Err(BadMark::TooMany);
    }
    headers.push(ParamHeader { name, path: path.to_vec() });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(tools: &[&str]) -> Vec<u8> {
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools": [{}],"ttlMs":0}}}}"#, tools.join(", ")).into_bytes()
    }

    fn sent(properties: &str, arguments: &str) -> Vec<(String, String)> {
        let tool = format!(r#"{{"name":"t","inputSchema":{{"type":"object","properties":{properties}}}}}"#);
        let mut known = ParamHeaders::default();
        known.learn(&mut list(&[&tool]));
        let mut headers = HeaderMap::new();
        known.add("t", arguments, &mut headers);
        known.add("other", arguments, &mut headers);
        let shown = |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.to_str().unwrap().to_owned());
        headers.iter().map(shown).collect()
    }

    #[test]
    fn arguments_that_a_tool_asks_for_are_in_headers() {
        let region = r#"{"region":{"type":"string","x-mcp-header":"Region"}}"#;
        for (properties, arguments, expected) in [
            (region, r#"{"region":"us-west1"}"#, Some(("mcp-param-region", "us-west1"))),
            (region, r#"{"region":"Köln"}"#, Some(("mcp-param-region", "=?base64?S8O2bG4=?="))),
            (region, r#"{"region":"a\r\nHost: x"}"#, Some(("mcp-param-region", "=?base64?YQ0KSG9zdDogeA==?="))),
            (region, r#"{"region":null}"#, None),
            (region, r#"{"region":{}}"#, None),
            (region, "{}", None),
            (r#"{"n":{"type":"integer","x-mcp-header":"N"}}"#, r#"{"n":-42}"#, Some(("mcp-param-n", "-42"))),
            (r#"{"b":{"type":"boolean","x-mcp-header":"B"}}"#, r#"{"b":true}"#, Some(("mcp-param-b", "true"))),
            (
                r#"{"o":{"type":"object","properties":{"p":{"type":"string","x-mcp-header":"P"}}}}"#,
                r#"{"o":{"p":"x"}}"#,
                Some(("mcp-param-p", "x")),
            ),
        ] {
            let expected: Vec<_> =
                expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
            assert_eq!(sent(properties, arguments), expected, "{properties} {arguments}");
        }
        assert_eq!(sent(region, &format!(r#"{{"region":"{}"}}"#, "x".repeat(MAX_PARAM_VALUE + 1))), []);
    }

    #[test]
    fn a_tool_that_wants_what_cannot_be_is_left_out() {
        const GOOD: &str = r#"{"name":"good","inputSchema":{"type":"object"}}"#;
        let marked =
            |kind: &str, mark: &str| format!(r#"{{"properties":{{"a":{{"type":{kind},"x-mcp-header":{mark}}}}}}}"#);
        let many: Vec<_> = (0..=MAX_PARAM_HEADERS)
            .map(|at| format!(r#""p{at}":{{"type":"string","x-mcp-header":"P{at}"}}"#))
            .collect();
        for (schema, expected) in [
            (marked(r#""string""#, r#""A""#), None),
            (marked(r#"["integer","null"]"#, r#""A!#$%&'*+-.^_`|~""#), None),
            (marked(r#""boolean""#, r#""""#), Some(BadMark::Name)),
            (marked(r#""string""#, "7"), Some(BadMark::Name)),
            (marked(r#""string""#, r#""A:\r\nHost""#), Some(BadMark::Name)),
            (marked(r#""string""#, r#""Région""#), Some(BadMark::Name)),
            (marked(r#""string""#, &format!("\"{}\"", "a".repeat(MAX_PARAM_NAME + 1))), Some(BadMark::Name)),
            (marked(r#""number""#, r#""A""#), Some(BadMark::Kind)),
            (marked(r#""object""#, r#""A""#), Some(BadMark::Kind)),
            (marked(r#"["string","object"]"#, r#""A""#), Some(BadMark::Kind)),
            (marked(r#"["null"]"#, r#""A""#), Some(BadMark::Kind)),
            (r#"{"properties":{"a":{"x-mcp-header":"A"}}}"#.to_owned(), Some(BadMark::Kind)),
            (
                r#"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#
                    .to_owned(),
                Some(BadMark::Twice),
            ),
            (format!(r#"{{"properties":{{{}}}}}"#, many.join(",")), Some(BadMark::TooMany)),
            (
                r#"{"properties":{"l":{"type":"array","items":{"type":"string","x-mcp-header":"L"}}}}"#.to_owned(),
                Some(BadMark::Place),
            ),
            (
                r#"{"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}"#.to_owned(),
                Some(BadMark::Place),
            ),
            (r#"{"$defs":{"a":{"type":"string","x-mcp-header":"A"}}}"#.to_owned(), Some(BadMark::Place)),
            (r#"{"type":"string","x-mcp-header":"A"}"#.to_owned(), Some(BadMark::Place)),
            (
                r#"{"properties":{"a":{"type":"string","x-mcp-header":"A","x-mcp-header":"B"}}}"#.to_owned(),
                Some(BadMark::Unclear),
            ),
            (r#"{"properties":{"a":{"type":"number","\u0078-mcp-header":"A"}}}"#.to_owned(), Some(BadMark::Kind)),
            // Names and values that look like it.
            (r#"{"properties":{"x-mcp-header":{"type":"number"}}}"#.to_owned(), None),
            (r#"{"properties":{"a":{"default":{"x-mcp-header":"A"}}}}"#.to_owned(), None),
            (r#"{"title":"x-mcp-header","a":1,"a":2}"#.to_owned(), None),
        ] {
            let tool = format!(r#"{{"name":"t","inputSchema":{schema}}}"#);
            let all = list(&[GOOD, &tool, GOOD]);
            let (mut line, mut known) = (all.clone(), ParamHeaders::default());
            let found = known.learn(&mut line);
            assert_eq!(found, expected.map(|why| ("t".to_owned(), why)).into_iter().collect::<Vec<_>>(), "{schema}");
            let left = String::from_utf8(list(&[GOOD, GOOD])).unwrap().replace(", {", ",{").into_bytes();
            assert_eq!(line, if expected.is_some() { left } else { all.clone() }, "{schema}");
            line.clone_from(&all);
            assert_eq!(known.learn(&mut line), [], "it is said once");
        }
    }
}
