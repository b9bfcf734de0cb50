//! Plans what `register` and `unregister` change. Nothing is written here.

use std::ffi::OsString;

use super::backup::Backups;
use super::bridge::read_bridge;
use super::document::{ClientDocument, TextEdit};
use super::edit::{self, NewServer, OBSERVE};
use super::entry::{Launch, Wrapped, parse_wrapped};
use super::file::Opened;
use super::key::{key_word, visible_key};
use super::place::ClientFile;
use super::program;
use super::remote::{EntryPlace, RemoteEntry};
use super::secret;
use super::select::{Candidate, Editable, Refusal, Selection, Wanted, left_alone};
use super::server_name::Naming;
use super::table::ConfigScope;
use crate::exit::Exit;
use crate::record::Enforcement;
use crate::shell::as_word;
use crate::visible::escape_invisible;
use crate::wire::http::endpoint::Endpoint;
use crate::wire::http::target_words::TargetWords;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryAction {
    Wrapped,
    /// The server is new, with the wrapper.
    Added,
    /// The wrapper is replaced by the one at another path.
    Moved,
    Unwrapped,
    /// The server is taken out of the file.
    Removed,
    /// The server is taken out, and the file that was made for it.
    RemovedWithFile,
    /// The wrapper enforces the policy from now on.
    Enforced,
    /// The wrapper only observes from now on.
    Observed,
    /// The server is already as it should be.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct EntryChange<'c> {
    pub(crate) key: String,
    pub(crate) file: &'c ClientFile,
    /// The keys that lead to the servers.
    pub(crate) keys: Vec<String>,
    pub(crate) edits: Vec<TextEdit>,
    /// The command of the server after the change.
    pub(crate) expected: Vec<String>,
    pub(crate) action: EntryAction,
    /// Whether the wrapper enforces the policy after the change.
    pub(crate) enforcement: Enforcement,
    /// What a person should know, each in a sentence or two.
    pub(crate) notes: Vec<String>,
}

impl<'c> EntryChange<'c> {
    fn without_change(file: &'c ClientFile, keys: &[String], key: &str) -> Self {
        let (edits, expected, notes) = (Vec::new(), Vec::new(), Vec::new());
        let (action, enforcement) = (EntryAction::Nothing, Enforcement::Enforced);
        Self { key: key.to_owned(), file, keys: keys.to_vec(), edits, expected, action, enforcement, notes }
    }
}

/// The changes, and the exit code if all of them are made.
#[derive(Debug)]
pub(crate) struct RegisterPlan<'c> {
    pub(crate) changes: Vec<EntryChange<'c>>,
    pub(crate) exit: Exit,
    /// What to say instead if there are no changes.
    pub(crate) note: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Registration<'r, 'c> {
    pub(crate) selection: &'r Selection<'c>,
    pub(crate) naming: Naming<'r>,
    /// The variables of a new server's environment.
    pub(crate) variables: Vec<(String, String)>,
    /// Whether the policy is to be enforced; `None` leaves a wrapper as it is, and enforces in a new one.
    pub(crate) enforcement: Option<Enforcement>,
}

