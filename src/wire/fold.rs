//! What is left of a name where a server matches names loosely.
//!
//! Servers compare names without regard to case, trim them, or normalise them; many C# registries use
//! `OrdinalIgnoreCase`. Names with the same fold may be one name to a server.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::iter;
use std::sync::LazyLock;

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use crate::unicode::is_default_ignorable;

/// Folds a name: NFKC, full case folding, without default-ignorable and control characters, without white space at its
/// ends. Folding the result again changes nothing. A name of lower-case ASCII is returned as it is.
///
/// The case folding is coarser than Unicode's: dotted and dotless i are i, as in Java's `equalsIgnoreCase` and where
/// JavaScript compares by `toUpperCase`.
pub fn fold(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    if name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    if name.is_ascii() {
        let plain: String = name.chars().filter(|c| !c.is_control()).collect();
        return Cow::Owned(plain.trim().to_ascii_lowercase());
    }
    if is_plainly_folded(name) || is_folded(name) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(change_until_stable(name, fold_char))
}

/// As [`fold`], for servers that normalise names and tell upper from lower case.
pub fn normalize_name(name: &str) -> Cow<'_, str> {
    match name.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(change_until_stable(name, iter::once)),
    }
}

/// Each step may make work for another: a character that was removed stood between two that compose, a compatibility
/// character holds an ignorable one. It ends, because nothing puts back what was removed.
fn change_until_stable<I: Iterator<Item = char>>(name: &str, change: fn(char) -> I) -> String {
    let mut changed = change_inside(name, change).trim().to_owned();
    loop {
        let again = change_inside(&changed, change);
        if again.trim() == changed {
            return changed;
        }
        changed = again.trim().to_owned();
    }
}

/// Whether a name has only characters that folding leaves as they are, whatever stands beside them: lower case and what has no
/// case, of the most common scripts.
fn is_plainly_folded(name: &str) -> bool {
    name.chars().all(is_plain) && name.trim() == name
}

