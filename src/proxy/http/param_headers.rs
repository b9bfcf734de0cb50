//! `Mcp-Param-…` headers of revision 2026-07-28: arguments that a tool wants to be in headers as well, by `x-mcp-header` in its schema.
//! <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http>, Custom Headers from Tool Parameters.

use std::collections::HashMap;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::client_line::encode_value;
use super::exchange::read_result;
use crate::limits::{MAX_PARAM_DEPTH, MAX_PARAM_HEADERS, MAX_PARAM_TOOLS, MAX_PARAM_VALUE};
use crate::wire::view::{decode_string, elements, find_member, members};

const MARK: &str = "x-mcp-header";

/// What the tools that were listed want to be in headers.
#[derive(Clone, Debug, Default)]
pub(super) struct ParamHeaders(HashMap<String, Vec<ParamHeader>>);

#[derive(Clone, Debug)]
struct ParamHeader {
    name: HeaderName,
    /// The keys that lead to the argument.
    path: Vec<String>,
}

impl ParamHeaders {
    /// Learns from an answer to tools/list.
    pub(super) fn learn(&mut self, line: &[u8]) {
        read_result(line, |result| {
            let tools = find_member(result, "tools")?;
            for tool in elements(tools).filter_map(|range| tools.get(range)) {
                let Some(name) = find_member(tool, "name").and_then(decode_string) else { continue };
                match read_schema(tool) {
                    Some(headers) if self.0.len() < MAX_PARAM_TOOLS || self.0.contains_key(&*name) => {
                        self.0.insert(name.into_owned(), headers);
                    }
                    _ => {
                        self.0.remove(&*name);
                    }
                }
            }
            Some(())
        });
    }

    /// Adds what a tool wants to see of its arguments. Of a value that is too long for a header, nothing is sent.
    pub(super) fn add(&self, tool: &str, arguments: &str, headers: &mut HeaderMap) {
        for ParamHeader { name, path } in self.0.get(tool).into_iter().flatten() {
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

/// Returns the headers that a tool asks for; `None` if there are none, or they are not as they must be.
fn read_schema(tool: &str) -> Option<Vec<ParamHeader>> {
    let schema = find_member(tool, "inputSchema").filter(|schema| schema.contains(MARK))?;
    let mut headers = Vec::new();
    read_properties(schema, &mut Vec::new(), &mut headers)?;
    let mut names: Vec<&str> = headers.iter().map(|header: &ParamHeader| header.name.as_str()).collect();
    names.sort_unstable();
    (!names.is_empty() && names.is_sorted_by(|one, next| one < next)).then_some(headers)
}

fn read_properties(schema: &str, path: &mut Vec<String>, headers: &mut Vec<ParamHeader>) -> Option<()> {
    let properties = find_member(schema, "properties").filter(|_| path.len() < MAX_PARAM_DEPTH);
    for member in properties.into_iter().flat_map(members) {
        path.push(member.key()?.into_owned());
        if let Some(name) = find_member(member.value, MARK) {
            let kind = find_member(member.value, "type").and_then(decode_string)?;
            let name = format!("mcp-param-{}", decode_string(name).filter(|name| !name.is_empty())?);
            if !matches!(&*kind, "string" | "integer" | "number" | "boolean") || headers.len() == MAX_PARAM_HEADERS {
                return None;
            }
            headers.push(ParamHeader { name: HeaderName::from_bytes(name.as_bytes()).ok()?, path: path.clone() });
        }
        read_properties(member.value, path, headers)?;
        path.pop();
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(properties: &str, arguments: &str) -> Vec<(String, String)> {
        let tool = format!(r#"{{"name":"t","inputSchema":{{"type":"object","properties":{properties}}}}}"#);
        let mut known = ParamHeaders::default();
        known.learn(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tool}]}}}}"#).as_bytes());
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
            (r#"{"o":{"type":"object","x-mcp-header":"O"}}"#, r#"{"o":{}}"#, None),
            (r#"{"a":{"type":"string","x-mcp-header":"A:\r\nHost"}}"#, r#"{"a":"x"}"#, None),
            (r#"{"a":{"type":"string","x-mcp-header":""}}"#, r#"{"a":"x"}"#, None),
            (
                r#"{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}"#,
                r#"{"a":"x","b":"y"}"#,
                None,
            ),
            (r#"{"l":{"type":"array","items":{"type":"string","x-mcp-header":"L"}}}"#, r#"{"l":["x"]}"#, None),
        ] {
            let expected: Vec<_> =
                expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
            assert_eq!(sent(properties, arguments), expected, "{properties} {arguments}");
        }
        assert_eq!(sent(region, &format!(r#"{{"region":"{}"}}"#, "x".repeat(MAX_PARAM_VALUE + 1))), []);
    }
}
