//! What is done with the keys of objects whose values are passed over by their grammar. Keys with escapes are left to the scan.

/// Judges the keys of the open objects.
pub(super) trait KeyJudge {
    /// An object begins. `None` if there are too many.
    fn open_object(&mut self) -> Option<()>;

    fn close_object(&mut self);

    /// The innermost object has this key, as written, between quotes at these places. `None` if only the scan can judge it.
    fn add_key(&mut self, bytes: &[u8], place: (usize, usize)) -> Option<()>;
}

/// Nobody judges the keys.
pub(super) struct AnyKeys;

impl KeyJudge for AnyKeys {
    #[inline(always)]
    fn open_object(&mut self) -> Option<()> {
        Some(())
    }

    #[inline(always)]
    fn close_object(&mut self) {}

    #[inline(always)]
    fn add_key(&mut self, _: &[u8], _: (usize, usize)) -> Option<()> {
        Some(())
    }
}

/// More keys around a value are left to the scan.
const MAX_KEYS: usize = 64;

/// Deeper objects are left to the scan.
pub(super) const MAX_OBJECTS: usize = 16;

/// No key stands twice in an object.
#[derive(Debug)]
pub(super) struct DistinctKeys {
    objects: [ObjectKeys; MAX_OBJECTS],
    depth: usize,
    /// Where they begin and end.
    keys: [(usize, usize); MAX_KEYS],
    count: usize,
}

impl Default for DistinctKeys {
    fn default() -> Self {
        Self { objects: [ObjectKeys::default(); _], depth: 0, keys: [(0, 0); _], count: 0 }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct ObjectKeys {
    /// Which of the kept keys is its first.
    first: usize,
    /// Each of its keys sets one of these bits: one that sets another is none of them.
    prints: u64,
}

impl DistinctKeys {
    /// Begins with a value that is in no object. What is kept is not cleared, since nobody looks at it.
    #[inline]
    pub(super) fn begin(&mut self) -> &mut Self {
        (self.depth, self.count) = (0, 0);
        self
    }

    #[inline(never)]
    fn has_key(&self, bytes: &[u8], key: &[u8], first: usize) -> bool {
        let before = self.keys.get(first..self.count).unwrap_or_default();
        before.iter().any(|(start, end)| bytes.get(*start..*end) == Some(key))
    }
}

impl KeyJudge for DistinctKeys {
    #[inline(always)]
    fn open_object(&mut self) -> Option<()> {
        *self.objects.get_mut(self.depth)? = ObjectKeys { first: self.count, prints: 0 };
        self.depth += 1;
        Some(())
    }

    #[inline(always)]
    fn close_object(&mut self) {
        self.depth = self.depth.wrapping_sub(1);
        self.count = self.objects.get(self.depth).map_or(0, |object| object.first);
    }

    #[inline(always)]
    fn add_key(&mut self, bytes: &[u8], (start, end): (usize, usize)) -> Option<()> {
        let ObjectKeys { first, prints } = *self.objects.get(self.depth.wrapping_sub(1))?;
        let print = key_print(bytes, start, end);
        if prints & print != 0 && self.has_key(bytes, bytes.get(start..end)?, first) {
            return None;
        }
        self.objects.get_mut(self.depth.wrapping_sub(1))?.prints = prints | print;
        *self.keys.get_mut(self.count)? = (start, end);
        self.count += 1;
        Some(())
    }
}

/// Returns a bit for a key: keys that set different ones are different.
#[inline(always)]
fn key_print(bytes: &[u8], start: usize, end: usize) -> u64 {
    // Of an empty key, these are the quotes.
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let ends = u32::from(byte(start) ^ byte(end.wrapping_sub(1)).rotate_left(2));
    1 << ((((end - start) as u32).wrapping_mul(9) ^ ends) % u64::BITS)
}
