//! Globs for the [frames](crate::wire::fold::find_frame) of names, in which a character has become several, or none.

use super::{Pattern, Token};
use crate::wire::fold::{LONGEST_FRAME, find_char_frame, is_char_frame};

impl Pattern {
    /// Returns the glob for the frames of all names that this one matches.
    pub(in crate::policy) fn frame(&self) -> Self {
        Self::new(self.tokens.iter().flat_map(Token::frame).collect())
    }

    /// Whether the glob matches all of a frame. Its tokens stand for texts of several lengths.
    pub(in crate::policy) fn matches_frame(&self, frame: &str) -> bool {
        if !self.tokens.iter().any(|token| matches!(token, Token::Frame | Token::Frames(_))) {
            return self.matches(frame);
        }
        let chars: Vec<char> = frame.chars().collect();
        // Where a match of the tokens so far can end.
        let mut ends = vec![false; chars.len() + 1];
        ends.first_mut().into_iter().for_each(|start| *start = true);
        for token in &self.tokens {
            let mut next = vec![false; ends.len()];
            for (at, rest) in
                (0..).map_while(|at| Some((at, chars.get(at..)?))).filter(|(at, _)| ends.get(*at) == Some(&true))
            {
                let is_long = matches!(token, Token::Star | Token::Segment);
                let longest = if is_long { rest.len() } else { LONGEST_FRAME };
                let reached = next.iter_mut().skip(at).take(longest + 1).enumerate();
                reached.filter(|(length, end)| !**end && token.accepts(rest, *length)).for_each(|(_, end)| *end = true);
                if matches!(token, Token::Star) {
                    break;
                }
            }
            ends = next;
        }
        ends.last() == Some(&true)
    }
}

impl Token {
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

    /// Whether the token can stand for that many characters of what comes next.
    fn accepts(&self, rest: &[char], length: usize) -> bool {
        let Some(text) = rest.get(..length) else { return false };
        match (self, text) {
            (Self::Star, _) => true,
            (Self::Segment, text) => !text.contains(&'/'),
            (Self::Frame, text) => is_char_frame(text),
            (Self::Frames(frames), text) => frames.iter().any(|frame| frame.chars().eq(text.iter().copied())),
            (token, [c]) => token.accepts_char(*c),
            _ => false,
        }
    }
}
