//! Keys of a section for many names. URIs are named one by one, or by the directory that holds many of them.

use std::collections::BTreeMap;

use super::readable;
use crate::policy::Section;
use crate::wire::uri;

/// How many keys one section gets at most.
pub(super) const MAX_KEYS: usize = 100;

/// The longest name that gets a key, in bytes.
const MAX_NAMED: usize = 512;

/// How many URIs share a directory that is written as one glob, at least.
const MANY: usize = 4;

/// How many directories stand above what a glob for files matches, at least: `file:///home/jo/notes/*`.
const FILE_DEPTH: usize = 3;

/// A key, and the names that it is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SectionKey<'n> {
    pub(super) key: String,
    pub(super) names: Vec<&'n str>,
}

/// Chooses at most [`MAX_KEYS`] keys, one for each name. Returns them, and the names that are left out.
pub(super) fn choose_keys<'n>(
    section: Section,
    names: impl Iterator<Item = &'n str>,
) -> (Vec<SectionKey<'n>>, Vec<&'n str>) {
    let (keys, left_out) = name_keys(section, names);
    cut_keys(keys, left_out)
}

/// The same for URIs in their normal form. If there are too many, those of one directory share a key.
pub(super) fn choose_resource_keys<'n>(uris: impl Iterator<Item = &'n str>) -> (Vec<SectionKey<'n>>, Vec<&'n str>) {
    let (keys, left_out) = name_keys(Section::Resources, uris);
    let keys = if keys.len() > MAX_KEYS { group_keys(keys) } else { keys };
    cut_keys(keys, left_out)
}

fn name_keys<'n>(section: Section, names: impl Iterator<Item = &'n str>) -> (Vec<SectionKey<'n>>, Vec<&'n str>) {
    let (mut keys, mut left_out) = (Vec::new(), Vec::new());
    for name in names {
        match section.key_for(name).filter(|key| key.len() <= MAX_NAMED).and_then(readable) {
            Some(key) => keys.push(SectionKey { key, names: vec![name] }),
            None => left_out.push(name),
        }
    }
    (keys, left_out)
}

fn cut_keys<'n>(mut keys: Vec<SectionKey<'n>>, mut left_out: Vec<&'n str>) -> (Vec<SectionKey<'n>>, Vec<&'n str>) {
    let over = keys.split_off(MAX_KEYS.min(keys.len()));
    left_out.extend(over.into_iter().flat_map(|key| key.names));
    (keys, left_out)
}

/// Puts URIs of one directory under one key, where that does not let in far more. The most useful keys come first.
fn group_keys(keys: Vec<SectionKey<'_>>) -> Vec<SectionKey<'_>> {
    let mut groups: BTreeMap<&str, Vec<SectionKey<'_>>> = BTreeMap::new();
    for key in keys {
        let uri = key.names.first().copied().unwrap_or_default();
        groups.entry(directory_of(uri)).or_default().push(key);
    }
    let mut grouped = Vec::new();
    for (directory, members) in groups {
        match prefix_key(directory).filter(|_| members.len() >= MANY) {
            Some(key) => {
                grouped.push(SectionKey { key, names: members.into_iter().flat_map(|member| member.names).collect() });
            }
            None => grouped.extend(members),
        }
    }
    grouped.sort_by_key(|key| std::cmp::Reverse(key.names.len()));
    grouped
}

/// Returns what a URI begins with, up to its last part.
fn directory_of(uri: &str) -> &str {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let end = path.rfind(['/', ':']).map_or(0, |at| at + 1);
    uri.get(..end).unwrap_or_default()
}

/// Returns the key for all URIs that begin so; `None` if there is none, or if that would not be [narrow](is_narrow).
fn prefix_key(prefix: &str) -> Option<String> {
    is_narrow(prefix).then(|| Section::Resources.key_for_prefix(prefix).and_then(readable)).flatten()
}

/// Whether a glob that begins so matches little else than what the server names so: not most of a disk, and no other host.
pub(super) fn is_narrow(prefix: &str) -> bool {
    /// Schemes that lead out of the server. All others are the server's own names.
    const OUTSIDE: [&str; 14] =
        ["http", "https", "ftp", "ftps", "sftp", "ws", "wss", "smb", "ssh", "git", "s3", "gs", "data", "jar"];
    let Some(scheme) = uri::scheme(prefix) else { return false };
    let rest = prefix.get(scheme.len() + 1..).unwrap_or_default();
    let (authority, path) = rest.strip_prefix("//").and_then(|rest| rest.split_once('/')).unwrap_or(("", ""));
    match scheme {
        // What belongs to a tool follows the tool.
        "ui" => false,
        "file" => {
            let parts: Vec<_> = path.split('/').collect();
            // The last part is not whole.
            let whole = parts.split_last().map_or(&[][..], |(_, whole)| whole);
            let whole: Vec<_> = whole.iter().filter(|part| !part.is_empty() && !part.contains(':')).collect();
            let is_hidden = whole.iter().any(|part| part.starts_with('.'));
            whole.len() >= FILE_DEPTH && !is_hidden
        }
        scheme if OUTSIDE.contains(&scheme) => !authority.is_empty() && path.contains('/'),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_written_only_if_it_is_narrow() {
        for (prefix, key) in [
            ("demo://resource/dynamic/", Some("demo://resource/dynamic/*")),
            ("note:", Some("note:*")),
            ("db://", Some("db://*")),
            ("file:///", None),
            ("file:///srv/", None),
            ("file:///home/jo/", None),
            ("file:///home/jo/no", None),
            ("file:///home/jo/notes/", Some("file:///home/jo/notes/*")),
            ("file:///C:/Users/jo/", None),
            ("file:///C:/Users/jo/notes/", Some("file:///C:/Users/jo/notes/*")),
            ("file:///home/jo/.ssh/", None),
            ("https://", None),
            ("https://example.com", None),
            ("https://example.com/", None),
            ("https://example.com/guide/", Some("https://example.com/guide/*")),
            ("s3://bucket/reports/", Some("s3://bucket/reports/*")),
            ("ui://app/", None),
            ("", None),
            ("/srv/a/b/c/", None),
            ("a*b://x/", None),
            ("demo://a*b/", Some("demo://a\\*b/*")),
            ("demo://a//b/", Some("demo://a//b/*")),
            ("demo://\u{202e}/", None),
        ] {
            assert_eq!(prefix_key(prefix).as_deref(), key, "{prefix}");
        }
    }

    #[test]
    fn few_uris_are_named_and_many_share_a_directory() {
        let few: Vec<_> = (0..MAX_KEYS).map(|n| format!("demo://list/{n}")).collect();
        let (keys, left_out) = choose_resource_keys(few.iter().map(String::as_str));
        assert_eq!((keys.len(), left_out.len()), (MAX_KEYS, 0));
        assert!(keys.iter().all(|key| key.key == key.names[0]));

        let mut many = few.clone();
        many.extend((0..150).map(|n| format!("file:///etc/{n}")));
        many.push("demo://other".to_owned());
        let (keys, left_out) = choose_resource_keys(many.iter().map(String::as_str));
        assert_eq!((keys[0].key.as_str(), keys[0].names.len()), ("demo://list/*", MAX_KEYS));
        assert_eq!((keys.len(), left_out.len()), (MAX_KEYS, 150 + 1 - (MAX_KEYS - 1)));
        assert!(keys[1..].iter().all(|key| key.names.len() == 1), "no glob for files of /etc: {keys:?}");

        let (keys, left_out) = choose_resource_keys(["demo://\u{202e}", "x\ny"].into_iter());
        assert_eq!((keys.len(), left_out.len()), (0, 2));
    }
}
