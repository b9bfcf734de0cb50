//! Directories and files that only this user can access.

use std::fs;
use std::io;
use std::path::Path;

/// Creates a directory and its parents, for this user only if the system has modes. An existing directory stays as it
/// is.
#[cfg(unix)]
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Creates a directory and its parents. On Windows they inherit the access rights of their parent.
#[cfg(windows)]
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// Creates a state directory and its parents, for this user only. An existing directory stays as it is; one that others can
/// write to is warned of, once.
#[cfg(unix)]
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Once;

    static WARNED: Once = Once::new();
    create_dir(dir)?;
    if fs::metadata(dir).is_ok_and(|found| found.permissions().mode() & 0o022 != 0) {
        let shown = crate::visible::visible_path(dir);
        WARNED.call_once(|| {
            tracing::warn!(
                "other users of this machine can write to {shown}, and so replace what is in it, approvals and logs among it. \
                 Remove that right: chmod go-w {shown}"
            );
        });
    }
    Ok(())
}

/// Creates a state directory and its parents, for this user, the system and administrators only. An existing directory
/// stays as it is, and so do the rights that a new one inherits in the user's profile, which are just these.
#[cfg(windows)]
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let highest = dir.ancestors().take_while(|dir| !dir.exists()).last().map(Path::to_owned);
    fs::create_dir_all(dir)?;
    let Some(highest) = highest.filter(|new| !windows::is_in_profile(new)) else { return Ok(()) };
    if let Err(why) = windows::restrict_access(&highest) {
        let shown = crate::visible::visible_path(&highest);
        tracing::warn!(
            "{shown} was made, and other users of this machine may be able to read it: {why}. Remove their access, or \
             move the state to a directory of your own (XDG_STATE_HOME)."
        );
    }
    Ok(())
}

/// Removes the access of others to a file that has become too open.
#[cfg(unix)]
pub(crate) fn restrict_mode(path: &Path, found: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = found.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700)) }
}

/// On Windows a file's access rights come from its directory.
#[cfg(windows)]
pub(crate) fn restrict_mode(_: &Path, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(windows)]
mod windows {
    use std::env;
    use std::io;
    use std::os::windows::process::CommandExt as _;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    const SYSTEM: &str = "*S-1-5-18:(OI)(CI)F";
    const ADMINISTRATORS: &str = "*S-1-5-32-544:(OI)(CI)F";
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;

    pub(super) fn is_in_profile(dir: &Path) -> bool {
        let profile = env::var_os("USERPROFILE").map(PathBuf::from).filter(|profile| profile.is_absolute());
        profile.is_some_and(|profile| {
            super::super::real_path(&profile)
                .is_ok_and(|profile| super::super::real_path(dir).is_ok_and(|dir| dir.starts_with(profile)))
        })
    }

    /// Restricts a directory and its future contents to this user, the system and administrators.
    pub(super) fn restrict_access(dir: &Path) -> Result<(), String> {
        let user = user_sid()?;
        let grants = [format!("*{user}:(OI)(CI)F"), SYSTEM.to_owned(), ADMINISTRATORS.to_owned()];
        let mut icacls = system_program("icacls.exe");
        icacls.arg(dir).args(["/inheritance:r", "/q"]);
        for grant in grants {
            icacls.args(["/grant:r", &grant]);
        }
        run_program(icacls).map(drop)
    }

    fn user_sid() -> Result<String, String> {
        let mut whoami = system_program("whoami.exe");
        whoami.args(["/user", "/fo", "csv", "/nh"]);
        let said = run_program(whoami)?;
        let sid = said.trim().rsplit(',').next().unwrap_or_default().trim_matches('"');
        if sid.starts_with("S-1-") && sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            Ok(sid.to_owned())
        } else {
            Err("whoami.exe did not show who the user is".to_owned())
        }
    }

    /// Returns the command for a program of the system directory, not for another one of that name in the PATH.
    fn system_program(name: &str) -> Command {
        let root = env::var_os("SystemRoot").map(PathBuf::from).filter(|root| root.is_absolute());
        Command::new(root.unwrap_or_else(|| PathBuf::from(r"C:\Windows")).join("System32").join(name))
    }

    fn run_program(mut command: Command) -> Result<String, String> {
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string();
        command.stdin(Stdio::null()).creation_flags(CREATE_NO_WINDOW);
        let output = command.output().map_err(|error: io::Error| format!("{name} cannot be run ({error})"))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{name} failed ({}): {}", output.status, said.trim()))
        }
    }
}
