//! The values of a text, each in its normal form: what of a result is remembered, and what of an argument is looked up.
//!
//! A line is read in words: runs of what stands in addresses, paths and names. Of a result each long word counts, each whole
//! string, line, cell and quotation, and copied runs. Of an argument, the whole counts, what can be addressed by itself, and
//! copied runs. What is short or common is no value: see `rarity::is_distinctive`.

use super::changes::{changes_of, find_run_regions, find_word_regions, is_changed};
use super::forms::{Decoding, Forms, decode_data, find_base64, find_base64_regions, find_readings, is_base64_line};
use super::hosts::find_hosts;
use super::numbers::find_numbers;
use super::pieces::{SeenPieces, find_lines, find_pieces};
use super::rarity::MIN_BYTES;
use super::shingles::Shingler;
use super::siphash::{Digester, Key};
use super::words::{Part, Spacing, find_parts, find_url, find_whole};
use crate::wire::view::{self, Leaf, range_of};

/// The digest of a value.
pub(super) type ValueKey = u32;

/// The longest string, line or quotation that is remembered as a whole, in bytes.
pub(super) const MAX_WHOLE: usize = 256;

/// From this length on, a run of base64 in a result is data, not text to be copied from.
const DATA: usize = 1024;

/// The shortest line of base64 that is broken into lines.
const MIN_DATA_LINE: usize = 60;

/// How much of data that is no text is read, in bytes.
const MAX_DATA: usize = 64 * 1024;

/// What the values are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Result,
    /// It is looked up.
    Argument,
    /// Nobody else wrote it.
    Written,
}

/// Finds values, and makes their digests under the key of a session.
#[derive(Debug)]
pub(super) struct ValueReader {
    digester: Digester,
    shingler: Shingler,
    forms: Forms,
    /// Room for the normal form of a text.
    normal: String,
    /// What was found, in any order, with repetitions.
    found: Vec<ValueKey>,
    /// The hosts of an argument, each with those to which it belongs.
    hosts: Vec<HostKeys>,
}

/// What is looked up of an argument.
#[derive(Debug)]
pub(super) struct LookedUp {
    pub(super) keys: Vec<ValueKey>,
    pub(super) hosts: Vec<HostKeys>,
}

/// A host, by its name and as in a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostKeys {
    /// One of the argument.
    Own([ValueKey; 2]),
    /// One to which the one before belongs, or its parent: it is looked up, as in a URL, unless that is the user's.
    Parent([ValueKey; 2]),
}

/// What is remembered of a result.
#[derive(Debug)]
pub(super) struct ResultValues {
    pub(super) keys: Vec<ValueKey>,
    /// Whether there is anything to read in it.
    pub(super) has_text: bool,
}

impl ValueReader {
    pub(super) fn new(key: Key) -> Self {
        let digester = Digester::new(&key);
        let shingler = Shingler::new(&digester);
        Self {
            digester,
            shingler,
            forms: Forms::default(),
            normal: String::new(),
            found: Vec::new(),
            hosts: Vec::new(),
        }
    }

