//! What is noted of members while a line is read, so that nobody has to look for them again.

use crate::wire::text::is_plain_key;

/// The members of a call's parameters as written, if there are no others. A second look at the line is spared by them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallMembers<'l> {
    /// The name.
    pub name: Option<&'l str>,
    /// The arguments.
    pub arguments: Option<&'l str>,
    /// What is said about the call.
    pub meta: Option<&'l str>,
    /// Whether they are all. If not, the parameters have to be looked at.
    pub is_whole: bool,
}

/// The keys of these, in their order.
pub(super) const CALL_MEMBER_KEYS: [&str; 3] = ["name", "arguments", "_meta"];

/// Marks of keys, by which most names are told not to be among them. Only of plain keys do their lengths and first letters say enough:
/// of printable ASCII, without escapes or blanks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyMarks(u64);

impl KeyMarks {
    /// What may be any keys.
    pub const ANY: Self = Self(u64::MAX);
    /// The key of nearly all results.
    pub(super) const CONTENT: Self = Self(Self::mark(b"content"));
    const NOT_PLAIN: u64 = 1 << 63;

    /// Whether some key may be this name, of ASCII, or be taken for it by some parser.
    pub fn may_have(self, name: &str) -> bool {
        self.0 & (Self::NOT_PLAIN | Self::mark(name.as_bytes())) != 0
    }

    /// Of a plain key no parser takes more than its case for another.
    #[inline]
    const fn mark(key: &[u8]) -> u64 {
        let first = match key.first() {
            Some(first) => first.to_ascii_lowercase() as usize,
            None => 0,
        };
        1 << ((key.len() + 5 * first) % 64)
    }

    #[inline]
    pub(super) fn add(&mut self, key: &[u8]) {
        self.0 |= if is_plain_key(key) { Self::mark(key) } else { Self::NOT_PLAIN };
    }

    #[inline]
    pub(super) fn join(&mut self, others: Self) {
        self.0 |= others.0;
    }
}
