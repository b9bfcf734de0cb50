//! A command that bridges to a server over HTTP: `npx mcp-remote URL`, for which `wrap --url` can stand in.

use crate::policy::server;
use crate::wire::http::endpoint::Endpoint;
use crate::wire::http::header_rule::HeaderRule;
use crate::wire::http::target_words::TargetWords;

/// Returns the server that a command bridges to, if `wrap --url` reaches it in the same way; else why not. `None` if this is no such
/// command.
pub(super) fn read_bridge(words: &[&str]) -> Option<Result<TargetWords, String>> {
    let at = words.iter().position(|word| is_bridge(word))?;
    server::find_started(words).filter(server::Started::is_bridge)?;
    Some(read_options(words.get(at + 1..).unwrap_or_default()))
}

fn is_bridge(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.strip_suffix(".cmd").unwrap_or(name);
    name.split('@').next() == Some("mcp-remote")
}

/// Reads its options: https://github.com/geelen/mcp-remote.
fn read_options(words: &[&str]) -> Result<TargetWords, String> {
    let (url, rest) = words.split_first().ok_or("it has no address")?;
    Endpoint::parse(url).map_err(|error| format!("its address cannot be used: {error}"))?;
    let mut target = TargetWords { url: (*url).to_owned(), ..TargetWords::default() };
    let mut rest = rest.iter().copied();
    while let Some(word) = rest.next() {
        match word {
            "--header" => take_header(&mut target, rest.next().unwrap_or_default())?,
            // What it tries first; `wrap --url` finds out by itself.
            "--transport" => {
                rest.next();
            }
            "--debug" | "--silent" => {}
            // The port for its own login.
            port if port.parse::<u16>().is_ok() => {}
            other => {
                let name = other.split('=').next().unwrap_or_default();
                let shown = if name.starts_with("--") { name } else { "one of its words" };
                return Err(format!("{} cannot be carried over", crate::visible::escape_invisible(shown)));
            }
        }
    }
    Ok(target)
}

fn take_header(target: &mut TargetWords, header: &str) -> Result<(), String> {
    let (name, value) = header.split_once(':').ok_or("a --header of it is unclear")?;
    let value = value.trim();
    let (is_bearer, value) = match value.strip_prefix("Bearer ") {
        Some(value) if name.eq_ignore_ascii_case("authorization") => (true, value.trim()),
        _ => (false, value),
    };
    let variable = value.strip_prefix("${").and_then(|value| value.strip_suffix('}')).unwrap_or_default();
    let rule = format!("{name}={variable}");
    HeaderRule::parse(&rule).map_err(|_| {
        "a --header of it has its value, or more than the name of a variable, on the command line: write it as NAME:${VARIABLE}, and \
         the value into `env`"
            .to_owned()
    })?;
    match is_bearer {
        true if target.bearer.is_some() => return Err("it has two tokens".to_owned()),
        true => target.bearer = Some(variable.to_owned()),
        false => target.headers.push(rule),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Result<String, String>> {
        let words: Vec<&str> =
            line.split(' ').map(|word| if word == "BEARER" { "Authorization: Bearer ${T}" } else { word }).collect();
        read_bridge(&words).map(|read| read.map(|target| target.words().join(" ")))
    }

    #[test]
    fn a_bridge_is_read_with_its_headers_or_it_is_said_why_not() {
        for (line, expected) in [
            ("npx -y mcp-remote https://x.test/sse", "https://x.test/sse"),
            ("npx mcp-remote@0.1.18 https://x.test/mcp 9696 --debug", "https://x.test/mcp"),
            ("cmd /c npx -y mcp-remote@latest https://x.test/ --transport sse-only", "https://x.test/"),
            ("mcp-remote https://x.test/ --header X-Key:${KEY}", "https://x.test/ --header X-Key=KEY"),
            ("npx mcp-remote https://x.test/ --header BEARER", "https://x.test/ --bearer T"),
        ] {
            assert_eq!(read(line), Some(Ok(expected.to_owned())), "{line}");
        }
        for (line, why) in [
            ("npx mcp-remote http://x.test/ --allow-http", "http:// to another machine"),
            ("npx mcp-remote https://x.test/ --header X-Key:s3cret", "on the command line"),
            ("npx mcp-remote https://x.test/ --header X-Key:${env:KEY}", "on the command line"),
            ("npx mcp-remote https://x.test/ --header Host:${KEY}", "on the command line"),
            ("npx mcp-remote https://x.test/ --static-oauth-client-info {s3cret}", "--static-oauth-client-info cannot"),
            ("npx mcp-remote https://x.test/ s3cret", "one of its words"),
        ] {
            let Some(Err(said)) = read(line) else { panic!("{line}") };
            assert!(said.contains(why) && !said.contains("s3cret"), "{line}: {said}");
        }
        for line in ["npx -y other https://x.test/", "npx -y other mcp-remote", "supergateway --sse https://x.test/"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
