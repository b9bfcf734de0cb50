//! Where a scan is: the containers that are open, and the keys of those that are judged.

/// An open container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) kind: LevelKind,
    /// Where its keys begin.
    pub(super) keys: u32,
    /// The lengths of its keys, each modulo 64: one of another length is none of them.
    pub(super) lengths: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum LevelKind {
    Array,
    Object,
}

impl Level {
    /// What is around the outermost value.
    pub(super) const OUTSIDE: Self = Self { kind: LevelKind::Array, keys: 0, lengths: 0 };
}

/// A key: in the line, or decoded in the reader's arena.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyPlace {
    /// `start << 1`, with the lowest bit set if the key is in the arena.
    pub(super) place: u32,
    pub(super) len: u32,
}

impl KeyPlace {
    /// `None` if it is too far away.
    #[inline]
    pub(super) fn new(start: usize, len: usize, arena: u32) -> Option<Self> {
        let (start, len) = (start as u64, len as u64);
        (start >> 31 | len >> 32 == 0).then_some(Self { place: (start as u32) << 1 | arena, len: len as u32 })
    }
}