impl<'c> Registration<'_, 'c> {
    /// Plans to wrap a server that clients already have.
    pub(crate) fn wrap_existing(&self, key: Option<&str>) -> Result<RegisterPlan<'c>, Refusal> {
        let wanted = if self.enforcement == Some(Enforcement::Enforced) { Wanted::Wrapped } else { Wanted::Bare };
        let (found, exit) = self.selection.choose_servers(key, wanted)?;
        let mut changes = Vec::new();
        for candidate in found {
            match candidate.editable() {
                Some(editable) => {
                    changes.push(self.wrap_candidate(&candidate, editable, self.enforcement).map_err(|why| {
                        Refusal::Failed(format!("Nothing was changed in {}: {why}", candidate.file.display_name()))
                    })?)
                }
                None if self.selection.all_clients => self.selection.record_warning(candidate.out_of_reach()),
                None => return Err(Refusal::Failed(candidate.out_of_reach())),
            }
        }
        self.warn_if_fleeting(&changes);
        Ok(RegisterPlan { changes, exit, note: None })
    }

    /// Plans to wrap a server. `wanted` is whether its policy is to be enforced; `None` leaves a wrapper as it is.
    pub(super) fn wrap_candidate(
        &self,
        candidate: &Candidate<'c>,
        editable: Editable<'_>,
        wanted: Option<Enforcement>,
    ) -> Result<EntryChange<'c>, Refusal> {
        let launch = match editable {
            Editable::Launch(launch) => launch,
            Editable::Remote(remote) => return self.wrap_remote(candidate, remote, wanted),
        };
        let (key, words, program) = (&candidate.entry.name, launch.words(), self.selection.program);
        let unchanged = EntryChange::without_change(candidate.file, &candidate.keys, key);
        let Some(found) = parse_wrapped(&words, Some(program)) else {
            let mut options = self.wrap_options(key, &words)?;
            let mut notes = self.naming.policy_notes(key, &words, &options);
            match read_bridge(&words) {
                Some(Ok(target)) => {
                    options.extend(url_options(&target));
                    notes.push(OWN_LOGIN.to_owned());
                }
                Some(Err(why)) => notes.push(format!("It is reached through mcp-remote as before, because {why}.")),
                None => {}
            }
            let edits = edit::wrap_edits(&candidate.opened.document, launch, program, &options);
            let expected = self.wrap_words(&options, &words);
            notes.extend(note_oddity(candidate.opened, candidate.file));
            let enforcement = wanted.unwrap_or(Enforcement::Enforced);
            return Ok(EntryChange { action: EntryAction::Wrapped, edits, expected, notes, enforcement, ..unchanged });
        };
        if let Some(fault) = &found.fault {
            return Err(Refusal::Failed(format!(
                "{} of {} stays as it is: it starts `policylayer wrap` {fault}, which ends at once, so the client does not get this \
                 server.\nwhat to do: correct the words behind `wrap` in {}",
                visible_key(key),
                candidate.file.row.name,
                candidate.file.display_name()
            )));
        }
        let own = found.own_words(&words);
        self.naming.check_same(key, &own.iter().map(String::as_str).collect::<Vec<_>>(), &found)?;
        let enforcement = wanted.unwrap_or(found.enforcement);
        let mut change = EntryChange { enforcement, ..unchanged };
        let mut expected: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if enforcement != found.enforcement
            && let Some(edit) = edit::enforcement_edit(&candidate.opened.document, launch, &found, enforcement)
        {
            change.edits.push(edit);
            match enforcement {
                Enforcement::Observed => expected.insert(found.program + 2, OBSERVE.to_owned()),
                Enforcement::Enforced => {
                    let at = expected.iter().take(found.before).position(|word| word == OBSERVE);
                    at.map(|at| expected.remove(at));
                }
            }
            change.action = match enforcement {
                Enforcement::Observed => EntryAction::Observed,
                Enforcement::Enforced => EntryAction::Enforced,
            };
        }
        let now = words.get(found.program).copied().unwrap_or_default();
        // In a shared file, a name without a path suits everybody.
        let is_shared_name = candidate.file.row.scope == ConfigScope::Project && !now.contains(['/', '\\']);
        if now != program && found.program == 0 && !is_shared_name {
            change.edits.push((launch.program.span.clone(), edit::quote_string(program)));
            if let Some(first) = expected.first_mut() {
                program.clone_into(first);
            }
            change.notes.push(format!("It was {}.", escape_invisible(now)));
            if change.action == EntryAction::Nothing {
                change.action = EntryAction::Moved;
            }
        }
        change.expected = expected;
        Ok(change)
    }

    /// Plans to put `wrap --url` in the place of an address.
    fn wrap_remote(
        &self,
        candidate: &Candidate<'c>,
        remote: &RemoteEntry,
        wanted: Option<Enforcement>,
    ) -> Result<EntryChange<'c>, Refusal> {
        let key = &candidate.entry.name;
        let words = remote.words().unwrap_or_default();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let options = self.wrap_options(key, &words)?;
        let moved = place_of(candidate).wrap_remote(remote, self.selection.program, &options);
        let moved = moved.map_err(Refusal::Failed)?;
        let mut notes = self.naming.policy_notes(key, &words, &options);
        notes.push(OWN_LOGIN.to_owned());
        notes.extend(note_oddity(candidate.opened, candidate.file));
        let unchanged = EntryChange::without_change(candidate.file, &candidate.keys, key);
        let enforcement = wanted.unwrap_or(Enforcement::Enforced);
        let (action, edits, expected) = (EntryAction::Wrapped, moved.edits, moved.words);
        Ok(EntryChange { action, edits, expected, notes, enforcement, ..unchanged })
    }

    fn wrap_options(&self, key: &str, words: &[&str]) -> Result<Vec<String>, Refusal> {
        let mut options = self.naming.wrap_options(key, words)?;
        if self.enforcement == Some(Enforcement::Observed) {
            options.push(OBSERVE.to_owned());
        }
        Ok(options)
    }

    fn wrap_words(&self, options: &[String], words: &[&str]) -> Vec<String> {
        let front = [self.selection.program, "wrap"].into_iter().chain(options.iter().map(String::as_str));
        front.chain(["--"]).chain(words.iter().copied()).map(str::to_owned).collect()
    }

    pub(crate) fn add_server(&self, key: Option<&str>, command: &[OsString]) -> Result<RegisterPlan<'c>, Refusal> {
        let fail = |why: &str| Err(Refusal::Failed(why.to_owned()));
        let Some(words) = command.iter().map(|word| word.to_str()).collect::<Option<Vec<&str>>>() else {
            return fail("The command is not UTF-8, so no configuration file can hold it.");
        };
        if parse_wrapped(&words, Some(self.selection.program)).is_some() {
            return fail(
                "The command starts `policylayer wrap` itself, which `register` does. Give the server's own command.",
            );
        }
        let derived = || Ok::<_, Refusal>(self.naming.derive_name(&words)?.map(|name| name.to_string()));
        let target = words.first().filter(|word| is_url(word)).map(|_| read_target(&words)).transpose()?;
        let Some(key) = key.map_or_else(derived, |key| Ok(Some(key.to_owned())))? else {
            return fail(&format!(
                "The command does not say the server's name. Name it: policylayer register NAME {} COMMAND",
                as_word("--")
            ));
        };
        let files = self.selection.homes_of_new_server()?;
        let options = self.wrap_options(&key, &words)?;
        let mut notes = self.naming.policy_notes(&key, &words, &options);
        if target.as_ref().is_some_and(|target| secret::has_secret(&target.url)) {
            notes.push(
                "Other programs can read its address, in which there seems to be a key, on its command line."
                    .to_owned(),
            );
        }
        let command = match &target {
            Some(target) => {
                let front = [self.selection.program.to_owned(), "wrap".to_owned()];
                front.into_iter().chain(options).chain(url_options(target)).collect()
            }
            None => self.wrap_words(&options, &words),
        };
        let server = NewServer { name: key, command, env: self.variables.clone() };
        let change = |file| self.add_to(file, &server, &notes);
        let changes: Vec<_> = files.into_iter().map(change).collect::<Result<_, _>>()?;
        self.warn_if_fleeting(&changes);
        Ok(RegisterPlan { changes, exit: Exit::Ok, note: None })
    }

    fn add_to(&self, file: &'c ClientFile, server: &NewServer, notes: &[String]) -> Result<EntryChange<'c>, Refusal> {
        let (clients, key) = (self.selection.clients, server.name.as_str());
        let opened = clients.opened_file(&file.file);
        let keys = opened.map_or(file.row.keys, |opened| edit::keys_of_new_server(&opened.document, file.row));
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let unchanged = EntryChange::without_change(file, &keys, key);
        let sections = clients.sections_of(file).map_err(|error| left_alone(file, &error))?;
        if let Some(entry) = sections.iter().flat_map(|section| &section.entries).find(|entry| entry.name == key) {
            if server.env.is_empty() && entry.launch().is_some_and(|launch| launch.words() == server.command) {
                return Ok(unchanged);
            }
            return Err(Refusal::Failed(format!(
                "{} has a server {} already, in {}. To put the policy before it, leave the command out: policylayer \
                 register {} --client {}",
                file.row.name,
                visible_key(key),
                file.display_name(),
                key_word(key),
                file.row.id
            )));
        }
        let document = document_of(opened, file);
        let edits = document.and_then(|document| edit::add_server(&document, file.row, server));
        let edits = edits.map_err(|bad| left_alone(file, &bad))?;
        let mut notes = notes.to_vec();
        notes.extend(opened.and_then(|opened| note_oddity(opened, file)));
        let expected = server.command.clone();
        let enforcement = self.enforcement.unwrap_or(Enforcement::Enforced);
        Ok(EntryChange { action: EntryAction::Added, edits, expected, notes, enforcement, ..unchanged })
    }

    pub(super) fn warn_if_fleeting<'p>(&self, changes: impl IntoIterator<Item = &'p EntryChange<'p>>) {
        let program = self.selection.program;
        if program::is_fleeting(program) && changes.into_iter().any(|change| !change.edits.is_empty()) {
            self.selection.record_warning(format!(
                "{} is in the cache of npx, which may be cleared; then no server that it wraps starts. Install its package \
                 globally (`npm install --global`), or use a release archive, and run `register` again from there.",
                escape_invisible(program)
            ));
        }
    }
}

