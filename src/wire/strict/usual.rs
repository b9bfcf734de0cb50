//! What nearly all messages have, as nearly all write it: it is compared as a whole, where it would be found byte by byte otherwise. What
//! is written in another way, or stands where it is not expected, is left to the scan.

use super::{OTHER, Outermost, PARAMS, RESULT, Scan};

/// A member as nearly all write it: its place, the bytes up to its value, and those that are known in all.
pub(super) struct Usual {
    pub(super) place: usize,
    pub(super) key: usize,
    pub(super) length: usize,
}

/// What the result of most tools begins with, up to the quote of its text.
pub(super) const USUAL_CONTENT: &[u8; 34] = b"\"content\":[{\"type\":\"text\",\"text\":\"";

impl Scan<'_, '_> {
    /// Finds a member of a message, for the first time, that is written as nearly all write it, whatever the order: what would be
    /// found byte by byte is compared as a whole.
    #[inline]
    pub(super) fn find_usual_member(&self, at: usize) -> Option<Usual> {
        let rest = self.bytes.get(at..).filter(|_| self.outermost == Outermost::Message)?;
        let (place, key, length) = match rest.get(1)? {
            b'j' if rest.first_chunk() == Some(b"\"jsonrpc\":\"2.0\"") => (0, 10, 15),
            b'i' if rest.first_chunk() == Some(b"\"id\":") => (1, 5, 5),
            b'm' if rest.first_chunk() == Some(b"\"method\":\"tools/call\"") => (2, 9, 21),
            b'p' if rest.first_chunk() == Some(b"\"params\":{") => (PARAMS, 9, 9),
            b'r' if rest.first_chunk() == Some(b"\"result\":{") => (RESULT, 9, 9),
            _ => return None,
        };
        (self.members.get(place) == Some(&None)).then_some(Usual { place, key, length })
    }

    /// Whether the members of a result, of which no keys are judged, begin as those of nearly all tools: with a text, whose value is
    /// next. Then its containers are known.
    #[inline]
    pub(super) fn is_usual_content(&self, at: usize) -> bool {
        let is_result = self.depth.0 < 2 && self.member.0 == RESULT;
        is_result && self.bytes.get(at..).and_then(|rest| rest.first_chunk()) == Some(USUAL_CONTENT)
    }

    /// Finds a member of the parameters that nearly all calls have, from its key on, and returns the length of the key.
    #[inline]
    pub(super) fn find_usual_param(&self, start: usize) -> Option<(usize, usize)> {
        let rest = self.bytes.get(start..)?;
        match rest.first()? {
            b'n' if rest.first_chunk() == Some(b"name\":") => Some((OTHER + 1, 4)),
            b'a' if rest.first_chunk() == Some(b"arguments\":") => Some((OTHER + 2, 9)),
            _ => None,
        }
    }
}
