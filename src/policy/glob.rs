//! Tool names and globs: `*` any text, `?` one character, `[a-z]` one of a set, `{a,b}` one of several texts.
//!
//! A backslash makes the next character literal. Alternatives are expanded when the policy is loaded, up to a bound, so
//! matching works on a flat list of tokens, in time bounded by glob length times name length.

mod form;
mod frame;
mod parse;

pub use form::Form;
pub(super) use form::Sketch;
pub(super) use parse::escape_wildcards;
use parse::{bad_glob, expand_alternatives, push_token};

use super::work::Work;
use crate::limits::MAX_GLOB_LENGTH;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NamePattern {
    Exact(String),
    /// Matches a name that one of the patterns matches.
    Glob(Vec<Pattern>),
}

#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// What every match has, begins with and ends with. Almost no name has all of it, and then nothing else is looked at.
    sketch: Sketch,
    start: String,
    end: String,
    tokens: Vec<Token>,
    literal: usize,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.tokens == other.tokens
    }
}

impl Eq for Pattern {}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Set(Vec<(char, char)>),
    Star,
    /// Any text without a slash. Only templates of URIs have it.
    Segment,
    /// The frame of any character. Only frames of globs have it.
    Frame,
    /// One of these texts: the frames of the characters of a set.
    Frames(Vec<String>),
}

/// The error for a text that is neither a name nor a glob. The message says why and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {hint}")]
pub struct BadToolGlob {
    pub(super) message: &'static str,
    pub(super) hint: &'static str,
}

impl NamePattern {
    /// The work of one look at a sketch.
    pub(super) const LOOK: usize = Pattern::LOOK;

