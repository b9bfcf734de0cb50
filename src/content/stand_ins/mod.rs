//! Stand-ins for personal values: what the client gets instead of them, and what becomes of them in its requests.
//!
//! ```text
//! result ─▶ values (detectors, fields, what is known) ─▶ stand-ins ─▶ client
//! server ◀─ values ◀───────────── stand-ins in a request ◀─────────────┘
//! ```
//!
//! What a result has that looks like a stand-in is a value itself. So a text with stand-ins, and with them put back, is the
//! text that the server sent; each one that is changed is held against that before the client gets it.

mod blocks;
mod field_keys;
mod json;
mod kinds;
mod known_values;
mod marks;
mod members;
mod number_runs;
mod pieces;
mod screen;
mod table;
mod url;

use std::borrow::Cow;
use std::ops::Range;

use field_keys::FieldKeys;
use json::{EditTexts, FoundText, MOST_NESTED, Patch, apply_patches, is_container, patch_texts};
pub use kinds::{FieldPattern, FieldPatternError, StandInKind, StandInRules};
use marks::find_marks;
use members::{MemberText, find_members};
pub use screen::{ResultScreen, may_have_content};
use screen::{Suspects, TextScreen};
pub use table::StandIns;

use super::runs::has_byte;
use super::{ContentKinds, find_content};

/// How many stand-ins of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandInCounts([u64; StandInKind::ALL.len()]);

impl StandInCounts {
    fn add(&mut self, kind: StandInKind) {
        if let Some(count) = self.0.get_mut(kind as usize) {
            *count += 1;
        }
    }

    /// The kinds of which there are some.
    pub fn iter(&self) -> impl Iterator<Item = (StandInKind, u64)> {
        StandInKind::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Why the values of a result get no stand-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotHidden {
    /// The table is full.
    #[error("The session has as many stand-ins as fit")]
    Full,
    /// The value would not come back as it was.
    #[error("A value in it could not be put back as it is")]
    NotAlike,
}

/// A request whose stand-ins are put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBack {
    /// The request with the values.
    pub text: String,
    /// Where they are, such as `args.email`.
    pub places: Vec<String>,
    /// How many of each kind.
    pub counts: StandInCounts,
}

/// A stand-in that this session has not made, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignStandIn {
    /// The place, such as `args.email`.
    pub place: String,
}

impl StandIns {
    /// Replaces the values in a result, a JSON object that the strict reader has read; `None` if there are none. `requestState`
    /// belongs to the server, and long base64 is not read.
    ///
    /// # Errors
    /// When not all values can be replaced.
    pub fn hide_values(
        &mut self,
        json: &str,
        rules: &StandInRules,
        counts: &mut StandInCounts,
    ) -> Result<Option<String>, NotHidden> {
        self.hide(json, rules, (counts, Looks::WhereSuspected))
    }

    /// As [`Self::hide_values`], of a result that was screened since the table was changed last.
    ///
    /// # Errors
    /// When not all values can be replaced.
    pub fn hide_suspected(
        &mut self,
        json: &str,
        rules: &StandInRules,
        screen: ResultScreen,
        counts: &mut StandInCounts,
    ) -> Result<Option<String>, NotHidden> {
        if screen.suspects.is_empty() {
            return Ok(None);
        }
        self.hide(json, rules, (counts, Looks::At(screen.suspects)))
    }

    /// Looks through a result, as it is written, for what the rules replace and for what is asked for.
    pub fn screen(&self, json: &str, rules: &StandInRules, asked: ContentKinds) -> ResultScreen {
        TextScreen { kinds: rules.kinds, asked, keys: &FieldKeys::new(rules), table: Some(self) }.look_through(json)
    }

    /// As [`Self::hide_values`], but each text is decoded and looked through. The one is held against the other.
    ///
    /// # Errors
    /// When not all values can be replaced.
    #[doc(hidden)]
    pub fn hide_values_slowly(
        &mut self,
        json: &str,
        rules: &StandInRules,
        counts: &mut StandInCounts,
    ) -> Result<Option<String>, NotHidden> {
        self.hide(json, rules, (counts, Looks::Everywhere))
    }

