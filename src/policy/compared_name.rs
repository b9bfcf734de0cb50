//! Names in the forms in which keys compare them, and the templates that URIs fit.

use super::glob::{NamePattern, Pattern};
use super::section::Section;
use crate::wire::fold::{find_frame, fold};
use crate::wire::uri;
use crate::wire::uri_places::{READINGS, Reading, fold_glob_part, fold_glob_start, is_ambiguous};

/// A name, or a URI, in the forms in which it is compared, made once for many keys or templates.
#[derive(Clone, Debug)]
pub struct ComparedName {
    /// The name itself; a URI in normal form.
    exact: String,
    /// As the most lenient server reads it: one form, or one for each [`Reading`] of a URI.
    folded: Vec<String>,
    is_ambiguous: bool,
}

impl ComparedName {
    /// Makes the forms of a URI.
    pub fn of_uri(uri: &str) -> Self {
        let folded = find_places(uri);
        Self { exact: uri::normalize(uri), folded, is_ambiguous: is_ambiguous(uri, fold_name) }
    }

    pub(super) fn of(section: Section, name: &str) -> Self {
        match section {
            Section::Resources => Self::of_uri(name),
            _ => Self { exact: name.to_owned(), folded: vec![fold_name(name)], is_ambiguous: false },
        }
    }

    /// The name itself, or the normal form of the URI.
    pub fn exact(&self) -> &str {
        &self.exact
    }

    /// The places to which servers may take the URI to lead, as far as it is not ambiguous.
    pub fn folded(&self) -> &[String] {
        &self.folded
    }

    /// Whether servers may take the URI to lead to any place.
    pub fn is_ambiguous(&self) -> bool {
        self.is_ambiguous
    }
}

fn fold_name(name: &str) -> String {
    fold(name).into_owned()
}

/// Returns where a URI leads by each reading; once if all agree.
fn find_places(uri: &str) -> Vec<String> {
    let [first, others @ ..] = Reading::all();
    let mut places = vec![first.find_place(uri, fold_name)];
    // Only these have readings that differ.
    if fold_name(&uri::decode_fully(uri)).contains(['?', '#', ';']) {
        places.extend(others.map(|reading| reading.find_place(uri, fold_name)));
    }
    keep_one_of_equals(places)
}

fn keep_one_of_equals<T: PartialEq>(mut all: Vec<T>) -> Vec<T> {
    if all.first().is_some_and(|first| all.iter().all(|one| one == first)) {
        all.truncate(1);
    }
    all
}

/// A URI in the forms in which conditions judge it.
#[derive(Clone, Debug)]
pub struct UriForms {
    /// As written, in normal form, decoded, and as each reading has it.
    exact: Vec<String>,
    /// As each reading has it, folded.
    folded: Vec<String>,
    is_ambiguous: bool,
}

impl UriForms {
    /// Makes the forms of a URI.
    pub fn new(uri: &str) -> Self {
        let name = ComparedName::of_uri(uri);
        let places = Reading::all().map(|reading| reading.find_place(uri, str::to_owned));
        let decoded = uri::decode_fully(uri).into_owned();
        let mut exact = vec![uri.to_owned()];
        for form in [name.exact, decoded].into_iter().chain(places) {
            if !exact.contains(&form) {
                exact.push(form);
            }
        }
        Self { exact, folded: name.folded, is_ambiguous: name.is_ambiguous }
    }

    pub(super) fn exact(&self) -> &[String] {
        &self.exact
    }

    pub(super) fn folded(&self) -> &[String] {
        &self.folded
    }

    pub(super) fn is_ambiguous(&self) -> bool {
        self.is_ambiguous
    }

    /// The size of all forms, in bytes.
    pub(super) fn len(&self) -> usize {
        self.exact.iter().chain(&self.folded).map(String::len).sum()
    }
}

