//! Where the policy goes, and what is there already.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::cli::{InitArgs, PolicyFormat};
use crate::env::Env;
use crate::exit::Exit;
use crate::limits::MAX_POLICY_FILE;
use crate::paths::{self, PolicyError, ReplaceError};
use crate::policy::{Format, ServerName};
use crate::settings::Settings;
use crate::visible::visible;

/// Where the policy goes.
#[derive(Debug)]
pub(super) struct Place {
    /// The file; `None` for stdout.
    pub(super) file: Option<PathBuf>,
    /// How it is written.
    pub(super) format: Format,
    /// Whether the file is the one that is found by the server's name.
    pub(super) found_by_name: FoundByName,
    /// The files that stand in its way, it itself among them. With `--force` each is kept under another name.
    pub(super) in_the_way: Vec<PathBuf>,
}

/// Whether a file is the policy of the server by its place, so that nobody has to name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FoundByName {
    Yes,
    No,
}

/// Why there is no place for it. Each message is complete.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlaceError {
    #[error("{} does not end in .toml, .json, .yaml or .yml, so nobody could tell its format. Name the file so, or write to stdout with `-o -`.", shown(.0))]
    Ending(PathBuf),
    #[error("{} is to be written as {}, and its ending says otherwise. Give one of them, -o or --format.", shown(.file), .format.as_str())]
    Contradiction { file: PathBuf, format: PolicyFormat },
    #[error("config.toml names another policy for this server, {}, so with {} there would be two. Leave -o out, or take `policy` out of config.toml.", shown(.named), shown(.file))]
    Configured { named: PathBuf, file: PathBuf },
    #[error("{}", exists(.0))]
    Exists(Vec<PathBuf>),
    #[error("{0}")]
    Policy(#[from] PolicyError),
    #[error("{0}")]
    Replace(#[from] ReplaceError),
    #[error("{} cannot be read, so it cannot be kept: {error}. Nothing was written. Make it readable, or move it away.", shown(.file))]
    Unreadable { file: PathBuf, error: io::Error },
    #[error("{} is larger than any policy that is read, so it is not kept. Nothing was written. Move it away yourself.", shown(.0))]
    TooLarge(PathBuf),
    #[error("The new policy is written, and {} could not be moved out of its way: {error}. Move it away yourself: with both there, neither is in force.", shown(.file))]
    NotMoved { file: PathBuf, error: io::Error },
}

impl PlaceError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Ending(_) | Self::Contradiction { .. } => Exit::Usage,
            Self::Policy(error) => error.exit(),
            Self::Configured { .. }
            | Self::Exists(_)
            | Self::Replace(_)
            | Self::Unreadable { .. }
            | Self::TooLarge(_)
            | Self::NotMoved { .. } => Exit::Failed,
        }
    }
}

fn exists(files: &[PathBuf]) -> String {
    let names = files.iter().map(|file| shown(file)).collect::<Vec<_>>().join(" and ");
    let (exist, keeps) = if files.len() == 1 { ("exists", "it is kept") } else { ("exist", "they are kept") };
    format!(
        "{names} {exist} already, and nothing is overwritten. Look at what another policy would be with `-o -`, name \
         another file with -o, or give --force: {keeps} beside the new one then, under another name."
    )
}

/// A path as a person reads it.
pub(super) fn shown(path: &Path) -> String {
    visible(&path.display().to_string())
}

impl Place {
    /// Where the command line says, else where the server's policy is found. Nothing is written yet.
    ///
    /// # Errors
    /// Where the format is unclear, or something is there and `--force` was not given.
    pub(super) fn find(
        args: &InitArgs,
        server: &ServerName,
        settings: &Settings,
        env: &Env,
    ) -> Result<Self, PlaceError> {
        let place = match args.output.as_deref() {
            Some(file) if file.as_os_str() == "-" => {
                let format = args.format.map_or(Format::Toml, PolicyFormat::format);
                Self { file: None, format, found_by_name: FoundByName::No, in_the_way: Vec::new() }
            }
            Some(file) => Self::at(file.to_owned(), args.format, server, settings, env)?,
            None => {
                let folder = paths::configuration_folder(env)?;
                let file = match settings.policy_of(server) {
                    Some(named) => folder.join(named),
                    None => {
                        let ending = args.format.unwrap_or(PolicyFormat::Toml).as_str();
                        folder.join("policies").join(format!("{server}.{ending}"))
                    }
                };
                Self::at(file, args.format, server, settings, env)?
            }
        };
        if place.in_the_way.is_empty() || args.force { Ok(place) } else { Err(PlaceError::Exists(place.in_the_way)) }
    }

