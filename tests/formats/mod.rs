//! One document in all three formats: JSON is what a test writes, TOML and YAML are written from it.

use policylayer::policy::Format;
use serde_json::Value;

/// The document in every format, and in YAML both in blocks and in one line.
pub(crate) fn all(document: &str) -> Vec<(Format, String)> {
    let value: Value = serde_json::from_str(document).expect("the test's document is JSON");
    let Value::Object(members) = &value else { panic!("the test's document is an object") };
    let toml: String = members.iter().map(|(key, value)| format!("{} = {}\n", json(key), toml(value))).collect();
    let mut yaml = String::new();
    block(&value, 0, &mut yaml);
    // Keys in one order, so that messages can be compared.
    let line = value.to_string();
    vec![
        (Format::Json, line.clone()),
        (Format::Json, serde_json::to_string_pretty(&value).expect("JSON")),
        (Format::Toml, toml),
        (Format::Yaml, line),
        (Format::Yaml, yaml),
    ]
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("JSON").replace('\u{7f}', "\\u007f")
}

fn toml(value: &Value) -> String {
    match value {
        Value::String(text) => json(text),
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members: Vec<_> =
                members.iter().map(|(key, value)| format!("{} = {}", json(key), toml(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        other => other.to_string(),
    }
}

fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                let nested = matches!(value, Value::Object(inner) if !inner.is_empty())
                    || matches!(value, Value::Array(inner) if !inner.is_empty());
                out.push_str(&format!("{pad}{}:{}", json(key), if nested { "\n" } else { " " }));
                block(value, indent + 2, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("{pad}- {item}\n"));
            }
        }
        other => out.push_str(&format!("{other}\n")),
    }
}
