//! Whether a question of the server could be taken for one of ours, and so for an approval.

use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization as _;

use super::dialogue::{DialogueChoice, OURS};
use crate::wire::fold::fold;

/// Letters and digits that look like a Latin letter, by that letter (the letters of our marks in Unicode's confusables,
/// UTS #39, that are in use in some language).
const LOOK_ALIKES: [(char, &str); 23] = [
    ('a', "аɑα"),
    ('b', "Ьвβ"),
    ('c', "сϲ¢"),
    ('d', "ԁđ"),
    ('e', "еєεҽ"),
    ('f', "ƒϝ"),
    ('g', "ɡցǥ"),
    ('h', "һհнħ"),
    // One may stand for another, in some typefaces.
    ('i', "l1|іӏιɩƚłⵏ"),
    ('j', "јϳ"),
    ('k', "кκқ"),
    ('m', "м"),
    ('n', "ոηпŋ"),
    ('o', "0оοօσөø"),
    ('p', "рρ"),
    ('q', "ԛգ"),
    ('r', "гɾ"),
    ('s', "ѕꜱ"),
    ('t', "тτŧ"),
    ('u', "υսц"),
    ('v', "νѵ"),
    ('w', "ԝωш"),
    ('y', "уүγყ"),
];

/// Returns whether an elicitation of the server could be taken for one of ours: it names us, begins as ours do or did, or
/// offers what ours offer. Letters that look alike are one, and so is all white space.
pub(in crate::engine) fn is_imitation(text: &str) -> bool {
    const MARKS: [&str; 2] = ["the agent wants to call", "the agent wants to make a call"];
    let seen = find_skeleton(text);
    let holds = |mark: &str| seen.contains(&find_skeleton(mark));
    let joined: String = seen.chars().filter(|c| !matches!(c, ' ' | '-' | '_' | '.')).collect();
    let is_offered = |choice: &DialogueChoice| {
        let (word, name) = choice.words();
        *choice != DialogueChoice::Refuse && (holds(word) || holds(name))
    };
    joined.contains(&find_skeleton(OURS))
        || MARKS.into_iter().any(holds)
        || DialogueChoice::OF_REQUEST.iter().any(is_offered)
}

/// Returns what a person sees of a text: folded, without marks, each letter as the one that it looks like, and one blank for
/// all white space in a row.
fn find_skeleton(text: &str) -> String {
    let is_mark = |c: char| {
        let category = get_general_category(c);
        matches!(category, GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
    };
    // A fold leaves out control characters, and a line break is one that a person sees.
    let text: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let mut skeleton = String::with_capacity(text.len());
    for c in fold(&text).nfkd().filter(|c| !is_mark(*c)) {
        let plain = LOOK_ALIKES.iter().find(|(_, others)| others.contains(c)).map_or(c, |(plain, _)| *plain);
        match plain {
            // A blank of Braille shows nothing.
            c if c.is_whitespace() || c == '\u{2800}' => {
                if !skeleton.ends_with(' ') {
                    skeleton.push(' ');
                }
            }
            c => skeleton.push(c),
        }
    }
    skeleton
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
        ] {
            assert!(is_imitation(text), "{text:?}");
        }
    }

    #[test]
    fn other_questions_are_none() {
        for text in ["Which folder?", "The agency wants a call", "Your policy covers a layer of paint", "Απόφαση", ""]
        {
            assert!(!is_imitation(text), "{text:?}");
        }
    }
}
