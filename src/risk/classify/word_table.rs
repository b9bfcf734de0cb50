//! Words in groups, found in constant time by a table that the compiler makes: the classifier looks up each word of each text
//! in several forms.

/// A word: its group, its length, and where it begins in the group. The length is zero in an empty slot.
type Slot = (u8, u8, u16);

const EMPTY: Slot = (0, 0, 0);

/// Groups of words in lower-case ASCII with blanks or newlines between them. A word that is in several groups is found in the
/// first. There must be more slots than words.
pub(super) struct WordTable<const SLOTS: usize> {
    groups: &'static [&'static str],
    slots: [Slot; SLOTS],
}

impl<const SLOTS: usize> WordTable<SLOTS> {
    pub(super) const fn new(groups: &'static [&'static str]) -> Self {
        let mut slots = [EMPTY; SLOTS];
        let mut group = 0;
        while group < groups.len() {
            let text = groups[group].as_bytes();
            let mut start = 0;
            while start < text.len() {
                let mut end = start;
                while end < text.len() && !is_between(text[end]) {
                    end += 1;
                }
                if end > start {
                    let mut slot = hash(text, start, end) % SLOTS;
                    while slots[slot].1 != 0 {
                        slot = (slot + 1) % SLOTS;
                    }
                    slots[slot] = (group as u8, (end - start) as u8, start as u16);
                }
                start = end + 1;
            }
            group += 1;
        }
        Self { groups, slots }
    }

    /// Returns the number of the group that has a word, and the word in it.
    pub(super) fn find(&self, word: &str) -> Option<(usize, &'static str)> {
        let first = hash(word.as_bytes(), 0, word.len()) % SLOTS;
        for slot in (first..SLOTS).chain(0..first) {
            let &(group, length, start) = self.slots.get(slot).filter(|slot| **slot != EMPTY)?;
            if usize::from(length) == word.len() {
                let (group, start) = (usize::from(group), usize::from(start));
                let known = self.groups.get(group)?.get(start..start + word.len())?;
                if known == word {
                    return Some((group, known));
                }
            }
        }
        None
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.find(word).is_some()
    }
}

const fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n')
}

/// FNV-1a, of which the highest bits are mixed into the lowest.
const fn hash(text: &[u8], start: usize, end: usize) -> usize {
    let mut hash = 0x811c_9dc5_u32;
    let mut at = start;
    while at < end {
        hash = (hash ^ text[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ (hash >> 15)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_found_in_its_first_group() {
        const GROUPS: [&str; 3] = ["get  put\nde", "", "delete get del put_it"];
        static TABLE: WordTable<8> = WordTable::new(&GROUPS);
        for (word, group) in [("get", 0), ("put", 0), ("de", 0), ("delete", 2), ("del", 2), ("put_it", 2)] {
            assert_eq!(TABLE.find(word), Some((group, word)));
        }
        for word in ["", " ", "ge", "gets", "d", "dele", "put ", "get  put", "\n", "é", "put\nde"] {
            assert!(!TABLE.has(word), "{word:?}");
        }
    }
}
