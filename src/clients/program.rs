//! Which path of this program is written into clients' files.

use std::path::{Path, PathBuf};

use crate::env::Env;

/// Why there is no path to write.
#[derive(Debug, thiserror::Error)]
pub enum NoProgram {
    /// The system does not say.
    #[error("The system does not tell where this program is. Start it by its whole path.")]
    Unknown,
    /// No configuration file can hold it.
    #[error("The path of this program is not UTF-8, so no configuration file can hold it. Put the program elsewhere.")]
    NotUtf8,
}

/// The path that clients are told: absolute, since they start servers with a poor PATH, and the one on the PATH where that
/// leads to the same file, since a package manager keeps it when it updates what is behind it.
///
/// # Errors
/// Where the system does not tell it, or it is not UTF-8.
pub fn path(env: &Env) -> Result<String, NoProgram> {
    let running = env.program().filter(|path| path.is_absolute()).ok_or(NoProgram::Unknown)?;
    let path = on_path(running, env).unwrap_or_else(|| running.to_owned());
    path.into_os_string().into_string().map_err(|_| NoProgram::NotUtf8)
}

fn on_path(running: &Path, env: &Env) -> Option<PathBuf> {
    let real = crate::state::file::real(running).ok()?;
    let name = if cfg!(windows) { "policylayer.exe" } else { "policylayer" };
    let folders = std::env::split_paths(env.var("PATH")?);
    let mut found = folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(name));
    found.find(|path| crate::state::file::real(path).is_ok_and(|path| path == real))
}

/// Whether it is in a folder that npx empties as it likes.
pub fn is_fleeting(path: &str) -> bool {
    path.split(['/', '\\']).any(|part| part == "_npx")
}

#[cfg(test)]
mod tests {
    use super::is_fleeting;

    #[test]
    fn what_npx_keeps_for_a_while_is_known() {
        assert!(is_fleeting("/home/me/.npm/_npx/0a1b/node_modules/policylayer-linux-x64/policylayer"));
        assert!(is_fleeting(r"C:\Users\me\AppData\Local\npm-cache\_npx\0a1b\policylayer.exe"));
        assert!(!is_fleeting("/home/me/_npx_tools/policylayer"));
    }
}