fn note_oddity(opened: &Opened, file: &ClientFile) -> Option<String> {
    let why = opened.describe_oddity(file.row.name)?;
    Some(format!("The client may not read this file: {why}. Take that out of the file."))
}

/// Returns the document to change: an empty one if there is no file yet.
pub(super) fn document_of(
    opened: Option<&Opened>,
    file: &ClientFile,
) -> Result<ClientDocument, super::document::BadDocument> {
    opened.map_or_else(|| ClientDocument::parse(b"", file.row.format), |opened| Ok(opened.document.clone()))
}

/// What is left of a server that is unregistered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// The server, without the wrapper.
    Server,
    /// Nothing: `register` has added it.
    Nothing,
}

/// Plans to take the wrapper out of a server's command, or the server out of the file.
pub(crate) fn unwrap_existing<'c>(
    selection: &Selection<'c>,
    key: Option<&str>,
    leave: Leave,
) -> Result<RegisterPlan<'c>, Refusal> {
    let (found, exit) = match selection.choose_servers(key, Wanted::Wrapped) {
        Err(Refusal::Nothing(why)) => {
            return Ok(RegisterPlan { changes: Vec::new(), exit: Exit::Ok, note: Some(why) });
        }
        chosen => chosen?,
    };
    let (mut changes, mut bare) = (Vec::new(), Vec::new());
    for candidate in &found {
        let Some(launch) = candidate.editable_launch() else {
            // An address that the client reaches itself.
            bare.extend(candidate.editable().map(|_| candidate.file.row.name));
            continue;
        };
        let words = launch.words();
        match parse_wrapped(&words, Some(selection.program)) {
            Some(_) if leave == Leave::Nothing => changes.push(remove_candidate(selection, candidate)?),
            Some(found) => {
                let change = match found.find_barrier_to_undo(&words) {
                    None => unwrap_candidate(candidate, launch, &found),
                    Some(why) => Err(why),
                };
                changes.push(change.map_err(|why| {
                    let (key, file) = (visible_key(&candidate.entry.name), candidate.file.display_name());
                    Refusal::Failed(format!("{key} of {file} stays as it is: {why}."))
                })?);
            }
            None => bare.push(candidate.file.row.name),
        }
    }
    let key = visible_key(key.unwrap_or_default());
    if changes.is_empty() && bare.is_empty() {
        return Err(Refusal::Failed(format!("{key} has no command that is wrapped here: nothing was changed.")));
    }
    let note = changes.is_empty().then(|| format!("{key} of {} is not wrapped: nothing was changed.", bare.join(", ")));
    Ok(RegisterPlan { changes, exit, note })
}

