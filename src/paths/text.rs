//! Reads a file that a person wrote.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use crate::state::file;

/// Why a file cannot be read as text. The text says what is wrong and what to do, without a full stop.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// There is no such file.
    #[error("it does not exist. Create it, or fix the path")]
    Missing,
    /// It is a directory, a pipe or a device.
    #[error("it is {0}, not a file. Name a file, or move it out of the way")]
    NotAFile(&'static str),
    /// It cannot be read.
    #[error("{0}. {remedy}", remedy = remedy_for_reading(.0))]
    Failed(io::Error),
    /// It is larger than this many bytes, and so than any such file.
    #[error("it is larger than {} MiB, the limit for this kind of file. Put the right file in its place, or name that one", .0 >> 20)]
    TooLarge(usize),
    /// It is not UTF-8.
    #[error("it is not UTF-8 text (byte {0}, from 0). Save it as UTF-8; some editors and shells write UTF-16")]
    NotUtf8(usize),
}

/// Says what to do about a file that cannot be read.
pub(super) fn remedy_for_reading(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotADirectory => "Move away the file that is in the place of a directory of its path",
        _ if is_ring_of_links(error) => "Replace the links, which lead in a ring, by the file",
        _ => "Make it readable for the user who runs policylayer",
    }
}

fn is_ring_of_links(error: &io::Error) -> bool {
    #[cfg(unix)]
    let code = rustix::io::Errno::LOOP.raw_os_error();
    // ERROR_CANT_RESOLVE_FILENAME
    #[cfg(windows)]
    let code = 1921;
    error.raw_os_error() == Some(code)
}

impl From<io::Error> for TextError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Failed(error) }
    }
}

pub(super) fn check_is_file(path: &Path) -> Result<(), TextError> {
    // Checked before the file is opened: opening a pipe would wait for a writer, and stdin is the client's.
    let kind = fs::metadata(path)?;
    if kind.is_file() {
        return Ok(());
    }
    Err(TextError::NotAFile(if kind.is_dir() { "a directory" } else { "a pipe or device" }))
}

/// Reads a file of at most `most` bytes.
pub(crate) fn read_bytes(path: &Path, most: usize) -> Result<Vec<u8>, TextError> {
    check_is_file(path)?;
    let mut bytes = Vec::new();
    file::wait_for_release(path, || {
        bytes.clear();
        file::open_file(File::options().read(true), path)?.take(most as u64 + 1).read_to_end(&mut bytes)
    })?;
    if bytes.len() > most { Err(TextError::TooLarge(most)) } else { Ok(bytes) }
}

pub(super) fn read_text(path: &Path, most: usize) -> Result<String, TextError> {
    String::from_utf8(read_bytes(path, most)?).map_err(|error| TextError::NotUtf8(error.utf8_error().valid_up_to()))
}