    /// Returns the digests of what is remembered of a result, JSON.
    pub(super) fn read_result(&mut self, result: &str) -> ResultValues {
        let (mut has_text, mut is_kind) = (false, false);
        for leaf in view::leaves(result) {
            match leaf {
                Leaf::Key(key) => {
                    let key = view::decode_lossy(key).unwrap_or_default();
                    is_kind = matches!(&*key, "type" | "resultType" | "mimeType");
                    if key.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'@' | b'.' | b'/' | b' ')) {
                        self.read_text(&key, Side::Result);
                    }
                }
                Leaf::Scalar(scalar) => match view::decode_lossy(scalar) {
                    Some(text) => {
                        has_text |= !is_kind && text.chars().any(char::is_alphanumeric);
                        self.read_string(&text, Side::Result);
                    }
                    None => find_numbers(scalar, &mut |number| push(&self.digester, &mut self.found, number)),
                },
            }
        }
        ResultValues { keys: self.take_found(), has_text }
    }

    /// Returns the digests of what is looked up of an argument's text.
    pub(super) fn read_argument(&mut self, text: &str) -> LookedUp {
        self.read_string(text, Side::Argument);
        LookedUp { keys: self.take_found(), hosts: std::mem::take(&mut self.hosts) }
    }

    /// Returns the digests of all of an argument's text, which is one value.
    pub(super) fn read_whole(&mut self, text: &str) -> Vec<ValueKey> {
        self.forms.normalize(text, &mut self.normal);
        let word = self.normal.trim();
        push_whole(&self.digester, &mut self.found, word, Spacing::of(word));
        let mut longest = String::new();
        if word.bytes().all(|byte| byte.is_ascii_digit() || b" -./()+".contains(&byte)) {
            find_numbers(word, &mut |value| {
                if value.len() > longest.len() {
                    value.clone_into(&mut longest);
                }
            });
        } else if let Some(url) = find_url(word) {
            longest = url;
        }
        if !longest.is_empty() {
            push(&self.digester, &mut self.found, &longest);
        }
        self.take_found()
    }

    /// Returns the digests of what arguments have, JSON: not the hosts to which theirs belong, which may be anybody's.
    pub(super) fn read_arguments(&mut self, arguments: &str) -> Vec<ValueKey> {
        for leaf in view::leaves(arguments) {
            let (Leaf::Key(text) | Leaf::Scalar(text)) = leaf;
            let text = view::decode_lossy(text).unwrap_or_else(|| text.into());
            self.read_string(&text, Side::Written);
        }
        self.take_found()
    }

    fn take_found(&mut self) -> Vec<ValueKey> {
        /// How much room is kept, in bytes.
        const KEPT: usize = 256 * 1024;
        self.shingler.begin_anew();
        self.normal.clear();
        self.normal.shrink_to(KEPT);
        let mut found = std::mem::take(&mut self.found);
        self.found = sort(&mut found);
        self.found.clear();
        self.found.shrink_to(KEPT / size_of::<ValueKey>());
        keep_one(&mut found);
        found
    }

    /// Reads a string. Of data, the words count, which it need not be; copied runs would be noise.
    fn read_string(&mut self, text: &str, side: Side) {
        if side != Side::Result || !is_data(text) {
            return self.read_text(text, side);
        }
        if let Some(decoded) = decode_data(text) {
            return self.read_text(&decoded, side);
        }
        let Self { digester, forms, normal, found, .. } = self;
        forms.normalize(text.get(..text.floor_char_boundary(MAX_DATA)).unwrap_or(text), normal);
        push_parts(digester, found, normal, side);
    }

    fn read_text(&mut self, text: &str, side: Side) {
        self.read_once(text, side);
        find_base64(text, &mut |decoded| self.read_decoded(decoded, side));
        let readings = find_readings(text, &mut self.forms);
        readings.iter().for_each(|reading| self.read_again(reading, side));
        // Base64 may stand behind an escape.
        if let Some(Decoding { text, edited, .. }) = readings.last() {
            find_base64_regions(text, edited, &mut |region| {
                find_base64(region, &mut |decoded| self.read_decoded(decoded, side));
            });
        }
    }

    /// Reads what base64 stands for, which can be written in another way once more.
    fn read_decoded(&mut self, text: &str, side: Side) {
        self.read_once(text, side);
        let readings = find_readings(text, &mut self.forms);
        readings.iter().for_each(|reading| self.read_again(reading, side));
        find_base64(text, &mut |decoded| self.read_once(decoded, side));
    }

    /// Reads a text as it is written.
    fn read_once(&mut self, text: &str, side: Side) {
        let Self { digester, shingler, forms, normal, found, hosts } = self;
        forms.normalize(text, normal);
        if side != Side::Result || normal.len() <= MAX_WHOLE {
            push_whole(digester, found, normal, Spacing::of(normal));
        }
        let mut seen = SeenPieces::new();
        for line in find_lines(normal) {
            if side == Side::Result {
                let spacing = Spacing::of(line);
                find_pieces(line, &mut |piece| {
                    if seen.is_new(piece) {
                        push_whole(digester, found, piece, spacing);
                    }
                });
            }
            if side == Side::Argument {
                find_hosts(line, &mut |part, value| push_host(digester, found, hosts, part, value));
            }
        }
        push_parts(digester, found, normal, side);
        // Of an argument without blanks, only what holds together by itself is compared: paths have common beginnings.
        if side == Side::Result || normal.trim().contains([' ', '\n', '\t']) || !normal.is_ascii() {
            shingler.find_runs(digester, normal, &mut |digest| found.push(digest));
        } else {
            for run in normal.split(|c: char| !c.is_alphanumeric()) {
                shingler.find_runs(digester, run, &mut |digest| found.push(digest));
            }
        }
    }

    /// Reads a reading of a text: of a result, only what the one before does not have.
    fn read_again(&mut self, reading: &Decoding, side: Side) {
        if side != Side::Result {
            return self.read_once(&reading.text, side);
        }
        if reading.changed.is_empty() {
            return;
        }
        let Self { digester, shingler, forms, normal, found, .. } = self;
        let changed = forms.normalize_ranges(&reading.text, &reading.changed, normal);
        if normal.len() <= MAX_WHOLE {
            push_whole(digester, found, normal, Spacing::of(normal));
        }
        let mut seen = SeenPieces::new();
        for line in find_lines(normal) {
            let of_line = changes_of(&range_of(normal.as_bytes(), line), &changed);
            if of_line.is_empty() {
                continue;
            }
            let spacing = Spacing::of(line);
            find_pieces(line, &mut |piece| {
                if is_changed(&range_of(normal.as_bytes(), piece), of_line) && seen.is_new(piece) {
                    push_whole(digester, found, piece, spacing);
                }
            });
        }
        for region in find_word_regions(normal, &changed).into_iter().filter(|region| region.len() >= MIN_BYTES) {
            push_parts(digester, found, normal.get(region).unwrap_or_default(), side);
        }
        for region in find_run_regions(normal, &changed) {
            let region = normal.get(region).unwrap_or_default();
            shingler.find_runs(digester, region, &mut |digest| found.push(digest));
        }
    }
}