    /// Parses a name or glob. A text without wildcards, or with all of them escaped, is an exact name.
    pub(super) fn parse(text: &str) -> Result<Self, BadToolGlob> {
        if text.is_empty() {
            return bad_glob("the name is empty", "write the name as the server spells it");
        }
        if text.trim() != text || text.contains(char::is_control) {
            // YAML's `|`, for example, leaves a newline. A rule that silently matches nothing would hide nothing.
            return bad_glob(
                "it begins or ends with a blank, or holds a control character",
                "remove that character; where a name really has it, `?` stands for any one character",
            );
        }
        if !text.contains(['*', '?', '[', ']', '{', '}', '\\']) {
            return Ok(Self::Exact(text.to_owned()));
        }
        if text.chars().nth(MAX_GLOB_LENGTH).is_some() {
            return bad_glob("the glob is longer than 128 characters", "shorten it: `*` stands for any text");
        }
        let alternatives = expand_alternatives(text)?;
        if let [only] = alternatives.as_slice()
            && let Some(name) = only.iter().map(Token::as_char).collect::<Option<String>>()
        {
            return Ok(Self::Exact(name));
        }
        Ok(Self::Glob(alternatives.into_iter().map(Pattern::new).collect()))
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Glob(patterns) => patterns.iter().any(|pattern| pattern.matches(name)),
        }
    }

    /// As [`matches`](Self::matches), if there is enough work left for it.
    pub(super) fn matches_within(&self, name: &Form<'_>, work: &Work) -> bool {
        match self {
            Self::Exact(exact) => {
                work.spend(Pattern::LOOK);
                **exact == **name
            }
            Self::Glob(patterns) => patterns.iter().any(|pattern| pattern.matches_within(name, work)),
        }
    }

    /// Whether some text may match of those that a sketch is of.
    pub(super) fn may_match_some(&self, sketch: &Sketch) -> bool {
        match self {
            Self::Exact(_) => true,
            Self::Glob(patterns) => patterns.iter().any(|pattern| pattern.may_match_some(sketch)),
        }
    }

    /// How many tokens all of its patterns have.
    pub(super) fn count_tokens(&self) -> usize {
        match self {
            Self::Exact(_) => 1,
            Self::Glob(patterns) => patterns.iter().map(|pattern| pattern.tokens.len()).sum(),
        }
    }

    pub(super) fn matches_all(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::Glob(patterns) => patterns.iter().any(Pattern::is_star),
        }
    }

    /// Reads a template of URIs (RFC 6570), whose expressions stand for any text. A simple one stands for no slash.
    pub(super) fn of_template(template: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = template;
        while let Some((literal, (expression, after))) =
            rest.split_once('{').and_then(|(literal, after)| Some((literal, after.split_once('}')?)))
        {
            tokens.extend(literal.chars().map(Token::Char));
            let is_simple = !expression.starts_with(['+', '#', '/', '.', ';', '?', '&']) && !expression.contains('*');
            push_token(&mut tokens, if is_simple { Token::Segment } else { Token::Star });
            rest = after;
        }
        tokens.extend(rest.chars().map(Token::Char));
        Self::Glob(vec![Pattern::new(tokens)])
    }

    /// Returns one pattern for each alternative.
    pub(super) fn split(&self) -> Vec<Self> {
        match self {
            Self::Exact(_) => vec![self.clone()],
            Self::Glob(patterns) => patterns.iter().map(|pattern| Self::Glob(vec![pattern.clone()])).collect(),
        }
    }

    /// Returns the simplest name that each alternative could match.
    pub(super) fn simplest_names(&self) -> Vec<String> {
        match self {
            Self::Exact(name) => vec![name.clone()],
            Self::Glob(patterns) => patterns.iter().map(Pattern::simplest_name).collect(),
        }
    }

    /// How specific the pattern is: how many characters are literal, and more than any glob if all of them are.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Exact(_) => usize::MAX,
            Self::Glob(patterns) => patterns.iter().map(Pattern::literal_length).max().unwrap_or_default(),
        }
    }

    /// Whether both match some common name.
    pub(super) fn overlaps_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(name), pattern) | (pattern, Self::Exact(name)) => pattern.matches(name),
            (Self::Glob(ours), Self::Glob(theirs)) => ours.iter().any(|a| theirs.iter().any(|b| a.overlaps_with(b))),
        }
    }

    /// Returns the pattern up to the first of these characters in its literal text.
    pub(super) fn cut_at(&self, ends: &[char]) -> Self {
        self.map_tokens(|tokens| {
            let is_end = |token: &Token| token.as_char().is_some_and(|c| ends.contains(&c));
            tokens.iter().take_while(|token| !is_end(token)).cloned().collect()
        })
    }

    /// Returns the pattern without what stands between a `;` and the next slash of its literal text.
    pub(super) fn drop_parameters(&self) -> Self {
        self.map_tokens(|tokens| {
            let mut is_in_segment = true;
            let mut is_kept = |token: &&Token| {
                is_in_segment = match token.as_char() {
                    Some('/') => true,
                    Some(';') => false,
                    _ => is_in_segment,
                };
                is_in_segment
            };
            tokens.iter().filter(|token| is_kept(token)).cloned().collect()
        })
    }

    fn map_tokens(&self, change: impl Fn(&[Token]) -> Vec<Token>) -> Self {
        match self {
            Self::Exact(_) => self.clone(),
            Self::Glob(patterns) => {
                Self::Glob(patterns.iter().map(|pattern| Pattern::new(change(&pattern.tokens))).collect())
            }
        }
    }

    /// Returns a glob with its literal text changed: what it begins with by `start`, and each other part by `part`.
    pub(super) fn map_glob_text(&self, start: impl Fn(&str) -> String, part: impl Fn(&str) -> String) -> Self {
        self.map_tokens(|tokens| {
            let literal: String = tokens.iter().map_while(Token::as_char).collect();
            let rest = Pattern::new(tokens.iter().skip(literal.chars().count()).cloned().collect());
            start(&literal).chars().map(Token::Char).chain(rest.map_text(&part).tokens).collect()
        })
    }

    /// Returns the pattern with its literal text changed: that of a name by `exact`, and each part of a glob by `part`.
    pub(super) fn map_text(&self, exact: impl Fn(&str) -> String, part: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Exact(name) => Self::Exact(exact(name)),
            Self::Glob(patterns) => Self::Glob(patterns.iter().map(|pattern| pattern.map_text(&part)).collect()),
        }
    }
}

impl Pattern {
    /// The work of looking at the sketch of a name, at how the name begins and ends, and of a step of a match.
    const LOOK: usize = 8;
    const LOOK_CLOSELY: usize = 64;
    const STEP: usize = 4;