    fn hide(
        &mut self,
        json: &str,
        rules: &StandInRules,
        (counts, looks): (&mut StandInCounts, Looks),
    ) -> Result<Option<String>, NotHidden> {
        let known = self.known_values().count();
        let mut hiding = Hiding { table: self, rules, keys: FieldKeys::new(rules), counts, looks, known };
        let patches = patch_texts(json, MOST_NESTED, &mut hiding)?;
        Ok((!patches.is_empty()).then(|| apply_patches(json, &patches)))
    }

    /// Replaces the values in the pieces of a text.
    fn hide_pieces(
        &mut self,
        pieces: &[FoundText<'_>],
        rules: &StandInRules,
        counts: &mut StandInCounts,
    ) -> Result<Vec<Vec<Patch>>, NotHidden> {
        // What one piece makes known is no value of another one yet: the whole text has the values that were known before it.
        let values: Vec<_> = pieces.iter().map(|found| self.values_of(found, rules)).collect();
        let mut all = Vec::with_capacity(pieces.len());
        for (found, values) in pieces.iter().zip(values) {
            let mut patches = Vec::with_capacity(values.len());
            for (range, kind) in values {
                let value = found.text.get(range.clone()).unwrap_or_default();
                // Half of a pair of surrogates is lost as the text is decoded.
                if found.has_half && value.contains(char::REPLACEMENT_CHARACTER) {
                    return Err(NotHidden::NotAlike);
                }
                let text = self.stand_in_for(value, kind).map_err(|_| NotHidden::Full)?;
                counts.add(kind);
                patches.push(Patch { range, text });
            }
            all.push(patches);
        }
        let comes_back = |(found, patches): (&FoundText<'_>, &Vec<Patch>)| {
            let hidden = || apply_patches(found.text, patches);
            patches.is_empty() || self.comes_back(found, &hidden())
        };
        if pieces.iter().zip(&all).all(comes_back) { Ok(all) } else { Err(NotHidden::NotAlike) }
    }

    fn values_of(&self, found: &FoundText<'_>, rules: &StandInRules) -> Vec<(Range<usize>, StandInKind)> {
        let FoundText { text, way, is_key, .. } = *found;
        let is_field = !is_key && !text.trim().is_empty() && rules.names_field(way);
        match is_field {
            true => vec![find_field_value(text, way.last())],
            false if found.is_json => Vec::new(),
            false => self.find_values(text, rules),
        }
    }

    /// Whether a text with stand-ins is read as the one that was found, and is that with the values put back.
    fn comes_back(&self, found: &FoundText<'_>, hidden: &str) -> bool {
        // The one must be read as JSON if the other is.
        let is_read_otherwise =
            (!found.is_piece && is_container(hidden)) || (found.is_too_deep && is_container(found.text));
        !is_read_otherwise && self.put_back_text(hidden).as_deref() == Some(found.text)
    }

    /// Finds the values in a text: in order, and none overlaps another.
    fn find_values(&self, text: &str, rules: &StandInRules) -> Vec<(Range<usize>, StandInKind)> {
        let found = if may_hold_value(text) { find_content(text, rules.kinds) } else { Vec::new() };
        let mut values: Vec<_> = found
            .into_iter()
            .filter_map(|finding| Some((trim_number(text, finding.range), StandInKind::of_content(finding.kind)?)))
            .collect();
        values.extend(find_marks(text, self).into_iter().map(|mark| (mark.range, mark.kind)));
        values.extend(self.known_values().find(text).into_iter().map(|range| (range, StandInKind::Field)));
        values.extend(find_members(text, rules).into_iter().filter_map(|MemberText { range, key }| {
            let value = text.get(range.clone()).filter(|value| !value.trim().is_empty())?;
            let (within, kind) = find_field_value(value, Some(&key));
            Some((range.start + within.start..range.start + within.end, kind))
        }));
        values.sort_by_key(|(range, kind)| (range.start, usize::MAX - range.end, *kind));
        let mut apart: Vec<(Range<usize>, StandInKind)> = Vec::with_capacity(values.len());
        for (range, kind) in values {
            match apart.last_mut() {
                // Of two that overlap, neither stays to be seen in part.
                Some((last, of)) if range.start < last.end && range.end > last.end => {
                    last.end = range.end;
                    *of = StandInKind::Field;
                }
                Some((last, _)) if range.start < last.end => {}
                _ => apart.push((range, kind)),
            }
        }
        apart
    }

    /// Puts the values back in the parameters or the answer of a client; `None` if there are none. `keeps` says which ways of
    /// keys are left alone.
    ///
    /// # Errors
    /// When there is a stand-in that this session has not made.
    pub fn put_back(
        &self,
        json: &str,
        keeps: &dyn Fn(&[Cow<'_, str>]) -> bool,
    ) -> Result<Option<PutBack>, ForeignStandIn> {
        let mut putting = Putting { table: self, keeps, places: Vec::new(), counts: StandInCounts::default() };
        let patches = patch_texts(json, 2 * MOST_NESTED, &mut putting)?;
        let Putting { places, counts, .. } = putting;
        Ok((!patches.is_empty()).then(|| PutBack { text: apply_patches(json, &patches), places, counts }))
    }

    /// Puts the values back in one text; `None` if a stand-in is not of this session.
    fn put_back_text(&self, text: &str) -> Option<String> {
        let patch = |mark: marks::StandInMark| {
            let (text, _) = self.value_of(&mark, text)?;
            Some(Patch { range: mark.range, text })
        };
        let patches: Option<Vec<Patch>> = find_marks(text, self).into_iter().map(patch).collect();
        Some(apply_patches(text, &patches?))
    }

    /// A text of ours with the stand-ins of all values that this session knows, where they stand as whole words. However many
    /// there are, each place of the text is compared once for each of their lengths.
    pub fn hide_known(&self, text: &str) -> String {
        let mut hidden = String::with_capacity(text.len());
        let (mut copied, mut before) = (0, ' ');
        for (at, c) in text.char_indices() {
            let is_start = at >= copied && !before.is_alphanumeric();
            before = c;
            if is_start && let Some((length, stand_in)) = self.known_at(text.get(at..).unwrap_or_default()) {
                hidden.push_str(text.get(copied..at).unwrap_or_default());
                hidden.push_str(&stand_in);
                copied = at + length;
            }
        }
        hidden + text.get(copied..).unwrap_or_default()
    }
}

/// Which texts are looked through.
enum Looks {
    WhereSuspected,
    /// So, and of the outermost it is known where.
    At(Suspects),
    Everywhere,
}

/// Puts stand-ins in the places of values.
struct Hiding<'a> {
    table: &'a mut StandIns,
    rules: &'a StandInRules,
    keys: FieldKeys<'a>,
    counts: &'a mut StandInCounts,
    looks: Looks,
    /// How many values were known before.
    known: usize,
}

impl Hiding<'_> {
    fn screening(&self) -> TextScreen<'_> {
        let asked = ContentKinds::default();
        TextScreen { kinds: self.rules.kinds, asked, keys: &self.keys, table: Some(self.table) }
    }
}

