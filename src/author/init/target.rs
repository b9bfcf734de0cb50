//! Where the new policy goes, and which files are in its way.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::env::Env;
use crate::exit::Exit;
use crate::limits::MAX_POLICY_FILE;
use crate::paths::{self, PolicyError, ReplaceError};
use crate::policy::{Format, ServerName};
use crate::settings::Settings;
use crate::state::file::{real_path, remove_file, rename_file};
use crate::visible::visible_path;

#[derive(Clone, Copy, Debug)]
pub(crate) struct TargetOptions<'o> {
    /// The file; `-` for stdout.
    pub(crate) output: Option<&'o Path>,
    /// The format; `None` takes it from the file extension.
    pub(crate) format: Option<Format>,
    pub(crate) force: bool,
}

#[derive(Debug)]
pub(crate) struct InitTarget {
    /// The file; `None` for stdout.
    pub(crate) file: Option<PathBuf>,
    pub(crate) format: Format,
    /// Whether the server's name finds the file, so that nobody has to name it.
    pub(crate) is_found_by_name: bool,
    /// The files in its way, possibly including itself. `--force` backs up each of them.
    in_the_way: Vec<PathBuf>,
}

/// Why there is no target, or why it was not written. Each message is complete.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("{} does not end in .toml, .json, .yaml or .yml, so its format is unclear. Choose such a name, or write to stdout with `-o -`.", visible_path(.0))]
    Ending(PathBuf),
    #[error("{} does not have the extension of {}, the format that was asked for. Give only one of -o and --format.", visible_path(.0), .1)]
    Contradiction(PathBuf, &'static str),
    #[error("config.toml names another policy for this server, {}, so with {} there would be two. Leave out -o, or remove `policy` from config.toml.", visible_path(.0), visible_path(.1))]
    Configured(PathBuf, PathBuf),
    #[error("{}", describe_existing(.0))]
    Exists(Vec<PathBuf>),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    #[error("{} cannot be read, so it cannot be backed up: {}. Nothing was written. Make it readable, or move it away.", visible_path(.0), .1)]
    Unreadable(PathBuf, io::Error),
    #[error("{} is larger than a policy may be, so it is not backed up. Nothing was written. Move it away yourself.", visible_path(.0))]
    TooLarge(PathBuf),
    #[error("The new policy was written, but {} could not be moved out of its way: {}. Move it away yourself: while both exist, neither is in force.", visible_path(.0), .1)]
    NotMoved(PathBuf, io::Error),
}

impl TargetError {
    pub(crate) fn exit_code(&self) -> Exit {
        match self {
            Self::Ending(_) | Self::Contradiction(..) => Exit::Usage,
            Self::Policy(error) => error.exit_code(),
            _ => Exit::Failed,
        }
    }
}

fn describe_existing(files: &[PathBuf]) -> String {
    let names = files.iter().map(|file| visible_path(file)).collect::<Vec<_>>().join(" and ");
    let (exist, files) = if files.len() == 1 { ("already exists", "file") } else { ("already exist", "files") };
    format!(
        "{names} {exist}, and nothing is overwritten. Preview the new policy with `-o -`, name another file with -o, or give \
         --force: that keeps the old {files} beside the new one, under another name."
    )
}

impl InitTarget {
    /// Finds the target: the file of the command line, or the server's policy file. Writes nothing yet.
    pub(crate) fn find_target(
        options: TargetOptions<'_>,
        server: &ServerName,
        settings: &Settings,
        env: &Env,
    ) -> Result<Self, TargetError> {
        let format = options.format.unwrap_or(Format::Toml);
        let file = match options.output {
            Some(file) if file.as_os_str() == "-" => {
                return Ok(Self { file: None, format, is_found_by_name: false, in_the_way: Vec::new() });
            }
            Some(file) => file.to_owned(),
            None => {
                let dir = paths::configuration_dir(env)?;
                let by_name = || dir.join("policies").join(format!("{server}.{}", format.as_str()));
                settings.policy_of(server).map_or_else(by_name, |named| dir.join(named))
            }
        };
        let target = Self::target_at(file, options.format, server, settings, env)?;
        if target.in_the_way.is_empty() || options.force {
            Ok(target)
        } else {
            Err(TargetError::Exists(target.in_the_way))
        }
    }