    fn new(tokens: Vec<Token>) -> Self {
        let literal = tokens.iter().filter(|token| matches!(token, Token::Char(_))).count();
        let start = tokens.iter().map_while(Token::as_char).collect();
        let end: Vec<char> = tokens.iter().rev().map_while(Token::as_char).collect();
        let mut sketch = Sketch::default();
        for text in tokens.split(|token| token.as_char().is_none()) {
            sketch.add(&text.iter().filter_map(Token::as_char).collect::<String>());
        }
        Self { sketch, start, end: end.into_iter().rev().collect(), tokens, literal }
    }

    /// Whether some text may match of those that a sketch is of.
    pub(super) fn may_match_some(&self, sketch: &Sketch) -> bool {
        sketch.may_have(&self.sketch)
    }

    /// Whether a name has what every match has, if there is enough work left to look.
    fn may_match(&self, name: &Form<'_>, work: &Work) -> bool {
        work.spend(Self::LOOK);
        if work.is_exhausted() || !name.sketch.may_have(&self.sketch) {
            return false;
        }
        work.spend(Self::LOOK_CLOSELY);
        name.starts_with(&self.start) && name.ends_with(&self.end)
    }

    pub(super) fn map_text(&self, part: impl Fn(&str) -> String) -> Self {
        let mut tokens = Vec::with_capacity(self.tokens.len());
        let mut literal = String::new();
        for token in self.tokens.iter().map(Some).chain([None]) {
            if let Some(Token::Char(c)) = token {
                literal.push(*c);
                continue;
            }
            tokens.extend(map_inner(&std::mem::take(&mut literal), &part).chars().map(Token::Char));
            tokens.extend(token.map(|token| token.map_text(&part)));
        }
        Self::new(tokens)
    }

    fn simplest_name(&self) -> String {
        let simplest = |token: &Token| match token {
            Token::Char(c) => *c,
            Token::One | Token::Star | Token::Segment | Token::Frame | Token::Frames(_) => 'x',
            Token::Set(ranges) => ranges.first().map_or('x', |(low, _)| *low),
        };
        self.tokens.iter().map(simplest).collect()
    }

    pub(super) fn is_star(&self) -> bool {
        matches!(self.tokens.as_slice(), [Token::Star])
    }

    /// How many characters of the pattern are literal: the more, the more specific it is.
    pub(super) fn literal_length(&self) -> usize {
        self.literal
    }

