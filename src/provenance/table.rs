//! Digests and the sources that they came from, in six bytes each.

use super::values::ValueKey;

/// The number of a source. Zero is a free cell.
pub(super) type SourceNumber = u16;

/// How large the table is at first.
const SMALLEST: usize = 1024;

/// From which size on it is filled almost completely: that of a million values.
const LARGEST: usize = 1 << 20;

/// An open table. A digest that came from several sources is in it several times.
#[derive(Debug, Default)]
pub(super) struct Table {
    keys: Vec<ValueKey>,
    sources: Vec<SourceNumber>,
    count: usize,
}

impl Table {
    /// How many bytes it takes.
    pub(super) fn size(&self) -> usize {
        self.keys.len() * size_of::<ValueKey>() + self.sources.len() * size_of::<SourceNumber>()
    }

    /// Returns the sources of a digest, in the order in which they were added.
    pub(super) fn find(&self, key: ValueKey) -> impl Iterator<Item = SourceNumber> + '_ {
        let mut at = self.first_place(key);
        std::iter::from_fn(move || {
            loop {
                let (found, source) = (*self.keys.get(at)?, *self.sources.get(at)?);
                at = (at + 1) & (self.keys.len() - 1);
                match source {
                    0 => return None,
                    _ if found == key => return Some(source),
                    _ => {}
                }
            }
        })
    }

    /// Whether a digest has a source.
    #[inline]
    pub(super) fn has(&self, key: ValueKey) -> bool {
        let mut at = self.first_place(key);
        while let (Some(found), Some(1..)) = (self.keys.get(at), self.sources.get(at)) {
            if *found == key {
                return true;
            }
            at = (at + 1) & (self.keys.len() - 1);
        }
        false
    }

    /// Adds digests with a source.
    pub(super) fn add_all(&mut self, keys: impl ExactSizeIterator<Item = ValueKey>, source: SourceNumber) {
        // In rising order, the first of many would all go to the beginning of a table that is too small for all of them.
        self.grow_for(self.count + keys.len());
        keys.for_each(|key| self.add(key, source));
    }

    fn add(&mut self, key: ValueKey, source: SourceNumber) {
        let mut at = self.first_place(key);
        while self.sources.get(at).is_some_and(|source| *source != 0) {
            at = (at + 1) & (self.keys.len() - 1);
        }
        if let (Some(cell), Some(of)) = (self.keys.get_mut(at), self.sources.get_mut(at)) {
            (*cell, *of) = (key, source);
            self.count += 1;
        }
    }

    /// By the high bits: whoever adds or looks up digests in their order goes through the table once, from its beginning to its end.
    #[inline]
    fn first_place(&self, key: ValueKey) -> usize {
        ((u64::from(key) * self.keys.len() as u64) >> 32) as usize
    }

    /// Makes room for so many.
    fn grow_for(&mut self, count: usize) {
        // At a half a digest that is not there is known to be so after two or three cells. The largest table is filled further.
        let most = |size: usize| if size < LARGEST { size / 2 } else { size / 64 * 63 };
        if count <= most(self.keys.len()) {
            return;
        }
        let mut size = (self.keys.len() * 2).max(SMALLEST);
        while most(size) < count {
            size *= 2;
        }
        let old = std::mem::replace(self, Self { keys: vec![0; size], sources: vec![0; size], count: 0 });
        // The order of the sources of one digest is that of its cells, behind the first that was free.
        let start = old.sources.iter().position(|source| *source == 0).unwrap_or(0);
        let (before, from) = (0..start, start..old.sources.len());
        for at in from.chain(before) {
            if let (Some(key), Some(source)) = (old.keys.get(at), old.sources.get(at))
                && *source != 0
            {
                self.add(*key, *source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_digest_keeps_its_sources_in_their_order() {
        let mut table = Table::default();
        // Many of their cells lie beside each other; the last ones go over the end.
        let spread = (0..20_000_u32).map(|n| n.wrapping_mul(0x9e37_79b1));
        let keys: Vec<ValueKey> = spread.chain((0..50).map(|n| ValueKey::MAX - n)).collect();
        for source in [3, 1, 2] {
            // Some at a time, so that the table grows between them.
            keys.chunks(700).for_each(|keys| table.add_all(keys.iter().copied(), source));
        }
        for key in &keys {
            assert_eq!(table.find(*key).collect::<Vec<_>>(), [3, 1, 2], "{key}");
        }
        assert_eq!(table.find(123_456_789).count(), 0);
        assert_eq!(Table::default().find(1).count(), 0);
    }
}
