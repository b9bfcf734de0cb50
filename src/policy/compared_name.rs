//! Names in the forms in which keys compare them, and the templates that URIs fit.

use std::cell::OnceCell;

use super::glob::{Form, NamePattern, Pattern, Sketch};
use super::section::Section;
use super::work::Work;
use crate::wire::fold::{find_frame, fold, normalize_name};
use crate::wire::uri;
use crate::wire::uri_places::{READINGS, Reading, fold_glob_part, fold_glob_start, is_ambiguous};

/// A name, or a URI, in the forms in which it is compared, made once for many keys or templates.
#[derive(Clone, Debug)]
pub struct ComparedName {
    /// The URI as it came; nothing for a name.
    uri: String,
    /// The name itself; a URI in normal form.
    exact: Form<'static>,
    /// As the most lenient server reads it: one form, or one for each [`Reading`] of a URI.
    folded: Vec<Form<'static>>,
    /// A URI as each reading has it, in its own case, once it is needed: as written, and as servers have it that normalise names.
    cased: OnceCell<[Vec<Form<'static>>; 2]>,
    /// The frames of `folded`, once they are needed.
    frames: OnceCell<Vec<Form<'static>>>,
    /// The sketches of `folded` and of `frames`, each together.
    sketches: OnceCell<[Sketch; 2]>,
    is_ambiguous: bool,
}

impl ComparedName {
    /// Makes the forms of a URI.
    pub fn of_uri(uri: &str) -> Self {
        Self {
            uri: uri.to_owned(),
            exact: Form::new(uri::normalize(uri)),
            folded: make_forms(find_places(uri, fold_name)),
            cased: OnceCell::new(),
            frames: OnceCell::new(),
            sketches: OnceCell::new(),
            is_ambiguous: is_ambiguous(uri, fold_name),
        }
    }

    pub(super) fn of(section: Section, name: &str) -> Self {
        match section {
            Section::Resources => Self::of_uri(name),
            _ => Self {
                uri: String::new(),
                exact: Form::new(name.to_owned()),
                folded: make_forms(vec![fold_name(name)]),
                cased: OnceCell::new(),
                frames: OnceCell::new(),
                sketches: OnceCell::new(),
                is_ambiguous: false,
            },
        }
    }

    /// The name itself, or the normal form of the URI.
    pub fn exact(&self) -> &str {
        &self.exact
    }

    /// The places to which servers may take the URI to lead, as far as it is not ambiguous.
    pub fn folded(&self) -> &[Form<'static>] {
        &self.folded
    }

    pub(super) fn exact_form(&self) -> &Form<'static> {
        &self.exact
    }

    fn cased(&self) -> &[Vec<Form<'static>>; 2] {
        let places = |change: fn(&str) -> String| make_forms(find_places(&self.uri, change));
        self.cased.get_or_init(|| [places(str::to_owned), places(normalize_case)])
    }

    fn frames(&self) -> &[Form<'static>] {
        self.frames.get_or_init(|| make_forms(self.folded.iter().map(|place| find_frame(place).into_owned())))
    }

    fn sketches(&self) -> &[Sketch; 2] {
        self.sketches.get_or_init(|| [Sketch::of_all(self.folded.iter()), Sketch::of_all(self.frames().iter())])
    }

    /// Whether servers may take the URI to lead to any place.
    pub fn is_ambiguous(&self) -> bool {
        self.is_ambiguous
    }
}

fn make_forms(texts: impl IntoIterator<Item = String>) -> Vec<Form<'static>> {
    texts.into_iter().map(Form::new).collect()
}

fn fold_name(name: &str) -> String {
    fold(name).into_owned()
}

fn normalize_case(name: &str) -> String {
    normalize_name(name).into_owned()
}

