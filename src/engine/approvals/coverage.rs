//! What an approval, a grant and a refusal cover.

use std::borrow::Cow;

use crate::record::Digest;
use crate::wire::canonical::{Canonicalizer, Layout};

/// Returns a digest that two calls share if their tool and their arguments, as written, are the same.
pub(in crate::engine) fn digest_of(tool: &str, arguments: &str) -> Digest {
    // A tool's name holds no NUL.
    Digest::of_line(&[tool.as_bytes(), b"\0", arguments.as_bytes()].concat())
}

/// What an approval of a call covers. Our own question and its answer do not count.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Covered {
    /// All that the server reads: what the call is of, the arguments, what is beside them, and the server's own state.
    pub(super) made: Digest,
    /// The same with the preview, where an approval is for what was shown.
    pub(in crate::engine) call: Digest,
    /// The same but for the arguments, which may be any.
    pub(super) any_arguments: Digest,
}

impl Covered {
    /// Describes a call. Another spelling of the same JSON is the same call; a number in other digits is another one.
    pub(in crate::engine) fn new(name: &str, arguments: &str, (beside, state): (&str, Option<&str>)) -> Self {
        let (arguments, beside) = (&*write_canonical(arguments), &*write_canonical(beside));
        // Neither a name nor a JSON text holds a NUL.
        let digest = |arguments| digest_of(name, &[arguments, beside, state.unwrap_or_default()].join("\0"));
        let made = digest(arguments);
        Self { made, call: made, any_arguments: digest("") }
    }

    /// Returns what an approval covers that is for these definitions of a tool only.
    pub(in crate::engine) fn with_definitions(self, definitions: Digest) -> Self {
        self.bind(definitions)
    }

    /// Returns what an approval covers that is for this preview only.
    pub(in crate::engine) fn with_preview(self, preview: &SeenPreview) -> Self {
        self.bind(preview.whole)
    }

    fn bind(self, what: Digest) -> Self {
        let bound = |to: Digest| Digest::of_text(format!("{to} {what}").as_bytes());
        Self { call: bound(self.call), any_arguments: bound(self.any_arguments), ..self }
    }
}

/// Returns the one spelling of a JSON text, and the text as it is if it has none.
fn write_canonical(json: &str) -> Cow<'_, str> {
    let mut written = String::with_capacity(json.len());
    match Canonicalizer::default().write(json, Layout::Compact, &mut written) {
        Ok(()) => written.into(),
        Err(_) => json.into(),
    }
}

/// The answer to the read that the policy has for a call.
#[derive(Clone, Debug)]
pub(in crate::engine) struct SeenPreview {
    /// What is shown of it.
    pub(in crate::engine) text: Box<str>,
    /// The digest of all of it.
    pub(in crate::engine) whole: Digest,
    /// How many characters of it are not shown.
    pub(in crate::engine) cut: usize,
}

impl SeenPreview {
    /// Says why there is none.
    pub(in crate::engine) fn missing(why: &str) -> Self {
        Self { text: format!("(no preview: {why})").into(), whole: Digest::of_text(why.as_bytes()), cut: 0 }
    }
}
