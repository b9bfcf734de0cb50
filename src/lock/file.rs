//! The lock file: JSON in a stable order, so that a change of one item is a change of its lines only.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::{ItemKind, Lock, LockedItem, LockedPackage, canonical_instructions, name_of};
use crate::limits::{MAX_LISTED_TOOLS, MAX_LOCK};
use crate::risk::Class;
use crate::visible::{escape_invisible, escape_invisible_json, shorten};
use crate::wire::canonical::{Canonicalizer, Layout};
use crate::wire::fault::Fault;

/// The version of the format.
const VERSION: &str = "1";

/// Why something is no lock, or cannot be locked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// The file is too large.
    #[error("it is larger than {MAX_LOCK} bytes. Fix: make it anew with `policylayer lock --yes SERVER`")]
    TooLarge,
    /// The file is not JSON, or not a lock.
    #[error(
        "it is no lock that can be read: {0}. Fix: restore the file, or make it anew with `policylayer lock --yes SERVER`"
    )]
    Broken(String),
    /// The file was written by a newer version.
    #[error("it has version {0}, and this policylayer knows version \"1\". Fix: update policylayer")]
    Version(String),
    /// The file was edited.
    #[error(
        "the definition of {kind} \"{}\" is not the one of its digest: the file was edited or merged by hand. Fix: look at \
         what the server lists now with `policylayer lock diff`, and make the file anew with `policylayer lock --yes SERVER`",
        escape_invisible(name)
    )]
    Digest {
        /// What it is.
        kind: ItemKind,
        /// Its name.
        name: String,
    },
    /// An item is in the file twice.
    #[error(
        "{kind} \"{}\" is in it twice. Fix: make it anew with `policylayer lock --yes SERVER`",
        escape_invisible(name)
    )]
    Twice {
        /// What it is.
        kind: ItemKind,
        /// Its name.
        name: String,
    },
    /// A definition that parsers could read differently.
    #[error("{kind} \"{}\" cannot be locked: {fault}", escape_invisible(&shorten(name, crate::limits::MAX_QUOTED)))]
    Definition {
        /// What it is.
        kind: ItemKind,
        /// Its name.
        name: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// Instructions that are not JSON.
    #[error("the instructions cannot be locked: {0}")]
    Instructions(Fault),
    /// A definition without a name.
    #[error("a {0} has no name")]
    Unnamed(ItemKind),
    /// Too many items.
    #[error("there are more than {MAX_LISTED_TOOLS} items of the kind \"{0}\"")]
    TooMany(ItemKind),
}

