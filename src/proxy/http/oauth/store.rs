//! Where logins are kept: a file for each server in the state directory, which only its user can read.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use super::super::reach::Reach;
use super::keychain::Keychain;
use super::seal::{SealKey, to_hex};
use crate::env::Env;
use crate::limits::{KEYCHAIN_PAUSE, LOGIN_LOCK, LOGIN_LOOK, MAX_LOGIN_FILE};
use crate::lookup::SearchEnv;
use crate::proxy::shared_session::lock_unpoisoned;
use crate::state::file::{self, FileLock, if_there};
use crate::wire::http::challenge::BearerChallenge;
use crate::wire::http::endpoint::Endpoint;
use crate::wire::http::oauth::{ClientAuth, TokenAnswer};

/// The directory of logins in the state directory.
const LOGIN_DIR: &str = "logins";

const NO_KEYCHAIN: &str = "no keychain was found that can be used here";

/// The login of one server: what is sent to it, and what the next token is had with. Nothing shows it.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Login {
    /// Whose tokens they are.
    pub(super) issuer: String,
    /// What they are for.
    pub(super) resource: String,
    pub(super) token_endpoint: String,
    pub(super) revocation_endpoint: Option<String>,
    /// How near the authorization server may be.
    pub(super) least_reach: Reach,
    pub(super) client_id: String,
    pub(super) client_secret: Option<String>,
    pub(super) client_auth: ClientAuth,
    pub(super) scope: Option<String>,
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    /// In seconds since 1970.
    pub(super) expires_at: Option<u64>,
}

impl Login {
    /// Takes new tokens. What the answer leaves out stays as it is.
    pub(super) fn take_answer(&mut self, answer: TokenAnswer) {
        self.access_token = answer.access_token;
        self.refresh_token = answer.refresh_token.or(self.refresh_token.take());
        self.scope = answer.scope.or(self.scope.take());
        self.expires_at = answer.expires_in.map(|seconds| now().saturating_add(seconds));
    }
}

/// What is known of a login without its tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct LoginFacts {
    /// The authorization server.
    pub issuer: String,
    /// When the token ends, in seconds since 1970; `None` if that is not known.
    pub expires_at: Option<u64>,
    /// Whether a new token can be had without a person.
    pub is_renewable: bool,
}

impl LoginFacts {
    /// Whether only a person can make it good again.
    pub fn is_over(&self) -> bool {
        !self.is_renewable && self.expires_at.is_some_and(|end| end <= now())
    }
}

/// The file. Either of the last two is there.
#[derive(Deserialize, Serialize)]
struct LoginFile {
    version: u32,
    /// The server's address without its query.
    server: String,
    facts: LoginFacts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<Login>,
    /// The login, sealed with the key in the keychain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// Where a login is wanted to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorePlace {
    /// Sealed with a key in the system's keychain, if there is one.
    #[default]
    Keychain,
    /// In the file alone.
    File,
}

/// Where a login is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Sealed with a key in the system's keychain.
    Sealed,
    /// In the file alone, for this reason.
    Plain(String),
}

/// What a server has asked for: what the next login has to bring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct WantedLogin {
    /// What the server is called.
    name: String,
    /// All of its address.
    url: String,
    pub(super) challenge: BearerChallenge,
}

/// The place of one server's login.
#[derive(Clone)]
pub struct LoginStore {
    dir: PathBuf,
    /// The stem of its files.
    id: String,
    /// What the server is called, if that is known.
    name: Option<String>,
    endpoint: Endpoint,
    /// Where the program for the keychain is looked for.
    search: SearchEnv,
    key: Arc<OnceLock<SealKey>>,
    /// When the keychain has not given the key, and why.
    locked: Arc<Mutex<Option<(Instant, String)>>>,
}

/// The key is left out.
impl std::fmt::Debug for LoginStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginStore").field("dir", &self.dir).field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a login cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system says no.
    #[error("the login in {} cannot be {done}: {why}", crate::visible::visible_path(.path))]
    File {
        /// The file.
        path: PathBuf,
        /// What was to be done.
        done: &'static str,
        /// The reason.
        why: io::Error,
    },
    /// Whoever changes it takes too long.
    #[error("another policylayer renews the login and is not done")]
    Busy,
    /// It is not what this version writes.
    #[error("the login in {} is not readable: log in again", crate::visible::visible_path(.0))]
    Unreadable(PathBuf),
    /// Its key is not to be had.
    #[error(
        "the login in {} is sealed, and its key in the keychain cannot be had ({}): unlock the keychain, or log in again",
        crate::visible::visible_path(.0), .1
    )]
    Sealed(PathBuf, String),
}