impl EditTexts for Hiding<'_> {
    type Error = NotHidden;

    fn screen(&mut self, json: &str) -> Suspects {
        match self.looks {
            Looks::Everywhere => Suspects::everywhere(),
            Looks::WhereSuspected => self.screening().find(json),
            // What is looked through next stands in this text.
            Looks::At(_) => match std::mem::replace(&mut self.looks, Looks::WhereSuspected) {
                Looks::At(suspects) => suspects,
                _ => Suspects::everywhere(),
            },
        }
    }

    fn wants(&self, way: &[Cow<'_, str>], written: &str) -> bool {
        let known = self.table.known_values();
        // What has become known since is not suspected yet.
        (known.count() > self.known && known.may_be_in(written.as_bytes())) || self.rules.names_field(way)
    }

    fn takes_whole(&self, written: &str) -> bool {
        // The texts of a field in a part of JSON.
        let is_before = |(colon, _): (usize, &str)| self.keys.may_end_before(written.as_bytes(), colon);
        // A key may be written with escapes of what would need none.
        let is_spelt = |(escape, _): (usize, &str)| {
            let code = written.get(escape + 4..escape + 6).and_then(|hex| u8::from_str_radix(hex, 16).ok());
            code.is_some_and(|code| code.is_ascii_alphanumeric() || code == b'_')
        };
        !self.keys.is_empty()
            && (written.match_indices(':').any(is_before) || written.match_indices("\\u00").any(is_spelt))
    }

    fn edit(&mut self, pieces: &[FoundText<'_>]) -> Result<Vec<Vec<Patch>>, NotHidden> {
        self.table.hide_pieces(pieces, self.rules, self.counts)
    }

    fn reach(&self) -> usize {
        self.table.known_values().longest()
    }
}

/// Puts values back in the places of stand-ins.
struct Putting<'a> {
    table: &'a StandIns,
    keeps: &'a dyn Fn(&[Cow<'_, str>]) -> bool,
    places: Vec<String>,
    counts: StandInCounts,
}