/// Returns where a URI leads by each reading; once if all agree.
fn find_places(uri: &str, fold: impl Fn(&str) -> String) -> Vec<String> {
    let [first, others @ ..] = Reading::all();
    let mut places = vec![first.find_place(uri, &fold)];
    // Only these have readings that differ.
    if fold(&uri::decode_fully(uri)).contains(['?', '#', ';']) {
        places.extend(others.map(|reading| reading.find_place(uri, &fold)));
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
        let places = [str::to_owned, normalize_case].map(|change| find_places(uri, change)).into_iter().flatten();
        let decoded = uri::decode_fully(uri).into_owned();
        let mut exact = vec![uri.to_owned()];
        for form in [name.exact.into_text(), decoded].into_iter().chain(places) {
            if !exact.contains(&form) {
                exact.push(form);
            }
        }
        let folded = name.folded.into_iter().map(Form::into_text).collect();
        Self { exact, folded, is_ambiguous: name.is_ambiguous }
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
    /// As each reading of a URI has the key, in its own case: as written, and as servers have it that normalise names.
    cased: [Vec<NamePattern>; 2],
    /// The glob for frames; none for a name.
    frame: Vec<Pattern>,
}

impl ComparedKey {
    pub(super) fn new(section: Section, exact: NamePattern) -> Self {
        let (folded, cased) = match section {
            Section::Resources => {
                (read_key(&exact, fold_name), [str::to_owned, normalize_case].map(|change| read_key(&exact, change)))
            }
            _ => (vec![exact.map_text(fold_name, fold_name)], Default::default()),
        };
        let frame = match (folded.first(), &exact, section) {
            (Some(NamePattern::Glob(patterns)), _, Section::Resources) | (_, NamePattern::Glob(patterns), _) => {
                patterns.iter().map(Pattern::frame).collect()
            }
            _ => Vec::new(),
        };
        Self { exact, folded, cased, frame }
    }

    /// Whether the key is about the name however a server reads it, so that it can permit it.
    pub(super) fn covers(&self, name: &ComparedName, work: &Work) -> bool {
        let is_read_alike =
            |keys: &[_], places: &[_]| pairs(keys, places).all(|(key, place)| key.matches_within(place, work));
        // Where all readings agree, that is the spelling that is matched already.
        let keeps_case =
            || name.folded.len() == 1 || self.cased.iter().zip(name.cased()).all(|(k, p)| is_read_alike(k, p));
        self.exact.matches_within(&name.exact, work)
            && (self.exact.matches_all()
                || !name.is_ambiguous && is_read_alike(&self.folded, &name.folded) && keeps_case())
    }

    /// Whether some server may read the name as one that the key is about, so that it restricts it. A reading that drops
    /// a part of the key itself does not count: the key is about that part.
    pub(super) fn touches(&self, name: &ComparedName, work: &Work) -> bool {
        let is_whole = |key: &NamePattern| self.folded.first() == Some(key);
        let matches_frame = |frame: &Form<'_>| self.frame.iter().any(|glob| glob.matches_frame(frame, work));
        if self.exact.matches_within(&name.exact, work) {
            return true;
        }
        // One look at all readings together tells of almost every key that it matches none.
        work.spend(NamePattern::LOOK * 2);
        let [folded, frames] = name.sketches();
        self.folded.first().is_some_and(|key| key.may_match_some(folded))
            && pairs(&self.folded, &name.folded).any(|(key, place)| is_whole(key) && key.matches_within(place, work))
            || self.frame.iter().any(|glob| glob.may_match_some(frames))
                && pairs(&self.folded, name.frames()).any(|(key, frame)| is_whole(key) && matches_frame(frame))
    }

    /// Whether the key has the name itself, in another spelling.
    pub(super) fn is_spelled_as(&self, folded: &str) -> bool {
        matches!(self.folded.first(), Some(NamePattern::Exact(own)) if own == folded)
    }

    /// Whether some name matches: the simplest one that could.
    pub(super) fn has_match(&self, section: Section) -> bool {
        self.exact.simplest_names().iter().any(|name| self.covers(&ComparedName::of(section, name), &Work::default()))
    }
}

/// Returns a key for URIs as each reading has it; once if all agree.
fn read_key(exact: &NamePattern, fold: impl Fn(&str) -> String) -> Vec<NamePattern> {
    let read = |reading: Reading| {
        let start = |text: &str| fold_glob_start(text, &fold);
        let part = |text: &str| fold_glob_part(text, &fold);
        let read = exact.cut_at(reading.raw_ends).map_glob_text(start, part).cut_at(reading.ends);
        if reading.drops_parameters { read.drop_parameters() } else { read }
    };
    match exact {
        NamePattern::Exact(uri) => find_places(uri, &fold).into_iter().map(NamePattern::Exact).collect(),
        NamePattern::Glob(_) => keep_one_of_equals(Reading::all().map(read).to_vec()),
    }
}

/// The pattern and the place of each reading. Of what all readings agree on, there is one.
fn pairs<'k>(
    keys: &'k [NamePattern],
    places: &'k [Form<'static>],
) -> impl Iterator<Item = (&'k NamePattern, &'k Form<'static>)> {
    fn get<T>(all: &[T], at: usize) -> Option<&T> {
        all.get(at).or_else(|| all.first())
    }
    let count = if keys.len().max(places.len()) > 1 { READINGS } else { 1 };
    (0..count).filter_map(move |at| Some((get(keys, at)?, get(places, at)?)))
}

/// A template of resources that a server has listed.
#[derive(Clone, Debug)]
pub struct UriTemplate(ComparedKey);

impl UriTemplate {
    /// Reads a template (RFC 6570). What is no expression stands for itself, so this cannot fail.
    pub fn new(template: &str) -> Self {
        Self(ComparedKey::new(Section::Resources, NamePattern::of_template(&uri::normalize(template))))
    }

    /// Whether a URI fits, however a server reads it, if there is enough work left to say so.
    pub fn fits(&self, uri: &ComparedName, work: &Work) -> bool {
        self.0.covers(uri, work)
    }
}
