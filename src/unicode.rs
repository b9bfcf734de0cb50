//! Facts about characters that neither `std` nor a crate in use knows.

/// Returns whether the character shows nothing by itself: `Default_Ignorable_Code_Point` of Unicode 17.0, from
/// DerivedCoreProperties.txt. Unassigned characters that are reserved for such use are among them.
pub(crate) fn is_default_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Letters and digits that look like a Latin letter, by that letter (the letters of our marks in Unicode's confusables,
/// UTS #39, that are in use in some language).
pub(crate) const LOOK_ALIKES: [(char, &str); 23] = [
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
