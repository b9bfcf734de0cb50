//! A piece of a message that is kept until its answer comes. A short one, as most are, needs no memory of its own.

use std::ops::Deref;
use std::sync::Arc;

/// A text, of which up to `N` bytes are kept in place; `N` is less than 256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeptText<const N: usize> {
    /// Its length, and its bytes followed by zeros.
    Short(u8, Aligned<N>),
    /// A longer one, which clones share.
    Long(Arc<str>),
}

/// Bytes that are checked by words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(align(8))]
pub(crate) struct Aligned<const N: usize>([u8; N]);

impl<const N: usize> KeptText<N> {
    /// Returns its length in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Short(len, _) => usize::from(*len),
            Self::Long(text) => text.len(),
        }
    }

    /// Returns it followed by zeros, and its length, if it is kept in place.
    pub(crate) fn short(&self) -> Option<(&[u8; N], u8)> {
        match self {
            Self::Short(len, Aligned(bytes)) => Some((bytes, *len)),
            Self::Long(_) => None,
        }
    }
}

impl<const N: usize> From<&str> for KeptText<N> {
    #[inline]
    fn from(text: &str) -> Self {
        let mut bytes = [0; N];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(short), Ok(len)) => {
                short.copy_from_slice(text.as_bytes());
                Self::Short(len, Aligned(bytes))
            }
            _ => Self::Long(text.into()),
        }
    }
}

impl<const N: usize> Deref for KeptText<N> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            // It was made of a text.
            Self::Short(len, Aligned(bytes)) => {
                bytes.get(..usize::from(*len)).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default()
            }
            Self::Long(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        for length in 0..40 {
            for text in ["x".repeat(length), "é".repeat(length / 2), "\0".repeat(length)] {
                let kept = KeptText::<24>::from(text.as_str());
                assert_eq!((&*kept, kept.len()), (text.as_str(), text.len()));
                assert_eq!(kept.short().is_some(), text.len() <= 24);
                if let Some((padded, len)) = kept.short() {
                    let (bytes, zeros) = padded.split_at(usize::from(len));
                    assert_eq!((bytes, zeros.iter().any(|byte| *byte != 0)), (text.as_bytes(), false));
                }
            }
        }
    }
}
