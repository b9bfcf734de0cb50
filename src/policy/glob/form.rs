//! Names as globs look at them: with a sketch that tells at once that most globs do not match.

use std::borrow::Cow;
use std::ops::Deref;

/// A name, or another text that globs are compared with, and its sketch.
#[derive(Clone, Debug)]
pub struct Form<'t> {
    text: Cow<'t, str>,
    pub(super) sketch: Sketch,
}

impl<'t> Form<'t> {
    pub(in crate::policy) fn new(text: impl Into<Cow<'t, str>>) -> Self {
        let text = text.into();
        let mut sketch = Sketch::default();
        sketch.add(&text);
        Self { text, sketch }
    }

    pub(in crate::policy) fn into_text(self) -> String {
        self.text.into_owned()
    }
}

impl Deref for Form<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Form<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Which pairs of neighbouring bytes are somewhere in a text, with several pairs for one bit.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::policy) struct Sketch([u64; 4]);

impl Sketch {
    /// Returns the sketch of several texts together.
    pub(in crate::policy) fn of_all<'f>(forms: impl Iterator<Item = &'f Form<'static>>) -> Self {
        forms.fold(Self::default(), |all, form| {
            let mut words = all.0;
            words.iter_mut().zip(form.sketch.0).for_each(|(word, more)| *word |= more);
            Self(words)
        })
    }

    pub(super) fn add(&mut self, text: &str) {
        for (one, next) in text.bytes().zip(text.bytes().skip(1)) {
            let hash = one.wrapping_mul(31) ^ next.wrapping_mul(151);
            if let Some(word) = self.0.get_mut(usize::from(hash >> 6)) {
                *word |= 1 << (hash & 63);
            }
        }
    }

    /// Whether a text with this sketch may have all of what the other one is of.
    pub(super) fn may_have(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, wanted)| wanted & !own == 0)
    }
}