    /// Whether the pattern matches all of `name`.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.match_in_steps(name, usize::MAX, &mut 0)
    }

    /// As [`matches`](Self::matches), if there is enough work left for it.
    pub(super) fn matches_within(&self, name: &Form<'_>, work: &Work) -> bool {
        if !self.may_match(name, work) {
            return false;
        }
        let most = work.left() / Self::STEP;
        let mut steps = 0;
        let is_match = self.match_in_steps(name, most, &mut steps);
        work.spend((steps + 1).saturating_mul(Self::STEP));
        is_match
    }

    /// Only the last star of each kind is ever retried, which suffices for globs: what stands before a star need not match
    /// later than where it matches first. Gives up past `most` steps.
    fn match_in_steps(&self, name: &str, most: usize, steps: &mut usize) -> bool {
        let mut at = 0;
        let mut rest = name.chars();
        let mut retries = [None, None];
        loop {
            *steps += 1;
            if *steps > most {
                return false;
            }
            match self.tokens.get(at) {
                Some(Token::Star) => {
                    at += 1;
                    retries = [Some((at, rest.clone())), None];
                    continue;
                }
                Some(Token::Segment) => {
                    at += 1;
                    retries[1] = Some((at, rest.clone()));
                    continue;
                }
                Some(token) => {
                    *steps += token.ranges() / 4;
                    let mut next = rest.clone();
                    if next.next().is_some_and(|c| token.accepts_char(c)) {
                        (at, rest) = (at + 1, next);
                        continue;
                    }
                }
                None if rest.as_str().is_empty() => return true,
                None => {}
            }
            let [any, within] = &mut retries;
            if let Some((after_star, from)) = within
                && from.next().is_some_and(|c| c != '/')
            {
                (at, rest) = (*after_star, from.clone());
                continue;
            }
            *within = None;
            let Some((after_star, from)) = any else { return false };
            if from.next().is_none() {
                return false;
            }
            (at, rest) = (*after_star, from.clone());
        }
    }

    /// Whether both patterns match some common name: walks them side by side through every pair of positions.
    pub(super) fn overlaps_with(&self, other: &Self) -> bool {
        // Most differ in how they begin or end.
        let may_begin_alike = self.start.starts_with(&other.start) || other.start.starts_with(&self.start);
        let may_end_alike = self.end.ends_with(&other.end) || other.end.ends_with(&self.end);
        if !may_begin_alike || !may_end_alike {
            return false;
        }
        let width = other.tokens.len() + 1;
        let mut row = vec![false; width];
        if let Some(first) = row.first_mut() {
            *first = true;
        }
        for ours in self.tokens.iter().map(Some).chain([None]) {
            let mut next = vec![false; width];
            for j in 0..width {
                if row.get(j) != Some(&true) {
                    continue;
                }
                let theirs = other.tokens.get(j);
                let reach = |row: &mut Vec<bool>, j: usize| row.get_mut(j).map_or((), |cell| *cell = true);
                let is_star = |token: Option<&Token>| matches!(token, Some(Token::Star | Token::Segment));
                let (we_stay, they_stay) = (is_star(ours), is_star(theirs));
                if we_stay {
                    reach(&mut next, j);
                }
                if they_stay {
                    reach(&mut row, j + 1);
                }
                if let (Some(ours), Some(theirs)) = (ours, theirs)
                    && ours.shares_a_char_with(theirs)
                {
                    // Both patterns take one character; a star stays where it is.
                    match (we_stay, they_stay) {
                        (true, true) => {}
                        (true, false) => reach(&mut row, j + 1),
                        (false, true) => reach(&mut next, j),
                        (false, false) => reach(&mut next, j + 1),
                    }
                }
            }
            if ours.is_none() {
                return row.last() == Some(&true);
            }
            row = next;
        }
        false
    }
}

/// Changes text inside a glob. What `change` does to the ends of a name must not happen there.
fn map_inner(text: &str, change: impl Fn(&str) -> String) -> String {
    const GUARD: char = '_';
    if text.is_empty() {
        return String::new();
    }
    let changed = change(&format!("{GUARD}{text}{GUARD}"));
    changed.strip_prefix(GUARD).and_then(|text| text.strip_suffix(GUARD)).unwrap_or(&changed).to_owned()
}

impl Token {
    /// Adds the changed characters to a set; the original ones stay.
    fn map_text(&self, part: impl Fn(&str) -> String) -> Self {
        const LARGEST_RANGE: usize = 1024;
        let Self::Set(ranges) = self else { return self.clone() };
        let mut all = ranges.clone();
        for c in ranges.iter().flat_map(|(low, high)| (*low..=*high).take(LARGEST_RANGE)) {
            let changed = map_inner(c.encode_utf8(&mut [0; 4]), &part);
            let mut chars = changed.chars();
            if let (Some(only), None) = (chars.next(), chars.next()) {
                all.push((only, only));
            }
        }
        Self::Set(all)
    }

    /// How many ranges of characters the token is made of.
    fn ranges(&self) -> usize {
        if let Self::Set(ranges) = self { ranges.len() } else { 0 }
    }

    fn as_char(&self) -> Option<char> {
        if let Self::Char(c) = self { Some(*c) } else { None }
    }

    fn accepts_char(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::One | Self::Star | Self::Segment | Self::Frame => true,
            Self::Set(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)),
            Self::Frames(frames) => frames.iter().any(|frame| frame.chars().eq([c])),
        }
    }

    fn shares_a_char_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Char(c), token) | (token, Self::Char(c)) => token.accepts_char(*c),
            (Self::Set(ours), Self::Set(theirs)) => {
                ours.iter().any(|(low, high)| theirs.iter().any(|(from, to)| low <= to && from <= high))
            }
            _ => true,
        }
    }
}

#[cfg(test)]
#[path = "glob_tests.rs"]
mod tests;