fn is_plain(c: char) -> bool {
    matches!(c, ' '..='@' | '['..='~' | '\u{e0}'..='\u{f6}' | '\u{430}'..='\u{44f}')
        || matches!(c, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// Whether folding leaves a name as it is, as far as that can be seen without doing it.
fn is_folded(name: &str) -> bool {
    let is_own_fold = |c: char| !c.is_control() && !is_default_ignorable(c) && c != '\u{307}' && fold_char(c).eq([c]);
    name.chars().all(is_own_fold) && is_nfkc_quick(name.chars()) == IsNormalized::Yes && name.trim() == name
}

/// Returns how much work folding a name takes, in units of about a nanosecond.
pub fn estimate_fold(name: &str) -> usize {
    let length = || name.chars().count();
    match name.is_ascii() {
        true => 32 + name.len(),
        false if is_plainly_folded(name) => 64 + 8 * length(),
        false => 64 + 128 * length(),
    }
}

/// Whether nothing but ASCII can be left of a character: what [`fold`] turns into ASCII has no other. This costs a small
/// part of a fold.
pub(super) fn may_fold_to_ascii(c: char) -> bool {
    let is_left_out = |c: char| c == '\u{307}' || c.is_whitespace() || c.is_control() || is_default_ignorable(c);
    c.is_ascii() || is_left_out(c) || iter::once(c).nfkc().flat_map(fold_char).all(|c| c.is_ascii() || is_left_out(c))
}

/// Normalises a piece of a name once, and changes its characters. White space at its ends stays.
fn change_inside<I: Iterator<Item = char>>(text: &str, change: fn(char) -> I) -> String {
    let is_kept = |c: &char| !c.is_control() && !is_default_ignorable(*c);
    // What is left out keeps marks from their order, so it goes first; a compatibility character may hold more of it.
    let changed = text.chars().filter(is_kept).nfkc().flat_map(change).filter(is_kept);
    // What is left of a capital dotted I.
    changed.collect::<String>().replace("i\u{307}", "i")
}

/// Folds the case: through lower case to upper case and back, which joins what either alone keeps apart (ẞ, ß and ss; ſ
/// and s; ς and σ; ı and i).
fn fold_char(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Returns the frame of a text: the frames of its characters, one after the other, so that a text can be compared piece by
/// piece. Texts with the same fold have the same frame.
pub fn find_frame(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    let mut frame = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii_graphic() {
            true => frame.push(c.to_ascii_lowercase()),
            false => frame.push_str(&find_char_frame(c)),
        }
    }
    Cow::Owned(frame)
}

/// Returns what is left of a character when it is folded, decomposed, and loses marks and white space: what may depend on
/// the characters beside it. Often that is one character; of `ß` it is `ss`, and of a mark nothing.
pub fn find_char_frame(c: char) -> String {
    if c.is_ascii_graphic() {
        return c.to_ascii_lowercase().to_string();
    }
    let is_kept = |c: &char| {
        !c.is_control() && !is_default_ignorable(*c) && !c.is_whitespace() && canonical_combining_class(*c) == 0
    };
    let mut frame = c.to_string();
    loop {
        // A mark may become a letter, so that it is folded before marks are left out.
        let next: String = frame.nfkd().flat_map(fold_char).nfkd().filter(is_kept).collect();
        if next == frame {
            return frame;
        }
        frame = next;
    }
}

/// Returns the lengths of the frames of one character that a text begins with, in characters.
pub fn find_frame_lengths(text: &[char]) -> impl Iterator<Item = usize> {
    let is_syllable = matches!(text, ['\u{1100}'..='\u{1112}', '\u{1161}'..='\u{1175}', ..]);
    let ends_in_consonant = is_syllable && matches!(text.get(2), Some('\u{11a8}'..='\u{11c2}'));
    let syllables = [(2, is_syllable), (3, ends_in_consonant)];
    let long = if let [one, two, ..] = text { LONG_FRAMES.get(&[*one, *two]) } else { None };
    let long = long.into_iter().flatten().filter(|frame| text.starts_with(frame)).map(Vec::len);
    (0..=text.len().min(1)).chain(syllables.into_iter().filter_map(|(length, is)| is.then_some(length))).chain(long)
}

/// The frames of more than one character, by the first two, without those of the syllables of Hangul.
static LONG_FRAMES: LazyLock<HashMap<[char; 2], HashSet<Vec<char>>>> = LazyLock::new(|| {
    let is_syllable = |c: &char| ('\u{ac00}'..='\u{d7a3}').contains(c);
    let is_ideograph = |c: &char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{2f7ff}');
    let changes =
        |c: &char| c.to_uppercase().len() > 1 || c.to_lowercase().len() > 1 || !iter::once(*c).nfkd().eq([*c]);
    let others = ('\u{80}'..='\u{2fa1f}').filter(|c| !is_syllable(c) && !is_ideograph(c) && changes(c));
    let mut frames: HashMap<_, HashSet<_>> = HashMap::new();
    for frame in others.map(|c| find_char_frame(c).chars().collect::<Vec<_>>()) {
        if let [one, two, ..] = *frame {
            frames.entry([one, two]).or_default().insert(frame);
        }
    }
    frames
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_has_the_frame_of_its_fold() {
        let is_char_frame = |frame: &[char]| find_frame_lengths(frame).any(|length| length == frame.len());
        for c in '\0'..='\u{2fa1f}' {
            let frame = find_char_frame(c);
            assert_eq!(find_frame(&fold(&c.to_string())), frame, "{c:?}");
            assert_eq!(find_frame(&frame), frame, "{c:?}");
            assert!(is_char_frame(&frame.chars().collect::<Vec<_>>()), "{c:?} {frame:?}");
        }
        assert!(!is_char_frame(&['a', 'b']) && !is_char_frame(&['\u{1100}', '\u{1161}', '\u{1161}']));
    }

    #[test]
    fn spellings_that_a_server_may_take_for_one() {
        for (name, folded) in [
            ("delete_thing", "delete_thing"),
            ("Delete_Thing", "delete_thing"),
            (" delete_thing\t\n", "delete_thing"),
            ("\u{a0}delete_thing\u{3000}", "delete_thing"),
            ("delete\u{200b}_\u{ad}thing\u{feff}", "delete_thing"),
            ("del\u{0}ete\u{7f}_thing\u{85}", "delete_thing"),
            ("ｄｅｌｅｔｅ＿ｔｈｉｎｇ", "delete_thing"),
            ("𝐝𝐞𝐥𝐞𝐭𝐞_thing", "delete_thing"),
            ("delete_thıng", "delete_thing"),
            ("DELETE_THİNG", "delete_thing"),
            ("DELETE_THI\u{307}NG", "delete_thing"),
            ("ſtop", "stop"),
            ("\u{212a}ill", "kill"),
            ("STRAẞE", "strasse"),
            ("straße", "strasse"),
            ("ﬁle", "file"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδος", "οδοσ"),
            ("e\u{301}crire", "écrire"),
            ("E\u{200d}\u{301}crire", "écrire"),
            ("get\u{fe0f}", "get"),
            ("\u{37a}\u{200b}\u{10eab}", "\u{10eab}ι"),
            ("\u{e0067}\u{e0065}get", "get"),
            ("two words", "two words"),
            ("", ""),
            ("\u{200b} \u{200b}", ""),
        ] {
            assert_eq!(fold(name), folded, "{name:?}");
        }
    }

    #[test]
    fn other_names_stay_apart() {
        for (one, other) in
            [("delete", "delete_"), ("dеlete", "delete"), ("get-a", "get_a"), ("a b", "ab"), ("écrire", "ecrire")]
        {
            assert_ne!(fold(one), fold(other));
        }
    }

    #[test]
    fn what_is_folded_is_not_copied() {
        for name in ["get_orders-2/v1.x", "列出 客户", "список", "목록を", "κατάλογο"] {
            assert!(matches!(fold(name), Cow::Borrowed(_)), "{name}");
        }
    }

    #[test]
    fn plain_characters_stay_beside_any_other() {
        for c in ('\0'..=char::MAX).filter(|c| is_plain(*c)) {
            assert_eq!(change_until_stable(&format!("x{c}x"), fold_char), format!("x{c}x"), "{c:?}");
        }
        // Those that compose do so with marks and parts of syllables, which are not plain.
        assert!(
            !['\u{300}', '\u{3099}', '\u{11a8}', '\u{1161}', 'A', 'À', '\u{7f}', '\u{3164}'].into_iter().any(is_plain)
        );
    }

    #[test]
    fn what_folds_to_ascii_is_told_by_its_characters() {
        for c in '\0'..=char::MAX {
            let folded = [format!("x{c}y"), format!("i{c}"), c.to_string()].map(|name| fold(&name).is_ascii());
            assert!(!folded.contains(&true) || may_fold_to_ascii(c), "{c:?}");
        }
        assert!(!may_fold_to_ascii('é') && !may_fold_to_ascii('日') && may_fold_to_ascii('ｋ'));
    }

    /// `std` knows case, `unicode-normalization` the forms: whatever they make of a character folds as it does.
    #[test]
    fn each_character_folds_as_its_other_cases_and_forms_do() {
        for c in '\0'..='\u{2fa1f}' {
            let others: [String; 4] = [
                c.to_lowercase().collect(),
                c.to_uppercase().collect(),
                iter::once(c).nfd().collect(),
                iter::once(c).nfkd().collect(),
            ];
            for other in others.iter().filter(|other| !other.chars().eq([c])) {
                let folded = fold(&format!("x{c}y")).into_owned();
                assert_eq!(fold(&folded), folded, "{c:?}");
                assert_eq!(fold(&format!("x{other}y")), folded, "{c:?} and {other:?}");
            }
        }
    }
}
