//! What every page has: its head, the navigation, and how text from elsewhere is shown.

use hyper::StatusCode;
use maud::{DOCTYPE, Markup, html};

use super::access::Denial;
use super::answer::WebAnswer;
use super::assets::{SCRIPT, STYLE};
use super::form::{Fields, FormTrouble};
use super::live;
use super::site::Site;
use crate::policy::{self, Colour, Diagnostic, Severity, Source};
use crate::term::diff::write_hunks;
use crate::visible::escape_invisible;

/// The pages that the navigation leads to: the path, and what it is called.
const PAGES: [(&str, &str); 3] = [("", "Overview"), ("inbox", "Inbox"), ("log", "Log")];

/// Shows a page of the site. `here` is the path of its place in the navigation.
pub(super) fn show_page(site: &Site, status: StatusCode, here: &str, title: &str, content: Markup) -> WebAnswer {
    let body = html! {
        a.skip href="#main" { "Skip to the content" }
        header.top {
            p.brand { "policylayer" }
            nav aria-label="Pages" {
                ul {
                    @for (path, name) in PAGES {
                        li { a href=(site.link_to(path)) aria-current=[(path == here).then_some("page")] {
                            (name) @if path == "inbox" { span #waiting {} }
                        } }
                    }
                }
            }
        }
        main #main tabindex="-1" {
            h1 { (escape_invisible(title)) }
            (content)
        }
    };
    WebAnswer::page(status, show_document(title, None, Some(&site.link_to(live::PATH)), body))
}

/// Shows why a request was refused.
pub(super) fn show_denial(Denial(status, why): Denial) -> WebAnswer {
    let title = if status == StatusCode::NOT_FOUND { "Not found" } else { "Refused" };
    let body = html! { main.alone { h1 { (title) } p { (in_code(why)) } } };
    WebAnswer::page(status, show_document(title, None, None, body))
}

/// The fields into which more is typed than a word.
const TYPED: [(&str, &str); 5] = [
    ("text", "The policy"),
    ("paste", "What was to be merged"),
    ("args", "Arguments"),
    ("reason", "Reason"),
    ("note", "Note"),
];

/// Shows why a form was refused, and what was typed into it, to be copied.
pub(super) fn show_lapsed(Denial(status, why): Denial, typed: &Fields) -> WebAnswer {
    let typed: Vec<_> = TYPED.iter().filter_map(|(name, label)| Some((name, label, typed.value(name)?))).collect();
    let body = html! {
        main.alone {
            h1 { "Refused" }
            p { (in_code(why)) }
            @if !typed.is_empty() { p { "Nothing was changed. This is what you had typed, to copy it:" } }
            @for (name, label, text) in typed {
                label for=(name) { (label) }
                textarea id=(name) rows="12" readonly spellcheck="false" { "\n" (text) }
            }
        }
    };
    WebAnswer::page(status, show_document("Refused", None, None, body))
}

/// Shows the page that the printed address opens: it leads on by itself.
pub(super) fn show_entrance(link: &str) -> WebAnswer {
    let body = html! { main.alone { h1 { "policylayer" } p { a href=(link) { "Open the overview" } } } };
    WebAnswer::page(StatusCode::OK, show_document("policylayer", Some(link), None, body))
}

/// A whole page: `leads_to` is where it goes on by itself, and `live` is what keeps it up to date.
fn show_document(title: &str, leads_to: Option<&str>, live: Option<&str>, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(link) = leads_to { meta http-equiv="refresh" content={ "0;url=" (link) }; }
                title { (escape_invisible(title)) " – policylayer" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(STYLE.path());
                script src=(SCRIPT.path()) defer {}
            }
            body data-live=[live] { (body) }
        }
    }
}

/// Makes a sentence of a message: its first letter is a capital, and it has an end.
pub(super) fn as_sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if message.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// Shows what is wrong with what was sent.
pub(super) fn show_trouble(trouble: &FormTrouble) -> Markup {
    html! {
        div.box.trouble role="alert" tabindex="-1" autofocus[trouble.field.is_none()] {
            p.bad { (in_code(&trouble.message)) }
            @if let Some((source, diagnostics)) = trouble.invalid.as_deref() { (show_diagnostics(source, diagnostics)) }
        }
    }
}

/// Shows errors and warnings at their places.
pub(super) fn show_diagnostics(source: &Source, diagnostics: &[Diagnostic]) -> Markup {
    html! {
        ul.places {
            @for diagnostic in diagnostics {
                @let at = source.place_of(diagnostic.span.start);
                li class=(if diagnostic.severity == Severity::Error { "bad" } else { "warn" }) {
                    "Line " (at.line) ", column " (at.column) ": " (in_code(&as_sentence(&diagnostic.message))) " "
                    @if let Some(hint) = &diagnostic.hint { span.hint { "What to do: " (in_code(hint)) } }
                }
            }
        }
        pre tabindex="0" aria-label="The places in the file" { (policy::render_diagnostics(source, diagnostics, Colour::Plain)) }
    }
}

/// Shows the lines of a file that change.
pub(super) fn show_lines(old: &str, new: &str) -> Markup {
    let mut hunks = Vec::new();
    // Writing to memory does not fail.
    drop(write_hunks(&mut hunks, old, new));
    let plain = anstream::adapter::strip_str(&String::from_utf8_lossy(&hunks)).to_string();
    html! {
        pre.diff tabindex="0" aria-label="Lines that change" {
            @for line in plain.lines() {
                @let kind = match line.chars().next() { Some('+') => "add", Some('-') => "remove", Some('@') => "place", _ => "same" };
                span class=(kind) { (line) "\n" }
            }
        }
    }
}

/// Shows a sentence of ours, in which what stands between backquotes is code.
pub(super) fn in_code(sentence: &str) -> Markup {
    let parts = sentence.split('`').enumerate();
    html! {
        @for (at, part) in parts {
            @if at % 2 == 1 { code { (escape_invisible(part)) } } @else { (escape_invisible(part)) }
        }
    }
}