/// A key in the forms in which names are compared.
#[derive(Clone, Debug)]
pub(super) struct ComparedKey {
    /// Matches the spelling that is written.
    pub(super) exact: NamePattern,
    /// Match what servers may read: one pattern, or one for each [`Reading`] of a URI.
    folded: Vec<NamePattern>,
    /// The glob for frames; none for a name.
    frame: Vec<Pattern>,
}

impl ComparedKey {
    pub(super) fn new(section: Section, exact: NamePattern) -> Self {
        let folded = match (&exact, section) {
            (NamePattern::Exact(uri), Section::Resources) => {
                find_places(uri).into_iter().map(NamePattern::Exact).collect()
            }
            (NamePattern::Glob(_), Section::Resources) => keep_one_of_equals(
                Reading::all()
                    .map(|reading| {
                        let start = |text: &str| fold_glob_start(text, fold_name);
                        let part = |text: &str| fold_glob_part(text, fold_name);
                        let folded = exact.cut_at(reading.raw_ends).map_glob_text(start, part).cut_at(reading.ends);
                        if reading.drops_parameters { folded.drop_parameters() } else { folded }
                    })
                    .to_vec(),
            ),
            (pattern, _) => vec![pattern.map_text(fold_name, fold_name)],
        };
        let frame = match (folded.first(), &exact, section) {
            (Some(NamePattern::Glob(patterns)), _, Section::Resources) | (_, NamePattern::Glob(patterns), _) => {
                patterns.iter().map(Pattern::frame).collect()
            }
            _ => Vec::new(),
        };
        Self { exact, folded, frame }
    }

    /// Whether the key is about the name however a server reads it, so that it can permit it.
    pub(super) fn covers(&self, name: &ComparedName) -> bool {
        let is_read_alike = || self.pairs(name).all(|(key, place)| key.matches(place));
        self.exact.matches(&name.exact) && (self.exact.matches_all() || !name.is_ambiguous && is_read_alike())
    }

    /// Whether some server may read the name as one that the key is about, so that it restricts it. A reading that drops
    /// a part of the key itself does not count: the key is about that part.
    pub(super) fn touches(&self, name: &ComparedName) -> bool {
        let is_whole = |key: &NamePattern| self.folded.first() == Some(key);
        self.exact.matches(&name.exact)
            || self
                .pairs(name)
                .any(|(key, place)| is_whole(key) && (key.matches(place) || self.matches_frame_of(place)))
    }

    fn matches_frame_of(&self, place: &str) -> bool {
        let frame = find_frame(place);
        self.frame.iter().any(|glob| glob.matches_frame(&frame))
    }

    /// Whether the key has the name itself, in another spelling.
    pub(super) fn is_spelled_as(&self, folded: &str) -> bool {
        matches!(self.folded.first(), Some(NamePattern::Exact(own)) if own == folded)
    }

    /// Whether some name matches: the simplest one that could.
    pub(super) fn has_match(&self, section: Section) -> bool {
        self.exact.simplest_names().iter().any(|name| self.covers(&ComparedName::of(section, name)))
    }

    /// The pattern and the place of each reading.
    fn pairs<'k>(&'k self, name: &'k ComparedName) -> impl Iterator<Item = (&'k NamePattern, &'k str)> {
        fn get<T>(all: &[T], at: usize) -> Option<&T> {
            all.get(at).or_else(|| all.first())
        }
        let count = if self.folded.len().max(name.folded.len()) > 1 { READINGS } else { 1 };
        (0..count).filter_map(move |at| Some((get(&self.folded, at)?, get(&name.folded, at)?.as_str())))
    }
}

/// A template of resources that a server has listed.
#[derive(Clone, Debug)]
pub struct UriTemplate(ComparedKey);

impl UriTemplate {
    /// Reads a template (RFC 6570). What is no expression stands for itself, so this cannot fail.
    pub fn new(template: &str) -> Self {
        Self(ComparedKey::new(Section::Resources, NamePattern::of_template(&uri::normalize(template))))
    }

    /// Whether a URI fits, however a server reads it.
    pub fn fits(&self, uri: &ComparedName) -> bool {
        self.0.covers(uri)
    }
}
