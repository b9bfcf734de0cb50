//! Whom or what a call reaches, by the names of its arguments.

use super::words::{split_words, split_words_into};
use crate::risk::tool_claims::Listed;

/// Whether a tool's arguments say whom or what a call reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressed {
    /// One of them does, and none is run: what a call reaches is told by its arguments.
    Yes,
    /// None does, or it takes something to run, or its arguments are not known.
    #[default]
    No,
}

impl Addressed {
    /// Returns whether the arguments that a server lists of a tool say whom or what a call reaches. `words` is a buffer.
    pub(super) fn by_arguments(tool: &Listed<'_>, words: &mut String) -> Self {
        let mut has = |is_such: fn(&str) -> bool| {
            tool.arguments.iter().any(|argument| {
                split_words_into(&argument.name, words);
                is_last(words, is_such)
            })
        };
        if has(is_target) && !has(is_run) { Self::Yes } else { Self::No }
    }
}

/// Whether an argument of this name holds a text for people: what is said, and not to whom.
pub fn is_text_argument(name: &str) -> bool {
    is_last(&split_words(name), |word| {
        matches!(
            word,
            "body"
                | "caption"
                | "comment"
                | "content"
                | "contents"
                | "description"
                | "html"
                | "location"
                | "markdown"
                | "message"
                | "note"
                | "notes"
                | "subject"
                | "summary"
                | "text"
        )
    })
}

/// Whether the word of a name that says what an argument is, is such a word: the last one, without what says how it is written.
fn is_last(name: &str, is_such: fn(&str) -> bool) -> bool {
    let mut words = name.split_ascii_whitespace().rev();
    let last = words.find(|word| !matches!(*word, "id" | "ids" | "list" | "name" | "names" | "address" | "addresses"));
    // There are tools whose only argument is an `address`.
    is_such(last.unwrap_or_else(|| name.split_ascii_whitespace().next_back().unwrap_or_default()))
}

fn is_target(word: &str) -> bool {
    matches!(
        word,
        "account"
            | "accounts"
            | "address"
            | "addressee"
            | "addresses"
            | "attendee"
            | "attendees"
            | "bcc"
            | "cc"
            | "channel"
            | "channels"
            | "chat"
            | "destination"
            | "domain"
            | "email"
            | "emails"
            | "endpoint"
            | "guest"
            | "guests"
            | "host"
            | "hostname"
            | "href"
            | "iban"
            | "invitee"
            | "invitees"
            | "member"
            | "members"
            | "participant"
            | "participants"
            | "payee"
            | "phone"
            | "receiver"
            | "recipient"
            | "recipients"
            | "to"
            | "uri"
            | "url"
            | "urls"
            | "user"
            | "username"
            | "users"
            | "webhook"
            | "website"
    )
}

fn is_run(word: &str) -> bool {
    matches!(
        word,
        "args"
            | "cmd"
            | "code"
            | "command"
            | "commands"
            | "expression"
            | "function"
            | "program"
            | "query"
            | "script"
            | "sql"
            | "statement"
            | "statements"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::tool_claims::Argument;

    #[test]
    fn what_a_call_reaches_is_told_by_the_names_of_arguments() {
        fn tool(names: &[&'static str]) -> Listed<'static> {
            let arguments = names.iter().map(|name| Argument { name: (*name).into(), ..Argument::default() });
            Listed { arguments: arguments.collect(), ..Listed::with_name("do_it") }
        }
        for names in [
            &["to", "body"][..],
            &["userEmail"],
            &["channel_id", "text"],
            &["ip_address", "user"],
            &["address", "amount"],
            &["recipient_ids"],
            &["webhook_url"],
        ] {
            assert_eq!(Addressed::by_arguments(&tool(names), &mut String::new()), Addressed::Yes, "{names:?}");
        }
        for names in [
            &[][..],
            &["command"],
            &["host", "command"],
            &["url", "script"],
            &["title", "start"],
            &["user_count"],
            &["id"],
            &["database_name", "sql"],
        ] {
            assert_eq!(Addressed::by_arguments(&tool(names), &mut String::new()), Addressed::No, "{names:?}");
        }
    }

    #[test]
    fn texts_are_no_targets() {
        for name in ["body", "htmlBody", "message_text", "Description", "event-location"] {
            assert!(is_text_argument(name), "{name}");
        }
        for name in ["to", "title", "hotel", "message_id_of", "path", "text_file", "password"] {
            assert!(!is_text_argument(name), "{name}");
        }
    }
}