    fn target_at(
        file: PathBuf,
        format: Option<Format>,
        server: &ServerName,
        settings: &Settings,
        env: &Env,
    ) -> Result<Self, TargetError> {
        let ending = file.extension().unwrap_or_default().to_string_lossy();
        let Some(found) = Format::from_ending(&ending) else { return Err(TargetError::Ending(file)) };
        if let Some(format) = format.filter(|format| *format != found) {
            return Err(TargetError::Contradiction(file, format.as_str()));
        }
        let dir = paths::configuration_dir(env).ok();
        let configured = dir.as_ref().and_then(|dir| Some(dir.join(settings.policy_of(server)?)));
        let by_name =
            |dir: &PathBuf| Format::ENDINGS.map(|ending| dir.join("policies").join(format!("{server}.{ending}")));
        let by_name: Vec<_> = dir.iter().flat_map(by_name).collect();
        let is_by_name = by_name.iter().any(|one| is_same(one, &file));
        let is_found_by_name = match configured {
            Some(configured) if is_same(&configured, &file) => true,
            Some(configured) if is_by_name => return Err(TargetError::Configured(configured, file)),
            Some(_) => false,
            None => is_by_name,
        };
        // With two policies for one server, neither would be in force.
        let others = by_name.into_iter().filter(|other| is_found_by_name && !is_same(other, &file));
        // Not `exists`: a dangling link is a policy that somebody wanted.
        let is_there = |file: &PathBuf| fs::symlink_metadata(file).is_ok();
        let in_the_way = [file.clone()].into_iter().chain(others).filter(is_there).collect();
        Ok(Self { file: Some(file), format: found, is_found_by_name, in_the_way })
    }

    /// Returns the policies of other formats that are moved out of the way.
    pub(crate) fn other_files(&self) -> impl Iterator<Item = &Path> {
        let others = self.in_the_way.iter().filter(|other| Some(*other) != self.file.as_ref());
        others.map(PathBuf::as_path)
    }

    /// Writes the file, and returns the backups of the files in its way.
    pub(crate) fn write_file(&self, file: &Path, text: &str) -> Result<Vec<PathBuf>, TargetError> {
        let mut kept = Vec::new();
        let (own, others): (Vec<_>, Vec<_>) = self.in_the_way.iter().partition(|other| *other == file);
        let old = match own.is_empty() {
            true => None,
            // The write below reports what is wrong.
            false if fs::metadata(file).is_ok_and(|found| !found.is_file()) => Some(Vec::new()),
            false => {
                let text = read_whole(file)?;
                let aside = backup_path(file);
                paths::replace_file(&aside, None, &text)?;
                kept.push(aside);
                Some(text)
            }
        };
        if let Err(error) = paths::replace_file(file, old.as_deref(), text.as_bytes()) {
            // The original files are still there.
            kept.iter().for_each(|aside| drop(remove_file(aside)));
            return Err(error.into());
        }
        // Only now: with two policies nothing starts, and with none the built-in one would be in force.
        for other in others {
            let aside = backup_path(other);
            rename_file(other, &aside).map_err(|error| TargetError::NotMoved(other.clone(), error))?;
            kept.push(aside);
        }
        Ok(kept)
    }
}

fn read_whole(file: &Path) -> Result<Vec<u8>, TargetError> {
    let unreadable = |error| TargetError::Unreadable(file.to_owned(), error);
    let mut text = Vec::new();
    let most = MAX_POLICY_FILE as u64 + 1;
    File::open(file).map_err(unreadable)?.take(most).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() > MAX_POLICY_FILE { Err(TargetError::TooLarge(file.to_owned())) } else { Ok(text) }
}

/// Whether two paths lead to the same file, which need not exist.
fn is_same(one: &Path, other: &Path) -> bool {
    let dir = |path: &Path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        real_path(parent.unwrap_or(Path::new("."))).ok()
    };
    one == other || (one.file_name() == other.file_name() && dir(one).is_some_and(|one| dir(other) == Some(one)))
}

/// Returns a path for a backup that does not exist yet and that no server takes for its policy.
fn backup_path(file: &Path) -> PathBuf {
    let with =
        |ending: String| PathBuf::from([file.as_os_str(), OsStr::new(&ending)].into_iter().collect::<OsString>());
    let mut at = 1;
    let mut path = with(".before-init".to_owned());
    while fs::symlink_metadata(&path).is_ok() {
        at += 1;
        path = with(format!(".before-init-{at}"));
    }
    path
}
