//! Whether the policy stands in front of a server, and whether the program that puts it there can be started.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::command::{Found, find};
use super::{Chain, Doctor, Id, Step};

/// How long a program may take to tell its version.
const VERSION_PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn wrapped(chain: &Chain<'_>) -> Step {
    match &chain.wrapped {
        Some(_) => Step::ok(Id::Wrapped, format!("{} starts `policylayer wrap`", chain.client)),
        None => Step::failed(
            Id::Wrapped,
            format!("{} starts the server itself, so no policy stands before it", chain.client),
            chain.register(),
        ),
    }
}

pub(super) fn wrapper(chain: &Chain<'_>, doctor: &Doctor<'_>) -> Step {
    let program = chain.words.first().map(String::as_str).unwrap_or_default();
    let path = match find(program, &chain.given.path(), &chain.given.folder) {
        Found::At(path) => path,
        Found::NotExecutable(path) => {
            let path = path.display().to_string();
            return Step::failed(Id::Wrapper, format!("{path} may not be executed"), format!("chmod +x {path}"));
        }
        Found::Nowhere => {
            let what = match Path::new(program).is_absolute() {
                true => format!("{program} is not there"),
                false => format!("there is no {program} in the PATH that {} gives", chain.client),
            };
            return Step::failed(Id::Wrapper, what, chain.register());
        }
    };
    let shown = path.display();
    if chain.wrapped.as_ref().is_some_and(|wrapped| wrapped.program > 0) {
        return Step::ok(Id::Wrapper, format!("started through {shown}"));
    }
    let own = env!("CARGO_PKG_VERSION");
    let real = |path: &Path| path.canonicalize().ok();
    if doctor.env.program().is_some_and(|program| real(program).is_some() && real(program) == real(&path)) {
        return Step::ok(Id::Wrapper, format!("{own}, {shown}"));
    }
    match version(&path, chain) {
        Some(version) if version == own => Step::ok(Id::Wrapper, format!("{own}, {shown}")),
        Some(version) => Step::warning(
            Id::Wrapper,
            format!("{version}, {shown}, and this is {own}"),
            format!("to use this one: {}", chain.register()),
        ),
        None => Step::failed(
            Id::Wrapper,
            format!("{shown} does not tell its version as policylayer does"),
            format!("to use this one: {}", chain.register()),
        ),
    }
}

/// What a program says to `--version`, where it is policylayer.
fn version(path: &Path, chain: &Chain<'_>) -> Option<String> {
    let surroundings = chain.given.surroundings();
    let mut command = Command::new(path);
    command.arg("--version").env_clear().envs(surroundings.vars).current_dir(surroundings.folder);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let deadline = Instant::now() + VERSION_PATIENCE;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let mut said = Vec::new();
    // It has ended: what it wrote waits in the pipe. More than fits there is no version.
    child.stdout.take()?.take(256).read_to_end(&mut said).ok()?;
    let said = String::from_utf8(said).ok()?;
    said.trim().strip_prefix("policylayer ").filter(|version| !version.contains(char::is_whitespace)).map(str::to_owned)
}

/// A folder as it stands in a PATH.
pub(super) fn folder_of(path: &Path) -> Option<&OsStr> {
    path.parent().map(Path::as_os_str)
}
