//! Whether a question of the server could be taken for one of ours, and so for an approval.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;

use super::dialogue::{DialogueChoice, OURS};
use crate::unicode::LOOK_ALIKES;
use crate::wire::fold::fold;

/// Returns whether an elicitation of the server could be taken for one of ours: it names us, begins as ours do or did, or
/// offers what ours offer, as it is written or as a client shows it that renders HTML. Letters that look alike are one, and
/// nothing else counts.
pub(in crate::engine) fn is_imitation(text: &str) -> bool {
    const DEEPEST: usize = 3;
    let mut rendered = text.to_owned();
    for _ in 0..DEEPEST {
        if has_mark(&rendered) {
            return true;
        }
        let again = render_html(&rendered);
        if again == rendered {
            return false;
        }
        rendered = again;
    }
    has_mark(&rendered)
}

fn has_mark(text: &str) -> bool {
    const MARKS: [&str; 2] = ["the agent wants to call", "the agent wants to make a call"];
    let seen = find_skeleton(text);
    let holds = |mark: &str| seen.contains(&find_skeleton(mark));
    let is_offered = |choice: &DialogueChoice| {
        let (word, name) = choice.words();
        *choice != DialogueChoice::Refuse && (holds(word) || holds(name))
    };
    holds(OURS) || MARKS.into_iter().any(holds) || DialogueChoice::OF_REQUEST.iter().any(is_offered)
}

/// Returns what a person sees of a text: its letters and digits, folded and without marks, each as the one that it looks like.
fn find_skeleton(text: &str) -> String {
    let plain = |c: char| LOOK_ALIKES.iter().find(|(_, others)| others.contains(c)).map_or(c, |(plain, _)| *plain);
    let folded = fold(text);
    let letters = folded.nfkd().map(plain);
    letters.filter(|c| c.is_alphanumeric() && canonical_combining_class(*c) == 0).collect()
}

/// Returns a text without tags and comments, and with the characters that references name. A reference by a name that is not
/// one of a letter stands for nothing: most of them are symbols and blanks.
fn render_html(text: &str) -> String {
    let mut rendered = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        rendered.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        let is_tag =
            rest.starts_with('<') && rest.chars().nth(1).is_some_and(|c| c.is_ascii_alphabetic() || "/!?".contains(c));
        let end = if rest.starts_with("<!--") { "-->" } else { ">" };
        let (shown, length) = match rest.find(end) {
            Some(at) if is_tag => (None, at + end.len()),
            _ if rest.starts_with('&') => read_reference(rest),
            _ => (Some('<'), 1),
        };
        rendered.extend(shown);
        rest = rest.get(length..).unwrap_or_default();
    }
    rendered + rest
}

/// Reads the reference that a text begins with: the character, and how long it is. A bare `&` is itself.
fn read_reference(text: &str) -> (Option<char>, usize) {
    const LONGEST_NAME: usize = 32;
    let body = text.get(1..).unwrap_or_default();
    let count = |from: &str, is_part: fn(&char) -> bool| from.chars().take_while(is_part).count();
    let with_end = |length: usize| length + usize::from(text.get(length..).is_some_and(|rest| rest.starts_with(';')));
    if let Some(digits) = body.strip_prefix('#') {
        let (digits, radix, start) = match digits.strip_prefix(['x', 'X']) {
            Some(hex) => (hex, 16, 3),
            None => (digits, 10, 2),
        };
        let length =
            if radix == 16 { count(digits, char::is_ascii_hexdigit) } else { count(digits, char::is_ascii_digit) };
        let code = digits.get(..length).and_then(|digits| u32::from_str_radix(digits, radix).ok());
        return if length == 0 { (Some('&'), 1) } else { (code.and_then(char::from_u32), with_end(start + length)) };
    }
    let length = count(body, char::is_ascii_alphanumeric);
    match body.get(..length) {
        Some(name)
            if (1..=LONGEST_NAME).contains(&length) && body.get(length..).is_some_and(|rest| rest.starts_with(';')) =>
        {
            let letter = |ending| name.strip_suffix(ending).and_then(|letter| letter.chars().next());
            let named = ["scr", "opf", "fr", "cy"].into_iter().find_map(letter);
            let named = named.or_else(|| if name == "omicron" { Some('o') } else { None });
            (if name == "amp" { Some('&') } else { named }, length + 2)
        }
        _ => (Some('&'), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_ours_is_an_imitation() {
        for text in [
            "policylayer: approve?",
            "Pоlicylayer asks",
            "policy\u{200b}layer",
            "p\u{336}olicylayer",
            "policy layer",
            "POLICY-LAYER needs your approval",
            "p.o.l.i.c.y.l.a.y.e.r",
            "poIicyIayer",
            "𝗉𝗈𝗅𝗂𝖼𝗒𝗅𝖺𝗒𝖾𝗋",
            "The agent wants  to call send",
            "The agent wants\nto\u{2009}\u{2009}call send",
            "The agent\u{2800}wants to call send",
            "The agеnt wаnts tо call send",
            "Approve  this\u{a0}call",
            "&#112;olicylayer",
            "&#x70;&#X6f;&#108;icy<b>lay</b>er",
            "policy&shy;layer",
            "policy<!-- a > b -->layer",
            "&pscr;&oopf;&lfr;icylayer",
            "p&ocy;licylayer",
            "&amp;#112;olicylayer",
            "policy**layer**",
            "The&nbsp;agent wants&#32to call",
            "Approve <i>this</i> call",
        ] {
            assert!(is_imitation(text), "{text:?}");
        }
    }

    #[test]
    fn other_questions_are_none() {
        for text in [
            "Which folder?",
            "The agency wants a call",
            "Your policy covers a layer of paint",
            "Απόφαση",
            "",
            "a < b & c",
            "&",
            "&#;",
            "<p",
            "&#x110000;",
        ] {
            assert!(!is_imitation(text), "{text:?}");
        }
    }
}
