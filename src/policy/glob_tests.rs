//! Tests globs against a matcher that is slow and obviously right.

use proptest::prelude::*;

use super::{NamePattern, Pattern, Token};

fn pattern(glob: &str) -> Pattern {
    match NamePattern::parse(glob) {
        Ok(NamePattern::Glob(mut patterns)) if patterns.len() == 1 => patterns.remove(0),
        other => panic!("{glob}: {other:?}"),
    }
}

/// Matches by definition: a star is nothing, or one character and a star.
fn plainly(tokens: &[Token], name: &[char]) -> bool {
    match (tokens.split_first(), name.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((Token::Star, after)), None) => plainly(after, name),
        (Some((Token::Star, after)), Some((_, rest))) => plainly(after, name) || plainly(tokens, rest),
        (Some((token, after)), Some((c, rest))) => token.accepts_char(*c) && plainly(after, rest),
        (Some(_), None) => false,
    }
}

/// Every text of up to six characters over a small alphabet.
fn names() -> Vec<String> {
    let mut names = vec![String::new()];
    let mut last = names.clone();
    for _ in 0..6 {
        last = last.iter().flat_map(|name| ['a', 'b', 'c'].map(|c| format!("{name}{c}"))).collect();
        names.extend(last.iter().cloned());
    }
    names
}

proptest! {
    #[test]
    fn matching_is_what_the_definition_says(glob in "([ab?*]|\\[ab\\]|\\[b-c\\]){0,6}[*]", name in "[abc]{0,8}") {
        let pattern = pattern(&glob);
        let chars: Vec<char> = name.chars().collect();
        prop_assert_eq!(pattern.matches(&name), plainly(&pattern.tokens, &chars));
    }

    #[test]
    fn globs_overlap_exactly_where_some_name_matches_both(a in "([ab?*]|\\[bc\\]){0,3}[?*]", b in "([ab?*]|\\[ab\\]){0,3}[?*]") {
        let (a, b) = (pattern(&a), pattern(&b));
        // Without a star, a glob here matches at most four characters; two with a star share a name of at most six.
        let shared = names().into_iter().any(|name| a.matches(&name) && b.matches(&name));
        prop_assert_eq!(a.overlaps_with(&b), shared);
        prop_assert_eq!(b.overlaps_with(&a), shared);
        prop_assert!(a.overlaps_with(&a));
    }

    #[test]
    fn any_text_parses_or_says_why(text in "\\PC{0,40}", globby in "[ab*?\\[\\]{},\\\\!^-]{0,40}") {
        for text in [text, globby] {
            if let Ok(name) = NamePattern::parse(&text) {
                let _ = name.matches("ab");
            }
        }
    }
}

#[test]
fn what_does_not_overlap() {
    for (a, b) in [("a*", "b*"), ("*a", "*b"), ("a?", "a??"), ("[a-c]*", "[x-z]*"), ("a*b", "a*c"), ("?", "??*")] {
        assert!(!pattern(a).overlaps_with(&pattern(b)), "{a} {b}");
    }
}

#[test]
fn bad_globs_say_why() {
    for glob in ["", "[", "a[]", "[!a]", "[^a]", "]", "{", "{a,{b}}", "a}", "\\", "\\a", "[z-a]", "[a-", "{a,b"] {
        assert!(NamePattern::parse(glob).is_err(), "{glob}");
    }
    assert!(NamePattern::parse(&"{a,b}".repeat(7)).is_err(), "128 alternatives");
    assert!(NamePattern::parse(&"{a,b}".repeat(6)).is_ok(), "64 alternatives");
    assert!(NamePattern::parse(&format!("*{}", "a".repeat(128))).is_err(), "129 characters");
    assert!(NamePattern::parse(&"a".repeat(4096)).is_ok(), "an exact name is as long as it is");
}

#[test]
fn matching_is_not_exponential() {
    let hard = pattern(&"*a".repeat(60));
    assert!(!hard.matches(&format!("{}b", "a".repeat(4096))));
}
