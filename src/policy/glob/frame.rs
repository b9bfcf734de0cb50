//! Globs for the [frames](crate::wire::fold::find_frame) of names, in which a character has become several, or none.

use super::{Form, Pattern, Token};
use crate::policy::work::Work;
use crate::wire::fold::{find_char_frame, find_frame_lengths};

impl Pattern {
    /// Returns the glob for the frames of all names that this one matches.
    pub(in crate::policy) fn frame(&self) -> Self {
        match self.tokens.iter().all(Token::is_own_frame) {
            true => self.clone(),
            false => Self::new(self.tokens.iter().flat_map(Token::frame).collect()),
        }
    }

    /// Whether the glob matches all of a frame, if there is enough work left. Its tokens stand for texts of several lengths.
    pub(in crate::policy) fn matches_frame(&self, frame: &Form<'_>, work: &Work) -> bool {
        if !self.tokens.iter().any(|token| matches!(token, Token::Frame | Token::Frames(_))) {
            return self.matches_within(frame, work);
        }
        if !self.may_match(frame, work) {
            return false;
        }
        let chars: Vec<char> = frame.chars().collect();
        // Where a match of the tokens so far can end.
        let mut ends = vec![false; chars.len() + 1];
        ends.first_mut().into_iter().for_each(|start| *start = true);
        let mut next = vec![false; ends.len()];
        for token in &self.tokens {
            next.fill(false);
            let mut cost = ends.len();
            for (at, _) in ends.iter().enumerate().filter(|(_, is_end)| **is_end) {
                let (rest, after) = (chars.get(at..).unwrap_or_default(), next.get_mut(at..).unwrap_or_default());
                cost = cost.saturating_add(token.mark_ends(rest, after));
                // A star reaches all that comes after.
                if matches!(token, Token::Star) {
                    break;
                }
            }
            work.spend(cost);
            if work.is_exhausted() || !next.contains(&true) {
                return false;
            }
            std::mem::swap(&mut ends, &mut next);
        }
        ends.last() == Some(&true)
    }
}

impl Token {
    /// Whether the token stands for itself in frames, as nearly all do.
    fn is_own_frame(&self) -> bool {
        match self {
            Self::Char(c) => c.is_ascii_graphic() && !c.is_ascii_uppercase(),
            Self::Star | Self::Segment | Self::Frame | Self::Frames(_) => true,
            Self::One | Self::Set(_) => false,
        }
    }

    /// The frames of what the token accepts, as tokens.
    fn frame(&self) -> Vec<Self> {
        const LARGEST_SET: usize = 1024;
        match self {
            Self::Char(c) => find_char_frame(*c).chars().map(Self::Char).collect(),
            Self::One => vec![Self::Frame],
            Self::Set(ranges) => {
                let chars = || ranges.iter().flat_map(|(low, high)| *low..=*high);
                if chars().nth(LARGEST_SET).is_some() {
                    return vec![Self::Frame];
                }
                let frames: Vec<String> = chars().map(find_char_frame).collect();
                let single =
                    |frame: &String| frame.chars().next().filter(|c| c.len_utf8() == frame.len()).map(|c| (c, c));
                let set = frames.iter().map(single).collect::<Option<Vec<_>>>();
                vec![set.map_or(Self::Frames(frames), Self::Set)]
            }
            Self::Star | Self::Segment | Self::Frame | Self::Frames(_) => vec![self.clone()],
        }
    }

    /// Marks where what the token stands for can end at the beginning of `rest`, by length, and returns the work that it took.
    fn mark_ends(&self, rest: &[char], ends: &mut [bool]) -> usize {
        const FRAME_WORK: usize = 64;
        let mut mark = |length: usize| ends.get_mut(length).map_or((), |end| *end = true);
        match self {
            Self::Star | Self::Segment => {
                let is_whole = matches!(self, Self::Star);
                let reach = rest.iter().position(|c| *c == '/' && !is_whole).unwrap_or(rest.len());
                (0..=reach).for_each(mark);
                reach
            }
            Self::Frame => {
                find_frame_lengths(rest).for_each(mark);
                FRAME_WORK
            }
            Self::Frames(frames) => {
                for frame in frames {
                    let length = frame.chars().count();
                    if rest.get(..length).is_some_and(|text| frame.chars().eq(text.iter().copied())) {
                        mark(length);
                    }
                }
                frames.len() * Pattern::LOOK
            }
            token => {
                if rest.first().is_some_and(|c| token.accepts_char(*c)) {
                    mark(1);
                }
                Pattern::STEP + token.ranges()
            }
        }
    }
}
