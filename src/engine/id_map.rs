//! What is looked up by an id or a name: they are short, in nearly all messages.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use crate::wire::kept_text::KeptText;

/// A map whose keys are ids or names. What a key hashes as a `u16` is its place among its neighbours.
pub(super) type IdMap<K, V> = HashMap<K, V, IdHashing>;

/// Hashes with a secret of its map, so that nobody can foretell which ids have one hash.
#[derive(Clone, Copy)]
pub(super) struct IdHashing {
    start: u64,
    factor: u64,
}

impl std::fmt::Debug for IdHashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdHashing")
    }
}

impl Default for IdHashing {
    fn default() -> Self {
        // A map of the standard library has a secret as well.
        let other = HashMap::<u8, u8>::new();
        Self { start: other.hasher().hash_one(0), factor: other.hasher().hash_one(1) | 1 }
    }
}

impl BuildHasher for IdHashing {
    type Hasher = IdHasher;

    #[inline]
    fn build_hasher(&self) -> IdHasher {
        IdHasher { hash: self.start, factor: self.factor }
    }
}

pub(super) struct IdHasher {
    hash: u64,
    factor: u64,
}

impl Hasher for IdHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        // Its last byte tells how many there are.
        self.write_u64(read_word(rest) | (rest.len() as u64) << 56);
    }

    #[inline]
    fn write_u8(&mut self, byte: u8) {
        self.write_u64(u64::from(byte));
    }

    /// Both halves of the product make the hash: each bit of the number changes each bit of it.
    #[inline]
    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.hash ^ number) * u128::from(self.factor);
        self.hash = (product as u64) ^ (product >> 64) as u64;
    }

    /// Sets the last three bits: ids that count up have their places side by side, which is how memory is read fastest.
    #[inline]
    fn write_u16(&mut self, place: u16) {
        self.hash = self.hash & !7 | u64::from(place & 7);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.hash
    }
}

/// Returns up to eight bytes as a number, the first one in its lowest bits.
#[inline]
fn read_word(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        // They overlap where there are fewer than eight.
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (bytes.len() - 4))
        }
        _ => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// An id as its sender wrote it.
pub(super) type IdText = KeptText<24>;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::wire::id::IdKey;

    #[test]
    fn ids_that_count_up_and_names_have_hashes_that_differ_in_all_bits() {
        // A secret of its own each time: with one in some dozens, few of the bits that are looked at differ.
        let hashing = IdHashing { start: 0x243f_6a88_85a3_08d3, factor: 0x1319_8a2e_0370_7345 };
        let ids = (0..4_096).map(|id: u32| hashing.hash_one(IdKey::parse(id.to_string().as_bytes()).unwrap()));
        let names = (0..4_096).map(|id: u32| hashing.hash_one(format!("tool_{id}").as_str()));
        let lengths = (0..64).map(|len| hashing.hash_one("\0".repeat(len).as_str()));
        for hashes in [ids.collect::<Vec<_>>(), names.collect(), lengths.collect()] {
            assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), hashes.len());
            // The table takes its place from the lowest bits, and seven more from the highest.
            for shift in [0, 25, 57] {
                let buckets: HashSet<_> = hashes.iter().map(|hash| hash >> shift & 0x7f).collect();
                assert!(buckets.len() > hashes.len().min(128) / 3, "{} of {}", buckets.len(), hashes.len());
            }
        }
        let [one, other] = [IdHashing::default(), IdHashing::default()];
        assert_ne!(one.hash_one("a"), other.hash_one("a"));
        assert_ne!(hashing.hash_one("a"), other.hash_one("a"));
    }
}
