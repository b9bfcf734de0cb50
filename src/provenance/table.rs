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

    /// Adds a digest with a source.
    pub(super) fn add(&mut self, key: ValueKey, source: SourceNumber) {
        // At three quarters a digest that is not there is known to be so after about eight cells. The largest table is filled further.
        let most = if self.keys.len() < LARGEST { self.keys.len() / 4 * 3 } else { self.keys.len() / 64 * 63 };
        if self.count >= most {
            self.grow();
        }
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
    fn first_place(&self, key: ValueKey) -> usize {
        ((u64::from(key) * self.keys.len() as u64) >> 32) as usize
    }

    fn grow(&mut self) {
        let size = (self.keys.len() * 2).max(SMALLEST);
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
            keys.iter().for_each(|key| table.add(*key, source));
        }
        for key in &keys {
            assert_eq!(table.find(*key).collect::<Vec<_>>(), [3, 1, 2], "{key}");
        }
        assert_eq!(table.find(123_456_789).count(), 0);
        assert_eq!(Table::default().find(1).count(), 0);
    }
}
