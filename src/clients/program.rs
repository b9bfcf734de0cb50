//! The path of this program that is written into clients' files.

use std::path::{Path, PathBuf};

use crate::env::Env;

/// Why there is no path to write.
#[derive(Debug, thiserror::Error)]
pub enum NoProgram {
    /// The system does not say it.
    #[error("The system does not say where this program is. Run it by its absolute path.")]
    Unknown,
    /// The path is not UTF-8, so no configuration file can hold it.
    #[error("The path of this program is not UTF-8, so no configuration file can hold it. Put the program elsewhere.")]
    NotUtf8,
    /// macOS runs a copy of the program that disappears when it ends.
    #[error(
        "macOS runs this program from a temporary copy, because it was downloaded and nobody has opened it yet, so a \
         configuration file would name a file that disappears. Move the program to its final place, run `xattr -d \
         com.apple.quarantine` on it, and run it from there."
    )]
    Translocated,
}

/// Returns the path to write: absolute, since clients start servers with a short PATH, and the one on the PATH if that
/// leads to the same file, since a package manager keeps it through updates.
///
/// # Errors
/// Returns an error if the system does not tell it, it does not stay, or it is not UTF-8.
pub fn path_to_write(env: &Env) -> Result<String, NoProgram> {
    let running = env.program_path().filter(|path| path.is_absolute()).ok_or(NoProgram::Unknown)?;
    if is_translocated(running) {
        return Err(NoProgram::Translocated);
    }
    let path = on_path(running, env).or_else(|| in_homebrew(running)).unwrap_or_else(|| running.to_owned());
    path.into_os_string().into_string().map_err(|_| NoProgram::NotUtf8)
}

fn on_path(running: &Path, env: &Env) -> Option<PathBuf> {
    let real = crate::state::file::real_path(running).ok()?;
    let name = if cfg!(windows) { "policylayer.exe" } else { "policylayer" };
    let directories = std::env::split_paths(env.var("PATH")?);
    let mut found = directories.filter(|directory| directory.is_absolute()).map(|directory| directory.join(name));
    found.find(|path| crate::state::file::real_path(path).is_ok_and(|path| path == real))
}

/// Whether macOS runs a copy of the program from a random place (App Translocation), as it does with downloads.
fn is_translocated(running: &Path) -> bool {
    running.components().any(|part| part.as_os_str() == "AppTranslocation")
}

/// Returns the link that Homebrew keeps through updates to a program in a directory of one version:
/// `PREFIX/bin/policylayer` for `PREFIX/Cellar/policylayer/0.1.0/bin/policylayer`.
fn in_homebrew(running: &Path) -> Option<PathBuf> {
    let real = running.canonicalize().ok()?;
    let cellar = real.ancestors().find(|path| path.file_name().is_some_and(|name| name == "Cellar"))?;
    let link = cellar.parent()?.join("bin").join(real.file_name()?);
    (link.canonicalize().ok()? == real).then_some(link)
}

/// Whether the program is in a directory that npx may empty at any time.
pub fn is_fleeting(path: &str) -> bool {
    path.split(['/', '\\']).any(|part| part == "_npx")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{NoProgram, is_fleeting, is_translocated, path_to_write};
    use crate::env::Env;

    #[test]
    fn a_copy_of_macos_is_not_written_down() {
        let copy = "/private/var/folders/zz/T/AppTranslocation/4F2A/d/policylayer";
        assert!(is_translocated(Path::new(copy)));
        assert!(!is_translocated(Path::new("/usr/local/bin/policylayer")));
        // On other systems this path is not even absolute.
        let expected = |told| match told {
            Err(NoProgram::Translocated) => cfg!(unix),
            Err(NoProgram::Unknown) => cfg!(windows),
            _ => false,
        };
        assert!(expected(path_to_write(&Env::default().with_program(copy))));
    }

    #[cfg(unix)]
    #[test]
    fn homebrews_link_is_written_and_not_the_directory_of_a_version() {
        let folder = tempfile::tempdir().unwrap();
        // The temporary directory of macOS is itself behind a link.
        let prefix = folder.path().canonicalize().unwrap();
        let bin = prefix.join("Cellar/policylayer/0.1.0/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(prefix.join("bin")).unwrap();
        std::fs::write(bin.join("policylayer"), "").unwrap();
        let told = || path_to_write(&Env::default().with_program(bin.join("policylayer"))).unwrap();
        assert_eq!(Path::new(&told()), bin.join("policylayer"), "there is no link yet");
        std::os::unix::fs::symlink(bin.join("policylayer"), prefix.join("bin/policylayer")).unwrap();
        assert_eq!(Path::new(&told()), prefix.join("bin/policylayer"));
        // Another version is linked.
        std::fs::remove_file(prefix.join("bin/policylayer")).unwrap();
        std::fs::write(prefix.join("bin/policylayer"), "").unwrap();
        assert_eq!(Path::new(&told()), bin.join("policylayer"));
    }

    #[test]
    fn what_npx_keeps_for_a_while_is_known() {
        assert!(is_fleeting("/home/me/.npm/_npx/0a1b/node_modules/policylayer-linux-x64/policylayer"));
        assert!(is_fleeting(r"C:\Users\me\AppData\Local\npm-cache\_npx\0a1b\policylayer.exe"));
        assert!(!is_fleeting("/home/me/_npx_tools/policylayer"));
    }
}
