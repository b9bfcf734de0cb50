//! What stands inside texts: addresses, numbers of phones, cards and accounts, IP addresses, keys and tokens.
//!
//! A detector knows a grammar or a checksum, nothing of what a text means: it finds no names. Each takes time linear in the
//! text. A text is read as it is written and as a program further on may decode it (see `decoded_text`), so that an escape, a
//! digit of another script or a character that shows nothing is no way past.

mod card;
mod decoded_text;
mod email;
mod iban;
mod ip;
mod phone;
mod runs;
mod secret;
mod secret_formats;
mod signed_url;
mod stand_ins;
mod text_edits;
mod words;

use std::ops::Range;

use decoded_text::TextReading;
pub(crate) use decoded_text::{Edit, read_decoded};
pub use stand_ins::{
    FieldPattern, FieldPatternError, ForeignStandIn, NotHidden, PutBack, ResultScreen, StandInCounts, StandInKind,
    StandInRules, StandIns, may_have_content,
};
pub use text_edits::{EditCounts, Strip, TextEdits, edit_texts};

/// What a detector finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContentKind {
    /// An email address, as of RFC 5321.
    Email,
    /// A telephone number: international, or national beside a word for it.
    Phone,
    /// The number of a payment card: the lengths of its issuer, and the Luhn checksum.
    Card,
    /// An account number: the length of its country, and the checksum modulo 97.
    Iban,
    /// An IP address, of version 4 or 6.
    Ip,
    /// A key or token of a known format, a private key, a signed JWT.
    Secret,
}

impl ContentKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 6] = [Self::Email, Self::Phone, Self::Card, Self::Iban, Self::Ip, Self::Secret];

    /// The word in policies, messages and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Ip => "ip",
            Self::Secret => "secret",
        }
    }
}

impl std::fmt::Display for ContentKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kinds that are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentKinds(u8);

impl ContentKinds {
    /// Whether the kind is one of them.
    #[inline]
    pub const fn has(self, kind: ContentKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// These and others.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// How many there are.
    pub const fn count(self) -> usize {
        self.0.count_ones() as usize
    }
}

impl FromIterator<ContentKind> for ContentKinds {
    fn from_iter<I: IntoIterator<Item = ContentKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | 1 << kind as u8))
    }
}

/// A value that was found, and the bytes of the text that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentFinding {
    /// What it is.
    pub kind: ContentKind,
    /// Where it is.
    pub range: Range<usize>,
}

/// Finds the values of these kinds in a text, in their order. Those of one kind do not overlap.
pub fn find_content(text: &str, kinds: ContentKinds) -> Vec<ContentFinding> {
    let mut findings: Vec<ContentFinding> = Vec::new();
    // What a later reading finds where an earlier one has found something is the same value, cut otherwise.
    for reading in TextReading::of(text) {
        let earlier = findings.len();
        for kind in ContentKind::ALL.into_iter().filter(|kind| kinds.has(*kind)) {
            let first = findings.len();
            look_for(kind, &reading.text, &mut |range| {
                let range = reading.to_original(range);
                findings.push(ContentFinding { kind, range });
                true
            });
            keep_apart(&mut findings, earlier, first);
        }
        findings.sort_by_key(|finding| (finding.range.start, finding.kind));
    }
    findings
}

/// Whether a text has a value of one of these kinds.
pub fn has_content(text: &str, kinds: ContentKinds) -> bool {
    let mut found = false;
    for reading in TextReading::of(text) {
        for kind in ContentKind::ALL.into_iter().filter(|kind| kinds.has(*kind)) {
            look_for(kind, &reading.text, &mut |_| {
                found = true;
                false
            });
            if found {
                return true;
            }
        }
    }
    found
}

/// Removes the findings from `first` on that overlap one of the same kind before them; those before `earlier` are sorted.
fn keep_apart(findings: &mut Vec<ContentFinding>, earlier: usize, first: usize) {
    let mut end = 0;
    let mut known = 0;
    let mut kept = first;
    for at in first..findings.len() {
        let range = findings[at].range.clone();
        let kind = findings[at].kind;
        while known < earlier && (findings[known].kind != kind || findings[known].range.end <= range.start) {
            known += 1;
        }
        let is_known = known < earlier && findings[known].range.start < range.end;
        if !is_known && range.start >= end {
            end = range.end;
            findings.swap(kept, at);
            kept += 1;
        }
    }
    findings.truncate(kept);
}

/// Gives each range of this kind to `found` until that returns false, in the order of their starts.
fn look_for(kind: ContentKind, text: &str, found: &mut dyn FnMut(Range<usize>) -> bool) {
    let mut signatures = None;
    let mut found = |range: Range<usize>| {
        let signatures = signatures.get_or_insert_with(|| signed_url::find_signatures(text));
        // An access key's name or a digest in a signed URL is no value of anybody, and a changed one breaks the URL.
        signed_url::is_inside(signatures, &range) || found(range)
    };
    match kind {
        ContentKind::Email => email::find(text, &mut found),
        ContentKind::Phone => phone::find(text, &mut found),
        ContentKind::Card => card::find(text, &mut found),
        ContentKind::Iban => iban::find(text, &mut found),
        ContentKind::Ip => ip::find(text, &mut found),
        ContentKind::Secret => secret::find(text, &mut found),
    }
}

/// The byte before a place; 0 at the start of the text.
#[inline(always)]
fn byte_before(bytes: &[u8], at: usize) -> u8 {
    at.checked_sub(1).and_then(|before| bytes.get(before)).copied().unwrap_or(0)
}

/// The byte at a place; 0 at the end of the text.
#[inline(always)]
fn byte_at(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// How many bytes before `at` are of a kind, counting at most `most`.
#[inline(always)]
fn length_before(bytes: &[u8], at: usize, most: usize, is_part: impl Fn(u8) -> bool) -> usize {
    // A plain loop: where little is optimised, iterators from the end cost more than what they do.
    let mut length = 0;
    while length < most
        && let Some(byte) = at.checked_sub(length + 1).and_then(|before| bytes.get(before))
        && is_part(*byte)
    {
        length += 1;
    }
    length
}

/// How many bytes from `at` on are of a kind, counting at most `most`.
#[inline(always)]
fn run_length(bytes: &[u8], at: usize, most: usize, is_part: impl Fn(u8) -> bool) -> usize {
    bytes.iter().skip(at).take(most).take_while(|byte| is_part(**byte)).count()
}