/// Plans to take the wrapper out of one server's command.
pub(super) fn unwrap_candidate<'c>(
    candidate: &Candidate<'c>,
    launch: &Launch,
    found: &Wrapped,
) -> Result<EntryChange<'c>, String> {
    let unchanged = EntryChange::without_change(candidate.file, &candidate.keys, &candidate.entry.name);
    let (edits, expected) = match &found.url {
        Some(url) if url.entry.is_some() => {
            let moved = place_of(candidate).unwrap_remote(launch, url)?;
            (moved.edits, moved.words)
        }
        _ => {
            let edits = edit::unwrap_edits(&candidate.opened.document, launch, found);
            (edits, launch.words().into_iter().skip(found.before).map(str::to_owned).collect())
        }
    };
    Ok(EntryChange { action: EntryAction::Unwrapped, edits, expected, ..unchanged })
}

fn place_of<'e>(candidate: &'e Candidate<'_>) -> EntryPlace<'e> {
    let (document, row) = (&candidate.opened.document, candidate.file.row);
    EntryPlace { document, row, keys: &candidate.keys, name: &candidate.entry.name }
}

/// Returns the options of `wrap` for a server over HTTP.
fn url_options(target: &TargetWords) -> Vec<String> {
    [vec!["--url".to_owned()], target.words()].concat()
}