#[derive(Deserialize)]
struct AnyVersion<'f> {
    #[serde(borrow)]
    version: Option<&'f RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockFile<'f> {
    #[serde(rename = "version")]
    _version: &'f RawValue,
    server: String,
    package: Option<LockedPackage>,
    #[serde(borrow)]
    instructions: Option<&'f RawValue>,
    #[serde(borrow, default)]
    tools: Vec<ItemEntry<'f>>,
    #[serde(borrow, default)]
    prompts: Vec<ItemEntry<'f>>,
    #[serde(borrow, default)]
    templates: Vec<ItemEntry<'f>>,
    #[serde(borrow, default)]
    apps: Vec<ItemEntry<'f>>,
    #[serde(borrow, default)]
    app_pages: Vec<ItemEntry<'f>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemEntry<'f> {
    name: String,
    class: Option<Class>,
    digest: String,
    #[serde(borrow)]
    definition: &'f RawValue,
}

pub(super) fn parse(text: &str) -> Result<Lock, LockError> {
    if text.len() > MAX_LOCK {
        return Err(LockError::TooLarge);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_ascii_start().starts_with('{') {
        return Err(LockError::Broken("it is not a JSON object".to_owned()));
    }
    let broken = |error: serde_json::Error| {
        LockError::Broken(match error.is_data() {
            true => escape_invisible(&error.to_string()),
            false => format!("it is not JSON (line {}, column {})", error.line(), error.column()),
        })
    };
    // A newer version may have other members.
    let any: AnyVersion<'_> = serde_json::from_str(text).map_err(broken)?;
    match any.version.map(RawValue::get) {
        Some("\"1\"") => {}
        Some(other) => return Err(LockError::Version(escape_invisible(&shorten(other, crate::limits::MAX_QUOTED)))),
        None => return Err(LockError::Broken("it has no version, so it is no lock of policylayer".to_owned())),
    }
    let file: LockFile<'_> = serde_json::from_str(text).map_err(broken)?;
    let mut lock = Lock { package: file.package, ..Lock::new(file.server) };
    lock.instructions = file.instructions.map(|raw| canonical_instructions(raw.get())).transpose()?.flatten();
    let lists = [file.tools, file.prompts, file.templates, file.apps, file.app_pages];
    for (kind, list) in ItemKind::ALL.into_iter().zip(lists) {
        read_items(&mut lock, kind, list)?;
    }
    Ok(lock)
}

fn read_items(lock: &mut Lock, kind: ItemKind, list: Vec<ItemEntry<'_>>) -> Result<(), LockError> {
    if list.len() > MAX_LISTED_TOOLS {
        return Err(LockError::TooMany(kind));
    }
    let mut canonicalizer = Canonicalizer::default();
    let mut items = Vec::with_capacity(list.len());
    for ItemEntry { name, class, digest, definition } in list {
        let mut text = String::new();
        if let Err(fault) = canonicalizer.write(definition.get(), Layout::Compact, &mut text) {
            return Err(LockError::Definition { kind, name, fault });
        }
        if digest != digest_of(&text) || name != name_of(kind, &text) {
            return Err(LockError::Digest { kind, name });
        }
        items.push(LockedItem { name: name.into(), class, definition: text.into() });
    }
    items.sort_by(|one, other| one.name.cmp(&other.name));
    if let Some([item, _]) = items.array_windows().find(|[one, other]| one.name == other.name) {
        return Err(LockError::Twice { kind, name: item.name.to_string() });
    }
    if let Some(place) = lock.items.get_mut(kind as usize) {
        *place = items;
    }
    Ok(())
}

/// The digest of a definition in its canonical form.
fn digest_of(definition: &str) -> String {
    use std::fmt::Write as _;
    let mut digest = String::from("sha256:");
    for byte in Sha256::digest(definition) {
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

pub(super) fn write(lock: &Lock) -> String {
    let mut out = format!("{{\n  \"version\": \"{VERSION}\",\n  \"server\": {}", quote(&lock.server));
    if let Some(package) = &lock.package {
        out.push_str(",\n  \"package\": ");
        push_pretty(&serde_json::to_string(package).unwrap_or_default(), 1, &mut out);
    }
    if let Some(instructions) = &lock.instructions {
        out.push_str(",\n  \"instructions\": ");
        out.push_str(instructions);
    }
    for (kind, key) in ItemKind::ALL.into_iter().zip(["tools", "prompts", "templates", "apps", "app_pages"]) {
        out.push_str(&format!(",\n  \"{key}\": ["));
        for (index, item) in lock.items(kind).iter().enumerate() {
            out.push_str(if index > 0 { ",\n    " } else { "\n    " });
            push_item(item, &mut out);
        }
        out.push_str(if lock.items(kind).is_empty() { "]" } else { "\n  ]" });
    }
    out.push_str("\n}\n");
    // A person reads it, and the definitions are the server's. To a reader of JSON it is the same.
    escape_invisible_json(&out)
}

fn push_item(item: &LockedItem, out: &mut String) {
    out.push_str(&format!("{{\n      \"name\": {}", quote(&item.name)));
    if let Some(class) = item.class {
        out.push_str(&format!(",\n      \"class\": \"{}\"", class.as_str()));
    }
    out.push_str(&format!(",\n      \"digest\": \"{}\",\n      \"definition\": ", digest_of(&item.definition)));
    push_pretty(&item.definition, 3, out);
    out.push_str("\n    }");
}

fn push_pretty(json: &str, indent: usize, out: &mut String) {
    // It was canonical before.
    let _ = Canonicalizer::default().write(json, Layout::Pretty(indent), out);
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let mut lock = Lock::new("mail");
        lock.set_instructions(Some("\"Be\\u0020kind\"")).unwrap();
        lock.insert(ItemKind::Tool, r#"{"name":"send","n":1e999,"s":"\ud83d"}"#, Some(Class::Execute)).unwrap();
        lock.insert(ItemKind::Tool, r#"{"name":"get"}"#, Some(Class::Read)).unwrap();
        lock.insert(ItemKind::AppPage, r#"{"uri":"ui://a","text":"<p>","_meta":{}}"#, None).unwrap();
        lock
    }

    #[test]
    fn the_file_is_one_member_a_line_in_a_stable_order() {
        let text = lock().write();
        let digest = |definition: &str| digest_of(definition);
        let expected = format!(
            r#"{{
  "version": "1",
  "server": "mail",
  "instructions": "Be kind",
  "tools": [
    {{
      "name": "get",
      "class": "read",
      "digest": "{}",
      "definition": {{
        "name": "get"
      }}
    }},
    {{
      "name": "send",
      "class": "execute",
      "digest": "{}",
      "definition": {{
        "n": 1e999,
        "name": "send",
        "s": "\ud83d"
      }}
    }}
  ],
  "prompts": [],
  "templates": [],
  "apps": [],
  "app_pages": [
    {{
      "name": "ui://a",
      "digest": "{}",
      "definition": {{
        "_meta": {{}},
        "uri": "ui://a"
      }}
    }}
  ]
}}
"#,
            digest(r#"{"name":"get"}"#),
            digest(r#"{"n":1e999,"name":"send","s":"\ud83d"}"#),
            digest(r#"{"_meta":{},"uri":"ui://a"}"#),
        );
        assert_eq!(text, expected);
        assert_eq!(Lock::parse(&text), Ok(lock()));
        assert_eq!(Lock::parse(&text.replace('\n', "\r\n")), Ok(lock()), "as git checks it out on Windows");
    }

    #[test]
    fn what_is_no_lock_says_why() {
        let text = lock().write();
        let send = |edit: &str| text.replace("1e999", edit);
        for (text, why) in [
            (String::new(), "not a JSON object"),
            ("[\"1\"]".to_owned(), "not a JSON object"),
            ("{".to_owned(), "it is not JSON (line 1, column 1)"),
            ("{\"tools\":[]}".to_owned(), "it has no version"),
            (text.replace("\"1\"", "\"2\""), "it has version \"2\""),
            (text.replace("\"server\"", "\"sever\""), "unknown field `sever`"),
            (text.replace("\"prompts\": []", "\"tools\": []"), "duplicate field `tools`"),
            (text.replace("\"read\"", "\"reed\""), "unknown variant `reed`"),
            (send("1"), "the definition of tool \"send\" is not the one of its digest"),
            (
                text.replace("\"name\": \"get\",\n      \"class\"", "\"name\": \"got\",\n      \"class\""),
                "tool \"got\"",
            ),
            (send("1,\n        \"n\": 2"), "the key \"n\" appears twice"),
            (" ".repeat(MAX_LOCK + 1), "larger than"),
        ] {
            let error = Lock::parse(&text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}: {why}");
        }
        let tools: Vec<_> = text.split("    {\n").collect();
        let twice = [tools[0], tools[1], tools[1], tools[2], tools[3]].join("    {\n");
        assert_eq!(Lock::parse(&twice), Err(LockError::Twice { kind: ItemKind::Tool, name: "get".into() }));
    }

    #[test]
    fn there_is_a_bound_of_items() {
        let mut lock = Lock::new("mail");
        for n in 0..MAX_LISTED_TOOLS {
            lock.insert(ItemKind::Tool, &format!(r#"{{"name":"t{n:05}"}}"#), None).unwrap();
        }
        assert_eq!(lock.insert(ItemKind::Tool, r#"{"name":"u"}"#, None), Err(LockError::TooMany(ItemKind::Tool)));
        assert!(lock.insert(ItemKind::Tool, r#"{"name":"t00000"}"#, None).is_ok());
        let one_more = r#"{"name":"u","digest":"","definition":{}},"#;
        let text = lock.write().replacen("\"tools\": [", &format!("\"tools\": [{one_more}"), 1);
        assert_eq!(Lock::parse(&text), Err(LockError::TooMany(ItemKind::Tool)));
    }
}