/// Adds the numbers and the words of a text.
fn push_parts(digester: &Digester, found: &mut Vec<ValueKey>, text: &str, side: Side) {
    find_numbers(text, &mut |number| push(digester, found, number));
    find_parts(text, &mut |part, value| {
        if part == Part::Address || side == Side::Result {
            push(digester, found, value);
        }
    });
}

/// Adds what was found of a host.
fn push_host(digester: &Digester, found: &mut Vec<ValueKey>, hosts: &mut Vec<HostKeys>, part: Part, value: &str) {
    let name = value.strip_prefix("//").unwrap_or(value);
    let keys = || [name, value].map(|value| digester.digest(value.as_bytes()) as ValueKey);
    match part {
        Part::Host => hosts.push(HostKeys::Own(keys())),
        Part::Parent => hosts.push(HostKeys::Parent(keys())),
        _ => push(digester, found, value),
    }
}

/// Sorts digests and returns the room that this took: by their high bits in two halves, since many are soon sorted so, and then those
/// few that have these in common.
fn sort(keys: &mut Vec<ValueKey>) -> Vec<ValueKey> {
    const FEW: usize = 2_048;
    const HALF: u32 = 11;
    const LOW: u32 = ValueKey::BITS - 2 * HALF;
    let place = |key: ValueKey, shift: u32| (key >> shift) as usize % (1 << HALF);
    if keys.len() < FEW {
        keys.sort_unstable();
        return Vec::new();
    }
    let mut starts = [[0_u32; 1 << HALF]; 2];
    for key in keys.iter() {
        starts[0][place(*key, LOW)] += 1;
        starts[1][place(*key, LOW + HALF)] += 1;
    }
    let mut sorted: Vec<ValueKey> = vec![0; keys.len()];
    for (starts, shift) in starts.iter_mut().zip([LOW, LOW + HALF]) {
        let mut start = 0;
        for count in &mut *starts {
            start += std::mem::replace(count, start);
        }
        for key in keys.iter() {
            let next = &mut starts[place(*key, shift)];
            if let Some(cell) = sorted.get_mut(*next as usize) {
                *cell = *key;
            }
            *next += 1;
        }
        std::mem::swap(keys, &mut sorted);
    }
    let mut rest = keys.as_mut_slice();
    while let Some(at) = rest.windows(2).position(|pair| pair.first() > pair.last()) {
        let high = rest.get(at).map(|key| key >> LOW);
        let is_alike = |key: &&ValueKey| Some(**key >> LOW) == high;
        let start = at - rest.iter().take(at).rev().take_while(is_alike).count();
        let end = at + rest.iter().skip(at).take_while(is_alike).count();
        let (alike, behind) = rest.split_at_mut(end);
        alike.get_mut(start..).unwrap_or_default().sort_unstable();
        rest = behind;
    }
    sorted
}

/// Keeps one of each of sorted digests. There is no branch for each.
fn keep_one(keys: &mut Vec<ValueKey>) {
    let mut count = 0;
    for at in 0..keys.len() {
        let (key, next) = (keys.get(at).copied(), keys.get(at + 1).copied());
        if let (Some(key), Some(cell)) = (key, keys.get_mut(count)) {
            *cell = key;
        }
        count += usize::from(key != next);
    }
    keys.truncate(count);
}

/// Whether a string is as base64 of a file is: long, and one line or lines of one width.
fn is_data(text: &str) -> bool {
    if text.len() < DATA || !text.bytes().all(is_base64_line) {
        return false;
    }
    let mut lines = text.split(['\n', '\r']).filter(|line| !line.is_empty());
    let width = lines.next().map_or(0, str::len);
    let mut is_last = false;
    width >= MIN_DATA_LINE
        && lines.all(|line| !std::mem::replace(&mut is_last, line.len() != width) && line.len() <= width)
}

/// Adds a text as a whole, if it is distinctive.
fn push_whole(digester: &Digester, found: &mut Vec<ValueKey>, text: &str, spacing: Spacing) {
    if let Some(whole) = find_whole(text, spacing) {
        push(digester, found, &whole);
    }
}

fn push(digester: &Digester, found: &mut Vec<ValueKey>, value: &str) {
    found.push(digester.digest(value.as_bytes()) as ValueKey);
}
