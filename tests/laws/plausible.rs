//! Plausible lines: each byte chooses the next part of a message, and the last ones what is wrong with it.

/// The bytes that still choose.
struct Choices<'b>(std::slice::Iter<'b, u8>);

impl<'b> Choices<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        Self(bytes.iter())
    }

    /// The next byte; zero when there is none left.
    fn byte(&mut self) -> usize {
        self.0.next().copied().map_or(0, usize::from)
    }

    fn of_these<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.byte() % texts.len()]
    }
}

const IDS: [&str; 10] = ["1", "2", "3", "\"1\"", "1.0", "0", "\"a\"", "-0", "9007199254740993", "null"];

const TOOLS: [&str; 14] = [
    "limited",
    "get",
    "hidden",
    "delete_all",
    "denied",
    "asked",
    "guarded",
    "paid",
    "h\\u0069dden",
    "hidden\\u0000x",
    "hidden\\ud83d",
    "Hidden",
    "delete-all",
    "",
];

const ARGUMENTS: [&str; 8] = [
    "{}",
    r#"{"x":"user"}"#,
    r#"{"x":["user"]}"#,
    r#"{"n":5}"#,
    r#"{"n":1e999,"x":"\ud83d"}"#,
    r#"{"n":-1}"#,
    r#"{"x":1,"x":2}"#,
    "null",
];

/// Parameters that several methods can read.
const ASKS: &str = r#"{"taskId":"t","uri":"file:///a","inputResponses":{"q":"bad"},"ref":{"type":"ref/prompt","name":"hidden"},"argument":{"name":"a","value":""}}"#;

/// A line of a client.
pub fn client(choices: &[u8]) -> Vec<u8> {
    let mut next = Choices::of(choices);
    let id = next.of_these(&IDS);
    let line = match next.byte() % 12 {
        0..=3 => {
            let (tool, arguments) = (next.of_these(&TOOLS), next.of_these(&ARGUMENTS));
            let more = next.of_these(&[
                "",
                r#","task":{}"#,
                r#","requestState":"s""#,
                r#","inputResponses":{}"#,
                r#","inputResponses":{"q":"bad"}"#,
                r#","inputResponses":{"q":"good"},"requestState":"s","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
                r#","inputResponses":[]"#,
                r#","InputResponses":{"q":"bad"}"#,
                r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
            ]);
            request(id, "tools/call", &format!(r#"{{"name":"{tool}","arguments":{arguments}{more}}}"#))
        }
        4 => request(id, "tools/list", r#"{"cursor":"2"}"#),
        5 => request(id, "prompts/list", "{}"),
        6 => request(id, "prompts/get", &format!(r#"{{"name":"{}"}}"#, next.of_these(&TOOLS))),
        7 => request(id, "initialize", "{}"),
        8 => request(
            id,
            "subscriptions/listen",
            r#"{"notifications":{"toolsListChanged":true,"promptsListChanged":true}}"#,
        ),
        9 => cancelled(id),
        10 => answer(id, next.of_these(&["{}", "[]", r#"{"a":1,"a":2}"#])),
        _ => {
            let method = next.of_these(&["ping", "server/discover", "Tools/Call", "tools\\/call", "x"]);
            let method = next.of_these(&[method, "tasks/get", "tasks/update", "resources/read", "completion/complete"]);
            request(id, method, next.of_these(&["{}", ASKS]))
        }
    };
    damaged(line, &mut next)
}

/// A line of a server.
pub fn server(choices: &[u8]) -> Vec<u8> {
    let mut next = Choices::of(choices);
    let id = next.of_these(&IDS);
    let line = match next.byte() % 10 {
        0..=3 => {
            let member = next.of_these(&["tools", "prompts", "Tools", "tool\\u0073"]);
            let scope = next.of_these(&["", r#","cacheScope":"public""#, r#","nextCursor":"2""#]);
            let items: Vec<_> =
                (0..next.byte() % 4).map(|_| format!(r#"{{"name":"{}","n":1e999}}"#, next.of_these(&TOOLS))).collect();
            answer(id, &format!(r#"{{"{member}":[{}]{scope}}}"#, items.join(" , ")))
        }
        4 => answer(id, r#"{"capabilities":{"tools":{},"prompts":{}}}"#),
        5 => {
            let result = next.of_these(&[
                r#"{"resultType":"input_required","requestState":"s"}"#,
                r#"{"isError":true}"#,
                r#"{"resultType":"task","taskId":"t","status":"working"}"#,
                r#"{"task":{"taskId":"t","status":"working"}}"#,
                r#"{"taskId":"t","status":"completed","result":{}}"#,
                r#"{"resultType":"input_required","inputRequests":{"q":{"method":"roots/list"}},"requestState":"s"}"#,
                r#"{"inputRequests":{"policylayer":{"method":"elicitation/create"}}}"#,
                r#"{"inputRequests":{},"inputRequests":{"q":{"method":"roots/list"}}}"#,
            ]);
            answer(id, result)
        }
        6 => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":1,"message":"m"}}}}"#),
        7 => request(id, next.of_these(&["roots/list", "sampling/createMessage", "ping"]), "{}"),
        8 => cancelled(id),
        _ => format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}}}"#
        ),
    };
    damaged(line, &mut next)
}

fn request(id: &str, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

fn answer(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

fn cancelled(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#)
}

/// Mostly the line as it is; else with a byte changed, a member added, its end cut off, or itself twice.
fn damaged(line: String, next: &mut Choices<'_>) -> Vec<u8> {
    let (how, at) = (next.byte(), next.byte());
    let mut bytes = line.into_bytes();
    let at = at % bytes.len();
    match how {
        1 => bytes[at] = next.byte() as u8,
        2 => {
            let member = next.of_these(&[
                r#""method":"tools/call","#,
                r#""Method":"tools/call","#,
                r#""id":2,"#,
                r#""ID":2,"#,
                r#""params\u0000":{"name":"hidden"},"#,
                r#""param\u017f":{"name":"hidden"},"#,
                r#""\ud83dmethod":"tools/call","#,
                r#""name":"hidden","#,
                "\r",
            ]);
            let places: Vec<_> = (0..bytes.len()).filter(|place| matches!(bytes[*place], b'{' | b',')).collect();
            let place = places[at % places.len()] + 1;
            bytes.splice(place..place, member.bytes());
        }
        3 => bytes.truncate(at),
        4 => bytes = bytes.repeat(2),
        5 => bytes.insert(0, b"\t [\r"[at % 4]),
        6 => drop(bytes.splice(0..0, *b"[info] ready ")),
        7 => bytes.extend_from_slice([&b" done"[..], b"}", b" {", b"{}"][at % 4]),
        _ => {}
    }
    // A step of a script is one line.
    bytes.retain(|byte| *byte != b'\n');
    bytes
}
