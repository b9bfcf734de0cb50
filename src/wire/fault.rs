//! Why a line is not acceptable.

use super::id::IdError;
use crate::limits::{MAX_DEPTH, MAX_NAME, MAX_QUOTED, MAX_URI};
use crate::visible::{escape_invisible, shorten};

/// Why a line is not acceptable. The text says what is wrong, and at which byte if that helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes are not UTF-8.
    #[error("it is not valid UTF-8 (at byte {0})")]
    Utf8(usize),
    /// A byte order mark.
    #[error("it begins with a byte order mark")]
    ByteOrderMark,
    /// A control byte before the value or inside a string.
    #[error("it holds a raw control byte 0x{byte:02x} (at byte {at})")]
    Control {
        /// The byte.
        byte: u8,
        /// Its offset in the line.
        at: usize,
    },
    /// A carriage return that does not end the line: some parsers end a line there.
    #[error("it holds a bare carriage return (at byte {0})")]
    CarriageReturn(usize),
    /// Not JSON.
    #[error("it is not valid JSON (at byte {0})")]
    Syntax(usize),
    /// Something after the object.
    #[error("it holds more than one value (at byte {0})")]
    Trailing(usize),
    /// An array: a batch of messages.
    #[error("it is a batch, which MCP does not have")]
    Batch,
    /// A value that is not an object.
    #[error("it is not a JSON object")]
    NoObject,
    /// Nested too deeply.
    #[error("it is nested more than {MAX_DEPTH} levels deep")]
    Depth,
    /// A key that occurs twice in one object.
    #[error("the key {0:?} appears twice in one object")]
    Duplicate(String),
    /// A key that some parser takes for a protocol key.
    #[error("some parsers take the key {key:?} for \"{name}\"")]
    LookAlike {
        /// The key, decoded.
        key: String,
        /// The protocol key.
        name: &'static str,
    },
    /// A protocol key that is written with escapes.
    #[error("the key \"{0}\" is written with escapes")]
    EscapedKey(&'static str),
    /// A key with U+0000, at which some parsers cut it.
    #[error("the key {0:?} holds a NUL")]
    NulInKey(String),
    /// The version is not "2.0".
    #[error("\"jsonrpc\" is not \"2.0\"")]
    Version,
    /// An id that is neither a string nor an integer.
    #[error("{0}")]
    Id(IdError),
    /// A member of the wrong type.
    #[error("\"{name}\" is not {expected}")]
    Type {
        /// The name of the member.
        name: &'static str,
        /// What it has to be, with its article.
        expected: &'static str,
    },
    /// A method or name that some parser takes for another.
    #[error("some parsers take the {what} {} for another one", escape_invisible(text))]
    Ambiguous {
        /// What it is: "method" or "name".
        what: &'static str,
        /// The JSON that it was written as.
        text: String,
    },
    /// A method that some peer takes for one of the protocol's.
    #[error("the method {method:?} looks like \"{name}\" and is not it")]
    AnotherMethod {
        /// The method, decoded.
        method: String,
        /// The protocol's method.
        name: &'static str,
    },
    /// A name that is longer than any tool's.
    #[error("the name is longer than {max} bytes", max = MAX_NAME)]
    NameLength,
    /// A URI that is longer than any resource's.
    #[error("the URI is longer than {max} bytes", max = MAX_URI)]
    UriLength,
    /// A list with more names than the policy's globs may be compared with.
    #[error("comparing its names with the globs of the policy takes too long")]
    Work,
    /// Neither a request, a notification nor a response.
    #[error("it is neither a request nor a notification nor a response")]
    Shape,
}

impl Fault {
    /// Returns the byte at which the line goes wrong, if there is such a place.
    pub fn byte_offset(&self) -> Option<usize> {
        match self {
            Self::Utf8(at) | Self::CarriageReturn(at) | Self::Syntax(at) | Self::Trailing(at) => Some(*at),
            Self::Control { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// Returns whether the bytes are not JSON at all, rather than a JSON value that is not an acceptable message.
    pub fn is_parse_error(&self) -> bool {
        self.byte_offset().is_some() || *self == Self::ByteOrderMark
    }
}

pub(super) fn excerpt(text: &str) -> String {
    shorten(text, MAX_QUOTED).into_owned()
}
