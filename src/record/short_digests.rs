//! Keyed BLAKE3 of several short texts at once. In a text by itself, each step waits for the one before.

use super::arguments::DigestKey;

/// How many texts are digested together.
pub(super) const TOGETHER: usize = 8;

/// The longest text: one block, which needs no tree.
pub(super) const MAX_SHORT: usize = 64;

/// The first half of a digest.
pub(super) type HalfDigest = [u8; 16];

/// A text of some length, followed by zeros.
pub(super) type ShortText<'t> = (&'t [u8; MAX_SHORT], u8);

/// Returns the first halves of the digests; `None` if the processor cannot do it together.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn digest_together(_: &DigestKey, _: &[ShortText<'_>; TOGETHER]) -> Option<[HalfDigest; TOGETHER]> {
    None
}

#[cfg(target_arch = "x86_64")]
pub(super) use lanes::digest_together;

#[cfg(target_arch = "x86_64")]
mod lanes {
    use fearless_simd::{Level, Simd, SimdBase, u32x8};

    use super::{DigestKey, HalfDigest, ShortText, TOGETHER};

    /// Returns the first halves of the digests; `None` if the processor cannot do it together.
    // By itself, so that what digests cost is counted as such.
    #[inline(never)]
    pub(in super::super) fn digest_together(
        DigestKey(key): &DigestKey,
        texts: &[ShortText<'_>; TOGETHER],
    ) -> Option<[HalfDigest; TOGETHER]> {
        // Loops by number are inlined without link-time optimisation as well.
        let avx2 = Level::new().as_avx2()?;
        let key = key.as_chunks().0.first_chunk()?;
        let (mut words, mut lengths, mut at) = ([[0; TOGETHER]; 16], [0; TOGETHER], 0);
        while at < TOGETHER {
            let (text, length) = texts[at];
            let (parts, mut word) = (text.as_chunks().0, 0);
            while word < words.len() {
                words[word][at] = u32::from_le_bytes(parts[word]);
                word += 1;
            }
            lengths[at] = u32::from(length);
            at += 1;
        }
        let halves = avx2.vectorize(
            #[inline(always)]
            || compress(avx2, key, &words, lengths),
        );
        let (mut digests, mut at) = ([[0; 16]; TOGETHER], 0);
        while at < TOGETHER {
            let [one, two, three, four] = &halves;
            let words = [one[at], two[at], three[at], four[at]];
            digests[at].copy_from_slice(words.map(u32::to_le_bytes).as_flattened());
            at += 1;
        }
        Some(digests)
    }

    /// Compresses a block of each text: the algorithm of BLAKE3's specification, section 2.2, where each word is a vector with a lane
    /// for each text. Returns the first four words.
    #[inline(always)]
    fn compress<S: Simd>(
        simd: S,
        key: &[[u8; 4]; 8],
        words: &[[u32; TOGETHER]; 16],
        lengths: [u32; TOGETHER],
    ) -> [[u32; TOGETHER]; 4] {
        const IV: [u32; 4] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a];
        // The first and last block of the only chunk, which is the root, under a key.
        const FLAGS: u32 = 1 | 1 << 1 | 1 << 3 | 1 << 4;
        const PERMUTATION: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
        let mut v = [u32x8::splat(simd, FLAGS); 16];
        let mut at = 0;
        while at < key.len() {
            v[at] = u32x8::splat(simd, u32::from_le_bytes(key[at]));
            at += 1;
        }
        let mut at = 0;
        while at < IV.len() {
            v[8 + at] = u32x8::splat(simd, IV[at]);
            at += 1;
        }
        (v[12], v[13]) = (u32x8::splat(simd, 0), u32x8::splat(simd, 0));
        v[14] = u32x8::load_array(simd, lengths);
        let (mut m, mut at) = (v, 0);
        while at < m.len() {
            m[at] = u32x8::load_array_ref(simd, &words[at]);
            at += 1;
        }
        let mut round = 0;
        while round < 7 {
            mix(&mut v, [0, 4, 8, 12], m[0], m[1]);
            mix(&mut v, [1, 5, 9, 13], m[2], m[3]);
            mix(&mut v, [2, 6, 10, 14], m[4], m[5]);
            mix(&mut v, [3, 7, 11, 15], m[6], m[7]);
            mix(&mut v, [0, 5, 10, 15], m[8], m[9]);
            mix(&mut v, [1, 6, 11, 12], m[10], m[11]);
            mix(&mut v, [2, 7, 8, 13], m[12], m[13]);
            mix(&mut v, [3, 4, 9, 14], m[14], m[15]);
            let (before, mut at) = (m, 0);
            while at < m.len() {
                m[at] = before[PERMUTATION[at]];
                at += 1;
            }
            round += 1;
        }
        [(v[0] ^ v[8]).to_array(), (v[1] ^ v[9]).to_array(), (v[2] ^ v[10]).to_array(), (v[3] ^ v[11]).to_array()]
    }

    #[inline(always)]
    fn mix<S: Simd>(v: &mut [u32x8<S>; 16], [a, b, c, d]: [usize; 4], x: u32x8<S>, y: u32x8<S>) {
        v[a] = v[a] + v[b] + x;
        v[d] = rotate::<S, 16>(v[d] ^ v[a]);
        v[c] += v[d];
        v[b] = rotate::<S, 12>(v[b] ^ v[c]);
        v[a] = v[a] + v[b] + y;
        v[d] = rotate::<S, 8>(v[d] ^ v[a]);
        v[c] += v[d];
        v[b] = rotate::<S, 7>(v[b] ^ v[c]);
    }

    #[inline(always)]
    fn rotate<S: Simd, const BY: u32>(word: u32x8<S>) -> u32x8<S> {
        word >> BY | word << (32 - BY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_together_have_the_digests_that_each_has_by_itself() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for round in 0..2_000 {
            let key = [(); 32].map(|()| random() as u8);
            // Each length comes in each lane.
            let texts: [_; TOGETHER] = std::array::from_fn(|lane| {
                let (mut text, length) = ([0; MAX_SHORT], (round + lane) % (MAX_SHORT + 1));
                text[..length].fill_with(|| random() as u8);
                (text, length)
            });
            let Some(together) =
                digest_together(&DigestKey(key), &texts.each_ref().map(|(text, length)| (text, *length as u8)))
            else {
                return;
            };
            for ((text, length), half) in texts.iter().zip(together) {
                assert_eq!(blake3::keyed_hash(&key, &text[..*length]).as_bytes()[..16], half);
            }
        }
    }
}
