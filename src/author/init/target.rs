//! Where the new policy goes, and which files are in its way.

use std::ffi::OsString;
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
    pub(crate) found_by_name: FoundByName,
    /// The files in its way, possibly including itself. `--force` backs up each of them.
    in_the_way: Vec<PathBuf>,
}

/// Whether the server's name finds the policy file, so that nobody has to name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundByName {
    /// It is the policy of the server.
    Yes,
    /// It has to be named.
    No,
}

/// Why there is no target, or why it was not written. Each message is complete.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("{} does not end in .toml, .json, .yaml or .yml, so nobody could tell its format. Name the file so, or write to stdout with `-o -`.", visible_path(.0))]
    Ending(PathBuf),
    #[error("{} is to be written as {}, and its ending says otherwise. Give one of them, -o or --format.", visible_path(.0), .1)]
    Contradiction(PathBuf, &'static str),
    #[error("config.toml names another policy for this server, {}, so with {} there would be two. Leave -o out, or take `policy` out of config.toml.", visible_path(.0), visible_path(.1))]
    Configured(PathBuf, PathBuf),
    #[error("{}", describe_existing(.0))]
    Exists(Vec<PathBuf>),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    #[error("{} cannot be read, so it cannot be kept: {}. Nothing was written. Make it readable, or move it away.", visible_path(.0), .1)]
    Unreadable(PathBuf, io::Error),
    #[error("{} is larger than any policy that is read, so it is not kept. Nothing was written. Move it away yourself.", visible_path(.0))]
    TooLarge(PathBuf),
    #[error("The new policy is written, and {} could not be moved out of its way: {}. Move it away yourself: with both there, neither is in force.", visible_path(.0), .1)]
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
    let (exist, keeps) = if files.len() == 1 { ("exists", "it is kept") } else { ("exist", "they are kept") };
    format!(
        "{names} {exist} already, and nothing is overwritten. Look at what another policy would be with `-o -`, name \
         another file with -o, or give --force: {keeps} beside the new one then, under another name."
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
        let file = match options.output {
            Some(file) if file.as_os_str() == "-" => {
                let format = options.format.unwrap_or(Format::Toml);
                return Ok(Self { file: None, format, found_by_name: FoundByName::No, in_the_way: Vec::new() });
            }
            Some(file) => file.to_owned(),
            None => {
                let directory = paths::configuration_dir(env)?;
                match settings.policy_of(server) {
                    Some(named) => directory.join(named),
                    None => {
                        let ending = options.format.unwrap_or(Format::Toml).as_str();
                        directory.join("policies").join(format!("{server}.{ending}"))
                    }
                }
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
        let Ok(directory) = paths::configuration_dir(env) else {
            return Ok(Self::new(file.clone(), found, FoundByName::No, vec![file]));
        };
        let configured = settings.policy_of(server).map(|path| directory.join(path));
        let named = Format::ENDINGS.map(|ending| directory.join("policies").join(format!("{server}.{ending}")));
        let is_named = named.iter().any(|one| is_same(one, &file));
        let found_by_name = match configured {
            Some(configured) if is_same(&configured, &file) => FoundByName::Yes,
            Some(named) if is_named => return Err(TargetError::Configured(named, file)),
            None if is_named => FoundByName::Yes,
            Some(_) | None => FoundByName::No,
        };
        let mut candidates = vec![file.clone()];
        // With two policies for one server, neither would be in force.
        if found_by_name == FoundByName::Yes {
            candidates.extend(named.into_iter().filter(|other| !is_same(other, &file)));
        }
        Ok(Self::new(file, found, found_by_name, candidates))
    }

    fn new(file: PathBuf, format: Format, found_by_name: FoundByName, candidates: Vec<PathBuf>) -> Self {
        // Not `exists`: a dangling link is a policy that somebody wanted.
        let in_the_way = candidates.into_iter().filter(|file| fs::symlink_metadata(file).is_ok()).collect();
        Self { file: Some(file), format, found_by_name, in_the_way }
    }

    /// Writes the file, and returns the backups of the files in its way.
    pub(crate) fn write_file(&self, file: &Path, text: &str) -> Result<Vec<PathBuf>, TargetError> {
        let mut kept = Vec::new();
        let mut old = None;
        let (own, others): (Vec<_>, Vec<_>) = self.in_the_way.iter().partition(|other| *other == file);
        if !own.is_empty() && fs::metadata(file).is_ok_and(|found| !found.is_file()) {
            // The write below reports what is wrong.
            old = Some(Vec::new());
        } else if !own.is_empty() {
            let text = read_whole(file)?;
            let aside = backup_path(file);
            paths::replace_file(&aside, None, &text)?;
            kept.push(aside);
            old = Some(text);
        }
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
    let directory = |path: &Path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        real_path(parent.unwrap_or(Path::new("."))).ok()
    };
    let is_same_name = || one.file_name() == other.file_name();
    one == other || (is_same_name() && directory(one).is_some_and(|one| directory(other) == Some(one)))
}

/// Returns a path for a backup that does not exist yet and that no server takes for its policy.
fn backup_path(file: &Path) -> PathBuf {
    let with = |ending: &str| {
        let mut name = OsString::from(file.as_os_str());
        name.push(ending);
        PathBuf::from(name)
    };
    let mut names = [with(".before-init")].into_iter().chain((2_u32..).map(|at| with(&format!(".before-init-{at}"))));
    names.find(|name| fs::symlink_metadata(name).is_err()).unwrap_or_else(|| with(".before-init"))
}