impl EditTexts for Putting<'_> {
    type Error = ForeignStandIn;

    fn screen(&mut self, json: &str) -> Suspects {
        let (kinds, asked) = Default::default();
        TextScreen { kinds, asked, keys: &FieldKeys::none(), table: Some(self.table) }.find(json)
    }

    fn wants(&self, _: &[Cow<'_, str>], _: &str) -> bool {
        false
    }

    fn edit(&mut self, pieces: &[FoundText<'_>]) -> Result<Vec<Vec<Patch>>, ForeignStandIn> {
        pieces.iter().map(|found| self.put_back_in(found)).collect()
    }

    fn reach(&self) -> usize {
        0
    }
}

impl Putting<'_> {
    fn put_back_in(&mut self, found: &FoundText<'_>) -> Result<Vec<Patch>, ForeignStandIn> {
        const MOST_PLACES: usize = 20;
        if found.is_json || (self.keeps)(found.way) {
            return Ok(Vec::new());
        }
        let mut patches = Vec::new();
        for mark in find_marks(found.text, self.table) {
            let Some((text, kind)) = self.table.value_of(&mark, found.text) else {
                return Err(ForeignStandIn { place: name_place(found.way) });
            };
            self.counts.add(kind);
            patches.push(Patch { range: mark.range, text });
        }
        if !patches.is_empty() && self.places.len() < MOST_PLACES {
            let place = name_place(found.way);
            if !self.places.contains(&place) {
                self.places.push(place);
            }
        }
        Ok(patches)
    }
}

/// Whether a detector of ours could find something: most texts have neither an at sign nor many digits, also not as a code.
fn may_hold_value(text: &str) -> bool {
    const FEWEST_DIGITS: usize = 7;
    let is_special = |byte: u8| (byte == b'@') | (byte == b'%') | (byte == b'&') | (byte == b'\\') | (byte >= 0x80);
    has_byte(text.as_bytes(), is_special) || text.bytes().filter(u8::is_ascii_digit).nth(FEWEST_DIGITS - 1).is_some()
}

/// What the value of a field is: an address or a number if it is one, as a whole.
fn find_field_value(text: &str, key: Option<&Cow<'_, str>>) -> (Range<usize>, StandInKind) {
    let kinds = StandInKind::ALL.into_iter().filter_map(StandInKind::content).collect();
    // The name of the field may say what its number is.
    let before = format!("{}: ", key.map_or("", |key| key));
    let whole = before.len()..before.len() + text.len();
    let labelled = before + text;
    let found = find_content(&labelled, kinds).into_iter().find(|finding| finding.range == whole);
    match found.and_then(|finding| StandInKind::of_content(finding.kind)) {
        Some(kind) => (trim_number(text, 0..text.len()), kind),
        None => (0..text.len(), StandInKind::Field),
    }
}

/// Where a value begins behind the signs that a number keeps: `+` and brackets.
fn trim_number(text: &str, range: Range<usize>) -> Range<usize> {
    let mut rest = text.get(range.clone()).unwrap_or_default();
    let is_open = |rest: &&str| rest.starts_with(['+', '(']) || rest.starts_with("%2B") || rest.starts_with("%2b");
    while is_open(&rest) && rest.len() > 3 {
        rest = rest.strip_prefix(['+', '(']).or_else(|| rest.get("%2B".len()..)).unwrap_or_default();
    }
    let is_number = rest.starts_with(|c: char| c.is_ascii_digit()) && !rest.contains('@');
    if is_number { range.end - rest.len()..range.end } else { range }
}

/// The place at the end of a way, as conditions name it.
fn name_place(way: &[Cow<'_, str>]) -> String {
    const LONGEST: usize = 100;
    let name = way.join(".");
    let name = name.strip_prefix("arguments").map_or_else(|| name.clone(), |rest| format!("args{rest}"));
    crate::visible::escape_invisible(&crate::visible::shorten(&name, LONGEST))
}
