//! The real path of a file, as a person would write it.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

/// Resolves links, and drops Windows' `\\?\` if possible: people, clients and other programs cannot use it.
///
/// Some volumes (RAM disks, `subst`, network shares) do not report the real path of an existing file: then links are
/// followed one by one.
pub(crate) fn real_path(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Ok(real) => Ok(strip_verbatim(&real).unwrap_or(real)),
        Err(error) if cfg!(windows) && std::fs::metadata(path).is_ok() => follow_links(path).ok_or(error),
        Err(error) => Err(error),
    }
}

fn follow_links(path: &Path) -> Option<PathBuf> {
    let mut path = std::path::absolute(path).ok()?;
    for _ in 0..crate::limits::MAX_LINKS {
        match path.read_link() {
            Ok(target) => path = std::path::absolute(path.parent()?.join(target)).ok()?,
            Err(_) => return Some(strip_verbatim(&path).unwrap_or(path)),
        }
    }
    None
}

/// Strips `\\?\` from a path; `None` if there is none, or if the path would then mean something else, as with a name
/// that ends in a dot.
#[cfg(windows)]
fn strip_verbatim(path: &Path) -> Option<PathBuf> {
    use std::path::{Component, Prefix};

    let mut components = path.components();
    let Some(Component::Prefix(prefix)) = components.next() else { return None };
    let mut plain = match prefix.kind() {
        Prefix::VerbatimDisk(letter) => PathBuf::from(format!("{}:\\", char::from(letter))),
        Prefix::VerbatimUNC(server, share) => {
            let mut root = std::ffi::OsString::from(r"\\");
            root.push(server);
            root.push("\\");
            root.push(share);
            root.push("\\");
            PathBuf::from(root)
        }
        _ => return None,
    };
    plain.extend(components.filter(|component| *component != Component::RootDir));
    (std::path::absolute(&plain).ok()? == plain).then_some(plain)
}

/// On other systems there is no other way to write a path.
#[cfg(not(windows))]
fn strip_verbatim(_: &Path) -> Option<PathBuf> {
    None
}

/// Makes a path usable for programs without `longPathAware`: puts `\\?\` before a path of more than 240 characters. For
/// code that passes paths to Windows without the help of `std`.
#[cfg(windows)]
pub(crate) fn long_path(path: &Path) -> Cow<'_, Path> {
    use std::os::windows::ffi::OsStrExt as _;
    use std::path::{Component, Prefix};

    const LONGEST: usize = 240;
    let Ok(absolute) = std::path::absolute(path) else { return Cow::Borrowed(path) };
    if absolute.as_os_str().encode_wide().count() <= LONGEST {
        return Cow::Borrowed(path);
    }
    let Some(Component::Prefix(prefix)) = absolute.components().next() else { return Cow::Borrowed(path) };
    let mut verbatim = match prefix.kind() {
        Prefix::Disk(_) => std::ffi::OsString::from(r"\\?\"),
        Prefix::UNC(..) => std::ffi::OsString::from(r"\\?\UNC"),
        _ => return Cow::Borrowed(path),
    };
    let text = absolute.as_os_str();
    match (prefix.kind(), text.to_str()) {
        (Prefix::UNC(..), Some(text)) => verbatim.push(text.strip_prefix('\\').unwrap_or(text)),
        (Prefix::UNC(..), None) => return Cow::Borrowed(path),
        _ => verbatim.push(text),
    }
    Cow::Owned(verbatim.into())
}

/// Other systems need no prefix for long paths.
#[cfg(not(windows))]
pub(crate) fn long_path(path: &Path) -> Cow<'_, Path> {
    Cow::Borrowed(path)
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[test]
    fn a_real_path_is_one_that_people_write() {
        assert_eq!(strip_verbatim(Path::new(r"\\?\C:\a b\ü.toml")), Some(PathBuf::from(r"C:\a b\ü.toml")));
        assert_eq!(strip_verbatim(Path::new(r"\\?\UNC\host\share\a")), Some(PathBuf::from(r"\\host\share\a")));
        assert_eq!(strip_verbatim(Path::new(r"\\?\C:\a.\b")), None);
        assert_eq!(strip_verbatim(Path::new(r"C:\a")), None);
        assert_eq!(strip_verbatim(Path::new(r"\\?\Volume{1}\a")), None);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.toml");
        std::fs::write(&file, "").unwrap();
        let real = real_path(&file).unwrap();
        assert!(!real.display().to_string().contains(r"\\?\"), "{}", real.display());
        assert_eq!(follow_links(&file).unwrap().file_name(), file.file_name());
    }

    #[test]
    fn a_long_path_is_written_so_that_windows_takes_it() {
        let name = "n".repeat(250);
        assert_eq!(long_path(Path::new(r"C:\short")), Path::new(r"C:\short"));
        assert_eq!(long_path(&Path::new(r"C:\a").join(&name)), Path::new(r"\\?\C:\a").join(&name));
        assert_eq!(long_path(&Path::new(r"\\host\share").join(&name)), Path::new(r"\\?\UNC\host\share").join(&name));
    }
}