impl LoginStore {
    pub(in super::super) fn new(state_dir: &Path, endpoint: &Endpoint, env: &Env) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let host: String = endpoint.host().chars().map(|c| if is_plain(c) { c } else { '_' }).take(100).collect();
        let digest = Sha256::digest(endpoint.url().as_bytes());
        let digest = to_hex(digest.get(..8).unwrap_or_default());
        Self {
            dir: state_dir.join(LOGIN_DIR),
            id: format!("{host}-{digest}"),
            name: None,
            endpoint: endpoint.clone(),
            search: SearchEnv::new(env.vars(), env.working_dir()),
            key: Arc::default(),
            locked: Arc::default(),
        }
    }

    pub(in super::super) fn set_name(&mut self, name: &str) {
        self.name = Some(name.to_owned());
    }

    /// The command that logs in, as a person writes it.
    pub(in super::super) fn login_command(&self) -> String {
        let url = self.endpoint.url();
        match &self.name {
            Some(name) => format!("policylayer login {}", crate::shell::as_word(name)),
            // A key can stand in a query.
            None if url.contains('?') => format!("policylayer login {}", crate::shell::as_word(self.endpoint.host())),
            None => format!("policylayer login --url {}", crate::shell::as_word(&url)),
        }
    }

    /// Where the login is.
    pub fn path(&self) -> PathBuf {
        self.dir.join(format!("{}.json", self.id))
    }

    fn wanted_path(&self) -> PathBuf {
        self.dir.join(format!("{}.wanted", self.id))
    }

    fn wrap_error(&self, done: &'static str) -> impl Fn(io::Error) -> StoreError {
        let path = self.path();
        move |why| StoreError::File { path: path.clone(), done, why }
    }

    fn read_file(&self) -> Result<Option<LoginFile>, StoreError> {
        let Some(text) = read_bounded(&self.path()).map_err(self.wrap_error("read"))? else { return Ok(None) };
        let file: Result<LoginFile, _> = serde_json::from_slice(&text);
        let file = file.ok().filter(|file| file.version == 1 && file.server == self.endpoint.to_string());
        file.map(Some).ok_or_else(|| StoreError::Unreadable(self.path()))
    }

    /// What is known of the login without its tokens; `None` if there is none.
    ///
    /// # Errors
    /// Returns an error if it cannot be read.
    pub fn find_facts(&self) -> Result<Option<LoginFacts>, StoreError> {
        Ok(self.read_file()?.map(|file| file.facts))
    }

    pub(super) fn read(&self) -> Result<Option<Login>, StoreError> {
        let Some(file) = self.read_file()? else { return Ok(None) };
        let Some(sealed) = file.sealed else { return Ok(file.login) };
        let text = self.find_key()?.open(&self.id, &sealed);
        let login = text.and_then(|text| serde_json::from_slice(&text).ok());
        login.map(Some).ok_or_else(|| StoreError::Unreadable(self.path()))
    }

    /// Returns the key of the keychain, which is asked once, and a person by it not again and again.
    fn find_key(&self) -> Result<&SealKey, StoreError> {
        let mut locked = lock_unpoisoned(&self.locked);
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let asked = match &*locked {
            Some((when, why)) if when.elapsed() < KEYCHAIN_PAUSE => Err(why.clone()),
            _ => self.ask_for_key().inspect_err(|why| *locked = Some((Instant::now(), why.clone()))),
        };
        match asked {
            Ok(key) => Ok(self.key.get_or_init(|| key)),
            Err(why) => Err(StoreError::Sealed(self.path(), why)),
        }
    }

    fn ask_for_key(&self) -> Result<SealKey, String> {
        let key = Keychain::find(&self.search).ok_or(NO_KEYCHAIN)?.read_key().map_err(|error| error.to_string())?;
        key.as_deref().and_then(SealKey::parse).ok_or_else(|| "it is not there".to_owned())
    }

    /// Whether there is a login that only a key of the keychain opens.
    fn has_sealed(&self) -> bool {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let files = entries.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
        let mut texts = files.filter_map(|path| read_bounded(&path).ok().flatten());
        texts.any(|text| serde_json::from_slice(&text).is_ok_and(|file: LoginFile| file.sealed.is_some()))
    }

    /// Finds the key of the keychain, or makes one.
    fn make_key(&self) -> Result<(), String> {
        let keychain = Keychain::find(&self.search).ok_or(NO_KEYCHAIN)?;
        let why = |error: io::Error| format!("the keychain cannot be used ({error})");
        let found = keychain.read_key().map_err(why)?;
        let key = match found.as_deref().map(SealKey::parse) {
            Some(Some(key)) => key,
            // What is there may be somebody else's.
            Some(None) => return Err("the keychain has something else in its place".to_owned()),
            // A keychain that is locked may say the same; another key would leave those for ever closed.
            None if self.has_sealed() => {
                return Err("there are logins that are sealed, and the keychain does not give their key".to_owned());
            }
            None => {
                let key = SealKey::generate().ok_or("there is no randomness")?;
                keychain.write_key(key.as_str()).map_err(why)?;
                let is_kept = keychain.read_key().map_err(why)?.as_deref() == Some(key.as_str());
                is_kept.then_some(key).ok_or("the keychain does not keep what it is given")?
            }
        };
        self.key.get_or_init(|| key);
        Ok(())
    }

    /// Returns how a new login is kept: sealed if that can be, for which a person may be asked.
    pub(super) fn choose_place(&self, place: StorePlace) -> Kept {
        match place {
            StorePlace::File => Kept::Plain("that was asked for".to_owned()),
            StorePlace::Keychain => self.make_key().map_or_else(Kept::Plain, |()| Kept::Sealed),
        }
    }

    /// Writes a login as the one that it replaces was kept.
    pub(super) fn write(&self, login: &Login) -> Result<(), StoreError> {
        let is_sealed = self.read_file()?.is_some_and(|file| file.sealed.is_some());
        self.write_as(login, &if is_sealed { Kept::Sealed } else { Kept::Plain(String::new()) })
    }

    pub(super) fn write_as(&self, login: &Login, kept: &Kept) -> Result<(), StoreError> {
        let facts = LoginFacts {
            issuer: login.issuer.clone(),
            expires_at: login.expires_at,
            is_renewable: login.refresh_token.is_some(),
        };
        let unwritten = self.wrap_error("written");
        let mut file = LoginFile { version: 1, server: self.endpoint.to_string(), facts, login: None, sealed: None };
        match kept {
            Kept::Plain(_) => file.login = Some(login.clone()),
            Kept::Sealed => {
                let text = serde_json::to_vec(login).map_err(|error| unwritten(error.into()))?;
                let sealed = self.find_key()?.seal(&self.id, &text);
                file.sealed = Some(sealed.ok_or_else(|| unwritten(io::Error::other("it cannot be sealed")))?);
            }
        }
        let text = serde_json::to_vec(&file).map_err(io::Error::from);
        text.and_then(|text| self.replace_file(&self.path(), &text)).map_err(unwritten)
    }

    /// Takes the login away, and returns what it was.
    pub(super) fn remove(&self) -> Result<Option<Login>, StoreError> {
        // One that cannot be read is removed as well.
        let login = self.read().unwrap_or_default();
        if_there(file::remove_file(&self.path())).map_err(self.wrap_error("removed"))?;
        self.forget_wanted();
        Ok(login)
    }

    pub(super) fn read_wanted(&self) -> Option<WantedLogin> {
        let text = read_bounded(&self.wanted_path()).ok().flatten()?;
        let wanted: WantedLogin = serde_json::from_slice(&text).ok()?;
        (wanted.url == self.endpoint.url()).then_some(wanted)
    }

    /// Keeps what the server asks for, for the next login. It is only a help: without it, `login` asks the server itself.
    pub(super) fn note_wanted(&self, challenge: &BearerChallenge) {
        let name = self.name.as_deref().unwrap_or(self.endpoint.host()).to_owned();
        let wanted = WantedLogin { name, url: self.endpoint.url(), challenge: challenge.clone() };
        if self.read_wanted().as_ref() == Some(&wanted) {
            return;
        }
        let text = serde_json::to_vec(&wanted).map_err(io::Error::from);
        if let Err(error) = text.and_then(|text| self.replace_file(&self.wanted_path(), &text)) {
            tracing::debug!("what the server asks for could not be kept: {error}");
        }
    }

    pub(super) fn forget_wanted(&self) {
        let _ = file::remove_file(&self.wanted_path());
    }

    fn replace_file(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        file::create_private_dir(&self.dir)?;
        // It is private to its user from the start.
        let mut made = file::temporary_in(&self.dir)?;
        made.write_all(text)?;
        made.as_file().sync_all()?;
        file::persist(made, path)
    }

    /// Waits until no other wrapper changes the login, but not for ever: a token that brings the next one is good once.
    pub(super) async fn lock_login(&self) -> Result<FileLock, StoreError> {
        let unwritten = self.wrap_error("written");
        file::create_private_dir(&self.dir).map_err(&unwritten)?;
        let (path, start) = (self.dir.join(format!("{}.lock", self.id)), Instant::now());
        loop {
            if let Some(lock) = FileLock::try_create(&path).map_err(&unwritten)? {
                return Ok(lock);
            }
            if start.elapsed() >= LOGIN_LOCK {
                return Err(StoreError::Busy);
            }
            sleep(LOGIN_LOOK).await;
        }
    }

    /// Checks that a login could be written, before anybody is asked for one.
    pub(super) async fn check_place(&self) -> Result<(), StoreError> {
        let _lock = self.lock_login().await?;
        file::temporary_in(&self.dir).map(drop).map_err(self.wrap_error("written"))
    }
}

/// Returns the addresses of the servers of this name that have asked for a login.
pub fn find_wanted(state_dir: &Path, name: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(state_dir.join(LOGIN_DIR)) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let notes = paths.filter(|path| path.extension().is_some_and(|ending| ending == "wanted")).take(1000);
    let notes = notes.filter_map(|path| serde_json::from_slice::<WantedLogin>(&read_bounded(&path).ok()??).ok());
    let mut urls: Vec<_> = notes.filter(|wanted| wanted.name == name).map(|wanted| wanted.url).collect();
    urls.sort();
    urls
}

fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    use std::io::Read as _;
    let Some(file) = if_there(file::open_to_read(path))? else { return Ok(None) };
    let mut text = Vec::new();
    file.take(MAX_LOGIN_FILE as u64).read_to_end(&mut text)?;
    Ok(Some(text))
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