    fn at(
        file: PathBuf,
        format: Option<PolicyFormat>,
        server: &ServerName,
        settings: &Settings,
        env: &Env,
    ) -> Result<Self, PlaceError> {
        let ending = file.extension().unwrap_or_default().to_string_lossy().into_owned();
        let Some(found) = Format::from_ending(&ending) else { return Err(PlaceError::Ending(file)) };
        if let Some(format) = format.filter(|format| format.format() != found) {
            return Err(PlaceError::Contradiction { file, format });
        }
        let Ok(folder) = paths::configuration_folder(env) else {
            return Ok(Self::new(file.clone(), found, FoundByName::No, vec![file]));
        };
        let configured = settings.policy_of(server).map(|path| folder.join(path));
        let named = Format::ENDINGS.map(|ending| folder.join("policies").join(format!("{server}.{ending}")));
        let is_named = named.iter().any(|one| is_same(one, &file));
        let found_by_name = match configured {
            Some(configured) if is_same(&configured, &file) => FoundByName::Yes,
            Some(named) if is_named => return Err(PlaceError::Configured { named, file }),
            None if is_named => FoundByName::Yes,
            Some(_) | None => FoundByName::No,
        };
        let mut candidates = vec![file.clone()];
        // Of two policies for one server none would be in force.
        if found_by_name == FoundByName::Yes {
            candidates.extend(named.into_iter().filter(|other| !is_same(other, &file)));
        }
        Ok(Self::new(file, found, found_by_name, candidates))
    }

    fn new(file: PathBuf, format: Format, found_by_name: FoundByName, candidates: Vec<PathBuf>) -> Self {
        // Not `exists`: a link that leads nowhere is a policy that somebody wanted.
        let in_the_way = candidates.into_iter().filter(|file| fs::symlink_metadata(file).is_ok()).collect();
        Self { file: Some(file), format, found_by_name, in_the_way }
    }

    /// Writes the file; those in its way are kept under other names, which are given back.
    ///
    /// # Errors
    /// Where it cannot be, or somebody else has written it since.
    pub(super) fn write(&self, file: &Path, text: &str) -> Result<Vec<PathBuf>, PlaceError> {
        let mut kept = Vec::new();
        let mut old = None;
        let (own, others): (Vec<_>, Vec<_>) = self.in_the_way.iter().partition(|other| *other == file);
        if !own.is_empty() && fs::metadata(file).is_ok_and(|found| !found.is_file()) {
            // It says what is wrong.
            old = Some(Vec::new());
        } else if !own.is_empty() {
            let text = read(file)?;
            let aside = aside(file);
            paths::replace_file(&aside, None, &text)?;
            kept.push(aside);
            old = Some(text);
        }
        if let Err(error) = paths::replace_file(file, old.as_deref(), text.as_bytes()) {
            // What was there is still there.
            kept.iter().for_each(|aside| drop(crate::state::file::remove(aside)));
            return Err(error.into());
        }
        // Only now: with two policies nothing starts, and with none the built-in one would be in force.
        for other in others {
            let aside = aside(other);
            crate::state::file::rename(other, &aside)
                .map_err(|error| PlaceError::NotMoved { file: other.clone(), error })?;
            kept.push(aside);
        }
        Ok(kept)
    }
}

/// What is to be kept of a file, all of it.
fn read(file: &Path) -> Result<Vec<u8>, PlaceError> {
    let unreadable = |error| PlaceError::Unreadable { file: file.to_owned(), error };
    let mut text = Vec::new();
    let most = MAX_POLICY_FILE as u64 + 1;
    File::open(file).map_err(unreadable)?.take(most).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() > MAX_POLICY_FILE { Err(PlaceError::TooLarge(file.to_owned())) } else { Ok(text) }
}

/// Whether two paths are one file's, which need not be there.
fn is_same(one: &Path, other: &Path) -> bool {
    let folder = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        crate::state::file::real(folder).ok()
    };
    one == other
        || (one.file_name() == other.file_name()
            && folder(one).is_some_and(|folder_of| folder(other) == Some(folder_of)))
}

/// A name for a file that is kept: one that no file has, and that is nobody's policy.
fn aside(file: &Path) -> PathBuf {
    let with = |ending: &str| {
        let mut name = OsString::from(file.as_os_str());
        name.push(ending);
        PathBuf::from(name)
    };
    let mut names = [with(".before-init")].into_iter().chain((2_u32..).map(|at| with(&format!(".before-init-{at}"))));
    names.find(|name| fs::symlink_metadata(name).is_err()).unwrap_or_else(|| with(".before-init"))
}