/// Reads the address of a new server, and its headers.
fn read_target(words: &[&str]) -> Result<TargetWords, Refusal> {
    let fail = |why: String| Refusal::Failed(why);
    let target = TargetWords::parse(words).map_err(|error| fail(format!("The address cannot be used so: {error}.")))?;
    Endpoint::parse(&target.url)
        .map_err(|error| fail(format!("The address of the server cannot be used: {error}.")))?;
    target.rules().map_err(|error| fail(format!("{} cannot be used: {error}.", error.option())))?;
    Ok(target)
}

/// What is said where a client or a bridge may have logged in by itself.
const OWN_LOGIN: &str = "A login that was made for it so far is not used: if the server asks for one, the answer to the first request \
     says what to do.";

/// Plans to take a server out of its file. If the file is what `register` made by adding it, it becomes what it was.
fn remove_candidate<'c>(selection: &Selection<'c>, candidate: &Candidate<'c>) -> Result<EntryChange<'c>, Refusal> {
    let (document, name) = (&candidate.opened.document, candidate.entry.name.as_str());
    let unchanged = EntryChange::without_change(candidate.file, &candidate.keys, name);
    let (action, text) = match find_original(selection, candidate) {
        Some(Original::Text(text)) => (EntryAction::Removed, Some(text)),
        Some(Original::NoFile) => (EntryAction::RemovedWithFile, Some(String::new())),
        None => (EntryAction::Removed, edit::remove_server(document, &candidate.keys, name)),
    };
    let Some(text) = text else {
        let (key, file) = (visible_key(name), candidate.file.display_name());
        return Err(Refusal::Failed(format!("{key} cannot be taken out of {file} here. Take it out by hand.")));
    };
    Ok(EntryChange { action, edits: vec![edit::edit_between(document, &text)], ..unchanged })
}

/// What a file was before a server was added.
enum Original {
    Text(String),
    /// There was no file.
    NoFile,
}

/// Finds what a file was before this server was added: a backup that the same addition turns into the file, byte for byte.
fn find_original(selection: &Selection<'_>, candidate: &Candidate<'_>) -> Option<Original> {
    let (row, opened) = (candidate.file.row, candidate.opened);
    let path: Vec<&str> = candidate.keys.iter().map(String::as_str).chain([candidate.entry.name.as_str()]).collect();
    let entry = opened.document.find_table(&path).ok()??;
    let vars = entry.member(row.env_key()).map(|vars| vars.members()).unwrap_or_default();
    let env = vars.iter().map(|(key, value)| Some((key.name.clone(), value.as_text()?.to_owned())));
    let server = NewServer {
        name: candidate.entry.name.clone(),
        command: candidate.entry.launch()?.words().into_iter().map(str::to_owned).collect(),
        env: env.collect::<Option<_>>()?,
    };
    let is_before = |document: &ClientDocument| {
        edit::add_server(document, row, &server).is_ok_and(|edits| document.apply_edits(edits) == opened.bytes)
    };
    let backups = Backups::of_file(candidate.file, selection.env).read_all();
    if backups.is_empty() {
        let empty = ClientDocument::parse(b"", row.format).ok()?;
        let is_link = candidate.file.file.is_symlink();
        return (!is_link && is_before(&empty)).then_some(Original::NoFile);
    }
    let originals = backups.iter().rev().filter_map(|bytes| ClientDocument::parse(bytes, row.format).ok());
    originals.into_iter().find(is_before).map(|document| Original::Text(document.text().to_owned()))
}

fn is_url(word: &str) -> bool {
    let scheme = word.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| matches!(scheme.as_str(), "http" | "https" | "sse" | "ws" | "wss"))
}
